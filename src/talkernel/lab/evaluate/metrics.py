"""Every figure's name, unit and meaning, for tables and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """A figure.

    Attributes:
        name: Its column.
        title: What a reader calls it.
        better: Which way is better; "none" where neither is.
        meaning: In a sentence; `docs/evaluation.md` has the whole.
    """

    name: str
    title: str
    better: Literal["higher", "lower", "one", "zero", "none"]
    meaning: str


METRICS = (
    Metric("psnr", "PSNR, dB", "higher", "Grey aligned faces against the real video."),
    Metric(
        "psnr_8bit",
        "PSNR by ATVGnet's script, dB",
        "higher",
        "The same in wrapping 8-bit arithmetic, as the published script computes it.",
    ),
    Metric("ssim", "SSIM", "higher", "Colour aligned faces against the real video."),
    Metric("lmd", "LMD, px", "lower", "dlib's mouth landmarks on the 128-pixel aligned face."),
    Metric("lmd_mesh", "LMD by face mesh, px", "lower", "The same by the face mesh's lips."),
    Metric(
        "r_speech",
        "r with the speech's mouth",
        "higher",
        "Correlation of the mouth's opening with the real speaker's.",
    ),
    Metric(
        "r_input",
        "r with the input's mouth",
        "zero",
        "Correlation with the mouth in the input: 1 for a mere copy.",
    ),
    Metric("amplitude", "amplitude", "one", "Movement as a share of the real speaker's."),
    Metric(
        "met",
        "lips meet with the speaker's",
        "higher",
        "Share of the frames in which the real speaker's lips meet.",
    ),
    Metric("met_else", "lips meet else", "lower", "Of those in which the real speaker's do not."),
    Metric("movement", "movement in silence", "zero", "As a share of the talking input's."),
    Metric("open", "opening in silence", "zero", "As a share of the talking input's."),
    Metric(
        "sync_score",
        "sync score, ours",
        "higher",
        "Best correlation of the opening with the one that our AudioNet predicts.",
    ),
    Metric("sync_offset", "sync offset, frames", "zero", "Picture after sound at that score."),
    Metric("lse_c", "LSE-C", "higher", "SyncNet's confidence."),
    Metric("lse_d", "LSE-D", "lower", "SyncNet's distance."),
    Metric("lse_offset", "SyncNet's offset, frames", "zero", "Picture after sound."),
    Metric(
        "identity",
        "identity distance",
        "lower",
        "dlib's face embeddings, to the input; below 0.6 the same person.",
    ),
    Metric("csim", "CSIM", "higher", "Cosine of the same embeddings."),
    Metric(
        "background",
        "background PSNR, dB",
        "higher",
        "Luma outside the face crop against the input; the encoder's loss included.",
    ),
    Metric(
        "flicker",
        "flicker, of 255",
        "lower",
        "Change from frame to frame in the face crop outside lips and jaw.",
    ),
    Metric("flicker_ratio", "flicker, of the input's", "lower", "The same as a share."),
    Metric(
        "detail",
        "detail of lips and jaw",
        "one",
        "Mean difference of luma from its 5-pixel mean, as a share of the input's.",
    ),
    Metric(
        "seam",
        "seam, of 255",
        "lower",
        "Largest change before encoding on the crop's border or outside it; worst frame.",
    ),
    Metric("edge", "mask's edge, of 255", "lower", "Mean change where the mask ends."),
    Metric("mask_share", "mask below the nose", "higher", "Share of alpha's mass."),
    Metric(
        "own_mask_share",
        "network's own mask below the nose",
        "higher",
        "The same before the veil's place is forced in.",
    ),
    Metric("ms_per_frame", "ms a frame", "lower", "Time of the whole job."),
    Metric("faceless", "frames without a face", "lower", "Share of the video's frames."),
    Metric("sound_excess", "sound longer than picture, s", "zero", "Sample-exact."),
)
BY_NAME = {metric.name: metric for metric in METRICS}
# By which figure clips are ranked for the report's best, median and worst.
HEADLINE = {
    "photo": "lmd",
    "self": "lmd",
    "pairs": "lmd",
    "cross": "r_speech",
    "silence": "movement",
}
