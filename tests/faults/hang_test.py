#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ranks that stop, hang or differ: each is named.

hang_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import RunFolder, TrainCase, kill  # noqa: E402

# Phase of the fault -> how reports name it.
PHASES = {"open": "open ", "build": "build model", "load": "load checkpoint",
          "loader": "train > data", "data:1": "train > data", "forward:1": "train > forward",
          "backward:1": "train > backward", "exchange:1": "train > exchange",
          "optimizer:1": "train > optimiser", "evaluate": "evaluate", "save": "save checkpoint"}
DEADLINE = {"train.watchdog_s": 5}
# From the start of the program; a busy machine takes its time.
WITHIN_S = 60


class Culprit(TrainCase):
    settings = {"train.steps": 3, "parallel.first_bucket_mb": 0.1, "parallel.bucket_mb": 0.2}

    def reports(self, out, rank, words, phase):
        """One report, which names that rank, why, and where it is."""
        self.assertEqual(out.count("watchdog: culprit: "), 1, out)
        self.assertEqual(out.count("watchdog: no progress for "), 1, out)
        self.assertRegex(out, rf"culprit: rank {rank} \({words}", out)
        self.assertRegex(out, rf'watchdog: rank {rank} on host \S+, pid \d+ \([^)]+\): '
                              rf'[\d.]+ s in phase "[^"]*{phase}[^"]*"', out)

    def hangs(self, fault, words, phase, sets=None, name=None):
        name = name or fault.replace(":", "-")
        rank = int(fault.split(":")[1])
        run, out = self.train(name, {**DEADLINE, **(sets or {})}, code=75, fault=fault,
                              within_s=WITHIN_S)
        self.reports(out, rank, words, phase)
        self.assertEqual((run.path / "logs/status-board-report").read_text().count("culprit"), 1)
        return run, out

    def test_stopped_in_each_phase(self):
        for phase, name in PHASES.items():
            with self.subTest(phase):
                _, out = self.hangs(f"stop:1:{phase}", "does not answer"
                                    if phase != "loader" else "", name)
                self.assertRegex(out, r"pid \d+ \(stopped by a signal\)")

    def test_asleep_or_computing_in_each_phase(self):
        """By turns; and rank 0, by turns."""
        for i, (phase, name) in enumerate(PHASES.items()):
            kind = ("hang", "loop")[i % 2]
            rank = 1 - i % 3 // 2
            with self.subTest(phase, kind=kind, rank=rank):
                run, out = self.hangs(f"{kind}:{rank}:{phase}", "did not come to collective", name)
                self.assertRegex(out, rf"rank {1 - rank} waits inside collective \d+ \(")
                if phase in ("exchange:1", "optimizer:1"):
                    self.assertRegex(out, r"last gradient \S+ \(bucket -?\d+\)")
                self.knows_its_calls(run)

    def knows_its_calls(self, run):
        """Both ranks left a flight file, whose calls agree as far as both went."""
        flights = [json.loads((run.path / f"logs/flight-rank-{rank}.json").read_text())
                   for rank in range(2)]
        calls = []
        for rank, flight in enumerate(flights):
            self.assertEqual((flight["schema"], flight["version"], flight["rank"]),
                             ("gasm.flight", 1, rank))
            self.assertLessEqual(len(flight["calls"]), 1000)
            ordered = [call for call in flight["calls"] if not call["posted"]]
            numbers = [call["sequence"] for call in ordered]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
            calls.append({call["sequence"]: (call["kind"], call["type"],
                                             call["uniform"] and call["bytes"])
                          for call in ordered})
            for call in flight["calls"]:
                self.assertGreater(call["begin"], time.time() - 3600)
        common = set(calls[0]) & set(calls[1])
        self.assertTrue(common)
        for number in common:
            self.assertEqual(calls[0][number], calls[1][number])

    def test_stopped_while_it_resumes(self):
        self.train("resumes", {"train.stop_after": 2}, code=85)
        self.hangs("stop:1:load", "does not answer", "load checkpoint", name="resumes")
        run, out = self.train("resumes")
        self.assertIn("resumed from step 2", out)
        self.assertEqual(run.curve(), self.undisturbed.curve())
        # What an earlier job left is no longer there.
        self.assertEqual(list((run.path / "logs").glob("*-report")), [])
        self.assertEqual(list((run.path / "logs").glob("flight-*")), [])

    def test_stopped_at_the_start(self):
        """Before it says a word, or while ranks find each other."""
        job = gasm_cli.Job(self.words("start", DEADLINE), 2, {"GASM_START_DEADLINE_S": "5"})
        self.addCleanup(job.end)
        end_s = time.monotonic() + 30
        while len(job.ranks()) < 2:
            self.assertLess(time.monotonic(), end_s)
            time.sleep(0.002)
        kill(job.ranks()[1], signal.SIGSTOP)
        code, out, seconds = job.wait(WITHIN_S)
        self.assertEqual(code, 75, out)
        self.assertLess(seconds, WITHIN_S)
        self.assertRegex(out, r"culprit: rank [01] \((said nothing since the start|does not "
                              r"answer)\)")
        self.assertRegex(out, r'phase "(start|create run folder)"')

    def test_a_deadline_for_each_phase(self):
        """The one of the phase counts, whatever that of the others is."""
        for phase, key in (("open", "open_s"), ("build", "build_s"), ("load", "load_s"),
                           ("forward:1", "step_s"), ("evaluate", "evaluate_s"),
                           ("save", "save_s")):
            with self.subTest(phase):
                _, out = self.hangs(f"hang:1:{phase}", "did not come", PHASES[phase],
                                    {"train.watchdog_s": 600, f"watch.{key}": 4},
                                    f"deadline-{key}")
                self.assertIn("(deadline 4.0 s)", out)

    def test_on_a_device_s_step(self):
        """The step that is meant for GPUs."""
        for fault, words, phase in (("stop:1:exchange:1", "does not answer", "train > exchange"),
                                    ("hang:1:forward:1", "did not come", "train > forward")):
            with self.subTest(fault):
                job = gasm_cli.Job(self.words("device", DEADLINE), 2,
                                   {"GASM_TEST_FAULT": fault, "GASM_TEST_DEVICE_STEP": "1"})
                code, out, _ = job.wait(WITHIN_S)
                self.assertEqual(code, 75, out)
                self.reports(out, 1, words, phase)

    def test_evaluation_alone(self):
        """Without a run folder, ranks of a host see each other."""
        for fault, words, phase in (("hang:1:load", "did not come", "load checkpoint"),
                                    ("stop:0:evaluate", "does not answer", "evaluate")):
            with self.subTest(fault):
                job = gasm_cli.Job(["eval", "--config", self.undisturbed.path / "config.yaml",
                                    "--set", "train.watchdog_s=5"], 2, {"GASM_TEST_FAULT": fault})
                code, out, _ = job.wait(WITHIN_S)
                self.assertEqual(code, 75, out)
                self.reports(out, int(fault.split(":")[1]), words, phase)


