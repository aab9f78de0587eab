"""Pre-training of AudioNet h1: speech features must carry the lips before kernels can.

AudioNet with a linear head learns to say, from 0.2 s of sound, the lip code that the face
mesh measured on the picture. The head stays: it is the entrance of `LipCodec`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from talkernel.evaluate.correlation import correlation
from talkernel.face.lips import LipBasis
from talkernel.model.audio_net import AudioNet
from talkernel.train.audio_data import SpeechTable, augment, hush

Array = NDArray[np.float32]


@dataclass(frozen=True)
class AudioNetRecipe:
    """How AudioNet is pre-trained.

    Attributes:
        steps: Optimiser steps.
        batch: Windows per step.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: Of AdamW.
        max_shift: Columns by which a window may be off its frame, against overfitting.
        silence: Share of windows without speech, for which the mouth is at rest.
        dropout: On AudioNet's features before the head.
        ema: Decay of the averaged weights that are kept.
        seed: Of everything random.
    """

    steps: int = 4000
    batch: int = 256
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    max_shift: int = 1
    silence: float = 0.04
    dropout: float = 0.3
    ema: float = 0.998
    seed: int = 0


class LipReader(nn.Module):
    """AudioNet and the linear head from its features to the lip code."""

    def __init__(self, channels: int, code: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.audio_net = AudioNet(channels)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, code)

    def forward(self, mel: Tensor) -> Tensor:
        """Mel windows `[B, 1, 80, W]` to lip codes `[B, K]`."""
        codes: Tensor = self.head(self.dropout(self.audio_net(mel)))
        return codes


def train_lip_reader(
    table: SpeechTable, held_out: SpeechTable, basis: LipBasis, recipe: AudioNetRecipe, out: Path
) -> LipReader:
    """Train on one table, report on another, and write the averaged weights to `out`.

    Weights already at `out` are the start.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    model = LipReader(512, table.codes.shape[1], recipe.dropout)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if out.exists():
        model.load_state_dict(torch.load(out, weights_only=True))
    average = AveragedModel(model, avg_fn=_warming_average(recipe.ema), use_buffers=True)
    averaged = cast(LipReader, average.module)
    optimiser = torch.optim.AdamW(
        model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, recipe.steps)
    weight = torch.from_numpy(basis.importance)
    started, running = time.monotonic(), 0.0
    for step in range(1, recipe.steps + 1):
        mel, codes = _batch(table, recipe, rng)
        with torch.autocast("cpu", torch.bfloat16):
            guess = model(mel)
        loss = (F.smooth_l1_loss(guess.float(), codes, reduction="none") * weight).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        average.update_parameters(model)
        running += 0.01 * (loss.item() - running) if step > 1 else loss.item()
        if step % 200 == 0 or step == recipe.steps:
            seen = evaluate(averaged, held_out, basis)
            print(f"step {step} loss {running:.4f} held-out {seen} "
                  f"{time.monotonic() - started:.0f} s", flush=True)  # fmt: skip
            torch.save(averaged.state_dict(), out)
    return averaged


def _warming_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Moving average whose memory grows with the steps, so that it soon forgets its start."""

    def update(average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        share = 1.0 - min(decay, (1.0 + float(updates)) / (10.0 + float(updates)))
        return average + share * (current - average)

    return update


def _batch(
    table: SpeechTable, recipe: AudioNetRecipe, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    rows = rng.integers(0, len(table.start), recipe.batch)
    others = rng.integers(0, len(table.start), recipe.batch)
    shift = int(rng.integers(-recipe.max_shift, recipe.max_shift + 1))
    mel = augment(table.windows(rows, shift), table.windows(others), rng)
    codes = table.codes[rows].copy()
    hushed = rng.random(recipe.batch) < recipe.silence
    mel[hushed] = hush(mel[hushed], rng)
    codes[hushed] = table.rest
    windows = torch.from_numpy(mel)[:, None].contiguous(memory_format=torch.channels_last)
    return windows, torch.from_numpy(codes)


@torch.no_grad()
def evaluate(model: LipReader, table: SpeechTable, basis: LipBasis) -> dict[str, float]:
    """Correlation of heard with seen mouth opening, per track, at the best and at no lag."""
    model.eval()
    rows = np.arange(len(table.start))
    parts = [model(torch.from_numpy(table.windows(part))[:, None])
             for part in np.array_split(rows, max(1, len(rows) // 512))]  # fmt: skip
    model.train()
    heard = basis.opening(torch.cat(parts).numpy())
    seen = basis.opening(table.codes)
    numbers = [table.track == n for n in np.unique(table.track)]
    lags = {lag: np.mean([correlation(heard[n], seen[n], lag) for n in numbers])
            for lag in range(-3, 4)}  # fmt: skip
    best = max(lags, key=lambda lag: float(lags[lag]))
    return {"r": round(float(lags[0]), 3), "best_lag": best, "r_best": round(float(lags[best]), 3),
            "amplitude": round(float(heard.std() / seen.std()), 3)}  # fmt: skip
