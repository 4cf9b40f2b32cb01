#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""recording.py [--steps 12] [--batch 8] [--repeat 3] [--gasm build/release/bin/gasm]

What recording costs a training of configs/gasm-cast.yaml's fusion model that writes a
line every step: metrics.jsonl, TensorBoard and Prometheus' file. Makes a SynSth set,
extracts its features with backbones of random weights, and trains on one rank, --repeat
times. Each line says how long the one before it took to record (record_ms) and how
fast the steps went. Prints the medians of both and their ratio, with the smallest and the
largest of the runs; then the same with histograms at every step, where the cost is the
difference of the two kinds of steps, run in turn.

  tools/bench/recording.py --repeat 3

Steps of 8 clips are a small part of that configuration's 256: with those the ratio is
smaller still. Needs a quiet machine and some minutes.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs/gasm-cast.yaml"
GOAL = 0.005


def run(gasm, *words):
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    done = subprocess.run([gasm, *map(str, words)], capture_output=True, text=True,
                          env=environment, check=False)
    if done.returncode:
        sys.exit(f"recording.py: {' '.join(map(str, words))} ended with {done.returncode}\n"
                 + (done.stdout + done.stderr)[-2000:])


def settings(values):
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def make_features(gasm, folder, batch):
    """train.features.h5 of `batch` clips, validation.features.h5 of 4."""
    run(gasm, "synth", "--level", "S", "--train-draws", batch // 4, "--val-draws", 1,
        "--test-draws", 1, "--output", folder / "set")
    for split in ("train", "validation"):
        clips = folder / f"{split}.h5"
        run(gasm, "data", "pack", "--videos", folder / "set/videos", "--labels",
            folder / "set/labels", "--split", split, "--output", clips)
        run(gasm, "extract", "--config", CONFIG, *settings(weights()), "--clips", clips,
            "--output", folder / f"{split}.features.h5")


def weights():
    return {"model.semantic.weights": "", "model.motion.weights": ""}


def train(gasm, folder, name, options, histograms):
    """Median record_ms and median ms of a step, the first two steps left out."""
    run(gasm, "train", "--config", CONFIG, *settings({
        **weights(), "run.dir": folder, "run.name": name,
        "data.train": folder / "train.features.h5",
        "data.val": folder / "validation.features.h5", "train.steps": options.steps,
        "train.global_batch": options.batch, "train.micro_batch": options.batch,
        "train.eval_every_epochs": 0, "checkpoint.every_minutes": 0, "log.every_steps": 1,
        "log.prometheus": folder / f"{name}.prom",
        "log.histograms_every_steps": int(histograms)}))
    lines = [json.loads(line) for line in (folder / name / "metrics.jsonl").open()]
    values = [line["m"] for line in lines if line["split"] == "train"][2:]
    return (statistics.median(line["record_ms"] for line in values),
            statistics.median(1e3 * options.batch / line["clips_per_s"] for line in values))


def spread(values, text="{:.3g}"):
    return (text.format(statistics.median(values)) + " (" + text.format(min(values)) + " to "
            + text.format(max(values)) + ")")


def main():
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        return
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[0], add_help=False)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--gasm", default=ROOT / "build/release/bin/gasm")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gasm-recording-") as name:
        folder = pathlib.Path(name)
        make_features(options.gasm, folder, options.batch)
        plain, with_histograms = [], []
        for i in range(options.repeat):
            plain.append(train(options.gasm, folder, f"plain-{i}", options, False))
            with_histograms.append(train(options.gasm, folder, f"histo-{i}", options, True))
    record = [ms for ms, _ in plain]
    step = [ms for _, ms in plain]
    shares = [100 * one / whole for one, whole in plain]
    extra = [more - less for (_, more), (_, less) in zip(with_histograms, plain)]
    print(f"step         {spread(step)} ms, {options.batch} clips, one rank")
    print(f"a line       {spread(record)} ms")
    print(f"share        {spread(shares)} % of the step (goal: below {100 * GOAL} %)")
    print(f"histograms   {spread(extra)} ms more in a step that writes them")
    sys.exit(statistics.median(shares) > 100 * GOAL)


if __name__ == "__main__":
    main()
