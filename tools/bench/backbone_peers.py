#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""backbone_peers.py [--only NAME ...] [--threads 1] [--repeat 3] [--passes 3]
                  [--precision fp32 bf16]

The forward pass of each backbone beside its Python reference under PyTorch eager: the
same sizes, batch, threads and number format, random weights, the programs alternating so
that drift of the machine hits both. In bf16 gasm runs under autocast, and the reference
both under autocast and with its weights in bf16: the faster one counts. Prints the median
time of each and the median of the ratios (above 1: gasm is faster), and gasm's work.

  tools/bench/backbone_peers.py --only dinov2-b14 i3d-r50 --repeat 5

Needs build/release/bin/gasm (tools/build) and the Python of tools/setup with the parity
tests' libraries; a quiet machine; about 10 minutes and 4 GB for all.
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
GASM = ROOT / "build/release/bin/gasm"
PRECISIONS = ("fp32", "bf16")


def torch_python():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    deps = pathlib.Path(os.environ.get("GASM_DEPS") or pathlib.Path(cache) / "gasm")
    found = sorted(deps.glob("venv-torch-*/bin/python"))
    if not found:
        sys.exit("backbone_peers: no Python with torch. Try tools/setup")
    return str(found[-1])


# ---- the references: built where torch is ------------------------------------

def dinov3(width, heads, hidden, gated):
    from transformers import DINOv3ViTConfig, DINOv3ViTModel
    return DINOv3ViTModel(DINOv3ViTConfig(
        hidden_size=width, num_hidden_layers=12, num_attention_heads=heads,
        intermediate_size=hidden, use_gated_mlp=gated, num_register_tokens=4,
        hidden_act="silu" if gated else "gelu", patch_size=16))


def dinov2():
    from transformers import Dinov2Config, Dinov2Model
    return Dinov2Model(Dinov2Config(image_size=518, patch_size=14))


def clip():
    from transformers import CLIPVisionConfig, CLIPVisionModel
    return CLIPVisionModel(CLIPVisionConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        image_size=224, patch_size=16))


def videomae():
    from transformers import VideoMAEConfig, VideoMAEModel
    return VideoMAEModel(VideoMAEConfig())


def vjepa2():
    from transformers import VJEPA2Config, VJEPA2Model
    model = VJEPA2Model(VJEPA2Config(
        hidden_size=768, num_hidden_layers=12, num_attention_heads=12, crop_size=224,
        frames_per_clip=16, pred_num_hidden_layers=1))
    return lambda x: model(x, skip_predictor=True), model


def i3d():
    from pytorchvideo.models.hub import i3d_r50
    return i3d_r50(pretrained=False)


def timesformer():
    from transformers import TimesformerConfig, TimesformerForVideoClassification
    return TimesformerForVideoClassification(TimesformerConfig(num_frames=8, num_labels=174))


# name: configuration of gasm, builder, batch, shape of an input, frames before channels.
CASES = {
    "dinov3-s16plus": ({"kind": "dinov3", "preset": "vits16plus"},
                       lambda: dinov3(384, 6, 1536, True), 8, (3, 224, 224), False),
    "dinov3-b16": ({"kind": "dinov3", "preset": "vitb16"},
                   lambda: dinov3(768, 12, 3072, False), 8, (3, 224, 224), False),
    "dinov2-b14": ({"kind": "dinov2", "preset": "vitb14", "resolution": 196},
                   dinov2, 8, (3, 196, 196), False),
    "clip-b16": ({"kind": "clip", "preset": "vitb16"}, clip, 8, (3, 224, 224), False),
    "videomae-b16": ({"kind": "videomae", "preset": "vitb16"}, videomae, 1,
                     (3, 16, 224, 224), True),
    "vjepa2-b16": ({"kind": "vjepa2", "dim": 768, "depth": 12, "heads": 12, "hidden": 3072,
                    "patch": 16, "tubelet": 2}, vjepa2, 1, (3, 16, 224, 224), True),
    "i3d-r50": ({"kind": "i3d_r50"}, i3d, 1, (3, 16, 224, 224), False),
    "timesformer": ({"kind": "timesformer", "dim": 768, "depth": 12, "heads": 12,
                     "hidden": 3072, "patch": 16, "num_classes": 174, "num_frames": 8},
                    timesformer, 1, (3, 8, 224, 224), True),
}


def reference(name, passes):
    """Answers each line "fp32" or "bf16" with a median time in seconds."""
    import torch
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    _, build, batch, shape, frames_first = CASES[name]
    built = build()
    call, model = built if isinstance(built, tuple) else (built, built)
    model.eval()
    x = torch.randn(batch, *shape)
    if frames_first:
        x = x.transpose(1, 2).contiguous()

    def timed(run):
        seconds = []
        for i in range(passes + 1):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds[1:])

    def autocast():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            call(x)

    with torch.no_grad():
        for line in sys.stdin:
            if line.strip() == "fp32":
                found = timed(lambda: call(x))
            else:
                found = timed(autocast)
                model.bfloat16()
                half = x.bfloat16()
                try:
                    found = min(found, timed(lambda: call(half)))
                except NotImplementedError:  # an operator has no such kernel
                    pass
                model.float()
            print(found, flush=True)


# ---- the comparison ----------------------------------------------------------

def run_gasm(config, batch, precision, passes, environment):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({"model": {"backbone": config}}, file)
        file.flush()
        done = subprocess.run(
            [str(GASM), "bench", "model", "--config", file.name, "--batch", str(batch),
             "--precision", precision, "--repeat", str(passes), "--json"],
            env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"backbone_peers: gasm ended with {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def compare(name, options, environment):
    config, _, batch, _, _ = CASES[name]
    peer = subprocess.Popen(
        [torch_python(), __file__, "--reference", name, "--passes", str(options.passes)],
        env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for precision in options.precision:
        ours, theirs = [], []
        for _ in range(options.repeat):
            found = run_gasm(config, batch, precision, options.passes, environment)
            ours.append(found["forward_ms"])
            peer.stdin.write(precision + "\n")
            peer.stdin.flush()
            answer = peer.stdout.readline()
            if not answer:
                sys.exit(f"backbone_peers: the reference of {name} ended")
            theirs.append(1e3 * float(answer))
        ratio = statistics.median(b / a for a, b in zip(ours, theirs))
        print(f"| {name} | {precision} | {batch} | {statistics.median(ours):.1f} | "
              f"{statistics.median(theirs):.1f} | {ratio:.2f} | "
              f"{1e-9 * found['macs']:.2f} |", flush=True)
    peer.stdin.close()
    peer.wait()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--reference", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reference:
        return reference(options.reference, options.passes)
    if not GASM.exists():
        sys.exit(f"backbone_peers: no {GASM}. Try tools/build")
    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads), HF_HUB_OFFLINE="1")
    print("| backbone | numbers | batch | gasm, ms | reference, ms | reference / gasm | GMAC |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in options.only:
        compare(name, options, environment)
    return 0


if __name__ == "__main__":
    sys.exit(main())
