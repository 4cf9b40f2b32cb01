# SPDX-License-Identifier: Apache-2.0
"""One life of a training run: started, watched, killed at a moment that was drawn."""
import json
import os
import pathlib
import random
import select
import signal
import time
from typing import NamedTuple

import checkpoint_check
import gasm_cli
from folder_watch import CLOSE_WRITE, CREATE, DELETE, IS_FOLDER, MODIFY, MOVED_TO, FolderWatch

# What is waited for -> how often it is drawn.
MOMENTS = {"start": 2, "load": 2, "train": 4, "write": 5, "publish": 5, "remove": 3,
           "validate": 3, "end": 1}
SCOPES = {"rank": 5, "all": 3, "mpirun": 2}
LONGEST_S = 120  # of a life or an end, on a machine that does other things as well


class Plan(NamedTuple):
    """What is drawn of a life."""
    ranks: int
    zero1: bool
    moment: str
    count: int      # of events, or steps, of that kind that come before
    delay_s: float  # after it
    scope: str      # who is killed
    rank: int       # if it is one

    def __str__(self):
        who = f"rank {self.rank}" if self.scope == "rank" else self.scope
        return (f"{self.ranks} rank(s){', zero1' if self.zero1 else ''}, kill {who} at "
                f"{self.moment} {self.count} + {1e3 * self.delay_s:.1f} ms")


def see_at_once():
    """Where it is allowed, this process runs when it has something to do, unlike its children."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        pass


def draw_plan(seed, life):
    draw = random.Random(f"life {life} of {seed}")
    moment, = draw.choices(list(MOMENTS), list(MOMENTS.values()))
    scope, = draw.choices(list(SCOPES), list(SCOPES.values()))
    count = {"train": 10, "write": 40, "publish": 12, "remove": 12}.get(moment, 1)
    longest_s = {"start": 1.5, "load": 0.02, "train": 0.08, "validate": 0.08,
                 "end": 0.1}.get(moment, 0.004)
    ranks = draw.randint(1, 4)
    return Plan(ranks, draw.random() < 0.5, moment, draw.randrange(count),
                draw.choice((0, 1)) * draw.random() * longest_s, scope, draw.randrange(ranks))


def board(run):
    """What each rank is in, and its process, by the status board."""
    try:
        rows = (run.path / "logs/status-board").read_text(errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for row in rows:
        words = dict(word.split("=", 1) for word in row.partition(" phase=")[0].split()
                     if "=" in word)
        phase = row.partition(" phase=")[2].partition(" | ")[0]
        found.append((int(words.get("pid") or 0), phase.strip()))
    return found


def names_of(run):
    """All files and folders of a run, below its own."""
    found = set()
    for folder, folders, files in os.walk(run.path):
        found |= {str((pathlib.Path(folder) / name).relative_to(run.path))
                  for name in (*folders, *files)}
    return found


class Life:
    """A started job, and what was seen of it."""

    def __init__(self, plan, words, run, environment):
        self.plan, self.run = plan, run
        self.first_step = max((line[0] for line in run.lines("train")), default=0)
        for folder in ("checkpoints", "logs"):
            (run.path / folder).mkdir(parents=True, exist_ok=True)
        self.watch = FolderWatch(run.path, run.path / "logs", run.path / "checkpoints")
        self.job = gasm_cli.Job(words, plan.ranks, environment)
        self.pids = {}  # process -> handle that no other process can get

    def close(self):
        self.job.end()
        self.watch.__exit__()
        for handle in self.pids.values():
            os.close(handle)

    def _find_ranks(self):
        # mpirun has one process a rank; what it has not started yet is found later.
        # (gasm_cli looks at every process of the machine, which takes too long here.)
        mpirun = self.job.process.pid
        for path in pathlib.Path(f"/proc/{mpirun}/task").glob("*/children"):
            try:
                pids = map(int, path.read_text().split())
            except OSError:
                continue
            for pid in pids:
                if pid in self.pids:
                    continue
                try:
                    self.pids[pid] = os.pidfd_open(pid)
                except ProcessLookupError:
                    pass

    def _is_moment(self, event):
        plan = self.plan
        if plan.moment in ("load", "validate"):
            word = {"load": "load checkpoint", "validate": "evaluate"}[plan.moment]
            return event.name == "status-board" and any(
                pid in self.pids and word in phase for pid, phase in board(self.run))
        if plan.moment == "train":
            return event.name == "metrics.jsonl" and any(
                line[0] > self.first_step for line in self.run.lines("train"))
        if plan.moment == "end":
            return event.name == "manifest.json" and event.folder == self.run.path and \
                self._state() != "running"
        if self.run.path / "checkpoints" not in (event.folder, event.folder.parent):
            return False
        if plan.moment == "remove":
            return event.kinds & DELETE
        is_temporary = ".tmp-" in str(event.folder / event.name)
        if plan.moment == "publish":
            return event.kinds & MOVED_TO or (is_temporary and event.kinds & IS_FOLDER)
        return is_temporary and event.kinds & (CREATE | MODIFY | CLOSE_WRITE)

    def _state(self):
        try:
            return self.run.manifest()["state"]
        except (OSError, ValueError):
            return "running"

    def wait_for_moment(self):
        """True at the moment; False if the job ended before; None if it hangs."""
        plan, left = self.plan, self.plan.count
        end_s = self.job.start_s + LONGEST_S
        if plan.moment == "start":
            time.sleep(plan.delay_s)
            self._find_ranks()
            return self.job.process.poll() is None
        while time.monotonic() < end_s:
            if self.job.process.poll() is not None:
                return False
            events = self.watch.wait(0.2)
            if len(self.pids) < plan.ranks:
                self._find_ranks()
            for event in events:
                if self._is_moment(event):
                    left -= 1
                    if left < 0:
                        time.sleep(plan.delay_s)
                        return self.job.process.poll() is None
        return None

    def kill(self):
        """Kills whom the plan says; False if nobody was left to kill."""
        if len(self.pids) < self.plan.ranks:
            self._find_ranks()
        handles = list(self.pids.values())
        if self.plan.scope == "rank":
            if not handles:
                return False
            handles = [handles[self.plan.rank % len(handles)]]
        elif self.plan.scope == "mpirun":
            handles = []
        if self.plan.scope != "rank":
            os.kill(self.job.process.pid, signal.SIGKILL)
        num_killed = 0
        for handle in handles:
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                num_killed += 1
            except ProcessLookupError:
                pass
        return self.plan.scope != "rank" or num_killed > 0

    def is_over(self, marker):
        """Waits until no process of the job is left; False if some do not end."""
        end_s = time.monotonic() + LONGEST_S
        self.job.process.poll()
        for handle in self.pids.values():
            waiting = select.poll()
            waiting.register(handle, select.POLLIN)
            waiting.poll(max(0, 1e3 * (end_s - time.monotonic())))
        while self.job.process.poll() is None or processes_with(marker):
            if time.monotonic() > end_s:
                return False
            time.sleep(0.02)
        return True


def processes_with(marker):
    """Living processes that have a word in their environment: pid -> command line."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (path / "environ").read_bytes():
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
    return found


