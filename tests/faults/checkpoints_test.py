#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and run folders that are damaged, foreign, full, closed or in use.

checkpoints_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import checkpoint_check  # noqa: E402
import gasm_cli  # noqa: E402
from checkpoint_lies import LIES, edit_manifest, write_listed  # noqa: E402
from folder_watch import FolderWatch  # noqa: E402
from gasm_cli import STEPS, RunFolder, TrainCase  # noqa: E402


def contents_of(folder):
    """path -> what it holds, of all below a folder but logs and locks."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file() and not name.startswith("logs/") and name != "lock":
            found[name] = path.read_bytes()
    return found


def first_file(folder, part="model"):
    """The file of a part of a checkpoint, or its first shard."""
    return folder / min(name for name in checkpoint_check.listed_files(
        checkpoint_check.read_manifest(folder)) if name.startswith(part))


class Damaged(TrainCase):
    """The newest checkpoint, of step 7, cannot be used; that of step 6 can."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.must(*cls.words("base", {"train.stop_after": 6, "checkpoint.keep_last": 4}), ranks=2)
        cls.must(*cls.words("base", {"train.stop_after": 7, "checkpoint.keep_last": 4}), ranks=1)

    @staticmethod
    def must(*words, ranks=0):
        code, out, _ = gasm_cli.Job(words, ranks).wait()
        if code not in (0, 85):
            raise AssertionError(f"{words} ended with {code}\n{out}")
        return out

    def copy(self):
        shutil.rmtree(self.run_path("copy"), ignore_errors=True)
        shutil.copytree(self.run_path("base"), self.run_path("copy"), symlinks=True)
        run = RunFolder(self.run_path("copy"))
        self.assertEqual(run.steps(), [6, 7])
        for step in run.steps():
            checkpoint_check.check(run.checkpoint(step))
        return run

    def assert_no_evaluation(self, checkpoint, words, ranks=0):
        job = gasm_cli.Job(["eval", "--config", self.undisturbed.path / "config.yaml",
                            "--checkpoint", checkpoint], ranks)
        found, out, _ = job.wait(60)
        self.assertIn(found, (2, 4), out)
        self.assertEqual(out.count("error: "), 1, out)
        self.assertRegex(out, rf"error: .*{words}")
        self.assertIn(str(checkpoint), out)
        self.assertRegex(out, r"gasm ckpt (verify|ls) \S")

    def assert_unusable(self, damage, words, ranks=0):
        run = self.copy()
        step_7 = run.checkpoint(7)
        damage(step_7)
        with self.assertRaises(checkpoint_check.Bad):
            checkpoint_check.check(step_7)
        self.assert_no_evaluation(step_7, words, ranks)
        return run

    def assert_passed_over(self, damage, words):
        run = self.assert_unusable(damage, words, ranks=2)
        good = contents_of(run.checkpoint(6))
        run, out = self.train("copy", {"train.stop_after": 7}, code=85)
        self.assertRegex(out, r"warning: checkpoint \S*/copy/checkpoints/step-7 is passed over: ")
        self.assertRegex(out, rf"is passed over: .*{words}")
        self.assertIn("resumed from step 6", out)
        self.assertEqual(contents_of(run.checkpoint(6)), good)
        checkpoint_check.check(run.checkpoint(7))  # made again
        self.assertEqual(run.lines("train"), self.undisturbed.lines("train")[:7])

    def test_manifest_of_another_step(self):
        self.assert_passed_over(
            lambda folder: shutil.copy(folder.parent / "step-6/manifest.json", folder),
            "manifest")

    def test_renamed_file(self):
        def rename(folder):
            path = first_file(folder)
            path.rename(folder / "weights.safetensors")
        self.assert_passed_over(rename, "(No such file|is missing)")

    def test_missing_file(self):
        self.assert_passed_over(lambda folder: first_file(folder, "optimizer").unlink(),
                                "(No such file|is missing)")

    def test_flipped_byte(self):
        def flip(folder):
            path = first_file(folder, "optimizer")
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)
        self.assert_passed_over(flip, "damaged")

    def test_headers_that_lie(self):
        for lie in LIES:
            with self.subTest(lie.__name__):
                def damage(folder, lie=lie):
                    path = first_file(folder)
                    write_listed(path, lie(path.read_bytes()))
                self.assert_unusable(damage, "is not a sound safetensors file")
        self.assert_passed_over(damage, "is not a sound safetensors file")

    def test_manifest_that_lacks_its_parts(self):
        for key in ("files", "facts", "step"):
            with self.subTest(key):
                self.assert_unusable(
                    lambda folder, key=key: edit_manifest(folder, lambda m: m.pop(key)),
                    "manifest")

    def test_newer_format(self):
        """It may be all there is of the last days: an older one, or nothing, but no damage."""
        run = self.copy()
        edit_manifest(run.checkpoint(7), lambda manifest: manifest.update(format=99))
        before = contents_of(run.path)
        self.assert_no_evaluation(run.checkpoint(7), "format")
        run, out = self.train("copy", {"train.stop_after": 7}, code=(2, 4, 85))
        self.assertIn(str(run.checkpoint(7) / "manifest.json"), out)
        self.assertIn("format", out)
        if "resumed from step 6" in out:
            checkpoint_check.check(run.checkpoint(7))  # made again
            self.assertEqual(run.lines("train"), self.undisturbed.lines("train")[:7])
        else:
            self.assertEqual(out.count("error: "), 1, out)
            self.assertEqual(contents_of(run.path), before)

    def test_links_that_point_nowhere(self):
        run = self.copy()
        for name in ("latest", "best"):
            link = run.path / "checkpoints" / name
            link.unlink(missing_ok=True)
            link.symlink_to("step-999")
        self.assert_no_evaluation(run.path / "checkpoints/latest", "(No such file|not there)")
        run, out = self.train("copy")
        self.assertIn("resumed from step 7", out)
        self.assert_undisturbed(run)
        self.assertEqual(os.readlink(run.path / "checkpoints/latest"), f"step-{STEPS}")


