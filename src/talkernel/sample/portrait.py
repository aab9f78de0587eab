"""The sample: a portrait that speaks a sentence. It needs no file of the user's.

The portrait is NASA's photograph of the astronaut Eileen Collins, which is in the public domain.
The face video moves it like a hand-held camera, because a still picture would hide faults of the
tracking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from talkernel.choices import Box
from talkernel.errors import OutputExistsError, OutputNotWritableError
from talkernel.sample.contact_sheet import contact_sheet
from talkernel.sample.speech import write_speech

PORTRAIT = Path(__file__).with_name("portrait.webp")  # lossless
WIDTH, HEIGHT = 1280, 720
FPS = 25
FRAMES = 6 * FPS
PORTRAIT_SIZE = 1152  # pixels; makes the face about 230 pixels high
# The face in every frame, with a margin for the camera's drift: top, bottom, left, right.
FACE: Box = (120, 460, 395, 735)
SHEET_HEIGHT = 256  # pixels of a frame in the contact sheet
FADE = 96  # columns over which the portrait's sides fade into the backdrop
BT709 = 1  # FFmpeg's number for this matrix, these primaries and this transfer curve
LIMITED_RANGE = 1

Image = NDArray[np.uint8]


def run_sample(
    out: Path, *, overwrite: bool = True, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Make the sample's inputs, then the video in which the portrait speaks.

    Args:
        out: Folder for face.mp4, speech.wav, demo.mp4 and demo.png, created if missing.
        overwrite: Replace these files where they exist.
        progress: Called after every frame with the frames done and their total.

    Returns:
        Path of demo.mp4.

    Raises:
        OutputExistsError: One of the files exists and `overwrite` is False.
        OutputNotWritableError: The folder cannot be created or written to.
    """
    from talkernel.pipeline.generate import generate

    video = out / "demo.mp4"
    if not overwrite:
        _refuse_existing(out)
    face, speech = make_sample(out)
    generate(face, speech, video, overwrite=True, progress=progress)
    contact_sheet([face, video], video.with_suffix(".png"), height=SHEET_HEIGHT, crop=FACE)
    return video


def make_sample(folder: Path, *, need_voice: bool = True) -> tuple[Path, Path]:
    """Write a face video and a speech, the same ones every time.

    Args:
        folder: Where to write them; created if missing.
        need_voice: See `write_speech`.

    Returns:
        Paths of face.mp4 (1280x720, 25 frames/s, 6 s) and speech.wav (about 6 s).

    Raises:
        OutputNotWritableError: The folder cannot be created or written to.
    """
    face, speech = folder / "face.mp4", folder / "speech.wav"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        speech.touch()
    except OSError as error:
        raise OutputNotWritableError(f"Cannot write into {folder}: {error.strerror}.") from error
    _write_video(face, _hand_held(_still()))
    write_speech(speech, need_voice=need_voice)
    return face, speech


def portrait() -> Image:
    """The portrait, RGB `[512, 512, 3]`."""
    with PIL.Image.open(PORTRAIT) as image:
        return np.asarray(image.convert("RGB"), np.uint8)


def _refuse_existing(out: Path) -> None:
    for name in ("face.mp4", "speech.wav", "demo.mp4", "demo.png"):
        if (out / name).exists():
            raise OutputExistsError(f"{out / name} exists.")


def _still() -> Image:
    """The portrait in front of its own blurred background, RGB `[720, 1280, 3]`."""
    size = (PORTRAIT_SIZE, PORTRAIT_SIZE)
    enlarged = cv2.resize(portrait(), size, interpolation=cv2.INTER_CUBIC)[:HEIGHT]
    left = (WIDTH - PORTRAIT_SIZE) // 2
    widened = cv2.copyMakeBorder(enlarged, 0, 0, left, left, cv2.BORDER_REFLECT_101)
    backdrop = cv2.GaussianBlur(widened, (0, 0), 24)
    opacity = np.clip((np.arange(WIDTH) - left) / FADE, 0, 1)
    opacity = np.minimum(opacity, opacity[::-1])[None, :, None]
    return np.asarray(widened * opacity + backdrop * (1 - opacity), np.uint8)


def _hand_held(still: Image) -> Iterator[Image]:
    """Views of the still through a camera that drifts, zooms and rolls a little."""
    for index in range(FRAMES):
        view = cv2.warpAffine(
            still,
            _camera(index / FPS),
            (WIDTH, HEIGHT),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        yield view.astype(np.uint8)


def _camera(time: float) -> NDArray[np.float64]:
    """Affine `[2, 3]` of the camera at `time` seconds. The motions share no common period."""
    phase = 2 * np.pi * time
    roll = 0.7 * np.sin(0.23 * phase) + 0.2 * np.sin(0.71 * phase + 1.0)
    zoom = 1.03 + 0.015 * np.sin(0.17 * phase)
    view = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), roll, zoom).astype(np.float64)
    view[0, 2] += 9.0 * np.sin(0.19 * phase) + 2.0 * np.sin(0.83 * phase)
    view[1, 2] += 5.0 * np.sin(0.29 * phase + 0.5) + 1.5 * np.sin(0.97 * phase)
    return view


def _write_video(path: Path, images: Iterator[Image]) -> None:
    # One thread: x264's output depends on the number of threads.
    options = {"crf": "12", "preset": "veryfast", "threads": "1"}
    with av.open(str(path.absolute()), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        _tag_colours(stream.codec_context)
        for image in images:
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _tag_colours(context: Any) -> None:
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED_RANGE
