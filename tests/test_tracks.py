"""Tracks in shards: written, read back, and memory-mapped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talkernel.errors import NotPreparedError
from talkernel.lab.tracks.track import ARRAYS, Track, load_tracks, write_tracks
from tests.tracks import drawn_track


def test_written_tracks_are_read_back(tmp_path: Path) -> None:
    tracks = [drawn_track(seed, frames=21) for seed in (1, 0)]
    write_tracks(tmp_path, "train", tracks)
    write_tracks(tmp_path, "val", tracks[:1])
    found = load_tracks(tmp_path, "train")
    assert [track.name for track in found] == ["track0", "track1"]
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found[1], name), getattr(tracks[0], name))
    np.testing.assert_array_equal(found[1].crop(3), tracks[0].crop(3))
    np.testing.assert_allclose(found[1].crop_points, tracks[0].landmarks)
    assert [track.name for track in load_tracks(tmp_path, "val")] == ["track1"]
    assert load_tracks(tmp_path, "test") == []


def test_arrays_are_memory_mapped(tmp_path: Path) -> None:
    write_tracks(tmp_path, "train", [drawn_track(0, frames=21)])
    base: object = load_tracks(tmp_path, "train")[0].landmarks
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


def test_webdataset_reads_the_shards(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    track = drawn_track(0, frames=21)
    write_tracks(tmp_path, "train", [track])
    shard = str(tmp_path / "train-00000.tar")
    (sample,) = webdataset.WebDataset(shard, shardshuffle=False).decode()
    assert sample["__key__"] == "track0" and sample["json"]["identity"] == "id0"
    np.testing.assert_array_equal(sample["landmarks.npy"], track.landmarks)


def test_a_folder_without_tracks_raises_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(NotPreparedError, match="no prepared tracks"):
        load_tracks(tmp_path, "train")


def test_a_failed_write_keeps_the_old_tracks(tmp_path: Path) -> None:
    track = drawn_track(0, frames=21)
    write_tracks(tmp_path, "train", [track])
    broken = Track.of("b", "b", {name: None for name in ARRAYS})  # type: ignore[misc]
    with pytest.raises(Exception):  # noqa: B017  # whatever breaks
        write_tracks(tmp_path, "train", [track, broken])
    assert [found.name for found in load_tracks(tmp_path, "train")] == ["track0"]
