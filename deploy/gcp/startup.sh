#!/usr/bin/env bash
# Turns a bare Debian 12 machine into the running service, and an older release into another one. As root:
#
#   startup.sh REPOSITORY REVISION   what git can fetch from, and a branch, a tag or a full commit
#   startup.sh                       as a startup script of Compute Engine: both from the machine's metadata
#
# Run it as often as you like: what is there stays, what is not right is put right, and processes are restarted one
# after the other, only where something changed for them. Each release has a folder of its own under /opt/hashstagram;
# the one before stays, so that going back is quick. The metadata are hashstagram-repository, hashstagram-revision, and
# hashstagram-settings, whose lines become /etc/hashstagram/settings.env.
set -euo pipefail
umask 022

readonly BASE=/opt/hashstagram STATE=/var/lib/hashstagram SETTINGS=/etc/hashstagram/settings.env
readonly USER_NAME=hashstagram
readonly FETCH='
import sys
from hashstagram import HashStagramError
from hashstagram.weights import resolve
try:
    print(resolve(sys.argv[1]))
except HashStagramError as error:
    sys.exit(str(error))
'
readonly PATIENCE=180 # seconds for the models of one process to be ready

main() {
  ((EUID == 0)) || fail "This changes the whole machine. Run it as root."
  exec 9>/run/hashstagram-startup.lock
  flock --nonblock 9 || fail "It is running already."
  local repository=${1:-} revision=${2:-} given
  if (($# == 0)); then
    repository=$(metadata hashstagram-repository) || fail "The metadata hashstagram-repository cannot be read."
    revision=$(metadata hashstagram-revision) || fail "The metadata hashstagram-revision cannot be read."
    if given=$(metadata hashstagram-settings); then
      put - "$SETTINGS" <<<"$given" || true
    fi
  fi
  [[ -n $repository && -n $revision ]] || fail "Give a repository and a revision, or set both in the metadata."
  packages
  account
  release "$repository" "$revision"
  files
  configuration
  weights
  assistants
  processes
  proxy
  say "HashStagram $(basename "$(readlink "$BASE/current")") is running."
}

say() { printf '%s\n' "$*"; }

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

metadata() {
  curl --fail --silent --show-error --retry 3 --header "Metadata-Flavor: Google" \
    "http://metadata.google.internal/computeMetadata/v1/instance/attributes/$1"
}

# put SOURCE TARGET: a file of that content, for everybody to read. Tells whether there was another one, or none.
put() {
  local new
  new=$(mktemp)
  cat -- "$1" >"$new"
  if cmp --silent "$new" "$2"; then
    rm "$new"
    return 1
  fi
  install -D --mode=644 "$new" "$2"
  rm "$new"
}

packages() {
  local package lacking=()
  for package in ca-certificates curl git logrotate make nginx python3 python3-venv unattended-upgrades; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || lacking+=("$package")
  done
  ((${#lacking[@]})) || return 0
  say "Installing ${lacking[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq -o Acquire::Retries=3 update
  apt-get -qq -o Acquire::Retries=3 install --yes --no-install-recommends "${lacking[@]}" >/dev/null
}

account() {
  id "$USER_NAME" &>/dev/null || useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin "$USER_NAME"
  install --directory --mode=755 "$BASE" "$BASE/releases" "$STATE" "$STATE/acme" /etc/hashstagram
}

# The code of a revision with its virtual environment, owned by root: the service can read it and change nothing.
release() {
  local repository=$1 revision=$2 commit folder
  [[ -d $BASE/repository ]] || git init --quiet --bare "$BASE/repository"
  # A full commit that is here already needs no network.
  if ! commit=$(git -C "$BASE/repository" rev-parse --verify --quiet "$revision^{commit}"); then
    git -C "$BASE/repository" fetch --quiet --depth 1 "$repository" "$revision"
    commit=$(git -C "$BASE/repository" rev-parse 'FETCH_HEAD^{commit}')
  fi
  folder=$BASE/releases/$commit
  if [[ ! -e $folder/.complete ]]; then
    say "Installing release $commit. This takes a few minutes."
    rm -rf "$folder"
    mkdir "$folder"
    git -C "$BASE/repository" archive "$commit" | tar --extract --no-same-owner --directory "$folder"
    # /tmp may lie in memory, and PyTorch is large.
    TMPDIR=/var/tmp PIP_NO_CACHE_DIR=1 make --silent -C "$folder" setup >/dev/null
    "$folder/.venv/bin/python" -m compileall -q "$folder/app.py" "$folder/hashstagram"
    touch "$folder/.complete"
  fi
  if [[ $(readlink "$BASE/current") != "$folder" ]]; then
    [[ ! -e $BASE/current ]] || ln --symbolic --force --no-dereference "$(readlink "$BASE/current")" "$BASE/previous"
    ln --symbolic --force --no-dereference "$folder" "$BASE/next"
    mv --no-target-directory "$BASE/next" "$BASE/current"
  fi
  local old
  for old in "$BASE"/releases/*; do
    [[ $old == "$folder" || $old == "$(readlink "$BASE/previous")" ]] || rm -rf "$old"
  done
}

# setting NAME: its value, as systemd will see it.
setting() {
  local files=("$BASE/current/deploy/gcp/settings.env")
  [[ ! -e $SETTINGS ]] || files+=("$SETTINGS")
  sed --quiet "s/^$1=//p" "${files[@]}" | tail --lines=1
}

# Weights of a bucket are put into the cache now: the processes have no way out of this machine.
weights() {
  local bucket folder
  bucket=$(setting HASHSTAGRAM_WEIGHTS)
  if [[ $bucket != gs://* ]]; then
    rm -f "$STATE/weights.env"
    return 0
  fi
  say "Taking the weights from $bucket"
  install --directory --mode=755 --owner="$USER_NAME" --group="$USER_NAME" /var/cache/hashstagram
  folder=$(cd "$BASE/current" && runuser --user "$USER_NAME" -- env HASHSTAGRAM_CACHE=/var/cache/hashstagram \
    PYTHONDONTWRITEBYTECODE=1 .venv/bin/python -c "$FETCH" "$bucket")
  put - "$STATE/weights.env" <<<"HASHSTAGRAM_WEIGHTS=$folder" || true
}

# Where assistants may ask, and only there, what they need is installed.
assistants() {
  [[ $(setting HASHSTAGRAM_MCP) == 1 ]] || return 0
  say "Letting assistants in"
  TMPDIR=/var/tmp PIP_NO_CACHE_DIR=1 "$BASE/current/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$BASE/current/requirements-mcp.txt"
}

files() {
  local here=$BASE/current/deploy/gcp units=/etc/systemd/system changed=false name
  for name in hashstagram@.service hashstagram-clean.service hashstagram-clean.timer; do
    ! put "$here/systemd/$name" "$units/$name" || changed=true
  done
  ! put "$here/systemd/nginx.conf" "$units/nginx.service.d/hashstagram.conf" || changed=true
  ! put "$here/systemd/logrotate.conf" "$units/logrotate.timer.d/hashstagram.conf" || changed=true
  put "$here/systemd/tmpfiles.conf" /etc/tmpfiles.d/hashstagram.conf || true
  put "$here/logrotate.conf" /etc/logrotate.d/hashstagram || true
  systemd-tmpfiles --create /etc/tmpfiles.d/hashstagram.conf
  [[ $changed == false ]] || systemctl daemon-reload
  systemctl --quiet enable --now hashstagram-clean.timer
}

# nginx's configuration, made and checked before anything is restarted for the same settings.
configuration() {
  python3 "$BASE/current/deploy/gcp/render.py" "$SETTINGS" >/etc/hashstagram/nginx.conf
  nginx -t -q -c /etc/hashstagram/nginx.conf || fail "nginx does not accept these settings, and all stays as it was."
}

# What a process was started with: when this changes, it is restarted.
basis() {
  readlink "$BASE/current"
  cat /etc/systemd/system/hashstagram@.service "$SETTINGS" "$STATE/weights.env" "/etc/hashstagram/$1.env" 2>/dev/null || true
  cat "/etc/systemd/system/hashstagram@.service.d/"*.conf 2>/dev/null || true
}

processes() {
  local first count port running
  first=$(setting FIRST_PORT)
  count=$(setting PROCESSES)
  for ((port = first; port < first + count; port++)); do
    running=$STATE/$port.basis
    systemctl --quiet enable "hashstagram@$port"
    if ! systemctl --quiet is-active "hashstagram@$port" || ! cmp --silent <(basis "$port") "$running"; then
      say "Starting the process on port $port"
      systemctl restart "hashstagram@$port"
      ready "$port"
      basis "$port" >"$running"
    fi
  done
  for running in "$STATE"/*.basis; do
    port=$(basename "$running" .basis)
    if ((port < first || port >= first + count)); then
      surplus+=("$port")
    fi
  done
}

surplus=()

ready() {
  local second
  for ((second = 0; second < PATIENCE; second++)); do
    ! curl --fail --silent --output /dev/null "http://127.0.0.1:$1/readyz" || return 0
    sleep 1
  done
  fail "The process on port $1 was not ready after $PATIENCE s. See: journalctl -u hashstagram@$1"
}

proxy() {
  local port
  ! put /etc/hashstagram/nginx.conf /etc/nginx/nginx.conf || systemctl reload-or-restart nginx
  systemctl --quiet enable --now nginx
  # Only now nobody is sent to them any more.
  for port in "${surplus[@]}"; do
    say "Ending the process on port $port"
    systemctl --quiet disable --now "hashstagram@$port"
    rm "$STATE/$port.basis"
  done
}

main "$@"
