#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gasm ckpt ls, info and verify on what training wrote, and on checkpoints that are
written here, damaged in every way, and judged by tests/support/checkpoint_check.py.

ckpt_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import checkpoint_check  # noqa: E402
import gasm_cli  # noqa: E402
from checkpoint_files import Bad, read_set, tensors_of  # noqa: E402
from checkpoint_lies import LIES, edit_manifest, with_header, write_listed  # noqa: E402
from gasm_cli import STEPS, TrainCase  # noqa: E402

HOSTILE = "\x1b]0;owned\x07\n\x9bw\u202e"
STEPS_PER_EPOCH = 3  # of 32 clips in steps of 12


def ckpt(*words):
    """Exit code, standard output, standard error; without mpirun."""
    done = subprocess.run([gasm_cli.GASM, "ckpt", *map(str, words)], capture_output=True,
                          text=True, timeout=300, check=False,
                          env=gasm_cli.environment_of(None))
    return done.returncode, done.stdout, done.stderr


def is_good(folder):
    """The independent view: everything is there and right, and slices cover their tensors."""
    try:
        manifest = checkpoint_check.check(folder)
        for name in {facts["set"] for facts in manifest["files"].values()} - {""}:
            read_set(folder, name)
    except (Bad, AssertionError, AttributeError, OSError, KeyError, TypeError, ValueError):
        return False
    return True


def layout_of(tensors):
    lines = (f"{name} {dtype} [{', '.join(map(str, shape))}]\n"
             for name, (dtype, shape, _) in sorted(tensors.items()))
    return checkpoint_check.xxh64("".join(lines).encode())


def floats(*values):
    return "F32", [len(values)], struct.pack(f"<{len(values)}f", *values)


def safetensors(tensors, metadata=None):
    header, end = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(data)]}
        end += len(data)
    text = json.dumps(header).encode()
    return (struct.pack("<Q", len(text)) + text
            + b"".join(data for _, _, data in tensors.values()))


def slices(*places):
    """Metadata for slices of v [2, 4]: name, first value."""
    return {"slices": json.dumps({name: {"of": "v", "from": begin, "shape": [2, 4]}
                                  for name, begin in places})}


def files_of_two_ranks():
    """name -> (set, bytes), as docs/formats.md has them."""
    shards = {"model-00001-of-00002.safetensors": {"a": floats(1, 2, 3, 4, 5)},
              "model-00002-of-00002.safetensors": {
                  "b": floats(6, 7), "flags": ("BOOL", [2], b"\0\1")}}
    index = {"metadata": {"total_size": 4 * 7 + 2},
             "weight_map": {name: file for file, tensors in shards.items() for name in tensors}}
    files = {name: ("model", safetensors(tensors)) for name, tensors in shards.items()}
    files["model.safetensors.index.json"] = ("", json.dumps(index).encode())
    for i, first in enumerate((0, 4)):
        own = {f"v@{first}": floats(*range(first, first + 4))}
        if i == 0:
            own["num_steps"] = ("I64", [], struct.pack("<q", 7))
        files[f"optimizer-0000{i + 1}-of-00002.safetensors"] = (
            "optimizer", safetensors(own, slices((f"v@{first}", first))))
    return files


