"""Audio-video sync of one track, measured with the packaged model.

The model animates a still picture of the person with the track's own sound. The face mesh
measures how far the generated mouth is open. Correlating that with the real mouth's opening at
each lag gives the track's sync curve. This needs no training and no second person, and works
with any weights.
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
from talkernel.lab.correlation import correlation
from talkernel.lab.tracks.track import FPS, Track
from talkernel.lab.train.lip_reader import LAGS
from talkernel.media.sample import picture_of_rgb
from talkernel.model.config import ModelConfig
from talkernel.mouth.lip_driver import LipDriver, LipMotion
from talkernel.mouth.person import Person
from talkernel.mouth.renderer import MouthRenderer

EVERY, MOST = 2, 200  # every second frame, 200 at most: neighbouring frames are much alike
Array = NDArray[np.float32]
Image = NDArray[np.uint8]


def sync_curve(track: Track) -> Array:
    """Correlation of generated and real mouth opening at each of `LAGS`, `[17]`.

    At lag k, the mouth generated for a frame is compared with the real one k frames later.
    """
    generated = generated_opening(track)
    real = np.full(len(track.landmarks), np.nan, np.float32)
    real[track.has_face] = mouth_opening(track.shapes[track.has_face])
    return np.array([correlation(generated, real, lag) for lag in LAGS], np.float32)


def generated_opening(track: Track) -> Array:
    """Mouth opening `[T]` that the model generates from the sound; NaN for skipped frames."""
    engine, mesh = _engine(), FaceMesh()
    opening = np.full(len(track.landmarks), np.nan, np.float32)
    wanted = _sampled_frames(track)
    if not wanted:
        return opening
    face, points = _portrait(track, engine.config)
    for frame, motion in enumerate(_motions(track, engine)):
        if frame not in wanted:
            continue
        generated = _animated(engine, face, points, motion)
        found, _ = mesh.landmarks(picture_of_rgb(generated), Region.of_landmarks(points))
        opening[frame] = mouth_opening(lip_shape(found)[None])[0]
    return opening


def _sampled_frames(track: Track) -> set[int]:
    """Frames with speech that are compared: evenly spread, `MOST` at most."""
    frames = np.flatnonzero(track.speech)[::EVERY]
    return set(frames[:: -(-len(frames) // MOST) or 1].tolist())


def _portrait(track: Track, config: ModelConfig) -> tuple[Image, Array]:
    """The most frontal crop, cut as the generator needs it, and its landmarks `[468, 3]`."""
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


def _animated(engine: Engine, face: Image, points: Array, motion: LipMotion) -> Image:
    """The face with the mouth generated for one frame; the face is its own reference."""
    picture, crop = picture_of_rgb(face), Crop(0, 0, len(face))
    still = Person(len(face), engine.basis).update(picture, crop, points)
    placement = Placement(crop, points, 1.0)
    MouthRenderer(engine).render(picture, placement, still.appearance, *motion)
    return picture.to_rgb()


@cache
def _engine() -> Engine:
    return load_engine()
