"""Log of a run: printed lines, TensorBoard curves and pictures, and warnings when it fails."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from talkernel.errors import TrainingError
from talkernel.lab.train.batch import Batch

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

MEMORY = 0.02  # weight of the newest step in a running mean
WARN_FROM = 1000  # steps after which a network that still ignores its lip codes will not learn it
IGNORES = 1.05  # ratio of the mouth's errors below which lip codes count as ignored
MouthError = Callable[[Batch, bool], float]


class Timer:
    """Returns True at most once per interval.

    Args:
        seconds: The interval.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.last = seconds, time.monotonic()

    def __call__(self) -> bool:
        """Whether the interval has passed since the last True, or since the start."""
        now = time.monotonic()
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True


class TrainLogger:
    """Prints running means of figures every few steps, and draws their curves.

    Args:
        folder: TensorBoard's files go into its folder `curves`; None: no curves.
        first: Steps done before this process started.
        steps: Steps in total.
        every: Steps between lines.
        samples: Samples per step.
        quiet: Print nothing, because another process of the run does.
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
            self.line("TensorBoard is not installed: there will be no curves.")
            return None
        return SummaryWriter(str(folder), purge_step=self.first)

    def record(self, step: int, figures: Mapping[str, float]) -> None:
        """Add the figures of step number `step`, counted from 1.

        Raises:
            TrainingError: A figure is not finite.
        """
        for name, value in figures.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"At step {step} the loss {name!r} is {value}.",
                    remedy="Go on from the last checkpoint with a lower recipe.learning_rate.",
                )
            before = self.running.get(name, value)
            self.running[name] = before + MEMORY * (value - before)
        if step % self.every == 0 or step == self.steps:
            self._report(step)

    def _report(self, step: int) -> None:
        rate = (step - self.first) / (time.monotonic() - self.started)
        shown = " ".join(f"{name} {value:.4f}" for name, value in self.running.items())
        left = timedelta(seconds=round((self.steps - step) / rate))
        self.line(f"step {step} {shown} {rate * self.samples:.1f} samples/s, {left} left")
        self.curve(step, {**self.running, "samples a second": rate * self.samples})

    def curve(self, step: int, figures: Mapping[str, float]) -> None:
        """Add figures to their curves."""
        for name, value in figures.items():
            if self.curves:
                self.curves.add_scalar(name, value, step)

    def pictures(self, step: int, rows: list[Tensor]) -> None:
        """Write batches of pictures `[B, 3, H, W]` in -1..1 as the rows of a grid."""
        if self.curves:
            grid = torch.cat([torch.cat(list(row.float().cpu()), dim=2) for row in rows], dim=1)
            self.curves.add_image("pictures", (grid + 1.0).clamp(0.0, 2.0) / 2.0, step)
            self.curves.flush()

    def line(self, text: str) -> None:
        """Print a line."""
        if not self.quiet:
            print(text, flush=True)


class ConditioningCheck:
    """Checks that the mouth follows its lip code, by giving it that of another sample.

    A network that ignores its lip code copies the mouth from its input or draws always the same
    one. If so, a wrong lip code makes the error of the mouth no larger.
    """

    def __init__(self) -> None:
        self.ratio: float | None = None

    def check(self, step: int, error: MouthError, batch: Batch, logger: TrainLogger) -> None:
        """Draw the ratio of the errors, and warn while it stays near 1.

        Args:
            step: Steps done.
            error: Computes the mouth's L1 for a batch; the flag says whether to shuffle its codes.
            batch: The samples to check.
            logger: Receives curve and warning.
        """
        now = error(batch, True) / error(batch, False)
        before = now if self.ratio is None else self.ratio
        self.ratio = before + 10 * MEMORY * (now - before)
        logger.curve(step, {"mouth error, wrong over right lip code": self.ratio})
        if step >= WARN_FROM and self.ratio < IGNORES:
            logger.line(
                "warning: the mouth ignores its lip code: with the code of another sample, its "
                f"error is only {self.ratio:.2f} times as large. Mask the input's mouth "
                "(model.masked), or check that sound and picture of the tracks are in sync."
            )
