#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks training runs on purpose: ranks, signals, disks, data, weights.

faults_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import STEPS, RunFolder, TrainCase, kill  # noqa: E402

# Phase of the fault -> how the program names it in messages.
PHASES = {"open": "open ", "build": "build model", "load": "load checkpoint", "train": "train",
          "evaluate": "train > evaluate", "save": "save checkpoint"}
EVERY_5 = {"checkpoint.every_steps": 5}


class KilledRank(TrainCase):
    def ends_and_goes_on(self, name, out, seconds):
        self.assertIn("rank 1", out)
        self.assertLess(seconds, 10, out)
        run = RunFolder(self.run_path(name))
        self.assertEqual(run.manifest()["state"], "running")
        has_checkpoint = bool(run.steps())
        run, out = self.train(name, EVERY_5)
        self.assertEqual("resumed from step" in out, has_checkpoint, out)
        self.assert_undisturbed(run)
        self.assertFalse(list(run.path.glob("checkpoints/*.tmp-*")))
        return out

    def test_at_step_11(self):
        # A stop waits for its checkpoint: that of step 10 is there for certain.
        self.train("killed", {**EVERY_5, "train.stop_after": 10}, code=85)
        start_s = time.monotonic()
        _, out = self.train("killed", EVERY_5, code=137, fault="kill:1:train:11")
        out = self.ends_and_goes_on("killed", out, time.monotonic() - start_s)
        self.assertIn("resumed from step 10 ", out)
        # The lines of step 11 were computed twice and stand once.
        self.assertIn('"step": 11', (self.run_path("killed") / "metrics.jsonl.replayed")
                      .read_text())

    def test_at_random_moments(self):
        seed = random.randrange(10000)
        draw = random.Random(seed)
        for i in range(3):
            name = f"random-{i}"
            step = draw.randrange(1, STEPS - 6)
            with self.subTest(seed=seed, step=step):
                job = self.start(name, EVERY_5)
                self.wait_for_step(job, RunFolder(self.run_path(name)), step)
                time.sleep(draw.random() * 0.02)
                ranks = job.ranks()
                self.assertEqual(len(ranks), 2)
                row = (self.run_path(name) / "logs/status-board").read_text().splitlines()[1]
                pid = int(row.split("pid=")[1].split()[0])
                self.assertIn(pid, ranks)
                kill_s = time.monotonic()
                os.kill(pid, signal.SIGKILL)
                code, out, _ = job.wait(30)
                self.assertEqual(code, 137, out)
                self.ends_and_goes_on(name, out, time.monotonic() - kill_s)

    def test_rank_0_while_it_saves(self):
        """A half-written checkpoint is none, and is cleaned away."""
        self.train("torn", EVERY_5, code=137, fault="kill:0:save:10", within_s=15)
        run = RunFolder(self.run_path("torn"))
        self.assertEqual(run.steps(), [5])
        left = run.path / "checkpoints/step-10.tmp-1"
        shutil.copytree(run.checkpoint(5), left)
        (left / "manifest.json").unlink()
        run, out = self.train("torn", EVERY_5)
        self.assertIn("resumed from step 5", out)
        self.assert_undisturbed(run)
        self.assertFalse(left.exists())


