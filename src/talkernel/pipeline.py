"""The main job: media in -> speech features -> kernels -> face -> blend -> cover -> media out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkernel.audio import SpeechFeatures
from talkernel.cover import cover, cut
from talkernel.engine import Engine, EngineName, load_engine
from talkernel.engine.base import Precision
from talkernel.errors import FaceTooSmallError, MissingFileError, NoFaceError, OptionError
from talkernel.face.choose import Box, Chooser, FaceByIndex, FaceInBox, FaceLikeReference, LargestFace
from talkernel.face.stabilise import Observed, Placement, stabilise
from talkernel.face.track import FaceTracker
from talkernel.media import (
    FaceSource,
    LoopMode,
    Picture,
    SpeechSource,
    VideoWriter,
    extend,
    open_face,
    open_speech,
)
from talkernel.report import Report, Span
from talkernel.stages import StageClock, in_thread

AnyPath = str | os.PathLike[str]
Progress = Callable[[int, int], None]
KERNEL_BATCH = 16  # frames whose kernels are inferred together
QUEUE = 8  # frames between two stages


@dataclass
class Job:
    """What the stages of one job share.

    Attributes:
        engine: Runs the model.
        source: The face.
        speech: The sound.
        frame_count: Output frames.
        tracker: Follows the face.
        clock: Time spent per stage.
        spans: Output frames passed through so far.
    """

    engine: Engine
    source: FaceSource
    speech: SpeechSource
    frame_count: int
    tracker: FaceTracker
    clock: StageClock = field(default_factory=StageClock)
    spans: list[Span] = field(default_factory=list)

    @property
    def edited(self) -> int:
        """Frames not passed through, once the job has run."""
        return self.frame_count - sum(span.last - span.first + 1 for span in self.spans)


def generate(
    face: AnyPath,
    audio: AnyPath,
    outfile: AnyPath,
    *,
    loop: LoopMode = "pingpong",
    fps: Fraction | float | None = None,
    codec: str = "h264",
    crf: int = 18,
    preset: str = "veryfast",
    face_index: int | None = None,
    reference_face: AnyPath | None = None,
    box: Box | None = None,
    engine: EngineName = "auto",
    device: str | None = None,
    precision: Precision | str = "auto",
    checkpoint: AnyPath | None = None,
    audio_net: AnyPath | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Make the face of a video or photo speak a sound.

    Args:
        face: Video or photo.
        audio: Sound, or a video that has sound.
        outfile: Video to write: the face's size and rate, the sound's length.
        loop: What follows when the face's video is shorter than the sound.
        fps: Frames a second for a photo; 25 by default.
        codec: Encoder of the output.
        crf: Constant quality of the encoder, lower is better.
        preset: Speed of the encoder.
        face_index: Follow the N-th face from the left, counted from 0.
        reference_face: Follow the face that looks like this picture's.
        box: Follow the face within top, bottom, left, right, in pixels.
        engine: What computes the model.
        device: The engine's name of a device.
        precision: auto, float32 or bfloat16.
        checkpoint: Other weights than the package's.
        audio_net: Official Wav2Lip checkpoint whose audio encoder replaces the model's.
        overwrite: Whether an existing `outfile` may be replaced.
        progress: Called with frames done and in all.

    Raises:
        TalkernelError: Anything the user can mend; see `talkernel.errors`.
    """
    started = time.monotonic()
    source, speech = open_face(face, fps=fps), open_speech(audio)
    count = round(speech.duration * source.fps)
    chooser = _chooser(source, face_index, reference_face, box)
    writer = VideoWriter(outfile, source=source, speech=speech, frame_count=count, codec=codec,
                         crf=crf, preset=preset, overwrite=overwrite)  # fmt: skip
    computing = _engine(engine, device, precision, checkpoint, audio_net)
    job = Job(computing, source, speech, count, FaceTracker(chooser))
    with writer:
        run(job, loop, writer.write, progress)
        _check_any_face(job)
    return _report(job, os.fspath(outfile), time.monotonic() - started, writer)


def run(
    job: Job, loop: LoopMode, write: Callable[[Picture], None], progress: Progress | None = None
) -> None:
    """Run a job's stages on threads of their own, handing finished pictures to `write`."""
    placed = in_thread(_placed(job, loop), QUEUE)
    spoken = in_thread(_spoken(job, placed), QUEUE)
    for done, picture in enumerate(spoken, 1):
        with job.clock("encode"):
            write(picture)
        if progress is not None:
            progress(done, job.frame_count)


def _placed(job: Job, loop: LoopMode) -> Iterator[tuple[Picture, Placement]]:
    """First thread: decode, follow the face, steady the crop."""
    pictures = extend(job.source, job.frame_count, loop)
    return stabilise(_observed(job, job.clock.each("decode", pictures)))


