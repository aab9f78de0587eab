"""Wav2Lip pairs: tracks whose lips Wav2Lip synthesises from other speech (Section IV-B).

The paper pairs each real video with videos of the same identity and head motion but other lips,
synthesised from the speech of other videos. Such a video is stored as a track of its own: its crops
show the real track's head, its landmarks and sound belong to the other speech.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import islice, product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkernel.face.mesh import LANDMARKS, FaceMesh, Region
from talkernel.lab.tracks.track import FPS, STORED, Track, encode_crop
from talkernel.lab.train.front_end import wav2lip_front_end
from talkernel.lab.train.makers import MARK
from talkernel.lab.train.transplant import Image, Points
from talkernel.lab.wav2lip.network import Wav2Lip
from talkernel.lab.wav2lip.view import Box, face_box, network_input, paste_back
from talkernel.media.sample import picture_of_rgb
from talkernel.speech.mel import SAMPLE_RATE, WAV2LIP

BATCH = 32


def combinations(
    tracks: Sequence[Track], videos: int, audios: int
) -> Iterator[tuple[Track, Track]]:
    """Each of the first `videos` tracks' faces with each of the first `audios` other voices."""
    every = product(islice(tracks, videos), islice(tracks, audios))
    return ((face, speech) for face, speech in every if face.name != speech.name)


def synthesise(face: Track, speech: Track, model: Wav2Lip, mesh: FaceMesh) -> Track:
    """The track `face` with lips for the sound of `speech`, as long as the shorter of both.

    The new track consists of the crops only, so its landmarks are in crop pixels.

    Args:
        face: Supplies the head.
        speech: Supplies the sound.
        model: Wav2Lip.
        mesh: Finds the landmarks of the synthesised faces.
    """
    frames = min(len(face.landmarks), len(speech.wave) * FPS // SAMPLE_RATE)
    kept = np.flatnonzero(face.crop_index < frames)
    crops = [face.crop(int(number)) for number in kept]
    points = [face.crop_points[number] for number in kept]
    windows = wav2lip_front_end().windows(speech.mel_of(WAV2LIP), face.crop_index[kept])
    images = _with_other_lips(crops, points, np.stack(windows).astype(np.float32), model)
    landmarks = np.full((frames, LANDMARKS, 3), np.nan, np.float32)
    for frame, image, before in zip(face.crop_index[kept], images, points, strict=True):
        landmarks[frame] = mesh.landmarks(picture_of_rgb(image), Region.of_landmarks(before))[0]
    jpegs = [encode_crop(image) for image in images]
    pose = face.crop_pose[kept].copy()
    pose[:, 3] = STORED
    return dataclasses.replace(
        face,
        name=f"{face.name}{MARK}{speech.name}",
        landmarks=landmarks,
        offset=0,
        wave=speech.wave[: frames * SAMPLE_RATE // FPS],
        speech=speech.speech[:frames],
        crop_index=face.crop_index[kept],
        crop_pose=pose,
        crop_corner=np.zeros((len(kept), 2), np.float32),
        jpeg=np.concatenate(jpegs),
        offsets=np.cumsum([0, *map(len, jpegs)]),
    )


def _with_other_lips(
    crops: Sequence[Image], points: Sequence[Points], mel: NDArray[np.float32], model: Wav2Lip
) -> list[Image]:
    """Crops with the lips that Wav2Lip synthesises for mel windows `[N, 80, 16]`."""
    boxes = [face_box(seen, STORED) for seen in points]
    faces = torch.from_numpy(
        np.stack([network_input(*pair) for pair in zip(crops, boxes, strict=True)])
    )
    device = next(model.parameters()).device
    made: list[Image] = []
    for some in torch.arange(len(crops)).split(BATCH):
        with torch.no_grad():
            window, face = torch.from_numpy(mel[some])[:, None].to(device), faces[some].to(device)
            answers = model.speak(window, face, face).cpu()
        made += [_blend(crops[i], boxes[i], a) for i, a in zip(some, answers, strict=True)]
    return made


def _blend(crop: Image, box: Box, answer: Tensor) -> Image:
    """Blend the lower half of Wav2Lip's output into a crop, with a soft border.

    The upper half comes back blurred from Wav2Lip's 96 pixels, and a pair should differ in the lips
    only.
    """
    weight, synthesised = paste_back(answer.numpy(), box, STORED, top=0.5)
    mixed = synthesised * weight[:, :, None] + crop * (1.0 - weight[:, :, None])
    return np.asarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))
