"""Turns one video into candidate tracks: every step that needs no other video."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.lab.prepare.duplicates import Fingerprint
from talkernel.lab.prepare.faces import shots_of_faces
from talkernel.lab.prepare.gates import measure, reason_to_drop, reason_without_face
from talkernel.lab.prepare.identities import embed, one_person
from talkernel.lab.prepare.model_sync import sync_curve
from talkernel.lab.prepare.record import Candidate, Found
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.span import FaceSpan
from talkernel.lab.prepare.voice import frames_with_speech, read_wave, wave_of
from talkernel.lab.tracks.track import FPS, Track
from talkernel.media import open_face
from talkernel.speech.mel import SAMPLE_RATE

PAUSE = round(1.2 * FPS)  # frames of silence that split a span
MARGIN = round(0.2 * FPS)  # frames kept before and after speech
ENDS = 1 << 16  # bytes at a file's start and end that identify it


def key_of(video: Path) -> str:
    """A hash of a video's content: the same for copies under other names."""
    size = video.stat().st_size
    with video.open("rb") as file:
        start = file.read(ENDS)
        file.seek(max(0, size - ENDS))
        digest = hashlib.sha1(str(size).encode() + start + file.read())
    return digest.hexdigest()[:16]


def tracks_of(video: Path, settings: Settings) -> Iterator[Found]:
    """All candidate tracks of a video, including those that are dropped.

    Raises:
        TalkernelError: The file cannot be read or has no sound.
    """
    cv2.setNumThreads(1)
    source, wave = open_face(video), read_wave(video)
    name = _Name(key_of(video), re.sub(r"[^A-Za-z0-9_-]+", "-", video.stem)[:60])
    speech = frames_with_speech(wave) if len(wave) >= SAMPLE_RATE // 10 else np.zeros(0, np.bool_)
    for spans in shots_of_faces(source):
        found = [
            _candidate(part, name, wave, speech, settings)
            for span in spans
            for part in parts_with_speech(span, speech)
        ]
        silent = [_silent(span, name) for span in spans if not parts_with_speech(span, speech)]
        yield from silent
        yield from map(_identified, _only_speakers(found))


@dataclass(frozen=True)
class _Name:
    """Names the tracks of a video.

    Attributes:
        key: Of the video; see `key_of`.
        stem: The start of the file's name, without dots.
    """

    key: str
    stem: str

    def of(self, span: FaceSpan) -> str:
        """A name from the span's first frame and the face's position in the picture."""
        across = [points[1, 0] for points in span.landmarks if not np.isnan(points[0, 0])]
        place = round(float(np.median(across or [0.0])))
        return f"{self.stem}-{self.key[:8]}-{span.start:06d}-{place:04d}"


def parts_with_speech(span: FaceSpan, speech: NDArray[np.bool_]) -> list[FaceSpan]:
    """The parts of a span with speech, split at pauses longer than `PAUSE`.

    Args:
        span: One face through one shot.
        speech: `[T]` for each frame of the video, whether there is speech.
    """
    own = _within(speech, span.start, len(span.landmarks))
    frames = np.flatnonzero(own)
    if not len(frames):
        return []
    breaks = np.flatnonzero(np.diff(frames) > PAUSE)
    firsts, lasts = np.r_[frames[0], frames[breaks + 1]], np.r_[frames[breaks], frames[-1]]
    return [
        span.part(max(0, first - MARGIN), min(len(own), last + 1 + MARGIN))
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]


def _candidate(
    span: FaceSpan,
    video: _Name,
    wave: NDArray[np.int16],
    speech: NDArray[np.bool_],
    settings: Settings,
) -> Found:
    """Measure a span; give it its data if it passes the quality gates."""
    count = len(span.landmarks)
    own = _within(speech, span.start, count)
    quality = measure(span, own)
    reason = reason_to_drop(quality, settings, len(span.crops))
    candidate = Candidate(video.of(span), video.key, span.start / FPS, count / FPS, reason, quality)
    if reason:
        return Found(candidate)
    arrays = span.arrays() | {"wave": wave_of(wave, span.start, count), "speech": own}
    return Found(candidate, Track.of(candidate.name, "", arrays))


def _silent(span: FaceSpan, video: _Name) -> Found:
    """A dropped candidate for a span without speech, or without a face."""
    count = len(span.landmarks)
    has_face = any(not np.isnan(points[0, 0]) for points in span.landmarks)
    reason = "no speech" if has_face else reason_without_face(span)
    return Found(Candidate(video.of(span), video.key, span.start / FPS, count / FPS, reason))


def _only_speakers(found: Sequence[Found]) -> Iterator[Found]:
    """Of faces visible at the same time, keep the one whose mouth fits the sound best."""
    measured = [_with_curve(one, found) for one in found]
    for one in measured:
        if any(_overlap(one, other) and one.peak < other.peak for other in measured):
            yield Found(dataclasses.replace(one.candidate, reason="another face speaks"))
        else:
            yield one


def _with_curve(one: Found, found: Sequence[Found]) -> Found:
    """Add the sync curve where several faces are visible and it decides who speaks."""
    if one.track is None or not any(_overlap(one, other) for other in found):
        return one
    return dataclasses.replace(one, curve=sync_curve(one.track))


def _overlap(a: Found, b: Found) -> bool:
    """Whether two candidates with data share more than half a second."""
    if a is b or a.track is None or b.track is None:
        return False
    first, second = a.candidate, b.candidate
    end = min(first.start + first.seconds, second.start + second.seconds)
    return end - max(first.start, second.start) > 0.5


def _identified(found: Found) -> Found:
    """Add face embedding and fingerprint; drop a track that shows more than one person."""
    if found.track is None:
        return found
    embeddings = embed(found.track)
    if not one_person(embeddings):
        candidate = dataclasses.replace(found.candidate, reason="the person changes")
        return Found(candidate)
    fingerprint = Fingerprint.of(found.track)
    return dataclasses.replace(found, embedding=embeddings.mean(0), fingerprint=fingerprint)


def _within(speech: NDArray[np.bool_], start: int, count: int) -> NDArray[np.bool_]:
    """Frames `start` to `start + count - 1`; false beyond the end of the sound."""
    part = speech[start : start + count]
    return np.pad(part, (0, count - len(part)))
