"""Tracks in shards: written, read back, and memory-mapped."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from talkernel.errors import DataError
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


def test_shards_are_laid_out_as_webdataset_reads_them(tmp_path: Path) -> None:
    """One sample's members follow each other: NAME.json and NAME.ARRAY.npy."""
    write_tracks(tmp_path, "train", [drawn_track(seed, frames=21) for seed in (0, 1)])
    with tarfile.open(tmp_path / "train-00000.tar", "r:") as tar:
        names = tar.getnames()
        assert {member.mtime for member in tar} == {0}
    of_one = sorted(["json", *(f"{name}.npy" for name in ARRAYS)])
    assert names == [f"track{seed}.{ending}" for seed in (0, 1) for ending in of_one]


def test_the_same_tracks_make_the_same_file(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_tracks(tmp_path / folder, "train", [drawn_track(0, frames=21)])
    shards = [(tmp_path / name / "train-00000.tar").read_bytes() for name in ("a", "b")]
    assert shards[0] == shards[1]


def test_shards_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """Webdataset's writer gave each member a floating-point time, and so a header of its own."""
    track = drawn_track(0, frames=21)
    write_tracks(tmp_path, "train", [track])
    shard = tmp_path / "train-00000.tar"
    with tarfile.open(shard) as new, tarfile.open(tmp_path / "old.tar", "w") as old:
        for member in new:
            member.mtime, member.uname, member.mode = 0.0, "bigdata", 0o444
            old.addfile(member, new.extractfile(member))
    (tmp_path / "old.tar").replace(shard)
    (found,) = load_tracks(tmp_path, "train")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(track, name))


def test_a_folder_without_tracks_raises_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no prepared tracks"):
        load_tracks(tmp_path, "train")


def test_a_failed_write_keeps_the_old_tracks(tmp_path: Path) -> None:
    track = drawn_track(0, frames=21)
    write_tracks(tmp_path, "train", [track])
    broken = Track.of("b", "b", {name: None for name in ARRAYS})  # type: ignore[misc]
    with pytest.raises(Exception):  # noqa: B017  # whatever breaks
        write_tracks(tmp_path, "train", [track, broken])
    assert [found.name for found in load_tracks(tmp_path, "train")] == ["track0"]
