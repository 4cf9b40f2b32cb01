#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/bench/scaling.sh [--ranks N] [--config FILE] [--steps N] [--repeat N]
#
# What do ranks cost? Compares the clips per second of one job on N ranks with
# the sum over N independent one-rank jobs that run at the same time on the
# same cores: the ratio is what communication and waiting take.
#
#   --ranks N      ranks, and one-rank jobs (2); no more than there are cores
#   --config FILE  what is trained (configs/synsth-s.yaml; its data must exist:
#                  jobs/demo.sh makes them)
#   --steps N      steps of the N-rank job (150); the one-rank jobs see as many
#                  clips each as a rank of it
#   --repeat N     repeats, alternating which comes first (3)
#
# Rates are those of metrics.jsonl between its first and its last line of the
# training, so that start-up and evaluation do not count. Prints each repeat
# and the median ratio. Needs a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
ranks=2 config=configs/synsth-s.yaml steps=150 repeat=3
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '3,18s/^# \{0,1\}//p' tools/bench/scaling.sh
      exit 0
      ;;
    --ranks) ranks=$2 ;;
    --config) config=$2 ;;
    --steps) steps=$2 ;;
    --repeat) repeat=$2 ;;
    *) echo "scaling: unknown option $1. Try --help." >&2; exit 2 ;;
  esac
  shift 2
done
gasm=${GASM:-build/release/bin/gasm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# train NAME CORES RANKS GLOBAL_BATCH: one job on these cores.
train() {
  taskset -c "$2" mpirun --oversubscribe --bind-to none -n "$3" "$gasm" train \
    --config "$config" --set "run.dir=$work" --set "run.name=$1" \
    --set "train.steps=$steps" --set "train.global_batch=$4" \
    --set train.eval_every_epochs=0 --set log.every_steps=5 \
    --set checkpoint.every_minutes=0 --set log.tensorboard=false \
    >"$work/$1.log" 2>&1 || { tail -n 5 "$work/$1.log" >&2; exit 1; }
}
batch=$("$gasm" train --config "$config" --print-config |
  sed -n 's/^ *global_batch: *//p')
if [ $((batch % ranks)) -ne 0 ]; then
  echo "scaling: global batch $batch on $ranks ranks (not whole)" >&2
  exit 2
fi
together() { train "all-$1" "0-$((ranks - 1))" "$ranks" "$batch"; }
apart() {
  local rank pids=()
  for ((rank = 0; rank < ranks; ++rank)); do
    train "one-$1-$rank" "$rank" 1 $((batch / ranks)) &
    pids+=($!)
  done
  for rank in "${pids[@]}"; do wait "$rank"; done
}
for ((i = 0; i < repeat; ++i)); do
  if [ $((i % 2)) -eq 0 ]; then
    together "$i"; apart "$i"
  else
    apart "$i"; together "$i"
  fi
done
python3 - "$work" "$ranks" "$repeat" "$batch" <<'PYTHON'
import json, pathlib, statistics, sys
work, ranks, repeat, batch = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])

def rate(name, clips_a_step):
    lines = [json.loads(l) for l in
             (work / name / "metrics.jsonl").read_text().splitlines()]
    lines = [l for l in lines if l["split"] == "train"][1:]
    first, last = lines[0], lines[-1]
    return clips_a_step * (last["step"] - first["step"]) / (
        last["t"] - first["t"])

ratios = []
for i in range(repeat):
    together = rate(f"all-{i}", batch)
    apart = sum(rate(f"one-{i}-{r}", batch // ranks) for r in range(ranks))
    ratios.append(together / apart)
    print(f"{ranks} ranks {together:7.2f} clips/s   {ranks} jobs "
          f"{apart:7.2f} clips/s   ratio {ratios[-1]:.3f}")
print(f"scaling: median ratio {statistics.median(ratios):.3f}")
PYTHON