class Foreign(TrainCase):
    settings = {"train.steps": 4}

    def test_evaluation_of_another_model(self):
        sets = {"model.semantic.width": 32, "model.fusion.dim": 16}
        other, _ = self.train("other", sets, ranks=1)
        for ranks in (0, 2):
            job = gasm_cli.Job(["eval", "--config", self.undisturbed.path / "config.yaml",
                                "--checkpoint", other.checkpoint(4)], ranks)
            code, out, _ = job.wait(60)
            self.assertIn(code, (2, 4), out)
            self.assertRegex(out, r"error: .*(shape|tensor).*gasm ckpt info \S+/step-4")
            self.assertEqual(out.count("error: "), 1, out)

    def test_tensors_of_another_model_under_the_run_s_own_name(self):
        """Refused, and nothing of it is touched."""
        other, _ = self.train("theirs", {"model.semantic.width": 32}, ranks=1)
        run, _ = self.train("mine", {"train.stop_after": 2}, code=85)
        for part in ("model", "optimizer"):
            for path in run.checkpoint(2).glob(f"{part}*.safetensors"):
                path.unlink()
        names = {path.name: path.read_bytes() for path in other.checkpoint(4).iterdir()
                 if path.suffix == ".safetensors"}
        for name, data in names.items():
            (run.checkpoint(2) / name).write_bytes(data)

        def change(manifest):
            manifest["files"] = json.loads(
                (other.checkpoint(4) / "manifest.json").read_text())["files"]
        edit_manifest(run.checkpoint(2), change)
        checkpoint_check.check(run.checkpoint(2))
        before = contents_of(run.path)
        for ranks in (0, 2):
            _, out = self.train("mine", ranks=ranks, code=(2, 4), within_s=60)
            self.assertRegex(out, r"error: .*shape")
            self.assertEqual(out.count("error: "), 1, out)
            self.assertEqual(contents_of(run.path), before)


class Killed(TrainCase):
    def test_a_rank_while_a_checkpoint_is_written(self):
        """By a thread, while steps go on: the one before it stays whole."""
        # Large enough to be seen on its way to the disk.
        large = {"model.semantic.width": 192}
        calm, _ = self.train("calm", large)
        for rank in (0, 1):
            with self.subTest(rank=rank):
                name = f"beside-{rank}"
                sets = {"checkpoint.every_steps": 5, **large,
                        "checkpoint.keep_last": 1}
                run = RunFolder(self.run_path(name))
                (run.path / "checkpoints").mkdir(parents=True)
                with FolderWatch(run.path / "checkpoints") as watch:
                    job = self.start(name, sets)
                    self.wait_for_folder(job, watch, "step-10.tmp-")
                    os.kill(job.ranks()[rank], signal.SIGKILL)
                    code, out, _ = job.wait(30)
                self.assertEqual(code, 137, out)
                steps = run.steps()
                self.assertIn(steps, ([5], [5, 10], [10]), out)
                for step in steps:
                    checkpoint_check.check(run.checkpoint(step))
                run, out = self.train(name, sets)
                self.assertIn(f"resumed from step {steps[-1]} ", out)
                self.assertEqual(run.curve(), calm.curve())
                weights = [checkpoint_check.check(one.checkpoint(STEPS))["files"]
                           ["model.safetensors"] for one in (run, calm)]
                self.assertEqual(*weights)
                self.assertFalse(list(run.path.glob("checkpoints/*.tmp-*")))

    def wait_for_folder(self, job, watch, begin):
        end_s = time.monotonic() + 30
        while time.monotonic() < end_s and job.process.poll() is None:
            if any(event.name.startswith(begin) for event in watch.wait(0.2)):
                return
        _, out, _ = job.wait(1)
        self.fail(f"nothing was called {begin}...\n{out}")


