#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_format.py [FILE...]: clang-format has nothing to say about any C++
file. Skipped (77) without clang-format 14, whose layout .clang-format means.
"""

import re
import shutil
import subprocess
import sys

from source_tree import SKIPPED, files, finish


def find_clang_format():
    for name in ("clang-format-14", "clang-format"):
        program = shutil.which(name)
        if program:
            version = subprocess.run([program, "--version"], check=True,
                                     capture_output=True, text=True).stdout
            if re.search(r"version 14\.", version):
                return program
    return None


def main():
    program = find_clang_format()
    if not program:
        print("clang-format: skipped (no version 14 here). Try tools/setup "
              "--developer.")
        sys.exit(SKIPPED)
    chosen = sys.argv[1:] or [
        str(f) for f in files(".hpp", ".cpp", ".h",
                              below=["src/", "include/", "tests/"])]
    result = subprocess.run([program, "--dry-run", "-Werror", *chosen],
                            capture_output=True, text=True, check=False)
    lines = [line for line in result.stderr.splitlines() if " error: " in line]
    bad = sorted({line.split(":")[0] for line in lines})
    if result.returncode and not bad:
        bad = result.stderr.splitlines()[:5]
    finish([f"{name}: not formatted. Try {program} -i {name}" for name in bad],
           f"clang-format of {len(chosen)} files")


if __name__ == "__main__":
    main()
