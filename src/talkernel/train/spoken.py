"""What is being said at one moment of a track: the lips seen, and the sound heard."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.audio import N_MELS, SILENCE, first_column
from talkernel.face.lips import LipBasis, mirrored
from talkernel.train.tracks import FPS, Track

Array = NDArray[np.float32]


class Spoken(NamedTuple):
    """Lip code `[K]`, that of the mirrored face, and the mel window `[80, W]`."""

    code: Array
    mirrored: Array
    mel: Array

    @staticmethod
    def of_track(track: Track, basis: LipBasis, window: int) -> list[Spoken]:
        """What is said at each stored crop.

        Args:
            track: A prepared track.
            basis: Turns lip shapes into lip codes.
            window: Width of a mel window in columns; 0 where nobody listens.
        """
        deviations = track.deviations[track.crop_index]
        codes, mirrors = basis.encode(deviations), basis.encode(mirrored(deviations))
        heard = mel_windows(track, track.crop_index - track.offset, window)
        return [Spoken(*parts) for parts in zip(codes, mirrors, heard, strict=True)]


def mel_windows(track: Track, frames: NDArray[np.int64], window: int) -> Array:
    """Of frames `[N]`: `[N, 80, W]`, silent before the sound begins and after it ends."""
    if not window:
        return np.zeros((len(frames), N_MELS, 0), np.float32)
    starts = np.array([first_column(int(frame), FPS, window) for frame in frames])
    columns = starts[:, None] + np.arange(window)
    inside = (columns >= 0) & (columns < track.mel.shape[1])
    mel = track.mel[:, columns.clip(0, track.mel.shape[1] - 1)].transpose(1, 0, 2)
    return np.where(inside[:, None], mel, np.float32(SILENCE))
