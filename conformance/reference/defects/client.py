"""Defects in who passes as the client."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Crash, reading
from conformance.reference.oauth import MAIN, PASSPORT, RFC6749, Client, Form, Pair, Refused, Site, form_decoded
from conformance.reference.planting import ODD_SECRET, Needs, planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.behaviour import Behaviour
    from conformance.reference.message import Request

CREDENTIALS = ("client_id", "client_secret")
OTHERS = Needs(clients=True)
EXTENDED = ("AUTH-026", "AUTH-008", "AUTH-027", "AUTH-033", "GEN-002")
TWO_PARTS = ("AUTH-014", "AUTH-025", "AUTH-031", "AUTH-033", "AUTH-035", "GEN-003")
SLOW = 0.08
"""Seconds that a deliberately slow hash, or a directory far away, takes."""


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


@planted("auth-id-suffices", "AUTH-007", "GEN-002")
def id_suffices(correct: Behaviour) -> Behaviour:
    """A client_id in the body is enough, as if every client were a public one."""

    def admitted(request: Request, form: Form, site: Site) -> str | None:
        if request.values("Authorization") or form.get("client_secret"):
            return None
        return next((role for role, client in site.clients.items() if client.client_id == form.get("client_id")), None)

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


@planted("auth-long-secret-cut", *EXTENDED, needs=Needs(secret="0123456789abcdef" * 5))
def long_secret_cut(correct: Behaviour) -> Behaviour:
    """The hash takes the first 72 octets of the secret, and the rest does not matter."""
    return replace(correct, same_secret=lambda given, kept: correct.same_secret(given[:72], kept[:72]))


@planted("auth-longer-secret", *EXTENDED)
def longer_secret(correct: Behaviour) -> Behaviour:
    """A secret passes that begins with the right one and goes on."""
    return replace(correct, same_secret=lambda given, kept: given.startswith(kept))


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


@planted("auth-anonymous", "AUTH-014", "GEN-002")
def anonymous(correct: Behaviour) -> Behaviour:
    """An empty id with an empty secret passes, as an anonymous bind of a directory does."""
    inner = correct.check

    def check(behaviour: Behaviour, candidates: tuple[Pair, ...], site: Site) -> str:
        return MAIN if (b"", b"") in candidates else inner(behaviour, candidates, site)

    return replace(correct, check=check)


@planted("auth-split-every-colon", "AUTH-033", "AUTH-015", "GEN-002")
def split_every_colon(correct: Behaviour) -> Behaviour:
    """The credentials are split at every colon, and what follows the second one is dropped."""

    def split(octets: bytes) -> Pair:
        client_id, secret = correct.split(octets)
        return client_id, secret.partition(b":")[0]

    return replace(correct, split=split)


@planted("auth-last-colon", "AUTH-015", profiles=(PASSPORT,), needs=OTHERS)
def last_colon(correct: Behaviour) -> Behaviour:
    """The credentials are split at their last colon."""

    def split(octets: bytes) -> Pair:
        client_id, colon, secret = octets.rpartition(b":")
        return (client_id, secret) if colon else correct.split(octets)

    return replace(correct, split=split)


@planted("auth-one-colon", "AUTH-015", profiles=(PASSPORT,), needs=OTHERS)
def one_colon(correct: Behaviour) -> Behaviour:
    """Credentials with more than one colon are refused as malformed."""
    return replace(correct, split=lambda octets: correct.split(octets if octets.count(b":") == 1 else b""))


@planted("auth-two-parts-500", "AUTH-015", *TWO_PARTS, profiles=(PASSPORT,), needs=OTHERS)
def two_parts_500(correct: Behaviour) -> Behaviour:
    """The credentials are unpacked into two parts, and more or fewer make the application die."""

    def split(octets: bytes) -> Pair:
        client_id, secret = octets.split(b":")
        return client_id, secret

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


@planted("auth-body-rescues-scheme", "AUTH-032", profiles=(RFC6749,))
def body_rescues_scheme(correct: Behaviour) -> Behaviour:
    """An Authorization field with another scheme is passed over where the body has the right credentials."""

    def admitted(request: Request, form: Form, site: Site) -> str | None:
        other = request.values("Authorization") and not request.value("Authorization").lower().startswith("basic ")
        return in_body(form, site) if other else None

    return letting_in(correct, admitted)


@planted("auth-secret-ends", "AUTH-026")
def secret_ends(correct: Behaviour) -> Behaviour:
    """Of the secret its length, its first eight octets and its last eight are compared."""

    def ends(secret: bytes) -> bytes:
        return b"%d%b%b" % (len(secret), secret[:8], secret[-8:])

    return replace(correct, same_secret=lambda given, kept: correct.same_secret(ends(given), ends(kept)))


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


@planted("auth-decoded-before-split", "AUTH-016", "AUTH-015", profiles=(RFC6749,), needs=OTHERS)
def decoded_before_split(correct: Behaviour) -> Behaviour:
    """Id and secret are form-decoded while they are one text, which is then split at its last colon."""

    def credentials(behaviour: Behaviour, value: bytes, site: Site) -> tuple[Pair, ...]:
        whole = form_decoded(behaviour.decode(behaviour.unwrap(value, site)))
        client_id, colon, secret = whole.rpartition(b":")
        return ((client_id, secret),) if colon else (behaviour.split(whole),)

    return replace(correct, credentials=credentials)


@planted("auth-plus-kept", "AUTH-016", profiles=(RFC6749,), needs=ODD_SECRET)
def plus_kept(correct: Behaviour) -> Behaviour:
    """Percent escapes in Basic are undone, and a plus sign stays one."""

    def credentials(behaviour: Behaviour, value: bytes, site: Site) -> tuple[Pair, ...]:
        pair = behaviour.split(behaviour.decode(behaviour.unwrap(value, site)))
        client_id, secret = (form_decoded(part.replace(b"+", b"%2B")) for part in pair)
        return ((client_id, secret), pair)

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


@planted("auth-secrets-500", "AUTH-038", "GEN-003", profiles=(RFC6749,))
def secrets_500(correct: Behaviour) -> Behaviour:
    """A client_secret that is sent twice is a list and no text, and the application dies of it."""

    def change(form: Form, _request: Request) -> Form:
        if len(form.values("client_secret")) > 1:
            raise Crash
        return form

    return reading(correct, change)


# How long a refusal takes


def delaying(correct: Behaviour, cause: str) -> Behaviour:
    """A refusal for that cause takes longer than one for another."""
    inner = correct.check

    def check(behaviour: Behaviour, candidates: tuple[Pair, ...], site: Site) -> str:
        try:
            return inner(behaviour, candidates, site)
        except Refused as refused:
            if refused.failure.cause == cause:
                time.sleep(SLOW)
            raise

    return replace(correct, check=check)


@planted("auth-known-slow", "AUTH-037", needs=OTHERS)
def known_slow(correct: Behaviour) -> Behaviour:
    """The secret of a known client is hashed slowly before it is refused; an unknown client is refused at once."""
    return delaying(correct, "wrong-secret")


@planted("auth-unknown-slow", "AUTH-037", needs=OTHERS)
def unknown_slow(correct: Behaviour) -> Behaviour:
    """A client that is unknown here is looked for in a slow directory before it is refused."""
    return delaying(correct, "unknown-client")
