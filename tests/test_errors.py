"""Every category of errors has its exit code, and every error says how to mend it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from talkernel import errors
from talkernel.errors import NoFaceError, TalkernelError

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, TalkernelError)
]


CATEGORIES = {
    errors.OptionError: 2,
    errors.InputError: 10,
    errors.FaceError: 15,
    errors.OutputError: 18,
    errors.ModelError: 23,
    errors.InstallationError: 25,
    errors.DataError: 40,
    errors.TrainingError: 70,
}


def test_exit_codes_of_the_categories_are_stable() -> None:
    assert {error: error.exit_code for error in TalkernelError.__subclasses__()} == CATEGORIES


def test_other_classes_have_the_exit_code_of_their_category() -> None:
    for error in set(CLASSES) - {TalkernelError}:
        (category,) = set(error.__mro__) & set(CATEGORIES)
        assert error.exit_code == CATEGORIES[category]


@pytest.mark.parametrize("error", CLASSES)
def test_every_class_is_documented_and_has_a_remedy(error: type[TalkernelError]) -> None:
    assert error.__doc__
    assert error.default_remedy.endswith(".")
    assert error("Something is wrong.").one_line() == f"Something is wrong. {error.default_remedy}"


def test_an_own_remedy_takes_the_place_of_the_default() -> None:
    error = NoFaceError("No face.", remedy="Turn round.")
    assert error.one_line() == "No face. Turn round."
    assert str(error) == "No face."


def test_a_traceback_shows_the_remedy() -> None:
    code = "from talkernel.errors import OptionError; raise OptionError('Odd.', remedy='Mend it.')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Odd." in done.stderr
    assert ("Mend it." in done.stderr) == (sys.version_info >= (3, 11))


def test_what_needs_pytorch_says_so() -> None:
    code = "import sys; sys.modules['torch'] = None; import talkernel; talkernel.TalkingFace"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "TalkingFace needs PyTorch." in done.stderr
