#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_print_config.py GASM: `gasm train --print-config` of every file in
configs/ gives a text that loads again to the same text."""

import pathlib
import subprocess
import sys
import tempfile

from source_tree import ROOT, finish, relative


def print_config(program, config):
    done = subprocess.run(
        [program, "train", "--config", str(config), "--print-config"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout if done.returncode == 0 else None, done.stderr


def main():
    program = sys.argv[1]
    problems = []
    configs = sorted((ROOT / "configs").rglob("*.yaml"))
    if not configs:
        problems.append("configs/ is empty")
    with tempfile.TemporaryDirectory() as folder:
        for config in configs:
            once, errors = print_config(program, config)
            if once is None:
                problems.append(f"{relative(config)}: {errors.strip()}")
                continue
            resolved = pathlib.Path(folder) / "resolved.yaml"
            resolved.write_text(once)
            again, errors = print_config(program, resolved)
            if again != once:
                problems.append(f"{relative(config)}: what --print-config "
                                f"prints does not load to itself {errors}")
    finish(problems, f"{len(configs)} configurations through the program")


if __name__ == "__main__":
    main()
