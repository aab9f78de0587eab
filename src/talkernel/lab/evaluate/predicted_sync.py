"""Sync score and offset: the mouth in the video against the mouth that AudioNet predicts.

The package's AudioNet predicts a lip code for every frame from the sound. The model's lip basis
turns the code into a mouth opening. That is correlated with the opening measured in the video,
at several lags. No outside weights are needed.

The predictor is always the package's own model, whatever checkpoint made the video. A video of
ours was driven by the same predictor. Its score says how faithfully the picture follows the
predicted lip code, not whether the code is right. To compare systems, use `r_speech` or LSE.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from talkernel.engine import Engine, load_engine
from talkernel.errors import CheckpointError
from talkernel.lab.evaluate.mouth_motion import correlation
from talkernel.media import SpeechSource
from talkernel.speech.features import SpeechFeatures

LAGS = range(-10, 11)  # frames
BATCH = 256
Array = NDArray[np.float32]


def predicted_sync(opening: Array, predicted: Array) -> dict[str, float]:
    """Correlate a measured mouth opening with the predicted one over lags.

    Args:
        opening: `[T]` measured in the video, NaN where no face is found.
        predicted: `[T]` predicted from the sound.

    Returns:
        `sync_score`: the best correlation over the lags. `sync_offset`: frames by which the
        picture comes after its sound at that lag. Both NaN where nothing can be compared.
    """
    by_lag = {lag: correlation(opening, predicted, -lag) for lag in LAGS}
    finite = {lag: r for lag, r in by_lag.items() if np.isfinite(r)}
    if not finite:
        return {"sync_score": float("nan"), "sync_offset": float("nan")}
    best = max(finite, key=lambda lag: finite[lag])
    return {"sync_score": finite[best], "sync_offset": float(best)}


def predicted_opening(
    speech: SpeechSource, fps: Fraction, frames: int, engine: Engine | None = None
) -> Array:
    """Mouth opening that AudioNet predicts from speech, for the mean face of the lip basis.

    Args:
        speech: The sound.
        fps: Frames a second.
        frames: How many; beyond the end of the sound there is silence.
        engine: The model that predicts; the package's own in float32 if None.

    Returns:
        `[frames]` in canonical units (face radii).

    Raises:
        CheckpointError: The model has no lip basis, so its lip codes have no known opening.
    """
    engine = engine or _own_engine()
    if engine.basis is None:
        raise CheckpointError("The model has no lip basis: no mouth opening can be predicted.")
    features = SpeechFeatures(fps, engine.config, engine.encode)
    windows = [*(features.push(block) for block in speech.blocks()), features.finish(frames)]
    every = np.concatenate(windows)[:frames]
    codes = [engine.predict_lip_code(every[k : k + BATCH]) for k in range(0, frames, BATCH)]
    return engine.basis.opening(np.concatenate(codes))


@cache
def _own_engine() -> Engine:
    """The package's model; float32, so that scores do not depend on the machine's precision."""
    return load_engine("openvino", precision="float32")
