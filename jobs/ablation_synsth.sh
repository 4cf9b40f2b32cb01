#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# jobs/ablation_synsth.sh [--level S|M|both] [--seeds N] [--quick] [--ranks N]
#                         [--only NAME,...] [--fresh]
#
# What does the fusion contribute? The whole recipe in miniature, on SynSth:
# trains a small semantic backbone on textures and a small motion backbone on
# silhouettes, freezes them, keeps what they make of split views (the semantic
# backbone sees RGB frames in random order, the motion backbone silhouettes, so
# neither can tell the label alone, nor can a sum of both), and trains every
# kind of fusion on that. Last, at level S, both streams are trained from RGB
# clips, with the pretrained semantic backbone at a tenth of the rate. Prints
# one table, beside the exact bounds, and writes it as table.md, table.json and
# figure.svg in runs/ablation/LEVEL.
#
#   --level S|M|both  size of the set (S): 2 objects, 4 classes; 3 and 12
#   --seeds N         seeds of every row, 0 to N - 1 (3)
#   --quick           level S, smaller, one seed, three rows, gate 90 %
#   --only NAME,...   train these rows alone (jobs/ablation_rows.py names them);
#                     the table shows all that is measured, and needs row bcast
#   --ranks N         MPI ranks (2)
#   --fresh           make everything anew but the videos
#
# Cost on two idle cores, without the build: --quick about 3 minutes; level S
# about 45 (5 of them data, backbones and features), level M about 1 hour (both
# are estimates from the cost of one row). Disk: 1.2 GB at level S, 6 GB at M.
#
# Safe to run again: what is done is kept, unless program, configuration, data
# or ranks are no longer those it was made with: then it is made anew. Ctrl-C
# (or SIGTERM) writes a checkpoint and ends with 85; running it again goes on
# from there. A second Ctrl-C ends it at once.
# Exit codes: 0 PASS, 1 FAIL, 85 stopped, others as gasm (docs/errors.md).
set -euo pipefail
cd "$(dirname "$0")/.."

levels=S
seeds=3
ranks=2
quick=0
fresh=0
only=
job=ablation
# shellcheck source=jobs/common.sh
. jobs/common.sh
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '3,35s/^# \{0,1\}//p' jobs/ablation_synsth.sh
      exit 0
      ;;
    --level) wants_value "$@"; levels=${2^^}; shift ;;
    --seeds) wants_value "$@"; seeds=$2; shift ;;
    --ranks) wants_value "$@"; ranks=$2; shift ;;
    --only) wants_value "$@"; only=$2; shift ;;
    --quick) quick=1 ;;
    --fresh) fresh=1 ;;
    *) echo "ablation: unknown option $1. Try --help." >&2; exit 2 ;;
  esac
  shift
done
if ! [[ $levels =~ ^(S|M|BOTH)$ && $seeds =~ ^[1-9]$ && $ranks =~ ^[1-9][0-9]*$ ]] ||
  [[ $quick -eq 1 && $levels != S ]]; then
  echo "ablation: --level is S, M or both (--quick: S), --seeds is 1 to 9," \
    "--ranks a whole number without leading zeros" >&2
  exit 2
fi
[ "$levels" != BOTH ] || levels="S M"
size=full
rows=()
if [ $quick -eq 1 ]; then
  seeds=1 size=quick rows=(--quick)
fi
# rows_of LEVEL: NAME VIEW SETTING... of each row to train.
rows_of() {
  python3 jobs/ablation_rows.py --level "$1" "${rows[@]}" ${only:+--only "$only"}
}
for level in $levels; do rows_of "$level" >/dev/null || exit 2; done

