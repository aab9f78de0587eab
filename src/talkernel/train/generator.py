"""Training of f and h2 (and D) on pairs, the target's lip code in the place of the sound."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from talkernel.face.lips import LipBasis
from talkernel.model.talking_face import LipCodec, TalkingFace, blend
from talkernel.model.unet import Synthesis
from talkernel.train.batch import Batch, collate
from talkernel.train.critics import Critics
from talkernel.train.losses import LAMBDA_REC, mask_loss, reconstruction_loss, total_loss
from talkernel.train.pairs import PairRecipe, Pairs, Sample
from talkernel.train.tracks import Track

EMA_EVERY = 8  # steps between updates of the averaged weights, which cost a pass over memory


@dataclass(frozen=True)
class GeneratorRecipe:
    """How f and h2 are trained.

    Attributes:
        pairs: How samples are drawn.
        steps: Optimiser steps of this stage.
        batch: Samples per step.
        learning_rate: Of Adam; warmed up over the first steps.
        final_rate: Learning rate at the end of the stage, as a share of the first.
        mask_weight: Weight of the mask loss.
        mouth_weight: Reconstruction weight of the lips; the lower face has half of it.
        adversarial: Weight of D's judgement of the mouth (eq. 4); 0 leaves D out.
        reading: Weight of the lip critic's reading; 0 leaves it out.
        critics_warm: Steps over which both weights grow from 0, while the critics learn.
        ema: Decay of the averaged weights that are kept, every `EMA_EVERY` steps.
        workers: Loader processes.
        save_minutes: Between checkpoints.
        seed: Of everything random.
    """

    pairs: PairRecipe = field(default_factory=PairRecipe)
    steps: int = 20_000
    batch: int = 32
    learning_rate: float = 5e-4
    final_rate: float = 1.0
    mask_weight: float = 2.0
    mouth_weight: float = 8.0
    adversarial: float = 0.0
    reading: float = 0.0
    critics_warm: int = 600
    ema: float = 0.99
    workers: int = 1
    save_minutes: float = 4.0
    seed: int = 0


class GeneratorTrainer:
    """One stage of training; resumes from `folder/last.pt` when it is there.

    Args:
        model: The model; its `lips.encoder`, `kernel_inference` and `unet` are trained.
        tracks: Prepared tracks.
        basis: Turns lip shapes into lip codes.
        recipe: How to train.
        folder: Where checkpoints go.
        device: Where to compute.
    """

    def __init__(
        self,
        model: TalkingFace,
        tracks: list[Track],
        basis: LipBasis,
        recipe: GeneratorRecipe,
        folder: Path,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.folder, self.device = recipe, folder, device
        memory: Any = {"memory_format": torch.channels_last}  # which torch's types leave out
        self.model: TalkingFace = model.to(device, **memory)
        self.critics = None
        if recipe.adversarial or recipe.reading:
            self.critics = Critics(torch.from_numpy(basis.importance), device)
        average = get_ema_multi_avg_fn(recipe.ema)
        self.average = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)
        self.step = 0
        trained = [*model.lips.parameters(), *model.kernel_inference.parameters(),
                   *model.unet.parameters()]  # fmt: skip
        rate, betas = recipe.learning_rate, (0.5, 0.99)
        self.optimiser = torch.optim.Adam(trained, rate, betas=betas, fused=True)
        self._resume()
        pairs = Pairs(tracks, basis, recipe.pairs, seed=recipe.seed + self.step)
        self.loader: DataLoader[Sample] = DataLoader(
            pairs, recipe.batch, num_workers=recipe.workers, collate_fn=collate
        )

    def run(self) -> TalkingFace:
        """Train to the end of the stage; returns the averaged model."""
        saved = started = time.monotonic()
        first, running = self.step, dict[str, float]()
        for batch in self.loader:
            if self.step >= self.recipe.steps:
                break
            figures = self._train_step(Batch.of(batch, self.device))
            if self.step % EMA_EVERY == 0:
                self.average.update_parameters(self.model)
            self.step += 1
            _smooth(running, figures)
            if self.step % 50 == 0:
                rate = (self.step - first) * self.recipe.batch / (time.monotonic() - started)
                shown = " ".join(f"{name} {value:.4f}" for name, value in running.items())
                print(f"step {self.step} {shown} {rate:.1f} samples/s", flush=True)
            if time.monotonic() - saved > 60 * self.recipe.save_minutes:
                self.save()
                saved = time.monotonic()
        self.save()
        return cast(TalkingFace, self.average.module)

    def _train_step(self, batch: Batch) -> dict[str, float]:
        self._set_learning_rate()
        result, attention = self._answer(batch)
        weight = batch.weight(self.recipe.mouth_weight)
        losses = {"rec": reconstruction_loss(result, batch.target, weight),
                  "mask": mask_loss(attention, batch.outside)}  # fmt: skip
        if not torch.isfinite(losses["rec"]):
            raise FloatingPointError(f"step {self.step}: the loss is not finite")
        if self.critics:
            losses |= self.critics.train_step(batch, result)
        self.optimiser.zero_grad()
        total_loss(losses, self._weights()).backward()
        self.optimiser.step()
        return {name: value.item() for name, value in losses.items()}

    def _answer(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The blended faces and the attention, forced to 1 where the veil lies."""
        with torch.autocast(self.device, torch.bfloat16):
            told = cast(LipCodec, self.model.lips).encoder(batch.code)
            answer = self.model.unet(batch.seen, self.model.kernel_inference(told))
        answer = Synthesis(*(part.float() for part in answer))
        answer = answer._replace(attention=torch.maximum(answer.attention, batch.hidden))
        return blend(batch.face, answer), answer.attention

    def _weights(self) -> dict[str, float]:
        warm = min(1.0, self.step / max(1, self.recipe.critics_warm))
        return {"rec": LAMBDA_REC, "mask": self.recipe.mask_weight,
                "adversarial": warm * self.recipe.adversarial,
                "reading": warm * self.recipe.reading}  # fmt: skip

    def _set_learning_rate(self) -> None:
        done = self.step / self.recipe.steps
        share = 1.0 + done * (self.recipe.final_rate - 1.0)
        warm = min(1.0, (self.step + 1) / 200)
        self.optimiser.param_groups[0]["lr"] = self.recipe.learning_rate * share * warm

    def save(self) -> None:
        """Write `last.pt`, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "last.pt.part"
        torch.save(self._state(), partial)
        os.replace(partial, self.folder / "last.pt")

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "recipe": dataclasses.asdict(self.recipe),
            "config": self.model.config.to_json(),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "critics": self.critics.state_dict() if self.critics else {},
        }

    def begin_from(self, earlier: Path) -> None:
        """Take over what another stage's `last.pt` learned, unless this stage has begun."""
        if self.step == 0:
            self._take_over(torch.load(earlier, map_location=self.device, weights_only=True))

    def _resume(self) -> None:
        path = self.folder / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self._take_over(state)
        self.step = state["step"]
        self.optimiser.load_state_dict(state["optimiser"])
        print(f"resumed from {path} at step {self.step}", flush=True)

    def _take_over(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        if self.critics and state["critics"]:
            self.critics.load_state_dict(state["critics"])


def _smooth(running: dict[str, float], figures: dict[str, float]) -> None:
    for name, value in figures.items():
        running[name] = running.get(name, value) + 0.02 * (value - running.get(name, value))
