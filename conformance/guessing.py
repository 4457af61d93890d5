"""Guessing: which requests try a wrong secret of a registered client, as a lenient server may read them."""

from __future__ import annotations

import base64
import re
from itertools import islice
from typing import TYPE_CHECKING

from conformance.expression import form, octets
from conformance.request import content, decoded, pairs, same_name
from conformance.target import SACRIFICIAL

if TYPE_CHECKING:
    from conformance.bindings import Bindings
    from conformance.request import Template


def tries_wrong_secret(template: Template, bindings: Bindings) -> bool:
    """Whether the request presents a registered client with a secret that is not its own.

    Servers count such tries and lock clients, so they are budgeted, those of the sacrificial client aside. It is read
    off the values rather than declared, so that no case can forget it.

    Raises:
        Inapplicable: the target lacks what the template needs.
    """
    if template.after is not None and tries_wrong_secret(template.after, bindings):
        return True
    values = [
        octets(line.value.runs(bindings))
        for line in template.fields
        if line.value is not None and same_name(line.name.strip(), "Authorization")
    ]
    headers = [pair for value in values for pair in _presented(value, bindings)]
    query = octets(template.target.runs(bindings)).partition(b"?")[2]
    given = [*pairs(query), *pairs(octets(content(template, bindings)))]
    # Of the thousands that a body may hold, few need to be decoded.
    given = [(name, text) for name, text in given if b"%" in name or name.lower() in _NAMES]
    named = {wanted: [decoded(text) for name, text in given if decoded(name).lower() == wanted] for wanted in _NAMES}
    clients = named[b"client_id"] or [client for client, _ in headers]
    presented = (*headers, *((client, secret) for client in clients for secret in named[b"client_secret"]))
    real = [(bindings.client_id, bindings.secret)]
    real += [pair for role, pair in bindings.clients.items() if role != SACRIFICIAL]
    registered = [(client.encode(), secret.encode()) for client, secret in (*real, *bindings.clients.values())]
    counted = registered[: len(real)]
    return any(
        _near(one, client) and secret != own
        for client, secret in presented
        if (client, secret) not in registered and (decoded(client), secret) not in registered
        for one, own in counted
    )


def leaves_in_doubt(template: Template, bindings: Bindings) -> bool:
    """Whether a right secret of a further client may be a wrong one to the server, which reads the other spelling.

    Nobody knows which one it reads where the client under test is spelled alike in both.
    """
    if not (bindings.basic and bindings.form_encoded) or _spelled_otherwise(bindings.client_id, bindings.secret):
        return False
    values = [line.value for line in template.fields if same_name(line.name, "Authorization")]
    symbols = frozenset[str]().union(*(value.symbols for value in values if value is not None))
    return any(
        f"{role}_secret" in symbols and _spelled_otherwise(*pair)
        for role, pair in bindings.clients.items()
        if role != SACRIFICIAL
    )


def _spelled_otherwise(client_id: str, secret: str) -> bool:
    return (form(client_id), form(secret)) != (client_id, secret)


_NAMES = (b"client_id", b"client_secret")


def _near(real: bytes, client: bytes) -> bool:
    """Whether a lenient server could take an id for the real one."""
    return real.strip().lower() in (one.strip(b" \t\r\n\0").lower() for one in (client, decoded(client)))


def _presented(value: bytes, bindings: Bindings) -> list[tuple[bytes, bytes]]:
    """Every id and secret that a lenient server could read from an Authorization value."""
    plain = [text for word in (value, *value.split()) for text in (word, *unbase64(word))]
    # An id may hold colons; no id holds many.
    colons = [(text, found.start()) for text in plain for found in islice(re.finditer(b":", text), 8)]
    found = [(text[:at], text[at + 1 :]) for text, at in colons]
    found += [(text, b"") for text in plain if b":" not in text]
    if bindings.basic and bindings.form_encoded and value.strip().lower().startswith(b"basic"):
        # The server was found to read this spelling: the secret as it is would be a wrong one to it.
        return [(client, decoded(secret)) for client, secret in found]
    return found


def unbase64(value: bytes) -> tuple[bytes, ...]:
    """What lenient decoders make of Base64, its scheme word aside: some skip what is foreign, some stop at padding."""
    token = re.sub(rb"^\s*basic\b\s*", b"", value, flags=re.IGNORECASE).translate(bytes.maketrans(b"-_", b"+/"))
    readings: dict[bytes, None] = {}
    for part in (token, token.lstrip(b"=").partition(b"=")[0]):
        digits = re.sub(rb"[^A-Za-z0-9+/]", b"", part)
        # A single character at the end stands for less than an octet.
        digits = digits[:-1] if len(digits) % 4 == 1 else digits
        readings[base64.b64decode(digits + b"=" * (-len(digits) % 4))] = None
    return tuple(reading for reading in readings if reading)
