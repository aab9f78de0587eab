"""Model weights and config in one safetensors file, in half precision where the values fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from talkernel.errors import CheckpointError
from talkernel.files.atomic import atomic_write
from talkernel.model.talking_face import TalkingFace
from talkernel.model.weights import BASIS, METADATA_CONFIG, read_config

MANTISSA = 10  # bits of a half-precision number's mantissa


def save_model(
    model: TalkingFace, path: Path, notes: Mapping[str, str] | None = None, mantissa: int = MANTISSA
) -> None:
    """Write weights and config atomically.

    Args:
        model: The model.
        path: A `.safetensors` file.
        notes: More metadata, such as the run that trained the model.
        mantissa: Mantissa bits of each weight to keep, 10 at most. With fewer the file has the same
            size, but compresses better. bfloat16 has 7.

    Raises:
        CheckpointError: Some weights are not finite.
    """
    half = {name: _half(name, value, mantissa) for name, value in model.state_dict().items()}
    metadata = {METADATA_CONFIG: model.config.to_json(), **(notes or {})}
    with atomic_write(path) as partial:
        partial.write_bytes(save(half, metadata))  # save_file makes it readable by its owner only


def _half(name: str, value: torch.Tensor, mantissa: int) -> torch.Tensor:
    """A tensor in half precision, unless its values are too large for it, as variances can be.

    The lip basis stays in float32: differences are computed with it.
    """
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    if not value.isfinite().all():
        raise CheckpointError(f"The weights {name} are not all finite.")
    half = value.half()
    exact = name.startswith(BASIS) or not half.isfinite().all()
    return value.float() if exact else _rounded(half, MANTISSA - mantissa)


def _rounded(half: torch.Tensor, dropped: int) -> torch.Tensor:
    """Half-precision numbers rounded to the nearest whose last `dropped` bits are 0."""
    if not dropped:
        return half
    bits = half.view(torch.int16).int() & 0xFFFF  # the magnitude is rounded whatever the sign
    nearest = (bits + (1 << (dropped - 1))) >> dropped << dropped
    return nearest.to(torch.int16).view(torch.float16)


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