def write_step(folder, step):
    folder.mkdir(parents=True)
    files = files_of_two_ranks()
    for name, (_, data) in files.items():
        (folder / name).write_bytes(data)
    manifest = {"format": 2, "step": step, "ranks": 2, "score": "0.25",
                "facts": {"steps_per_epoch": "4", "gasm": "9.9.9 (of a test)"},
                "files": {name: {"set": of, "bytes": len(data),
                                 "xxh64": checkpoint_check.xxh64(data)}
                          for name, (of, data) in files.items()}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


class Case(unittest.TestCase):
    maxDiff = None

    def assert_plain(self, text):
        self.assertRegex(text, r"\A[\x20-\x7e\n]*\Z")

    def verdict(self, code, *paths):
        """What verify says: lines, and the one object of --json."""
        found, out, err = ckpt("verify", *paths)
        self.assertEqual(found, code, out + err)
        self.assert_plain(out)
        found, text, err = ckpt("verify", "--json", *paths)
        self.assertEqual(found, code, text + err)
        self.assertEqual(text.count("\n"), 1)
        self.assert_plain(text)
        return out.splitlines(), json.loads(text)


class Made(Case):
    def setUp(self):
        self.run = pathlib.Path(tempfile.mkdtemp(prefix="gasm-ckpt-"))
        self.addCleanup(shutil.rmtree, self.run, ignore_errors=True)
        self.checkpoints = self.run / "checkpoints"
        self.step = self.checkpoints / "step-7"
        write_step(self.checkpoints / "step-5", 5)
        write_step(self.step, 7)
        (self.checkpoints / "latest").symlink_to("step-7")
        (self.checkpoints / "best").symlink_to("step-5")
        self.assertTrue(is_good(self.step))

    def assert_bad(self, words, path=None):
        """Both views find the step bad, and the run's other one good."""
        self.assertFalse(is_good(self.step))
        lines, found = self.verdict(4, self.run)
        bad = [line for line in lines if line.startswith("bad: ")]
        self.assertRegex("\n".join(bad), words)
        self.assertEqual([line for line in lines if line.startswith("good: ")],
                         [f"good: {self.checkpoints}/step-5 (step 5, 5 files, "
                          f"{self.bytes_of(5)} B)"])
        self.assertFalse(found["good"])
        self.assertEqual([one["good"] for one in found["checked"]], [True, False])
        problems = found["checked"][1]["problems"]
        self.assertEqual(len(problems), len(bad))
        paths = [problem["path"] for problem in problems]
        self.assertEqual(len(paths), len(set(paths)), "one line a file")
        if path:
            self.assertIn(str(path), paths)

    def bytes_of(self, step):
        folder = self.checkpoints / f"step-{step}"
        return sum(path.stat().st_size for path in folder.iterdir()) - (
            folder / "manifest.json").stat().st_size

    def restore(self):
        shutil.rmtree(self.step)
        write_step(self.step, 7)

    def shard(self, name, i=2):
        return self.step / f"{name}-0000{i}-of-00002.safetensors"

    def test_what_is_right(self):
        for path in (self.run, self.checkpoints, f"{self.run}/"):
            lines, found = self.verdict(0, path)
            self.assertEqual(len(lines), 2)
            self.assertTrue(found["good"])
            self.assertEqual([one["step"] for one in found["checked"]], [5, 7])
        for path in (self.step, self.checkpoints / "latest", self.step / "manifest.json"):
            self.assertEqual(self.verdict(0, path)[1]["checked"][0]["num_files"], 5)
        files = [path for path in self.step.iterdir() if path.name != "manifest.json"]
        self.assertEqual(len(self.verdict(0, *files)[0]), 5)

    def test_files_that_are_not_what_the_manifest_says(self):
        def flip(path):
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)
        for name in files_of_two_ranks():
            path = self.step / name
            for damage, words in ((flip, "has the checksum"),
                                  (pathlib.Path.unlink, "is missing"),
                                  (lambda p: os.truncate(p, 20), "has 20 bytes"),
                                  (lambda p: p.rename(p.with_name("x")),
                                   "(?s)is missing.*x is not named by the manifest")):
                with self.subTest(f"{name} {words}"):
                    damage(path)
                    self.assert_bad(words, path)
                    if path.exists():
                        self.verdict(4, path)
                    self.restore()

    def test_manifests(self):
        path = self.step / "manifest.json"
        for text, words in (
                ((self.checkpoints / "step-5/manifest.json").read_text(), "foreign manifest"),
                ("{", "is not JSON"), ('{"state": "done"}', "of another program"),
                (json.dumps({"format": 2, "step": 7}), "lacks what"),
                (json.dumps({"format": 3, "facts": {"gasm": "8.0 (z)"}}),
                 r"newer version \(format 3, gasm 8\.0 \(z\), .*Try updating gasm.*gasm ckpt ls"),
                (json.dumps({"format": 2, "step": 7, "ranks": 2, "score": None, "facts": {},
                             "files": {"../step-5/" + HOSTILE: {
                                 "set": "model", "bytes": 0, "xxh64": ""}}}),
                 "is no file of its folder")):
            with self.subTest(words):
                path.write_text(text)
                self.assert_bad(words, path)
                self.assertEqual(ckpt("info", self.step)[0], 2 if "newer" in words else 4)
        path.unlink()
        self.assert_bad("cannot read", path)

    def test_a_shard_that_the_manifest_forgot(self):
        for name in ("model", "optimizer"):
            path = self.shard(name)
            edit_manifest(self.step, lambda m, p=path: m["files"].pop(p.name))
            self.assert_bad(r"00002-of-00002\S* is not named by the manifest")
            path.unlink()
            self.assert_bad(r"is not named by the manifest \(one of 2 shards\)")
            self.restore()

    def test_headers_that_lie(self):
        for lie in LIES:
            with self.subTest(lie.__name__):
                path = self.step / "model-00001-of-00002.safetensors"
                tensors = {"a": floats(*range(2000)), "b": floats(*range(2000)),
                           "c": floats(*range(2000))}
                write_listed(path, lie(safetensors(tensors)))
                self.assert_bad("is not a sound safetensors file", path)
        self.restore()
        write_listed(self.shard("model"), safetensors(
            {"b": floats(6, 7), "flags": ("BOOL", [2], b"\0\2")}))
        self.assert_bad("neither true nor false", self.shard("model"))
        self.verdict(4, self.shard("model"))

    def test_slices_that_do_not_cover_once(self):
        path = self.shard("optimizer")
        for begin, words in ((3, "where 4 was due"), (5, "where 4 was due"),
                             (0, "where 4 was due")):
            write_listed(path, safetensors({"v@4": floats(4, 5, 6, 7)}, slices(("v@4", begin))))
            self.assert_bad(words)
        write_listed(path, safetensors({"v@4": floats(4, 5, 6)}, slices(("v@4", 4))))
        self.assert_bad("v has 8 values, and slices for 7")
        write_listed(path, safetensors({"v@4": floats(4, 5, 6, 7), "num_steps": floats(7)},
                                       slices(("v@4", 4))))
        self.assert_bad("num_steps, which another file has, too")

    def test_indices_that_lie(self):
        path = self.step / "model.safetensors.index.json"
        good = json.loads(path.read_text())
        first, second = (self.shard("model", i).name for i in (1, 2))
        for change, words in (
                ({"weight_map": {**good["weight_map"], "a": second}}, "where it is not"),
                ({"weight_map": {**good["weight_map"], "z": first}}, "z is in .*where it is not"),
                ({"weight_map": {"a": first}}, "names 1 shards, there are 2"),
                ({"weight_map": {"a": first, "flags": second}}, "does not say that b"),
                ({"metadata": {"total_size": 31}}, "31 bytes of tensors, its shards have 30"),
                ({"weight_map": 3}, "no sound index")):
            with self.subTest(words):
                write_listed(path, json.dumps({**good, **change}).encode())
                if "there are 2" in words:  # allowed of an index as such
                    self.verdict(4, self.step)
                    continue
                self.assert_bad(words, path)
        edit_manifest(self.step, lambda m: m["files"].pop(path.name))
        path.unlink()
        lines, _ = self.verdict(4, self.step)
        self.assertIn("(an index of 2 shards)", lines[0])

    def test_links_and_folders_that_are_not_there(self):
        link = self.checkpoints / "latest"
        link.unlink()
        link.symlink_to("step-999")
        lines, found = self.verdict(4, self.run)
        self.assertEqual([line.split(":")[0] for line in lines], ["good", "good", "bad"])
        self.assertIn("latest points to step-999, which is not there", lines[2])
        self.assertEqual(found["checked"][2]["problems"][0]["path"], str(link))
        for command in ("info", "verify"):
            code, _, err = ckpt(command, link)
            self.assertEqual(code, 4)
            self.assertIn(f"Try gasm ckpt ls {self.checkpoints}", err)
        self.assertIn("latest points to step-999", ckpt("ls", self.run)[1])
        self.assertEqual(ckpt("verify", self.run / "nothing")[0], 4)
        self.assertEqual(ckpt("ls", self.step)[0], 2)
        for path in self.checkpoints.iterdir():
            shutil.rmtree(path) if not path.is_symlink() else path.unlink()
        self.assertIn("has no checkpoint", self.verdict(4, self.run)[0][0])
        self.assertIn("(none)", ckpt("ls", self.run)[1])
        shutil.rmtree(self.checkpoints)
        code, _, err = ckpt("verify", self.run)
        self.assertEqual((code, err.count("error: ")), (2, 1))

    def test_unfinished_ones_do_not_count(self):
        (self.checkpoints / "step-9.tmp-123").mkdir()
        shutil.copytree(self.step, self.checkpoints / "step-7.replaced")
        shutil.copytree(self.step, self.checkpoints / "step-6.replaced")
        edit_manifest(self.checkpoints / "step-6.replaced", lambda m: m.update(step=6))
        lines, found = self.verdict(0, self.run)
        self.assertEqual([one["step"] for one in found["checked"]], [5, 6, 7])
        self.assertEqual(list(checkpoint_check.step_folders(self.checkpoints)), [5, 6, 7])
        listed = json.loads(ckpt("ls", "--json", self.run)[1])["checkpoints"]
        self.assertEqual([(one["step"], one["unfinished"]) for one in listed],
                         [(5, False), (6, False), (7, False), (7, True), (9, True)])

    def test_a_manifest_on_its_way_does_no_harm(self):
        (self.step / "manifest.json.tmp-123").write_text("{")
        self.verdict(0, self.step)
        checkpoint_check.check(self.step)

    def test_names_that_would_write_to_the_terminal(self):
        tensors = {HOSTILE: floats(1, 2), "b": floats(1)}
        write_listed(self.shard("optimizer"), safetensors(
            {HOSTILE: floats(4, 5, 6), "num_steps": floats(1)},
            {HOSTILE: HOSTILE, **slices((HOSTILE, 4))}))
        (self.step / HOSTILE.replace("/", "")).write_text("")
        self.assert_bad("is not named by the manifest")
        alone = self.run / "alone.safetensors"
        alone.write_bytes(safetensors(tensors, {HOSTILE: HOSTILE}))
        edit_manifest(self.checkpoints / "step-5",
                      lambda m: m["facts"].update({HOSTILE: HOSTILE, "gasm": HOSTILE}))
        for words in (("info", "--tensors", alone), ("info", "--json", alone),
                      ("info", self.checkpoints / "step-5"), ("ls", self.run),
                      ("info", "--json", self.checkpoints / "step-5")):
            code, out, err = ckpt(*words)
            self.assertEqual(code, 0, err)
            self.assert_plain(out)
        found = json.loads(ckpt("info", "--json", alone)[1])["sets"][""]
        self.assertEqual({entry["name"] for entry in found["tensors"]}, set(tensors))
        self.assertEqual(found["layout"], layout_of(tensors))
        self.assertEqual(found["metadata"], {HOSTILE: HOSTILE})
        alone.write_bytes(with_header(alone.read_bytes(), lambda h: h.update(
            {HOSTILE: {**h[HOSTILE], "dtype": "F8"}})))
        lines, _ = self.verdict(4, alone)
        self.assertIn("unknown type", lines[0])

    def test_what_is_listed(self):
        self.shard("model").unlink()
        code, out, err = ckpt("ls", self.run)
        self.assertEqual(code, 0, err)
        rows = out.splitlines()
        self.assertEqual(rows[0], str(self.checkpoints))
        self.assertRegex(rows[2], r"^ +5 +1\.25 +25\.00 % +\d+ B .* 2  complete, best$")
        self.assertRegex(rows[3], r"^ +7 .*model-00002\S+ is missing.*, latest$")
        found = json.loads(ckpt("ls", "--json", self.run)[1])
        self.assertEqual(found["links"], {"latest": {"target": "step-7", "there": True},
                                          "best": {"target": "step-5", "there": True}})
        self.assertEqual(found["checkpoints"][0]["num_bytes"], self.bytes_of(5))
        self.assertEqual((found["checkpoints"][0]["epoch"], found["checkpoints"][0]["score"]),
                         (1.25, 0.25))
        self.assertIn("is missing", found["checkpoints"][1]["problem"])
        # Of a run: the newest that is complete.
        self.assertEqual(json.loads(ckpt("info", "--json", self.run)[1])["step"], 5)


