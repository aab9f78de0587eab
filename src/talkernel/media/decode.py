"""Decodes one stream; damaged packets are counted and skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

import av
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from talkernel.threads import thread_limit

FrameT = TypeVar("FrameT", av.VideoFrame, av.AudioFrame)


class Decoder(Generic[FrameT]):
    """The frames of one stream in the order of presentation.

    Attributes:
        corrupt_packets: Packets so far that could not be read or decoded, or that the container
            marks as damaged.
    """

    def __init__(self, container: InputContainer, stream: VideoStream | AudioStream) -> None:
        self._container = container
        self._stream = stream
        self.corrupt_packets = 0

    @staticmethod
    def of_video(container: InputContainer, stream: VideoStream) -> Decoder[av.VideoFrame]:
        """A decoder of pictures; it uses all cores unless `thread_limit` says fewer."""
        stream.thread_type = ThreadType.AUTO
        stream.codec_context.thread_count = thread_limit() or 0  # 0: FFmpeg chooses
        return Decoder(container, stream)

    @staticmethod
    def of_sound(container: InputContainer, stream: AudioStream) -> Decoder[av.AudioFrame]:
        """A decoder of sound."""
        return Decoder(container, stream)

    def frames(self) -> Iterator[FrameT]:
        """Frames from the container's current position to its end."""
        for packet in self._packets():
            self.corrupt_packets += packet.is_corrupt
            yield from self._decode(packet)
        yield from self._decode(None)

    def _packets(self) -> Iterator[Packet[Any]]:
        packets = iter(self._container.demux(self._stream))
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except FFmpegError:
                self.corrupt_packets += 1
                return
            if packet.size:  # an empty last packet would flush; `frames` does that
                yield packet

    def _decode(self, packet: Packet[Any] | None) -> list[FrameT]:
        try:
            frames = cast("list[FrameT]", self._stream.decode(packet))
        except EOFError:
            return []
        except FFmpegError:
            self.corrupt_packets += 1
            return []
        for frame in frames:  # missing in frames from a flush
            frame.time_base = frame.time_base or self._stream.time_base
        return frames
