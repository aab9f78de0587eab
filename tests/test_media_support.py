"""Makes small media files of which every picture tells its own number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from talkernel.media import Picture, PixelLayout, work_layout

SIZE = (64, 48)
BASE, STEP = 40, 12  # luma of digit 0, and from one digit to the next; a number has two digits


def numbered(number: int, size: tuple[int, int] = SIZE, pixel_format: str = "yuv420p") -> Picture:
    """A picture of which the left half tells `number // 16`, the right half `number % 16`.

    Chroma is a slope, so that swapped or shifted planes are noticed.
    """
    width, height = size
    layout: PixelLayout = work_layout(pixel_format, width, height, 2, 0)
    scale = 1 if layout.depth == 8 else 4
    dtype = np.uint8 if layout.depth == 8 else np.uint16
    luma = np.empty((height, width), dtype)
    luma[:, : width // 2] = (BASE + STEP * (number // 16)) * scale
    luma[:, width // 2 :] = (BASE + STEP * (number % 16)) * scale
    sx, sy = layout.chroma_shift
    shape = (-(-height >> sy), -(-width >> sx))
    u = np.linspace(100, 150, shape[1]) * np.ones(shape) * scale
    v = np.linspace(160, 90, shape[0])[:, None] * np.ones(shape) * scale
    return Picture((luma, u.astype(dtype), v.astype(dtype)), layout)


def number_of(picture: Picture) -> int:
    """The number that `numbered` wrote, after any lossy coding."""
    luma = picture.planes[0].astype(float) / (1 if picture.layout.depth == 8 else 4)
    width = luma.shape[1]
    digits = [luma[:, : width // 2 - 4].mean(), luma[:, width // 2 + 4 :].mean()]
    high, low = (round(float(level - BASE) / STEP) for level in digits)
    return high * 16 + low


def numbers(pictures: Iterable[Picture]) -> list[int]:
    return [number_of(picture) for picture in pictures]


def write_video(
    path: Path,
    count: int = 20,
    *,
    codec: str = "libx264",
    fps: Fraction | int = 25,
    size: tuple[int, int] = SIZE,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    times: Sequence[Fraction] | None = None,
    rotation: int = 0,
    sound: NDArray[np.float32] | None = None,
    sound_start: Fraction = Fraction(0),
    **context: Any,
) -> Path:
    """Writes numbered pictures, and `sound` (mono, 48 kHz) if given."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        if rotation and not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV cannot write a rotation")
        if rotation:
            stream.set_display_rotation(rotation)
        audio: Any = (
            output.add_stream("aac", rate=48_000, layout="mono") if sound is not None else None
        )
        for number in range(count):
            frame = numbered(number, size, pixel_format).to_av()
            time = times[number] if times else number / Fraction(fps)
            frame.time_base = Fraction(1, 1000) if times else 1 / Fraction(fps)
            frame.pts = round(time / frame.time_base)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            _encode_sound(output, audio, sound[None], "mono", round(sound_start * 48_000))
    return path


def write_sound(
    path: Path,
    wave: NDArray[np.float32],
    *,
    rate: int = 48_000,
    codec: str = "pcm_s16le",
    layout: str = "mono",
) -> Path:
    """Writes `wave`, `[samples]` or `[channels, samples]`."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=rate, layout=layout)
        _encode_sound(output, stream, np.atleast_2d(wave), layout, 0)
    return path


def _encode_sound(
    output: Any, stream: Any, wave: NDArray[np.float32], layout: str, start: int
) -> None:
    for begin in range(0, wave.shape[1], 1024):
        part = np.ascontiguousarray(wave[:, begin : begin + 1024])
        frame = av.AudioFrame.from_ndarray(part, "fltp", layout)
        frame.sample_rate = stream.rate
        frame.time_base, frame.pts = Fraction(1, stream.rate), start + begin
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def clicks(seconds: float, times: Sequence[float], rate: int = 48_000) -> NDArray[np.float32]:
    """Silence with a short burst of a 1 kHz tone at each of `times`, in seconds."""
    wave = np.zeros(round(seconds * rate), np.float32)
    length = round(0.004 * rate)
    burst = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(length) / rate) * np.hanning(length)
    for time in times:
        begin = round(time * rate)
        wave[begin : begin + length] = burst
    return wave


def click_time(wave: NDArray[np.float32], rate: int = 16_000, near: float | None = None) -> float:
    """Seconds at which the click nearest `near`, or the loudest one, begins."""
    low, high = (
        (0, len(wave))
        if near is None
        else (max(0, round((near - 0.1) * rate)), round((near + 0.1) * rate))
    )
    template = clicks(0.004, [0.0], rate)
    return (low + int(np.argmax(np.correlate(wave[low:high], template, "valid")))) / rate
