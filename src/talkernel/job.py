"""The stages between media in and media out, in the order in which a frame passes them.

Decode -> follow the face -> steady the crop -> get to know the person -> speech features ->
kernels -> mask and motion -> cover. Each thread pulls from the one before it through a short queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from talkernel.appearance import LOOK_AHEAD, with_appearance
from talkernel.cover import cover, cut, to_network
from talkernel.engine import Engine
from talkernel.errors import FaceChoiceError, FaceTooSmallError, NoFaceError, TalkernelError
from talkernel.face.crop import Crop
from talkernel.face.person import Appearance
from talkernel.face.stabilise import Observed, Placement, stabilise
from talkernel.face.track import FaceTracker
from talkernel.face.veil import blend_alpha, network_input
from talkernel.media import FaceSource, LoopMode, Picture, SpeechSource, extend
from talkernel.report import Span
from talkernel.speech_features import Hearing, SpeechFeatures
from talkernel.stages import InThread, StageClock, opencv_on_one_thread

Progress = Callable[[int, int], None]
KERNEL_BATCH = 16  # frames whose kernels are inferred together
QUEUE = 8  # frames between two stages
Placed = tuple[Picture, Placement, Appearance | None]  # a frame, where to edit it, who is in it
Driving = tuple[NDArray[np.float32], NDArray[np.float32]]  # a frame's lip code and kernels


@dataclass(frozen=True)
class Edit:
    """One frame's edit, for whoever watches a job.

    Attributes:
        before: The frame as it came.
        after: The frame as it leaves; only valid during the call.
        crop: Where the network looked.
        landmarks: `[468, 3]` of the face, in frame pixels.
        attention: `[S, S]` the network's mask.
        alpha: `[S, S]` the mask with the veil's place in it, as laid on but for its window.
    """

    before: Picture
    after: Picture
    crop: Crop
    landmarks: NDArray[np.float32]
    attention: NDArray[np.float32]
    alpha: NDArray[np.float32]


@dataclass
class Job:
    """What the stages of one job share.

    Attributes:
        engine: Runs the model.
        source: The face.
        speech: The sound.
        frame_count: Output frames.
        tracker: Follows the face.
        hearing: How far beyond a frame its speech is heard.
        clock: Time spent per stage.
        spans: Output frames passed through so far.
        watch: Called with every edit; frames are copied only for it.
    """

    engine: Engine
    source: FaceSource
    speech: SpeechSource
    frame_count: int
    tracker: FaceTracker
    hearing: Hearing = "recorded"
    clock: StageClock = field(default_factory=StageClock)
    spans: list[Span] = field(default_factory=list)
    watch: Callable[[Edit], None] | None = None

    @property
    def edited(self) -> int:
        """Frames not passed through, once the job has run."""
        return self.frame_count - sum(span.last - span.first + 1 for span in self.spans)


def no_face(job: Job, reasons: set[str]) -> TalkernelError:
    """What to tell a user whose video has no frame to edit, for these reasons."""
    path, seen = job.source.path, job.tracker.faces_seen
    if seen and not job.tracker.ever_chosen:
        faces = "face is" if seen == 1 else "faces are"
        return FaceChoiceError(
            f"At most {seen} {faces} in a frame of {path}, never the chosen one."
        )
    if reasons == {"face too small"}:
        return FaceTooSmallError(f"The face in {path} is under 32 pixels high.")
    return NoFaceError(f"No usable face in {path}: {', '.join(sorted(reasons))}.")


def run(
    job: Job, loop: LoopMode, write: Callable[[Picture], None], progress: Progress | None = None
) -> None:
    """Run a job's stages on threads of their own, handing finished pictures to `write`.

    Args:
        job: What to run.
        loop: What follows when the face's video is shorter than the sound.
        write: Called with every output picture, in order.
        progress: Called with frames done and in all.
    """
    with (
        opencv_on_one_thread(),
        closing(InThread(_placed(job, loop), QUEUE)) as placed,
        closing(InThread(_driving(job), KERNEL_BATCH)) as driving,
        closing(InThread(_spoken(job, placed, driving), QUEUE)) as spoken,
    ):
        for done, picture in enumerate(spoken, 1):
            with job.clock("encode"):
                write(picture)
            if progress is not None:
                progress(done, job.frame_count)


def _placed(job: Job, loop: LoopMode) -> Iterator[Placed]:
    """First thread: decode, follow the face, steady the crop, get to know the person."""
    pictures = extend(job.source, job.frame_count, loop)
    observed = _observed(job, job.clock.each("decode", pictures))
    config = job.engine.config
    ahead = 0 if job.hearing == "live" or job.source.is_photo else LOOK_AHEAD
    steady = stabilise(observed, config.crop_share)
    return with_appearance(steady, config.crop_size, job.engine.basis, ahead)


def _observed(job: Job, pictures: Iterator[Picture]) -> Iterator[Observed]:
    seen = None
    for picture in pictures:
        if seen is None or not job.source.is_photo:  # a photo's face is found once
            with job.clock("track"):
                seen = job.tracker.update(picture)
            if job.source.is_photo and seen.face is None:
                raise no_face(job, {seen.reason or ""})
        yield picture, seen


def _spoken(job: Job, placed: Iterator[Placed], driving: Iterator[Driving]) -> Iterator[Picture]:
    """Third thread: put the mouth into every frame that has a face."""
    for number, (picture, placement, appearance) in enumerate(placed):
        code, kernels = next(driving)
        if appearance is None:
            _note(job.spans, number, placement.reason or "")
        else:
            _edit(job, picture, placement, appearance, code, kernels)
        yield picture


def _edit(
    job: Job,
    picture: Picture,
    placement: Placement,
    appearance: Appearance,
    code: NDArray[np.float32],
    kernels: NDArray[np.float32],
) -> None:
    assert placement.crop is not None and placement.landmarks is not None
    config, size = job.engine.config, job.engine.config.crop_size
    with job.clock("cover"):
        points = placement.crop.to_view(placement.landmarks, size)
        view = cut(picture, placement.crop, size)
        warped = None
        if config.reference:
            warped = appearance.warped(points, size, code, job.engine.basis)
        shown = network_input(view, points, config.face_size, warped)
        seen = to_network(shown.picture)
    with job.clock("generator"):
        attention, motion = job.engine.synthesise(seen[None], kernels[None])
    with job.clock("cover"):
        full = blend_alpha(attention[0, 0], shown.hidden, warped, points, config.face_size)
        before = None if job.watch is None else picture.copy()
        cover(picture, placement.crop, full, motion[0], placement.strength, warped)
    if job.watch is not None and before is not None:
        job.watch(Edit(before, picture, placement.crop, placement.landmarks, attention[0, 0], full))


def _driving(job: Job) -> Iterator[Driving]:
    """Second thread: every output frame's lip code and kernels, a few at a time."""
    windows = job.clock.each("speech", _windows(job))
    while batch := list(islice(windows, KERNEL_BATCH)):
        with job.clock("kernels"):
            heard = job.engine.hear(np.stack(batch))
            kernels = job.engine.kernels(heard)
        yield from zip(heard, kernels, strict=True)


def _windows(job: Job) -> Iterator[NDArray[np.float32]]:
    engine = job.engine
    features = SpeechFeatures(job.source.fps, engine.config, engine.encode, job.hearing)
    for block in job.speech.blocks():
        yield from features.push(block)
    yield from features.flush(job.frame_count)


def _note(spans: list[Span], frame: int, reason: str) -> None:
    """Lengthen the last span by a frame, or begin another."""
    if spans and spans[-1].last == frame - 1 and spans[-1].reason == reason:
        spans[-1] = Span(spans[-1].first, frame, reason)
    else:
        spans.append(Span(frame, frame, reason))
