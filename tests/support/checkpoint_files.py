# SPDX-License-Identifier: Apache-2.0
"""Reads the sets of tensors of a checkpoint folder, in however many files."""
import json
import math
import struct


def read_file(path):
    """name -> (dtype, shape, bytes), and the metadata, of a safetensors file."""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = (entry["dtype"], entry["shape"], data[8 + size + begin:8 + size + end])
    return tensors, metadata


def read_set(folder, name):
    """name -> (dtype, shape, bytes) of a set; slices are put together."""
    manifest = json.loads((folder / "manifest.json").read_text())
    tensors, pieces = {}, {}
    for file, facts in manifest["files"].items():
        if facts["set"] != name:
            continue
        found, metadata = read_file(folder / file)
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
