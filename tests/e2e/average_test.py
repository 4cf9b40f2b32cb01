#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains with the gasm binary: averaged weights, and steps that change nothing.

average_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import array
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from checkpoint_files import values_of  # noqa: E402
from gasm_cli import STEPS, TrainCase  # noqa: E402

ALL_STEPS = {"checkpoint.every_steps": 1, "checkpoint.keep_last": 100}


def tensors_at(run, step, file):
    return values_of(run.checkpoint(step) / f"{file}.safetensors")


def alerts_of(run, kind):
    path = run.path / "alerts.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [alert for alert in found if alert["kind"] == kind]


class Average(TrainCase):
    undisturbed_ranks = 1
    settings = {"train.ema": 0.8, "train.eval_every_epochs": 2}

    def measure(self, *more):
        path = self.folder / "result.json"
        out = self.must("eval", "--config", self.undisturbed.path / "config.yaml", "--json", path,
                        *more)
        return json.loads(path.read_text()), out

    def assert_same_average(self, run):
        self.assert_undisturbed(run)
        file = "ema.safetensors"
        self.assertEqual((run.checkpoint(STEPS) / file).read_bytes(),
                         (self.undisturbed.checkpoint(STEPS) / file).read_bytes())

    def test_equal_at_every_number_of_ranks(self):
        for ranks in (2, 3):
            run, _ = self.train(f"ranks-{ranks}", ranks=ranks)
            self.assert_same_average(run)

    def test_stopped_run_goes_on(self):
        # 7: while the average warms up; 12: at a border of validations.
        for stop, first, then in ((7, 2, 3), (12, 1, 2)):
            name = f"stopped-{stop}"
            self.train(name, {"train.stop_after": stop}, ranks=first, code=85)
            run, out = self.train(name, ranks=then)
            self.assertIn(f"resumed from step {stop} ", out)
            self.assert_same_average(run)

    def test_is_the_average_of_the_weights(self):
        run, _ = self.train("every-step", {**ALL_STEPS, "train.steps": 8})
        before = tensors_at(run, 1, "ema")
        learned = {name.removeprefix("exp_avg.") for name in tensors_at(run, 1, "optimizer")}
        for step in range(2, 9):
            now, weights = (tensors_at(run, step, file) for file in ("ema", "model"))
            self.assertEqual(set(now), set(weights))
            kept = min(0.8, step / (9 + step))  # t = step - 1 updates before
            for name in weights:
                if name not in learned:  # statistics, and what is frozen
                    self.assertEqual(now[name], weights[name], name)
                    continue
                old, new, weight = (array.array("f", t[name]) for t in (before, now, weights))
                for a, b, w in zip(old, new, weight):
                    wanted = kept * a + (1 - kept) * w
                    self.assertLessEqual(abs(b - wanted), 1e-6 * max(1.0, abs(a), abs(w)), name)
            before = now

    def test_changes_no_training_step(self):
        run, _ = self.train("without", {"train.ema": 0})
        self.assertEqual(run.lines("train"), self.undisturbed.lines("train"))
        self.assertFalse((run.checkpoint(STEPS) / "ema.safetensors").exists())
        self.assertNotEqual(run.lines("val"), self.undisturbed.lines("val"))

    def test_is_what_is_evaluated(self):
        averaged, out = self.measure()
        self.assertIn(f"the averaged weights (train.ema) of step {STEPS}", out)
        _, _, validated = self.undisturbed.lines("val")[-1]
        for name in ("loss", "top1", "top5", "mean_class_top1"):
            self.assertEqual(f"{averaged[name]:.7g}", f"{float(validated[name]):.7g}", name)
        folder = self.undisturbed.checkpoint(STEPS)
        self.assertEqual(self.measure("--checkpoint", folder)[0], averaged)
        self.assertEqual(self.measure("--checkpoint", folder / "ema.safetensors")[0], averaged)
        last, out = self.measure("--checkpoint", folder / "model.safetensors")
        self.assertNotIn("averaged", out)
        self.assertNotEqual(last["loss"], averaged["loss"])

    def test_a_checkpoint_without_its_average_is_refused(self):
        run, _ = self.train("lost", {"train.stop_after": 2, "checkpoint.keep_last": 1}, code=85)
        folder = run.checkpoint(2)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"].pop("ema.safetensors")
        (folder / "manifest.json").write_text(json.dumps(manifest))
        (folder / "ema.safetensors").unlink()
        _, out = self.train("lost", code=(2, 4))
        self.assertIn("has no ema.safetensors", out)


