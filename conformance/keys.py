"""Keys: everything that can be set, its names, and what a value written for it may be."""

from __future__ import annotations

import json
import math
import re
import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal

from conformance import catalogue, proxy
from conformance.target import (
    ROLES,
    Extra,
    Pin,
    Proxy,
    Secret,
    SettingsError,
    accepted,
    check_header,
    check_parameter,
    check_path,
    check_scope,
    host_and_port,
    parse_base_url,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PREFIX = "TOKEN_CONFORMANCE_"
FILE_SIZE = 1 << 20

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting may be.

    ``check`` takes a value as TOML gives it and returns the setting; ``read`` turns the text of a flag or a variable
    into such a value. Both raise SettingsError, without saying where. ``separator`` parts the entries of a variable
    where a setting has several.
    """

    name: str
    check: Callable[[Any], Any]
    read: Callable[[str], Any] = str
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One setting and its names.

    ``option`` is its long option without the dashes; ``has_flag`` and ``has_variable`` tell where it may come from
    besides the file, where it is called ``toml`` (None: it does not stand there). ``part`` is what it belongs to: keys
    of a run stand at the top of the file only. ``of_target`` marks what makes no sense without a base URL.
    """

    option: str
    part: Literal["target", "profile", "limit", "run"]
    kind: Kind
    toml: str | None
    default: Any = None
    has_flag: bool = True
    has_variable: bool = True
    of_target: bool = False

    @property
    def name(self) -> str:
        """The key of the setting in the mapping of flags."""
        return self.option.replace("-", "_")

    @property
    def flag(self) -> str | None:
        """The long option, such as ``--base-url``."""
        return f"--{self.option}" if self.has_flag else None

    @property
    def variable(self) -> str | None:
        """The environment variable, such as ``TOKEN_CONFORMANCE_BASE_URL``."""
        return PREFIX + self.name.upper() if self.has_variable else None


@dataclass(frozen=True, slots=True)
class Borrowed:
    """A header, parameter or proxy of the file whose value stands in an environment variable."""

    name: str
    variable: str


def text(value: Any) -> str:
    """A TOML string that is not empty and can be written as UTF-8."""
    if not isinstance(value, str):
        raise SettingsError(f"{kind_of(value)} is not accepted; accepted: a string")
    if not value:
        raise SettingsError("is empty; leave it out where nothing is meant")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SettingsError("is not UTF-8") from None
    return value


def path(value: Any) -> str:
    """A TOML string that can name a file."""
    if "\0" in text(value):
        raise SettingsError("holds NUL; accepted: the path of a file")
    return str(value)


def label(value: Any) -> str:
    """A name that can also be the name of a folder."""
    if not _NAME.fullmatch(text(value)):
        raise SettingsError(
            f"{shown(value)} is no name; accepted: up to 64 letters, digits and ._- with a letter or digit first"
        )
    return str(value)


def choice(*options: str) -> Kind:
    """One of some words."""

    def check(value: Any) -> str:
        if text(value) not in options:
            raise SettingsError(f"{shown(value)} is not accepted; {accepted(value, options)}")
        return str(value)

    return Kind(f"one of {', '.join(options)}", check)


def whole(low: int, high: int | None = None) -> Kind:
    """A whole number within bounds, both included."""
    words = f"a whole number from {low}" + ("" if high is None else f" to {high}")

    def read(written: str) -> int:
        if not re.fullmatch(r"\s*[+-]?[0-9]{1,4000}\s*", written):
            raise SettingsError(f"{shown(written)} is not accepted; accepted: {words}")
        return int(written)

    def check(value: Any) -> int:
        if type(value) is not int or value < low or (high is not None and value > high):
            raise SettingsError(f"{_number(value)} is not accepted; accepted: {words}")
        return value

    return Kind(words, check, read)


def number(high: float | None = None) -> Kind:
    """A finite number above zero, with its greatest value where there is one."""
    words = "a number above 0" + ("" if high is None else f", at most {high:g}")

    def read(written: str) -> float:
        if not re.fullmatch(r"\s*[+-]?(?:[0-9]{1,300}\.?[0-9]{0,300}|\.[0-9]{1,300})\s*", written):
            raise SettingsError(f"{shown(written)} is not accepted; accepted: {words}")
        return float(written)

    def check(value: Any) -> float:
        try:
            found = float(value) if type(value) in (int, float) else math.nan
        except OverflowError:
            found = math.inf
        if not math.isfinite(found) or found <= 0 or (high is not None and found > high):
            raise SettingsError(f"{_number(value)} is not accepted; accepted: {words}")
        return found

    return Kind(words, check, read)


def _read_yes_no(written: str) -> bool:
    word = written.strip().lower()
    if word not in {"1", "true", "yes", "0", "false", "no"}:
        raise SettingsError(f"{shown(written)} is not accepted; accepted: 1, true, yes, 0, false, no")
    return word in {"1", "true", "yes"}


def _check_yes_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{kind_of(value)} is not accepted; accepted: true or false")
    return value


def entries(value: Any) -> tuple[str, ...]:
    """A TOML list of strings, none of them empty, with at least one."""
    if not isinstance(value, (list, tuple)):
        raise SettingsError(f'{kind_of(value)} is not accepted; accepted: a list of strings, such as ["one", "two"]')
    if not value:
        raise SettingsError("is empty; leave it out where nothing is meant")
    return tuple(text(one) for one in value)


TEXT = Kind("text", text)
PATH = Kind("path", path)
LABEL = Kind("name", label)
TOKEN_PATH = Kind("path of a URL", lambda value: check_path(text(value)))
YES_NO = Kind("true or false", _check_yes_no, _read_yes_no)


def read_file(file: Path) -> str:
    """The text of a UTF-8 file of at most 1 MiB.

    Raises:
        SettingsError: it cannot be read; the text says why and names no path.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(FILE_SIZE + 1)
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}") from None
    if len(data) > FILE_SIZE:
        raise SettingsError("cannot be read: larger than 1 MiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SettingsError("cannot be read: not UTF-8") from None


def parse_toml(document: str) -> dict[str, Any]:
    """The tables of a TOML document.

    Raises:
        SettingsError: it is no TOML; the text says where in the document.
    """
    try:
        return tomllib.loads(document)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"is no TOML: {error}") from None


def quoted(text: str) -> str:
    """A text as a TOML string of printable ASCII, whatever came from the wire in it."""
    # TOML takes the escapes of JSON, but for halves of a character; runners of CI services take a ## for a command.
    written = json.dumps(text, ensure_ascii=False).replace("##", "#\\u0023")
    return "".join(one if " " <= one <= "~" else f"\\U{ord(one):08x}" for one in written)


def kind_of(value: object) -> str:
    """What a value of the wrong type is, without showing it: it may be a secret in the wrong place."""
    names = {
        bool: "a true or false",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


def _number(value: object) -> str:
    return shown(value) if type(value) is float or (type(value) is int and abs(value) < 10**20) else kind_of(value)


def _base_url(value: Any) -> str:
    parse_base_url(value if isinstance(value, str) else text(value))
    return str(value)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(text(name.strip()) for entry in entries(value) for name in entry.split(","))


def _extras(what: str, separator: str, check: Callable[[str, str], tuple[str, str]]) -> Kind:
    def read(written: str) -> tuple[str, str]:
        name, found, value = written.partition(separator)
        if not found:
            raise SettingsError(f"a {what} is written as name{separator}value")
        return name, value

    def entry(name: str, value: Any) -> Extra | Borrowed:
        if isinstance(value, dict) and list(value) == ["env"]:
            check(name, "")
            return Borrowed(name, text(value["env"]))
        if not isinstance(value, str):
            raise SettingsError(
                f'{shown(name)}: {kind_of(value)} is not accepted; accepted: a string or {{ env = "NAME" }}'
            )
        name, value = check(name, value)
        return Extra(name, text(value) if value else "")

    def check_all(value: Any) -> tuple[Extra | Borrowed, ...]:
        if isinstance(value, dict):
            return tuple(entry(name, one) for name, one in value.items())
        if not isinstance(value, tuple):
            raise SettingsError(f'{kind_of(value)} is not accepted; accepted: a table such as {{ "Name" = "value" }}')
        if not value:
            raise SettingsError(f"is empty; accepted: one {what} a line, as name{separator}value")
        return tuple(entry(name, one) for name, one in value)

    return Kind(f"{what}s, each as name{separator}value", check_all, read, separator="\n")


def _proxy(value: Any) -> Proxy | Borrowed | None:
    if value is None or isinstance(value, Proxy):
        return value
    if isinstance(value, dict) and list(value) == ["env"]:
        return Borrowed("proxy", text(value["env"]))
    if not isinstance(value, str):
        raise SettingsError(f'{kind_of(value)} is not accepted; accepted: a URL, none, or {{ env = "NAME" }}')
    found = proxy.parse(text(value))
    if found is not None and found.password is not None:
        raise SettingsError(
            "holds user information; a password never stands in this file; "
            'accepted: a URL without it, or { env = "NAME" }'
        )
    return found


def _pin(written: str) -> Pin:
    found = re.fullmatch(r"(?P<authority>(?:\[[^\]]*\]|[^:\[\]]+):[0-9]{1,5}):(?P<address>.+)", written)
    if found is None:
        raise SettingsError(f"{shown(written)} is not accepted; accepted: HOST:PORT:ADDRESS")
    host, port = host_and_port(found["authority"], 0, shown(written))
    address = found["address"].removeprefix("[").removesuffix("]")
    try:
        return Pin(host, port, ip_address(address).compressed)
    except ValueError:
        raise SettingsError(f"{shown(address)} is no IP address; accepted: HOST:PORT:ADDRESS") from None


def _edition() -> Kind:
    """An edition of the catalogue; which is the newest is not known before the catalogue was read."""

    def known() -> Kind:
        return whole(1, catalogue.load().edition)

    return Kind("edition of the catalogue", lambda value: known().check(value), lambda written: known().read(written))


HEADERS = _extras("header", ":", check_header)
PARAMETERS = _extras("parameter", "=", check_parameter)
_NAMES = Kind("names, with commas between them", _names, separator=",")
_FILES = Kind("paths of files", lambda value: tuple(path(one) for one in entries(value)), separator="\n")
_PROXY = Kind("URL of an HTTP proxy, or none", _proxy, lambda written: proxy.parse(text(written)))
_PINS = Kind("HOST:PORT:ADDRESS", lambda value: tuple(_pin(one) for one in entries(value)), separator="\n")
_SECRET = Kind("secret", lambda value: Secret(text(value)))
EDITION = _edition()


def _target_key(option: str, kind: Kind, *, toml: str | None = "", default: Any = None, hidden: str = "") -> Key:
    name = option.replace("-", "_") if toml == "" else toml
    return Key(option, "target", kind, name, default, "flag" not in hidden, "variable" not in hidden, of_target=True)


SECRETS = ("client-secret", "client-secret-env", "client-secret-file")
"""Where the secret of a client may stand; that of a further client has its role before the option."""


def _client_keys(role: str) -> tuple[Key, ...]:
    """The keys of a further client, which has no flags: it belongs to a target for good."""
    return (
        _target_key(f"{role}-client-id", TEXT, hidden="flag"),
        _target_key(f"{role}-client-secret", _SECRET, toml=None, hidden="flag"),
        _target_key(f"{role}-client-secret-env", TEXT, hidden="flag variable"),
        _target_key(f"{role}-client-secret-file", PATH, hidden="flag"),
    )


KEYS = (
    _target_key("base-url", Kind("absolute http or https URL", _base_url)),
    Key("target", "run", LABEL, "default_target", of_target=True),
    _target_key("token-path", TOKEN_PATH),
    _target_key("client-id", TEXT),
    _target_key("client-secret", _SECRET, toml=None, hidden="flag"),
    _target_key("client-secret-env", TEXT, hidden="flag variable"),
    _target_key("client-secret-file", PATH, hidden="flag"),
    *(key for role in ROLES for key in _client_keys(role)),
    _target_key("scope", Kind("scope names, with spaces between them", lambda value: check_scope(text(value)))),
    _target_key("header", HEADERS, toml="headers", default=()),
    _target_key("parameter", PARAMETERS, toml="parameters", default=()),
    _target_key("ca-bundle", PATH),
    _target_key("client-cert", PATH),
    _target_key("client-key", PATH),
    _target_key("client-key-passphrase", _SECRET, toml=None, hidden="flag"),
    _target_key("client-key-passphrase-env", TEXT, hidden="flag variable"),
    _target_key("proxy", _PROXY),
    _target_key("resolve", _PINS, default=()),
    _target_key("allow-plain-http", YES_NO, default=False),
    Key("profile", "profile", TEXT, "profile", "passport"),
    Key("pinned", "profile", PATH, "pinned"),
    Key("waivers", "profile", PATH, "waivers"),
    Key("timeout", "limit", number(600), "timeout", 10.0),
    Key("concurrency", "limit", whole(1, 64), "concurrency", 4),
    Key("max-rps", "limit", number(), "max_rps"),
    Key("safe", "limit", YES_NO, "safe", False),
    Key("max-duration", "limit", number(86_400), "max_duration", 900.0),
    Key("config", "run", PATH, None),
    Key("select", "run", _NAMES, "select", ()),
    Key("include", "run", _NAMES, "include", ()),
    Key("cases", "run", _FILES, "cases", ()),
    Key("fail-on", "run", choice("must", "should", "never"), "fail_on", "must"),
    Key("edition", "run", EDITION, "edition"),
    Key("examples", "run", whole(0, 100_000), "examples", 100),
    Key("seed", "run", whole(0), "seed", 1),
    Key("report-dir", "run", PATH, "report_dir"),
)
