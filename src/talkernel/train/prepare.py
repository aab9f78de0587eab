"""From clips to tracks: landmarks of every frame, face crops, sound."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.errors import TalkernelError
from talkernel.face.crop import SIDE, crop_geometry
from talkernel.face.mesh import LANDMARKS
from talkernel.face.pose import HeadPose
from talkernel.face.track import FaceTracker
from talkernel.media import Picture, open_face, open_speech
from talkernel.media.sample import warp_rgb
from talkernel.train.tracks import STORED

CROP_EVERY = 2  # neighbouring frames are too alike to be worth storing all
QUALITY = 93  # of the stored JPEGs
MIN_CROPS = 10
Array = NDArray[np.float32]


def prepare(clips: Sequence[Path], out: Path, workers: int = 2) -> Iterator[tuple[Path, str]]:
    """Write one track per clip; clips done before are left alone.

    Args:
        clips: Videos of one person talking; the stem's end after `_` names the person.
        out: Folder of tracks.
        workers: Processes.

    Yields:
        Each clip and what became of it.
    """
    out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        yield from zip(clips, pool.map(prepare_clip, clips, [out] * len(clips)), strict=True)


def prepare_clip(clip: Path, out: Path) -> str:
    """Write one clip's track; returns `done`, `already there`, or why it was dropped."""
    path = out / f"{clip.stem}.npz"
    if path.exists():
        return "already there"
    cv2.setNumThreads(1)
    try:
        parts = _track(clip)
    except TalkernelError as error:
        return str(error)
    if len(parts["crop_index"]) < MIN_CROPS:
        return "too few frames with a face"
    partial = path.with_suffix(".part.npz")
    np.savez(partial, **parts)  # type: ignore[arg-type]
    os.replace(partial, path)
    return "done"


def _track(clip: Path) -> dict[str, NDArray[np.generic]]:
    tracker, landmarks, crops = FaceTracker(), [], []
    for number, picture in enumerate(open_face(clip).frames()):
        face = tracker.update(picture).face
        landmarks.append(np.full((LANDMARKS, 3), np.nan) if face is None else face.landmarks)
        if face is not None and number % CROP_EVERY == 0:
            crops.append((number, *_crop(picture, face.landmarks)))
    wave = np.clip(open_speech(clip).wave() * 32768.0, -32768, 32767).astype(np.int16)
    numbers, jpegs, poses, points = zip(*crops, strict=True) if crops else ((), (), (), ())
    return {
        "landmarks": np.array(landmarks, np.float32),
        "wave": wave,
        "crop_index": np.array(numbers, np.int64),
        "crop_pose": np.array(poses, np.float32),
        "crop_points": np.array(points, np.float32),
        "jpeg": np.concatenate(jpegs) if jpegs else np.zeros(0, np.uint8),
        "offsets": np.cumsum([0, *(len(jpeg) for jpeg in jpegs)]),
    }


def _crop(picture: Picture, landmarks: Array) -> tuple[NDArray[np.uint8], list[float], Array]:
    """A stored crop as JPEG, its head pose and side, and the landmarks in its pixels."""
    pose = HeadPose.fit(landmarks)
    x, y, side = crop_geometry(pose, SIDE * STORED / 256)
    scale = side / STORED
    affine = np.array([[scale, 0.0, x - side / 2], [0.0, scale, y - side / 2]])
    rgb = warp_rgb(picture, affine, STORED)
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY,
               cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]  # fmt: skip
    _, jpeg = cv2.imencode(".jpg", rgb[:, :, ::-1], options)
    points = (landmarks - np.array([affine[0, 2], affine[1, 2], 0.0])) / scale
    return jpeg.ravel(), [pose.yaw, pose.pitch, pose.roll, side], points.astype(np.float32)
