"""What a track must be like to be kept, and how people are shared out."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

SyncMethod = Literal["auto", "taught", "model", "none"]


@dataclass(frozen=True)
class Settings:
    """The limits of the quality gates, and what the whole set is judged by.

    Attributes:
        min_seconds: Shortest track.
        min_size: Smallest face from forehead to chin, in pixels, median over the track.
        max_turn: Furthest turn to a side in radians, at the 90th percentile.
        min_sharpness: Least `sharpness` of the crops, median.
        min_confidence: Least detection score, 0 to 1, median.
        max_mouth_error: How far detector and face mesh may see the mouth apart, in face
            heights: where a hand or microphone hides it, they disagree.
        min_mouth: Share of frames in which the whole mouth lies within the picture.
        min_speech: Share of frames in which somebody is heard.
        sync: How it is found whether sound and mouth belong together: `taught` by an
            AudioNet per half of the people, `model` by the package's own weights, `none`.
        identity_pattern: Regular expression whose first group, found in a file's stem, names
            the person; None: people are told apart by their faces.
        val: Share of people for validation.
        test: Share of people for testing.
    """

    min_seconds: float = 2.0
    min_size: float = 72.0
    max_turn: float = 0.85
    min_sharpness: float = 0.16
    min_confidence: float = 0.55
    max_mouth_error: float = 0.2
    min_mouth: float = 0.95
    min_speech: float = 0.3
    sync: SyncMethod = "auto"
    identity_pattern: str | None = None
    val: float = 0.05
    test: float = 0.05

    def to_json(self) -> str:
        """All of it, in a fixed order."""
        return json.dumps(dataclasses.asdict(self), indent=1)
