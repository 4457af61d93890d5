"""Token requests as templates: the valid one, changed in one place, and encoded to exact bytes for a target."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING
from typing import Literal as OneOf
from urllib.parse import unquote_to_bytes

from conformance.bindings import Bindings, Inapplicable, Run
from conformance.expression import (
    CLIENT_ID,
    HOST,
    LENGTH,
    PATH,
    SECRET,
    USER_AGENT,
    Credentials,
    Expression,
    Literal,
    form,
    literal,
    octets,
    part,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORM = "application/x-www-form-urlencoded"
"""The media type of a token request (RFC 6749, section 4.4.2)."""

Value = Expression | str | bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One header field line.

    Attributes:
        name: field name as it is spelled.
        value: field value; ``None`` stands for the length of the body.
        separator: what lies between the two, colon included.
    """

    name: bytes
    value: Expression | None
    separator: bytes = b": "

    def __str__(self) -> str:
        value = "{length}" if self.value is None else str(self.value)
        return f"{Literal(self.name)}{Literal(self.separator)}{value}"


@dataclass(frozen=True, slots=True)
class Transport:
    """What a request travels over where a case prescribes it; no secret travels over such a connection.

    Attributes:
        plain: whether it goes without TLS to a target that has it.
        minimum: lowest TLS version that is offered, such as ``TLSv1.2``.
        maximum: highest one.
        ciphers: cipher suites that are offered below TLS 1.3, in the notation of OpenSSL.
        name: what the suites have in common, for people.
    """

    plain: bool = False
    minimum: str = "TLSv1.2"
    maximum: str = "TLSv1.3"
    ciphers: str = "DEFAULT"
    name: str = ""

    @property
    def offer(self) -> str:
        """What the handshake offers, in words."""
        versions = self.minimum if self.minimum == self.maximum else f"{self.minimum} to {self.maximum}"
        return f"{self.name} in {versions}" if self.name else versions

    def __str__(self) -> str:
        return "(without TLS)" if self.plain else f"(a TLS handshake that offers {self.offer})"


@dataclass(frozen=True, slots=True)
class Encoded:
    """The exact bytes of a request for one target.

    Attributes:
        data: what is put on the wire.
        secrets: ranges of octets made from a secret of the target, edited or not.
    """

    data: bytes = field(repr=False)
    secrets: tuple[tuple[int, int], ...]

    def masked(self) -> bytes:
        """The bytes with every octet of a secret replaced by ``*``; the length stays."""
        masked = bytearray(self.data)
        for start, end in self.secrets:
            masked[start:end] = b"*" * (end - start)
        return bytes(masked)


