"""The options of the main job: defined once for Python, the command line and batches."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from talkernel.choices import (
    AnyPath,
    Box,
    EngineName,
    Lookahead,
    LoopMode,
    Precision,
    Who,
    current_lookahead,
)
from talkernel.errors import FaceChoiceError, OptionError
from talkernel.pipeline.option_values import check_value, choices_of

RENAMED = {"hearing": "lookahead"}  # earlier names, accepted for one more release


def read_box(text: str) -> Box:
    """Parse `T,B,L,R`: rows from T up to B, columns from L up to R, ends excluded.

    Raises:
        OptionError: It is not four whole numbers.
        FaceChoiceError: The box is empty or reaches outside the picture.
    """
    try:
        top, bottom, left, right = (int(part) for part in text.split(","))
    except ValueError:
        remedy = "Give top,bottom,left,right in pixels, such as --box 40,300,200,420."
        raise OptionError(f"--box {text} is not four whole numbers.", remedy=remedy) from None
    if min(top, left) < 0 or bottom <= top or right <= left:
        remedy = "The order is top,bottom,left,right, counted from the picture's upper left."
        raise FaceChoiceError(f"--box {text} holds no part of the picture.", remedy=remedy)
    return top, bottom, left, right


def read_fps(text: str) -> Fraction:
    """Parse a frame rate such as `25`, `29.97` or `30000/1001`.

    Raises:
        OptionError: It is not a number above zero.
    """
    try:  # as a float first: of 1e99999999 a fraction would take for ever
        fps = Fraction(text) if "/" in text or math.isfinite(float(text)) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    if fps <= 0:
        remedy = "Give a number above zero, such as --fps 25 or --fps 30000/1001."
        raise OptionError(f"--fps {text} is not a frame rate.", remedy=remedy)
    return fps


def option(
    default: Any,
    text: str,
    *,
    read: Callable[[str], Any] | None = None,
    low: int | None = None,
    high: int | None = None,
    metavar: str | None = None,
) -> Any:
    """A field of `Options`, with what the command line and batches need to know about it.

    Args:
        default: Its value if it is not given.
        text: Its help.
        read: Parses its value, if the type alone does not say how.
        low: Smallest number allowed.
        high: Largest number allowed.
        metavar: Name of its value in the help.
    """
    info = {"help": text, "read": read, "low": low, "high": high, "metavar": metavar}
    return field(default=default, metadata=info)


@dataclass(frozen=True)
class Options:
    """How a video is made.

    Attributes:
        loop: How to continue when the face's video is shorter than the sound.
        fps: Frames a second for a photo; None: 25. A video keeps its own.
        crf: Constant rate factor of the encoder; lower is better.
        preset: Speed preset of the encoder, with x264's names.
        codec: Video codec of the output; None: h264, or vp9 in .webm.
        face_index: Edit the N-th face from the left, counted from 0.
        reference_face: Edit the face most similar to the one in this picture.
        box: Edit the face within top, bottom, left, right, in pixels.
        people: "one" edits one person. "all" edits every face. "speaking" edits, at each time,
            the person whose mouth moves with the video's own sound, as dubbing needs.
        lookahead: "full" uses up to 11 s of speech beyond a frame, which is better and faster;
            "live" about 150 ms, as a live avatar must.
        engine: Runs the model.
        device: The engine's name for a device.
        precision: auto, float32 or bfloat16.
        checkpoint: Weights to use instead of the package's.

    Raises:
        OptionError: A value is out of its range.
    """

    loop: LoopMode = option("pingpong", "How to continue a video that is shorter than the speech.")
    fps: Fraction | float | None = option(
        None, "Frames a second for a photo, as 25 or 30000/1001.", read=read_fps
    )
    crf: int = option(18, "Quality: lower is better.", low=0, high=63)
    preset: str = option("veryfast", "The encoder's speed preset.")
    codec: str | None = option(None, "The output's video codec; h264, in .webm vp9.")
    face_index: int | None = option(None, "Which face speaks: 0 is the leftmost.", low=0)
    reference_face: AnyPath | None = option(None, "Picture of the person who speaks.")
    box: Box | None = option(
        None, "Where the face is, in pixels.", read=read_box, metavar="T,B,L,R"
    )
    people: Who = option(
        "one", "Who speaks: one person, all in the picture, or whoever spoke in the video."
    )
    lookahead: Lookahead = option(
        "full",
        "live: use about 150 ms of speech ahead, as a live avatar must.",
        read=current_lookahead,
    )
    engine: EngineName = option("auto", "What runs the network.")
    device: str | None = option(None, "The engine's device, as `talkernel doctor` lists them.")
    precision: Precision | Literal["auto"] = option("auto", "Number format.")
    checkpoint: AnyPath | None = option(None, "Weights to use instead of the package's.")

    def __post_init__(self) -> None:
        for name in FIELDS:
            check_value(name, getattr(self, name), HINTS[name], FIELDS[name].metadata)

    @classmethod
    def of(cls, **values: Any) -> Options:
        """Options from values by name; earlier names are accepted too.

        Raises:
            OptionError: There is no such option, or a value is out of its range.
        """
        named = {RENAMED.get(name, name): value for name, value in values.items()}
        if unknown := set(named) - set(FIELDS):
            known = ", ".join(FIELDS)
            raise OptionError(f"There is no option {min(unknown)!r}.", remedy=f"Known: {known}.")
        if isinstance(named.get("lookahead"), str):
            named["lookahead"] = current_lookahead(named["lookahead"])
        return cls(**named)

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> Options:
        """Options from texts, such as a row of a CSV file; empty texts give the defaults.

        Raises:
            OptionError, FaceChoiceError: A text is not a valid value of its option.
        """
        named = {RENAMED.get(name, name): text.strip() for name, text in texts.items()}
        return cls.of(**{name: read_value(name, text) for name, text in named.items() if text})


HINTS: dict[str, Any] = get_type_hints(Options)
FIELDS = {each.name: each for each in dataclasses.fields(Options)}
PATHS = tuple(name for name, hint in HINTS.items() if "PathLike" in str(hint))


NUMBERS = tuple(name for name, hint in HINTS.items() if hint is int or int in get_args(hint))


CHOICES = {name: words for name, hint in HINTS.items() if (words := choices_of(hint))}


def read_value(name: str, text: str) -> Any:
    """Parse the value of one option.

    Raises:
        OptionError, FaceChoiceError: The text is not a valid value.
    """
    read = FIELDS[name].metadata["read"]
    if read is not None:
        return read(text)
    if name in NUMBERS:
        return _whole_number(name, text)
    return text if name not in PATHS else Path(text)


def _whole_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise OptionError(
            f"{name} is {text!r}, which is not a whole number.",
            remedy="Give digits only, such as 18.",
        ) from None
