#!/usr/bin/env bash
# Companions, the tags that people write with what is seen: from HARRISON's posts to weights/. No photo is looked at.
#
#   training/runs/companions.sh DATA HARRISON            the published weight
#   training/runs/companions.sh --twin DATA HARRISON     the same, into runs/twin; it is small as it is
#
# DATA: photos in HARRISON's layout; their tags are the visible ones. HARRISON: its annotations, no photos.
#
# Machine: two cores with AVX-512 and bfloat16, no GPU, 24 GB of memory. Seed 2018.
# Minutes: 3.
#
# EXPECTED companions.harrison_v1: posts 7,666, P@1 25.1 [24.1, 26.1], R@5 27.4 [26.6, 28.2], A@5 51.2 [50.0, 52.2]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
start harrison_v1 "$@"
if [ ${#more[@]} -ne 1 ]; then
    echo "Two folders are needed: $0 DATA HARRISON" >&2
    exit 2
fi

if published "companions.$tag"; then
    echo "$weights holds companions.$tag already, and it stays. To publish under another name: TAG=… $0"
else
    "$python" -m training.companions --harrison "${more[0]}" --data "$data" --weights "$weights" --tag "$tag"
fi
if [ "$weights" = weights ]; then "$python" -m training.card; fi
