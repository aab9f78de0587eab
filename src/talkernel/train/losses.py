"""The losses of Section IV-B, and the mask loss of Section IV-D."""

from __future__ import annotations

import torch
from torch import Tensor

LAMBDA_REC = 10.0


def reconstruction_loss(result: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Eq. 3, L1, with more weight on the mouth: `[B, 3, H, W]` twice, `[B, 1, H, W]`."""
    return ((result - target).abs() * weight).mean() / weight.mean()


def mask_loss(attention: Tensor, outside: Tensor) -> Tensor:
    """Attention spent outside the lower face, which direct covering cannot afford.

    Args:
        attention: Alpha `[B, 1, H, W]` in 0..1.
        outside: `[B, 1, H, W]`, 1 where nothing may change.
    """
    return (attention * outside).mean()


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Eq. 4 as D sees it: scores of real faces towards 1, of generated ones towards 0."""
    return (1.0 - real).square().mean() + fake.square().mean()


def adversarial_loss(fake: Tensor) -> Tensor:
    """Eq. 4 as f sees it: scores of generated faces towards 1."""
    return (1.0 - fake).square().mean()


def total_loss(reconstruction: Tensor, adversarial: Tensor | None, mask: Tensor,
               mask_weight: float) -> Tensor:  # fmt: skip
    """Eq. 5 and the mask loss."""
    total = LAMBDA_REC * reconstruction + mask_weight * mask
    return total if adversarial is None else torch.add(total, adversarial)
