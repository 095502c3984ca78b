#!/usr/bin/env bash
# ResNet-18 from scratch, learned from the teacher: from a folder of photos in HARRISON's layout to weights/.
#
#   training/runs/resnet18.sh DATA            the published weight
#   training/runs/resnet18.sh --twin DATA     all of it small, on 500 of the photos, in five minutes
#
# Machine: two cores with AVX-512 and bfloat16, no GPU, 24 GB of memory. Seed 2018.
# Minutes: 90 on one core; before it 30 for the teacher and its soft tags.
#
# EXPECTED resnet18.photos_v2: n 1,987, P@1 74.8 [72.9, 76.7], R@5 58.5 [57.0, 59.9], wild 68.2 / 42.4, mAP 45.0
# The published weight had less: this recipe was stopped after 6 of its 12 epochs (50 minutes beside other work) and
# finished by --init runs/resnet18 --sizes 96x2,128x1 --learning-rate 1.5e-3 (50 more). Expect the whole to be better.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
start photos_v2 "$@"

# 9 epochs at 96 pixels, 3 at 128, served at 160: the recipe in training/recipes.py.
from_photos resnet18
