"""The report of a finished job: a table for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from talkernel.summary import Summary


@dataclass(frozen=True)
class Span:
    """A run of output frames that passed through unedited.

    Attributes:
        first: Number of the first such frame, counted from 0.
        last: Number of the last such frame (inclusive).
        reason: Why, in plain words.
    """

    first: int
    last: int
    reason: str

    def __len__(self) -> int:
        """Number of frames."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}-{self.last}: {self.reason}"


@dataclass(frozen=True)
class EditedSpan:
    """A run of output frames in which one person was edited.

    Attributes:
        person: Number of the person, in order of appearance from 1.
        first: Number of the first such frame, counted from 0.
        last: Number of the last such frame (inclusive).
        reason: Why this person, in plain words.
    """

    person: int
    first: int
    last: int
    reason: str


@dataclass
class Report:
    """What `generate` made, from what, and how fast.

    Attributes:
        outfile: Path of the video made.
        frames: Number of its frames.
        fps: Its frame rate as a fraction, such as `30000/1001`.
        width: Its width in pixels.
        height: Its height in pixels.
        duration: Its length in seconds.
        faces: The most faces found in one frame of the face video.
        passed_through: Output frames left unedited, in order.
        edited: Who was edited when and why, in order.
        engine: Engine that ran the model.
        device: Device it ran on.
        precision: Number format of the model.
        sound: Whether the sound stream was copied or encoded again.
        elapsed: Duration of the job in seconds.
        stage_ms: Mean milliseconds per output frame of decode, track, speech, crop,
            generator, blend and encode. Most of them overlap.
        corrupt_packets: Packets of the inputs that could not be decoded.
        warnings: What the user should know, one line each.
    """

    outfile: str
    frames: int
    fps: str
    width: int
    height: int
    duration: float
    faces: int
    engine: str
    device: str
    precision: str
    sound: Literal["copied", "encoded"]
    elapsed: float
    passed_through: list[Span] = field(default_factory=list)
    edited: list[EditedSpan] = field(default_factory=list)
    stage_ms: dict[str, float] = field(default_factory=dict)
    corrupt_packets: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def fps_value(self) -> float:
        """`fps` as a number."""
        return float(Fraction(self.fps))

    @property
    def untouched(self) -> int:
        """Number of output frames that passed through."""
        return sum(map(len, self.passed_through))

    @property
    def people(self) -> int:
        """Number of people edited."""
        return len({span.person for span in self.edited})

    @property
    def frames_per_second(self) -> float:
        """Speed of the job: output frames per second."""
        return self.frames / self.elapsed if self.elapsed else 0.0

    def to_json(self) -> str:
        """All fields and the two derived numbers as ASCII JSON."""
        derived = {"fps_value": self.fps_value, "frames_per_second": self.frames_per_second}
        return json.dumps(dataclasses.asdict(self) | derived, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Parse the output of `to_json`."""
        names = {known.name for known in dataclasses.fields(cls)}
        values: dict[str, Any] = {k: v for k, v in json.loads(text).items() if k in names}
        values["passed_through"] = [Span(**span) for span in values["passed_through"]]
        values["edited"] = [EditedSpan(**span) for span in values.get("edited", ())]
        return cls(**values)

    def summary(self) -> Summary:
        """A table for the terminal."""
        return Summary(self.outfile, list(self._facts()))

    def _when(self, span: EditedSpan) -> str:
        start, end = span.first / self.fps_value, (span.last + 1) / self.fps_value
        return f"{start:.2f}-{end:.2f} s: person {span.person}, {span.reason}"

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "picture", f"{self.width} x {self.height}, {self.fps} frames/s"
        yield "length", f"{self.duration:.2f} s, {self.frames} frames"
        yield "sound", self.sound
        yield "faces found", str(self.faces)
        yield from (("edited", self._when(span)) for span in self.edited if self.people > 1)
        yield from (("passed through", str(span)) for span in self.passed_through)
        yield "engine", f"{self.engine} on {self.device}, {self.precision}"
        yield "speed", f"{self.frames_per_second:.1f} frames/s, {self.elapsed:.1f} s in all"
        yield "ms per frame", ", ".join(f"{k} {v:.1f}" for k, v in self.stage_ms.items())
        if self.corrupt_packets:
            yield "corrupt packets", str(self.corrupt_packets)
        yield from (("warning", warning) for warning in self.warnings)