class Skipped(TrainCase):
    settings = {"train.ema": 0.8, "optim.label_smoothing": 0}

    def assert_nothing_changed(self, run, step):
        for file in ("model", "optimizer", "ema"):
            self.assertEqual(tensors_at(run, step - 1, file), tensors_at(run, step, file), file)
            self.assertNotEqual(tensors_at(run, step, file), tensors_at(run, step + 1, file))

    def test_the_first_ends_the_run_and_names_the_rank(self):
        run, out = self.train("first", fault="nan:1:loss:4", code=4)
        self.assertRegex(out, r"training diverged at step 5 \(loss nan, gradient norm nan; not "
                              r"finite: the loss of micro-batch 2 on rank 1\)\. Try a lower")
        self.assertEqual(out.count("error: "), 1, out)
        self.assertEqual(len(run.lines("train")), 4)
        self.assertEqual(len(alerts_of(run, "non_finite")), 1)
        _, out = self.train("gradient", fault="nan:0:gradient:4", code=4)
        self.assertRegex(out, r"training diverged at step 5 \(loss \d\.\d+, gradient norm nan; not "
                              r"finite: the gradient of micro-batch 1 on rank 0\)")

    def test_changes_nothing(self):
        sets = {"train.max_skipped_steps": 1, **ALL_STEPS}
        curves = []
        for name, ranks, fault in (("one", 1, "nan:0:loss:4"), ("two", 2, "nan:1:loss:4"),
                                   ("slope", 3, "nan:2:gradient:4")):
            run, out = self.train(f"skip-{name}", sets, ranks=ranks, fault=fault)
            self.assertRegex(out, r"warning: step 5 changes nothing \(loss ")
            what = "gradient" if name == "slope" else "loss"
            self.assertRegex(out, rf"the {what} of micro-batch \d on rank {ranks - 1}\)")
            self.assert_nothing_changed(run, 5)
            alert, = alerts_of(run, "skipped_step")
            self.assertEqual(alert["step"], 5)
            lines = run.lines("train")
            self.assertEqual([int(float(v["num_skipped"])) for _, _, v in lines],
                             [0] * 4 + [1] * (STEPS - 4))
            self.assertIsNone(lines[4][2]["grad_norm"])
            curves.append(lines[:4] + lines[5:])
        self.assertEqual(curves[0], curves[1])
        self.assertEqual(curves[0], curves[2])
        self.assertEqual(curves[0][:4], self.undisturbed.lines("train")[:4])
        self.assertNotEqual(curves[0][5], self.undisturbed.lines("train")[5])

    def test_the_budget_is_of_steps_in_a_row(self):
        run, out = self.train("always", {"train.max_skipped_steps": 3}, fault="nan:1:loss", code=4)
        self.assertIn("training diverged at step 4 ", out)
        self.assertIn("4 steps in a row changed nothing", out)
        self.assertEqual(len(alerts_of(run, "skipped_step")), 3)

    def test_the_row_goes_on_where_a_run_was_stopped(self):
        sets = {"train.max_skipped_steps": 1}
        self.train("row", {**sets, "train.stop_after": 5}, fault="nan:0:loss:4", code=85)
        _, out = self.train("row", sets, fault="nan:0:loss:5", code=4)
        self.assertIn("2 steps in a row changed nothing", out)
        run, _ = self.train("row", {"train.max_skipped_steps": 2}, ranks=3)
        self.assertEqual(run.lines("train")[-1][2]["num_skipped"], 1)

    def test_half_precision_that_always_overflows_ends(self):
        sets = {"train.precision": "fp16"}
        _, out = self.train("fp16", sets, fault="nan:0:gradient", code=4)
        self.assertEqual(out.count("changes nothing (a gradient overflowed)"), 16)
        self.assertIn("training diverged at step 17 ", out)
        self.assertIn("17 steps in a row changed nothing, 16 of them to lower the loss scale, "
                      "which is down to 1). Try train.precision: bf16", out)


if __name__ == "__main__":
    gasm_cli.main(__doc__)