def _observed(job: Job, pictures: Iterator[Picture]) -> Iterator[Observed]:
    seen = None
    for picture in pictures:
        if seen is None or not job.source.is_photo:  # a photo's face is found once
            with job.clock("track"):
                seen = job.tracker.update(picture)
        yield picture, seen


def _spoken(
    job: Job, placed: Iterator[tuple[Picture, Placement]]
) -> Iterator[Picture]:
    """Second thread: put the mouth into every frame that has a face."""
    kernels = _kernels(job)
    for number, (picture, placement) in enumerate(placed):
        own = next(kernels)
        if placement.crop is None:
            _note(job.spans, number, placement.reason or "")
        else:
            _edit(job, picture, placement, own)
        yield picture


def _edit(job: Job, picture: Picture, placement: Placement, kernels: NDArray[np.float32]) -> None:
    assert placement.crop is not None
    with job.clock("cover"):
        view = cut(picture, placement.crop, job.engine.config.crop_size)
    with job.clock("generator"):
        attention, motion = job.engine.synthesise(view[None], kernels[None])
    with job.clock("cover"):
        cover(picture, placement.crop, attention[0, 0], motion[0], placement.strength)


def _kernels(job: Job) -> Iterator[NDArray[np.float32]]:
    """Every output frame's kernels, inferred a few frames at a time."""
    windows = job.clock.each("speech", _windows(job))
    while batch := list(islice(windows, KERNEL_BATCH)):
        with job.clock("kernels"):
            kernels = job.engine.kernels(np.stack(batch))
        yield from kernels


def _windows(job: Job) -> Iterator[NDArray[np.float32]]:
    features = SpeechFeatures(job.source.fps, job.engine.config.mel_window)
    for block in job.speech.blocks():
        yield from features.push(block)
    yield from features.flush(job.frame_count)


def _note(spans: list[Span], frame: int, reason: str) -> None:
    """Lengthen the last span by a frame, or begin another."""
    if spans and spans[-1].last == frame - 1 and spans[-1].reason == reason:
        spans[-1] = Span(spans[-1].first, frame, reason)
    else:
        spans.append(Span(frame, frame, reason))


def _chooser(
    source: FaceSource, index: int | None, reference: AnyPath | None, box: Box | None
) -> Chooser:
    if sum(choice is not None for choice in (index, reference, box)) > 1:
        raise OptionError("--face-index, --reference-face and --box exclude each other.",
                          remedy="Give one of them.")  # fmt: skip
    if index is not None:
        return FaceByIndex(index)
    if reference is not None:
        return FaceLikeReference(next(iter(open_face(reference).frames())))
    return LargestFace() if box is None else FaceInBox(box, source.width, source.height)


def _engine(
    name: EngineName,
    device: str | None,
    precision: Precision | str,
    checkpoint: AnyPath | None,
    audio_net: AnyPath | None,
) -> Engine:
    if precision not in ("auto", "float32", "bfloat16"):
        raise OptionError(f"There is no precision {precision!r}.",
                          remedy="Use auto, float32 or bfloat16.")  # fmt: skip
    weights = None if checkpoint is None else Path(checkpoint)
    if audio_net is None:
        return load_engine(name, device=device, precision=precision, checkpoint=weights)  # type: ignore[arg-type]
    if not Path(audio_net).is_file():
        raise MissingFileError(f"{audio_net} does not exist.")
    from talkernel.engine.torch import TorchEngine

    engine = load_engine("torch", device=device, precision=precision, checkpoint=weights)  # type: ignore[arg-type]
    assert isinstance(engine, TorchEngine)
    engine.use_wav2lip_audio(Path(audio_net))
    return engine


def _check_any_face(job: Job) -> None:
    """A job without one edited frame has failed; leaving the writer's `with` removes its file."""
    if job.edited:
        return
    reasons = {span.reason for span in job.spans}
    if reasons == {"face too small"}:
        raise FaceTooSmallError(f"The face in {job.source.path} is under 32 pixels high.")
    raise NoFaceError(f"No usable face in {job.source.path}: {', '.join(sorted(reasons))}.")


def _report(job: Job, outfile: str, elapsed: float, writer: VideoWriter) -> Report:
    source, info = job.source, job.engine.info
    return Report(
        outfile=outfile,
        frames=job.frame_count,
        fps=str(source.fps),
        width=source.width,
        height=source.height,
        duration=float(job.frame_count / source.fps),
        faces=job.tracker.faces_seen,
        engine=info.name,
        device=info.device,
        precision=info.precision,
        sound="copied" if writer.sound_copied else "encoded",
        elapsed=elapsed,
        passed_through=job.spans,
        stage_ms=job.clock.mean_ms(job.frame_count),
        corrupt_packets=source.corrupt_packets,
    )
