#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TimeSformer and CAST through the gasm binary: weights, training, evaluation.

baselines_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]

Runs with the Python of the parity tests: weights come from their own libraries.
"""
import atexit
import functools
import json
import math
import pathlib
import re
import shutil
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import STEPS, TrainCase  # noqa: E402

SIZES = "preset: custom, width: 32, depth: 2, heads: 4, ffn_hidden: 64, patch: 16"


def of_model(kind, more=""):
    """Settings that replace the model of the other tests."""
    return {"model.semantic.resolution": None, "model.kind": kind,
            f"model.{kind}": f"{{{SIZES}, resolution: [48, 64]{more}}}",
            "data.sampling.frames": 4, "optim.lr": 0.003}


@functools.cache
def texture_stores():
    """train.h5 and validation.h5 of two classes that single frames show."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gasm-textures-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    gasm_cli.must("synth", "--level", "S", "--task", "texture", "--noise-sigma", 0,
                  "--train-draws", 16, "--val-draws", 4, "--test-draws", 1, "--output", folder)
    stores = [folder / f"{split}.h5" for split in ("train", "validation")]
    for store in stores:
        gasm_cli.must("data", "pack", "--videos", folder / "videos", "--labels",
                      folder / "labels", "--split", store.stem, "--output", store)
    return stores


class Baseline(TrainCase):
    """What is asked of both; a subclass says which."""
    undisturbed_ranks = 1
    learning_rate = None

    def test_equal_at_every_number_of_ranks(self):
        self.assertEqual(len(self.undisturbed.lines("train")), STEPS)
        for ranks in (2, 3):
            run, _ = self.train(f"ranks-{ranks}", ranks=ranks)
            self.assert_undisturbed(run)

    def test_learns(self):
        """To tell striped objects from plain ones: one frame shows it."""
        stores = {f"data.{key}": path for key, path in zip(("train", "val"), texture_stores())}
        run, _ = self.train("textures", {
            **stores, "train.steps": 100, "train.global_batch": 8, "train.micro_batch": 8,
            "data.augment.flip": "none", "optim.lr": self.learning_rate,
            f"model.{self.kind}": f"{{{SIZES}, resolution: [48, 64], drop_path: 0}}"}, ranks=0)
        losses = [float(values["loss"]) for _, _, values in run.lines("train")]
        self.assertLess(sum(losses[-20:]) / 20, 0.75 * math.log(2), losses)

    def test_stopped_run_goes_on(self):
        self.train("stopped", {"train.stop_after": 7}, ranks=2, code=85)
        run, out = self.train("stopped", ranks=3)
        self.assertIn("resumed from step 7 ", out)
        self.assert_undisturbed(run)

    def test_eval_agrees_with_the_last_validation(self):
        _, _, wanted = self.undisturbed.lines("val")[-1]
        path = self.folder / "eval.json"
        self.must("eval", "--config", self.undisturbed.path / "config.yaml", "--json", path,
                  ranks=2)
        found = json.loads(path.read_text())
        for name in ("loss", "top1", "top5"):
            self.assertEqual(f"{found[name]:.7g}", f"{float(wanted[name]):.7g}", name)

    def test_forward_of_a_checkpoint(self):
        clips = torch.randint(0, 256, (2, 4, 48, 64, 3), dtype=torch.uint8)
        save_file({"clips": clips}, self.folder / "inputs.safetensors")
        self.must("forward", "--config", self.undisturbed.path / "config.yaml", "--weights",
                  self.undisturbed.checkpoint(STEPS) / "model.safetensors", "--inputs",
                  self.folder / "inputs.safetensors", "--output",
                  self.folder / "outputs.safetensors")
        found = load_file(self.folder / "outputs.safetensors")
        self.assertEqual(set(found), {"logits"})
        self.assertEqual(found["logits"].shape, (2, 4))
        self.assertTrue(found["logits"].isfinite().all())

    def test_features_are_refused(self):
        _, out = self.train("features", {"data.source": "features"}, ranks=0, code=2)
        self.assertIn("(which runs on clips alone)", out)
        job = gasm_cli.Job(["extract", "--config", self.undisturbed.path / "config.yaml",
                            "--clips", self.folder / "train.h5", "--output",
                            self.folder / "features.h5"], 2)
        code, out, _ = job.wait(30)
        self.assertEqual(code, 2, out)
        self.assertIn("which keeps no features between backbones and head", out)
        self.assertEqual(out.count("error: "), 1, out)
        self.assertFalse(list(self.folder.glob("features.h5*")))

    def start_of(self, name, sets):
        """The model's tensors before the first step."""
        run, _ = self.train(name, {"train.steps": 0, **sets}, ranks=0)
        return load_file(run.checkpoint(0) / "model.safetensors")

    def expect_equal(self, found, wanted):
        self.assertEqual(found.shape, wanted.shape)
        self.assertTrue(torch.equal(found, wanted))


