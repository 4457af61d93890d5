"""Symbolic octets: values of a request that are known only for a target, and where a secret sits in them."""

from __future__ import annotations

import base64
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from conformance.bindings import Inapplicable, Run
from conformance.target import ROLES, SACRIFICIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.bindings import Bindings


READ_RAW = "the server reads id and secret as they are"
"""Why a form-encoded secret is not sent: the first valid request had one and was refused, the second had none."""


def form(text: str) -> str:
    """Text in application/x-www-form-urlencoded (RFC 6749, appendix B)."""
    return quote_plus(text.encode(), safe="*-._")


class Expression(ABC):
    """A value made of literals and symbols; ``+`` joins two, methods make edited ones."""

    __slots__ = ()

    def __add__(self, other: Expression | str | bytes) -> Expression:
        return Joined((self, literal(other)))

    def __radd__(self, other: str | bytes) -> Expression:
        return Joined((literal(other), self))

    @abstractmethod
    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The octets for one target.

        Raises:
            Inapplicable: the target lacks what the value needs.
        """

    @property
    def symbols(self) -> frozenset[str]:
        """Names of what the target decides of it, such as ``secret`` or ``special_id``."""
        return frozenset()

    def base64(self) -> Expression:
        """The value in Base64 (RFC 4648, section 4)."""
        return Edited(self, "base64")

    def form(self) -> Expression:
        """The value form-encoded (RFC 6749, appendix B)."""
        return Edited(self, "form")

    def percent_encoded(self) -> Expression:
        """The value form-encoded with ``%20`` for a blank instead of ``+``."""
        return Edited(self, "percent_encoded")

    def first_word(self) -> Expression:
        """What stands before the first blank; inapplicable where there is none."""
        return Word(self, first=True)

    def last_word(self) -> Expression:
        """What stands after the last blank; inapplicable where there is none."""
        return Word(self, first=False)

    def special_form(self) -> Expression:
        """The value form-encoded; inapplicable where that changes nothing, or where the server wants it as it is."""
        return Edited(self, "special_form")

    def present(self) -> Expression:
        """The value; inapplicable where it is empty."""
        return Edited(self, "present")

    def with_colon(self) -> Expression:
        """The value; inapplicable where it holds no colon, or where colons travel form-encoded."""
        return Edited(self, "with_colon")

    def of_another(self) -> Expression:
        """The secret that may travel in wrong places; inapplicable where that is the one of the sacrificial client."""
        return Edited(self, "of_another")

    def needless_form(self) -> Expression:
        """The value in the spelling that the server reads, with an escape for its first letter.

        `Credentials` take it as it is. It is inapplicable where there is no ASCII letter.
        """
        return Edited(self, "needless_form")

    def url_safe(self) -> Expression:
        """Base64 in the alphabet for URLs (RFC 4648, section 5); inapplicable where that changes nothing."""
        return Edited(self, "url_safe")

    def without_last(self) -> Expression:
        """The value without its last character."""
        return Edited(self, "without_last")

    def without_padding(self) -> Expression:
        """The value without ``=`` at its end; inapplicable where it has none."""
        return Edited(self, "without_padding")

    def split_by_blank(self) -> Expression:
        """The value with a blank after the first two characters behind its scheme.

        What stands before the blank then decodes to less than an id and a colon: whichever word a server reads, it is
        no wrong secret of the client.
        """
        return Edited(self, "split_by_blank")

    def case_swapped(self) -> Expression:
        """The value with the case of every ASCII letter swapped; inapplicable where it has none."""
        return Edited(self, "case_swapped")

    def middle_swapped(self) -> Expression:
        """The value with the case of the ASCII letter next to its middle swapped; inapplicable where it has none."""
        return Edited(self, "middle_swapped")


@dataclass(frozen=True, slots=True)
class Literal(Expression):
    """Octets that are the same for every target."""

    data: bytes

    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The octets."""
        del bindings
        return (Run(self.data),)

    def __str__(self) -> str:
        return visible(self.data)


