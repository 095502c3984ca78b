#!/usr/bin/env bash
# HashNet, a head over VGG16 and AlexNet, and both of them where they are not there yet: from photos to weights/.
#
#   training/runs/hashnet.sh DATA            the published weight
#   training/runs/hashnet.sh --twin DATA     all of it small, on 500 of the photos: five minutes after those of
#                                            vgg16.sh and alexnet.sh
#
# Machine: two cores with AVX-512 and bfloat16, no GPU, 24 GB of memory. Seed 2018.
# Minutes: 3 for the head; before it what vgg16.sh and alexnet.sh take, and 5 for what their networks see.
#
# EXPECTED hashnet.photos_v1: n 1,987, P@1 88.0 [86.7, 89.4], R@5 69.7 [68.3, 70.9], wild 81.8 / 53.5, mAP 60.3
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
start photos_v1 "$@"

recipe=() short=(--epochs 1)
if [ -n "$twin" ]; then recipe=(--epochs 2 --batch 32) short=(--epochs 1 --batch 32); fi

for trunk in vgg16 alexnet; do
    bash "training/runs/$trunk.sh" ${twin:+--twin} "$data"
done
trunks=(--vgg16 "$runs/vgg16" --alexnet "$runs/alexnet")
control hashnet "${trunks[@]}" "${short[@]}"
train hashnet --model hashnet "${trunks[@]}" "${recipe[@]}"
# Under the names that the two files above give their weights.
publish hashnet --parts "vgg16.${TAG:-photos_v1}" "alexnet.${TAG:-photos_v1}"
