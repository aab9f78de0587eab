"""Export a PyTorch model as the ONNX graphs that the other engines run.

The graphs contain no weights. Each of their tensors is a reference, by offset and length, into
the safetensors file in the same folder, so the weights exist on disk once.
"""

from __future__ import annotations

import json
import logging
import shutil
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from talkernel.model.checkpoint import load_model
from talkernel.model.speech_encoder import LONGEST
from talkernel.model.talking_face import TalkingFace
from talkernel.model.weights import (
    AUDIO_NET_GRAPH,
    ENCODER_GRAPH,
    GENERATOR_GRAPH,
    GRAPH_MARK,
    KERNELS_GRAPH,
    WEIGHTS,
    find_weights,
    header_digest,
)
from talkernel.speech.mel import N_MELS
from talkernel.speech.tokens import STRIDE

DTYPES = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "I64": TensorProto.INT64}


def export_checkpoint(checkpoint: str | Path, folder: str | Path) -> Path:
    """Make a weight folder that every engine can load.

    Args:
        checkpoint: A safetensors file, or a weight folder.
        folder: Gets the weights and the graphs; created when missing.

    Returns:
        The folder's weight file.

    Raises:
        MissingFileError: The checkpoint does not exist.
        CheckpointError: The checkpoint is damaged.
    """
    source, folder = find_weights(checkpoint), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS
    if source.resolve() != weights.resolve():
        shutil.copyfile(source, weights)
    export_graphs(load_model(weights).eval(), weights)
    return weights


def export_graphs(model: TalkingFace, weights: Path) -> None:
    """Write a model's graphs into the folder of its weights; see `talkernel.model.weights`."""
    config = model.config
    speech = torch.zeros(2, 1, *config.speech_shape)
    face = torch.zeros(2, *config.face_shape)
    lip_code, kernels = torch.zeros(2, *config.lip_code_shape), torch.zeros(2, *config.kernel_shape)
    graphs = {
        AUDIO_NET_GRAPH: _graph(_AudioNet(model), {"speech": speech}, "lip_code"),
        KERNELS_GRAPH: _graph(_Kernels(model), {"lip_code": lip_code}, "kernels"),
        GENERATOR_GRAPH: _graph(_Generator(model), {"face": face, "kernels": kernels}, "output"),
    }
    if config.encoder_layers:
        mel = {"mel": torch.zeros(2, N_MELS, 64)}
        graphs[ENCODER_GRAPH] = _graph(_Encoder(model), mel, "tokens", {2: STRIDE * _TOKENS})
    for name, graph in graphs.items():
        refer_to_weights(graph, weights)
        graph.metadata_props.add(key=GRAPH_MARK, value=header_digest(weights))
        onnx.save(graph, weights.with_name(name))


_TOKENS = torch.export.Dim("tokens", min=2, max=LONGEST)


class _Encoder(nn.Module):
    def __init__(self, model: TalkingFace) -> None:
        super().__init__()
        self.model = model

    def forward(self, mel: Tensor) -> Tensor:
        assert self.model.speech_encoder is not None
        tokens: Tensor = self.model.speech_encoder(mel)
        return tokens


class _AudioNet(nn.Module):
    def __init__(self, model: TalkingFace) -> None:
        super().__init__()
        self.model = model

    def forward(self, speech: Tensor) -> Tensor:
        return self.model.predict_lip_code(speech)


class _Kernels(nn.Module):
    def __init__(self, model: TalkingFace) -> None:
        super().__init__()
        self.model = model

    def forward(self, lip_code: Tensor) -> Tensor:
        return self.model.kernels_of(lip_code)


class _Generator(nn.Module):
    def __init__(self, model: TalkingFace) -> None:
        super().__init__()
        self.model = model

    def forward(self, face: Tensor, kernels: Tensor) -> Tensor:
        """Alpha and M as the channels of one tensor: two outputs would cost engines a copy."""
        return self.model.unet.raw_output(face, kernels)


def _graph(
    module: nn.Module, inputs: dict[str, Tensor], output: str, lengths: dict[int, Any] | None = None
) -> onnx.ModelProto:
    """A module as a graph of any batch size; `lengths` names the other variable dimensions."""
    variable = {0: torch.export.Dim("batch")} | (lengths or {})
    with _without_warnings():
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            dynamo=True,
            optimize=False,
            verbose=False,
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=tuple(variable for _ in inputs),
        )
    assert program is not None
    graph = program.model_proto
    _remove_origin(graph)
    return graph


def _remove_origin(graph: onnx.ModelProto) -> None:
    """Remove the exporter's notes, which contain paths of this machine."""
    for node in graph.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in [*graph.graph.value_info, *graph.graph.input, *graph.graph.output]:
        value.ClearField("metadata_props")
    graph.graph.ClearField("metadata_props")


@contextmanager
def _without_warnings() -> Iterator[None]:
    """The exporter warns about packages that are not installed and not needed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def refer_to_weights(graph: onnx.ModelProto, weights: Path) -> None:
    """Replace a graph's weights with references into a safetensors file, in place."""
    table, base = read_table(weights)
    kept: list[TensorProto] = []
    casts: list[onnx.NodeProto] = []
    for tensor in graph.graph.initializer:
        name = tensor.name.removeprefix("model.")
        if name not in table:
            kept.append(tensor)
            continue
        entry = table[name]
        kept.append(_reference(tensor.name + ".stored", entry, base, weights.name))
        to = tensor.data_type
        casts.append(helper.make_node("Cast", [tensor.name + ".stored"], [tensor.name], to=to))
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def read_table(weights: Path) -> tuple[dict[str, Any], int]:
    """A safetensors file's table of tensors, and the offset in bytes where its data begins."""
    with weights.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length)), 8 + length


def _reference(name: str, entry: dict[str, Any], base: int, location: str) -> TensorProto:
    start, end = entry["data_offsets"]
    tensor = TensorProto(name=name, data_type=DTYPES[entry["dtype"]], dims=entry["shape"])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", base + start), ("length", end - start)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor
