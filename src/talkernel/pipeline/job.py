"""The threads of the main job, in the order in which a frame passes them.

    avatar (decode, track, place, get to know) ─┐
    speech ─> lip driver (lip code, kernels)  ──┴─> prepare ─> paint ─> the caller (encode)

Each stage runs in a thread of its own and pulls from those before it through a short queue.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from talkernel.choices import LoopMode
from talkernel.media import Picture, SpeechSource
from talkernel.mouth.lip_driver import FILE_BATCH, LipDriver, LipMotion
from talkernel.mouth.mask import FrameInput
from talkernel.mouth.renderer import MouthRenderer
from talkernel.pipeline.avatar import Avatar, AvatarFrame
from talkernel.pipeline.report import Span
from talkernel.pipeline.threads import Prefetcher, StageClock, opencv_on_one_thread

QUEUE = 8  # frames between two stages
SHORT_QUEUE = 2  # between those that take their time frame by frame


class PreparedFrame(NamedTuple):
    """A frame and what the generator is to see of it; None where it passes through."""

    frame: AvatarFrame
    shown: FrameInput | None
    motion: LipMotion


@dataclass
class Job:
    """One face speaking one sound.

    Attributes:
        avatar: The face.
        speech: The sound.
        driver: Makes the speech's lip codes and kernels.
        renderer: Draws the mouths.
        frame_count: Output frames.
        loop: What follows when the face's video is shorter than the speech.
        clock: Time spent per stage.
        spans: Output frames passed through so far.
        loudest: Largest sample of the speech so far, of 1.
    """

    avatar: Avatar
    speech: SpeechSource
    driver: LipDriver
    renderer: MouthRenderer
    frame_count: int
    loop: LoopMode = "pingpong"
    clock: StageClock = field(default_factory=StageClock)
    spans: list[Span] = field(default_factory=list)
    loudest: float = 0.0

    def pictures(self) -> Generator[Picture]:
        """The finished pictures, in order; the threads end when the iterator is closed.

        Raises:
            TalkernelError: See `Avatar.frames`.
        """
        with ExitStack() as threads:
            threads.enter_context(opencv_on_one_thread())
            frames = self.avatar.frames(self.frame_count, self.loop)
            placed = threads.enter_context(closing(Prefetcher(frames, QUEUE)))
            driven = threads.enter_context(closing(Prefetcher(self._driven(), FILE_BATCH)))
            prepared = threads.enter_context(
                closing(Prefetcher(self._prepared(placed, driven), SHORT_QUEUE))
            )
            yield from threads.enter_context(closing(Prefetcher(self._painted(prepared), QUEUE)))

    def _driven(self) -> Iterator[LipMotion]:
        """Second thread: every output frame's lip code and kernels."""
        return self.clock.each("speech", self._lip_motions())

    def _lip_motions(self) -> Iterator[LipMotion]:
        for block in self.speech.blocks():
            self.loudest = max(self.loudest, float(np.abs(block).max(initial=0.0)))
            yield from self.driver.push(block)
        yield from self.driver.finish(self.frame_count)

    def _prepared(
        self, placed: Iterator[AvatarFrame], driven: Iterator[LipMotion]
    ) -> Iterator[PreparedFrame]:
        """Third thread: what the generator is shown of every frame that has a face."""
        for number, frame in enumerate(placed):
            motion, shown = next(driven), None
            if frame.placement is None or frame.appearance is None:
                _note(self.spans, number, frame.reason or "")
            else:
                with self.clock("crop"):
                    shown = self.renderer.prepare(
                        frame.picture, frame.placement, frame.appearance, motion.lip_code
                    )
            yield PreparedFrame(frame, shown, motion)

    def _painted(self, prepared: Iterator[PreparedFrame]) -> Iterator[Picture]:
        """Fourth thread: the mouth itself."""
        for frame, shown, motion in prepared:
            if shown is not None and frame.placement is not None:
                with self.clock("generator"):
                    answer = self.renderer.generate(shown, motion.kernels)
                with self.clock("blend"):
                    self.renderer.blend(frame.picture, frame.placement, shown, *answer)
            yield frame.picture


def _note(spans: list[Span], frame: int, reason: str) -> None:
    """Lengthen the last span by a frame, or begin another."""
    if spans and spans[-1].last == frame - 1 and spans[-1].reason == reason:
        spans[-1] = Span(spans[-1].first, frame, reason)
    else:
        spans.append(Span(frame, frame, reason))
