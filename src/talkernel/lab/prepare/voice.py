"""A video's sound, and the frames with speech in it (voice activity detection by silero-vad)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.tracks.track import FPS
from talkernel.media import open_speech
from talkernel.speech.mel import SAMPLE_RATE

SAMPLES = SAMPLE_RATE // FPS  # per frame


def read_wave(video: Path) -> NDArray[np.int16]:
    """A video's sound, `[n]` at 16 kHz, aligned with its pictures.

    Raises:
        TalkernelError: There is no sound, or it cannot be read.
    """
    blocks = [
        np.clip(block * 32768.0, -32768, 32767).astype(np.int16)
        for block in open_speech(video).blocks()
    ]
    return np.concatenate(blocks)


def frames_with_speech(wave: NDArray[np.int16]) -> NDArray[np.bool_]:
    """`[T]` for each frame, at 25 a second, whether there is speech."""
    import torch
    from silero_vad import get_speech_timestamps

    torch.set_num_threads(1)
    sound = torch.from_numpy(wave.astype(np.float32) / 32768.0)
    frames = np.zeros(-(-len(wave) // SAMPLES), np.bool_)
    for part in get_speech_timestamps(sound, _detector(), sampling_rate=SAMPLE_RATE):
        frames[part["start"] // SAMPLES : -(-part["end"] // SAMPLES)] = True
    return frames


def wave_of(wave: NDArray[np.int16], start: int, frames: int) -> NDArray[np.int16]:
    """The sound of `frames` frames from `start` on, padded with silence at the end."""
    part = wave[start * SAMPLES : (start + frames) * SAMPLES]
    return np.pad(part, (0, frames * SAMPLES - len(part)))


@cache
def _detector() -> Any:
    from silero_vad import load_silero_vad

    return load_silero_vad()
