"""Do sound and mouth belong together, judged by the model that ships.

The model makes a still picture of the person speak the track's own sound; the face mesh
reads the mouth that it drew. How well that mouth agrees with the real one, at each lag, needs
no training and no second person, and takes any weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from talkernel.engine import Engine, load_engine
from talkernel.face.crop import Crop, crop_of, face_geometry
from talkernel.face.lips import lip_shape, mouth_opening
from talkernel.face.mesh import FaceMesh, Region
from talkernel.face.pose import HeadPose
from talkernel.face.stabilise import Placement
from talkernel.face.view import crop_view
from talkernel.lab.evaluate.mouth_motion import correlation
from talkernel.lab.tracks.track import FPS, Track
from talkernel.lab.train.lip_reader import LAGS
from talkernel.media.sample import picture_of_rgb
from talkernel.model.config import ModelConfig
from talkernel.mouth.lip_driver import LipDriver, LipMotion
from talkernel.mouth.person import Person
from talkernel.mouth.renderer import MouthRenderer

EVERY, MOST = 2, 200  # frames listened to; the mouth's next frame says little new
Array = NDArray[np.float32]
Image = NDArray[np.uint8]


def agreement(track: Track) -> Array:
    """Correlation of the mouth heard with the mouth seen, at each of `LAGS`.

    At lag k, what is heard is compared with what is seen k frames later.
    """
    heard = heard_opening(track)
    seen = np.full(len(track.landmarks), np.nan, np.float32)
    seen[track.has_face] = mouth_opening(track.shapes[track.has_face])
    return np.array([correlation(heard, seen, lag) for lag in LAGS], np.float32)


def heard_opening(track: Track) -> Array:
    """Opening `[T]` of the mouth that the sound makes the model draw; NaN where not drawn."""
    engine, mesh = _engine(), FaceMesh()
    opening = np.full(len(track.landmarks), np.nan, np.float32)
    frames = np.flatnonzero(track.speech)[::EVERY]
    frames = frames[:: -(-len(frames) // MOST) or 1]
    if not len(frames):
        return opening
    face, points = _portrait(track, engine.config)
    wanted = set(frames.tolist())
    for frame, motion in enumerate(_motions(track, engine)):
        if frame not in wanted:
            continue
        drawn = _drawn(engine, face, points, motion)
        found, _ = mesh.landmarks(picture_of_rgb(drawn), Region.of_landmarks(points))
        opening[frame] = mouth_opening(lip_shape(found)[None])[0]
    return opening


def _portrait(track: Track, config: ModelConfig) -> tuple[Image, Array]:
    """The most frontal crop as f is given faces, and its landmarks there, `[468, 3]`."""
    number = int(np.argmin(np.abs(track.crop_pose[:, :2]).sum(1)))
    landmarks = track.crop_points[number]
    crop = crop_of(face_geometry(HeadPose.fit(landmarks)), config.crop_share)
    corner = np.array([crop.left, crop.top, 0], np.float32)
    points = (landmarks - corner) * np.float32(config.crop_size / crop.side)
    return crop_view(picture_of_rgb(track.crop(number)), crop, config.crop_size), points


def _motions(track: Track, engine: Engine) -> Iterator[LipMotion]:
    driver = LipDriver(engine, FPS)
    yield from driver.push(track.sound)
    yield from driver.finish(len(track.landmarks))


def _drawn(engine: Engine, face: Image, points: Array, motion: LipMotion) -> Image:
    """The face with the mouth of one frame's sound; it is its own reference."""
    picture, crop = picture_of_rgb(face), Crop(0, 0, len(face))
    still = Person(len(face), engine.basis).update(picture, crop, points)
    placement = Placement(crop, points, 1.0)
    MouthRenderer(engine).render(picture, placement, still.appearance, *motion)
    return picture.to_rgb()


@cache
def _engine() -> Engine:
    return load_engine()
