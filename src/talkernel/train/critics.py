"""What judges the generated mouths: D, and the lip critic. They learn beside f."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from talkernel.model.discriminator import Discriminator
from talkernel.train.batch import Batch, Told
from talkernel.train.lip_critic import LipCritic, reading_loss
from talkernel.train.losses import adversarial_loss, discriminator_loss

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

    def forward(self, mouths: Tensor, reference: Tensor, read: int) -> tuple[Tensor, Tensor]:
        """D's scores, and lip codes of the first `read`.

        Args:
            mouths: `[B, 3, S, S]` in -1..1.
            reference: The same place in the references, `[B, 3 or 0, S, S]`.
            read: How many to read.
        """
        scores = self.discriminator(with_detail(torch.cat([mouths, reference], 1)))
        return scores.float(), self.reader(mouths[:read]).float()


def with_detail(pictures: Tensor) -> Tensor:
    """Pictures `[B, C, S, S]` and, behind them, what makes them sharp, `[B, 2 C, S, S]`."""
    around = F.pad(pictures, (FINE // 2,) * 4, mode="replicate")
    return torch.cat([pictures, DETAIL * (pictures - F.avg_pool2d(around, FINE, 1))], 1)


class Critics:
    """Both critics, which look at the box around the mouth: nothing else is generated.

    Args:
        importance: `[K]` weight of each component of the lip code.
        rate: Learning rate of both.
        channels: Of what f is shown, face and reference.
    """

    def __init__(self, importance: Tensor, rate: float = 5e-4, channels: int = 3) -> None:
        self.importance = importance
        self.networks = MouthCritics(len(importance), channels)
        self.optimiser: Any = torch.optim.Adam(self.networks.parameters(), rate, betas=(0.5, 0.99))

    def set_up(self, fabric: Fabric) -> None:
        """Put both where f computes."""
        memory: Any = {"memory_format": torch.channels_last}  # which torch's types leave out
        self.networks.to(fabric.device, **memory)
        self.fabric, self.importance = fabric, self.importance.to(fabric.device)
        self.learning, self.optimiser = fabric.setup(self.networks, self.optimiser)

    def train_step(self, batch: Batch, result: Tensor, told: Told) -> dict[str, Tensor]:
        """Learn from one batch, then judge its results.

        Returns:
            f's losses `adversarial` and `reading`, and for the log the critics' own.
        """
        fake, reference = batch.mouths(result), batch.mouths(batch.seen[:, 3:])
        self.networks.requires_grad_(True)
        own, where = self._own_losses(batch, fake.detach(), reference)
        self.optimiser.zero_grad()
        self.fabric.backward(own["critic"] + own["reader"])
        self.optimiser.step()
        self.networks.requires_grad_(False)
        with self.fabric.autocast():  # past Fabric's wrapper: nothing of the critics learns here
            scores, read = self.networks(fake, reference, len(fake))
        return {"adversarial": adversarial_loss(scores, where),
                "reading": reading_loss(read, told.code, self.importance),
                **{name: loss.detach() for name, loss in own.items()}}  # fmt: skip

    def _own_losses(
        self, batch: Batch, fake: Tensor, reference: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """How far D is fooled and how badly real mouths are read; where D's scores count."""
        mouths = torch.cat([batch.mouths(batch.target), fake])
        both: tuple[Tensor, Tensor] = self.learning(mouths, reference.repeat(2, 1, 1, 1), len(fake))
        real_scores, fake_scores = both[0].chunk(2)
        where = _drawn(batch, real_scores)
        losses = {"critic": discriminator_loss(real_scores, fake_scores, batch.genuine, where),
                  "reader": reading_loss(both[1], batch.code, self.importance)}  # fmt: skip
        return losses, where

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {
            "networks": self.networks.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }


def _drawn(batch: Batch, scores: Tensor) -> Tensor:
    """How much of the lower face, where f may draw, lies in each patch that is scored."""
    rows, columns = scores.shape[2:]
    return F.adaptive_avg_pool2d(batch.mouths(batch.lower), (rows, columns))
