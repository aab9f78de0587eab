"""Finds the clips to measure on: LRW, LRS2, LRS3, HDTF, plain folders and CSV lists."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from talkernel.errors import DataError, MissingFileError

CSV_REMEDY = "See docs/evaluation.md for the columns."
VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg"}
_HDTF = re.compile(r"(?:RD|WDA|WRA)_(.+?)(?:_\d+)+")


@dataclass(frozen=True)
class Clip:
    """A real video of one person talking.

    Attributes:
        path: The file.
        name: Unique among the clips of one evaluation.
        person: Who it is; the clip's own name where that is not known.
    """

    path: Path
    name: str
    person: str


def find_clips(
    data: Path, *, split: str = "test", per_person: bool = False, limit: int | None = None
) -> list[Clip]:
    """The clips of a data set, in order of name.

    Args:
        data: A folder laid out as LRW, LRS2, LRS3 or HDTF, a plain folder of videos, or a CSV
            with a column `video` and optionally `person`.
        split: Which part of LRW, LRS2 or LRS3.
        per_person: Keep the first clip of each person only.
        limit: Keep at most this many.

    Raises:
        MissingFileError: `data` does not exist.
        DataError: It holds no videos, or the CSV is malformed or names files that do not exist.
    """
    if not data.exists():
        raise MissingFileError(f"{data} does not exist.")
    clips = _listed(data) if data.is_file() else _found(data, split)
    if not clips:
        raise DataError(
            f"{data} holds no videos.",
            remedy="Give a folder of videos, or a data set in its usual layout.",
        )
    chosen = _first_of_each(clips) if per_person else clips
    return chosen[:limit]


def _found(folder: Path, split: str) -> list[Clip]:
    layouts: tuple[Callable[[Path, str], list[Clip]], ...] = (_lrw, _lrs, _plain)
    return next((clips for layout in layouts if (clips := layout(folder, split))), [])


def _lrw(folder: Path, split: str) -> list[Clip]:
    """`WORD/test/WORD_00001.mp4`; LRW does not say who speaks."""
    root = folder / "lipread_mp4" if (folder / "lipread_mp4").is_dir() else folder
    paths = sorted(p for p in root.glob(f"*/{split}/*_*") if _is_video(p))
    mine = [p for p in paths if p.stem.startswith(f"{p.parent.parent.name}_")]
    return [Clip(path, path.stem, path.stem) for path in mine]


def _lrs(folder: Path, split: str) -> list[Clip]:
    """LRS2 `main/ID/00001.mp4` with `test.txt`, LRS3 `test/ID/00001.mp4`; ID is the speaker."""
    root = next((folder / n for n in (split, "main") if (folder / n).is_dir()), None)
    if root is None:
        return []
    paths = sorted(p for p in root.glob("*/*") if _is_video(p) and p.stem.isdigit())
    listed = _names_in(folder / f"{split}.txt") if root.name == "main" else None
    kept = [p for p in paths if listed is None or f"{p.parent.name}/{p.stem}" in listed]
    return [Clip(path, f"{path.parent.name}-{path.stem}", path.parent.name) for path in kept]


def _names_in(filelist: Path) -> set[str] | None:
    """`ID/00001` of each line of an LRS2 file list; None where there is none."""
    if not filelist.is_file():
        return None
    return {line.split()[0] for line in filelist.read_text().splitlines() if line.strip()}


def _plain(folder: Path, split: str) -> list[Clip]:
    """Videos of a folder, else of its subfolders; also HDTF, whose names hold the person."""
    paths = sorted(p for p in folder.iterdir() if _is_video(p))
    if paths:
        return [Clip(path, path.stem, person_of(path.stem)) for path in paths]
    deeper = sorted(p for p in folder.rglob("*") if _is_video(p))
    names = ["-".join(p.relative_to(folder).with_suffix("").parts) for p in deeper]
    return [Clip(p, n, person_of(n)) for p, n in zip(deeper, names, strict=True)]


def person_of(stem: str) -> str:
    """Who a clip shows: HDTF's `WDA_Name_000`, else the stem's end after the last `_`."""
    hdtf = _HDTF.fullmatch(stem)
    return hdtf.group(1) if hdtf else stem.rsplit("_", 1)[-1]


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS and path.is_file() and not path.name.startswith(".")


def _listed(table: Path) -> list[Clip]:
    clips = []
    for row in read_csv(table, ("video",)):
        path = file_of(table, row["video"])
        clips.append(Clip(path, path.stem, row.get("person") or person_of(path.stem)))
    return unique(clips)


def read_csv(table: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """Rows of a CSV that has at least these columns.

    Raises:
        DataError: A column is missing, or empty in some row.
    """
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames or []
    for column in columns:
        if column not in names:
            raise DataError(f"{table} has no column {column!r}.", remedy=CSV_REMEDY)
        empty = [number for number, row in enumerate(rows, 2) if not row[column]]
        if empty:
            raise DataError(
                f"{table}, line {empty[0]}: nothing under {column!r}.", remedy=CSV_REMEDY
            )
    return rows


def file_of(table: Path, name: str) -> Path:
    """A file that a CSV names, relative to the CSV.

    Raises:
        DataError: It does not exist.
    """
    path = table.parent / name
    if not path.is_file():
        raise DataError(f"{table} names {path}, which does not exist.", remedy=CSV_REMEDY)
    return path


def unique(clips: list[Clip]) -> list[Clip]:
    """The same clips; names that occur more than once get a number."""
    seen: dict[str, int] = {}
    named = []
    for clip in clips:
        count = seen[clip.name] = seen.get(clip.name, 0) + 1
        named.append(clip if count == 1 else Clip(clip.path, f"{clip.name}-{count}", clip.person))
    return named


def _first_of_each(clips: list[Clip]) -> list[Clip]:
    first: dict[str, Clip] = {}
    for clip in clips:
        first.setdefault(clip.person, clip)
    return list(first.values())
