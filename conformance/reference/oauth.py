"""What the embedded endpoint decides: the correct token endpoint, one small function a step.

The steps are replaceable, see ``behaviour``. Sources: RFC 6749 sections 2.3, 3.2, 3.3, 4.4 and 5; RFC 7617 section 2.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, NamedTuple

from conformance.reference.message import Answer, page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.reference.behaviour import Behaviour
    from conformance.reference.message import Malformed, Request

PASSPORT = "passport"
RFC6749 = "rfc6749"
FORM = "application/x-www-form-urlencoded"
GRANT = "client_credentials"
LIFETIME = 3600
INVALID_REQUEST = "invalid_request"
INVALID_CLIENT = "invalid_client"
NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
JSON_FIELDS = (("Content-Type", "application/json"), *NO_STORE)
RECOGNISED = ("grant_type", "scope", "client_id", "client_secret")
SCOPE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
KNOWN_METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
MAIN = "main"
UNENTITLED = "unentitled"
Pair = tuple[bytes, bytes]


class Client(NamedTuple):
    """A registered client; no representation shows its secret."""

    client_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Client({self.client_id!r}, ***)"


@dataclass(frozen=True, slots=True)
class Site:
    """The registered clients by role, and where they are served.

    ``role`` is that of the client which asks: the main one until a client has authenticated. ``origin`` is the scheme,
    host and port, known once the endpoint runs. ``memory`` is for behaviour that remembers.
    """

    profile: str
    clients: Mapping[str, Client]
    scopes: tuple[str, ...]
    token_path: str
    issuer_path: str = ""
    origin: str = ""
    role: str = MAIN
    memory: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def client_id(self) -> str:
        """The client that asks."""
        return self.clients[self.role].client_id

    @property
    def client_secret(self) -> str:
        """Its secret."""
        return self.clients[self.role].secret

    @property
    def issuer(self) -> str:
        """The issuer of tokens and metadata (RFC 8414 2)."""
        return self.origin + self.issuer_path

    def holder(self, client_id: str | None, secret: str | None) -> str | None:
        """The role of the client that is registered with exactly that id and secret."""
        return next((role for role, client in self.clients.items() if client == (client_id, secret)), None)


@dataclass(frozen=True, slots=True)
class Failure:
    """A refusal: ``cause`` is for this program alone, the rest is what the client reads (RFC 6749 5.2)."""

    cause: str
    code: str
    description: str
    status: int = 400


class Refused(Exception):  # noqa: N818 - a refusal is the outcome, and no error of this program
    """The request gets no token.

    Args:
        failure: the refusal.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.cause)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of a request, in order, repetitions kept."""

    pairs: tuple[tuple[str, str], ...] = field(repr=False)

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of that parameter."""
        return tuple(value for known, value in self.pairs if known == name)

    def get(self, name: str) -> str | None:
        """The first value; one that is empty counts as omitted (RFC 6749 3.2)."""
        return next(iter(self.values(name)), "") or None

    def mapped(self, name: str, change: Callable[[str], str]) -> Form:
        """The form with every value of that parameter changed."""
        return Form(tuple((known, change(value) if known == name else value) for known, value in self.pairs))

    def adding(self, name: str, value: str) -> Form:
        """The form with that parameter and no other of its name."""
        return Form((*self.without(name).pairs, (name, value)))

    def without(self, *names: str) -> Form:
        """The form without those parameters."""
        return Form(tuple(pair for pair in self.pairs if pair[0] not in names))


# The request


def pick_media_type(values: tuple[str, ...]) -> str:
    """The one Content-Type; lines that repeat the same value count as one, lines that differ are refused."""
    if not values:
        raise Refused(Failure("media-missing", INVALID_REQUEST, "Content-Type is missing"))
    if len(set(values)) > 1:
        raise Refused(Failure("media-conflict", INVALID_REQUEST, "Content-Type is sent twice with different values"))
    return values[0]


def is_form(media_type: str) -> bool:
    """The value names the form media type, whatever its letter case and parameters (RFC 9110 8.3.1)."""
    return media_type.partition(";")[0].strip(" \t").lower() == FORM


def form_decoded(octets: bytes) -> bytes:
    """Octets with ``+`` and percent escapes undone; a broken escape stays as it is (URL standard)."""
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda escape: bytes.fromhex(escape[1].decode()), octets.replace(b"+", b" "))


def read_form(request: Request) -> Form:
    """The parameters of the body, by the parser of the URL standard, which never fails."""

    def text(octets: bytes) -> str:
        return form_decoded(octets).decode("utf-8", "replace")

    parts = (piece.partition(b"=") for piece in request.body.split(b"&") if piece)
    return Form(tuple((text(name), text(value)) for name, _, value in parts))


