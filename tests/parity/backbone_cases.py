# SPDX-License-Identifier: Apache-2.0
"""Parity cases of backbones alone, in the files that their libraries write."""
import os
import re
import tempfile

import torch
from safetensors.torch import load_file

from case_files import redraw
from i3d_cases import i3d_r50
from library_names import below, joined, renamed
from model_counts import count_macs


def saved(model):
    """What the library's own save_pretrained writes."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(os.path.join(folder, "model.safetensors"))


def tokens_of(sequence, registers):
    outputs = {"cls": sequence[:, 0], "patches": sequence[:, 1 + registers:]}
    if registers:
        outputs["registers"] = sequence[:, 1:1 + registers]
    return outputs


# fvcore counts no fused attention.
EAGER = dict(attn_implementation="eager")


class Alone(torch.nn.Module):
    """`run`, which calls `model` with keywords, as a module that fvcore can trace."""

    def __init__(self, model, run):
        super().__init__()
        self.model, self.run = model, run

    def forward(self, pixels):
        return self.run(pixels)


def gradients_of(model, patches, generator):
    """Those of sum(pull * patches) by the library's names; zero where there is none."""
    pull = torch.randn(patches.shape, generator=generator)
    model.zero_grad()
    (patches * pull).sum().backward()
    return {"pull": pull, **{
        f"grad.{name}": torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in model.named_parameters()}}


def checks_of(model, run, pixels, patches, generator):
    """What forward does not put out: work, and gradients where `patches` has a graph."""
    with torch.no_grad():
        checks = {"macs": count_macs(Alone(model, run), pixels[:1])}
    if patches.requires_grad:
        checks |= gradients_of(model, patches, generator)
    return checks


# ---- DINOv3 -----------------------------------------------------------------