@dataclass(frozen=True)
class Template:
    """A token request with symbolic parts; every change gives another template.

    Attributes:
        method: request method.
        target: request target.
        version: protocol version of the request line.
        fields: header field lines in order.
        parameters: pieces of the form body, joined by ``&``; ``None`` where ``raw`` is the body.
        raw: the body, taken as it is.
        framing: ``length`` sends Content-Length, ``chunked`` one chunk, ``extended`` one with a chunk extension,
            ``chunks`` two of them, ``none`` neither field nor body.
        gate_scope: whether the scope that the valid request needs is added to the form.
        transport: what it travels over; ``None`` for what the target has.
        after: the request that goes before it on the same connection, if one does.
        held: whether its body waits for an answer to its header section, a few seconds at the most.
        elsewhere: whether it asks another resource of the host than the token endpoint; it carries no secret then, and
            its answer concerns no invariant.
        copy: which copy of a series it is, if it is one: what tells it from requests of the same octets.
    """

    method: bytes
    target: Expression
    fields: tuple[Line, ...]
    parameters: tuple[Expression, ...] | None
    raw: Expression | None = None
    version: bytes = b"HTTP/1.1"
    framing: OneOf["length", "chunked", "extended", "chunks", "none"] = "length"
    gate_scope: bool = True
    transport: Transport | None = field(default=None, repr=False)
    after: Template | None = field(default=None, repr=False)
    held: bool = field(default=False, repr=False)
    elsewhere: bool = field(default=False, repr=False)
    copy: str = field(default="", repr=False)

    @cached_property
    def digest(self) -> str:
        """A name for the template that is the same for every target, run and release: 16 hexadecimal digits."""
        over = "" if self.transport is None else repr(self.transport)
        over += "" if self.after is None else self.after.digest
        over += ("held" if self.held else "") + ("elsewhere" if self.elsewhere else "") + self.copy
        return hashlib.sha256((repr(self) + over).encode()).hexdigest()[:16]

    @cached_property
    def symbols(self) -> frozenset[str]:
        """Names of what the target decides of it, such as ``secret`` or ``special_id``."""
        values = (self.target, *(line.value for line in self.fields), *(self.parameters or ()), self.raw)
        own = frozenset().union(*(value.symbols for value in values if value is not None))
        return own if self.after is None else own | self.after.symbols

    def over(self, transport: Transport) -> Template:
        """The template over a connection of another kind."""
        return replace(self, transport=transport)

    # Changes of the header section

    def replacing(self, name: str, value: Value, *, nth: int = 0) -> Template:
        """The template with another value in the n-th line of a field."""
        return self._edited(name, lambda line: replace(line, value=literal(value)), nth)

    def respelling(self, name: str, spelling: str) -> Template:
        """The template with a field name spelled another way."""
        return self._edited(name, lambda line: replace(line, name=spelling.encode()))

    def separating(self, name: str, separator: str) -> Template:
        """The template with something other than a colon and one space between a field's name and value."""
        return self._edited(name, lambda line: replace(line, separator=separator.encode()))

    def adding(self, name: str, value: Value, *, first: bool = False) -> Template:
        """The template with one more field line, next to its namesake where there is one, last otherwise.

        Args:
            name: field name as it is to be spelled.
            value: field value.
            first: whether the line goes before its namesake.
        """
        line = Line(name.encode(), literal(value))
        places = [at for at, other in enumerate(self.fields) if same_name(other.name, name)]
        at = len(self.fields) if not places else places[0] if first else places[-1] + 1
        return replace(self, fields=(*self.fields[:at], line, *self.fields[at:]))

    def with_fields(self, *fields: tuple[str, Value | None]) -> Template:
        """The template with other field lines, each a name and a value; ``None`` stands for the length of the body."""
        lines = (Line(name.encode(), None if value is None else literal(value)) for name, value in fields)
        return replace(self, fields=tuple(lines))

    def removing(self, *names: str) -> Template:
        """The template without the lines of some fields."""
        kept = tuple(line for line in self.fields if not any(same_name(line.name, name) for name in names))
        return replace(self, fields=kept)

    def authorized(self, secret: Value = SECRET, client_id: Value = CLIENT_ID) -> Template:
        """The template with credentials for another secret or client, in the form that the profile prescribes."""
        return self.replacing("Authorization", Credentials(literal(client_id), literal(secret)))

    def _edited(self, name: str, edit: Callable[[Line], Line], nth: int = 0) -> Template:
        places = [at for at, line in enumerate(self.fields) if same_name(line.name, name)]
        at = places[nth]
        return replace(self, fields=(*self.fields[:at], edit(self.fields[at]), *self.fields[at + 1 :]))

    # Changes of the request line

    def with_method(self, method: str) -> Template:
        """The template with another method."""
        return replace(self, method=method.encode())

    def to(self, target: Value) -> Template:
        """The template with another request target."""
        return replace(self, target=literal(target))

    def fetching(self, target: Value) -> Template:
        """A GET of another resource of the same host: without credentials, content, and keys of gateways."""
        bare = self.with_method("GET").removing("Authorization", "Content-Type").without_body()
        return replace(bare.to(target), elsewhere=True)

    def with_query(self, query: Value) -> Template:
        """The template with a query in its request target."""
        return replace(self, target=self.target + "?" + literal(query))

    # Changes of the body

    def with_form(self, *parameters: Value) -> Template:
        """The template with other form parameters, each as it is to be encoded, such as ``grant_type=a``."""
        return replace(self, parameters=tuple(map(literal, parameters)), raw=None)

    def adding_parameters(self, *parameters: Value) -> Template:
        """The template with more form parameters after the ones it has."""
        return replace(self, parameters=(*(self.parameters or ()), *map(literal, parameters)))

    def with_body(self, body: Value) -> Template:
        """The template with another body, taken as it is."""
        return replace(self, parameters=None, raw=literal(body))

    def without_body(self) -> Template:
        """The template with neither body nor Content-Length."""
        fields = self.removing("Content-Length").fields
        return replace(self, fields=fields, parameters=None, raw=literal(b""), framing="none")

    def without_scope(self) -> Template:
        """The template without any scope, also where the valid request needs one."""
        return replace(self, gate_scope=False)

    def chunked(self) -> Template:
        """The template with its body in one chunk instead of a Content-Length."""
        fields = tuple(
            Line(b"Transfer-Encoding", literal("chunked")) if same_name(line.name, "Content-Length") else line
            for line in self.fields
        )
        return replace(self, fields=fields, framing="chunked")

    def extending_its_chunk(self) -> Template:
        """The template with an extension behind the size of its chunk (RFC 9112, section 7.1.1)."""
        return replace(self.chunked(), framing="extended")

    def in_two_chunks(self) -> Template:
        """The template with its body in two chunks, the first of which ends within a name."""
        return replace(self.chunked(), framing="chunks")

    def holding_its_body(self) -> Template:
        """The template whose body waits for an answer to its header section."""
        return replace(self, held=True)

    def lines(self) -> tuple[str, ...]:
        """The template in words: request line, field lines, an empty line, the body; symbols in braces."""
        return self._lines

    @cached_property
    def _lines(self) -> tuple[str, ...]:
        body = "&".join(map(str, self.parameters)) if self.parameters is not None else str(self.raw)
        if not self.gate_scope and self.parameters is not None:
            body += "{never a scope}"
        head = f"{Literal(self.method)} {self.target} {Literal(self.version)}"
        over: tuple[str, ...] = () if self.transport is None else (str(self.transport),)
        if self.after is not None:
            over += (f"(on the connection of: {'; '.join(changed_lines(self.after)) or 'the valid request'})",)
        if self.framing == "extended":
            over += ("(the chunk has an extension)",)
        if self.framing == "chunks":
            over += ("(in two chunks)",)
        if self.held:
            over += ("(the body waits for an answer to the header section)",)
        lines = (*over, *(_shown(line) for line in (head, *map(str, self.fields))))
        return (*lines, "", *([_shown(body)] if body else []))


