"""Chooses the encoder, pixel format and options of an output."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from talkernel.errors import OptionError
from talkernel.media.source import FaceSource
from talkernel.threads import thread_limit

# Encoders of each codec, best first.
_ENCODERS = {
    "h264": ("libx264",),
    "hevc": ("libx265",),
    "h265": ("libx265",),
    "vp9": ("libvpx-vp9",),
    "av1": ("libsvtav1", "libaom-av1"),
    "mpeg4": ("mpeg4",),
    "prores": ("prores_ks", "prores"),
    "ffv1": ("ffv1",),
}
_PRESETS = (
    "placebo",
    "veryslow",
    "slower",
    "slow",
    "medium",
    "fast",
    "faster",
    "veryfast",
    "superfast",
    "ultrafast",
)
_LOSSLESS = {"ffv1"}
_DEFAULT_CODEC = {"webm": "vp9"}  # of a container; of all others h264
_LAMBDA = 118  # FFmpeg's FF_QP2LAMBDA: quality is set in these units


@dataclass(frozen=True)
class Encoding:
    """A video encoder that is known to open.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of its input format.
        options: The encoder's own options.
        warnings: Options of the user that it ignores, one line each.
    """

    encoder: str
    pixel_format: str
    options: dict[str, str]
    warnings: tuple[str, ...] = ()


def choose_encoding(
    codec: str | None, container: str, source: FaceSource, crf: int, preset: str
) -> Encoding:
    """The encoder for `codec`, with the pixel format that loses least of the source.

    Args:
        codec: A codec such as `h264`, or an FFmpeg encoder such as `libx264`; None: the
            container's default.
        container: FFmpeg's name of the output format, such as `mp4`.
        source: The video to encode.
        crf: Constant rate factor, if the encoder has one; lower is better.
        preset: x264's name of a speed preset; translated for other encoders.

    Raises:
        OptionError: There is no such preset, or no such encoder for this container and size.
    """
    if preset not in _PRESETS:
        names = ", ".join(reversed(_PRESETS))
        raise OptionError(f"There is no preset {preset!r}.", remedy=f"Use one of {names}.")
    if codec is None:
        codec = _DEFAULT_CODEC.get(container, "h264")
    encoder = _encoder(codec, container)
    options = _options(encoder, crf, preset)
    for pixel_format in _pixel_formats(encoder, source):
        if _opens(encoder, pixel_format, source, options):
            return Encoding(encoder, pixel_format, options, _ignored(encoder, options))
    size = f"{source.width}x{source.height}"
    raise OptionError(
        f"Codec {codec!r} cannot encode {size} pictures.",
        remedy="Leave --codec out for H.264, or use an .mp4, .mov or .mkv output.",
    )


def configure(context: VideoCodecContext, pixel_format: str, source: FaceSource) -> None:
    """Set size, colour tags, pixel shape and thread count of an encoder."""
    context.width, context.height = source.width, source.height
    context.pix_fmt = pixel_format
    context.framerate = source.fps
    context.time_base = 1 / source.fps
    context.sample_aspect_ratio = source.sample_aspect_ratio
    context.color_primaries = source.color.primaries
    context.color_trc = source.color.transfer
    context.colorspace = source.color.matrix
    context.color_range = source.color.range
    context.thread_count = thread_limit() or 0  # 0: FFmpeg chooses
    if context.name == "mpeg4":
        context.qscale = True


def _encoder(codec: str, container: str) -> str:
    with av.open(io.BytesIO(), "w", format=container) as probe:
        allowed = probe.supported_codecs
    for name in _ENCODERS.get(codec.lower(), (codec,)):
        if name in allowed and _is_video_encoder(name):
            return name
    working = ", ".join(
        known
        for known, names in _ENCODERS.items()
        if any(name in allowed and _is_video_encoder(name) for name in names)
    )
    raise OptionError(
        f"Codec {codec!r} is unknown or cannot go into a {container} file.",
        remedy=f"Codecs that can: {working}.",
    )


def _is_video_encoder(name: str) -> bool:
    try:
        return av.Codec(name, "w").type == "video"
    except ValueError:
        return False


def _options(encoder: str, crf: int, preset: str) -> dict[str, str]:
    speed = _speed(preset)
    quality = {"crf": str(crf)}
    if encoder == "mpeg4":
        return {"global_quality": str(max(1, crf // 6) * _LAMBDA)}
    known = {
        "libx264": {**quality, "preset": preset},
        "libx265": {**quality, "preset": preset, "x265-params": _x265_params()},
        "libvpx-vp9": {**quality, "b": "0", "cpu-used": str(min(8, speed)), "row-mt": "1"},
        "libsvtav1": {**quality, "preset": str(min(13, 3 + speed))},
        "libaom-av1": {**quality, "cpu-used": str(min(8, speed))},
    }
    return known.get(encoder, {})


def _x265_params() -> str:
    """x265 has a thread pool of its own, which FFmpeg's thread count does not limit."""
    threads = thread_limit()
    return "log-level=none" + (f":pools={threads}" if threads else "")


def _ignored(encoder: str, options: dict[str, str]) -> tuple[str, ...]:
    """A warning if the encoder gets neither the quality nor the preset."""
    if options:
        return ()
    return (f"--crf and --preset have no effect on {encoder}, which uses its own defaults.",)


def _speed(preset: str) -> int:
    """0 (slowest) to 9."""
    return _PRESETS.index(preset)


def _pixel_formats(encoder: str, source: FaceSource) -> Iterator[str]:
    """The formats that an encoder takes, in order of increasing loss.

    Odd sizes need 4:4:4. A photo has no subsampling to keep, so it gets 4:2:0, which every player
    supports.
    """
    offered = {pixels.name for pixels in av.Codec(encoder, "w").video_formats or ()}
    kept = {(1, 1): "420", (1, 0): "422", (0, 0): "444"}[source.layout.chroma_shift]
    if source.is_photo and encoder not in _LOSSLESS:
        kept = "420"
    odd = source.width % 2 or source.height % 2
    chromas = (kept, "444") if odd else (kept, *(c for c in ("422", "444", "420") if c != kept))
    finer = [chroma for chroma in chromas if chroma >= kept]
    coarser = [chroma for chroma in reversed(chromas) if chroma < kept]
    depths = ("", "10le") if source.layout.depth == 8 else ("10le", "")
    for chroma in (*finer, *coarser):
        for depth in depths:
            if f"yuv{chroma}p{depth}" in offered:
                yield f"yuv{chroma}p{depth}"


def _opens(encoder: str, pixel_format: str, source: FaceSource, options: dict[str, str]) -> bool:
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.options = dict(options)
    configure(context, pixel_format, source)
    try:
        context.open()
    except (FFmpegError, OSError, ValueError):
        return False
    return True
