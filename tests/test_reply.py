"""Replies: what is read off one exchange, which outcomes it has, and what a case's statements note about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance import profiles, reply
from conformance.recording import Echo, Exchange, Token
from conformance.reply import (
    GRANTED,
    REFUSED,
    Answer,
    Contract,
    DuplicateMembers,
    Judgement,
    Note,
    Outcome,
    Reading,
    Replies,
    Reply,
    error,
    every,
    refused,
)
from tests.servers import answer, refusal, token

FACTS = Token(length=35, visible=True, b64token=True, fingerprint="0" * 16)
PASSPORT = profiles.load("passport", Path.cwd())
CONTRACT = Contract(PASSPORT, "/passport/oauth/token", loopback=True, exposed="client")
TIMEOUTS = ("connect-timeout", "first-byte-timeout", "exchange-timeout")
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"
UNTYPED = b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops"


def exchange(octets: bytes, **facts: Any) -> Exchange:
    known: dict[str, Any] = {
        "number": 1,
        "role": "stimulus",
        "attempt": 1,
        "template": "0" * 16,
        "label": "OWN-001 one",
        "how": "",
        "sent": b"",
        "received": octets,
        "ending": "complete" if octets else "first-byte-timeout",
        "detail": "",
        "left_open": False,
        "head": False,
        "started": 0.0,
        "first_byte": 0.1,
        "duration": 0.1,
        "spent": False,
        "token": FACTS if b"access_token" in octets else None,
    }
    return Exchange(**known | facts)


def reading(octets: bytes, **facts: Any) -> Reading:
    return Reading(exchange(octets, **facts))


def told(error: str) -> bytes:
    return answer(400, json.dumps({"error": error}).encode())


def typed(media_type: str) -> bytes:
    return answer(404, b"x", media_type=media_type)


# An answer in words


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (token(), "200 with a token"),
        (refusal(401, "invalid_client"), "401 invalid_client"),
        (told("e" * 40), "400 " + "e" * 40),
        (told("e" * 41), "400 " + "e" * 40 + "..."),
        (told("two\nlines"), "400 two\\nlines"),
        (told("ö"), "400 \\xc3\\xb6"),
        (answer(400, b'{"error": "half \\ud800"}'), "400 half ?"),
        (answer(204), "204 without content"),
        (answer(400, b"{}"), "400 with application/json content"),
        (typed("Text/HTML; charset=utf-8"), "404 with text/html content"),
        (typed("t" * 60), "404 with " + "t" * 60 + " content"),
        (typed("t" * 61), "404 with " + "t" * 60 + "... content"),
        (typed("text/\x01"), "404 with text/\\x01 content"),
        (typed("text/~").replace(b"~", b"\xff"), "404 with text/\\xff content"),
        (UNTYPED, "500 with untyped content"),
    ],
)
def test_an_answer_is_told_in_a_few_words(octets: bytes, words: str) -> None:
    assert reading(octets).words() == words


@pytest.mark.parametrize(
    ("octets", "ending", "detail", "words"),
    [
        (b"", "first-byte-timeout", "no octet of an answer within 1 s", "no answer (no octet of an answer within 1 s)"),
        (b"", "reset", "", "no answer (reset)"),
        (HALF, "exchange-timeout", "", "no answer (exchange-timeout)"),
        (INTERIM, "closed", "nothing but 103", "no answer (nothing but 103)"),
        (HALF, "closed", "the end is missing", "200 with untyped content"),
        (HALF, "body-too-large", "more than 10 MB", "200 with untyped content (more than 10 MB)"),
        (HALF, "header-too-large", "", "200 with untyped content (header-too-large)"),
        (b"HTTP/1.1 abc No\r\n\r\n", "closed", "", "0 without content (closed)"),
    ],
)
def test_what_came_of_a_request_without_a_whole_answer_is_told_as_well(
    octets: bytes, ending: str, detail: str, words: str
) -> None:
    assert reading(octets, ending=ending, detail=detail).words() == words


# What is read off an answer


@pytest.mark.parametrize(
    ("octets", "ending", "answered", "status"),
    [
        (token(), "complete", True, 200),
        # A whole answer is one, even where the connection stays open until time is up.
        *((token(), ending, True, 200) for ending in TIMEOUTS),
        *((HALF, ending, False, 0) for ending in TIMEOUTS),
        *((HALF, ending, True, 200) for ending in ("closed", "reset", "body-too-large")),
        (INTERIM, "closed", False, 0),
        (b"", "closed", False, 0),
        (b"no HTTP at all", "closed", False, 0),
    ],
)
def test_an_answer_came_unless_the_time_was_up_before_its_end(
    octets: bytes, ending: str, answered: bool, status: int
) -> None:
    found = reading(octets, ending=ending)
    assert (found.answered, found.status) == (answered, status)


def test_a_body_without_a_length_is_whole_where_the_peer_ended_the_stream() -> None:
    octets = b"HTTP/1.1 200 OK\r\n\r\nall"
    complete = {}
    for ending in ("closed", "reset"):
        message = reading(octets, ending=ending).message
        assert message is not None
        complete[ending] = message.complete
    assert complete == {"closed": True, "reset": False}


def test_the_answer_to_head_has_no_content() -> None:
    octets = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    assert reading(octets, head=True, ending="exchange-timeout").answered
    assert not reading(octets, ending="exchange-timeout").answered


@pytest.mark.parametrize(
    ("status", "length", "granted"),
    [(199, 35, False), (200, 35, True), (200, 1, True), (200, 0, False), (299, 35, True), (300, 35, False)],
)
def test_a_token_counts_in_a_2xx_alone(status: int, length: int, granted: bool) -> None:
    facts = Token(length=length, visible=True, b64token=True, fingerprint="")
    found = reading(answer(status, b"{}"), token=facts)
    assert found.granted is granted
    assert found.token == (facts if 200 <= status < 300 else None)
    assert found.outcome == (("granted",) if granted else (found.status, None))
    assert not reading(answer(status, b"{}")).granted


def test_the_outcome_of_a_refusal_is_its_status_and_code() -> None:
    assert reading(refusal(401, "invalid_client")).outcome == (401, "invalid_client")
    assert reading(answer(404)).outcome == (404, None)


def test_the_credentials_found_in_an_answer_are_those_that_were_recorded() -> None:
    echo = Echo("client secret", "Base64", "body")
    assert reading(token(), echoes=(echo,)).echoes == (echo,)


def test_the_lines_of_a_field_are_found_in_any_case() -> None:
    found = reading(answer(200, b"", "X-One: a ", "x-oNE:b", "X-Two: c"))
    assert found.values("x-One") == ("a", "b")
    assert found.values("X-TWO") == ("c",)
    assert found.values("X-Three") == ()
    assert reading(b"").values("X-One") == ()


@pytest.mark.parametrize(
    ("value", "media_type"),
    [("application/json", "application/json"), ("Text/HTML ;a=b;c", "text/html"), (";", ""), ("", "")],
)
def test_the_media_type_stands_before_its_parameters(value: str, media_type: str) -> None:
    assert reading(typed(value)).media_type == media_type
    assert reading(answer(204)).media_type == ""


@pytest.mark.parametrize(
    ("coding", "body", "content", "coded", "unreadable"),
    [
        ("gzip", b"\x1f\x8b", b"{}", True, False),
        ("gzip", b"\x1f\x8b", b"<html>", True, False),
        ("gzip", b"\x1f\x8b", b"", True, True),
        ("x-unheard-of", b"?", b"", True, True),
        ("gzip", b"", b"", True, False),
        ("identity", b"plain", b"", False, False),
        ("Identity", b"plain", b"", False, False),
        ("", b"plain", b"", False, False),
    ],
)
def test_content_in_a_coding_is_read_without_it(
    coding: str, body: bytes, content: bytes, coded: bool, unreadable: bool
) -> None:
    found = reading(answer(200, body, f"Content-Encoding: {coding}"), content=content)
    assert (found.coded, found.unreadable) == (coded, unreadable)
    assert found.body == (content if coded else body)


def test_json_that_is_labelled_as_compressed_is_read_as_what_it_is() -> None:
    # Whoever recorded it kept the octets as its content, since no coding had to be undone.
    found = reading(answer(400, b'{"error":"a"}', "Content-Encoding: gzip"), content=b'{"error":"a"}')
    assert not found.unreadable
    assert found.error == "a"


def test_content_without_any_coding_is_never_unreadable() -> None:
    assert not reading(answer(200, b"\x1f\x8b")).unreadable
    assert not reading(b"").coded
    assert not reading(b"").unreadable
    assert reading(b"").body == b""


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a": [1]}', {"a": [1]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "line\nline"}', {"a": "line\nline"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b"[]", []),
        (b"{'a': 1}", None),
        (b"", None),
        (b"[" * 200_000, None),
    ],
)
def test_content_is_read_as_json_where_it_is_some(body: bytes, found: Any) -> None:
    assert reading(answer(400, body)).json == found


def test_a_name_that_occurs_twice_is_noted_and_its_last_value_counts() -> None:
    found = reading(answer(400, b'{"a": 1, "b": 2, "a": 3, "a": 4}')).json
    assert isinstance(found, DuplicateMembers)
    assert found == {"a": 4, "b": 2}
    assert found.repeated == {"a"}
    assert DuplicateMembers().repeated == frozenset()
    assert not isinstance(reading(answer(400, b'{"a": 1}')).json, DuplicateMembers)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": "a"}', "a"),
        (b'{"error": ""}', None),
        (b'{"error": 4}', None),
        (b'{"Error": "a"}', None),
        (b'["error"]', None),
        (b'"error"', None),
    ],
)
def test_the_code_of_a_refusal_is_text_in_a_json_object(body: bytes, code: str | None) -> None:
    assert reading(answer(400, body)).error == code


@pytest.mark.parametrize(
    ("octets", "limited"),
    [
        (answer(429), True),
        (answer(503, b"", "Retry-After: 1"), True),
        (answer(503), False),
        (answer(500, b"", "Retry-After: 1"), False),
        (answer(428), False),
    ],
)
def test_a_server_asks_for_less_by_429_or_by_503_with_a_time(octets: bytes, limited: bool) -> None:
    assert reading(octets).rate_limited is limited


# Outcomes

SAMPLES = {
    "token": reading(token()),
    "200": reading(answer(200)),
    "299": reading(answer(299)),
    "300": reading(answer(300)),
    "399": reading(answer(399)),
    "400": reading(answer(400)),
    "invalid_request": reading(refusal(400, "invalid_request")),
    "invalid_client": reading(refusal(400, "invalid_client")),
    "401 invalid_client": reading(refusal(401, "invalid_client")),
    "invalid_scope": reading(refusal(400, "invalid_scope")),
    "unsupported_grant_type": reading(refusal(400, "unsupported_grant_type")),
    "499": reading(answer(499)),
    "500": reading(answer(500)),
    "silence": reading(b""),
    "no handshake": reading(b"", ending="tls-refused"),
    "a reset after the handshake": reading(b"", ending="reset", tls="TLSv1.2"),
    "ended after the handshake": reading(b"", ending="tls-refused", tls="TLSv1.3"),
}
ERRORS = "invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type"


@pytest.mark.parametrize(
    ("outcome", "words", "matches"),
    [
        (GRANTED, "a token", ("token",)),
        (REFUSED, "any 4xx without a token", ("400", *ERRORS, "401 invalid_client", "499")),
        (reply.TOKENLESS, "2xx without a token", ("200", "299")),
        (reply.SUCCESS, "any 2xx", ("token", "200", "299")),
        (reply.REDIRECTED, "any 3xx", ("300", "399")),
        (reply.INVALID_REQUEST, "400 invalid_request", ("invalid_request",)),
        (reply.INVALID_CLIENT, "400 or 401 invalid_client", ("invalid_client", "401 invalid_client")),
        (reply.INVALID_CLIENT_401, "401 invalid_client", ("401 invalid_client",)),
        (reply.INVALID_SCOPE, "400 invalid_scope", ("invalid_scope",)),
        (reply.UNSUPPORTED_GRANT_TYPE, "400 unsupported_grant_type", ("unsupported_grant_type",)),
        (reply.NO_TLS, "a refused TLS handshake", ("no handshake",)),
        (reply.TLS, "a TLS handshake", ("a reset after the handshake", "ended after the handshake")),
        (reply.BARE_400, "any other 400", ("400", *ERRORS)),
        (refused(400), "a refusal by 400", ("400", *ERRORS)),
        (refused(401, 499, 500), "a refusal by 401, 499 or 500", ("401 invalid_client", "499", "500")),
        (error("invalid_client", 401, 500), "401 or 500 invalid_client", ("401 invalid_client",)),
        (GRANTED | reply.REDIRECTED, "a token, or any 3xx", ("token", "300", "399")),
        (GRANTED | reply.REDIRECTED | refused(499), "a token, or any 3xx, or a refusal by 499",
         ("token", "300", "399", "499")),
    ],
)  # fmt: skip
def test_an_outcome_says_in_words_what_it_matches(outcome: Outcome, words: str, matches: tuple[str, ...]) -> None:
    assert outcome.words == words
    assert {name for name, sample in SAMPLES.items() if outcome.matches(sample)} == set(matches)


def test_a_refusal_with_a_token_is_none() -> None:
    odd = Token(length=1, visible=True, b64token=True, fingerprint="")
    assert not refused(200).matches(reading(answer(200), token=odd))
    assert refused(200).matches(reading(answer(200)))


def test_outcomes_are_equal_and_shown_by_their_words() -> None:
    assert refused(400, 401) == refused(400, 401)
    assert refused(400) != refused(401)
    assert repr(refused(400)) == "Outcome(words='a refusal by 400')"


# What a case needs to know of the target


@pytest.mark.parametrize(("profile", "basic"), [("passport", False), ("rfc6749", True)])
def test_the_contract_says_how_credentials_travel(profile: str, basic: bool) -> None:
    found = Contract(profiles.load(profile, Path.cwd()), "/token", loopback=True, exposed="client")
    assert found.basic is basic


def test_the_contract_says_whether_the_exposed_credentials_are_registered() -> None:
    exposed = {
        one: Contract(PASSPORT, "/token", loopback=False, exposed=one).exposed_works
        for one in ("client", "sacrificial", "invented")
    }
    assert exposed == {"client": True, "sacrificial": True, "invented": False}


def test_nothing_is_known_of_a_target_that_nobody_told() -> None:
    assert (CONTRACT.scope, CONTRACT.forwarded, CONTRACT.base_url) == (None, False, "")
    found = Judgement(CONTRACT)
    assert (found.answers, found.fatal, found.issued, found.limited) == ((), (), (), ())
    assert (found.notes, found.traits, found.absent, found.not_applicable) == ([], {}, {}, "")
    plain = Answer(exchange(token()))
    assert (plain.supported, plain.cases, plain.fatal) == (True, frozenset(), False)
    assert Note("passed", "this", "that") == Note("passed", "this", "that", "", (), "")


# What a judgement notes


def test_a_judgement_notes_what_it_is_told() -> None:
    found = Judgement(CONTRACT)
    found.passes("this")
    found.cannot_tell("nobody knows")
    found.observes_of_the_document("a title", "no title")
    found.trait("own", "yes")
    found.trait("own", "no")
    assert found.notes == [
        Note("passed", "this", "this"),
        Note("inconclusive", "", "nobody knows"),
        Note("observed", "a title", "no title", subject="document"),
    ]
    assert found.traits == {"own": "no"}


def test_the_first_reason_why_a_row_does_not_apply_stays() -> None:
    found = Judgement(CONTRACT)
    found.does_not_apply("first")
    found.does_not_apply("second")
    assert found.not_applicable == "first"


def answers(*statuses: int) -> list[Answer]:
    return [Answer(exchange(answer(status), number=at, label=f"label {at}")) for at, status in enumerate(statuses, 1)]


def crash(one: Answer) -> str | None:
    return one.words() if one.status >= 500 else None


def test_each_flaw_is_noted_once_with_every_answer_that_shows_it() -> None:
    found = Judgement(CONTRACT)
    found.each(answers(500, 200, 502, 500), "no 5xx", crash)
    assert found.notes == [
        Note("unmet", "no 5xx", "500 without content", "label 1", (1, 4)),
        Note("unmet", "no 5xx", "502 without content", "label 3", (3,)),
    ]
    assert found.not_applicable == ""


def test_a_flaw_comes_to_what_the_case_says() -> None:
    found = Judgement(CONTRACT)
    found.each(answers(500), "no 5xx", crash, verdict="observed")
    assert [note.verdict for note in found.notes] == ["observed"]


def test_answers_without_a_flaw_pass() -> None:
    found = Judgement(CONTRACT)
    found.each(answers(200, 400), "no 5xx", crash, nothing="never said")
    assert (found.notes, found.not_applicable) == ([Note("passed", "no 5xx", "no 5xx")], "")


@pytest.mark.parametrize(
    ("nothing", "reason"), [("", "no answer of the run shows it"), ("no token came", "no token came")]
)
def test_without_an_answer_to_look_at_a_row_does_not_apply(nothing: str, reason: str) -> None:
    found = Judgement(CONTRACT)
    found.each([], "no 5xx", crash, nothing=nothing)
    assert (found.notes, found.not_applicable) == ([], reason)


@pytest.mark.parametrize(
    ("role", "generated"),
    [("control", False), ("stimulus", False), ("description", True), ("spelling", True), ("odd", True)],
)
def test_an_answer_knows_whether_its_request_was_drawn(role: str, generated: bool) -> None:
    found = Answer(exchange(token(), role=role))
    assert (found.generated, found.label) == (generated, "OWN-001 one")


# What a case says of a reply


def replied(octets: bytes, *, name: str = "one", number: int = 1, supported: bool = True, **facts: Any) -> Reply:
    return Reply(name, Answer(exchange(octets, number=number, **facts), supported=supported), Judgement(CONTRACT))


def unsent(why: str = "not sent: interrupted", *, name: str = "one", applicable: bool = True) -> Reply:
    return Reply(name, None, Judgement(CONTRACT), why, applicable=applicable)


LIMITED = "the server limits the rate: 429 without content"
ALONE = "404 without content, but a control beside it was not granted either"


def test_a_reply_gives_what_its_answer_says() -> None:
    yes, no, none = replied(token()), replied(refusal(401, "invalid_client")), unsent()
    assert (yes.granted, yes.status, yes.error, yes.outcome) == (True, 200, None, ("granted",))
    assert (no.granted, no.status, no.error, no.outcome) == (False, 401, "invalid_client", (401, "invalid_client"))
    assert (none.granted, none.status, none.error, none.outcome) == (False, 0, None, ())


@pytest.mark.parametrize(
    ("one", "usable", "was_granted", "was_refused"),
    [
        (replied(token()), True, True, False),
        (replied(token(), supported=False), True, True, False),
        (replied(answer(404)), True, False, True),
        (replied(answer(404), supported=False), False, False, False),
        (replied(answer(429)), False, False, False),
        (unsent(), False, False, False),
        (unsent(""), False, False, False),
    ],
)
def test_a_reply_decides_something_where_it_is_no_limit_and_no_lone_refusal(
    one: Reply, usable: bool, was_granted: bool, was_refused: bool
) -> None:
    assert (one.usable, one.was(GRANTED), one.was(REFUSED)) == (usable, was_granted, was_refused)


@pytest.mark.parametrize(
    ("octets", "supported", "default", "own"),
    [
        (token(), True, "accepted", "yes"),
        (answer(404), True, "refused", "no"),
        (answer(404), False, None, None),
        (answer(500), True, None, None),
        (answer(204), True, None, None),
    ],
)
def test_a_choice_shows_in_a_token_or_a_4xx(
    octets: bytes, supported: bool, default: str | None, own: str | None
) -> None:
    one = replied(octets, supported=supported)
    one.shows("plain")
    one.shows("named", granted="yes", refused="no")
    assert one.judgement.traits.get("plain") == default
    assert one.judgement.traits.get("named") == own


@pytest.mark.parametrize(
    ("octets", "verdict", "actual"),
    [
        (answer(400), "passed", "400 without content"),
        (answer(403), "warning", "403 without content"),
        (answer(404), "observed", "404 without content"),
        (answer(405), "failed", "405 without content"),
        (answer(418), "unmet", "418 without content"),
        (answer(499), "unmet", "499 without content"),
        (answer(500), "failed", "500 without content"),
        (token(), "unmet", "200 with a token"),
        (b"", "failed", "no answer (first-byte-timeout)"),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_a_reply_must_be_what_is_listed(octets: bytes, verdict: str, actual: str, several: bool) -> None:
    one = replied(octets, number=7)
    said: Reply | Replies = every(one) if several else one
    passes = refused(400, 403, 404, 405)
    said.must_be(passes, warn=refused(403, 404, 405), observe=refused(404, 405), fail=refused(405))
    assert one.judgement.notes == [Note(verdict, "a refusal by 400, 403, 404 or 405", actual, "one", (7,))]


@pytest.mark.parametrize(
    ("one", "notes", "absent"),
    [
        (replied(answer(429), number=7), [Note("inconclusive", "a token", LIMITED, "one", (7,))], {}),
        (replied(answer(404), supported=False), [Note("inconclusive", "a token", ALONE, "one", (1,))], {}),
        (unsent(), [Note("inconclusive", "a token", "not sent: interrupted", "one")], {}),
        (unsent("no scope is configured", applicable=False), [], {"one": "no scope is configured"}),
    ],
)
def test_what_cannot_be_judged_is_noted_with_the_reason(one: Reply, notes: list[Note], absent: dict[str, str]) -> None:
    one.must_be(GRANTED)
    assert (one.judgement.notes, one.judgement.absent) == (notes, absent)


@pytest.mark.parametrize(
    ("one", "other", "more", "note"),
    [
        (token(), token(), {},
         Note("passed", "the outcome of other: 200 with a token", "200 with a token", "one", (1,))),
        (answer(500), answer(500), {},
         Note("passed", "the outcome of other: 500 without content", "500 without content", "one", (1,))),
        (answer(404), token(), {},
         Note("unmet", "the outcome of other: 200 with a token", "404 without content", "one", (1, 2))),
        (answer(404), token(), {"warn_otherwise": True},
         Note("warning", "the outcome of other: 200 with a token", "404 without content", "one", (1, 2))),
        (answer(500), token(), {"warn_otherwise": True},
         Note("failed", "the outcome of other: 200 with a token", "500 without content", "one", (1, 2))),
        (b"", token(), {},
         Note("failed", "the outcome of other: 200 with a token", "no answer (first-byte-timeout)", "one", (1, 2))),
        (answer(404), token(), {"or_be": refused(404)},
         Note("passed", "a refusal by 404", "404 without content", "one", (1,))),
        (answer(404), token(), {"or_be": refused(405)},
         Note("unmet", "a refusal by 405, or the outcome of other: 200 with a token", "404 without content", "one",
              (1, 2))),
        (answer(429), token(), {"or_be": refused(429)},
         Note("inconclusive", "the outcome of other", LIMITED, "one", (1,))),
        (answer(404), answer(429), {"or_be": refused(404)},
         Note("passed", "a refusal by 404", "404 without content", "one", (1,))),
        (answer(429), token(), {}, Note("inconclusive", "the outcome of other", LIMITED, "one", (1,))),
    ],
)  # fmt: skip
def test_a_reply_must_have_the_outcome_of_another(one: bytes, other: bytes, more: dict[str, Any], note: Note) -> None:
    here, there = replied(one), replied(other, name="other", number=2)
    here.must_have_the_outcome_of(there, **more)
    assert (here.judgement.notes, there.judgement.notes) == ([note], [])


def test_what_the_other_reply_lacks_is_said_of_the_other() -> None:
    there = replied(answer(429), name="other", number=2)
    replied(token()).must_have_the_outcome_of(there)
    assert there.judgement.notes == [Note("inconclusive", "", f"other: {LIMITED}", "other")]
    there = unsent("no scope is configured", name="other", applicable=False)
    replied(token()).must_have_the_outcome_of(there)
    assert there.judgement.absent == {"other": "no scope is configured"}
    assert there.judgement.notes == []


def test_an_absence_is_an_omission_of_the_run_unless_it_is_said_to_be_the_target() -> None:
    assert Reply("one", None, Judgement(CONTRACT)).applicable
    assert Reply("one", None, Judgement(CONTRACT)).absent == ""


def test_a_reply_shown_shows_no_judgement() -> None:
    assert repr(unsent()) == "Reply(name='one', answer=None, absent='not sent: interrupted', applicable=True)"


# Several replies


def test_several_replies_are_those_that_were_sent_in_order() -> None:
    members = (replied(token(), number=3), unsent(), replied(answer(404), number=5))
    some = every(*members)
    assert tuple(some) == members
    assert [one.exchange.number for one in some.answers] == [3, 5]
    some.must_be(GRANTED)
    assert [[note.verdict for note in one.judgement.notes] for one in members] == [
        ["passed"],
        ["inconclusive"],
        ["unmet"],
    ]


def test_a_series_is_absent_where_none_of_it_was_sent() -> None:
    first, second = unsent(name="some"), unsent(name="some")
    assert Replies((first, second)).are_absent("a lock")
    assert first.judgement.notes == [Note("inconclusive", "a lock", "not sent: interrupted", "some")]
    assert second.judgement.notes == []
    sent = replied(token())
    assert not Replies((unsent(), sent)).are_absent("a lock")
    assert sent.judgement.notes == []
    assert Replies(()).are_absent("a lock")
