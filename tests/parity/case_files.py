# SPDX-License-Identifier: Apache-2.0
"""How a parity case is drawn and written."""
import json
import math
import os

import torch
from safetensors.torch import save_file


def write_case(folder, model, weights, inputs, outputs, checks=None):
    """`checks`: what is compared with something else than a command's output."""
    os.makedirs(folder, exist_ok=True)
    files = {"weights": weights, "inputs": inputs, "outputs": outputs}
    if checks:
        files["checks"] = checks
    for name, tensors in files.items():
        save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()},
                  f"{folder}/{name}.safetensors")
    with open(f"{folder}/model.json", "w") as file:
        json.dump(model, file, indent=1)


def redraw(model, generator):
    """Moves what starts at a constant, so that no parameter goes untested."""
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif name.endswith("num_batches_tracked"):
            tensor.fill_(3)
        elif "lambda1" in name or (tensor.dim() == 1 and name.endswith("weight")):
            tensor.copy_(0.7 + 0.2 * noise)
        elif tensor.dim() <= 1 or "token" in name:
            tensor.copy_(0.2 * noise)
        else:
            tensor.copy_(noise / math.sqrt(tensor[0].numel()))
    return model.eval()
