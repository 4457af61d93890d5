"""Tokens: what is kept of those that nobody may see, and what the rows on tokens make of it."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance import case
from conformance.judging import Verdict, confirmed
from conformance.masking import mask, secret_credentials
from conformance.request import VALID
from conformance.tokens import changing, facts_of
from tests.test_judging import CONTRACT, evidence, exchange

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = b"k" * 16
CLIENT, SECRET = "client", "a secret of the client 0123456789"
NOW = 1764000000
DATE = "Mon, 24 Nov 2025 16:00:00 GMT"
# The answers are at hand: nothing has to be sent for them.
CASES = {one.id: replace(one, also=()) for one in case.built_in() if one.requirement.area == "TOKEN"}
COUNTER = itertools.count(1)


def part(members: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


def jwt(header: dict[str, Any] | None = None, signature: str = "c2ln", **claims: Any) -> str:
    return f"{part({'alg': 'RS256'} | (header or {}))}.{part(claims)}.{signature}"


def judged(row: str, tokens: list[str], *, date: str = DATE, **members: Any) -> Verdict:
    """The verdict of a row on answers with these tokens, masked as a run masks them."""
    found = []
    for token in tokens:
        body = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600} | members).encode()
        head = f"HTTP/1.1 200 OK\r\n{f'Date: {date}' if date else 'X: y'}\r\nContent-Type: application/json\r\n"
        octets = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        masked = mask(octets, head=False, key=KEY, credentials=secret_credentials(CLIENT, SECRET))
        one = exchange(VALID, masked.received)
        found.append(replace(one, token=masked.token, echoes=masked.echoes))
    return confirmed(CASES[row], evidence(*found, cases=(CASES[row],)), CONTRACT)


def many(make: Callable[[], str], number: int = 20) -> list[str]:
    return [make() for _ in range(number)]


MAKERS: dict[str, tuple[Callable[[], str], str]] = {
    "random": (lambda: secrets.token_urlsafe(32), "passed"),
    "of 128 bits": (lambda: secrets.token_urlsafe(16), "passed"),
    "UUIDs": (lambda: str(uuid.uuid4()), "passed"),
    "behind a long prefix": (lambda: "p" * 300 + secrets.token_hex(16), "passed"),
    "counted": (lambda: f"{next(COUNTER):040}", "warning"),
    "of 60 bits": (lambda: "p" * 30 + secrets.token_hex(8), "warning"),
    "of 60 bits in a long one": (lambda: "p" * 300 + secrets.token_hex(4), "warning"),
    "all alike": (lambda: "p" * 43, "not_applicable"),
    "of many lengths": (lambda: "p" * (20 + next(COUNTER)), "not_applicable"),
    "short": (lambda: secrets.token_urlsafe(12), "not_applicable"),
    "JWTs": (lambda: jwt(jti=secrets.token_hex(16)), "not_applicable"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_tokens_are_told_from_patterns(name: str) -> None:
    make, verdict = MAKERS[name]
    assert judged("TOKEN-003", many(make)).verdict == verdict


def test_what_is_kept_of_a_token_grows_no_longer_and_tells_no_character() -> None:
    facts = facts_of("a" * 10_000, KEY)
    assert len(facts.places) == 2 * 64
    assert len({facts_of("a" * 43, KEY).places[at : at + 2] for at in range(0, 86, 2)}) > 30
    assert facts_of("a" * 43, KEY).places != facts_of("a" * 43, b"another key of 1").places
    assert facts_of(jwt(), KEY).places == ""
    assert facts_of("", KEY).places == ""


def test_changing_characters_are_counted() -> None:
    assert changing([facts_of(token, KEY) for token in ("abcd", "abce", "bbcd")]) == 2
    assert changing([facts_of(token, KEY) for token in ("abcd", "abcd")]) == 0


@pytest.mark.parametrize(
    ("tokens", "verdict", "reuse"),
    [
        (["a", "b", "c"], "passed", "never"),
        (["a", "b", "a"], "observed", "sometimes"),
        (["a", "a", "a"], "observed", "always"),
        (["a"], "not_applicable", None),
    ],
)
def test_reuse_is_noted(tokens: list[str], verdict: str, reuse: str | None) -> None:
    found = judged("TOKEN-010", [token * 30 for token in tokens])
    assert (found.verdict, found.traits.get("token.reuse")) == (verdict, reuse)


EVERY_CLAIM: dict[str, Any] = dict.fromkeys(("iss", "exp", "aud", "sub", "client_id", "iat", "jti"), 1)
ROWS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "fits": ("TOKEN-001", "aB0-._~+/==", {}, "passed"),
    "equals sign inside": ("TOKEN-001", "a=b", {}, "failed"),
    "blank": ("TOKEN-001", "a b", {}, "failed"),
    "blank in another type": ("TOKEN-001", "a b", {"token_type": "MAC"}, "not_applicable"),
    "22 characters": ("TOKEN-002", "a" * 22, {}, "passed"),
    "21 characters": ("TOKEN-002", "a" * 21, {"token_type": "bearer"}, "failed"),
    "20 of another type": ("TOKEN-002", "a" * 20, {"token_type": "MAC"}, "passed"),
    "19 of another type": ("TOKEN-002", "a" * 19, {"token_type": None}, "failed"),
    "an hour": ("TOKEN-004", "a", {}, "passed"),
    "more than an hour": ("TOKEN-004", "a", {"expires_in": 3601}, "warning"),
    "beyond any": ("TOKEN-004", "a", {"expires_in": 10**4000}, "warning"),
    "no number": ("TOKEN-004", "a", {"expires_in": "86400"}, "not_applicable"),
    "true": ("TOKEN-004", "a", {"expires_in": True}, "not_applicable"),
    "signed": ("TOKEN-006", jwt(), {}, "passed"),
    "alg none": ("TOKEN-006", jwt({"alg": "nOnE"}), {}, "failed"),
    "no signature": ("TOKEN-006", jwt(signature=""), {}, "failed"),
    "opaque": ("TOKEN-006", "a.b.c", {}, "not_applicable"),
    "encrypted": ("TOKEN-006", f"{part({'alg': 'none'})}..b.c.d", {}, "not_applicable"),
    "every claim": ("TOKEN-007", jwt({"typ": "application/at+jwt"}, **EVERY_CLAIM), {}, "passed"),
    "three claims too few": (
        "TOKEN-007",
        jwt({"typ": "at+jwt"}, iss=1, exp=1, aud=1, sub=1),
        {},
        "failed",
    ),
    "no claim": ("TOKEN-007", jwt({"typ": "AT+JWT"}), {}, "failed"),
    "no claim in a plain one": ("TOKEN-007", jwt({"typ": "JWT"}), {}, "observed"),
    "in time": ("TOKEN-008", jwt(exp=NOW + 3660, iat=NOW + 60, nbf=NOW - 9), {}, "passed"),
    "cached": ("TOKEN-008", jwt(exp=NOW + 1800, iat=NOW - 1800), {"expires_in": 1800}, "passed"),
    "early": ("TOKEN-008", jwt(exp=NOW + 3500), {}, "failed"),
    "late": ("TOKEN-008", jwt(exp=NOW + 3700), {}, "warning"),
    "late by any": ("TOKEN-008", jwt(exp=NOW), {"expires_in": -(10**4000)}, "warning"),
    "milliseconds": ("TOKEN-008", jwt(iat=NOW * 1000), {}, "failed"),
    "not yet": ("TOKEN-008", jwt(nbf=NOW + 61), {}, "failed"),
    "no lifetime": ("TOKEN-008", jwt(exp=NOW + 9, iat=NOW), {"expires_in": None}, "passed"),
    "no times": ("TOKEN-008", jwt(), {}, "not_applicable"),
    "no secret": ("TOKEN-009", jwt(client_id=CLIENT), {}, "passed"),
    "a secret": ("TOKEN-009", jwt(a="b", client=SECRET), {}, "failed"),
    "a secret in no JWT": ("TOKEN-009", "opaque", {"more": SECRET}, "not_applicable"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_token_is_judged(name: str) -> None:
    row, token, members, verdict = ROWS[name]
    assert judged(row, [token, token, token], **members).verdict == verdict


def test_the_clock_of_the_answer_counts_and_ours_where_it_shows_none() -> None:
    ahead = jwt(iat=NOW)
    assert judged("TOKEN-008", [ahead] * 3).verdict == "passed"
    # The recording says that the answers came in 1970.
    for date in ("", "yesterday", "Mon, 99 Foo 0000"):
        assert judged("TOKEN-008", [ahead] * 3, date=date).verdict == "failed"


@pytest.mark.parametrize(
    ("token", "format_"),
    [("opaque", "opaque"), (jwt(), "jwt"), (jwt({"typ": "at+jwt"}), "at_jwt"), (f"{part({})}..b.c.d", "jwe")],
)
def test_the_format_is_noted(token: str, format_: str) -> None:
    assert judged("TOKEN-007", [token] * 3).traits == {"token.format": format_}


def test_no_format_is_noted_where_there_are_two() -> None:
    assert judged("TOKEN-007", ["opaque", jwt(), jwt()]).traits == {}
