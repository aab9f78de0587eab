"""Sync of sound and mouth by our own AudioNet: no outside weights are needed.

What the package's AudioNet hears in the sound is a lip code; the opening of that mouth is
compared with the opening seen, at several lags. The judge is always the package's own AudioNet,
whatever checkpoint made the video. A video of ours was driven by that same ear, so that its
score says how faithfully the picture obeys the code, not how right the code is: across systems
use `r_speech`, or SyncNet's LSE.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.correlation import correlation
from talkernel.media import SpeechSource
from talkernel.model.lip_basis import LipBasis
from talkernel.model.weights import default_weights
from talkernel.speech.features import SpeechFeatures

LAGS = range(-10, 11)  # frames
BATCH = 256
Array = NDArray[np.float32]


def sync(opening: Array, heard: Array) -> dict[str, float]:
    """How well a mouth seen `[T]` agrees with a mouth heard `[T]`.

    Returns:
        `sync_score`: the best correlation over lags; `sync_offset`: frames by which the picture
        comes after its sound there; NaN where nothing can be compared.
    """
    by_lag = {lag: correlation(opening, heard, -lag) for lag in LAGS}
    finite = {lag: r for lag, r in by_lag.items() if np.isfinite(r)}
    if not finite:
        return {"sync_score": float("nan"), "sync_offset": float("nan")}
    best = max(finite, key=lambda lag: finite[lag])
    return {"sync_score": finite[best], "sync_offset": float(best)}


def heard_opening(speech: SpeechSource, fps: Fraction, frames: int) -> Array:
    """Mouth opening `[frames]`, canonical units, that the package's AudioNet hears."""
    import torch

    model = _model()
    features = SpeechFeatures(fps, model.config, model.encode)
    windows = [*(features.push(block) for block in speech.blocks()), features.flush(frames)]
    heard = torch.from_numpy(np.concatenate(windows)[:frames])
    with torch.inference_mode():
        codes = [model.lips.predict_lip_code(model.audio_net(part)) for part in heard.split(BATCH)]
    return lip_basis().opening(torch.cat(codes).numpy())


@cache
def lip_basis() -> LipBasis:
    """The basis of the default weights' lip codes; new weights of another basis bring theirs."""
    with (files("talkernel.face") / "lip_basis.npz").open("rb") as file:
        return LipBasis.load(file)


@cache
def _model() -> Any:  # LipCodec is known to torch as any module
    from talkernel.model.checkpoint import load_model

    return load_model(default_weights()).eval()
