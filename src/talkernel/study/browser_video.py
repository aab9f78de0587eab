"""Videos as every browser plays them, and as nothing but their pixels tells who made them."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

import av

from talkernel.errors import CorruptMediaError
from talkernel.media import VideoWriter, open_face, open_speech
from talkernel.media.probe import open_container, picture_stream, sound_stream
from talkernel.media.sample import part

SOUND = {"aac", "mp3"}
PIXELS = {"yuv420p", "yuvj420p"}
CRF = 10  # where a video must be encoded once more: no loss that could be seen


@dataclass(frozen=True)
class Checked:
    """A video that was decoded to its end.

    Attributes:
        path: The file.
        frames: Its number of pictures.
        seconds: Its length by its pictures.
        playable: Whether browsers play it as it is.
    """

    path: Path
    frames: int
    seconds: float
    playable: bool


def check(path: Path) -> Checked:
    """Decode a whole video.

    Raises:
        CorruptMediaError: A part of it cannot be decoded.
        NoAudioError: It has no sound, so that nobody could judge its lips.
        TalkernelError: It is no video at all, or its sound is damaged; see `open_face` and
            `open_speech`.
    """
    source, speech = open_face(path), open_speech(path)
    if source.is_photo:
        raise CorruptMediaError(f"{path} is a photo.")
    frames = sum(1 for _ in source.frames())
    lost = source.corrupt_packets + speech.corrupt_packets
    if lost or frames < _stated(path) - 1:
        raise CorruptMediaError(f"{path} is damaged: a part of it cannot be decoded.")
    return Checked(path, frames, float(frames / source.fps), _plays(path))


def publish(video: Checked, target: Path) -> None:
    """Write a video for the study's page.

    What browsers play is copied packet by packet. The rest is encoded once more as H.264 of
    8 bits with 4:2:0 colours, an odd last row or column cut off. Titles, comments and times
    in the file, which may name the system, are left out of both.

    Args:
        video: What to show.
        target: An .mp4 that does not exist yet.
    """
    if video.playable:
        _copy(video.path, target)
        return
    between = target.with_name(f"{target.stem}.encoded.mp4")
    _encode(video, between)
    _copy(between, target)
    between.unlink()


def _stated(path: Path) -> int:
    """Pictures that the container's index counts; 0 where it counts none."""
    with open_container(path) as container:
        return picture_stream(container, path).frames


def _plays(path: Path) -> bool:
    with open_container(path) as container:
        picture, sound = picture_stream(container, path), sound_stream(container, path)
        first = next(container.decode(picture))
        return (
            picture.codec_context.name == "h264"
            and picture.codec_context.pix_fmt in PIXELS
            and sound.codec_context.name in SOUND
            and not first.rotation
        )


def _copy(path: Path, target: Path) -> None:
    options = {"movflags": "+faststart"}
    with (
        open_container(path) as source,
        av.open(os.fspath(target), "w", format="mp4", container_options=options) as output,
    ):
        wanted = (picture_stream(source, path), sound_stream(source, path))
        copies = {stream.index: output.add_stream_from_template(stream) for stream in wanted}
        for packet in source.demux(wanted):
            if packet.dts is not None:  # the empty one at the end has none
                packet.stream = copies[packet.stream.index]
                output.mux(packet)


def _encode(video: Checked, target: Path) -> None:
    source, speech = open_face(video.path), open_speech(video.path)
    source.layout = dataclasses.replace(
        source.layout, format="yuv420p", depth=8, chroma_shift=(1, 1)
    )
    source.width, source.height = source.width // 2 * 2, source.height // 2 * 2
    with VideoWriter(
        target, source=source, speech=speech, frame_count=video.frames, crf=CRF
    ) as writer:
        for picture in source.frames():
            writer.write(part(picture, 0, 0, source.width, source.height))
