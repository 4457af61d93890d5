"""Choices in how clients authenticate, and in how they are refused."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, ahead, failing, finishing, reading, with_field
from conformance.reference.message import page
from conformance.reference.oauth import (
    INVALID_CLIENT,
    INVALID_REQUEST,
    PASSPORT,
    Failure,
    Form,
    Pair,
    Refused,
    Site,
    check_posted,
)
from conformance.reference.planting import variant

if TYPE_CHECKING:
    from conformance.reference.message import Answer, Request

HASHING = 0.03
"""Seconds that a hash takes which is slow on purpose."""


@variant("missing-auth-400")
def missing_auth_400(correct: Behaviour) -> Behaviour:
    """A request without authentication is answered 400 invalid_client."""
    return failing(correct, lambda failure, _request: replace(failure, status=400), "no-credentials")


@variant("several-challenges")
def several_challenges(correct: Behaviour) -> Behaviour:
    """A 401 has several challenges, in one line and in a second one."""
    values = ('Bearer realm="a, b", error="invalid_client", basic realm="x"', 'Digest realm="y", nonce="z", qop="auth"')
    return replace(correct, challenges=lambda _failure, _request, _site: values)


@variant("two-mechanisms-accepted")
def two_mechanisms_accepted(correct: Behaviour) -> Behaviour:
    """Credentials in the body that repeat those in Authorization are accepted."""
    inner = correct.authenticate

    def authenticate(behaviour: Behaviour, request: Request, form: Form, site: Site) -> str:
        again = site.holder(form.get("client_id"), form.get("client_secret")) and request.values("Authorization")
        return inner(behaviour, request, form.without("client_id", "client_secret") if again else form, site)

    return replace(correct, authenticate=authenticate)


@variant("every-mechanism")
def every_mechanism(correct: Behaviour) -> Behaviour:
    """Bare Base64, the Basic scheme and credentials in the body are all accepted, in either profile."""

    def unwrap(value: bytes, _site: Site) -> bytes:
        scheme, _, rest = value.partition(b" ")
        return rest.lstrip(b" ") if scheme.lower() == b"basic" else value

    def posted(behaviour: Behaviour, form: Form, site: Site) -> str:
        return check_posted(behaviour, form, replace(site, profile="") if site.profile == PASSPORT else site)

    return replace(correct, unwrap=unwrap, check_posted=posted)


@variant("basic-read-raw")
def basic_read_raw(correct: Behaviour) -> Behaviour:
    """Id and secret are taken from Basic as they are, without form-decoding."""

    def credentials(behaviour: Behaviour, value: bytes, site: Site) -> tuple[Pair, ...]:
        return (behaviour.split(behaviour.decode(behaviour.unwrap(value, site))),)

    return replace(correct, credentials=credentials)


@variant("throttles-guessing")
def throttles_guessing(correct: Behaviour) -> Behaviour:
    """After eight failed attempts in all, further ones are answered 429 for a while; valid requests go on."""
    inner = correct.failing

    def stated(failure: Failure, request: Request, site: Site) -> Failure:
        if failure.cause != "wrong-secret":
            return inner(failure, request, site)
        site.memory["failed"] = site.memory.get("failed", 0) + 1
        limited = site.memory["failed"] > 8
        return replace(inner(failure, request, site), status=429) if limited else inner(failure, request, site)

    slowed = finishing(
        correct, lambda answer, _: with_field(answer, "Retry-After", "1") if answer.status == 429 else answer
    )
    return replace(slowed, failing=stated)


# What is answered without credentials, or with strange ones


@variant("missing-auth-invalid-request")
def missing_auth_invalid_request(correct: Behaviour) -> Behaviour:
    """A request without authentication is answered 400 invalid_request."""
    return failing(correct, lambda failure, _: replace(failure, code=INVALID_REQUEST, status=400), "no-credentials")


@variant("unknown-client-text")
def unknown_client_text(correct: Behaviour) -> Behaviour:
    """An unknown client is told so in words of its own."""
    return failing(correct, lambda failure, _: replace(failure, description="no such client"), "unknown-client")


def choosing(correct: Behaviour, place: int) -> Behaviour:
    """Of several Authorization lines one counts."""

    def receive(request: Request) -> Request:
        received = correct.receive(request)
        found = [line for line in received.fields if line.name.lower() == "authorization"]
        kept = tuple(line for line in received.fields if line not in found or line is found[place])
        return replace(received, fields=kept)

    return replace(correct, receive=receive)


@variant("authorization-first")
def authorization_first(correct: Behaviour) -> Behaviour:
    """Of two Authorization lines the first counts."""
    return choosing(correct, 0)


@variant("authorization-last")
def authorization_last(correct: Behaviour) -> Behaviour:
    """Of two Authorization lines the last counts."""
    return choosing(correct, -1)


@variant("authorization-twice-400")
def authorization_twice_400(correct: Behaviour) -> Behaviour:
    """Two Authorization lines are refused by the HTTP layer."""

    def step(request: Request, _site: Site) -> Answer | None:
        return page(400, "Authorization twice") if len(request.values("Authorization")) > 1 else None

    return ahead(correct, step)


@variant("lenient-base64")
def lenient_base64(correct: Behaviour) -> Behaviour:
    """Base64 is read with and without padding, in both alphabets, and what belongs to neither is skipped."""

    def decode(value: bytes) -> bytes:
        digits = re.sub(rb"[^A-Za-z0-9+/]", b"", value.replace(b"-", b"+").replace(b"_", b"/"))
        if len(digits) % 4 == 1 or not digits:
            return correct.decode(value)
        return base64.b64decode(digits + b"=" * (-len(digits) % 4))

    return replace(correct, decode=decode)


# The client that is named twice


@variant("other-client-id-ignored")
def other_client_id_ignored(correct: Behaviour) -> Behaviour:
    """A client_id beside Authorization counts for nothing, whoever it names."""

    def change(form: Form, request: Request) -> Form:
        return form.without("client_id") if request.values("Authorization") else form

    return reading(correct, change)


@variant("client-id-refused")
def client_id_refused(correct: Behaviour) -> Behaviour:
    """A client_id beside Authorization is refused, even that of the client itself."""

    def change(form: Form, request: Request) -> Form:
        if form.get("client_id") and request.values("Authorization"):
            raise Refused(Failure("two-mechanisms", INVALID_REQUEST, "the client is named in two places"))
        return form

    return reading(correct, change)


@variant("bound-to-basic")
def bound_to_basic(correct: Behaviour) -> Behaviour:
    """Both methods are advertised; every client but one is registered for Basic alone."""

    def check_posted(behaviour: Behaviour, form: Form, site: Site) -> str:
        role = correct.check_posted(behaviour, form, site)
        if role != "second":
            raise Refused(Failure("posted", INVALID_CLIENT, "the client is registered for another method", 401))
        return role

    return replace(correct, check_posted=check_posted)


@variant("unentitled-invalid-client")
def unentitled_invalid_client(correct: Behaviour) -> Behaviour:
    """A client that may not use the grant is as unknown here as any other: invalid_client, 401."""
    return failing(correct, lambda failure, _: replace(failure, code=INVALID_CLIENT, status=401), "unentitled")


# Time


@variant("slow-hashing")
def slow_hashing(correct: Behaviour) -> Behaviour:
    """Secrets are hashed slowly, for known and unknown clients alike."""
    inner = correct.check

    def check(behaviour: Behaviour, candidates: tuple[Pair, ...], site: Site) -> str:
        time.sleep(HASHING)
        return inner(behaviour, candidates, site)

    return replace(correct, check=check)


@variant("locks-after-five")
def locks_after_five(correct: Behaviour) -> Behaviour:
    """A client that fails five times in a row is answered 429 for a minute, whatever it sends."""
    inner = correct.check

    def check(behaviour: Behaviour, candidates: tuple[Pair, ...], site: Site) -> str:
        failures: dict[bytes, int] = site.memory.setdefault("failures", {})
        named = candidates[-1][0]
        if failures.get(named, 0) >= 5:
            raise Refused(Failure("locked", INVALID_CLIENT, "too many failed attempts", 429))
        try:
            role = inner(behaviour, candidates, site)
        except Refused as refused:
            if refused.failure.cause == "wrong-secret":
                failures[named] = failures.get(named, 0) + 1
            raise
        failures.pop(named, None)
        return role

    explained = finishing(
        correct, lambda answer, _: with_field(answer, "Retry-After", "60") if answer.status == 429 else answer
    )
    return replace(explained, check=check)
