"""Checkpoints of a run: whole or not there at all, and no pickles."""

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
from talkernel.model.talking_face import TalkingFace
from talkernel.model.torch_file import read_torch_file

LAST = "last.pt"
BEGINS_ANEW = "lips.basis."  # which weights whose reference was not warped lack
STEM = "unet.stem.0.weight"  # `[C, 4 * channels of what f sees, 3, 3]`


def save_state(state: dict[str, Any], folder: Path) -> None:
    """Write `last.pt`; a run killed meanwhile leaves the one before it."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / LAST) as partial, partial.open("wb") as file:
        torch.save(state, file)
        os.fsync(file.fileno())
    remove_partials(folder, Path(LAST).stem)  # large, and a run may be killed often


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, onto the CPU.

    Raises:
        CheckpointError: It cannot be read, or holds more than tensors and plain values.
    """
    return read_torch_file(path, "checkpoint of a training run")


def load_start(path: Path) -> dict[str, Any]:
    """Read what a stage begins with: a run's `last.pt`, or a model that is done.

    Args:
        path: The checkpoint, or a weight file or folder as `talkernel export` makes them; of
            these the critics are not known, and begin anew.

    Raises:
        CheckpointError: It is neither.
        MissingFileError: It does not exist.
    """
    if not is_done(path):
        return load_state(path)
    model = load_done(path)
    weights = model.state_dict()
    average = {f"module.{name}": value for name, value in weights.items()}
    average["n_averaged"] = torch.tensor(0)
    return {"model": weights, "average": average, "config": model.config.to_json(), "critics": {}}


def is_done(path: Path) -> bool:
    """Whether a path means a model that is done, not a training run's checkpoint."""
    return path.is_dir() or path.suffix == ".safetensors"


def load_done(path: Path) -> TalkingFace:
    """The model of a weight file or folder; see `load_start`."""
    # Here, so that a bundle trains where there is no safetensors.
    from talkernel.model.checkpoint import load_model
    from talkernel.model.weights import find_weights

    return load_model(find_weights(path))


def averaged_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """The averaged model's own state, out of a checkpoint of a generator's training."""
    return {
        name.removeprefix("module."): value
        for name, value in state["average"].items()
        if name.startswith("module.")
    }


def take_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load what a module has; the weights may have more, such as an AudioNet nobody listens to.

    Where f is shown a reference and those weights knew of none, it counts for nothing at first.

    Raises:
        CheckpointError: Some of the module's are missing, or of another shape.
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
    missing = [name for name in missing if not name.removeprefix("module.").startswith(BEGINS_ANEW)]
    if missing:
        raise CheckpointError(f"The checkpoint lacks weights: {', '.join(missing[:3])}, ...")


def _widened(stem: Tensor, own: Tensor) -> Tensor:
    """A first layer's weights, with zeros for what it was not shown."""
    more = own.shape[1] - stem.shape[1]
    return F.pad(stem, (0, 0, 0, 0, 0, more)) if more > 0 else stem
