"""What a run tells of itself: lines, curves and pictures; and when to stop it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from talkernel.errors import TrainingDivergedError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

MEMORY = 0.02  # share of the newest step in a running figure


class TrainLogger:
    """Running means of figures, printed and drawn every few steps.

    Args:
        folder: TensorBoard's files go into its folder `curves`; None: no curves.
        first: Steps done before this process began.
        steps: Steps in all.
        every: Steps between lines.
        samples: Per step.
        quiet: Print nothing: another process of the run does.
    """

    def __init__(
        self,
        folder: Path | None,
        first: int,
        steps: int,
        every: int,
        samples: int,
        quiet: bool = False,
    ) -> None:
        self.first, self.steps, self.every, self.samples = first, steps, every, samples
        self.quiet, self.started = quiet, time.monotonic()
        self.running: dict[str, float] = {}
        self.curves = None if folder is None else self._open_curves(folder / "curves")

    def _open_curves(self, folder: Path) -> SummaryWriter | None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.say("TensorBoard is not installed: there will be no curves.")
            return None
        return SummaryWriter(str(folder), purge_step=self.first)

    def record(self, step: int, figures: Mapping[str, float]) -> None:
        """Take the figures of step number `step`, counted from 1.

        Raises:
            TrainingDivergedError: One is not a finite number.
        """
        for name, value in figures.items():
            if not math.isfinite(value):
                raise TrainingDivergedError(f"At step {step} the loss {name!r} is {value}.")
            before = self.running.get(name, value)
            self.running[name] = before + MEMORY * (value - before)
        if step % self.every == 0 or step == self.steps:
            self._tell(step)

    def _tell(self, step: int) -> None:
        rate = (step - self.first) / (time.monotonic() - self.started)
        shown = " ".join(f"{name} {value:.4f}" for name, value in self.running.items())
        left = timedelta(seconds=round((self.steps - step) / rate))
        self.say(f"step {step} {shown} {rate * self.samples:.1f} samples/s, {left} left")
        self.curve(step, {**self.running, "samples a second": rate * self.samples})

    def curve(self, step: int, figures: Mapping[str, float]) -> None:
        """Put figures on their curves."""
        for name, value in figures.items():
            if self.curves:
                self.curves.add_scalar(name, value, step)

    def pictures(self, step: int, rows: list[Tensor]) -> None:
        """Show batches of pictures `[B, 3, H, W]` in -1..1 as the rows of a grid."""
        if self.curves:
            grid = torch.cat([torch.cat(list(row.float().cpu()), dim=2) for row in rows], dim=1)
            self.curves.add_image("pictures", (grid + 1.0).clamp(0.0, 2.0) / 2.0, step)
            self.curves.flush()

    def say(self, text: str) -> None:
        """Print a line."""
        if not self.quiet:
            print(text, flush=True)
