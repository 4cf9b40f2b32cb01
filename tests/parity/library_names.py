# SPDX-License-Identifier: Apache-2.0
"""Names of tensors: from those of reference libraries to gasm's, and between files."""
import re

import torch


def renamed(tensors, rules):
    """Every name with the first rule applied that matches; None drops it."""
    out = {}
    for name, tensor in tensors.items():
        for pattern, to in rules:
            if re.search(pattern, name):
                name = None if to is None else re.sub(pattern, to, name)
                break
        if name is not None:
            out[name] = tensor
    return out


def joined(tensors, parts, whole):
    """With the rows of `parts`, formats of a stem, below one another as `whole`."""
    out = dict(tensors)
    first = re.escape(parts[0]).replace(r"\{\}", "(.*)")
    for stem in [m.group(1) for m in (re.fullmatch(first, n) for n in tensors) if m]:
        out[whole.format(stem)] = torch.cat([out.pop(p.format(stem)) for p in parts])
    return out


def below(tensors, prefix):
    """Those whose names begin with `prefix`, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


# From the libraries' names to gasm's; what is no part of the backbone goes.
OURS = {
    "dinov3": [(r"mask_token|inv_freq", None), (r"^model\.", "")],
    "dinov2": [
        (r"mask_token", None), (r"^embeddings\.patch_embeddings\.projection\.",
                                "embeddings.patch_embeddings."),
        (r"^encoder\.(layer\.\d+\.attention)\.attention\.query", r"\1.q_proj"),
        (r"^encoder\.(layer\.\d+\.attention)\.attention\.key", r"\1.k_proj"),
        (r"^encoder\.(layer\.\d+\.attention)\.attention\.value", r"\1.v_proj"),
        (r"^encoder\.(layer\.\d+\.attention)\.output\.dense", r"\1.o_proj"),
        (r"^encoder\.(layer\.\d+\.mlp)\.fc1", r"\1.up_proj"),
        (r"^encoder\.(layer\.\d+\.mlp)\.fc2", r"\1.down_proj"),
        (r"^encoder\.", ""), (r"^layernorm\.", "norm.")],
    "clip": [
        (r"position_ids$", None),
        (r"^embeddings\.class_embedding$", "embeddings.cls_token"),
        (r"^embeddings\.patch_embedding\.", "embeddings.patch_embeddings."),
        (r"^embeddings\.position_embedding\.weight$", "embeddings.position_embeddings"),
        (r"^pre_layrnorm\.", "input_norm."), (r"^post_layernorm\.", "norm."),
        (r"^encoder\.layers\.(\d+)\.self_attn\.out_proj\.", r"layer.\1.attention.o_proj."),
        (r"^encoder\.layers\.(\d+)\.self_attn\.", r"layer.\1.attention."),
        (r"^encoder\.layers\.(\d+)\.layer_norm(\d)\.", r"layer.\1.norm\2."),
        (r"^encoder\.layers\.(\d+)\.mlp\.fc1\.", r"layer.\1.mlp.up_proj."),
        (r"^encoder\.layers\.(\d+)\.mlp\.fc2\.", r"layer.\1.mlp.down_proj.")],
    "custom": [],
    "vjepa2": [
        (r"^predictor\.", None), (r"^encoder\.embeddings\.patch_embeddings\.proj\.",
                                  "embeddings.patch_embeddings."),
        (r"^encoder\.(layer\.\d+\.attention)\.query", r"\1.q_proj"),
        (r"^encoder\.(layer\.\d+\.attention)\.key", r"\1.k_proj"),
        (r"^encoder\.(layer\.\d+\.attention)\.value", r"\1.v_proj"),
        (r"^encoder\.(layer\.\d+\.attention)\.proj", r"\1.o_proj"),
        (r"^encoder\.(layer\.\d+\.mlp)\.fc1", r"\1.up_proj"),
        (r"^encoder\.(layer\.\d+\.mlp)\.fc2", r"\1.down_proj"),
        (r"^encoder\.layernorm\.", "norm."), (r"^encoder\.", "")],
    "videomae": [
        (r"^embeddings\.patch_embeddings\.projection\.", "embeddings.patch_embeddings."),
        (r"^encoder\.(layer\.\d+\.attention)\.attention\.(q_bias|query\.bias)", r"\1.q_proj.bias"),
        (r"^encoder\.(layer\.\d+\.attention)\.attention\.(v_bias|value\.bias)", r"\1.v_proj.bias"),
        (r"^encoder\.(layer\.\d+\.attention)\.attention\.query", r"\1.q_proj"),
        (r"^encoder\.(layer\.\d+\.attention)\.attention\.key", r"\1.k_proj"),
        (r"^encoder\.(layer\.\d+\.attention)\.attention\.value", r"\1.v_proj"),
        (r"^encoder\.(layer\.\d+\.attention)\.output\.dense", r"\1.o_proj"),
        (r"^encoder\.(layer\.\d+)\.intermediate\.dense", r"\1.mlp.up_proj"),
        (r"^encoder\.(layer\.\d+)\.output\.dense", r"\1.mlp.down_proj"),
        (r"^encoder\.(layer\.\d+)\.layernorm_before", r"\1.norm1"),
        (r"^encoder\.(layer\.\d+)\.layernorm_after", r"\1.norm2"),
        (r"^encoder\.", ""), (r"^layernorm\.", "norm.")]}
