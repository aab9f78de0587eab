"""Pre-training of AudioNet h1: speech features must carry the lips before kernels can.

AudioNet with a linear head learns to say, from a mel window, the lip code that the face
mesh measured on the picture. The head stays: it is the entrance of `LipCodec`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from talkernel.config import ModelConfig
from talkernel.evaluate.correlation import correlation
from talkernel.face.lips import LipBasis
from talkernel.model.audio_net import build_audio_net
from talkernel.train.audio_augment import augment, hush
from talkernel.train.audio_data import SpeechTable

LAGS = range(-8, 9)  # frames
RARE = 0.02  # share of lip codes below the lowest, and above the highest, that is ever told to f


@dataclass(frozen=True)
class AudioNetRecipe:
    """How AudioNet is pre-trained.

    Attributes:
        steps: Optimiser steps.
        batch: Windows per step.
        learning_rate: Of AdamW; warmed up, then falling as a half cosine.
        weight_decay: Of AdamW.
        max_shift: Columns by which a window may be off its frame, against overfitting.
        silence: Share of windows without speech, for which the mouth is at rest.
        dropout: On AudioNet's features before the head.
        ema: Decay of the averaged weights that are kept.
        seed: Of everything random.
    """

    steps: int = 1200
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    max_shift: int = 1
    silence: float = 0.04
    dropout: float = 0.4
    ema: float = 0.998
    seed: int = 0


class LipReader(nn.Module):
    """AudioNet and the linear head from its features to the lip code.

    Attributes:
        lowest, highest: `[K]` between which nearly all lip codes of its training lie.
    """

    lowest: Tensor
    highest: Tensor

    def __init__(self, config: ModelConfig, dropout: float = 0.0) -> None:
        super().__init__()
        assert config.lip_code is not None
        self.config = config
        self.audio_net = build_audio_net(config)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(config.audio_channels, config.lip_code)
        self.register_buffer("lowest", torch.zeros(config.lip_code))
        self.register_buffer("highest", torch.zeros(config.lip_code))

    def forward(self, mel: Tensor) -> Tensor:
        """Mel windows `[B, 1, 80, W]` to lip codes `[B, K]`."""
        codes: Tensor = self.head(self.dropout(self.audio_net(mel)))
        return codes

    def save(self, path: Path) -> None:
        """Write weights and config."""
        torch.save({"config": self.config.to_json(), "model": self.state_dict()}, path)

    @staticmethod
    def load(path: Path) -> LipReader:
        """Read what `save` wrote."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        reader = LipReader(ModelConfig.from_json(state["config"]))
        reader.load_state_dict(state["model"])
        return reader


def train_lip_reader(
    config: ModelConfig,
    table: SpeechTable,
    held_out: SpeechTable,
    basis: LipBasis,
    recipe: AudioNetRecipe,
) -> LipReader:
    """Train on one table, report on another; returns the averaged weights."""
    torch.manual_seed(recipe.seed)
    model = LipReader(config, recipe.dropout)
    model.lowest.copy_(table.codes.quantile(RARE, dim=0))
    model.highest.copy_(table.codes.quantile(1.0 - RARE, dim=0))
    average = AveragedModel(model, avg_fn=_warming_average(recipe.ema), use_buffers=True)
    averaged = cast(LipReader, average.module)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=recipe.weight_decay)
    importance, started, running = torch.from_numpy(basis.importance), time.monotonic(), math.nan
    for step in range(1, recipe.steps + 1):
        mel, codes = _batch(table, recipe)
        with torch.autocast("cpu", torch.bfloat16):
            guess = model(mel)
        loss = (F.smooth_l1_loss(guess.float(), codes, reduction="none") * importance).mean()
        optimiser.param_groups[0]["lr"] = recipe.learning_rate * _rate(step, recipe.steps)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average.update_parameters(model)
        running = loss.item() if step == 1 else running + 0.01 * (loss.item() - running)
        if step % 100 == 0 or step == recipe.steps:
            seconds = time.monotonic() - started
            heard = score(correlations(averaged, held_out, basis))
            print(f"step {step} loss {running:.4f} held-out {heard} {seconds:.0f} s", flush=True)
    return averaged.eval()


def _rate(step: int, steps: int) -> float:
    """Share of the learning rate: up over 100 steps, down to a hundredth at the end."""
    return min(1.0, step / 100) * (0.5 * (1.0 + math.cos(math.pi * step / steps)) + 0.01)


def _warming_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Moving average whose memory grows with the steps, so that it soon forgets its start."""

    def update(average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        share = 1.0 - min(decay, (1.0 + float(updates)) / (10.0 + float(updates)))
        return average + share * (current - average)

    return update


def _batch(table: SpeechTable, recipe: AudioNetRecipe) -> tuple[Tensor, Tensor]:
    rows, others = table.draw(recipe.batch), table.draw(recipe.batch)
    shift = torch.randint(-recipe.max_shift, recipe.max_shift + 1, (recipe.batch,))
    mel = augment(table.windows(rows, shift), table.windows(others))
    codes = table.codes[rows].clone()
    hushed = torch.rand(recipe.batch) < recipe.silence
    mel[hushed] = hush(mel[hushed])
    codes[hushed] = table.rest
    return mel[:, None], codes


@torch.no_grad()
def correlations(model: LipReader, table: SpeechTable, basis: LipBasis) -> dict[int, list[float]]:
    """Per lag in frames, each track's correlation of the heard with the seen mouth opening.

    At lag k, what is heard is compared with what is seen k frames later.
    """
    was_training = model.training
    model.eval()
    parts = [model(table.windows(rows)[:, None])
             for rows in torch.arange(len(table.start)).split(1024)]  # fmt: skip
    model.train(was_training)
    heard, seen = (basis.opening(codes.numpy()) for codes in (torch.cat(parts), table.codes))
    tracks = [np.flatnonzero(table.track.numpy() == n) for n in range(len(table.names))]
    return {lag: [correlation(heard[rows], seen[rows], lag) for rows in tracks] for lag in LAGS}


def score(by_lag: dict[int, list[float]]) -> str:
    """Mean correlation over tracks at no lag, and at the best for all, in words."""
    means = {lag: float(np.nanmean(values)) for lag, values in by_lag.items()}
    best = max(means, key=lambda lag: means[lag])
    return f"r {means[0]:.3f}, best lag {best}: {means[best]:.3f}"
