#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gasm data fetch-check: archives as they are downloaded, whole and broken.

archive_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import fcntl
import gzip
import io
import json
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from cli_test import Case, run  # noqa: E402

STEM = "set-v2"
NUM_PARTS = 4


def tar_of(members):
    """A tar archive of (name, bytes), or (TarInfo, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def split(packed, folder, stem=STEM, num=NUM_PARTS):
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(packed) // num)
    for i in range(num):
        (folder / f"{stem}-{i:02}").write_bytes(packed[i * size:(i + 1) * size])
    return [folder / f"{stem}-{i:02}" for i in range(num)]


class Archive(Case):
    @classmethod
    def setUpClass(cls):
        """40 synthetic clips, and the archive that they are published in."""
        cls.data = pathlib.Path(tempfile.mkdtemp(prefix="gasm-archive-"))
        cls.addClassCleanup(shutil.rmtree, cls.data, ignore_errors=True)
        gasm_cli.must("synth", "--level", "S", "--train-draws", 6, "--val-draws", 1,
                      "--test-draws", 1, "--output", cls.data)
        cls.clips = {path.name: path.read_bytes() for path in
                     sorted((cls.data / "videos").iterdir(), key=lambda p: int(p.stem))}
        cls.members = [(tarfile.TarInfo(f"{STEM}/{name}"), clip)
                       for name, clip in cls.clips.items()]
        top = tarfile.TarInfo(STEM)
        top.type = tarfile.DIRTYPE
        cls.packed = gzip.compress(tar_of([(top, b""), *cls.members]), mtime=0)

    def setUp(self):
        super().setUp()
        self.parts = split(self.packed, self.folder / "parts")
        self.spool = self.folder / "videos.spool"
        self.index = self.folder / "videos.spool.index"

    def words(self, *more):
        return ("data", "fetch-check", "--parts", self.folder / "parts", *more)

    def refused(self, pattern, *more, ranks=0):
        """Ends with 4, says why, and leaves no complete spool."""
        code, out, err, seconds = run(*self.words("--extract", self.spool, *more), ranks=ranks)
        self.assertEqual(code, 4, out + err)
        self.assertRegex(out + err, pattern)
        self.assertLess(seconds, 45)
        if self.index.exists():
            self.assertNotIn('"complete"', self.index.read_text())
        return out

    def pack(self, videos, name, ranks=0):
        store = self.folder / name
        self.good("data", "pack", "--videos", videos, "--labels", self.data / "labels",
                  "--split", "train", "--output", store, ranks=ranks)
        return store.read_bytes()

    def spooled(self):
        """The names and videos of the spool, by its documented format."""
        lines = [line.split(" ", 1)[1] for line in self.index.read_text().splitlines()]
        self.assertEqual(lines[0], "gasm video spool 1")
        data, found = self.spool.read_bytes(), {}
        for entry in map(json.loads, lines[1:-1]):
            found[entry["name"]] = data[entry["offset"]:entry["offset"] + entry["bytes"]]
        self.assertEqual(json.loads(lines[-1]), {"complete": len(found)})
        self.assertEqual(sum(map(len, found.values())), len(data))
        return found


class Whole(Archive):
    def test_check_writes_nothing(self):
        before = sorted(self.folder.rglob("*"))
        for ranks in (0, 2):
            out = self.good(*self.words(), ranks=ranks)
            self.assertIn(f"{len(self.clips)} videos, ", out)
            self.assertIn("gzip stream: whole, its checksum is right", out)
            self.assertEqual(out.count("Videos: good"), 1)
            self.assertNotIn("problem", out)
        self.assertEqual(sorted(self.folder.rglob("*")), before)

    def test_spool_holds_the_videos_and_is_packed_like_the_folder(self):
        out = self.good(*self.words("--extract", self.spool))
        self.assertIn(f"complete, {len(self.clips)} videos copied now, 0 were there", out)
        self.assertEqual(self.spooled(), self.clips)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()),
                         ["parts", "videos.spool", "videos.spool.index"])
        wanted = self.pack(self.data / "videos", "folder.h5")
        for ranks in (0, 2, 3):
            self.assertEqual(self.pack(self.spool, f"spool{ranks}.h5", ranks), wanted)
        manifests = []
        for videos in (self.data / "videos", self.spool):
            self.good("data", "verify", "--videos", videos, "--labels", self.data / "labels",
                      "--manifest", self.folder / "m.json", ranks=2)
            manifests.append((self.folder / "m.json").read_bytes())
        self.assertEqual(*manifests)

    def test_again_writes_nothing(self):
        self.good(*self.words("--extract", self.spool))
        before = [(p.read_bytes(), p.stat().st_mtime_ns) for p in (self.spool, self.index)]
        out = self.good(*self.words("--extract", self.spool), ranks=2)
        self.assertIn(f"complete, 0 videos copied now, {len(self.clips)} were there", out)
        self.assertEqual([(p.read_bytes(), p.stat().st_mtime_ns)
                          for p in (self.spool, self.index)], before)

    def test_one_file_and_twenty_parts(self):
        one = self.folder / "all.tar.gz"
        one.write_bytes(self.packed)
        self.assertIn("Videos: good", self.good("data", "fetch-check", "--parts", one))
        split(self.packed, self.folder / "twenty", num=20)
        self.assertIn("Videos: good",
                      self.good("data", "fetch-check", "--parts", self.folder / "twenty"))

    def test_profile(self):
        shutil.rmtree(self.folder / "parts")
        split(self.packed, self.folder / "parts", stem="20bn-something-something-v2")
        pattern = f"{len(self.clips)} videos, but Something-Something V2 has 220847"
        code, out, _, _ = run(*self.words("--extract", self.spool))
        self.assertEqual(code, 4)
        self.assertRegex(out, pattern)
        # It is whole all the same.
        self.assertEqual(self.spooled(), self.clips)
        self.good(*self.words("--profile", "any"))
        self.bad(2, "--profile is v2. Try detect, ssv2 or any", *self.words("--profile", "v2"))

    def test_labels(self):
        names = ("labels.json", "train.json", "validation.json", "test.json", "test-answers.csv")
        for prefix, long_name in (("labels/", ""), ("", "something-something-v2-"),
                                  ("../../", "")):
            archive = self.folder / "labels.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
                for name in names:
                    if long_name and name.endswith("csv"):
                        continue
                    out.write(self.data / "labels" / name, prefix + long_name + name)
                out.writestr("licence.pdf", "%PDF")
            labels = self.folder / "out" / "labels"
            out = self.good(*self.words("--labels-archive", archive, "--labels", labels))
            self.assertIn("Annotations: good", out)
            self.assertIn("4 classes, test 4, train 24, validation 4", out)
            self.assertIn("licence.pdf is no annotation file", out)
            # The zip holds no validation-shape.json, whose videos are there.
            self.assertIn("note: videos that no annotation lists: ", out)
            for path in labels.iterdir():
                self.assertEqual(path.read_bytes(), (self.data / "labels" / path.name.replace(
                    "something-something-v2-", "")).read_bytes())
            self.assertEqual(len(list(self.folder.rglob("train.json"))), 0 if long_name else 1)
            shutil.rmtree(self.folder / "out")

    def test_labels_that_do_not_fit(self):
        records = json.loads((self.data / "labels/train.json").read_text())
        labels = self.folder / "labels"
        shutil.copytree(self.data / "labels", labels)
        (labels / "train.json").write_text(json.dumps([*records, dict(records[0], id="9999")]))
        code, out, _, _ = run(*self.words("--labels", labels))
        self.assertEqual(code, 4)
        self.assertIn("problem: videos that the annotations list, but not in the archive: 9999",
                      out)
        (labels / "train.json").write_text("[{")
        code, out, _, _ = run(*self.words("--labels", labels))
        self.assertEqual(code, 4)
        self.assertIn("train.json:1:", out)
        archive = self.folder / "labels.zip"
        with zipfile.ZipFile(archive, "w") as out:
            out.write(self.data / "labels/train.json", "train.json")
        self.bad(4, "train.json is there and differs", "data", "fetch-check",
                 "--labels-archive", archive, "--labels", labels)
        archive.write_bytes(archive.read_bytes()[:2000])
        self.bad(4, "labels.zip is no sound zip archive", "data", "fetch-check",
                 "--labels-archive", archive, "--labels", self.folder / "new", ranks=2)
        self.assertFalse((self.folder / "new").exists())

    def test_usage(self):
        self.bad(2, "nothing to check. Try --parts", "data", "fetch-check")
        self.bad(2, "--labels-archive needs --labels", "data", "fetch-check",
                 "--labels-archive", "x.zip")
        self.bad(2, "--extract needs --parts", "data", "fetch-check", "--labels", "x",
                 "--labels-archive", "x.zip", "--extract", "y")
        self.bad(4, "its folder does not exist",
                 *self.words("--extract", self.folder / "no/spool"))
        self.bad(4, "cannot read the folder .*gone", "data", "fetch-check", "--parts",
                 self.folder / "gone", ranks=2)


class Broken(Archive):
    def test_parts(self):
        # Parts of several blocks of deflate, as real ones are.
        rng = random.Random(5)
        videos = dict(self.clips)
        for i in range(1000, 1040):
            videos[f"{i}.webm"] = b"\x1a\x45\xdf\xa3" + rng.randbytes(50_000)
        split(gzip.compress(tar_of((f"x/{name}", clip) for name, clip in videos.items())),
              self.folder / "parts")
        first, second, third, last = self.parts
        whole = [part.read_bytes() for part in self.parts]

        def reset():
            for part, data in zip(self.parts, whole):
                part.write_bytes(data)

        last.write_bytes(whole[3][:-100])
        self.refused(f"does not end with {STEM}-03 .*fetch it again", ranks=2)
        reset()
        second.write_bytes(whole[1][:-1000])
        self.refused(f"{STEM}-01 .*is truncated")
        reset()
        second.write_bytes(whole[2])
        third.write_bytes(whole[1])
        self.refused(f"{STEM}-00 goes on with {STEM}-02, not with {STEM}-01 .*wrong order")
        reset()
        first.write_bytes(whole[3])
        last.write_bytes(whole[0])
        self.refused(f"{STEM}-00 does not begin the archive, but {STEM}-03 does")
        reset()
        third.unlink()
        self.refused(f"{STEM}-02 is missing. Try to fetch it")
        reset()
        last.unlink()
        self.refused(f"does not end with {STEM}-02 .*then {STEM}-03 if there is one")
        reset()
        second.write_bytes(b"")
        self.refused(f"{STEM}-01 is empty")
        reset()
        first.write_bytes(b"<html>Please log in</html>")
        self.refused(f"{STEM}-00 is no gzip file; it looks like a web page")
        reset()
        other = random.Random(1).randbytes(len(whole[1]))
        second.write_bytes(other)
        self.refused(f"{STEM}-01 belongs to another archive")
        second.write_bytes(gzip.compress(other))
        self.refused(f"{STEM}-01 begins another archive")
        reset()
        changed = bytearray(whole[2])
        changed[len(changed) // 2] ^= 1
        third.write_bytes(changed)
        self.refused("(damaged|makes no sense|checksum) .*fetch")
        reset()
        # What the broken ones left is corrected, and the rest added.
        self.assertIn("Videos: good", self.good(*self.words("--extract", self.spool)))
        self.assertEqual(self.spooled(), videos)

    def refused_tar(self, pattern, members, is_whole=True):
        for part in self.parts:
            part.unlink(missing_ok=True)
        split(gzip.compress(tar_of(members)), self.folder / "parts")
        code, out, err, _ = run(*self.words("--extract", self.spool))
        self.assertEqual(code, 4, out + err)
        self.assertRegex(out, pattern)
        self.assertEqual("checksum is right" in out, is_whole, out)
        self.assertEqual(sorted(p.name for p in self.folder.parent.glob("escaped*")), [])
        for path in (self.spool, self.index):
            path.unlink()

    def test_members(self):
        name, clip = next(iter(self.clips.items()))
        escape = f"../{'../' * 20}{self.folder.parent}/escaped.webm"
        good = self.members[:3]
        for bad in (escape, "/escaped.webm", "a/../../escaped.webm"):
            self.refused_tar("problem: members whose names lead elsewhere .*escaped.webm",
                             [*good, (bad, clip)])
        link = tarfile.TarInfo("link.webm")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        self.refused_tar("problem: links, devices or pipes .*link.webm", [*good, (link, b"")])
        self.refused_tar("videos that are empty: 77.webm", [*good, ("x/77.webm", b"")])
        self.refused_tar("do not begin as WebM files do: 77.webm",
                         [*good, ("x/77.webm", b"not a video, a text")])
        self.refused_tar(f"id stands twice: {name}", [*good, (f"again/{name}", clip)])
        self.refused_tar("holds no video", [("readme.txt", b"hello")])

    def test_strangers_are_notes(self):
        strange = [("x/readme.txt", b"hello"), ("x/._1.webm", b"resource fork"),
                   ("x/a\nb\x1b[31m.webm", b"\x1a\x45\xdf\xa3")]
        split(gzip.compress(tar_of([*self.members, *strange])), self.folder / "parts")
        (self.folder / f"parts/{STEM}-03.part").write_bytes(b"")
        out = self.good(*self.words("--extract", self.spool))
        self.assertRegex(out, r"note: members that are no videos .*readme.txt, .*\._1.webm, "
                              r"x/a\?b\?\[31m.webm")
        self.assertIn(f"note: {STEM}-03.part is not read", out)
        self.assertEqual(self.spooled(), self.clips)

    def test_no_tar(self):
        split(gzip.compress(random.Random(2).randbytes(100_000)), self.folder / "parts")
        self.refused("the archive makes no sense")
        split(gzip.compress(b"\0" * 300_000_000, 9), self.folder / "parts")
        self.refused("decompression bomb|holds no video")

    def test_unfinished_spool_is_not_packed(self):
        self.parts[3].write_bytes(self.parts[3].read_bytes()[:-100])
        self.refused("does not end")
        words = ("data", "pack", "--labels", self.data / "labels", "--split", "train",
                 "--output", self.folder / "x.h5", "--videos")
        self.bad(4, "videos.spool is not complete .*goes on where it stopped", *words, self.spool,
                 ranks=2)
        other = self.folder / "file"
        other.write_text("no spool")
        self.bad(4, "neither a folder of videos nor a spool", *words, other)
        self.bad(4, "exists and is no spool", *self.words("--extract", other))
        self.assertEqual(other.read_text(), "no spool")

    def test_spool_of_another_archive(self):
        self.good(*self.words("--extract", self.spool))
        before = self.spool.read_bytes(), self.index.read_bytes()
        for members in (self.members[1:], self.members[:-1],
                        [*self.members, ("x/9999.webm", self.members[0][1])]):
            split(gzip.compress(tar_of(members)), self.folder / "parts")
            self.bad(4, "another archive|complete with|holds .* videos, but",
                     *self.words("--extract", self.spool))
            self.assertEqual((self.spool.read_bytes(), self.index.read_bytes()), before)

    def test_changed_bytes_of_a_spool(self):
        self.good(*self.words("--extract", self.spool))
        data = bytearray(self.spool.read_bytes())
        data[len(data) // 2] ^= 1
        self.spool.write_bytes(data)
        self.bad(4, "has changed", "data", "pack", "--labels", self.data / "labels", "--split",
                 "train", "--output", self.folder / "x.h5", "--videos", self.spool)
        out = self.good(*self.words("--extract", self.spool))
        self.assertIn("the spool was written again from video", out)
        self.assertEqual(self.spooled(), self.clips)


class Interrupted(Archive):
    def test_full_disk(self):
        """A limit on the size of files, above what MPI itself needs."""
        rng = random.Random(6)
        videos = {f"{i}.webm": b"\x1a\x45\xdf\xa3" + rng.randbytes(1_000_000)
                  for i in range(40)}
        split(gzip.compress(tar_of(videos.items()), 1), self.folder / "parts")

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (30_000_000, 30_000_000))
        done = subprocess.run(
            gasm_cli.command_of(self.words("--extract", self.spool), 0), capture_output=True,
            text=True, preexec_fn=small_files, env=gasm_cli.environment_of(None), check=False)
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertRegex(done.stderr, "cannot write .*videos.spool .*Try to free space")
        out = self.good(*self.words("--extract", self.spool))
        self.assertIn("complete, 11 videos copied now, 29 were there", out)
        self.assertEqual(self.spooled(), videos)

    def test_killed_at_random_points(self):
        """The spool, and the store packed from it, are those of an undisturbed run."""
        rng = random.Random(7)
        clips = list(self.clips.values())
        members = [*self.members,
                   *((f"more/{i}.webm", rng.choice(clips)) for i in range(1000, 4000))]
        for part in self.parts:
            part.unlink()
        split(gzip.compress(tar_of(members), 1), self.folder / "parts", num=3)
        self.good(*self.words("--extract", self.spool))
        wanted = self.spool.read_bytes(), self.index.read_bytes()
        store = self.pack(self.spool, "undisturbed.h5")
        for path in (self.spool, self.index):
            path.unlink()
        num_killed = 0
        for share in sorted(rng.random() for _ in range(12)):
            job = gasm_cli.Job(self.words("--extract", self.spool))
            self.addCleanup(job.end)
            while job.process.poll() is None:
                if (self.index.exists()
                        and self.index.stat().st_size >= share * len(wanted[1])):
                    time.sleep(rng.random() * 0.003)
                    job.process.kill()
                    break
                time.sleep(0.001)
            num_killed += job.process.wait() == -signal.SIGKILL
            self.assertTrue(wanted[0].startswith(self.spool.read_bytes()))
        self.assertGreaterEqual(num_killed, 6)
        out = self.good(*self.words("--extract", self.spool))
        self.assertIn("Videos: good", out)
        self.assertEqual((self.spool.read_bytes(), self.index.read_bytes()), wanted)
        self.assertEqual(self.pack(self.spool, "killed.h5", ranks=2), store)

    def test_two_at_once(self):
        self.good(*self.words("--extract", self.spool))
        with open(f"{self.spool}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.bad(4, "is in use", *self.words("--extract", self.spool))


if __name__ == "__main__":
    gasm_cli.main(__doc__)