def on_one_connection(first: Template, second: Template) -> Template:
    """The second of two requests, sent on the connection of the first when that is answered; neither asks for its end.

    Both are sent without Connection, so that the server may keep what HTTP/1.1 keeps (RFC 9112, section 9.3).
    """
    return replace(second.removing("Connection"), after=first.removing("Connection"))


def _shown(line: str) -> str:
    """A line in which no blank can be overlooked: at either end, and behind another, it stands as an escape."""
    return re.sub(r"^ | $|(?<= ) ", r"\\x20", line)


def same_name(name: bytes, other: str) -> bool:
    """Whether two field names are the same (RFC 9110, section 5.1)."""
    return name.lower() == other.lower().encode()


VALID = Template(
    method=b"POST",
    target=PATH,
    fields=(
        Line(b"Host", HOST),
        Line(b"Authorization", Credentials(CLIENT_ID, SECRET)),
        Line(b"Content-Type", literal(FORM)),
        Line(b"Accept", literal("*/*")),
        Line(b"User-Agent", USER_AGENT),
        Line(b"Content-Length", None),
        Line(b"Connection", literal("close")),
    ),
    parameters=(literal("grant_type=client_credentials"),),
)
"""The plain valid token request: every stimulus is this one, changed."""


def encode(template: Template, bindings: Bindings) -> Encoded:
    """The exact bytes of a template for one target.

    Args:
        template: the request.
        bindings: what its symbols stand for.

    Raises:
        Inapplicable: the target lacks what the template needs.
    """
    guarded = template.transport is not None or template.elsewhere
    if guarded:
        bindings = _without_secrets(bindings)
    body = content(template, bindings)
    length = sum(len(run.data) for run in body)
    if template.framing in _CHUNKED:
        body = (*_chunks(body, length, template.framing), Run(b"0\r\n\r\n"))
    if LENGTH.name in template.symbols:
        bindings = replace(bindings, length=str(length))
    runs = [Run(template.method + b" "), *template.target.runs(bindings), Run(b" " + template.version + b"\r\n")]
    # Whoever configured a name for the suite to go by wants no second one beside it.
    named = any(name.lower() == "user-agent" for name, _, _ in bindings.headers)
    fields = tuple(line for line in template.fields if not (named and same_name(line.name, "User-Agent")))
    # Gateway keys go next to the first Host: whatever a case does to the other lines, they stay as configured, once.
    hosts = [at for at, line in enumerate(fields) if same_name(line.name, "Host")]
    gateway = hosts[0] + 1 if hosts else 0
    for line in fields[:gateway]:
        runs += _line(line, length, bindings)
    for name, text, secret in bindings.headers:
        runs += [Run(name.encode() + b": "), Run(text.encode(), secret=secret), Run(b"\r\n")]
    for line in fields[gateway:]:
        runs += _line(line, length, bindings)
    runs += [Run(b"\r\n"), *body]
    encoded = _encoded(tuple(runs))
    if guarded and encoded.secrets and not _exposes_alone(template):
        where = "to another resource" if template.elsewhere else "over a connection that a case prescribes"
        raise Inapplicable(f"a secret does not travel {where}; use UNKNOWN_SECRET")
    return encoded


