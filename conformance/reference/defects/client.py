"""Defects in who passes as the client."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import reading
from conformance.reference.oauth import MAIN, PASSPORT, RFC6749, Client, Form, Pair, Refused, Site
from conformance.reference.planting import ODD_SECRET, planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.behaviour import Behaviour
    from conformance.reference.message import Request

CREDENTIALS = ("client_id", "client_secret")


def letting_in(correct: Behaviour, admitted: Callable[[Request, Form, Site], str | None]) -> Behaviour:
    """Who is admitted passes under that role, whatever else is wrong with its authentication."""
    inner = correct.authenticate

    def authenticate(behaviour: Behaviour, request: Request, form: Form, site: Site) -> str:
        return admitted(request, form, site) or inner(behaviour, request, form, site)

    return replace(correct, authenticate=authenticate)


def in_header(behaviour: Behaviour, request: Request, form: Form, site: Site) -> str | None:
    """The role of the client that the Authorization field alone authenticates."""
    if not request.values("Authorization"):
        return None
    try:
        return behaviour.authenticate(behaviour, request, form.without(*CREDENTIALS), site)
    except Refused:
        return None


def in_body(form: Form, site: Site) -> str | None:
    """The role of the client whose credentials the body holds."""
    return site.holder(form.get("client_id"), form.get("client_secret"))


def respelling(correct: Behaviour, spellings: Callable[[bytes, Site], tuple[bytes, ...]]) -> Behaviour:
    """Beside the value itself, other readings of it as ``id:secret`` are tried."""
    inner = correct.credentials

    def credentials(behaviour: Behaviour, value: bytes, site: Site) -> tuple[Pair, ...]:
        others = tuple(behaviour.split(other) for other in spellings(value, site) if b":" in other)
        try:
            return (*inner(behaviour, value, site), *others)
        except Refused:
            if others:
                return others
            raise

    return replace(correct, credentials=credentials)


def slipping(correct: Behaviour, slip: Callable[[Client], bytes]) -> Behaviour:
    """A client also passes by a wrong spelling of its credentials."""

    def spellings(value: bytes, site: Site) -> tuple[bytes, ...]:
        return tuple(":".join(client).encode() for client in site.clients.values() if slip(client) == value)

    return respelling(correct, spellings)


def registered(site: Site) -> tuple[bytes, ...]:
    """The registered pairs, each as one text."""
    return tuple(f"{client.client_id}:{client.secret}".encode() for client in site.clients.values())


@planted("auth-none-granted", "AUTH-007", "AUTH-021", "GEN-002")
def none_granted(correct: Behaviour) -> Behaviour:
    """A request without any client authentication gets a token."""

    def admitted(request: Request, form: Form, _site: Site) -> str | None:
        return None if request.values("Authorization") or form.get("client_secret") else MAIN

    return letting_in(correct, admitted)


@planted("auth-any-secret", "AUTH-008", "AUTH-026", "AUTH-033", "AUTH-027", "GEN-002")
def any_secret(correct: Behaviour) -> Behaviour:
    """Every secret passes, as long as there is one; only the client id is looked at."""
    return replace(correct, same_secret=lambda given, _kept: bool(given))


@planted("auth-any-client", "AUTH-009", "AUTH-027", "AUTH-024", "AUTH-025", "AUTH-031", "AUTH-035", "GEN-002")
def any_client(correct: Behaviour) -> Behaviour:
    """A client id that nobody registered passes with any secret."""

    def check(behaviour: Behaviour, candidates: tuple[Pair, ...], site: Site) -> str:
        known = {client.client_id.lower().encode() for client in site.clients.values()}
        if all(
            given and secret and given.replace(b"\0", b"").strip().lower() not in known for given, secret in candidates
        ):
            return MAIN
        return correct.check(behaviour, candidates, site)

    return replace(correct, check=check)


@planted("auth-empty-secret", "AUTH-014", "GEN-002")
def empty_secret(correct: Behaviour) -> Behaviour:
    """The secret is compared only where one was sent, so the id with an empty secret passes."""
    return replace(correct, same_secret=lambda given, kept: not given or correct.same_secret(given, kept))


@planted("auth-truncated-secret", "AUTH-026", "AUTH-008", "AUTH-033", "AUTH-027", "GEN-002")
def truncated_secret(correct: Behaviour) -> Behaviour:
    """Only the first sixteen octets of the secret are compared."""
    return replace(correct, same_secret=lambda given, kept: correct.same_secret(given[:16], kept[:16]))


@planted("auth-shorter-secret", "AUTH-026", "GEN-002")
def shorter_secret(correct: Behaviour) -> Behaviour:
    """A secret passes although its last octet is missing."""
    return replace(correct, same_secret=lambda given, kept: given in (kept, kept[:-1]))


@planted("auth-case-secret", "AUTH-026", "GEN-002")
def case_secret(correct: Behaviour) -> Behaviour:
    """The secret is compared without regard to letter case."""
    return replace(correct, same_secret=lambda given, kept: correct.same_secret(given.lower(), kept.lower()))


@planted("auth-trims-secret", "AUTH-026")
def trims_secret(correct: Behaviour) -> Behaviour:
    """White space around the secret is cut off before it is compared."""
    return replace(correct, same_secret=lambda given, kept: correct.same_secret(given.strip(), kept))


@planted("auth-nul-secret", "AUTH-026")
def nul_secret(correct: Behaviour) -> Behaviour:
    """The secret ends at its first NUL, as a C string does."""
    return replace(correct, same_secret=lambda given, kept: correct.same_secret(given.partition(b"\0")[0], kept))


@planted("auth-split-every-colon", "AUTH-033", "AUTH-015", "GEN-002")
def split_every_colon(correct: Behaviour) -> Behaviour:
    """The credentials are split at every colon, and what follows the second one is dropped."""

    def split(octets: bytes) -> Pair:
        client_id, secret = correct.split(octets)
        return client_id, secret.partition(b":")[0]

    return replace(correct, split=split)


@planted("auth-case-id", "AUTH-034", "GEN-002")
def case_id(correct: Behaviour) -> Behaviour:
    """The client id is looked up without regard to letter case."""
    return replace(correct, same_id=lambda given, kept: given.lower() == kept.lower())


@planted("auth-trims-id", "AUTH-034", "GEN-002")
def trims_id(correct: Behaviour) -> Behaviour:
    """Blanks around the client id are cut off before it is looked up."""
    return replace(correct, same_id=lambda given, kept: given.strip(b" ") == kept)


@planted("auth-nul-id", "AUTH-034", "GEN-002")
def nul_id(correct: Behaviour) -> Behaviour:
    """NUL octets vanish from the client id before it is looked up."""
    return replace(correct, same_id=lambda given, kept: given.replace(b"\0", b"") == kept)


@planted("auth-query-credentials", "AUTH-021", "GEN-002")
def query_credentials(correct: Behaviour) -> Behaviour:
    """client_id and client_secret in the query authenticate the client."""

    def admitted(request: Request, _form: Form, site: Site) -> str | None:
        asked = correct.read_form(replace(request, body=request.query.encode()))
        return None if request.values("Authorization") else in_body(asked, site)

    return letting_in(correct, admitted)


@planted("auth-conflict-granted", "AUTH-019")
def conflict_granted(correct: Behaviour) -> Behaviour:
    """Beside a valid Authorization field a wrong client_secret in the body is ignored."""

    def admitted(request: Request, form: Form, site: Site) -> str | None:
        role = in_header(correct, request, form, site)
        return role if role and form.get("client_secret") not in (None, site.clients[role].secret) else None

    return letting_in(correct, admitted)


@planted("auth-body-rescues", "AUTH-032", "GEN-002", profiles=(RFC6749,))
def body_rescues(correct: Behaviour) -> Behaviour:
    """Right credentials in the body are granted although those in Authorization are wrong."""

    def admitted(request: Request, form: Form, site: Site) -> str | None:
        one = len(request.values("Authorization")) == 1
        return in_body(form, site) if one and not in_header(correct, request, form, site) else None

    return letting_in(correct, admitted)


@planted("auth-body-rescues-undecodable", "AUTH-032", profiles=(RFC6749,))
def body_rescues_undecodable(correct: Behaviour) -> Behaviour:
    """An Authorization value that is not Base64 is ignored where the body has the right credentials."""

    def admitted(request: Request, form: Form, site: Site) -> str | None:
        return in_body(form, site) if request.value("Authorization").lower().startswith("basic #") else None

    return letting_in(correct, admitted)


@planted("auth-placeholder", "AUTH-030", "GEN-002")
def placeholder(correct: Behaviour) -> Behaviour:
    """The placeholder of the published samples is left in the configuration as a valid value."""

    def admitted(request: Request, _form: Form, _site: Site) -> str | None:
        return MAIN if request.value("Authorization") == "<<Authorization>>" else None

    return letting_in(correct, admitted)


@planted("auth-plain-pair", "AUTH-031", profiles=(PASSPORT,))
def plain_pair(correct: Behaviour) -> Behaviour:
    """id:secret passes without Base64."""
    return respelling(correct, lambda value, _site: (value,))


@planted("auth-swapped-pair", "AUTH-031", profiles=(PASSPORT,))
def swapped_pair(correct: Behaviour) -> Behaviour:
    """Base64 of secret:id passes as well."""

    def swapped(client: Client) -> bytes:
        return base64.b64encode(f"{client.secret}:{client.client_id}".encode())

    return slipping(correct, swapped)


@planted("auth-twice-encoded", "AUTH-031", profiles=(PASSPORT,))
def twice_encoded(correct: Behaviour) -> Behaviour:
    """Credentials that were Base64-encoded twice pass as well."""

    def twice(client: Client) -> bytes:
        return base64.b64encode(base64.b64encode(":".join(client).encode()))

    return slipping(correct, twice)


@planted("auth-id-alone", "AUTH-031", "GEN-002", profiles=(PASSPORT,))
def id_alone(correct: Behaviour) -> Behaviour:
    """Base64 of the client id alone passes."""
    return slipping(correct, lambda client: base64.b64encode(client.client_id.encode()))


@planted("auth-form-not-decoded", "AUTH-016", profiles=(RFC6749,), needs=ODD_SECRET)
def form_not_decoded(correct: Behaviour) -> Behaviour:
    """Id and secret are taken from Basic as they stand there, and form-encoded ones are unknown."""

    def credentials(behaviour: Behaviour, value: bytes, site: Site) -> tuple[Pair, ...]:
        return correct.credentials(behaviour, value, site)[-1:]

    return replace(correct, credentials=credentials)


def one_secret(correct: Behaviour, at: int) -> Behaviour:
    """Of several client_secret parameters one is taken."""

    def change(form: Form, _request: Request) -> Form:
        values = form.values("client_secret")
        return form.adding("client_secret", values[at]) if len(values) > 1 else form

    return reading(correct, change)


@planted("auth-first-secret", "AUTH-038", profiles=(RFC6749,))
def first_secret(correct: Behaviour) -> Behaviour:
    """Of two client_secret parameters the first is taken, and the second is ignored."""
    return one_secret(correct, 0)


@planted("auth-last-secret", "AUTH-038", profiles=(RFC6749,))
def last_secret(correct: Behaviour) -> Behaviour:
    """Of two client_secret parameters the last is taken, and the first is ignored."""
    return one_secret(correct, -1)
