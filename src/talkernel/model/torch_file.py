"""Files that `torch.save` wrote: tensors and plain values only, no code is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from talkernel.errors import CheckpointError


def read_torch_file(path: Path, what: str, remedy: str | None = None) -> dict[str, Any]:
    """Read a dictionary onto the CPU.

    Args:
        path: The file.
        what: It should be, for the message.
        remedy: What to do about another.

    Raises:
        CheckpointError: It cannot be read, or holds more than tensors and plain values.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no class of its own for a damaged file
        why = str(error).split(". ")[0]  # what follows advises to run the file's code
        raise CheckpointError(f"{path} is no {what}: {why}.", remedy=remedy) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is no {what}: it holds no dictionary.", remedy=remedy)
    return state
