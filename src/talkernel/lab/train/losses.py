"""The losses of Section IV-B, and the mask loss of Section IV-D."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

LAMBDA_REC = 10.0


def reconstruction_loss(result: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Eq. 3, L1, with more weight on the mouth: `[B, 3, H, W]` twice, `[B, 1, H, W]`.

    Each sample by the sum of its own weights: the mean over a batch is that over its parts.
    """
    error = ((result - target).abs() * weight).mean((1, 2, 3))
    return (error / weight.mean((1, 2, 3)).clamp(min=1e-6)).mean()  # a weight may be 0 everywhere


def mask_loss(attention: Tensor, outside: Tensor) -> Tensor:
    """Attention spent outside the lower face, which direct covering cannot afford.

    Args:
        attention: Alpha `[B, 1, H, W]` in 0..1.
        outside: `[B, 1, H, W]`, 1 where nothing may change.
    """
    return (attention * outside).mean()


def discriminator_loss(real: Tensor, fake: Tensor, genuine: Tensor, where: Tensor) -> Tensor:
    """Eq. 4 as D sees it: scores of real faces towards 1, of generated ones towards 0.

    Args:
        real: Scores of the targets `[B, 1, H, W]`.
        fake: Scores of the generated faces, likewise.
        genuine: `[B]` which targets count as real: a composite's seam is nothing to learn.
        where: `[B, 1, H, W]` in 0..1, how far each patch counts: elsewhere both are the same.
    """
    missed = (_missed(1.0 - real, where) * genuine).sum() / genuine.sum().clamp(min=1)
    return missed + _missed(fake, where).mean()


def adversarial_loss(fake: Tensor, where: Tensor) -> Tensor:
    """Eq. 4 as f sees it: scores of generated faces towards 1."""
    return _missed(1.0 - fake, where).mean()


def matching_loss(
    found: Sequence[Tensor], wanted: Sequence[Tensor], wheres: Sequence[Tensor], genuine: Tensor
) -> Tensor:
    """L1 between what D sees in generated faces and in their targets (Wang et al. 2018).

    Args:
        found: D's features of generated faces, `[B, C, H, W]` of each stage.
        wanted: Of their targets, likewise.
        wheres: How far each place of them counts, `[B, 1, H, W]`.
        genuine: `[B]` which targets count.
    """
    parts = []
    for ours, theirs, where in zip(found, wanted, wheres, strict=True):
        weight = where * genuine[:, None, None, None]
        error, scale = ((x.abs() * weight).sum() for x in (ours - theirs, theirs))
        parts.append(error / scale.clamp(min=1e-6))
    return torch.stack(parts).mean()


def _missed(error: Tensor, where: Tensor) -> Tensor:
    """Each sample's mean square where it counts, `[B]`."""
    return (error.square() * where).sum((1, 2, 3)) / where.sum((1, 2, 3)).clamp(min=1e-6)


def total_loss(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Eq. 5 and what was added to it: the weighted sum of those losses that have a weight."""
    parts = [weights[name] * losses[name] for name in weights if name in losses]
    return torch.stack(parts).sum()
