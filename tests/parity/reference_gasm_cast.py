# SPDX-License-Identifier: Apache-2.0
"""The fusion models as plain functions of a dictionary of tensors.

An independent statement of what src/models computes: no modules, loops where
the C++ has tensor expressions, and its own table of names and shapes.
Symbols: B clips, S kept frames, N = h * w patches, M motion segments, P motion
places a segment, R bottleneck width.
"""
import functools
import math

import torch
import torch.nn.functional as F

DEFAULTS = dict(
    num_classes=174, semantic_dim=768, semantic_grid=[14, 14],
    semantic_frames=[8], semantic_width=0, motion_dim=512, motion_segments=8,
    motion_grid=[1, 1], motion_width=0, clip_frames=16, graph_layers=1,
    graph_heads=8, graph_semantic_topk=8, graph_motion_topk=2,
    graph_sim_dim=64, graph_edges="learned", graph_attention="auto", fusion="bcast", fusion_layers=3, fusion_dim=256,
    fusion_heads=8, window="global", cross_bias=False, pool="mean", pool_heads=8,
    standardise="fixed", ffn_ratio=1.0, dropout=0.0, drop_path=0.0)


class Spec:
    def __init__(self, **changes):
        unknown = set(changes) - set(DEFAULTS)
        if unknown:
            raise ValueError(f"unknown keys {sorted(unknown)}")
        self.values = {**DEFAULTS, **changes}
        for key, value in self.values.items():
            setattr(self, key, value)
        self.S, self.M = len(self.semantic_frames), self.motion_segments
        self.N, self.P = math.prod(self.semantic_grid), math.prod(self.motion_grid)
        common = self.fusion_dim if self.fusion == "cross" else 0
        self.Ds = common or self.semantic_width or self.semantic_dim
        self.Dm = common or self.motion_width or self.motion_dim
        self.streams = [s for s in ("semantic", "motion")
                        if self.fusion not in ("semantic", "motion") or self.fusion == s]

    def hidden(self, dim):
        return max(1, round(dim * self.ffn_ratio))


# ---- names and shapes -------------------------------------------------------

def linear(name, out, inner, bias=True):
    shapes = {f"{name}.weight": [out, inner]}
    if bias:
        shapes[f"{name}.bias"] = [out]
    return shapes


def norm(name, dim):
    return {f"{name}.weight": [dim], f"{name}.bias": [dim]}


def ffn_shapes(name, dim, spec):
    return {**linear(f"{name}.fc1", spec.hidden(dim), dim),
            **linear(f"{name}.fc2", dim, spec.hidden(dim))}


def qkvo(name, dim):
    return {k: v for part in "qkvo" for k, v in linear(f"{name}.{part}", dim, dim).items()}


def stream_shapes(name, spec):
    if name == "semantic":
        dim_in, dim, steps, places, grid = (spec.semantic_dim, spec.Ds, spec.S,
                                            spec.N, spec.semantic_grid)
    else:
        dim_in, dim, steps, places, grid = (spec.motion_dim, spec.Dm, spec.M,
                                            spec.P, [spec.M])
    out = {f"{name}.pos_time": [steps, 1, dim], f"{name}.pos_space": [1, places, dim]}
    if spec.standardise == "batchnorm":
        out |= norm(f"{name}.standard", dim_in)
        out |= {f"{name}.standard.running_mean": [dim_in],
                f"{name}.standard.running_var": [dim_in],
                f"{name}.standard.num_batches_tracked": []}
    else:
        out |= {f"{name}.mean": [dim_in], f"{name}.std": [dim_in]}
    if dim != dim_in:
        out |= linear(f"{name}.input", dim, dim_in)
    offsets = math.prod(2 * n - 1 for n in grid)
    for i in range(spec.graph_layers):
        block = f"{name}.graph.{i}"
        out |= {f"{block}.attn.type_bias": [spec.graph_heads, 3],
                f"{block}.attn.rel_bias": [spec.graph_heads, offsets],
                f"{block}.attn.sim_gain": [spec.graph_heads]}
        out |= norm(f"{block}.attn.norm", dim) | qkvo(f"{block}.attn", dim)
        if spec.graph_edges == "learned":
            out |= linear(f"{block}.attn.sim", spec.graph_sim_dim, dim, bias=False)
        out |= norm(f"{block}.norm", dim) | ffn_shapes(f"{block}.ffn", dim, spec)
    return out


