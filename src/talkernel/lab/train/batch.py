"""Batches: which samples each step uses, how they are stacked and moved to the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from talkernel.errors import TrainingError
from talkernel.lab.train.sample import MOUTH, Sample

CORNER = Sample._fields.index("corner")


@dataclass(frozen=True)
class ResumableSampler(Sampler[list[int]]):
    """Sample numbers of every batch: step s uses numbers s * batch to (s + 1) * batch - 1.

    Sample n depends on its number only (see `Pairs`). So a run that is killed and resumed, or that
    uses another number of processes, sees the same samples in the same order.

    Attributes:
        first: First step.
        steps: Step to stop before.
        batch: Samples per step over all processes; each process takes an equal part.
        rank: Index of this process.
        world: Number of processes.
    """

    first: int
    steps: int
    batch: int
    rank: int = 0
    world: int = 1

    def __iter__(self) -> Iterator[list[int]]:
        own = self.batch // self.world
        for step in range(self.first, self.steps):
            start = step * self.batch + self.rank * own
            yield list(range(start, start + own))

    def __len__(self) -> int:
        return self.steps - self.first


def single_threaded(worker: int) -> None:
    """Limit OpenCV to one thread in each loader process: parallelism comes from the processes."""
    cv2.setNumThreads(1)


def collate(samples: Sequence[Sample]) -> tuple[Tensor, ...]:
    """Stack samples, still as bytes."""
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))


class Batch(NamedTuple):
    """Stacked samples: pictures `[B, 3 or 6, S, S]` in -1..1, masks `[B, 1, S, S]` in 0..1.

    For the attributes see `Sample`.
    """

    network_input: Tensor
    face: Tensor
    target: Tensor
    lips: Tensor
    lower: Tensor
    outside: Tensor
    mouth_mask: Tensor
    painted: Tensor
    corner: Tensor
    genuine: Tensor
    code: Tensor
    speech: Tensor

    @staticmethod
    def of(parts: Sequence[Tensor], device: torch.device | str) -> Batch:
        """Move the result of `collate` to the device as bytes, and scale it there.

        The corners stay on the CPU: Python reads them, and reading from a GPU would wait for it.
        """
        moved = [
            part if number == CORNER else part.to(device, non_blocking=True)
            for number, part in enumerate(parts)
        ]
        pictures = [_picture(part) for part in moved[:3]]
        masks = [part.float() / 255.0 for part in moved[3:CORNER]]
        rest = [*moved[CORNER:-1], moved[-1].float()]
        return Batch(*pictures, *masks, *rest)

    def weight(self, mouth: float) -> Tensor:
        """Pixel weights `[B, 1, S, S]` of the reconstruction loss.

        Args:
            mouth: Weight of the lips. The lower face has half of it, but at least 1; everything
                else has 1. So `mouth` of 1 gives uniform weights.
        """
        half = max(1.0, mouth / 2)
        return 1.0 + (half - 1.0) * self.lower + (mouth - half) * self.lips

    def mouths(self, faces: Tensor) -> Tensor:
        """Cut the boxes around the mouths out of faces `[B, C, S, S]` of this batch.

        Returns:
            `[B, C, 128, 128]`, or `[B, C, S, S]` for smaller views.
        """
        corners = self.corner.tolist()
        boxes = [
            face[:, row : row + MOUTH, column : column + MOUTH]
            for face, (row, column) in zip(faces, corners, strict=True)
        ]
        return torch.stack(boxes).contiguous(memory_format=torch.channels_last)


def load_batches(
    data: Dataset[Sample], sampler: ResumableSampler, workers: int, device: torch.device
) -> Iterator[Batch]:
    """Make the samples in loader processes, and move them to the device in batches.

    Args:
        data: Makes the samples.
        sampler: Says which samples.
        workers: Loader processes; 0: make the samples in this process.
        device: Where the batches go.

    Raises:
        TrainingError: A loader process was killed, most often for lack of memory.
    """
    loader: DataLoader[Sample] = DataLoader(
        data,
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        worker_init_fn=single_threaded,
    )
    step = sampler.first
    try:
        for parts in loader:
            yield Batch.of(parts, device)
            step += 1
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            f"At step {step + 1}: {error}",
            remedy="Where memory ran out, set a smaller recipe.workers or recipe.pairs.size; "
            "the same command goes on from the last checkpoint.",
        ) from error


def _picture(part: Tensor) -> Tensor:
    """Bytes to -1..1."""
    return part.contiguous(memory_format=torch.channels_last).float().div_(127.5).sub_(1.0)
