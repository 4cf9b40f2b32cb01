#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""loader_peers.py [--store FILE.h5] [--samples 4000] [--batch 32] [--repeat 5]

Loading of cached features beside h5py and numpy.memmap, each under torch's DataLoader
with 0, 1 and 2 worker processes: the same features.h5, shuffled batches of both streams
and the labels, delivered as fp16 tensors, whole epochs, file in the page cache, the
programs alternating so that drift of the machine hits all. Prints samples/s of each
(median over the repeats), gasm's resident store over the best h5py and the best memmap,
and the rate of filling that store over that of plain reads of the same bytes.

  tools/bench/loader_peers.py --repeat 5

Without --store it makes a file of random features below the system's folder for
temporary files (309 KB a sample), and removes it. gasm has one reading thread; what a
DataLoader takes to start its workers is not counted. torch is that of tools/setup; h5py
is fetched at the first run into ${GASM_DEPS:-~/.cache/gasm}. Needs a quiet machine.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
H5PY = "h5py==3.15.1"
WORKERS = (0, 1, 2)
PEERS = [f"{reader}-{workers}" for reader in ("h5py", "memmap")
         for workers in WORKERS]
STREAMS = ("semantic", "motion")
GOALS = {"h5py": 4.0, "memmap": 1.5, "fill": 0.8}


def deps_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("GASM_DEPS")
                        or pathlib.Path(cache) / "gasm")


def torch_python():
    found = sorted(deps_folder().glob("venv-torch-*/bin/python"))
    if not found:
        sys.exit("loader_peers: no Python with torch. Try tools/setup")
    return str(found[-1])


def h5py_folder(python):
    """Where h5py lies, beside the numpy that torch's environment has."""
    folder = deps_folder() / "bench-h5py"
    stamp = folder / "gasm-complete"
    if not stamp.exists() or stamp.read_text() != H5PY:
        print(f"loader_peers: fetching {H5PY}", file=sys.stderr)
        stamp.unlink(missing_ok=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade",
             "--disable-pip-version-check", "--target", str(folder), H5PY],
            check=True)
        stamp.write_text(H5PY)
    return str(folder)


# ---- one peer, in torch's environment


def h5py_samples(path):
    """A map-style data set whose every process has the file open once."""
    import h5py
    import torch

    class Samples(torch.utils.data.Dataset):
        def __init__(self):
            self.arrays = None
            with h5py.File(path, "r") as file:
                self.length = len(file["label"])

        def __len__(self):
            return self.length

        def __getitem__(self, place):
            if self.arrays is None:
                file = h5py.File(path, "r")
                self.arrays = [file[name] for name in (*STREAMS, "label")]
            *streams, labels = self.arrays
            return (*(torch.from_numpy(each[place, 0]) for each in streams),
                    int(labels[place]))

    return Samples()


def memmap_samples(path):
    """The same with the arrays mapped at their places in the file."""
    import h5py
    import numpy
    import torch

    with h5py.File(path, "r") as file:
        labels = file["label"][:]
        mapped = [numpy.memmap(path, each.dtype, "r", each.id.get_offset(),
                               each.shape)
                  for each in (file[name] for name in STREAMS)]

    class Samples(torch.utils.data.Dataset):
        def __len__(self):
            return len(labels)

        def __getitem__(self, place):
            # A copy: torch takes no memory that must not be written.
            return (*(torch.from_numpy(each[place, 0].copy())
                      for each in mapped), int(labels[place]))

    return Samples()


def epoch_rate(loader):
    """Samples a second, from the first batch on."""
    began, count = None, 0
    for semantic, motion, labels in loader:
        if began is None:
            began = time.perf_counter()
            continue
        assert str(semantic.dtype) == str(motion.dtype) == "torch.float16"
        assert len(semantic) == len(motion) == len(labels)
        count += len(labels)
    return count / (time.perf_counter() - began)


