#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""extract_scaling.py [--ranks 2] [--config FILE] [--clips FILE.h5] [--repeat 5]

What do ranks give an extraction? Clips per second of gasm extract on N ranks over
that on one rank, each rank bound to a core of its own. Cores of a virtual
machine differ, so one rank runs on each of the N cores in turn and the mean counts.
Each pass extracts all clips anew; the figures are the command's own, from the first
batch to the last, without start and final check.

Prints one ratio per repeat and their median, and the share of the time that the
ranks waited for decoded clips. Without --clips a set of SynSth level S is made.
Needs a quiet machine.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GASM = os.environ.get("GASM", str(ROOT / "build/release/bin/gasm"))
FIGURES = re.compile(r"\(([0-9.]+) clips/s, ([0-9]+) % of it waiting")


def must(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, cwd=ROOT)
    if done.returncode != 0:
        sys.exit(f"extract_scaling: {' '.join(map(str, command))} ended with "
                 f"{done.returncode}.\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def make_clips(folder):
    must(GASM, "synth", "--level", "S", "--train-draws", 400, "--val-draws", 1,
         "--test-draws", 1, "--output", folder)
    must(GASM, "data", "pack", "--videos", folder / "videos", "--labels", folder / "labels",
         "--split", "train", "--output", folder / "clips.h5")
    return folder / "clips.h5"


def extract(cores, config, clips, folder):
    """Clips per second of a rank on each core, and the share of waiting."""
    launcher = (["taskset", "-c", cores[0]] if len(cores) == 1 else
                ["mpirun", "--oversubscribe", "--bind-to", "core", "-n", len(cores)])
    told = must(*launcher, GASM, "extract", "--config", config, "--clips", clips, "--output",
                folder / "features.h5", "--restart")
    rate, waiting = FIGURES.search(told).groups()
    return float(rate), float(waiting) / 100


def main():
    parser = argparse.ArgumentParser(
        usage=__doc__.splitlines()[0], description=__doc__.split("\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2, help="no more than there are cores")
    parser.add_argument("--config", default="configs/synsth-s.yaml")
    parser.add_argument("--clips", type=pathlib.Path)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        clips = options.clips or make_clips(folder)
        ratios = []
        for _ in range(options.repeat):
            cores = range(options.ranks)
            one = statistics.mean(extract([core], options.config, clips, folder)[0]
                                  for core in cores)
            many, waiting = extract(cores, options.config, clips, folder)
            ratios.append(many / one)
            print(f"1 rank {one:.1f} clips/s, {options.ranks} ranks {many:.1f} clips/s "
                  f"(waiting {waiting:.0%}): {ratios[-1]:.3f}", flush=True)
    print(f"median of {options.repeat}: {statistics.median(ratios):.3f} "
          f"({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
