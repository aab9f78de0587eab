"""Audio-video sync of prepared tracks: finds each offset, and tracks whose sound does not fit.

Many published clips are out of sync by some frames, dubbed, or have a voice-over. No outside model
is needed to find them: an AudioNet is trained on one half of the people and predicts lip codes for
the other half. The lag at which the predicted mouth opening correlates best with the measured one
is the track's offset. A track without correlation at any lag is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.tracks.track import FPS, Track
from talkernel.lab.train.audio_data import SpeechTable
from talkernel.lab.train.audio_net import train_lip_reader
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.lab.train.lip_reader import LAGS, correlations
from talkernel.lab.train.recipes import AudioNetRecipe
from talkernel.model.lip_basis import LipBasis

CLEAR = 2.2  # standard errors above zero correlation from which an offset is accepted
AGREES = 0.15  # correlation below which sound and mouth do not fit
ENOUGH = 4.0  # seconds of speech from which a track may be dropped
INDEPENDENT = 6.0  # frames between independent samples of the mouth opening


@dataclass(frozen=True)
class Sync:
    """The sync of one track.

    Attributes:
        offset: Frames by which the picture lags behind its sound; None: drop the track.
        score: Correlation of predicted and measured mouth opening at that offset.
    """

    offset: int | None
    score: float


def find_sync(
    tracks: Sequence[Track],
    basis: LipBasis,
    front_end: SpeechFrontEnd,
    recipe: AudioNetRecipe,
    recording: Mapping[str, str] | None = None,
) -> dict[str, Sync]:
    """Measure the sync of every track with AudioNets trained on the tracks themselves.

    Args:
        tracks: Prepared tracks of at least two people.
        basis: Turns lip shapes into lip codes.
        front_end: Makes the speech features for the AudioNets.
        recipe: How the AudioNets are trained; a few hundred steps are enough.
        recording: The recording from which each track was cut. Tracks of one recording share an
            offset.

    Returns:
        The result for each track, by name.
    """
    curves: dict[str, NDArray[np.float64]] = {}
    halves = [SpeechTable.build(half, basis, front_end) for half in _halves(tracks)]
    for training, measured in (halves, halves[::-1]):
        reader = train_lip_reader(front_end.config, None, training, measured, basis, recipe)
        by_lag = correlations(reader, measured, basis)
        found = np.nan_to_num(np.array([by_lag[lag] for lag in LAGS])).T
        curves |= dict(zip(measured.names, found, strict=True))
    seconds = {track.name: len(track.landmarks) / FPS for track in tracks}
    return sync_of(curves, seconds, recording or {})


def _halves(tracks: Sequence[Track]) -> tuple[list[Track], list[Track]]:
    """Two groups with different people and about the same number of frames."""
    people: dict[str, list[Track]] = {}
    for track in tracks:
        people.setdefault(track.identity, []).append(track)
    halves: tuple[list[Track], list[Track]] = ([], [])
    sizes = [0, 0]
    for own in sorted(people.values(), key=lambda own: -sum(len(t.landmarks) for t in own)):
        smaller = int(sizes[1] < sizes[0])
        halves[smaller].extend(own)
        sizes[smaller] += sum(len(t.landmarks) for t in own)
    return halves


def sync_of(
    curves: Mapping[str, NDArray[np.float64]],
    seconds: Mapping[str, float],
    recording: Mapping[str, str],
    agrees: float = AGREES,
) -> dict[str, Sync]:
    """The sync of every track, from its curve of correlations.

    Args:
        curves: Correlations over `LAGS`, by track.
        seconds: Seconds of speech in each track.
        recording: The recording from which each track was cut. Tracks of one recording share an
            offset.
        agrees: Correlation below which sound and mouth do not fit.
    """
    groups: dict[str, list[str]] = {}
    for name in curves:
        groups.setdefault(recording.get(name, name), []).append(name)
    found: dict[str, Sync] = {}
    for names in groups.values():
        length = np.array([seconds[name] for name in names])
        curve = length @ np.array([curves[name] for name in names]) / length.sum()
        found |= dict.fromkeys(names, _of_curve(curve, float(length.sum()), agrees))
    return found


def _of_curve(curve: NDArray[np.float64], seconds: float, agrees: float) -> Sync:
    """Sync from correlations over `LAGS`; if unclear, the track is kept with offset 0."""
    smooth = np.convolve(curve, [0.25, 0.5, 0.25], "same")
    best = int(np.argmax(smooth))
    peak = float(smooth[best])
    if peak > agrees and peak * math.sqrt(seconds * FPS / INDEPENDENT) > CLEAR:
        return Sync(LAGS[best], peak)
    if peak < agrees and seconds > ENOUGH:
        return Sync(None, peak)
    return Sync(0, float(smooth[LAGS.index(0)]))
