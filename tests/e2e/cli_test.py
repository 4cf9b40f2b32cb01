#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the gasm binary as its users do.

cli_test.py --gasm BINARY [--mpirun MPIRUN] [--torch-python PYTHON] [-k PATTERN]
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import command_of, environment_of, kill  # noqa: E402

TORCH_PYTHON = ""
PARITY = pathlib.Path(__file__).resolve().parent.parent / "parity"
COMMANDS = ("synth", "data fetch-check", "data verify", "data pack", "data subset",
            "data stats", "data inspect", "data monitor", "data batches", "data export-wds",
            "data import-wds", "data layout", "extract", "train", "watch", "runs", "eval",
            "ckpt ls", "ckpt info", "ckpt verify", "forward", "weights inspect", "bench allreduce", "bench decode", "bench store", "doctor")
# Read by a process that has not begun to work, beside its own program: libraries, MPI's start.
START_BYTES = 4_000_000
SMALL_SET = ("--level", "S", "--train-draws", "2", "--val-draws", "1", "--test-draws", "1")


def run(*words, ranks=0, seconds=60, binary=None):
    """Exit code, standard output, standard error, seconds."""
    command = [binary, *map(str, words)] if binary else command_of(words, ranks)
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds,
                          env=environment_of(None), check=False)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - start


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gasm-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def good(self, *words, **options):
        code, out, err, _ = run(*words, **options)
        self.assertEqual(code, 0, f"{words}\n{out}\n{err}")
        return out

    def bad(self, code, pattern, *words, **options):
        """Ends with `code` within seconds, and says `pattern` exactly once."""
        found, out, err, seconds = run(*words, **options)
        self.assertEqual(found, code, f"{words}\n{out}\n{err}")
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(errors), 1, err)
        self.assertRegex(errors[0], pattern)
        self.assertLess(seconds, 30)
        return errors[0]


class Help(Case):
    def test_every_command_has_purpose_options_and_example(self):
        for command in COMMANDS:
            with self.subTest(command):
                out = self.good(*command.split(), "--help")
                self.assertIn(f"Usage: gasm {command}", out)
                self.assertRegex(out, r"Example:\n  .*gasm " + command)
                self.assertGreater(len(out.splitlines()), 6)
                self.assertLessEqual(max(map(len, out.split("Example:")[0].splitlines())), 80)

    def test_examples_use_only_options_that_exist(self):
        for command in COMMANDS:
            out = self.good(*command.split(), "--help")
            options, example = out.split("Example:")
            for option in re.findall(r"--[a-z-]+", example):
                self.assertIn(f"  {option} ", options.replace("\n", " \n"), command)

    def test_gasm_help_lists_every_command(self):
        out = self.good("--help")
        for command in COMMANDS:
            self.assertRegex(out, rf"(?m)^  {command} ")

    def test_nothing_at_all_shows_the_help_and_ends_with_2(self):
        code, out, _, _ = run()
        self.assertEqual(code, 2)
        self.assertIn("Commands:", out)

    def test_help_under_mpirun_is_said_once(self):
        self.assertEqual(self.good("train", "--help", ranks=2).count("Usage:"), 1)

    def test_version_names_the_commit(self):
        self.assertRegex(self.good("--version"), r"^gasm \d+\.\d+\.\d+ \(([0-9a-f]{40}|unknown)")

    def test_unknown_commands(self):
        self.bad(2, "Try gasm synth", "sinth")
        self.bad(2, "Try gasm data verify", "data", "verfy")
        self.bad(2, "Try gasm data fetch-check or gasm data verify or gasm data pack", "data")
        self.bad(2, "Try gasm --help", "bake-a-cake")

    def test_bad_options(self):
        self.bad(2, r"no option '--levle'.*Try --level", "synth", "--levle", "S")
        self.bad(2, "needs --level", "synth", "--output", self.folder)
        self.bad(2, "seed", "synth", *SMALL_SET, "--output", self.folder, "--seed", "many")
        self.bad(2, "takes no argument 'loose'", "synth", *SMALL_SET, "--output", self.folder,
                 "loose")
        self.bad(2, "seed", "synth", *SMALL_SET, "--output", self.folder, "--seed", "1",
                 "--seed", "2")
        self.bad(2, "--seed -1 .*positive", "synth", *SMALL_SET, "--output", self.folder / "no",
                 "--seed", "-1")
        self.bad(2, "--watchdog-s is -1", "synth", *SMALL_SET, "--output", self.folder / "no",
                 "--watchdog-s", "-1")
        self.assertFalse((self.folder / "no").exists())
        self.bad(2, "needs at least one file", "bench", "decode")

    def test_bad_option_under_mpirun_is_said_once(self):
        self.bad(2, "Try --level", "synth", "--levle", "S", ranks=2)

    def test_doctor(self):
        for ranks in (0, 2):
            out = self.good("doctor", ranks=ranks)
            for word in ("commit", "Open MPI", "MPI_THREAD_", "HDF5", "parallel", "FFmpeg",
                         "libavcodec", "LibTorch", "fp32", "CUDA", "CPUs", "memory", "temporary",
                         "fs_ufs_lock_algorithm", "NCCL"):
                self.assertIn(word, out)
            self.assertEqual(out.count("LibTorch"), 1)
            self.assertRegex(out, rf"ranks +{max(ranks, 1)}\n")
            # Why not, or which version.
            self.assertRegex(out, r"NCCL +(built in|not in this build)(, loads \d+\.\d+\.\d+)?[:,] .{10}")
            last = max(ranks, 1) - 1
            self.assertRegex(out, r"layout +node \S+: rank" + (r"s 0-%d" % last if last else " 0")
                             + r" on cpu, cores? [\d,-]+")


