"""Batch normalisation over the samples of all processes, on any device.

With statistics of its own share of the batch, each process would train another network than
one process alone does. torch's own remedy is for GPUs only.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

Normalisation = (nn.BatchNorm1d, nn.BatchNorm2d)


class SharedBatchNorm(nn.Module):
    """Takes the place of a `BatchNorm1d` or `BatchNorm2d`, and shares its tensors."""

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias
        self.eps, self.momentum = norm.eps, norm.momentum or 0.0
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Features `[B, C, ...]`, the same shape out."""
        if not self.training:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        mean, variance = self._statistics(x.float())
        shape = (1, -1, *[1] * (x.ndim - 2))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (x.float() * scale.view(shape) + shift.view(shape)).to(x.dtype)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel over everybody's samples."""
        axes = [axis for axis in range(x.ndim) if axis != 1]
        world = dist.get_world_size()
        moments = torch.stack([x.mean(axes), x.square().mean(axes)])
        mean, square = cast(Tensor, _Sum.apply(moments)) / world  # type: ignore[no-untyped-call]
        variance = (square - mean.square()).clamp(min=0.0)
        count = world * x.numel() / x.shape[1]
        self._remember(mean.detach(), variance.detach() * count / max(1.0, count - 1.0))
        return mean, variance

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked += 1


class _Sum(torch.autograd.Function):
    """Sum over all processes; what the others make of it comes back as gradient."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        """The sum, known to all."""
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        """Everybody's gradients together."""
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def share_statistics(module: nn.Module) -> None:
    """Put a `SharedBatchNorm` in the place of every batch normalisation inside a module."""
    for name, inner in module.named_children():
        if isinstance(inner, Normalisation):
            setattr(module, name, SharedBatchNorm(inner))
        else:
            share_statistics(inner)