def check_once(form: Form) -> None:
    """Refuses a recognised parameter that is repeated (RFC 6749 3.2); unknown ones are nobody's business."""
    if any(len(form.values(name)) > 1 for name in RECOGNISED):
        raise Refused(Failure("repeated", INVALID_REQUEST, "a parameter is repeated"))


# The client


def authenticate(behaviour: Behaviour, request: Request, form: Form, site: Site) -> str:
    """The role of the client that asks; raises ``Refused`` for anybody who is not registered (RFC 6749 2.3, 3.2.1)."""
    lines, posted = request.values("Authorization"), form.get("client_secret")
    if len(lines) > 1:
        raise Refused(Failure("authorization-twice", INVALID_REQUEST, "Authorization is sent twice"))
    if lines and posted is not None:
        raise Refused(Failure("two-mechanisms", INVALID_REQUEST, "the client authenticates in two ways at once"))
    if lines:
        role = behaviour.check(behaviour, behaviour.credentials(behaviour, lines[0].encode("latin-1"), site), site)
        if form.get("client_id") not in (None, site.clients[role].client_id):
            raise Refused(Failure("other-client", INVALID_REQUEST, "client_id names another client"))
        return role
    if posted is not None:
        return behaviour.check_posted(behaviour, form, site)
    raise Refused(Failure("no-credentials", INVALID_CLIENT, "the client does not authenticate", 401))


def credentials(behaviour: Behaviour, value: bytes, site: Site) -> tuple[Pair, ...]:
    """The readings of an Authorization value as id and secret, in the order in which they are tried."""
    pair = behaviour.split(behaviour.decode(behaviour.unwrap(value, site)))
    if site.profile == PASSPORT:
        return (pair,)
    return ((form_decoded(pair[0]), form_decoded(pair[1])), pair)


def unwrap(value: bytes, site: Site) -> bytes:
    """The Base64 part: the whole value in passport, what follows the Basic scheme in rfc6749 (RFC 9110 11.4)."""
    if site.profile == PASSPORT:
        return value
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() != b"basic":
        raise Refused(Failure("other-scheme", INVALID_CLIENT, "the authentication scheme is not supported", 401))
    return rest.lstrip(b" ")


def decode(value: bytes) -> bytes:
    """The octets of a Base64 text (RFC 4648 4) in its only canonical spelling."""
    try:
        octets = base64.b64decode(value, validate=True)
    except binascii.Error:
        octets = b""
    if not octets or base64.b64encode(octets) != value:
        raise Refused(Failure("undecodable", INVALID_CLIENT, "the credentials are not Base64", 401))
    return octets


def split(octets: bytes) -> Pair:
    """Id and secret; only the first colon separates them (RFC 7617 2)."""
    client_id, colon, secret = octets.partition(b":")
    if not colon:
        raise Refused(Failure("no-colon", INVALID_CLIENT, "the credentials have no colon", 401))
    return client_id, secret


def check(behaviour: Behaviour, candidates: tuple[Pair, ...], site: Site) -> str:
    """The role whose pair is one of the candidates; an unknown id and a wrong secret read alike."""
    cause = "unknown-client"
    for client_id, secret in candidates:
        for role, client in site.clients.items():
            known = behaviour.same_id(client_id, client.client_id.encode())
            right = behaviour.same_secret(secret, client.secret.encode())
            if known and right:
                return role
            if known:
                cause = "wrong-secret"
    raise Refused(Failure(cause, INVALID_CLIENT, "the client is unknown or its secret is wrong", 401))


def check_posted(behaviour: Behaviour, form: Form, site: Site) -> str:
    """Credentials in the body: refused in passport, checked in rfc6749 (RFC 6749 2.3.1)."""
    if site.profile == PASSPORT:
        raise Refused(Failure("posted", INVALID_CLIENT, "the client must authenticate in the Authorization field", 401))
    pair = ((form.get("client_id") or "").encode(), (form.get("client_secret") or "").encode())
    return behaviour.check(behaviour, (pair,), site)


def same(given: bytes, kept: bytes) -> bool:
    """Equal octet by octet, in time that does not depend on where they differ."""
    return compare_digest(given, kept)


# The grant


def check_grant(form: Form, request: Request) -> None:
    """Only client_credentials is granted (RFC 6749 4.4.2, 5.2)."""
    del request
    grant = form.get("grant_type")
    if grant is None:
        raise Refused(Failure("grant-missing", INVALID_REQUEST, "grant_type is missing"))
    if grant != GRANT:
        raise Refused(Failure("grant-unknown", "unsupported_grant_type", "that grant type is not supported"))


