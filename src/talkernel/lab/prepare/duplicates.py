"""Near-duplicates: detects the same scene in another size, encoding or file.

Each track gets a fingerprint of its sound and of its pictures. Two tracks are duplicates when
the sound matches at some shift and the pictures match at that shift, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from talkernel.lab.tracks.track import FPS, Track
from talkernel.speech.mel import WAV2LIP

BANDS = 17  # of the sound's spectrum; each is compared with the next
SAME_SOUND = 0.35  # smallest correlation of the sounds' bits: 0 by chance, 1 for identical sound
SAME_LOOK = 10.0  # largest median number of different bits, of 64, between the pictures
OVERLAP = FPS  # frames that both tracks must share
SLACK = 12  # frames by which a copy's sound may have been shifted against its pictures
Bits = NDArray[np.int8]


@dataclass(frozen=True)
class Fingerprint:
    """Compact description of a track's sound and pictures.

    Attributes:
        sound: `[T, 16]` of -1 and 1: whether the sound's slope across two bands rises.
        look: `[N, 64]` of 0 and 1: whether a crop, as 9 x 8 pixels, gets brighter to the right.
        index: `[N]` the crops' frame numbers.
    """

    sound: Bits
    look: Bits
    index: NDArray[np.int64]

    @staticmethod
    def of(track: Track) -> Fingerprint:
        """Compute the fingerprint of a track, from its sound and every fourth crop."""
        crops = range(0, len(track.crop_index), 4)
        look = np.array([_look(track.crop(number)) for number in crops], np.int8)
        return Fingerprint(_sound(track), look, track.crop_index[::4])


def same(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether two tracks show the same scene: matching sound, then matching pictures."""
    if min(len(a.sound), len(b.sound)) < OVERLAP:
        return False
    products = fftconvolve(a.sound.astype(np.float32), b.sound[::-1].astype(np.float32), axes=0)
    shift = np.arange(len(products)) - (len(b.sound) - 1)  # frames by which b begins later
    common = np.minimum(len(a.sound), len(b.sound) + shift) - np.maximum(0, shift)
    agree = products.mean(1) / np.maximum(common, OVERLAP)
    best = int(np.argmax(agree))
    if agree[best] <= SAME_SOUND:
        return False
    return _picture_distance(a, b, int(shift[best])) < SAME_LOOK


def first_duplicate(new: Fingerprint, others: Iterable[tuple[str, Fingerprint]]) -> str | None:
    """The name of the first track that shows the same scene, or None."""
    return next((name for name, other in others if same(new, other)), None)


def _picture_distance(a: Fingerprint, b: Fingerprint, shift: int) -> float:
    """Median number of different bits between simultaneous crops, at the best shift nearby."""
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


def packed(prints: Sequence[Fingerprint]) -> dict[str, NDArray[np.generic]]:
    """Arrays that store fingerprints, named by their number in the sequence."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for number, own in enumerate(prints):
        arrays[f"sound{number}"] = np.packbits(own.sound > 0, axis=1)
        arrays[f"look{number}"] = np.packbits(own.look > 0, axis=1)
        arrays[f"index{number}"] = own.index.astype(np.int32)
    return arrays


def unpacked(arrays: Mapping[str, NDArray[np.uint8]], number: int) -> Fingerprint:
    """Restore one fingerprint from the arrays of `packed`."""
    sound, look = (
        np.unpackbits(arrays[f"{kind}{number}"], axis=1).astype(np.int8)
        for kind in ("sound", "look")
    )
    index = arrays[f"index{number}"].astype(np.int64)
    return Fingerprint(2 * sound[:, : BANDS - 1] - 1, look, index)
