#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""decode_peers.py [--frames 16] [--size 224] [--repeat 5] [--core 0] [FILE...]

Decoding speed beside PyAV, decord and torchcodec: the same clips (whole files
in, 16 uniform RGB frames with a short side of 224 out), all on one pinned core
with one thread, the programs alternating so that drift of the machine hits
all. Prints clips/s of each (median over the repeats) and our ratio.

  tools/bench/decode_peers.py ssv2/videos/10*.webm

Without files it takes 40 clips that the ffmpeg program makes: VP9, 427x240, 48
frames at 12 a second, a turning test picture, about 80 KB each (the mean of
Something-Something V2 is 88 KB). Each peer lives in a virtual environment of its
own below ${GASM_DEPS:-~/.cache/gasm}, made at the first run. Needs a quiet
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = {"pyav": ["av==18.1.0"], "decord": ["decord==0.6.0"],
         "torchcodec": ["torch==2.11.0", "torchcodec==0.11.*"]}
NUM_CLIPS = 40
FRAMES = "uniform frames: the centre of each of equal parts"


def deps_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("GASM_DEPS")
                        or pathlib.Path(cache) / "gasm")


def centres(length, wanted):
    step = (length - 1) / wanted
    return [(round(step * i) + round(step * (i + 1))) // 2
            for i in range(wanted)]


def scaled(width, height, size):
    if width >= height:
        return size * width // height, size
    return size, size * height // width


def pyav(path, wanted, size):
    import av
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        frames = list(container.decode(stream))
        clip = []
        for index in centres(len(frames), wanted):
            frame = frames[index]
            width, height = scaled(frame.width, frame.height, size)
            clip.append(frame.reformat(width, height, "rgb24",
                                       interpolation="BILINEAR").to_ndarray())
        return clip


def decord(path, wanted, size):
    import decord as reader
    probe = reader.VideoReader(path, ctx=reader.cpu(0), num_threads=1)
    height, width = probe[0].shape[:2]
    width, height = scaled(width, height, size)
    video = reader.VideoReader(path, ctx=reader.cpu(0), num_threads=1,
                               width=width, height=height)
    return video.get_batch(centres(len(video), wanted)).asnumpy()


def torchcodec(path, wanted, size):
    import torch
    from torchcodec.decoders import VideoDecoder
    video = VideoDecoder(path, num_ffmpeg_threads=1, dimension_order="NCHW")
    clip = video.get_frames_at(centres(len(video), wanted)).data
    width, height = scaled(clip.shape[3], clip.shape[2], size)
    return torch.nn.functional.interpolate(
        clip.float(), (height, width), mode="bilinear",
        antialias=False).to(torch.uint8)


def make_clips():
    folder = deps_folder() / "bench-clips"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed}.webm" for seed in range(1, NUM_CLIPS + 1)]
    for seed, path in enumerate(paths, 1):
        if path.exists():
            continue
        print(f"decode_peers: making {path}", file=sys.stderr)
        source = (f"testsrc2=size=640x360:rate=12:duration=4,hue=h={9 * seed},"
                  f"rotate={0.01 * seed}*t,crop=427:240,"
                  f"noise=alls=4:all_seed={seed}")
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source,
             "-c:v", "libvpx-vp9", "-b:v", "180k", "-pix_fmt", "yuv420p",
             "-f", "webm", f"{path}.tmp"], check=True)
        os.replace(f"{path}.tmp", path)
    return [str(path) for path in paths]


def one_peer(name, wanted, size, paths):
    """Runs in the peers' environment: one line of JSON."""
    if name == "torchcodec":
        import torch
        torch.set_num_threads(1)
    decode = globals()[name]
    decode(paths[0], wanted, size)  # imports and caches
    began = time.perf_counter()
    for path in paths:
        decode(path, wanted, size)
    print(json.dumps(
        {"clips_per_s": len(paths) / (time.perf_counter() - began)}))


def make_environment(name):
    """A peer's Python, or None with the reason on standard error."""
    folder = deps_folder() / f"venv-bench-{name}"
    stamp = folder / "gasm-complete"
    wanted = " ".join(PEERS[name])
    python = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"decode_peers: fetching {wanted}", file=sys.stderr)
        stamp.unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet",
             "--disable-pip-version-check", "numpy==2.3.5", *PEERS[name]],
            capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"decode_peers: no {name}: {done.stderr.strip()[-300:]}",
                  file=sys.stderr)
            return None
        stamp.write_text(wanted)
    return str(python)


def measure(command, core):
    done = subprocess.run(["taskset", "-c", str(core), *command],
                          env=os.environ | {"OMP_NUM_THREADS": "1"},
                          capture_output=True, text=True, check=False)
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{"):
            return float(json.loads(line)["clips_per_s"])
    raise RuntimeError((done.stderr or done.stdout).strip()[-300:])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--gasm", default=str(ROOT / "build/release/bin/gasm"))
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", metavar="FILE")
    words = parser.parse_args()
    words.files = words.files or make_clips()
    if words.peer:
        one_peer(words.peer, words.frames, words.size, words.files)
        return
    options = ["--frames", str(words.frames), "--size", str(words.size)]
    commands = {"gasm": [words.gasm, "bench", "decode", *options, "--repeat",
                         "1", "--json", *words.files]}
    for name in PEERS:
        python = make_environment(name)
        if python:
            commands[name] = [python, __file__, "--peer", name, *options,
                              *words.files]
    rates = {name: [] for name in commands}
    for _ in range(words.repeat):
        for name in list(commands):
            try:
                rates[name].append(measure(commands[name], words.core))
            except RuntimeError as error:
                print(f"decode_peers: no {name}: {error}", file=sys.stderr)
                del commands[name], rates[name]
    if "gasm" not in rates:
        sys.exit(1)
    ours = statistics.median(rates["gasm"])
    print(f"{len(words.files)} clips, {words.frames} {FRAMES}, short side "
          f"{words.size}, one core, {words.repeat} alternating repeats")
    for name, each in rates.items():
        median = statistics.median(each)
        print(f"{name:<11}{median:8.1f} clips/s   (from {min(each):.1f} to "
              f"{max(each):.1f})"
              + ("" if name == "gasm" else
                 f"   gasm / {name} {ours / median:.2f}"))


if __name__ == "__main__":
    main()
