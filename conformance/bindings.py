"""Bindings: what the symbols of a request stand for at one target, and the octets that come of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Inapplicable(Exception):  # noqa: N818 - it is an answer, not an error
    """A stimulus cannot be made for this target; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Run:
    """Octets in a row with one origin.

    Attributes:
        data: the octets.
        secret: whether they were made from a secret, whole or edited.
    """

    data: bytes = field(repr=False)
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Bindings:
    """What the symbols stand for at one target.

    Attributes:
        client_id: identifier of the client under test.
        secret: its secret.
        exposed_id: client that may travel where servers log it (`Target.exposed` says which).
        exposed_secret: the secret of that client.
        exposed_works: whether the two above are those of a client that is registered.
        unknown_id: an identifier that no server knows.
        unknown_secret: an invented secret.
        scope: a scope the client is entitled to, if one was configured.
        host: value of the Host field.
        path: path of the token endpoint, the base URL's prefix included.
        documented_path: the path that the profile's document names, the prefix included.
        basic: whether the profile sends the Basic scheme; bare Base64 otherwise.
        form_encoded: whether id and secret are form-encoded before Base64 (RFC 6749, section 2.3.1).
        headers: further fields of the valid request: name, value, whether the value is a secret.
        parameters: further parameters of the valid request, likewise.
        gate_scope: scope that the valid request must carry, if any.
        user_agent: by what name the suite presents itself (RFC 9110, section 10.1.5).
        origin: scheme, host and port of the target (RFC 9110, section 4.3.1).
        prefix: path of the base URL without a slash at its end.
        folder: path of the endpoint without its last segment.
        clients: identifier and secret of further clients, by role.
        length: octets of the body before any transfer coding, in decimal; known once the body is encoded.
    """

    client_id: str
    secret: str = field(repr=False)
    exposed_id: str
    exposed_secret: str = field(repr=False)
    exposed_works: bool
    unknown_id: str
    unknown_secret: str
    scope: str | None
    host: str
    path: str
    documented_path: str
    basic: bool
    form_encoded: bool
    headers: tuple[tuple[str, str, bool], ...] = field(default=(), repr=False)
    parameters: tuple[tuple[str, str, bool], ...] = field(default=(), repr=False)
    gate_scope: str | None = None
    user_agent: str = "token-conformance"
    origin: str = ""
    prefix: str = ""
    folder: str = ""
    clients: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    length: str = ""