def fusion_shapes(name, spec):
    r, out = spec.fusion_dim, {}
    for direction in ("s_from_m", "m_from_s"):
        out |= qkvo(f"{name}.{direction}", r)
        if spec.cross_bias:
            out[f"{name}.{direction}.pos_gain"] = [spec.fusion_heads]
    for s, dim, tokens in (("s", spec.Ds, spec.S * spec.N), ("m", spec.Dm, spec.M * spec.P)):
        out |= norm(f"{name}.ffn_norm_{s}", dim) | ffn_shapes(f"{name}.ffn_{s}", dim, spec)
        out |= norm(f"{name}.norm_{s}", r)
        if spec.fusion == "bcast":
            out |= linear(f"{name}.down_{s}", r, dim) | linear(f"{name}.up_{s}", dim, r)
            out[f"{name}.pos_{s}"] = [tokens, r]
    return out


def shapes(spec):
    out, head_in = {}, {}
    for s in spec.streams:
        out |= stream_shapes(s, spec)
        dim, steps = (spec.Ds, spec.S) if s == "semantic" else (spec.Dm, spec.M)
        out |= norm(f"norm_{s[0]}", dim)
        if spec.pool == "attention":
            out |= {f"pool_{s[0]}.query": [dim]} | linear(f"pool_{s[0]}.value", dim, dim)
            out |= linear(f"pool_{s[0]}.key", dim, dim, bias=False)
        head_in[s[0]] = dim * (steps if spec.pool == "time_concat" else 1)
    if spec.fusion in ("bcast", "cross"):
        for i in range(spec.fusion_layers):
            out |= fusion_shapes(f"fusion.{i}", spec)
    if spec.fusion == "late":
        for s, dim in head_in.items():
            out |= linear(f"head_{s}", spec.num_classes, dim)
    else:
        out |= linear("head", spec.num_classes, sum(head_in.values()))
    return out


def draw_weights(spec, generator):
    """Every tensor away from the value it starts at in training."""
    weights = {}
    for name, shape in shapes(spec).items():
        leaf = name.rsplit(".", 1)[-1]
        noise = torch.randn(shape, generator=generator)
        if leaf == "num_batches_tracked":
            weights[name] = torch.tensor(7)
        elif leaf in ("std", "running_var"):
            weights[name] = 0.5 + torch.rand(shape, generator=generator)
        elif leaf == "weight" and len(shape) == 2:
            weights[name] = noise / math.sqrt(shape[1])
        elif leaf == "weight":
            weights[name] = 1.0 + 0.2 * noise
        else:
            weights[name] = 0.25 + 0.2 * noise if leaf == "pos_gain" else 0.2 * noise
    return weights


# ---- arithmetic -------------------------------------------------------------

