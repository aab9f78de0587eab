"""Measures the speed of a job, of its stages and of the model: `talkernel benchmark`."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

from talkernel.choices import AnyPath
from talkernel.diagnose.frame_cost import FrameCost, frame_cost, write_beginning
from talkernel.engine import Engine, load_engine
from talkernel.media.transcode import transcode
from talkernel.mouth.lip_driver import FILE_BATCH
from talkernel.pipeline.generate import generate
from talkernel.pipeline.report import Report
from talkernel.speech.mel import N_MELS
from talkernel.speech.tokens import BLOCK, columns_encoded
from talkernel.summary import Summary

# Table IV of the paper: frames a second on a TITAN RTX, shown for comparison.
PAPER_MODEL_FPS, PAPER_FPS = 212.0, 60.0
REPEATS = 12


@dataclass(frozen=True)
class Benchmark:
    """Speeds measured in one run on one machine.

    Attributes:
        picture: Size of the face's video, in pixels.
        frames: Output frames.
        stage_ms: Milliseconds per frame of each stage of `generate`; stages overlap.
        encoder_ms: Median of the speech encoder alone, per frame, in blocks as in `generate`.
        kernels_ms: Median of the kernels alone, per frame, in batches as in `generate`.
        generator_ms: Median of the generator alone, one frame at a time.
        model_fps: Frames a second of encoder, kernels and generator without the rest.
        own_cpu_ms: CPU milliseconds per frame of `generate` beyond those of a plain transcode.
        codec_cpu_ms: CPU milliseconds per frame of that transcode: decoding and encoding.
        end_to_end_fps: Frames a second of `generate`.
        transcode_fps: Frames a second of the transcode.
        ratio: end_to_end_fps divided by transcode_fps. These last five leave start-up out.
        first_frame_s: Seconds from the job's start to its first frame, models not yet loaded.
        peak_rss_mb: Highest memory use of this process until the end of its first job.
        engine: Engine, device and precision.
    """

    picture: str
    frames: int
    stage_ms: dict[str, float]
    encoder_ms: float
    kernels_ms: float
    generator_ms: float
    model_fps: float
    own_cpu_ms: float
    codec_cpu_ms: float
    end_to_end_fps: float
    transcode_fps: float
    ratio: float
    first_frame_s: float
    peak_rss_mb: float
    engine: str

    def to_json(self) -> str:
        """All fields and the paper's figures as JSON."""
        paper = {"model_fps": PAPER_MODEL_FPS, "end_to_end_fps": PAPER_FPS}
        return json.dumps(asdict(self) | {"paper_titan_rtx": paper}, indent=2)

    def summary(self) -> Summary:
        """A table for the terminal."""
        rows = [
            (f"{stage}, ms a frame", f"{milliseconds:.2f}", "")
            for stage, milliseconds in self.stage_ms.items()
        ]
        rows += [
            ("model alone, frames/s", f"{self.model_fps:.0f}", f"{PAPER_MODEL_FPS:.0f}"),
            ("CPU ms a frame, our own", f"{self.own_cpu_ms:.1f}", ""),
            ("CPU ms a frame, codecs", f"{self.codec_cpu_ms:.1f}", ""),
            (f"end to end at {self.picture}", f"{self.end_to_end_fps:.1f}", f"{PAPER_FPS:.0f}"),
            ("plain transcode", f"{self.transcode_fps:.1f}", ""),
            ("ratio to the transcode's speed", f"{self.ratio:.2f}", ""),
            ("first frame after, s", f"{self.first_frame_s:.2f}", ""),
            ("peak memory, MB", f"{self.peak_rss_mb:.0f}", ""),
            ("engine", self.engine, ""),
        ]
        return Summary("Benchmark", rows, ("figure", "here", "paper (TITAN RTX)"))


