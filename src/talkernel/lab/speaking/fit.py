"""Fits the speech match on clips of people who speak.

A clip counts if its lips follow its sound at some lag. Canonical correlation analysis of the
predicted and observed lip motion of all these clips, each at its own lag, gives the match.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from talkernel.engine import Engine, load_engine
from talkernel.errors import DataError, NoAudioError
from talkernel.files.atomic import atomic_write
from talkernel.lab.evaluate.clips import Clip, find_clips
from talkernel.media import open_face
from talkernel.model.lip_basis import LipBasis
from talkernel.pipeline.speech_match import MOST_LAG, SpeechMatch, motion
from talkernel.pipeline.watch import hear, watch
from talkernel.summary import Summary

Array = NDArray[np.float32]
PER_PERSON = 2  # clips of each person: many of one would make the match theirs
SHORTEST = 2.0  # seconds
LAG_COST = 0.25  # correlation that a lag of one second costs
FOLLOWS = 0.25  # correlation at the best lag, from which on a clip counts
RIDGE = 1e-3  # relative to the variance
HIGHEST = 0.95  # correlation of a pair, so that no ratio is infinite


class Pair(NamedTuple):
    """Predicted and observed lip codes of one clip, both `[T, K]`."""

    spoken: Array
    shown: Array
    fps: float

    def later(self, lag: int) -> Pair:
        """The same with the picture moved by some frames, so that a lag is made good."""
        count = len(self.shown)
        spoken = self.spoken[max(0, -lag) : count - max(0, lag)]
        return Pair(spoken, self.shown[max(0, lag) : count + min(0, lag)], self.fps)


@dataclass
class Fit:
    """A fitted match.

    Attributes:
        match: The match.
        clips: Number of clips that count.
        frames: Their frames.
        excluded: Why other clips do not count, by name.
    """

    match: SpeechMatch
    clips: int
    frames: int
    excluded: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """As the safetensors file that the package reads."""
        match, config = self.match, {"clips": self.clips, "frames": self.frames}
        tensors = {name: np.ascontiguousarray(values) for name, values in vars(match).items()}
        with atomic_write(path) as temporary:
            metadata = {"config": json.dumps({"lip_code": match.lip_code} | config)}
            save_file(tensors, temporary, metadata)

    def to_json(self) -> str:
        """Without the maps."""
        correlation = self.match.correlation.tolist()
        counted = {"clips": self.clips, "frames": self.frames, "excluded": self.excluded}
        return json.dumps(counted | {"correlation": correlation}, indent=2)

    def summary(self) -> Summary:
        """A table for the terminal."""
        strongest = ", ".join(f"{r:.2f}" for r in self.match.correlation[:6])
        rows = [("clips", str(self.clips)), ("frames", str(self.frames))]
        rows += [("strongest correlations", strongest)]
        return Summary("Speech match", rows + [(n, why) for n, why in self.excluded.items()])


def fit_speech_match(folder: Path, progress: Callable[[int, int], None] | None = None) -> Fit:
    """Fit a match to the default model's lip codes.

    Args:
        folder: Clips of one person each, as for `talkernel evaluate`. The first two clips of each
            person are used.
        progress: Called with the clips done and their total.

    Raises:
        DataError: No clip counts.
    """
    engine, clips = load_engine(), _first_of_each(find_clips(folder))
    basis = engine.basis
    assert basis is not None  # the default model has one
    excluded, pairs = {}, []
    for number, clip in enumerate(clips, 1):
        pair = aligned_pair(clip, engine, basis)
        if isinstance(pair, str):
            excluded[clip.name] = pair
        else:
            pairs.append(pair)
        if progress is not None:
            progress(number, len(clips))
    if not pairs:
        raise DataError(f"No clip in {folder} shows lips that follow its sound.")
    frames = sum(len(pair.shown) for pair in pairs)
    return Fit(match_of(pairs, basis.scale), len(pairs), frames, excluded)


def _first_of_each(clips: Sequence[Clip]) -> list[Clip]:
    seen: Counter[str] = Counter()
    kept = []
    for clip in clips:
        seen[clip.person] += 1
        if seen[clip.person] <= PER_PERSON:
            kept.append(clip)
    return kept


def aligned_pair(clip: Clip, engine: Engine, basis: LipBasis) -> Pair | str:
    """Lip codes of a clip at its best lag, or why it does not count."""
    source = open_face(clip.path)
    try:
        spoken = hear(source, engine)
    except NoAudioError as error:
        return str(error)
    people = watch(source, basis)
    seen = max(people.values(), key=lambda one: len(one.frames), default=None)
    if seen is None or len(seen.frames) < SHORTEST * source.fps:
        return f"less than {SHORTEST:.0f} s of a face"
    known = seen.frames < len(spoken)
    pair = Pair(spoken[seen.frames[known]], seen.codes[known], float(source.fps))
    lag, correlation = best_lag(pair, basis)
    if correlation < FOLLOWS:
        return f"the lips do not follow the sound ({correlation:.2f})"
    return pair.later(lag)


def best_lag(pair: Pair, basis: LipBasis) -> tuple[int, float]:
    """Frames by which the picture is late, and the correlation of all codes then, less its cost."""
    most = round(MOST_LAG * pair.fps)
    found = {lag: _correlation(pair.later(lag), basis) for lag in range(-most, most + 1)}
    cost = LAG_COST / pair.fps
    best = max(found, key=lambda lag: found[lag] - cost * abs(lag))
    return best, found[best] - cost * abs(best)


def _correlation(pair: Pair, basis: LipBasis) -> float:
    """Pearson's r over all codes, each weighted by its importance, running mean removed."""
    codes = len(basis.scale)
    a, b = (motion(part, pair.fps)[:, :codes] * basis.importance for part in pair[:2])
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def match_of(pairs: Sequence[Pair], scale: Array) -> SpeechMatch:
    """Canonical correlation analysis of aligned clips; `scale` is that of their lip basis."""
    spoken = np.concatenate([motion(pair.spoken, pair.fps) for pair in pairs])
    shown = np.concatenate([motion(pair.shown, pair.fps) for pair in pairs])
    left, right = _whitening(spoken), _whitening(shown)
    u, r, v = np.linalg.svd(left.T @ (spoken.T @ shown / len(spoken)) @ right)
    maps = (left @ u, right @ v.T, np.clip(r, 0.0, HIGHEST), scale)
    return SpeechMatch(*(part.astype(np.float32) for part in maps))


def _whitening(values: Array) -> NDArray[np.float64]:
    """`[N, N]` that maps values `[T, N]` to uncorrelated ones of unit variance."""
    covariance = values.T.astype(np.float64) @ values / len(values)
    covariance += RIDGE * np.diag(np.diag(covariance))
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)).T)
