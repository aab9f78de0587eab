"""Chooses how audio-video sync is measured, and measures it for all new tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from talkernel.lab.prepare.curves import CurvesOf
from talkernel.lab.prepare.record import Candidate
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.work import load_found
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.recipes import AudioNetRecipe
from talkernel.lab.train.sync import Sync, find_sync, sync_of
from talkernel.lab.train.whisper import default_front_end
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis

Method = Literal["taught", "model", "none"]
ENOUGH_PEOPLE, ENOUGH_MINUTES = 20, 30.0  # minimum for training an AudioNet on half of the people
TOO_MUCH = 3000.0  # minutes that no longer fit in memory
STEPS = 200  # of that AudioNet's training
# Smallest correlation with the packaged model. On one clip each of 23 people held out from
# training, the median of the best correlation over all lags was 0.65 with the clip's own sound and
# 0.16 with another clip's sound. Of the 11 clips longer than 4 s, this limit keeps all with their
# own sound (the lowest has 0.33) and one with a wrong sound (0.35; the next has 0.26).
MODEL_AGREES = 0.3


def measure_sync(
    out: Path,
    candidates: Sequence[Candidate],
    persons: Mapping[str, str],
    settings: Settings,
    curves: CurvesOf,
) -> tuple[dict[str, Sync], Method]:
    """Measure offset and correlation of tracks.

    Args:
        out: The folder of the whole set.
        candidates: The tracks.
        persons: The person in each track.
        settings: Of this set.
        curves: Computes the tracks' sync curves with the packaged model; called only if that is
            the chosen method.

    Returns:
        The result for each track, by name, without those for which it failed; and the method.
    """
    method = choose_method(candidates, persons, settings)
    if method == "none":
        return {c.name: Sync(0, 0.0) for c in candidates}, method
    recording = {c.name: c.key for c in candidates}
    if method == "taught":
        tracks = [load_found(c.stored(out), persons[c.name]) for c in candidates]
        recipe = AudioNetRecipe(STEPS)
        return find_sync(tracks, _basis(tracks), default_front_end(), recipe, recording), method
    found = {name: np.array(curve, np.float64) for name, curve in curves(candidates).items()}
    seconds = {c.name: c.seconds * (c.quality.speech if c.quality else 1.0) for c in candidates}
    return sync_of(found, seconds, recording, MODEL_AGREES), method


def choose_method(
    candidates: Sequence[Candidate], persons: Mapping[str, str], settings: Settings
) -> Method:
    """The method in the settings; `auto` becomes `taught` if there is enough material."""
    if settings.sync != "auto":
        return settings.sync
    people = len({persons[candidate.name] for candidate in candidates})
    minutes = sum(candidate.seconds for candidate in candidates) / 60
    enough = people >= ENOUGH_PEOPLE and ENOUGH_MINUTES <= minutes <= TOO_MUCH
    return "taught" if enough else "model"


def _basis(tracks: Sequence[Track]) -> LipBasis:
    size = ModelConfig().lip_code
    assert size is not None
    return LipBasis.fit([track.shapes[track.has_face] for track in tracks], size)
