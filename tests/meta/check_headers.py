#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_headers.py BUILD-FOLDER [-j JOBS]

Every public header compiles alone. Where a source of the build includes it
before all else, the build has shown that; the others are compiled here, with
the options of their module in BUILD-FOLDER/compile_commands.json. Headers that
see torch keep the precompiled header (they would take half a minute each), and
must then include what brings torch in themselves.
"""

import argparse
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import shlex
import subprocess

from source_tree import ROOT, files, finish, includes, relative

USES_TORCH = re.compile(r"\b(?:torch|at|c10)::")


def module_options(build):
    """Module -> (folder, command without input, output and launcher), and the
    headers that a source includes first, those without torch only where no
    precompiled header comes before them."""
    found, first = {}, set()
    for unit in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(unit["file"])
        if not path.is_relative_to(ROOT / "src"):
            continue
        words = shlex.split(unit["command"])
        compiler = next(i for i, w in enumerate(words)
                        if re.search(r"(?:\+\+|clang|gcc|c\+\+)[-\d.]*$", w))
        words = words[compiler:]
        for option in ("-o", "-c"):
            at = words.index(option)
            del words[at:at + 2]
        module = path.relative_to(ROOT / "src").parts[0]
        has_header = "-include" in words
        header = ROOT / "include" / (includes(path) or ["none"])[0]
        if header.exists() and (not has_header or sees_torch(header)):
            first.add(header)
        if module not in found or has_header:
            found[module] = (unit["directory"], words)
    return found, first


@functools.lru_cache(None)
def sees_torch(path):
    for name in includes(path):
        if re.match(r"(?:torch|ATen|c10)/", name):
            return True
        inner = ROOT / "include" / name
        if inner.exists() and sees_torch(inner):
            return True
    return False


def without_precompiled(words):
    kept, skip = [], False
    for i, word in enumerate(words):
        if skip:
            skip = False
        elif word == "-include" and "cmake_pch" in words[i + 1]:
            skip = True
        elif word != "-Winvalid-pch":
            kept.append(word)
    return kept


def uses_torch_unseen(header):
    text = re.sub(r"//.*", "", header.read_text())
    return USES_TORCH.search(text) and not sees_torch(header)


def check(header, options):
    folder, words = options
    torch = sees_torch(header)
    if uses_torch_unseen(header):
        return f"{relative(header)}: uses torch without an include of it"
    if not torch:
        words = without_precompiled(words)
    unit = f'#include "{header.relative_to(ROOT / "include")}"\n'
    # Options that change code would make the compiler refuse the precompiled
    # header.
    result = subprocess.run(
        [*words, "-fsyntax-only", "-x", "c++", "-"], cwd=folder,
        input=unit, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return None
    lines = [line for line in result.stderr.splitlines() if "error" in line]
    return f"{relative(header)} does not compile alone: " + "; ".join(lines[:2])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("-j", type=int, default=min(os.cpu_count() or 1, 8))
    arguments = parser.parse_args()
    options, shown = module_options(arguments.build)
    problems, work = [], []
    headers = files(".hpp", below=["include/gasm/"])
    for header in headers:
        module = relative(header).parts[2]
        if header in shown and not uses_torch_unseen(header):
            continue
        if module in options:
            work.append((header, options[module]))
        else:
            problems.append(f"{relative(header)}: module {module} builds "
                            "nothing")
    with concurrent.futures.ThreadPoolExecutor(arguments.j) as pool:
        problems += filter(None, pool.map(lambda each: check(*each), work))
    finish(problems, f"{len(headers)} public headers, {len(work)} compiled here")


if __name__ == "__main__":
    main()
