# SPDX-License-Identifier: Apache-2.0
"""Checkpoints whose manifests are right about files that are wrong."""
import json
import struct

import checkpoint_check


def edit_manifest(folder, change):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def write_listed(path, data):
    """Writes a file of a checkpoint so that its manifest is right about it."""
    path.write_bytes(data)

    def change(manifest):
        manifest["files"][path.name] |= {"bytes": len(data),
                                         "xxh64": checkpoint_check.xxh64(data)}
    edit_manifest(path.parent, change)


def with_header(data, change):
    """A safetensors file with another header, behind which the data are the same."""
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + size:]


def some_tensor(header, is_wanted=lambda entry: True):
    return next(entry for name, entry in sorted(header.items())
                if name != "__metadata__" and is_wanted(entry))


def lie_of_length(data):
    return struct.pack("<Q", 1 << 62) + data[8:]


def lie_of_offsets(data):
    def change(header):
        last = max((e for n, e in header.items() if n != "__metadata__"),
                   key=lambda entry: entry["data_offsets"])
        last["data_offsets"] = [begin + (1 << 40) for begin in last["data_offsets"]]
    return with_header(data, change)


def lie_of_overlap(data):
    def change(header):
        big = some_tensor(header, lambda entry: entry["data_offsets"][0] > 4096)
        big["data_offsets"] = [begin - 4 for begin in big["data_offsets"]]
    return with_header(data, change)


def lie_of_type(data):
    def change(header):
        some_tensor(header, lambda entry: entry["dtype"] == "F32")["dtype"] = "F64"
    return with_header(data, change)


def lie_of_shape(data):
    def change(header):
        entry = some_tensor(header, lambda entry: len(entry["shape"]) == 1)
        entry["shape"] = [1 << 31, 1 << 31, 4]
    return with_header(data, change)


LIES = (lie_of_length, lie_of_offsets, lie_of_overlap, lie_of_type, lie_of_shape)
