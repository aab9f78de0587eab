"""Cases: which face is driven by which speech, and which real video that is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from PIL import Image

from talkernel.errors import DataError
from talkernel.files.atomic import atomic_write
from talkernel.files.wave import write_wave
from talkernel.lab.evaluate.clips import Clip, file_of, find_clips, person_of, read_csv
from talkernel.media import open_face, open_speech
from talkernel.speech.mel import SAMPLE_RATE

Protocol = Literal["photo", "self", "cross", "silence", "pairs"]


@dataclass(frozen=True)
class Case:
    """One video to make, or already made, and what it is compared with.

    Attributes:
        name: Unique within an evaluation.
        person: Whose face it is.
        face: Video or photo that the system gets as input.
        speech: Sound that it gets as input.
        real: The real video that the speech belongs to; for silence the face's own.
        fps: Frames a second of the face, also where it is a photo.
        generated: The video, where it exists already.
    """

    name: str
    person: str
    face: Path
    speech: Path
    real: Path
    fps: Fraction
    generated: Path | None = None


def plan(protocol: Protocol, clips: Sequence[Clip], inputs: Path) -> list[Case]:
    """One case per clip.

    Args:
        protocol: photo: first frame and own speech (Section VI-E); self: own video and own
            speech; cross: own video and another person's speech; silence: own video, no sound.
        clips: The real videos.
        inputs: Folder for first frames and silent sounds; existing files are kept.

    Raises:
        DataError: Crossed speech asked for with one person only.
    """
    inputs.mkdir(parents=True, exist_ok=True)
    if protocol == "photo":
        return [_case(clip, first_frame(clip, inputs), clip.path, clip.path) for clip in clips]
    if protocol == "silence":
        return [_case(clip, clip.path, _silence(clip, inputs), clip.path) for clip in clips]
    if protocol == "cross":
        return [_case(a, a.path, b.path, b.path) for a, b in partners(clips)]
    return [_case(clip, clip.path, clip.path, clip.path) for clip in clips]


def _case(clip: Clip, face: Path, speech: Path, real: Path) -> Case:
    return Case(clip.name, clip.person, face, speech, real, open_face(clip.path).fps)


def partners(clips: Sequence[Clip]) -> list[tuple[Clip, Clip]]:
    """Each clip with one of another person.

    Raises:
        DataError: All clips are of one person.
    """
    if len({clip.person for clip in clips}) < 2:
        raise DataError(
            "Crossed speech needs clips of at least two people.",
            remedy="Add clips, or name the person at the end of each file's name after `_`.",
        )
    pairs, step = [], max(1, len(clips) // 3)
    for number, clip in enumerate(clips):
        others = [clips[(number + step + i) % len(clips)] for i in range(len(clips))]
        pairs.append((clip, next(c for c in others if c.person != clip.person)))
    return pairs


def first_frame(clip: Clip, folder: Path) -> Path:
    """A clip's first frame as a PNG in `folder`; an existing file is kept."""
    path = folder / f"{clip.name}.png"
    if not path.exists():
        picture = next(iter(open_face(clip.path).frames()))
        with atomic_write(path) as partial:
            Image.fromarray(picture.to_rgb()).save(partial)
    return path


def _silence(clip: Clip, folder: Path) -> Path:
    path = folder / f"{clip.name}.wav"
    if not path.exists():
        write_silence(path, open_speech(clip.path).duration)
    return path


def write_silence(path: Path, seconds: float) -> None:
    """A WAV file of digital silence."""
    write_wave(path, SAMPLE_RATE, bytes(2 * round(seconds * SAMPLE_RATE)))


def pair_up(generated: Path, real: Path | None, inputs: Path) -> list[Case]:
    """Cases of videos that exist already.

    Args:
        generated: Folder of generated videos; or a CSV with columns `generated` and `real`, and
            optionally `face` (the system's input) and `person`.
        real: Folder of the real videos of the same names, whatever their extensions.
        inputs: Folder for first frames, which are the face where the CSV names none.

    Raises:
        DataError: No generated video has the name of a real one, or the CSV is malformed.
    """
    inputs.mkdir(parents=True, exist_ok=True)
    if generated.is_file():
        return [
            _listed(generated, row, inputs) for row in read_csv(generated, ("generated", "real"))
        ]
    if real is None:
        raise DataError(f"{generated} needs the real videos beside it.", remedy="Give --real.")
    made = {clip.name: clip for clip in find_clips(generated)}
    both = [(made[clip.name], clip) for clip in find_clips(real) if clip.name in made]
    if not both:
        raise DataError(
            f"No video in {generated} has the name of one in {real}.",
            remedy="Name each generated video as its real one, or give a CSV of pairs.",
        )
    return [_pair(a.path, clip, first_frame(clip, inputs)) for a, clip in both]


def _listed(table: Path, row: dict[str, str], inputs: Path) -> Case:
    made, real = file_of(table, row["generated"]), file_of(table, row["real"])
    clip = Clip(real, made.stem, row.get("person") or person_of(real.stem))
    face = row.get("face")
    return _pair(made, clip, file_of(table, face) if face else first_frame(clip, inputs))


def _pair(made: Path, clip: Clip, face: Path) -> Case:
    fps = open_face(clip.path).fps
    return Case(clip.name, clip.person, face, clip.path, clip.path, fps, made)
