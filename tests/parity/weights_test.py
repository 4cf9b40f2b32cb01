#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Weights that torch, safetensors and transformers write, read by GASM.

weights_test.py --case PROGRAM --gasm PROGRAM. Every tensor must come back with
its type, shape and bytes; what is refused must be refused by name.
"""
import argparse
import collections
import json
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import types
import unittest

import numpy
import safetensors.torch
import torch

CASE = GASM = ""

TYPES = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16, torch.float16,
         torch.bfloat16, torch.int32, torch.uint32, torch.float32, torch.int64, torch.uint64,
         torch.float64)


class Sub(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2).half()
        self.norm = torch.nn.BatchNorm1d(2)
        self.sizes = [1, 2]

    def forward(self, x):
        return self.norm(x)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.sub = Sub()
        self.blocks = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(),
                                          torch.nn.Conv2d(2, 1, 1, bias=False))
        self.scale = torch.nn.Parameter(torch.randn(2, 2))
        self.register_buffer("table", torch.arange(5))
        self.resolution = 224
        self.title = "net"

    def forward(self, x):
        return self.blocks(x) * self.scale.sum() * self.resolution


def same_bytes(a, b):
    return (a.dtype == b.dtype and a.shape == b.shape and
            a.contiguous().flatten().view(torch.uint8).equal(
                b.contiguous().flatten().view(torch.uint8)))


class Weights(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "weights.bin"

    def read(self, path=None):
        """Tensors and metadata by name, or the reason why there are none."""
        out = self.folder / "out"
        subprocess.run([CASE, path or self.path, out], check=True)
        try:
            with safetensors.safe_open(out, "pt") as file:
                return safetensors.torch.load_file(out), file.metadata() or {}
        except safetensors.SafetensorError:
            return out.read_text(), None

    def check(self, wanted, path=None):
        got, metadata = self.read(path)
        self.assertIsInstance(got, dict, got)
        self.assertEqual(sorted(got), sorted(wanted))
        for name, tensor in wanted.items():
            self.assertTrue(same_bytes(got[name], tensor.detach()), name)
        return metadata

    def refused(self, pattern, path=None):
        got, _ = self.read(path)
        self.assertIsInstance(got, str)
        self.assertIn(str(path or self.path), got)
        self.assertRegex(got, pattern)


class TorchSave(Weights):
    def test_types_and_shapes(self):
        state = {f"{t}": (torch.randn(3, 5) * 50).to(t) for t in TYPES}
        state.update(empty=torch.empty(0, 4), scalar=torch.tensor(3.25), one=torch.ones(1, 1, 1),
                     long=torch.randn(10, 1, 3, 2))
        # Types that are not of PyTorch's old storages take another way.
        for protocol in (2, 3, 4, 5):
            torch.save(state, self.path, pickle_protocol=protocol)
            self.check(state)

    def test_views_and_shared_storages(self):
        base = torch.arange(24.).reshape(4, 6)
        state = collections.OrderedDict(
            base=base, turned=base.t(), row=base[2], part=base[1:3, ::2],
            last=base[3, 5], spread=base[:1].expand(3, 6), same=base, none=base[4:],
            flat=torch.arange(6)[2:5], permuted=torch.randn(2, 3, 4).permute(2, 0, 1))
        torch.save(state, self.path)
        self.check(state)

    def test_parameters_and_modules(self):
        net = Net()
        torch.save(net.state_dict(), self.path)
        self.check(net.state_dict())
        torch.save(dict(net.named_parameters()), self.path)
        self.check(dict(net.named_parameters()))
        marked = torch.nn.Parameter(torch.ones(2))
        marked.note = "kept beside"
        torch.save({"w": marked}, self.path)
        self.check({"w": marked})

    def test_wrappers(self):
        state = Net().state_dict()
        args = argparse.Namespace(lr=0.1, name=None, sizes={1, 2}, device=torch.device("cpu"))
        for keys in (("model_state",), ("model",), ("state_dict",), ("state_dict", "module"),
                     ("teacher",), ("model", "state_dict", "module")):
            saved = state
            for key in reversed(keys):
                saved = {key: saved}
            saved.update(epoch=7, best=0.5, cfg="TRAIN: {}\n", args=args, done=True, none=None,
                         space=types.SimpleNamespace(a=1), score=numpy.float64(2.5),
                         seeds=numpy.arange(3), type=torch.float16, size=torch.Size([2, 3]),
                         seed=2**64 - 1, where=pathlib.Path("a/b"), rng=torch.get_rng_state(),
                         counts=collections.defaultdict(list), optimizer={"state": {0: {
                             "exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]})
            torch.save(saved, self.path)
            metadata = self.check(state)
            self.assertEqual(metadata, {
                "pickle.epoch": "7", "pickle.best": "0.5", "pickle.cfg": "TRAIN: {}\n",
                "pickle.done": "true", "unwrapped": ".".join(keys)})

    def test_nested_without_a_known_wrapper(self):
        torch.save({"net": {"w": torch.ones(2)}, "list": [torch.zeros(1), 3, (torch.ones(1),)]},
                   self.path)
        self.check({"net.w": torch.ones(2), "list.0": torch.zeros(1), "list.2.0": torch.ones(1)})

    def test_storages_of_megabytes(self):
        state = {"a": torch.randn(1500, 1700), "b": torch.randn(3_000_001)[1:]}
        torch.save(state, self.path)
        self.check(state)

    def test_refused(self):
        class Evil:
            def __reduce__(self):
                return os.system, ("touch " + str(evidence),)
        evidence = self.folder / "evidence"
        for protocol in (2, 4):
            torch.save({"w": torch.ones(2), "x": Evil()}, self.path, pickle_protocol=protocol)
            self.refused(r"posix\.system, which is no plain tensor data \(byte \d+; nothing")
        self.assertFalse(evidence.exists())
        torch.save(Net(), self.path)
        self.refused(r"__main__\.Net, .*torch\.save\(model\.state_dict\(\)")
        torch.save({"w": torch.ones(2)}, self.path, _use_new_zipfile_serialization=False)
        self.refused("older form of torch.save.*zip archive")
        self.path.write_bytes(pickle.dumps({"w": numpy.ones(2)}))
        self.refused("bare pickle")
        torch.save({"w": torch.ones(2, dtype=torch.complex64)}, self.path)
        self.refused("torch.ComplexFloatStorage")
        torch.save({"w": torch.ones(2, dtype=torch.float8_e4m3fn)}, self.path)
        self.refused("torch.float8_e4m3fn")
        torch.save({"w": torch.eye(3).to_sparse()}, self.path)
        self.refused("_rebuild_sparse_tensor")
        torch.save({"w": torch.view_as_complex(torch.ones(2, 2)).conj().imag}, self.path)
        self.refused("conjugate or negative view")
        torch.save(torch.ones(3), self.path)
        self.refused("one tensor without a name")
        torch.save({"epoch": 3}, self.path)
        self.refused("holds no tensor")
        torch.save({"w": torch.ones(1).expand(2**27)}, self.path)
        self.refused("four times its size")
        numpy.savez(self.folder / "x.npz", w=numpy.ones(2))
        self.refused("no data.pkl", self.folder / "x.npz")

    def test_checksums_left_out(self):
        torch.serialization.set_crc32_options(False)
        self.addCleanup(torch.serialization.set_crc32_options, True)
        torch.save({"w": torch.ones(2)}, self.path)
        self.refused("checksum is wrong or was left out")

    def test_every_cut_is_found(self):
        torch.save({"w": torch.ones(2)}, self.path)
        whole = self.path.read_bytes()
        pairs = []
        for keep in range(0, len(whole), 7):
            path = self.folder / f"cut-{keep}"
            path.write_bytes(whole[:keep])
            pairs += [path, self.folder / f"why-{keep}"]
        subprocess.run([CASE, *pairs], check=True)
        for path, why in zip(pairs[::2], pairs[1::2]):
            self.assertIn(str(path), why.read_text())


class TorchScript(Weights):
    def test_modules(self):
        net = Net().eval()
        net.sub.linear.half()
        for module in (torch.jit.script(net), torch.jit.trace(net, torch.randn(1, 1, 5, 5))):
            torch.jit.save(module, self.path)
            metadata = self.check(net.state_dict())
            self.assertEqual(metadata["pickle.training"], "false")
        torch.jit.save(torch.jit.script(net), self.path)
        self.assertEqual(self.check(net.state_dict())["pickle.resolution"], "224")

    def test_half_precision_throughout(self):
        net = Net().half()
        torch.jit.save(torch.jit.script(net), self.path)
        self.check(net.state_dict())

    def test_frozen(self):
        torch.jit.save(torch.jit.freeze(torch.jit.script(Net().eval())), self.path)
        self.refused("holds no tensor.*constants of its code")


class Safetensors(Weights):
    def test_all_types(self):
        state = {f"{t}": (torch.randn(3, 5) * 50).to(t) for t in TYPES}
        state.update(empty=torch.empty(0, 4), scalar=torch.tensor(3.25))
        safetensors.torch.save_file(state, self.path, metadata={"format": "pt", "a": "\u00e9"})
        self.assertEqual(self.check(state), {"format": "pt", "a": "\u00e9"})

    def save_shards(self):
        import transformers
        config = transformers.Dinov2Config(hidden_size=32, num_hidden_layers=2,
                                           num_attention_heads=2, image_size=28, patch_size=14)
        model = transformers.Dinov2Model(config)
        model.save_pretrained(self.folder / "hub", max_shard_size="40KB")
        index = self.folder / "hub/model.safetensors.index.json"
        shards = set(json.loads(index.read_text())["weight_map"].values())
        self.assertGreater(len(shards), 2)
        # Not the model's own state: some names change when it is saved.
        state = {}
        for shard in shards:
            state.update(safetensors.torch.load_file(index.parent / shard))
        self.assertEqual(len(state), len(model.state_dict()))
        return index, state

    def test_shards_of_transformers(self):
        index, state = self.save_shards()
        metadata = self.check(state, index)
        self.assertIn("total_size", metadata)
        self.assertEqual(metadata["format"], "pt")
        # Found by content: the name does not matter.
        index.rename(index.parent / "weights")
        self.check(state, index.parent / "weights")

    def test_shards_that_do_not_fit(self):
        index, _ = self.save_shards()
        good = json.loads(index.read_text())
        name, shard = sorted(good["weight_map"].items())[0]
        other = next(s for s in good["weight_map"].values() if s != shard)

        def put(**changes):
            index.write_text(json.dumps(dict(good, weight_map={
                **good["weight_map"], **changes})))
        put(**{name: other})
        self.refused_shard(f"{other} has no tensor {name}|{shard} has a tensor {name}")
        put(extra=shard)
        self.refused_shard(f"{shard} has no tensor extra")
        for bad in ("../x.safetensors", "/etc/passwd", "a/b.safetensors", "", ".."):
            put(extra=bad)
            self.refused_shard("no file of its folder")
        put(extra="gone.safetensors")
        self.refused_shard("gone.safetensors is missing")
        index.write_text(json.dumps(good))
        (index.parent / shard).unlink()
        self.refused_shard(f"{shard} is missing")
        (index.parent / shard).write_bytes(b"")
        self.refused_shard(f"{shard} is empty")
        for text in ("{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}', "{", '{"a" 1}'):
            index.write_text(text)
            self.refused_shard("no sound index")

    def refused_shard(self, pattern, index="hub/model.safetensors.index.json"):
        got, _ = self.read(self.folder / index)
        self.assertIsInstance(got, str)
        self.assertRegex(got, pattern)

    def test_shards_of_torch_save(self):
        # What transformers wrote before it preferred safetensors.
        index = "pytorch_model.bin.index.json"
        shards = {f"pytorch_model-0000{i}-of-00002.bin": {
            f"layer.{i}.weight": torch.randn(3, 4), f"layer.{i}.bias": torch.randn(3).half()}
            for i in (1, 2)}
        first, second = shards
        where = {name: shard for shard, state in shards.items() for name in state}

        def put(**changes):
            (self.folder / index).write_text(json.dumps(
                {"metadata": {"total_size": 108}, "weight_map": {**where, **changes}}))
        for shard, state in shards.items():
            torch.save(collections.OrderedDict(state), self.folder / shard)
        put()
        metadata = self.check({**shards[first], **shards[second]}, self.folder / index)
        self.assertEqual(metadata["total_size"], "108")
        put(**{"layer.1.bias": second})
        self.refused_shard(f"{first} has a tensor layer.1.bias|{second} has no tensor layer.1.bias",
                           index)
        put(gone=index)
        self.refused_shard(f"{index} is an index of shards, named as a shard", index)
        put()
        torch.save(shards[second], self.folder / second, _use_new_zipfile_serialization=False)
        self.refused_shard(f"{second} is of the older form of torch.save", index)
        (self.folder / second).unlink()
        self.refused_shard(f"{second} is missing, a shard of .*{index}", index)


class Inspect(Weights):
    def gasm(self, *words):
        done = subprocess.run([GASM, "weights", "inspect", *map(str, words)], check=False,
                              capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def test_json_with_figures(self):
        holes = torch.randn(40)
        holes[3], holes[7] = float("nan"), float("-inf")
        state = {"w": torch.randn(30, 50, dtype=torch.float16), "n": torch.arange(5),
                 "empty": torch.empty(0), "nan": torch.full((2,), float("nan")), "holes": holes,
                 "flag": torch.tensor([True, False, True]), "large": torch.randn(1_100_000) + 1e3}
        torch.save({"model": state, "epoch": 3}, self.path)
        code, out, err = self.gasm(self.path, "--json", "--stats")
        self.assertEqual(code, 0, err)
        said = json.loads(out)
        self.assertEqual(said["format"], "torch.save archive")
        self.assertEqual(said["num_tensors"], len(state))
        self.assertEqual(said["num_parameters"], sum(t.numel() for t in state.values()))
        self.assertEqual(said["num_bytes"], sum(t.nbytes for t in state.values()))
        self.assertEqual(said["metadata"], {"pickle.epoch": "3", "unwrapped": "model"})
        self.assertEqual([t["name"] for t in said["tensors"]], sorted(state))
        self.assertEqual({t["name"]: t["type"] for t in said["tensors"]},
                         {"w": "F16", "n": "I64", "empty": "F32", "nan": "F32", "holes": "F32",
                          "flag": "BOOL", "large": "F32"})
        for entry in said["tensors"]:
            tensor = state[entry["name"]]
            self.assertEqual(entry["shape"], list(tensor.shape))
            values = tensor.double().numpy()
            finite = values[numpy.isfinite(values)]
            stats = entry["stats"]
            self.assertEqual(stats["num_nan"], numpy.isnan(values).sum())
            self.assertEqual(stats["num_inf"], numpy.isinf(values).sum())
            for key, function in (("mean", numpy.mean), ("std", numpy.std), ("min", numpy.min),
                                  ("max", numpy.max)):
                if finite.size:
                    self.assertAlmostEqual(stats[key], function(finite), delta=1e-9, msg=key)
                else:
                    self.assertIsNone(stats[key])

    def test_text(self):
        safetensors.torch.save_file({"a.w\x1b[31m": torch.ones(2, 3)}, self.path,
                                    metadata={"k": "line\nline"})
        code, out, err = self.gasm(self.path)
        self.assertEqual((code, err), (0, ""))
        lines = out.splitlines()
        self.assertEqual(lines[0], f"{self.path}: safetensors, 1 tensors, 6 parameters, 24 bytes")
        self.assertEqual(lines[1], r"  k = line\nline")
        self.assertRegex(lines[2], r"^  a\.w\\u001b\[31m +F32 +\[2, 3\] *$")
        self.assertEqual(len(lines), 3)

    def test_formats(self):
        for save, name in ((lambda p: torch.jit.save(torch.jit.script(Net()), p),
                            "TorchScript archive"),
                           (lambda p: safetensors.torch.save_file({"a": torch.ones(1)}, p),
                            "safetensors")):
            save(self.path)
            self.assertIn(f": {name}, ", self.gasm(self.path)[1])

    def test_bad_input(self):
        self.assertEqual(self.gasm()[0], 2)
        self.assertEqual(self.gasm("a", "b")[0], 2)
        self.assertEqual(self.gasm(self.folder / "gone")[0], 4)
        for contents, pattern in (
                (b"", "is empty"), (b"<!DOCTYPE html>", "web page"),
                (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
                (b"\x89HDF\r\n\x1a\n", "HDF5"), (b"PK\x03\x04", "no sound zip archive"),
                (b"\x00" * 257 + b"ustar\x00" + b"\x00" * 300, "tar archive"),
                (b"nothing of the kind", "no format of weights")):
            self.path.write_bytes(contents)
            code, out, err = self.gasm(self.path, "--json")
            self.assertEqual((code, out), (4, ""), err)
            self.assertRegex(err, pattern)
            self.assertIn(str(self.path), err)
        self.assertEqual(self.gasm(self.folder)[0], 4)


if __name__ == "__main__":
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--case", required=True)
    options.add_argument("--gasm", required=True)
    parsed, rest = options.parse_known_args()
    CASE, GASM = parsed.case, parsed.gasm
    # TorchScript is deprecated: all the more it is read here.
    unittest.main(warnings="ignore", argv=[sys.argv[0], *rest])