@dataclass(frozen=True, slots=True)
class Repeated(Expression):
    """The same octets many times over; in words it stays short.

    Attributes:
        data: what is repeated.
        times: how often.
    """

    data: bytes
    times: int

    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The octets."""
        del bindings
        return (Run(self.data * self.times),)

    def __str__(self) -> str:
        return f"{{{self.times} times {visible(self.data)}}}"


@lru_cache(maxsize=4)
def _counted(pattern: bytes, times: int, joint: bytes) -> bytes:
    return joint.join(pattern % number for number in range(times))


@dataclass(frozen=True, slots=True)
class Counted(Expression):
    """The same octets many times over, each with a number of its own; in words it stays short.

    Attributes:
        pattern: what is repeated, with ``%d`` where the number goes.
        times: how often.
        joint: what stands between two.
    """

    pattern: bytes
    times: int
    joint: bytes

    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The octets."""
        del bindings
        return (Run(_counted(self.pattern, self.times, self.joint)),)

    def __str__(self) -> str:
        first, last = (visible(self.pattern % number) for number in (0, self.times - 1))
        return f"{{{self.times} pieces from {first} to {last}}}"


@dataclass(frozen=True, slots=True)
class Symbol(Expression):
    """A value that the target or the run decides."""

    name: str

    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The octets for one target."""
        if self.name == "scope":
            if bindings.scope is None:
                raise Inapplicable("no scope is configured: name one that the client may ask for with --scope")
            return (Run(bindings.scope.encode()),)
        if self.name == "folder" and bindings.folder == bindings.prefix:
            raise Inapplicable("the endpoint lies right below the base URL")
        if self.name == "scheme":
            return (Run(b"Basic " if bindings.basic else b""),)
        value = getattr(bindings, self.name)
        secret = self.name == "secret" or (self.name == "exposed_secret" and bindings.exposed_works)
        return (Run(value.encode(), secret=secret),)

    @property
    def symbols(self) -> frozenset[str]:
        """Its own name."""
        return frozenset({self.name})

    def __str__(self) -> str:
        return f"{{{self.name.replace('_', ' ')}}}"


@dataclass(frozen=True, slots=True)
class OfClient(Expression):
    """The identifier or the secret of a further client, which a target may lack.

    Attributes:
        role: which client it is.
        part: ``id`` or ``secret``.
    """

    role: str
    part: str

    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The octets for one target.

        Raises:
            Inapplicable: no such client was configured.
        """
        if self.role not in bindings.clients:
            names = f"{self.role}_client_id and {self.role}_client_secret_env (or _file) in conformance.toml"
            raise Inapplicable(f"no {self.role} client is configured: name one by {names}")
        client_id, secret = bindings.clients[self.role]
        return (Run(client_id.encode()),) if self.part == "id" else (Run(secret.encode(), secret=True),)

    @property
    def symbols(self) -> frozenset[str]:
        """Its own name, such as ``special_id``."""
        return frozenset({f"{self.role}_{self.part}"})

    def __str__(self) -> str:
        return f"{{{self.role} client {self.part}}}"


@dataclass(frozen=True, slots=True)
class Joined(Expression):
    """Several values after one another."""

    parts: tuple[Expression, ...]

    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The octets of every part, in order."""
        return tuple(run for part in self.parts for run in part.runs(bindings))

    @property
    def symbols(self) -> frozenset[str]:
        """The names in every part."""
        return frozenset().union(*(part.symbols for part in self.parts))

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


_BLANKS = {"form": b"+", "percent_encoded": b"%20"}


@dataclass(frozen=True, slots=True)
class Edited(Expression):
    """A value changed by one edit; what came from a secret still does."""

    inner: Expression
    edit: str

    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The edited octets.

        Raises:
            Inapplicable: the edit would change nothing for this target.
        """
        inner = self.inner.runs(bindings)
        whole = octets(inner)
        match self.edit:
            case "form" | "percent_encoded":
                blank = _BLANKS[self.edit]
                return tuple(Run(form_octets(run.data).replace(b"+", blank), secret=run.secret) for run in inner)
            case "base64":
                return (Run(base64.b64encode(whole), secret=any(run.secret for run in inner)),)
            case "without_last":
                if not whole:
                    raise Inapplicable("the value is empty and has no last character")
                return part(inner, 0, _last_character(whole))
            case "without_padding":
                if not whole.endswith(b"="):
                    raise Inapplicable("the Base64 of this client has no padding")
                return part(inner, 0, len(whole.rstrip(b"=")))
            case "split_by_blank":
                at = len(whole) - len(inner[-1].data) + 2
                return (*part(inner, 0, at), Run(b" "), *part(inner, at, len(whole)))
            case _:
                return _respelled(inner, self.edit, bindings)

    @property
    def symbols(self) -> frozenset[str]:
        """The names in what is edited."""
        return self.inner.symbols

    def __str__(self) -> str:
        return f"{self.edit.replace('_', ' ')}({self.inner})"


