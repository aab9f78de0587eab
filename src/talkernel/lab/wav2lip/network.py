"""Wav2Lip's generator (Prajwal et al. 2020), with which the paper makes training pairs (IV-B).

It has the official layers, so that the official `wav2lip.pth` and `wav2lip_gan.pth` load. No
weights are included; users bring their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from talkernel.errors import CheckpointError
from talkernel.model.audio_net import ConvBlock, Wav2LipAudioNet
from talkernel.model.torch_file import read_torch_file

SIDE = 96  # pixels of its faces

# Layers of each encoder block: channels in, out, kernel, stride, padding; then residual layers.
ENCODER = (
    ((6, 16, 7, 1, 3), 0),
    ((16, 32, 3, 2, 1), 2),
    ((32, 64, 3, 2, 1), 3),
    ((64, 128, 3, 2, 1), 2),
    ((128, 256, 3, 2, 1), 2),
    ((256, 512, 3, 2, 1), 1),
)
# Each decoder block after the first: channels in (with the encoder's), out, residual layers.
DECODER = (
    (1024, 512, 1),
    (1024, 512, 2),
    (768, 384, 2),
    (512, 256, 2),
    (320, 128, 2),
    (160, 64, 2),
)


class UpBlock(nn.Module):
    """Transposed convolution, batch normalisation, ReLU: doubles the size; the first: 1 to 3."""

    def __init__(self, c_in: int, c_out: int, first: bool) -> None:
        super().__init__()
        stride, padding = (1, 0) if first else (2, 1)
        enlarge = nn.ConvTranspose2d(c_in, c_out, 3, stride, padding, output_padding=padding)
        self.conv_block = nn.Sequential(enlarge, nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        """Features `[B, C, H, W]` to `[B, C', 2 H, 2 W]`."""
        return torch.relu(self.conv_block(x))


class Wav2Lip(Wav2LipAudioNet):
    """Mel spectrogram and face to the same face with the mouth synthesised."""

    def __init__(self) -> None:
        super().__init__()
        encoder = [_block(ConvBlock(*layer), layer[1], count) for layer, count in ENCODER]
        encoder.append(nn.Sequential(ConvBlock(512, 512, 3, 1, 0), ConvBlock(512, 512, 1, 1, 0)))
        self.face_encoder_blocks = nn.ModuleList(encoder)
        decoder = [nn.Sequential(ConvBlock(512, 512, 1, 1, 0))]
        decoder += [
            _block(UpBlock(c_in, c_out, first=number == 0), c_out, count)
            for number, (c_in, c_out, count) in enumerate(DECODER)
        ]
        self.face_decoder_blocks = nn.ModuleList(decoder)
        self.output_block = nn.Sequential(
            ConvBlock(80, 32, 3, 1, 1), nn.Conv2d(32, 3, 1), nn.Sigmoid()
        )

    def speak(self, mel: Tensor, face: Tensor, reference: Tensor) -> Tensor:
        """Synthesise the mouths of some faces.

        Args:
            mel: Mel windows `[B, 1, 80, 16]` in [-4, 4].
            face: `[B, 3, 96, 96]` BGR in 0..1; its lower half is ignored.
            reference: `[B, 3, 96, 96]` another picture of the same person.

        Returns:
            `[B, 3, 96, 96]` BGR in 0..1.
        """
        masked = torch.cat([face[:, :, : SIDE // 2], torch.zeros_like(face[:, :, SIDE // 2 :])], 2)
        x, skips = torch.cat([masked, reference], 1), []
        for block in self.face_encoder_blocks:
            x = block(x)
            skips.append(x)
        x = self.audio_encoder(mel)
        for block in self.face_decoder_blocks:
            x = torch.cat([block(x), skips.pop()], 1)
        output: Tensor = self.output_block(x)
        return output

    def load_official(self, state: Mapping[str, Tensor]) -> None:
        """Load an official state dictionary, with or without the `module.` prefix.

        Raises:
            CheckpointError: It is of another network.
        """
        bare = {name.removeprefix("module."): value for name, value in state.items()}
        try:
            self.load_state_dict(bare)
        except RuntimeError as error:
            raise CheckpointError(f"These are not Wav2Lip's weights: {error}") from error


def _block(first: nn.Module, channels: int, residuals: int) -> nn.Sequential:
    layers = [ConvBlock(channels, channels, 3, 1, 1, residual=True) for _ in range(residuals)]
    return nn.Sequential(first, *layers)


def load_wav2lip(path: Path, device: str = "cpu") -> Wav2Lip:
    """An official `wav2lip.pth` or `wav2lip_gan.pth`.

    Raises:
        CheckpointError: It is something else.
    """
    state, model = read_torch_file(path, "PyTorch checkpoint"), Wav2Lip()
    model.load_official(state.get("state_dict", state))
    return model.to(device).eval()
