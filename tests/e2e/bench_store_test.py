#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures stores and asks how they should lie, as users do.

bench_store_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402

MODES = ("resident", "exchange", "stream", "direct")
SAMPLE_BYTES = 2 * (196 * 768 + 8 * 512)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gasm-bench-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def good(self, *words, ranks=0):
        return gasm_cli.must(*words, ranks=ranks)

    def bad(self, pattern, *words, code=2, ranks=0):
        found, out, _ = gasm_cli.Job(words, ranks).wait(30)
        self.assertEqual(found, code, out)
        self.assertEqual(out.count("error: "), 1, out)
        self.assertRegex(out, pattern)

    def json_of(self, *words, ranks=0):
        lines = [line for line in self.good(*words, "--json", ranks=ranks).splitlines()
                 if line.startswith("{")]
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])


class BenchStore(Case):
    def test_a_store_that_it_makes_and_takes_away(self):
        found = self.json_of("bench", "store", "--samples", 97, "--repeat", 1, "--batch", 8,
                             "--folder", self.folder)
        self.assertEqual(found["num_bytes"], 97 * SAMPLE_BYTES)
        self.assertEqual(tuple(found["modes"]), MODES)
        for mode in found["modes"].values():
            self.assertEqual((mode["samples"], mode["bad"]), (97, 0))
            self.assertAlmostEqual(mode["gb_per_s"] / mode["samples_per_s"],
                                   SAMPLE_BYTES * 1e-9, delta=1e-9)
        for fill in found["fill"], found["cold_fill"]:
            self.assertAlmostEqual(fill["fill_over_raw"], fill["fill_gb_per_s"] /
                                   fill["raw_gb_per_s"], delta=1e-6)
        self.assertIsNone(found["device"])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_ranks_share_a_store_that_is_there(self):
        store = self.folder / "random.h5"
        self.good("bench", "store", "--make", store, "--samples", 50, ranks=2)
        self.assertEqual([path.name for path in self.folder.iterdir()], [store.name])
        found = self.json_of("bench", "store", "--store", store, "--repeat", 1, "--modes",
                             "stream,exchange", ranks=3)
        self.assertEqual((found["ranks"], found["fill"]), (3, None))
        self.assertEqual(tuple(found["modes"]), ("stream", "exchange"))
        for mode in found["modes"].values():
            self.assertEqual((mode["samples"], mode["bad"]), (50, 0))
        text = self.good("bench", "store", "--store", store, "--repeat", 1)
        for word in (*MODES, "plain reads", "samples/s"):
            self.assertIn(word, text)

    def test_features_stay_on_a_device(self):
        found = self.json_of("bench", "store", "--samples", 70, "--repeat", 1, "--modes",
                             "direct", "--device", "cpu", ranks=2)
        device = found["device"]
        self.assertEqual((device["samples"], device["bad"]), (70, 0))
        self.assertGreater(device["fill_gb_per_s"], 0)
        self.bad("no device 'tpu9'", "bench", "store", "--samples", 9, "--modes",
                 "direct", "--device", "tpu9", ranks=2)
        self.bad("no device cuda:77", "bench", "store", "--samples", 9, "--modes", "direct",
                 "--device", "cuda:77")
        self.bad("holds clips.*without --device", "bench", "store", "--store",
                 gasm_cli.make_stores()[0], "--modes", "direct", "--device", "cpu", ranks=2)

    def test_clips(self):
        store = gasm_cli.make_stores()[0]
        found = self.json_of("bench", "store", "--store", store, "--repeat", 1, "--modes",
                             "resident,direct", "--batch", 4)
        for mode in found["modes"].values():
            self.assertEqual((mode["samples"], mode["bad"]), (32, 0))

    def test_a_changed_sample_ends_with_4(self):
        store = self.folder / "random.h5"
        self.good("bench", "store", "--make", store, "--samples", 150)
        with store.open("r+b") as file:
            file.seek(-SAMPLE_BYTES * 20, os.SEEK_END)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        code, out, _ = gasm_cli.Job(("bench", "store", "--store", store, "--repeat", 1,
                                     "--modes", "direct")).wait(60)
        self.assertEqual(code, 4, out)
        self.assertIn("2 bad", out)

    def test_bad_words(self):
        self.bad("--samples 0", "bench", "store", "--samples", 0)
        self.bad("--repeat 0", "bench", "store", "--repeat", 0)
        self.bad("no mode 'auto'", "bench", "store", "--modes", "auto")
        self.bad("names direct twice", "bench", "store", "--modes", "direct,direct")
        self.bad("--modes is empty", "bench", "store", "--modes", "")
        self.bad("Try one of them", "bench", "store", "--store", "a", "--folder", "b", ranks=2)
        self.bad("No such file", "bench", "store", "--store", self.folder / "gone.h5", code=4)
        self.bad("another --folder", "bench", "store", "--folder", self.folder / "gone", code=4)
        text = self.folder / "text.h5"
        text.write_text("no store")
        self.bad("no usable feature store.*no clips", "bench", "store", "--store", text, code=4)
        self.bad("cannot reserve .*free space or another", "bench", "store", "--samples",
                 1000000, "--folder", self.folder, code=4)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["text.h5"])


class DataLayout(Case):
    def test_a_planned_store(self):
        found = self.json_of("data", "layout", "--bytes", 68_000_000_000, "--ranks", 16,
                             "--ranks-per-node", 4, "--memory-gb", 40)
        self.assertEqual(found["store"], "exchange")
        self.assertEqual(found["nodes"], 4)
        self.assertEqual(found["fill_s"], 17)
        self.assertEqual(found["wanted_stripes"], {"count": 8, "size_bytes": 4 << 20})
        self.assertEqual(found["modes"]["resident"], {"kept_bytes": 68_000_000_000,
                                                      "fits": False})
        self.assertIsNone(found["file_system"])
        text = self.good("data", "layout", "--bytes", 68_000_000_000, "--memory-gb", 200)
        self.assertIn("data.store: resident", text)
        self.assertIn("after 68 s at 1 GB/s", text)

    def test_a_store_that_is_there(self):
        store = gasm_cli.make_stores()[0]
        found = self.json_of("data", "layout", "--store", store)
        self.assertIsNotNone(found["file_system"])
        self.assertEqual(len(found["part_starts"]), 1)
        self.assertLess(found["num_bytes"], store.stat().st_size)
        self.assertIn("data.store:", self.good("data", "layout", "--store", store))

    def test_bad_words(self):
        self.bad("Try --store FILE.h5, or --bytes N", "data", "layout")
        self.bad("Try --store FILE.h5, or --bytes N", "data", "layout", "--store", "a",
                 "--bytes", 1)
        self.bad("Try one of the two", "data", "layout", "--store", "a", "--folder", "b")
        self.bad("without bytes", "data", "layout", "--bytes", 0)
        self.bad("no job", "data", "layout", "--bytes", 9, "--ranks", 2, "--ranks-per-node", 3)
        self.bad("--memory-gb 0", "data", "layout", "--bytes", 9, "--memory-gb", 0)
        self.bad("No such file", "data", "layout", "--store", self.folder / "gone", code=4)
        self.bad("cannot look at", "data", "layout", "--bytes", 9, "--folder",
                 self.folder / "gone", code=4)


if __name__ == "__main__":
    gasm_cli.main(__doc__.splitlines()[0])
