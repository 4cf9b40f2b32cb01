# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as docs/formats.md has them, read without the program."""
import ctypes
import functools
import json
import pathlib
import re

from checkpoint_files import Bad, tensors_of

FORMATS = (1, 2)
REPLACED = ".replaced"  # of a step's old folder while the new one takes its place


@functools.cache
def library():
    """xxHash's own library."""
    found = ctypes.CDLL("libxxhash.so.0")
    found.XXH64.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_ulonglong]
    found.XXH64.restype = ctypes.c_ulonglong
    assert found.XXH64(b"", 0, 0) == 0xEF46DB3751D8E999  # of the xxHash specification
    return found


def xxh64(data):
    return f"{library().XXH64(data, len(data), 0):016x}"


def listed_files(manifest):
    """file name -> (bytes, xxh64)"""
    return {name: (facts["bytes"], facts["xxh64"]) for name, facts in manifest["files"].items()}


def read_manifest(folder):
    try:
        return json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as problem:
        raise Bad(f"{folder.name}: no manifest: {problem}") from None


def check_file(path, num_bytes, checksum):
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise Bad(str(problem)) from None
    if len(data) != num_bytes or xxh64(data) != checksum:
        raise Bad(f"{path} is not what the manifest says")
    try:
        if path.name.endswith(".index.json"):
            check_index(path, json.loads(data))
        else:
            tensors_of(data)
    except (Bad, ValueError) as problem:
        raise Bad(f"{path}: {problem}") from None


def check_index(path, index):
    """Of a set in several files: each tensor is where it says."""
    for file in set(index["weight_map"].values()):
        there = set(tensors_of((path.parent / file).read_bytes())[0])
        wanted = {name for name, where in index["weight_map"].items() if where == file}
        if there != wanted:
            raise Bad(f"{file} holds other tensors: {sorted(there ^ wanted)[:3]}")
    num_bytes = sum(len(data) for file in set(index["weight_map"].values())
                    for _, _, data in tensors_of((path.parent / file).read_bytes())[0].values())
    if num_bytes != index["metadata"]["total_size"]:
        raise Bad(f"{path.name} speaks of other sizes")


def check(folder, known=None):
    """The manifest of a step folder in which everything is right, else Bad.

    `known`: a set of files that were found sound, which are not read again while
    they are the same files with the same times; is added to.
    """
    manifest = read_manifest(folder)
    missing = {"step", "files", "facts", "score"} - set(manifest)
    if missing or manifest.get("format") not in FORMATS:
        raise Bad(f"a manifest of format {manifest.get('format')} without {sorted(missing)}")
    if folder.name.removesuffix(REPLACED) != f"step-{manifest['step']}":
        raise Bad(f"{folder.name} holds step {manifest['step']}")
    listed = listed_files(manifest)
    # A kill may leave a manifest on its way there, until the next start.
    there = {path.name for path in folder.iterdir()
             if not path.name.startswith("manifest.json.tmp-")}
    if there != {*listed, "manifest.json"}:
        raise Bad(f"{folder.name} holds {sorted(there)}, its manifest lists {sorted(listed)}")
    known = set() if known is None else known
    for name, (num_bytes, checksum) in listed.items():
        info = (folder / name).stat()
        identity = (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns, checksum)
        if identity not in known:
            check_file(folder / name, num_bytes, checksum)
            known.add(identity)
    return manifest


def step_folders(checkpoints):
    """step -> folder, ascending"""
    found = {}
    for path in sorted(pathlib.Path(checkpoints).glob("step-*")):
        if match := re.fullmatch(rf"step-(\d+)({re.escape(REPLACED)})?", path.name):
            found.setdefault(int(match[1]), path)  # step-N sorts before step-N.replaced
    return dict(sorted(found.items()))
