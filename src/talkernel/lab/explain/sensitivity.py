"""Sensitivity of the kernels: derivatives of each layer's kernels by the mel spectrogram."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from talkernel.lab.explain.scene import Scene
from talkernel.lab.explain.stored import Arrays
from talkernel.lab.explain.utterance import FPS
from talkernel.model.config import ModelConfig
from talkernel.model.dck import KernelInference
from talkernel.model.talking_face import LipCodec, TalkingFace
from talkernel.speech.features import first_column
from talkernel.speech.mel import N_MELS, SAMPLE_RATE, WAV2LIP, WHISPER, mel_filter_bank
from talkernel.speech.tokens import mel_kind, mel_stride

TICKS = (250, 500, 1000, 2000, 4000)  # Hz
MOMENTS = 12  # audible frames that are averaged
AROUND = 50  # tokens before and after the frame's middle, where there is a speech encoder


def measure(scene: Scene) -> Arrays:
    """Change of each layer's kernels per dB of each mel value, relative to their spread."""
    speech, config = scene.speech, scene.model.config
    audible = speech.audible
    few = audible[np.unique(np.linspace(0, len(audible) - 1, MOMENTS).round().astype(int))]
    mels = [mel_around(speech.mel, int(frame), config) for frame in few]
    moved = np.mean([kernel_gradient(scene.model, mel) for mel in mels], axis=0)
    spread = np.sqrt(np.square(speech.kernels - speech.kernels.mean(0)).sum((2, 3)).mean(0))
    kind = mel_kind(config)
    relative = moved / kind.unit / np.maximum(spread, 1e-12)[:, None, None]
    return {
        "moved": relative.astype(np.float32),
        "frames": few,
        "spread": spread,
        "rate": np.array(kind.rate),
    }


def mel_around(mel: NDArray[np.float32], frame: int, config: ModelConfig) -> NDArray[np.float32]:
    """Mel columns `[80, n]` around a video frame's middle, on which its kernels may depend.

    Args:
        mel: `[80, columns]` of the whole speech.
        frame: The video frame, at 25 a second.
        config: Of the model. A speech encoder depends on everything; one second on each side is
            taken.
    """
    count, stride = config.speech_window, mel_stride(config)
    first = first_column(frame, FPS, config)
    if config.encoder_layers:
        first, count = first + config.speech_window // 2 - AROUND, 2 * AROUND
    at = np.arange(stride * first, stride * (first + count))
    inside = (at >= 0) & (at < mel.shape[1])
    around = mel[:, at.clip(0, mel.shape[1] - 1)]
    return np.where(inside, around, np.float32(mel_kind(config).silence))


def kernel_gradient(model: TalkingFace, mel: NDArray[np.float32]) -> NDArray[np.float64]:
    """Norm of the derivative of each layer's kernels by every value of a mel spectrogram.

    Args:
        model: In evaluation mode.
        mel: `[80, n]` from `mel_around`.

    Returns:
        `[layers, 80, n]`, in kernel units (Frobenius) per mel unit.
    """
    columns = _jacobian_of_input(model, torch.from_numpy(mel)).double()
    assert isinstance(model.kernel_inference, KernelInference)
    layers = model.kernel_inference.layers
    found = torch.stack([_column_norms(layer, columns).view(mel.shape) for layer in layers])
    return np.asarray(found.numpy())


def features_of(model: TalkingFace, mel: Tensor) -> Tensor:
    """AudioNet's features `[1, 512]` of the frame in the middle of `[80, n]` mel columns."""
    window = mel[None]
    if model.speech_encoder is not None:
        begin = AROUND - model.config.speech_window // 2
        window = model.speech_encoder(window)[:, :, begin : begin + model.config.speech_window]
    features: Tensor = model.audio_net(window[None])
    return features


def _jacobian_of_input(model: TalkingFace, mel: Tensor) -> Tensor:
    """Derivative `[512, 80 n]` of the kernel predictor's input by mel columns `[80, n]`."""
    if isinstance(model.lips, LipCodec):  # in two steps: the lip code between is short
        lips = model.lips
        code = lips.predict_lip_code(features_of(model, mel))[0].detach()
        by_sound = _jacobian(lambda one: lips.predict_lip_code(features_of(model, one))[0], mel)
        by_code = _jacobian(lambda one: lips.encoder(one[None])[0], code)
        return by_code @ by_sound.flatten(1)
    return _jacobian(lambda one: features_of(model, one)[0], mel).flatten(1)


def _jacobian(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    found = torch.autograd.functional.jacobian(function, at, vectorize=True)
    assert isinstance(found, Tensor)
    return found


def _column_norms(layer: torch.nn.Module, columns: Tensor) -> Tensor:
    """Norm of each column's image under the linear kernel predictor: `[512, n]` to `[n]`."""
    with torch.no_grad():
        identity = torch.eye(len(columns), dtype=next(layer.parameters()).dtype)
        weight = (layer(identity) - layer(torch.zeros_like(identity))).double()
        moved: Tensor = ((weight @ weight.T @ columns) * columns).sum(0).clamp(min=0).sqrt()
        return moved


def draw(arrays: Arrays) -> Figure:
    """A time-frequency map for each layer, and the root sum of squares over frequency."""
    moved = arrays["moved"] * 100.0
    layers, rate = len(moved), float(arrays["rate"])
    figure = Figure(figsize=(2.1 * layers + 3.4, 3.2), layout="constrained")
    axes = figure.subplots(1, layers + 1, width_ratios=[1.0] * layers + [1.5])
    for number, (one, values) in enumerate(zip(axes, moved, strict=False), 1):
        image = one.imshow(
            values,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=0.0,
            vmax=float(moved.max()),
            extent=_extent(moved, rate),
        )
        one.set(title=f"layer {number}", xlabel="time from the frame, ms", yticks=[])
    axes[0].set(yticks=_bins(rate), yticklabels=[f"{hz / 1000:g}" for hz in TICKS], ylabel="kHz")
    figure.colorbar(image, ax=axes[layers - 1], label="% of the kernels' spread per dB")
    _sums(axes[layers], moved, rate)
    return figure


def _sums(axes: Axes, moved: NDArray[np.floating], rate: float) -> None:
    """Effect of changing all mel bins of a column, if their effects were independent."""
    time = np.linspace(*_extent(moved, rate)[:2], moved.shape[2])
    for number, values in enumerate(moved, 1):
        axes.plot(time, np.sqrt(np.square(values).sum(0)), label=f"layer {number}")
    axes.set(xlabel="time from the frame, ms", ylabel="root of sum of squares", ylim=(0, None))
    axes.legend(fontsize=7)


def _extent(moved: NDArray[np.floating], rate: float) -> tuple[float, float, float, float]:
    """Left, right in ms from the frame's middle; bottom, top in mel bins."""
    last = 500.0 * (moved.shape[2] - 1) / rate
    return -last, last, 0.0, float(N_MELS)


def _bins(rate: float) -> NDArray[np.float64]:
    """Positions of the tick frequencies on the mel axis."""
    kind = next(kind for kind in (WAV2LIP, WHISPER) if kind.rate == rate)
    bank = mel_filter_bank(kind)
    centres = bank @ np.fft.rfftfreq(kind.n_fft, 1 / SAMPLE_RATE) / bank.sum(1)
    return np.asarray(np.interp(TICKS, centres, np.arange(len(centres)) + 0.5))
