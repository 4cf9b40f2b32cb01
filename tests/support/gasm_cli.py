# SPDX-License-Identifier: Apache-2.0
"""What the tests that run the gasm binary have in common."""
import argparse
import atexit
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

GASM = "gasm"
MPIRUN = "mpirun"
CONFIG = pathlib.Path(__file__).resolve().parents[2] / "configs/synsth-s.yaml"
STEPS = 20

# 32 clips in steps of 12, 12 and 8; 3 micro-batches of 4, the last step has 2.
# Small frames: what is tested does not depend on their size.
SETTINGS = {
    "model.semantic.resolution": "[48, 64]", "train.steps": STEPS,
    "train.global_batch": 12, "train.micro_batch": 4, "optim.warmup_epochs": 0,
    "log.every_steps": 1, "checkpoint.every_minutes": 0, "train.eval_every_epochs": 0,
    # Ranks that share a core are not equally fast.
    "watch.skew_factor": 0,
    "alerts.data_wait": 1,  # that of so small a run is the machine's
}
# The figures that say how fast it went, not what was computed.
SPEED = ("clips_per_s", "data_wait", "forward_ms", "backward_ms", "exchange_wait_ms",
         "optimizer_ms", "record_ms", "checkpoint_ms", "exchange_hidden", "memory_mb", "mfu",
         "rank_skew", "slowest_rank")


def launch_here(ranks):
    """What a command begins with that runs on so many ranks."""
    return [MPIRUN, "--oversubscribe", "-n", str(ranks)]


def command_of(words, ranks, launch=launch_here):
    return [*(launch(ranks) if ranks else ()), GASM, *map(str, words)]


def environment_of(more):
    return dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1",
                OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", **(more or {}))


