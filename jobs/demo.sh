#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# jobs/demo.sh [--level S|M] [--seed N] [--ranks N] [--small] [--fresh]
#
# The main job, from nothing to a verdict: gets what is needed, builds, makes a
# SynSth set (videos in the SSv2 file format), verifies and packs it, trains on
# several MPI ranks, measures on held-out clips, trains three controls on the
# same data, and prints what each number proves and does not prove.
#
#   --level S|M  size of the set: S (4 classes, default) or M (12 classes)
#   --seed N     of the training (0); the data stay the same
#   --ranks N    MPI ranks (2)
#   --small      level S alone, without controls, gate 90 %
#   --fresh      begin the training anew: removes this demo's run folders
#
# Cost on two cores: build 10 to 20 minutes (once), then at level S about
# 1 minute of data, 1 of training, 2 of controls; at level M about 5 of data,
# 5 of training, 8 of controls. Disk: 6 GB of tools and build, 50 MB of data.
#
# Safe to run again: what is done is kept, unless program, configuration, data
# or ranks are no longer those it was made with: then the run folder is set
# aside and the run made anew. Ctrl-C (or SIGTERM) writes a checkpoint and ends
# with 85; running it again goes on from there. A second Ctrl-C ends it at once.
# Exit codes: 0 PASS, 1 FAIL, 85 stopped, others as gasm (docs/errors.md).
set -euo pipefail
cd "$(dirname "$0")/.."

level=S
seed=0
ranks=2
small=0
fresh=0
# wants_value OPTION [WORD...]: in this shell, for exit to end the script.
wants_value() {
  [ $# -ge 2 ] || { echo "demo: $1 wants a value. Try --help." >&2; exit 2; }
}
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '3,24s/^# \{0,1\}//p' jobs/demo.sh; exit 0 ;;
    --level) wants_value "$@"; level=${2^^}; shift ;;
    --seed) wants_value "$@"; seed=$2; shift ;;
    --ranks) wants_value "$@"; ranks=$2; shift ;;
    --small) small=1 ;;
    --fresh) fresh=1 ;;
    *) echo "demo: unknown option $1. Try --help." >&2; exit 2 ;;
  esac
  shift
done
if ! [[ $level =~ ^[SM]$ && $seed =~ ^(0|[1-9][0-9]*)$ && $ranks =~ ^[1-9][0-9]*$ ]] ||
  [[ $small -eq 1 && $level != S ]]; then
  echo "demo: --level is S or M (--small: S), --seed and --ranks are whole" \
    "numbers without leading zeros" >&2
  exit 2
fi

case $level in
  S) train_draws=400 val_draws=150 gate=97 ;;
  M) train_draws=800 val_draws=50 gate=90 ;;
esac
[ $small -eq 0 ] || gate=90
name=synsth-${level,,}
config=configs/$name.yaml
data=data/$name
runs=runs/demo
main_run=$name-seed$seed
gasm=build/release/bin/gasm

say() { printf '\ndemo: %s\n' "$*"; }
began=$SECONDS

# --- set-up and build --------------------------------------------------------
say "set-up and build"
GASM_SETUP="${GASM_SETUP:---without-tests}" tools/build release gasm_cli
built=$SECONDS

cores=$(env -u OMP_NUM_THREADS nproc)  # nproc heeds that variable
export OMP_NUM_THREADS=1
# Ranks that wait give the core to those that work.
export OMPI_MCA_mpi_yield_when_idle=1
# Open MPI counts cores, not hyperthreads, as its slots, so it may refuse as
# many ranks as there are CPUs; and a rank's reader thread may use a core that
# another rank leaves idle.
launch=(mpirun -n "$ranks" --oversubscribe --bind-to none)
if [ "$(id -u)" -eq 0 ]; then
  echo "demo: running as root, as in a container: telling Open MPI so"
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
if [ "$ranks" -gt "$cores" ]; then
  echo "demo: $ranks ranks on $cores cores: they take turns"
fi

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

