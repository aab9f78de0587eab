"""Files of `torch.save`: only tensors and plain values are read, no code is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from talkernel.errors import CheckpointError


def read_torch_file(path: Path, what: str, remedy: str | None = None) -> dict[str, Any]:
    """Read a dictionary onto the CPU.

    Args:
        path: The file.
        what: What the file should be, for the message.
        remedy: How to mend it if it is not.

    Raises:
        CheckpointError: The file cannot be read, or contains other things than tensors and plain
            values.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch has no exception class for damaged files
        why = str(error).split(". ")[0]  # the rest advises to run the file's code
        raise CheckpointError(f"{path} is not a {what}: {why}.", remedy=remedy) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is not a {what}: it contains no dictionary.", remedy=remedy)
    return state
