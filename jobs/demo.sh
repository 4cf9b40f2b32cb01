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
job=demo
# shellcheck source=jobs/common.sh
. jobs/common.sh
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
began=$SECONDS

prepare
built=$SECONDS

# --- data --------------------------------------------------------------------
set_options="--level $level --train-draws $train_draws --val-draws $val_draws"
# shellcheck disable=SC2086  # options without blanks
make_set "$data" $set_options
# shellcheck disable=SC2086
[ $small -eq 1 ] || make_set "$data-silhouette" $set_options --view silhouette
packed=$SECONDS

# --- training and evaluation -------------------------------------------------
# demo_run RUN DATA OPTION...
demo_run() {
  local run=$1 from=$2
  shift 2
  train_run "$run" "$from/train.h5" "$from/val-iid.h5 $from/val-shape.h5" \
    --config "$config" --set "run.seed=$seed" "$@"
}
demo_run "$main_run" "$data"
if [ $small -eq 0 ]; then
  demo_run "$main_run-motion-rgb" "$data" --set model.fusion.kind=motion
  demo_run "$main_run-semantic-shuffled" "$data" \
    --set model.fusion.kind=semantic --set data.sampling.order=shuffled
  demo_run "$main_run-motion-silhouette" "$data-silhouette" \
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
