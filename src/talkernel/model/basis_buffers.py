"""The lip basis inside a model whose reference is warped: what a lip code means there."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from talkernel.face.lips import SHAPE
from talkernel.model.lip_basis import LipBasis

NUMBERS = 3 * len(SHAPE)


class BasisBuffers(nn.Module):
    """A `LipBasis` as buffers: saved with the weights, never trained.

    Args:
        code: Length of the lip code.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        for name, shape in basis_shapes(code).items():
            self.register_buffer(name, torch.zeros(shape))

    def set(self, basis: LipBasis) -> None:
        """Take over a basis of that size."""
        for field in dataclasses.fields(basis):
            buffer: Tensor = getattr(self, field.name)
            buffer.copy_(torch.from_numpy(getattr(basis, field.name)))

    def get(self) -> LipBasis:
        """The basis that was kept."""
        names = [field.name for field in dataclasses.fields(LipBasis)]
        return LipBasis(**{name: getattr(self, name).cpu().numpy() for name in names})


def basis_shapes(code: int) -> dict[str, tuple[int, ...]]:
    """Shapes of a `LipBasis`'s arrays, by name."""
    return {
        "neutral": (NUMBERS,),
        "mean": (NUMBERS,),
        "components": (code, NUMBERS),
        "scale": (code,),
        "guess": (code, NUMBERS + 1),
    }
