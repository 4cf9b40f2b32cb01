#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""train_peers.py [--specification FILE.py] [--ranks 2] [--batch 16] [--steps 6] [--repeat 5]
               [--precision fp32 bf16] [--set A.B=VALUE ...]

Training steps of configs/gasm-cast.yaml on random features: gasm bench train on N ranks,
PyTorch DDP (gloo) on N ranks, and N jobs of gasm of one rank each that run at the same
time, in turns in one run; one thread a rank.

  tools/bench/train_peers.py --repeat 5

DDP trains the reference of the parity tests, or the model of --specification (as in
fusion_peers.py), with its gradients as views of its buckets, AdamW fused, clipping by
foreach, and under autocast for bf16. Prints the samples per second of each (median,
smallest and largest), and the medians of the ratios of a turn: gasm over DDP, and N
ranks over N jobs. torch is that of tools/setup. Needs a build of gasm, and a quiet
machine.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fusion_peers  # noqa: E402

ROOT = fusion_peers.ROOT
GASM = os.environ.get("GASM", str(ROOT / "build/release/bin/gasm"))
CONFIG = ROOT / "configs/gasm-cast.yaml"


# ---- the peer, a process a rank ---------------------------------------------

def as_module(run, parameters):
    import torch

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = torch.nn.ParameterList(parameters)

        def forward(self, semantic, motion):
            return run(semantic, motion)

    return run if isinstance(run, torch.nn.Module) else Wrapped()


def train(options):
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    torch.manual_seed(dist.get_rank())
    run, parameters, _ = (fusion_peers.specification(options.specification, {})
                          if options.specification else fusion_peers.reference({}))
    # The list of a ParameterList holds Parameters: those that the functions use.
    net = DistributedDataParallel(as_module(run, parameters), gradient_as_bucket_view=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05, fused=True)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    is_bf16 = options.peer == "bf16"
    semantic = torch.randn(options.batch, 1, 196, 768).half()
    motion = torch.randn(options.batch, 8, 1, 512).half()
    labels = torch.randint(0, 174, (options.batch,))
    for step in range(options.warm_up + options.steps):
        if step == options.warm_up:
            dist.barrier()
            start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            logits = net(semantic.float(), motion.float())
            loss = loss_of(logits.float(), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
    taken = torch.tensor(time.perf_counter() - start)
    dist.all_reduce(taken, op=dist.ReduceOp.MAX)
    if dist.get_rank() == 0:
        count = options.steps * options.batch * dist.get_world_size()
        print(json.dumps({"samples_per_s": count / float(taken)}), flush=True)
    dist.destroy_process_group()


# ---- turns ------------------------------------------------------------------

def rate_of(output):
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        sys.exit(f"train_peers: a job printed no result\n{output}")
    return json.loads(lines[-1])["samples_per_s"]


def start(words):
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd=ROOT)


def end(job):
    output, errors = job.communicate()
    if job.returncode != 0:
        sys.exit(f"train_peers: {' '.join(job.args)} ended with {job.returncode}\n{errors}")
    return rate_of(output)


def ours(ranks, precision, options):
    return start(["mpirun", "--oversubscribe", "--bind-to", "none", "-n", ranks, GASM, "bench",
                  "train", "--config", CONFIG, "--random-features", "--json",
                  "--batch", options.batch, "--steps", options.steps,
                  "--warm-up", options.warm_up, "--set", f"train.precision={precision}"]
                 + [word for pair in options.set for word in ("--set", pair)])


def ddp(precision, options):
    return start([fusion_peers.torch_python(), "-B", "-m", "torch.distributed.run",
                  "--nproc-per-node", options.ranks, __file__, "--peer", precision,
                  "--batch", options.batch, "--steps", options.steps,
                  "--warm-up", options.warm_up]
                 + (["--specification", options.specification] if options.specification else []))


def measure(precision, options):
    rates = {"gasm": [], "DDP": [], "jobs": []}
    for turn in range(options.repeat):
        rates["gasm"].append(end(ours(options.ranks, precision, options)))
        rates["DDP"].append(end(ddp(precision, options)))
        alone = [ours(1, precision, options) for _ in range(options.ranks)]
        rates["jobs"].append(sum(end(job) for job in alone))
        print(f"turn {turn + 1}: " + ", ".join(f"{name} {values[-1]:.2f}"
                                               for name, values in rates.items()),
              file=sys.stderr)
    print(f"{precision}, {options.ranks} ranks, batch {options.batch} a rank, samples/s:")
    for name, text in (("gasm", "gasm bench train"), ("DDP", "PyTorch DDP, gloo"),
                       ("jobs", f"{options.ranks} jobs of one rank")):
        values = rates[name]
        print(f"  {text:<22} {statistics.median(values):7.2f} "
              f"({min(values):.2f} to {max(values):.2f})")
    for name, text in (("DDP", "gasm over DDP"), ("jobs", "ranks over jobs")):
        ratios = [a / b for a, b in zip(rates["gasm"], rates[name])]
        print(f"  {text:<22} {statistics.median(ratios):7.3f} "
              f"({min(ratios):.3f} to {max(ratios):.3f})", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specification", help="a Python file with Config and GasmCast")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16, help="a rank")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"],
                        choices=["fp32", "bf16"])
    parser.add_argument("--set", nargs="*", default=[], metavar="A.B=VALUE",
                        help="changes gasm's configuration alone")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return train(options)
    if not pathlib.Path(GASM).exists():
        sys.exit(f"train_peers: no {GASM}. Try tools/build, or GASM=/path/to/gasm")
    os.environ["OMP_NUM_THREADS"] = "1"
    for precision in options.precision:
        measure(precision, options)
    return None


if __name__ == "__main__":
    main()
