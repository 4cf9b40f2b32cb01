# SPDX-License-Identifier: Apache-2.0
"""One training step of whole recognisers by torch.optim.AdamW, for make_cases.py.

Clips go through the backbones of transformers and pytorchvideo, which learn, and through the
reference of the fusion.
"""
import torch

from case_files import redraw
from library_names import OURS, renamed
import reference_gasm_cast as fusion
import step_cases


def dinov2(semantic, generator):
    from transformers import Dinov2Config, Dinov2Model
    return redraw(Dinov2Model(Dinov2Config(
        hidden_size=semantic["width"], num_hidden_layers=semantic["depth"],
        num_attention_heads=semantic["heads"], patch_size=semantic["patch"],
        image_size=semantic["resolution"][0], layer_norm_eps=1e-6)), generator)


def motion_vit(motion, resolution, num_frames, generator):
    from transformers import VideoMAEConfig, VideoMAEModel, VJEPA2Config, VJEPA2Model
    vit = motion["vit"]
    sizes = dict(hidden_size=vit["width"], num_hidden_layers=vit["depth"],
                 num_attention_heads=vit["heads"], patch_size=vit["patch"])
    if motion["kind"] == "videomae":
        return redraw(VideoMAEModel(VideoMAEConfig(
            **sizes, intermediate_size=vit["ffn_hidden"], image_size=resolution,
            num_frames=num_frames, use_mean_pooling=False)), generator)
    return redraw(VJEPA2Model(VJEPA2Config(
        **sizes, mlp_ratio=vit["ffn_hidden"] / vit["width"], crop_size=resolution[0],
        frames_per_clip=num_frames, pred_hidden_size=24, pred_num_hidden_layers=1,
        pred_num_attention_heads=2)), generator)


def settings(make):
    """name, model.semantic, model.motion, what changes in the fusion, and the optimiser's."""
    usual = dict(lr=1e-2, weight_decay=0.05, label_smoothing=0.1, clip_norm=2.0)
    pixels = dict(mean=[0.4, 0.45, 0.5], std=[0.2, 0.225, 0.25])
    bcast = dict(fusion="bcast", fusion_layers=2, fusion_dim=16, fusion_heads=4, cross_bias=True)
    semantic = make.semantic_config(frames=[2, 5], resolution=[32, 48], train="all",
                                    weights="of_a_file")
    i3d = make.motion_config(grid=[2, 2], train="all", **pixels)
    yield ("dinov3-i3d", semantic, i3d,
           dict(bcast, window="aligned", pool="time_concat", standardise="batchnorm"),
           dict(usual, backbone_lr_scale=0.1))
    yield ("dinov3-i3d-partly", dict(semantic, train="some", learns=["layer.1", "norm"]),
           dict(i3d, train="some", learns=["res3"], input="centred"),
           dict(bcast, fusion="cross", pool="attention", pool_heads=4),
           dict(usual, backbone_lr_scale=0.5))
    square = dict(kind="dinov2", registers=0, patch=8, ffn_hidden=128, resolution=[32, 32],
                  positions=[4, 4])
    vit = dict(preset="custom", width=48, depth=2, heads=4, ffn_hidden=96, patch=16, tubelet=2)
    yield ("dinov2-vjepa2", dict(semantic, **square),
           dict(kind="vjepa2", vit=vit, grid=[1, 2], train="all", **pixels),
           dict(bcast, pool="mean"), dict(usual, betas=[0.8, 0.95]))
    yield ("dinov3-videomae", dict(semantic, train="none"),
           dict(kind="videomae", vit=vit, grid=[2, 3], train="all", **pixels),
           dict(bcast, window="aligned", pool="time_concat"), usual)


FRAMES = 8


