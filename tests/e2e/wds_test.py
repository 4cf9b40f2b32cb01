#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gasm data export-wds and import-wds, against Python's tarfile and, where
there is one, the package webdataset.

wds_test.py --gasm BINARY [--mpirun MPIRUN] [--wds-python PYTHON] [-k PATTERN]
"""
import argparse
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from cli_test import Case, run  # noqa: E402

WDS_PYTHON = ""
# WebDataset's own expression (webdataset.tariterators.base_plus_ext).
KEY_AND_FIELD = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")
READ_WITH_PACKAGE = """
import hashlib, json, sys
import webdataset
found = []
for sample in webdataset.WebDataset(sys.argv[1:], shardshuffle=False).decode():
    found.append([sample["__key__"], sample["cls"], sample["json"],
                  hashlib.sha256(sample["webm"]).hexdigest()])
print(json.dumps(found))
"""


def write_tar(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(data), 1_700_000_000, "somebody"
            tar.addfile(info, io.BytesIO(data))
    return path


def samples_of(path):
    """The samples of a shard by WebDataset's grouping rule: (key, fields)."""
    samples = []
    with tarfile.open(path) as tar:
        for member in tar:
            key, field = KEY_AND_FIELD.match(member.name).groups()
            if not samples or samples[-1][0] != key:
                samples.append((key, {}))
            assert field not in samples[-1][1]
            samples[-1][1][field] = tar.extractfile(member).read()
    return samples


class Wds(Case):
    @classmethod
    def setUpClass(cls):
        cls.data = pathlib.Path(tempfile.mkdtemp(prefix="gasm-wds-"))
        cls.addClassCleanup(shutil.rmtree, cls.data, ignore_errors=True)
        gasm_cli.must("synth", "--level", "S", "--train-draws", 6, "--val-draws", 1,
                      "--test-draws", 1, "--output", cls.data)
        cls.store = cls.data / "train.h5"
        cls.out = gasm_cli.must(
            "data", "pack", "--videos", cls.data / "videos", "--labels", cls.data / "labels",
            "--split", "train", "--output", cls.store)
        cls.records = json.loads((cls.data / "labels/train.json").read_text())
        labels = json.loads((cls.data / "labels/labels.json").read_text())
        cls.classes = sorted(labels, key=lambda name: int(labels[name]))

    def video(self, i):
        return (self.data / f"videos/{self.records[i]['id']}.webm").read_bytes()

    def class_of(self, i):
        return re.sub(r"[\[\]]", "", self.records[i]["template"])

    def export(self, name, ranks=0, more=("--shard-mb", "0.02")):
        folder = self.folder / name
        folder.mkdir()
        out = self.good("data", "export-wds", "--store", self.store, "--output",
                        folder / "train-%04d.tar", *more, ranks=ranks)
        return sorted(folder.glob("*.tar")), out

    def import_words(self, shards, *more, output="in.h5"):
        return ("data", "import-wds", "--split", "train", "--output", self.folder / output,
                *more, *shards)


