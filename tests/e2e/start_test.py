#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What runs begin with, and which checkpoints they make and keep.

start_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import math
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from checkpoint_files import read_set  # noqa: E402
from gasm_cli import TrainCase  # noqa: E402
from sample_files import noting, samples_of  # noqa: E402

# 32 clips in two steps of four micro-batches: step 3 is in the second epoch's midst.
STOP, END = 3, 6
ZERO = {"parallel.zero1": "true", "parallel.first_bucket_mb": 0.01, "parallel.bucket_mb": 0.05}
SMALL = {"train.global_batch": 16, "train.micro_batch": 4, "parallel.virtual_ranks": 4,
         "train.steps": END, "log.tensorboard": "false"}


def contents_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and "logs" not in path.parts and path.name != "lock"}


class Start(TrainCase):
    undisturbed_ranks = 1
    settings = {**SMALL, "train.ema": 0.9}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        job = gasm_cli.Job(cls.words("source", {**ZERO, "train.stop_after": STOP,
                                                "checkpoint.every_steps": 2,
                                                "checkpoint.keep_last": 9},
                                     more=["--resume", "never"]), 3)
        code, out, _ = job.wait()
        if code != 85:
            raise AssertionError(f"the source ended with {code}\n{out}")
        cls.source = gasm_cli.RunFolder(cls.folder / "runs/source")

    def assert_same_end(self, run, first):
        """The rest of the undisturbed run, after step `first`."""
        train, val = self.undisturbed.curve()
        self.assertEqual(run.curve(), (train[first:], val))
        for name in ("model", "optimizer", "ema"):
            self.assertEqual(read_set(run.checkpoint(END), name),
                             read_set(self.undisturbed.checkpoint(END), name), name)

    def assert_refused(self, name, pattern, code=2, sets=None, ranks=(0, 2), path=None):
        run = self.run_path(name)
        before = contents_of(run) if run.exists() else {}
        for count in ranks:
            more = [] if path is None else ["--resume", path]
            _, out = self.train(name, sets, ranks=count, code=code, more=more)
            self.assertRegex(out, r"error: .*" + pattern)
            self.assertEqual(out.count("error: "), 1, out)
            self.assertEqual(contents_of(run), before)

    def copy_of_source(self, name):
        shutil.rmtree(self.run_path(name), ignore_errors=True)
        shutil.copytree(self.source.path, self.run_path(name), symlinks=True)
        return gasm_cli.RunFolder(self.run_path(name))

    def test_a_new_run_begins_with_another(self):
        before = contents_of(self.source.path)
        step = self.source.checkpoint(STOP)
        for path, ranks, sets in (
                (self.source.path, 1, {"data.store": "direct"}),
                (step.parent, 2, {**ZERO, "data.store": "exchange"}),
                (step, 4, {"data.store": "resident"}),
                (step.parent / "latest", 3, {**ZERO, "parallel.virtual_ranks": 0})):
            with self.subTest(path=path.name, ranks=ranks):
                name = f"new-{ranks}"
                seen = self.folder / f"seen-{ranks}"
                run, out = self.train(name, sets, ranks=ranks, more=["--resume", path],
                                      environment=noting(seen))
                self.assertIn(f"the run begins with {step.resolve()}\n", out)
                self.assertIn(f"resumed from step {STOP} of {END}", out)
                if "parallel.virtual_ranks" not in sets:
                    self.assert_same_end(run, STOP)
                self.assertEqual([line[0] for line in run.lines("train")], [4, 5, 6])
                manifest = run.manifest()
                self.assertEqual(manifest["started_from"], str(step.resolve()))
                self.assertEqual(manifest["resumed_from"], str(step.resolve()))
                facts = json.loads((run.checkpoint(END) / "manifest.json").read_text())["facts"]
                self.assertEqual(facts["started_from"], str(step.resolve()))
                # The rest of the epoch, and all of the next.
                samples = samples_of(seen)
                self.assertEqual({key[0] for key in samples}, {3, 4, 5})
                self.assertEqual(sorted(sum((b for key, b in samples.items() if key[0] > 3), [])),
                                 list(range(32)))
        self.assertEqual(contents_of(self.source.path), before)
        self.assertIsNone(self.source.manifest()["started_from"])
        self.assertIsNone(self.source.manifest()["resumed_from"])

    def test_an_earlier_step(self):
        run, _ = self.train("earlier", more=["--resume", self.source.checkpoint(2)])
        self.assert_same_end(run, 2)
        # Back in its own folder: the lines are written again.
        run = self.copy_of_source("back")
        run, out = self.train("back", more=["--resume", run.checkpoint(2)])
        self.assertIn(f"resumed from step 2 of {END}", out)
        self.assert_same_end(run, 0)
        self.assertIsNone(run.manifest()["started_from"])

    def test_the_same_command_goes_on(self):
        source = self.copy_of_source("gone")
        step = str(source.checkpoint(STOP).resolve())
        words = ["--resume", source.path]
        run, _ = self.train("again", {"train.stop_after": 5}, more=words, code=85)
        shutil.rmtree(source.path)
        run, out = self.train("again", {"train.stop_after": 5}, ranks=1, more=words, code=85)
        self.assertIn(f"resumed from step 5 of {END}", out)
        run, out = self.train("again", ZERO)  # auto
        self.assert_same_end(run, STOP)
        self.assertEqual(run.manifest()["started_from"], step)
        self.assertRegex(run.manifest()["resumed_from"], r"runs/again/checkpoints/step-5$")
        self.assert_refused("again", rf"again/checkpoints has checkpoints of its own, which did "
                            rf"not begin with {self.source.path.resolve()} .*Try another run\.name",
                            path=self.source.path)

    def test_what_is_no_checkpoint(self):
        folder = self.folder / "odd"
        (folder / "empty/checkpoints").mkdir(parents=True)
        (folder / "links").mkdir()
        (folder / "links/latest").symlink_to("step-9")
        for path, pattern in (
                ("nver", r"there is no \S*/nver \(checkpoint\.resume\)\. Try auto, never, must"),
                (folder, r"odd is no checkpoint \(checkpoint\.resume\)"),
                (self.folder / "train.h5", r"train\.h5 is no checkpoint"),
                (folder / "links/latest", "latest points to step-9, which is not there"),
                (folder / "empty", r"empty/checkpoints has no good checkpoint")):
            with self.subTest(path=str(path)):
                self.assert_refused("odd", pattern, path=path, ranks=(2,))
        self.assert_refused("odd", "--resume is empty", path="", ranks=(0,))
        self.assert_refused("odd", "no good checkpoint", path="must", ranks=(0,))

    def test_another_model_is_named(self):
        other = {"model.semantic.width": 32, "optim.lr": 0.5}
        pattern = (r"step 3 was made with another configuration \(\S*source/checkpoints/step-3: "
                   r"model\.semantic\.width is 64 there and 32 here; optim\.lr is \S+ there and "
                   r"0\.5 here\)\. Try the same")
        self.assert_refused("other", pattern, sets=other, path=self.source.path)
        lone = self.folder / "lone/step-3"
        shutil.copytree(self.source.checkpoint(STOP), lone)
        self.assert_refused("other", r"lone/step-3: \S+ is \[[0-9, ]+\] there and \[[0-9, ]+\] "
                            r"here; .* and \d+ more\)", sets=other, path=lone, ranks=(2,))
        self.assert_refused("other",
                            r"belongs to other data \(data\.val: data hash .*; \S*lone/step-3\)",
                            sets={"data.val": self.folder / "train.h5"}, path=lone, ranks=(2,))
        run, _ = self.train("lone", more=["--resume", lone])
        self.assert_same_end(run, STOP)

    def test_damaged_ones(self):
        run = self.copy_of_source("broken")
        step = run.checkpoint(STOP)
        path = step / "manifest.json"
        text = path.read_text()
        path.write_text(json.dumps({**json.loads(text), "format": 99}))
        newer = r"step-3/manifest\.json was written by a newer version \(format 99"
        self.assert_refused("new", newer, path=step, ranks=(2,))
        self.assert_refused("new", newer, path=run.path, ranks=(0,))
        path.write_text(text)
        shard = step / "optimizer-00002-of-00003.safetensors"
        whole = shard.read_bytes()
        middle = len(whole) // 2
        for damaged, words in (
                (whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:], "has the checksum"),
                (None, "is missing, which its manifest names")):
            shard.unlink()
            if damaged:
                shard.write_bytes(damaged)
            pattern = rf"{shard.name} {words}.*Try another step folder"
            self.assert_refused("new", pattern, path=step, code=4, ranks=(0, 2))
        run, out = self.train("passed-over", more=["--resume", run.path])
        self.assertRegex(out, r"warning: checkpoint \S*step-3 is passed over: ")
        self.assert_same_end(run, 2)


