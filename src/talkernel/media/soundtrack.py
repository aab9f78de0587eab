"""The speech as the sound of an output file: copied if possible, else encoded once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from talkernel.media.probe import open_container, sound_stream
from talkernel.media.speech import SpeechSource

_COPYABLE = {
    "mp4": {"aac", "mp3", "opus"},
    "mov": {"aac", "mp3"},
    "webm": {"opus", "vorbis"},
}  # Matroska: whatever the muxer supports.
_NEEDS_HEADER = {"aac", "opus", "vorbis", "flac"}
_ENCODER = {"webm": "libopus"}
_AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
_BITS_PER_CHANNEL = 96_000
# Seconds before the first sample, which decoders need to decode it correctly.
_PREROLL = Fraction(1, 10)


class Soundtrack:
    """Writes sound packets to the muxer, interleaved with the pictures.

    Args:
        output: The output file; its header must not be written yet.
        speech: The sound.
        length: Seconds after which the sound is cut.
    """

    def __init__(self, output: OutputContainer, speech: SpeechSource, length: Fraction) -> None:
        self._output = output
        self._files = ExitStack()
        self.copied = _can_copy(output, speech)
        if self.copied:
            self._packets = self._copy(speech, length)
        else:
            self._packets = self._encode(speech, length)
        self._next: Packet[Any] | None = None

    def feed(self, until: Fraction) -> None:
        """Muxes all packets that start before `until` seconds."""
        while self._next is not None or self._advance():
            assert self._next is not None
            if _start(self._next) >= until:
                return
            self._output.mux(self._next)
            self._next = None

    def close(self) -> None:
        """Closes the speech file."""
        self._files.close()

    def _advance(self) -> bool:
        self._next = next(self._packets, None)
        return self._next is not None

    def _copy(self, speech: SpeechSource, length: Fraction) -> Iterator[Packet[Any]]:
        source = self._files.enter_context(open_container(speech.path))
        stream = sound_stream(source, speech.path)
        target = self._output.add_stream_from_template(stream)
        return _shifted(source.demux(stream), target, speech.origin, length)

    def _encode(self, speech: SpeechSource, length: Fraction) -> Iterator[Packet[Any]]:
        codec = _ENCODER.get(self._output.format.name, "aac")
        rate = speech.rate if codec == "aac" and speech.rate in _AAC_RATES else 48_000
        layout = "mono" if speech.channels == 1 else "stereo"
        stream = self._output.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = layout
        stream.bit_rate = _BITS_PER_CHANNEL * stream.layout.nb_channels
        return _encoded(stream, speech.channel_blocks(rate, layout), round(length * rate))


def _can_copy(output: OutputContainer, speech: SpeechSource) -> bool:
    if speech.corrupt_packets or (speech.codec_name in _NEEDS_HEADER and not speech.has_header):
        return False
    return speech.codec_name in _COPYABLE.get(output.format.name, output.supported_codecs)


def _shifted(
    packets: Iterator[Packet[Any]], target: AudioStream, origin: Fraction, length: Fraction
) -> Iterator[Packet[Any]]:
    """Packets of a speech file with the output's timestamps, without those outside it."""
    for packet in packets:
        if not packet.size or packet.pts is None:
            continue
        shift = round(origin / packet.time_base)
        packet.pts -= shift
        packet.dts = packet.pts  # sound is never reordered
        packet.stream = target
        half = (packet.duration or 0) * packet.time_base / 2
        if _start(packet) + half >= length:
            return
        if _start(packet) + 2 * half > -_PREROLL:
            yield packet


def _encoded(
    stream: AudioStream, blocks: Iterator[np.ndarray[Any, np.dtype[np.float32]]], count: int
) -> Iterator[Packet[Any]]:
    """Encodes the first `count` samples."""
    done = 0
    for block in blocks:
        samples = np.ascontiguousarray(block[:, : count - done])
        if not samples.shape[1]:
            break
        frame = av.AudioFrame.from_ndarray(samples, "fltp", stream.layout.name)
        frame.sample_rate = stream.sample_rate
        frame.time_base, frame.pts = Fraction(1, stream.sample_rate), done
        done += samples.shape[1]
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _start(packet: Packet[Any]) -> Fraction:
    return (packet.pts or 0) * packet.time_base