def fusion_spec(semantic, motion, changes):
    is_vit = "vit" in motion
    return fusion.Spec(**dict(dict(
        num_classes=5, semantic_dim=semantic["width"], clip_frames=FRAMES,
        semantic_grid=[n // semantic["patch"] for n in semantic["resolution"]],
        semantic_frames=semantic["frames"], motion_segments=4, motion_grid=motion["grid"],
        motion_dim=motion["vit"]["width"] if is_vit else motion["widths"][1], graph_heads=4,
        graph_semantic_topk=2, graph_motion_topk=1, graph_sim_dim=8), **changes))


def fusion_section(spec):
    return dict(kind=spec.fusion, layers=spec.fusion_layers, dim=spec.fusion_dim,
                heads=spec.fusion_heads, window=spec.window, cross_bias=spec.cross_bias,
                pool=spec.pool, pool_heads=spec.pool_heads, standardise=spec.standardise,
                graph=dict(layers=1, heads=4, semantic_topk=2, motion_topk=1, sim_dim=8))


class Recogniser:
    def __init__(self, make, semantic, motion, spec, generator):
        self.semantic, self.motion, self.spec, self.make = semantic, motion, spec, make
        kind = semantic.get("kind", "dinov3")
        is_vit = "vit" in motion
        self.image = (dinov2 if kind == "dinov2" else make.dinov3)(semantic, generator)
        self.clip = (motion_vit(motion, semantic["resolution"], FRAMES, generator) if is_vit
                     else make.small_i3d(motion, generator))
        self.joint = fusion.draw_weights(spec, generator)
        self.names = {"semantic_backbone.": (self.image, OURS[kind]),
                      "motion_backbone.": (self.clip, OURS[motion["kind"]])}
        self.seen = []

    def named(self, tensors_of):
        """What `tensors_of` gives of each backbone, by gasm's names."""
        return {prefix + name: tensor for prefix, (module, rules) in self.names.items()
                for name, tensor in renamed(dict(tensors_of(module)), rules).items()}

    def weights(self):
        return {**self.named(lambda module: module.state_dict()),
                **{f"gasm_cast.{name}": tensor for name, tensor in self.joint.items()}}

    def choose(self, fused):
        """What learns by gasm's names, and batch norms as the trainer has them."""
        parameters = self.named(lambda module: module.named_parameters())
        parts = {"res3": "blocks.3"}
        for prefix, section in (("semantic_backbone.", self.semantic),
                                ("motion_backbone.", self.motion)):
            learns = {"all": [""], "none": [], "some": section.get("learns")}[section["train"]]
            starts = tuple(prefix + parts.get(part, part) for part in learns)
            for name in [n for n in parameters if n.startswith(prefix)]:
                parameters[name].requires_grad_(name.startswith(starts))
        self.follow_batch_norms()
        return {**{n: p for n, p in parameters.items() if p.requires_grad},
                **{f"gasm_cast.{n}": p for n, p in fused.items()}}

    def follow_batch_norms(self):
        """Those that learn note what they see, and leave their running values."""
        for name, module in self.clip.named_modules():
            if isinstance(module, torch.nn.BatchNorm3d) and module.weight.requires_grad:
                module.train().momentum = 0.0
                module.register_forward_pre_hook(
                    lambda _, x, name=name: self.seen.append((
                        f"motion_backbone.{name}", x[0].detach().mean((0, 2, 3, 4)),
                        x[0].detach().transpose(0, 1).flatten(1).var(1))))

    def frames(self, clips):
        pixels = self.make.normalised(clips[:, self.semantic["frames"]], dict(
            mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]))
        tokens = self.image(pixels.flatten(0, 1)).last_hidden_state
        first = 1 + self.semantic["registers"]
        return tokens[:, first:].unflatten(0, pixels.shape[:2])

    def segments(self, clips):
        motion = self.motion
        pixels = self.make.normalised(clips, motion)
        if motion.get("input") == "centred":
            pixels = pixels - pixels.mean(1, keepdim=True)
        if "vit" in motion:
            extra = {"skip_predictor": True} if motion["kind"] == "vjepa2" else {}
            tokens = self.clip(pixels, **extra).last_hidden_state
            rows, columns = (n // motion["vit"]["patch"] for n in clips.shape[2:4])
            x = tokens.transpose(1, 2).unflatten(2, (-1, rows, columns))
        else:
            x = pixels.transpose(1, 2)
            for block in self.clip.blocks[:4]:
                x = block(x)
        x = torch.nn.functional.adaptive_avg_pool3d(x, (x.shape[2], *motion["grid"]))
        return x.flatten(3).permute(0, 2, 3, 1)

    def logits(self, clips):
        joint = []
        model = fusion.Model(self.spec, self.joint, joint)
        logits = model.forward(self.frames(clips), self.segments(clips))["logits"]
        self.seen += [(f"gasm_cast.{name}", mean, var) for name, mean, var in joint]
        return logits


def all_cases(make):
    """name, model, weights before, inputs with the optimiser's state, outputs, and the optimiser's
    settings; `make`: the module make_cases."""
    for seed, (name, semantic, motion, changes, optim) in enumerate(settings(make)):
        generator = torch.Generator().manual_seed(700 + seed)
        spec = fusion_spec(semantic, motion, changes)
        with torch.no_grad():
            model = Recogniser(make, semantic, motion, spec, generator)
        weights = model.weights()
        before = {n: tensor.detach().clone() for n, tensor in weights.items()}
        parameters = model.choose(make.learned(model.joint))
        inputs = {
            "clips": torch.randint(0, 256, (4, FRAMES, *semantic["resolution"], 3),
                                   generator=generator).to(torch.uint8),
            "labels": torch.randint(0, spec.num_classes, (4,), generator=generator),
            **step_cases.draw_state(parameters, False, generator)}

        def scale(key, semantic=semantic, optim=optim):
            is_loaded = "weights" in semantic and key.startswith("semantic_backbone.")
            return optim.get("backbone_lr_scale", 0.1) if is_loaded else 1.0
        outputs = step_cases.take_step(
            parameters, optim, inputs, lambda rows, model=model: model.logits(
                inputs["clips"][rows]), scale)
        for key in [k for k in weights if k.endswith("num_batches_tracked")]:
            weights[key].copy_(before[key])
        step_cases.apply_running(weights, model.seen)
        sections = {"num_classes": spec.num_classes, "semantic": semantic, "motion": motion,
                    "fusion": fusion_section(spec)}
        yield name, {"model": sections}, before, inputs, {
            **outputs, **{f"after.{n}": w for n, w in weights.items()}}, optim