def one_peer(name, path, batch):
    """Prints one line of JSON."""
    import torch
    torch.set_num_threads(1)
    reader, workers = name.split("-")
    samples = {"h5py": h5py_samples, "memmap": memmap_samples}[reader](path)
    loader = torch.utils.data.DataLoader(
        samples, batch, shuffle=True, num_workers=int(workers))
    print(json.dumps({"samples_per_s": epoch_rate(loader)}))


# ---- all of them


def run_json(command, environment):
    done = subprocess.run(command, env=environment, capture_output=True,
                          text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError((done.stderr or done.stdout).strip()[-300:])
    return json.loads(lines[-1])


def warm(path):
    with open(path, "rb", buffering=0) as file:
        piece = bytearray(16 << 20)
        while file.readinto(piece):
            pass


def make_store(gasm, folder, samples):
    """The bench command's own file, kept."""
    path = pathlib.Path(folder) / "features.h5"
    subprocess.run([gasm, "bench", "store", "--samples", str(samples),
                    "--make", str(path)], check=True)
    return str(path)


def spread(values, digits):
    return (f"{statistics.median(values):9.{digits}f} (from "
            f"{min(values):.{digits}f} to {max(values):.{digits}f})")


def versions(python, environment):
    code = ("import h5py, json, numpy, torch; print(json.dumps("
            "[torch.__version__, h5py.__version__, numpy.__version__]))")
    done = subprocess.run([python, "-c", code], env=environment, check=True,
                          capture_output=True, text=True)
    return "torch {}, h5py {}, numpy {}".format(*json.loads(done.stdout))


def report(rates, fills):
    ours = statistics.median(rates["gasm"])
    for name, each in rates.items():
        print(f"{name:<11}{spread(each, 1)} samples/s")
    for reader in ("h5py", "memmap"):
        there = {name: statistics.median(each) for name, each in rates.items()
                 if name.startswith(reader)}
        if not there:
            print(f"gasm / best {reader}: not measured")
            continue
        best = max(there, key=there.get)
        print(f"gasm / best {reader} ({best}) {ours / there[best]:.2f} "
              f"(goal {GOALS[reader]})")
    print(f"filling / plain reads {spread(fills, 3)} (goal {GOALS['fill']})")


def compare(words, path):
    python = torch_python()
    environment = os.environ | {"OMP_NUM_THREADS": "1",
                                "PYTHONPATH": h5py_folder(python)}
    gasm = [words.gasm, "bench", "store", "--store", path, "--batch",
            str(words.batch), "--modes", "resident", "--repeat", "3", "--json"]
    commands = {"gasm": gasm} | {
        name: [python, __file__, "--peer", name, "--store", path, "--batch",
               str(words.batch)] for name in PEERS}
    rates, fills = {name: [] for name in commands}, []
    warm(path)
    for _ in range(words.repeat):
        for name in list(commands):
            try:
                found = run_json(commands[name], environment)
            except RuntimeError as error:
                print(f"loader_peers: no {name}: {error}", file=sys.stderr)
                del commands[name], rates[name]
                continue
            if name == "gasm":
                fills.append(found["fill"]["fill_over_raw"])
                found = found["modes"]["resident"]
            rates[name].append(found["samples_per_s"])
    if "gasm" not in rates:
        sys.exit(1)
    print(f"{os.path.getsize(path) * 1e-9:.2f} GB, batches of {words.batch}, "
          f"{words.repeat} alternating repeats; "
          f"{versions(python, environment)}")
    report(rates, fills)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", metavar="FILE.h5")
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--gasm", default=str(ROOT / "build/release/bin/gasm"))
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.peer:
        one_peer(words.peer, words.store, words.batch)
    elif words.store:
        compare(words, words.store)
    else:
        with tempfile.TemporaryDirectory(prefix="gasm-peers-") as folder:
            compare(words, make_store(words.gasm, folder, words.samples))


if __name__ == "__main__":
    main()
