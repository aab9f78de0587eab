"""Tracks of drawn faces, and a model small enough to train in a test."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import torch

from talkernel.face.pose import canonical_face
from talkernel.lab.tracks.track import STORED, Track
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.model.speech_encoder import SpeechEncoder

FRAMES = 60
TINY = ModelConfig(
    crop_size=64,
    channels=(8, 8, 12, 16, 16),
    dck_rank=4,
    lip_code=4,
    encoder_layers=1,
    encoder_width=64,
)
LOWER_LIP_AND_JAW = (14, 87, 317, 178, 402, 88, 318, 17, 84, 314, 152, 148, 377, 176, 400, 200, 199)


@cache
def tiny_encoder() -> SpeechEncoder:
    """An untrained encoder; its output still differs from sound to sound."""
    torch.manual_seed(0)
    encoder = SpeechEncoder(TINY.encoder_layers, TINY.encoder_width)
    encoder.positional_embedding.normal_(std=0.1)
    return encoder.eval()


def tiny_front_end() -> SpeechFrontEnd:
    """The front end of the tiny model."""
    return SpeechFrontEnd.of(TINY, tiny_encoder())


def drawn_face(opening: float) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks `[468, 3]` in pixels and a drawing of a face with its mouth that far open."""
    points = canonical_face().copy()
    points[list(LOWER_LIP_AND_JAW), 1] += opening
    pixels = (points * 80 + np.array([152, 92, 0])).astype(np.float32)
    image = np.full((STORED, STORED, 3), (70, 90, 120), np.uint8)
    cv2.fillConvexPoly(
        image, cv2.convexHull(pixels[:, :2].copy()).astype(np.int32), (200, 160, 140)
    )
    inner = [78, 82, 13, 312, 308, 317, 14, 87]
    cv2.fillConvexPoly(image, pixels[inner, :2].astype(np.int32), (60, 10, 10))
    return pixels, image


def fitted_basis(tracks: Sequence[Track]) -> LipBasis:
    """A lip basis with four components, fitted to some tracks."""
    return LipBasis.fit([track.shapes for track in tracks], 4)


def drawn_track(seed: int, frames: int = FRAMES) -> Track:
    """A person whose mouth opening follows the loudness of a tone."""
    rng = np.random.default_rng(seed)
    openings = np.clip(np.repeat(rng.uniform(-0.1, 0.5, frames // 3), 3), 0.0, None)
    faces = [drawn_face(opening) for opening in openings]
    encoded = [cv2.imencode(".jpg", image[:, :, ::-1])[1].ravel() for _, image in faces]
    loudness = np.repeat(openings, 640)
    wave = 20000 * loudness * np.sin(2 * np.pi * 300 * np.arange(len(loudness)) / 16000)
    pose = np.tile(np.float32([0, 0, 0, STORED]), (frames, 1))
    return Track(
        name=f"track{seed}",
        identity=f"id{seed}",
        landmarks=np.stack([p for p, _ in faces]),
        wave=wave.astype(np.int16),
        crop_index=np.arange(frames),
        crop_pose=pose,
        crop_corner=np.zeros((frames, 2), np.float32),
        jpeg=np.concatenate(encoded),
        offsets=np.cumsum([0, *map(len, encoded)]),
        speech=np.ones(frames, np.bool_),
    )
