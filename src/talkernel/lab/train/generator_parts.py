"""What a generator's training consists of, how it is set up, kept, and taken up again."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from talkernel.lab.train.batch_norm import share_statistics
from talkernel.lab.train.checkpoint import LAST, load_start, take_weights
from talkernel.lab.train.critics import Critics
from talkernel.lab.train.drive import HeardDrive, SeenDrive
from talkernel.lab.train.lip_reader import LipReader
from talkernel.lab.train.run_config import GeneratorRun, to_yaml
from talkernel.model.lip_basis import LipBasis
from talkernel.model.talking_face import LipCodec, TalkingFace


class GeneratorParts:
    """The model, its average, its critics and their optimisers, where they compute.

    Args:
        run: What is to be done; where it has begun already, its `last.pt` is taken up, else
            the weights of the stage that it starts from.
        basis: What the lip codes mean.
        fabric: Where to compute.

    Attributes:
        model: The model.
        average: Its averaged weights, which are kept.
        drive: Its trained part, which Fabric knows of.
        optimiser: Of the trained part.
        critics: D and the lip critic, or None where neither has a weight.
        restored: Steps that were done before.
    """

    def __init__(self, run: GeneratorRun, basis: LipBasis, fabric: Fabric) -> None:
        self.run, self.restored = run, 0
        torch.manual_seed(run.recipe.seed)
        self.model = TalkingFace(run.model)
        if run.recipe.drive == "seen":
            self.model.speech_encoder = None  # nobody listens
        elif run.audio_net is not None:
            LipReader.load(run.audio_net).install_into(self.model)
        self.critics = None
        if run.recipe.adversarial or run.recipe.reading:
            importance = torch.from_numpy(basis.importance)
            self.critics = Critics(
                importance, channels=run.model.face_shape[0], matching=run.recipe.matching > 0
            )
        self.average = AveragedModel(
            self.model, multi_avg_fn=get_ema_multi_avg_fn(run.recipe.ema), use_buffers=True
        )
        state = self._restore_weights()
        for model in (self.model, self.average.module):
            assert isinstance(model, TalkingFace)
            if isinstance(model.lips, LipCodec) and model.lips.basis is not None:
                model.lips.basis.set(basis)
        self._set_up(fabric)
        if state is not None:
            self._restore_progress(state)

    def _set_up(self, fabric: Fabric) -> None:
        """Put everything where it computes."""
        if fabric.world_size > 1:
            share_statistics(self.model)
        memory: Any = {"memory_format": torch.channels_last}  # which torch's types leave out
        self.model.to(fabric.device, **memory)
        self.average.to(fabric.device)
        recipe, drive = self.run.recipe, self._trained_part()
        learned = [parameter for parameter in drive.parameters() if parameter.requires_grad]
        adam = torch.optim.Adam(learned, recipe.learning_rate, betas=(0.5, 0.99), fused=True)
        self.drive, self.optimiser = fabric.setup(drive.train(), adam)
        if self.critics:
            self.critics.set_up(fabric)

    def _trained_part(self) -> nn.Module:
        if self.run.recipe.drive == "heard":
            return HeardDrive(self.model, self.run.recipe.tuned)
        return SeenDrive(self.model, self.run.recipe.kernels)

    def state(self, step: int) -> dict[str, Any]:
        """A checkpoint after some steps.

        The step is also the place in the data: see `ResumableSampler`. Nothing else is random.
        """
        return {
            "step": step,
            "run": to_yaml(self.run),
            "config": self.model.config.to_json(),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "critics": self.critics.state_dict() if self.critics else {},
        }

    def _restore_weights(self) -> dict[str, Any] | None:
        """Take over this stage's weights and return its state, or begin from another stage's."""
        begun = self.run.out / LAST
        source = begun if begun.exists() else self.run.start
        if source is None:
            return None
        state = load_start(source)
        take_weights(self.model, state["model"])
        take_weights(self.average, state["average"])
        if self.critics and state["critics"]:
            take_weights(self.critics.networks, state["critics"]["networks"])
        return state if source == begun else None

    def _restore_progress(self, state: dict[str, Any]) -> None:
        self.restored = int(state["step"])
        if state["optimiser"]:  # a bundle leaves it behind
            self.optimiser.load_state_dict(state["optimiser"])
            if self.critics and state["critics"]:
                self.critics.optimiser.load_state_dict(state["critics"]["optimiser"])
        print(f"goes on from {self.run.out / LAST} at step {self.restored}", flush=True)
