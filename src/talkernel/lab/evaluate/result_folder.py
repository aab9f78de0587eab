"""The folder of an evaluation: what it holds, and when stored results may be reused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from talkernel.errors import OutputExistsError
from talkernel.lab.evaluate.cases import Case
from talkernel.model.weights import default_weights

SETTINGS = "settings.json"
PARTS = ("inputs", "videos", "measured")
RESULTS = ("results.json", "clips.jsonl", "report.html")


def code_digest() -> str:
    """SHA-256 of the package's Python files and of its weights.

    Stored results are reused only under the same digest: any change of the code may change them.
    """
    package, digest = Path(str(files("talkernel"))), hashlib.sha256()
    for path in [*sorted(package.rglob("*.py")), default_weights()]:
        digest.update(f"{path.relative_to(package).as_posix()} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class ResultFolder:
    """Where an evaluation keeps what it has made, so that it can resume after an interruption.

    Attributes:
        root: The user's `--out`.
    """

    root: Path

    @staticmethod
    def open(root: Path, settings: Mapping[str, Any], overwrite: bool) -> ResultFolder:
        """Make the folder, or resume one that was begun with the same settings.

        Args:
            root: The folder.
            settings: Everything that decides the results, the code's digest included.
            overwrite: Whether an evaluation that is there is deleted first.

        Raises:
            OutputExistsError: It holds something else, or results of other settings.
        """
        folder, settings_file = ResultFolder(root), root / SETTINGS
        if overwrite or _changed(settings_file, settings):
            folder._clear(settings_file, settings, overwrite)
        for part in PARTS:
            (root / part).mkdir(parents=True, exist_ok=True)
        settings_file.write_text(json.dumps(settings, indent=2))
        return folder

    def _clear(self, settings_file: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
        """Delete an earlier evaluation where that is allowed, and nothing else."""
        if not self.root.exists() or not any(self.root.iterdir()):
            return
        if not settings_file.is_file():
            raise OutputExistsError(f"{self.root} is not empty.", remedy="Give another --out.")
        if not overwrite:
            changed = ", ".join(_changed(settings_file, settings))
            raise OutputExistsError(
                f"{self.root} was made with other settings ({changed}).",
                remedy="Give another --out, or --overwrite to measure everything again.",
            )
        for part in (*PARTS, "plots"):
            shutil.rmtree(self.root / part, ignore_errors=True)
        for name in RESULTS:
            (self.root / name).unlink(missing_ok=True)

    @property
    def inputs(self) -> Path:
        """First frames and silent sounds."""
        return self.root / "inputs"

    def video(self, row: str, case: Case) -> Path:
        """A case's video of one kind."""
        folder = self.root / "videos" / row.replace(" ", "-")
        folder.mkdir(exist_ok=True)
        return folder / f"{case.name}.mp4"

    def measured(self, case: Case) -> Path:
        """A case's metrics."""
        return self.root / "measured" / f"{case.name}.json"


def _changed(settings_file: Path, settings: Mapping[str, Any]) -> list[str]:
    """Names of the settings that differ from those stored."""
    wanted = json.loads(json.dumps(settings))
    try:
        stored = json.loads(settings_file.read_text())
    except (OSError, ValueError):  # not there, or cut off by a crash
        stored = {}
    if not isinstance(stored, dict):
        stored = {}
    return sorted(k for k in {*wanted, *stored} if wanted.get(k) != stored.get(k))