def benchmark(face: AnyPath | None = None, audio: AnyPath | None = None) -> Benchmark:
    """Measure `generate` and its parts in one run.

    Args:
        face: Video; None: the sample's. Where it is shorter than the speech it is repeated, and
            the repeated frames are not tracked again.
        audio: Speech; if None, the sample's, or a synthetic sound where espeak-ng is missing.

    Raises:
        InputError: The speech is shorter than 2 s.
    """
    with tempfile.TemporaryDirectory() as folder:
        if face is None or audio is None:
            from talkernel.sample.portrait import make_sample

            sample_face, sample_audio = make_sample(Path(folder), need_voice=False)
            face, audio = face or sample_face, audio or sample_audio
        short = write_beginning(audio, Path(folder) / "short.wav")
        report, first_frame_s = _job(face, audio, Path(folder) / "spoken.mp4")
        peak = _peak_rss_mb()
        whole, codec = _frame_costs(face, audio, short, Path(folder) / "out.mp4")
        engine = load_engine()
        encoder_ms, (kernels_ms, generator_ms) = _encoder_ms(engine), _model_ms(engine)
    return Benchmark(
        picture=f"{report.width}x{report.height}",
        frames=report.frames,
        stage_ms=report.stage_ms,
        encoder_ms=encoder_ms,
        kernels_ms=kernels_ms,
        generator_ms=generator_ms,
        model_fps=1000.0 / (encoder_ms + kernels_ms + generator_ms),
        own_cpu_ms=1000.0 * max(0.0, whole.cpu_seconds - codec.cpu_seconds),
        codec_cpu_ms=1000.0 * codec.cpu_seconds,
        end_to_end_fps=1.0 / whole.seconds,
        transcode_fps=1.0 / codec.seconds,
        ratio=codec.seconds / whole.seconds,
        first_frame_s=first_frame_s,
        peak_rss_mb=peak,
        engine=f"{report.engine} {report.device} {report.precision}",
    )


def _job(face: AnyPath, audio: AnyPath, outfile: Path) -> tuple[Report, float]:
    """Run `generate`; returns its report and the seconds to its first frame."""
    started, done = time.perf_counter(), []
    report = generate(face, audio, outfile, progress=lambda *_: done.append(time.perf_counter()))
    return report, done[0] - started


def _frame_costs(
    face: AnyPath, audio: AnyPath, short: Path, outfile: Path
) -> tuple[FrameCost, FrameCost]:
    """What a frame costs in `generate`, and in a plain transcode."""
    spoken = frame_cost(
        lambda sound: generate(face, sound, outfile, overwrite=True).frames, audio, short
    )
    plain = frame_cost(lambda sound: transcode(face, sound, outfile, overwrite=True), audio, short)
    return spoken, plain


def _encoder_ms(engine: Engine) -> float:
    """Median milliseconds per frame of the speech encoder; 0 if the model has none."""
    if not engine.config.encoder_layers:
        return 0.0
    rng, frames = np.random.default_rng(0), BLOCK.size // 2
    mel = rng.standard_normal((1, N_MELS, columns_encoded(frames))).astype(np.float32)
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        engine.encode(mel)
        seconds.append(time.perf_counter() - started)
    return 1000.0 * median(seconds) / frames


def _model_ms(engine: Engine) -> tuple[float, float]:
    """Median milliseconds per frame of the kernels and of the generator."""
    rng = np.random.default_rng(0)
    shape = (FILE_BATCH, 1, *engine.config.speech_shape)
    speech_windows = rng.standard_normal(shape).astype(np.float32)
    face = rng.uniform(-1, 1, (1, *engine.config.face_shape)).astype(np.float32)
    speech, generator = [], []
    for _ in range(REPEATS):
        started = time.perf_counter()
        kernels = engine.kernels(engine.predict_lip_code(speech_windows))
        speech.append((time.perf_counter() - started) / FILE_BATCH)
        for kernel in kernels:
            started = time.perf_counter()
            engine.synthesise(face, kernel[None])
            generator.append(time.perf_counter() - started)
    return 1000.0 * median(speech), 1000.0 * median(generator)


def _peak_rss_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
