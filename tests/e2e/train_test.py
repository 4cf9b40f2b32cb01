#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains with the gasm binary: the curve, stopping, resuming, evaluating.

train_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from checkpoint_files import read_set  # noqa: E402
from gasm_cli import STEPS, RunFolder, TrainCase  # noqa: E402


class Train(TrainCase):
    undisturbed_ranks = 1
    settings = {"train.eval_every_epochs": 2}

    def test_equal_at_every_number_of_ranks(self):
        train, val = self.undisturbed.curve()
        self.assertEqual([line[0] for line in train], list(range(1, STEPS + 1)))
        self.assertEqual([line[0] for line in val], [6, 12, 18, STEPS])
        losses = [float(values["loss"]) for _, _, values in train]
        self.assertGreater(losses[0], 0.5)
        self.assertNotEqual(len(set(losses)), 1)
        for ranks in (2, 3, 4):
            run, _ = self.train(f"ranks-{ranks}", ranks=ranks)
            with self.subTest(ranks=ranks, to="1e-5"):
                found = [float(values["loss"]) for _, _, values in run.lines("train")]
                self.assertEqual(len(found), STEPS)
                for step, (a, b) in enumerate(zip(losses, found), 1):
                    self.assertLessEqual(abs(a - b), 1e-5 * abs(a), f"step {step}")
            with self.subTest(ranks=ranks, to="the last bit"):
                self.assert_undisturbed(run)

    def test_sharded_moments_and_small_buckets_change_no_bit(self):
        sets = {"parallel.zero1": "true", "parallel.first_bucket_mb": 0.01,
                "parallel.bucket_mb": 0.05}
        expected = read_set(self.undisturbed.checkpoint(STEPS), "optimizer")
        for ranks in (1, 2, 4):
            with self.subTest(ranks=ranks):
                run, _ = self.train(f"sharded-{ranks}", sets, ranks=ranks)
                self.assert_undisturbed(run)
                self.assertEqual(read_set(run.checkpoint(STEPS), "optimizer"), expected)
        # Stopped sharded on two ranks, and gone on with whole on three.
        self.train("sharded-stopped", {**sets, "train.stop_after": 7}, ranks=2, code=85)
        run, _ = self.train("sharded-stopped", ranks=3)
        self.assert_undisturbed(run)
        self.train("whole-stopped", {"train.stop_after": 7}, ranks=3, code=85)
        run, _ = self.train("whole-stopped", sets, ranks=2)
        self.assert_undisturbed(run)

    def test_mixing_and_augmentation_are_equal_at_every_number_of_ranks(self):
        sets = {"data.sampling.kind": "motion", "data.sampling.time_jitter": 1,
                "data.augment.rand_augment.n": 2, "data.augment.erase.probability": 0.5,
                "data.augment.mix.mixup_alpha": 0.8, "data.augment.mix.cutmix_alpha": 1,
                "optim.label_smoothing": 0.1, "train.steps": 6}
        one, _ = self.train("mixed-1", sets, ranks=1)
        train, val = one.curve()
        self.assertEqual(len(train), 6)
        self.assertNotEqual(train, self.undisturbed.lines("train")[:6])
        for ranks in (2, 3):
            run, _ = self.train(f"mixed-{ranks}", sets, ranks=ranks)
            self.assertEqual(run.curve(), (train, val))
        run, _ = self.train("mixed-stopped", {**sets, "train.stop_after": 2}, ranks=2, code=85)
        run, _ = self.train("mixed-stopped", sets, ranks=3)
        self.assertEqual(run.curve(), (train, val))

    def test_trace_shows_all_ranks(self):
        sets = {"log.trace_steps": 3, "parallel.first_bucket_mb": 0.01,
                "parallel.bucket_mb": 0.05, "train.stop_after": 6}
        run, _ = self.train("traced", sets, ranks=2, code=85)
        events = json.loads((run.path / "trace.json").read_text())["traceEvents"]
        spans = [event for event in events if event["ph"] == "X"]
        self.assertEqual({span["pid"] for span in spans}, {0, 1})
        for rank in (0, 1):
            mine = [span for span in spans if span["pid"] == rank]
            steps = sorted(s["name"] for s in mine if s["name"].startswith("step "))
            self.assertEqual(steps, ["step 3", "step 4", "step 5"])
            names = {span["name"] for span in mine}
            self.assertLessEqual({"data", "forward", "backward", "optimiser",
                                  "wait for the exchange", "exchange tail", "until bucket 0",
                                  "exchange bucket 0", "exchange bucket 1"}, names)
            # What is traced lies inside its step, on its row one thing at a time.
            for step in (3, 4, 5):
                whole, = [s for s in mine if s["name"] == f"step {step}"]
                end = whole["ts"] + whole["dur"]
                parts = [s for s in mine if s["args"]["step"] == step and s is not whole]
                self.assertGreaterEqual(min(s["ts"] for s in parts), whole["ts"] - 1)
                self.assertLessEqual(max(s["ts"] + s["dur"] for s in parts), end + 1)
                for row in {s["tid"] for s in parts} - {0}:
                    lane = sorted((s["ts"], s["dur"]) for s in parts if s["tid"] == row)
                    for (ts, dur), (following, _) in zip(lane, lane[1:]):
                        self.assertLessEqual(ts + dur, following + 1)
        # A run that ends first is traced as far as it went.
        run, _ = self.train("traced-short", {**sets, "train.stop_after": 4}, ranks=1, code=85)
        text = (run.path / "trace.json").read_text()
        self.assertIn('"step 4"', text)
        self.assertNotIn('"step 5"', text)

    def test_records_tell_where_the_time_went(self):
        for line in (self.undisturbed.path / "metrics.jsonl").read_text().splitlines():
            line = json.loads(line)
            if line["split"] != "train":
                continue
            for name in ("forward_ms", "backward_ms", "optimizer_ms", "memory_mb"):
                self.assertGreater(line["m"][name], 0, name)
            self.assertGreaterEqual(line["m"]["exchange_wait_ms"], 0)
            self.assertLessEqual(line["m"]["exchange_hidden"], 1)

    def test_other_seed_gives_another_curve(self):
        run, _ = self.train("seed", {"run.seed": 1}, ranks=0)
        self.assertNotEqual(run.curve(), self.undisturbed.curve())

    def test_run_folder(self):
        run = self.undisturbed
        for pattern in ("config.yaml", "manifest.json", "metrics.jsonl",
                        "events.out.tfevents.*", "logs/rank-0.log", "logs/status-board",
                        f"checkpoints/step-{STEPS}/manifest.json",
                        f"checkpoints/step-{STEPS}/model.safetensors",
                        f"checkpoints/step-{STEPS}/optimizer.safetensors"):
            found = list(run.path.glob(pattern))
            self.assertEqual(len(found), 1, pattern)
            self.assertGreater(found[0].stat().st_size, 0, pattern)
        self.assertEqual((run.path / "checkpoints/latest").resolve(),
                         run.checkpoint(STEPS).resolve())
        self.assertTrue((run.path / "checkpoints/best/manifest.json").exists())
        self.assertFalse(list(run.path.rglob("*.tmp*")))
        manifest = run.manifest()
        self.assertEqual((manifest["state"], manifest["world_size"]), ("done", 1))
        self.assertIsNotNone(manifest["end_time"])
        self.assertEqual(set(manifest["data_hashes"]),
                         {str(self.folder / f"{s}.h5") for s in ("train", "validation")})
        config = run.path / "config.yaml"
        printed = self.must("train", "--config", config, "--print-config")
        self.assertEqual(printed, config.read_text())

    def test_stopped_run_goes_on(self):
        for first, then in ((1, 1), (2, 3)):
            name = f"stopped-{first}-{then}"
            run, _ = self.train(name, {"train.stop_after": 7}, ranks=first, code=85)
            self.assertEqual(run.lines("train"), self.undisturbed.lines("train")[:7])
            self.assertEqual(run.steps()[-1], 7)
            self.assertEqual(run.manifest()["state"], "stopped")
            run, out = self.train(name, ranks=then)
            ranks = "rank 0" if then == 1 else f"ranks 0-{then - 1}"
            self.assertRegex(out, rf"node \S+: {ranks} on cpu, cores? \d")
            self.assertIn("resumed from step 7 ", out)
            self.assert_undisturbed(run)
            self.assertEqual(run.manifest()["state"], "done")
        before = (run.path / "metrics.jsonl").read_bytes()
        self.train(name)  # a finished run, started again
        self.assertEqual((run.path / "metrics.jsonl").read_bytes(), before)

    def test_stopped_at_a_validation_border(self):
        for _ in range(2):  # the second time there is nothing left to do
            run, _ = self.train("border", {"train.stop_after": 6}, code=85)
            self.assertEqual(len(run.lines("train")), 6)
            self.assertEqual(run.steps(), [6])
            self.assertEqual(run.manifest()["state"], "stopped")
        run, out = self.train("border")
        self.assertIn("resumed from step 6 ", out)
        self.assert_undisturbed(run)

    def test_eval_agrees_with_the_last_validation(self):
        step, _, wanted = self.undisturbed.lines("val")[-1]
        self.assertEqual(step, STEPS)
        results = []
        for ranks in (0, 3):
            path = self.folder / f"eval-{ranks}.json"
            out = self.must("eval", "--config", self.undisturbed.path / "config.yaml", "--json",
                            path, ranks=ranks)
            self.assertIn("16 clips, 0 could not be decoded", out)
            results.append(path.read_text())
        self.assertEqual(results[0], results[1])
        found = json.loads(results[0])
        self.assertEqual((found["num_clips"], found["num_bad"]), (16, 0))
        self.assertEqual(sum(c["clips"] for c in found["classes"].values()), 16)
        for name in ("loss", "top1", "top5", "mean_class_top1"):
            self.assertEqual(f"{found[name]:.7g}", f"{float(wanted[name]):.7g}", name)
        # The weights alone are enough.
        path = self.folder / "weights.json"
        self.must("eval", "--config", self.undisturbed.path / "config.yaml", "--json", path,
                  "--checkpoint", self.undisturbed.checkpoint(STEPS) / "model.safetensors")
        self.assertEqual(path.read_text(), results[0])

    def test_eval_of_views(self):
        def measure(name, ranks, **sets):
            path = self.folder / f"views-{name}.json"
            words = [word for key, value in sets.items()
                     for word in ("--set", f"{key.replace('__', '.')}={value}")]
            out = self.must("eval", "--config", self.undisturbed.path / "config.yaml", *words,
                            "--json", path, ranks=ranks)
            self.assertEqual("16 clips in 6 views each" in out, "eval__crops" in sets)
            return json.loads(path.read_text())

        crop = {"data__augment__crop": "center"}
        views = {"eval__clips": 2, "eval__crops": 3, **crop}
        one = measure("one", 0, **crop)
        six = measure("six", 0, **views)
        self.assertEqual((six["num_clips"], six["num_views"]), (16, 6))
        self.assertNotEqual(six["loss"], one["loss"])
        self.assertEqual(measure("ranks", 3, **views), six)
        logits = measure("logits", 0, eval__average="logits", **views)
        self.assertNotEqual(logits["loss"], six["loss"])
        self.assertLess(abs(logits["loss"] - six["loss"]), 0.5)
        # The test's own configuration shows whole frames.
        job = gasm_cli.Job(["eval", "--config", self.undisturbed.path / "config.yaml",
                            "--set", "eval.crops=3"], 0)
        code, out, _ = job.wait(30)
        self.assertEqual(code, 2, out)
        self.assertIn("eval.crops is 3, but data.augment.crop: none", out)

    def test_eval_refuses_other_classes(self):
        for checkpoint in ((), ("--checkpoint", self.undisturbed.checkpoint(STEPS)),
                           ("--checkpoint",
                            self.undisturbed.checkpoint(STEPS) / "model.safetensors")):
            job = gasm_cli.Job(["eval", "--config", self.undisturbed.path / "config.yaml",
                                "--data", self.folder / "others.h5", *checkpoint], 2)
            code, out, _ = job.wait(30)
            self.assertEqual(code, 2, out)
            self.assertIn("trained on other classes than the store's", out)
            self.assertEqual(out.count("error: "), 1, out)

    def test_one_job_a_run_folder(self):
        first = self.start("shared", fault="hang:0:train:4")
        self.wait_for_step(first, RunFolder(self.run_path("shared")), 3)
        _, out = self.train("shared", code=4, within_s=20)
        self.assertRegex(out, r"/shared is in use \(host \S+, process \d+, for \d+ s\)")
        first.end()
        run, _ = self.train("shared")
        self.assert_undisturbed(run)

    def test_refused_run_folders(self):
        run, _ = self.train("refused", {"train.stop_after": 2}, code=85)
        files = ("config.yaml", "metrics.jsonl", "checkpoints/step-2/manifest.json")
        before = [(run.path / name).read_bytes() for name in files]
        for ranks in (0, 2):
            for sets, words in (
                    ({"optim.lr": 0.5}, "step 2 was made with another configuration"),
                    ({"data.train": self.folder / "validation.h5"},
                     "step 2 belongs to other data (data.train: "),
                    ({"data.val": self.folder / "train.h5"},
                     "step 2 belongs to other data (data.val: "),
                    ({"checkpoint.resume": "never"}, "has checkpoints")):
                _, out = self.train("refused", sets, ranks=ranks, code=2, within_s=45)
                self.assertIn(words, out)
                self.assertEqual(out.count("error: "), 1, out)
        self.assertEqual([(run.path / name).read_bytes() for name in files], before)
        _, out = self.train("none-here", {"checkpoint.resume": "must"}, code=2, within_s=45)
        self.assertIn("no good checkpoint", out)

    def test_dry_run_writes_nothing(self):
        for ranks in (0, 2):
            _, out = self.train("dry", ranks=ranks, more=["--dry-run"])
            self.assertRegex(out, r"training clips +32\n")
            self.assertRegex(out, r"validation clips +16\n")
            self.assertRegex(out, rf"steps +{STEPS} \(3 an epoch")
            self.assertRegex(out, rf"ranks +{max(ranks, 1)}\n")
        self.assertFalse(self.run_path("dry").exists())

    def test_damaged_newest_checkpoint(self):
        self.train("damaged", {"train.stop_after": 7, "checkpoint.every_steps": 5,
                               "checkpoint.keep_last": 3}, code=85)

        def flip(folder):
            path = folder / "optimizer.safetensors"
            contents = bytearray(path.read_bytes())
            contents[len(contents) // 2] ^= 1
            path.write_bytes(contents)

        def truncate(folder):
            path = folder / "model.safetensors"
            path.write_bytes(path.read_bytes()[:-100])

        for damage in (flip, truncate, lambda folder: (folder / "manifest.json").unlink(),
                       lambda folder: (folder / "manifest.json").write_text("{"),
                       lambda folder: (folder / "model.safetensors").unlink()):
            shutil.rmtree(self.run_path("copy"), ignore_errors=True)
            shutil.copytree(self.run_path("damaged"), self.run_path("copy"), symlinks=True)
            run = RunFolder(self.run_path("copy"))
            self.assertEqual(run.steps()[-2:], [6, 7])
            damage(run.checkpoint(7))
            run, out = self.train("copy")
            self.assertRegex(out, r"warning: checkpoint \S*step-7 is passed over: ")
            self.assertIn("resumed from step 6", out)
            self.assert_undisturbed(run)

    def test_only_damaged_checkpoints(self):
        run, _ = self.train("hopeless", {"train.stop_after": 2}, code=85)
        (run.checkpoint(2) / "model.safetensors").write_bytes(b"")
        _, out = self.train("hopeless", {"checkpoint.resume": "must"}, code=2)
        self.assertIn("no good checkpoint", out)
        _, out = self.train("hopeless", {"checkpoint.resume": "never"}, code=2)
        self.assertIn("has checkpoints", out)
        run, out = self.train("hopeless")
        self.assertIn("is passed over", out)
        self.assert_undisturbed(run)


if __name__ == "__main__":
    gasm_cli.main(__doc__)
