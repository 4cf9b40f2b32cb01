# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as docs/formats.md has them, read without the program."""
import ctypes
import functools
import json
import math
import pathlib
import re
import struct

BITS = {"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32,
        "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64}


FORMATS = (1, 2)
REPLACED = ".replaced"  # of a step's old folder while the new one takes its place


class Bad(Exception):
    """What is wrong with a checkpoint."""


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


def tensors_of(data):
    """name -> (type, shape, bytes) of the bytes of a sound safetensors file."""
    if len(data) < 8:
        raise Bad("shorter than its length")
    size, = struct.unpack("<Q", data[:8])
    if size > len(data) - 8:
        raise Bad(f"a header of {size} bytes")
    try:
        header = json.loads(data[8:8 + size])
    except ValueError as problem:
        raise Bad(f"a header that is no JSON: {problem}") from None
    header.pop("__metadata__", None)
    body = memoryview(data)[8 + size:]
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, after = entry["data_offsets"]
        wanted = math.prod(entry["shape"]) * BITS[entry["dtype"]] // 8
        if begin != end or after - begin != wanted:
            raise Bad(f"{name} at {begin} to {after}, after {end}, of {wanted} bytes")
        end = after
    if end != len(body):
        raise Bad(f"{len(body) - end} bytes that belong to no tensor")
    return {name: (entry["dtype"], entry["shape"], bytes(body[slice(*entry["data_offsets"])]))
            for name, entry in header.items()}


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
        there = set(tensors_of((path.parent / file).read_bytes()))
        wanted = {name for name, where in index["weight_map"].items() if where == file}
        if there != wanted:
            raise Bad(f"{file} holds other tensors: {sorted(there ^ wanted)[:3]}")


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
    there = {path.name for path in folder.iterdir()}
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


def tensors_in(folder, part):
    """All tensors of a part (model, optimizer, ...), from one file or from shards."""
    found = {}
    for name in sorted(listed_files(read_manifest(folder))):
        if re.fullmatch(rf"{part}(-\d+-of-\d+)?\.safetensors", name):
            found |= tensors_of((folder / name).read_bytes())
    return found
