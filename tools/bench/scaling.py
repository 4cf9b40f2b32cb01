#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scaling.py [--ranks 2] [--config FILE] [--repeat 5] [--turns 30]

What do ranks cost? The clips per second of one job on N ranks over the sum of N
independent one-rank jobs that run at the same time on the same cores: what is
missing from 1 is communication and waiting.

All jobs live side by side, and the two sides take turns: one side is stopped
(SIGSTOP), the other runs for a second, and so on. So both see the same machine,
and its drift, often larger than what is measured, falls out of the ratio. A
side's clips are those between its first and its last line of metrics.jsonl; its
time is the time it was not stopped between them.

Prints one ratio per repeat and their median. Each job trains --config
(configs/synsth-s.yaml; its data must exist: jobs/demo.sh makes them) without
evaluation and checkpoints by time. Needs a quiet machine.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GASM = os.environ.get("GASM", str(ROOT / "build/release/bin/gasm"))
START_S = 120


class Job:
    """One training under mpirun, pinned to cores, and its time awake."""

    def __init__(self, folder, name, config, cores, batch):
        self.metrics = folder / name / "metrics.jsonl"
        self.clips_a_step = batch
        self.awake = []  # (from, to) in seconds since the epoch
        self.log = (folder / f"{name}.log").open("w")
        keys = {"run.dir": folder, "run.name": name, "train.epochs": 1000,
                "train.global_batch": batch, "train.eval_every_epochs": 0,
                "train.early_stop.patience": 0, "log.every_steps": 5,
                "log.tensorboard": "false", "checkpoint.every_minutes": 0}
        self.mpirun = subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, cores)), "mpirun",
             "--oversubscribe", "--bind-to", "none", "-n", str(len(cores)),
             GASM, "train", "--config", config]
            + [word for key, value in keys.items()
               for word in ("--set", f"{key}={value}")],
            stdout=self.log, stderr=subprocess.STDOUT, cwd=ROOT)

    def ranks(self):
        """The process ids of the ranks, children of mpirun."""
        path = f"/proc/{self.mpirun.pid}/task/{self.mpirun.pid}/children"
        return [int(pid) for pid in pathlib.Path(path).read_text().split()]

    def signal(self, number):
        for pid in self.ranks():
            os.kill(pid, number)

    def lines(self):
        if not self.metrics.exists():
            return []
        text = self.metrics.read_text()
        whole = text[:text.rfind("\n") + 1].splitlines()
        return [line for line in map(json.loads, whole)
                if line["split"] == "train"]

    def wait_for_lines(self, count):
        deadline = time.monotonic() + START_S
        while len(self.lines()) < count:
            if self.mpirun.poll() is not None or time.monotonic() > deadline:
                sys.exit("scaling: a training did not start. Its log ends:\n"
                         + pathlib.Path(self.log.name).read_text()[-2000:])
            time.sleep(0.1)

    def awake_before(self, t):
        return sum(min(end, t) - begin for begin, end in self.awake
                   if begin < t)

    def rate(self):
        """Clips per second awake, between the first and the last line."""
        begin = self.awake[0][0]
        lines = [line for line in self.lines() if line["t"] > begin]
        if len(lines) < 10:
            sys.exit("scaling: fewer than 50 steps seen. Try more --turns.")
        first, last = lines[0], lines[-1]
        return self.clips_a_step * (last["step"] - first["step"]) / (
            self.awake_before(last["t"]) - self.awake_before(first["t"]))

    def end(self):
        with contextlib.suppress(OSError):
            self.signal(signal.SIGKILL)  # mpirun ends when its ranks have
        self.mpirun.wait()
        self.log.close()


def take_turns(sides, turns):
    """Lets each side in turn run for a second. All are stopped before."""
    for _ in range(turns):
        for side in sides:
            begin = time.time()
            for job in side:
                job.signal(signal.SIGCONT)
            time.sleep(1)
            for job in side:
                job.signal(signal.SIGSTOP)
            for job in side:
                job.awake.append((begin, time.time()))


def measure(options, batch):
    """Clips per second: of the one job, and summed over the separate ones."""
    cores = list(range(options.ranks))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        jobs = []
        try:
            def start(name, cores, batch):
                jobs.append(Job(folder, name, options.config, cores, batch))
                jobs[-1].wait_for_lines(2)
                jobs[-1].signal(signal.SIGSTOP)
                return jobs[-1]
            together = [start("all", cores, batch)]
            apart = [start(f"one-{core}", [core], batch // options.ranks)
                     for core in cores]
            take_turns((together, apart), options.turns)
            return [sum(job.rate() for job in side)
                    for side in (together, apart)]
        finally:
            for job in jobs:
                job.end()


def main():
    parser = argparse.ArgumentParser(
        usage=__doc__.splitlines()[0], description=__doc__.split("\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2,
                        help="no more than there are cores")
    parser.add_argument("--config", default="configs/synsth-s.yaml")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--turns", type=int, default=30,
                        help="seconds for each side in a repeat")
    options = parser.parse_args()
    if options.ranks > len(os.sched_getaffinity(0)):
        sys.exit(f"scaling: {options.ranks} ranks need as many cores.")
    os.environ["OMP_NUM_THREADS"] = "1"
    if os.geteuid() == 0:
        os.environ["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
        os.environ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    printed = subprocess.run(
        [GASM, "train", "--config", options.config, "--print-config"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    batch = int(re.search(r"global_batch: *(\d+)", printed).group(1))
    if batch % options.ranks:
        sys.exit(f"scaling: global batch {batch} on {options.ranks} ranks "
                 "(not whole)")
    ratios = []
    for _ in range(options.repeat):
        together, apart = measure(options, batch)
        ratios.append(together / apart)
        print(f"{options.ranks} ranks {together:7.2f} clips/s   "
              f"{options.ranks} jobs {apart:7.2f} clips/s   "
              f"ratio {ratios[-1]:.3f}", flush=True)
    print(f"scaling: median ratio {statistics.median(ratios):.3f} "
          f"(from {min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