class Export(Wds):
    def test_shards_are_what_webdataset_reads(self):
        shards, out = self.export("wds")
        self.assertIn(f"24 clips in {len(shards)} shards", out)
        self.assertGreater(len(shards), 3)
        self.assertEqual(shards[1].name, "train-0001.tar")
        found = [sample for shard in shards for sample in samples_of(shard)]
        self.assertEqual([key for key, _ in found], [r["id"] for r in self.records])
        for i, (key, fields) in enumerate(found):
            self.assertEqual(list(fields), ["cls", "json", "webm"])
            self.assertEqual(fields["webm"], self.video(i))
            label = self.classes.index(self.class_of(i))
            self.assertEqual(fields["cls"].decode(), str(label))
            self.assertEqual(json.loads(fields["json"]), {
                "id": key, "label": label, "class": self.class_of(i), "num_frames": 24})
        for shard in shards:
            with tarfile.open(shard) as tar:
                for member in tar:
                    self.assertEqual((member.mtime, member.uid, member.gid, member.uname,
                                      member.gname, member.mode), (0, 0, 0, "", "", 0o644))
                videos = [m.size for m in tar.getmembers() if m.name.endswith("webm")]
            self.assertTrue(sum(videos) <= 20_000 or len(videos) == 1)

    def test_shards_do_not_depend_on_ranks(self):
        alone, _ = self.export("alone")
        for ranks in (2, 3):
            shared, _ = self.export(f"ranks{ranks}", ranks)
            self.assertEqual([p.name for p in shared], [p.name for p in alone])
            for a, b in zip(alone, shared):
                self.assertEqual(a.read_bytes(), b.read_bytes())
        self.assertEqual(sorted(p.name for p in alone[0].parent.iterdir()),
                         ["labels.json", *(p.name for p in alone)])

    def test_package_webdataset_reads_them(self):
        if not WDS_PYTHON or subprocess.run([WDS_PYTHON, "-c", "import webdataset"], check=False,
                                            capture_output=True).returncode:
            self.skipTest("no Python with webdataset")
        shards, _ = self.export("wds")
        out = subprocess.run([WDS_PYTHON, "-c", READ_WITH_PACKAGE, *map(str, shards)],
                             capture_output=True, text=True, check=True).stdout
        found = json.loads(out)
        self.assertEqual(len(found), 24)
        for i, (key, cls, fields, digest) in enumerate(found):
            self.assertEqual(key, self.records[i]["id"])
            self.assertEqual(self.classes[cls], self.class_of(i))
            self.assertEqual(fields["num_frames"], 24)
            self.assertEqual(digest, hashlib.sha256(self.video(i)).hexdigest())

    def test_bad_outputs(self):
        for name in ("train.tar", "train-%s.tar", "%06d-%06d.tar", "x-%6d.tar", "x-%06d.zip"):
            self.bad(4, "is no pattern of shards", "data", "export-wds", "--store", self.store,
                     "--output", self.folder / name, ranks=2)
        self.bad(4, "folder does not exist", "data", "export-wds", "--store", self.store,
                 "--output", self.folder / "no/x-%06d.tar")
        self.bad(2, "--shard-mb is 0", "data", "export-wds", "--store", self.store,
                 "--output", self.folder / "x-%06d.tar", "--shard-mb", "0")
        shards, _ = self.export("wds")
        again = ("data", "export-wds", "--store", self.store, "--output",
                 self.folder / "wds/train-%04d.tar")
        self.bad(4, "train-0001.tar is there, but this export has 1 shards", *again, ranks=2)
        before = [shard.read_bytes() for shard in shards]
        self.good(*again, "--shard-mb", "0.02")
        self.assertEqual([shard.read_bytes() for shard in shards], before)
        (self.folder / "wds/labels.json").write_text("{}")
        self.bad(4, "labels.json is there and has other classes", *again, "--shard-mb", "0.02")


