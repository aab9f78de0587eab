"""Loads Whisper's encoder weights from OpenAI's, Hugging Face's or CTranslate2's files."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from talkernel.errors import CheckpointError, MissingFileError
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.model.checkpoint import load_model
from talkernel.model.config import ModelConfig
from talkernel.model.speech_encoder import SpeechEncoder
from talkernel.model.talking_face import build_speech_encoder
from talkernel.model.torch_file import read_torch_file
from talkernel.model.weights import default_weights

# Names of parts in Hugging Face's and CTranslate2's files, and in OpenAI's, which we use.
HUGGING_FACE = {
    "layers.": "blocks.",
    "self_attn.q_proj": "attn.query",
    "self_attn.k_proj": "attn.key",
    "self_attn.v_proj": "attn.value",
    "self_attn.out_proj": "attn.out",
    "self_attn_layer_norm": "attn_ln",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "final_layer_norm": "mlp_ln",
    "embed_positions.weight": "positional_embedding",
}
CTRANSLATE2 = {
    "self_attention/layer_norm": "attn_ln",
    "ffn/layer_norm": "mlp_ln",
    "layer_": "blocks.",
    "self_attention/linear_0": "attn.joint",
    "self_attention/linear_1": "attn.out",
    "ffn/linear_0": "mlp.0",
    "ffn/linear_1": "mlp.2",
    "position_encodings/encodings": "positional_embedding",
    "/gamma": ".weight",
    "/beta": ".bias",
    "/": ".",
}
DTYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)  # in CTranslate2's numbering


def load_speech_encoder(config: ModelConfig, whisper: Path | None) -> SpeechEncoder | None:
    """The speech encoder of a model, with Whisper's weights; None if the model has none.

    Args:
        config: Of the model.
        whisper: OpenAI's `.pt`, Hugging Face's `model.safetensors` or CTranslate2's `model.bin`
            of a Whisper model with the same width ("tiny" has 384); None: take the weights from
            the packaged model.

    Raises:
        MissingFileError: The file does not exist.
        CheckpointError: It is not a Whisper model, or has another shape.
    """
    encoder = build_speech_encoder(config)
    if encoder is None:
        return None
    if whisper is None:
        own = load_model(default_weights()).speech_encoder
        encoder.load_whisper(own.state_dict() if own is not None else {})
    else:
        encoder.load_whisper(read_whisper(whisper))
    return encoder.eval()


@cache
def default_front_end() -> SpeechFrontEnd:
    """The front end of the packaged model."""
    model = load_model(default_weights()).eval()
    return SpeechFrontEnd(model.config, model.encode)


def read_whisper(path: Path) -> dict[str, Tensor]:
    """Weights of a Whisper model's encoder, under OpenAI's names.

    Raises:
        MissingFileError: The file does not exist.
        CheckpointError: It cannot be read.
    """
    if not path.is_file():
        raise MissingFileError(f"There is no Whisper model {path}.")
    read: dict[str, Callable[[Path], Mapping[str, Tensor]]] = {
        ".safetensors": _hugging_face,
        ".bin": _ctranslate2,
    }
    try:
        state = read.get(path.suffix, _openai)(path)
    except (SafetensorError, struct.error, ValueError, LookupError, TypeError) as error:
        raise CheckpointError(f"{path} is not a Whisper model: {error}") from error
    return {name: value.float() for name, value in state.items()}


def _openai(path: Path) -> Mapping[str, Tensor]:
    state = read_torch_file(path, "Whisper model")
    return _within(state.get("model_state_dict", state), "encoder.")


def _hugging_face(path: Path) -> Mapping[str, Tensor]:
    state = _within(load_file(path), "model.encoder.", "encoder.")
    return {_renamed(name, HUGGING_FACE): value for name, value in state.items()}


def _ctranslate2(path: Path) -> Mapping[str, Tensor]:
    with path.open("rb") as file:
        state = _within(_read_ctranslate2(file), "encoder/")
    state = {_renamed(name, CTRANSLATE2): value for name, value in state.items()}
    for name in [name for name in state if ".joint." in name]:
        parts = zip(("query", "key", "value"), state.pop(name).chunk(3), strict=True)
        state |= {name.replace("joint", part): value for part, value in parts}
    return state


def _read_ctranslate2(file: BinaryIO) -> dict[str, Tensor]:
    """All tensors of a CTranslate2 `model.bin`, which starts with versions and a count."""

    def number(kind: str) -> int:
        (value,) = struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))
        return int(value)

    def text() -> str:
        return file.read(number("H"))[:-1].decode()

    number("I"), text(), number("I")  # versions of the file and of the model
    tensors: dict[str, Tensor] = {}
    for _ in range(number("I")):
        name, shape = text(), [number("I") for _ in range(number("B"))]
        dtype, size = DTYPES[number("B")], number("I")
        values = np.frombuffer(file.read(size), dtype).reshape(shape)
        tensors[name] = torch.from_numpy(values.copy())
    return tensors


def _within(state: Mapping[str, Tensor], *prefixes: str) -> dict[str, Tensor]:
    """The entries under the first prefix that has any, without the prefix."""
    for prefix in prefixes:
        found = {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}
        if found:
            return found
    raise ValueError("it has no encoder")


def _renamed(name: str, names: Mapping[str, str]) -> str:
    for theirs, ours in names.items():
        name = name.replace(theirs, ours)
    return name