def dinov3_hub(state):
    """Meta's names: one qkv, a bias mask, periods rounded to bfloat16."""
    out = {}
    for name, tensor in state.items():
        name = name.removeprefix("model.")
        if "inv_freq" in name:
            continue
        if ".k_proj" in name or ".v_proj" in name or name.endswith("q_proj.bias"):
            continue
        if name.endswith("q_proj.weight"):
            stem = name.removesuffix("q_proj.weight")
            block = re.search(r"layer\.(\d+)", name).group(1)
            q, k, v = (state[k] for k in (
                next(n for n in state if n.endswith(f"{stem}{letter}_proj.weight"))
                for letter in "qkv"))
            bias_q, bias_v = (state[next(n for n in state if n.endswith(
                f"{stem}{letter}_proj.bias"))] for letter in "qv")
            width = len(bias_q)
            out[f"blocks.{block}.attn.qkv.weight"] = torch.cat([q, k, v])
            # What the mask hides must not matter.
            out[f"blocks.{block}.attn.qkv.bias"] = torch.cat(
                [bias_q, torch.full_like(bias_q, 9.0), bias_v])
            mask = torch.ones(3 * width)
            mask[width:2 * width] = 0
            out[f"blocks.{block}.attn.qkv.bias_mask"] = mask
            continue
        out[name] = tensor
    return {**renamed(out, [
        (r"^embeddings\.cls_token$", "cls_token"),
        (r"^embeddings\.register_tokens$", "storage_tokens"),
        (r"^embeddings\.mask_token$", "mask_token"),
        (r"^embeddings\.patch_embeddings\.", "patch_embed.proj."),
        (r"^layer\.(\d+)\.attention\.o_proj\.", r"blocks.\1.attn.proj."),
        (r"^layer\.(\d+)\.layer_scale(\d)\.lambda1", r"blocks.\1.ls\2.gamma"),
        (r"^layer\.(\d+)\.mlp\.gate_proj\.", r"blocks.\1.mlp.w1."),
        (r"^layer\.(\d+)\.mlp\.down_proj\.", r"blocks.\1.mlp.w3."),
        (r"^layer\.(\d+)\.mlp\.up_proj\.", r"blocks.\1.mlp.w2."),
        (r"^layer\.(\d+)\.", r"blocks.\1.")]),
        "rope_embed.periods": bf16_periods(64 // 4)}


def bf16_periods(count):
    return (100 ** (torch.arange(count) / count)).bfloat16().float()


def dinov3_cases(dinov3, semantic_config):
    """`dinov3` and `semantic_config` are make_cases.py's."""
    for name, sizes, size in (
            ("dinov3-transformers", dict(width=32, heads=4, ffn_hidden=64), (48, 80)),
            ("dinov3-meta", dict(width=32, heads=2, ffn="swiglu", ffn_hidden=40), (64, 48))):
        generator = torch.Generator().manual_seed(len(name))
        semantic = semantic_config(**sizes)
        model = dinov3(semantic, generator)
        weights = saved(model)
        if name == "dinov3-meta":
            weights = dinov3_hub(weights)
            count = semantic["width"] // semantic["heads"] // 4
            weights["rope_embed.periods"] = bf16_periods(count)
            model.rope_embeddings.inv_freq = 1 / bf16_periods(count)
        frames = torch.randn(2, 3, *size, generator=generator)

        def run(pixels, model=model):
            return model(pixels).last_hidden_state
        outputs = tokens_of(run(frames), 4)
        yield name, dict(kind="dinov3", dim=semantic["width"], depth=2,
                         heads=semantic["heads"], hidden=semantic["ffn_hidden"],
                         ffn=semantic["ffn"], resolution=list(size)), weights, {
                             "frames": frames}, outputs, checks_of(
                                 model, run, frames, outputs["patches"], generator)


def timm_cases():
    from timm.models.eva import Eva
    for name, gated, bias in (("dinov3-timm", False, False), ("dinov3-timm-swiglu", True, True)):
        generator = torch.Generator().manual_seed(40 + gated)
        model = Eva(
            img_size=64, patch_size=16, embed_dim=32, depth=2, num_heads=2, qkv_bias=bias,
            init_values=1e-5, rope_type="dinov3", rope_temperature=100, rope_rotate_half=True,
            use_rot_pos_emb=True, use_abs_pos_emb=False, swiglu_mlp=gated, swiglu_align_to=8,
            mlp_ratio=2, num_reg_tokens=4, use_fc_norm=False, num_classes=0,
            dynamic_img_size=True, norm_layer=lambda d, **kw: torch.nn.LayerNorm(d, eps=1e-5, **kw))
        with torch.no_grad():
            redraw(model, generator)
        frames = torch.randn(2, 3, 48, 64, generator=generator)
        with torch.no_grad():
            outputs = tokens_of(model.forward_features(frames), 4)
        yield name, dict(kind="dinov3", dim=32, depth=2, heads=2, hidden=64,
                         ffn="swiglu" if gated else "mlp",
                         resolution=[48, 64]), model.state_dict(), {
                             "frames": frames}, outputs, {}


# ---- DINOv2 and CLIP --------------------------------------------------------

def dinov2_hub(tensors):
    tensors = renamed(tensors, [
        (r"^embeddings\.position_embeddings$", "pos_embed"),
        (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
        (r"^embeddings\.", ""),
        (r"^encoder\.layer\.(\d+)\.layer_scale(\d)\.lambda1", r"blocks.\1.ls\2.gamma"),
        (r"^encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blocks.\1.attn.proj."),
        (r"^encoder\.layer\.(\d+)\.attention\.attention\.", r"blocks.\1.attn."),
        (r"^encoder\.layer\.(\d+)\.", r"blocks.\1."),
        (r"^layernorm\.", "norm.")])
    for kind in ("weight", "bias"):
        tensors = joined(tensors, [f"blocks.{{}}.attn.{n}.{kind}" for n in
                                   ("query", "key", "value")], f"blocks.{{}}.attn.qkv.{kind}")
    return tensors


def hub_positions(model, rows, columns):
    """DINOv2's own resampling, by a scale with an offset of 0.1."""
    table = model.embeddings.position_embeddings
    side = round((table.shape[1] - 1) ** 0.5)
    grid = table[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    grid = torch.nn.functional.interpolate(
        grid, scale_factor=((rows + 0.1) / side, (columns + 0.1) / side), mode="bicubic")
    assert grid.shape[2:] == (rows, columns)
    return torch.cat([table[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2)], 1)


def dinov2_cases():
    from transformers import (Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig,
                              Dinov2WithRegistersModel)
    small = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, patch_size=14,
                 image_size=70, layer_norm_eps=1e-6, **EAGER)
    base = dict(image_size=518, patch_size=14, layer_norm_eps=1e-6, **EAGER)
    sizes = dict(dim=32, depth=2, heads=4)
    cases = {
        "dinov2-stored": (Dinov2Model, Dinov2Config, small, sizes, (70, 70)),
        "dinov2-resampled": (Dinov2Model, Dinov2Config, small, sizes, (56, 98)),
        "dinov2-registers": (Dinov2WithRegistersModel, Dinov2WithRegistersConfig, small,
                             dict(sizes, registers=4), (42, 56)),
        "dinov2-meta": (Dinov2Model, Dinov2Config, small, sizes, (42, 84)),
        "dinov2-meta-registers": (Dinov2WithRegistersModel, Dinov2WithRegistersConfig, small,
                                  dict(sizes, registers=4), (84, 42)),
        "dinov2-vitb14": (Dinov2Model, Dinov2Config, base, dict(preset="vitb14"), (196, 196)),
    }
    for seed, (name, (kind, config, values, backbone, size)) in enumerate(cases.items()):
        generator = torch.Generator().manual_seed(60 + seed)
        with torch.no_grad():
            model = redraw(kind(config(**values)), generator)
        weights = saved(model)
        frames = torch.randn(2 if seed < 5 else 1, 3, *size, generator=generator)
        if name.startswith("dinov2-meta"):
            weights = dinov2_hub(weights)
        if name == "dinov2-meta":
            rows, columns = size[0] // 14, size[1] // 14
            table = hub_positions(model, rows, columns)
            # A trace takes no constant with a graph.
            model.embeddings.interpolate_pos_encoding = (
                lambda *_, table=table, fixed=table.detach(): (
                    fixed if torch.jit.is_tracing() else table))

        def run(pixels, model=model):
            return model(pixels).last_hidden_state
        with torch.set_grad_enabled("preset" not in backbone):
            outputs = tokens_of(run(frames), backbone.get("registers", 0))
        yield name, dict(backbone, kind="dinov2", resolution=list(size)), weights, {
            "frames": frames}, outputs, checks_of(
                model, run, frames, outputs["patches"], generator)


def clip_openai(tensors):
    tensors = {n.removeprefix("vision_model."): t for n, t in tensors.items()}
    for kind in ("weight", "bias"):
        tensors = joined(tensors, [f"encoder.layers.{{}}.self_attn.{n}_proj.{kind}" for n in "qkv"],
                         f"encoder.layers.{{}}.attn.in_proj_{kind}")
    out = renamed(tensors, [
        (r"position_ids$", None),
        (r"^embeddings\.class_embedding$", "class_embedding"),
        (r"^embeddings\.position_embedding\.weight$", "positional_embedding"),
        (r"^embeddings\.patch_embedding\.", "conv1."),
        (r"^pre_layrnorm\.", "ln_pre."), (r"^post_layernorm\.", "ln_post."),
        (r"^encoder\.layers\.(\d+)\.self_attn\.out_proj\.",
         r"transformer.resblocks.\1.attn.out_proj."),
        (r"^encoder\.layers\.(\d+)\.layer_norm(\d)\.", r"transformer.resblocks.\1.ln_\2."),
        (r"^encoder\.layers\.(\d+)\.mlp\.fc1\.", r"transformer.resblocks.\1.mlp.c_fc."),
        (r"^encoder\.layers\.(\d+)\.mlp\.fc2\.", r"transformer.resblocks.\1.mlp.c_proj."),
        (r"^encoder\.layers\.(\d+)\.", r"transformer.resblocks.\1.")])
    out = {f"visual.{n}": t for n, t in out.items()}
    # Of the text tower, to be left out.
    return {**out, "visual.proj": torch.zeros(32, 8), "logit_scale": torch.zeros(()),
            "transformer.resblocks.0.ln_1.weight": torch.zeros(8),
            "token_embedding.weight": torch.zeros(9, 8), "text_projection": torch.zeros(8, 8)}


def clip_cases():
    from transformers import CLIPVisionConfig, CLIPVisionModel
    small = dict(hidden_size=32, intermediate_size=96, num_hidden_layers=3,
                 num_attention_heads=4, image_size=64, patch_size=16, **EAGER)
    sizes = dict(dim=32, depth=3, heads=4, hidden=96)
    cases = {
        "clip-small": (small, sizes, (64, 64)),
        "clip-resampled": (small, sizes, (48, 80)),
        "clip-openai": (small, sizes, (64, 64)),
        "clip-vitb16": (dict(patch_size=16, image_size=224, hidden_size=768,
                             intermediate_size=3072, num_hidden_layers=12,
                             num_attention_heads=12, **EAGER),
                        dict(preset="vitb16"), (224, 224)),
    }
    for seed, (name, (values, backbone, size)) in enumerate(cases.items()):
        generator = torch.Generator().manual_seed(80 + seed)
        with torch.no_grad():
            model = redraw(CLIPVisionModel(CLIPVisionConfig(**values)), generator)
        weights = saved(model)
        if name == "clip-openai":
            weights = clip_openai(weights)
        frames = torch.randn(2 if seed < 3 else 1, 3, *size, generator=generator)

        def run(pixels, model=model):
            found = model(pixels, interpolate_pos_encoding=True)
            return found.pooler_output, found.last_hidden_state[:, 1:]
        with torch.set_grad_enabled("preset" not in backbone):
            outputs = dict(zip(("cls", "patches"), run(frames)))
        yield name, dict(backbone, kind="clip", resolution=list(size)), weights, {
            "frames": frames}, outputs, checks_of(
                model, run, frames, outputs["patches"], generator)


# ---- VideoMAE and V-JEPA 2 --------------------------------------------------

def videomae_hub(tensors):
    tensors = joined(
        {n.removeprefix("videomae."): t for n, t in tensors.items()},
        [f"encoder.layer.{{}}.attention.attention.{n}.weight" for n in ("query", "key", "value")],
        "blocks.{}.attn.qkv.weight")
    return renamed(tensors, [
        (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
        (r"^encoder\.layer\.(\d+)\.attention\.attention\.(query\.bias|q_bias)",
         r"blocks.\1.attn.q_bias"),
        (r"^encoder\.layer\.(\d+)\.attention\.attention\.(value\.bias|v_bias)",
         r"blocks.\1.attn.v_bias"),
        (r"^encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blocks.\1.attn.proj."),
        (r"^encoder\.layer\.(\d+)\.intermediate\.dense\.", r"blocks.\1.mlp.fc1."),
        (r"^encoder\.layer\.(\d+)\.output\.dense\.", r"blocks.\1.mlp.fc2."),
        (r"^encoder\.layer\.(\d+)\.layernorm_before\.", r"blocks.\1.norm1."),
        (r"^encoder\.layer\.(\d+)\.layernorm_after\.", r"blocks.\1.norm2."),
        (r"^classifier\.", "head.")])


def videomae_cases():
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEModel
    small = dict(hidden_size=32, intermediate_size=72, num_hidden_layers=2,
                 num_attention_heads=4, patch_size=16, **EAGER)
    sizes = dict(dim=32, depth=2, heads=4, hidden=72)
    base = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                num_attention_heads=12, patch_size=16, **EAGER)
    cases = {
        "videomae-pretrained": (VideoMAEModel, dict(small, use_mean_pooling=False), sizes, 6,
                                (48, 80)),
        "videomae-tuned": (VideoMAEForVideoClassification, small, sizes, 8, (64, 64)),
        "videomae-authors": (VideoMAEForVideoClassification, small, sizes, 4, (32, 48)),
        "videomae-vitb16": (VideoMAEModel, dict(base, use_mean_pooling=False),
                            dict(preset="vitb16"), 4, (112, 112)),
    }
    for seed, (name, (kind, values, backbone, frames, size)) in enumerate(cases.items()):
        generator = torch.Generator().manual_seed(100 + seed)
        with torch.no_grad():
            model = redraw(kind(VideoMAEConfig(**values, image_size=list(size),
                                               num_frames=frames)), generator)
        weights = saved(model)
        if name == "videomae-authors":
            weights = videomae_hub(weights)
        clip = torch.randn(2 if seed < 3 else 1, 3, frames, *size, generator=generator)

        def run(pixels, body=getattr(model, "videomae", model)):
            return body(pixels.transpose(1, 2)).last_hidden_state
        with torch.set_grad_enabled("preset" not in backbone):
            outputs = {"patches": run(clip)}
        yield name, dict(backbone, kind="videomae", resolution=list(size),
                         num_frames=frames), weights, {"clip": clip}, outputs, checks_of(
                             model, run, clip, outputs["patches"], generator)


def vjepa2_hub(tensors):
    tensors = below(tensors, "encoder.")
    for kind in ("weight", "bias"):
        tensors = joined(tensors, [f"layer.{{}}.attention.{n}.{kind}" for n in
                                   ("query", "key", "value")], f"blocks.{{}}.attn.qkv.{kind}")
    return {f"module.backbone.{n}": t for n, t in renamed(tensors, [
        (r"^embeddings\.patch_embeddings\.proj\.", "patch_embed.proj."),
        (r"^layer\.(\d+)\.attention\.proj\.", r"blocks.\1.attn.proj."),
        (r"^layer\.(\d+)\.", r"blocks.\1."), (r"^layernorm\.", "norm.")]).items()}


def vjepa2_cases():
    from transformers import VJEPA2Config, VJEPA2Model
    predictor = dict(pred_hidden_size=24, pred_num_hidden_layers=1, pred_num_attention_heads=2,
                     **EAGER)
    small = dict(hidden_size=48, num_hidden_layers=2, **predictor)
    cases = {
        "vjepa2-small": (dict(small, num_attention_heads=4), dict(dim=48, depth=2, heads=4), 6, 48),
        "vjepa2-rest": (dict(small, hidden_size=64, num_attention_heads=4),
                        dict(dim=64, depth=2, heads=4), 4, 64),
        "vjepa2-meta": (dict(small, num_attention_heads=2), dict(dim=48, depth=2, heads=2), 4, 32),
        "vjepa2-vitb16": (dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
                               **predictor), dict(preset="vitb16"), 4, 128),
    }
    for seed, (name, (values, backbone, frames, size)) in enumerate(cases.items()):
        generator = torch.Generator().manual_seed(120 + seed)
        with torch.no_grad():
            model = redraw(VJEPA2Model(VJEPA2Config(**values, crop_size=size,
                                                    frames_per_clip=frames)), generator)
        weights = saved(model)
        if name == "vjepa2-meta":
            weights = vjepa2_hub(weights)
        clip = torch.randn(2 if seed < 3 else 1, 3, frames, size, size, generator=generator)

        def run(pixels, model=model):
            return model(pixels.transpose(1, 2), skip_predictor=True).last_hidden_state
        with torch.set_grad_enabled("preset" not in backbone):
            outputs = {"patches": run(clip)}
        yield name, dict(backbone, kind="vjepa2", resolution=size,
                         num_frames=frames), weights, {"clip": clip}, outputs, checks_of(
                             model, run, clip, outputs["patches"], generator)


# ---- other names of I3D and TimeSformer -------------------------------------

def slowfast(tensors):
    stages = {1: 2, 3: 3, 4: 4, 5: 5}

    def name_of(name):
        if name.startswith("blocks.0."):
            return name.replace("blocks.0.conv", "s1.pathway0_stem.conv").replace(
                "blocks.0.norm", "s1.pathway0_stem.bn")
        if name.startswith("blocks.6."):
            return name.replace("blocks.6.proj", "head.projection")
        match = re.match(r"blocks\.(\d)\.res_blocks\.(\d+)\.(.*)", name)
        rest = re.sub(r"^branch1_conv", "branch1", match.group(3))
        rest = re.sub(r"^branch1_norm", "branch1_bn", rest)
        rest = re.sub(r"^branch2\.conv_(.)", r"branch2.\1", rest)
        rest = re.sub(r"^branch2\.norm_(.)", r"branch2.\1_bn", rest)
        return f"s{stages[int(match.group(1))]}.pathway0_res{match.group(2)}.{rest}"

    return {name_of(name): tensor for name, tensor in tensors.items()}


def i3d_cases():
    generator = torch.Generator().manual_seed(140)
    with torch.no_grad():
        model = i3d_r50(generator)
    clip = torch.randn(1, 3, 4, 64, 80, generator=generator)
    outputs, x = {}, clip
    with torch.no_grad():
        for i, block in enumerate(model.blocks[:6]):
            x = block(x)
            if i in (1, 3, 4, 5):
                outputs[f"res{2 if i == 1 else i}"] = x
    # Too small for the head, which the file has.
    for name, weights in (("i3d-pytorchvideo", model.state_dict()),
                          ("i3d-slowfast", slowfast(model.state_dict()))):
        yield name, dict(kind="i3d_r50"), weights, {"clip": clip}, outputs, {}


def timesformer_hub(tensors):
    return {f"model.{n}": t for n, t in renamed(tensors, [
        (r"^(timesformer\.)?embeddings\.cls_token", "cls_token"),
        (r"^(timesformer\.)?embeddings\.position_embeddings", "pos_embed"),
        (r"^(timesformer\.)?embeddings\.time_embeddings", "time_embed"),
        (r"^(timesformer\.)?embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.layernorm_before", r"blocks.\2.norm1"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.layernorm_after", r"blocks.\2.norm2"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.temporal_layernorm",
         r"blocks.\2.temporal_norm1"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.temporal_dense", r"blocks.\2.temporal_fc"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.temporal_attention\.attention\.qkv",
         r"blocks.\2.temporal_attn.qkv"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.temporal_attention\.output\.dense",
         r"blocks.\2.temporal_attn.proj"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.attention\.attention\.qkv",
         r"blocks.\2.attn.qkv"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.attention\.output\.dense",
         r"blocks.\2.attn.proj"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.intermediate\.dense", r"blocks.\2.mlp.fc1"),
        (r"^(timesformer\.)?encoder\.layer\.(\d+)\.output\.dense", r"blocks.\2.mlp.fc2"),
        (r"^(timesformer\.)?layernorm", "norm"), (r"^classifier", "head")]).items()}


def timesformer_cases(timesformer, timesformer_config, run_timesformer):
    for seed, (name, size) in enumerate((("timesformer-saved", (3, 24, 24)),
                                         ("timesformer-authors", (4, 40, 24)))):
        generator = torch.Generator().manual_seed(160 + seed)
        backbone = timesformer_config()
        with torch.no_grad():
            model = timesformer(backbone, generator)
        weights = saved(model)
        if name == "timesformer-authors":
            weights = timesformer_hub(weights)
        clip = torch.randn(2, 3, *size, generator=generator)
        with torch.no_grad():
            outputs = run_timesformer(model, clip, size)
        yield name, dict(backbone, resolution=list(size[1:]), num_frames=size[0]), weights, {
            "clip": clip}, outputs, {}


def all_cases(make):
    """name, configuration, weights, inputs, outputs, and what else to compare; `make`: the module
    make_cases."""
    yield from dinov3_cases(make.dinov3, make.semantic_config)
    yield from timm_cases()
    yield from dinov2_cases()
    yield from clip_cases()
    yield from videomae_cases()
    yield from vjepa2_cases()
    yield from timesformer_cases(make.timesformer, make.timesformer_config, make.run_timesformer)
    # Last: it hides torchvision, which timm needs.
    yield from i3d_cases()