class Difference(TrainCase):
    settings = {"train.steps": 12}

    def test_a_collective_left_out(self):
        run, out = self.train("skip", DEADLINE, code=75, fault="skip:1:exchange:8",
                              within_s=WITHIN_S)
        self.assertEqual(out.count("watchdog: culprit: "), 1, out)
        self.assertRegex(out, r"culprit: rank 1 \(calls \S+ .* as collective \d+, where rank 0 "
                              r"calls all_reduce of \d+ bytes \(fp64\)")
        self.assertEqual(run.steps(), [])

    def test_a_collective_too_many(self):
        """It goes by unseen but for the comparison, which costs no message."""
        for ranks in (2, 3):
            run, out = self.train(f"extra-{ranks}", code=4, fault="extra:1:exchange:8",
                                  ranks=ranks, within_s=WITHIN_S)
            self.assertRegex(out, rf"error: rank 1 of {ranks} called broadcast of 8 bytes "
                                  r"\(bytes\) as collective \d+, where rank 0 called all_reduce "
                                  r"of \d+ bytes \(fp64\) \(found in step 9; ")
            self.assertEqual(out.count("error: "), 1, out)
            flight = json.loads((run.path / "logs/flight-rank-1.json").read_text())
            self.assertEqual(flight["reason"], "ranks called different things")
            self.assertEqual(flight["calls"][-2]["kind"], "broadcast")

    def test_weights_that_differ(self):
        for rank in (1, 2):
            _, out = self.train(f"flip-{rank}", {"watch.weights_every": 3}, code=4,
                                fault=f"flip:{rank}:weights:4", ranks=3, within_s=WITHIN_S)
            # Changed in step 5, and compared in step 6.
            self.assertRegex(out, rf"error: the weights of rank {rank} of 3 are not those of "
                                  r"rank 0 after step 5 \(\S+ is the first that differs")
            self.assertEqual(out.count("error: "), 1, out)

    def test_without_comparisons(self):
        run, out = self.train("unseen", {"watch.weights_every": 0, "watch.calls_every": 0},
                              fault="flip:1:weights:4")
        self.assertNotIn("error", out)
        self.assertEqual(run.steps(), [12])

    def test_the_curve_is_the_same(self):
        run, _ = self.train("compared", {"watch.weights_every": 1})
        self.assertEqual(run.curve(), self.undisturbed.curve())
        for ranks in (0, 3):
            run, _ = self.train(f"compared-{ranks}", ranks=ranks)
            self.assertEqual(run.curve(), self.undisturbed.curve())
        run, _ = self.train("zero1", {"watch.weights_every": 1, "parallel.zero1": "true"})
        self.assertEqual(run.curve(), self.undisturbed.curve())


