"""Devices and processes of a run, and batch normalisation over all processes.

If each process normalised with the statistics of its own part of the batch, several processes
would train another network than one process does. torch's own `SyncBatchNorm` is for GPUs only;
this one works on any device.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.distributed as dist
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from talkernel.diagnose.inventory import cpu_instructions
from talkernel.lab.train.run_config import Hardware

Normalisation = (nn.BatchNorm1d, nn.BatchNorm2d)


def launch(hardware: Hardware) -> Fabric:
    """Start the run's processes with Lightning Fabric; under `torchrun` they exist already."""
    if hardware.threads:
        torch.set_num_threads(hardware.threads)
    several = hardware.devices * hardware.nodes > 1
    precision = hardware.precision
    if precision == "auto":
        precision = fastest_precision(hardware.accelerator)
    fabric = Fabric(
        accelerator=hardware.accelerator,
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        precision=precision,  # type: ignore[arg-type]  # Fabric checks the name itself
        strategy="ddp" if several else "auto",
    )
    fabric.launch()
    return fabric


def fastest_precision(accelerator: str) -> str:
    """bfloat16 if the device supports it natively: a CPU that emulates it is ten times slower.

    Args:
        accelerator: As in `Hardware`.
    """
    if accelerator in ("auto", "cuda", "gpu") and torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator in ("auto", "cpu"):
        native = not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(cpu_instructions())
    else:
        native = False
    return "bf16-mixed" if native else "32-true"


class SharedBatchNorm(nn.Module):
    """Replaces a `BatchNorm1d` or `BatchNorm2d`, whose parameters and buffers it takes over.

    Args:
        norm: The layer to replace.
    """

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
        """Normalise features `[B, C, ...]`; the shape stays the same."""
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
        """Mean and variance `[C]` of each channel over the samples of all processes."""
        axes = [axis for axis in range(x.ndim) if axis != 1]
        world = dist.get_world_size()
        moments = torch.stack([x.mean(axes), x.square().mean(axes)])
        mean, square = cast(Tensor, _Sum.apply(moments)) / world  # type: ignore[no-untyped-call]
        variance = (square - mean.square()).clamp(min=0.0)
        count = world * x.numel() / x.shape[1]
        self._update_running(mean.detach(), variance.detach() * count / max(1.0, count - 1.0))
        return mean, variance

    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked += 1


class _Sum(torch.autograd.Function):
    """Sum over all processes, whose gradient is the sum of the gradients of all processes."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        """The sum, the same in every process."""
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        """The sum of the gradients of all processes."""
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def share_batch_norm(module: nn.Module) -> None:
    """Replace every batch normalisation inside a module by a `SharedBatchNorm`."""
    for name, inner in module.named_children():
        if isinstance(inner, Normalisation):
            setattr(module, name, SharedBatchNorm(inner))
        else:
            share_batch_norm(inner)
