"""A speech file: its samples, and what the output's soundtrack needs to know of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from talkernel.errors import CorruptMediaError, InputError
from talkernel.media.decode import Decoder
from talkernel.media.probe import find_picture_streams, open_container, sound_stream
from talkernel.media.resample import Resampler
from talkernel.media.sound_timing import place, without_padding
from talkernel.media.timing import timestamp

Wave = NDArray[np.float32]

SPEECH_RATE = 16_000
SILENT = 1e-3  # of full scale (-60 dB): sound without a louder sample counts as silent
_SHORTEST = 0.2  # seconds; shorter sounds fill less than one window of speech features


@dataclass
class SpeechSource:
    """A sound file, with its samples in sync with its pictures.

    Time zero is the start of the file's pictures, or of its sound if it has no pictures. Sound
    that starts later is preceded by silence. Sound before time zero is cut off. Gaps in the
    timestamps, where packets are lost, are filled with silence.

    Attributes:
        path: The file.
        codec_name: FFmpeg's name of its codec.
        rate: Samples per second in the file.
        channels: Number of channels in the file.
        has_header: Whether the decoder's configuration is stored apart from the packets.
        origin: Timestamp of time zero in the file, in seconds.
        sample_count: Number of samples at 16 kHz.
        corrupt_packets: Packets that could not be decoded.
    """

    path: str
    codec_name: str
    rate: int
    channels: int
    has_header: bool
    origin: Fraction
    sample_count: int = 0
    corrupt_packets: int = 0

    @property
    def duration(self) -> float:
        """Seconds of decoded sound."""
        return self.sample_count / SPEECH_RATE

    def wave(self, rate: int = SPEECH_RATE) -> Wave:
        """The whole sound as mono float32 `[samples]`, -1 to 1."""
        return np.concatenate([np.zeros(0, np.float32), *self.blocks(rate)])

    def blocks(self, rate: int = SPEECH_RATE) -> Iterator[Wave]:
        """The wave in pieces of any size, mono float32 `[samples]`, -1 to 1."""
        for block in self.channel_blocks(rate, "mono"):
            yield block[0]

    def channel_blocks(self, rate: int, layout: str) -> Iterator[Wave]:
        """The sound in pieces, float32 `[channels, samples]`, -1 to 1.

        Args:
            rate: Samples per second of the result.
            layout: Channels of the result: `mono` or `stereo`.
        """
        resampler = Resampler(rate, layout)
        with open_container(self.path) as container:
            decoder = Decoder.of_sound(container, sound_stream(container, self.path))
            for frame, gap in place(without_padding(decoder.frames()), self.origin):
                if gap:
                    yield from resampler.restart(gap)
                yield from resampler.push(frame)
            yield from resampler.flush()
            self.corrupt_packets = decoder.corrupt_packets


def open_speech(path: str | os.PathLike[str]) -> SpeechSource:
    """Opens a sound, or the sound of a video, and decodes it once to measure it.

    Raises:
        MissingFileError: No such file, or not readable.
        NotMediaError: FFmpeg cannot read it.
        NoAudioError: A video or picture without sound.
        CorruptMediaError: None of the sound can be decoded.
        InputError: The sound is shorter than 0.2 s.
    """
    name = os.fspath(path)
    with open_container(name) as container:
        stream = sound_stream(container, name)
        context = stream.codec_context
        speech = SpeechSource(
            path=name,
            codec_name=context.codec.canonical_name,
            rate=context.sample_rate,
            channels=context.layout.nb_channels,
            has_header=bool(context.extradata),
            origin=_origin(container, stream),
        )
    speech.sample_count = sum(block.size for block in speech.blocks())
    _check_length(speech)
    return speech


def _check_length(speech: SpeechSource) -> None:
    if not speech.sample_count and speech.corrupt_packets:
        raise CorruptMediaError(f"{speech.path} is damaged: none of its sound can be decoded.")
    if speech.duration < _SHORTEST:
        raise InputError(
            f"{speech.path} has only {speech.duration:.2f} s of sound.",
            remedy=f"Give at least {_SHORTEST} s of sound.",
        )


def _origin(container: InputContainer, sound: AudioStream) -> Fraction:
    for stream in find_picture_streams(container):
        if stream.start_time is not None and stream.time_base:
            return stream.start_time * stream.time_base
    # Not the stream's own start time: it may include samples that the decoder skips.
    first = next(Decoder.of_sound(container, sound).frames(), None)
    return (first and timestamp(first)) or Fraction(0)
