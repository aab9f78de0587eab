"""Things done every so many seconds."""

from __future__ import annotations

import time


class Every:
    """True when called the given number of seconds after it was last true."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.last = seconds, time.monotonic()

    def __call__(self) -> bool:
        """Whether it is time again."""
        now = time.monotonic()
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True