class Timesformer(Baseline):
    kind = "timesformer"
    settings = of_model(kind)
    learning_rate = 0.002

    def weights(self, num_classes, **changes):
        from transformers import TimesformerConfig, TimesformerForVideoClassification
        model = TimesformerForVideoClassification(TimesformerConfig(**{**dict(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            patch_size=16, image_size=48, num_frames=4, num_labels=num_classes), **changes}))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, 0.0, 0.1)
        return {k: v.contiguous() for k, v in model.state_dict().items()}

    def test_published_weights(self):
        # A square of 3 x 3 patches and 2 frames, for a model of 3 x 4 and 4.
        weights = self.weights(4, num_frames=2)
        path = self.folder / "timesformer.safetensors"
        save_file(weights, path)
        start = self.start_of("published", {"model.timesformer.weights": path})
        for name in ("encoder.layer.1.temporal_dense.weight", "layernorm.bias"):
            self.expect_equal(start[f"timesformer.{name}"], weights[f"timesformer.{name}"])
        self.expect_equal(start["timesformer.classifier.weight"], weights["classifier.weight"])
        times = weights["timesformer.embeddings.time_embeddings"]
        self.expect_equal(start["timesformer.embeddings.time_embeddings"],
                          times[:, [0, 0, 1, 1]])
        # What a run saves is weights as well.
        save_file(start, self.folder / "again.safetensors")
        again = self.start_of("again", {
            "model.timesformer.weights": self.folder / "again.safetensors"})
        for name, tensor in start.items():
            self.expect_equal(again[name], tensor)

    def test_a_head_of_other_classes(self):
        weights = self.weights(11)
        path = self.folder / "eleven.safetensors"
        save_file(weights, path)
        sets = {"model.timesformer.weights": path}
        _, out = self.train("eleven", sets, ranks=2, code=4)
        self.assertIn("has a classifier of 11 classes, but the model has 4 classes", out)
        self.assertIn("Try model.timesformer.head: fresh", out)
        start = self.start_of("eleven-fresh", {**sets, "model.timesformer.head": "fresh"})
        self.assertEqual(start["timesformer.classifier.weight"].shape, (4, 32))
        self.expect_equal(start["timesformer.layernorm.weight"],
                          weights["timesformer.layernorm.weight"])

    def test_an_image_transformer(self):
        import timm
        model = timm.models.vision_transformer.VisionTransformer(
            img_size=48, patch_size=16, embed_dim=32, depth=2, num_heads=4, mlp_ratio=2,
            num_classes=9)
        weights = model.state_dict()
        path = self.folder / "image.pth"
        torch.save(weights, path)
        start = self.start_of("image", {"model.timesformer.weights": path,
                                        "model.timesformer.head": "fresh"})
        converted = self.folder / "image.safetensors"
        self.must("weights", "convert", "--kind", "timesformer", "--weights", path, "--output",
                  converted)
        again = self.start_of("converted", {"model.timesformer.weights": converted,
                                            "model.timesformer.head": "fresh"})
        for name, tensor in start.items():
            self.expect_equal(again[name], tensor)
        for i in range(2):
            qkv = weights[f"blocks.{i}.attn.qkv.weight"]
            block = f"timesformer.encoder.layer.{i}"
            self.expect_equal(start[f"{block}.attention.attention.qkv.weight"], qkv)
            self.expect_equal(start[f"{block}.temporal_attention.attention.qkv.weight"], qkv)
            self.assertEqual(start[f"{block}.temporal_dense.weight"].abs().max(), 0)

    def test_published_recipe_in_small(self):
        sets = {"optim.kind": "sgd", "optim.schedule": "step", "optim.step_epochs": "[2, 4]",
                "optim.lr": 0.02, "train.steps": 14, "optim.layer_decay": 0.75}
        run, _ = self.train("sgd", sets, ranks=1)
        rates = [float(values["lr"]) for _, _, values in run.lines("train")]
        # An epoch has three steps.
        wanted = [0.02] * 6 + [0.002] * 6 + [0.0002] * 2
        for found, rate in zip(rates, wanted, strict=True):
            self.assertAlmostEqual(found, rate, places=9)
        state = load_file(run.checkpoint(14) / "optimizer.safetensors")
        self.assertTrue(all(name.startswith("momentum.") for name in state))
        self.train("sgd-stopped", {**sets, "train.stop_after": 5}, ranks=2, code=85)
        again, _ = self.train("sgd-stopped", sets, ranks=2)
        self.assertEqual(again.curve(), run.curve())


