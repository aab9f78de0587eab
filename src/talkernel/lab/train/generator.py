"""Trains generator and kernel predictor on pairs of faces (Section IV-B)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from talkernel.lab.tracks.track import Track
from talkernel.lab.train.batch import Batch, ResumableSampler, load_batches
from talkernel.lab.train.checkpoint import save_state
from talkernel.lab.train.generator_parts import GeneratorParts, make_pairs
from talkernel.lab.train.losses import LAMBDA_REC, mask_loss, reconstruction_loss, total_loss
from talkernel.lab.train.run_config import GeneratorRun
from talkernel.lab.train.train_logger import ConditioningCheck, Timer, TrainLogger
from talkernel.model.lip_basis import LipBasis
from talkernel.model.synthesis import Synthesis, blend
from talkernel.model.talking_face import TalkingFace

ELSEWHERE = 0.02  # factor on the L1 weight outside the painted region, with a warped reference
WARM = 200  # steps over which the learning rate grows from 0


class GeneratorTrainer:
    """One stage of training; resumes from `out/last.pt` if it exists.

    Args:
        run: Config of the run.
        tracks: Prepared tracks.
        basis: Turns lip shapes into lip codes.
        fabric: Where to compute.
        wav2lip_pairs: Tracks synthesised by Wav2Lip from these tracks.
    """

    def __init__(
        self,
        run: GeneratorRun,
        tracks: Sequence[Track],
        basis: LipBasis,
        fabric: Fabric,
        wav2lip_pairs: Sequence[Track] = (),
    ) -> None:
        self.run, self.recipe, self.fabric = run, run.recipe, fabric
        self.parts = GeneratorParts(run, basis, fabric)
        self.step = self.parts.restored
        self.pairs = make_pairs(run, tracks, basis, wav2lip_pairs, self.parts.model)
        self.conditioning = ConditioningCheck()

    def train(self) -> TalkingFace:
        """Train to the end of the stage; returns the averaged model."""
        logger = self._logger()
        time_to_save = Timer(60 * self.recipe.save_minutes)
        for batch in self._batches():
            figures = self.train_step(batch)
            self.step += 1
            if self.step % self.recipe.ema_every == 0:
                self.parts.average.update_parameters(self.parts.model)
            logger.record(self.step, figures)
            # A warped reference moves the mouth even if the generator ignores its kernels, so the
            # check would say nothing.
            if self.step % self.recipe.log_every == 0 and not self.run.model.warped:
                self.conditioning.check(self.step, self.mouth_error, batch, logger)
            if time_to_save():
                self.save()
                logger.pictures(self.step, self.show(batch))
        self.save()
        return cast(TalkingFace, self.parts.average.module)

    def _logger(self) -> TrainLogger:
        recipe, first = self.recipe, self.fabric.is_global_zero
        return TrainLogger(
            self.run.out if first else None,
            self.step,
            recipe.steps,
            recipe.log_every,
            recipe.batch,
            quiet=not first,
        )

    def _batches(self) -> Iterator[Batch]:
        """The remaining batches of the run."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        sampler = ResumableSampler(self.step, self.recipe.steps, self.recipe.batch, rank, world)
        return load_batches(self.pairs, sampler, self.recipe.workers, self.fabric.device)

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Learn from one batch; returns its losses."""
        self._set_learning_rate()
        answer = self._answer(batch, self._condition(batch))
        result = blend(batch.face, answer)
        losses = {
            "rec": reconstruction_loss(result, batch.target, self._weight(batch)),
            "mask": mask_loss(answer.attention, batch.outside),
        }
        if self.parts.critics:
            losses |= self.parts.critics.train_step(batch, *self._criticised(batch, result))
        self.parts.optimiser.zero_grad()
        self.fabric.backward(total_loss(losses, self._weights()))
        self.parts.optimiser.step()
        return self._figures(losses)

    def _weight(self, batch: Batch) -> Tensor:
        """Pixel weights of the reconstruction loss.

        With a warped reference, mainly the painted region counts: elsewhere the motion image is
        replaced by the reference, and a small weight just keeps it plausible.
        """
        weight = batch.weight(self.recipe.mouth_weight)
        return batch.painted + ELSEWHERE * weight if self.run.model.warped else weight

    def _criticised(self, batch: Batch, result: Tensor) -> tuple[Tensor, Tensor]:
        """The faces that the critics see, and the pixel weights of the discriminator's losses.

        Only the lips count. If all of the lower face did, the discriminator would demand the
        grain of the skin, which a generator without noise can only imitate by a regular pattern.
        With a warped reference, only the painted region is generated; the rest is the target's.
        Whole faces, as in the paper, count everywhere.
        """
        if self.recipe.criticised == "face":
            return result, torch.ones_like(batch.lips)
        if self.run.model.warped:
            return batch.target + batch.painted * (result - batch.target), batch.painted
        return result, batch.lips

    def _condition(self, batch: Batch) -> Tensor:
        """What the kernels are predicted from: speech windows, or measured lip codes."""
        return batch.speech if self.recipe.drive == "heard" else batch.code

    def _answer(self, batch: Batch, condition: Tensor) -> Synthesis:
        """The generator's output, with attention 1 under the mouth mask, as in use."""
        answer = Synthesis.of(cast(Tensor, self.parts.drive(batch, condition)).float())
        return Synthesis(torch.maximum(answer.attention, batch.mouth_mask), answer.motion)

    def mouth_error(self, batch: Batch, shuffled: bool) -> float:
        """L1 at the lips, conditioned on each sample's own code or speech, or another sample's."""
        own = self._condition(batch)
        with self._evaluating():
            answer = self._answer(batch, own.roll(1, 0) if shuffled else own)
        result = blend(batch.face, answer)
        error = ((result - batch.target).abs() * batch.lips).sum() / batch.lips.sum().clamp(min=1)
        return float(self.fabric.all_reduce(error))  # type: ignore[arg-type]  # one tensor in and out

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Evaluation mode without gradients; running statistics stay as they are."""
        self.parts.drive.eval()
        with torch.no_grad():
            yield
        self.parts.drive.train()

    def _figures(self, losses: dict[str, Tensor]) -> dict[str, float]:
        """Losses averaged over all processes."""
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        mean = cast(Tensor, self.fabric.all_reduce(values))
        return dict(zip(losses, mean.tolist(), strict=True))

    def _weights(self) -> dict[str, float]:
        """Weights of the losses at this step."""
        warm = min(1.0, self.step / max(1, self.recipe.critics_warm))
        return {
            "rec": LAMBDA_REC,
            "mask": self.recipe.mask_weight,
            "adversarial": warm * self.recipe.adversarial,
            "matching": warm * self.recipe.matching,
            "reading": warm * self.recipe.reading,
        }

    def _set_learning_rate(self) -> None:
        """Linear from the first to the final rate, after a warm-up."""
        done = self.step / self.recipe.steps
        factor = 1.0 + done * (self.recipe.final_rate - 1.0)
        warm = min(1.0, (self.step + 1) / WARM)
        self.parts.optimiser.param_groups[0]["lr"] = self.recipe.learning_rate * factor * warm

    def show(self, batch: Batch, count: int = 6) -> list[Tensor]:
        """Rows of pictures for the log: input, reference if any, result, target, masks."""
        with self._evaluating():
            answer = self._answer(batch, self._condition(batch))
        result = blend(batch.face, answer)
        masks = [(2 * mask - 1).expand_as(result) for mask in (answer.attention, batch.painted)]
        rows = [*batch.network_input.split(3, dim=1), result, batch.target, *masks]
        return [row[:count] for row in rows]

    def save(self) -> None:
        """Write `last.pt`, from the first process only."""
        if self.fabric.is_global_zero:
            save_state(self.parts.state(self.step), self.run.out)
        self.fabric.barrier()
