#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fusion_peers.py [--specification FILE.py] [--batch 16] [--repeat 7] [--threads 1]
                [--precision fp32 bf16] [--model guide aligned] [--set KEY=JSON ...]

Forward, loss and backward of the fusion model beside the same model in PyTorch eager
(under its autocast for bf16), and beside the machine's rate of one large product of
matrices, in turns in one run. guide: semantic [B, 1, 196, 768], motion [B, 8, 1, 512],
3 layers of bottleneck cross-attention of 256 channels, graphs; aligned: 8 maps of 196.

  tools/bench/fusion_peers.py --repeat 7

The peer is the reference of the parity tests with its choice of edges as tensor
operations, or the model of --specification: a file with Config(**keys) and
GasmCast(config) whose forward takes both streams. --set changes keys of the model.json
of both (with --specification: of ours alone). Prints the median of each with the smallest and
largest, ours over eager, and the share of the large product's rate that each reaches:
6 times the model's multiply-accumulates a clip. torch is that of tools/setup. Needs a
build of bench_fusion, and a quiet machine.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = {"guide": {}, "aligned": {"semantic_frames": [1, 3, 5, 7, 9, 11, 13, 15],
                                   "window": "aligned"}}
GEMM_FLOP = 2 * 2048 ** 3


def torch_python():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    deps = pathlib.Path(os.environ.get("GASM_DEPS") or pathlib.Path(cache) / "gasm")
    found = sorted(deps.glob("venv-torch-*/bin/python"))
    if not found:
        sys.exit("fusion_peers: no Python with torch. Try tools/setup")
    return str(found[-1])


def load(path):
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# ---- the peer, a process of its own -----------------------------------------

def sorted_edges(cosine, places, topk):
    """edge_kinds of the reference, as eager code would have it."""
    import torch
    at = torch.tensor(places)
    gap = (at[None] - at[:, None]).abs().amax(-1)
    score = cosine.detach().masked_fill(gap <= 1, float("-inf"))
    order = torch.sort(score, dim=-1, descending=True, stable=True).indices
    kind = torch.full(cosine.shape, -1)
    kind.scatter_(-1, order[..., :min(topk, len(places))], 2)
    kind = kind.masked_fill(torch.isinf(score), -1)
    return torch.where(gap == 1, 1, torch.where(gap == 0, 0, kind))


def reference(keys):
    """The reference as a function of both streams, and its parameters."""
    import torch
    module = load(ROOT / "tests/parity/reference_gasm_cast.py")
    module.edge_kinds = sorted_edges
    spec = module.Spec(**keys)
    weights = module.draw_weights(spec, torch.Generator().manual_seed(0))
    fixed = ("mean", "std")
    parameters = [w.requires_grad_() for name, w in weights.items()
                  if name.rsplit(".", 1)[-1] not in fixed]
    model = module.Model(spec, weights)
    return lambda s, m: model.forward(s, m)["logits"], parameters, spec.values


def specification(path, keys):
    import torch
    module = load(path)
    config = module.Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in keys.items()})
    torch.manual_seed(0)
    model = module.GasmCast(config).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model, list(model.parameters()), vars(config)


def serve(options):
    import torch
    keys = json.loads(options.keys)
    run, parameters, spec = (specification(options.specification, keys)
                             if options.specification else reference(keys))
    is_bf16 = options.serve == "bf16"
    batch = options.batch
    places = spec["semantic_grid"][0] * spec["semantic_grid"][1]
    cells = spec["motion_grid"][0] * spec["motion_grid"][1]
    semantic = torch.randn(batch, len(spec["semantic_frames"]), places, spec["semantic_dim"])
    motion = torch.randn(batch, spec["motion_segments"], cells, spec["motion_dim"])
    labels = torch.randint(0, spec["num_classes"], (batch,))
    for _ in sys.stdin:
        start = time.perf_counter()
        for parameter in parameters:
            parameter.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            logits = run(semantic, motion)
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
        print(f"{time.perf_counter() - start:.6f}", flush=True)


# ---- both -------------------------------------------------------------------

class Program:
    def __init__(self, words):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("fusion_peers: a program ended early")
        return float(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def macs_of(keys):
    """Multiply-accumulates a clip, by PyTorch's own counter on the reference."""
    code = ("import json, sys; sys.path.insert(0, sys.argv[1]); import fusion_peers as f, torch\n"
            "from torch.utils.flop_counter import FlopCounterMode\n"
            "run, _, spec = f.reference(json.loads(sys.argv[2]))\n"
            "n = spec['semantic_grid'][0] * spec['semantic_grid'][1]\n"
            "p = spec['motion_grid'][0] * spec['motion_grid'][1]\n"
            "with FlopCounterMode(display=False) as counter, torch.no_grad():\n"
            "    run(torch.randn(1, len(spec['semantic_frames']), n, spec['semantic_dim']),\n"
            "        torch.randn(1, spec['motion_segments'], p, spec['motion_dim']))\n"
            "print(counter.get_total_flops() / 2)")
    done = subprocess.run([torch_python(), "-B", "-c", code, str(ROOT / "tools/bench"),
                           json.dumps(keys)], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def measure(name, precision, options):
    keys = MODELS[name]
    changes = {k: json.loads(v) for k, v in (pair.split("=", 1) for pair in options.set)}
    peer_keys = keys if options.specification else {**keys, **changes}
    batch = options.batch if name == "guide" else max(1, options.batch // 8)
    macs = macs_of(keys)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as model:
        json.dump({**keys, **changes}, model)
        model.flush()
        ours = Program([str(options.bench), model.name, str(batch), precision])
        peer = Program([torch_python(), "-B", __file__, "--serve", precision, "--keys",
                        json.dumps(peer_keys), "--batch", str(batch)] +
                       (["--specification", options.specification]
                        if options.specification else []))
        times = {"gasm": [], "eager": [], "gemm": []}
        for turn in range(options.repeat + 1):
            taken = {"gasm": ours.ask("step"), "eager": peer.ask("step"),
                     "gemm": min(ours.ask("gemm") for _ in range(3))}
            if turn > 0:  # the first turn warms up
                for key, value in taken.items():
                    times[key].append(value)
        ours.close()
        peer.close()
    flop = 6 * macs * batch
    gemm = GEMM_FLOP / statistics.median(times["gemm"])
    middle = {key: statistics.median(times[key]) for key in ("gasm", "eager")}
    ratios = [e / g for e, g in zip(times["eager"], times["gasm"])]
    print(f"{name} {precision}, batch {batch}: large product {gemm * 1e-9:.0f} GFLOP/s")
    for key, value in middle.items():
        print(f"  {key:<6} {value * 1e3:8.1f} ms ({min(times[key]) * 1e3:.1f} to "
              f"{max(times[key]) * 1e3:.1f}), {flop / value * 1e-9:.0f} GFLOP/s, "
              f"{flop / value / gemm:.2f} of the large product's")
    print(f"  eager over gasm {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specification", help="a Python file with Config and GasmCast")
    parser.add_argument("--batch", type=int, default=16, help="of guide; aligned has an eighth")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"],
                        choices=["fp32", "bf16"])
    parser.add_argument("--model", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=JSON")
    parser.add_argument("--bench", type=pathlib.Path,
                        default=ROOT / "build/release/tests/bench_fusion")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--keys", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options)
    if not options.bench.exists():
        sys.exit(f"fusion_peers: no {options.bench}. Try ninja -C build/release bench_fusion")
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    for name in options.model:
        for precision in options.precision:
            measure(name, precision, options)
    return None


if __name__ == "__main__":
    main()
