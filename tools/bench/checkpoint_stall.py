#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""checkpoint_stall.py [--ranks 1 2] [--saves 5] [--every 12] [--batch 2] [--folder DIR]
                    [--interval 300] [--features DIR] [--set A.B=VALUE ...]

How long a checkpoint holds up the training of configs/gasm-cast.yaml on features of random
backbones: gasm train with a save every so many steps, on each number of ranks, one thread
a rank.

  tools/bench/checkpoint_stall.py --ranks 1 2 --saves 7

Prints for each number of ranks: the bytes of a checkpoint; the seconds that a save held
up the steps (what gasm logs: waiting for the save before, the copy, telling the other
ranks; median, smallest and largest), and as a share of the interval; how long after the
copy it was published; and by how much the steps beside it were slower than those after
it, which is the price of the processor and the disk that the writing shares with them.
The save at the end, which is waited for, does not count. Ends with 1 if the share is
0.5 % or more. Wants a build of gasm, and a quiet machine.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import recording  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
GASM = os.environ.get("GASM", str(ROOT / "build/release/bin/gasm"))
GOAL = 0.005
PUBLISHED = re.compile(r"step +(\d+)  checkpoint: published after ([\d.]+) s, "
                       r"held up the steps for ([\d.]+) s")


def run(words, ranks=0):
    """All that a command prints."""
    launch = ["mpirun", "--oversubscribe", "-n", ranks] if ranks else []
    environment = {"OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                   "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", **os.environ}
    command = [str(word) for word in (*launch, GASM, *words)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-2000:]}")
    return done.stdout


def train(options, folder, ranks):
    """(output, values of the steps, run folder) of one run."""
    name = f"ranks-{ranks}"
    last = options.saves * options.every + options.every // 2
    settings = {
        "run.dir": folder, "run.name": name, "data.source": "features",
        "data.train": folder / "train.features.h5",
        "data.val": folder / "validation.features.h5",
        "train.steps": last, "train.global_batch": options.batch * ranks,
        "train.micro_batch": options.batch, "train.eval_every_epochs": 0,
        "checkpoint.every_steps": options.every, "checkpoint.every_minutes": 0,
        "log.every_steps": 1, "watch.skew_factor": 0,
        **recording.weights()}
    words = ["train", "--config", recording.CONFIG]
    for setting in (*(f"{key}={value}" for key, value in settings.items()), *options.set):
        words += ["--set", setting]
    out = run(words, ranks)
    lines = [json.loads(line) for line in (folder / name / "metrics.jsonl").open()]
    return out, {line["step"]: line["m"] for line in lines if line["split"] == "train"}, \
        folder / name


def extra_of(steps, step, published_s, options, ranks):
    """Seconds by which the steps beside a save were slower than those after it."""
    clips = options.batch * ranks
    seconds = [clips / steps[step + i + 1]["clips_per_s"] for i in range(options.every)]
    beside, passed = 0, 0.0
    while passed < published_s and beside < len(seconds):
        passed += seconds[beside]
        beside += 1
    after = seconds[beside:]
    return sum(seconds[:beside]) - beside * statistics.median(after) if after else None


def spread(values):
    return (f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"
            if values else "not measured (raise --every)")


def measure(options, folder, ranks):
    """The share of the interval."""
    out, steps, path = train(options, folder, ranks)
    saves = [(int(step), float(published), float(held))
             for step, published, held in PUBLISHED.findall(out) if int(step) != max(steps)]
    if len(saves) != options.saves:
        sys.exit(f"{len(saves)} saves, {options.saves} were expected\n{out[-2000:]}")
    newest = path / "checkpoints/latest"
    num_bytes = sum(file.stat().st_size for file in newest.resolve().iterdir())
    held = [held for _, _, held in saves]
    extra = [extra_of(steps, step, published, options, ranks)
             for step, published, _ in saves if step + options.every <= max(steps)]
    extra = [one for one in extra if one is not None]
    share = statistics.median(held) / options.interval
    step_s = statistics.median(options.batch * ranks / one["clips_per_s"]
                               for one in steps.values())
    print(f"{ranks} rank(s), {len(saves)} saves of {num_bytes * 1e-6:.0f} MB, "
          f"steps of {step_s:.2f} s")
    print(f"  held up the steps          {spread(held)} s")
    print(f"  share of {options.interval:.0f} s             {100 * share:.3f} % "
          f"(goal: below {100 * GOAL} %)")
    print(f"  published after            {spread([after for _, after, _ in saves])} s")
    print(f"  steps beside it, slower by {spread(extra)} s", flush=True)
    return share


def main():
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        return
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[0], add_help=False)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--saves", type=int, default=5)
    parser.add_argument("--every", type=int, default=12)
    parser.add_argument("--batch", type=int, default=2, help="clips of a rank and step")
    parser.add_argument("--interval", type=float, default=300.0)
    parser.add_argument("--folder", help="the disk to measure; the system's, if not given")
    parser.add_argument("--features", help="train and validation.features.h5 of this configuration")
    parser.add_argument("--set", nargs="*", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gasm-stall-", dir=options.folder) as name:
        folder = pathlib.Path(name)
        if options.features:
            for file in pathlib.Path(options.features).glob("*.features.h5"):
                shutil.copy(file, folder)
        else:
            recording.make_features(GASM, folder, batch=8)
        shares = [measure(options, folder, ranks) for ranks in options.ranks]
    sys.exit(max(shares) >= GOAL)


if __name__ == "__main__":
    main()