class Cast(Baseline):
    kind = "cast"
    settings = of_model(kind)
    learning_rate = 0.01

    def test_starts_at_chance(self):
        """The head has nothing to read yet."""
        _, _, values = self.undisturbed.lines("train")[0]
        self.assertAlmostEqual(float(values["loss"]), math.log(4), places=6)

    def test_frozen_parts_stay(self):
        start = self.start_of("start", {})
        end = load_file(self.undisturbed.checkpoint(STEPS) / "model.safetensors")
        for name, tensor in start.items():
            is_frozen = name.startswith(("clip.", "videomae.")) and "clip.norm" not in name
            if is_frozen:
                self.expect_equal(end[name], tensor)
        for name in ("clip.norm.weight", "fc_norm.weight", "head.weight",
                     "blocks.0.spatial_adapter.up.weight", "blocks.1.cross.temporal_up.weight"):
            self.assertFalse(torch.equal(end[name], start[name]), name)
        state = load_file(self.undisturbed.checkpoint(STEPS) / "optimizer.safetensors")
        self.assertFalse([name for name in state if ".videomae." in name])

    def test_published_weights(self):
        from transformers import CLIPVisionConfig, CLIPVisionModel, VideoMAEConfig, VideoMAEModel
        sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                     intermediate_size=64, patch_size=16)
        clip = CLIPVisionModel(CLIPVisionConfig(image_size=48, **sizes)).state_dict()
        videomae = VideoMAEModel(VideoMAEConfig(
            image_size=48, num_frames=4, use_mean_pooling=False, **sizes)).state_dict()
        clip = {f"vision_model.{k}": v for k, v in clip.items() if "position_ids" not in k}
        save_file({k: v.contiguous() for k, v in clip.items()},
                  self.folder / "clip.safetensors")
        torch.save({"model": {f"encoder.{k}": v for k, v in authors_names(videomae).items()}},
                   self.folder / "videomae.pth")
        start = self.start_of("published", {
            "model.cast.clip.weights": self.folder / "clip.safetensors",
            "model.cast.videomae.weights": self.folder / "videomae.pth"})
        self.expect_equal(start["clip.layer.1.mlp.up_proj.weight"],
                          clip["vision_model.encoder.layers.1.mlp.fc1.weight"])
        self.expect_equal(start["clip.norm.weight"], clip["vision_model.post_layernorm.weight"])
        # 3 x 3 patches there, 3 x 4 here.
        self.assertEqual(start["clip.embeddings.position_embeddings"].shape, (1, 13, 32))
        self.expect_equal(start["videomae.layer.0.attention.k_proj.weight"],
                          videomae["encoder.layer.0.attention.attention.key.weight"])

    def test_a_whole_cast(self):
        trained = load_file(self.undisturbed.checkpoint(STEPS) / "model.safetensors")
        path = self.folder / "trained.pth"
        torch.save({"module": trained}, path)
        start = self.start_of("whole", {"model.cast.weights": path})
        self.assertEqual(set(start), set(trained))
        for name, tensor in trained.items():
            self.expect_equal(start[name], tensor)
        fresh = self.start_of("whole-fresh", {"model.cast.weights": path,
                                              "model.cast.head": "fresh"})
        self.assertFalse(torch.equal(fresh["head.weight"], trained["head.weight"]))
        self.expect_equal(fresh["fc_norm.weight"], trained["fc_norm.weight"])
        trained["head.bias"] = torch.zeros(11)
        torch.save(trained, path)
        _, out = self.train("whole-eleven", {"model.cast.weights": path}, ranks=2, code=4)
        self.assertIn("has a classifier of 11 classes, but the model has 4 classes "
                      "(model.cast.head is weights)", out)
        _, out = self.train("whole-and-part", {
            "model.cast.weights": path, "model.cast.clip.weights": path}, ranks=1, code=2)
        self.assertRegex(out, "model.cast.weights is a whole CAST.*model.cast.clip.weights: null")

    def test_weights_of_another_size(self):
        from transformers import CLIPVisionConfig, CLIPVisionModel
        clip = CLIPVisionModel(CLIPVisionConfig(
            image_size=48, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, patch_size=16)).state_dict()
        path = self.folder / "narrow.safetensors"
        save_file({k: v.contiguous() for k, v in clip.items() if "position_ids" not in k}, path)
        _, out = self.train("narrow", {"model.cast.clip.weights": path}, ranks=2, code=4)
        self.assertRegex(out, r"narrow.safetensors: \S+ has shape \[.*\], but the model needs")
        self.assertEqual(out.count("error: "), 1, out)


def authors_names(tensors):
    """transformers' VideoMAE under the names of its authors."""
    found = {}
    for name, tensor in tensors.items():
        name = name.replace("embeddings.patch_embeddings.projection.", "patch_embed.proj.")
        name = re.sub(r"^encoder\.layer\.", "blocks.", name)
        for theirs, ours in ((".attention.attention.query.bias", ".attn.q_bias"),
                             (".attention.attention.value.bias", ".attn.v_bias"),
                             (".attention.output.dense.", ".attn.proj."),
                             (".intermediate.dense.", ".mlp.fc1."),
                             (".output.dense.", ".mlp.fc2."), (".layernorm_before.", ".norm1."),
                             (".layernorm_after.", ".norm2.")):
            name = name.replace(theirs, ours)
        found[name.replace("layernorm.", "norm.")] = tensor
    for i in range(2):
        parts = [found.pop(f"blocks.{i}.attention.attention.{part}.weight")
                 for part in ("query", "key", "value")]
        found[f"blocks.{i}.attn.qkv.weight"] = torch.cat(parts)
    return found


del Baseline, TrainCase  # not tests by themselves

if __name__ == "__main__":
    gasm_cli.main(__doc__)
