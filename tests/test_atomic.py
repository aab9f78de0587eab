"""Files that bear their names only once they are complete."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from talkernel.errors import OutputExistsError, OutputNotWritableError
from talkernel.files.atomic import AtomicFile, atomic_write, remove_partials, write_text

# Kills itself when it is about to make the system call named by the second argument.
KILLED_AT = """
import os, signal, sys
from talkernel.files.atomic import AtomicFile

file = AtomicFile(sys.argv[1], overwrite=False)
file.temporary.write_text("whole")
sys.addaudithook(lambda event, _: event == sys.argv[2] and os.kill(os.getpid(), signal.SIGKILL))
file.publish()
"""


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    write_text(path, "old")
    with atomic_write(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
        assert partial.parent == tmp_path and partial.suffix == ".json"
        assert partial.name.startswith(".")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    write_text(path, "Grüße")

    with pytest.raises(BrokenPipeError), atomic_write(path) as partial:
        partial.write_text("half")
        raise BrokenPipeError
    assert path.read_bytes() == "Grüße".encode() and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX thing")
@pytest.mark.parametrize("call", ["os.link", "os.rename", "os.remove", "open"])
def test_a_new_file_is_whole_or_absent_when_the_writer_is_killed(tmp_path: Path, call: str) -> None:
    path = tmp_path / "out.mp4"
    done = subprocess.run([sys.executable, "-c", KILLED_AT, str(path), call], check=False)
    assert done.returncode in {0, -signal.SIGKILL}
    assert not path.exists() or path.read_text() == "whole"
    assert path.exists() or done.returncode


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_appeared_in_the_meantime_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    if not hard_links:
        monkeypatch.setattr("os.link", _no_hard_links)
    path = tmp_path / "out.txt"
    with pytest.raises(OutputExistsError), atomic_write(path, overwrite=False) as partial:
        partial.write_text("mine")
        path.write_text("theirs")
    assert path.read_text() == "theirs" and list(tmp_path.iterdir()) == [path]


def test_new_files_are_written_without_hard_links_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.link", _no_hard_links)
    path = tmp_path / "out.txt"
    write_text(path, "all", overwrite=False)
    assert path.read_text() == "all" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputNotWritableError), atomic_write(tmp_path / "b.txt", overwrite=False):
        pass  # nothing was written, so nothing can be moved
    assert list(tmp_path.iterdir()) == [path]


def _no_hard_links(*_: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_an_existing_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "one")
    with pytest.raises(OutputExistsError):
        AtomicFile(tmp_path / "a", overwrite=False)
    with pytest.raises(OutputNotWritableError, match="no folder"):
        write_text(tmp_path / "gone" / "a", "two")


def test_what_killed_writers_left_can_be_removed(tmp_path: Path) -> None:
    path = tmp_path / "train-00001.tar"
    AtomicFile(path, overwrite=True).temporary.write_text("half")  # as if killed here
    other = AtomicFile(tmp_path / "val-00001.tar", overwrite=True).temporary
    other.write_text("half")
    write_text(path, "all")
    remove_partials(tmp_path, "train-*")
    assert sorted(tmp_path.iterdir()) == [other, path]


def test_two_writers_at_a_time_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with atomic_write(path) as one, atomic_write(path) as two:
        one.write_text("one")
        two.write_text("two")
    assert one != two and path.read_text() == "one" and list(tmp_path.iterdir()) == [path]


def test_long_names_have_room(tmp_path: Path) -> None:
    path = tmp_path / f"{'脸' * 80}.mp4"
    write_text(path, "x")
    assert path.read_text() == "x"
