"""What was given: a checked value, where it came from, and the secrets that it only names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from conformance.keys import KEYS, text
from conformance.target import SettingsError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "conformance.toml"

_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")


@dataclass(frozen=True, slots=True)
class Given:
    """A checked value, the words that say where it came from, and the folder that its relative paths start from."""

    value: Any
    where: str
    folder: Path


Layer: TypeAlias = dict[str, Given]
"""What one source gives, by option."""


def ways(*options: str) -> str:
    """How to give one of some settings, for an error about a missing one."""
    keys = [key for key in KEYS if key.option in options]
    names = [name for key in keys for name in (key.flag, key.variable, key.toml and f"{key.toml} in {FILE}") if name]
    return "give " + (" or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0])


def borrow(variable: str, where: str, environ: Mapping[str, str]) -> str:
    """The value of a variable that the file names.

    An error shows the name only where it looks like one: somebody may have put the secret in its place.

    Raises:
        SettingsError: there is no such variable, or its value cannot be used.
    """
    name = variable if _VARIABLE.fullmatch(variable) else "that it names"
    if variable not in environ:
        raise SettingsError(f"{where}: the environment variable {name} is not set")
    return usable(environ[variable], f"{where}: the environment variable {name}")


def usable(value: str, where: str) -> str:
    """The text itself, which is not empty and can be written as UTF-8.

    Raises:
        SettingsError: it is not; the text says where it came from and never repeats it.
    """
    try:
        return text(value)
    except SettingsError as error:
        raise SettingsError(f"{where} {error}") from None


def readable(given: Given, name: str) -> Path:
    """The file that was named.

    Raises:
        SettingsError: it cannot be read.
    """
    file = given.folder / name
    try:
        file.open("rb").close()
    except OSError as error:
        raise SettingsError(f"{given.where}: {shown(name)} cannot be read: {error.strerror}") from None
    return file
