"""Errors are told apart by exit code and say how to mend them."""

from __future__ import annotations

import pytest

from talkernel import errors
from talkernel.errors import NoFaceError, TalkernelError

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, TalkernelError)
]


def test_every_class_has_an_exit_code_of_its_own() -> None:
    codes = [error.exit_code for error in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(0 < code < 126 for code in codes)  # from 126 on, shells have their own


@pytest.mark.parametrize("error", CLASSES)
def test_every_class_is_documented_and_has_a_remedy(error: type[TalkernelError]) -> None:
    assert error.__doc__
    assert error.default_remedy.endswith(".")
    assert error("Something is wrong.").one_line() == f"Something is wrong. {error.default_remedy}"


def test_an_own_remedy_takes_the_place_of_the_default() -> None:
    error = NoFaceError("No face.", remedy="Turn round.")
    assert error.one_line() == "No face. Turn round."
    assert str(error) == "No face."
