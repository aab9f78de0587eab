"""`talkernel tables`: the paper's tables with our measured rows in them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from talkernel.benchmark import benchmark
from talkernel.errors import OptionError, ResultsError
from talkernel.evaluate.measure import GENERATED, NOTHING, PICTURED, TRUTH
from talkernel.evaluate.paper import OURS, QUALITY, TABLES, PaperTable
from talkernel.evaluate.results import Results
from talkernel.evaluate.tables_text import MEASURED, PAPER, Line, as_csv, as_html, as_markdown
from talkernel.media.outfile import OutFile

ABLATION = ("w/o Blending", "w/o DCKs")
Cells = Mapping[str, str]  # of a measured row, by a column's key


def write_tables(
    results: Sequence[str],
    out: Path,
    *,
    speed: Path | None = None,
    measure_speed: bool = True,
    overwrite: bool = False,
) -> list[Path]:
    """Write Tables I to IV as `tables.md`, `tables.csv` and `tables.html`.

    Args:
        results: Folders that `evaluate` wrote, as `FOLDER` or `NAME=FOLDER`; without a name a
            row is called as its system. Rows called as in Table I's ablation go there.
        out: Folder, made if need be.
        speed: What `talkernel benchmark --json` printed.
        measure_speed: Measure the speed now where `speed` is not given.
        overwrite: Whether existing tables may be replaced.

    Returns:
        The files.

    Raises:
        ResultsError: A folder holds no results, or such of crossed or silent speech.
        OutputExistsError: A file exists and may not be replaced.
    """
    out.mkdir(parents=True, exist_ok=True)
    texts = {"tables.md": as_markdown, "tables.csv": as_csv, "tables.html": as_html}
    files = [OutFile(out / name, overwrite=overwrite) for name in texts]  # fails before the work
    loaded = [_load(text) for text in results]
    own = _own_speed(speed) if speed or measure_speed else {}
    filled = [(table, _lines(table, loaded, own)) for table in TABLES]
    for file, render in zip(files, texts.values(), strict=True):
        file.temporary.write_text(render(filled), "utf-8")
        file.publish()
    return [out / name for name in texts]


def _load(text: str) -> tuple[str, Results]:
    name, _, folder = text.rpartition("=")
    if text.startswith("="):
        raise OptionError(f"{text} gives no name.", remedy="Write NAME=FOLDER.")
    found = Results.load(Path(folder))
    if found.protocol not in PICTURED:
        raise ResultsError(f"{folder} is of the protocol {found.protocol}, which shows no real "
                           "video to compare with.",
                           remedy="Give results of --protocol photo.")  # fmt: skip
    return name or found.system, found


def _own_speed(stored: Path | None) -> dict[str, str]:
    """Our own speed by Table IV's columns."""
    try:
        text = benchmark().to_json() if stored is None else stored.read_text("utf-8")
        figures = json.loads(text)
        model, whole = float(figures["model_fps"]), float(figures["end_to_end_fps"])
        return {"model_ms": f"{1000.0 / model:.1f}", "model_fps": f"{model:.0f}",
                "fps": f"{whole:.1f}"}  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{stored} is no benchmark ({error}).",
                           remedy="Give what `talkernel benchmark --json` printed."
                           ) from error  # fmt: skip


def _lines(
    table: PaperTable, loaded: Sequence[tuple[str, Results]], own: Mapping[str, str]
) -> list[Line]:
    """The paper's rows, then those measured."""
    lines: list[Line] = [(name, PAPER, list(row)) for name, row in table.rows.items()]
    for name, cells in _measured(table, loaded, own):
        filled = [cells.get(key, "") for _, key in table.columns]
        if any(filled):
            lines.append((name, MEASURED, filled))
    return lines


def _measured(
    table: PaperTable, loaded: Sequence[tuple[str, Results]], own: Mapping[str, str]
) -> list[tuple[str, Cells]]:
    if table.number == "IV":
        rows: list[tuple[str, Cells]] = [("Talkernel", own)] if own else []
        return rows + [(name, _speed(found)) for name, found in loaded if name != "Talkernel"]
    ablated = table.number == "I"
    kept = [(name, found) for name, found in loaded
            if (name in (*ABLATION, "Talkernel", OURS)) or (not ablated)]  # fmt: skip
    kept = [(n, f) for n, f in kept if ablated or n not in ABLATION]
    rows = [(_called(name, found), _quality(found, GENERATED)) for name, found in kept]
    for name, found in kept[:1]:
        rows += [(f"{row} of {name}'s clips", _quality(found, row)) for row in (TRUTH, NOTHING)]
    return rows


def _called(name: str, found: Results) -> str:
    return f"{name} ({found.protocol}, {found.clips} clips of {Path(found.settings['data']).name})"


def _quality(found: Results, row: str) -> Cells:
    digits = {"psnr": 2, "psnr_8bit": 2}
    means = {key: found.mean(row, key) for _, key in QUALITY}
    return {key: mean.text(digits.get(key, 3)) for key, mean in means.items() if mean.clips}


def _speed(found: Results) -> Cells:
    """Of a whole job, as its command takes it; what the model alone takes is not known."""
    milliseconds = found.mean(GENERATED, "ms_per_frame").mean
    return {} if math.isnan(milliseconds) else {"fps": f"{1000.0 / milliseconds:.1f}"}
