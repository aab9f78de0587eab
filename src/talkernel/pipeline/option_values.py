"""Checks the value of one option by its type hint."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from talkernel.errors import OptionError

WORDS = {int: "a whole number", str: "text", os.PathLike: "a path", tuple: "four whole numbers"}


def choices_of(hint: Any) -> tuple[str, ...]:
    """The words of a `Literal` type or of a union of them; empty for other types."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    parts = [choices_of(part) for part in get_args(hint)]
    return sum(parts, ()) if all(parts) else ()


def check_value(name: str, value: Any, hint: Any, limits: Mapping[str, Any]) -> None:
    """Check the value of one option.

    Args:
        name: Of the option.
        value: Its value.
        hint: Its type.
        limits: Its smallest and largest number, as "low" and "high"; None: any.

    Raises:
        OptionError: It is of another type or out of its range.
    """
    if choices := choices_of(hint):
        if value not in choices:
            raise OptionError(f"There is no {name} {value!r}.", remedy=f"Use {', '.join(choices)}.")
        return
    kinds = [get_origin(kind) or kind for kind in get_args(hint) or (hint,)]
    if value is None and type(None) in kinds:
        return
    if float in kinds:
        _check_rate(value, tuple(kinds))
    elif not _is_one_of(value, kinds):
        wanted = next(text for kind, text in reversed(WORDS.items()) if kind in kinds)
        raise OptionError(f"{name} is {value!r}.", remedy=f"Give {wanted}.")
    elif isinstance(value, int):
        _check_range(name, value, limits["low"], limits["high"])


def _is_one_of(value: Any, kinds: list[Any]) -> bool:
    if isinstance(value, bool):
        return False
    if tuple in kinds and isinstance(value, list | tuple):
        return len(value) == 4 and all(type(side) is int for side in value)
    return isinstance(value, tuple(kinds))


def _check_rate(value: Any, kinds: tuple[type, ...]) -> None:
    known = isinstance(value, (int, *kinds)) and not isinstance(value, bool)
    if not known or not 0.0 < float(value) < math.inf:
        raise OptionError(f"{value} is not a frame rate.", remedy="Give a number above zero.")


def _check_range(name: str, value: int, low: int | None, high: int | None) -> None:
    least, most = (-math.inf if low is None else low), (math.inf if high is None else high)
    if not least <= value <= most:
        wanted = f"at least {low}" if high is None else f"from {low} to {high}"
        raise OptionError(f"{name} is {value}.", remedy=f"Give a whole number, {wanted}.")
