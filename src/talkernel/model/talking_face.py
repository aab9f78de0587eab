"""The whole model: speech to kernels, kernels and a face to the speaking face (eq. 2)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from talkernel.model.audio_net import build_audio_net
from talkernel.model.basis_buffers import BasisBuffers
from talkernel.model.config import ModelConfig
from talkernel.model.dck import KernelInference
from talkernel.model.fusion import AudioPlanes
from talkernel.model.lip_basis import LipBasis
from talkernel.model.speech_encoder import SpeechEncoder
from talkernel.model.synthesis import Synthesis
from talkernel.model.unet import AdaptedUNet

UNBOUNDED = 100.0  # standard deviations
WAV2LIP_WINDOW = 16  # mel columns, 0.2 s


class LipCodec(nn.Module):
    """The lip code: a bottleneck between the audio network and the kernel predictor.

    A lip code holds the landmarks of lips and jaw, without head pose and neutral face, in a PCA
    basis, each number of unit variance. It can be measured in any frame. So generator and kernel
    predictor learn from every frame of every video, and the audio network learns from landmarks
    alone. The paper has no lip code.

    Args:
        channels: Length of the audio features and of the kernel predictor's input.
        code: Length K of the lip code.
        warped: Whether the model warps its reference, and stores the lip basis for that.

    Attributes:
        lowest, highest: `[K]` range of predicted lip codes, as the generator saw in training.
        basis: The stored lip basis; None where the reference is not warped.
    """

    lowest: Tensor
    highest: Tensor

    def __init__(self, channels: int, code: int, warped: bool = False) -> None:
        super().__init__()
        self.basis = BasisBuffers(code) if warped else None
        self.from_audio = nn.Linear(channels, code)
        self.encoder = nn.Sequential(
            nn.Linear(code, channels), nn.LeakyReLU(0.2), nn.Linear(channels, channels)
        )
        self.register_buffer("lowest", torch.full((code,), -UNBOUNDED))
        self.register_buffer("highest", torch.full((code,), UNBOUNDED))

    def predict_lip_code(self, features: Tensor) -> Tensor:
        """Audio features `[B, 512]` to lip codes `[B, K]`."""
        lip_code: Tensor = self.from_audio(features)
        return torch.minimum(torch.maximum(lip_code, self.lowest), self.highest)

    def forward(self, features: Tensor) -> Tensor:
        """Audio features `[B, 512]` to the kernel predictor's input `[B, 512]`, via lip codes."""
        embedded: Tensor = self.encoder(self.predict_lip_code(features))
        return embedded


class TalkingFace(nn.Module):
    """Speech and a face in, attention mask and painted image of the speaking face out.

    Args:
        config: The model's shape.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.speech_encoder = build_speech_encoder(config)
        self.audio_net: nn.Module = build_audio_net(config)
        self.lips: nn.Module = nn.Identity()
        if config.lip_code is not None:
            self.lips = LipCodec(config.audio_channels, config.lip_code, config.warped)
        self.kernel_inference: nn.Module = KernelInference(config)
        if config.fusion == "attention":
            self.kernel_inference = AudioPlanes(config)
        self.unet = AdaptedUNet(config)

    @property
    def basis(self) -> LipBasis | None:
        """The basis of its lip codes; None for a model that does not warp its reference."""
        stored = self.lips.basis if isinstance(self.lips, LipCodec) else None
        return stored.get() if stored is not None else None

    def encode(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mel columns `[B, 80, 2 T]` to the speech encoder's tokens `[B, C, T]`."""
        assert self.speech_encoder is not None
        return run_encoder(self.speech_encoder, mel)

    def predict_lip_code(self, speech: Tensor) -> Tensor:
        """Speech windows `[B, 1, F, W]` to lip codes `[B, K]`; without them, audio features."""
        features: Tensor = self.audio_net(speech)
        return self.lips.predict_lip_code(features) if isinstance(self.lips, LipCodec) else features

    def kernels_of(self, lip_code: Tensor) -> Tensor:
        """Lip codes `[B, K]`, or audio features, to kernels `[B, layers, c1, c2 * ks * ks + 1]`."""
        embedded = self.lips.encoder(lip_code) if isinstance(self.lips, LipCodec) else lip_code
        kernels: Tensor = self.kernel_inference(embedded)
        return kernels

    def kernels(self, speech: Tensor) -> Tensor:
        """Eq. 2: speech windows `[B, 1, F, W]` to kernels `[B, layers, c1, c2 * ks * ks + 1]`."""
        return self.kernels_of(self.predict_lip_code(speech))

    def forward(self, face: Tensor, speech: Tensor) -> Synthesis:
        """Faces `[B, 3 or 6, H, W]` in -1..1 and speech windows `[B, 1, F, W]` to a `Synthesis`."""
        synthesis: Synthesis = self.unet(face, self.kernels(speech))
        return synthesis


def build_speech_encoder(config: ModelConfig) -> SpeechEncoder | None:
    """The speech encoder of a config; None where the audio network gets the mel spectrogram."""
    if not config.encoder_layers:
        return None
    return SpeechEncoder(config.encoder_layers, config.encoder_width)


def run_encoder(encoder: SpeechEncoder, mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mel columns `[B, 80, 2 T]` to tokens `[B, C, T]`, on the encoder's device."""
    with torch.inference_mode():
        tokens = encoder(torch.from_numpy(mel).to(encoder.conv1.weight.device))
    return np.asarray(tokens.float().cpu().numpy())