def check_entitled(site: Site) -> None:
    """Refuses a client that is registered for other grants only (RFC 6749 5.2)."""
    if site.role == UNENTITLED:
        raise Refused(Failure("unentitled", "unauthorized_client", "the client may not use this grant type"))


def grant_scope(asked: str | None, site: Site) -> str | None:
    """The scope that the answer states: none where none was asked for (RFC 6749 3.3)."""
    if asked is None:
        return None
    if not SCOPE.fullmatch(asked):
        raise Refused(Failure("scope-malformed", "invalid_scope", "the scope is malformed"))
    if not set(asked.split(" ")) <= set(site.scopes):
        raise Refused(Failure("scope-unknown", "invalid_scope", "the scope is unknown"))
    return asked


# The answers


def token_members(scope: str | None, site: Site) -> dict[str, Any]:
    """The members of a success (RFC 6749 5.1) with an opaque token of 256 random bits."""
    del site
    members = {"access_token": secrets.token_urlsafe(32), "token_type": "Bearer", "expires_in": LIFETIME}
    return members if scope is None else {**members, "scope": scope}


def error_members(failure: Failure, request: Request, site: Site) -> dict[str, Any]:
    """The members of a refusal (RFC 6749 5.2); nothing of the request is repeated."""
    del request, site
    return {"error": failure.code, "error_description": failure.description}


def challenges(failure: Failure, request: Request, site: Site) -> tuple[str, ...]:
    """What WWW-Authenticate says on a 401 (RFC 7617 2, 2.1)."""
    del failure, request, site
    return ('Basic realm="token endpoint", charset="UTF-8"',)


def encode(members: dict[str, Any]) -> bytes:
    """JSON in UTF-8 (RFC 8259)."""
    return json.dumps(members).encode()


def decide(behaviour: Behaviour, request: Request, site: Site) -> Answer:
    """The answer to a POST at the token endpoint."""
    if request.value("Content-Encoding").lower() not in ("", "identity"):
        return page(415, "content codings are not supported", ("Accept-Encoding", "identity"))
    try:
        if not behaviour.is_form(behaviour.pick_media_type(request.values("Content-Type"))):
            raise Refused(Failure("media-unsupported", INVALID_REQUEST, f"the body must be {FORM}"))  # noqa: TRY301 - every refusal has one way out
        form = behaviour.read_form(request)
        check_once(form)
        asking = replace(site, role=behaviour.authenticate(behaviour, request, form, site))
        behaviour.check_grant(form, request)
        behaviour.check_entitled(asking)
        scope = behaviour.grant_scope(form.get("scope"), asking)
    except Refused as refused:
        return refuse(behaviour, refused.failure, request, site)
    return Answer(200, JSON_FIELDS, behaviour.encode(behaviour.token_members(scope, asking)))


def refuse(behaviour: Behaviour, failure: Failure, request: Request, site: Site) -> Answer:
    """The error answer for a refusal."""
    stated = behaviour.failing(failure, request, site)
    values = behaviour.challenges(stated, request, site) if stated.status == 401 else ()
    fields = (*JSON_FIELDS, *(("WWW-Authenticate", value) for value in values))
    return Answer(stated.status, fields, behaviour.encode(behaviour.error_members(stated, request, site)))


# Around the endpoint


def respond(behaviour: Behaviour, request: Request, site: Site) -> Answer:
    """The answer to any request whose framing is sound."""
    if "/.well-known/" in request.path:
        return behaviour.well_known(behaviour, request, site)
    if request.path != site.token_path:
        answer = behaviour.elsewhere(request, site)
    elif request.method != "POST":
        answer = behaviour.other_method(behaviour, request, site)
    else:
        answer = behaviour.decide(behaviour, request, site)
    return behaviour.finish(answer, request, site)


def elsewhere(request: Request, site: Site) -> Answer:
    """Nothing else lives here."""
    del request, site
    return page(404, "not found")


def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
    """405 for a method that HTTP defines, 501 for one that it does not (RFC 9110 9.1)."""
    del behaviour, site
    if request.method in KNOWN_METHODS:
        return page(405, "only POST is served here", ("Allow", "POST"))
    return page(501, "unknown method")


def refuse_message(malformed: Malformed) -> Answer:
    """The bare answer of the HTTP layer to a message it does not route."""
    return page(malformed.status, malformed.reason, close=True)
