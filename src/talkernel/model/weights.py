"""Weights on disk: one safetensors file, its config inside, and graphs that read it.

A weight folder holds `talkernel.safetensors`, `encoder.onnx` (mel spectrogram to speech
features, where the model has a speech encoder), `hearing.onnx` (speech features to lip codes),
`kernels.onnx` (lip codes to kernels) and `generator.onnx` (face and kernels to mask and
motion). The graphs carry no weights of their own: their tensors are references into the
safetensors file.
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
ENCODER_GRAPH, HEARING_GRAPH = "encoder.onnx", "hearing.onnx"
KERNELS_GRAPH, GENERATOR_GRAPH = "kernels.onnx", "generator.onnx"
BASIS = "lips.basis."  # what the arrays of the model's lip basis are called, before their own names
METADATA_CONFIG = "config"
GRAPH_MARK = "talkernel.weights"  # key in a graph, of the header that its references count on


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
    """The graphs beside a weight file; a model may have no speech encoder."""

    encoder: Path | None
    lookahead: Path
    kernels: Path
    generator: Path


def find_graphs(weights: Path) -> Graphs:
    """The graphs beside a weight file.

    Raises:
        CheckpointError: They are not there, or were exported from other weights.
    """
    names = (ENCODER_GRAPH, HEARING_GRAPH, KERNELS_GRAPH, GENERATOR_GRAPH)
    encoder, *others = (weights.with_name(name) for name in names)
    heard = bool(read_config(weights).encoder_layers)
    graphs = [encoder, *others] if heard else others
    remedy = (
        f"Run `talkernel export {weights} FOLDER` and give --checkpoint FOLDER, "
        "or use --engine torch."
    )
    if not all(graph.is_file() for graph in graphs) or weights.name != WEIGHTS:
        raise CheckpointError(f"{weights} has no ONNX graphs beside it.", remedy=remedy)
    if not all(_belongs(graph, weights) for graph in graphs):
        message = f"The ONNX graphs beside {weights} were exported from other weights."
        raise CheckpointError(message, remedy=remedy)
    return Graphs(encoder if heard else None, *others)


def header_digest(weights: Path) -> str:
    """Tells apart weight files whose tensors lie at different places."""
    with weights.open("rb") as file:
        length = file.read(8)
        return hashlib.sha256(length + file.read(int.from_bytes(length, "little"))).hexdigest()


def _belongs(graph: Path, weights: Path) -> bool:
    """Whether a graph's references fit; found without a parser, as text in it is stored as is."""
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
        raise CheckpointError(f"{weights} is no Talkernel checkpoint ({error}).") from error


def read_basis(weights: Path) -> LipBasis | None:
    """The model's own lip basis, where its reference is warped by lip codes."""
    if not read_config(weights).warped:
        return None
    names = [field.name for field in dataclasses.fields(LipBasis)]
    with safe_open(weights, framework="numpy") as file:
        arrays = {name: file.get_tensor(BASIS + name).astype(np.float32) for name in names}
    return LipBasis(**arrays)