class Data(Case):
    def synth(self, name="set", *more, ranks=0):
        folder = self.folder / name
        out = self.good("synth", *SMALL_SET, "--output", folder, *more, ranks=ranks)
        return folder, out

    def where(self, folder):
        return "--videos", folder / "videos", "--labels", folder / "labels"

    def files(self, folder):
        return {str(path.relative_to(folder)): path.read_bytes()
                for path in folder.rglob("*") if path.is_file()}

    def test_synth_verify_pack_do_not_depend_on_ranks(self):
        packed = {}
        for ranks in (0, 2):
            folder, out = self.synth(f"set{ranks}", ranks=ranks)
            # 4 classes x (2 train + 1 val-iid + 1 val-shape + 1 test) draws.
            self.assertIn("20 clips of 4 classes, 20 written now", out)
            self.assertIn("bag of frames", out)
            self.assertIn("1/4 = 25", out)
            manifest = folder / "verify.json"
            out = self.good("data", "verify", *self.where(folder), "--manifest", manifest,
                            ranks=ranks)
            self.assertIn("20 good, 0 bad", out)
            videos = json.loads(manifest.read_text())["videos"]
            self.assertEqual([video["id"] for video in videos], [str(i) for i in range(1, 21)])
            for video in videos:
                self.assertEqual((video["codec"], video["width"], video["height"],
                                  video["num_frames"], video["error"]),
                                 ("vp9", 128, 96, 24, None))
            for split, clips in (("train", 8), ("validation", 4), ("validation-shape", 4),
                                 ("test", 4)):
                store = folder / f"{split}.h5"
                out = self.good("data", "pack", *self.where(folder), "--split", split,
                                "--output", store, ranks=ranks)
                self.assertIn(f": {clips} clips", out)
                packed[ranks, split] = store.read_bytes()
        files = [self.files(self.folder / f"set{ranks}") for ranks in (0, 2)]
        self.assertEqual(files[0].keys(), files[1].keys())
        for name, contents in files[0].items():
            self.assertEqual(contents, files[1][name], name)

    def test_synth_again_keeps_and_refuses_other_options(self):
        folder, _ = self.synth()
        _, out = self.synth()
        self.assertIn("0 written now (0.0 MB), 20 were there", out)
        self.bad(2, "other options", "synth", *SMALL_SET, "--output", folder, "--seed", "1")

    def test_synth_bad_values(self):
        base = ("synth", "--output", self.folder / "none")
        self.bad(2, "level", *base, "--level", "Q")
        self.bad(2, "view", *base, "--level", "S", "--view", "xray")
        self.bad(2, "crf", *base, "--level", "S", "--crf", "99")
        self.bad(2, "contrast", *base, "--level", "S", "--contrast", "7", ranks=2)
        self.assertFalse((self.folder / "none").exists())

    def test_bad_videos(self):
        folder, _ = self.synth()
        (folder / "videos/3.webm").write_bytes(b"")
        (folder / "videos/4.webm").unlink()
        manifest = folder / "verify.json"
        for ranks in (0, 2):
            code, out, err, seconds = run("data", "verify", *self.where(folder), "--manifest",
                                          manifest, ranks=ranks)
            self.assertEqual(code, 4, err)
            self.assertLess(seconds, 30)
            self.assertIn("18 good, 2 bad", out)
            self.assertRegex(out, r"bad: 3 \(.*(empty|0 bytes)")
            self.assertRegex(out, r"bad: 4 \(")
            report = json.loads(manifest.read_text())
            self.assertEqual([v["id"] for v in report["videos"] if v["error"]], ["3", "4"])
            pack = ("data", "pack", *self.where(folder), "--split", "train", "--output",
                    folder / "train.h5")
            self.bad(4, "2 of 8 videos .* 3 .*; 4 ", *pack, ranks=ranks)
            self.assertFalse((folder / "train.h5").exists())
            out = self.good(*pack, "--allow-bad", ranks=ranks)
            self.assertIn(": 6 clips", out)
            self.assertIn("2 left out", out)
            (folder / "train.h5").unlink()

    def test_bad_folders(self):
        folder, _ = self.synth()
        self.bad(4, "nowhere", "data", "verify", "--videos", folder / "videos", "--labels",
                 folder / "nowhere", "--manifest", folder / "m.json")
        self.bad(4, "nosuch", "data", "pack", *self.where(folder), "--split", "nosuch",
                 "--output", folder / "x.h5", ranks=2)
        self.bad(4, "no-folder", "data", "verify", *self.where(folder), "--manifest",
                 folder / "no-folder/m.json", ranks=2)

    def test_damaged_annotations(self):
        folder, _ = self.synth()
        (folder / "labels/validation.json").write_bytes(b"")
        self.bad(4, "validation.json:1:1: not valid JSON", "data", "verify", *self.where(folder),
                 "--manifest", folder / "m.json", ranks=2)

    def test_outputs_are_checked_before_the_work(self):
        """That is, before the folder of the videos is looked at."""
        folder, _ = self.synth()
        labels = folder / "labels"
        before = self.files(labels)
        for command, option, more in (("verify", "--manifest", ()),
                                      ("pack", "--output", ("--split", "train"))):
            words = ("data", command, "--videos", folder / "nowhere", "--labels", labels, *more,
                     option)
            for ranks in (0, 2):
                self.bad(4, "cannot write .*no-folder.* does not exist", *words,
                         folder / "no-folder/out", ranks=ranks)
                self.bad(4, "is a folder", *words, folder, ranks=ranks)
                for name in ("train.json", "labels.json", "test-answers.csv"):
                    self.bad(2, f"{option} .*{name} is the input", *words, labels / name,
                             ranks=ranks)
            self.bad(4, "nowhere", *words, folder / "out")
        self.assertEqual(self.files(labels), before)

    def test_bench_decode(self):
        folder, _ = self.synth()
        clips = [folder / f"videos/{i}.webm" for i in (1, 2, 3)]
        out = self.good("bench", "decode", "--frames", "8", "--size", "64", "--repeat", "1",
                        "--json", *clips)
        self.assertEqual(len(out.splitlines()), 1)
        found = json.loads(out)
        self.assertEqual((found["clips"], found["failed"]), (3, 0))
        self.assertGreater(found["clips_per_s"], 1)
        self.assertGreater(found["decode_ms"], 0)
        self.assertGreater(found["scale_ms"], 0)
        self.assertNotIn("floor_ms", found)
        found = json.loads(self.good("bench", "decode", "--floor", "--json", *clips))
        self.assertGreater(found["floor_ms"], 0)
        self.assertGreater(found["over_floor"], 0)
        clips[1].write_bytes(b"no video")
        code, out, _, _ = run("bench", "decode", "--json", *clips)
        self.assertEqual((code, json.loads(out)["failed"]), (4, 1))
        self.bad(2, "does not exist", "bench", "decode", folder / "gone.webm")
        self.bad(2, "--frames 0", "bench", "decode", "--frames", "0", clips[0])