# sizes_of LEVEL: of the sets, in draws (times classes: clips), epochs, and the
# learning rate of fusions; and what rows on features set besides at this level.
sizes_of() {
  of_level=()
  case $size-$1 in
    full-S)
      train_draws=500 val_draws=150 texture_draws=500 motion_draws=500
      texture_epochs=60 motion_epochs=4 fusion_epochs=5 clip_epochs=3
      fusion_lr=1.0e-3
      ;;
    full-M)
      train_draws=750 val_draws=50 texture_draws=4000 motion_draws=250
      texture_epochs=24 motion_epochs=4 fusion_epochs=5
      # At 1e-3 the distance bias has grown too little when the epochs are over.
      fusion_lr=3.0e-3
      # From single frames the fusion learned how its few hundred draws look. All
      # 18 frames of a clip become one map.
      of_level=(--set "model.semantic.frames=[$(seq -s ", " 0 17)]"
        --set model.semantic.frame_pool=mean
        --set model.fusion.cross_bias_start=2.0)
      ;;
    quick-S)
      train_draws=300 val_draws=100 texture_draws=400 motion_draws=400
      texture_epochs=60 motion_epochs=3 fusion_epochs=8
      fusion_lr=1.0e-3
      ;;
  esac
}

# --- data and backbones ------------------------------------------------------
# make_sets: other seeds than the sets that are fused, so that the backbones
# have seen nothing of those.
make_sets() {
  local one="--level $level --val-draws"
  # shellcheck disable=SC2086  # options without blanks
  {
    make_set "$data/rgb" $one $val_draws --train-draws $train_draws
    make_set "$data/silhouette" $one $val_draws --train-draws $train_draws \
      --view silhouette
    make_set "$data/texture" $one 50 --train-draws $texture_draws \
      --task texture --seed 1
    make_set "$data/motion" $one 25 --train-draws $motion_draws --task motion \
      --view silhouette --seed 2
  }
}

# pretrain NAME OPTION...: a backbone, from $data/NAME, whose weights lie in
# $data/NAME.safetensors then.
pretrain() {
  local name=$1
  shift
  train_run "pretrain-$name" "$data/$name/train.h5" "$data/$name/val-iid.h5" \
    --config "$config" --set run.seed=0 "$@"
  cp "$runs/pretrain-$name/checkpoints/latest/model.safetensors" \
    "$data/$name.safetensors"
}

# The crops around one object are small, and show it at 8 offsets. One of them
# is seen at a time, as in a clip, where most frames show an object in one place:
# from several together too little is learned of each.
pretrain_backbones() {
  pretrain texture --set model.fusion.kind=semantic \
    --set model.fusion.pool=mean --set model.semantic.resolution=48 \
    --set data.sampling.frames=8 --set data.sampling.order=shuffled \
    --set "model.semantic.frames=[0]" --set "train.epochs=$texture_epochs" \
    --set train.eval_every_epochs=6
  pretrain motion --set model.fusion.kind=motion \
    --set "train.epochs=$motion_epochs"
}

# --- features ----------------------------------------------------------------
# What rows on features and their extraction share.
of_frozen() {
  frozen=(--config "$config" --set model.semantic.train=none
    --set model.motion.train=none --set "model.motion.grid=[6, 8]"
    --set "model.semantic.weights=$data/texture.safetensors"
    --set "model.motion.weights=$data/motion.safetensors"
    "${of_level[@]}")
}

# once OUTPUT INPUTS COMMAND OPTION...: gasm COMMAND, unless OUTPUT was made so.
# INPUTS: files, separated by blanks. What was begun in the same way goes on.
once() {
  local output=$1 inputs=$2 wanted
  shift 2
  # shellcheck disable=SC2086  # paths without blanks
  wanted="$(cat "$gasm" $inputs | checksum) $*"
  [ "$(cat "$output.made-with" 2>/dev/null)" != "$wanted" ] || return 0
  if [ "$(cat "$output.begun-with" 2>/dev/null)" != "$wanted" ]; then
    # Of other inputs or settings: the command would refuse to go on from it.
    rm -rf "$output" "$output".*
    mkdir -p "$(dirname "$output")"
    echo "$wanted" >"$output.begun-with"
  fi
  ranked "$@" --output "$output"
  mv "$output.begun-with" "$output.made-with"
}

# stream NAME BACKBONE SET OPTION...: what a backbone makes of a set.
stream() {
  local name=$1 backbone=$2 set=$3 split
  shift 3
  for split in train val-iid; do
    once "$data/$name/$split.h5" \
      "$data/$backbone.safetensors $data/$set/$split.h5" \
      extract "${frozen[@]}" "$@" --clips "$data/$set/$split.h5"
  done
}