class FailingRank(TrainCase):
    settings = {"train.steps": 2}

    def test_exception_in_each_phase(self):
        # In a training step ranks agree (4); elsewhere such an exception is
        # nobody's plan, and the rank aborts the job (3).
        for phase, words in PHASES.items():
            with self.subTest(phase):
                code = 4 if phase == "train" else 3
                run, out = self.train(f"throw-{phase}", code=code, fault=f"throw:1:{phase}",
                                      within_s=15)
                self.assertEqual(out.count("a fault asked for by a test"), 1, out)
                if code == 4:
                    self.assertIn("on rank 1 of 2", out)
                    self.assertEqual(run.manifest()["state"], "failed")
                else:
                    self.assertRegex(out, rf"\[rank 1\] error: .*, phase .*{words}.*Aborting")
                # A validation begins with a checkpoint.
                self.assertEqual(run.steps(), [2] if phase == "evaluate" else [])
        self.goes_on("throw-evaluate")

    def test_exit_in_each_phase(self):
        for phase in PHASES:
            with self.subTest(phase):
                run, out = self.train(f"exit-{phase}", code=1, fault=f"exit:1:{phase}",
                                      within_s=15)
                self.assertIn("exit", out)
                # A validation begins with a checkpoint.
                self.assertEqual(run.steps(), [2] if phase == "evaluate" else [])
        self.goes_on("exit-save")

    def test_one_rank_alone(self):
        for phase in ("open", "train", "save"):
            with self.subTest(phase):
                _, out = self.train(f"alone-{phase}", ranks=0, fault=f"throw:0:{phase}",
                                    code=4 if phase == "train" else 3, within_s=15)
                self.assertEqual(out.count("a fault asked for by a test"), 1, out)

    def goes_on(self, name):
        run, _ = self.train(name)
        self.assertEqual(run.curve(), self.undisturbed.curve())


