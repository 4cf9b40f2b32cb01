#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the data come from changes nothing in what is trained on.

store_modes_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import STEPS, TrainCase  # noqa: E402

STREAM = {"data.store": "stream", "data.stream.block": 2, "data.stream.window": 3}
STEPS_PER_EPOCH = 3  # 32 clips in steps of 12, 12 and 8


class StoreModes(TrainCase):
    undisturbed_ranks = 1
    settings = {"train.eval_every_epochs": 2}

    def test_same_curve_in_every_mode(self):
        for mode, ranks in (("resident", 3), ("exchange", 1), ("exchange", 2),
                            ("exchange", 3), ("direct", 2)):
            with self.subTest(mode=mode, ranks=ranks):
                run, _ = self.train(f"{mode}-{ranks}", {"data.store": mode}, ranks=ranks)
                self.assert_undisturbed(run)

    def test_goes_on_in_another_mode(self):
        name = "moved"
        self.train(name, {"data.store": "exchange", "train.stop_after": 7}, ranks=3, code=85)
        run, out = self.train(name, {"data.store": "resident"}, ranks=2)
        self.assertIn("resumed from step 7 ", out)
        self.assert_undisturbed(run)

    def test_auto_says_what_it_chose(self):
        _, out = self.train("auto", {"train.steps": 2}, ranks=2)
        self.assertRegex(out, r"train\.h5: store mode resident \(0\.00 GB fit into half of "
                              r"the [0-9.]+ GB free\)")

    def test_stream_is_the_same_at_every_number_of_ranks(self):
        alone, _ = self.train("stream-1", STREAM, ranks=1)
        self.assertNotEqual(alone.curve(), self.undisturbed.curve())
        for ranks in (2, 3):
            run, _ = self.train(f"stream-{ranks}", STREAM, ranks=ranks)
            self.assertEqual(run.curve(), alone.curve())
        self.train("stream-stopped", {**STREAM, "train.stop_after": 7}, ranks=3, code=85)
        run, _ = self.train("stream-stopped", STREAM, ranks=2)
        self.assertEqual(run.curve(), alone.curve())
        # Another order is another experiment.
        _, out = self.train("stream-1", {**STREAM, "data.stream.block": 3}, ranks=1, code=(2, 4))
        self.assertIn("made with another configuration", out)

    def test_each_epoch_says_what_data_took(self):
        lines = self.undisturbed.lines("data")
        self.assertEqual([line[0] for line in lines], [*range(3, STEPS, 3), STEPS])
        for _, _, values in lines:
            self.assertEqual(set(values), {"read_gb_per_s", "load_ms", "queue_depth"})
            self.assertGreater(float(values["read_gb_per_s"]), 0)
            self.assertGreater(float(values["load_ms"]), 0)


class Batches(TrainCase):
    """gasm data batches."""

    def batches(self, sets=None, more=("--digest",), ranks=1):
        out = self.must(*self.batch_words(sets, more), ranks=ranks)
        return [line for line in out.splitlines() if line.startswith("epoch ")]

    def batch_words(self, sets, more):
        return ["data", "batches", *self.words("none", sets, more=more)[1:]]

    def test_digests_are_the_same_in_every_mode_and_world(self):
        wanted = self.batches()
        self.assertEqual(len(wanted), STEPS_PER_EPOCH)
        for line, count in zip(wanted, (12, 12, 8)):
            self.assertRegex(line, rf"^epoch 0 step \d samples {count} xxh64 [0-9a-f]{{16}}$")
        for mode, ranks in (("resident", 2), ("exchange", 3), ("exchange", 4), ("direct", 2)):
            self.assertEqual(self.batches({"data.store": mode}, ranks=ranks), wanted)
        for sets in ({"run.seed": 1}, {"data.augment.flip": "none"}, STREAM):
            self.assertNotEqual(self.batches(sets), wanted)
        self.assertEqual(self.batches(STREAM, ranks=3), self.batches(STREAM))

    def test_an_epoch_has_each_sample_once(self):
        for sets in ({}, STREAM):
            orders = []
            for epoch in (0, 1):
                lines = self.batches(sets, ("--epoch", epoch), ranks=2)
                ids = [i for line in lines for i in line.split(" ids ")[1].split()]
                self.assertEqual(len(ids), 32)
                self.assertEqual(len(set(ids)), 32)
                orders.append(ids)
            self.assertNotEqual(*orders)

    def test_from_gives_the_rest(self):
        for sets in ({"data.store": "exchange"}, STREAM):
            whole = self.batches(sets, ("--epoch", 2, "--digest"), ranks=2)
            rest = self.batches(sets, ("--epoch", 2, "--from", 1, "--digest"), ranks=3)
            self.assertEqual(rest, whole[1:])

    def test_refuses_what_the_run_does_not_have(self):
        for words in (("--epoch", 99), ("--epoch", 0, "--from", 3), ("--epoch", -1)):
            job = gasm_cli.Job(self.batch_words(None, words), 2)
            code, out, _ = job.wait(30)
            self.assertEqual(code, 2, out)
            self.assertEqual(len(re.findall("error: ", out)), 1, out)


if __name__ == "__main__":
    gasm_cli.main(__doc__.splitlines()[0])
