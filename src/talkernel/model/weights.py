"""Weights on disk: one safetensors file that contains its config, and the graphs that use it.

A weight folder holds `talkernel.safetensors` and these ONNX graphs:

- `encoder.onnx`: mel spectrogram to speech features, where the model has a speech encoder
- `audio_net.onnx`: speech features to lip codes
- `kernels.onnx`: lip codes to kernels
- `generator.onnx`: face and kernels to attention mask and painted image

The graphs contain no weights. Their tensors are references into the safetensors file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from talkernel.errors import CheckpointError, MissingFileError
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis

WEIGHTS = "talkernel.safetensors"
ENCODER_GRAPH, AUDIO_NET_GRAPH = "encoder.onnx", "audio_net.onnx"
KERNELS_GRAPH, GENERATOR_GRAPH = "kernels.onnx", "generator.onnx"
EARLIER_AUDIO_NET_GRAPH = "hearing.onnx"  # its name in folders that version 0.1 exported
BASIS = "lips.basis."  # prefix of the lip basis's arrays among the weights
METADATA_CONFIG = "config"
GRAPH_MARK = "talkernel.weights"  # metadata key of the digest of the weights' header


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


class Graphs(NamedTuple):
    """Paths of a weight file's graphs; `encoder` is None for a model without speech encoder."""

    encoder: Path | None
    audio_net: Path
    kernels: Path
    generator: Path


def find_graphs(weights: Path) -> Graphs:
    """The graphs in a weight file's folder.

    Raises:
        CheckpointError: They are missing, or were exported from other weights.
    """
    encoder = weights.with_name(ENCODER_GRAPH) if read_config(weights).encoder_layers else None
    kernels, generator = weights.with_name(KERNELS_GRAPH), weights.with_name(GENERATOR_GRAPH)
    graphs = Graphs(encoder, _audio_net_graph(weights), kernels, generator)
    _check_graphs([graph for graph in graphs if graph is not None], weights)
    return graphs


def _audio_net_graph(weights: Path) -> Path:
    graph, earlier = (weights.with_name(n) for n in (AUDIO_NET_GRAPH, EARLIER_AUDIO_NET_GRAPH))
    return earlier if earlier.is_file() and not graph.is_file() else graph


def _check_graphs(graphs: list[Path], weights: Path) -> None:
    remedy = (
        f"Run `talkernel export {weights} FOLDER` and give --checkpoint FOLDER, "
        "or use --engine torch."
    )
    if not all(graph.is_file() for graph in graphs) or weights.name != WEIGHTS:
        raise CheckpointError(f"{weights} has no ONNX graphs in its folder.", remedy=remedy)
    if not all(_belongs(graph, weights) for graph in graphs):
        message = f"The ONNX graphs in the folder of {weights} were exported from other weights."
        raise CheckpointError(message, remedy=remedy)


def header_digest(weights: Path) -> str:
    """SHA-256 of a safetensors file's header, which says where each tensor is stored."""
    with weights.open("rb") as file:
        length = file.read(8)
        return hashlib.sha256(length + file.read(int.from_bytes(length, "little"))).hexdigest()


def _belongs(graph: Path, weights: Path) -> bool:
    """Whether a graph was exported from these weights: it then contains their header's digest."""
    return header_digest(weights).encode() in graph.read_bytes()


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
        raise CheckpointError(f"{weights} is not a Talkernel checkpoint ({error}).") from error


def read_basis(weights: Path) -> LipBasis | None:
    """The model's own lip basis; None for a model that does not warp its reference."""
    if not read_config(weights).warped:
        return None
    names = [field.name for field in dataclasses.fields(LipBasis)]
    with safe_open(weights, framework="numpy") as file:
        arrays = {name: file.get_tensor(BASIS + name).astype(np.float32) for name in names}
    return LipBasis(**arrays)
