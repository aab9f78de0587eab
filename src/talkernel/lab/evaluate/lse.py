"""LSE-C and LSE-D of a video: face crops and MFCCs as SyncNet expects them (Wav2Lip's metric)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import medfilt
from torch import Tensor

from talkernel.lab.evaluate.mfcc import mfcc
from talkernel.lab.evaluate.syncnet import CEPSTRA_PER_FRAME, FRAMES, SyncNet, distances, lse_of
from talkernel.lab.evaluate.tracked_video import TrackedVideo
from talkernel.media import SpeechSource, open_face
from talkernel.media.sample import warp_rgb

SIDE = 224
MARGIN = 0.4  # of the face box's half side, to the left, to the right and below
RATE = 25  # frames a second; SyncNet was trained at this rate only
SMOOTH = 13  # frames of the median filter on the face boxes
BATCH = 16
Array = NDArray[np.float64]


@torch.inference_mode()
def lse(network: SyncNet, video: TrackedVideo, speech: SpeechSource) -> dict[str, float]:
    """LSE-C, LSE-D and the offset of a video with this sound; NaN if shorter than 0.3 s."""
    count = min(int(len(video) * RATE / video.fps), int(speech.duration * RATE)) - FRAMES
    if count < 2:
        return dict.fromkeys(("lse_c", "lse_d", "lse_offset"), float("nan"))
    cepstra = torch.from_numpy(mfcc(speech.wave())).float().T[None]
    sounds = (
        cepstra[..., CEPSTRA_PER_FRAME * t : CEPSTRA_PER_FRAME * (t + FRAMES)] for t in range(count)
    )
    runs = islice(_runs(_faces(video)), count)
    faces = torch.cat([network.embed_faces(part) for part in _batches(runs)])
    speech_features = torch.cat([network.embed_sound(part) for part in _batches(sounds)])
    return lse_of(distances(faces, speech_features))


def _batches(items: Iterator[Tensor]) -> Iterator[Tensor]:
    while part := list(islice(items, BATCH)):
        yield torch.stack(part)


def _runs(faces: Iterator[NDArray[np.uint8]]) -> Iterator[Tensor]:
    """Every five successive faces `[224, 224, 3]` as `[3, 5, 224, 224]`."""
    run: deque[NDArray[np.uint8]] = deque(maxlen=FRAMES)
    for face in faces:
        run.append(face)
        if len(run) == FRAMES:
            yield torch.from_numpy(np.stack(run)).float().permute(3, 0, 1, 2)


def _faces(video: TrackedVideo) -> Iterator[NDArray[np.uint8]]:
    """Face crops at 25 frames/s, BGR `[224, 224, 3]`; where no face is found, the box stays."""
    boxes, wanted = _boxes(video), 0
    for number, picture in enumerate(open_face(video.path).frames()):
        while int((wanted + 0.5) * video.fps / RATE) == number:
            x, y, half = boxes[number]
            yield warp_rgb(picture, _crop_transform(x, y, half), SIDE)[:, :, ::-1]
            wanted += 1


def _crop_transform(x: float, y: float, half: float) -> Array:
    """Affine `[2, 3]` from the crop's pixels to the frame's, with the margin."""
    side = 2 * half * (1 + MARGIN)
    scale = side / SIDE
    return np.array([[scale, 0, x - side / 2], [0, scale, y - half]])


def _boxes(video: TrackedVideo) -> Array:
    """Centre and half side of the face box of every frame, `[T, 3]`, smoothed."""
    low, high = video.mesh[:, :, :2].min(1), video.mesh[:, :, :2].max(1)
    boxes = np.column_stack([(low + high) / 2, (high - low).max(1) / 2]).astype(np.float64)
    known, frames, half = np.flatnonzero(video.has_face), np.arange(len(video)), SMOOTH // 2
    filled = [np.interp(frames, known, column[known]) for column in boxes.T]
    padded = [np.pad(column, half, "edge") for column in filled]
    return np.column_stack([medfilt(column, SMOOTH)[half:-half] for column in padded])
