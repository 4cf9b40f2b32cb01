# SPDX-License-Identifier: Apache-2.0
"""Reads the sets of tensors of a checkpoint folder, in however many files."""
import json
import math
import struct

BITS = {"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32,
        "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64}


class Bad(Exception):
    """What is wrong with a checkpoint."""


def tensors_of(data):
    """name -> (type, shape, bytes), and the metadata, of the bytes of a sound safetensors file."""
    if len(data) < 8:
        raise Bad("shorter than its length")
    size, = struct.unpack("<Q", data[:8])
    if size > len(data) - 8:
        raise Bad(f"a header of {size} bytes")
    try:
        header = json.loads(data[8:8 + size])
    except ValueError as problem:
        raise Bad(f"a header that is no JSON: {problem}") from None
    metadata = header.pop("__metadata__", {})
    body = memoryview(data)[8 + size:]
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, after = entry["data_offsets"]
        wanted = math.prod(entry["shape"]) * BITS[entry["dtype"]] // 8
        if begin != end or after - begin != wanted:
            raise Bad(f"{name} at {begin} to {after}, after {end}, of {wanted} bytes")
        if entry["dtype"] == "BOOL" and max(body[begin:after], default=0) > 1:
            raise Bad(f"{name} has values that are neither true nor false")
        end = after
    if end != len(body):
        raise Bad(f"{len(body) - end} bytes that belong to no tensor")
    tensors = {name: (entry["dtype"], entry["shape"], bytes(body[slice(*entry["data_offsets"])]))
               for name, entry in header.items()}
    return tensors, metadata


def values_of(path):
    """name -> bytes of a safetensors file."""
    tensors, _ = tensors_of(path.read_bytes())
    return {name: values for name, (_, _, values) in tensors.items()}


def read_set(folder, name):
    """name -> (dtype, shape, bytes) of a set; slices are put together."""
    manifest = json.loads((folder / "manifest.json").read_text())
    tensors, pieces = {}, {}
    for file, facts in manifest["files"].items():
        if facts["set"] != name:
            continue
        found, metadata = tensors_of((folder / file).read_bytes())
        slices = json.loads(metadata.get("slices", "{}"))
        for key, (dtype, shape, data) in found.items():
            if key not in slices:
                assert key not in tensors, f"{key} is in two files"
                tensors[key] = (dtype, shape, data)
                continue
            of = slices[key]
            pieces.setdefault((of["of"], dtype, tuple(of["shape"])), []).append(
                (of["from"], shape[0], data))
    for (key, dtype, shape), parts in pieces.items():
        due = 0
        for begin, count, _ in sorted(parts):
            assert begin == due, f"{key} has a gap or an overlap at {begin}"
            due += count
        assert due == math.prod(shape), f"{key} has {due} values of {math.prod(shape)}"
        assert key not in tensors, f"{key} is whole and in slices"
        tensors[key] = (dtype, list(shape), b"".join(data for _, _, data in sorted(parts)))
    return tensors
