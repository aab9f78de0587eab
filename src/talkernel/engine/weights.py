"""Weights on disk: one safetensors file, its config inside, and two graphs that read it.

A weight folder holds `talkernel.safetensors`, `kernels.onnx` (speech to kernels) and
`generator.onnx` (face and kernels to mask and motion). The graphs carry no weights of
their own: their tensors are references into the safetensors file.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from safetensors import SafetensorError, safe_open

from talkernel.config import ModelConfig
from talkernel.errors import CheckpointError, MissingFileError

WEIGHTS = "talkernel.safetensors"
KERNELS_GRAPH, GENERATOR_GRAPH = "kernels.onnx", "generator.onnx"
METADATA_CONFIG = "config"


def default_weights() -> Path:
    """The weight file that comes with the package."""
    return Path(str(files("talkernel"))) / "weights" / WEIGHTS


def find_weights(checkpoint: str | Path | None) -> Path:
    """The weight file to use.

    Args:
        checkpoint: A safetensors file or a folder made by `talkernel export`; None for
            the package's own.

    Raises:
        MissingFileError: It does not exist.
    """
    path = default_weights() if checkpoint is None else Path(checkpoint)
    if path.is_dir():
        path = path / WEIGHTS
    if not path.is_file():
        raise MissingFileError(f"Checkpoint {path} does not exist.")
    return path


def find_graphs(weights: Path) -> tuple[Path, Path]:
    """The two graphs beside a weight file.

    Raises:
        CheckpointError: They are not there.
    """
    graphs = weights.with_name(KERNELS_GRAPH), weights.with_name(GENERATOR_GRAPH)
    if not all(graph.is_file() for graph in graphs) or weights.name != WEIGHTS:
        raise CheckpointError(
            f"{weights} has no ONNX graphs beside it.",
            remedy=f"Run `talkernel export {weights} FOLDER` and give --checkpoint FOLDER, "
            "or use --engine torch.",
        )
    return graphs


def read_config(weights: Path) -> ModelConfig:
    """The model's shape, from the weight file's metadata.

    Raises:
        CheckpointError: The file is damaged or carries no config.
    """
    try:
        with safe_open(weights, framework="numpy") as file:
            metadata = file.metadata() or {}
        return ModelConfig.from_json(metadata[METADATA_CONFIG])
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError, OSError) as error:
        raise CheckpointError(f"{weights} is no Talkernel checkpoint ({error}).") from error
