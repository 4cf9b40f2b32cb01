# SPDX-License-Identifier: Apache-2.0
"""What a reference model counts."""
import torch


def count_macs(model, inputs):
    """Multiply-accumulates of matrix products and convolutions, by fvcore."""
    from fvcore.nn import FlopCountAnalysis
    count = FlopCountAnalysis(model, inputs)
    count.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    # It counts norms and resizing as well, which are no products of matrices.
    total = sum(number for name, number in count.by_operator().items()
                if name in ("conv", "linear", "matmul", "bmm", "addmm"))
    return torch.tensor(float(total), dtype=torch.float64)


def count_parameters(model):
    return torch.tensor(sum(parameter.numel() for parameter in model.parameters()))
