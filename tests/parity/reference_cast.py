# SPDX-License-Identifier: Apache-2.0
"""CAST in PyTorch, from its description: blocks of transformers' CLIP and VideoMAE with
adapters and bottleneck cross-attention between them. Names of what is new are gasm's."""
import re

import torch
from torch import nn
from torch.nn import functional

from library_names import OURS, below, joined, renamed


class Adapter(nn.Module):
    def __init__(self, width, hidden, skip):
        super().__init__()
        self.skip = skip
        self.down = nn.Linear(width, hidden)
        self.up = nn.Linear(hidden, width)

    def forward(self, x):
        change = self.up(functional.gelu(self.down(x)))
        return x + change if self.skip else change


class Window(nn.Module):
    """Of [..., L, R] to [..., L, R], whatever windows are stacked in front."""

    def __init__(self, width, heads, length):
        super().__init__()
        self.heads = heads
        self.query_pos = nn.Parameter(torch.zeros(length, width))
        self.context_pos = nn.Parameter(torch.zeros(length, width))
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))

    def forward(self, query, context):
        def in_heads(x):
            return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)
        context = context + self.context_pos
        q = in_heads(self.q(query + self.query_pos))
        k, v = in_heads(self.k(context)), in_heads(self.v(context))
        weight = torch.softmax(torch.matmul(q, k.transpose(-1, -2)) * q.shape[-1] ** -0.5, -1)
        return self.o(torch.matmul(weight, v).transpose(-2, -3).flatten(-2))


class Cross(nn.Module):
    def __init__(self, width, narrow, heads, frames, places):
        super().__init__()
        self.spatial_down, self.temporal_down = (nn.Linear(width, narrow) for _ in range(2))
        self.spatial_norm, self.temporal_norm = (nn.LayerNorm(narrow, eps=1e-6) for _ in range(2))
        self.over_time = Window(narrow, heads, frames)
        self.over_space = Window(narrow, heads, places)
        self.spatial_up, self.temporal_up = (nn.Linear(narrow, width) for _ in range(2))

    def forward(self, s, t):
        """s [B, F, 1 + N, D], t [B, F, N, D]."""
        s = self.spatial_norm(self.spatial_down(s))
        t = self.temporal_norm(self.temporal_down(t))
        patches = s[:, :, 1:]
        # Time: windows are places, [B, N, F, R].
        moved = self.over_time(patches.transpose(1, 2), t.transpose(1, 2)).transpose(1, 2)
        joined = torch.cat([s[:, :, :1], moved], 2)
        still = self.over_space(t, patches)
        return (self.spatial_up(functional.gelu(joined)),
                self.temporal_up(functional.gelu(still)))


class Block(nn.Module):
    def __init__(self, c, frames, places):
        super().__init__()
        width, hidden = c["width"], int(c["width"] * c["adapter_ratio"])
        self.spatial_adapter = Adapter(width, hidden, True)
        self.temporal_adapter = Adapter(width, hidden, True)
        self.cross = Cross(width, int(width * c["bottleneck_ratio"]), c["heads"], frames, places)
        self.spatial_mlp_adapter = Adapter(width, hidden, False)
        self.temporal_mlp_adapter = Adapter(width, hidden, False)

    def forward(self, s, t, clip, videomae):
        batch, frames = s.shape[:2]
        seen = clip.self_attn(clip.layer_norm1(s.flatten(0, 1)), None)[0]
        s = s + self.spatial_adapter(seen.unflatten(0, (batch, frames)))
        seen = videomae.attention(videomae.layernorm_before(t.flatten(1, 2)))
        t = t + self.temporal_adapter(seen.unflatten(1, (frames, -1)))
        to_s, to_t = self.cross(s, t)
        s, t = s + to_s, t + to_t
        n = clip.layer_norm2(s)
        s = s + clip.mlp(n) + 0.5 * self.spatial_mlp_adapter(n)
        n = videomae.layernorm_after(t)
        # Its output adds what it is given last.
        t = videomae.output(videomae.intermediate(n), t) + 0.5 * self.temporal_mlp_adapter(n)
        return s, t


