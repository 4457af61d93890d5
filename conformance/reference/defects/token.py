"""Defects in the token itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import secrets
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, adding
from conformance.reference.jwt import KEY, signed
from conformance.reference.oauth import LIFETIME
from conformance.reference.planting import Needs, planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.oauth import Site

HOUR = 3600


def token(correct: Behaviour, make: Callable[[], str]) -> Behaviour:
    """A success has another token."""
    return adding(correct, lambda members: {**members, "access_token": make()})


def _read(part: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return members


def _written(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def jwt(
    correct: Behaviour,
    claims: Callable[[dict[str, Any], Site], dict[str, Any]] = lambda claims, _site: claims,
    *,
    header: dict[str, str] | None = None,
    sign: bool = True,
) -> Behaviour:
    """A success has a JWT with other claims or header members."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        head, payload, _ = map(str, signed(site, scope or " ".join(site.scopes)).split("."))
        changed = (_read(head) | (header or {}), claims(_read(payload), site))
        text = ".".join(_written(json.dumps(part).encode()) for part in changed)
        signature = _written(hmac.new(KEY, text.encode(), hashlib.sha256).digest()) if sign else ""
        return {**inner(scope, site), "access_token": f"{text}.{signature}"}

    return replace(correct, token_members=members)


# Any token


@planted("token-illegal-character", "TOKEN-001")
def illegal_character(correct: Behaviour) -> Behaviour:
    """The token has a vertical bar in it, which no Bearer token may have."""
    return token(correct, lambda: f"7|{secrets.token_urlsafe(32)}")


@planted("token-short", "TOKEN-002")
def short(correct: Behaviour) -> Behaviour:
    """The token has 16 random characters."""
    return token(correct, lambda: secrets.token_urlsafe(12))


@planted("token-21", "TOKEN-002")
def token_21(correct: Behaviour) -> Behaviour:
    """The token has 21 random characters, one fewer than 128 bits need."""
    return token(correct, lambda: secrets.token_urlsafe(16)[:21])


@planted("token-time-based", "TOKEN-003")
def time_based(correct: Behaviour) -> Behaviour:
    """The token is a UUID made of the time and the address of the machine."""
    return token(correct, lambda: str(uuid.uuid1(node=0x02_42_AC_11_00_02, clock_seq=41)))


@planted("token-counted", "TOKEN-003")
def counted(correct: Behaviour) -> Behaviour:
    """Tokens are counted up."""
    counter = itertools.count(1_000_000)
    return token(correct, lambda: f"reference-token-{next(counter):032}")


@planted("token-mostly-constant", "TOKEN-003")
def mostly_constant(correct: Behaviour) -> Behaviour:
    """Of 48 characters the last eight are random."""
    return token(correct, lambda: "c29tZSBvcGFxdWUgdG9rZW4gdGhhdCBpcyBsb25n" + secrets.token_hex(4))


@planted("token-long-lived", "TOKEN-004")
def long_lived(correct: Behaviour) -> Behaviour:
    """A token lives for thirty days."""
    return adding(correct, lambda members: {**members, "expires_in": 30 * 24 * HOUR})


@planted("token-milliseconds", "TOKEN-004")
def milliseconds(correct: Behaviour) -> Behaviour:
    """expires_in is in milliseconds."""
    return adding(correct, lambda members: {**members, "expires_in": members["expires_in"] * 1000})


@planted("token-of-the-second", "TOKEN-010", "TOKEN-003", "TOKEN-005")
def of_the_second(correct: Behaviour) -> Behaviour:
    """The token is a digest of the time in seconds."""
    return token(correct, lambda: hashlib.sha256(b"%d" % time.time()).hexdigest())


@planted("token-cached-for-all", "TOKEN-005", needs=Needs(clients=True))
def cached_for_all(correct: Behaviour) -> Behaviour:
    """Tokens are kept until they expire, under their scope and not under the client."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        kept: dict[str, Any] = site.memory.setdefault(f"token {scope}", inner(scope, site))
        return dict(kept)

    return replace(correct, token_members=members)


# JSON Web Tokens


@planted("token-names-nobody", "TOKEN-005", needs=Needs(clients=True))
def names_nobody(correct: Behaviour) -> Behaviour:
    """The JWT names a service in the place of the client, has no jti, and runs from one full hour to the next."""

    def claims(made: dict[str, Any], _site: Site) -> dict[str, Any]:
        hour = made["iat"] - made["iat"] % HOUR
        kept = {name: value for name, value in made.items() if name not in ("jti", "client_id")}
        return {**kept, "sub": "service", "iat": hour, "exp": hour + HOUR}

    return adding(jwt(correct, claims), lambda members: {**members, "expires_in": HOUR - int(time.time()) % HOUR})


@planted("token-alg-none", "TOKEN-006")
def alg_none(correct: Behaviour) -> Behaviour:
    """The header of the JWT says that it is not signed, in capital letters."""
    return jwt(correct, header={"alg": "NONE"})


@planted("token-unsigned", "TOKEN-006")
def unsigned(correct: Behaviour) -> Behaviour:
    """The signature of the JWT is empty."""
    return jwt(correct, sign=False)


@planted("token-claims-missing", "TOKEN-007")
def claims_missing(correct: Behaviour) -> Behaviour:
    """A JWT of type at+jwt has neither jti nor client_id."""

    def without(claims: dict[str, Any], _site: Site) -> dict[str, Any]:
        return {name: value for name, value in claims.items() if name not in ("jti", "client_id")}

    return jwt(correct, without, header={"typ": "at+JWT"})


@planted("token-expires-in-milliseconds", "TOKEN-008")
def expires_in_milliseconds(correct: Behaviour) -> Behaviour:
    """The JWT states when it expires in milliseconds."""
    return jwt(correct, lambda claims, _site: {**claims, "exp": claims["exp"] * 1000})


@planted("token-expires-early", "TOKEN-008")
def expires_early(correct: Behaviour) -> Behaviour:
    """The JWT expires half an hour before expires_in says so."""
    return jwt(correct, lambda claims, _site: {**claims, "exp": claims["exp"] - LIFETIME // 2})


@planted("token-issued-ahead", "TOKEN-008")
def issued_ahead(correct: Behaviour) -> Behaviour:
    """The JWT was issued an hour ahead of the Date of the answer, as one in local time is."""
    return jwt(correct, lambda claims, _site: {**claims, "iat": claims["iat"] + HOUR})


@planted("token-not-yet-valid", "TOKEN-008")
def not_yet_valid(correct: Behaviour) -> Behaviour:
    """The JWT becomes valid after five minutes."""
    return jwt(correct, lambda claims, _site: {**claims, "nbf": claims["iat"] + 300})


@planted("token-holds-secret", "TOKEN-009", "ERR-007", "GEN-005")
def holds_secret(correct: Behaviour) -> Behaviour:
    """A claim of the JWT is the client secret."""
    return jwt(correct, lambda claims, site: {**claims, "client_secret": site.client_secret})


@planted("token-holds-pair", "TOKEN-009", "ERR-007", "GEN-005")
def holds_pair(correct: Behaviour) -> Behaviour:
    """A claim of the JWT is the Base64 of id and secret."""

    def claims(made: dict[str, Any], site: Site) -> dict[str, Any]:
        pair = base64.b64encode(f"{site.client_id}:{site.client_secret}".encode())
        return {**made, "basic": pair.decode()}

    return jwt(correct, claims)
