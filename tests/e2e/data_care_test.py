#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs gasm data verify and gasm data subset as their users do.

data_care_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from care_case import Case, run  # noqa: E402
from gasm_cli import kill  # noqa: E402


class Verify(Case):
    def test_summary_tells_what_the_set_is(self):
        out = self.good("data", "verify", *self.where(self.set), "--manifest",
                        self.folder / "m.json", ranks=2)
        self.assertIn("SSv2: no (4 classes, not 174)", out)
        self.assertRegex(out, r"train +12 records, +12 labelled, 4 of 4 classes")
        self.assertIn("frames: 24 to 24, median 24", out)
        self.assertIn("codecs: vp9 24", out)
        self.assertIn("sizes: 128x96 24", out)
        self.assertLess(len(out.splitlines()), 25)
        report = json.loads((self.folder / "m.json").read_text())
        self.assertEqual(report["ssv2"], {"is_ssv2": False, "counts_match": False})
        self.assertEqual([s["num_records"] for s in report["splits"]], [4, 12, 4, 4])
        # All is good: nothing is left to go on with.
        self.assertEqual([p.name for p in self.folder.iterdir()], ["m.json"])

    def test_repaired_videos_alone_are_decoded_again(self):
        folder = self.copy_set()
        words = ("data", "verify", *self.where(folder), "--manifest", folder / "m.json")
        (folder / "videos/3.webm").write_bytes(b"")
        self.assertEqual(run(*words)[0], 4)
        shutil.copy(self.set / "videos/3.webm", folder / "videos/3.webm")
        out = self.good(*words, ranks=3)
        self.assertIn("23 of them were verified by an earlier run", out)
        self.assertFalse((folder / "m.json.journal").exists())

    def test_again_reads_everything(self):
        folder = self.copy_set()
        words = ("data", "verify", *self.where(folder), "--manifest", folder / "m.json")
        (folder / "videos/3.webm").write_bytes(b"")
        self.assertEqual(run(*words)[0], 4)
        code, out, _ = run(*words, "--again")
        self.assertEqual(code, 4)
        self.assertNotIn("earlier run", out)

    def test_killed_run_goes_on_where_it_was(self):
        folder = self.copy_set()
        first, *records = json.loads((folder / "labels/train.json").read_text())
        clip = folder / f"videos/{first['id']}.webm"
        for i in range(1000, 3000):
            os.link(clip, folder / f"videos/{i}.webm")
            records.append(dict(first, id=str(i)))
        (folder / "labels/train.json").write_text(json.dumps([first, *records]))
        words = ("data", "verify", *self.where(folder), "--manifest")
        job = gasm_cli.Job([*words, folder / "m.json"], 2)
        self.addCleanup(job.end)
        journal = folder / "m.json.journal"

        def num_noted():
            return sum(path.read_bytes().count(b"\n") for path in journal.glob("*.jsonl"))

        end_s = time.monotonic() + 30
        while num_noted() < 200:
            self.assertLess(time.monotonic(), end_s)
            self.assertIsNone(job.process.poll())
            time.sleep(0.01)
        for pid in job.ranks():
            kill(pid, signal.SIGKILL)
        job.wait(30)
        self.assertFalse((folder / "m.json").exists())
        noted = num_noted()
        out = self.good(*words, folder / "m.json", ranks=3)
        taken_over = int(re.search(r"(\d+) of them were verified", out).group(1))
        # All but two headers and a line that may have been cut.
        self.assertGreaterEqual(taken_over, noted - 4)
        self.assertLess(taken_over, 2000)
        self.good(*words, folder / "whole.json")
        self.assertEqual((folder / "m.json").read_bytes(), (folder / "whole.json").read_bytes())

    def test_folder_of_empty_and_foreign_files(self):
        folder = self.copy_set()
        for path in sorted((folder / "videos").iterdir())[:20]:
            path.write_bytes(b"")
        (folder / "videos/notes.txt").write_text("no video")
        (folder / "videos/77777.webm").write_text("foreign")
        (folder / "videos/30.webm").mkdir()
        code, out, _ = run("data", "verify", *self.where(folder), "--manifest",
                           folder / "m.json", ranks=2)
        self.assertEqual(code, 4)
        self.assertIn("4 good, 20 bad", out)
        self.assertIn("and 12 more", out)
        self.assertRegex(out, r"2 files that no record lists: 30\.webm, 77777\.webm")
        self.assertLess(len(out.splitlines()), 30)

    def test_annotations_of_another_set(self):
        """Other ids: all records lack a file, all files lack a record."""
        folder = self.copy_set()
        for path in (folder / "labels").glob("*.json"):
            if path.name != "labels.json":
                records = json.loads(path.read_text())
                path.write_text(json.dumps([dict(r, id="x" + r["id"]) for r in records]))
        (folder / "labels/test-answers.csv").unlink()
        code, out, _ = run("data", "verify", *self.where(folder), "--manifest",
                           folder / "m.json")
        self.assertEqual(code, 4)
        self.assertIn("0 good, 24 bad", out)
        self.assertIn("24 records without a file", out)
        self.assertIn("24 files that no record lists", out)


