# SPDX-License-Identifier: Apache-2.0
"""Parity cases of I3D, by pytorchvideo."""
import sys
import types

import torch

from case_files import redraw, write_case
from model_counts import count_macs, count_parameters


def without_torchvision():
    """pytorchvideo's detection head, unused here, is all that needs it."""
    ops = types.ModuleType("torchvision.ops")
    ops.RoIAlign = object
    sys.modules.setdefault("torchvision", types.ModuleType("torchvision"))
    sys.modules.setdefault("torchvision.ops", ops)


def i3d_r50(generator):
    without_torchvision()
    from pytorchvideo.models.resnet import create_resnet
    # The arguments of the published i3d_r50.
    kernels = (((3, 1, 1),), ((3, 1, 1), (1, 1, 1)), ((3, 1, 1), (1, 1, 1)),
               ((1, 1, 1), (3, 1, 1)))
    model = create_resnet(stem_conv_kernel_size=(5, 7, 7), stage1_pool=torch.nn.MaxPool3d,
                          stage_conv_a_kernel_size=kernels)
    return redraw(model, generator)


def small_i3d(motion, generator):
    """A ResNet of any widths from pytorchvideo's own parts."""
    without_torchvision()
    from pytorchvideo.models.net import Net
    from pytorchvideo.models.resnet import create_bottleneck_block, create_res_stage
    from pytorchvideo.models.stem import create_res_basic_stem
    kernel, width = motion["stem_kernel"], motion["stem_width"]
    pooled = motion["stem_pool"] == "max"
    blocks = [create_res_basic_stem(
        in_channels=3, out_channels=width, conv_kernel_size=tuple(kernel),
        conv_stride=tuple(motion["stem_stride"]), conv_padding=tuple(k // 2 for k in kernel),
        pool=torch.nn.MaxPool3d if pooled else None, pool_kernel_size=(1, 3, 3),
        pool_stride=(1, 2, 2), pool_padding=(0, 1, 1))]
    for i, depth in enumerate(motion["depths"]):
        times = motion["temporal_kernels"][i]
        kernels = [(times[j % len(times)], 1, 1) for j in range(depth)]
        stride = 1 if i == 0 else 2
        if i == 1:
            is_pooled = motion["temporal_pool"] == "after_res2"
            blocks.append(torch.nn.MaxPool3d((2, 1, 1), (2, 1, 1)) if is_pooled
                          else torch.nn.Identity())
        blocks.append(create_res_stage(
            depth=depth, dim_in=width, dim_inner=motion["inner_widths"][i],
            dim_out=motion["widths"][i], bottleneck=create_bottleneck_block,
            conv_a_kernel_size=kernels, conv_a_stride=(1, 1, 1),
            conv_a_padding=[(k[0] // 2, 0, 0) for k in kernels],
            conv_b_kernel_size=(1, 3, 3), conv_b_stride=(1, stride, stride),
            conv_b_padding=(0, 1, 1)))
        width = motion["widths"][i]
    return redraw(Net(blocks=torch.nn.ModuleList(blocks)), generator)


def motion_config(**changes):
    return dict(dict(kind="custom", stage="res3", grid=[1, 1], stem_width=8,
                     stem_kernel=[3, 5, 5], stem_stride=[1, 2, 2], stem_pool="max",
                     widths=[16, 24], inner_widths=[8, 12], depths=[2, 2],
                     temporal_kernels=[[3], [3, 1]], temporal_pool="after_res2"), **changes)


LAST_BLOCK = {"res2": 1, "res3": 3, "res4": 4, "res5": 5}


def run_i3d(model, clips, stage, grid):
    x = clips
    with torch.no_grad():
        for block in model.blocks[:LAST_BLOCK[stage] + 1]:
            x = block(x)
    size = (x.shape[2], *grid)
    tokens = {"tokens": torch.nn.functional.adaptive_avg_pool3d(x, size),
              "max_tokens": torch.nn.functional.adaptive_max_pool3d(x, size)}
    return {"features": x, **{k: v.flatten(3).permute(0, 2, 3, 1) for k, v in tokens.items()}}


def run_i3d_taps(model, clips):
    """Every stage and the logits of the published model, and its size."""
    outputs, x = {}, clips
    for index, block in enumerate(model.blocks):
        x = block(x)
        for stage, last in LAST_BLOCK.items():
            if index == last:
                outputs[stage] = x
    return {**outputs, "logits": x, "macs": count_macs(model, clips[:1]),
            "parameters": count_parameters(model)}


def make_i3d(out):
    small = {
        "small": motion_config(),
        "grid": motion_config(grid=[2, 3]),
        "strided-stem": motion_config(stem_stride=[2, 4, 4], stem_pool="none",
                                      temporal_pool="none", grid=[2, 2]),
        "res2": motion_config(stage="res2", widths=[16], inner_widths=[8], depths=[3],
                              temporal_kernels=[[3, 1]]),
        "same-widths": motion_config(stem_width=16),
    }
    for seed, (name, motion) in enumerate(small.items()):
        generator = torch.Generator().manual_seed(seed)
        model = small_i3d(motion, generator)
        clips = torch.randn(2, 3, 8, 48, 56, generator=generator)
        outputs = run_i3d(model, clips, motion["stage"], motion["grid"])
        weights = {k: v.clone() for k, v in model.state_dict().items()}
        # Batch norms over the batch, as in training.
        x = clips
        for block in model.train().blocks[:LAST_BLOCK[motion["stage"]] + 1]:
            x = block(x)
        pull = torch.randn(x.shape, generator=generator)
        (x * pull).sum().backward()
        outputs.update({f"grad.{n}": p.grad for n, p in model.named_parameters()
                        if p.grad is not None})
        write_case(f"{out}/{name}", {"model": {"motion": motion}}, weights,
                   {"clips": clips, "pull": pull}, outputs)
    generator = torch.Generator().manual_seed(50)
    model = i3d_r50(generator)
    clips = torch.randn(1, 3, 8, 96, 96, generator=generator)
    for stage, grid in (("res3", [1, 1]), ("res5", [2, 2])):
        write_case(f"{out}/i3d_r50-{stage}",
                   {"model": {"motion": {"kind": "i3d_r50", "stage": stage, "grid": grid}}},
                   model.state_dict(), {"clips": clips}, run_i3d(model, clips, stage, grid))
    # The head averages 4 x 7 x 7 places; the second size leaves several.
    for name, size in (("taps", (8, 224, 224)), ("taps-odd", (13, 259, 230))):
        clips = torch.randn(1, 3, *size, generator=generator)
        with torch.no_grad():
            outputs = run_i3d_taps(model, clips)
        write_case(f"{out}/i3d_r50-{name}",
                   {"model": {"motion": {"kind": "i3d_r50", "stage": "res5", "grid": [1, 1]}}},
                   model.state_dict(), {"clips": clips}, outputs)
