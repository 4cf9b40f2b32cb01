#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes parity cases with random weights: make_cases.py FAMILY OUT.

FAMILY is backbone, cast, fusion, step, vit, i3d, timesformer or video. OUT/NAME/ then holds
model.json, weights.safetensors, inputs.safetensors and the reference's outputs.safetensors, which
forward_case (step_case for step) compares with the C++ models.
"""
import argparse
import json
import sys

import torch
from torch.utils.flop_counter import FlopCounterMode

import backbone_cases
from case_files import redraw, write_case
from i3d_cases import make_i3d, motion_config, run_i3d, small_i3d
import reference_cast
import reference_gasm_cast as fusion
from model_counts import count_macs, count_parameters
import recogniser_steps
import step_cases


# ---- fusion -----------------------------------------------------------------

SMALL = dict(num_classes=7, semantic_dim=16, semantic_grid=[3, 4], motion_dim=24,
             motion_segments=4, clip_frames=8, semantic_frames=[3], graph_heads=4,
             graph_semantic_topk=3, graph_motion_topk=1, graph_sim_dim=8,
             fusion_dim=8, fusion_heads=2, fusion_layers=2, pool_heads=2)


def fusion_settings():
    yield "faithful", dict(num_classes=20)
    for kind in ("bcast", "cross", "concat", "late", "semantic", "motion"):
        for pool in ("mean", "time_concat", "attention"):
            for standardise in ("fixed", "batchnorm"):
                yield f"{kind}-{pool}-{standardise}", dict(
                    SMALL, fusion=kind, pool=pool, standardise=standardise)
    for kind in ("bcast", "cross"):
        for window in ("global", "aligned"):
            for bias in (False, True):
                yield f"{kind}-{window}-bias{int(bias)}", dict(
                    SMALL, fusion=kind, window=window, cross_bias=bias,
                    motion_grid=[2, 3], semantic_frames=[1, 4, 7])
    yield "uneven-grids", dict(SMALL, semantic_grid=[5, 3], motion_grid=[2, 2],
                               window="aligned", cross_bias=True, semantic_frames=[0, 2, 5, 7])
    yield "widths", dict(SMALL, semantic_width=32, motion_width=8, ffn_ratio=2.5)
    yield "no-graph", dict(SMALL, graph_layers=0)
    yield "deep", dict(SMALL, graph_layers=3, fusion_layers=4)
    yield "no-fusion-layers", dict(SMALL, fusion_layers=0)
    yield "topk-0", dict(SMALL, graph_semantic_topk=0, graph_motion_topk=0)
    yield "topk-all", dict(SMALL, graph_semantic_topk=99, graph_motion_topk=99)
    yield "one-patch", dict(SMALL, semantic_grid=[1, 1], motion_segments=1)
    for kind in ("bcast", "cross", "late", "semantic", "motion"):
        yield f"{kind}-frozen", dict(SMALL, fusion=kind, graph_edges="frozen", graph_layers=2,
                                     motion_grid=[1, 2], semantic_frames=[1, 6])
    yield "frozen-widths", dict(SMALL, graph_edges="frozen", semantic_width=8, motion_width=12)
    for edges in ("learned", "frozen"):
        for grid, topk in (([5, 3], 2), ([1, 7], 0), ([2, 2], 9), ([4, 6], 99), ([1, 1], 3)):
            yield f"gather-{edges}-{grid[0]}x{grid[1]}-top{topk}", dict(
                SMALL, graph_attention="gather", graph_edges=edges, semantic_grid=grid,
                graph_layers=2, graph_semantic_topk=topk, semantic_frames=[0, 3])
    for heads in (4, 8, 16):
        yield f"heads-{heads}", dict(
            SMALL, semantic_dim=32, motion_dim=48, fusion_dim=32, graph_heads=heads,
            fusion_heads=heads, pool_heads=heads, pool="attention")


def learned(weights):
    """The tensors that take a gradient, as leaves of autograd."""
    fixed = ("mean", "std", "running_mean", "running_var", "num_batches_tracked")
    return {name: tensor.requires_grad_() for name, tensor in weights.items()
            if name.rsplit(".", 1)[-1] not in fixed}


def make_fusion(out):
    for seed, (name, changes) in enumerate(fusion_settings()):
        spec = fusion.Spec(**changes)
        generator = torch.Generator().manual_seed(seed)
        weights = fusion.draw_weights(spec, generator)
        inputs = {
            "semantic": torch.randn(2, spec.S, spec.N, spec.semantic_dim, generator=generator),
            "motion": torch.randn(2, spec.M, spec.P, spec.motion_dim, generator=generator)}
        parameters = learned(weights)
        with FlopCounterMode(display=False) as counter:
            outputs = fusion.Model(spec, weights).forward(**inputs)
        # The reference measures a frozen graph once a layer, attends along all
        # pairs and projects each token that it pools.
        if not {"frozen", "gather", "attention"} & {spec.graph_edges, spec.graph_attention,
                                                    spec.pool}:
            outputs["macs"] = torch.tensor(counter.get_total_flops() / 2 / 2)
        inputs["pull"] = torch.randn(outputs["logits"].shape, generator=generator)
        (outputs["logits"] * inputs["pull"]).sum().backward()
        outputs |= {f"grad.{n}": p.grad for n, p in parameters.items() if p.grad is not None}
        write_case(f"{out}/{name}", spec.values, weights, inputs, outputs)


def make_step(out):
    make = sys.modules[__name__]
    for name, model, weights, inputs, outputs, optim in (
            *step_cases.all_cases(make), *recogniser_steps.all_cases(make)):
        write_case(f"{out}/{name}", model, weights, inputs, outputs)
        with open(f"{out}/{name}/optim.json", "w") as file:
            json.dump({"optim": optim}, file)


# ---- backbones --------------------------------------------------------------

def dinov3(semantic, generator):
    from transformers import DINOv3ViTConfig, DINOv3ViTModel
    gated = semantic["ffn"] == "swiglu"
    config = DINOv3ViTConfig(
        hidden_size=semantic["width"], intermediate_size=semantic["ffn_hidden"],
        num_hidden_layers=semantic["depth"], num_attention_heads=semantic["heads"],
        patch_size=semantic["patch"], num_register_tokens=semantic["registers"],
        use_gated_mlp=gated, hidden_act="silu" if gated else "gelu", layer_norm_eps=1e-5,
        **backbone_cases.EAGER)
    return redraw(DINOv3ViTModel(config), generator)


def semantic_config(**changes):
    return dict(dict(preset="custom", width=32, depth=2, heads=4, patch=16, registers=4,
                     ffn="mlp", ffn_hidden=64, resolution=[48, 64]), **changes)


def make_vit(out):
    cases = {
        "mlp": (semantic_config(), (48, 64)),
        "swiglu": (semantic_config(ffn="swiglu", ffn_hidden=40), (48, 64)),
        "cut-to-patches": (semantic_config(heads=8, depth=3), (61, 45)),
        "patch-8": (semantic_config(patch=8, registers=2, resolution=[32, 40]), (32, 40)),
        "vits16plus": (semantic_config(width=384, depth=12, heads=6, ffn="swiglu",
                                       ffn_hidden=1536, resolution=[224, 224]), (224, 224)),
    }
    for seed, (name, (semantic, size)) in enumerate(cases.items()):
        generator = torch.Generator().manual_seed(seed)
        model = dinov3(semantic, generator)
        images = torch.randn(2 if seed < 4 else 1, 3, *size, generator=generator)
        with torch.no_grad():
            tokens = model(images).last_hidden_state
        first = 1 + semantic["registers"]
        outputs = {"cls": tokens[:, 0], "registers": tokens[:, 1:first],
                   "patches": tokens[:, first:]}
        write_case(f"{out}/{name}", {"model": {"semantic": semantic}}, model.state_dict(),
                   {"images": images}, outputs)


# ---- TimeSformer -------------------------------------------------------------

def timesformer_config(**changes):
    return dict(dict(kind="timesformer", dim=32, depth=2, heads=4, hidden=48, patch=8,
                     resolution=[24, 24], num_frames=3, num_classes=7), **changes)


def timesformer(backbone, generator):
    """The published code, with its embeddings drawn large enough to matter."""
    from transformers import TimesformerConfig, TimesformerForVideoClassification
    config = TimesformerConfig(
        hidden_size=backbone["dim"], num_hidden_layers=backbone["depth"],
        num_attention_heads=backbone["heads"], intermediate_size=backbone["hidden"],
        patch_size=backbone["patch"], image_size=backbone["resolution"],
        num_frames=backbone["num_frames"], num_labels=backbone["num_classes"])
    model = redraw(TimesformerForVideoClassification(config), generator)
    for name, parameter in model.named_parameters():
        if name.endswith("_embeddings"):
            parameter.data = 0.5 * torch.randn(parameter.shape, generator=generator)
    return model


def run_timesformer(model, clips, clip_size):
    # Its blocks read the size of a clip from here, and its embeddings, which
    # are resized where they do not fit, have their size by now.
    model.config.num_frames, _, model.config.image_size = clip_size
    result = model(clips.transpose(1, 2), output_hidden_states=False)
    tokens = model.timesformer(clips.transpose(1, 2)).last_hidden_state
    return {"cls": tokens[:, 0], "patches": tokens[:, 1:], "logits": result.logits}


def without_prefix(tensors):
    return {name.removeprefix("timesformer."): tensor for name, tensor in tensors}


def make_timesformer(out):
    # Name: configuration, size of the clips, and whether to load the weights
    # into a model of that size instead of one of the size they were made for.
    cases = {
        "small": (timesformer_config(), (3, 24, 24), False),
        "wide-image": (timesformer_config(resolution=[16, 40], num_frames=2), (2, 16, 40), False),
        "one-frame": (timesformer_config(num_frames=1, heads=2), (1, 24, 24), False),
        "many-frames": (timesformer_config(num_frames=11, depth=3), (11, 24, 24), False),
        "odd-patch": (timesformer_config(patch=7, resolution=[21, 14]), (3, 21, 14), False),
        "more-frames": (timesformer_config(num_frames=4), (7, 24, 24), False),
        "fewer-frames": (timesformer_config(num_frames=8), (3, 24, 24), False),
        "larger-image": (timesformer_config(), (3, 40, 56), False),
        "smaller-image": (timesformer_config(resolution=[56, 56]), (3, 24, 40), False),
        "resized-at-loading": (timesformer_config(num_frames=4), (6, 40, 48), True),
        "base": (timesformer_config(dim=768, depth=12, heads=12, hidden=3072, patch=16,
                                    resolution=[224, 224], num_frames=8, num_classes=174),
                 (8, 224, 224), False),
    }
    for seed, (name, (backbone, size, load)) in enumerate(cases.items()):
        generator = torch.Generator().manual_seed(200 + seed)
        model = timesformer(backbone, generator)
        state = without_prefix(model.state_dict().items())
        clips = torch.randn(1 if name == "base" else 2, 3, *size, generator=generator)
        pull = torch.randn(backbone["num_classes"], generator=generator)
        inputs = {"clip": clips}
        with torch.set_grad_enabled(name != "base"):
            outputs = run_timesformer(model, clips, size)
        if name != "base":
            inputs["pull"] = pull
            (outputs["logits"] * pull).sum().backward()
            # Of resized weights, the gradients are those of the larger model.
            outputs.update({f"grad.{key}": value for key, value in without_prefix(
                (key, parameter.grad) for key, parameter in model.named_parameters()).items()
                if not (load and key.endswith(("position_embeddings", "time_embeddings")))})
        outputs["macs"] = count_macs(model, clips[:1].transpose(1, 2))
        if not load:
            outputs["parameters"] = count_parameters(model)
        else:
            backbone = dict(backbone, num_frames=size[0], resolution=list(size[1:]))
        write_case(f"{out}/{name}", {"model": {"backbone": backbone}}, state, inputs, outputs)


# ---- CAST -------------------------------------------------------------------

def cast_config(**changes):
    return dict(dict(preset="custom", resolution=[24, 32], mean=[0.485, 0.456, 0.406],
                     std=[0.229, 0.224, 0.225], adapter_ratio=0.25, bottleneck_ratio=0.5,
                     width=48, depth=12, heads=4, ffn_hidden=80, patch=8), **changes)


def normalised(clips, config):
    """Bytes [B, T, H, W, 3] -> [B, T, 3, H, W] as model.cast or model.timesformer say."""
    pixels = clips.permute(0, 1, 4, 2, 3).float() / 255
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    pixels = (pixels - mean) / std
    return pixels.flip(2) if config.get("channels") == "bgr" else pixels


def make_cast(out):
    cases = {
        "twelve-blocks": (cast_config(), 6),
        "odd": (cast_config(depth=3, width=30, heads=3, ffn_hidden=50, patch=7,
                            resolution=[21, 35], adapter_ratio=0.3, channels="bgr",
                            mean=[0.4, 0.5, 0.6], std=[0.2, 0.25, 0.3]), 10),
        "one-pair": (cast_config(depth=1, width=16, heads=2, resolution=[8, 8]), 2),
        "authors": (cast_config(depth=2), 4),
    }
    for seed, (name, (config, frames)) in enumerate(cases.items()):
        generator = torch.Generator().manual_seed(300 + seed)
        with torch.no_grad():
            model = redraw(reference_cast.Cast(config, frames, 7), generator)
        clips = torch.randint(0, 256, (2, frames, *config["resolution"], 3),
                              generator=generator).to(torch.uint8)
        pull = torch.randn(7, generator=generator)
        pixels = normalised(clips, config)
        logits = model(pixels)
        (logits * pull).sum().backward()
        learning = {k: p for k, p in model.named_parameters() if p.requires_grad}
        outputs = {"logits": logits, "macs": count_macs(model, pixels[:1]),
                   "parameters": count_parameters(model),
                   "trainable": torch.tensor(sum(p.numel() for p in learning.values()))}
        gradients = reference_cast.named_as_ours({k: p.grad for k, p in learning.items()})
        for key in [k for k in gradients if k.endswith(".k.bias")]:
            # Adds the same to every logit: what is left of it is rounding.
            weight = key.removesuffix("bias") + "weight"
            gradients[weight] = torch.cat([gradients[weight], gradients.pop(key)[:, None]], 1)
        outputs.update({f"grad.{k}": v for k, v in gradients.items()})
        named = (reference_cast.named_as_authors if name == "authors"
                 else reference_cast.named_as_ours)
        write_case(f"{out}/{name}", {"model": {"kind": "cast", "cast": config}},
                   named(model.state_dict()), {"clips": clips, "pull": pull}, outputs)


# ---- the whole recogniser ---------------------------------------------------

def make_video(out):
    for seed, taken in enumerate(("rgb", "centred")):
        generator = torch.Generator().manual_seed(90 + seed)
        semantic = semantic_config(frames=[2, 5], resolution=[32, 48])
        motion = motion_config(grid=[2, 2], input=taken, mean=[0.4, 0.45, 0.5],
                               std=[0.2, 0.225, 0.25])
        joint = dict(kind="bcast", layers=2, dim=16, heads=4, window="aligned", cross_bias=True,
                     pool="time_concat", standardise="batchnorm",
                     graph=dict(layers=1, heads=4, semantic_topk=2, motion_topk=1, sim_dim=8))
        spec = fusion.Spec(
            num_classes=5, semantic_dim=32, semantic_grid=[2, 3], semantic_frames=[2, 5],
            motion_dim=24, motion_segments=4, motion_grid=[2, 2], clip_frames=8,
            graph_heads=4, graph_semantic_topk=2, graph_motion_topk=1, graph_sim_dim=8,
            fusion_layers=2, fusion_dim=16, fusion_heads=4, window="aligned",
            cross_bias=True, pool="time_concat", standardise="batchnorm")
        vit, i3d = dinov3(semantic, generator), small_i3d(motion, generator)
        weights = fusion.draw_weights(spec, generator)
        clips = torch.randint(0, 256, (2, 8, 32, 48, 3), generator=generator).to(torch.uint8)
        pixels = clips.permute(0, 1, 4, 2, 3).float() / 255
        frames = pixels[:, [2, 5]].flatten(0, 1)
        frames = ((frames - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) /
                  torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))
        mean, std = (torch.tensor(motion[k]).view(3, 1, 1) for k in ("mean", "std"))
        moving = (pixels - (pixels.mean(1, keepdim=True) if taken == "centred" else mean)) / std
        with torch.no_grad():
            maps = vit(frames).last_hidden_state[:, 5:].unflatten(0, (2, 2))
        tokens = run_i3d(i3d, moving.transpose(1, 2), "res3", [2, 2])["tokens"]
        outputs = fusion.Model(spec, weights).forward(maps, tokens)
        from_vit = {k.removeprefix("model."): v for k, v in vit.state_dict().items()
                    if "mask_token" not in k and "inv_freq" not in k}
        state = {**{f"semantic_backbone.{k}": v for k, v in from_vit.items()},
                 **{f"motion_backbone.{k}": v for k, v in i3d.state_dict().items()},
                 **{f"gasm_cast.{k}": v for k, v in weights.items()}}
        write_case(f"{out}/{taken}",
                   {"model": {"semantic": semantic, "motion": motion, "fusion": joint}},
                   state, {"clips": clips}, outputs)
    make_video_timesformer(out)


def make_video_timesformer(out):
    generator = torch.Generator().manual_seed(95)
    backbone = timesformer_config(num_frames=4, resolution=[24, 40])
    model = timesformer(backbone, generator)
    config = dict(preset="custom", resolution=[24, 40], width=32, depth=2, heads=4, ffn_hidden=48,
                  patch=8, mean=[0.4, 0.45, 0.5], std=[0.2, 0.225, 0.25], channels="bgr")
    clips = torch.randint(0, 256, (2, 4, 24, 40, 3), generator=generator).to(torch.uint8)
    with torch.no_grad():
        pixels = normalised(clips, config).transpose(1, 2)
        logits = run_timesformer(model, pixels, (4, 24, 40))["logits"]
    state = {f"timesformer.{k}": v for k, v in without_prefix(model.state_dict().items()).items()}
    write_case(f"{out}/timesformer", {"model": {"kind": "timesformer", "timesformer": config}},
               state, {"clips": clips}, {"logits": logits})


def make_backbone(out):
    for name, backbone, *tensors in backbone_cases.all_cases(sys.modules[__name__]):
        write_case(f"{out}/{name}", {"model": {"backbone": backbone}}, *tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    makers = {"backbone": make_backbone, "cast": make_cast, "fusion": make_fusion, "i3d": make_i3d,
              "step": make_step, "timesformer": make_timesformer, "video": make_video,
              "vit": make_vit}
    parser.add_argument("family", choices=sorted(makers))
    parser.add_argument("out")
    arguments = parser.parse_args()
    makers[arguments.family](arguments.out)


if __name__ == "__main__":
    main()