class Model:
    def __init__(self, spec, weights, running=None):
        """`running`: a list that notes what batch norms saw; None: evaluation."""
        self.spec, self.w, self.running = spec, weights, running

    def linear(self, name, x):
        return F.linear(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"))

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.w[f"{name}.weight"], self.w[f"{name}.bias"], 1e-5)

    def ffn(self, name, x):
        return self.linear(f"{name}.fc2", F.gelu(self.linear(f"{name}.fc1", x)))

    def attend(self, name, query, context, heads, edit):
        """Softmax attention; `edit` changes logits [A, H, Q, C] before it."""
        def cut(x):
            return x.reshape(x.shape[0], x.shape[1], heads, -1).permute(0, 2, 1, 3)
        q, k, v = (cut(self.linear(f"{name}.{p}", x))
                   for p, x in (("q", query), ("k", context), ("v", context)))
        weight = torch.softmax(edit(q @ k.mT / math.sqrt(q.shape[-1])), -1)
        mixed = (weight @ v).permute(0, 2, 1, 3).flatten(2)
        return self.linear(f"{name}.o", mixed), weight

    # -- graphs --

    def graph_attention(self, name, x, given, grid, topk, trace):
        """`given` [A, N, D_in]: what came into the stream, standardised."""
        y = self.norm(f"{name}.norm", x)
        frozen = self.spec.graph_edges == "frozen"
        seen = given.detach() if frozen else self.linear(f"{name}.sim", y)
        z = F.normalize(seen, dim=-1, eps=1e-6)
        cosine = z @ z.mT
        places = [(i,) for i in range(grid[0])] if len(grid) == 1 else [
            (i, j) for i in range(grid[0]) for j in range(grid[1])]
        kind = edge_kinds(cosine, places, topk)
        table = offset_table(tuple(places), tuple(grid))

        def edit(logit):
            logit = logit + self.w[f"{name}.rel_bias"][:, table]
            bias = self.w[f"{name}.type_bias"][:, kind.clamp(min=0)].transpose(0, 1)
            logit = logit + bias
            logit = logit + self.w[f"{name}.sim_gain"].view(-1, 1, 1) * cosine[:, None]
            return logit.masked_fill(kind[:, None] < 0, -math.inf)

        out, weight = self.attend(name, y, y, self.spec.graph_heads, edit)
        trace["edges"], trace["weight"] = kind, weight
        return out

    def batch_norm(self, name, x):
        """By the statistics of this batch, which are noted."""
        flat = x.flatten(0, 2)
        mean, var = flat.mean(0), flat.var(0, unbiased=False)
        self.running.append((name, mean.detach(), flat.var(0).detach()))
        scaled = (flat - mean) / torch.sqrt(var + 1e-5)
        return (scaled * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]).view(x.shape)

    def stream(self, name, x, trace):
        w, spec = self.w, self.spec
        if spec.standardise == "batchnorm" and self.running is not None:
            x = self.batch_norm(f"{name}.standard", x)
        elif spec.standardise == "batchnorm":
            p = f"{name}.standard"
            gain = w[f"{p}.weight"] / torch.sqrt(w[f"{p}.running_var"] + 1e-5)
            x = (x - w[f"{p}.running_mean"]) * gain + w[f"{p}.bias"]
        else:
            x = (x - w[f"{name}.mean"]) / w[f"{name}.std"]
        given = x
        if f"{name}.input.weight" in w:
            x = self.linear(f"{name}.input", x)
        x = x + w[f"{name}.pos_time"] + w[f"{name}.pos_space"]
        over_time = name == "motion"
        grid = [spec.M] if over_time else list(spec.semantic_grid)
        topk = spec.graph_motion_topk if over_time else spec.graph_semantic_topk
        for i in range(spec.graph_layers):
            block, found = f"{name}.graph.{i}", {}
            nodes = x.transpose(1, 2) if over_time else x
            seen = given.transpose(1, 2) if over_time else given
            lead = nodes.shape[:2]
            nodes = nodes.flatten(0, 1)
            nodes = nodes + self.graph_attention(f"{block}.attn", nodes, seen.flatten(0, 1),
                                                 grid, topk, found)
            nodes = nodes + self.ffn(f"{block}.ffn", self.norm(f"{block}.norm", nodes))
            nodes = nodes.unflatten(0, lead)
            x = nodes.transpose(1, 2) if over_time else nodes
            trace.update({f"{block}.{k}": v for k, v in found.items()})
        return x.flatten(1, 2)

    # -- fusion --

    def cross_attend(self, name, query, context, near, visible):
        def edit(logit):
            if self.spec.cross_bias:
                logit = logit - self.w[f"{name}.pos_gain"].view(-1, 1, 1) * near
            return logit if visible is None else logit.masked_fill(~visible, -math.inf)
        return self.attend(name, query, context, self.spec.fusion_heads, edit)

    def fuse(self, name, s, m, trace):
        spec, w = self.spec, self.w
        near = patch_distances(spec)
        see_s, see_m = visibility(spec) if spec.window == "aligned" else (None, None)
        is_bcast = spec.fusion == "bcast"
        a, b = s, m
        if is_bcast:
            a = self.norm(f"{name}.norm_s", self.linear(f"{name}.down_s", s)) + w[f"{name}.pos_s"]
            b = self.norm(f"{name}.norm_m", self.linear(f"{name}.down_m", m)) + w[f"{name}.pos_m"]
        to_s, trace[f"{name}.s_from_m"] = self.cross_attend(f"{name}.s_from_m", a, b, near, see_s)
        to_m, trace[f"{name}.m_from_s"] = self.cross_attend(f"{name}.m_from_s", b, a, near.mT, see_m)
        result = []
        for tag, x, read in (("s", s, to_s), ("m", m, to_m)):
            if is_bcast:
                x = x + self.linear(f"{name}.up_{tag}", F.gelu(read))
                x = x + self.ffn(f"{name}.ffn_{tag}", self.norm(f"{name}.ffn_norm_{tag}", x))
            else:
                x = self.norm(f"{name}.norm_{tag}", x + read)
                x = self.norm(f"{name}.ffn_norm_{tag}", x + self.ffn(f"{name}.ffn_{tag}", x))
            result.append(x)
        return result

    def attention_pool(self, name, x, trace):
        dim, heads = x.shape[-1], self.spec.pool_heads
        query = self.w[f"{name}.query"].view(heads, 1, -1)
        keys, values = (self.linear(f"{name}.{part}", x).unflatten(2, (heads, -1)).transpose(1, 2)
                        for part in ("key", "value"))
        weight = torch.softmax((query * keys).sum(-1) / math.sqrt(dim // heads), -1)
        trace[name] = weight
        return (weight[..., None] * values).sum(2).flatten(1)

    def forward(self, semantic, motion):
        """Outputs by the names that `run_forward` gives them."""
        spec, trace, pooled = self.spec, {}, {}
        given = {"semantic": semantic, "motion": motion}
        tokens = {s: self.stream(s, given[s], trace) for s in spec.streams}
        if spec.fusion in ("bcast", "cross"):
            for i in range(spec.fusion_layers):
                tokens["semantic"], tokens["motion"] = self.fuse(
                    f"fusion.{i}", tokens["semantic"], tokens["motion"], trace)
        for s, x in tokens.items():
            x = self.norm(f"norm_{s[0]}", x)
            steps = spec.S if s == "semantic" else spec.M
            if spec.pool == "attention":
                x = self.attention_pool(f"pool_{s[0]}", x, trace)
            elif spec.pool == "time_concat":
                x = torch.cat([part.mean(1) for part in x.chunk(steps, 1)], -1)
            else:
                x = x.mean(1)
            pooled[s] = x
        if spec.fusion == "late":
            logits = (self.linear("head_s", pooled["semantic"]) +
                      self.linear("head_m", pooled["motion"]))
        else:
            logits = self.linear("head", torch.cat(list(pooled.values()), -1))
        return {"logits": logits, **{f"{s}_pooled": x for s, x in pooled.items()},
                **{f"trace.{k}": v for k, v in trace.items()}}


def edge_kinds(cosine, places, topk):
    """0 self, 1 next to it on the grid, 2 most similar of the rest, -1 none."""
    graphs, nodes, _ = cosine.shape
    kind = torch.full((graphs, nodes, nodes), -1, dtype=torch.long)
    rows = cosine.tolist()
    for i, here in enumerate(places):
        near = {j for j, there in enumerate(places)
                if max(abs(a - b) for a, b in zip(here, there)) == 1}
        for g in range(graphs):
            rest = [j for j in range(nodes) if j != i and j not in near]
            for j in sorted(rest, key=lambda j: (-rows[g][i][j], j))[:topk]:
                kind[g, i, j] = 2
        kind[:, i, list(near)] = 1
        kind[:, i, i] = 0
    return kind


@functools.cache
def offset_table(places, grid):
    return torch.tensor([[offset_row(a, b, grid) for b in places] for a in places])


def offset_row(here, there, grid):
    row = 0
    for a, b, n in zip(here, there, grid):
        row = row * (2 * n - 1) + b - a + n - 1
    return row


@functools.cache
def patch_distances(spec):
    (h, w), (ph, pw) = spec.semantic_grid, spec.motion_grid
    near = torch.zeros(spec.N, spec.P)
    for n in range(spec.N):
        for p in range(spec.P):
            dy = n // w + 0.5 - (p // pw + 0.5) * h / ph
            dx = n % w + 0.5 - (p % pw + 0.5) * w / pw
            near[n, p] = dy * dy + dx * dx
    return near.repeat(spec.S, spec.M)


@functools.cache
def visibility(spec):
    """What a patch, and what a motion token, sees with window = aligned."""
    (h, w), (ph, pw) = spec.semantic_grid, spec.motion_grid
    patch = torch.zeros(spec.N, spec.P, dtype=torch.bool)
    for n in range(spec.N):
        patch[n, (n // w) * ph // h * pw + (n % w) * pw // w] = True
    time = torch.zeros(spec.M, spec.S, dtype=torch.bool)
    for t in range(spec.M):
        centre = (t + 0.5) * spec.clip_frames / spec.M - 0.5
        gaps = [abs(f - centre) for f in spec.semantic_frames]
        time[t, gaps.index(min(gaps))] = True
    return (patch.repeat(spec.S, spec.M),
            time.repeat_interleave(spec.P, 0).repeat_interleave(spec.N, 1))
