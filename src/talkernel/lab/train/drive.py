"""The trained part of the model, conditioned on a measured lip code or on speech (eq. 2).

Distributed training needs everything that is trained in one module. The config's `drive` chooses
which: `seen` is `LipCodeDrive`, `heard` is `SpeechDrive`.
"""

from __future__ import annotations

from torch import Tensor, nn

from talkernel.errors import RunConfigError
from talkernel.lab.train.batch import Batch
from talkernel.model.talking_face import LipCodec, TalkingFace


class LipCodeDrive(nn.Module):
    """Conditioned on the lip code measured on the target, so every frame of every video is usable.

    Args:
        model: The model.
        kernels: Whether the kernel predictor and the lip code's embedding learn, too.

    Raises:
        RunConfigError: The model has no lip code.
    """

    def __init__(self, model: TalkingFace, kernels: bool = True) -> None:
        super().__init__()
        if not isinstance(model.lips, LipCodec):
            message = "recipe.drive is seen, but the model has no lip code (model.lip_code: null)."
            raise RunConfigError(message, remedy="Set recipe.drive to heard, or model.lip_code.")
        self.encoder = model.lips.encoder
        self.kernel_inference = model.kernel_inference
        self.unet = model.unet
        for part in (self.encoder, self.kernel_inference):
            part.requires_grad_(kernels)

    def forward(self, batch: Batch, code: Tensor) -> Tensor:
        """Attention and motion image `[B, 1 + 3, S, S]` for lip codes `[B, K]`."""
        kernels = self.kernel_inference(self.encoder(code))
        answer: Tensor = self.unet.raw_output(batch.network_input, kernels)
        return answer


class SpeechDrive(nn.Module):
    """Conditioned on the target's speech through the audio network, as in the paper.

    Args:
        model: The model.
        tuned: Whether the audio network learns, too; the paper's is frozen.
    """

    def __init__(self, model: TalkingFace, tuned: bool) -> None:
        super().__init__()
        self.audio_net, self.lips = model.audio_net, model.lips
        self.kernel_inference, self.unet = model.kernel_inference, model.unet
        self.tuned = tuned
        for part in (self.audio_net, getattr(self.lips, "from_audio", self.audio_net)):
            part.requires_grad_(tuned)

    def train(self, mode: bool = True) -> SpeechDrive:
        """Switch to training mode; a frozen audio network keeps its running statistics."""
        super().train(mode)
        self.audio_net.train(mode and self.tuned)
        return self

    def forward(self, batch: Batch, speech: Tensor) -> Tensor:
        """Attention and motion image `[B, 1 + 3, S, S]` for speech windows `[B, 1, F, W]`."""
        kernels = self.kernel_inference(self.lips(self.audio_net(speech)))
        answer: Tensor = self.unet.raw_output(batch.network_input, kernels)
        return answer
