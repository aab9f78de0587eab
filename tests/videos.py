"""Videos with sound for tests of `prepare`: of the bundled portrait, or parts of real clips."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

from talkernel.media import open_face, open_speech
from talkernel.speech.voices.espeak import speak

Image = NDArray[np.uint8]
Wave = NDArray[np.int16]
RATE = 16_000


def write_video(
    path: Path, images: Iterable[Image], sound: Wave | None, *, fps: int = 25, crf: int = 16
) -> Path:
    """RGB pictures and 16 kHz samples as H.264 and AAC."""
    with av.open(str(path), "w") as output:
        picture: Any = output.add_stream("libx264", rate=fps)
        picture.pix_fmt, picture.options = "yuv420p", {"crf": str(crf), "preset": "veryfast"}
        heard: Any = None if sound is None else output.add_stream("aac", rate=RATE, layout="mono")
        for number, image in enumerate(images):
            if number == 0:
                picture.height, picture.width = image.shape[:2]
            output.mux(picture.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        output.mux(picture.encode(None))
        if heard is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[None], "s16", "mono")
            frame.sample_rate, frame.pts = RATE, 0
            output.mux(heard.encode(frame))
            output.mux(heard.encode(None))
    return path


def spoken(folder: Path, text: str) -> Wave:
    """A sentence in espeak-ng's voice, 16 kHz."""
    speak(text, folder / "spoken.wav")
    with wave.open(str(folder / "spoken.wav")) as file:
        assert file.getnchannels() == 1
    return wave_of(folder / "spoken.wav")


def wave_of(path: Path) -> Wave:
    return np.clip(open_speech(path).wave() * 32767, -32768, 32767).astype(np.int16)


def images_of(path: Path, first: int = 0, last: int | None = None) -> list[Image]:
    return [picture.to_rgb() for picture in open_face(path).frames()][first:last]


def portrait(count: int, *, grey: int = 90, flip: bool = False, drift: float = 1.0) -> list[Image]:
    """The portrait wandering about on a grey canvas."""
    face = astronaut()[0:320, 60:380]
    face = np.ascontiguousarray(face[:, ::-1] if flip else face)
    images = []
    for number in range(count):
        canvas = np.full((360, 480, 3), grey, np.uint8)
        left = 60 + round(20 * np.sin(drift * number / 15))
        canvas[20:340, left : left + 320] = face
        images.append(canvas)
    return images


def smaller_by_a_quarter(image: Image) -> Image:
    height, width = (round(0.375 * side) * 2 for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
