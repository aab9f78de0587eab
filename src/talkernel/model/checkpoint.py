"""Model weights as safetensors, in half precision where that holds them; the config inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from talkernel.engine.weights import BASIS, METADATA_CONFIG, read_config
from talkernel.errors import CheckpointError
from talkernel.model.talking_face import TalkingFace
from talkernel.model.torch_file import read_torch_file
from talkernel.whole_file import whole


def save_model(model: TalkingFace, path: Path, notes: Mapping[str, str] | None = None) -> None:
    """Write weights and config, whole or not at all.

    Args:
        model: The model.
        path: A `.safetensors` file.
        notes: More metadata, such as the run that trained it.

    Raises:
        CheckpointError: Some weights are no numbers.
    """
    half = {name: _half(name, value) for name, value in model.state_dict().items()}
    metadata = {METADATA_CONFIG: model.config.to_json(), **(notes or {})}
    with whole(path) as partial:
        partial.write_bytes(save(half, metadata))  # save_file would make it readable to us alone


def _half(name: str, value: torch.Tensor) -> torch.Tensor:
    """In half precision, unless numbers are too large for it, as variances can be.

    The lip basis keeps all its digits: it is made of differences.
    """
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    if not value.isfinite().all():
        raise CheckpointError(f"The weights {name} are not all finite numbers.")
    half = value.half()
    exact = name.startswith(BASIS) or not half.isfinite().all()
    return value.float() if exact else half


def load_model(path: Path) -> TalkingFace:
    """Read a model that `save_model` wrote, in float32.

    Raises:
        CheckpointError: The file is damaged, or its weights do not fit its config.
    """
    model = TalkingFace(read_config(path))
    try:
        model.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path} does not fit its own config: {error}") from error
    return model


def load_wav2lip_audio(model: TalkingFace, path: Path) -> None:
    """Put an official Wav2Lip checkpoint's audio encoder into a model, in place.

    The kernels' inference has to be trained for these features before they say anything to it.

    Raises:
        CheckpointError: The file is no Wav2Lip checkpoint.
    """
    state = read_torch_file(path, "PyTorch checkpoint")
    model.use_wav2lip(state.get("state_dict", state))
