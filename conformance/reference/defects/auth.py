"""Defects in how a failed or odd client authentication is answered."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import (
    Behaviour,
    Crash,
    Hangup,
    ahead,
    crashing,
    empty_success,
    failing,
    finishing,
    html,
    silent,
    with_field,
)
from conformance.reference.defects.client import in_body, in_header, registered
from conformance.reference.oauth import INVALID_CLIENT, PASSPORT, RFC6749, Failure, Form, Pair, Refused, Site
from conformance.reference.planting import ODD_SECRET, planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.message import Answer, Request


def challenging(correct: Behaviour, change: Callable[[Failure, Request, Site], tuple[str, ...] | None]) -> Behaviour:
    """The challenge is another one where the change gives one."""
    inner = correct.challenges

    def challenges(failure: Failure, request: Request, site: Site) -> tuple[str, ...]:
        other = change(failure, request, site)
        return inner(failure, request, site) if other is None else other

    return replace(correct, challenges=challenges)


def stating(correct: Behaviour, status: int, *causes: str) -> Behaviour:
    """Refusals for those causes have another status."""
    return failing(correct, lambda failure, _request: replace(failure, status=status), *causes)


def without_scheme(correct: Behaviour, condition: Callable[[bytes], bool]) -> Behaviour:
    """Values that meet the condition are no supported scheme."""
    inner = correct.unwrap

    def unwrap(value: bytes, site: Site) -> bytes:
        if condition(value):
            raise Refused(Failure("other-scheme", INVALID_CLIENT, "the authentication scheme is not supported", 401))
        return inner(value, site)

    return replace(correct, unwrap=unwrap)


# Valid credentials


@planted("auth-bare-refused", "AUTH-001", "REQ-001", profiles=(PASSPORT,), closes_gate=True)
def bare_refused(correct: Behaviour) -> Behaviour:
    """Only the Basic scheme is accepted; the documented bare Base64 is refused."""

    def unwrap(value: bytes, _site: Site) -> bytes:
        if not value.startswith(b"Basic "):
            raise Refused(Failure("other-scheme", INVALID_CLIENT, "the authentication scheme is not supported", 401))
        return value[6:]

    return replace(correct, unwrap=unwrap)


@planted("auth-basic-refused", "AUTH-002", "REQ-001", profiles=(RFC6749,), closes_gate=True)
def basic_refused(correct: Behaviour) -> Behaviour:
    """HTTP Basic is refused; only credentials in the body are accepted."""
    return without_scheme(correct, lambda _value: True)


@planted("auth-basic-empty-200", "AUTH-003", "GEN-006", profiles=(PASSPORT,))
def basic_empty_200(correct: Behaviour) -> Behaviour:
    """Valid credentials after the word Basic are answered 200 without a token."""

    def step(request: Request, site: Site) -> Answer | None:
        valid = [f"Basic {base64.b64encode(pair).decode()}" for pair in registered(site)]
        return empty_success() if request.value("Authorization") in valid else None

    return ahead(correct, step)


@planted("auth-bare-empty-200", "AUTH-004", "GEN-006", profiles=(RFC6749,))
def bare_empty_200(correct: Behaviour) -> Behaviour:
    """Valid credentials without a scheme are answered 200 without a token."""

    def step(request: Request, site: Site) -> Answer | None:
        valid = [base64.b64encode(pair).decode() for pair in registered(site)]
        return empty_success() if request.value("Authorization") in valid else None

    return ahead(correct, step)


@planted("auth-post-empty-200", "AUTH-017", "GEN-006")
def post_empty_200(correct: Behaviour) -> Behaviour:
    """Valid credentials in the body are answered 200 without a token."""

    def step(request: Request, site: Site) -> Answer | None:
        right = in_body(correct.read_form(request), site)
        return empty_success() if right and not request.values("Authorization") else None

    return ahead(correct, step)


@planted("auth-scheme-case", "AUTH-005", "GEN-001", profiles=(RFC6749,))
def scheme_case(correct: Behaviour) -> Behaviour:
    """The scheme is recognised only as Basic, with a capital B and small letters."""
    return without_scheme(correct, lambda value: not value.startswith(b"Basic "))


@planted("auth-one-space", "AUTH-006", profiles=(RFC6749,))
def one_space(correct: Behaviour) -> Behaviour:
    """More than one space after the scheme is refused."""
    return without_scheme(correct, lambda value: b"  " in value)


@planted("auth-twice-500", "AUTH-018", "GEN-003")
def twice_500(correct: Behaviour) -> Behaviour:
    """The same valid credentials in Authorization and in the body make the application die."""
    inner = correct.authenticate

    def authenticate(behaviour: Behaviour, request: Request, form: Form, site: Site) -> str:
        role = in_header(correct, request, form, site)
        if role and form.get("client_secret") == site.clients[role].secret:
            raise Crash
        return inner(behaviour, request, form, site)

    return replace(correct, authenticate=authenticate)


# Statuses of a refusal


@planted("auth-missing-403", "AUTH-007", "WIRE-015", "DOC-004")
def missing_403(correct: Behaviour) -> Behaviour:
    """A request without authentication is answered 403."""
    return stating(correct, 403, "no-credentials")


@planted("auth-missing-other-code", "AUTH-007", "WIRE-015")
def missing_other_code(correct: Behaviour) -> Behaviour:
    """A request without authentication is answered unauthorized_client."""
    return failing(correct, lambda failure, _: replace(failure, code="unauthorized_client"), "no-credentials")


@planted("auth-wrong-secret-400", "AUTH-008", "AUTH-027")
def wrong_secret_400(correct: Behaviour) -> Behaviour:
    """A wrong secret in Authorization is answered 400 instead of 401."""
    return stating(correct, 400, "wrong-secret")


@planted("auth-wrong-secret-403", "AUTH-008", "AUTH-027")
def wrong_secret_403(correct: Behaviour) -> Behaviour:
    """A wrong secret in Authorization is answered 403."""
    return stating(correct, 403, "wrong-secret")


@planted("auth-wrong-secret-code", "AUTH-027", "GEN-006")
def wrong_secret_code(correct: Behaviour) -> Behaviour:
    """A wrong secret is answered invalid_grant, an unknown client invalid_client."""
    return failing(correct, lambda failure, _: replace(failure, code="invalid_grant"), "wrong-secret")


@planted("auth-unknown-404", "AUTH-009", "AUTH-027", "GRANT-009")
def unknown_404(correct: Behaviour) -> Behaviour:
    """An unknown client id is answered 404."""
    return stating(correct, 404, "unknown-client")


@planted("auth-both-400", "AUTH-008", "AUTH-009", "GRANT-009")
def both_400(correct: Behaviour) -> Behaviour:
    """Failed authentication in the Authorization field is answered 400 instead of 401."""
    return stating(correct, 400, "wrong-secret", "unknown-client")


# Challenges


@planted("auth-challenge-bearer", "AUTH-010", profiles=(RFC6749,))
def challenge_bearer(correct: Behaviour) -> Behaviour:
    """A failed Basic attempt is challenged with the Bearer scheme alone."""
    return challenging(correct, lambda _failure, _request, _site: ('Bearer realm="token endpoint"',))


@planted("auth-no-realm", "AUTH-011", "GEN-006")
def no_realm(correct: Behaviour) -> Behaviour:
    """The Basic challenge has no realm."""
    return challenging(correct, lambda _failure, _request, _site: ("Basic",))


@planted("auth-charset", "AUTH-011")
def charset(correct: Behaviour) -> Behaviour:
    """The Basic challenge names a charset other than UTF-8."""
    value = 'Basic realm="token endpoint", charset="ISO-8859-1"'
    return challenging(correct, lambda _failure, _request, _site: (value,))


@planted("auth-realm-token", "AUTH-011")
def realm_token(correct: Behaviour) -> Behaviour:
    """The realm stands without quotes."""
    return challenging(correct, lambda _failure, _request, _site: ("Basic realm=token",))


@planted("auth-no-challenge", "AUTH-012", "AUTH-008", "AUTH-009", "GRANT-009", "WIRE-015", "GEN-006")
def no_challenge(correct: Behaviour) -> Behaviour:
    """No 401 has a WWW-Authenticate field."""
    return challenging(correct, lambda _failure, _request, _site: ())


@planted("auth-no-challenge-body", "AUTH-012", "WIRE-015", "GEN-006")
def no_challenge_body(correct: Behaviour) -> Behaviour:
    """A 401 has no WWW-Authenticate field where the request has no Authorization field."""
    return challenging(correct, lambda _failure, request, _site: None if request.values("Authorization") else ())


@planted("auth-challenge-echo", "AUTH-036", "ERR-007", "GEN-005")
def challenge_echo(correct: Behaviour) -> Behaviour:
    """The realm of the challenge repeats the Authorization value."""

    def echo(_failure: Failure, request: Request, _site: Site) -> tuple[str, ...] | None:
        given = re.sub(r"[^ !#-\[\]-~]", "", request.value("Authorization"))
        return (f'Basic realm="{given}"',) if given else None

    return challenging(correct, echo)


@planted("auth-challenge-scheme-echo", "AUTH-036", "ERR-007", "GEN-005", "AUTH-012", "AUTH-008", "AUTH-009", "GEN-006")
def challenge_scheme_echo(correct: Behaviour) -> Behaviour:
    """The first word of the Authorization value, cut at its padding, is taken for the scheme of the challenge."""

    def echo(_failure: Failure, request: Request, _site: Site) -> tuple[str, ...] | None:
        word = re.sub(r"[^!-~]", "", (request.value("Authorization").split() or [""])[0].rstrip("="))
        return (f'{word} realm="token endpoint"',) if word else None

    return challenging(correct, echo)


@planted("auth-challenge-no-scheme", "AUTH-036", "AUTH-012", "AUTH-008", "AUTH-009", "AUTH-010", "GRANT-009", "GEN-006")
def challenge_no_scheme(correct: Behaviour) -> Behaviour:
    """The challenge starts with its realm; the scheme is missing."""
    return challenging(correct, lambda _failure, _request, _site: ('realm="token endpoint"',))


# Crashes and odd successes


@planted("auth-empty-500", "AUTH-013", "GEN-003")
def empty_500(correct: Behaviour) -> Behaviour:
    """An Authorization field without credentials makes the application die."""

    def empty(request: Request) -> bool:
        lines = request.values("Authorization")
        return len(lines) == 1 and lines[0].strip().lower() in ("", "basic")

    return crashing(correct, empty)


UNDECODABLE = ("AUTH-013", "AUTH-025", "AUTH-035", "GEN-003")
BARE_UNDECODABLE = (*UNDECODABLE, "AUTH-003", "AUTH-022", "AUTH-028", "AUTH-030", "AUTH-031", "AUTH-036")


def dying_of_base64(correct: Behaviour) -> Behaviour:
    """Base64 that cannot be decoded makes the application die."""

    def decode(value: bytes) -> bytes:
        try:
            return correct.decode(value)
        except Refused as refused:
            raise Crash from refused

    return replace(correct, decode=decode)


@planted("auth-undecodable-500", *UNDECODABLE, profiles=(RFC6749,))
def undecodable_500(correct: Behaviour) -> Behaviour:
    """What follows the Basic scheme makes the application die where it is not Base64."""
    return dying_of_base64(correct)


@planted("auth-empty-silence", "AUTH-013", "GEN-004")
def empty_silence(correct: Behaviour) -> Behaviour:
    """An empty Authorization field is never answered."""
    return silent(correct, lambda request: request.values("Authorization") == ("",))


@planted("auth-bare-undecodable-500", *BARE_UNDECODABLE, profiles=(PASSPORT,))
def bare_undecodable_500(correct: Behaviour) -> Behaviour:
    """An Authorization value that is not Base64, other schemes included, makes the application die."""
    return dying_of_base64(correct)


@planted("auth-undecodable-html-200", "AUTH-013", "GEN-006")
def undecodable_html_200(correct: Behaviour) -> Behaviour:
    """An Authorization value of nothing but padding is answered with a login page and 200."""
    padding = ("====", "Basic ====")
    return ahead(
        correct, lambda request, _: html(200, "Sign in") if request.value("Authorization") in padding else None
    )


@planted("auth-no-colon-500", "AUTH-014", "AUTH-025", "AUTH-031", "AUTH-035", "GEN-003")
def no_colon_500(correct: Behaviour) -> Behaviour:
    """Decoded credentials without a colon make the application die."""

    def split(octets: bytes) -> Pair:
        client_id, secret = octets.split(b":", 1)
        return client_id, secret

    return replace(correct, split=split)


@planted("auth-other-scheme-500", "AUTH-022", "GEN-003")
def other_scheme_500(correct: Behaviour) -> Behaviour:
    """The Digest and Negotiate schemes make the application die."""
    words = ("Digest ", "Negotiate ")
    return crashing(correct, lambda request: request.value("Authorization").startswith(words))


@planted("auth-duplicate-500", "AUTH-023", "GEN-003")
def duplicate_500(correct: Behaviour) -> Behaviour:
    """Two Authorization fields make the application die."""
    return crashing(correct, lambda request: len(request.values("Authorization")) > 1)


@planted("auth-not-utf8-500", "AUTH-024", "AUTH-035", "GEN-003")
def not_utf8_500(correct: Behaviour) -> Behaviour:
    """Decoded credentials that are not UTF-8 make the application die."""

    def split(octets: bytes) -> Pair:
        octets.decode("utf-8")
        return correct.split(octets)

    return replace(correct, split=split)


@planted("auth-nul-500", "AUTH-024", "AUTH-034", "GEN-003")
def nul_500(correct: Behaviour) -> Behaviour:
    """A NUL in the client id makes the database refuse the query, and the application die."""

    def same_id(given: bytes, kept: bytes) -> bool:
        if b"\0" in given:
            raise Crash
        return correct.same_id(given, kept)

    return replace(correct, same_id=same_id)


@planted("auth-raw-octets-500", "AUTH-035", "GEN-003")
def raw_octets_500(correct: Behaviour) -> Behaviour:
    """Octets above 0x7F in the Authorization field make the application die."""
    return crashing(correct, lambda request: not request.value("Authorization").isascii())


@planted("auth-slip-500", "AUTH-031", "GEN-003", profiles=(PASSPORT,))
def slip_500(correct: Behaviour) -> Behaviour:
    """An Authorization value with a colon in it makes the application die."""
    return crashing(correct, lambda request: ":" in request.value("Authorization"))


@planted("auth-placeholder-html-200", "AUTH-030", "GEN-006")
def placeholder_html_200(correct: Behaviour) -> Behaviour:
    """An Authorization value with angle brackets is answered 200 with a page of help."""
    return ahead(
        correct, lambda request, _: html(200, "How to sign in") if "<<" in request.value("Authorization") else None
    )


@planted("auth-other-scheme-200", "AUTH-022", "GEN-006")
def other_scheme_200(correct: Behaviour) -> Behaviour:
    """A Bearer token at the token endpoint is answered 200 with an error inside."""

    def finish(answer: Answer, request: Request) -> Answer:
        bearer = request.value("Authorization").startswith("Bearer ")
        return (
            replace(with_field(answer, "WWW-Authenticate"), status=200) if bearer and answer.status == 401 else answer
        )

    return finishing(correct, finish)


@planted("auth-client-id-500", "AUTH-020", "GEN-003")
def client_id_500(correct: Behaviour) -> Behaviour:
    """A client_id in the body, beside Authorization and without a secret, makes the application die."""
    inner = correct.authenticate

    def authenticate(behaviour: Behaviour, request: Request, form: Form, site: Site) -> str:
        if request.values("Authorization") and form.get("client_id") and not form.get("client_secret"):
            raise Crash
        return inner(behaviour, request, form, site)

    return replace(correct, authenticate=authenticate)


LONG = 8000


@planted("auth-long-500", "AUTH-025", "GEN-003")
def long_500(correct: Behaviour) -> Behaviour:
    """Credentials that fill the column of the database make the application die."""
    return crashing(correct, lambda request: len(request.value("Authorization")) > LONG)


@planted("auth-long-closed", "AUTH-025", "GEN-004")
def long_closed(correct: Behaviour) -> Behaviour:
    """The connection closes without an answer where the Authorization field is longer than its buffer."""

    def step(request: Request, _site: Site) -> None:
        if len(request.value("Authorization")) > LONG:
            raise Hangup

    return ahead(correct, step)


@planted("auth-url-safe-500", "AUTH-028", "AUTH-035", "GEN-003", profiles=(PASSPORT,), needs=ODD_SECRET)
def url_safe_500(correct: Behaviour) -> Behaviour:
    """Sound Base64 in the URL-safe alphabet makes the application die."""

    def url_safe(request: Request) -> bool:
        value = request.value("Authorization")
        try:
            return re.search("[-_]", value) is not None and b":" in base64.b64decode(value, b"-_", validate=True)
        except ValueError:
            return False

    return crashing(correct, url_safe)
