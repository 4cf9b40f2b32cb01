# SPDX-License-Identifier: Apache-2.0
"""One training step of fusion models by torch.optim.AdamW, for make_cases.py.

Two micro-batches, label smoothing, mixed labels, clipping by the norm of all gradients, decay of
the matrices of linear layers alone, and batch norms that move once a step.
"""
import math

import torch

import reference_gasm_cast as fusion


def step_settings(small):
    """Changes to the model, and to the optimiser."""
    usual = dict(lr=3e-3, weight_decay=0.05, label_smoothing=0.1)
    yield "bcast", dict(small, cross_bias=True, motion_grid=[2, 3], pool="time_concat"), dict(
        usual, clip_norm=0.5)
    yield "faithful", dict(num_classes=20, semantic_grid=[4, 4]), dict(usual, clip_norm=1.0)
    yield "batchnorm", dict(small, standardise="batchnorm"), dict(usual, clip_norm=0.5)
    yield "cross", dict(small, fusion="cross", semantic_frames=[1, 6], window="aligned"), dict(
        usual, clip_norm=0.0)
    yield "late-attention", dict(small, fusion="late", pool="attention"), dict(
        usual, clip_norm=1e3)
    yield "gather-frozen", dict(small, graph_attention="gather", graph_edges="frozen"), dict(
        usual, betas=[0.8, 0.95], eps=1e-6, clip_norm=0.5, label_smoothing=0.0)
    # Adam divides noise by noise where a gradient is zero but for rounding; a
    # larger eps makes the very first step, too, a function of the gradient.
    # Each clip counts for two classes, in shares of each micro-batch's own.
    yield "mixed", dict(small, pool="attention"), dict(usual, clip_norm=0.5)
    yield "mixed-no-smoothing", dict(small, standardise="batchnorm"), dict(
        usual, clip_norm=0.5, label_smoothing=0.0)
    yield "first-step", dict(small), dict(usual, eps=1e-3, clip_norm=0.5)


def adamw(parameters, optim, state, scale=lambda name: 1.0):
    """torch's, decaying the weights of linear layers and convolutions alone; `scale`: of a
    parameter's learning rate."""
    def decay(name):
        is_matrix = name.endswith(".weight") and parameters[name].dim() >= 2
        return optim["weight_decay"] if is_matrix else 0.0
    groups = [dict(params=[p], weight_decay=decay(name), lr=optim["lr"] * scale(name))
              for name, p in parameters.items()]
    optimiser = torch.optim.AdamW(groups, lr=optim["lr"], betas=optim.get("betas", (0.9, 0.999)),
                                  eps=optim.get("eps", 1e-8))
    for name, parameter in parameters.items():
        optimiser.state[parameter] = dict(
            step=state["num_steps"].float(), exp_avg=state[f"exp_avg.{name}"].clone(),
            exp_avg_sq=state[f"exp_avg_sq.{name}"].clone())
    return optimiser


def draw_state(parameters, is_first, generator):
    if is_first:
        state = {f"{kind}.{name}": torch.zeros_like(p) for name, p in parameters.items()
                 for kind in ("exp_avg", "exp_avg_sq")}
        return {**state, "num_steps": torch.tensor(0)}
    state = {"num_steps": torch.tensor(11)}
    for name, p in parameters.items():
        state[f"exp_avg.{name}"] = 1e-2 * torch.randn(p.shape, generator=generator)
        state[f"exp_avg_sq.{name}"] = 1e-4 * (0.5 + torch.rand(p.shape, generator=generator))
    return state


def apply_running(weights, seen):
    """Batch norms move once a step, by the mean over its micro-batches."""
    for name in {name for name, _, _ in seen}:
        for leaf, index in (("running_mean", 1), ("running_var", 2)):
            mean = torch.stack([entry[index] for entry in seen if entry[0] == name]).mean(0)
            weights[f"{name}.{leaf}"].mul_(0.9).add_(0.1 * mean)
        weights[f"{name}.num_batches_tracked"] += 1


def soft_targets(inputs, rows, part, num_classes, smoothing):
    """What share of each clip is of each class."""
    def one_hot(labels):
        return torch.nn.functional.one_hot(labels[rows], num_classes).double()
    targets = one_hot(inputs["labels"])
    if "own_share" in inputs:
        share = inputs["own_share"][part]
        targets = share * targets + (1 - share) * one_hot(inputs["other_labels"])
    return (1 - smoothing) * targets + smoothing / num_classes


def take_step(parameters, optim, inputs, logits_of, scale=lambda name: 1.0):
    """Changes `parameters` by a step of two micro-batches, whose slices `logits_of` takes; loss and
    norm of the gradients."""
    optimiser = adamw(parameters, optim, inputs, scale)
    labels = inputs["labels"]
    loss = 0.0
    for part in range(2):
        rows = slice(part * len(labels) // 2, (part + 1) * len(labels) // 2)
        logits = logits_of(rows)
        targets = soft_targets(inputs, rows, part, logits.shape[1], optim["label_smoothing"])
        share = -(targets * logits.double().log_softmax(1)).sum() / len(labels)
        share.backward()
        loss += share.detach().float()
    for parameter in parameters.values():
        # torch leaves out what no clip reaches; its moments fade here.
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    norm = torch.nn.utils.clip_grad_norm_(parameters.values(), optim["clip_norm"] or math.inf)
    optimiser.step()
    return {"loss": loss, "grad_norm": norm}


def all_cases(cases):
    """name, spec, weights before, inputs with the optimiser's state, outputs, and the optimiser's
    settings; `cases`: the module make_cases."""
    batch = 6
    for seed, (name, changes, optim) in enumerate(step_settings(cases.SMALL)):
        spec = fusion.Spec(**changes)
        generator = torch.Generator().manual_seed(500 + seed)
        weights = fusion.draw_weights(spec, generator)
        before = {name: tensor.clone() for name, tensor in weights.items()}
        parameters = cases.learned(weights)
        inputs = {
            "semantic": torch.randn(batch, spec.S, spec.N, spec.semantic_dim, generator=generator),
            "motion": torch.randn(batch, spec.M, spec.P, spec.motion_dim, generator=generator),
            "labels": torch.randint(0, spec.num_classes, (batch,), generator=generator),
            **draw_state(parameters, name == "first-step", generator)}
        if name.startswith("mixed"):
            inputs["other_labels"] = torch.randint(0, spec.num_classes, (batch,),
                                                   generator=generator)
            inputs["own_share"] = torch.tensor([0.3, 0.85], dtype=torch.float64)
        model = fusion.Model(spec, weights, [])
        outputs = take_step(parameters, optim, inputs, lambda rows, model=model, data=inputs: (
            model.forward(data["semantic"][rows], data["motion"][rows])["logits"]))
        with torch.no_grad():
            apply_running(weights, model.running)
        yield name, spec.values, before, inputs, {
            **outputs, **{f"after.{n}": w for n, w in weights.items()}}, optim
