"""Settings of `talkernel prepare`: quality gates, sync method, identities and splits."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

SyncMethod = Literal["auto", "taught", "model", "none"]


@dataclass(frozen=True)
class Settings:
    """The limits of the quality gates, and how the whole set is organised.

    Attributes:
        min_seconds: Shortest track.
        min_size: Smallest median face height, forehead to chin, in pixels.
        max_turn: Largest yaw in radians, at the 90th percentile.
        min_sharpness: Smallest median `sharpness` of the crops.
        min_confidence: Smallest median detection score, 0 to 1.
        max_mouth_error: Largest distance between the mouth of the detector and that of the face
            mesh, in face heights: they disagree where a hand or microphone covers the mouth.
        min_mouth: Smallest fraction of frames with the whole mouth inside the picture.
        min_speech: Smallest fraction of frames with speech.
        sync: How audio-video sync is measured. `taught`: an AudioNet trained on one half of the
            people measures the other half. `model`: the packaged model does. `none`: not at all.
            `auto`: `taught` if there is enough material, else `model`.
        identity_pattern: Regular expression whose first group, matched in the file name without
            its ending, is the person's name; None: people are identified by their faces.
        val: Fraction of people for validation.
        test: Fraction of people for testing.
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
        """The settings as JSON, in a fixed order."""
        return json.dumps(dataclasses.asdict(self), indent=1)
