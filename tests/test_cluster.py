"""Executors: no item is lost or run twice when a worker is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from talkernel.workers.choose import executor
from talkernel.workers.local import InProcess, Lost, Processes
from talkernel.workers.ray import RayCluster


def leave(item: tuple[Path, int]) -> int:
    """Leave a file of the item's own, if it is not there."""
    folder, number = item
    if not (folder / f"done{number}").exists():
        (folder / f"ran{number}-{os.getpid()}").touch()
        (folder / f"done{number}").touch()
    return number * number


def die_once(item: tuple[Path, int]) -> int:
    folder, number = item
    if number == 1 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return leave(item)


def die_always(item: tuple[Path, int]) -> int:
    if item[1] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return leave(item)


def linger(item: tuple[Path, int]) -> int:
    """Say who is at it, so that it can be killed, and take a while the first time."""
    folder, number = item
    first = folder / f"started{number}"
    if not first.exists():
        first.write_text(str(os.getpid()))
        time.sleep(60 if number == 0 else 0)
    return leave(item)


def test_the_executor_is_chosen_by_what_is_asked_for() -> None:
    assert isinstance(executor(1), InProcess)
    assert isinstance(executor(2), Processes)
    assert isinstance(executor(1, "local"), RayCluster)


def test_in_process_runs_one_item_after_the_other(tmp_path: Path) -> None:
    items = [(tmp_path, number) for number in range(3)]
    assert list(InProcess().map(leave, items)) == [(item, item[1] ** 2) for item in items]


def test_a_killed_process_loses_no_item_and_doubles_none(tmp_path: Path) -> None:
    items = [(tmp_path, number) for number in range(4)]
    found = list(Processes(2).map(die_once, items))
    assert sorted(found) == [(item, item[1] ** 2) for item in items]
    assert len(list(tmp_path.glob("ran*"))) == 4


def test_an_item_that_always_kills_its_process_is_named_and_the_rest_done(tmp_path: Path) -> None:
    items = [(tmp_path, number) for number in range(4)]
    found = dict(Processes(2).map(die_always, items))
    assert isinstance(found.pop(items[2]), Lost)
    assert found == {item: item[1] ** 2 for item in items if item[1] != 2}


def test_a_killed_ray_worker_loses_no_item_and_doubles_none(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    items = [(tmp_path, number) for number in range(4)]
    killer = threading.Thread(target=kill_when_named, args=[tmp_path / "started0"])
    killer.start()
    found = list(RayCluster("local", 2).map(linger, items))
    killer.join()
    assert sorted(found) == [(item, item[1] ** 2) for item in items]
    assert len(list(tmp_path.glob("ran*"))) == 4


def kill_when_named(path: Path) -> None:
    while not path.exists() or not path.read_text():
        time.sleep(0.1)
    os.kill(int(path.read_text()), signal.SIGKILL)
