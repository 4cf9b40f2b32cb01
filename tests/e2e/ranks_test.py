#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starts gasm on ranks that do not fit together, or that a run has no use for.

ranks_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import TrainCase  # noqa: E402


class Ranks(TrainCase):
    settings = {"train.steps": 2}

    def refused(self, first, then, pattern, then_ranks=2, program=None, folder=None, code=2):
        """One rank with the words `first`, and the others with `then`."""
        group = [":", *(["-wdir", folder] if folder else []), "-n", then_ranks,
                 program or gasm_cli.GASM]
        found, out, seconds = gasm_cli.Job([*first, *group, *then], 1).wait(40)
        self.assertEqual(found, code, out)
        self.assertRegex(out, pattern)
        self.assertEqual(out.count("error: "), 1, out)
        self.assertLess(seconds, 20, out)

    def test_other_settings(self):
        def words(**sets):
            return self.words("other", {key.replace("__", "."): v for key, v in sets.items()})

        self.refused(words(optim__lr=0.25), words(optim__lr=0.5),
                     r'error: the command line on rank 0 of 3 has "optim\.lr=0\.25" where that of '
                     r'rank 1 has "optim\.lr=0\.5"\. Try the same')
        self.refused(words(), words(parallel__zero1="true"),
                     r'on rank 1 of 2 has "--set parallel\.zero1=true" where that of rank 0 has '
                     r'nothing', then_ranks=1)
        # Words that nobody knows are looked at later.
        self.refused(words(), words(optim__rate=1), r'has nothing where that of rank 1 has "--set '
                     r'optim\.rate=1"')
        self.assertFalse(self.run_path("other").exists())

    def test_other_commands(self):
        train, evaluate = (self.words("other", command=name) for name in ("train", "eval"))
        self.refused(train, evaluate, 'on rank 0 of 3 has "train" where that of rank 1 has "eval"')
        self.refused(train, [*train, "--dry-run"], 'rank 1 has "--dry-run"')

    def test_other_programs(self):
        other = self.folder / "gasm-of-another-day"
        shutil.copy(gasm_cli.GASM, other)
        with other.open("ab") as program:
            program.write(b"\n")
        words = self.words("program")
        checksum = r"version \S+, commit \w+, checksum [0-9a-f]{16}"
        self.refused(words, words, r"error: another program runs on rank 0 of 3 than on rank 1 "
                     rf"\({checksum}; rank 1: {checksum}\)\. Try the same file", program=other)
        # The same file under another name is the same program.
        shutil.copy(gasm_cli.GASM, other)
        code, out, _ = gasm_cli.Job([*words, ":", "-n", 1, other, *words], 1).wait(40)
        self.assertEqual(code, 0, out)

    def on_two_disks(self, sets, pattern, command="train", name="disks", **files):
        """Runs where each of `files` (NAME=(of rank 0, of the others)) lies in the folder that a
        rank was started in."""
        folders = [self.folder / "here", self.folder / "there"]
        for folder, which in zip(folders, (0, 1)):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for file, sources in files.items():
                shutil.copy(self.folder / sources[which], folder / file)
        words = self.words(name, sets, command)
        before = os.getcwd()
        os.chdir(folders[0])
        try:
            self.refused(words, words, pattern, then_ranks=1, folder=folders[1])
        finally:
            os.chdir(before)

    def test_other_data(self):
        figures = r"\({} samples, data hash [0-9a-f]{{16}}\)"
        pattern = ("error: store holds other data on rank 1 of 2 " + figures.format(16) +
                   " than on rank 0 " + figures.format(32) + r"\. Try the same file on all hosts")
        for mode in ("auto", "direct"):
            self.on_two_disks({"data.train": "store", "data.store": mode}, pattern,
                              store=("train.h5", "validation.h5"))
        self.on_two_disks({"data.val": "store"}, pattern, store=("train.h5", "validation.h5"))
        self.on_two_disks({"data.val": "store"}, pattern, "eval",
                          store=("train.h5", "validation.h5"))

    def test_other_weights(self):
        run, _ = self.train("longer", {"train.steps": 3}, ranks=1)
        for name, source in (("two", self.undisturbed), ("three", run)):
            newest = source.checkpoint(source.steps()[-1])
            shutil.copy(newest / "model.safetensors", self.folder / name)
        pattern = (r"error: the weights of rank 1 of 2 are not those of rank 0 \(\w+_backbone\.\S+ "
                   r"is the first that differs\)\. Try the same weights")
        self.on_two_disks({"model.semantic.weights": "weights"}, pattern, name="weights",
                          weights=("two", "three"))
        self.assertFalse((self.run_path("weights") / "metrics.jsonl").exists())

    def test_more_ranks_than_work(self):
        _, out = self.train("batch", {"train.global_batch": 2, "train.micro_batch": 2}, ranks=3,
                            code=2)
        self.assertIn("error: there are 3 ranks, and a step has 2 clips (train.global_batch is 2; "
                      "a rank's least share is one clip). Try at most 2 ranks, or "
                      "train.global_batch: 3", out)
        virtual = {"parallel.virtual_ranks": 2, "train.global_batch": 8}
        for more in ([], ["--dry-run"]):
            _, out = self.train("leaves", virtual, ranks=3, code=2, more=more)
            self.assertIn("there are 3 ranks, and parallel.virtual_ranks is 2", out)
            self.assertEqual(out.count("error: "), 1, out)
        # Not refused: the curve is the same.
        run, out = self.train("idle", ranks=4)
        self.assertIn("warning: rank 0 will have nothing to do: a step of 12 clips is 3 "
                      "micro-batches for 4 ranks. Try train.micro_batch: 3\n", out)
        self.assertEqual(run.curve(), self.undisturbed.curve())
        _, out = self.train("busy", {"train.micro_batch": 3}, ranks=4)
        self.assertNotIn("warning", out)

    def test_values_that_make_no_sense(self):
        too_far = r"{} is out of range \(it is {}\)\. Try {}"
        for setting, pattern in (
                ("parallel.bucket_mb=0", too_far.format("parallel.bucket_mb", 0, "0.001 to 4096")),
                ("parallel.bucket_mb=-1", "is out of range"),
                ("parallel.bucket_mb=.nan", "parallel.bucket_mb must be a number"),
                ("parallel.first_bucket_mb=1e9", "is out of range"),
                ("parallel.virtual_ranks=5", r"must be 5 times train\.micro_batch \(4\)"),
                ("parallel.compress=bf61", r'one of none, bf16 \(it is "bf61"\)\. Did you mean b'),
                ("train.ema=1", too_far.format("train.ema", 1, "0 to below 1")),
                ("train.ema=-0.1", "is out of range"),
                ("train.max_skipped_steps=-1", "is out of range"),
                ("train.micro_batch=13", r"train\.micro_batch is 13, above train\.global_batch"),
                ("optim.schedule=linaer", r"Did you mean linear\?"),
                ("log.trace_steps=-1", "is out of range")):
            with self.subTest(setting):
                words = [*self.words("odd"), "--set", setting]
                code, out, _ = gasm_cli.Job(words, 2).wait(30)
                self.assertEqual(code, 2, out)
                self.assertRegex(out, "error: --set " + setting.replace(".", r"\.") + ": .*" +
                                 pattern)
                self.assertEqual(out.count("error: "), 1, out)
        self.assertFalse(self.run_path("odd").exists())


if __name__ == "__main__":
    gasm_cli.main(__doc__)
