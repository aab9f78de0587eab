"""What drives f in training: the lips seen on the target, or what is heard (eq. 2).

Each is the trained part of a `TalkingFace` as one module, as distributed training wants it.
"""

from __future__ import annotations

from torch import Tensor, nn

from talkernel.lab.train.batch import Batch
from talkernel.model.talking_face import LipCodec, TalkingFace


class SeenDrive(nn.Module):
    """The target's own lip code takes the place of the sound: every frame of every video serves.

    Args:
        model: The model.
        kernels: Whether what infers the kernels learns too.
    """

    def __init__(self, model: TalkingFace, kernels: bool = True) -> None:
        super().__init__()
        assert isinstance(model.lips, LipCodec)
        self.encoder = model.lips.encoder
        self.kernel_inference = model.kernel_inference
        self.unet = model.unet
        for part in (self.encoder, self.kernel_inference):
            part.requires_grad_(kernels)

    def forward(self, batch: Batch, code: Tensor) -> Tensor:
        """Alpha and M `[B, 1 + 3, S, S]` for a batch told the lip codes `[B, K]`."""
        answer: Tensor = self.unet.answer(batch.seen, self.kernel_inference(self.encoder(code)))
        return answer


class HeardDrive(nn.Module):
    """The paper's own way: the target's sound, through AudioNet.

    Args:
        model: The model.
        tuned: Whether AudioNet learns too; the paper's is frozen.
    """

    def __init__(self, model: TalkingFace, tuned: bool) -> None:
        super().__init__()
        self.audio_net, self.lips = model.audio_net, model.lips
        self.kernel_inference, self.unet = model.kernel_inference, model.unet
        self.tuned = tuned
        for part in (self.audio_net, getattr(self.lips, "from_audio", self.audio_net)):
            part.requires_grad_(tuned)

    def train(self, mode: bool = True) -> HeardDrive:
        """As ever; a frozen AudioNet keeps its statistics."""
        super().train(mode)
        self.audio_net.train(mode and self.tuned)
        return self

    def forward(self, batch: Batch, speech: Tensor) -> Tensor:
        """Alpha and M `[B, 1 + 3, S, S]` for a batch told speech windows `[B, 1, F, W]`."""
        kernels = self.kernel_inference(self.lips(self.audio_net(speech)))
        answer: Tensor = self.unet.answer(batch.seen, kernels)
        return answer
