"""Whatever octets a server answers: reading, masking and judging them raises nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conformance import engine, judging, known, masking
from conformance.case import built_in
from conformance.properties import generation
from conformance.reading import Reader, read
from conformance.recording import exchange_of, exchange_record
from conformance.reply import Reading
from conformance.report import har, results
from conformance.request import VALID
from conformance.target import Credentials, Secret, target_at
from tests.servers import CLIENT, SECRET, decent, inquiry, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.recording import Exchange

BOUNDED = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
CREDENTIALS = masking.secret_credentials(CLIENT, SECRET)

# What a good answer has, and what stands in its places in bad ones.

NAMES = [
    "Content-Type",
    "Cache-Control",
    "Pragma",
    "WWW-Authenticate",
    "Content-Length",
    "Transfer-Encoding",
    "Content-Encoding",
    "Location",
    "Set-Cookie",
    "Retry-After",
    "Expires",
    "Age",
    "Date",
    "Allow",
    "Accept",
    "Vary",
    "Link",
    "Server",
    "Connection",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Strict-Transport-Security",
    "Content-Location",
    "Upgrade",
    "Trailer",
    "Warning",
    "X-Odd",
]
VALUES = (
    "application/json",
    "application/json; charset=utf-8; charset",
    "text/html",
    "no-store",
    'no-store="', 'max-age=99999999999999999999999, public, s-maxage="x"',
    'Basic realm="x", charset="UTF-8"',
    'Basic realm=, ,=,"',
    "Bearer error=invalid, Basic",
    "Tue, 99 Foo 2026 99:99:99 GMT",
    "Tue, 15 Nov 99999 08:12:31 -9999",
    "-1",
    "١٢٣".encode().decode("latin-1"),
    "²",
    "9" * 5000,
    "https://[::1/",
    "http://other.example:99999/",
    "gzip, chunked",
    "identity",
    "*",
    "",
    f"{CLIENT}:{SECRET}",
    "::error::x",
)  # fmt: skip
MEMBERS = [
    "access_token",
    "token_type",
    "expires_in",
    "scope",
    "refresh_token",
    "error",
    "error_description",
    "error_uri",
    "id_token",
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=12),
    st.sampled_from(
        ["Bearer", "invalid_client", "invalid_request", "a.b.c", "eyJhbGciOiJub25lIn0.W10.", SECRET, CLIENT]
    ),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=6)
BODIES = st.one_of(
    OBJECTS.map(lambda value: json.dumps(value).encode()),
    OBJECTS.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    st.tuples(OBJECTS, OBJECTS).map(lambda two: (json.dumps(two[0])[:-1] + "," + json.dumps(two[1])[1:]).encode()),
    JSON.map(lambda value: json.dumps(value).encode()),
    OBJECTS.map(lambda value: b"\xef\xbb\xbf" + json.dumps(value).encode("utf-16")),
    st.binary(max_size=60),
    st.sampled_from([b"", b"[" * 9000, b'{"expires_in":' + b"9" * 6000 + b',"access_token":"abcdefgh"}']),
    st.just(b"access_token=abcdefghijkl&token_type=bearer"),
)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(VALUES) | st.text(st.characters(max_codepoint=0xFF, exclude_characters="\n"), max_size=20),
    ),
    max_size=8,
)
STATUSES = st.sampled_from(
    [200, 200, 200, 201, 204, 206, 301, 400, 400, 401, 401, 403, 405, 415, 429, 500, 501, 503, 999]
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer made like a good one, with anything in any place, and perhaps an edit of its octets."""
    body, fields = draw(BODIES), [(name.encode(), value.encode("latin-1")) for name, value in draw(FIELDS)]
    if draw(st.booleans()):
        fields += [(b"Content-Type", b"application/json"), (b"Content-Length", str(len(body)).encode())]
    lines = [b"HTTP/1.1 %d " % draw(STATUSES), *(name + b": " + value for name, value in fields)]
    data: bytes = draw(st.sampled_from([b"", b"", b"HTTP/1.1 100 \r\n\r\n"])) + b"\r\n".join(lines) + b"\r\n\r\n" + body
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, max(len(data), 1)))
        data = data[:at] + draw(st.binary(max_size=4)) + data[at + draw(st.integers(0, 9)) :]
    return data


