"""Checkpoints of a run: whole or not there at all, and no pickles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from talkernel.errors import CheckpointError
from talkernel.model.torch_file import read_torch_file
from talkernel.whole_file import whole

LAST = "last.pt"


def save_state(state: dict[str, Any], folder: Path) -> None:
    """Write `last.pt`; a run killed meanwhile leaves the one before it."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / LAST) as partial, partial.open("wb") as file:
        torch.save(state, file)
        os.fsync(file.fileno())


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, onto the CPU.

    Raises:
        CheckpointError: It cannot be read, or holds more than tensors and plain values.
    """
    return read_torch_file(path, "checkpoint of a training run")


def averaged_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """The averaged model's own state, out of a checkpoint of a generator's training."""
    return {
        name.removeprefix("module."): value
        for name, value in state["average"].items()
        if name.startswith("module.")
    }


def take_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load what a module has; the weights may have more, such as an AudioNet nobody listens to.

    Raises:
        CheckpointError: Some of the module's are missing, or of another shape.
    """
    try:
        missing = module.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        raise CheckpointError(f"These weights are another model's: {error}") from error
    if missing:
        raise CheckpointError(f"The checkpoint lacks weights: {', '.join(missing[:3])}, ...")
