#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A rank that is slow by its own doing is named, once.

slow_ranks_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import TrainCase  # noqa: E402


class Slow(TrainCase):
    settings = {"train.steps": 10, "watch.skew_factor": 1.3, "watch.skew_lines": 4}

    def test_slow_rank_is_named_once(self):
        for phase in ("data", "forward", "backward"):
            with self.subTest(phase):
                run, out = self.train(f"slow-{phase}", fault=f"slow:1:{phase}")
                alerts = [json.loads(line) for line in
                          (run.path / "alerts.jsonl").read_text().splitlines()]
                self.assertEqual([alert["kind"] for alert in alerts], ["rank_skew"])
                self.assertRegex(alerts[0]["text"], r"^rank 1 on host \S+ is slow: [\d.]+ ms of "
                                 r"its own a clip, [\d.]+ times the median rank's [\d.]+ ms, for "
                                 rf"4 lines of the log, most of it in phase {phase}$")
                self.assertEqual(out.count("is slow: "), 1, out)
                lines = [json.loads(line) for line in
                         (run.path / "metrics.jsonl").read_text().splitlines()]
                train = [line["m"] for line in lines if line["split"] == "train"]
                self.assertEqual([line["slowest_rank"] for line in train], [1] * 10)
                self.assertGreater(min(line["rank_skew"] for line in train[1:]), 1.3)
                self.assertEqual(run.curve(), self.undisturbed.curve())

    def test_one_rank_is_compared_with_nobody(self):
        run, _ = self.train("alone", ranks=0)
        self.assertNotIn("rank_skew", (run.path / "metrics.jsonl").read_text())


if __name__ == "__main__":
    gasm_cli.main(__doc__)
