"""Near-duplicates: the same scene again, in another size, encoding or file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from talkernel.lab.tracks.track import FPS, Track
from talkernel.speech.mel import WAV2LIP

BANDS = 17  # of the sound's spectrum, whose neighbours are compared
SAME_SOUND = 0.35  # agreement of the fingerprints' bits, 0 by chance, 1 the same
SAME_LOOK = 10.0  # bits of 64 in which the pictures may differ, median
OVERLAP = FPS  # frames that must be in both
SLACK = 12  # frames by which a copy's sound may have been moved
Bits = NDArray[np.int8]


@dataclass(frozen=True)
class Print:
    """What a track sounds and looks like.

    Attributes:
        sound: `[T, 16]` of -1 and 1: whether the sound's slope across two bands rises.
        look: `[N, 64]` of 0 and 1: whether a crop gets brighter to the right.
        index: `[N]` the crops' frames.
    """

    sound: Bits
    look: Bits
    index: NDArray[np.int64]

    @staticmethod
    def of(track: Track) -> Print:
        """Take a track's."""
        crops = range(0, len(track.crop_index), 4)
        look = np.array([_look(track.crop(number)) for number in crops], np.int8)
        return Print(_sound(track), look, track.crop_index[::4])


def same(a: Print, b: Print) -> bool:
    """Whether two tracks show the same scene: the same sound, and then the same pictures."""
    if min(len(a.sound), len(b.sound)) < OVERLAP:
        return False
    products = fftconvolve(a.sound.astype(np.float32), b.sound[::-1].astype(np.float32), axes=0)
    shift = np.arange(len(products)) - (len(b.sound) - 1)  # frames by which b begins later
    common = np.minimum(len(a.sound), len(b.sound) + shift) - np.maximum(0, shift)
    agree = products.mean(1) / np.maximum(common, OVERLAP)
    best = int(np.argmax(agree))
    return bool(agree[best] > SAME_SOUND) and _alike(a, b, int(shift[best])) < SAME_LOOK


def first_like(new: Print, others: Iterable[tuple[str, Print]]) -> str | None:
    """The name of the first track that shows the same scene."""
    return next((name for name, other in others if same(new, other)), None)


def _alike(a: Print, b: Print, shift: int) -> float:
    """Median bits in which crops shown at the same time differ, at the best shift nearby."""
    found = [64.0]
    for moved in range(shift - SLACK, shift + SLACK + 1, 2):
        nearest = np.abs(a.index[:, None] - (b.index[None] + moved))
        other, gap = nearest.argmin(1), nearest.min(1)
        together = gap <= 4
        if together.sum() >= 3:
            found.append(float(np.median((a.look != b.look[other]).sum(1)[together])))
    return min(found)


def _look(crop: NDArray[np.uint8]) -> Bits:
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return (np.diff(small, axis=1) > 0).astype(np.int8).ravel()


def _sound(track: Track) -> Bits:
    mel = track.mel_of(WAV2LIP)
    bands = np.array([part.mean(0) for part in np.array_split(mel, BANDS)])
    at = (np.arange(len(track.landmarks)) + 0.5) * WAV2LIP.rate / FPS
    whole = np.array([np.interp(at, np.arange(mel.shape[1]), band) for band in bands])
    slope = np.diff(whole, axis=0)
    rising = np.diff(slope, axis=1, prepend=slope[:, :1])
    return np.where(rising.T > 0, 1, -1).astype(np.int8)


def packed(prints: Sequence[Print]) -> dict[str, NDArray[np.generic]]:
    """Arrays to store prints in, by number."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for number, own in enumerate(prints):
        arrays[f"sound{number}"] = np.packbits(own.sound > 0, axis=1)
        arrays[f"look{number}"] = np.packbits(own.look > 0, axis=1)
        arrays[f"index{number}"] = own.index.astype(np.int32)
    return arrays


def unpacked(arrays: Mapping[str, NDArray[np.uint8]], number: int) -> Print:
    """A print that `packed` stored."""
    sound, look = (
        np.unpackbits(arrays[f"{kind}{number}"], axis=1).astype(np.int8)
        for kind in ("sound", "look")
    )
    return Print(2 * sound[:, : BANDS - 1] - 1, look, arrays[f"index{number}"].astype(np.int64))
