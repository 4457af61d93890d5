"""Defects in the challenge of a 401."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.oauth import RFC6749
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.behaviour import Behaviour
    from conformance.reference.message import Request
    from conformance.reference.oauth import Failure, Site


def challenging(correct: Behaviour, change: Callable[[Failure, Request, Site], tuple[str, ...] | None]) -> Behaviour:
    """The challenge is another one where the change gives one."""
    inner = correct.challenges

    def challenges(failure: Failure, request: Request, site: Site) -> tuple[str, ...]:
        other = change(failure, request, site)
        return inner(failure, request, site) if other is None else other

    return replace(correct, challenges=challenges)


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


@planted("auth-challenge-basic-in-realm", "AUTH-010", profiles=(RFC6749,))
def challenge_basic_in_realm(correct: Behaviour) -> Behaviour:
    """A failed Basic attempt is challenged with the Bearer scheme, whose realm speaks of Basic."""
    return challenging(correct, lambda _failure, _request, _site: ('Bearer realm="Basic realm"',))


@planted("auth-challenge-own-basic", "AUTH-010", profiles=(RFC6749,))
def challenge_own_basic(correct: Behaviour) -> Behaviour:
    """The scheme of the challenge is xBasic, so that browsers open no window."""
    return challenging(correct, lambda _failure, _request, _site: ('xBasic realm="token endpoint"',))


@planted("auth-realm-of-another", "AUTH-011")
def realm_of_another(correct: Behaviour) -> Behaviour:
    """Of two challenges the Bearer one has the realm, and the Basic one has none."""
    return challenging(correct, lambda _failure, _request, _site: ('Basic, Bearer realm="token endpoint"',))


@planted("auth-challenge-empty", "AUTH-012", "AUTH-008", "AUTH-009", "AUTH-010", "GRANT-009", "WIRE-015", "GEN-006")
def challenge_empty(correct: Behaviour) -> Behaviour:
    """The WWW-Authenticate field of a 401 is empty."""
    return challenging(correct, lambda _failure, _request, _site: ("",))


@planted("auth-no-challenge-unknown", "AUTH-009", "AUTH-012", "GRANT-009", "GEN-006")
def no_challenge_unknown(correct: Behaviour) -> Behaviour:
    """Only a wrong secret is challenged, an unknown client is not."""
    return challenging(correct, lambda failure, _request, _site: () if failure.cause == "unknown-client" else None)


@planted("auth-challenge-unclosed", "AUTH-036", "AUTH-011", "AUTH-012", "AUTH-008", "AUTH-009", "AUTH-010", "GRANT-009")
def challenge_unclosed(correct: Behaviour) -> Behaviour:
    """The quotes around the realm are never closed."""
    return challenging(correct, lambda _failure, _request, _site: ('Basic realm="token endpoint',))
