"""Profiles: the contracts a target may claim, as TOML, each alone or on top of another."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from conformance.keys import (
    LABEL,
    PATH,
    TEXT,
    TOKEN_PATH,
    YES_NO,
    Kind,
    choice,
    entries,
    parse_toml,
    path,
    read_file,
    whole,
)
from conformance.resources import package_text
from conformance.target import SettingsError, accepted, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILT_IN = ("passport", "rfc6749")
DESCRIPTIONS = ("passport.yaml", "rfc6749.yaml")

_ERROR_CODE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")


@dataclass(frozen=True, slots=True)
class Profile:
    """The contract a target claims.

    ``lineage`` holds the name of the profile and then of everything it extends. ``openapi`` is the name of a built-in
    description or the absolute path of the profile's own. ``token_path`` is None where the contract names no path;
    ``token_lifetime`` is in seconds. ``place`` is its built-in name or the path of its file.
    """

    name: str
    title: str
    lineage: tuple[str, ...]
    authorization: Literal["bare", "basic"]
    openapi: str
    basic_encoding: Literal["auto", "form", "raw"] = "auto"
    token_path: str | None = None
    claims_oauth2: bool = True
    default_scope: bool = True
    grant_type_default: bool = False
    duplicate_content_type: Literal["either", "accept"] = "either"
    pragma: Literal["optional", "required"] = "optional"
    spec: Literal["oauth20", "oauth21"] = "oauth20"
    error_codes: tuple[str, ...] = ()
    token_lifetime: int = 3600
    place: str = ""


def load(name_or_path: str, cwd: Path) -> Profile:
    """The profile of that name or file.

    Args:
        name_or_path: a built-in name, or the path of a file, which ends in ``.toml`` or holds a slash.
        cwd: the folder that a relative path starts from.

    Raises:
        SettingsError: there is no such profile, or it or one it extends cannot be read, has an unknown key or a bad
            value, or extends itself.
    """
    names, values = _lineage(name_or_path, cwd, ())
    for key in ("authorization", "openapi"):
        if key not in values:
            raise SettingsError(
                f"{name_or_path}: {key}: is missing; give it, or let the profile extend passport or rfc6749"
            )
    place = name_or_path if name_or_path in BUILT_IN else str(_resolved(cwd, name_or_path))
    return Profile(lineage=names, place=place, **values)


def _error_codes(value: Any) -> tuple[str, ...]:
    if value == []:
        return ()
    codes = entries(value)
    for code in codes:
        if not _ERROR_CODE.fullmatch(code):
            raise SettingsError(f'{shown(code)} is no error code; accepted: printable ASCII without " and \\')
    return codes


KEYS: Mapping[str, Kind] = {
    "name": LABEL,
    "extends": PATH,
    "title": TEXT,
    "authorization": choice("bare", "basic"),
    "basic_encoding": choice("auto", "form", "raw"),
    "token_path": TOKEN_PATH,
    "openapi": PATH,
    "claims_oauth2": YES_NO,
    "default_scope": YES_NO,
    "grant_type_default": YES_NO,
    "duplicate_content_type": choice("either", "accept"),
    "pragma": choice("optional", "required"),
    "spec": choice("oauth20", "oauth21"),
    "error_codes": Kind("list of error codes", _error_codes),
    "token_lifetime": whole(1),
}


def _lineage(name_or_path: str, folder: Path, below: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names from this profile upwards, and its values with those it inherits.

    Args:
        name_or_path: what the user or the key ``extends`` says.
        folder: where a relative path starts.
        below: the files that led here, to notice a circle.
    """
    if name_or_path in BUILT_IN:
        return (name_or_path,), _checked(parse_toml(package_text("profiles", f"{name_or_path}.toml")), name_or_path)
    if not name_or_path.endswith(".toml") and "/" not in name_or_path:
        choices = accepted(name_or_path, BUILT_IN)
        raise SettingsError(f"{shown(name_or_path)} is no profile; a file ends in .toml or holds a slash; {choices}")
    file = _resolved(folder, name_or_path)
    if str(file) in below:
        raise SettingsError(f"{name_or_path}: extends: the profile comes back to itself; accepted: a chain that ends")
    own = _own(file, name_or_path)
    extends = own.pop("extends", None)
    if extends is None:
        return (own["name"],), own
    try:
        names, inherited = _lineage(extends, file.parent, (*below, str(file)))
    except SettingsError as error:
        raise SettingsError(f"{name_or_path}: extends: {error}") from None
    return (own["name"], *names), {**inherited, **own}


def _own(file: Path, shown_as: str) -> dict[str, Any]:
    """The checked values that stand in one profile file, with its name and title."""
    try:
        found = parse_toml(read_file(file))
    except SettingsError as error:
        raise SettingsError(f"{shown_as}: {error}") from None
    values = _checked({"name": file.stem, **found}, shown_as)
    if values["name"] in BUILT_IN:
        raise SettingsError(f"{shown_as}: name: {values['name']!r} is built in; accepted: a name of its own")
    values.setdefault("title", values["name"])
    if "openapi" in values:
        values["openapi"] = _description(values["openapi"], file.parent, shown_as)
    return values


def _checked(values: Mapping[str, Any], shown_as: str) -> dict[str, Any]:
    for key in values:
        if key not in KEYS:
            raise SettingsError(f"{shown_as}: {shown(key)} is no key of a profile; {accepted(key, KEYS)}")
    checked = {}
    for key, value in values.items():
        try:
            checked[key] = KEYS[key].check(value)
        except SettingsError as error:
            raise SettingsError(f"{shown_as}: {key}: {error}") from None
    return checked


def _description(name: str, folder: Path, shown_as: str) -> str:
    """The absolute path of a description beside the profile or, where there is none, the name of a built-in one."""
    file = _resolved(folder, name)
    if not os.path.lexists(file) and name in DESCRIPTIONS:
        return name
    try:
        file.open("rb").close()
    except OSError as error:
        choices = accepted(name, DESCRIPTIONS)
        reason = f"{shown(name)} cannot be read: {error.strerror}; a file beside the profile, or {choices}"
        raise SettingsError(f"{shown_as}: openapi: {reason}") from None
    return str(file)


def _resolved(folder: Path, name: str) -> Path:
    return Path(os.path.realpath(folder / path(name)))
