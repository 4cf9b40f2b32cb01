#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gasm extract, and what is trained on its files.

features_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import CONFIG, SETTINGS, Job, TrainCase, kill  # noqa: E402

FROZEN = {"model.semantic.train": "none", "model.motion.train": "none"}
# Nothing random and one epoch's order: features are to be what clips are.
PLAIN = {"data.augment.flip": "none", "data.augment.crop": "none",
         "data.augment.jitter": 0, "data.sampling.kind": "uniform"}
NUM_KILLS = 20


def settings_words(values):
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


class Features(TrainCase):
    """train.h5 of 32 clips, validation.h5 of 16, and runs on clips and features."""
    undisturbed_ranks = 1
    settings = {**FROZEN, **PLAIN}

    def extract_words(self, output, *more, clips="train.h5", sets=None):
        values = {**SETTINGS, **FROZEN, **PLAIN, **(sets or {})}
        return ["extract", "--config", CONFIG, *settings_words(values),
                "--clips", self.folder / clips, "--output", output, *more]

    def extract(self, name, *more, ranks=1, code=0, **options):
        output = self.folder / name
        found, out, _ = Job(self.extract_words(output, *more, **options), ranks).wait(120)
        self.assertEqual(found, code, out)
        return output, out

    def pair(self, name, *more, **options):
        """Features of both splits: settings that train on them."""
        train, _ = self.extract(f"{name}-train.h5", *more, **options)
        val, _ = self.extract(f"{name}-val.h5", "--dtype", "fp32", clips="validation.h5")
        return {"data.source": "features", "data.train": train, "data.val": val}

    def losses(self, run):
        return [float(values["loss"]) for _, _, values in run.lines("train")]

    def evaluate(self, name, sets):
        report = self.folder / "report.json"
        code, out, _ = Job(self.words(name, sets, "eval", ("--json", report))).wait()
        self.assertEqual(code, 0, out)
        return json.loads(report.read_text())

    def assert_no_leftover(self, output):
        left = [path.name for path in output.parent.glob(output.name + ".*")]
        self.assertEqual(left, [])

    def semantic_values(self, path, count):
        """The first large array of a file in single precision begins at 1 MiB."""
        with open(path, "rb") as file:
            file.seek(1 << 20)
            return struct.unpack(f"<{count}f", file.read(4 * count))

    # ---- the file

    def test_the_same_file_at_every_number_of_ranks(self):
        alone, out = self.extract("alone.h5")
        self.assertRegex(out, r"alone\.h5: 32 clips, 1 view of each, [0-9.]+ MB of features, "
                              r"data hash [0-9a-f]{16}\n0 of 4 batches were there")
        for ranks in (2, 3, 4):
            several, _ = self.extract(f"several-{ranks}.h5", ranks=ranks)
            self.assertEqual(several.read_bytes(), alone.read_bytes())
            self.assert_no_leftover(several)

    def test_a_finished_file_is_left_alone(self):
        output, _ = self.extract("twice.h5")
        before = output.stat()
        _, out = self.extract("twice.h5")
        self.assertIn("was there already", out)
        self.assertEqual(output.stat().st_mtime_ns, before.st_mtime_ns)
        # Nothing that took hours is replaced by mistake.
        _, out = self.extract("twice.h5", "--dtype", "fp32", code=2)
        self.assertRegex(out, r"twice\.h5 is there and holds other features")
        _, out = self.extract("validation.h5", code=2)
        self.assertRegex(out, r"validation\.h5 is there and is no finished feature store")
        self.assertEqual(output.stat().st_mtime_ns, before.st_mtime_ns)
        self.extract("twice.h5", "--dtype", "fp32", "--restart")
        self.assertGreater(output.stat().st_size, before.st_size)

    def test_more_ranks_than_batches(self):
        few, _ = self.extract("few.h5", "--batch", "32", ranks=4)
        alone, _ = self.extract("few-alone.h5", "--batch", "32")
        self.assertEqual(few.read_bytes(), alone.read_bytes())

    def test_check_makes_features_again(self):
        output, _ = self.extract("checked.h5", "--views", "2")
        _, out = self.extract("checked.h5", "--check", "9", ranks=2)
        self.assertIn("9 clips made again", out)
        worst = float(re.search(r"apart by (\S+) of its", out).group(1))
        self.assertLess(worst, 1e-3)
        _, out = self.extract("checked.h5", "--check", "9", sets={"run.seed": 5}, code=2)
        self.assertRegex(out, r"model\.motion\.weights: random of run\.seed 0 there, random "
                              r"of run\.seed 5 here")
        _, out = self.extract("checked.h5", "--check", "9", clips="validation.h5", code=2)
        self.assertIn("was made of other clips", out)
        data = bytearray(output.read_bytes())
        data[(1 << 20) + 1000] ^= 0x40  # large arrays begin at whole MiB
        output.write_bytes(data)
        _, out = self.extract("checked.h5", "--check", "32", code=4)
        self.assertRegex(out, r"the features of clip '\d+' \(view \d\) in \S+ have changed")

    # ---- interrupted

    def test_killed_at_random_moments(self):
        # Small batches and large frames: long enough to be killed so often.
        slow = {"model.semantic.resolution": "[384, 512]"}
        calm, _ = self.extract("calm.h5", "--batch", "1", ranks=2, sets=slow)
        output = self.folder / "killed.h5"
        draw = random.Random(7)
        num_kills = num_finished = 0
        while num_kills < NUM_KILLS:
            if output.exists():  # too fast: once more from the start
                self.assertEqual(output.read_bytes(), calm.read_bytes())
                output.unlink()
                num_finished += 1
            job = Job(self.extract_words(output, "--batch", "1", sets=slow), 2)
            code, out, _ = job.wait(draw.uniform(0.3, 3.0))
            self.assertIn(code, (0, "still running"), out)
            num_kills += 1 if code != 0 else 0
        code, out, _ = Job(self.extract_words(output, "--batch", "1", sets=slow), 2).wait(120)
        self.assertEqual(code, 0, out)
        self.assertEqual(output.read_bytes(), calm.read_bytes())
        self.assert_no_leftover(output)
        print(f"killed {num_kills} times, {num_finished} times finished in between")

    def test_a_signal_stops_it_and_it_goes_on(self):
        slow = {"model.semantic.resolution": "[384, 512]"}
        words = self.extract_words(self.folder / "stopped.h5", "--batch", "1", sets=slow)
        job = Job(words, 2)
        self.addCleanup(job.end)
        journal = self.folder / "stopped.h5.partial.journal"
        self.wait_for(lambda: any(path.read_text().count("\n") > 1
                                  for path in journal.glob("run-*.jsonl")))
        job.process.send_signal(signal.SIGUSR1)
        code, out, _ = job.wait(60)
        self.assertEqual(code, 85, out)
        self.assertIn("stopped. The same command goes on", out)
        partial = self.folder / "stopped.h5.partial"
        run = self.words("partial", {"data.source": "features", "data.train": partial,
                                     "data.val": partial, **slow})
        code, told, _ = Job(run).wait()
        self.assertEqual(code, 4, told)
        self.assertIn("is still being written", told)
        # Another way to make them is not mixed with what is there.
        code, told, _ = Job([*words, "--views", "2"]).wait()
        self.assertEqual(code, 2, told)
        self.assertRegex(told, r"stopped\.h5\.partial was begun with other clips or settings")
        code, out, _ = Job(words, 2).wait(120)
        self.assertEqual(code, 0, out)
        self.assertRegex(out, r"\n[1-9]\d* of 32 batches were there")
        calm, _ = self.extract("unstopped.h5", "--batch", "1", sets=slow)
        self.assertEqual((self.folder / "stopped.h5").read_bytes(), calm.read_bytes())

    def wait_for(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "waited too long")
            time.sleep(0.02)

    def test_two_jobs_on_one_file(self):
        slow = {"model.semantic.resolution": "[384, 512]"}
        words = self.extract_words(self.folder / "shared.h5", "--batch", "1", sets=slow)
        first = Job(words)
        self.addCleanup(first.end)
        self.wait_for(lambda: (self.folder / "shared.h5.partial").exists())
        kill(first.process.pid, signal.SIGSTOP)
        code, out, _ = Job(words).wait(60)
        self.assertEqual(code, 4, out)
        self.assertRegex(out, r"shared\.h5\.partial\.journal is in use \(host")
        kill(first.process.pid, signal.SIGCONT)
        code, out, _ = first.wait(60)
        self.assertEqual(code, 0, out)

    def test_full_disk(self):
        disk = self.folder / "disk"
        disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest("no tmpfs may be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        for ranks in (1, 2):
            _, out = self.extract("disk/f.h5", ranks=ranks, code=4)
            self.assertRegex(out, r"cannot reserve [0-9.]+ MB for \S+/disk/f\.h5\.partial\S* "
                                  r"\(No space left on device\)")
            self.assertEqual([p.name for p in disk.glob("f.h5*") if p.is_file()], [])

    # ---- what is trained on them

    def test_training_on_features_is_training_on_clips(self):
        # The backbones are frozen: the same losses, to the last bit or nearly.
        exact, _ = self.train("exact", self.pair("exact", "--dtype", "fp32"))
        wanted = self.losses(self.undisturbed)
        for loss, other in zip(self.losses(exact), wanted, strict=True):
            self.assertAlmostEqual(loss, other, delta=1e-5 * other)
        half, _ = self.train("half", self.pair("half"))
        for loss, other in zip(self.losses(half), wanted, strict=True):
            self.assertAlmostEqual(loss, other, delta=2e-2 * other)

    def test_pooled_frames_are_the_mean_of_the_others(self):
        several = {"model.semantic.frames": "[1, 4, 8]"}
        pooled = {**several, "model.semantic.frame_pool": "mean"}
        apart, _ = self.extract("apart.h5", "--dtype", "fp32", sets=several)
        pair = {"data.source": "features"}
        for key, clips in (("data.train", "train.h5"), ("data.val", "validation.h5")):
            pair[key], _ = self.extract(f"pooled-{clips}", "--dtype", "fp32", clips=clips,
                                        sets=pooled)
        size = 3 * 4 * 64  # patches of one frame, channels
        maps = self.semantic_values(apart, 32 * 3 * size)
        means = self.semantic_values(pair["data.train"], 32 * size)
        for i, mean in enumerate(means):
            clip, value = divmod(i, size)
            of_frames = [maps[(3 * clip + frame) * size + value] for frame in range(3)]
            self.assertAlmostEqual(mean, sum(of_frames) / 3, delta=1e-5)
        self.assertGreater(max(means) - min(means), 0.1)
        span = struct.pack("<2f", 1 / 12, 9 / 12)
        self.assertIn(span, pair["data.train"].read_bytes())
        self.assertNotIn(span, apart.read_bytes())
        online, _ = self.train("pooled-clips", pooled)
        cached, _ = self.train("pooled-features", {**pooled, **pair})
        for loss, other in zip(self.losses(cached), self.losses(online), strict=True):
            self.assertAlmostEqual(loss, other, delta=1e-5 * other)
        code, out, _ = Job(self.words("unfit", {**several, **pair})).wait()
        self.assertEqual(code, 2, out)
        self.assertIn("model.semantic.frame_pool: mean there, none here", out)

    def test_fixed_standardisation_takes_the_statistics_of_the_features(self):
        fixed = {"model.fusion.standardise": "fixed", "train.steps": 4}
        pair = self.pair("fixed", "--dtype", "fp32")
        features, out = self.train("fixed-features", {**pair, **fixed})
        said = r"standardised by the statistics of .*fixed-train\.h5"
        self.assertRegex(out, said)
        clips, out = self.train("fixed-clips", {
            **fixed, "model.fusion.statistics": pair["data.train"]})
        self.assertRegex(out, said)
        for loss, other in zip(self.losses(features), self.losses(clips), strict=True):
            self.assertAlmostEqual(loss, other, delta=1e-5 * other)
        plain, out = self.train("plain-clips", fixed)
        self.assertNotRegex(out, said)
        self.assertNotEqual(self.losses(plain)[1:], self.losses(clips)[1:])

    def test_a_random_view_is_what_an_epoch_sees(self):
        random_sets = {"data.augment.flip": "swap", "data.augment.crop": "random_resized",
                       "data.augment.jitter": 0.4, "data.sampling.kind": "segment",
                       "train.steps": 3}  # one epoch
        clips, _ = self.train("random-clips", random_sets)
        sets = {**self.pair("random", "--dtype", "fp32", "--views", "1", sets=random_sets),
                **random_sets}
        features, _ = self.train("random-features", sets)
        for loss, other in zip(self.losses(features), self.losses(clips), strict=True):
            self.assertAlmostEqual(loss, other, delta=1e-5 * other)

    def test_the_same_batches_from_every_store_mode(self):
        output, _ = self.extract("views.h5", "--views", "3")
        sets = {"data.source": "features", "data.train": output,
                "data.feature_augment.noise": 0.1, "data.feature_augment.mixup_alpha": 0.4}

        def digests(mode, ranks, *more):
            words = self.words("none", {**sets, "data.store": mode}, "data",
                               ("--epoch", 4, "--digest", *more))
            code, out, _ = Job([words[0], "batches", *words[1:]], ranks).wait()
            self.assertEqual(code, 0, out)
            return [line for line in out.splitlines() if line.startswith("epoch ")]

        wanted = digests("direct", 1)
        self.assertEqual(len(wanted), 3)
        for mode in ("resident", "exchange", "direct"):
            for ranks in (1, 2, 3, 4):
                self.assertEqual(digests(mode, ranks), wanted, (mode, ranks))
        self.assertEqual(digests("exchange", 2, "--from", 1), wanted[1:])
        streamed = digests("stream", 1)
        for ranks in (2, 3):
            self.assertEqual(digests("stream", ranks), streamed)

    def test_evaluation_on_clips_and_on_features(self):
        pair = self.pair("eval", "--dtype", "fp32")
        run, _ = self.train("eval", pair)
        on_features = self.evaluate("eval", pair)
        on_clips = self.evaluate("eval", {})
        self.assertEqual(on_clips["num_clips"], 16)
        self.assertEqual(on_clips["top1"], on_features["top1"])
        self.assertAlmostEqual(on_clips["loss"], on_features["loss"],
                               delta=1e-5 * on_features["loss"])
        self.assertTrue(run.path.exists())
        # Views of a test are averaged as they are on clips.
        views = {"eval.clips": 2, "eval.crops": 3, "data.augment.crop": "center"}
        many, _ = self.extract("many-val.h5", "--dtype", "fp32", clips="validation.h5",
                               sets=views)
        on_features = self.evaluate("eval", {**pair, **views, "data.val": many})
        on_clips = self.evaluate("eval", views)
        self.assertEqual(on_features["num_views"], 6)
        self.assertAlmostEqual(on_clips["loss"], on_features["loss"],
                               delta=1e-5 * on_features["loss"])

    def test_backbones_of_a_run_of_ours(self):
        # Trained end to end, extracted from, and evaluated: the same model.
        whole = {"model.semantic.train": "all", "model.motion.train": "all"}
        run, _ = self.train("whole", whole)
        weights = run.path / "checkpoints/latest/model.safetensors"
        sets = {"model.semantic.weights": weights, "model.motion.weights": weights}
        features, _ = self.extract("whole-val.h5", "--dtype", "fp32", clips="validation.h5",
                                   sets=sets)
        again, _ = self.extract("whole-again.h5", "--dtype", "fp32", clips="validation.h5")
        self.assertNotEqual(features.read_bytes(), again.read_bytes())
        code, out, _ = Job(self.words(
            "whole", {**sets, "data.source": "features", "data.val": features}, "eval")).wait()
        self.assertEqual(code, 2, out)
        self.assertIn("holds backbones of its own", out)

    def test_monitor_looks_at_the_clips_behind(self):
        run, _ = self.train("watched", self.pair("watched"))
        stats = self.folder / "stats.json"
        clips = self.folder / "train.h5"
        self.must("data", "stats", clips, "--json", stats)
        words = ["data", "monitor", "--run", run.path, "--reference", stats]
        code, out, _ = Job(words).wait()
        self.assertEqual(code, 2, out)
        self.assertIn("Try --store with the clips.h5", out)
        self.assertRegex(self.must(*words, "--store", clips), r"\(\d+ clips\) beside .*: 0 alerts")
        code, out, _ = Job([*words, "--store", self.folder / "validation.h5"]).wait()
        self.assertEqual(code, 2, out)
        self.assertIn("is not what the run trains on", out)

    def test_refuses_what_does_not_fit(self):
        pair = self.pair("fit")
        cases = (
            ({"run.seed": 4}, r"weights: random of run\.seed 0 there, random of run\.seed 4"),
            ({"model.motion.grid": "[1, 1]", "model.fusion.cross_bias": "false"},
             r"model\.motion\.grid: \[3, 4\] there, \[1, 1\] here"),
            ({"model.semantic.frames": "[2]"},
             r"model\.semantic\.frames: \[2, 8\] there, \[2\] here"),
            ({"data.train": self.folder / "train.h5"},
             r"its schema is 'gasm\.clips', wanted 'gasm\.features'"),
            ({"data.source": "clips"}, r"its schema is 'gasm\.features', wanted 'gasm\.clips'"),
            ({"model.semantic.train": "all"}, r"the backbones do not run"))
        for sets, pattern in cases:
            with self.subTest(pattern=pattern):
                code, out, _ = Job(self.words("unfit", {**pair, **sets})).wait()
                self.assertIn(code, (2, 4), out)
                self.assertRegex(out, pattern)
        random_val, _ = self.extract("drawn-val.h5", "--views", "2", clips="validation.h5")
        code, out, _ = Job(self.words("unfit", {**pair, "data.val": random_val})).wait()
        self.assertEqual(code, 2, out)
        self.assertIn("views that were drawn at random", out)

    def test_bad_words(self):
        for words, pattern in ((("--batch", "0"), r"--batch is 0 \(must be 1 to 4096\)"),
                               (("--views", "0"), r"--views is 0"),
                               (("--dtype", "fp8"), r"--dtype is 'fp8'\. Try fp16 or fp32"),
                               (("--check", "0"), r"--check is 0")):
            _, out = self.extract("bad.h5", *words, code=2)
            self.assertRegex(out, pattern)
        _, out = self.extract("nowhere/bad.h5", code=4)
        self.assertIn("nowhere", out)
        shutil.copy(self.folder / "train.h5", self.folder / "broken.h5")
        with open(self.folder / "broken.h5", "r+b") as file:
            file.truncate(200_000)
        _, out = self.extract("bad.h5", clips="broken.h5", code=4)
        self.assertIn("broken.h5", out)


if __name__ == "__main__":
    gasm_cli.main(__doc__.splitlines()[0])
