"""`talkernel tables`: the paper's tables with our measured rows in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from talkernel.errors import DataError, OptionError
from talkernel.files.atomic import AtomicFile, write_text
from talkernel.lab.evaluate.measure import GENERATED, NOTHING, PICTURED, TRUTH
from talkernel.lab.evaluate.paper import OURS, QUALITY, TABLES, PaperTable
from talkernel.lab.evaluate.results import Results
from talkernel.lab.evaluate.speed import Log, Speeds, load_speeds, measure_speeds
from talkernel.lab.evaluate.tables_text import (
    MEASURED,
    PAPER,
    Filled,
    Line,
    as_csv,
    as_html,
    as_markdown,
)

ABLATION = ("w/o Blending", "w/o DCKs")
Row = tuple[str, str, Mapping[str, str]]  # name, source, cells by a column's key
Texts = dict[str, Callable[[Filled], str]]


def write_tables(
    results: Sequence[str],
    out: Path,
    *,
    speed: Path | None = None,
    measure_speed: bool = True,
    threads: int | None = None,
    overwrite: bool = False,
    log: Log = lambda _: None,
) -> list[Path]:
    """Write Tables I to IV as `tables.md`, `tables.csv` and `tables.html`.

    New speed measurements are stored as `speed.json`.

    Args:
        results: Folders that `evaluate` wrote, as `FOLDER` or `NAME=FOLDER`. Without a name, a
            row has its system's name. Rows named as in Table I's ablation go there.
        out: Folder; created if missing.
        speed: An earlier `speed.json`, or what `talkernel benchmark --json` printed.
        measure_speed: Measure our speed and Wav2Lip's now where `speed` is not given.
        threads: Of each network alone; as many as there are CPUs if None.
        overwrite: Whether existing tables may be replaced.
        log: Called with a line before each step of the measuring.

    Returns:
        The files.

    Raises:
        DataError: A folder holds no results, or those of crossed or silent speech.
        OutputExistsError: A file exists and may not be replaced.
    """
    out.mkdir(parents=True, exist_ok=True)
    texts: Texts = {"tables.md": as_markdown, "tables.csv": as_csv, "tables.html": as_html}
    for name in texts:
        AtomicFile(out / name, overwrite=overwrite)  # fails before the work
    loaded = [_load(text) for text in results]
    speeds = None if speed is None else load_speeds(speed)
    if speed is None and measure_speed:
        AtomicFile(out / "speed.json", overwrite=overwrite)
        speeds = measure_speeds(threads, log=log)
        texts = {"speed.json": lambda _: speeds.to_json(), **texts}
    filled = [(_noted(table, speeds), _lines(table, loaded, speeds)) for table in TABLES]
    for name, render in texts.items():
        write_text(out / name, render(filled), overwrite=overwrite)
    return [out / name for name in texts]


def _load(text: str) -> tuple[str, Results]:
    name, _, folder = text.rpartition("=")
    if text.startswith("="):
        raise OptionError(f"{text} gives no name.", remedy="Write NAME=FOLDER.")
    found = Results.load(Path(folder))
    if found.protocol not in PICTURED:
        raise DataError(
            f"{folder} has results of the protocol {found.protocol}, which has no real video "
            "to compare with.",
            remedy="Give results of --protocol photo.",
        )
    return name or found.system, found


def _noted(table: PaperTable, speeds: Speeds | None) -> PaperTable:
    """Table IV with a note on how the speeds were measured."""
    if table.number != "IV" or speeds is None:
        return table
    return replace(table, note=f"{table.note} {speeds.note()}".strip())


def _lines(
    table: PaperTable, loaded: Sequence[tuple[str, Results]], speeds: Speeds | None
) -> list[Line]:
    """The paper's rows, then the measured ones."""
    lines: list[Line] = [(name, PAPER, list(row)) for name, row in table.rows.items()]
    rows = _speed_rows(loaded, speeds) if table.number == "IV" else _quality_rows(table, loaded)
    for name, source, cells in rows:
        filled = [cells.get(key, "") for _, key in table.columns]
        if any(filled):
            lines.append((name, source, filled))
    return lines


def _speed_rows(loaded: Sequence[tuple[str, Results]], speeds: Speeds | None) -> list[Row]:
    """Table IV: timings measured side by side, then whole jobs of stored results."""
    rows = [(rate.title(), rate.source(), rate.cells()) for rate in speeds.rates] if speeds else []
    stored = [(name, MEASURED, _speed(found)) for name, found in loaded if name != "Talkernel"]
    return rows + stored


def _quality_rows(table: PaperTable, loaded: Sequence[tuple[str, Results]]) -> list[Row]:
    """Quality of stored results; of the first one also ground truth and do nothing."""
    ablated = table.number == "I"
    kept = [
        (name, found)
        for name, found in loaded
        if (name in (*ABLATION, "Talkernel", OURS)) or (not ablated)
    ]
    kept = [(n, f) for n, f in kept if ablated or n not in ABLATION]
    rows = [(_row_name(name, found), _quality(found, GENERATED)) for name, found in kept]
    for name, found in kept[:1]:
        rows += [(f"{row} of {name}'s clips", _quality(found, row)) for row in (TRUTH, NOTHING)]
    return [(name, MEASURED, cells) for name, cells in rows]


def _row_name(name: str, found: Results) -> str:
    return f"{name} ({found.protocol}, {found.clips} clips of {Path(found.settings['data']).name})"


def _quality(found: Results, row: str) -> Mapping[str, str]:
    digits = {"psnr": 2, "psnr_8bit": 2}
    means = {key: found.mean(row, key) for _, key in QUALITY}
    return {key: mean.text(digits.get(key, 3)) for key, mean in means.items() if mean.clips}


def _speed(found: Results) -> Mapping[str, str]:
    """Frames a second of a whole job; the time of the model alone is not known."""
    milliseconds = found.mean(GENERATED, "ms_per_frame").mean
    return {} if math.isnan(milliseconds) else {"fps": f"{1000.0 / milliseconds:.1f}"}
