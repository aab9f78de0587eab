"""Parts of files, as browsers ask for them when they seek."""

from __future__ import annotations

import re

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def parse_range(header: str | None, size: int) -> range | None:
    """Which bytes of a file are asked for.

    Args:
        header: Of the request, such as `bytes=0-99`, `bytes=100-` or `bytes=-100`.
        size: Of the file, in bytes.

    Returns:
        The bytes' numbers, none of them where the file does not reach there; None for the
        whole file, where the header is missing or not understood.
    """
    match = _ONE_RANGE.fullmatch(header.strip()) if header else None
    first, last = match.groups() if match else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        return None
    if not first:
        return range(max(0, size - int(last)), size)
    return range(int(first), min(size, int(last) + 1 if last else size))
