#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job, small: videos are written, packed and learned on two ranks.

Gate: top-1 of at least 90 % on held-out clips of SynSth level S, where a
single frame or a bag of frames cannot pass 25 %, and motion alone 50 %.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GATE = 0.90


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gasm", required=True)
    parser.add_argument("--mpirun", required=True)
    args = parser.parse_args()

    def ranks(*words):
        subprocess.run([args.mpirun, "--oversubscribe", "-n", "2", args.gasm,
                        *words], check=True, timeout=800)

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = folder / "data"
        ranks("synth", "--level", "S", "--output", str(data), "--train-draws",
              "300", "--val-draws", "150", "--test-draws", "1")
        for split in ("train", "validation"):
            ranks("data", "pack", "--videos", str(data / "videos"), "--labels",
                  str(data / "labels"), "--split", split, "--output",
                  str(data / f"{split}.h5"))
        config = ["--config", str(ROOT / "configs/synsth-s.yaml"), "--set",
                  f"run.dir={folder}", "--set", f"data.train={data}/train.h5",
                  "--set", f"data.val={data}/validation.h5"]
        ranks("train", *config)
        ranks("eval", *config, "--json", str(folder / "eval.json"))
        result = json.loads((folder / "eval.json").read_text())
    print(f"top-1 {result['top1']:.4f} on {result['num_clips']} held-out clips "
          f"(gate {GATE})")
    if result["num_clips"] != 600 or result["top1"] < GATE:
        sys.exit("the model has not learned the task")


if __name__ == "__main__":
    main()
