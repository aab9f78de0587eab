"""Trains discriminator and lip critic beside the generator, and computes the losses they add."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor

from talkernel.lab.train.batch import Batch
from talkernel.lab.train.critic_networks import MouthCritics
from talkernel.lab.train.losses import (
    adversarial_loss,
    discriminator_loss,
    matching_loss,
    reading_loss,
)


class Criticised(NamedTuple):
    """What the critics see, `[B, C, S, S]` each: boxes around the mouths, or whole faces.

    Attributes:
        real: Of the targets.
        fake: Of the generated faces.
        reference: Of the references; 0 channels without.
        where: Weight of each pixel in the discriminator's losses, 0..1.
    """

    real: Tensor
    fake: Tensor
    reference: Tensor
    where: Tensor


class Critics:
    """Both critics with their optimiser.

    Args:
        importance: `[K]` weight of each component of the lip code.
        rate: Learning rate of both.
        channels: Channels of the generator's input, face and reference.
        matching: Whether to compute the feature matching loss, which costs another pass of the
            discriminator.
        whole: Whether they see whole faces, instead of the box around the mouth only.
    """

    def __init__(
        self,
        importance: Tensor,
        rate: float = 5e-4,
        channels: int = 3,
        matching: bool = True,
        whole: bool = False,
    ) -> None:
        self.importance, self.matching, self.whole = importance, matching, whole
        self.networks = MouthCritics(len(importance), channels)
        self.optimiser: Any = torch.optim.Adam(self.networks.parameters(), rate, betas=(0.5, 0.99))

    def set_up(self, fabric: Fabric) -> None:
        """Move both to the device of a run."""
        memory: Any = {"memory_format": torch.channels_last}  # missing in torch's type hints
        self.networks.to(fabric.device, **memory)
        self.fabric, self.importance = fabric, self.importance.to(fabric.device)
        self.learning, self.optimiser = fabric.setup(self.networks, self.optimiser)

    def train_step(self, batch: Batch, result: Tensor, where: Tensor) -> dict[str, Tensor]:
        """Train the critics on one batch, then compute their losses for the generator.

        Args:
            batch: Targets and references.
            result: Generated faces `[B, 3, S, S]`.
            where: `[B, 1, S, S]` in 0..1, weight of each pixel in the discriminator's losses.

        Returns:
            The generator's losses `adversarial`, `reading` and, if wanted, `matching`; and,
            detached, the critics' own losses `critic` and `reader` for the log.
        """
        parts = (batch.target, result, batch.network_input[:, 3:], where)
        boxes = Criticised(*(parts if self.whole else map(batch.mouths, parts)))
        self.networks.requires_grad_(True)
        own = self._own_losses(batch, boxes)
        self.optimiser.zero_grad()
        self.fabric.backward(own["critic"] + own["reader"])
        self.optimiser.step()
        self.networks.requires_grad_(False)
        with self.fabric.autocast():  # bypasses Fabric's wrapper: the critics are fixed here
            losses = self._generator_losses(batch, boxes)
        return losses | {name: loss.detach() for name, loss in own.items()}

    def _own_losses(self, batch: Batch, boxes: Criticised) -> dict[str, Tensor]:
        """The discriminator's loss, and the lip critic's on real mouths."""
        mouths = torch.cat([boxes.real, boxes.fake.detach()])
        both = boxes.reference.repeat(2, 1, 1, 1)
        features, read = self.learning(mouths, both, len(boxes.real))
        real, fake = features[-1].chunk(2)
        where = pooled(boxes.where, real)
        return {
            "critic": discriminator_loss(real, fake, batch.genuine, where),
            "reader": reading_loss(read, batch.code, self.importance),
        }

    def _generator_losses(self, batch: Batch, boxes: Criticised) -> dict[str, Tensor]:
        """The losses of the generated mouths."""
        found, read = self.networks(boxes.fake, boxes.reference, len(boxes.fake))
        *wheres, where = (pooled(boxes.where, part) for part in found)
        losses = {
            "adversarial": adversarial_loss(found[-1], where),
            "reading": reading_loss(read, batch.code, self.importance),
        }
        if self.matching:
            with torch.no_grad():
                wanted = self.networks.features(boxes.real, boxes.reference)
            losses["matching"] = matching_loss(found[:-1], wanted[:-1], wheres, batch.genuine)
        return losses

    def state_dict(self) -> dict[str, Any]:
        """Weights and optimiser state, to resume from."""
        return {"networks": self.networks.state_dict(), "optimiser": self.optimiser.state_dict()}


def pooled(where: Tensor, features: Tensor) -> Tensor:
    """Reduce the weights of pixels to weights of features, `[B, 1, h, w]`."""
    rows, columns = features.shape[2:]
    return F.adaptive_avg_pool2d(where, (rows, columns))
