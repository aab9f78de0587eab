"""Twins: tracks whose lips Wav2Lip has made say something else (Section IV-B).

The paper pairs each real video with videos of the same identity and head motion but other
lips, synthesised from the speech of other videos. A twin is such a video, kept as a track:
its crops show the real track's head, its landmarks and sound are its own.
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


def couples(tracks: Sequence[Track], videos: int, audios: int) -> Iterator[tuple[Track, Track]]:
    """Every one of the first videos with every one of the first audios but its own."""
    every = product(islice(tracks, videos), islice(tracks, audios))
    return ((face, speech) for face, speech in every if face.name != speech.name)


def make_twin(face: Track, speech: Track, model: Wav2Lip, mesh: FaceMesh) -> Track:
    """The track `face` saying what `speech` says, for as long as both last.

    Its landmarks are in crop pixels: each crop is its own frame, and nothing else is seen.
    """
    frames = min(len(face.landmarks), len(speech.wave) * FPS // SAMPLE_RATE)
    kept = np.flatnonzero(face.crop_index < frames)
    crops = [face.crop(int(number)) for number in kept]
    points = [face.crop_points[number] for number in kept]
    heard = wav2lip_front_end().windows(speech.mel_of(WAV2LIP), face.crop_index[kept])
    mel = np.stack(heard).astype(np.float32)
    spoken = _speak(crops, points, mel, model)
    landmarks = np.full((frames, LANDMARKS, 3), np.nan, np.float32)
    for frame, image, before in zip(face.crop_index[kept], spoken, points, strict=True):
        landmarks[frame] = mesh.landmarks(picture_of_rgb(image), Region.of_landmarks(before))[0]
    jpegs = [encode_crop(image) for image in spoken]
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


def _speak(
    crops: Sequence[Image], points: Sequence[Points], mel: NDArray[np.float32], model: Wav2Lip
) -> list[Image]:
    """Crops with their faces replaced by what Wav2Lip makes of them."""
    boxes = [face_box(seen, STORED) for seen in points]
    faces = torch.from_numpy(
        np.stack([network_input(*pair) for pair in zip(crops, boxes, strict=True)])
    )
    device = next(model.parameters()).device
    made: list[Image] = []
    for some in torch.arange(len(crops)).split(BATCH):
        with torch.no_grad():
            heard, face = torch.from_numpy(mel[some])[:, None].to(device), faces[some].to(device)
            answers = model.speak(heard, face, face).cpu()
        made += [_lay(crops[i], boxes[i], answer) for i, answer in zip(some, answers, strict=True)]
    return made


def _lay(crop: Image, box: Box, answer: Tensor) -> Image:
    """A crop with the lower half of Wav2Lip's answer in its box, which a soft border hides.

    The upper half, which Wav2Lip was shown, comes back blurred from its 96 pixels; twins are to
    differ in nothing but the lips.
    """
    weight, spoken = paste_back(answer.numpy(), box, STORED, top=0.5)
    mixed = spoken * weight[:, :, None] + crop * (1.0 - weight[:, :, None])
    return np.asarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))