class Stopped(TrainCase):
    """Patience and the best checkpoint of a run that was stopped."""
    undisturbed_ranks = 1
    # Validated at each step; nothing is ever better by so much.
    settings = {**SMALL, "train.eval_every_epochs": 0.5, "train.early_stop.patience": 3,
                "train.early_stop.min_delta": 1, "checkpoint.keep_last": 9}

    def best(self, run):
        return (run.path / "checkpoints/best").resolve().name

    def test_patience_goes_on(self):
        ended = 4  # the first validation, and three that are no better
        train, val = self.undisturbed.curve()
        self.assertEqual([len(train), len(val)], [ended, ended])
        top1 = [float(values["top1"]) for _, _, values in val]
        best = max(range(ended), key=lambda i: (top1[i], i)) + 1
        self.assertEqual(self.best(self.undisturbed), f"step-{best}")
        for stop, ranks in ((1, 2), (2, 3), (3, 1)):
            # Stopped before the validation of this step.
            name = f"patient-{stop}"
            run, _ = self.train(name, {"train.stop_after": stop}, ranks=ranks, code=85)
            if stop == 2:  # which is then the first thing to do, in a folder without checkpoints
                heir, _ = self.train("early-heir", more=["--resume", run.path])
                self.assertEqual(heir.curve(), (train[2:], val[1:]))
                self.assertIn(2, heir.steps())
            run, out = self.train(name, ranks=2)
            self.assertIn("ended early: 3 evaluations without a better top-1", out)
            self.assertEqual(run.curve(), (train, val))
            self.assertEqual(self.best(run), f"step-{best}")
            again, _ = self.train(name, ranks=1)  # there is nothing left to do
            self.assertEqual(again.curve(), (train, val))
            # Of another run it has what was best so far, and how long ago.
            run, out = self.train(f"heir-{stop}", ranks=1, more=["--resume", run.checkpoint(2)])
            self.assertIn("ended early", out)
            self.assertEqual(run.curve(), (train[2:], val[2:]))
            self.assertIn(f"best top-1 {100 * max(top1):.2f} %", out)


