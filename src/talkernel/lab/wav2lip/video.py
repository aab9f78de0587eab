"""Makes a whole video with Wav2Lip, using our decoder, tracker, blending and encoder.

Face boxes are as in the Wav2Lip pairs of training. Mel windows and their positions are as in
Wav2Lip's published inference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from talkernel.engine.base import Array
from talkernel.errors import NoFaceError
from talkernel.face.confirm import Observed
from talkernel.face.stabilise import Placement, stabilise
from talkernel.face.track import FaceTracker
from talkernel.face.view import crop_view
from talkernel.lab.wav2lip.engines import Wav2LipNetwork
from talkernel.lab.wav2lip.view import Box, face_box, network_input, paste_back
from talkernel.media import (
    FaceSource,
    Picture,
    SpeechSource,
    VideoWriter,
    extend,
    open_face,
    open_speech,
)
from talkernel.model.talking_face import WAV2LIP_WINDOW
from talkernel.mouth.blend import blend_onto_frame
from talkernel.pipeline.threads import Prefetcher, libraries_on_one_thread
from talkernel.speech.mel import WAV2LIP, MelSpectrogram

VIEW = 256  # pixels: side of the crop that contains the box
SMOOTHED = 5  # frames over which a box is averaged
QUEUE = 8  # frames between two stages


class TrackedFrame(NamedTuple):
    """A frame, and the face box in its crop where there is a face."""

    picture: Picture
    placement: Placement | None
    box: Box | None
    face: Array  # [3, 96, 96] BGR in 0..1; empty without a face


def make_video(
    network: Wav2LipNetwork, face: Path, speech: Path, outfile: Path, fps: Fraction | None = None
) -> int:
    """Write the face's video with Wav2Lip's mouth; an existing file is replaced.

    Args:
        network: Wav2Lip.
        face: Video or photo.
        speech: Sound, or a video that has sound.
        outfile: Video to write.
        fps: Frames a second for a photo.

    Returns:
        The number of frames written.

    Raises:
        NoFaceError: No frame has a usable face.
    """
    source, sound = open_face(face, fps=fps), open_speech(speech)
    count = max(1, round(sound.duration * source.fps))
    writer = VideoWriter(outfile, source=source, speech=sound, frame_count=count, overwrite=True)
    edited = 0
    with (
        writer,
        libraries_on_one_thread(),  # as in our own jobs, with which it is compared
        closing(Prefetcher(_tracked(source, count), QUEUE)) as tracked,
        closing(
            Prefetcher(_synthesised(network, tracked, mel_windows(sound, source.fps, count)), QUEUE)
        ) as pictures,
    ):
        for picture, changed in pictures:
            writer.write(picture)
            edited += changed
        if not edited:  # leaving the writer by an error removes its file
            raise NoFaceError(f"No usable face in {face}.")
    return count


def mel_windows(speech: SpeechSource, fps: Fraction, count: int) -> Array:
    """Mel windows `[count, 1, 80, 16]`, each starting at the start of its frame.

    The last windows end with the sound.
    """
    spectrogram = MelSpectrogram()
    columns = [spectrogram.push(block) for block in speech.blocks()]
    mel = np.hstack([*columns, spectrogram.flush()])
    starts = [int(frame * WAV2LIP.rate / fps) for frame in range(count)]
    last = mel.shape[1] - WAV2LIP_WINDOW
    return np.stack(
        [mel[None, :, (at := min(start, last)) : at + WAV2LIP_WINDOW] for start in starts]
    )


def _tracked(source: FaceSource, count: int) -> Iterator[TrackedFrame]:
    """First thread: decode, track the face, crop it."""
    recent: deque[Array] = deque(maxlen=SMOOTHED)
    for picture, placements, _ in stabilise(_observed(source, count)):
        placement = next(iter(placements), None)
        if placement is None:
            recent.clear()
            yield TrackedFrame(picture, None, None, np.zeros(0, np.float32))
            continue
        recent.append(placement.crop.to_view(placement.landmarks[:, :2], VIEW).astype(np.float32))
        box = face_box(np.mean(recent, 0), VIEW)
        yield TrackedFrame(
            picture, placement, box, network_input(crop_view(picture, placement.crop, VIEW), box)
        )


def _observed(source: FaceSource, count: int) -> Iterator[Observed]:
    tracker, tracked = FaceTracker(), None
    for frame in extend(source, count, "pingpong"):
        if tracked is None or not source.is_photo:  # a photo is searched once
            tracked = tracker.update(frame.picture)
        yield frame.picture, tracked


def _synthesised(
    network: Wav2LipNetwork, frames: Iterator[TrackedFrame], windows: Array
) -> Iterator[tuple[Picture, bool]]:
    """Second thread: edit every frame with a face; yields whether a frame was edited."""
    numbered = zip(frames, windows, strict=True)
    while batch := list(islice(numbered, network.batch)):
        faces = [(frame, mel) for frame, mel in batch if frame.box is not None]
        _edit(network, [frame for frame, _ in faces], [mel for _, mel in faces])
        yield from ((frame.picture, frame.box is not None) for frame, _ in batch)


def _edit(network: Wav2LipNetwork, frames: Sequence[TrackedFrame], mel: Sequence[Array]) -> None:
    if not frames:
        return
    outputs = network.speak(np.stack(mel), np.stack([frame.face for frame in frames]))
    for frame, output in zip(frames, outputs, strict=True):
        assert frame.box is not None and frame.placement is not None
        weight, pasted = paste_back(output, frame.box, VIEW)
        motion = pasted.transpose(2, 0, 1) / np.float32(127.5) - np.float32(1.0)
        blend_onto_frame(
            frame.picture, frame.placement.crop, weight, motion, frame.placement.strength
        )
