#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gasm forward and gasm weights convert on backbones' files, as users run them.

commands_test.py --gasm BINARY --cases FOLDER
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import torch
from safetensors.torch import load_file, save_file

OPTIONS = argparse.Namespace()
SMALL = ("clip-openai", "dinov2-meta", "dinov3-meta", "dinov3-timm", "i3d-slowfast",
         "timesformer-authors", "videomae-authors", "vjepa2-meta")


def gasm(*words):
    done = subprocess.run([OPTIONS.gasm, *map(str, words)], text=True, timeout=100,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


class Commands(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gasm-parity-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def good(self, *words):
        code, out = gasm(*words)
        self.assertEqual(code, 0, out)
        return out

    def bad(self, pattern, *words, code=4):
        found, out = gasm(*words)
        self.assertEqual(found, code, out)
        self.assertEqual(out.count("error: "), 1, out)
        self.assertRegex(out, pattern)

    def forward(self, case, weights):
        out = self.folder / "out.safetensors"
        self.good("forward", "--config", case / "model.json", "--weights", weights, "--inputs",
                  case / "inputs.safetensors", "--output", out)
        return load_file(out)

    def expect_equal(self, found, wanted):
        self.assertEqual(set(found), set(wanted))
        for name, tensor in wanted.items():
            error = (found[name] - tensor).abs().max() / tensor.abs().max()
            self.assertLess(error, 1e-5, name)

    def test_published_files_and_what_convert_makes_of_them(self):
        for name in SMALL:
            with self.subTest(name):
                case = OPTIONS.cases / name
                kind = json.loads((case / "model.json").read_text())["model"]["backbone"]["kind"]
                published = self.folder / f"{name}.pth"
                torch.save({"model_state": load_file(case / "weights.safetensors"),
                            "epoch": 7}, published)
                wanted = load_file(case / "outputs.safetensors")
                self.expect_equal(self.forward(case, published), wanted)
                converted = self.folder / f"{name}.safetensors"
                out = self.good("weights", "convert", "--kind", kind, "--weights", published,
                                "--output", converted)
                self.assertRegex(out, r"\d+ tensors of .*, \d+ left out")
                self.expect_equal(self.forward(case, converted), wanted)

    def test_a_whole_cast_of_its_authors(self):
        case = OPTIONS.cases.parent / "cast/authors"
        inputs, out = self.folder / "inputs.safetensors", self.folder / "out.safetensors"
        save_file({"clips": load_file(case / "inputs.safetensors")["clips"]}, inputs)
        weights = load_file(case / "weights.safetensors")
        published = self.folder / "cast.pth"
        forward = ("forward", "--config", case / "model.json", "--weights", published, "--inputs",
                   inputs, "--output", out)
        torch.save({"module": weights, "epoch": 49}, published)
        self.good(*forward)
        self.expect_equal({"logits": load_file(out)["logits"]},
                          {"logits": load_file(case / "outputs.safetensors")["logits"]})
        out.unlink()
        # Those of verbs and nouns have two heads instead.
        weights["head_verb.weight"] = weights["head.weight"]
        torch.save({"module": weights}, published)
        self.bad("the model has no tensor head_verb.weight", *forward)
        weights = {n: t for n, t in weights.items() if ".t2s_q." not in n}
        torch.save(weights, published)
        self.bad("no weights of cast in a known naming .known: CAST .authors., gasm", *forward)

    def test_what_is_left_out_is_listed(self):
        out = self.good("weights", "convert", "--kind", "clip", "--weights",
                        OPTIONS.cases / "clip-openai/weights.safetensors", "--output",
                        self.folder / "clip.safetensors")
        self.assertIn("left out: token_embedding.weight", out)

    def test_files_of_another_model_are_named(self):
        case = OPTIONS.cases / "dinov3-meta"
        weights = case / "weights.safetensors"
        target = self.folder / "out.safetensors"
        inputs = ("--inputs", case / "inputs.safetensors", "--output", target)
        convert = ("weights", "convert", "--output", target)
        self.bad("no weights of videomae in a known naming", *convert, "--kind", "videomae",
                 "--weights", OPTIONS.cases / "clip-small/weights.safetensors")
        self.bad("no backbone 'vit'.*dinov3", *convert, "--kind", "vit", "--weights", weights,
                 code=2)
        self.bad("No such file", *convert, "--kind", "dinov3", "--weights", self.folder / "gone")
        self.bad("cls_token has shape .*32.*needs .*48", "forward", "--config",
                 case / "model.json", "--set", "model.backbone.dim=48", "--weights", weights,
                 *inputs)
        self.bad("depth|layer.2", "forward", "--config", case / "model.json", "--set",
                 "model.backbone.depth=3", "--weights", weights, *inputs)
        self.bad("does not have the resolution", "forward", "--config", case / "model.json",
                 "--set", "model.backbone.resolution=[32, 48]", "--weights", weights, *inputs)
        self.bad("not a multiple of the patch", "forward", "--config", case / "model.json",
                 "--set", "model.backbone.resolution=[60, 48]", "--weights", weights, *inputs,
                 code=2)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_is_not_finite_is_refused(self):
        case = OPTIONS.cases / "vjepa2-small"
        tensors = load_file(case / "weights.safetensors")
        name = next(n for n in tensors if re.search("layer.1.mlp.fc1.weight", n))
        broken, out = self.folder / "broken.safetensors", self.folder / "out.safetensors"
        for value, word in (("nan", "NaN"), ("inf", "inf"), ("-inf", "-inf")):
            tensors[name][3, 5] = float(value)
            save_file(tensors, broken)
            why = rf"layer.1.mlp.up_proj.weight holds {word} \(at \[3, 5\]\)"
            self.bad(why, "weights", "convert", "--kind", "vjepa2", "--weights", broken,
                     "--output", out)
            self.bad(why, "forward", "--config", case / "model.json", "--weights", broken,
                     "--inputs", case / "inputs.safetensors", "--output", out)
        mask = load_file(OPTIONS.cases / "dinov3-meta/weights.safetensors")
        mask["blocks.0.attn.qkv.bias_mask"].fill_(float("nan"))
        save_file(mask, broken)
        self.bad("bias_mask holds NaN", "weights", "convert", "--kind", "dinov3", "--weights",
                 broken, "--output", out)
        self.assertEqual(list(self.folder.iterdir()), [broken])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gasm", required=True)
    parser.add_argument("--cases", type=pathlib.Path, required=True)
    options, rest = parser.parse_known_args()
    vars(OPTIONS).update(vars(options))
    unittest.main(argv=[__file__, *rest], verbosity=2)


if __name__ == "__main__":
    main()
