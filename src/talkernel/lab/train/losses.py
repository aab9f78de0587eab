"""Loss functions of Section IV-B, the mask loss of Section IV-D, and two additions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

LAMBDA_REC = 10.0


def reconstruction_loss(result: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted L1 (eq. 3).

    Each sample is normalised by its own weights. So the loss of a batch is the mean of the losses
    of its parts, on however many processes they are.

    Args:
        result: Generated faces `[B, 3, H, W]`.
        target: Their targets, likewise.
        weight: Pixel weights `[B, 1, H, W]`.
    """
    error = ((result - target).abs() * weight).mean((1, 2, 3))
    return (error / weight.mean((1, 2, 3)).clamp(min=1e-6)).mean()  # weights may all be 0


def mask_loss(attention: Tensor, outside: Tensor) -> Tensor:
    """Mean attention where nothing may change: direct blending would alter the frame there.

    Args:
        attention: `[B, 1, H, W]` in 0..1.
        outside: `[B, 1, H, W]`, 1 where nothing may change.
    """
    return (attention * outside).mean()


def discriminator_loss(real: Tensor, fake: Tensor, genuine: Tensor, where: Tensor) -> Tensor:
    """The discriminator's loss (eq. 4): scores of real faces towards 1, of generated ones to 0.

    Args:
        real: Scores of the targets `[B, 1, H, W]`.
        fake: Scores of the generated faces, likewise.
        genuine: `[B]` which targets are real frames. Composites are left out: they have seams.
        where: `[B, 1, H, W]` in 0..1, weight of each patch; where it is 0, both are the same.
    """
    missed = (_missed(1.0 - real, where) * genuine).sum() / genuine.sum().clamp(min=1)
    return missed + _missed(fake, where).mean()


def adversarial_loss(fake: Tensor, where: Tensor) -> Tensor:
    """The generator's adversarial loss (eq. 4): scores of generated faces towards 1.

    Args:
        fake: Scores of the generated faces `[B, 1, H, W]`.
        where: Weight of each patch, likewise.
    """
    return _missed(1.0 - fake, where).mean()


def matching_loss(
    found: Sequence[Tensor], wanted: Sequence[Tensor], wheres: Sequence[Tensor], genuine: Tensor
) -> Tensor:
    """Feature matching: relative L1 between discriminator features (Wang et al. 2018).

    Args:
        found: Features of the generated faces, `[B, C, H, W]` for each stage.
        wanted: Features of their targets, likewise.
        wheres: Weight of each position, `[B, 1, H, W]` for each stage.
        genuine: `[B]` which targets are real frames; the others are left out.
    """
    parts = []
    for ours, theirs, where in zip(found, wanted, wheres, strict=True):
        weight = where * genuine[:, None, None, None]
        error, scale = ((x.abs() * weight).sum() for x in (ours - theirs, theirs))
        parts.append(error / scale.clamp(min=1e-6))
    return torch.stack(parts).mean()


def reading_loss(read: Tensor, target: Tensor, importance: Tensor) -> Tensor:
    """Smooth L1 between lip codes `[B, K]`, each component weighted by its importance `[K]`."""
    return (F.smooth_l1_loss(read, target, reduction="none") * importance).mean()


def _missed(error: Tensor, where: Tensor) -> Tensor:
    """Weighted mean square of each sample, `[B]`."""
    return (error.square() * where).sum((1, 2, 3)) / where.sum((1, 2, 3)).clamp(min=1e-6)


def total_loss(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Weighted sum of all losses that have a weight (eq. 5, with more terms)."""
    parts = [weights[name] * losses[name] for name in weights if name in losses]
    return torch.stack(parts).sum()
