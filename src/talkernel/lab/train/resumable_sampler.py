"""Which sample comes when, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
from torch.utils.data import Sampler


@dataclass(frozen=True)
class ResumableSampler(Sampler[list[int]]):
    """Numbers of the samples of every batch: step s holds s * batch to (s + 1) * batch - 1.

    A sample is made from its number alone. So a run killed and resumed, or spread over other
    processes, learns from the same samples in the same order.

    Attributes:
        first: Step to begin with.
        steps: Step to end before.
        batch: Samples per step, over all processes; those share them out evenly.
        rank: Which of the processes this is.
        world: How many there are.
    """

    first: int
    steps: int
    batch: int
    rank: int = 0
    world: int = 1

    def __iter__(self) -> Iterator[list[int]]:
        share = self.batch // self.world
        for step in range(self.first, self.steps):
            start = step * self.batch + self.rank * share
            yield list(range(start, start + share))

    def __len__(self) -> int:
        return self.steps - self.first


def single_threaded(worker: int) -> None:
    """One thread for each loader process: there are as many as there is work for."""
    cv2.setNumThreads(1)
