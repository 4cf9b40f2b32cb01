#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains with the gasm binary: what learns, in which precision, in what memory.

learning_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from checkpoint_files import values_of  # noqa: E402
from gasm_cli import STEPS, TrainCase  # noqa: E402


def weights_of(run, step):
    return values_of(run.checkpoint(step) / "model.safetensors")


def losses_of(run):
    return [float(values["loss"]) for _, _, values in run.lines("train")]


class Learning(TrainCase):
    undisturbed_ranks = 1

    def test_recomputed_activations_change_no_digit(self):
        sets = {"train.activation_checkpointing": "blocks", "model.fusion.dropout": 0.2,
                "model.fusion.drop_path": 0.2, "train.steps": 6}
        again, _ = self.train("recomputed", sets)
        kept, _ = self.train("kept", {**sets, "train.activation_checkpointing": "none"})
        self.assertEqual(again.curve(), kept.curve())
        self.assertEqual(weights_of(again, 6), weights_of(kept, 6))
        # A run may go on with the other.
        self.train("recomputed", {**sets, "train.activation_checkpointing": "none"})

    def test_bf16_follows_fp32_and_is_equal_at_every_number_of_ranks(self):
        sets = {"train.precision": "bf16"}
        one, _ = self.train("bf16-1", sets, ranks=1)
        two, _ = self.train("bf16-2", sets, ranks=2)
        self.assertEqual(one.curve(), two.curve())
        exact, found = losses_of(self.undisturbed), losses_of(one)
        self.assertNotEqual(exact, found)
        # bf16 has 8 bits: 0.4 % a rounding, and losses are of order 1.
        for step, (a, b) in enumerate(zip(exact, found), 1):
            self.assertLess(abs(a - b), 0.05 * a, f"step {step}")
        self.assertEqual(one.checkpoint(STEPS).exists(), True)
        out = self.must(*self.words("bf16-1", sets, command="eval"))
        self.assertIn("top-1", out)

    def test_fp16_lowers_its_loss_scale_until_gradients_are_finite(self):
        # Two clips a step: gradients times the first scale are beyond half precision.
        sets = {"train.precision": "fp16", "train.steps": 12, "train.global_batch": 2,
                "train.micro_batch": 2}
        run, out = self.train("fp16", sets, ranks=1)
        self.assertRegex(out, r"step 1 changes nothing \(a gradient overflowed\); "
                              r"loss scale 32768")
        facts = json.loads((run.checkpoint(12) / "manifest.json").read_text())["facts"]
        overflows = out.count("a gradient overflowed")
        self.assertEqual(float(facts["loss_scale"]), 65536 / 2 ** overflows)
        self.assertLess(overflows, 12)
        self.assertNotIn("diverged", out)

    def test_fp16_follows_fp32_and_goes_on_where_it_stopped(self):
        sets = {"train.precision": "fp16", "train.steps": 8}
        run, out = self.train("fp16-1", sets, ranks=1)
        exact, found = losses_of(self.undisturbed), losses_of(run)
        self.assertLess(abs(exact[0] - found[0]), 0.005 * exact[0])
        self.assertNotIn("overflowed", out)  # else it is steps behind
        for step, (a, b) in enumerate(zip(exact, found), 1):
            self.assertLess(abs(a - b), 0.1 * a, f"step {step}")
        self.train("fp16-2", {**sets, "train.stop_after": 5}, ranks=2, code=85)
        again, _ = self.train("fp16-2", sets, ranks=2)
        self.assertEqual(again.curve(), run.curve())

    def test_only_what_is_named_learns(self):
        sets = {"model.semantic.train": "some", "model.semantic.learns": "[layer.1, norm]",
                "model.motion.train": "some", "model.motion.learns": "[res3]", "train.steps": 4}
        first, out = self.train("some-first", {**sets, "train.steps": 1}, ranks=1)
        last, _ = self.train("some", sets, ranks=2)
        before, after = weights_of(first, 1), weights_of(last, 4)
        moved = {name for name in before if before[name] != after[name]}
        frozen = set(before) - moved
        self.assertTrue(any(n.startswith("semantic_backbone.layer.1.") for n in moved))
        self.assertTrue(any(n.startswith("motion_backbone.blocks.3.") for n in moved))
        self.assertTrue(any(n.startswith("gasm_cast.") for n in moved))
        for name in moved:
            self.assertRegex(name, r"^(semantic_backbone\.(layer\.1|norm)\.|"
                                   r"motion_backbone\.blocks\.3\.|gasm_cast\.)")
        # Frozen batch norms keep their running statistics too.
        self.assertIn("motion_backbone.blocks.0.norm.running_mean", frozen)
        self.assertRegex(out, r"\d+\.\d\d % frozen \(at least 85 %: (yes|no)\)")
        _, out = self.train("some-wrong", {**sets, "model.semantic.learns": "[layer.7]"}, code=2)
        self.assertIn('model.semantic.learns has "layer.7", which no parameter is named by', out)
        _, out = self.train("some-empty", {**sets, "model.motion.learns": "[]"}, code=2)
        self.assertIn("model.motion.learns is empty", out)

    def test_weights_load_in_part_only_when_asked(self):
        weights = self.undisturbed.checkpoint(STEPS) / "model.safetensors"
        sets = {"model.semantic.weights": weights, "model.semantic.depth": 3,
                "train.steps": 1}
        _, out = self.train("strict", sets, code=4)
        self.assertIn("no tensor layer.2.norm1.weight", out)
        self.assertIn("missing: layer.2.norm1.weight", out)
        run, out = self.train("partial", {**sets, "model.semantic.load": "partial",
                                          "model.semantic.train": "none"}, ranks=1)
        self.assertRegex(out, r"\d+ tensors fit; 1\d missing: layer\.2\.")
        old, new = values_of(weights), weights_of(run, 1)
        name = "semantic_backbone.layer.1.norm1.weight"
        self.assertEqual(old[name], new[name])


if __name__ == "__main__":
    gasm_cli.main(__doc__)
