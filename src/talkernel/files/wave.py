"""Writes sound that the program itself makes."""

from __future__ import annotations

import os
import wave


def write_wave(path: str | os.PathLike[str], rate: int, samples: bytes) -> None:
    """A mono wave file.

    Args:
        path: The file to write.
        rate: Samples a second.
        samples: 16-bit little-endian samples.
    """
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