class Limits(TrainCase):
    """Files that may not grow beyond 5 MB: less than a checkpoint, more than MPI needs."""
    settings = {"log.tensorboard": "false", "model.semantic.width": 192, "train.steps": 6}

    @staticmethod
    def launch(ranks):
        return [*(gasm_cli.launch_here(ranks) if ranks else ()), "bash", "-c",
                'ulimit -f 5000 && exec "$@"', "bash"]

    def test_files_that_may_not_grow(self):
        for ranks in (1, 2):
            with self.subTest(ranks=ranks):
                run, out = self.train("limited", ranks=ranks, code=4,
                                      launch=self.launch)
                self.assertRegex(out, r"error: cannot write \S*/limited/checkpoints/\S+ "
                                      r"\(File too large\)\. Try to free space")
                self.assertEqual(out.count("error: "), 1, out)
                self.assertEqual(run.steps(), [])
                self.assertEqual(run.manifest()["state"], "failed")
                self.assertFalse(list(run.path.glob("checkpoints/*.tmp-*")))
        run, _ = self.train("limited")
        self.assertEqual(run.curve(), self.undisturbed.curve())

    def test_a_failure_beside_the_steps(self):
        """Ends the run at a step that follows, not at the end; the one before it stays."""
        sets = {"checkpoint.every_steps": 2, "checkpoint.keep_last": 9, "train.steps": 600}
        run, _ = self.train("beside", {**sets, "train.stop_after": 2}, code=85)
        run, out = self.train("beside", sets, ranks=2, code=4, launch=self.launch)
        self.assertRegex(out, r"error: cannot write \S*/beside/checkpoints/step-4.tmp-\S+ "
                              r"\(File too large\)\. Try to free space.* \(on rank \d of 2")
        self.assertEqual(out.count("error: "), 1, out)
        self.assertEqual(run.steps(), [2])
        checkpoint_check.check(run.checkpoint(2))
        self.assertFalse(list(run.path.glob("checkpoints/*.tmp-*")))
        # The save of step 6 would have waited for it.
        self.assertIn(len(run.lines("train")), (4, 5, 6))


def set_writable(folder, is_writable):
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if is_writable else mode & ~0o222)


class Closed(TrainCase):
    """Run folders that may be read and not written."""
    settings = {"log.tensorboard": "false"}

    def setUp(self):
        # Root writes where it likes, unless that right is taken from it.
        self.before = []
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                self.skipTest("no setpriv (util-linux)")
            self.before = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner"]

    def launch(self, ranks):
        return [*self.before, *(gasm_cli.launch_here(ranks) if ranks else ())]

    def end_of(self, words, ranks):
        command = gasm_cli.command_of(words, 1, lambda _: self.launch(ranks))
        done = subprocess.run(command, env=gasm_cli.environment_of(None), timeout=120, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def refused(self, words, path, ranks):
        code, out = self.end_of(words, ranks)
        self.assertEqual(code, 4, out)
        self.assertRegex(out, rf"error: cannot \S.* {path}\S* \(Permission denied\)\. "
                              r"Try a folder that you may write to")
        self.assertEqual(out.count("error: "), 1, out)

    def test_no_right_to_write(self):
        run, _ = self.train("theirs", {"train.stop_after": 4}, code=85)
        before = contents_of(run.path)
        set_writable(run.path, False)
        self.addCleanup(set_writable, run.path, True)
        empty = self.folder / "closed"
        empty.mkdir()
        empty.chmod(0o555)
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                self.refused(self.words("theirs"), run.path, ranks)
                self.refused(self.words("new", {"run.dir": empty}), empty / "new", ranks)
                self.assertEqual(contents_of(run.path), before)
        # To read it is enough for an evaluation.
        code, out = self.end_of(self.words("theirs", command="eval"), 2)
        self.assertEqual(code, 0, out)
        self.assertEqual(contents_of(run.path), before)
        set_writable(run.path, True)
        run, out = self.train("theirs")
        self.assertIn("resumed from step 4", out)
        self.assert_undisturbed(run)

    def test_checkpoints_that_may_not_be_written(self):
        run, _ = self.train("half", {"train.stop_after": 4}, code=85)
        checkpoints = run.path / "checkpoints"
        before = contents_of(checkpoints)
        set_writable(checkpoints, False)
        self.addCleanup(set_writable, checkpoints, True)
        self.refused(self.words("half"), checkpoints, 2)
        self.assertEqual(contents_of(checkpoints), before)
        self.assertEqual(run.manifest()["state"], "failed")
        set_writable(checkpoints, True)
        run, _ = self.train("half")
        self.assert_undisturbed(run)


class Shared(TrainCase):
    def test_two_jobs_that_start_at_once(self):
        """One trains; the other waits, and is refused or finds nothing left to do."""
        for i, ranks in enumerate(((2, 1), (0, 2))):
            name = f"shared-{i}"
            jobs = [self.start(name, ranks=n) for n in ranks]
            ended = [job.wait(120) for job in jobs]
            codes = [code for code, _, _ in ended]
            self.assertIn(0, codes, ended)
            for code, out, _ in ended:
                self.assertIn(code, (0, 4), out)
                if code == 4:
                    self.assertRegex(out, rf"error: \S*/{name} is in use \(host \S+, process")
            run = RunFolder(self.run_path(name))
            self.assert_undisturbed(run)
            checkpoint_check.check(run.checkpoint(STEPS))


if __name__ == "__main__":
    gasm_cli.main(__doc__)