# view NAME SEMANTIC MOTION: two streams in one file.
view() {
  local split
  for split in train val-iid; do
    once "$data/view-$1/$split.h5" "$data/$2/$split.h5 $data/$3/$split.h5" \
      data join --semantic "$data/$2/$split.h5" --motion "$data/$3/$split.h5"
  done
}

# needs VIEW: whether a row that is to be trained sees it.
needs() { rows_of "$level" | cut -d " " -f 2 | grep -x "$1" >/dev/null; }

extract_features() {
  local semantic=(--set model.fusion.kind=semantic)
  local motion=(--set model.fusion.kind=motion)
  local shuffled=(--set data.sampling.order=shuffled)
  if needs split || needs shuffled; then
    stream semantic-shuffled texture rgb "${semantic[@]}" "${shuffled[@]}"
  fi
  if needs split || needs silhouette; then
    stream motion-silhouette motion silhouette "${motion[@]}"
  fi
  if needs split; then view split semantic-shuffled motion-silhouette; fi
  if needs shuffled; then
    stream motion-shuffled motion rgb "${motion[@]}" "${shuffled[@]}"
    view shuffled semantic-shuffled motion-shuffled
  fi
  if needs silhouette; then
    stream semantic-silhouette texture silhouette "${semantic[@]}"
    view silhouette semantic-silhouette motion-silhouette
  fi
}

# --- rows --------------------------------------------------------------------
# fuse SEED NAME VIEW SETTING...: a row of the table, on features.
fuse() {
  local seed=$1 name=$2 from=$data/view-$3 setting settings=()
  shift 3
  for setting in "$@"; do settings+=(--set "$setting"); done
  train_run "$name-seed$seed" "$from/train.h5" "$from/val-iid.h5" \
    "${frozen[@]}" --set data.source=features \
    --set model.fusion.standardise=fixed --set "train.epochs=$fusion_epochs" \
    --set "optim.lr=$fusion_lr" --set train.eval_every_epochs=0 \
    --set "run.seed=$seed" "${settings[@]}"
}

# from_clips SEED: both streams from RGB clips. The texture backbone goes on
# at a tenth of the rate, the motion backbone begins anew.
from_clips() {
  train_run "clips-seed$1" "$data/rgb/train.h5" "$data/rgb/val-iid.h5" \
    --config "$config" --set "run.seed=$1" --set "train.epochs=$clip_epochs" \
    --set "model.semantic.weights=$data/texture.safetensors" \
    --set optim.backbone_lr_scale=0.1
}

train_rows() {
  local seed name view settings
  for ((seed = 0; seed < seeds; ++seed)); do
    # Not by a pipe: Ctrl-C must end this shell, not one beside it.
    while read -r name view settings <&3; do
      if [ "$view" = clips ]; then
        from_clips "$seed"
        continue
      fi
      # shellcheck disable=SC2086  # settings without blanks
      fuse "$seed" "$name" "$view" $settings
    done 3< <(rows_of "$level")
  done
}

# --- the table ---------------------------------------------------------------
prepare
failed=0
for level in $levels; do
  began=$SECONDS
  sizes_of "$level"
  config=configs/synsth-${level,,}.yaml
  name=${level,,}
  [ $quick -eq 0 ] || name=quick
  data=data/ablation-$name
  runs=runs/ablation/$name
  if [ "$fresh" -eq 1 ]; then rm -rf "$runs" "$data"/*/*.made-with; fi
  make_sets
  pretrain_backbones
  of_frozen
  extract_features
  prepared=$SECONDS
  train_rows
  echo
  python3 jobs/ablation_table.py --synth "$data/rgb/synth.json" \
    --runs "$runs" --seeds "$seeds" "${rows[@]}" || failed=1
  echo
  echo "Time: data, backbones, features $((prepared - began)) s, rows" \
    "$((SECONDS - prepared)) s. Table and figure: $runs"
done
if [ $failed -eq 0 ]; then
  echo "ablation: PASS"
else
  echo "ablation: FAIL"
fi
exit $failed
