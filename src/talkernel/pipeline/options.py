"""Every option of the main job, once: the Python call, the command line and batches read it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from talkernel.choices import AnyPath, Box, EngineName, Lookahead, LoopMode, Precision
from talkernel.errors import FaceChoiceError, OptionError

RENAMED = {"hearing": "lookahead"}  # earlier names, which stay for one release


def read_box(text: str) -> Box:
    """`T,B,L,R` as numbers: rows from T up to B, columns from L up to R.

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
    """Frames a second from `25`, `29.97` or `30000/1001`.

    Raises:
        OptionError: It is no number above zero.
    """
    try:
        fps = Fraction(text)
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    if fps <= 0:
        remedy = "Give a number above zero, such as --fps 25 or --fps 30000/1001."
        raise OptionError(f"--fps {text} is no frame rate.", remedy=remedy)
    return fps


def read_lookahead(text: str) -> str:
    """A look-ahead; `recorded` is the earlier name of `full`."""
    return "full" if text == "recorded" else text


def about(
    text: str,
    *,
    read: Callable[[str], Any] | None = None,
    low: int | None = None,
    high: int | None = None,
    metavar: str | None = None,
) -> dict[str, Any]:
    """What the command line and batches need to know of an option.

    Args:
        text: Its help.
        read: Makes a value of a text, where its type alone does not say how.
        low: Least number.
        high: Greatest number.
        metavar: What the help calls its value.
    """
    return {"help": text, "read": read, "low": low, "high": high, "metavar": metavar}


@dataclass(frozen=True)
class Options:
    """How a video is made.

    Attributes:
        loop: What follows when the face's video is shorter than the sound.
        fps: Frames a second for a photo; 25 by default. A video keeps its own.
        crf: Constant quality of the encoder, lower is better.
        preset: Speed of the encoder, by x264's names.
        codec: Encoder of the output; None: h264, in .webm vp9.
        face_index: Edit the N-th face from the left, counted from 0.
        reference_face: Edit the face that looks like this picture's.
        box: Edit the face within top, bottom, left, right, in pixels.
        lookahead: "live" uses 120 ms of speech beyond a frame at most, as a live avatar must;
            "full" more, which is better and faster.
        engine: What computes the model.
        device: The engine's name of a device.
        precision: auto, float32 or bfloat16.
        checkpoint: Other weights than the package's.

    Raises:
        OptionError: A value is out of its range.
    """

    loop: LoopMode = field(
        default="pingpong", metadata=about("What follows the video's end while the speech goes on.")
    )
    fps: Fraction | float | None = field(
        default=None,
        metadata=about("Frames a second for a photo, as 25 or 30000/1001.", read=read_fps),
    )
    crf: int = field(default=18, metadata=about("Quality: lower is better.", low=0, high=63))
    preset: str = field(default="veryfast", metadata=about("The encoder's speed preset."))
    codec: str | None = field(
        default=None, metadata=about("The output's video codec; h264, in .webm vp9.")
    )
    face_index: int | None = field(
        default=None, metadata=about("Which face speaks: 0 is the leftmost.", low=0)
    )
    reference_face: AnyPath | None = field(
        default=None, metadata=about("Picture of the person who is to speak.")
    )
    box: Box | None = field(
        default=None,
        metadata=about("Where the face is, in pixels.", read=read_box, metavar="T,B,L,R"),
    )
    lookahead: Lookahead = field(
        default="full",
        metadata=about(
            "live: 120 ms of speech ahead at most, as for a live avatar.", read=read_lookahead
        ),
    )
    engine: EngineName = field(default="auto", metadata=about("What runs the network."))
    device: str | None = field(
        default=None, metadata=about("The engine's device, as `talkernel doctor` lists them.")
    )
    precision: Precision | Literal["auto"] = field(default="auto", metadata=about("Number format."))
    checkpoint: AnyPath | None = field(default=None, metadata=about("Weights other than our own."))

    def __post_init__(self) -> None:
        for name, kind in CHOICES.items():
            value = getattr(self, name)
            if value not in kind:
                raise OptionError(
                    f"There is no {name} {value!r}.", remedy=f"Use {', '.join(kind)}."
                )
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise OptionError(f"{self.fps} is no frame rate.", remedy="Give a number above zero.")

    @classmethod
    def of(cls, **values: Any) -> Options:
        """Options by name, earlier names included.

        Raises:
            OptionError: There is no such option, or a value is out of its range.
        """
        named = {RENAMED.get(name, name): value for name, value in values.items()}
        if unknown := set(named) - set(FIELDS):
            known = ", ".join(FIELDS)
            raise OptionError(f"There is no option {min(unknown)!r}.", remedy=f"Known: {known}.")
        if isinstance(named.get("lookahead"), str):
            named["lookahead"] = read_lookahead(named["lookahead"])
        return cls(**named)

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> Options:
        """Options from their texts, as in a table; empty ones have their defaults.

        Raises:
            OptionError, FaceChoiceError: A text is no value of its option.
        """
        named = {RENAMED.get(name, name): text.strip() for name, text in texts.items()}
        return cls.of(**{name: read_value(name, text) for name, text in named.items() if text})


HINTS: dict[str, Any] = get_type_hints(Options)
FIELDS = {own.name: own for own in dataclasses.fields(Options)}
PATHS = tuple(name for name, hint in HINTS.items() if "PathLike" in str(hint))


def _choices(hint: Any) -> tuple[str, ...]:
    """The words of a type made of literals."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    parts = [_choices(part) for part in get_args(hint)]
    return sum(parts, ()) if all(parts) else ()


CHOICES = {name: words for name, hint in HINTS.items() if (words := _choices(hint))}


def read_value(name: str, text: str) -> Any:
    """One option's value from its text.

    Raises:
        OptionError, FaceChoiceError: The text is none.
    """
    read, hint = FIELDS[name].metadata["read"], HINTS[name]
    if read is not None:
        return read(text)
    if hint is int or int in get_args(hint):
        return _whole_number(name, text)
    return text if name not in PATHS else Path(text)


def _whole_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise OptionError(f"{name} is {text!r}, which is no whole number.", remedy="") from None
