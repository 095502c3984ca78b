#!/usr/bin/env bash
# AlexNet from scratch, from a folder of photos in HARRISON's layout to weights/.
#
#   training/runs/alexnet.sh DATA            the published weight
#   training/runs/alexnet.sh --twin DATA     all of it small, on 500 of the photos, in five minutes
#
# Machine: two cores with AVX-512 and bfloat16, no GPU, 24 GB of memory. Seed 2018.
# Minutes: 102; before it 30 for the teacher and its soft tags.
#
# EXPECTED alexnet.photos_v1: n 1,987, P@1 74.6 [72.6, 76.5], R@5 58.3 [56.8, 59.8], wild 68.7 / 42.7, mAP 44.8
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
start photos_v1 "$@"

# 13 epochs at 128 pixels, 3 at 176, 2 at 224: the recipe in training/recipes.py.
from_photos alexnet