def masked(exchange: Exchange, received: bytes, ending: str) -> Exchange:
    """An exchange with another answer, as the sender would record it."""
    memory = known.known(target_at("http://127.0.0.1:1", "/token", Credentials(CLIENT, Secret(SECRET))))
    found = masking.mask(received, head=exchange.head, key=b"key", credentials=CREDENTIALS, known=memory)
    return replace(exchange, received=found.received, token=found.token, echoes=found.echoes, ending=ending)


class Kept:
    """A run that no report of a failed test prints."""

    def __init__(self, run: engine.Run) -> None:
        self.run = run

    def __repr__(self) -> str:
        return "a run"


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    """A whole run against a decent server, every case of the suite in it."""
    with serving(decent) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation, "judging_description", lru_cache(generation.judging_description))
        yield Kept(engine.conduct(inquiry(server, built_in(), examples=3)))


@settings(BOUNDED, max_examples=100)
@given(st.binary(max_size=200) | answers(), st.booleans(), st.integers(1, 50))
def test_reading_raises_nothing_and_does_not_depend_on_how_octets_are_cut(data: bytes, head: bool, cut: int) -> None:
    whole = read(data, head=head)
    reader = Reader(head=head)
    for at in range(0, len(data), max(cut, len(data) // 500)):
        reader.feed(data[at : at + max(cut, len(data) // 500)])
    assert reader.message() == whole


@settings(BOUNDED, max_examples=100)
@given(answers() | st.binary(max_size=200))
def test_masking_raises_nothing_keeps_the_length_and_leaves_no_secret(data: bytes) -> None:
    memory = known.known(target_at("http://127.0.0.1:1", "/token", Credentials(CLIENT, Secret(SECRET))))
    found = masking.mask(data, head=False, key=b"key", credentials=CREDENTIALS, known=memory)
    assert len(found.received) == len(data)
    assert SECRET.encode() not in found.received


@settings(BOUNDED, max_examples=100)
@given(data=answers() | st.binary(max_size=200), ending=st.sampled_from(["closed", "complete", "exchange-timeout"]))
def test_everything_that_is_read_of_an_answer_can_be_read_of_any(kept: Kept, data: bytes, ending: str) -> None:
    exchange = masked(kept.run.recording.exchanges[0], data, ending)
    reading = Reading(exchange)
    for name in dir(Reading):
        if not name.startswith("_"):
            getattr(reading, name)
    assert len(reading.words()) < 400
    assert reading.words().isprintable()
    assert exchange_of(json.loads(json.dumps(exchange_record(exchange)))) == exchange


@settings(BOUNDED, max_examples=40)
@given(
    pool=st.lists(answers(), min_size=1, max_size=4),
    every=st.integers(1, 4),
    controls=st.booleans(),
    ending=st.sampled_from(["closed", "complete", "exchange-timeout", "reset"]),
)
def test_no_case_ends_in_an_error_whatever_is_answered(
    kept: Kept, pool: list[bytes], every: int, controls: bool, ending: str
) -> None:
    run = kept.run
    others = [masked(run.recording.exchanges[0], data, ending) for data in pool]
    exchanges = tuple(
        replace(others[at % len(pool)], number=one.number, template=one.template, started=one.started, role=one.role)
        if at % every == 0 and (controls or one.template != VALID.digest)
        else one
        for at, one in enumerate(run.recording.exchanges)
    )
    recording = replace(run.recording, exchanges=exchanges)
    evidence = judging.Evidence(recording, run.inquiry.known)
    found = judging.result(run.inquiry.cases, evidence, engine.contract(run.inquiry.profile, run.recording.header))
    errors = [f"{one.case.id}: {one.reason}\n{one.detail}" for one in found.cases if one.verdict == "error"]
    assert not errors
    texts = [text for one in found.cases for text in (one.reason, one.expected, one.actual)]
    assert max(map(len, texts)) < 4000
    har.har_text(recording)
    results.results_text(replace(run, recording=recording, evidence=evidence, result=found))
