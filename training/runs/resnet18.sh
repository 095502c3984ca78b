#!/usr/bin/env bash
# ResNet-18 from scratch, learned from the teacher: from a folder of photos in HARRISON's layout to weights/.
#
#   training/runs/resnet18.sh DATA            the published weight
#   training/runs/resnet18.sh --twin DATA     all of it small, on 500 of the photos, in five minutes
#
# Machine: two cores with AVX-512 and bfloat16, no GPU, 24 GB of memory. Seed 2018.
# Minutes: to be measured; before it 30 for the teacher and its soft tags.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
start photos_v2 "$@"

# 9 epochs at 96 pixels, 3 at 128, served at 160: the recipe in training/recipes.py.
recipe=() short=(--sizes 64x1)
if [ -n "$twin" ]; then recipe=(--sizes 64x3,96x1 --batch 32) short=(--sizes 64x1 --batch 32); fi

teacher
control resnet18 "${short[@]}"
train resnet18 --model resnet18 "${recipe[@]}"
publish resnet18
