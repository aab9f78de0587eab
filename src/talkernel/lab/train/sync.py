"""Do sound and picture belong together? Offsets of prepared tracks, and which to drop.

Many published clips are off by some frames, dubbed, or spoken over. Nothing outside is
needed to find out: half of the people teach an AudioNet, which then listens to the other
half. The lag at which it agrees best with the mouths it sees is the track's offset; a track
that agrees at no lag is dropped.
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

CLEAR = 2.2  # standard errors above no correlation, from which an offset is believed
AGREES = 0.15  # correlation below which sound and mouth do not belong together
ENOUGH = 4.0  # seconds of speech, from which such a verdict is believed
INDEPENDENT = 6.0  # frames after which the mouth's opening is as good as a new one


@dataclass(frozen=True)
class Sync:
    """What was found of one track.

    Attributes:
        offset: Frames by which the picture comes after its sound; None: drop the track.
        score: Correlation of the mouth's opening with what the sound says, at that offset.
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
    """Offset and agreement of every track, by name.

    Args:
        tracks: Prepared tracks of at least two people.
        basis: Turns lip shapes into lip codes.
        front_end: What the AudioNets hear with.
        recipe: How it is trained; a few hundred steps are enough.
        recording: By track, the recording it was cut from: its tracks share one offset.
    """
    curves: dict[str, NDArray[np.float64]] = {}
    halves = [SpeechTable.build(half, basis, front_end) for half in _halves(tracks)]
    for teaching, judged in (halves, halves[::-1]):
        reader = train_lip_reader(front_end.config, None, teaching, judged, basis, recipe)
        by_lag = correlations(reader, judged, basis)
        found = np.nan_to_num(np.array([by_lag[lag] for lag in LAGS])).T
        curves |= dict(zip(judged.names, found, strict=True))
    seconds = {track.name: len(track.landmarks) / FPS for track in tracks}
    return judge(curves, seconds, recording or {})


def _halves(tracks: Sequence[Track]) -> tuple[list[Track], list[Track]]:
    """Two groups of people with about as many frames each."""
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


def judge(
    curves: Mapping[str, NDArray[np.float64]],
    seconds: Mapping[str, float],
    recording: Mapping[str, str],
    agrees: float = AGREES,
) -> dict[str, Sync]:
    """Offset and agreement of every track, from how well sound and mouth agree at each lag.

    Args:
        curves: By track, correlations over `LAGS`.
        seconds: By track, how much speech they were taken from.
        recording: By track, the recording it was cut from: its tracks share one offset.
        agrees: Correlation below which sound and mouth do not belong together.
    """
    groups: dict[str, list[str]] = {}
    for name in curves:
        groups.setdefault(recording.get(name, name), []).append(name)
    found: dict[str, Sync] = {}
    for names in groups.values():
        length = np.array([seconds[name] for name in names])
        curve = length @ np.array([curves[name] for name in names]) / length.sum()
        verdict = _verdict(curve, float(length.sum()), agrees)
        found |= dict.fromkeys(names, verdict)
    return found


def _verdict(curve: NDArray[np.float64], seconds: float, agrees: float) -> Sync:
    """Of a curve of correlations over `LAGS`; in doubt the track stays as it is."""
    smooth = np.convolve(curve, [0.25, 0.5, 0.25], "same")
    best = int(np.argmax(smooth))
    peak = float(smooth[best])
    if peak > agrees and peak * math.sqrt(seconds * FPS / INDEPENDENT) > CLEAR:
        return Sync(LAGS[best], peak)
    if peak < agrees and seconds > ENOUGH:
        return Sync(None, peak)
    return Sync(0, float(smooth[LAGS.index(0)]))