@dataclass(frozen=True, slots=True)
class Word(Expression):
    """The first or the last of several words."""

    inner: Expression
    first: bool

    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The octets of the word.

        Raises:
            Inapplicable: the value is a single word for this target.
        """
        inner = self.inner.runs(bindings)
        whole = octets(inner)
        if b" " not in whole:
            raise Inapplicable("the configured scope is a single name: give two with --scope 'a b'")
        if self.first:
            return part(inner, 0, whole.index(b" "))
        return part(inner, whole.rindex(b" ") + 1, len(whole))

    @property
    def symbols(self) -> frozenset[str]:
        """The names in the value."""
        return self.inner.symbols

    def __str__(self) -> str:
        return f"{'first' if self.first else 'last'} word({self.inner})"


@dataclass(frozen=True, slots=True)
class Credentials(Expression):
    """The Authorization value for an id and a secret, in the form that the profile prescribes.

    Bare Base64 of ``id:secret`` (the seed), or the Basic scheme with both form-encoded where the server wants it so
    (RFC 6749, section 2.3.1; RFC 7617, section 2). What a case writes out beside a symbol is never form-encoded: a
    colon, blank or control octet then reaches every server as it is, whichever spelling that reads.
    """

    client_id: Expression
    secret: Expression
    scheme: str | None = None

    def runs(self, bindings: Bindings) -> tuple[Run, ...]:
        """The octets for one target."""
        client_id, secret = self.client_id, self.secret
        if bindings.basic and bindings.form_encoded:
            client_id, secret = _form_encoded(client_id), _form_encoded(secret)
        scheme = (b"Basic " if bindings.basic else b"") if self.scheme is None else self.scheme.encode()
        return (Run(scheme), *(client_id + ":" + secret).base64().runs(bindings))

    @property
    def symbols(self) -> frozenset[str]:
        """The names in both parts."""
        return self.client_id.symbols | self.secret.symbols

    def __str__(self) -> str:
        scheme = "{scheme}" if self.scheme is None else self.scheme
        return f"{scheme}base64({self.client_id}:{self.secret})"


def part(runs: tuple[Run, ...], start: int, end: int) -> tuple[Run, ...]:
    """The octets of some runs from one place to another, each with its origin."""
    parts: list[Run] = []
    at = 0
    for run in runs:
        data = run.data[max(start - at, 0) : max(end - at, 0)]
        if data:
            parts.append(Run(data, secret=run.secret))
        at += len(run.data)
    return tuple(parts)


def _respelled(runs: tuple[Run, ...], edit: str, bindings: Bindings) -> tuple[Run, ...]:
    """The value in another spelling, each run for itself.

    Raises:
        Inapplicable: the spelling is the one it has, or one that the server was found not to read.
    """
    if edit == "needless_form":
        return _needless_form(runs, bindings)
    if edit == "special_form" and not bindings.form_encoded:
        raise Inapplicable(READ_RAW)
    if edit == "with_colon":
        return _with_colon(runs, bindings)
    if edit == "of_another":
        if bindings.exposed_id == bindings.clients.get(SACRIFICIAL, ("",))[0]:
            raise Inapplicable("off this machine no other secret than the one of the sacrificial client travels")
        return runs
    if edit == "present":
        if not octets(runs):
            raise Inapplicable("the base URL has no path")
        return runs
    change, unchanged = _SPELLINGS[edit]
    respelled = tuple(Run(change(run.data), secret=run.secret) for run in runs)
    if octets(respelled) == octets(runs):
        raise Inapplicable(unchanged)
    return respelled


def _with_colon(runs: tuple[Run, ...], bindings: Bindings) -> tuple[Run, ...]:
    if b":" not in octets(runs):
        raise Inapplicable("the secret of the special client holds no colon")
    if bindings.basic and bindings.form_encoded:
        raise Inapplicable("a colon in a secret travels form-encoded here, which AUTH-016 looks at")
    return runs


def _url_safe(data: bytes) -> bytes:
    return data.translate(bytes.maketrans(b"+/", b"-_"))


def _needless_form(runs: tuple[Run, ...], bindings: Bindings) -> tuple[Run, ...]:
    whole = octets(runs)
    found = re.search(rb"[A-Za-z]", whole)
    if found is None:
        raise Inapplicable("the value has no letter that could be escaped")

    def spelled(data: bytes) -> bytes:
        return form_octets(data) if bindings.form_encoded else data

    data = spelled(whole[: found.start()]) + b"%%%02X" % ord(found.group()) + spelled(whole[found.end() :])
    return (Run(data, secret=any(run.secret for run in runs)),)


def _last_character(data: bytes) -> int:
    """Where the last character of UTF-8 text begins."""
    at = len(data) - 1
    while at > 0 and data[at] & 0xC0 == 0x80:
        at -= 1
    return at


def _middle_swapped(data: bytes) -> bytes:
    middle = (len(data) - 1) / 2
    at = min((found.start() for found in re.finditer(b"[A-Za-z]", data)), key=lambda at: abs(at - middle), default=0)
    return data[:at] + _case_swapped(data[at : at + 1]) + data[at + 1 :]


def _case_swapped(data: bytes) -> bytes:
    return bytes(octet ^ 0x20 if octet < 0x80 and chr(octet).isalpha() else octet for octet in data)


def _form_encoded(value: Expression) -> Expression:
    """The value with its symbols form-encoded and its literals left alone."""
    if isinstance(value, Joined):
        return Joined(tuple(map(_form_encoded, value.parts)))
    spelled = isinstance(value, Literal | Repeated | Counted) or (
        isinstance(value, Edited) and value.edit == "needless_form"
    )
    return value if spelled else value.form()


def literal(value: Expression | str | bytes) -> Expression:
    """The value as an expression; text is taken as UTF-8."""
    if isinstance(value, Expression):
        return value
    return Literal(value.encode() if isinstance(value, str) else value)


def octets(runs: tuple[Run, ...]) -> bytes:
    """The octets of several runs, joined."""
    return b"".join(run.data for run in runs)


def form_octets(data: bytes) -> bytes:
    """Octets in application/x-www-form-urlencoded."""
    return quote_plus(data, safe="*-._").encode()


_SPELLINGS: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "special_form": (form_octets, "the secret has no character that form encoding changes"),
    "url_safe": (_url_safe, "the Base64 of this client has neither + nor /"),
    "case_swapped": (_case_swapped, "the value has no letter whose case could be swapped"),
    "middle_swapped": (_middle_swapped, "the value has no letter whose case could be swapped"),
}


def visible(data: bytes) -> str:
    r"""Octets as text; what is not printable ASCII stands as an escape, such as ``\r`` or ``\x00``."""
    names = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\"}
    return "".join(
        names[octet] if octet in names else chr(octet) if 0x20 <= octet < 0x7F else f"\\x{octet:02x}" for octet in data
    )


CLIENT_ID = Symbol("client_id")
SECRET = Symbol("secret")
EXPOSED_ID = Symbol("exposed_id")
EXPOSED_SECRET = Symbol("exposed_secret")
SECOND_ID, SPECIAL_ID, SACRIFICIAL_ID, UNENTITLED_ID = (OfClient(role, "id") for role in ROLES)
SECOND_SECRET, SPECIAL_SECRET, SACRIFICIAL_SECRET, UNENTITLED_SECRET = (OfClient(role, "secret") for role in ROLES)
UNKNOWN_ID = Symbol("unknown_id")
UNKNOWN_SECRET = Symbol("unknown_secret")
SCOPE = Symbol("scope")
HOST = Symbol("host")
PATH = Symbol("path")
DOCUMENTED_PATH = Symbol("documented_path")
SCHEME = Symbol("scheme")
USER_AGENT = Symbol("user_agent")
ORIGIN = Symbol("origin")
PREFIX = Symbol("prefix")
FOLDER = Symbol("folder")
LENGTH = Symbol("length")
