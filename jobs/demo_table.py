#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""demo_table.py --synth SYNTH.json --run RUN-FOLDER --gate PERCENT

Prints what jobs/demo.sh measured beside the exact bounds of the set, with what
each number proves. Ends with 1 if the run is below the gate, or a control
outside its interval (controls that were not run are left out).
"""

import argparse
import json
import math
import pathlib
import re
import sys

CONFIDENCE_Z = 2.576  # 99 %, two-sided


def percent_of(bound):
    """25.0 of a bound's text, "1/4 = 25 %" or "100 %"."""
    return float(re.search(r"([\d.]+) %", bound).group(1))


def half_width(percent, draws):
    """Of the 99 % interval, in points. Clips of one draw share everything but
    the label, so that a guess tends to be right or wrong on all of them: the
    number of independent trials is that of the draws."""
    p = percent / 100
    return 100 * CONFIDENCE_Z * math.sqrt(p * (1 - p) / draws)


def read_top1(folder, split):
    path = folder / f"eval-{split}.json"
    if not path.exists():
        return None
    result = json.loads(path.read_text())
    return 100 * result["top1"], result["num_clips"]


def read_seconds(folder):
    path = folder / "demo-seconds"
    return int(path.read_text()) if path.exists() else None


def shown(top1):
    return f"{top1[0]:6.2f} %" if top1 else "       -"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--synth", type=pathlib.Path, required=True)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--gate", type=float, required=True)
    words = parser.parse_args()
    synth = json.loads(words.synth.read_text())
    draws = synth["options"]["num_val_draws"]
    bounds = {name: percent_of(text) for name, text in synth["bounds"].items()
              if name != "max_snippet_frames"}
    failures = []

    main_run = read_top1(words.run, "val-iid")
    if main_run is None:
        sys.exit(f"{words.run} has no eval-val-iid.json. Try jobs/demo.sh.")
    level = synth["options"]["level"].upper()
    print(f"SynSth level {level}: {len(synth['flip_map'])} classes, "
          f"{main_run[1]} validation clips of {draws} draws. A diagnostic of "
          "binding appearance to\nmotion over time, not a proxy for accuracy "
          "on real videos.\n")

    print("top-1                                     val-iid  val-shape"
          "    expected   train")
    rows = [
        ("both streams", "", None, f">= {words.gate:g} %"),
        ("control: motion stream alone, RGB", "-motion-rgb", None,
         "no bound"),
        ("control: semantic stream, shuffled frames", "-semantic-shuffled",
         "bag_of_frames", None),
        ("control: motion stream, silhouettes", "-motion-silhouette",
         "motion_only", None),
    ]
    for title, suffix, bound, expected in rows:
        folder = words.run.with_name(words.run.name + suffix)
        top1 = read_top1(folder, "val-iid")
        if top1 is None:
            continue
        verdict = ""
        if bound:
            width = half_width(bounds[bound], draws)
            expected = f"{bounds[bound]:.1f} +- {width:.1f}"
            if abs(top1[0] - bounds[bound]) > width:
                verdict = "  OUTSIDE"
                failures.append(f"{title}: {top1[0]:.2f} % is outside of "
                                f"{expected} %")
        elif not suffix and top1[0] < words.gate:
            verdict = "  BELOW"
            failures.append(f"{title}: {top1[0]:.2f} % is below "
                            f"{words.gate:g} %")
        seconds = read_seconds(folder)
        print(f"{title:<41}{shown(top1)}  "
              f"{shown(read_top1(folder, 'val-shape'))}"
              f"{expected:>14}  {'-' if seconds is None else seconds:>4} s"
              f"{verdict}")

    print("\nExact bounds: no function of the view, however large, does better")
    for name, title in (
            ("single_frame", "one frame at an unknown time"),
            ("bag_of_frames", "all frames, order unknown"),
            ("motion_only", "motion alone (masks, tracks, silhouettes)"),
            ("additive_fusion", "sum of a bag of frames and motion (late "
                                "fusion)"),
            ("all", "appearance bound to motion over time")):
        text = synth["bounds"].get(name, "100 %")
        print(f"  {title:<56}{text}")

    width = half_width(50, draws)
    print(f"""
What it proves and what not
- Both streams above the bounds: the program learned to bind appearance to
  motion over time. It does not prove that the fusion did it: the bounds bind
  views, not networks, and an RGB motion network sees texture and motion both.
- Motion stream alone on RGB: may bind by itself and reach the same. Where it
  does, this set on RGB is no evidence for fusion.
- Semantic stream on shuffled frames: a bag of frames. Near its bound: the
  frames betray no label.
- Motion stream on silhouettes: sees motion alone. Near its bound: motion
  betrays no order of textures. One run cannot rule out a small leak.
- Intervals are 99 %, from the number of draws ({draws}), not of clips: the
  clips of one draw are not independent (at most +- {width:.1f} points).
- val-shape: shapes and colours never seen in training; no gate.""")
    if failures:
        print("\n" + "\n".join(failures))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
