"""Runs one job as a pipeline of threads.

    avatar (decode, track, learn the appearance) ─┐
    speech ─> lip driver (lip code, kernels)  ────┴─> prepare ─> paint ─> the caller (encode)

Every stage has its own thread and a short queue to the next one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from talkernel.choices import LoopMode
from talkernel.media import FaceSource, Picture, SpeechSource
from talkernel.mouth.lip_driver import FILE_BATCH, LipDriver, LipMotion
from talkernel.mouth.mask import FrameInput
from talkernel.mouth.renderer import MouthRenderer
from talkernel.pipeline.avatar import Avatar, AvatarFrame
from talkernel.pipeline.report import EditedSpan, Span
from talkernel.pipeline.threads import Prefetcher, StageClock, libraries_on_one_thread

QUEUE = 8  # frames between two stages
SHORT_QUEUE = 2  # where both stages take about the same time for every frame, or frames are large
QUEUE_BYTES = 16 * 2**20  # most memory for the frames between two stages


class PreparedFrame(NamedTuple):
    """A frame and the generator's input for each of its faces."""

    frame: AvatarFrame
    shown: list[FrameInput]
    motion: LipMotion


@dataclass
class Job:
    """One face speaking one sound.

    Attributes:
        avatar: The face.
        speech: The sound.
        driver: Predicts lip codes and kernels from the sound.
        renderer: Draws the mouths.
        frame_count: Number of output frames.
        loop: How to continue when the face's video is shorter than the sound.
        clock: Measures the time of each stage.
        spans: Output frames that have passed through so far.
        edited: Who has been edited so far, and when.
        loudest: Largest absolute sample of the sound so far, in 0..1.
    """

    avatar: Avatar
    speech: SpeechSource
    driver: LipDriver
    renderer: MouthRenderer
    frame_count: int
    loop: LoopMode = "pingpong"
    clock: StageClock = field(default_factory=StageClock)
    spans: list[Span] = field(default_factory=list)
    edited: list[EditedSpan] = field(default_factory=list)
    loudest: float = 0.0
    _people: dict[int, int] = field(default_factory=dict)  # the tracker's numbers to the report's

    def pictures(self) -> Generator[Picture]:
        """The finished frames in order; the threads end when the iterator is closed.

        Raises:
            TalkernelError: See `Avatar.frames`.
        """
        with ExitStack() as threads:
            threads.enter_context(libraries_on_one_thread())
            frames = self.avatar.frames(self.frame_count, self.loop)
            queue = queue_length(self.avatar.source)
            placed = threads.enter_context(closing(Prefetcher(frames, queue)))
            driven = threads.enter_context(closing(Prefetcher(self._driven(), FILE_BATCH)))
            prepared = threads.enter_context(
                closing(Prefetcher(self._prepared(placed, driven), SHORT_QUEUE))
            )
            yield from threads.enter_context(closing(Prefetcher(self._painted(prepared), queue)))

    def _driven(self) -> Iterator[LipMotion]:
        """Second thread: lip code and kernels of every output frame."""
        return self.clock.each("speech", self._lip_motions())

    def _lip_motions(self) -> Iterator[LipMotion]:
        for block in self.speech.blocks():
            self.loudest = max(self.loudest, float(np.abs(block).max(initial=0.0)))
            yield from self.driver.push(block)
        yield from self.driver.finish(self.frame_count)

    def _prepared(
        self, placed: Iterator[AvatarFrame], driven: Iterator[LipMotion]
    ) -> Iterator[PreparedFrame]:
        """Third thread: the generator's input for every frame with a face."""
        for number, frame in enumerate(placed):
            motion = next(driven)
            self._log(number, frame)
            with self.clock("crop"):
                shown = [
                    self.renderer.prepare(
                        frame.picture, face.placement, face.appearance, motion.lip_code
                    )
                    for face in frame.faces
                ]
            yield PreparedFrame(frame, shown, motion)

    def _log(self, number: int, frame: AvatarFrame) -> None:
        """Note who is edited in a frame, or why nobody is."""
        if not frame.faces:
            _extend_spans(self.spans, Span(number, number, frame.reason or ""))
        for face in frame.faces:
            person = self._people.setdefault(face.placement.person, len(self._people) + 1)
            _extend_edited(self.edited, EditedSpan(person, number, number, face.placement.reason))

    def _painted(self, prepared: Iterator[PreparedFrame]) -> Iterator[Picture]:
        """Fourth thread: the generator and the blend."""
        for frame, shown, motion in prepared:
            for face, seen in zip(frame.faces, shown, strict=True):
                with self.clock("generator"):
                    drawn = self.renderer.generate(seen, motion.kernels)
                with self.clock("blend"):
                    self.renderer.blend(frame.picture, face.placement, seen, drawn)
            yield frame.picture


def queue_length(source: FaceSource) -> int:
    """Frames of a source that may wait between two stages."""
    return min(QUEUE, max(SHORT_QUEUE, QUEUE_BYTES // source.picture_bytes))


def _extend_spans(spans: list[Span], frame: Span) -> None:
    """Extend the last span by a frame, or begin a new one."""
    last = spans[-1] if spans else None
    if last is not None and last.last == frame.first - 1 and last.reason == frame.reason:
        spans[-1] = replace(last, last=frame.last)
    else:
        spans.append(frame)


def _extend_edited(spans: list[EditedSpan], frame: EditedSpan) -> None:
    """Extend this person's last span by a frame, or begin a new one."""
    for at in reversed(range(len(spans))):
        last = spans[at]
        if last.person == frame.person:
            if last.last == frame.first - 1 and last.reason == frame.reason:
                spans[at] = replace(last, last=frame.last)
                return
            break
    spans.append(frame)
