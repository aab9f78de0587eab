"""What judges the generated mouths: D, and the lip critic. They learn beside f."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from talkernel.model.discriminator import Discriminator
from talkernel.train.batch import Batch
from talkernel.train.lip_critic import LipCritic, reading_loss
from talkernel.train.losses import adversarial_loss, discriminator_loss


class Critics:
    """Both critics, which look at the box around the mouth: nothing else is generated.

    Args:
        importance: `[K]` weight of each component of the lip code.
        device: Where to compute.
        rate: Learning rate of both.
    """

    def __init__(self, importance: Tensor, device: str, rate: float = 3e-4) -> None:
        memory: Any = {"memory_format": torch.channels_last}  # which torch's types leave out
        self.device, self.importance = device, importance.to(device)
        self.networks = nn.ModuleDict(
            {"discriminator": Discriminator(), "reader": LipCritic(len(importance))}
        ).to(device, **memory)
        self.optimiser = torch.optim.Adam(self.networks.parameters(), rate, betas=(0.5, 0.99))

    def train_step(self, batch: Batch, result: Tensor) -> dict[str, Tensor]:
        """Learn from one batch, then judge its results.

        Returns:
            f's losses `adversarial` and `reading`, and for the log the critics' own.
        """
        real, fake = batch.mouths(batch.target), batch.mouths(result)
        self.networks.requires_grad_(True)
        fooled, misread = self._own_losses(real, fake.detach(), batch.code)
        self.optimiser.zero_grad()
        (fooled + misread).backward()
        self.optimiser.step()
        self.networks.requires_grad_(False)
        scores, read = self._look(fake)
        return {"adversarial": adversarial_loss(scores),
                "reading": reading_loss(read, batch.code, self.importance),
                "critic": fooled.detach(), "reader": misread.detach()}  # fmt: skip

    def _own_losses(self, real: Tensor, fake: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        scores, read = self._look(real)
        with torch.autocast(self.device, torch.bfloat16):
            fake_scores = self.networks["discriminator"](fake)
        fooled = discriminator_loss(scores, fake_scores.float())
        return fooled, reading_loss(read, code, self.importance)

    def _look(self, mouths: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.device, torch.bfloat16):
            scores, read = (self.networks[name](mouths) for name in ("discriminator", "reader"))
        return scores.float(), read.float()

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {
            "networks": self.networks.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.networks.load_state_dict(state["networks"])
        self.optimiser.load_state_dict(state["optimiser"])
