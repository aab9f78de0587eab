"""How it is judged whether sound and mouth belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from talkernel.lab.prepare.curves import Listen
from talkernel.lab.prepare.record import Candidate
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.work import load_found
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.recipes import AudioNetRecipe
from talkernel.lab.train.sync import Sync, find_sync, judge
from talkernel.lab.train.whisper import default_front_end
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis

Method = Literal["taught", "model", "none"]
ENOUGH_PEOPLE, ENOUGH_MINUTES = 20, 30.0  # from which tracks can teach each other
TOO_MUCH = 3000.0  # minutes, which would no longer fit in memory
STEPS = 200
# On one clip each of 23 people held back from training, the best agreement at any lag was 0.65
# with their own sound (median) and 0.16 with another clip's. Of the 11 longer than 4 s this keeps
# all with their own sound, the worst at 0.33, and with another's one at 0.35; the next has 0.26.
MODEL_AGREES = 0.3


def judge_sync(
    out: Path,
    candidates: Sequence[Candidate],
    persons: Mapping[str, str],
    settings: Settings,
    listen: Listen,
) -> tuple[dict[str, Sync], Method]:
    """Offset and agreement of tracks, by name, and how they were found.

    Args:
        out: The folder of the whole set.
        candidates: The tracks.
        persons: Whom each shows.
        settings: Of this set.
        listen: Finds their curves, where it is the model that judges.

    Returns:
        Of every track, but for those that could not be listened to.
    """
    method = choose_method(candidates, persons, settings)
    if method == "none":
        return {c.name: Sync(0, 0.0) for c in candidates}, method
    recording = {c.name: c.key for c in candidates}
    if method == "taught":
        tracks = [load_found(c.stored(out), persons[c.name]) for c in candidates]
        recipe = AudioNetRecipe(STEPS)
        return find_sync(tracks, _basis(tracks), default_front_end(), recipe, recording), method
    curves = {name: np.array(curve, np.float64) for name, curve in listen(candidates).items()}
    seconds = {c.name: c.seconds * (c.quality.speech if c.quality else 1.0) for c in candidates}
    return judge(curves, seconds, recording, MODEL_AGREES), method


def choose_method(
    candidates: Sequence[Candidate], persons: Mapping[str, str], settings: Settings
) -> Method:
    """What the settings ask for; `auto` lets tracks teach each other once there are enough."""
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
