"""Every metric's name, unit and meaning, for tables and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: Its column in stored results.
        title: Its name in tables.
        better: The better direction or value; "none" where there is none.
        meaning: In a sentence; `docs/evaluation.md` has the definition.
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
    Metric(
        "amplitude",
        "amplitude",
        "one",
        "Standard deviation of the opening, relative to the real speaker's.",
    ),
    Metric(
        "met",
        "lips closed when the speaker's are",
        "higher",
        "Fraction of the frames in which the real speaker's lips are closed.",
    ),
    Metric("met_else", "lips closed otherwise", "lower", "Fraction of the other frames."),
    Metric("movement", "movement in silence", "zero", "Relative to the talking input."),
    Metric("open", "opening in silence", "zero", "Relative to the talking input."),
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
    Metric("flicker_ratio", "flicker, of the input's", "lower", "Relative to the input."),
    Metric(
        "detail",
        "detail of lips and jaw",
        "one",
        "Mean difference of luma from its 5-pixel mean, relative to the input.",
    ),
    Metric(
        "seam",
        "seam, of 255",
        "lower",
        "Largest change before encoding on the crop's border or outside it; worst frame.",
    ),
    Metric("edge", "mask's edge, of 255", "lower", "Mean change where the mask ends."),
    Metric("mask_share", "mask below the nose", "higher", "Fraction of the blending mask."),
    Metric(
        "own_mask_share",
        "attention below the nose",
        "higher",
        "The same of the generator's own attention mask.",
    ),
    Metric("ms_per_frame", "ms a frame", "lower", "Time of the whole job."),
    Metric("faceless", "frames without a face", "lower", "Fraction of the video's frames."),
    Metric("sound_excess", "sound longer than picture, s", "zero", "Sample-exact."),
)
BY_NAME = {metric.name: metric for metric in METRICS}
# The metric by which the report picks its best, median and worst clip.
HEADLINE = {
    "photo": "lmd",
    "self": "lmd",
    "pairs": "lmd",
    "cross": "r_speech",
    "silence": "movement",
}
