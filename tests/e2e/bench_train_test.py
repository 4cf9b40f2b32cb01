#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures training steps on random features, as users do.

bench_train_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"
GUIDE = ("--config", CONFIGS / "gasm-cast.yaml")
SHORT = ("--batch", 1, "--steps", 1, "--warm-up", 1)
PHASES = ("forward_ms", "backward_ms", "wait_ms", "optimizer_ms")


class BenchTrain(unittest.TestCase):
    def measured(self, *words, ranks=0):
        out = gasm_cli.must("bench", "train", *GUIDE, "--random-features", "--json", *words,
                            ranks=ranks)
        lines = [line for line in out.splitlines() if line.startswith("{")]
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def bad(self, pattern, *words, ranks=0):
        code, out, _ = gasm_cli.Job(("bench", "train", *words), ranks).wait(60)
        self.assertEqual(code, 2, out)
        self.assertEqual(out.count("error: "), 1, out)
        self.assertRegex(out, pattern)

    def test_parts_of_a_step_make_the_step(self):
        found = self.measured(*SHORT)
        self.assertEqual((found["ranks"], found["batch"]), (1, 1))
        # Two for each multiply-accumulate, and at most two products behind each.
        self.assertEqual((found["device"], found["mfu"]), ("cpu", None))
        self.assertAlmostEqual(sum(found[phase] for phase in PHASES), found["step_ms"],
                               delta=0.01)
        self.assertLessEqual(found["samples_per_s"] * found["step_ms"], 1010.0)
        model = json.loads(gasm_cli.must("bench", "model", *GUIDE, "--repeat", 1, "--json",
                                         "--set", "train.micro_batch=1").splitlines()[-1])
        self.assertEqual(found["parameters"], model["trainable"])
        forward = 2e-9 * model["macs"]
        self.assertGreater(found["gflop_a_sample"], 2 * forward)
        self.assertLessEqual(found["gflop_a_sample"], 3.001 * forward)

    def test_ranks_exchange_gradients(self):
        found = self.measured(*SHORT, "--set", "train.precision=bf16", ranks=2)
        self.assertEqual((found["ranks"], found["batch"]), (2, 1))
        self.assertGreater(found["comm_ms"], 0)
        self.assertLessEqual(found["samples_per_s"] * found["step_ms"], 2020.0)
        self.assertTrue(0 <= found["comm_hidden"] <= 1)

    def test_words_that_do_not_fit(self):
        self.bad("Try --random-features", *GUIDE, ranks=2)
        random = ("--random-features",)
        self.bad("at least 1", *GUIDE, *random, "--batch", 0, ranks=2)
        self.bad("at least 1", *GUIDE, *random, "--steps", 0)
        self.bad(r"warm-up is -1 \(must be at least 0\)", *GUIDE, *random, "--warm-up", -1)
        self.bad("Try --set data.source=features", *GUIDE, *random, "--set",
                 "data.source=clips")


if __name__ == "__main__":
    gasm_cli.main(__doc__.splitlines()[0])
