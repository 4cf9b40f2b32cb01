#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains on CPUs by the step that is meant for GPUs, beside the one for CPUs.

device_step_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import STEPS, Job, RunFolder, TrainCase  # noqa: E402

# Sums over ranks are rounded in another order, and steps carry that on.
NEAR = 2e-3


class DeviceStep(TrainCase):
    undisturbed_ranks = 1
    settings = {"train.ema": 0.8, "parallel.first_bucket_mb": 0.01, "parallel.bucket_mb": 0.05}

    def on_device(self, name, sets=None, ranks=1, code=0, fault=None):
        environment = {"GASM_TEST_DEVICE_STEP": "1", **({"GASM_TEST_FAULT": fault} if fault else {})}
        found, out, _ = Job(self.words(name, sets), ranks, environment).wait()
        self.assertEqual(found, code, out)
        return RunFolder(self.run_path(name, sets)), out

    def assert_near(self, run, wanted):
        for split in ("train", "val"):
            lines, wanted_lines = run.lines(split), wanted.lines(split)
            self.assertEqual([line[:2] for line in lines], [line[:2] for line in wanted_lines])
            for (step, _, values), (_, _, others) in zip(lines, wanted_lines):
                for key in ("loss", "grad_norm", "lr"):
                    if key not in others:
                        continue
                    one, other = float(values[key]), float(others[key])
                    self.assertLessEqual(abs(one - other), NEAR * abs(other) + 1e-9,
                                         f"{split} {step} {key}")
                for key in ("num_bad", "num_skipped"):
                    self.assertEqual(values.get(key), others.get(key), f"{step} {key}")

    def test_the_curve_is_that_of_the_other_step(self):
        for ranks, sets in ((1, {}), (2, {}), (3, {"parallel.zero1": "true"})):
            run, _ = self.on_device(f"ranks-{ranks}", sets, ranks=ranks)
            self.assert_near(run, self.undisturbed)

    def test_lines_are_those_of_their_steps(self):
        """The host hears late of a step, and tells of it in time."""
        every, _ = self.on_device("every-step")
        some, _ = self.on_device("every-third", {"log.every_steps": 3})
        by_step = {line[0]: line for line in every.lines("train")}
        self.assertEqual(sorted(by_step), list(range(1, STEPS + 1)))
        for line in some.lines("train"):
            self.assertEqual(line, by_step[line[0]])

    def test_stopped_run_goes_on(self):
        whole, _ = self.on_device("whole", ranks=2)
        self.on_device("stopped", {"train.stop_after": 5}, ranks=2, code=85)
        run, out = self.on_device("stopped", ranks=2)
        self.assertIn("resumed from step 5 ", out)
        self.assert_near(run, whole)
        # And by the other step, at another number of ranks.
        self.on_device("moved", {"train.stop_after": 5}, ranks=2, code=85)
        run, _ = self.train("moved", ranks=1)
        self.assert_near(run, self.undisturbed)

    def test_a_step_that_is_not_finite_is_left_out(self):
        sets = {"train.max_skipped_steps": 1}
        run, out = self.on_device("skips", sets, ranks=2, fault="nan:1:loss:3")
        wanted, _ = self.train("skips-host", sets, ranks=1, fault="nan:0:loss:3")
        self.assertRegex(out, r"step 4 changes nothing \(loss nan.*on rank 1\)")
        self.assertEqual([line[2]["num_skipped"] for line in run.lines("train")],
                         [line[2]["num_skipped"] for line in wanted.lines("train")])
        _, out = self.on_device("diverges", {"log.every_steps": 7}, ranks=2, code=4,
                                fault="nan:0:gradient:3")
        self.assertIn("training diverged at step 4 ", out)
        alerts = (self.folder / "runs/diverges/alerts.jsonl").read_text()
        self.assertEqual(json.loads(alerts)["kind"], "non_finite")

    def test_a_failing_rank_ends_all(self):
        _, out = self.on_device("fails", ranks=2, code=4, fault="throw:1:train:3")
        self.assertIn("a fault asked for by a test", out)

    def test_a_gpu_that_is_not_there_is_refused(self):
        found, out, _ = Job(self.words("no-gpu", {"train.device": "cuda"}), 2,
                            {"CUDA_VISIBLE_DEVICES": ""}).wait()
        self.assertEqual(found, 2, out)
        self.assertRegex(out, r"train\.device is cuda, and no rank has a GPU \(.*\)\. Try ")


if __name__ == "__main__":
    gasm_cli.main(__doc__.splitlines()[0])
