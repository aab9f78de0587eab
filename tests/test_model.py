"""The model: dynamic convolution three ways, shapes, the blend, Wav2Lip's encoder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from talkernel.engine import load_engine
from talkernel.errors import CheckpointError
from talkernel.model.audio_net import Wav2LipAudioNet
from talkernel.model.checkpoint import load_model, save_model
from talkernel.model.config import ModelConfig
from talkernel.model.dck import (
    KernelInference,
    dynamic_conv,
    grouped_conv,
    matmul_conv,
    unfolded_conv,
)
from talkernel.model.discriminator import Discriminator
from talkernel.model.export import export_checkpoint
from talkernel.model.synthesis import Synthesis, blend
from talkernel.model.talking_face import TalkingFace
from talkernel.model.weights import default_weights

SMALL = ModelConfig(
    crop_size=64,
    channels=(4, 6, 8, 10, 12),
    dck_rank=4,
    lip_code=3,
    encoder_layers=1,
    encoder_width=64,
)


def per_sample_conv(x: Tensor, kernels: Tensor, size: int) -> Tensor:
    """The definition: every sample convolved with its own kernel by F.conv2d."""
    outs = []
    for one, own in zip(x, kernels, strict=True):
        weight = own[:, :-1].reshape(own.shape[0], x.shape[1], size, size)
        outs.append(F.conv2d(one[None], weight, own[:, -1], padding=size // 2))
    return torch.cat(outs)


@pytest.mark.parametrize(
    ("c_out", "c_in", "size"), [(5, 7, 1), (8, 8, 3), (3, 4, 5), (256, 256, 1)]
)
def test_dynamic_convolution_equals_per_sample_conv(c_out: int, c_in: int, size: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, c_in, 6, 9, requires_grad=True)
    kernels = (torch.randn(3, c_out, c_in * size**2 + 1) / (c_in * size**2) ** 0.5).requires_grad_()
    ways = [per_sample_conv(x, kernels, size), grouped_conv(x, kernels, size)]
    ways += [dynamic_conv(x, kernels, size), unfolded_conv(x, kernels, size)]
    if size == 1:
        ways.append(matmul_conv(x, kernels))
    upstream = torch.randn_like(ways[0])
    gradients = [torch.autograd.grad(way, (x, kernels), upstream) for way in ways]
    for way, gradient in zip(ways[1:], gradients[1:], strict=True):
        torch.testing.assert_close(way, ways[0], atol=1e-5, rtol=1e-5)
        for one, other in zip(gradient, gradients[0], strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("rank", [None, 5])
def test_kernel_inference_has_the_papers_shape(rank: int | None) -> None:
    config = ModelConfig(channels=(4, 6, 8, 10, 12), kernel_size=3, dynamic_layers=2, dck_rank=rank)
    kernels = KernelInference(config)(torch.randn(5, 512))
    assert kernels.shape == (5, 2, 12, 12 * 9 + 1)


def test_the_papers_full_kernel_inference_has_135_million_weights() -> None:
    config = ModelConfig(dck_rank=None)
    layers, c1, columns = config.kernel_shape
    assert layers * 512 * c1 * columns == 134_742_016


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (256, 160)])
def test_fully_convolutional(size: tuple[int, int]) -> None:
    model = TalkingFace(SMALL).eval()
    answer = model(torch.rand(2, 3, *size) * 2 - 1, torch.randn(2, 1, *SMALL.speech_shape))
    assert answer.attention.shape == (2, 1, *size)
    assert answer.motion.shape == (2, 3, *size)
    assert 0.0 <= answer.attention.min() and answer.attention.max() <= 1.0
    assert answer.motion.abs().max() <= 1.0


def test_speech_changes_the_answer_and_every_part_is_trained() -> None:
    model = TalkingFace(SMALL)
    face = torch.rand(2, 3, 64, 64) * 2 - 1
    one, other = (model(face, torch.randn(2, 1, *SMALL.speech_shape)) for _ in range(2))
    assert (one.motion - other.motion).abs().max() > 0
    blend(face, one).square().mean().backward()
    learned = [p for n, p in model.named_parameters() if not n.startswith("speech_encoder.")]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in learned)


def test_blend_is_equation_7() -> None:
    face, motion = torch.full((1, 3, 2, 2), 0.5), torch.full((1, 3, 2, 2), -1.0)
    alpha = torch.tensor([[[[0.0, 1.0], [0.5, 0.25]]]])
    result = blend(face, Synthesis(alpha, motion))
    expected = torch.tensor([[0.5, -1.0], [-0.25, 0.125]]).expand(1, 3, 2, 2)
    torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_wav2lip_audio_encoder_loads(prefix: str) -> None:
    source, target = Wav2LipAudioNet().eval(), Wav2LipAudioNet().eval()
    state = {prefix + name: value for name, value in source.state_dict().items()}
    state[prefix + "face_encoder_blocks.0.weight"] = torch.zeros(1)
    target.load_wav2lip(state)
    mel = torch.randn(2, 1, 80, 16)
    torch.testing.assert_close(target(mel), source(mel))
    assert target(mel).shape == (2, 512)


def test_wav2lip_without_audio_encoder_is_refused() -> None:
    with pytest.raises(CheckpointError):
        Wav2LipAudioNet().load_wav2lip({"face_encoder.weight": torch.zeros(1)})


def test_discriminator_scores_patches() -> None:
    assert Discriminator(8)(torch.zeros(2, 3, 64, 96)).shape == (2, 1, 8, 12)


STATIC: dict[str, Any] = {
    "kernel_size": 3,
    "static_layers": (1, 2),
    "dynamic_layers": 1,
    "channels": (4, 6, 8, 12),
}


@pytest.mark.parametrize(
    "change", [{"fusion": "attention"}, {"blending": False, "reference": True}, STATIC]
)
def test_other_shapes_are_models_too(change: dict[str, Any]) -> None:
    config = dataclasses.replace(SMALL, **change)
    model = TalkingFace(config).eval()
    face = torch.rand(2, *config.face_shape) * 2 - 1
    speech = torch.randn(2, 1, *config.speech_shape)
    with torch.no_grad():
        kernels = model.kernels(speech)
        assert kernels.shape == (2, *config.kernel_shape)
        answer = model.unet(face, kernels)
        assert (answer.attention == 1).all() == (not config.blending)
        assert not torch.equal(answer.motion, model.unet(face, model.kernels(-speech)).motion)


@pytest.mark.parametrize(
    "change",
    [{"fusion": "attention"}, {"blending": False, "reference": True, "warped": True, **STATIC}],
)
def test_the_ablations_are_exported_too(change: dict[str, Any], tmp_path: Path) -> None:
    """Each export takes seconds: what does not meet in the graph goes into one model."""
    config = dataclasses.replace(SMALL, encoder_layers=0, speech_window=16, **change)
    model = TalkingFace(config).eval()
    face = torch.rand(2, *config.face_shape) * 2 - 1
    speech = torch.randn(2, 1, *config.speech_shape)
    with torch.no_grad():
        answer = model.unet.raw_output(face, model.kernels(speech))
    save_model(model, tmp_path / "talkernel.safetensors")
    export_checkpoint(tmp_path, tmp_path)
    engine = load_engine("openvino", precision="float32", checkpoint=tmp_path)
    attention, motion = engine.synthesise(
        face.numpy(), engine.kernels(engine.predict_lip_code(speech.numpy()))
    )
    np.testing.assert_allclose(motion, answer[:, 1:], atol=2e-3)
    np.testing.assert_allclose(attention, answer[:, :1], atol=2e-3)


def test_static_layers_are_trained_and_sound_reaches_only_the_dynamic_ones() -> None:
    config = dataclasses.replace(SMALL, dynamic_layers=1, static_layers=(2, 1))
    model = TalkingFace(config)
    assert config.kernel_shape == (1, 12, 13)
    face, mel = torch.rand(2, 3, 64, 64) * 2 - 1, torch.randn(2, 1, *config.speech_shape)
    blend(face, model(face, mel)).square().mean().backward()
    assert (len(model.unet.before), len(model.unet.middle), len(model.unet.after)) == (2, 1, 1)
    for layer in (*model.unet.before, *model.unet.after):
        assert all(
            p.grad is not None and p.grad.abs().sum() > 0
            for p in layer.parameters()
            if p is not layer.convolution.bias
        )
    heard: list[Tensor] = []
    for layer in (model.unet.before[-1], model.unet.middle[0]):
        layer.register_forward_hook(lambda _, given, got: heard.append(got))
    model.eval()
    with torch.no_grad():
        model(face, mel), model(face, -mel)
    assert torch.equal(heard[0], heard[2]) and not torch.equal(heard[1], heard[3])


def test_a_checkpoint_from_before_static_layers_loads_as_it_was(tmp_path: Path) -> None:
    """The key is not in its config, and no weight has changed its name."""
    values = json.loads(SMALL.to_json())
    del values["static_layers"]
    assert ModelConfig.from_json(json.dumps(values)) == SMALL
    assert not [n for n in TalkingFace(SMALL).state_dict() if ".before." in n or ".after." in n]
    path = tmp_path / "old.safetensors"
    model = TalkingFace(SMALL).eval()
    save_file(model.state_dict(), path, {"config": json.dumps(values)})
    face, mel = torch.rand(1, 3, 64, 64), torch.randn(1, 1, *SMALL.speech_shape)
    with torch.no_grad():
        assert torch.equal(load_model(path).eval()(face, mel).motion, model(face, mel).motion)


def test_a_shape_with_static_layers_survives_being_written() -> None:
    config = dataclasses.replace(SMALL, static_layers=(2, 0))
    assert ModelConfig.from_json(config.to_json()) == config


def test_variances_too_large_for_half_precision_are_kept(tmp_path: Path) -> None:
    model, path = TalkingFace(SMALL).eval(), tmp_path / "talkernel.safetensors"
    norm = model.unet.middle[-1].norm
    norm.running_var.fill_(1e6)
    save_model(model, path)
    torch.testing.assert_close(load_model(path).unet.middle[-1].norm.running_var, norm.running_var)


def test_weights_can_be_written_with_fewer_digits(tmp_path: Path) -> None:
    model, path = TalkingFace(SMALL).eval(), tmp_path / "talkernel.safetensors"
    save_model(model, path, mantissa=7)
    for kept, weight in zip(load_model(path).parameters(), model.parameters(), strict=True):
        assert torch.equal(kept.bfloat16().float(), kept)
        normal = weight.abs() > 1e-3  # below, half precision has fewer digits itself
        torch.testing.assert_close(kept[normal], weight[normal], rtol=2**-8 + 2**-11, atol=0.0)


def test_weights_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    model, path = TalkingFace(SMALL).eval(), tmp_path / "talkernel.safetensors"
    model.unet.middle[-1].norm.running_var[0] = torch.inf
    with pytest.raises(CheckpointError, match=r"middle\.\d\.norm\.running_var are not all finite"):
        save_model(model, path)
    assert not path.exists()


def test_the_weights_that_ship_are_finite() -> None:
    state = load_model(default_weights()).state_dict()
    assert not [name for name, value in state.items() if not value.isfinite().all()]