class Signals(TrainCase):
    def stop_midway(self, name, ranks, send):
        job = self.start(name, ranks=ranks)
        run = RunFolder(self.run_path(name))
        self.wait_for_step(job, run, 3)
        sent_s = time.monotonic()
        send(job)
        code, out, _ = job.wait(30)
        self.assertEqual(code, 85, out)
        self.assertLess(time.monotonic() - sent_s, 10)
        train = run.lines("train")
        self.assertEqual(run.steps(), [len(train)])
        self.assertLess(len(train), STEPS)
        self.assertEqual(train, self.undisturbed.lines("train")[:len(train)])
        self.assertEqual(run.manifest()["state"], "stopped")
        run, out = self.train(name, ranks=ranks)
        self.assertIn("resumed from step", out)
        self.assert_undisturbed(run)

    def test_usr1_to_mpirun(self):
        self.stop_midway("usr1", 2, lambda job: kill(job.process.pid, signal.SIGUSR1))

    def test_term_to_mpirun(self):
        """mpirun grants a second and says 1; nothing but time is lost."""
        job = self.start("term-mpirun", EVERY_5)
        run = RunFolder(self.run_path("term-mpirun"))
        self.wait_for_step(job, run, 3)
        kill(job.process.pid, signal.SIGTERM)
        code, out, seconds = job.wait(30)
        self.assertNotEqual(code, 0, out)
        self.assertLess(seconds, 20)
        run, _ = self.train("term-mpirun")
        self.assert_undisturbed(run)

    def test_term_and_int_to_one_process(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.stop_midway(number.name, 0, lambda job, n=number: kill(job.process.pid, n))

    def test_int_to_all_ranks(self):
        def send(job):
            for pid in job.ranks():
                kill(pid, signal.SIGINT)
        self.stop_midway("int-all", 2, send)

    def test_usr1_within_a_validation(self):
        """It ends there, and the next start begins with that validation."""
        run, _ = self.train("validating", fault=f"signal:1:evaluate:{STEPS}", code=85)
        self.assertEqual(run.steps(), [STEPS])
        self.assertEqual(run.lines("val"), [])
        self.assertEqual(run.manifest()["state"], "stopped")
        run, _ = self.train("validating", ranks=1)
        self.assert_undisturbed(run)

    def test_int_to_one_of_two_ranks(self):
        self.stop_midway("int-one", 2, lambda job: kill(job.ranks()[1], signal.SIGINT))


class Disk(TrainCase):
    """Run folders on a small file system of their own."""
    settings = {"log.tensorboard": "false", "checkpoint.keep_last": 1}

    def setUp(self):
        self.disk = self.folder / self.id().rpartition(".")[2]
        self.disk.mkdir()
        self.sets = {"run.dir": self.disk}
        self.mount("size=64m")
        checkpoint = self.undisturbed.checkpoint(STEPS)
        self.checkpoint_bytes = sum(path.stat().st_size for path in checkpoint.iterdir())

    def mount(self, options):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.disk],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"SKIPPED: no tmpfs may be mounted here ({done.stderr.strip()})",
                  file=sys.stderr)
            self.skipTest("no tmpfs may be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=False)

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.disk], check=True)

    def fill(self):
        with open(self.disk / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def fails(self, words, sets=None, ranks=2):
        run, out = self.train("run", {**self.sets, **(sets or {})}, ranks=ranks, code=4,
                              within_s=20)
        self.assertIn(words, out)
        self.assertIn(str(self.disk), out)
        self.assertEqual(out.count("error: "), 1, out)
        return run

    def test_full_from_the_start(self):
        self.remount("size=64k")
        self.fill()
        for ranks in (2, 0):
            run = self.fails("No space left on device", ranks=ranks)
            self.assertEqual(run.steps(), [])
        (self.disk / "filler").unlink()
        self.remount("size=64m")
        run, _ = self.train("run", self.sets)
        self.assert_undisturbed(run)

    def test_full_at_the_second_checkpoint(self):
        self.remount(f"size={int(1.5 * self.checkpoint_bytes)}")
        run = self.fails("No space left on device", EVERY_5)
        self.assertEqual(run.steps(), [5])
        self.assertEqual(run.manifest()["state"], "failed")
        self.assertFalse(list(run.path.glob("checkpoints/*.tmp-*")))
        # It still serves: for an evaluation, and to go on.
        code, out, _ = gasm_cli.Job(self.words("run", self.sets, "eval")).wait()
        self.assertEqual(code, 0, out)
        self.remount("size=64m")
        run, out = self.train("run", {**self.sets, **EVERY_5})
        self.assertIn("resumed from step 5", out)
        self.assert_undisturbed(run)

    def test_full_while_training(self):
        """Lines of the curve may be cut in the middle of a word."""
        job = self.start("run", {**self.sets, **EVERY_5})
        run = RunFolder(self.run_path("run", self.sets))
        self.wait_for_step(job, run, 11)  # that of step 5 is there before that of 10 begins
        self.fill()
        code, out, _ = job.wait(30)
        self.assertEqual(code, 4, out)
        self.assertIn("No space left on device", out)
        self.assertIn(str(run.path), out)
        self.assertIn(run.steps()[-1], (5, 10, 15))
        (self.disk / "filler").unlink()
        run, out = self.train("run", {**self.sets, **EVERY_5})
        self.assertIn("resumed from step", out)
        self.assert_undisturbed(run)

    def test_full_at_the_end(self):
        self.remount(f"size={int(0.5 * self.checkpoint_bytes)}")
        run = self.fails("No space left on device")
        self.assertEqual(run.steps(), [])
        self.assertEqual(len(run.lines("train")), STEPS)
        self.remount("size=64m")
        run, _ = self.train("run", self.sets)
        self.assert_undisturbed(run)

    def test_read_only(self):
        self.remount("ro")
        self.fails("Read-only file system")
        self.remount("rw")
        run, _ = self.train("run", {**self.sets, "train.stop_after": 4}, code=85)
        self.remount("ro")
        for ranks in (2, 0):
            self.fails("Read-only file system", ranks=ranks)
        self.remount("rw")
        run, out = self.train("run", self.sets)
        self.assertIn("resumed from step 4", out)
        self.assert_undisturbed(run)


class Data(TrainCase):
    def damaged(self, name, split="train", num_clips=32, clips=(2,)):
        """A store with one changed byte in its third clip (or others)."""
        store = bytearray((self.folder / f"{split}.h5").read_bytes())
        starts, at = [], store.find(b"\x1a\x45\xdf\xa3")
        while at >= 0:
            starts.append(at)
            at = store.find(b"\x1a\x45\xdf\xa3", at + 1)
        self.assertEqual(len(starts), num_clips)
        for clip in clips:
            store[(starts[clip] + starts[clip + 1]) // 2] ^= 0x40
        path = self.folder / name
        path.write_bytes(store)
        return path

    def test_truncated_store(self):
        whole = (self.folder / "train.h5").read_bytes()
        path = self.folder / "truncated.h5"
        for size, ranks in ((len(whole) - 1, 2), (len(whole) // 2, 0), (100, 2), (0, 2)):
            path.write_bytes(whole[:size])
            _, out = self.train(f"truncated-{size}", {"data.train": path}, code=4, ranks=ranks,
                                within_s=15)
            self.assertIn(str(path), out)
            self.assertEqual(out.count("error: "), 1, out)

    def test_changed_byte_ends_the_run(self):
        path = self.damaged("ends.h5")
        for mode in ("direct", "resident"):
            run, out = self.train(f"changed-{mode}", {
                "data.train": path, "data.store": mode, "data.max_bad_fraction": 0,
                **EVERY_5}, code=4, within_s=15)
            self.assertRegex(out, r"error: .*clips? '?3\b")
            self.assertIn(str(path), out)
            self.assertEqual(out.count("error: "), 1, out)

    def test_changed_byte_is_counted(self):
        path = self.damaged("counted.h5")
        curves = []
        for ranks, mode in ((0, "direct"), (3, "direct"), (2, "resident")):
            run, out = self.train(f"counted-{mode}-{ranks}", {
                "data.train": path, "data.store": mode, "data.max_bad_fraction": 0.1},
                ranks=ranks)
            self.assertIn("clip 3 is left out: ", out)
            # At most once for each rank.
            self.assertLessEqual(out.count("is left out"), max(ranks, 1))
            curves.append(run.curve())
        train = curves[0][0]
        self.assertEqual(len(train), STEPS)
        self.assertEqual(curves[0], curves[1])
        self.assertEqual(curves[0], curves[2])
        self.assertNotEqual(curves[0], self.undisturbed.curve())
        # Once in each of 6 epochs of 3 steps; the last 2 steps may have it too.
        bad_steps = [step for step, _, values in train if values["num_bad"] != 0]
        self.assertIn(len(bad_steps), (6, 7))
        alerts = [json.loads(line) for line in
                  (run.path / "alerts.jsonl").read_text().splitlines()]
        self.assertEqual([alert["step"] for alert in alerts], bad_steps)
        self.assertEqual({alert["kind"] for alert in alerts}, {"bad_sample"})

    def test_budget_is_that_of_all_ranks_together(self):
        """Three ranks meet one bad clip each, which is within the budget of one process."""
        path = self.damaged("three.h5", clips=(2, 13, 30))
        for ranks in (0, 2, 4):
            _, out = self.train(f"budget-{ranks}", {
                "data.train": path, "data.max_bad_fraction": 2 / 32, "train.steps": 3},
                ranks=ranks, code=4)
            self.assertRegex(out, r"error: 3 of 32 clips of \S*three\.h5 cannot be used")
            self.assertEqual(out.count("error: "), 1, out)

    def test_changed_byte_of_a_validation_clip(self):
        path = self.damaged("validation-bad.h5", "validation", 16)
        config = self.undisturbed.path / "config.yaml"
        report = self.folder / "bad.json"
        texts = []
        for ranks, mode in ((0, "direct"), (3, "resident")):
            words = ["eval", "--config", config, "--data", path, "--json", report,
                     "--set", f"data.store={mode}", "--set", "data.max_bad_fraction=0.1"]
            self.assertIn("15 clips, 1 could not be decoded", self.must(*words, ranks=ranks))
            texts.append(report.read_text())
            self.assertEqual(json.loads(texts[-1])["num_clips"], 15)
            code, out, _ = gasm_cli.Job([*words[:-1], "data.max_bad_fraction=0"], ranks).wait(30)
            self.assertEqual(code, 4, out)
            self.assertIn(str(path), out)
        self.assertEqual(texts[0], texts[1])

    def test_divergence_is_said_by_all_ranks_at_once(self):
        for ranks in (0, 2):
            run, out = self.train(f"diverged-{ranks}", {"optim.lr": 1000, "optim.clip_norm": 0},
                                  ranks=ranks, code=4, within_s=20)
            self.assertRegex(out, r"error: training diverged at step \d+ .*Try a lower optim\.lr")
            alert = json.loads((run.path / "alerts.jsonl").read_text())
            self.assertEqual(alert["kind"], "non_finite")
            self.assertEqual(out.count("error: "), 1, out)
            self.assertEqual(run.steps(), [])


def read_safetensors(path):
    """name -> (type, shape, bytes)"""
    contents = path.read_bytes()
    (length,) = struct.unpack("<Q", contents[:8])
    header = json.loads(contents[8:8 + length])
    header.pop("__metadata__", None)
    data = contents[8 + length:]
    return {name: (t["dtype"], t["shape"], data[slice(*t["data_offsets"])])
            for name, t in header.items()}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, contents) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(contents)]}
        data += contents
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Weights(TrainCase):
    settings = {"train.steps": 1}
    PREFIX = "semantic_backbone."

    def tensors(self):
        state = read_safetensors(self.undisturbed.checkpoint(1) / "model.safetensors")
        return {name[len(self.PREFIX):]: tensor for name, tensor in state.items()
                if name.startswith(self.PREFIX)}

    def starts_from(self, name, code):
        path = self.folder / f"{name}.safetensors"
        run, out = self.train(name, {"model.semantic.weights": path}, code=code, within_s=15)
        if code:
            self.assertIn(str(path), out)
            self.assertEqual(out.count("error: "), 1, out)
            self.assertEqual(run.steps(), [])
        return run, out

    def test_tensors_that_fit(self):
        write_safetensors(self.folder / "good.safetensors", self.tensors())
        run, _ = self.starts_from("good", 0)
        self.assertNotEqual(run.curve(), self.undisturbed.curve())

    def test_tensors_that_do_not_fit(self):
        good = self.tensors()
        self.assertGreater(len(good), 10)
        victim = next(n for n, (_, shape, _) in good.items() if len(shape) == 2)
        dtype, shape, contents = good[victim]
        shorter = victim[:-1]
        for name, tensors, words in (
                ("missing", {n: t for n, t in good.items() if n != victim},
                 f"no tensor {victim} (the model needs it, shape [{shape[0]}, {shape[1]}])"),
                ("misspelt", {(shorter if n == victim else n): t for n, t in good.items()},
                 f"no tensor {victim} (the model needs it, shape [{shape[0]}, {shape[1]}]). "
                 f"The nearest name in the file is {shorter}"),
                ("extra", {**good, shorter: ("F32", [2], bytes(8))},
                 f"the model has no tensor {shorter} (shape [2] in the file). The nearest name "
                 f"in the model is {victim}"),
                ("misshapen", {**good, victim: (dtype, [shape[0] * shape[1]], contents)},
                 f"{victim} has shape [{shape[0] * shape[1]}], but the model needs "
                 f"[{shape[0]}, {shape[1]}]")):
            with self.subTest(name):
                write_safetensors(self.folder / f"{name}.safetensors", tensors)
                _, out = self.starts_from(name, 4)
                self.assertIn(words, out)

    def test_files_that_are_no_safetensors(self):
        good = self.folder / "whole.safetensors"
        write_safetensors(good, self.tensors())
        for name, contents in (("short", good.read_bytes()[:-4]), ("empty", b""),
                               ("text", b"no tensors at all" * 9)):
            with self.subTest(name):
                (self.folder / f"{name}.safetensors").write_bytes(contents)
                self.starts_from(name, 4)
        with self.subTest("gone"):
            self.starts_from("gone", 4)


if __name__ == "__main__":
    gasm_cli.main(__doc__)
