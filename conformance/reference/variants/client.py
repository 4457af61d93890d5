"""Choices in how clients authenticate, and in how they are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, failing, finishing, with_field
from conformance.reference.oauth import PASSPORT, Failure, Form, Pair, Site, check_posted
from conformance.reference.planting import variant

if TYPE_CHECKING:
    from conformance.reference.message import Request


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
