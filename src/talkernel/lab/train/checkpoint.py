"""Checkpoints of training runs: written atomically, and read without executing pickled code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.errors import CheckpointError
from talkernel.files.atomic import atomic_write, remove_partials
from talkernel.model.checkpoint import load_model
from talkernel.model.talking_face import TalkingFace
from talkernel.model.torch_file import read_torch_file
from talkernel.model.weights import find_weights

LAST = "last.pt"
OPTIONAL = "lips.basis."  # prefix of what models without a warped reference do not have
STEM = "unet.stem.0.weight"  # `[C, 4 * input channels, 3, 3]`


def save_state(state: dict[str, Any], folder: Path) -> None:
    """Write `last.pt` atomically: if the run is killed meanwhile, the previous one stays."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / LAST) as partial, partial.open("wb") as file:
        torch.save(state, file)
        os.fsync(file.fileno())
    remove_partials(folder, Path(LAST).stem)  # large, and a run may be killed often


def load_state(path: Path) -> dict[str, Any]:
    """Read a `last.pt` onto the CPU.

    Raises:
        CheckpointError: It cannot be read, or holds more than tensors and plain values.
    """
    return read_torch_file(path, "checkpoint of a training run")


def load_start(path: Path) -> dict[str, Any]:
    """Read the weights with which a stage starts: a run's `last.pt`, or a finished model.

    Args:
        path: The checkpoint; or a weight file or folder, as `talkernel export` makes them. These
            contain no critics, so the critics start untrained.

    Raises:
        CheckpointError: It is neither.
        MissingFileError: It does not exist.
    """
    if not is_finished(path):
        return load_state(path)
    model = load_finished(path)
    weights = model.state_dict()
    average = {f"module.{name}": value for name, value in weights.items()}
    average["n_averaged"] = torch.tensor(0)
    return {"model": weights, "average": average, "config": model.config.to_json(), "critics": {}}


def is_finished(path: Path) -> bool:
    """Whether a path is a finished model, not the checkpoint of a training run."""
    return path.is_dir() or path.suffix == ".safetensors"


def load_finished(path: Path) -> TalkingFace:
    """Load the model of a weight file or folder."""
    return load_model(find_weights(path))


def averaged_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """The state of the averaged model in a checkpoint of a generator's training."""
    return {
        name.removeprefix("module."): value
        for name, value in state["average"].items()
        if name.startswith("module.")
    }


def take_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load a module's weights. Further weights, such as those of an unused AudioNet, are ignored.

    If the module takes a reference and the weights come from a model without one, the weights of
    the additional input channels start at 0, so that the output is the same at first.

    Raises:
        CheckpointError: Weights are missing or have another shape.
    """
    own = module.state_dict()
    weights = {
        name: _widened(value, own[name]) if name.endswith(STEM) else value
        for name, value in weights.items()
    }
    try:
        missing = module.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        raise CheckpointError(f"These weights are another model's: {error}") from error
    missing = [name for name in missing if not name.removeprefix("module.").startswith(OPTIONAL)]
    if missing:
        raise CheckpointError(f"The checkpoint lacks weights: {', '.join(missing[:3])}, ...")


def _widened(stem: Tensor, own: Tensor) -> Tensor:
    """Append zeros to a first layer's weights for additional input channels."""
    more = own.shape[1] - stem.shape[1]
    return F.pad(stem, (0, 0, 0, 0, 0, more)) if more > 0 else stem
