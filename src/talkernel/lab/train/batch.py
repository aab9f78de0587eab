"""A batch of pairs on the training device, in the network's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from talkernel.lab.train.pairs import MOUTH, Sample

CORNER = Sample._fields.index("corner")


class Batch(NamedTuple):
    """Pictures `[B, 3 or 6, S, S]` in -1..1, planes `[B, 1, S, S]` in 0..1; see `Sample`."""

    seen: Tensor
    face: Tensor
    target: Tensor
    lips: Tensor
    lower: Tensor
    outside: Tensor
    hidden: Tensor
    painted: Tensor
    corner: Tensor
    genuine: Tensor
    code: Tensor
    speech: Tensor

    @staticmethod
    def of(parts: Sequence[Tensor], device: torch.device | str) -> Batch:
        """Move what `collate` made to the device, as bytes, and scale it there.

        The corners stay: Python reads them, and a GPU would be waited for each time.
        """
        moved = [
            part if number == CORNER else part.to(device, non_blocking=True)
            for number, part in enumerate(parts)
        ]
        pictures = [_picture(part) for part in moved[:3]]
        planes = [part.float() / 255.0 for part in moved[3:CORNER]]
        rest = [*moved[CORNER:-1], moved[-1].float()]
        return Batch(*pictures, *planes, *rest)

    def weight(self, mouth: float) -> Tensor:
        """Of the reconstruction loss: `mouth` at the lips, half of it on the lower face, else 1."""
        return 1.0 + (mouth / 2 - 1.0) * self.lower + mouth / 2 * self.lips

    def mouths(self, faces: Tensor) -> Tensor:
        """The boxes around the mouths of some faces of this batch, `[B, C, 128, 128]` or less."""
        corners = self.corner.tolist()
        boxes = [
            face[:, row : row + MOUTH, column : column + MOUTH]
            for face, (row, column) in zip(faces, corners, strict=True)
        ]
        return torch.stack(boxes).contiguous(memory_format=torch.channels_last)


def _picture(part: Tensor) -> Tensor:
    scaled = part.contiguous(memory_format=torch.channels_last).float().div_(127.5).sub_(1.0)
    return scaled


def collate(samples: Sequence[Sample]) -> tuple[Tensor, ...]:
    """Stack samples, still bytes."""
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
