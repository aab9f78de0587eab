"""Which sound moves which kernel: derivatives of each layer's kernels by the mel window."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from talkernel.audio import (
    COLUMNS_PER_SECOND,
    N_FFT,
    SAMPLE_RATE,
    WINDOW,
    mel_filter_bank,
)
from talkernel.explain.scene import Scene
from talkernel.explain.stored import Arrays
from talkernel.model.dck import KernelInference
from talkernel.model.talking_face import LipCodec, TalkingFace

TICKS = (250, 500, 1000, 2000, 4000)  # Hz
MOMENTS = 12  # audible frames that the mean is over
DB_PER_UNIT = 100.0 / 8.0  # the mel's range of 8 is 100 dB


def measure(scene: Scene) -> Arrays:
    """How far a change of 1 dB moves each layer's kernels, in their own spread."""
    speech = scene.speech
    audible = speech.audible
    few = audible[np.unique(np.linspace(0, len(audible) - 1, MOMENTS).round().astype(int))]
    moved = np.mean([kernel_gradient(scene.model, speech.windows[frame]) for frame in few], axis=0)
    spread = np.sqrt(np.square(speech.kernels - speech.kernels.mean(0)).sum((2, 3)).mean(0))
    shares = moved / DB_PER_UNIT / np.maximum(spread, 1e-12)[:, None, None]
    return {"moved": shares.astype(np.float32), "frames": few, "spread": spread}


def kernel_gradient(model: TalkingFace, window: NDArray[np.float32]) -> NDArray[np.float64]:
    """Norm of the derivative of each layer's kernels by every number of a mel window.

    Args:
        model: In evaluation mode.
        window: `[1, 80, W]`.

    Returns:
        `[layers, 80, W]`, in kernel units (Frobenius) per mel unit.
    """
    columns = _slope(model, torch.from_numpy(window)).double()
    assert isinstance(model.kernel_inference, KernelInference)
    layers = model.kernel_inference.layers
    found = torch.stack([_moved(layer, columns).view(window.shape[1:]) for layer in layers])
    return np.asarray(found.numpy())


def _slope(model: TalkingFace, mel: Tensor) -> Tensor:
    """Derivative `[512, 80 W]` of h2's input by a mel window `[1, 80, W]`."""
    if isinstance(model.lips, LipCodec):  # in two steps, since few numbers stand between
        lips = model.lips
        code = lips.hear(model.audio_net(mel[None]))[0].detach()
        by_sound = _jacobian(lambda one: lips.hear(model.audio_net(one[None]))[0], mel)
        by_code = _jacobian(lambda one: lips.encoder(one[None])[0], code)
        return by_code @ by_sound.flatten(1)
    return _jacobian(lambda one: model.audio_net(one[None])[0], mel).flatten(1)


def _jacobian(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    found = torch.autograd.functional.jacobian(function, at, vectorize=True)
    assert isinstance(found, Tensor)
    return found


def _moved(layer: torch.nn.Module, columns: Tensor) -> Tensor:
    """Norm of each column's image under h2, which is linear: `[512, n]` to `[n]`."""
    with torch.no_grad():
        identity = torch.eye(len(columns), dtype=next(layer.parameters()).dtype)
        weight = (layer(identity) - layer(torch.zeros_like(identity))).double()
        moved: Tensor = ((weight @ weight.T @ columns) * columns).sum(0).clamp(min=0).sqrt()
        return moved


def draw(arrays: Arrays) -> Figure:
    """A map of the window for each layer, and its sums over time and over pitch."""
    moved = arrays["moved"] * 100.0
    layers, _, columns = moved.shape
    figure = Figure(figsize=(2.1 * layers + 3.4, 3.2), layout="constrained")
    axes = figure.subplots(1, layers + 1, width_ratios=[1.0] * layers + [1.5])
    for number, (one, values) in enumerate(zip(axes, moved, strict=False), 1):
        image = one.imshow(values, origin="lower", aspect="auto", cmap="magma", vmin=0.0,
                           vmax=float(moved.max()), extent=_extent(columns))  # fmt: skip
        one.set(title=f"layer {number}", xlabel="time from the frame, ms", yticks=[])
    axes[0].set(yticks=_bins(TICKS), yticklabels=[f"{hz / 1000:g}" for hz in TICKS], ylabel="kHz")
    figure.colorbar(image, ax=axes[layers - 1], label="% of the kernels' spread per dB")
    _sums(axes[layers], moved)
    return figure


def _sums(axes: Axes, moved: NDArray[np.floating]) -> None:
    """All of a column's mel bins moved at once, were their effects independent."""
    time = np.linspace(*_extent(moved.shape[2])[:2], moved.shape[2])
    for number, values in enumerate(moved, 1):
        axes.plot(time, np.sqrt(np.square(values).sum(0)), label=f"layer {number}")
    axes.set(xlabel="time from the frame, ms", ylabel="root of sum of squares", ylim=(0, None))
    axes.legend(fontsize=7)


def _extent(columns: int) -> tuple[float, float, float, float]:
    """Left, right in ms from the frame's middle; bottom, top in mel bins."""
    step = 1000.0 / COLUMNS_PER_SECOND
    last = (WINDOW - 1) / 2 * step  # windows wider than the paper's reach further back only
    return last - (columns - 1) * step, last, 0.0, 80.0


def _bins(hertz: tuple[int, ...]) -> NDArray[np.float64]:
    """Where frequencies lie on the mel axis."""
    bank = mel_filter_bank()
    centres = bank @ np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE) / bank.sum(1)
    return np.asarray(np.interp(hertz, centres, np.arange(len(centres)) + 0.5))