# --- data --------------------------------------------------------------------
# make_set FOLDER OPTION...: writes, verifies and packs a set, once. The stamp
# comes last and holds the options.
make_set() {
  local folder=$1 stamp=$1/packed.txt split output
  shift
  local wanted="--level $level --train-draws $train_draws \
--val-draws $val_draws${*:+ $*}"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    echo "demo: $folder is there"
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
make_set "$data"
[ $small -eq 1 ] || make_set "$data-silhouette" --view silhouette
packed=$SECONDS

# --- training and evaluation -------------------------------------------------
checksum() { sha256sum | cut -c 1-16; }

# made_with DATA SETTING...: what decides the figures of a run, a line each.
made_with() {
  local from=$1 shown
  shift
  echo "program: $("$gasm" --version), $(checksum <"$gasm")"
  shown=$("$gasm" train "$@" --print-config)
  echo "configuration: $(checksum <<<"$shown")"
  echo "data: $(cat "$from"/{train,val-iid,val-shape}.h5 | checksum)"
  echo "ranks: $ranks"
}

# set_aside FOLDER WANTED: a run that was made with something else than now
# is moved away, so that no old figure is shown as the verdict on the new.
set_aside() {
  local folder=$1 wanted=$2 changed="program, data or settings" old
  [ -e "$folder" ] || return 0
  if [ -e "$folder/demo-made-with" ]; then
    changed=$(grep -vxFf "$folder/demo-made-with" <<<"$wanted" |
      sed 's/:.*//' | paste -sd, | sed 's/,/, /g') || true
    [ -n "$changed" ] || return 0
  fi
  old=$folder.old-$(date +%Y%m%d-%H%M%S)
  mv "$folder" "$old"
  echo "demo: $folder was made with other $changed: now $old, made anew"
}

# train_run RUN DATA OPTION...: trains (or goes on with, or keeps) a run and
# measures it on the validation sets of DATA.
train_run() {
  local run=$1 from=$2 set split wanted
  shift 2
  set=(--config "$config" --set "run.dir=$runs" --set "run.name=$run"
    --set "run.seed=$seed" --set "data.train=$from/train.h5"
    --set "data.val=$from/val-iid.h5" "$@")
  local folder=$runs/$run
  [ $fresh -eq 0 ] || rm -rf "$folder"
  wanted=$(made_with "$from" "${set[@]}")
  set_aside "$folder" "$wanted"
  if [ -e "$folder/demo-done" ]; then
    echo "demo: $folder is trained and measured"
    return
  fi
  say "training $folder on $ranks ranks"
  mkdir -p "$folder"
  echo "$wanted" >"$folder/demo-made-with"
  local start=$SECONDS before
  before=$(cat "$folder/demo-seconds" 2>/dev/null || echo 0)
  ranked train "${set[@]}"
  echo $((before + SECONDS - start)) >"$folder/demo-seconds"
  for split in val-iid val-shape; do
    ranked eval "${set[@]}" --data "$from/$split.h5" \
      --json "$folder/eval-$split.json"
  done
  touch "$folder/demo-done"
}
train_run "$main_run" "$data"
if [ $small -eq 0 ]; then
  train_run "$main_run-motion-rgb" "$data" --set model.fusion.kind=motion
  train_run "$main_run-semantic-shuffled" "$data" \
    --set model.fusion.kind=semantic --set data.sampling.order=shuffled
  train_run "$main_run-motion-silhouette" "$data-silhouette" \
    --set model.fusion.kind=motion
fi

# --- the table ---------------------------------------------------------------
echo
code=0
python3 jobs/demo_table.py --synth "$data/synth.json" \
  --run "$runs/$main_run" --gate "$gate" || code=$?
echo
echo "Time: set-up and build $((built - began)) s, data $((packed - built)) s," \
  "training and controls $((SECONDS - packed)) s, all $((SECONDS - began)) s"
echo "Run folder: $runs/$main_run (controls beside it)"
if [ $code -eq 0 ]; then
  echo "demo: PASS"
else
  echo "demo: FAIL"
fi
exit $code