class StoppedRank(Case):
    """A rank that does not go on, and is not dead: the others end the job."""

    def stop_rank_1(self, words, has_begun):
        job = gasm_cli.Job([*words, "--watchdog-s", "1"], 2)
        self.addCleanup(job.end)
        end_s = time.monotonic() + 90
        while not (len(job.ranks()) == 2 and all(map(has_begun, job.ranks()))):
            self.assertLess(time.monotonic(), end_s)
            self.assertIsNone(job.process.poll())
            time.sleep(0.01)
        pid = job.ranks()[1]
        kill(pid, signal.SIGSTOP)
        code, out, seconds = job.wait(60)
        self.assertEqual(code, 75, out)
        self.assertLess(seconds, 45)
        self.assertRegex(out, r'watchdog: no progress for .* in phase "wait for the other ranks"')

    def test_synth(self):
        output = self.folder / "set"
        self.stop_rank_1(["synth", "--level", "S", "--train-draws", "20", "--val-draws", "1",
                          "--test-draws", "1", "--output", output],
                         lambda _: len(list(output.glob("videos/*.webm"))) > 4)

    def test_verify_and_pack(self):
        """One clip under many names: work that is quickly made."""
        folder = self.folder / "set"
        self.assertEqual(run("synth", *SMALL_SET, "--output", folder)[0], 0)
        first, *records = json.loads((folder / "labels/train.json").read_text())
        clip = folder / f"videos/{first['id']}.webm"
        for i in range(1000, 5000):
            os.link(clip, folder / f"videos/{i}.webm")
            records.append(dict(first, id=str(i)))
        (folder / "labels/train.json").write_text(json.dumps([first, *records]))
        where = ["--videos", folder / "videos", "--labels", folder / "labels"]

        start_bytes = START_BYTES + os.path.getsize(gasm_cli.GASM)

        def has_begun(pid):
            """Has read some clips, that is, more bytes than a start does."""
            counts = pathlib.Path(f"/proc/{pid}/io").read_text()
            return int(counts.split("rchar: ")[1].split()[0]) > start_bytes

        self.stop_rank_1(["data", "verify", *where, "--manifest", folder / "m.json"], has_begun)
        self.assertFalse((folder / "m.json").exists())
        self.stop_rank_1(["data", "pack", *where, "--split", "train", "--output",
                          folder / "train.h5"], has_begun)
        self.assertFalse((folder / "train.h5").exists())


