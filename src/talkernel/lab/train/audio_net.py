"""Pre-trains the audio network: predict the lip code from a window of speech features.

The target is the lip code that the face mesh measured on the picture. A linear head on the audio
network's features predicts it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from talkernel.lab.train.audio_data import SpeechTable
from talkernel.lab.train.checkpoint import LAST, load_state, save_state
from talkernel.lab.train.contrast import SpeechBatch, SyncHead, draw
from talkernel.lab.train.distributed import launch
from talkernel.lab.train.lip_reader import LipReader, best_of, correlations
from talkernel.lab.train.recipes import AudioNetRecipe
from talkernel.lab.train.run_config import Hardware
from talkernel.lab.train.train_logger import Timer, TrainLogger
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.model.speech_encoder import SpeechEncoder

WARM = 100  # steps over which the learning rate grows from 0
STRIDE = 1_000_003  # distance between the seeds of two runs


def train_lip_reader(
    config: ModelConfig,
    encoder: SpeechEncoder | None,
    table: SpeechTable,
    held_out: SpeechTable,
    basis: LipBasis,
    recipe: AudioNetRecipe,
    fabric: Fabric | None = None,
    folder: Path | None = None,
) -> LipReader:
    """Train on one table, and report results on another.

    Args:
        config: The model's shape.
        encoder: The speech encoder that made the tables' speech features.
        table: Training data.
        held_out: Data of other people.
        basis: Turns lip codes into lip shapes.
        recipe: How to train.
        fabric: Where to compute; None: on the CPU.
        folder: Folder of checkpoints and curves; an interrupted run resumes from it. None: write
            neither.

    Returns:
        The moving average of the weights.
    """
    fabric = fabric or launch(Hardware(accelerator="cpu"))
    trainer = AudioNetTrainer(config, encoder, table, basis, recipe, fabric, folder)
    return trainer.train(held_out)


@dataclass
class AudioNetTrainer:
    """One run of the pre-training; for the attributes see `train_lip_reader`."""

    config: ModelConfig
    encoder: SpeechEncoder | None
    table: SpeechTable
    basis: LipBasis
    recipe: AudioNetRecipe
    fabric: Fabric
    folder: Path | None

    def __post_init__(self) -> None:
        assert self.config.lip_code is not None
        torch.manual_seed(self.recipe.seed)
        model = LipReader(self.config, self.encoder, self.recipe.dropout)
        model.store_range(self.table.codes, self.table.rest)
        self.data = self.table.centred() if self.recipe.centred else self.table
        self.sync = SyncHead(self.config.audio_channels, self.config.lip_code)
        self.average = AveragedModel(
            model, avg_fn=_warming_average(self.recipe.ema), use_buffers=True
        ).to(self.fabric.device)
        self.bare, self.step = model, 0
        parts = torch.nn.ModuleDict({"reader": model, "sync": self.sync})
        self.optimiser: Any = torch.optim.AdamW(
            [part for part in parts.parameters() if part.requires_grad],
            weight_decay=self.recipe.weight_decay,
        )
        self.model, self.optimiser = self.fabric.setup(model, self.optimiser)
        self.sync.to(self.fabric.device)
        self.importance = torch.from_numpy(self.basis.importance).to(self.fabric.device)
        self._resume()

    def train(self, held_out: SpeechTable) -> LipReader:
        """Train to the end; returns the moving average of the weights."""
        recipe, averaged = self.recipe, cast(LipReader, self.average.module)
        logger = TrainLogger(self.folder, self.step, recipe.steps, recipe.log_every, recipe.batch)
        time_to_save = Timer(60 * recipe.save_minutes)
        while self.step < recipe.steps:
            figures = self.train_step()
            self.step += 1
            self.average.update_parameters(self.bare)
            logger.record(self.step, figures)
            if self.step % recipe.log_every == 0 or self.step == recipe.steps:
                results = best_of(correlations(averaged, held_out, self.basis))
                logger.line("held out: " + ", ".join(f"{n} {v:.3f}" for n, v in results.items()))
                logger.curve(self.step, {f"held out {n}": v for n, v in results.items()})
            if time_to_save():
                self._save()
        self._save()
        return averaged.eval().cpu()

    def train_step(self) -> dict[str, float]:
        """Learn from one batch, drawn with a seed for this step; returns its losses."""
        torch.manual_seed(self.recipe.seed * STRIDE + self.step)
        parts = draw(self.data, self.recipe)
        batch = SpeechBatch(*(part.to(self.fabric.device) for part in parts))
        codes, features = self.model(batch.speech)
        error = F.smooth_l1_loss(codes.float(), batch.codes, reduction="none")
        losses = {"loss": (error * self.importance).mean()}
        if self.recipe.contrast:
            losses["contrast"] = self.sync(features.float(), batch.movement)
        self._set_learning_rate()
        self.optimiser.zero_grad()
        total = losses["loss"] + self.recipe.contrast * losses.get("contrast", 0.0)
        self.fabric.backward(total)
        self.optimiser.step()
        return {name: value.item() for name, value in losses.items()}

    def _set_learning_rate(self) -> None:
        """Linear warm-up, then a half cosine down to a hundredth."""
        step, steps = self.step + 1, self.recipe.steps
        factor = min(1.0, step / WARM) * (0.5 * (1.0 + math.cos(math.pi * step / steps)) + 0.01)
        self.optimiser.param_groups[0]["lr"] = self.recipe.learning_rate * factor

    def _save(self) -> None:
        if self.folder is not None:
            save_state(
                {
                    "step": self.step,
                    "model": self.bare.state_dict(),
                    "sync": self.sync.state_dict(),
                    "average": self.average.state_dict(),
                    "optimiser": self.optimiser.state_dict(),
                },
                self.folder,
            )

    def _resume(self) -> None:
        if self.folder is None or not (self.folder / LAST).exists():
            return
        state = load_state(self.folder / LAST)
        self.step = state["step"]
        self.bare.load_state_dict(state["model"])
        for name in ("sync", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        print(f"Resuming from {self.folder / LAST} at step {self.step}.", flush=True)


def _warming_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Moving average whose memory grows with the steps, so that the first ones are forgotten."""

    def update(average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        weight = 1.0 - min(decay, (1.0 + float(updates)) / (10.0 + float(updates)))
        return average + weight * (current - average)

    return update