class Import(Wds):
    def test_round_trip_gives_the_same_file(self):
        shards, _ = self.export("wds")
        data_hash = re.search(r"data hash (\w{16})", self.out).group(1)
        for ranks in (0, 2, 3):
            out = self.good(*self.import_words(shards), ranks=ranks)
            self.assertIn(f"24 clips of 4 classes, data hash {data_hash}, 0 left out", out)
            self.assertEqual((self.folder / "in.h5").read_bytes(), self.store.read_bytes())
        # The names are in the samples, too.
        (shards[0].parent / "labels.json").unlink()
        self.good(*self.import_words(shards))
        self.assertEqual((self.folder / "in.h5").read_bytes(), self.store.read_bytes())

    def store_of(self, shards, *more, ranks=0):
        """What a store holds, as our own export tells: (key, fields)."""
        self.good(*self.import_words(shards, *more), ranks=ranks)
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        self.good("data", "export-wds", "--store", self.folder / "in.h5", "--output",
                  folder / "%d.tar")
        found = samples_of(folder / "0.tar")
        return found, list(json.loads((folder / "labels.json").read_text()))

    def test_foreign_shards(self):
        mp4 = self.folder / "x.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=12",
                        "-frames:v", "7", "-pix_fmt", "yuv420p", str(mp4)], check=True)
        a = write_tar(self.folder / "f/a.tar", [
            ("readme", b"no field"),
            ("train.v2/0001.mp4", mp4.read_bytes()), ("train.v2/0001.json", b'{"label": "cat"}'),
            ("0002.txt", b"a caption"), ("0002.video.webm", self.video(0)),
            ("0002.label.json", b'{"class": "dog", "fps": 12}')])
        b = write_tar(self.folder / "f/b.tar", [
            ("clip.v1.webm", self.video(1)), ("clip.v1.cls", b"cat\n"),
            ("clip.v2.webm", self.video(2)), ("clip.v2.cls", b"dog"),
            ("9.WEBM", self.video(3)), ("9.json", b'{"template": "[ant]"}')])
        for ranks in (0, 2):
            found, classes = self.store_of([a, b], ranks=ranks)
            self.assertEqual(classes, ["ant", "cat", "dog"])
            self.assertEqual([key for key, _ in found],
                             ["train_v2_0001", "0002", "clip_v1", "clip_v2", "9"])
            self.assertEqual([json.loads(f["json"])["id"] for _, f in found],
                             ["train.v2_0001", "0002", "clip.v1", "clip.v2", "9"])
            self.assertEqual([json.loads(f["json"])["class"] for _, f in found],
                             ["cat", "dog", "cat", "dog", "ant"])
            self.assertEqual(found[0][1]["mp4"], mp4.read_bytes())
            self.assertEqual([f["webm"] for _, f in found[1:]], [self.video(i) for i in range(4)])

    def test_index_labels_and_given_classes(self):
        shard = write_tar(self.folder / "f/a.tar", [
            ("1.cls", b"2\n"), ("1.webm", self.video(0)),
            ("2.json", b'{"label": 0, "class": "nought"}'), ("2.webm", self.video(1)),
            ("3.webm", self.video(2))])
        found, classes = self.store_of([shard])
        self.assertEqual(classes, ["nought", "class 1", "class 2"])
        self.assertEqual([json.loads(f["json"])["label"] for _, f in found], [2, 0, None])
        self.assertNotIn("cls", found[2][1])
        labels = self.folder / "labels"
        labels.mkdir()
        (labels / "labels.json").write_text('{"nought": "0", "one": "1", "two": "2", "3": 3}')
        _, classes = self.store_of([shard], "--labels", labels)
        self.assertEqual(classes, ["nought", "one", "two", "3"])
        (labels / "labels.json").write_text('{"naught": "0", "one": "1", "two": "2"}')
        self.bad(4, "its label is 0, which is 'naught', but its class 'nought'",
                 *self.import_words([shard], "--labels", labels), ranks=2)
        (labels / "labels.json").write_text('{"nought": "0", "one": "1"}')
        self.bad(4, r"sample 1 of .*a.tar: its label is 2 \(there are 2 classes\)",
                 *self.import_words([shard], "--labels", labels))

    def test_bad_samples(self):
        good = [("1.webm", self.video(0)), ("1.cls", b"0")]
        cases = {
            "it has no video": [("2.jpg", b"x"), ("2.cls", b"0")],
            "its labels differ": [("2.webm", self.video(1)), ("2.cls", b"0"),
                                  ("2.json", b'{"label": 1}')],
            "is no JSON object": [("2.webm", self.video(1)), ("2.json", b"[1")],
            "its id stood before": [("x/1.webm", self.video(1)), ("x/1.json", b'{"id": "1"}')],
            "holds a '/'": [("2.webm", self.video(1)), ("2.json", b'{"id": "a/../b"}')],
            "several videos": [("2.webm", self.video(1)), ("2.mp4", self.video(1))],
        }
        for pattern, members in cases.items():
            shard = write_tar(self.folder / "f/a.tar", [*good, *members])
            self.bad(4, pattern, *self.import_words([shard]), ranks=2)
            self.assertFalse((self.folder / "in.h5").exists())
            out = self.good(*self.import_words([shard], "--allow-bad"))
            self.assertRegex(out, r": 1 clips of \d classes, .*, [12] left out")
            (self.folder / "in.h5").unlink()
        shard = write_tar(self.folder / "f/a.tar", [*good, ("2.webm", b"x"), ("2.cls", b"0")])
        self.bad(4, r"1 of 2 videos .*2 \(not a webm file", *self.import_words([shard]))

    def test_bad_shards(self):
        shards, _ = self.export("wds")
        whole = shards[0].read_bytes()
        os.system(f"gzip -k {shards[0]}")
        self.bad(4, "train-0000.tar.gz is compressed. Try gunzip",
                 *self.import_words([f"{shards[0]}.gz"]), ranks=2)
        shards[0].write_bytes(whole[:len(whole) // 2])
        self.bad(4, "train-0000.tar(: it has no video| is no sound tar archive)|cannot be packed",
                 *self.import_words(shards), ranks=3)
        shards[0].write_bytes(b"no tar" * 1000)
        self.bad(4, "train-0000.tar is no sound tar archive", *self.import_words(shards))
        empty = write_tar(self.folder / "f/empty.tar", [])
        self.bad(4, "hold no sample", *self.import_words([empty]))
        nameless = write_tar(self.folder / "f/n.tar", [("1.webm", self.video(0))])
        self.bad(4, "no sample of the shards has a class. Try --labels",
                 *self.import_words([nameless]))
        self.bad(4, "gone.tar", *self.import_words([self.folder / "gone.tar"]), ranks=2)
        self.bad(2, "--output .* is the input", *self.import_words([empty], output="f/empty.tar"))
        self.bad(2, "needs at least one file", *self.import_words([]))
        self.assertFalse((self.folder / "in.h5").exists())


def main():
    global WDS_PYTHON
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--wds-python", default="")
    options, rest = parser.parse_known_args()
    if os.path.exists(options.wds_python):
        WDS_PYTHON = options.wds_python
    sys.argv[1:] = rest
    gasm_cli.main(__doc__)


if __name__ == "__main__":
    main()
