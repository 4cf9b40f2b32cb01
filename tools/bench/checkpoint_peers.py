#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""checkpoint_peers.py [--like STEP_FOLDER ...] [--megabytes 500] [--ranks 1 2]
                    [--repeat 5] [--folder FOLDER] [--gasm build/release/bin/gasm]

Saves and loads beside torch.distributed.checkpoint (FileSystemWriter and -Reader with
their defaults; gloo), in turns in one run: the tensors of checkpoints (--like; their shapes
as gasm ckpt info tells them), and a set of --megabytes in tensors of 4 MB. All ranks have
all tensors, as replicas of a model do. Both sync every file to the disk, and only gasm
makes and checks checksums, syncs folders and renames. A load ends when the values are in
tensors that were there before. Files are in the page cache.

  tools/bench/checkpoint_peers.py --like runs/gasm-cast/checkpoints/latest

Prints the median of each with the smallest and the largest, and the median ratio of turns;
checks that what was loaded is what was saved. torch is that of tools/setup. Needs a build of
ckpt_bench_checkpoint, and a quiet machine.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from fusion_peers import torch_python

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "build/release/tests/ckpt_bench_checkpoint"


# ---- the peer, a process a rank ---------------------------------------------

def serve(spec, folder):
    import torch
    import torch.distributed as dist
    import torch.distributed.checkpoint as dcp
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    sets = json.loads(pathlib.Path(spec).read_text())
    saved = {name: {key: torch.rand(sizes) for key, sizes in tensors.items()}
             for name, tensors in sets.items()}
    loaded = {name: {key: torch.zeros_like(value) for key, value in tensors.items()}
              for name, tensors in saved.items()}

    def check():
        num_bad = sum(float((loaded[name][key] != value).sum())
                      for name, tensors in saved.items() for key, value in tensors.items())
        for tensors in loaded.values():
            for value in tensors.values():
                value.zero_()
        return num_bad

    def timed(body):
        dist.barrier()
        begin_s = time.perf_counter()
        body()
        dist.barrier()
        return time.perf_counter() - begin_s

    for line in sys.stdin:
        word = line.strip()
        if word == "save":
            value = timed(lambda: dcp.save(
                saved, storage_writer=dcp.FileSystemWriter(folder, sync_files=True)))
        elif word == "load":
            value = timed(lambda: dcp.load(
                loaded, storage_reader=dcp.FileSystemReader(folder)))
        elif word == "check":
            value = check()
        else:
            value = 0
            if dist.get_rank() == 0:
                shutil.rmtree(folder, ignore_errors=True)
        if dist.get_rank() == 0:
            print(f"{value:.6f}", flush=True)


# ---- both -------------------------------------------------------------------

class Program:
    """Processes that are told the same words; the first answers."""

    def __init__(self, commands, environments):
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, text=True, env=environment,
                             stdout=subprocess.PIPE if i == 0 else subprocess.DEVNULL)
            for i, (command, environment) in enumerate(zip(commands, environments))]

    def ask(self, word):
        for process in self.processes:
            process.stdin.write(word + "\n")
            process.stdin.flush()
        line = self.processes[0].stdout.readline()
        if not line:
            sys.exit("checkpoint_peers: a program ended early")
        return float(line)

    def close(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(spec, folder, ranks):
    plain = {**os.environ, "OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
             "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    ours = Program([["mpirun", "--oversubscribe", "-n", str(ranks), str(BENCH), str(spec),
                     str(folder / "gasm")]], [plain])
    port = str(free_port())
    peers = [{**plain, "RANK": str(rank), "WORLD_SIZE": str(ranks),
              "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port} for rank in range(ranks)]
    peer = Program([[torch_python(), "-B", __file__, "--serve", str(spec),
                     str(folder / "peer")]] * ranks, peers)
    return {"gasm": ours, "torch": peer}


def spread(values):
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def measure(name, sets, ranks, options):
    num_bytes = 4 * sum(size for tensors in sets.values()
                        for size in map(count, tensors.values()))
    times = {}
    with tempfile.TemporaryDirectory(prefix="gasm-peers-", dir=options.folder) as folder:
        folder = pathlib.Path(folder)
        spec = folder / "spec.json"
        spec.write_text(json.dumps(sets))
        programs = start(spec, folder, ranks)
        for turn in range(options.repeat + 1):
            for word in ("save", "load"):
                for who, program in programs.items():
                    os.sync()
                    taken = program.ask(word)
                    if turn > 0:  # the first turn warms up
                        times.setdefault((word, who), []).append(taken)
            for who, program in programs.items():
                if program.ask("check"):
                    sys.exit(f"checkpoint_peers: {who} did not load what it saved")
                program.ask("clear")
        for program in programs.values():
            program.close()
    print(f"{name}: {sum(map(len, sets.values()))} tensors, {num_bytes * 1e-6:.1f} MB, "
          f"{ranks} ranks")
    for word in ("save", "load"):
        ours, peer = times[word, "gasm"], times[word, "torch"]
        ratios = [b / a for a, b in zip(ours, peer)]
        print(f"  {word}  gasm {spread(ours)} s, torch {spread(peer)} s, "
              f"torch over gasm {spread(ratios)}", flush=True)


def count(sizes):
    product = 1
    for size in sizes:
        product *= size
    return product


def sets_like(folder, gasm):
    done = subprocess.run([gasm, "ckpt", "info", "--json", folder], stdout=subprocess.PIPE,
                          text=True, check=True)
    return {name: {entry["name"]: entry["shape"] for entry in found["tensors"]}
            for name, found in json.loads(done.stdout)["sets"].items()}


def even_set(megabytes):
    rows = 1024
    return {"model": {f"layer.{i}.weight": [rows, 1024] for i in range(megabytes // 4)}}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--like", nargs="*", default=[])
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", help="where to write: the disk to measure")
    parser.add_argument("--gasm", default=ROOT / "build/release/bin/gasm")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(*options.serve)
    if not BENCH.exists():
        sys.exit(f"checkpoint_peers: no {BENCH}. Try ninja -C build/release "
                 "ckpt_bench_checkpoint")
    for ranks in options.ranks:
        for like in options.like:
            measure(like, sets_like(like, options.gasm), ranks, options)
        if options.megabytes:
            measure("even", even_set(options.megabytes), ranks, options)
    return None


if __name__ == "__main__":
    main()