def where_of(run, pids, before, keep):
    """What the run was doing when it was killed, by what it left.

    pids: of its processes; before: names_of(run) when it was started; keep: the
    most step folders that retention leaves.
    """
    new = {name for name in names_of(run) if any(f".tmp-{pid}" in name for pid in pids)} - before
    replaced = [path for path in run.path.glob("checkpoints/step-*")
                if path.name.endswith("replaced")]
    if replaced:
        steps = [int(path.name[5:].partition(".")[0]) for path in replaced]
        if all(run.checkpoint(step).exists() for step in steps):
            return "save: removing the replaced one"
        return "save: between two renames"
    folders = [name for name in new if name.startswith("checkpoints/step-")]
    if any(name.endswith("/manifest.json") for name in folders):
        return "save: all files written"
    if folders:
        return "save: writing files"
    if any("removed" in name for name in names_of(run) - before):
        return "save: removing old ones"
    steps = checkpoint_check.step_folders(run.path / "checkpoints")
    latest = run.path / "checkpoints/latest"
    if any("/latest.tmp-" in name for name in new) or (
            steps and (not latest.is_symlink() or os.readlink(latest) != f"step-{max(steps)}")):
        return "save: folder in place, latest not"
    if any("/best.tmp-" in name for name in new):
        return "save: latest moved, best not"
    if len(steps) > keep or any(not is_whole(folder) for folder in steps.values()):
        return "save: removing old ones"
    phases = [phase for pid, phase in board(run) if pid in pids]
    if not phases:
        return "start of processes"
    for word in ("load checkpoint", "save checkpoint", "evaluate", "train"):
        if any(word in phase for phase in phases):
            return {"save checkpoint": "save: begun, or done", "evaluate": "validation",
                    "train": "steps", "load checkpoint": "loading the checkpoint"}[word]
    return "opening data and records" if run_is_open(run) else "end"


def run_is_open(run):
    try:
        return json.loads((run.path / "manifest.json").read_text())["state"] != "done"
    except (OSError, ValueError):
        return True


def is_whole(folder):
    """Whether all files are there that the manifest lists."""
    try:
        return {path.name for path in folder.iterdir()} == {
            "manifest.json", *checkpoint_check.listed_files(checkpoint_check.read_manifest(folder))}
    except checkpoint_check.Bad:
        return False