class Cast(nn.Module):
    """`c`: the section model.cast, with every size in it."""

    def __init__(self, c, clip_frames, num_classes):
        super().__init__()
        from transformers import CLIPVisionConfig, CLIPVisionModel, VideoMAEConfig, VideoMAEModel
        sizes = dict(hidden_size=c["width"], intermediate_size=c["ffn_hidden"],
                     num_hidden_layers=c["depth"], num_attention_heads=c["heads"],
                     patch_size=c["patch"], attn_implementation="eager")
        height, width = c["resolution"]
        rows, columns = height // c["patch"], width // c["patch"]
        self.c = c
        self.clip = CLIPVisionModel(CLIPVisionConfig(image_size=height, **sizes))
        self.clip.embeddings.position_embedding = nn.Embedding(1 + rows * columns, c["width"])
        self.videomae = VideoMAEModel(VideoMAEConfig(
            image_size=[height, width], num_frames=clip_frames, tubelet_size=2,
            use_mean_pooling=True, layer_norm_eps=1e-6, **sizes))
        self.blocks = nn.ModuleList(Block(c, clip_frames // 2, rows * columns)
                                    for _ in range(c["depth"]))
        self.fc_norm = nn.LayerNorm(c["width"], eps=1e-6)
        hidden = int(c["width"] * c["adapter_ratio"])
        self.spatial_adapter = Adapter(c["width"], hidden, False)
        self.temporal_adapter = Adapter(c["width"], hidden, False)
        self.head = nn.Linear(c["width"], num_classes)
        for name, parameter in self.named_parameters():
            frozen = name.startswith(("clip.", "videomae.")) and "post_layernorm" not in name
            parameter.requires_grad_(not frozen)

    def embed_clip(self, images):
        parts = self.clip.embeddings
        patches = parts.patch_embedding(images).flatten(2).transpose(1, 2)
        cls = parts.class_embedding.expand(len(images), 1, -1)
        return self.clip.pre_layrnorm(torch.cat([cls, patches], 1)
                                      + parts.position_embedding.weight)

    def forward(self, pixels):
        """pixels [B, T, 3, H, W], normalised."""
        batch = pixels.shape[0]
        s = self.embed_clip(pixels[:, 1::2].flatten(0, 1)).unflatten(0, (batch, -1))
        t = self.videomae.embeddings(pixels, None).unflatten(1, (s.shape[1], -1))
        for block, clip, videomae in zip(self.blocks, self.clip.encoder.layers,
                                         self.videomae.encoder.layer):
            s, t = block(s, t, clip, videomae)
        spatial = self.clip.post_layernorm(s[:, :, 0].mean(1))
        temporal = self.fc_norm(t.mean((1, 2)))
        return self.head(self.spatial_adapter(spatial) + self.temporal_adapter(temporal))


def named_as_ours(tensors):
    """State or gradients under gasm's names."""
    found = {}
    for part in ("clip", "videomae"):
        names = renamed(below(tensors, f"{part}."), OURS[part])
        found |= {f"{part}.{name}": tensor for name, tensor in names.items()}
    for leaf, num_new_axes in (("cls_token", 2), ("position_embeddings", 1)):
        name = f"clip.embeddings.{leaf}"
        if name in found:
            found[name] = found[name][(None,) * num_new_axes]
    return found | {n: t for n, t in tensors.items() if not n.startswith(("clip.", "videomae."))}


AUTHORS = [
    (r"^clip\.embeddings\.position_ids$", None),
    (r"^clip\.embeddings\.patch_embedding\.", "clip_conv1."),
    (r"^clip\.embeddings\.class_embedding$", "clip_class_embedding"),
    (r"^clip\.embeddings\.position_embedding\.weight$", "clip_positional_embedding"),
    (r"^clip\.pre_layrnorm\.", "clip_ln_pre."), (r"^clip\.post_layernorm\.", "clip_ln_post."),
    (r"^clip\.encoder\.layers\.(\d+)\.layer_norm(\d)\.", r"blocks.\1.clip_ln_\2."),
    (r"^clip\.encoder\.layers\.(\d+)\.self_attn\.out_proj\.", r"blocks.\1.clip_attn.out_proj."),
    (r"^clip\.encoder\.layers\.(\d+)\.self_attn\.", r"blocks.\1.clip_attn."),
    (r"^clip\.encoder\.layers\.(\d+)\.mlp\.fc1\.", r"blocks.\1.clip_mlp.c_fc."),
    (r"^clip\.encoder\.layers\.(\d+)\.mlp\.fc2\.", r"blocks.\1.clip_mlp.c_proj."),
    (r"^videomae\.embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^videomae\.encoder\.layer\.(\d+)\.attention\.attention\.(query\.bias|q_bias)$",
     r"blocks.\1.attn.q_bias"),
    (r"^videomae\.encoder\.layer\.(\d+)\.attention\.attention\.(value\.bias|v_bias)$",
     r"blocks.\1.attn.v_bias"),
    (r"^videomae\.encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blocks.\1.attn.proj."),
    (r"^videomae\.encoder\.layer\.(\d+)\.attention\.attention\.", r"blocks.\1.attn."),
    (r"^videomae\.encoder\.layer\.(\d+)\.intermediate\.dense\.", r"blocks.\1.mlp.fc1."),
    (r"^videomae\.encoder\.layer\.(\d+)\.output\.dense\.", r"blocks.\1.mlp.fc2."),
    (r"^videomae\.encoder\.layer\.(\d+)\.layernorm_before\.", r"blocks.\1.norm1."),
    (r"^videomae\.encoder\.layer\.(\d+)\.layernorm_after\.", r"blocks.\1.norm2."),
    (r"^(blocks\.\d+)\.spatial_adapter\.", r"\1.S_Adapter."),
    (r"^(blocks\.\d+)\.temporal_adapter\.", r"\1.T_Adapter."),
    (r"^(blocks\.\d+)\.spatial_mlp_adapter\.", r"\1.S_MLP_Adapter."),
    (r"^(blocks\.\d+)\.temporal_mlp_adapter\.", r"\1.T_MLP_Adapter."),
    (r"^(blocks\.\d+)\.cross\.spatial_(down|up)\.", r"\1.cross_s_\2."),
    (r"^(blocks\.\d+)\.cross\.temporal_(down|up)\.", r"\1.cross_t_\2."),
    (r"^(blocks\.\d+)\.cross\.spatial_norm\.", r"\1.ln_s_cross."),
    (r"^(blocks\.\d+)\.cross\.temporal_norm\.", r"\1.ln_t_cross."),
    (r"^(blocks\.\d+)\.cross\.over_time\.query_pos$", r"\1.t2s_cross.clip_time_pos"),
    (r"^(blocks\.\d+)\.cross\.over_time\.context_pos$", r"\1.t2s_cross.vmae_time_pos"),
    (r"^(blocks\.\d+)\.cross\.over_space\.query_pos$", r"\1.s2t_cross.vmae_space_pos"),
    (r"^(blocks\.\d+)\.cross\.over_space\.context_pos$", r"\1.s2t_cross.clip_space_pos"),
    (r"^(blocks\.\d+)\.cross\.over_time\.q\.weight", r"\1.t2s_cross.t2s_q.weight"),
    (r"^(blocks\.\d+)\.cross\.over_time\.q\.bias", r"\1.t2s_cross.t2s_q_bias"),
    (r"^(blocks\.\d+)\.cross\.over_space\.q\.weight", r"\1.s2t_cross.s2t_q.weight"),
    (r"^(blocks\.\d+)\.cross\.over_space\.q\.bias", r"\1.s2t_cross.s2t_q_bias"),
    (r"^(blocks\.\d+)\.cross\.over_time\.o\.", r"\1.t2s_cross.t2s_proj."),
    (r"^(blocks\.\d+)\.cross\.over_space\.o\.", r"\1.s2t_cross.t2s_proj."),
    (r"^spatial_adapter\.", "noun_last_Adapter."), (r"^temporal_adapter\.", "verb_last_Adapter."),
    (r"^fc_norm\.", "vmae_fc_norm."),
]


def named_as_authors(tensors):
    """A state of Cast as the authors of CAST save theirs."""
    found = {}
    for name, tensor in renamed(tensors, AUTHORS).items():
        name = re.sub(r"(Adapter)\.down\.", r"\1.D_fc1.", name)
        found[re.sub(r"(Adapter)\.up\.", r"\1.D_fc2.", name)] = tensor
    for leaf in ("weight", "bias"):
        found = joined(found, [f"{{}}.clip_attn.{n}_proj.{leaf}" for n in "qkv"],
                       f"{{}}.clip_attn.in_proj_{leaf}")
        for window, cross in (("over_time", "t2s"), ("over_space", "s2t")):
            end = ".weight" if leaf == "weight" else "_bias"
            found = joined(found, [f"{{}}.cross.{window}.{n}.{leaf}" for n in "kv"],
                           f"{{}}.{cross}_cross.{cross}_kv{end}")
    return joined(found, [f"{{}}.attn.{n}.weight" for n in ("query", "key", "value")],
                  "{}.attn.qkv.weight")