class Trained(TrainCase, Case):
    """What two ranks wrote, who share out the optimiser."""
    settings = {"parallel.zero1": "true", "train.ema": 0.9, "train.eval_every_epochs": 2,
                "checkpoint.keep_last": 3}

    def test_a_run(self):
        run = self.undisturbed
        lines, found = self.verdict(0, run.path)
        self.assertEqual([one["step"] for one in found["checked"]], run.steps())
        self.assertEqual(len(lines), len(run.steps()))
        listed = json.loads(ckpt("ls", "--json", run.path)[1])
        for entry, step in zip(listed["checkpoints"], run.steps(), strict=True):
            folder = run.checkpoint(step)
            self.assertTrue(is_good(folder))
            manifest = checkpoint_check.read_manifest(folder)
            files = checkpoint_check.listed_files(manifest)
            self.assertEqual(
                (entry["step"], entry["ranks"], entry["num_bytes"], entry["problem"]),
                (step, 2, sum(size for size, _ in files.values()), ""))
            self.assertAlmostEqual(entry["epoch"], step / STEPS_PER_EPOCH)
            self.assertEqual(entry["score"], manifest["score"] and float(manifest["score"]))
            self.assertTrue(0 <= entry["age_s"] < 3600)
        for name, link in listed["links"].items():
            self.assertEqual(link["target"], os.readlink(run.path / "checkpoints" / name))
        self.assertEqual(set(listed["links"]), {"latest", "best"})

    def test_what_it_holds(self):
        folder = self.undisturbed.checkpoint(STEPS)
        manifest = checkpoint_check.read_manifest(folder)
        found = json.loads(ckpt("info", "--json", self.undisturbed.path)[1])
        self.assertEqual((found["step"], found["format"], found["ranks"], found["cursor"]),
                         (STEPS, 2, 2, STEPS % STEPS_PER_EPOCH))
        self.assertEqual(found["facts"], manifest["facts"])
        self.assertEqual(found["files"], manifest["files"])
        self.assertRegex(found["writer"], r"^\d+\.\d+\.\d+ \(")
        self.assertEqual(set(found["sets"]), {"model", "optimizer", "ema"})
        for name, facts in found["sets"].items():
            tensors = read_set(folder, name)
            self.assertEqual({entry["name"]: (entry["type"], entry["shape"])
                              for entry in facts["tensors"]},
                             {key: (dtype, shape) for key, (dtype, shape, _) in tensors.items()})
            self.assertEqual(facts["num_bytes"], sum(len(v) for _, _, v in tensors.values()))
            self.assertEqual(facts["layout"], layout_of(tensors))
        self.assertEqual(found["sets"]["ema"]["layout"], found["sets"]["model"]["layout"])
        _, metadata = tensors_of((folder / "model.safetensors").read_bytes())
        self.assertEqual(found["sets"]["model"]["metadata"], metadata)
        code, out, _ = ckpt("info", "--tensors", folder)
        self.assertEqual(code, 0)
        for words in (f"step {STEPS}, format 2, ranks 2", "step 2 of 3 in it",
                      f"experiment = {manifest['facts']['experiment']}", "exp_avg.head"):
            self.assertIn(words, re.sub(r"exp_avg\.\S*head", "exp_avg.head", out))


if __name__ == "__main__":
    gasm_cli.main(__doc__)