class Configuration(Case):
    def setUp(self):
        super().setUp()
        self.config = self.folder / "run.yaml"
        self.config.write_text(
            f"run: {{name: tiny, dir: {self.folder}/runs}}\n"
            f"data: {{train: {self.folder}/train.h5, val: {self.folder}/val.h5}}\n")

    def test_printed_configuration_loads_again_to_the_same_text(self):
        once = self.good("train", "--config", self.config, "--set", "optim.lr=0.25", "--set",
                         "run.seed=3", "--print-config")
        self.assertRegex(once, r"(?m)^  lr: 0.25$")
        self.assertRegex(once, r"(?m)^  seed: 3$")
        printed = self.folder / "printed.yaml"
        printed.write_text(once)
        for ranks in (0, 2):
            self.assertEqual(self.good("train", "--config", printed, "--print-config",
                                       ranks=ranks), once)

    def test_bad_configurations(self):
        for command in ("train", "eval"):
            for ranks in (0, 2):
                self.bad(2, "gone.yaml", command, "--config", self.folder / "gone.yaml",
                         ranks=ranks)
                self.bad(2, r"--set optim.rl=1.*optim\.lr|lr", command, "--config", self.config,
                         "--set", "optim.rl=1", ranks=ranks)
        self.config.write_text("optim: {lr: fast}\n")
        self.bad(2, r"run\.yaml:1:13.*optim\.lr", "train", "--config", self.config, ranks=2)

    def test_stores_that_are_none(self):
        for contents in (None, b"", b"no store at all" * 100):
            for name in ("train.h5", "val.h5"):
                if contents is not None:
                    (self.folder / name).write_bytes(contents)
            code, _, err, seconds = run("train", "--config", self.config, ranks=2)
            self.assertIn(code, (2, 4), err)
            self.assertIn("train.h5", err)
            self.assertLess(seconds, 30)
            self.assertFalse(list(self.folder.glob("runs/*/checkpoints/step-*")))


MAKE_CASE = """
import sys
sys.path.insert(0, sys.argv[1])
import torch, reference_gasm_cast as fusion, make_cases
torch.set_grad_enabled(False)
for name in ("cross-aligned-bias1", "late-mean-fixed", "bcast-aligned-bias1"):
    spec = fusion.Spec(**dict(make_cases.fusion_settings())[name])
    generator = torch.Generator().manual_seed(1)
    weights = fusion.draw_weights(spec, generator)
    inputs = {"semantic": torch.randn(2, spec.S, spec.N, spec.semantic_dim, generator=generator),
              "motion": torch.randn(2, spec.M, spec.P, spec.motion_dim, generator=generator)}
    make_cases.write_case(f"{sys.argv[2]}/{name}", spec.values, weights, inputs,
                          fusion.Model(spec, weights).forward(**inputs))
"""

COMPARE = """
import sys
from safetensors.torch import load_file
import torch
got, wanted = load_file(sys.argv[1]), load_file(sys.argv[2])
assert got.keys() == wanted.keys(), (got.keys() ^ wanted.keys())
for name in wanted:
    g, w = got[name], wanted[name]
    assert g.dtype == w.dtype and g.shape == w.shape, (name, g.dtype, w.dtype, g.shape, w.shape)
    if w.is_floating_point():
        assert (g - w).abs().max() <= 1e-5 * w.abs().max(), name
    else:
        assert torch.equal(g, w), name
print(len(wanted), "equal")
"""