_CHUNKED = {"chunked": b"%x\r\n", "extended": b"%X;a=b\r\n", "chunks": b"%x\r\n"}
"""What stands before a chunk, by framing."""

FIRST_CHUNK = 4
"""Octets of the first of two chunks."""


def _chunks(body: tuple[Run, ...], length: int, framing: str) -> Iterator[Run]:
    places = (0, FIRST_CHUNK, length) if framing == "chunks" and length > FIRST_CHUNK else (0, length)
    for start, end in pairwise(places if length else ()):
        yield from (Run(_CHUNKED[framing] % (end - start)), *part(body, start, end), Run(b"\r\n"))


def _exposes_alone(template: Template) -> bool:
    """Whether it goes without TLS, and of secrets holds the one alone that may be seen on the way."""
    plain = template.transport is not None and template.transport.plain and not template.elsewhere
    return plain and {name for name in template.symbols if name.endswith("secret")} <= {"exposed_secret"}


def _without_secrets(bindings: Bindings) -> Bindings:
    """The bindings without gateway keys and other further secrets."""
    return replace(
        bindings,
        headers=tuple(entry for entry in bindings.headers if not entry[2]),
        parameters=tuple(entry for entry in bindings.parameters if not entry[2]),
    )


def _line(line: Line, length: int, bindings: Bindings) -> tuple[Run, ...]:
    value = (Run(b"%d" % length),) if line.value is None else line.value.runs(bindings)
    return (Run(line.name + line.separator), *value, Run(b"\r\n"))


def content(template: Template, bindings: Bindings) -> tuple[Run, ...]:
    """The octets of the body, before any transfer coding."""
    if template.framing == "none":
        return ()
    if template.parameters is None:
        return template.raw.runs(bindings) if template.raw is not None else ()
    pieces = [parameter.runs(bindings) for parameter in template.parameters]
    if template.gate_scope and bindings.gate_scope is not None:
        names = {decoded(name) for piece in pieces for name, _ in pairs(octets(piece))}
        if b"scope" not in names:
            pieces.append((Run(b"scope=" + form(bindings.gate_scope).encode()),))
    pieces += [
        (Run(form(name).encode() + b"="), Run(form(value).encode(), secret=secret))
        for name, value, secret in bindings.parameters
    ]
    runs: list[Run] = []
    for at, piece in enumerate(pieces):
        runs += [Run(b"&"), *piece] if at else piece
    return tuple(runs)


def _encoded(runs: tuple[Run, ...]) -> Encoded:
    at, spans = 0, []
    for run in runs:
        if run.secret and run.data:
            spans.append((at, at + len(run.data)))
        at += len(run.data)
    return Encoded(octets(runs), tuple(spans))


def changed_lines(template: Template, base: Template = VALID) -> tuple[str, ...]:
    """What a template changes, line by line: ``- `` before a line that is gone, ``+ `` before one that is new."""
    return _changed(base.lines(), template.lines())


@lru_cache(maxsize=1024)
def _changed(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    # The line between header section and body is there in every request.
    changes = [
        (before[old:old_end], after[new:new_end])
        for tag, old, old_end, new, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        if tag != "equal"
    ]
    gone = [f"- {line}" for lines, _ in changes for line in lines if line]
    return (*gone, *(f"+ {line}" for _, lines in changes for line in lines if line))


def pairs(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of form data, as they are encoded."""
    pieces = (piece.partition(b"=") for piece in data.split(b"&"))
    return [(name, value) for name, _, value in pieces]


def decoded(value: bytes) -> bytes:
    """A name or value of form data, decoded."""
    return unquote_to_bytes(value.replace(b"+", b" "))
