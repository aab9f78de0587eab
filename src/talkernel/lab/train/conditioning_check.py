"""Does the mouth obey? The failure that wastes days is a network that copies what it sees."""

from __future__ import annotations

from collections.abc import Callable

from talkernel.lab.train.batch import Batch
from talkernel.lab.train.train_logger import MEMORY, TrainLogger

BY_THEN = 1000  # steps after which a network that still ignores what it is told never will
IGNORES = 1.05  # mouth's error told another's code, as a share of that told its own
MouthError = Callable[[Batch, bool], float]


class ConditioningCheck:
    """Compares the mouth's error told the right code with that told another sample's."""

    def __init__(self) -> None:
        self.ratio: float | None = None

    def check(self, step: int, error: MouthError, batch: Batch, logger: TrainLogger) -> None:
        """Draw the ratio's curve, and warn when it stays near 1.

        Args:
            step: Steps done.
            error: The mouth's L1 for a batch, and whether its codes are shuffled.
            batch: What to look at.
            logger: Where to tell it.
        """
        now = error(batch, True) / error(batch, False)
        before = now if self.ratio is None else self.ratio
        self.ratio = before + 10 * MEMORY * (now - before)
        logger.curve(step, {"error told wrong, of that told right": self.ratio})
        if step >= BY_THEN and self.ratio < IGNORES:
            logger.say(
                "warning: the mouth ignores what it is told: told the wrong thing, its error is "
                f"only {self.ratio:.2f} times that told the right one. Hide the input's mouth, or "
                "look whether sound and picture of the tracks belong together."
            )
