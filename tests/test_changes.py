"""Comparisons of real runs over sockets: a server that is as it was is the same, one change of it is told as that."""

from __future__ import annotations

import contextlib
import itertools
import secrets
from typing import TYPE_CHECKING

import pytest

from conformance import reference
from conformance.comparison import compare
from conformance.target import Credentials, Secret, target_at
from tests.noise import embedded, peer, seen
from tests.servers import CLIENT, PATH, SECRET, endpoint, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.comparison import Comparison, Side
    from conformance.target import Target

    Alter = Callable[[bytes], bytes]

AREAS = ("REQ", "CTYPE", "GRANT", "CACHE")


def with_fields(*fields: str) -> Alter:
    return lambda octets: octets.replace(b"\r\n", "\r\n".join(["", *fields, ""]).encode(), 1)


def replacing(old: str, new: str) -> Alter:
    """Puts words of as many octets in the place of others."""
    assert len(old) == len(new)
    return lambda octets: octets.replace(old.encode(), new.encode())


@contextlib.contextmanager
def altered(alter: Alter) -> Iterator[Target]:
    """The embedded endpoint with something done to each answer."""
    with endpoint("passport") as script, serving(lambda request: alter(script(request) or b"")) as server:
        yield target_at(server.base_url, PATH, Credentials(CLIENT, Secret(SECRET)))


def after(alter: Alter, number: int = 0) -> Side:
    with altered(alter) as target:
        return seen(target, "passport", areas=AREAS, number=number)


@pytest.fixture(scope="module")
def plain() -> Side:
    """A run of the endpoint as it is."""
    return after(lambda octets: octets)


def told(found: Comparison) -> list[tuple[str, str, str, str]]:
    return [(fact.what, fact.name, fact.before, fact.after) for fact in found.facts]


# What did not change


@pytest.mark.parametrize(
    ("profile", "areas", "examples"), [("passport", (), 5), ("rfc6749", ("REQ", "AUTH", "BODY"), 0)]
)
def test_the_embedded_endpoint_is_the_same_whatever_the_seed_and_the_concurrency(
    profile: str, areas: tuple[str, ...], examples: int
) -> None:
    sides = []
    for number in range(2):
        with embedded(profile) as target:
            sides.append(seen(target, profile, areas=areas, number=number, examples=examples))
    found = compare(*sides)
    assert (found.sentence, found.explained) == ("same: nothing differs", ())
    assert found.context == ("seed: 1, then 2",)


@pytest.mark.integration
@pytest.mark.parametrize("name", ["authlib", "oauthlib"])
def test_a_real_server_is_the_same(name: str) -> None:
    sides = []
    for number in range(2):
        with peer(name) as target:
            sides.append(seen(target, "rfc6749", areas=("REQ", "AUTH"), number=number))
    found = compare(*sides)
    assert (found.sentence, found.explained) == ("same: nothing differs", ())


def test_what_a_server_makes_anew_for_each_answer_is_no_change() -> None:
    counter = itertools.count(1000)

    def restless(octets: bytes) -> bytes:
        number = next(counter)
        return with_fields(
            f"X-Request-Id: {secrets.token_hex(8)}",
            f"Set-Cookie: session={secrets.token_urlsafe(24)}; HttpOnly",
            f"X-RateLimit-Remaining: {9999 - number}",
            f"Server-Timing: app;dur={number / 7:.3f}",
            "Date: Wed, 25 Nov 2026 22:59:15 GMT" if number % 2 else "Date: Wed, 25 Nov 2026 22:59:16 GMT",
        )(octets)

    found = compare(after(restless), after(restless, 1))
    assert (found.sentence, told(found)) == ("same: nothing differs", [])


# What did


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (with_fields("X-Frame-Options: DENY"), ("field added", "x-frame-options", "", "DENY")),
        (
            replacing("that grant type is not supported", "this kind of grant is not for us"),
            (
                "member changed",
                "error_description",
                '"that grant type is not supported"',
                '"this kind of grant is not for us"',
            ),
        ),
        (replacing('"expires_in": 3600', '"expires_in": 7200'), ("member changed", "expires_in", "3600", "7200")),
        (
            replacing("HTTP/1.1 400 Bad Request", "HTTP/1.1 400 Fad Request"),
            ("reason phrase changed", "", "Bad Request", "Fad Request"),
        ),
    ],
    ids=["field", "description", "member", "reason phrase"],
)
def test_one_changed_line_of_the_server_is_one_fact(
    alter: Alter, expected: tuple[str, str, str, str], plain: Side
) -> None:
    found = compare(plain, after(alter, 1))
    assert told(found) == [expected]
    assert (found.sentence, found.code) == ("drift: 1 wire fact", 5)


def test_a_field_that_went_is_told_with_what_it_said(plain: Side) -> None:
    found = compare(after(with_fields("X-Frame-Options: DENY"), 1), plain)
    assert told(found) == [("field removed", "x-frame-options", "DENY", "")]


def test_a_trait_that_flipped_is_told_as_drift() -> None:
    sides = []
    for variant in ("duplicate-content-type-first", "duplicate-content-type-last"):
        with embedded("passport", variant) as target:
            sides.append(seen(target, "passport", areas=("REQ", "CTYPE")))
    found = compare(*sides)
    assert [(one.trait, one.pinned, one.seen) for one in found.drift] == [("content_type.duplicate", "first", "last")]
    assert (found.regressions, found.changed, found.code) == ((), (), 5)


@pytest.mark.parametrize(
    "name",
    ["ctype-case", "auth-no-challenge", "cache-storable", "grant-missing-unsupported", "succ-expires-string"],
)
def test_a_defect_is_told_as_the_requirements_that_it_breaks_and_its_repair_as_fixed(name: str) -> None:
    defect = reference.DEFECTS[name]
    profile = defect.profiles[0]
    areas = {one.partition("-")[0] for one in (*defect.violates, "REQ-001")}
    sides = []
    for planted in ((), (name,)):
        with embedded(profile, None, *planted) as target:
            sides.append(seen(target, profile, areas=areas))
    worse, better = compare(*sides), compare(*reversed(sides))
    broken = {name for one in worse.regressions for name in (one.id, *one.likewise)}
    assert broken
    assert broken <= set(defect.violates)
    assert (worse.code, worse.fixes, worse.undecided) == (1, (), ())
    assert {name for one in better.fixes for name in (one.id, *one.likewise)} == broken
    assert (better.regressions, better.undecided) == ((), ())
