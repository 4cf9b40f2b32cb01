# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the jobs have in common. A job sources it in the project's folder after
# `set -euo pipefail` and sets `job` (its name, in messages and stamps), `runs`
# (where run folders lie), `ranks` and `fresh` (1: run folders are made anew).

gasm=build/release/bin/gasm

say() { printf '\n%s: %s\n' "$job" "$*"; }

# wants_value OPTION [WORD...]: in this shell, for exit to end the script.
wants_value() {
  [ $# -ge 2 ] || { echo "$job: $1 wants a value. Try --help." >&2; exit 2; }
}

# prepare: sets up, builds, and decides how ranks are started.
prepare() {
  say "set-up and build"
  GASM_SETUP="${GASM_SETUP:---without-tests}" tools/build release gasm_cli

  local cores
  cores=$(env -u OMP_NUM_THREADS nproc)  # nproc heeds that variable
  export OMP_NUM_THREADS=1
  # Ranks that wait give the core to those that work.
  export OMPI_MCA_mpi_yield_when_idle=1
  # Open MPI counts cores, not hyperthreads, as its slots, so it may refuse as
  # many ranks as there are CPUs; and a rank's reader thread may use a core
  # that another rank leaves idle.
  launch=(mpirun -n "$ranks" --oversubscribe --bind-to none)
  if [ "$(id -u)" -eq 0 ]; then
    echo "$job: running as root, as in a container: telling Open MPI so"
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  if [ "$ranks" -gt "$cores" ]; then
    echo "$job: $ranks ranks on $cores cores: they take turns"
  fi
}

# ranked ARGUMENT...: gasm on all ranks, in a session of its own, so that
# Ctrl-C does not kill it; mpirun hands SIGUSR1 on to every rank.
child=
stopped=0
stop() {
  local signal=USR1
  [ $stopped -eq 0 ] || signal=TERM  # asked twice: mpirun ends the ranks
  stopped=1
  [ -z "$child" ] || kill -"$signal" "$child" 2>/dev/null || true
}
trap stop INT TERM
ranked() {
  local code=0
  setsid "${launch[@]}" "$gasm" "$@" </dev/null &
  child=$!
  # wait returns early when a signal comes in; go on until it has ended.
  while true; do
    code=0
    wait "$child" || code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=
  if [ $code -eq 85 ] || [ $stopped -eq 1 ]; then
    say "stopped. Run the same command again to go on from the checkpoint."
    exit 85
  fi
  if [ $code -ne 0 ]; then
    say "FAIL: gasm $1 ended with exit code $code (docs/errors.md)" >&2
    exit "$code"
  fi
}

# make_set FOLDER OPTION...: writes, verifies and packs a set, once. The stamp
# comes last and holds the options.
make_set() {
  local folder=$1 stamp=$1/packed.txt split output
  shift
  local wanted="$*"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    echo "$job: $folder is there"
    return
  fi
  say "data in $folder (gasm synth $wanted)"
  # shellcheck disable=SC2086  # options without blanks
  ranked synth $wanted --test-draws 1 --output "$folder"
  ranked data verify --videos "$folder/videos" --labels "$folder/labels" \
    --manifest "$folder/manifest.json"
  while read -r split output; do
    ranked data pack --videos "$folder/videos" --labels "$folder/labels" \
      --split "$split" --output "$folder/$output.h5"
  done <<<"train train
validation val-iid
validation-shape val-shape"
  echo "$wanted" >"$stamp"
}

checksum() { sha256sum | cut -c 1-16; }

# made_with FILES SETTING...: what decides the figures of a run, a line each.
# FILES: the stores it reads, separated by blanks.
made_with() {
  local files=$1 shown
  shift
  echo "program: $("$gasm" --version), $(checksum <"$gasm")"
  shown=$("$gasm" train "$@" --print-config)
  echo "configuration: $(checksum <<<"$shown")"
  # shellcheck disable=SC2086  # paths without blanks
  echo "data: $(cat $files | checksum)"
  echo "ranks: $ranks"
}

# set_aside FOLDER WANTED: a run that was made with something else than now
# is moved away, so that no old figure is shown as the verdict on the new.
set_aside() {
  local folder=$1 wanted=$2 changed="program, data or settings" old
  [ -e "$folder" ] || return 0
  if [ -e "$folder/$job-made-with" ]; then
    changed=$(grep -vxFf "$folder/$job-made-with" <<<"$wanted" |
      sed 's/:.*//' | paste -sd, | sed 's/,/, /g') || true
    [ -n "$changed" ] || return 0
  fi
  old=$folder.old-$(date +%Y%m%d-%H%M%S)
  mv "$folder" "$old"
  echo "$job: $folder was made with other $changed: now $old, made anew"
}

# train_run RUN TRAIN EVALS OPTION...: trains (or goes on with, or keeps) a run
# on the store TRAIN and measures it on each store of EVALS, of which the first
# is data.val. FILE.h5 is measured in eval-FILE.json.
train_run() {
  local run=$1 train=$2 evals=$3 set file wanted
  shift 3
  set=(--set "run.dir=$runs" --set "run.name=$run" --set "data.train=$train"
    --set "data.val=${evals%% *}" "$@")
  local folder=$runs/$run
  [ "$fresh" -eq 0 ] || rm -rf "$folder"
  wanted=$(made_with "$train $evals" "${set[@]}")
  set_aside "$folder" "$wanted"
  if [ -e "$folder/$job-done" ]; then
    echo "$job: $folder is trained and measured"
    return
  fi
  say "training $folder on $ranks ranks"
  mkdir -p "$folder"
  echo "$wanted" >"$folder/$job-made-with"
  local start=$SECONDS before
  before=$(cat "$folder/$job-seconds" 2>/dev/null || echo 0)
  ranked train "${set[@]}"
  echo $((before + SECONDS - start)) >"$folder/$job-seconds"
  for file in $evals; do
    ranked eval "${set[@]}" --data "$file" \
      --json "$folder/eval-$(basename "$file" .h5).json"
  done
  touch "$folder/$job-done"
}
