#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""resume.py [--ranks 1] [--repeat 3] [--set KEY=VALUE ...] [--folder FOLDER]
          [--gasm build/release/bin/gasm]

How long a run of configs/gasm-cast.yaml takes from its start to its first step when it
goes on from a checkpoint. Makes a SynSth set, extracts its features with backbones of
random weights, trains two steps, and starts the same command again, --repeat times, with
checkpoint and features put out of the page cache. Prints, from the start of mpirun, when
the checkpoint was there ("resumed from step") and when the first step had been done and
written into the curve; medians with the smallest and the largest.

  tools/bench/resume.py --ranks 2

Needs a quiet machine and some minutes. --set changes the configuration; data.source: clips
puts the backbones into the checkpoint.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import recording

STEPS = 2  # that the run has done when it is started again


def words_of(options, folder, stop_after):
    clips = "data.source=clips" in options.set
    suffix = "h5" if clips else "features.h5"
    return ["train", "--config", str(recording.CONFIG), *recording.settings({
        **recording.weights(), "run.dir": folder, "run.name": "resumed",
        "data.train": folder / f"train.{suffix}", "data.val": folder / f"validation.{suffix}",
        "train.steps": 10, "train.stop_after": stop_after, "train.global_batch": options.batch,
        "train.micro_batch": options.batch // options.ranks, "train.eval_every_epochs": 0,
        "checkpoint.every_minutes": 0, "log.every_steps": 1}),
        *(word for pair in options.set for word in ("--set", pair))]


def launch(options, words):
    return subprocess.Popen(
        ["mpirun", "--oversubscribe", "-n", str(options.ranks), options.gasm, *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={"OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
             "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", **os.environ})


def forget(folder):
    """Puts files out of the page cache."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def prepare(options, folder):
    """A run folder with a checkpoint of step STEPS."""
    recording.make_features(options.gasm, folder, options.batch)
    job = launch(options, words_of(options, folder, STEPS))
    out = job.communicate()[0]
    if job.returncode not in (0, 85):
        sys.exit(f"resume.py: the training ended with {job.returncode}\n{out[-2000:]}")
    return folder / "resumed/checkpoints" / f"step-{STEPS}"


def steps_in(curve):
    return [json.loads(line)["step"] for line in curve.read_text().splitlines()
            if '"split": "train"' in line]


def resume(options, folder):
    """Seconds until the checkpoint was loaded, and until the first step was written."""
    curve = folder / "resumed/metrics.jsonl"
    seen = {}
    begin_s = time.monotonic()
    job = launch(options, words_of(options, folder, STEPS + 1))

    def read():
        for line in job.stdout:
            if f"resumed from step {STEPS}" in line:
                seen["loaded"] = time.monotonic() - begin_s
            seen["out"] = seen.get("out", "") + line
    reader = threading.Thread(target=read)
    reader.start()
    while job.poll() is None and "step" not in seen:
        if STEPS + 1 in steps_in(curve):
            seen["step"] = time.monotonic() - begin_s
        time.sleep(0.01)
    job.wait()
    reader.join()
    if not {"loaded", "step"} <= set(seen):
        sys.exit("resume.py: the run did not go on\n" + seen.get("out", "")[-2000:])
    return seen["loaded"], seen["step"]


def main():
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        return
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[0], add_help=False)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--folder", help="where to work: a local disk")
    parser.add_argument("--gasm", default=recording.ROOT / "build/release/bin/gasm")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gasm-resume-", dir=options.folder) as name:
        folder = pathlib.Path(name)
        step = prepare(options, folder)
        kept = folder / "kept"
        shutil.copytree(folder / "resumed", kept, symlinks=True)
        num_bytes = sum(path.stat().st_size for path in step.iterdir())
        times = []
        for _ in range(options.repeat):
            shutil.rmtree(folder / "resumed")
            shutil.copytree(kept, folder / "resumed", symlinks=True)
            forget(folder)
            times.append(resume(options, folder))
    loaded, stepped = zip(*times)
    print(f"checkpoint   {num_bytes * 1e-6:.1f} MB, {options.ranks} ranks")
    print(f"loaded       {recording.spread(loaded)} s after the start")
    print(f"first step   {recording.spread(stepped)} s after the start, the step included "
          "(goal: 30)")
    sys.exit(statistics.median(stepped) > 30)


if __name__ == "__main__":
    main()