class Ending(TrainCase):
    settings = {"train.steps": 6}

    def test_second_interrupt_ends_at_once(self):
        job = self.start("interrupts", {"log.every_steps": 1}, ranks=0, fault="hang:0:forward:3")
        run = RunFolder(self.run_path("interrupts"))
        self.wait_for_step(job, run, 3)
        kill(job.process.pid, signal.SIGINT)
        time.sleep(1)
        self.assertIsNone(job.process.poll())
        kill(job.process.pid, signal.SIGINT)
        code, out, _ = job.wait(30)
        self.assertEqual(code, -signal.SIGINT, out)
        self.assertEqual(run.steps(), [])

    def test_crash_names_phase_and_leaves_its_calls(self):
        run, out = self.train("crash", code=128 + signal.SIGSEGV, fault="crash:1:backward:2",
                              within_s=WITHIN_S)
        self.assertRegex(out, r'error: SIGSEGV in phase "[^"]*train > backward"')
        flight = json.loads((run.path / "logs/flight-rank-1.json").read_text())
        self.assertEqual(flight["reason"], "SIGSEGV")
        self.assertRegex(flight["phase"], "train > backward$")

    def test_failures_leave_calls(self):
        run, _ = self.train("agreed", code=4, fault="throw:1:train:2")
        for rank in range(2):
            flight = json.loads((run.path / f"logs/flight-rank-{rank}.json").read_text())
            self.assertEqual(flight["reason"], "agreed error")
        run, _ = self.train("aborted", code=3, fault="throw:1:save")
        flight = json.loads((run.path / "logs/flight-rank-1.json").read_text())
        self.assertEqual(flight["reason"], "abort")
        run, _ = self.train("aborted")
        self.assertEqual(list((run.path / "logs").glob("flight-*")), [])


if __name__ == "__main__":
    gasm_cli.main(__doc__)
