"""Files that bear their names only once they are complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkernel.files.atomic import atomic_write, write_text, write_text_apart


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


def test_what_a_killed_writer_left_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    with atomic_write(path) as partial:
        pass_on = partial
        partial.write_text("x")
    pass_on.write_text("half of a very long te")  # as if killed here
    write_text(path, "all")
    assert path.read_text() == "all" and list(tmp_path.iterdir()) == [path]


def test_two_writers_at_a_time_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, lent = tmp_path / "record.json", list[Path]()
    monkeypatch.setattr("os.replace", lambda partial, _: lent.append(partial))
    write_text_apart(path, "one")
    write_text_apart(path, "two")
    assert [one.read_text() for one in lent] == ["one", "two"]
    monkeypatch.undo()
    write_text_apart(path, "three")
    assert path.read_text() == "three"
