#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""two_hosts.py [--rates 100 1000] [--bytes 25000000] [--config FILE] [--repeat 3]

What does a link between hosts cost? Two hosts on this machine (namespaces, as in
tests/support/host_pair.py; needs root), a rank on each, a link between them whose
rate in Mbit/s is set by tc.

Prints for each rate, as medians with the smallest and the largest:
  - an all-reduce of so many bytes: plain MPI_Allreduce (the best of one piece and
    slabs), ours, ours in bf16 (half the bytes), the gradient tree, and the least
    that the link allows: each host sends and gets all bytes once. The same with
    Open MPI's own btl_tcp_flags, which gasm changes.
  - a training step of a configuration on random features, batch 1 a rank, without
    and with parallel.compress: bf16.
What is compared takes turns.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from host_pair import HostPair, why_not  # noqa: E402

GASM = os.environ.get("GASM", str(ROOT / "build/release/bin/gasm"))
OWN_FLAGS = "send,put,inplace,need-ack,need-csum,hetero-rdma"


def measured(hosts, words, more=()):
    """What gasm says in JSON, on two ranks."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                   "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run([*hosts.mpirun(2, more=more), GASM, *map(str, words), "--json"],
                          env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        sys.exit(f"two_hosts: gasm ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(lines[-1])


def show(what, values, unit="ms"):
    print(f"  {what:<44} {statistics.median(values):8.1f} {unit} "
          f"({min(values):.1f} to {max(values):.1f})", flush=True)


def all_reduce(hosts, options, rate):
    size = options.bytes
    print(f"{rate} Mbit/s, all-reduce of {size} bytes: at least {size * 8e-3 / rate:.1f} ms, "
          f"in bf16 {size * 4e-3 / rate:.1f} ms", flush=True)

    def bench(num_bytes, kind, more=()):
        return measured(hosts, ["bench", "allreduce", "--type", kind, "--min-bytes", num_bytes,
                                "--max-bytes", num_bytes, "--repeat", options.rounds], more)
    rounds = [(bench(size, "fp32"), bench(size // 2, "bf16"),
               bench(size, "fp32", ("--mca", "btl_tcp_flags", OWN_FLAGS)))
              for _ in range(options.repeat)]
    whole, short, own = zip(*rounds)
    show("plain MPI_Allreduce", [r["plain_ms"] for r in whole])
    show("ours", [r["ms"] for r in whole])
    show("ours, bf16", [r["ms"] for r in short])
    show("gradient tree", [r["tree_ms"] for r in whole])
    show("plain MPI_Allreduce, Open MPI's own flags", [r["plain_ms"] for r in own])
    show("gradient tree, Open MPI's own flags", [r["tree_ms"] for r in own])


def train(hosts, options, rate):
    def bench(compress):
        return measured(hosts, ["bench", "train", "--config", ROOT / options.config,
                                "--random-features", "--batch", 1, "--steps", options.rounds,
                                "--set", f"parallel.compress={compress}"])
    rounds = [(bench("none"), bench("bf16")) for _ in range(options.repeat)]
    print(f"{rate} Mbit/s, training step of {options.config}, "
          f"{rounds[0][0]['parameters']} parameters, batch 1 a rank")
    for name, results in zip(("fp32", "bf16"), zip(*rounds)):
        show(f"step, {name} between ranks", [r["step_ms"] for r in results])
        show(f"  of it waiting, {name}", [r["wait_ms"] for r in results])
        show(f"  gradients under way, {name}", [r["comm_ms"] for r in results])
        show(f"  of that hidden, {name}", [100 * r["comm_hidden"] for r in results], "% ")


def main():
    parser = argparse.ArgumentParser(
        usage=__doc__.splitlines()[0], description=__doc__.split("\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 1000], metavar="MBIT")
    parser.add_argument("--bytes", type=int, default=25_000_000, help="of a bucket")
    parser.add_argument("--config", default="configs/gasm-cast.yaml")
    parser.add_argument("--rounds", type=int, default=5, help="within one run")
    parser.add_argument("--repeat", type=int, default=3, help="runs")
    parser.add_argument("--only", choices=["allreduce", "train"], help="one of the two")
    options = parser.parse_args()
    reason = why_not()
    if reason:
        sys.exit(f"two_hosts: no two hosts on this machine ({reason})")
    with HostPair() as hosts:
        for rate in options.rates:
            hosts.limit(rate)
            if options.only != "train":
                all_reduce(hosts, options, rate)
            if options.only != "allreduce":
                train(hosts, options, rate)


if __name__ == "__main__":
    main()
