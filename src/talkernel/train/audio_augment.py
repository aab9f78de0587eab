"""Another room, voice, pace and microphone for every mel window, on the training device.

Everything happens in the mel domain, where it costs next to nothing: windows are `[B, 80, W]`
in [-4, 4], as `talkernel.audio` makes them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from talkernel.audio import MAX_ABS, MIN_DB, N_MELS, WINDOW

STRETCH = 0.05  # standard deviation of the logarithm of a voice's pitch and pace
MASKED_BINS, MASKED_COLUMNS = 14, 1 / 6  # at most, of the 80 bins and of the window


def augment(mel: Tensor, level: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Stretch, mix with other sound, and colour.

    Args:
        mel: `[B, 80, W]`.
        level: `[B, 80, 1]` the voice's mean spectrum, which the room changes alike.
        noise: `[B, 80, W + 1]` other sound and its mean, mixed in 0 to 30 dB below the speech.

    Returns:
        Both, changed.
    """
    changed = recolour(roll_bins(torch.cat([stretch(mel), level], 2)), noise)
    return changed[:, :, :-1], changed[:, :, -1:]


def stretch(mel: Tensor) -> Tensor:
    """Scale pitch and pace about the lowest bin and about the column of the frame itself."""
    batch, _, window = mel.shape
    pitch, pace = torch.exp(STRETCH * torch.randn(2, batch, device=mel.device))
    now = 1.0 - WINDOW / window  # the frame's middle, on an axis from -1 to 1
    affine = torch.zeros(batch, 2, 3, device=mel.device)
    affine[:, 0, 0], affine[:, 0, 2] = pace, now * (1.0 - pace)
    affine[:, 1, 1], affine[:, 1, 2] = pitch, pitch - 1.0
    grid = F.affine_grid(affine, [batch, 1, N_MELS, window], align_corners=False)
    return F.grid_sample(mel[:, None], grid, padding_mode="border", align_corners=False)[:, 0]


def roll_bins(mel: Tensor) -> Tensor:
    """Raise or lower the voice by up to two mel bins."""
    by = torch.randint(-2, 3, (len(mel), 1), device=mel.device)
    bins = (torch.arange(N_MELS, device=mel.device) + by).clamp(0, N_MELS - 1)
    return mel.gather(1, bins[:, :, None].expand_as(mel))


def recolour(mel: Tensor, noise: Tensor) -> Tensor:
    """Other sound below the speech, the frequency response of a microphone, loudness."""
    one = (len(mel), 1, 1)
    below = 30.0 * torch.rand(one, device=mel.device)
    below += 60.0 * (torch.rand(one, device=mel.device) < 0.4)
    mixed = _add_decibels(_to_db(mel), _to_db(noise) - below)
    gain = 20.0 * torch.rand(one, device=mel.device) - 12.0
    return _from_db(mixed + _equaliser(mel) + gain)


def mask(mel: Tensor) -> Tensor:
    """One band of bins and one span of columns of each window are overwritten by its mean."""
    batch, bins, window = mel.shape
    hidden = _span(batch, bins, MASKED_BINS, mel)[:, :, None]
    hidden = hidden | _span(batch, window, max(3, int(window * MASKED_COLUMNS)), mel)[:, None]
    return torch.where(hidden, mel.mean((1, 2), keepdim=True), mel)


def hush(mel: Tensor) -> Tensor:
    """Windows without speech: digital silence, or steady noise up to 50 dB below full scale."""
    level = 70.0 * torch.rand(len(mel), 1, 1, device=mel.device) - 120.0
    level = level + 6.0 * torch.randn(len(mel), N_MELS, 1, device=mel.device)
    return _from_db(level + 3.0 * torch.randn_like(mel))


def _span(batch: int, length: int, longest: int, like: Tensor) -> Tensor:
    """`[batch, length]`, true over one random span per row, shorter than `longest`."""
    start = torch.randint(0, length, (batch, 1), device=like.device)
    width = torch.randint(0, longest, (batch, 1), device=like.device)
    at = torch.arange(length, device=like.device)
    return (at >= start) & (at < start + width)


def _equaliser(mel: Tensor) -> Tensor:
    """A smooth response in decibels, `[B, 80, 1]`: tilt, bow and wave over the bins."""
    x = torch.linspace(-1.0, 1.0, N_MELS, device=mel.device)
    shapes = torch.stack([x, 1.0 - 2.0 * x**2, torch.sin(2.5 * math.pi * x)])
    amounts = 4.0 * torch.randn(len(mel), 3, device=mel.device)
    return (amounts @ shapes)[:, :, None]


def _add_decibels(a: Tensor, b: Tensor) -> Tensor:
    """The level of two sounds together."""
    scale = math.log(10.0) / 10.0
    return torch.logaddexp(a * scale, b * scale) / scale


def _to_db(mel: Tensor) -> Tensor:
    return (mel + MAX_ABS) / (2 * MAX_ABS) * -MIN_DB + MIN_DB


def _from_db(decibel: Tensor) -> Tensor:
    mel = (decibel - MIN_DB) / -MIN_DB * 2 * MAX_ABS - MAX_ABS
    return mel.clamp(-MAX_ABS, MAX_ABS)
