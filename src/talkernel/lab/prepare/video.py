"""One video to its tracks: everything that needs no other video."""

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

from talkernel.lab.prepare.duplicates import Print
from talkernel.lab.prepare.faces import shots_of_faces
from talkernel.lab.prepare.gates import measure, reason_to_drop, reason_without_face
from talkernel.lab.prepare.listen import agreement
from talkernel.lab.prepare.people import embed, one_person
from talkernel.lab.prepare.record import Candidate, Found
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.span import FaceSpan
from talkernel.lab.prepare.voice import read_wave, voiced_frames, wave_of
from talkernel.lab.tracks.track import FPS, Track
from talkernel.media import open_face
from talkernel.speech.mel import SAMPLE_RATE

PAUSE = round(1.2 * FPS)  # frames of silence at which speech is cut in two
MARGIN = round(0.2 * FPS)  # frames kept before and after speech
ENDS = 1 << 16  # bytes at a file's start and end that tell it from others


def key_of(video: Path) -> str:
    """A name for a video by its content: the same wherever it lies."""
    size = video.stat().st_size
    with video.open("rb") as file:
        start = file.read(ENDS)
        file.seek(max(0, size - ENDS))
        digest = hashlib.sha1(str(size).encode() + start + file.read())
    return digest.hexdigest()[:16]


def tracks_of(video: Path, settings: Settings) -> Iterator[Found]:
    """All tracks of a video, the dropped ones too.

    Raises:
        TalkernelError: The file cannot be read, or has no sound.
    """
    cv2.setNumThreads(1)
    source, wave = open_face(video), read_wave(video)
    name = _Name(key_of(video), re.sub(r"[^A-Za-z0-9_-]+", "-", video.stem)[:60])
    voiced = voiced_frames(wave) if len(wave) >= SAMPLE_RATE // 10 else np.zeros(0, np.bool_)
    for spans in shots_of_faces(source):
        found = [
            _candidate(part, name, wave, voiced, settings)
            for span in spans
            for part in spoken_parts(span, voiced)
        ]
        silent = [_silent(span, name) for span in spans if not spoken_parts(span, voiced)]
        yield from silent
        yield from map(_identified, _only_speakers(found))


@dataclass(frozen=True)
class _Name:
    """What tracks of a video are called.

    Attributes:
        key: The video's.
        stem: How its file's name begins, without dots.
    """

    key: str
    stem: str

    def of(self, span: FaceSpan) -> str:
        """By where the face begins in time and is in the picture."""
        across = [points[1, 0] for points in span.landmarks if not np.isnan(points[0, 0])]
        place = round(float(np.median(across or [0.0])))
        return f"{self.stem}-{self.key[:8]}-{span.start:06d}-{place:04d}"


def spoken_parts(span: FaceSpan, voiced: NDArray[np.bool_]) -> list[FaceSpan]:
    """The parts of a span in which somebody speaks, without long silences."""
    own = _within(voiced, span.start, len(span.landmarks))
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
    voiced: NDArray[np.bool_],
    settings: Settings,
) -> Found:
    count = len(span.landmarks)
    own = _within(voiced, span.start, count)
    quality = measure(span, own)
    reason = reason_to_drop(quality, settings, len(span.crops))
    candidate = Candidate(video.of(span), video.key, span.start / FPS, count / FPS, reason, quality)
    if reason:
        return Found(candidate)
    arrays = span.arrays() | {"wave": wave_of(wave, span.start, count), "speech": own}
    return Found(candidate, Track.of(candidate.name, "", arrays))


def _silent(span: FaceSpan, video: _Name) -> Found:
    count = len(span.landmarks)
    has_face = any(not np.isnan(points[0, 0]) for points in span.landmarks)
    reason = "no speech" if has_face else reason_without_face(span)
    return Found(Candidate(video.of(span), video.key, span.start / FPS, count / FPS, reason))


def _only_speakers(found: Sequence[Found]) -> Iterator[Found]:
    """Of faces seen at the same time, the one whose mouth goes best with the sound."""
    heard = [_listened(one, found) for one in found]
    for one in heard:
        if any(_overlap(one, other) and one.peak < other.peak for other in heard):
            yield Found(dataclasses.replace(one.candidate, reason="another face speaks"))
        else:
            yield one


def _listened(one: Found, found: Sequence[Found]) -> Found:
    """With its agreement with the sound, where that decides who speaks."""
    if one.track is None or not any(_overlap(one, other) for other in found):
        return one
    return dataclasses.replace(one, curve=agreement(one.track))


def _overlap(a: Found, b: Found) -> bool:
    if a is b or a.track is None or b.track is None:
        return False
    first, second = a.candidate, b.candidate
    end = min(first.start + first.seconds, second.start + second.seconds)
    return end - max(first.start, second.start) > 0.5


def _identified(found: Found) -> Found:
    if found.track is None:
        return found
    embeddings = embed(found.track)
    if not one_person(embeddings):
        candidate = dataclasses.replace(found.candidate, reason="the person changes")
        return Found(candidate)
    return dataclasses.replace(found, embedding=embeddings.mean(0), print=Print.of(found.track))


def _within(voiced: NDArray[np.bool_], start: int, count: int) -> NDArray[np.bool_]:
    part = voiced[start : start + count]
    return np.pad(part, (0, count - len(part)))
