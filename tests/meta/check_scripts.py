#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every shell script parses and stops at errors, every Python file compiles,
and every command of tools/ and jobs/ is executable and has --help."""

import os
import subprocess

from source_tree import files, finish, relative


def main():
    problems = []
    for path in files():
        first = path.open("rb").readline()
        where = relative(path)
        if first.startswith(b"#!") and b"bash" in first:
            done = subprocess.run(["bash", "-n", str(path)],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                problems.append(f"{where}: {done.stderr.splitlines()[0]}")
            if "set -euo pipefail" not in path.read_text():
                problems.append(f"{where}: no set -euo pipefail")
        elif path.suffix == ".py" or b"python3" in first:
            try:
                compile(path.read_text(), str(where), "exec")
            except SyntaxError as error:
                problems.append(f"{where}: {error}")
        else:
            continue
        if where.parts[0] not in ("tools", "jobs") or first[:2] != b"#!":
            continue
        if not os.access(path, os.X_OK):
            problems.append(f"{where}: not executable")
            continue
        done = subprocess.run([str(path), "--help"], capture_output=True,
                              text=True, check=False, timeout=30)
        if done.returncode or len(done.stdout.splitlines()) < 3:
            problems.append(f"{where}: --help says nothing")
    finish(problems, "scripts")


if __name__ == "__main__":
    main()
