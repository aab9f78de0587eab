"""What judges the generated mouths: D, and the lip critic. They learn beside f."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from talkernel.lab.train.batch import Batch
from talkernel.lab.train.lip_critic import LipCritic, reading_loss
from talkernel.lab.train.losses import adversarial_loss, discriminator_loss, matching_loss
from talkernel.model.discriminator import Discriminator

FINE = 5  # pixels: side of the mean from which detail is told
DETAIL = 10.0  # factor on it, for D to see it beside light and shade


class MouthCritics(nn.Module):
    """D and the lip critic as one module.

    D also sees a reference of the person, if there is one, which tells how sharp the picture is.

    Args:
        code: Length of the lip code.
        channels: Of faces and, behind them, their references.
    """

    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.discriminator = Discriminator(channels=2 * channels)
        self.reader = LipCritic(code)

    def forward(self, mouths: Tensor, reference: Tensor, read: int) -> tuple[list[Tensor], Tensor]:
        """What D sees, and lip codes of the first `read`.

        Args:
            mouths: `[B, 3, S, S]` in -1..1.
            reference: The same place in the references, `[B, 3 or 0, S, S]`.
            read: How many to read.
        """
        return self.seen(mouths, reference), self.reader(mouths[:read]).float()

    def seen(self, mouths: Tensor, reference: Tensor) -> list[Tensor]:
        """D's features, the scores last."""
        detailed = with_detail(torch.cat([mouths, reference], 1))
        return [part.float() for part in self.discriminator.features(detailed)]


def with_detail(pictures: Tensor) -> Tensor:
    """Pictures `[B, C, S, S]` and, behind them, what makes them sharp, `[B, 2 C, S, S]`."""
    around = F.pad(pictures, (FINE // 2,) * 4, mode="replicate")
    return torch.cat([pictures, DETAIL * (pictures - F.avg_pool2d(around, FINE, 1))], 1)


class Looked(NamedTuple):
    """Boxes around the mouths: targets, f's, their references, and where f is judged."""

    real: Tensor
    fake: Tensor
    reference: Tensor
    where: Tensor


class Critics:
    """Both critics, which look at the box around the mouth: nothing else is generated.

    Args:
        importance: `[K]` weight of each component of the lip code.
        rate: Learning rate of both.
        channels: Of what f is shown, face and reference.
        matching: Whether f is held to what D sees in the targets; costs a pass of D.
    """

    def __init__(
        self, importance: Tensor, rate: float = 5e-4, channels: int = 3, matching: bool = True
    ) -> None:
        self.importance, self.matching = importance, matching
        self.networks = MouthCritics(len(importance), channels)
        self.optimiser: Any = torch.optim.Adam(self.networks.parameters(), rate, betas=(0.5, 0.99))

    def set_up(self, fabric: Fabric) -> None:
        """Put both where f computes."""
        memory: Any = {"memory_format": torch.channels_last}  # which torch's types leave out
        self.networks.to(fabric.device, **memory)
        self.fabric, self.importance = fabric, self.importance.to(fabric.device)
        self.learning, self.optimiser = fabric.setup(self.networks, self.optimiser)

    def train_step(self, batch: Batch, result: Tensor, where: Tensor) -> dict[str, Tensor]:
        """Learn from one batch, then judge its results.

        Args:
            batch: Targets and references.
            result: `[B, 3, S, S]`.
            where: `[B, 1, S, S]` in 0..1, how far D is asked about each place.

        Returns:
            f's losses `adversarial`, `matching` where wanted, `reading`; for the log the critics'.
        """
        looked = Looked(*map(batch.mouths, (batch.target, result, batch.seen[:, 3:], where)))
        self.networks.requires_grad_(True)
        own = self._own_losses(batch, looked)
        self.optimiser.zero_grad()
        self.fabric.backward(own["critic"] + own["reader"])
        self.optimiser.step()
        self.networks.requires_grad_(False)
        with self.fabric.autocast():  # past Fabric's wrapper: nothing of the critics learns here
            judged = self._judged(batch, looked)
        return judged | {name: loss.detach() for name, loss in own.items()}

    def _own_losses(self, batch: Batch, looked: Looked) -> dict[str, Tensor]:
        """How far D is fooled, and how badly real mouths are read."""
        mouths = torch.cat([looked.real, looked.fake.detach()])
        both = looked.reference.repeat(2, 1, 1, 1)
        features, read = self.learning(mouths, both, len(looked.real))
        real, fake = features[-1].chunk(2)
        where = pooled(looked.where, real)
        return {
            "critic": discriminator_loss(real, fake, batch.genuine, where),
            "reader": reading_loss(read, batch.code, self.importance),
        }

    def _judged(self, batch: Batch, looked: Looked) -> dict[str, Tensor]:
        """What both say of f's mouths."""
        found, read = self.networks(looked.fake, looked.reference, len(looked.fake))
        *wheres, where = (pooled(looked.where, part) for part in found)
        losses = {
            "adversarial": adversarial_loss(found[-1], where),
            "reading": reading_loss(read, batch.code, self.importance),
        }
        if self.matching:
            with torch.no_grad():
                wanted = self.networks.seen(looked.real, looked.reference)
            losses["matching"] = matching_loss(found[:-1], wanted[:-1], wheres, batch.genuine)
        return losses

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {"networks": self.networks.state_dict(), "optimiser": self.optimiser.state_dict()}


def pooled(where: Tensor, features: Tensor) -> Tensor:
    """How far each patch that a feature sees counts, `[B, 1, h, w]`."""
    rows, columns = features.shape[2:]
    return F.adaptive_avg_pool2d(where, (rows, columns))
