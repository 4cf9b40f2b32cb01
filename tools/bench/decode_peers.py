#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""decode_peers.py [--frames 16] [--size 224] [--repeat 5] [--core 0] [FILE...]

Decoding speed beside PyAV, decord, OpenCV and torchcodec: the same clips (whole files
in, 16 uniform RGB frames with a short side of 224 out), all on one pinned core
with one thread, the programs alternating so that drift of the machine hits
all. Prints clips/s of each (median over the repeats) and our ratio; our time
over that of libavcodec alone, which decodes every frame of the same clips and
throws it away, clip by clip in turn; and what two processes on two cores do
over one.

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
         "opencv": ["opencv-python-headless==4.12.0.88"],
         "torchcodec": ["torch==2.11.0", "torchcodec==0.11.*"]}
NUMPY = {"opencv": "numpy==2.2.6"}  # OpenCV's wheel wants one below 2.3
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


def opencv(path, wanted, size):
    import cv2
    video = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [
        cv2.CAP_PROP_N_THREADS, 1])
    length = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    places = centres(length, wanted)
    clip, last = {}, max(places)
    for index in range(last + 1):
        if not video.grab():
            raise RuntimeError(f"{path} ends at frame {index}")
        if index in places:
            _, frame = video.retrieve()
            width, height = scaled(frame.shape[1], frame.shape[0], size)
            small = cv2.resize(frame, (width, height),
                               interpolation=cv2.INTER_LINEAR)
            clip[index] = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
    return [clip[index] for index in places]


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
    if name == "opencv":
        import cv2
        cv2.setNumThreads(1)
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
             "--disable-pip-version-check", NUMPY.get(name, "numpy==2.3.5"),
             *PEERS[name]],
            capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"decode_peers: no {name}: {done.stderr.strip()[-300:]}",
                  file=sys.stderr)
            return None
        stamp.write_text(wanted)
    return str(python)


def measure(commands):
    """Runs each command on its core, at the same time: (command, core) pairs
    to what each printed."""
    running = [subprocess.Popen(["taskset", "-c", str(core), *command],
                                env=os.environ | {"OMP_NUM_THREADS": "1"},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
               for command, core in commands]
    said = [process.communicate() for process in running]
    found = []
    for out, err in said:
        lines = [line for line in out.splitlines() if line.startswith("{")]
        if not lines:
            raise RuntimeError((err or out).strip()[-300:])
        found.append(json.loads(lines[-1]))
    return found


def spread(values, digits):
    return (f"{statistics.median(values):8.{digits}f} (from "
            f"{min(values):.{digits}f} to {max(values):.{digits}f})")


def measure_two_cores(command, cores, repeat):
    """Clips per second of two processes at once over the mean of each alone:
    in turns, so that drift falls out, and on both cores, for they may differ.
    A process takes the median of its passes: those where both are at work."""
    ratios = []
    for _ in range(repeat):
        alone = [measure([(command, core)])[0]["clips_per_s"]
                 for core in cores]
        both = [found["clips_per_s"]
                for found in measure([(command, core) for core in cores])]
        ratios.append(sum(both) / statistics.mean(alone))
    print(f"two processes on two cores over one on one {spread(ratios, 3)}")


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
    gasm = [words.gasm, "bench", "decode", *options, "--json"]
    commands = {"gasm": [*gasm, "--floor", "--repeat", "1", *words.files]}
    for name in PEERS:
        python = make_environment(name)
        if python:
            commands[name] = [python, __file__, "--peer", name, *options,
                              *words.files]
    rates = {name: [] for name in commands}
    over_floor = []
    for _ in range(words.repeat):
        for name in list(commands):
            try:
                found = measure([(commands[name], words.core)])[0]
                rates[name].append(found["clips_per_s"])
                if name == "gasm":
                    over_floor.append(found["over_floor"])
            except RuntimeError as error:
                print(f"decode_peers: no {name}: {error}", file=sys.stderr)
                del commands[name], rates[name]
    if "gasm" not in rates:
        sys.exit(1)
    ours = statistics.median(rates["gasm"])
    print(f"{len(words.files)} clips, {words.frames} {FRAMES}, short side "
          f"{words.size}, one core, {words.repeat} alternating repeats")
    for name, each in rates.items():
        print(f"{name:<11}{spread(each, 1)} clips/s"
              + ("" if name == "gasm" else
                 f"   gasm / {name} {ours / statistics.median(each):.2f}"))
    print(f"gasm's time over decoding alone {spread(over_floor, 3)}")
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) == 2:
        measure_two_cores([*gasm, "--repeat", "5", *words.files], cores,
                          words.repeat)


if __name__ == "__main__":
    main()
