"""Generates a talking-face video from a face and a speech: the main job and its report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from talkernel.choices import AnyPath
from talkernel.engine import Engine
from talkernel.face.track import FaceTracker
from talkernel.media import FaceSource, SpeechSource, VideoWriter, open_face, open_speech
from talkernel.media.speech import SILENT
from talkernel.mouth.analysis import LEARN_AHEAD
from talkernel.mouth.lip_driver import LipDriver
from talkernel.mouth.renderer import MouthRenderer
from talkernel.pipeline.avatar import Avatar
from talkernel.pipeline.choose import choose_engine, choose_tracker
from talkernel.pipeline.job import Job
from talkernel.pipeline.options import Options
from talkernel.pipeline.report import Report
from talkernel.pipeline.speaking import find_speakers
from talkernel.pipeline.threads import StageClock
from talkernel.speech.features import frames_of

Progress = Callable[[int, int], None]
PLAYABLE = 4096  # pixels: many players and most graphics cards show no larger video


def generate(
    face: AnyPath,
    audio: AnyPath,
    outfile: AnyPath,
    options: Options | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    **changes: Any,
) -> Report:
    """Make the face of a video or photo speak a sound.

    Args:
        face: Video or photo.
        audio: Sound file, or a video with sound.
        outfile: Video to write, with the face's size and frame rate and the sound's length.
        options: All options. Alternatively give fields of `Options` by name, as `loop="forward"`.
        overwrite: Whether an existing `outfile` may be replaced.
        progress: Called after every frame with the frames done and their total.
        changes: Fields of `Options` that differ from `options`.

    Returns:
        What was made, how fast, and what the user should know.

    Raises:
        TalkernelError: Any problem that the user can fix; see `talkernel.errors`.
    """
    chosen = Options.of(**vars(options or Options()) | changes)
    return run_job(face, audio, outfile, chosen, overwrite=overwrite, progress=progress)


def run_job(
    face: AnyPath,
    audio: AnyPath,
    outfile: AnyPath,
    options: Options,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    renderer_of: Callable[[Engine], MouthRenderer] = MouthRenderer,
) -> Report:
    """As `generate`, but the caller makes the renderer, for example to watch its edits."""
    started = time.monotonic()
    source, speech = open_face(face, fps=options.fps), open_speech(audio)
    count = frames_of(speech.sample_count, source.fps)
    writer = _open_writer(outfile, source, speech, count, options, overwrite)
    tracker = choose_tracker(source, options)
    renderer = renderer_of(choose_engine(options))
    job = open_job(source, speech, tracker, renderer, count, options)
    _write(job, writer, progress)
    return _report(job, os.fspath(outfile), time.monotonic() - started, writer, options)


def _open_writer(
    outfile: AnyPath,
    source: FaceSource,
    speech: SpeechSource,
    count: int,
    options: Options,
    overwrite: bool,
) -> VideoWriter:
    return VideoWriter(
        outfile,
        source=source,
        speech=speech,
        frame_count=count,
        codec=options.codec,
        crf=options.crf,
        preset=options.preset,
        overwrite=overwrite,
    )


def _write(job: Job, writer: VideoWriter, progress: Progress | None) -> None:
    """Run the job and encode its pictures."""
    with writer, closing(job.pictures()) as pictures:
        for done, picture in enumerate(pictures, 1):
            with job.clock("encode"):
                writer.write(picture)
            if progress is not None:
                progress(done, job.frame_count)


def open_job(
    source: FaceSource,
    speech: SpeechSource,
    tracker: FaceTracker,
    renderer: MouthRenderer,
    count: int,
    options: Options,
) -> Job:
    """Assemble the avatar, lip driver and renderer of one job, with a common clock."""
    engine, clock = renderer.engine, StageClock()
    learn_ahead = 0 if options.lookahead == "live" else LEARN_AHEAD
    speakers = find_speakers(source, engine, count) if options.people == "speaking" else None
    avatar = Avatar(source, tracker, engine.config, engine.basis, learn_ahead, speakers, clock)
    driver = LipDriver(engine, source.fps, options.lookahead)
    return Job(avatar, speech, driver, renderer, count, options.loop, clock)


def _report(
    job: Job, outfile: str, elapsed: float, writer: VideoWriter, options: Options
) -> Report:
    source, info = job.avatar.source, job.renderer.engine.info
    return Report(
        outfile=outfile,
        frames=job.frame_count,
        fps=str(source.fps),
        width=source.width,
        height=source.height,
        duration=float(job.frame_count / source.fps),
        faces=job.avatar.tracker.faces_seen,
        engine=info.name,
        device=info.device,
        precision=info.precision,
        sound="copied" if writer.sound_copied else "encoded",
        elapsed=elapsed,
        passed_through=job.spans,
        edited=job.edited,
        stage_ms=job.clock.mean_ms(job.frame_count),
        corrupt_packets=source.corrupt_packets + job.speech.corrupt_packets,
        warnings=[*_warnings(job, options), *writer.warnings],
    )


def _warnings(job: Job, options: Options) -> Iterator[str]:
    """Explanations for a video that may surprise the user."""
    source, tracker = job.avatar.source, job.avatar.tracker
    if options.fps is not None and not source.is_photo:
        yield f"--fps is for photos: the video keeps its {float(source.fps):.2f} frames/s."
    if job.loudest < SILENT:
        yield f"{job.speech.path} is silent: the mouth stays closed."
    if tracker.faces_seen > 1 and tracker.picks_largest:
        yield (
            f"Up to {tracker.faces_seen} faces are in a frame, and the largest speaks. "
            "--face-index, --reference-face or --box choose another; --people edits more than one."
        )
    people = len({span.person for span in job.edited})
    if people > 1 and tracker.picks_largest:
        yield (
            f"{people} people are edited, each in their own shots. "
            "--face-index, --reference-face or --box choose one of them."
        )
    if max(source.width, source.height) > PLAYABLE:
        yield (
            f"Many players show no video of {source.width}x{source.height} pixels. "
            f"Reduce the face's picture to {PLAYABLE} at most."
        )
