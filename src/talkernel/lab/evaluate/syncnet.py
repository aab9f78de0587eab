"""SyncNet (Chung and Zisserman, 2016), and LSE-C and LSE-D from its features.

Its weights may not be shipped with the package: users bring the official `syncnet_v2.model`.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkernel.errors import CheckpointError, MissingFileError
from talkernel.model.torch_file import read_torch_file

FRAMES, CEPSTRA_PER_FRAME = 5, 4  # 0.2 s at 25 frames/s and 100 cepstra/s
FEATURES = 1024
SHIFT = 15  # frames: largest offset of sound and picture that is tried


class SyncNet(nn.Module):
    """Embeds 0.2 s of sound and of mouth pictures; features of a pair in sync are close.

    Layers have the official names, so that the official weights load.
    """

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_sound_layer(1, 64),
            nn.MaxPool2d(1, 1),
            *_sound_layer(64, 192),
            nn.MaxPool2d(3, (1, 2)),
            *_sound_layer(192, 384),
            *_sound_layer(384, 256),
            *_sound_layer(256, 256),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 512, (5, 4)),
            nn.BatchNorm2d(512),
            nn.ReLU(),
        )
        self.netfcaud = _head()
        self.netfclip = _head()
        self.netcnnlip = nn.Sequential(
            *_lip_layer(3, 96, (5, 7, 7), 2, 0),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_lip_layer(96, 256, (1, 5, 5), 2, 1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_lip_layer(256, 256, (1, 3, 3), 1, 1),
            *_lip_layer(256, 256, (1, 3, 3), 1, 1),
            *_lip_layer(256, 256, (1, 3, 3), 1, 1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_lip_layer(256, 512, (1, 6, 6), 1, 0),
        )

    def embed_sound(self, cepstra: Tensor) -> Tensor:
        """Cepstra `[B, 1, 13, 20]` of 16-bit sound to `[B, 1024]`."""
        features: Tensor = self.netfcaud(self.netcnnaud(cepstra).flatten(1))
        return features

    def embed_faces(self, faces: Tensor) -> Tensor:
        """Faces `[B, 3, 5, 224, 224]`, BGR in 0..255, to `[B, 1024]`."""
        features: Tensor = self.netfclip(self.netcnnlip(faces).flatten(1))
        return features


def _sound_layer(c_in: int, c_out: int) -> list[nn.Module]:
    return [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU()]


def _lip_layer(
    c_in: int, c_out: int, kernel: tuple[int, int, int], stride: int, padding: int
) -> list[nn.Module]:
    within = (1, stride, stride), (0, padding, padding)
    return [nn.Conv3d(c_in, c_out, kernel, *within), nn.BatchNorm3d(c_out), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, FEATURES)
    )


def load_syncnet(path: Path) -> SyncNet:
    """SyncNet with the official weights.

    Raises:
        MissingFileError: The file does not exist.
        CheckpointError: It is no SyncNet checkpoint.
    """
    remedy = "Give the official syncnet_v2.model with --syncnet, or leave it out."
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist.", remedy=remedy)
    network, state = SyncNet(), read_torch_file(path, "SyncNet checkpoint", remedy)
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise CheckpointError(f"{path} holds no SyncNet weights: {error}", remedy=remedy) from error
    return network.eval()


def distances(faces: Tensor, sounds: Tensor, shift: int = SHIFT) -> Tensor:
    """Mean distance of features `[T, 1024]` at every shift of the sound: `[2 * shift + 1]`.

    Beyond its ends the sound's features are padded with zeros, as in the published code.
    """
    padded = F.pad(sounds, (0, 0, shift, shift))
    by_shift = [
        F.pairwise_distance(faces, padded[k : k + len(faces)]) for k in range(2 * shift + 1)
    ]
    return torch.stack([each.mean() for each in by_shift])


def lse_of(by_shift: Tensor) -> dict[str, float]:
    """Confidence, distance and offset in frames from the mean distance at every shift.

    Returns:
        `lse_d`: the smallest distance, lower is better. `lse_c`: median minus smallest distance,
        higher is better. `lse_offset`: frames by which the picture comes after its sound, at
        the shift of the smallest distance.
    """
    least = int(by_shift.argmin())
    confidence = by_shift.median() - by_shift[least]
    offset = len(by_shift) // 2 - least
    return {"lse_c": float(confidence), "lse_d": float(by_shift[least]), "lse_offset": offset}