class Forward(Case):
    def setUp(self):
        super().setUp()
        if not TORCH_PYTHON or subprocess.run(
                [TORCH_PYTHON, "-c", "import torch, safetensors"], check=False,
                capture_output=True).returncode:
            self.skipTest("no Python with torch and safetensors")
        self.python("-c", MAKE_CASE, PARITY, self.folder)

    def python(self, *words):
        code, out, err, _ = run(*words, binary=TORCH_PYTHON)
        self.assertEqual(code, 0, out + err)
        return out

    def words(self, case, **changes):
        paths = {"config": case / "model.json", "weights": case / "weights.safetensors",
                 "inputs": case / "inputs.safetensors", "output": self.folder / "out.st"}
        paths.update(changes)
        return ["forward", *(w for name, path in paths.items() for w in (f"--{name}", path))]

    def test_specification_cases(self):
        cases = sorted(path for path in self.folder.iterdir() if path.is_dir())
        self.assertEqual(len(cases), 3)
        for case in cases:
            out = self.good(*self.words(case))
            self.assertIn("logits", out)
            self.python("-c", COMPARE, self.folder / "out.st", case / "outputs.safetensors")
        self.assertEqual([path.name for path in self.folder.glob("out.st*")], ["out.st"])

    def test_bad_files(self):
        case = self.folder / "late-mean-fixed"
        broken = self.folder / "broken.st"
        broken.write_bytes((case / "weights.safetensors").read_bytes()[:-100])
        self.bad(4, "broken.st", *self.words(case, weights=broken))
        broken.write_bytes(b"")
        self.bad(4, "broken.st", *self.words(case, inputs=broken))
        self.bad(2, "gone.json", *self.words(case, config=self.folder / "gone.json"))
        # Somebody else's weights: names and shapes do not fit.
        self.bad(4, "weights.safetensors", *self.words(
            case, weights=self.folder / "cross-aligned-bias1/weights.safetensors"))
        wrong = json.loads((case / "model.json").read_text())
        wrong["fusion_layres"] = wrong.pop("fusion_layers", 1)
        (self.folder / "model.json").write_text(json.dumps(wrong))
        self.bad(2, "fusion_layres.*fusion_layers",
                 *self.words(case, config=self.folder / "model.json"))
        self.bad(4, "no-folder", *self.words(case, output=self.folder / "no-folder/out.st"))
        self.assertFalse((self.folder / "out.st").exists())

    def test_output_that_is_an_input(self):
        case = self.folder / "late-mean-fixed"
        for name, file in (("config", "model.json"), ("weights", "weights.safetensors"),
                           ("inputs", "inputs.safetensors")):
            before = (case / file).read_bytes()
            self.bad(2, f"--output .* is the input .*{file}",
                     *self.words(case, output=case / f"../{case.name}/{file}"))
            self.assertEqual((case / file).read_bytes(), before, name)

    def test_overrides(self):
        case = self.folder / "late-mean-fixed"
        self.bad(2, "fusion_layres", *self.words(case), "--set", "fusion_layres=1")
        spec = json.loads((case / "model.json").read_text())
        # The same description, once with a wrong number that is put right.
        changed = self.folder / "model.json"
        changed.write_text(json.dumps(dict(spec, num_classes=spec["num_classes"] + 1)))
        self.bad(4, "shape", *self.words(case, config=changed))
        self.good(*self.words(case, config=changed), "--set",
                  f"num_classes={spec['num_classes']}")
        self.python("-c", COMPARE, self.folder / "out.st", case / "outputs.safetensors")

    def test_configuration_of_a_run(self):
        """Read as `model` alone is: up to the inputs, which are of another kind."""
        config = self.folder / "config.yaml"
        config.write_text(self.good("train", "--config", gasm_cli.CONFIG, "--print-config"))
        case = self.folder / "late-mean-fixed"
        self.bad(4, "no model reads an input", *self.words(case, config=config))
        self.bad(2, "model.num_clases.*model.num_classes", *self.words(case, config=config),
                 "--set", "model.num_clases=3")


def main():
    global TORCH_PYTHON
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--torch-python", default="")
    options, rest = parser.parse_known_args()
    if os.path.exists(options.torch_python):
        TORCH_PYTHON = options.torch_python
    sys.argv[1:] = rest
    gasm_cli.main(__doc__)


if __name__ == "__main__":
    main()
