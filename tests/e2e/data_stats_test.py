#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs gasm data stats, inspect and monitor as their users do.

data_stats_test.py --gasm BINARY [--mpirun MPIRUN] [--python PYTHON] [-k PATTERN]

PYTHON has av, numpy and PIL: they are the reference for pixels.
"""
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from care_case import Case, run  # noqa: E402

PYTHON = ""
# Luma of the decoded planes, stretched from 16 .. 235: PyAV's own way to RGB is
# off by more than a level.
LUMA = """
import json, sys
import av, numpy as np
from PIL import Image
WEIGHTS = [0.299, 0.587, 0.114]
def planes(path):
    with av.open(path) as video:
        for frame in video.decode(video=0):
            yield frame.to_ndarray(format="yuv420p")[:frame.height]
def stretched(plane):
    return (np.asarray(plane).astype(float) - 16) * 255 / 219
"""
# Brightness and motion of each file, as docs/formats.md defines them.
REFERENCE = LUMA + """
found = []
for path in sys.argv[2:]:
    frames = list(planes(path))
    n, wanted = len(frames), 16
    assert n > wanted
    border = [round((n - 1) / wanted * i) for i in range(wanted + 1)]
    lumas = []
    for k in [(a + b) // 2 for a, b in zip(border, border[1:])]:
        h, w = frames[k].shape
        small = Image.fromarray(np.ascontiguousarray(frames[k])).resize(
            ((w + 4) // 8, (h + 4) // 8), Image.BILINEAR)
        lumas.append(stretched(small))
    lumas = np.stack(lumas)
    found.append([lumas.mean(), np.abs(np.diff(lumas, axis=0)).mean()])
json.dump(found, open(sys.argv[1], "w"))
"""
COMPARE_SHEET = LUMA + """
sheet = np.asarray(Image.open(sys.argv[1]).convert("RGB")).astype(float) @ WEIGHTS
frames = [stretched(plane) for plane in planes(sys.argv[2])]
h, w = frames[0].shape
columns = (sheet.shape[1] + 4) // (w + 4)
for place, index in enumerate(map(int, sys.argv[3:])):
    y, x = place // columns * (h + 4), place % columns * (w + 4)
    got = sheet[y + 12:y + h, x:x + w]  # below the number
    off = [np.abs(got - frame[12:]).mean() for frame in frames]
    assert off[index] < 1 and off[index] < min(off) + 0.05, (place, index, off)
print("equal")
"""


def python(*words):
    done = subprocess.run([PYTHON, *map(str, words)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needs_python(test):
    def skip_or_run(self):
        found = PYTHON and subprocess.run([PYTHON, "-c", "import av, numpy, PIL"], check=False,
                                          capture_output=True)
        if not found or found.returncode:
            self.skipTest("no Python with av, numpy and PIL")
        test(self)
    return skip_or_run


class PageReader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)


class Stats(Case):
    def collect(self, name, *more, ranks=0):
        files = [self.folder / f"{name}.json", self.folder / f"{name}.html"]
        self.good("data", "stats", "--json", files[0], "--html", files[1], *more,
                  self.set / "train.h5", self.set / "validation.h5", ranks=ranks)
        return [path.read_text() for path in files]

    def test_do_not_depend_on_ranks(self):
        # Five ranks: more than the validation has clips.
        alone = self.collect("one")
        self.assertEqual(self.collect("five", ranks=5), alone)
        sampled = self.collect("sample", "--sample", "3")
        self.assertEqual(self.collect("sample3", "--sample", "3", ranks=3), sampled)
        split = json.loads(sampled[0])["splits"][0]
        self.assertEqual((split["num_clips"], split["num_measured"]), (12, 3))

    def test_figures(self):
        stats = json.loads(self.collect("s")[0])
        train, val = stats["splits"]
        self.assertEqual((train["split"], train["num_clips"], val["num_clips"]),
                         ("train", 12, 4))
        self.assertEqual([c["num_clips"] for c in train["classes"]], [3] * 4)
        self.assertEqual((train["frame_rates"], train["codecs"], train["sizes"]),
                         ({"12": 12}, {"vp9": 12}, {"128x96": 12}))
        self.assertEqual(train["frames"]["median"], 24)
        self.assertAlmostEqual(train["seconds"]["mean"], 2.0, places=3)
        self.assertEqual(stats["duplicates"], [])

    @needs_python
    def test_brightness_and_motion_against_pyav(self):
        train = json.loads(self.collect("s")[0])["splits"][0]
        ids = [r["id"] for r in json.loads((self.set / "labels/train.json").read_text())]
        out = self.folder / "reference.json"
        python("-c", REFERENCE, out, *(self.set / f"videos/{i}.webm" for i in ids))
        reference = json.loads(out.read_text())
        for name, place, tolerance in (("brightness", 0, 0.3), ("motion", 1, 0.1)):
            values = sorted(row[place] for row in reference)
            for figure, wanted in (("mean", sum(values) / len(values)), ("min", values[0]),
                                   ("max", values[-1])):
                self.assertLess(abs(train[name][figure] - wanted), tolerance, (name, figure))

    def test_page(self):
        page = self.collect("s")[1]
        reader = PageReader()
        reader.feed(page)
        self.assertEqual(reader.open, [])
        self.assertEqual(reader.tags.count("figure"), 12)
        self.assertNotIn("script", reader.tags)
        text = " ".join(reader.texts)
        for name in json.loads((self.set / "labels/labels.json").read_text()):
            self.assertIn(name, text)

    def test_bad_input(self):
        out = self.folder / "s.json"
        store = self.set / "train.h5"
        self.bad(2, "Try --json or --html", "data", "stats", store)
        self.bad(2, "--sample 0", "data", "stats", "--sample", "0", "--json", out, store, ranks=2)
        self.bad(2, "on 1 frames", "data", "stats", "--frames", "1", "--json", out, store)
        self.bad(2, "--json .* is the input", "data", "stats", "--json", store, store)
        self.bad(4, "no-folder", "data", "stats", "--html", self.folder / "no-folder/x.html",
                 store, ranks=2)
        # As a reader meets a file that is still being written.
        half = self.folder / "half.h5"
        half.write_bytes(store.read_bytes()[:store.stat().st_size // 2])
        for ranks in (0, 2):
            self.bad(4, "half.h5 is no usable clip store", "data", "stats", "--json", out, half,
                     ranks=ranks)
        self.assertFalse(out.exists())


class Inspect(Case):
    def words(self, *more):
        return ("data", "inspect", "--store", self.set / "train.h5", *more)

    def indices(self, out):
        return [int(n) for n in re.search(r"(?m)^frames +(.*)$", out).group(1).split()]

    def test_record(self):
        out = self.good(*self.words("--index", "2"))
        record = json.loads((self.set / "labels/train.json").read_text())[2]
        self.assertRegex(out, rf"(?m)^clip +{record['id']} \(index 2 of 12, split train\)$")
        self.assertIn(re.sub(r"[\[\]]", "", record["template"]), out)
        self.assertIn("24 frames, 128 x 96 pixels, vp9, 12 frames a second, 2.00 s", out)
        self.assertEqual(self.good(*self.words("--id", record["id"])), out)

    def test_frames_are_those_of_the_rule(self):
        # 23 / 8 a segment; the middles of rounded borders, rounded down.
        border = [round(23 / 8 * i) for i in range(9)]
        middles = [(a + b) // 2 for a, b in zip(border, border[1:])]
        out = self.good(*self.words("--index", "0", "--frames", "8", "--mode", "eval"))
        self.assertEqual(self.indices(out), middles)
        drawn = set()
        for epoch in range(4):
            found = self.indices(self.good(*self.words("--index", "0", "--frames", "8", "--epoch",
                                                       epoch)))
            for place, index in enumerate(found):
                self.assertTrue(border[place] <= index <= border[place + 1])
            drawn.add(tuple(found))
        self.assertGreater(len(drawn), 1)
        uniform = self.good(*self.words("--index", "0", "--frames", "8", "--sampling", "uniform"))
        self.assertEqual(self.indices(uniform), middles)

    @needs_python
    def test_sheet_holds_these_frames(self):
        record = json.loads((self.set / "labels/train.json").read_text())[5]
        sheet = self.folder / "sheet.png"
        out = self.good(*self.words("--index", "5", "--frames", "6", "--columns", "4", "--output",
                                    sheet))
        self.assertIn("524 x 196 pixels", out)
        python("-c", COMPARE_SHEET, sheet, self.set / f"videos/{record['id']}.webm",
               *self.indices(out))

    def test_bad_input(self):
        self.bad(2, "either --id or --index", *self.words())
        self.bad(2, "either --id or --index", *self.words("--id", "1", "--index", "0"))
        self.bad(2, "no clip with id 99999", *self.words("--id", "99999"))
        self.bad(2, r"--index 12 \(the store has clips 0 to 11\)", *self.words("--index", "12"))
        self.bad(2, "--sampling dens", *self.words("--index", "0", "--sampling", "dens"))
        self.bad(2, "--mode test", *self.words("--index", "0", "--mode", "test"))
        self.bad(2, "--frames 0", *self.words("--index", "0", "--frames", "0"))
        self.bad(2, "--output .* is the input", *self.words("--index", "0", "--output",
                                                            self.set / "train.h5"))
        self.bad(4, "no-folder", *self.words("--index", "0", "--output",
                                             self.folder / "no-folder/x.png"))


class Monitor(Case):
    def stats(self, name="train"):
        path = self.folder / f"{name}-stats.json"
        self.good("data", "stats", "--json", path, self.set / f"{name}.h5")
        return path

    def changed(self, path, change):
        """A copy of some JSON in which `change` was made."""
        json_text = json.loads(path.read_text())
        change(json_text)
        other = self.folder / "changed.json"
        other.write_text(json.dumps(json_text))
        return other

    def alerts(self, reference, current, *more, code=4, ranks=0):
        found, out, err = run("data", "monitor", "--reference", reference, "--current", current,
                              *more, ranks=ranks)
        self.assertEqual(found, code, out + err)
        return re.findall(r"(?m)^alert: (\w+):", out)

    def test_statistics(self):
        was = self.stats()
        self.assertEqual(self.alerts(was, was, code=0, ranks=2), [])

        def darker(stats):
            stats["splits"][0]["brightness"]["mean"] *= 0.5

        def failing(stats):
            stats["splits"][0]["num_errors"] = 1

        def imbalanced(*counts):
            def change(stats):
                for entry, count in zip(stats["splits"][0]["classes"], counts):
                    entry["num_clips"] = count
            return change

        for change, kind in ((darker, "brightness_drift"), (failing, "decode_errors")):
            self.assertEqual(self.alerts(was, self.changed(was, change)), [kind])
        # 12 clips against 12, each class a quarter: chance explains this one.
        now = self.changed(was, imbalanced(5, 3, 2, 2))
        self.assertEqual(self.alerts(was, now, code=0), [])
        self.assertEqual(self.alerts(was, now, "--significance", "1.1"), ["class_drift"])
        now = self.changed(was, imbalanced(9000, 1000, 1000, 1000))
        self.assertEqual(self.alerts(was, now), ["class_drift"])

    def test_alerts_are_appended(self):
        was = self.stats()
        now = self.changed(was, lambda s: s["splits"][0]["motion"].update(mean=99))
        log = self.folder / "alerts.jsonl"
        for _ in range(2):
            self.assertEqual(self.alerts(was, now, "--alerts", log, ranks=2), ["motion_drift"])
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual([(line["step"], line["kind"]) for line in lines],
                         [(0, "motion_drift")] * 2)
        self.assertIn("mean motion", lines[0]["text"])

    def test_manifests(self):
        folder = self.copy_set()
        was, now = folder / "was.json", folder / "now.json"
        self.good("data", "verify", *self.where(folder), "--manifest", was)
        self.assertEqual(self.alerts(was, was, code=0), [])
        shutil.copy(folder / "videos/2.webm", folder / "videos/1.webm")
        (folder / "videos/3.webm").unlink()
        run("data", "verify", *self.where(folder), "--manifest", now)
        self.assertEqual(self.alerts(was, now), ["decode_errors", "changed_files"])

    def test_bad_input(self):
        was = self.stats()
        words = ("data", "monitor", "--reference", was)
        self.bad(2, "either --current or --run", *words)
        self.bad(2, "either --current or --run", *words, "--current", was, "--run", "x")
        self.bad(2, "--steps 0", *words, "--run", "x", "--steps", "0")
        self.bad(2, "--max-shift -1", *words, "--current", was, "--max-shift", "-1")
        self.bad(2, "--alerts .* is the input", *words, "--current", was, "--alerts", was)
        self.bad(4, "none.json", *words, "--current", self.folder / "none.json", ranks=2)
        self.bad(4, "neither a manifest nor statistics", *words, "--current",
                 self.set / "synth.json")
        # A folder that is no run.
        for ranks in (0, 2):
            self.bad(2, "config.yaml", *words, "--run", self.folder, ranks=ranks)


class MonitorRun(gasm_cli.TrainCase):
    """The last batches of a run beside the statistics of its store."""

    def monitor(self, reference, *more, code=0, ranks=0):
        found, out, err = run("data", "monitor", "--reference", reference, "--run",
                              self.undisturbed.path, *more, ranks=ranks)
        self.assertEqual(found, code, out + err)
        return out

    def test_run(self):
        store = self.folder / "train.h5"
        reference = self.folder / "stats.json"
        self.must("data", "stats", "--json", reference, store)
        alerts = self.undisturbed.path / "alerts.jsonl"
        self.assertFalse(alerts.exists())
        # The last 3 of 20 steps of 12, 12 and 8 clips: 18, 19 and 20.
        for ranks in (0, 2):
            out = self.monitor(reference, "--steps", "3", ranks=ranks)
            self.assertIn("steps 18 to 20 of", out)
            self.assertIn("(32 clips)", out)
            self.assertIn("0 alerts", out)
        self.assertFalse(alerts.exists())
        stats = json.loads(reference.read_text())
        stats["splits"][0]["brightness"]["mean"] *= 2
        reference.write_text(json.dumps(stats))
        out = self.monitor(reference, code=4, ranks=2)
        self.assertIn("alert: brightness_drift", out)
        line = json.loads(alerts.read_text())
        self.assertEqual((line["step"], line["kind"]), (20, "brightness_drift"))
        # Statistics of another store say nothing about this run.
        self.must("data", "stats", "--json", reference, self.folder / "validation.h5")
        code, _, err = run("data", "monitor", "--reference", reference, "--run",
                           self.undisturbed.path)
        self.assertEqual(code, 2, err)
        self.assertIn("does not describe the data of the run", err)
        code, _, err = run("data", "monitor", "--reference", reference, "--run",
                           self.undisturbed.path, "--store", self.folder / "validation.h5")
        self.assertEqual(code, 2, err)
        self.assertIn("is not what the run trains on", err)


if __name__ == "__main__":
    for place, word in enumerate(sys.argv):
        if word == "--python":
            PYTHON = sys.argv[place + 1]
            del sys.argv[place:place + 2]
            break
    gasm_cli.main(__doc__.splitlines()[0])