class Job:
    """A started command; ends with all its processes."""

    def __init__(self, words, ranks=0, environment=None, launch=launch_here):
        self.output = tempfile.TemporaryFile("w+")
        self.start_s = time.monotonic()
        self.process = subprocess.Popen(
            command_of(words, ranks, launch), stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=subprocess.STDOUT, env=environment_of(environment), start_new_session=True)

    def wait(self, seconds=90):
        """Exit code, all output, seconds since the start."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = "still running"
        seconds = time.monotonic() - self.start_s
        self.end()
        self.output.seek(0)
        out = self.output.read()
        self.output.close()
        return code, out, seconds

    def end(self):
        """Kills what is left; mpirun gives each rank a process group."""
        if self.process.poll() is None:
            for pid in [*self.ranks(), self.process.pid]:
                kill(pid, signal.SIGKILL)
            self.process.wait()

    def ranks(self):
        """Process ids of the ranks that have left mpiexec's own program behind, which
        waits for that: a child that is stopped before would hold it."""
        return sorted(pid for pid in children_of(self.process.pid)
                      if program_of(pid) != program_of(self.process.pid))


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def program_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def children_of(pid):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == pid:
            found.append(int(stat.parent.name))
    return found


class RunFolder:
    def __init__(self, path):
        self.path = pathlib.Path(path)

    def lines(self, split):
        """The curve: (step, epoch, values), values as printed."""
        path = self.path / "metrics.jsonl"
        found = []
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                line = json.loads(line, parse_float=str)
            except ValueError:  # unfinished: somebody is writing
                continue
            if line["split"] == split:
                values = {k: v for k, v in line["m"].items() if k not in SPEED}
                found.append((line["step"], line["epoch"], values))
        return found

    def curve(self):
        return self.lines("train"), self.lines("val")

    def checkpoint(self, step):
        return self.path / f"checkpoints/step-{step}"

    def steps(self):
        """Steps of the checkpoints, ascending."""
        return sorted(int(path.name[5:]) for path in self.path.glob("checkpoints/step-*")
                      if re.fullmatch(r"step-\d+", path.name))

    def manifest(self):
        return json.loads((self.path / "manifest.json").read_text())


def must(*words, ranks=0):
    """The output of a command that succeeds."""
    code, out, _ = Job(words, ranks).wait()
    if code != 0:
        raise AssertionError(f"{words} ended with {code}\n{out}")
    return out


@functools.cache
def make_stores():
    """train.h5 of 32 clips and validation.h5 of 16, until the process ends.

    others.h5 holds the clips of validation.h5 under classes in another order.
    """
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gasm-stores-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    must("synth", "--level", "S", "--train-draws", 8, "--val-draws", 4, "--test-draws", 1,
         "--output", folder)
    stores = [folder / f"{split}.h5" for split in ("train", "validation")]
    for store in stores:
        must("data", "pack", "--videos", folder / "videos", "--labels", folder / "labels",
             "--split", store.stem, "--output", store)
    labels = json.loads((folder / "labels/labels.json").read_text())
    turned = {name: str(len(labels) - 1 - int(label)) for name, label in labels.items()}
    (folder / "labels/labels.json").write_text(json.dumps(turned))
    others = folder / "others.h5"
    must("data", "pack", "--videos", folder / "videos", "--labels", folder / "labels",
         "--split", "validation", "--output", others)
    return [*stores, others]


class TrainCase(unittest.TestCase):
    """Tests that train on one small set."""
    maxDiff = 4000
    folder = None  # of the class
    undisturbed_ranks = 2
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="gasm-train-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for store in make_stores():
            shutil.copy(store, cls.folder)
        cls.undisturbed = RunFolder(cls.folder / "runs/undisturbed")
        cls.must(*cls.words("undisturbed"), ranks=cls.undisturbed_ranks)

    @staticmethod
    def must(*words, ranks=0):
        return must(*words, ranks=ranks)

    @classmethod
    def words(cls, name, sets=None, command="train", more=()):
        """The command line of a run; None in `sets` leaves a setting out."""
        values = {"run.name": name, "run.dir": cls.folder / "runs",
                  "data.train": cls.folder / "train.h5",
                  "data.val": cls.folder / "validation.h5",
                  **SETTINGS, **cls.settings, **(sets or {})}
        found = [command, "--config", CONFIG]
        for key, value in values.items():
            if value is not None:
                found += ["--set", f"{key}={value}"]
        return [*found, *more]

    def start(self, name, sets=None, ranks=2, fault=None, launch=launch_here):
        job = Job(self.words(name, sets), ranks, {"GASM_TEST_FAULT": fault} if fault else None,
                  launch)
        self.addCleanup(job.end)
        return job

    def train(self, name, sets=None, ranks=2, code=0, fault=None, within_s=None, more=(),
              launch=launch_here, environment=None):
        """Trains, checks the exit code; returns run folder and output."""
        job = Job(self.words(name, sets, more=more), ranks,
                  {**(environment or {}), **({"GASM_TEST_FAULT": fault} if fault else {})}, launch)
        found, out, seconds = job.wait()
        expected = code if isinstance(code, tuple) else (code,)
        self.assertIn(found, expected, f"{name} {sets} on {ranks} ranks\n{out}")
        if within_s:
            self.assertLess(seconds, within_s, out)
        return RunFolder(self.run_path(name, sets)), out

    def run_path(self, name, sets=None):
        return pathlib.Path((sets or {}).get("run.dir", self.folder / "runs")) / name

    def wait_for_step(self, job, run, step):
        """Until the run has written the line of `step`."""
        end_s = time.monotonic() + 30
        while time.monotonic() < end_s and job.process.poll() is None:
            if any(line[0] >= step for line in run.lines("train")):
                return
            time.sleep(0.005)
        _, out, _ = job.wait(1)
        self.fail(f"the run did not come to step {step}\n{out}")

    def assert_undisturbed(self, run):
        """The curve is that of a run that nobody interrupted, bit for bit."""
        train, val = run.curve()
        self.assertEqual([line[0] for line in train], list(range(1, STEPS + 1)))
        self.assertEqual(train, self.undisturbed.lines("train"))
        self.assertEqual(val, self.undisturbed.lines("val"))
        weights = "model.safetensors"
        self.assertEqual((run.checkpoint(STEPS) / weights).read_bytes(),
                         (self.undisturbed.checkpoint(STEPS) / weights).read_bytes())


def main(description):
    global GASM, MPIRUN
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--gasm", required=True)
    parser.add_argument("--mpirun", default="mpirun")
    options, rest = parser.parse_known_args()
    GASM, MPIRUN = os.path.abspath(options.gasm), options.mpirun
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
