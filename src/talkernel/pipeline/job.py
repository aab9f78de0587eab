"""The stages between media in and media out, in the order in which a frame passes them.

Decode -> follow the face -> steady the crop -> get to know the person -> speech features ->
kernels -> crop -> generator -> cover. Each thread pulls from those before it through short queues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.engine import Engine
from talkernel.errors import FaceChoiceError, FaceTooSmallError, NoFaceError, TalkernelError
from talkernel.face.crop import Crop
from talkernel.face.stabilise import Observed, Placement, stabilise
from talkernel.face.track import FaceTracker
from talkernel.face.view import crop_view
from talkernel.media import FaceSource, LoopMode, Picture, SpeechSource, extend
from talkernel.mouth.blend import cover, to_network
from talkernel.mouth.look_ahead import LOOK_AHEAD, with_appearance
from talkernel.mouth.mask import NetworkInput, network_input
from talkernel.mouth.person import Appearance
from talkernel.pipeline.report import Span
from talkernel.pipeline.threads import InThread, StageClock, opencv_on_one_thread
from talkernel.speech.features import Hearing, SpeechFeatures

Progress = Callable[[int, int], None]
KERNEL_BATCH = 16  # frames whose kernels are inferred together
QUEUE = 8  # frames between two stages
SHORT_QUEUE = 2  # between those that take their time frame by frame
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


class Conditioned(NamedTuple):
    """One frame, ready for f.

    Attributes:
        picture: The frame.
        placement: Where it is edited.
        shown: What f sees of it; None where it passes through.
        kernels: What makes f speak.
    """

    picture: Picture
    placement: Placement
    shown: NetworkInput | None
    kernels: NDArray[np.float32]


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
        loudest: Largest sample of the speech so far, of 1.
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
    loudest: float = 0.0
    watch: Callable[[Edit], None] | None = None

    @property
    def edited(self) -> int:
        """Frames not passed through, once the job has run."""
        return self.frame_count - sum(map(len, self.spans))


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
        closing(InThread(_conditioned(job, placed, driving), SHORT_QUEUE)) as conditioned,
        closing(InThread(_covered(job, conditioned), QUEUE)) as covered,
    ):
        for done, picture in enumerate(covered, 1):
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


def _conditioned(
    job: Job, placed: Iterator[Placed], driving: Iterator[Driving]
) -> Iterator[Conditioned]:
    """Third thread: what f is shown of every frame that has a face."""
    for number, (picture, placement, appearance) in enumerate(placed):
        code, kernels = next(driving)
        shown = None
        if appearance is None:
            _note(job.spans, number, placement.reason or "")
        else:
            with job.clock("crop"):
                shown = _shown(job.engine, picture, placement, appearance, code)
        yield Conditioned(picture, placement, shown, kernels)


def _shown(
    engine: Engine,
    picture: Picture,
    placement: Placement,
    appearance: Appearance,
    code: NDArray[np.float32],
) -> NetworkInput:
    assert placement.crop is not None and placement.landmarks is not None
    config, size = engine.config, engine.config.crop_size
    points = placement.crop.to_view(placement.landmarks, size)
    warped = appearance.warped(points, size, code, engine.basis) if config.reference else None
    view = crop_view(picture, placement.crop, size)
    return network_input(view, points, config.face_size, warped)


def _covered(job: Job, conditioned: Iterator[Conditioned]) -> Iterator[Picture]:
    """Fourth thread: the mouth that f answers with, in every frame that has a face."""
    for picture, placement, shown, kernels in conditioned:
        if shown is not None:
            _cover(job, picture, placement, shown, kernels)
        yield picture


def _cover(
    job: Job,
    picture: Picture,
    placement: Placement,
    shown: NetworkInput,
    kernels: NDArray[np.float32],
) -> None:
    assert placement.crop is not None and placement.landmarks is not None
    with job.clock("generator"):
        face = to_network(shown.picture)
        attention, motion = job.engine.synthesise(face[None], kernels[None])
    before = None if job.watch is None else picture.copy()
    with job.clock("cover"):
        alpha = shown.blend_alpha(attention[0, 0])
        cover(picture, placement.crop, alpha, motion[0], placement.strength, shown.reference)
    if job.watch is not None and before is not None:
        edit = Edit(before, picture, placement.crop, placement.landmarks, attention[0, 0], alpha)
        job.watch(edit)


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
        job.loudest = max(job.loudest, float(np.abs(block).max(initial=0.0)))
        yield from features.push(block)
    yield from features.flush(job.frame_count)


def _note(spans: list[Span], frame: int, reason: str) -> None:
    """Lengthen the last span by a frame, or begin another."""
    if spans and spans[-1].last == frame - 1 and spans[-1].reason == reason:
        spans[-1] = Span(spans[-1].first, frame, reason)
    else:
        spans.append(Span(frame, frame, reason))
