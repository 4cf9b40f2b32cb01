#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the floors and the seams of the house (docs/architecture.md).

An include from one module into another points to a lower floor and stands
behind a link of the module's CMakeLists.txt (PUBLIC, if a public header
includes); links point down, too. Only comm calls MPI and NCCL, only store
HDF5, only video FFmpeg, only archive libarchive, only base spdlog; torch stays where it is allowed.
"""

import re

from source_tree import ROOT, code, files, finish, includes, relative

FLOOR = {"base": 0, "config": 1, "record": 1, "archive": 1, "comm": 2, "video": 3,
         "store": 3, "synth": 4, "data": 4, "models": 4, "ckpt": 4, "care": 5, "eval": 5,
         "extract": 5, "explain": 5, "report": 5, "train": 6, "export": 6, "search": 7,
         "serve": 7, "apps": 8}
# Lower, yet none of their business.
NEVER = {("models", "comm"), ("synth", "comm"), ("synth", "store"),
         ("report", "comm"), ("models", "record"), ("models", "video"),
         ("models", "store")}
TORCH = {"data", "models", "ckpt", "eval", "extract", "explain", "train", "export",
         "search", "serve", "apps"}
SEAMS = [  # what, call or include, the module that may
    ("MPI", r"\bP?MPI_[A-Z][a-z]\w*\s*\(", ("mpi.h",), "comm"),
    ("NCCL", r"\bnccl[A-Z]\w*\s*\(", ("nccl.h",), "comm"),
    ("HDF5", r"\bH5[A-Z]{1,2}[a-z]\w*\s*\(", ("hdf5.h", "hdf5_hl.h"), "store"),
    ("FFmpeg", r"\b(?:av|avcodec|avformat|avio|sws|swr)_\w+\s*\(",
     ("libav", "libsw"), "video"),
    ("libarchive", r"\barchive_(?:read|write|entry)_\w+\s*\(",
     ("archive.h", "archive_entry.h"), "archive"),
    ("zlib", r"\b(?:inflate|deflate)\w*\s*\(", ("zlib.h",), "archive"),
    ("spdlog", r"\bspdlog::", ("spdlog/",), "base"),
]


def module_of(path):
    parts = relative(path).parts
    if parts[0] == "src":
        return parts[1]
    return parts[2] if parts[:2] == ("include", "gasm") else None


def links():
    """Module -> (public, private) modules it links to by its CMakeLists."""
    found = {}
    for path in files("CMakeLists.txt", below=["src/"]):
        text = re.sub(r"#.*", "", path.read_text())
        for body in re.findall(r"gasm_module\s*\(([^)]*)\)", text):
            kind, lists = None, {"PUBLIC": set(), "PRIVATE": set()}
            words = body.split()
            for word in words[1:]:
                if word in ("SOURCES", "PUBLIC", "PRIVATE", "TORCH"):
                    kind = word
                elif kind in lists and word.startswith("gasm::"):
                    lists[kind].add(word[len("gasm::"):])
            found[words[0]] = tuple(
                {m for m in lists[k] if m in FLOOR} for k in lists)
    return found


def public_closure(start, graph):
    reached, todo = set(), list(start)
    while todo:
        module = todo.pop()
        if module not in reached:
            reached.add(module)
            todo += graph.get(module, (set(), set()))[0]
    return reached


def may_use(user, used):
    return FLOOR[used] < FLOOR[user] and (user, used) not in NEVER


def main():
    problems = []
    graph = links()
    for module, (public, private) in sorted(graph.items()):
        if module not in FLOOR:
            problems.append(f"src/{module}: a module without a floor. Try "
                            "adding it to FLOOR in tests/meta/check_layers.py.")
            continue
        for used in sorted(public | private):
            if not may_use(module, used):
                problems.append(f"src/{module}/CMakeLists.txt links to {used},"
                                " which is not below it")
    for path in files(".hpp", ".cpp", ".h", ".cu",
                      below=["src/", "include/gasm/"]):
        module = module_of(path)
        if module not in FLOOR:
            problems.append(f"{relative(path)}: in no known module")
            continue
        is_public = relative(path).parts[0] == "include"
        text, where = code(path), relative(path)
        for name in includes(path):
            match = re.match(r"gasm/(\w+)/", name)
            used = match.group(1) if match else None
            if used and used != module:
                public, private = graph.get(module, (set(), set()))
                allowed = public_closure(
                    public if is_public else public | private, graph)
                if used not in FLOOR or not may_use(module, used):
                    problems.append(f"{where}: includes {name}, which is not "
                                    f"below {module}")
                elif module in graph and used not in allowed:
                    problems.append(
                        f"{where}: includes {name}, but src/{module}/"
                        f"CMakeLists.txt does not link to gasm::{used}"
                        + (" (PUBLIC)" if is_public else ""))
            if re.match(r"(torch|ATen|c10)/", name) and module not in TORCH:
                problems.append(f"{where}: includes {name} ({module} knows no "
                                "torch)")
            for what, _, prefixes, owner in SEAMS:
                if module != owner and name.startswith(prefixes):
                    problems.append(f"{where}: includes {name} (only src/"
                                    f"{owner} uses {what})")
            if is_public and name.startswith(("nlohmann/", "yaml-cpp/")):
                problems.append(f"{where}: a public header includes {name}")
        for what, call, _, owner in SEAMS:
            if module == owner:
                continue
            for match in re.finditer(call, text):
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"{where}:{line}: {match.group(0)}...) (only "
                                f"src/{owner} uses {what})")
    if not graph:
        problems.append(f"{ROOT}/src: no module found")
    finish(problems, "layers and seams")


if __name__ == "__main__":
    main()
