"""Shards: a tar of samples, each a JSON and some arrays, laid out as WebDataset reads them.

Arrays are stored as plain `.npy` members, which a memory map of the tar gives back without
reading them: opening a shard costs its headers only.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.files.atomic import atomic_write

Sample = tuple[dict[str, Any], dict[str, NDArray[Any]]]
HEADER = 512  # bytes that surely hold an array's header


def write_shard(path: Path, samples: Iterable[Sample]) -> None:
    """Write a tar that appears under its name only when it is complete.

    Args:
        path: The file; one of that name is replaced.
        samples: Each sample's facts, `name` among them, and its arrays. A name holds no dot.
    """
    with atomic_write(path) as partial, tarfile.open(partial, "w") as tar:
        for meta, arrays in samples:
            members = {f"{name}.npy": _encoded(array) for name, array in arrays.items()}
            members["json"] = json.dumps(meta).encode()
            for ending, content in sorted(members.items()):
                member = tarfile.TarInfo(f"{meta['name']}.{ending}")  # its time is 0
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def read_shard(path: Path, arrays: Sequence[str]) -> Iterator[Sample]:
    """The samples of a shard, in order; their arrays are views of the file.

    Args:
        path: The tar.
        arrays: Which arrays to give back.
    """
    buffer = np.memmap(path, np.uint8, "r")
    members: dict[str, dict[str, tarfile.TarInfo]] = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            name, _, ending = member.name.partition(".")
            members.setdefault(name, {})[ending] = member
    for own in members.values():
        facts = json.loads(_bytes(buffer, own["json"]).tobytes())
        yield facts, {name: _array(buffer, own[f"{name}.npy"]) for name in arrays}


def _encoded(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _bytes(buffer: NDArray[np.uint8], member: tarfile.TarInfo) -> NDArray[np.uint8]:
    start = member.offset_data
    return np.asarray(buffer[start : start + member.size])


def _array(buffer: NDArray[np.uint8], member: tarfile.TarInfo) -> NDArray[Any]:
    raw = _bytes(buffer, member)
    header = io.BytesIO(raw[:HEADER].tobytes())
    np.lib.format.read_magic(header)
    shape, _, dtype = np.lib.format.read_array_header_1_0(header)
    return raw[header.tell() :].view(dtype).reshape(shape)
