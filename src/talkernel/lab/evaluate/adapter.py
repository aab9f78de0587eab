"""Adapter files: YAML that names another system and the command that runs it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from talkernel.errors import AdapterError, MissingFileError
from talkernel.lab.evaluate.systems import FIELDS, CommandSystem, System
from talkernel.lab.wav2lip.system import Wav2LipSystem


def load_adapter(adapter: Path) -> System:
    """Read an adapter file.

    Args:
        adapter: YAML with `name` and either `command` and optionally `folder`, or `wav2lip`, the
            path of Wav2Lip's official weights; paths are relative to the file's folder.

    Raises:
        MissingFileError: The file, or one that it names, does not exist.
        AdapterError: It is malformed.
        CheckpointError: The weights are not Wav2Lip's.
    """
    if not adapter.is_file():
        raise MissingFileError(f"{adapter} does not exist.")
    text = _read(adapter)
    if "wav2lip" in text:
        return Wav2LipSystem.load(str(text["name"]), adapter.parent / str(text["wav2lip"]))
    command = shlex.split(text["command"])
    missing = [field for field in FIELDS if not any(field in word for word in command)]
    if missing:
        raise AdapterError(f"The command in {adapter} lacks {', '.join(missing)}.")
    folder = adapter.parent / str(text.get("folder", "."))
    return CommandSystem(str(text["name"]), tuple(command), folder)


def _read(adapter: Path) -> dict[str, Any]:
    import yaml

    remedy = "It needs `name`, and `command` or `wav2lip`."
    try:
        text = yaml.safe_load(adapter.read_text())
        both = [key for key in ("command", "wav2lip") if key in text]
        if len(both) != 1 or text["name"] is None:
            raise KeyError(*(both or ["command"]))
        shlex.split(text.get("command", ""))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise AdapterError(
            f"{adapter} is not an adapter file: {error!r}.", remedy=remedy
        ) from error
    return dict(text)