class Policy(TrainCase):
    settings = {**SMALL, "train.steps": 12}

    def saved(self, name, sets, **more):
        run, out = self.train(name, {"checkpoint.keep_best": 0, **sets}, **more)
        self.assertEqual(run.curve(), self.undisturbed.curve())
        return run.steps(), out

    def test_multiples_are_kept(self):
        steps, _ = self.saved("multiples", {"checkpoint.keep_every": 4, "checkpoint.keep_last": 1})
        self.assertEqual(steps, [4, 8, 12])
        steps, _ = self.saved("both", {"checkpoint.keep_every": 6, "checkpoint.every_steps": 5,
                                       "checkpoint.keep_last": 2})
        self.assertEqual(steps, [6, 10, 12])
        # At a start that wants them no more, the next save lets them go.
        self.train("less", {"checkpoint.keep_every": 2, "train.stop_after": 9}, code=85)
        steps, _ = self.saved("less", {"checkpoint.keep_last": 1}, ranks=1)
        self.assertEqual(steps, [12])

    def test_the_time_between_saves_is_chosen(self):
        auto = {"checkpoint.interval": "auto", "checkpoint.every_minutes": 1e-5,
                "checkpoint.keep_last": 99}
        steps, out = self.saved("rare", {**auto, "checkpoint.mtbf_hours": 1e4})
        # After the first step, until whose save was measured, and at the end.
        self.assertIn(steps, ([1, 12], [1, 2, 12]))
        found = re.search(r"a checkpoint every (?:(\d+) h )?(?:(\d+) min)?.* from now on \(saves "
                          r"hold the training for (\S+) s, checkpoint\.mtbf_hours is 10000\)", out)
        self.assertTrue(found, out)
        hours, minutes, cost = (float(text or 0) for text in found.groups())
        young = math.sqrt(2 * cost * 1e4 * 3600)
        self.assertAlmostEqual(60 * hours + minutes, young / 60, delta=1 + young / 60 * 0.02)
        # What fails all the time saves all the time.
        steps, _ = self.saved("often", {**auto, "checkpoint.mtbf_hours": 1e-9})
        self.assertEqual(steps, list(range(1, 13)))
        steps, out = self.saved("fixed", {**auto, "checkpoint.interval": "fixed"})
        self.assertEqual(steps, list(range(1, 13)))
        self.assertNotIn("from now on", out)

    def test_training_waits_for_them(self):
        _, out = self.saved("waiting", {"checkpoint.async": "false", "checkpoint.every_steps": 3})
        saves = re.findall(r"published after (\S+) s, held up the steps for (\S+) s", out)
        self.assertEqual(len(saves), 4, out)
        for published_s, held_s in saves:
            self.assertGreaterEqual(float(held_s), float(published_s) - 0.006)

    def test_needs_to_know_how_often_it_fails(self):
        for ranks in (0, 2):
            _, out = self.train("unknown", {"checkpoint.interval": "auto",
                                            "checkpoint.every_minutes": 5}, ranks=ranks, code=2)
            self.assertRegex(out, r"checkpoint\.mtbf_hours is 0, but checkpoint\.interval: auto "
                                  r"needs the mean time between failures of the whole job")
        self.assertFalse(self.run_path("unknown").exists())


if __name__ == "__main__":
    gasm_cli.main(__doc__)
