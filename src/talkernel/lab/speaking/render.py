"""Makes videos of scripted dialogues."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.lab.speaking.dialogues import HIDDEN, QUIET, Kind, Script, script_of
from talkernel.media import open_face, open_speech
from talkernel.media.speech import SPEECH_RATE

Image = NDArray[np.uint8]
Wave = NDArray[np.float32]
SIDE = 360  # of a person's square in the picture, in pixels
SMALL = 0.6  # size of the last person in dialogues of people of different size
WALLS = (90, 130, 60)  # grey behind each person


class Footage(NamedTuple):
    """A clip at a dialogue's frame rate.

    Attributes:
        images: RGB `[360, 360, 3]`.
        wave: `[n]` its sound, mono at 16 kHz.
        quiet: First frame of the second in which the lower half of the picture changes least.
    """

    images: list[Image]
    wave: Wave
    quiet: int


class Dialogue(NamedTuple):
    """A video of a dialogue.

    Attributes:
        path: The file.
        script: Who speaks when.
        lefts: Left edge of each person's square.
    """

    path: Path
    script: Script
    lefts: tuple[int, ...]

    def person_at(self, frame: int, x: float) -> int:
        """Who is shown at a column of a frame."""
        people = range(len(self.lefts))
        shown = (p for p in people if self.script.shown[p, frame] != HIDDEN)
        return min(shown, key=lambda p: abs(self.lefts[p] + SIDE / 2 - x))


def read_footage(clip: Path, fps: Fraction, size: float, wall: int) -> Footage:
    """Read a clip.

    Args:
        clip: A video of one person.
        fps: Frames a second of the dialogue; frames are repeated or left out.
        size: Size of the picture, 1 fills the square.
        wall: Grey around a smaller picture.
    """
    source = open_face(clip)
    images = [_squared(picture.to_rgb(), size, wall) for picture in source.frames()]
    count = int(len(images) / source.fps * fps)
    numbers = (int((k + Fraction(1, 2)) / fps * source.fps) for k in range(count))
    images = [images[min(number, len(images) - 1)] for number in numbers]
    return Footage(images, open_speech(clip).wave(), _quiet_second(images, round(QUIET * fps)))


def _squared(image: Image, size: float, wall: int) -> Image:
    """The middle of a picture at the bottom of a square."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle, inner = image[top : top + side, left : left + side], round(size * SIDE)
    square, edge = np.full((SIDE, SIDE, 3), wall, np.uint8), (SIDE - inner) // 2
    square[SIDE - inner :, edge : edge + inner] = cv2.resize(
        middle, (inner, inner), interpolation=cv2.INTER_AREA
    )
    return square


def _quiet_second(images: Sequence[Image], length: int) -> int:
    lower = np.stack([cv2.resize(image[SIDE // 2 :, :, 1], (45, 22)) for image in images])
    change = np.abs(np.diff(lower.astype(np.float32), axis=0)).mean((1, 2))
    return int(np.convolve(change, np.ones(length - 1), "valid").argmin())


def write_dialogue(
    path: Path, kind: Kind, clips: Sequence[Path], fps: Fraction, *, small: bool = False
) -> Dialogue:
    """Make a video, H.264 and AAC.

    Args:
        path: The file to write.
        kind: The kind of dialogue.
        clips: A video of each person.
        fps: Its frames a second.
        small: Whether the last person is smaller than the others.
    """
    last = kind.people - 1
    footage = [
        read_footage(clip, fps, SMALL if small and person == last else 1.0, WALLS[person])
        for person, clip in enumerate(clips[: kind.people])
    ]
    script = script_of(
        kind, [len(one.images) for one in footage], [one.quiet for one in footage], float(fps)
    )
    alone = (script.shown != HIDDEN).sum(0).max() == 1
    lefts = tuple(SIDE // 2 if alone else person * SIDE for person in range(kind.people))
    dialogue = Dialogue(path, script, lefts)
    _write(dialogue, footage, fps)
    return dialogue


def _write(dialogue: Dialogue, footage: Sequence[Footage], fps: Fraction) -> None:
    width, script = max(dialogue.lefts) + SIDE + min(dialogue.lefts), dialogue.script
    with av.open(str(dialogue.path), "w") as output:
        options = {"crf": "18", "preset": "veryfast"}
        video: Any = output.add_stream("libx264", rate=fps, options=options)
        video.width, video.height, video.pix_fmt = width, SIDE, "yuv420p"
        sound: Any = output.add_stream("aac", rate=SPEECH_RATE, layout="mono")
        for frame in range(script.shown.shape[1]):
            image = _image(dialogue, footage, frame, width)
            output.mux(video.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        output.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray(_sound(script, footage, fps)[None], "fltp", "mono")
        samples.sample_rate, samples.pts = SPEECH_RATE, 0
        output.mux(sound.encode(samples))
        output.mux(sound.encode(None))


def _image(dialogue: Dialogue, footage: Sequence[Footage], frame: int, width: int) -> Image:
    numbers = dialogue.script.shown[:, frame]
    present = np.flatnonzero(numbers != HIDDEN).tolist()
    image = np.full((SIDE, width, 3), WALLS[present[0] if present else 0], np.uint8)
    for person in present:
        left = dialogue.lefts[person]
        image[:, left : left + SIDE] = footage[person].images[numbers[person]]
    return image


def _sound(script: Script, footage: Sequence[Footage], fps: Fraction) -> Wave:
    """Each turn's own sound; silence between them."""
    wave = np.zeros(round(script.shown.shape[1] / fps * SPEECH_RATE), np.float32)
    for turn in script.turns:
        heard = round(turn.clip_first / fps * SPEECH_RATE)
        start = round(turn.first / fps * SPEECH_RATE)
        part = footage[turn.person].wave[heard : heard + round(turn.length / fps * SPEECH_RATE)]
        part = part[: len(wave) - start]
        wave[start : start + len(part)] = part
    return wave
