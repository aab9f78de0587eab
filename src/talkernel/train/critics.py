"""What judges the generated mouths: D, and the lip critic. They learn beside f."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from talkernel.model.discriminator import Discriminator
from talkernel.train.batch import Batch
from talkernel.train.lip_critic import LipCritic, reading_loss
from talkernel.train.losses import adversarial_loss, discriminator_loss


class MouthCritics(nn.Module):
    """D and the lip critic as one module.

    Args:
        code: Length of the lip code.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        self.discriminator = Discriminator()
        self.reader = LipCritic(code)

    def forward(self, mouths: Tensor, read: int) -> tuple[Tensor, Tensor]:
        """Mouths `[B, 3, 96, 96]` in -1..1 to D's scores, and lip codes of the first `read`."""
        return self.discriminator(mouths), self.reader(mouths[:read])


class Critics:
    """Both critics, which look at the box around the mouth: nothing else is generated.

    Args:
        importance: `[K]` weight of each component of the lip code.
        rate: Learning rate of both.
    """

    def __init__(self, importance: Tensor, rate: float = 3e-4) -> None:
        self.importance = importance
        self.networks = MouthCritics(len(importance))
        self.optimiser: Any = torch.optim.Adam(self.networks.parameters(), rate, betas=(0.5, 0.99))

    def set_up(self, fabric: Fabric) -> None:
        """Put both where f computes."""
        memory: Any = {"memory_format": torch.channels_last}  # which torch's types leave out
        self.networks.to(fabric.device, **memory)
        self.fabric, self.importance = fabric, self.importance.to(fabric.device)
        self.learning, self.optimiser = fabric.setup(self.networks, self.optimiser)

    def train_step(self, batch: Batch, result: Tensor) -> dict[str, Tensor]:
        """Learn from one batch, then judge its results.

        Returns:
            f's losses `adversarial` and `reading`, and for the log the critics' own.
        """
        real, fake = batch.mouths(batch.target), batch.mouths(result)
        self.networks.requires_grad_(True)
        fooled, misread = self._own_losses(real, fake.detach(), batch)
        self.optimiser.zero_grad()
        self.fabric.backward(fooled + misread)
        self.optimiser.step()
        self.networks.requires_grad_(False)
        with self.fabric.autocast():  # past Fabric's wrapper: nothing of the critics learns here
            scores, read = self.networks(fake, len(fake))
        return {"adversarial": adversarial_loss(scores.float()),
                "reading": reading_loss(read.float(), batch.code, self.importance),
                "critic": fooled.detach(), "reader": misread.detach()}  # fmt: skip

    def _own_losses(self, real: Tensor, fake: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        both: tuple[Tensor, Tensor] = self.learning(torch.cat([real, fake]), len(real))
        scores, read = both
        real_scores, fake_scores = scores.float().chunk(2)
        fooled = discriminator_loss(real_scores, fake_scores, batch.genuine)
        return fooled, reading_loss(read.float(), batch.code, self.importance)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {
            "networks": self.networks.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
