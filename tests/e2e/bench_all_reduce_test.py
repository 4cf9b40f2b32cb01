#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the exchange of gradients, as users do.

bench_all_reduce_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402

SMALL = ("--min-bytes", 4096, "--max-bytes", 16384, "--repeat", 3)


class BenchAllReduce(unittest.TestCase):
    def measured(self, *words, ranks=0):
        out = gasm_cli.must("bench", "allreduce", "--json", *words, ranks=ranks)
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def bad(self, pattern, *words, ranks=0):
        code, out, _ = gasm_cli.Job(("bench", "allreduce", *words), ranks).wait(60)
        self.assertEqual(code, 2, out)
        self.assertEqual(out.count("error: "), 1, out)
        self.assertRegex(out, pattern)

    def test_one_line_a_size_whose_figures_agree(self):
        for ranks in (2, 3):
            lines = self.measured(*SMALL, ranks=ranks)
            self.assertEqual([line["bytes"] for line in lines], [4096, 8192, 16384])
            for line in lines:
                self.assertEqual((line["type"], line["op"], line["ranks"]), ("fp32", "sum", ranks))
                algorithm = line["bytes"] / line["ms"] * 1e-6
                self.assertAlmostEqual(line["algorithm_gb_per_s"] / algorithm, 1, delta=0.05)
                self.assertAlmostEqual(line["bus_gb_per_s"] / line["algorithm_gb_per_s"],
                                       2 * (ranks - 1) / ranks, delta=0.05)
                self.assertAlmostEqual(line["over_plain"], line["ms"] / line["plain_ms"],
                                       delta=0.05 * line["over_plain"])
                self.assertAlmostEqual(line["tree_over_plain"], line["tree_ms"] / line["plain_ms"],
                                       delta=0.05 * line["tree_over_plain"])

    def test_types_and_reductions(self):
        for kind in ("bf16", "fp16"):
            for op in ("mean", "scaled_sum", "max"):
                lines = self.measured("--type", kind, "--op", op, "--min-bytes", 1000,
                                      "--max-bytes", 1000, "--repeat", 1, ranks=2)
                self.assertEqual([(line["bytes"], line["type"], line["op"]) for line in lines],
                                 [(1000, kind, op)])

    def test_one_rank_and_words_for_people(self):
        self.assertEqual(len(self.measured(*SMALL)), 3)
        out = gasm_cli.must("bench", "allreduce", *SMALL, ranks=2)
        self.assertEqual(out.count("bytes fp32"), 3, out)

    def test_words_that_do_not_fit(self):
        self.bad("Try fp32, bf16 or fp16", "--type", "int8", ranks=2)
        self.bad("Try sum, mean, scaled_sum or max", "--op", "product")
        self.bad("--min-bytes 8 is above --max-bytes 4", "--min-bytes", 8, "--max-bytes", 4)
        self.bad("out of range. Try 4 to 2147483648", "--max-bytes", 1 << 40)
        self.bad("out of range. Try 4 to", "--min-bytes", 3)
        self.bad("--repeat 0 is out of range", "--repeat", 0)


if __name__ == "__main__":
    gasm_cli.main(__doc__.splitlines()[0])
