"""Whisper's encoder: its arithmetic, and its weights in three forms."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from talkernel.errors import CheckpointError, MissingFileError
from talkernel.lab.train.whisper import load_speech_encoder, read_whisper
from talkernel.model.checkpoint import load_model
from talkernel.model.config import ModelConfig
from talkernel.model.speech_encoder import EncoderLayer, SpeechEncoder
from talkernel.model.weights import default_weights

CONFIG = ModelConfig(encoder_layers=2, encoder_width=128)


def theirs() -> dict[str, Tensor]:
    """An encoder of three layers and 1500 positions by OpenAI's names."""
    torch.manual_seed(0)
    state = SpeechEncoder(3, 128).state_dict()
    state["positional_embedding"] = torch.randn(1500, 128)
    return {f"encoder.{name}": value for name, value in state.items()}


def test_a_layer_is_torchs_own() -> None:
    torch.manual_seed(0)
    ours = EncoderLayer(128)
    torchs = nn.TransformerEncoderLayer(
        128, 2, 512, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    attention = torchs.self_attn
    with torch.no_grad():
        parts = ours.attn.query, ours.attn.key, ours.attn.value
        attention.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        zeros = torch.zeros(128)
        attention.in_proj_bias.copy_(torch.cat([parts[0].bias, zeros, parts[2].bias]))
    attention.out_proj.load_state_dict(ours.attn.out.state_dict())
    for name, part in (
        ("norm1", ours.attn_ln),
        ("norm2", ours.mlp_ln),
        ("linear1", ours.mlp[0]),
        ("linear2", ours.mlp[2]),
    ):
        torchs.get_submodule(name).load_state_dict(part.state_dict())
    x = torch.randn(2, 9, 128)
    torch.testing.assert_close(ours(x), torchs(x), atol=1e-5, rtol=1e-4)


def hugging_face(state: dict[str, Tensor]) -> dict[str, Tensor]:
    names = {
        "blocks.": "layers.",
        "attn.query": "self_attn.q_proj",
        "attn.key": "self_attn.k_proj",
        "attn.value": "self_attn.v_proj",
        "attn.out": "self_attn.out_proj",
        "attn_ln": "self_attn_layer_norm",
        "mlp.0": "fc1",
        "mlp.2": "fc2",
        "mlp_ln": "final_layer_norm",
        "positional_embedding": "embed_positions.weight",
    }
    return {"model." + _renamed(name, names): value for name, value in state.items()}


def ctranslate2(state: dict[str, Tensor]) -> bytes:
    """The arrays of a `model.bin`: queries, keys and values joined."""
    joint: dict[str, Any] = {}
    for name, value in state.items():
        for number, part in enumerate(("query", "key", "value")):
            if f"attn.{part}" in name:
                own = joint.setdefault(name.replace(part, "joint"), [torch.zeros(128)] * 3)
                own[number] = value
    joined = {name: torch.cat(parts) for name, parts in joint.items()}
    plain = {n: v for n, v in state.items() if not any(p in n for p in ("query", "key", "value"))}
    names = {
        "encoder.": "encoder/",
        "blocks.": "layer_",
        ".attn_ln.weight": "/self_attention/layer_norm/gamma",
        ".attn_ln.bias": "/self_attention/layer_norm/beta",
        ".mlp_ln.weight": "/ffn/layer_norm/gamma",
        ".mlp_ln.bias": "/ffn/layer_norm/beta",
        ".attn.joint": "/self_attention/linear_0",
        ".attn.out": "/self_attention/linear_1",
        ".mlp.0": "/ffn/linear_0",
        ".mlp.2": "/ffn/linear_1",
        "positional_embedding": "position_encodings/encodings",
        ".weight": "/weight",
        ".bias": "/bias",
    }
    arrays = {_renamed(name, names): v for name, v in (plain | joined).items()}
    out = struct.pack("<IH12sII", 6, 12, b"WhisperSpec\0", 3, len(arrays))
    for name, value in arrays.items():
        coded, data = name.encode() + b"\0", value.half().numpy()
        out += struct.pack("<H", len(coded)) + coded + struct.pack("<B", data.ndim)
        out += struct.pack(f"<{data.ndim}I", *data.shape) + struct.pack("<BI", 4, data.nbytes)
        out += data.tobytes()
    return out


def _renamed(name: str, names: dict[str, str]) -> str:
    for ours, other in names.items():
        name = name.replace(ours, other)
    return name


@pytest.mark.parametrize("form", ["model.pt", "model.safetensors", "model.bin"])
def test_whispers_weights_load_from_every_form(form: str, tmp_path: Path) -> None:
    state, path = theirs(), tmp_path / form
    if form == "model.pt":
        torch.save({"dims": {"n_mels": 80}, "model_state_dict": state}, path)
    elif form == "model.bin":
        path.write_bytes(ctranslate2(state))
    else:
        save_file(hugging_face(state), path)
    encoder = load_speech_encoder(CONFIG, path)
    assert encoder is not None and not any(p.requires_grad for p in encoder.parameters())
    for name, value in encoder.state_dict().items():
        expected = state[f"encoder.{name}"][: len(value)]
        torch.testing.assert_close(value, expected, atol=1e-3, rtol=1e-3)


def test_the_packages_own_model_lends_its_encoder() -> None:
    encoder = load_speech_encoder(ModelConfig(), None)
    own = load_model(default_weights()).speech_encoder
    assert encoder is not None and own is not None
    mel = torch.zeros(1, 80, 20)
    torch.testing.assert_close(encoder(mel), own(mel))
    assert load_speech_encoder(ModelConfig(encoder_layers=0, speech_window=16), None) is None


def test_what_is_no_whisper_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere"):
        read_whisper(tmp_path / "nowhere.pt")
    for name in ("odd.pt", "odd.bin", "odd.safetensors"):
        (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(200))
        with pytest.raises(CheckpointError, match=r"(no|not a) Whisper model"):
            read_whisper(tmp_path / name)
    torch.save({"model_state_dict": {"decoder.x": torch.zeros(1)}}, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match="no encoder"):
        read_whisper(tmp_path / "odd.pt")
    torch.save(theirs(), tmp_path / "narrow.pt")
    with pytest.raises(CheckpointError, match="No Whisper encoder of this size"):
        load_speech_encoder(ModelConfig(), tmp_path / "narrow.pt")
