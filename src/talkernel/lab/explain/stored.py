"""Writes and reads figures and their data; a file appears only when it is complete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import NDArray

from talkernel.errors import DataError
from talkernel.files.atomic import atomic_write

NOT_EXPLAINED_REMEDY = "Run `talkernel explain --out` with it first, without --redraw."
Arrays = dict[str, NDArray[Any]]
# With a fixed salt, the same figure gives the same bytes.
STYLE: dict[Any, Any] = {"svg.hashsalt": "talkernel", "font.size": 8.0, "axes.titlesize": 8.0}
DPI = 160


def write(target: Path, fill: Callable[[Path], object], *, overwrite: bool) -> None:
    """Let `fill` write a file that appears under its name only when it is complete."""
    with atomic_write(target, overwrite=overwrite) as temporary:
        fill(temporary)


def write_numbers(path: Path, arrays: Arrays, *, overwrite: bool) -> None:
    """Arrays as a compressed .npz, byte for byte the same for the same numbers."""
    named: dict[str, Any] = dict(arrays)
    write(path, lambda temporary: np.savez_compressed(temporary, **named), overwrite=overwrite)


def read_numbers(path: Path) -> Arrays:
    """What `write_numbers` wrote.

    Raises:
        DataError: It is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, BadZipFile) as error:
        raise DataError(f"{path} cannot be read: {error}.", remedy=NOT_EXPLAINED_REMEDY) from error


def write_figure(
    draw: Callable[[Arrays], Figure], arrays: Arrays, stem: Path, *, overwrite: bool
) -> None:
    """Draw and write `stem`.svg and `stem`.png."""
    with rc_context(STYLE):
        figure = draw(arrays)
        undated = partial(figure.savefig, metadata={"Date": None})
        write(stem.with_suffix(".svg"), undated, overwrite=overwrite)
        write(stem.with_suffix(".png"), partial(figure.savefig, dpi=DPI), overwrite=overwrite)
