"""State of a generator's training: networks and optimisers, how they start, save and resume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from talkernel.lab.tracks.track import Track
from talkernel.lab.train.checkpoint import LAST, load_start, take_weights
from talkernel.lab.train.critics import Critics
from talkernel.lab.train.distributed import share_batch_norm
from talkernel.lab.train.drive import LipCodeDrive, SpeechDrive
from talkernel.lab.train.front_end import SpeechFrontEnd
from talkernel.lab.train.lip_reader import LipReader
from talkernel.lab.train.makers import by_face
from talkernel.lab.train.pairs import Pairs
from talkernel.lab.train.run_config import GeneratorRun, to_yaml
from talkernel.model.lip_basis import LipBasis
from talkernel.model.talking_face import LipCodec, TalkingFace

UNMASKED_ATTENTION = -2.0  # initial attention logit for unmasked input: sigmoid(-2) is 0.12


class GeneratorParts:
    """Model, moving average, critics and optimisers on the device of a run.

    Args:
        run: The run. It resumes from its own `last.pt` if that exists; else it starts from
            `run.start`, if given, or from random weights.
        basis: Defines the lip codes.
        fabric: Where to compute.

    Attributes:
        model: The model.
        average: Moving average of its weights, which is the result of the run.
        drive: Its trained part, set up by Fabric.
        optimiser: Of the trained part.
        critics: Discriminator and lip critic; None if neither has a weight.
        restored: Steps done before.

    Raises:
        RunConfigError: The run is driven by measured lip codes, but its model has no lip code.
    """

    def __init__(self, run: GeneratorRun, basis: LipBasis, fabric: Fabric) -> None:
        self.run, self.restored = run, 0
        torch.manual_seed(run.recipe.seed)
        self.model = _start_model(run)
        self.critics = _start_critics(run, basis)
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
        """Move everything to the device, and create the optimiser."""
        if fabric.world_size > 1:
            share_batch_norm(self.model)
        memory: Any = {"memory_format": torch.channels_last}  # missing in torch's type hints
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
            return SpeechDrive(self.model, self.run.recipe.tuned)
        return LipCodeDrive(self.model, self.run.recipe.kernels)

    def state(self, step: int) -> dict[str, Any]:
        """A checkpoint after some steps.

        The step also determines the next samples (see `ResumableSampler`), and nothing else is
        random: no random state is stored.
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
        """Load the run's own checkpoint and return it; else load the weights of `run.start`."""
        own = self.run.out / LAST
        source = own if own.exists() else self.run.start
        if source is None:
            return None
        state = load_start(source)
        take_weights(self.model, state["model"])
        take_weights(self.average, state["average"])
        if self.critics and state["critics"]:
            take_weights(self.critics.networks, state["critics"]["networks"])
        return state if source == own else None

    def _restore_progress(self, state: dict[str, Any]) -> None:
        self.restored = int(state["step"])
        if state["optimiser"]:  # empty in some checkpoints of earlier versions
            self.optimiser.load_state_dict(state["optimiser"])
            if self.critics and state["critics"]:
                self.critics.optimiser.load_state_dict(state["critics"]["optimiser"])
        print(f"Resuming from {self.run.out / LAST} at step {self.restored}.", flush=True)


def make_pairs(
    run: GeneratorRun,
    tracks: Sequence[Track],
    basis: LipBasis,
    wav2lip_pairs: Sequence[Track] = (),
    model: TalkingFace | None = None,
) -> Pairs:
    """The data set of a run.

    Args:
        run: Config of the run.
        tracks: Prepared tracks.
        basis: Turns lip shapes into lip codes.
        wav2lip_pairs: Tracks synthesised by Wav2Lip from these tracks.
        model: The model, whose speech encoder makes the speech features for `drive: heard`;
            None: samples have no speech.
    """
    front_end = None
    if model is not None and run.recipe.drive == "heard":
        front_end = SpeechFrontEnd.of(run.model, model.speech_encoder)
    synthesised, recipe = by_face(wav2lip_pairs), run.recipe
    return Pairs(tracks, basis, recipe.pairs, front_end, recipe.seed, synthesised, run.model)


def _start_model(run: GeneratorRun) -> TalkingFace:
    """The model with random weights, and with the run's audio network if it uses one."""
    model = TalkingFace(run.model)
    if run.recipe.drive == "seen":
        model.speech_encoder = None  # unused: the lip code comes from the picture
    elif run.audio_net is not None:
        LipReader.load(run.audio_net).install_into(model)
    if not run.model.masked:
        # Where the mouth is masked, attention is set to 1, so the generator's own hardly matters.
        # Unmasked, it must start near 0: the generator then keeps its input and learns where to
        # change it, instead of repainting everything first. These 4 channels are the attention of
        # the 2 x 2 pixels that one position of the head stands for.
        with torch.no_grad():
            bias = model.unet.head.bias
            assert bias is not None
            bias[:4] = UNMASKED_ATTENTION
    return model


def _start_critics(run: GeneratorRun, basis: LipBasis) -> Critics | None:
    """Untrained critics, if the run has a weight for them."""
    if not (run.recipe.adversarial or run.recipe.reading):
        return None
    importance, channels = torch.from_numpy(basis.importance), run.model.face_shape[0]
    matching, whole = run.recipe.matching > 0, run.recipe.criticised == "face"
    return Critics(importance, channels=channels, matching=matching, whole=whole)
