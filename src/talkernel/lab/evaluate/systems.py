"""The systems that make the videos: our own model, or any command."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from talkernel.errors import AdapterError
from talkernel.files.atomic import atomic_write
from talkernel.files.wave import write_wave
from talkernel.lab.evaluate.cases import Case
from talkernel.lab.evaluate.edit_metrics import EditMetrics
from talkernel.media import open_face, open_speech

SPEECH_RATE = 16_000
FIELDS = ("{face}", "{audio}", "{out}")
LONGEST = 3600.0  # seconds for one video


class System(Protocol):
    """Makes talking-face videos."""

    @property
    def name(self) -> str:
        """Name in reports."""

    def make(self, case: Case, outfile: Path) -> dict[str, float]:
        """Write a case's video; returns the metrics that only the making can show."""

    def settings(self) -> dict[str, Any]:
        """Everything that decides the result; stored videos are valid while it is equal."""


@dataclass(frozen=True)
class OwnSystem:
    """Talkernel itself.

    Attributes:
        options: Passed on to `generate`.
        name: In reports.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = "Talkernel"

    def make(self, case: Case, outfile: Path) -> dict[str, float]:
        """See `System.make`: seam, mask and time."""
        from talkernel.mouth.renderer import MouthRenderer
        from talkernel.pipeline.generate import run_job
        from talkernel.pipeline.options import Options

        edits = EditMetrics()
        report = run_job(
            case.face,
            case.speech,
            outfile,
            Options.of(fps=case.fps, **self.options),
            overwrite=True,
            renderer_of=lambda engine: MouthRenderer(engine, edits),
        )
        return edits.metrics() | {"ms_per_frame": 1000.0 * report.elapsed / report.frames}

    def settings(self) -> dict[str, Any]:
        """See `System.settings`."""
        from talkernel import __version__
        from talkernel.model.weights import find_weights

        weights = find_weights(self.options.get("checkpoint")).read_bytes()
        options = {name: str(value) for name, value in self.options.items()}
        return {
            "system": self.name,
            "version": __version__,
            "options": options,
            "weights": hashlib.sha256(weights).hexdigest(),
        }


@dataclass(frozen=True)
class CommandSystem:
    """A system that is a command.

    Attributes:
        name: In reports.
        command: Its arguments; `{face}`, `{audio}` and `{out}` are replaced by file names.
        folder: Where it runs.
    """

    name: str
    command: tuple[str, ...]
    folder: Path

    def make(self, case: Case, outfile: Path) -> dict[str, float]:
        """See `System.make`: time only.

        Raises:
            AdapterError: The command fails or leaves no video.
        """
        audio = _speech_wave(case, outfile)
        started = time.perf_counter()
        try:
            with atomic_write(outfile) as made:
                self._run(case.face, audio, made)
                elapsed = time.perf_counter() - started
                frames = sum(1 for _ in open_face(made).frames())
        finally:
            audio.unlink()
        return {"ms_per_frame": 1000.0 * elapsed / frames}

    def settings(self) -> dict[str, Any]:
        """See `System.settings`."""
        return {"system": self.name, "command": list(self.command), "folder": str(self.folder)}

    def _run(self, face: Path, audio: Path, out: Path) -> None:
        names = {"{face}": face.absolute(), "{audio}": audio.absolute(), "{out}": out.absolute()}
        words = [_filled(word, names) for word in self.command]
        try:
            done = subprocess.run(
                words,
                cwd=self.folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LONGEST,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AdapterError(f"{self.name} cannot be run: {error}.") from error
        if done.returncode or not out.is_file():
            output = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["(none)"]
            raise AdapterError(
                f"{self.name} ended with {done.returncode} and no video; last output: {output[0]}"
            )


def _filled(word: str, names: Mapping[str, Path]) -> str:
    for field_name, path in names.items():
        word = word.replace(field_name, str(path))
    return word


def _speech_wave(case: Case, outfile: Path) -> Path:
    """The speech as 16 kHz mono WAV, which every system can read, beside the output."""
    wave = np.clip(open_speech(case.speech).wave() * 32768.0, -32768, 32767).astype("<i2")
    path = outfile.with_suffix(".part.wav")
    write_wave(path, SPEECH_RATE, wave.tobytes())
    return path
