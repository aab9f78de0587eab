"""The output of the generator (f in eq. 2): mask and painted image, and their blend (eq. 7)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Synthesis(NamedTuple):
    """Attention mask and painted image of a batch of faces.

    Attributes:
        attention: The mask alpha `[B, 1, H, W]` in 0..1 (Section III-C).
        motion: The painted image M `[B, 3, H, W]` in -1..1, the paper's motion image.
    """

    attention: Tensor
    motion: Tensor

    @staticmethod
    def of(output: Tensor) -> Synthesis:
        """Split the output `[B, 1 + 3, H, W]` of `AdaptedUNet.raw_output`."""
        return Synthesis(output[:, :1], output[:, 1:])


def blend(face: Tensor, synthesis: Synthesis) -> Tensor:
    """Eq. 7: I' = I (1 - alpha) + M alpha, for faces I `[B, 3, H, W]` in -1..1."""
    return face + synthesis.attention * (synthesis.motion - face)
