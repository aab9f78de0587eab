"""A result as a small table, independent of how it is displayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """A table of text.

    Attributes:
        title: Text above the table.
        rows: Cells, row by row.
        header: Names of the columns; if empty, each row is a name and a value.
        caption: Text below the table.
    """

    title: str
    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()
    caption: str = ""
