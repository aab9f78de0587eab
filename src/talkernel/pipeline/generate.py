"""The main job from start to end: open, choose, run the stages, report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

from talkernel.engine import EngineName
from talkernel.engine.base import Precision
from talkernel.face.choose import Box
from talkernel.face.track import FaceTracker
from talkernel.media import LoopMode, VideoWriter, open_face, open_speech
from talkernel.pipeline.choices import AnyPath, choose_engine, choose_face
from talkernel.pipeline.job import Edit, Job, Progress, no_face, run
from talkernel.pipeline.report import Report
from talkernel.speech.features import Hearing

SILENT = 1e-3  # of full scale, -60 dB: a sound without a louder sample is none
PLAYABLE = 4096  # pixels: many players and most graphics cards show no wider or higher video


def generate(
    face: AnyPath,
    audio: AnyPath,
    outfile: AnyPath,
    *,
    loop: LoopMode = "pingpong",
    fps: Fraction | float | None = None,
    codec: str | None = None,
    crf: int = 18,
    preset: str = "veryfast",
    face_index: int | None = None,
    reference_face: AnyPath | None = None,
    box: Box | None = None,
    hearing: Hearing = "recorded",
    engine: EngineName = "auto",
    device: str | None = None,
    precision: Precision | str = "auto",
    checkpoint: AnyPath | None = None,
    audio_net: AnyPath | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    watch: Callable[[Edit], None] | None = None,
) -> Report:
    """Make the face of a video or photo speak a sound.

    Args:
        face: Video or photo.
        audio: Sound, or a video that has sound.
        outfile: Video to write: the face's size and rate, the sound's length.
        loop: What follows when the face's video is shorter than the sound.
        fps: Frames a second for a photo; 25 by default.
        codec: Encoder of the output; None: h264, in .webm vp9.
        crf: Constant quality of the encoder, lower is better.
        preset: Speed of the encoder.
        face_index: Follow the N-th face from the left, counted from 0.
        reference_face: Follow the face that looks like this picture's.
        box: Follow the face within top, bottom, left, right, in pixels.
        hearing: "live" hears 120 ms beyond a frame at most, as a live avatar must; "recorded"
            hears on, which is better and faster.
        engine: What computes the model.
        device: The engine's name of a device.
        precision: auto, float32 or bfloat16.
        checkpoint: Other weights than the package's.
        audio_net: Official Wav2Lip checkpoint whose audio encoder replaces the model's.
        overwrite: Whether an existing `outfile` may be replaced.
        progress: Called with frames done and in all.
        watch: Called with every edited frame, before and after.

    Raises:
        TalkernelError: Anything the user can mend; see `talkernel.errors`.
    """
    started = time.monotonic()
    source, speech = open_face(face, fps=fps), open_speech(audio)
    count = max(1, round(speech.duration * source.fps))
    writer = VideoWriter(
        outfile,
        source=source,
        speech=speech,
        frame_count=count,
        codec=codec,
        crf=crf,
        preset=preset,
        overwrite=overwrite,
    )
    tracker = FaceTracker(choose_face(source, face_index, reference_face, box))
    computing = choose_engine(engine, device, precision, checkpoint, audio_net)
    job = Job(computing, source, speech, count, tracker, hearing, watch=watch)
    with writer:
        run(job, loop, writer.write, progress)
        if not job.edited:  # leaving the writer by an error removes its file
            raise no_face(job, {span.reason for span in job.spans})
    return _report(job, os.fspath(outfile), time.monotonic() - started, writer)


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
        corrupt_packets=source.corrupt_packets + job.speech.corrupt_packets,
        warnings=list(_warnings(job)),
    )


def _warnings(job: Job) -> Iterator[str]:
    """What a user may wonder about who looks at the video."""
    source, faces = job.source, job.tracker.faces_seen
    if job.loudest < SILENT:
        yield f"{job.speech.path} is silent: the mouth stays shut."
    if faces > 1 and job.tracker.takes_largest:
        yield (
            f"Up to {faces} faces are in a frame, and the largest speaks. "
            "--face-index, --reference-face or --box choose another."
        )
    if max(source.width, source.height) > PLAYABLE:
        yield (
            f"Many players show no video of {source.width}x{source.height} pixels. "
            f"Reduce the face's picture to {PLAYABLE} at most."
        )
