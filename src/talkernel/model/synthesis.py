"""What becomes of f's answer: M, with what it takes from the reference, and the blend (eq. 7)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Synthesis(NamedTuple):
    """What f answers: alpha `[B, 1, H, W]` in 0..1 and M `[B, 3, H, W]` in -1..1."""

    attention: Tensor
    motion: Tensor

    @staticmethod
    def of(answer: Tensor, face: Tensor) -> Synthesis:
        """Out of f's answer, see `AdaptedUNet.answer`, to a face with its reference."""
        attention, motion = answer[:, :1], answer[:, 1:4]
        if answer.shape[1] > 1 + 3:
            motion = motion + answer[:, 4:] * (face[:, 3:] - motion)
        return Synthesis(attention, motion)


def blend(face: Tensor, answer: Synthesis) -> Tensor:
    """Eq. 7: I' = I (1 - alpha) + M alpha, all `[B, 3, H, W]` in -1..1."""
    return face + answer.attention * (answer.motion - face)
