"""The lip basis as part of a model that warps its reference."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from talkernel.face.lips import SHAPE
from talkernel.model.lip_basis import LipBasis

SHAPE_LENGTH = 3 * len(SHAPE)  # x, y and z of every landmark


class BasisBuffers(nn.Module):
    """A `LipBasis` as buffers: saved with the weights, not trained.

    Args:
        code: Length of the lip code.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        for name, shape in basis_shapes(code).items():
            self.register_buffer(name, torch.zeros(shape))

    def set(self, basis: LipBasis) -> None:
        """Copy a basis of this size into the buffers."""
        for field in dataclasses.fields(basis):
            buffer: Tensor = getattr(self, field.name)
            buffer.copy_(torch.from_numpy(getattr(basis, field.name)))

    def get(self) -> LipBasis:
        """The stored basis."""
        names = [field.name for field in dataclasses.fields(LipBasis)]
        return LipBasis(**{name: getattr(self, name).cpu().numpy() for name in names})


def basis_shapes(code: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays of a `LipBasis`, by name."""
    return {
        "neutral": (SHAPE_LENGTH,),
        "mean": (SHAPE_LENGTH,),
        "components": (code, SHAPE_LENGTH),
        "scale": (code,),
        "guess": (code, SHAPE_LENGTH + 1),
    }
