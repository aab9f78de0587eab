"""Makes videos playable in every browser and strips metadata that could name the system."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer

from talkernel.errors import CorruptMediaError
from talkernel.media import SpeechSource, VideoWriter, open_face, open_speech
from talkernel.media.probe import open_container, picture_stream, sound_stream
from talkernel.media.sample import part
from talkernel.media.soundtrack import Soundtrack

SOUND = {"aac", "mp3"}
PIXELS = {"yuv420p", "yuvj420p"}
CRF = 10  # for videos that must be re-encoded: visually lossless


@dataclass(frozen=True)
class Checked:
    """A video that was decoded completely.

    Attributes:
        path: The file.
        frames: Its number of pictures.
        seconds: Duration of its pictures.
        plays_picture: Whether all browsers play its picture without re-encoding.
        plays_sound: The same for its sound.
    """

    path: Path
    frames: int
    seconds: float
    plays_picture: bool = True
    plays_sound: bool = True

    @property
    def plays(self) -> bool:
        """Whether nothing has to be re-encoded."""
        return self.plays_picture and self.plays_sound


def check(path: Path) -> Checked:
    """Decode a whole video.

    Raises:
        CorruptMediaError: A part of it cannot be decoded.
        NoAudioError: It has no sound, so lip sync cannot be rated.
        TalkernelError: It is not a video, or its sound is damaged; see `open_face` and
            `open_speech`.
    """
    source, speech = open_face(path), open_speech(path)
    if source.is_photo:
        raise CorruptMediaError(f"{path} is a photo.")
    frames = sum(1 for _ in source.frames())
    lost = source.corrupt_packets + speech.corrupt_packets
    if lost or frames < _stated(path) - 1:
        raise CorruptMediaError(f"{path} is damaged: a part of it cannot be decoded.")
    return Checked(path, frames, float(frames / source.fps), *_plays(path))


def publish(video: Checked, target: Path) -> None:
    """Write a video for the study's page.

    Picture and sound that browsers play are copied packet by packet. Other sound becomes AAC;
    another picture becomes 8-bit H.264 with 4:2:0 chroma, without an odd last row or column.
    Titles, comments and times in the file, which may name the system, are removed.

    Args:
        video: The video to show.
        target: An .mp4 that does not exist yet.
    """
    if video.plays:
        _copy(video.path, target)
    elif video.plays_picture:
        _copy_picture(video, target)
    else:
        between = target.with_name(f"{target.stem}.encoded.mp4")
        _encode(video, between)
        _copy(between, target)
        between.unlink()


def _stated(path: Path) -> int:
    """Number of pictures by the container's index; 0 where it has none."""
    with open_container(path) as container:
        return picture_stream(container, path).frames


def _plays(path: Path) -> tuple[bool, bool]:
    """Whether all browsers play the picture's and the sound's format."""
    with open_container(path) as container:
        picture, sound = picture_stream(container, path), sound_stream(container, path)
        plain = picture.codec_context.pix_fmt in PIXELS
        upright = not next(container.decode(picture)).rotation
        plays_picture = picture.codec_context.name == "h264" and plain and upright
        return plays_picture, sound.codec_context.codec.canonical_name in SOUND


def _copy(path: Path, target: Path) -> None:
    with open_container(path) as source, _new(target) as output:
        wanted = (picture_stream(source, path), sound_stream(source, path))
        copies = {stream.index: output.add_stream_from_template(stream) for stream in wanted}
        for packet in source.demux(wanted):
            if packet.dts is not None:  # the empty one at the end has none
                packet.stream = copies[packet.stream.index]
                output.mux(packet)


def _copy_picture(video: Checked, target: Path) -> None:
    """The picture as it is, from time zero, and its sound as AAC."""
    speech = _to_encode(open_speech(video.path))
    with open_container(video.path) as source, _new(target) as output:
        stream = picture_stream(source, video.path)
        copy = output.add_stream_from_template(stream)
        sound = Soundtrack(output, speech, Fraction(video.seconds))
        for packet in source.demux(stream):
            if packet.dts is not None and packet.pts is not None:
                shift = round(speech.origin / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copy
                output.mux(packet)
                sound.feed(packet.dts * packet.time_base)
        sound.feed(Fraction(video.seconds))
        sound.close()


def _new(target: Path) -> OutputContainer:
    options = {"movflags": "+faststart"}
    return av.open(os.fspath(target), "w", format="mp4", container_options=options)


def _to_encode(speech: SpeechSource) -> SpeechSource:
    """The same sound without its codec's name, so that it is re-encoded instead of copied."""
    return dataclasses.replace(speech, codec_name="")


def _encode(video: Checked, target: Path) -> None:
    source, speech = open_face(video.path), open_speech(video.path)
    if not video.plays_sound:
        speech = _to_encode(speech)
    source.layout = dataclasses.replace(
        source.layout, format="yuv420p", depth=8, chroma_shift=(1, 1)
    )
    source.width, source.height = source.width // 2 * 2, source.height // 2 * 2
    with VideoWriter(
        target, source=source, speech=speech, frame_count=video.frames, crf=CRF
    ) as writer:
        for picture in source.frames():
            writer.write(part(picture, 0, 0, source.width, source.height))
