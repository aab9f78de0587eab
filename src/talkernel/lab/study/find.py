"""Matches the systems' videos of the same input by file name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from talkernel.errors import DataError, OptionError
from talkernel.lab.prepare.videos import find_videos

REMEDY = "Give each system one whole video, with sound, of every input."
NAMED = 10  # faults that an error lists; the rest are counted
Videos = dict[str, Path]


def parse_systems(texts: list[str]) -> dict[str, Path]:
    """Folders by system, from `NAME=FOLDER`.

    Raises:
        OptionError: A text is not of this form, or a name is empty or given twice.
    """
    folders: dict[str, Path] = {}
    for text in texts:
        name, _, folder = text.partition("=")
        if not (name.strip() and folder):
            remedy = "Give each system as --system NAME=FOLDER."
            raise OptionError(f"--system {text} names no system and folder.", remedy=remedy)
        if name.strip() in folders:
            remedy = "Give each system a name of its own."
            raise OptionError(f"--system {name.strip()} is given twice.", remedy=remedy)
        folders[name.strip()] = Path(folder)
    return folders


def match_videos(folders: Mapping[str, Path]) -> dict[str, Videos]:
    """Each system's video of every input.

    Args:
        folders: Of each system, searched recursively. Files belong together if their relative
            paths are equal without the extension.

    Returns:
        By input, in order of its name: the file of each system.

    Raises:
        DataError: A system has no video of an input that another has, or has two; or a folder
            contains no video.
        MissingFileError: A folder does not exist.
    """
    found = {system: _by_name(folder) for system, folder in folders.items()}
    names = sorted({name for videos in found.values() for name in videos})
    refuse(list(_faults(folders, found, names)))
    return {name: {system: found[system][name][0] for system in folders} for name in names}


def refuse(faults: list[str]) -> None:
    """Raise DataError if there are faults, listing the first ten."""
    if faults:
        more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        raise DataError(f"{'; '.join(faults[:NAMED])}{more}.", remedy=REMEDY)


def _by_name(folder: Path) -> dict[str, list[Path]]:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is not a folder.", remedy=REMEDY)
    videos: dict[str, list[Path]] = {}
    for path in find_videos([folder]):
        name = path.relative_to(folder.absolute()).with_suffix("").as_posix()
        videos.setdefault(name, []).append(path)
    return videos


def _faults(
    folders: Mapping[str, Path], found: Mapping[str, Mapping[str, list[Path]]], names: list[str]
) -> Iterator[str]:
    for system, folder in folders.items():
        for name in names:
            files = found[system].get(name, [])
            if not files:
                yield f"{system} has no video {name} in {folder}"
            if len(files) > 1:
                yield f"{system} has more than one {name}: {', '.join(p.name for p in files)}"