class SubsetCommand(Case):
    def foreign(self, name, records):
        """As Something-Else writes them: other key order, label ids of its own."""
        path = self.folder / name
        path.write_text(json.dumps([
            {"placeholders": r["placeholders"], "template": r["template"], "label": r["label"],
             "id": int(r["id"]), "class_id": 76} for r in records]))
        return path

    def test_subset_can_be_packed(self):
        records = json.loads((self.set / "labels/train.json").read_text())
        templates = sorted({r["template"] for r in records})[1:3]
        few = [r for r in records if r["template"] in templates]
        path = self.foreign("few.json", reversed(few))
        out = self.folder / "few"
        text = self.good("data", "subset", "--labels", self.set / "labels", "--add",
                         f"train={path}", "--output", out, "--classes", "used")
        self.assertIn("train: 6 records joined, 6 of their ids are the data set's", text)
        self.assertIn("2 classes", text)
        names = sorted(re.sub(r"[\[\]]", "", t) for t in templates)
        self.assertEqual(json.loads((out / "labels.json").read_text()),
                         {name: str(i) for i, name in enumerate(names)})
        self.assertEqual([list(r) for r in json.loads((out / "train.json").read_text())],
                         [["id", "label", "template", "placeholders"]] * 6)
        store = self.folder / "few.h5"
        self.good("data", "pack", "--videos", self.set / "videos", "--labels", out, "--split",
                  "train", "--output", store, ranks=2)
        shown = self.good("data", "inspect", "--store", store, "--id", few[0]["id"])
        name = re.sub(r"[\[\]]", "", few[0]["template"])
        self.assertRegex(shown, rf"class +{names.index(name)} {re.escape(name)}")
        self.check_sampling(store)

    def check_sampling(self, store):
        """Motion and strides, as training has them."""
        words = ("data", "inspect", "--store", store, "--index", 0, "--frames", 4, "--mode",
                 "eval", "--sampling")

        def frames(*more):
            shown = self.good(*words, *more)
            count = int(re.search(r"video +(\d+) frames", shown)[1])
            return count, [int(i) for i in re.search(r"frames  (.*)", shown)[1].split()]

        count, moving = frames("motion")
        self.assertEqual(moving, sorted(moving))
        self.assertEqual(len(moving), 4)
        self.assertTrue(0 <= moving[0] and moving[-1] < count)
        # The middle one of the runs of 4 frames, 2 apart.
        count, dense = frames("dense", "--stride", 2)
        start = max(0, count - 7) // 2
        self.assertEqual(dense, [start, start + 2, start + 4, start + 6])
        self.bad(2, "--stride belongs to --sampling dense", *words, "uniform", "--stride", 2)

    def test_bad_input(self):
        records = json.loads((self.set / "labels/train.json").read_text())
        words = ("data", "subset", "--labels", self.set / "labels", "--output",
                 self.folder / "out")
        self.bad(2, "needs --add", *words)
        self.bad(2, "want SPLIT=FILE", *words, "--add", "train")
        self.bad(2, "cannot be the name", *words, "--add", "labels=x.json")
        self.bad(2, "train twice", *words, "--add", "train=x", "--add", "train=y")
        self.bad(2, "--classes some", *words, "--add", "train=x", "--classes", "some")
        path = self.foreign("u.json", [records[0], dict(records[1], template="Eating [it]")])
        self.bad(4, "1 templates are no class.*'Eating it'", *words, "--add", f"train={path}")
        # The numbers of another data set: id 1 is another class there.
        others = [r for r in records if r["template"] != records[0]["template"]]
        path = self.foreign("o.json", [dict(others[0], id=records[0]["id"])])
        self.bad(4, "Try lists that number the same videos", *words, "--add", f"train={path}")
        self.assertFalse((self.folder / "out").exists())
        text = self.good(*words, "--add", f"train={self.folder / 'u.json'}", "--allow-unknown")
        self.assertIn("left out, no such class: 'Eating it' (1 records)", text)
        self.bad(4, "not empty", *words, "--add", f"train={self.folder / 'u.json'}",
                 "--allow-unknown")


if __name__ == "__main__":
    gasm_cli.main(__doc__.splitlines()[0])
