"""The paper's tables, as printed (Ye et al., IEEE TMM 2022, Section VI)."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "Ours"


@dataclass(frozen=True)
class PaperTable:
    """One of the paper's tables.

    Attributes:
        number: Roman.
        title: What it compares.
        columns: Title and our metric's name of each; "" where we have none.
        rows: Per method, one text per column as printed; "/" where the paper has none.
        note: What a reader must know before comparing.
    """

    number: str
    title: str
    columns: tuple[tuple[str, str], ...]
    rows: dict[str, tuple[str, ...]]
    note: str


QUALITY = (
    ("PSNR", "psnr"),
    ("PSNR by ATVGnet's script", "psnr_8bit"),
    ("SSIM", "ssim"),
    ("LMD", "lmd"),
)
_TEST_SET = (
    "The paper measures on LRW's test set (clips of 1.16 s); our rows say what they are measured "
    "on. It does not say whether its PSNR is that of ATVGnet's published script, "
    "whose 8-bit arithmetic wraps; its values are listed under PSNR."
)


def _quality(psnr: str, ssim: str, lmd: str) -> tuple[str, ...]:
    return psnr, "/", ssim, lmd


TABLES = (
    PaperTable(
        "I",
        "Ablation",
        QUALITY,
        {
            "w/o Blending": _quality("29.29", "0.74", "1.65"),
            "w/o DCKs": _quality("31.08", "0.78", "1.61"),
            OURS: _quality("31.98", "0.81", "1.44"),
        },
        _TEST_SET,
    ),
    PaperTable(
        "II",
        "Comparison with the state of the art",
        QUALITY,
        {
            "Wav2Lip": _quality("30.72", "0.76", "1.61"),
            "X2Face": _quality("29.82", "0.75", "1.60"),
            "You Said That": _quality("29.91", "0.77", "1.63"),
            "SDA": _quality("29.44", "0.68", "2.32"),
            "DAVS": _quality("29.81", "0.73", "1.73"),
            "ATVGnet": _quality("30.91", "0.81", "1.37"),
            "Yi's Method": _quality("30.85", "0.75", "1.58"),
            OURS: _quality("31.98", "0.81", "1.44"),
        },
        _TEST_SET,
    ),
    PaperTable(
        "III",
        "Perceptual study: percentage of raters that prefer a method",
        (("Visual quality", ""), ("Lip sync", ""), ("Continuity", ""), ("Overall", "")),
        {
            "ATVGnet": ("1.0%", "1.5%", "1.0%", "1.0%"),
            "Wav2Lip": ("18.0%", "41.2%", "29.5%", "24.5%"),
            "X2Face": ("0.0%", "0.2%", "0.0%", "0.0%"),
            "You Said That": ("0.8%", "1.2%", "2.0%", "1.5%"),
            OURS: ("80.2%", "55.8%", "67.5%", "73.0%"),
        },
        "20 raters, 20 groups each. It cannot be measured without raters.",
    ),
    PaperTable(
        "IV",
        "Speed",
        (
            ("ms a frame without background", "model_ms"),
            ("Frames/s without background", "model_fps"),
            ("Frames/s with background", "fps"),
        ),
        {
            "Wav2Lip": ("9.9", "100", "42"),
            "X2Face": ("95.0", "11", "/"),
            "You Said That": ("88.9", "11", "/"),
            "SDA": ("32.5", "31", "/"),
            "DAVS": ("107.2", "9", "/"),
            "ATVGnet": ("6.7", "16", "/"),
            "Yi's Method": ("567.4", "2", "1"),
            OURS: ("4.7", "212", "60"),
        },
        "The paper's machine has a TITAN RTX; measured rows are of the machine that ran them, "
        "whole jobs with their start-up. ATVGnet's 6.7 ms and 16 frames/s are as the paper "
        "prints them.",
    ),
)
