#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stops runs in the midst of an epoch, and goes on at other numbers of ranks.

resume_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from checkpoint_files import read_set  # noqa: E402
from gasm_cli import RunFolder, TrainCase  # noqa: E402
from sample_files import noting, samples_of  # noqa: E402

# Of 32 clips in two steps of four micro-batches: step 3 is in the second epoch's midst.
STOP, END = 3, 6
NUM_CLIPS, STEPS_PER_EPOCH, MICRO_BATCHES = 32, 2, 4
ZERO = {"parallel.zero1": "true", "parallel.first_bucket_mb": 0.01, "parallel.bucket_mb": 0.05}


class Resume(TrainCase):
    undisturbed_ranks = 1
    settings = {"train.global_batch": 16, "train.micro_batch": 4, "parallel.virtual_ranks": 4,
                "train.steps": END, "train.ema": 0.9}

    def stopped(self, ranks, zero):
        name = f"stopped-{ranks}-{'zero' if zero else 'whole'}"
        run, _ = self.train(name, {**(ZERO if zero else {}), "train.stop_after": STOP},
                            ranks=ranks, code=85, environment=noting(self.folder / name))
        manifest = json.loads((run.checkpoint(STOP) / "manifest.json").read_text())
        self.assertEqual((manifest["format"], manifest["ranks"]), (2, ranks))
        written = {file for file, facts in manifest["files"].items()
                   if facts["set"] == "optimizer"}
        self.assertEqual(len(written), ranks if zero else 1, written)
        return run

    def assert_whole(self, run, step, wanted):
        for name in ("model", "optimizer", "ema"):
            self.assertEqual(read_set(run.checkpoint(step), name),
                             read_set(wanted.checkpoint(step), name), name)

    def assert_each_sample_once(self, before, after):
        """Both parts of the run together trained on each clip once an epoch."""
        parts = samples_of(before), samples_of(after)
        self.assertEqual([{step for step, _ in part} for part in parts],
                         [set(range(STOP)), set(range(STOP, END))])
        seen = {**parts[0], **parts[1]}
        self.assertEqual(set(seen), {(step, index) for step in range(END)
                                     for index in range(MICRO_BATCHES)})
        for epoch in range(END // STEPS_PER_EPOCH):
            samples = [sample for (step, _), batch in seen.items()
                       if step // STEPS_PER_EPOCH == epoch for sample in batch]
            self.assertEqual(sorted(samples), list(range(NUM_CLIPS)), epoch)

    def go_on(self, stopped, ranks, zero):
        name = f"{stopped.path.name}-on-{ranks}-{'zero' if zero else 'whole'}"
        shutil.copytree(stopped.path, self.run_path(name), symlinks=True)
        run, out = self.train(name, ZERO if zero else {}, ranks=ranks,
                              environment=noting(self.folder / name))
        self.assertIn(f"resumed from step {STOP} of {END}", out)
        self.assert_each_sample_once(self.folder / stopped.path.name, self.folder / name)
        self.assertEqual(run.curve(), self.undisturbed.curve())
        self.assert_whole(run, END, self.undisturbed)
        shutil.rmtree(run.path)

    def from_all_to_all(self, zero):
        reference = RunFolder(self.run_path("stopped-1-whole"))
        if not reference.path.exists():
            self.stopped(1, False)
        for first in (1, 2, 3, 4):
            run = self.stopped(first, zero) if zero or first > 1 else reference
            self.assert_whole(run, STOP, reference)
            for then in (1, 2, 3, 4):
                # Half of them with the other kind of optimiser.
                other = zero if (first + then) % 2 else not zero
                with self.subTest(first=first, then=then, zero=zero, other=other):
                    self.go_on(run, then, other)

    def test_from_whole_optimisers(self):
        self.from_all_to_all(zero=False)

    def test_from_sharded_optimisers(self):
        self.from_all_to_all(zero=True)

    def test_a_missing_shard_is_passed_over(self):
        sets = {**ZERO, "checkpoint.every_steps": 2}
        run, _ = self.train("missing", {**sets, "train.stop_after": 5}, ranks=2, code=85)
        (run.checkpoint(5) / "optimizer-00002-of-00002.safetensors").unlink()
        run, out = self.train("missing", sets, ranks=3)
        self.assertIn("step-5 is passed over", out)
        self.assertIn("optimizer-00002-of-00002.safetensors is missing", out)
        self.assertIn("resumed from step 4", out)
        self.assertEqual(run.curve(), self.undisturbed.curve())

    def test_a_newer_format_is_refused(self):
        run, _ = self.train("newer", {"train.stop_after": 2}, code=85)
        path = run.checkpoint(2) / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
        _, out = self.train("newer", code=2, within_s=45)
        self.assertRegex(out, r"step-2/manifest\.json was written by a newer version "
                              r"\(format 99, .*Try updating")


if __name__ == "__main__":
    gasm_cli.main(__doc__)
