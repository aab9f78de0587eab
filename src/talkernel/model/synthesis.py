"""What becomes of f's answer: the mask, the motion, and the blend (eq. 7)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Synthesis(NamedTuple):
    """What f answers: alpha `[B, 1, H, W]` in 0..1 and M `[B, 3, H, W]` in -1..1."""

    attention: Tensor
    motion: Tensor

    @staticmethod
    def of(answer: Tensor) -> Synthesis:
        """Out of f's answer, see `AdaptedUNet.answer`."""
        return Synthesis(answer[:, :1], answer[:, 1:])


def blend(face: Tensor, answer: Synthesis) -> Tensor:
    """Eq. 7: I' = I (1 - alpha) + M alpha, all `[B, 3, H, W]` in -1..1."""
    return face + answer.attention * (answer.motion - face)
