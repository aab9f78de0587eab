"""Turns the fields of `Options` into options of the command line."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from talkernel.pipeline.options import CHOICES, FIELDS, HINTS, PATHS, RENAMED, Options, read_value

PARAMETER = "options"  # name of the commands' parameter


def takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every field of `Options`.

    Args:
        command: It has a parameter `options: Options`, which these options replace.
    """

    @functools.wraps(command)
    def called(**values: Any) -> None:
        renamed = {name: values.pop(name) for name in RENAMED}
        chosen = {name: _value(name, values.pop(name)) for name in FIELDS}
        chosen |= {name: value for name, value in renamed.items() if value is not None}
        command(**values, **{PARAMETER: Options.of(**chosen)})

    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += _all() if parameter.name == PARAMETER else [parameter]
    named = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    called.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in named} | {"return": None}
    del called.__wrapped__  # typer would read the annotations of the original
    return called


def _all() -> list[inspect.Parameter]:
    """A parameter for each option, and hidden ones for earlier names."""
    found = [_parameter(name, _annotation(name), FIELDS[name].default) for name in FIELDS]
    hidden = typer.Option(hidden=True)
    return found + [_parameter(name, Annotated[str | None, hidden], None) for name in RENAMED]


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _annotation(name: str) -> Any:
    """The type annotation from which typer makes an option."""
    about, hint = FIELDS[name].metadata, HINTS[name]
    if name in CHOICES:
        hint = Literal[CHOICES[name]]
    elif about["read"] is not None:
        hint = str | None
    elif name in PATHS:
        hint = Path | None
    option = typer.Option(
        help=about["help"], min=about["low"], max=about["high"], metavar=about["metavar"]
    )
    return Annotated[hint, option]


def _value(name: str, given: Any) -> Any:
    read = FIELDS[name].metadata["read"]
    return read_value(name, given) if read is not None and given is not None else given
