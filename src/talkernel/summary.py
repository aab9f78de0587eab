"""What a result tells people: a small table, however it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """A table of texts.

    Attributes:
        title: Above it.
        rows: Its cells.
        header: Names of its columns; none: rows are names and values.
        caption: Below it.
    """

    title: str
    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()
    caption: str = ""
