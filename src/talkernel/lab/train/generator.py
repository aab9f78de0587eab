"""Training of f and h2 (and D) on pairs (Section IV-B)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.data import DataLoader

from talkernel.errors import LoaderKilledError
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.batch import Batch, collate
from talkernel.lab.train.checkpoint import save_state
from talkernel.lab.train.conditioning_check import ConditioningCheck
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.lab.train.generator_parts import GeneratorParts
from talkernel.lab.train.losses import LAMBDA_REC, mask_loss, reconstruction_loss, total_loss
from talkernel.lab.train.makers import by_face
from talkernel.lab.train.pairs import Pairs, Sample
from talkernel.lab.train.resumable_sampler import ResumableSampler, single_threaded
from talkernel.lab.train.run_config import GeneratorRun
from talkernel.lab.train.timer import Every
from talkernel.lab.train.train_logger import TrainLogger
from talkernel.model.lip_basis import LipBasis
from talkernel.model.synthesis import Synthesis, blend
from talkernel.model.talking_face import TalkingFace

ELSEWHERE = 0.02  # share of its weight that the mouth keeps where M is not what is painted
WARM = 200  # steps over which the learning rate grows


class GeneratorTrainer:
    """One stage of training; goes on from `out/last.pt` when it is there.

    Args:
        run: What to do.
        tracks: Prepared tracks.
        basis: Turns lip shapes into lip codes.
        fabric: Where to compute.
        twins: Wav2Lip's twins of the tracks.
    """

    def __init__(
        self,
        run: GeneratorRun,
        tracks: Sequence[Track],
        basis: LipBasis,
        fabric: Fabric,
        twins: Sequence[Track] = (),
    ) -> None:
        self.run, self.recipe, self.fabric = run, run.recipe, fabric
        self.parts = GeneratorParts(run, basis, fabric)
        self.step = self.parts.restored
        self.pairs = make_pairs(run, tracks, basis, twins, self.parts.model)
        self.conditioning = ConditioningCheck()

    def train(self) -> TalkingFace:
        """Train to the end of the stage; returns the averaged model."""
        logger = self._journal()
        time_to_save = Every(60 * self.recipe.save_minutes)
        for batch in self._batches():
            figures = self.train_step(batch)
            self.step += 1
            if self.step % self.recipe.ema_every == 0:
                self.parts.average.update_parameters(self.parts.model)
            logger.record(self.step, figures)
            # A reference warped as told moves the mouth, whatever f makes of its kernels.
            if self.step % self.recipe.log_every == 0 and not self.run.model.warped:
                self.conditioning.check(self.step, self.mouth_error, batch, logger)
            if time_to_save():
                self.save()
                logger.pictures(self.step, self.show(batch))
        self.save()
        return cast(TalkingFace, self.parts.average.module)

    def _journal(self) -> TrainLogger:
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
        """What is left of the run; sample number n is the same whoever makes it, and when."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        plan = ResumableSampler(self.step, self.recipe.steps, self.recipe.batch, rank, world)
        loader: DataLoader[Sample] = DataLoader(
            self.pairs,
            batch_sampler=plan,
            collate_fn=collate,
            num_workers=self.recipe.workers,
            worker_init_fn=single_threaded,
        )
        try:
            for parts in loader:
                yield Batch.of(parts, self.fabric.device)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise LoaderKilledError(f"At step {self.step + 1}: {error}") from error

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Learn from one batch; returns its losses."""
        self._set_learning_rate()
        answer = self._answer(batch, self._driving(batch))
        result = blend(batch.face, answer)
        losses = {
            "rec": reconstruction_loss(result, batch.target, self._weight(batch)),
            "mask": mask_loss(answer.attention, batch.outside),
        }
        if self.parts.critics:
            losses |= self.parts.critics.train_step(batch, *self._judged(batch, result))
        self.parts.optimiser.zero_grad()
        self.fabric.backward(total_loss(losses, self._weights()))
        self.parts.optimiser.step()
        return self._figures(losses)

    def _weight(self, batch: Batch) -> Tensor:
        """Of the reconstruction loss; with a warped reference, where M is painted above all."""
        weight = batch.weight(self.recipe.mouth_weight)
        return batch.painted + ELSEWHERE * weight if self.run.model.warped else weight

    def _judged(self, batch: Batch, result: Tensor) -> tuple[Tensor, Tensor]:
        """What D is shown of a result, and about which places it is asked.

        Asked about all that f may draw, D wants the skin's grain, and f, which knows no chance,
        answers with rows of dots. With a warped reference, what is not painted is the target's.
        """
        if self.run.model.warped:
            return batch.target + batch.painted * (result - batch.target), batch.painted
        return result, batch.lips

    def _driving(self, batch: Batch) -> Tensor:
        return batch.speech if self.recipe.drive == "heard" else batch.code

    def _answer(self, batch: Batch, driving: Tensor) -> Synthesis:
        """What f answers, alpha as in use: 1 under the veil."""
        answer = Synthesis.of(cast(Tensor, self.parts.drive(batch, driving)).float())
        return Synthesis(torch.maximum(answer.attention, batch.hidden), answer.motion)

    def mouth_error(self, batch: Batch, shuffled: bool) -> float:
        """L1 at the lips, told their own code or another sample's."""
        own = self._driving(batch)
        with self._looking_on():
            answer = self._answer(batch, own.roll(1, 0) if shuffled else own)
        result = blend(batch.face, answer)
        error = ((result - batch.target).abs() * batch.lips).sum() / batch.lips.sum().clamp(min=1)
        return float(self.fabric.all_reduce(error))  # type: ignore[arg-type]  # one tensor in, one out

    @contextmanager
    def _looking_on(self) -> Iterator[None]:
        """Answers given in here teach nothing, nor move any running statistics."""
        self.parts.drive.eval()
        with torch.no_grad():
            yield
        self.parts.drive.train()

    def _figures(self, losses: dict[str, Tensor]) -> dict[str, float]:
        """Losses over all processes."""
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        shared = cast(Tensor, self.fabric.all_reduce(values))
        return dict(zip(losses, shared.tolist(), strict=True))

    def _weights(self) -> dict[str, float]:
        warm = min(1.0, self.step / max(1, self.recipe.critics_warm))
        return {
            "rec": LAMBDA_REC,
            "mask": self.recipe.mask_weight,
            "adversarial": warm * self.recipe.adversarial,
            "matching": warm * self.recipe.matching,
            "reading": warm * self.recipe.reading,
        }

    def _set_learning_rate(self) -> None:
        done = self.step / self.recipe.steps
        share = 1.0 + done * (self.recipe.final_rate - 1.0)
        warm = min(1.0, (self.step + 1) / WARM)
        self.parts.optimiser.param_groups[0]["lr"] = self.recipe.learning_rate * share * warm

    def show(self, batch: Batch, count: int = 6) -> list[Tensor]:
        """Rows of pictures: what f saw (and its reference), what it made of it, target, masks."""
        with self._looking_on():
            answer = self._answer(batch, self._driving(batch))
        result = blend(batch.face, answer)
        shades = [(2 * mask - 1).expand_as(result) for mask in (answer.attention, batch.painted)]
        rows = [*batch.seen.split(3, dim=1), result, batch.target, *shades]
        return [row[:count] for row in rows]

    def save(self) -> None:
        """Write `last.pt`, whole or not at all."""
        if self.fabric.is_global_zero:
            save_state(self.parts.state(self.step), self.run.out)
        self.fabric.barrier()


def make_pairs(
    run: GeneratorRun,
    tracks: Sequence[Track],
    basis: LipBasis,
    twins: Sequence[Track] = (),
    model: TalkingFace | None = None,
) -> Pairs:
    """The samples that a run learns from; with sound only where the model is given to hear it."""
    front_end = None
    if model is not None and run.recipe.drive == "heard":
        front_end = SpeechFrontEnd.of(run.model, model.speech_encoder)
    return Pairs(
        tracks, basis, run.recipe.pairs, front_end, run.recipe.seed, by_face(twins), run.model
    )
