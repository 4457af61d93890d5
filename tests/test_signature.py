"""Signatures: what two runs see alike on the wire, and how the rest is told; the runs were never made."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance import signature
from conformance.recording import Token
from conformance.request import VALID
from tests.runs import FACTS, OTHER, THIRD, recording
from tests.servers import answer, refusal, token

if TYPE_CHECKING:
    from conformance.recording import Recording
    from conformance.signature import Fact
    from tests.runs import Answers

PROBES = tuple(VALID.adding_parameters(f"probe={number}") for number in range(6))


def facts(before: Recording, after: Recording) -> list[tuple[str, str, str, str, int]]:
    """What differs, each with the number of answers that show it."""

    def told(fact: Fact) -> tuple[str, str, str, str, int]:
        return fact.what, fact.name, fact.before, fact.after, len(fact.stimuli)

    return [told(fact) for fact in signature.facts(*map(signature.signatures, (before, after)))]


def failing(description: object, *fields: str, **members: object) -> bytes:
    """An error answer with a description."""
    body = json.dumps({"error": "invalid_request", "error_description": description, **members}).encode()
    return answer(400, body, *fields)


def pair(*fields: str) -> Answers:
    """A token and an error answer, both with further fields."""
    return (VALID, with_fields(token(), *fields)), (OTHER, with_fields(refusal(), *fields))


def with_fields(octets: bytes, *fields: str) -> bytes:
    start, _, rest = octets.partition(b"\r\n")
    return b"\r\n".join([start, *(field.encode() for field in fields), rest])


# What differs is told once


def test_equal_answers_differ_in_nothing() -> None:
    assert facts(recording(*pair()), recording(*pair())) == []


def test_a_field_that_was_added_is_one_fact_with_its_value() -> None:
    found = facts(recording(*pair()), recording(*pair("X-Frame-Options: DENY")))
    assert found == [("field added", "x-frame-options", "", "DENY", 2)]


def test_a_field_that_was_removed_is_one_fact_with_its_value() -> None:
    found = facts(recording(*pair("Server: one")), recording(*pair()))
    assert found == [("field removed", "server", "one", "", 2)]


def test_a_field_with_a_value_for_each_answer_is_added_without_one() -> None:
    after = recording(*[(one, with_fields(octets, f"X-Kind: {at}")) for at, (one, octets) in enumerate(pair())])
    assert facts(recording(*pair()), after) == [("field added", "x-kind", "", "", 2)]


def test_a_field_that_is_repeated_has_another_value() -> None:
    found = facts(recording(*pair("Vary: a")), recording(*pair("Vary: a", "Vary: a")))
    assert found == [("field changed", "vary", "a", "a, a", 2)]


def test_another_text_of_an_error_is_one_fact() -> None:
    before, after = (recording((OTHER, failing(text))) for text in ("no such grant", "unknown grant"))
    assert facts(before, after) == [
        ("member changed", "error_description", '"no such grant"', '"unknown grant"', 1),
    ]


def test_another_type_of_a_member_shows_in_its_value() -> None:
    before, after = (recording((OTHER, failing("text", code=code))) for code in (7, "7"))
    assert facts(before, after) == [("member changed", "code", "7", '"7"', 1)]


def test_an_error_that_is_no_text_counts_as_a_member() -> None:
    before, after = (recording((OTHER, failing("text", error=code))) for code in (1, 2))
    assert facts(before, after) == [("member changed", "error", "1", "2", 1)]


def test_what_is_inside_a_member_counts() -> None:
    before, after = (recording((OTHER, failing("text", more=[{"hint": hint}]))) for hint in ("a", "b"))
    assert facts(before, after) == [("member changed", "more", '[{"hint": "a"}]', '[{"hint": "b"}]', 1)]


def test_another_answer_is_told_without_its_fields_and_members() -> None:
    found = facts(recording((OTHER, refusal())), recording((OTHER, token())))
    assert found == [("answer changed", "", "400 invalid_request", "200 with a token", 1)]


@pytest.mark.parametrize("status", [400, 404, 502])
def test_a_text_that_is_no_json_counts(status: int) -> None:
    before, after = (recording((OTHER, answer(status, text, media_type="text/html"))) for text in (b"<a>", b"<b>\n"))
    assert facts(before, after) == [("content changed", "", "<a>", "<b>\\n", 1)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"HTTP/1.1 400 Words", b"HTTP/1.0 400 Words", ("HTTP version changed", "", "HTTP/1.1", "HTTP/1.0", 1)),
        (b"400 Words", b"400 Bad Request", ("reason phrase changed", "", "Words", "Bad Request", 1)),
        (b"\r\nConnection", b"\nConnection", ("anomaly added", "bare-lf", "", "", 1)),
    ],
)
def test_the_form_of_the_message_counts(old: bytes, new: bytes, expected: Any) -> None:
    assert facts(recording((OTHER, refusal())), recording((OTHER, refusal().replace(old, new)))) == [expected]


def test_another_form_of_the_token_counts() -> None:
    jwt = {"header": {"alg": "RS256"}, "claims": ["aud", "exp"]}
    before = recording((VALID, token()))
    after = replace(before, exchanges=(replace(before.exchanges[0], token=replace(FACTS, jwt=jwt)),))
    assert facts(before, after) == [
        ("form of the token changed", "", "opaque", "JWT (RS256) with the claims aud, exp", 1),
    ]


def test_another_version_of_tls_counts() -> None:
    before = recording((VALID, token()))
    exchanges = [replace(before.exchanges[0], tls=version, cipher="SUITE") for version in ("TLSv1.3", "TLSv1.2")]
    first, second = (replace(before, exchanges=(one,)) for one in exchanges)
    assert facts(first, second) == [("TLS version changed", "", "TLSv1.3", "TLSv1.2", 1)]


def test_only_what_both_runs_sent_is_compared() -> None:
    assert facts(recording((OTHER, refusal())), recording((THIRD, token()))) == []


def test_the_most_frequent_fact_comes_first() -> None:
    before = recording(*pair(), (THIRD, failing("a")))
    after = recording(*pair("X-New: 1"), (THIRD, failing("b")))
    assert [found[0] for found in facts(before, after)] == ["field added", "member changed"]


@pytest.mark.parametrize("at", [0, 100, 300])
def test_long_values_are_cut_where_they_differ(at: int) -> None:
    before, after = (recording((OTHER, failing("word " * (at // 5) + end + " word" * 60))) for end in ("one", "two"))
    ((_, _, was, is_, _),) = facts(before, after)
    assert ("one" in was, "two" in is_, len(was) < 130, len(is_) < 130) == (True, True, True, True)


def test_a_value_on_several_lines_stays_on_one() -> None:
    before, after = (recording((OTHER, failing(f"one\nregression: {text}"))) for text in ("a", "b"))
    ((_, _, was, is_, _),) = facts(before, after)
    assert "\n" not in was + is_


# What varies by itself is not told


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Date: Wed, 25 Nov 2026 22:59:15 GMT", "Date: Thu, 26 Nov 2026 02:30:00 GMT"),
        ("X-Served: Wed, 25 Nov 2026 22:59:15 GMT", "X-Served: Thu, 26 Nov 2026 02:30:00 GMT"),
        ("X-Served: 2026-11-25T22:59:15.123+01:00", "X-Served: 2026-11-26 02:30:00Z"),
        ("X-Served: Wed Nov 25 22:59:15 UTC 2026", "X-Served: Thu Nov 26 02:30:00 UTC 2026"),
        ("X-Served: 20261125T225915Z", "X-Served: 20261126T023000Z"),
        ("X-Served: 1795647555", "X-Served: 1795660200"),
        ("X-Request-Id: 5f0c9d2e-7e0b-4c62-9d65-0d8b6f3f2c11", "X-Request-Id: 0b9a8f77-12cd-4e5f-8a9b-c0d1e2f3a4b5"),
        ("Age: 1", "Age: 2"),
        ("Expires: 0", "Expires: -1"),
    ],
)
def test_a_moment_and_an_identifier_are_no_fact_even_where_each_came_once(first: str, second: str) -> None:
    before, after = (recording((OTHER, failing("text", one))) for one in (first, second))
    assert facts(before, after) == []


def test_a_field_that_varies_between_controls_varies_everywhere() -> None:
    def run(start: int) -> Recording:
        answers = (VALID, token()), (VALID, token()), (OTHER, refusal())
        return recording(
            *((one, with_fields(octets, f"X-Count: {start + at}")) for at, (one, octets) in enumerate(answers))
        )

    assert facts(run(1), run(7)) == []


def test_a_field_with_a_new_value_for_every_stimulus_varies() -> None:
    def run(start: int) -> Recording:
        return recording(*((one, refusal(400, "x", f"X-Nonce: {start + at}")) for at, one in enumerate(PROBES)))

    assert facts(run(1), run(7)) == []


def test_a_field_that_is_not_always_there_varies() -> None:
    before = recording((VALID, token()), (VALID, with_fields(token(), "Set-Cookie: a")))
    assert facts(before, recording((VALID, with_fields(token(), "Set-Cookie: a")))) == []


def test_a_text_that_differs_the_second_time_says_nothing_of_other_texts() -> None:
    def run(text: str) -> Recording:
        return recording((OTHER, failing("try 1")), (OTHER, failing("try 2")), (THIRD, failing(text)))

    assert [found[:4] for found in facts(run("old"), run("new"))] == [
        ("member changed", "error_description", '"old"', '"new"')
    ]


def test_an_answer_that_is_not_the_same_each_time_is_left_out() -> None:
    before = recording((OTHER, refusal()), (OTHER, refusal(401, "invalid_client")))
    assert facts(before, recording((OTHER, token()))) == []


def test_what_a_rate_limit_answers_is_left_out() -> None:
    limited = answer(429, b"slow down", "Retry-After: 1", media_type="text/plain")
    before = recording((OTHER, refusal()), (THIRD, failing("old")))
    found = facts(before, recording((OTHER, limited), (OTHER, refusal()), (THIRD, failing("new"))))
    assert found == [("member changed", "error_description", '"old"', '"new"', 1)]


def test_the_seconds_of_a_token_that_is_given_out_again_vary() -> None:
    def run(seconds: int) -> Recording:
        octets = token().replace(b"3600", str(seconds).encode())
        return recording((VALID, octets), (PROBES[0], octets), (VALID, octets))

    assert facts(run(3600), run(3510)) == []


def test_the_seconds_of_a_new_token_count() -> None:
    def run(seconds: int) -> Recording:
        found = recording((VALID, token().replace(b"3600", str(seconds).encode())), (VALID, token()))
        one, other = found.exchanges
        fresh = Token(35, visible=True, b64token=True, fingerprint=f"{seconds:016}")
        return replace(found, exchanges=(replace(one, token=fresh), replace(other, received=one.received)))

    assert facts(run(3600), run(7200)) == [("member changed", "expires_in", "3600", "7200", 1)]


# What looks like an identifier


def test_a_code_that_recurs_counts_and_the_identifiers_beside_it_do_not() -> None:
    def run(code: str, *trails: str) -> Recording:
        pairs = zip((OTHER, THIRD), trails, strict=True)
        return recording(*((one, failing(f"{code}: refused. Trace {trail}")) for one, trail in pairs))

    before = run("AADSTS7000215", "4f0c9d2e-7e0b", "5f0c9d2e-7e0b")
    after = run("AADSTS7000222", "6f0c9d2e-7e0b", "7f0c9d2e-7e0b")
    (found,) = facts(before, after)
    assert found[2:] == ('"AADSTS7000215: refused. Trace (an id)"', '"AADSTS7000222: refused. Trace (an id)"', 2)
    assert facts(before, run("AADSTS7000215", "8f0c9d2e-7e0b", "9f0c9d2e-7e0b")) == []


def test_an_identifier_that_comes_back_to_the_same_request_is_still_one() -> None:
    def run(client: str) -> Recording:
        return recording((OTHER, failing(f"unknown client {client}")), (OTHER, failing(f"unknown client {client}")))

    assert facts(run("conformance-unknown-0123456789"), run("conformance-unknown-9876543210")) == []


def test_what_belongs_to_the_run_and_its_host_is_no_fact() -> None:
    def run(name: str, host: str) -> Recording:
        text = f"token-conformance (run {name}) asked {host}"
        return recording((OTHER, failing(text)), (THIRD, failing(text)), run=name, host=host)

    assert facts(run("0123456789ab", "127.0.0.1:4001"), run("ba9876543210", "127.0.0.1:4002")) == []


@pytest.mark.parametrize("host", ["auth", ""])
def test_a_host_whose_name_may_be_any_word_is_left_where_it_stands(host: str) -> None:
    before, after = (recording((OTHER, failing(text)), host=host) for text in ("no auth", "auth needed"))
    ((_, _, was, is_, _),) = facts(before, after)
    assert (was, is_) == ('"no auth"', '"auth needed"')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("401 invalid_client", "401 invalid_client"),
        ("expires_in 864000", "expires_in 864000"),
        ("at 22:59:15.5Z sharp", "at (a time) sharp"),
        ("ticket 12345678", "ticket (an id)"),
        ("trace 4F0C9D2E7E0B", "trace (an id)"),
        ("trace abcde123", "trace (an id)"),
        ("server12 of cluster-7", "server12 of cluster-7"),
        ("nginx/1.25.3", "nginx/1.25.3"),
    ],
)
def test_what_a_settled_text_keeps(text: str, expected: str) -> None:
    assert signature.settled(text) == expected
