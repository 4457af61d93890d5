"""The lenient reader of HTTP/1.x responses."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.reading import Message, Reader, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reading import Framing

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Row:
    name: str
    data: bytes
    status: int = 200
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    framing: Framing = "length"
    anomalies: tuple[str, ...] = ()
    head: bool = False
    complete: bool = True
    interim: tuple[int, ...] = ()
    reason: str = "OK"
    version: str = "HTTP/1.1"


COMPLETE = [
    Row("plain", OK + b"Content-Length: 2\r\n\r\nhi", fields=(("Content-Length", "2"),), body=b"hi"),
    Row("empty body", OK + b"Content-Length: 0\r\n\r\n", fields=(("Content-Length", "0"),)),
    Row("leading zeros", OK + b"Content-Length: 002\r\n\r\nhi", fields=(("Content-Length", "002"),), body=b"hi"),
    Row("no reason", b"HTTP/1.1 401 \r\nContent-Length:0\r\n\r\n", 401, (("Content-Length", "0"),), reason=""),
    Row(
        "no space after the status",
        b"HTTP/1.1 401\r\nContent-Length: 0\r\n\r\n",
        401,
        (("Content-Length", "0"),),
        anomalies=("no-space-after-status",),
        reason="",
    ),
    Row(
        "odd status line",
        b"http/1.1  200  OK\r\nContent-Length: 0\r\n\r\n",
        fields=(("Content-Length", "0"),),
        anomalies=("bad-status-line",),
        version="http/1.1",
    ),
    Row(
        "status of four digits",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        0,
        (("Content-Length", "0"),),
        anomalies=("bad-status-line",),
        reason="2000 OK",
    ),
    Row(
        "HTTP/2 in a status line",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        fields=(("Content-Length", "0"),),
        anomalies=("unexpected-version: HTTP/2.0",),
        version="HTTP/2.0",
    ),
    Row(
        "bare line feeds",
        b"HTTP/1.1 200 OK\nA: b\nContent-Length: 2\n\nhi",
        fields=(("A", "b"), ("Content-Length", "2")),
        body=b"hi",
        anomalies=("bare-lf",),
    ),
    Row(
        "doubled carriage returns",
        b"HTTP/1.1 200 OK\r\r\nContent-Length: 2\r\r\n\r\r\nhi",
        fields=(("Content-Length", "2"),),
        body=b"hi",
        anomalies=("extra-cr",),
    ),
    Row(
        "empty and junk lines first",
        b"\r\ndebug\r\n" + OK + b"Content-Length: 0\r\n\r\n",
        fields=(("Content-Length", "0"),),
        anomalies=("leading-line",),
    ),
    Row(
        "fields of every shape",
        OK
        + b"a:b\r\nA: \t c d \t\r\nEmpty:\r\nBlank: \t \r\nLatin: \xe9\r\nColons: a:b: c\r\nContent-Length: 0\r\n\r\n",
        fields=(
            ("a", "b"),
            ("A", "c d"),
            ("Empty", ""),
            ("Blank", ""),
            ("Latin", "é"),
            ("Colons", "a:b: c"),
            ("Content-Length", "0"),
        ),
    ),
    Row(
        "obs-fold",
        OK + b"A: b\r\n  c\r\n\t\r\n\td\r\nB:\r\n e\r\nContent-Length: 0\r\n\r\n",
        fields=(("A", "b c d"), ("B", "e"), ("Content-Length", "0")),
        anomalies=("obs-fold: A, B",),
    ),
    Row(
        "white space before the first field",
        OK + b" A: b\r\nContent-Length: 0\r\n\r\n",
        fields=(("Content-Length", "0"),),
        anomalies=("space-before-first-field",),
    ),
    Row(
        "faulty field lines",
        OK + b"Spaced : b\r\nnone\r\nnul: a\0b\r\ncr: a\rb\r\n(x): y\r\n: z\r\nContent-Length: 0\r\n\r\n",
        fields=(
            ("Spaced", "b"),
            ("nul", "a\0b"),
            ("cr", "a\rb"),
            ("(x)", "y"),
            ("", "z"),
            ("Content-Length", "0"),
        ),
        anomalies=(
            "space-before-colon: Spaced",
            "field-without-colon",
            "nul-in-field: nul",
            "cr-in-field: cr",
            "bad-field-name",
        ),
    ),
    Row(
        "two lengths",
        OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
        fields=(("Content-Length", "5"), ("Content-Length", "7")),
        body=b"hello",
        anomalies=("two-content-lengths: 5, 7",),
    ),
    Row(
        "the same length twice",
        OK + b"Content-Length: 5, 05\r\n\r\nhello",
        fields=(("Content-Length", "5, 05"),),
        body=b"hello",
        anomalies=("repeated-content-length: 5",),
    ),
    Row(
        "one length of two is valid",
        OK + b"Content-Length: abc\r\nContent-Length: 5\r\n\r\nhello",
        fields=(("Content-Length", "abc"), ("Content-Length", "5")),
        body=b"hello",
        anomalies=("invalid-content-length: abc",),
    ),
    Row(
        "chunked",
        CHUNKED + b'5\r\nhello\r\nB;a=b;c="d;e"\r\n, wide worl\r\n1 ;x\r\nd\r\n000\r\n\r\n',
        fields=(("Transfer-Encoding", "chunked"),),
        body=b"hello, wide world",
        framing="chunked",
    ),
    Row(
        "chunked with bare line feeds",
        CHUNKED + b"5\nhello\n0\n\n",
        fields=(("Transfer-Encoding", "chunked"),),
        body=b"hello",
        framing="chunked",
        anomalies=("bare-lf",),
    ),
    Row(
        "chunk sizes with white space",
        CHUNKED + b"5  \r\nhello\r\n0\r\n\r\n",
        fields=(("Transfer-Encoding", "chunked"),),
        body=b"hello",
        framing="chunked",
        anomalies=("space-in-chunk-size",),
    ),
    Row(
        "chunked with a length",
        OK + b"Content-Length: 3\r\ntransfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        fields=(("Content-Length", "3"), ("transfer-encoding", "Chunked")),
        body=b"hello",
        framing="chunked",
        anomalies=("length-and-chunked",),
    ),
    Row(
        "chunked in HTTP/1.0",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        fields=(("Transfer-Encoding", "chunked"),),
        body=b"hello",
        framing="chunked",
        anomalies=("transfer-encoding-in-http-1.0",),
        version="HTTP/1.0",
    ),
    Row(
        "chunked twice",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        fields=(("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")),
        body=b"a",
        framing="chunked",
        anomalies=("chunked-twice",),
    ),
    Row(
        "a coding below chunked",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        fields=(("Transfer-Encoding", "gzip, chunked"),),
        body=b"a",
        framing="chunked",
        anomalies=("unknown-transfer-coding: gzip",),
    ),
    Row(
        "identity changes nothing",
        OK + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
        fields=(("Transfer-Encoding", "identity"), ("Content-Length", "2")),
        body=b"hi",
        anomalies=("unknown-transfer-coding: identity",),
    ),
    Row(
        "no content after 204",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        204,
        (("Content-Length", "5"),),
        framing="none",
        reason="No Content",
    ),
    Row("no content after 304", b"HTTP/1.1 304 X\r\nA: b\r\n\r\n", 304, (("A", "b"),), framing="none", reason="X"),
    Row(
        "no content after HEAD",
        OK + b"Content-Length: 50\r\n\r\n",
        fields=(("Content-Length", "50"),),
        framing="none",
        head=True,
    ),
    Row(
        "switched protocols",
        b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n",
        101,
        (("Upgrade", "x"),),
        framing="none",
        reason="S",
    ),
    Row(
        "interim responses first",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
        fields=(("Content-Length", "2"),),
        body=b"hi",
        interim=(100, 103),
    ),
]

CLOSE_DELIMITED = [
    Row("no length", OK + b"A: b\r\n\r\nhello", fields=(("A", "b"),), body=b"hello", framing="close"),
    Row("no length, no body", OK + b"\r\n", framing="close"),
    Row(
        "no valid length",
        OK + b"Content-Length: -5\r\n\r\nhello",
        fields=(("Content-Length", "-5"),),
        body=b"hello",
        framing="close",
        anomalies=("invalid-content-length: -5",),
    ),
    Row(
        "unknown coding",
        OK + b"Transfer-Encoding: foo\r\nContent-Length: 2\r\n\r\nhello",
        fields=(("Transfer-Encoding", "foo"), ("Content-Length", "2")),
        body=b"hello",
        framing="close",
        anomalies=("unknown-transfer-coding: foo", "length-and-transfer-coding"),
    ),
    Row(
        "chunked below another coding",
        OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n1\r\na\r\n0\r\n\r\n",
        fields=(("Transfer-Encoding", "chunked, gzip"),),
        body=b"1\r\na\r\n0\r\n\r\n",
        framing="close",
        anomalies=("unknown-transfer-coding: gzip", "chunked-not-last"),
    ),
]

BROKEN = [
    Row(
        "too short",
        OK + b"Content-Length: 20\r\n\r\nhello, world",
        fields=(("Content-Length", "20"),),
        body=b"hello, world",
        anomalies=("short-body: 12 of 20",),
    ),
    Row(
        "a length of 5000 digits",
        OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nhi",
        fields=(("Content-Length", "9" * 5000),),
        body=b"hi",
        anomalies=("short-body: 2 of 10^18 or more",),
    ),
    Row(
        "a chunk size of 200 digits",
        CHUNKED + b"f" * 200 + b"\r\nhi",
        fields=(("Transfer-Encoding", "chunked"),),
        body=b"hi",
        framing="chunked",
        anomalies=("short-chunk: 2 of 10^18 or more", "missing-last-chunk"),
    ),
    Row(
        "no last chunk",
        CHUNKED + b"5\r\nhello\r\n",
        fields=(("Transfer-Encoding", "chunked"),),
        body=b"hello",
        framing="chunked",
        anomalies=("missing-last-chunk",),
    ),
    Row(
        "trailer section without end",
        CHUNKED + b"5\r\nhello\r\n0\r\nA: b\r\n",
        fields=(("Transfer-Encoding", "chunked"),),
        body=b"hello",
        framing="chunked",
        anomalies=("truncated-trailer",),
    ),
    *(
        Row(
            f"chunk size {size!r}",
            CHUNKED + b"5\r\nhello\r\n" + size + b"\r\nhello\r\n0\r\n\r\n",
            fields=(("Transfer-Encoding", "chunked"),),
            body=b"hello",
            framing="chunked",
            anomalies=("bad-chunk-size",),
        )
        for size in (b"zz", b"", b"-5", b"+5", b"0x5", b"1_0", b"5 5", b";a", b"\xb2")
    ),
    Row(
        "chunk longer than its size",
        CHUNKED + b"4\r\nhello\r\n0\r\n\r\n",
        fields=(("Transfer-Encoding", "chunked"),),
        body=b"hell",
        framing="chunked",
        anomalies=("bad-chunk-end",),
    ),
    Row(
        "header section without end",
        OK + b"A: b\r\nB: c",
        fields=(("A", "b"),),
        framing="none",
        anomalies=("truncated-header",),
    ),
    Row("status line without end", b"HTTP/1.1 200 O", framing="none", anomalies=("truncated-header",), reason="O"),
    Row("status without end", b"HTTP/1.1 20", 0, framing="none", anomalies=("truncated-header",), reason=""),
    Row("status that may go on", b"HTTP/1.1 200", 0, framing="none", anomalies=("truncated-header",), reason=""),
    Row(
        "interim response alone",
        b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 100 C\r\nA: b\r\n\r\n",
        100,
        (("A", "b"),),
        framing="none",
        anomalies=("interim-only",),
        interim=(102,),
        reason="C",
    ),
    Row(
        "interim response, then half a status line",
        b"HTTP/1.1 100 C\r\nA: b\r\n\r\nHTTP/1.1 4",
        0,
        framing="none",
        anomalies=("truncated-header",),
        interim=(100,),
        reason="",
    ),
]


def table(rows: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


def piecemeal(data: bytes, *, head: bool = False, closed: bool = True) -> Message | None:
    reader = Reader(head=head)
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
    return reader.message(closed=closed)


def some(message: Message | None) -> Message:
    assert message is not None
    return message


def words(message: Message) -> set[str]:
    return {anomaly.partition(":")[0] for anomaly in message.anomalies}


def assert_is(message: Message, row: Row) -> None:
    assert (message.version, message.status, message.reason) == (row.version, row.status, row.reason)
    assert tuple((line.name, line.value) for line in message.fields) == row.fields
    assert message.body == row.body
    assert message.framing == row.framing
    assert message.interim == row.interim
    assert message.anomalies == row.anomalies


@table(COMPLETE + CLOSE_DELIMITED)
def test_a_whole_response_is_read_with_its_oddities(row: Row) -> None:
    message = some(read(row.data, head=row.head))
    assert_is(message, row)
    assert message.complete
    assert message.end == len(row.data)
    assert message.extra == b""


@table(BROKEN)
def test_of_a_broken_response_everything_sound_is_kept(row: Row) -> None:
    message = some(read(row.data, head=row.head))
    assert_is(message, row)
    assert not message.complete


@table(COMPLETE + CLOSE_DELIMITED + BROKEN)
def test_octet_by_octet_it_reads_the_same(row: Row) -> None:
    for closed in (True, False):
        assert piecemeal(row.data, head=row.head, closed=closed) == read(row.data, head=row.head, closed=closed)


@table(COMPLETE)
def test_octets_past_the_end_are_kept_apart(row: Row) -> None:
    message = some(read(row.data + b"HTTP/1.1 200 OK\r\n", head=row.head))
    assert message.complete
    assert message.body == row.body
    assert message.end == len(row.data)
    assert message.extra == b"HTTP/1.1 200 OK\r\n"
    assert message.anomalies == (*row.anomalies, "extra-octets: 17")


@table(COMPLETE)
def test_cut_anywhere_it_is_incomplete(row: Row) -> None:
    for at in range(len(row.data)):
        message = read(row.data[:at], head=row.head, closed=True)
        assert message is None or not message.complete, at


@table(CLOSE_DELIMITED)
def test_cut_anywhere_without_a_close_it_is_incomplete(row: Row) -> None:
    for at in range(len(row.data) + 1):
        message = read(row.data[:at], closed=False)
        assert message is None or not message.complete, at


@table(COMPLETE + CLOSE_DELIMITED + BROKEN)
def test_spans_point_at_what_was_read(row: Row) -> None:
    message = some(read(row.data, head=row.head))
    assert b"".join(row.data[begin:end] for begin, end in message.body_spans) == message.body
    assert all(begin < end for begin, end in message.body_spans)
    for line in message.fields:
        assert row.data[slice(*line.span)].startswith(line.name.encode("latin-1"))
        raw = row.data[slice(*line.value_span)].decode("latin-1")
        assert " ".join(raw.split()) == " ".join(line.value.split())
        assert line.span[0] < line.value_span[0] <= line.value_span[1] <= line.span[1]


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"<html>\n</html>", b'{"access_token":"x"}', b"HTT", b"\x15\x03\x01\0\x02"]
)
def test_what_is_no_http_response_is_none(data: bytes) -> None:
    assert read(data) is None


def test_a_status_line_far_behind_junk_is_not_looked_for() -> None:
    assert read(b"x" * 80 + b"\n" + OK + b"\r\n") is not None
    assert read((b"x" * 80 + b"\n") * 20 + OK + b"\r\n") is None


@pytest.mark.parametrize(
    ("start", "head"), [(b"HTTP/1.1 204 N\r\n", False), (b"HTTP/1.1 304 N\r\n", False), (OK, True)]
)
def test_a_body_where_none_may_be_is_extra(start: bytes, head: bool) -> None:
    message = some(read(start + b"Content-Length: 5\r\n\r\nhello", head=head))
    assert message.body == b""
    assert message.extra == b"hello"
    assert message.anomalies == ("extra-octets: 5",)


def test_the_rest_after_a_broken_chunk_stays_findable() -> None:
    message = some(read(CHUNKED + b"5\r\nhello\r\nzz\r\nsecret"))
    assert message.extra == b"zz\r\nsecret"


def test_trailers_are_kept_apart_from_the_header_section() -> None:
    message = some(read(CHUNKED + b"1\r\na\r\n0\r\nA: b\r\nA : c\r\n\r\n"))
    assert [(line.name, line.value) for line in message.trailers] == [("A", "b"), ("A", "c")]
    assert message.values("A") == ()
    assert message.anomalies == ("space-before-colon: A",)


def test_values_are_found_in_any_case_and_in_order() -> None:
    message = some(read(OK + b"WWW-Authenticate: a\r\nX: y\r\nwww-authenticate: b\r\n\r\n"))
    assert message.values("Www-Authenticate") == ("a", "b")


def test_a_close_delimited_response_needs_the_close() -> None:
    data = OK + b"\r\nhello"
    assert some(read(data, closed=True)).complete
    cut = some(read(data, closed=False))
    assert not cut.complete
    assert cut.body == b"hello"


def test_the_reader_knows_the_end_only_where_the_framing_tells_it() -> None:
    reader = Reader()
    reader.feed(OK + b"Content-Length: 2\r\n\r\nh")
    assert not reader.finished
    reader.feed(b"i+")
    assert reader.finished
    until_close = Reader()
    until_close.feed(OK + b"\r\nhello")
    assert not until_close.finished


def test_sizes_tell_header_body_and_extra_apart() -> None:
    header = b"HTTP/1.1 100 C\r\n\r\n" + CHUNKED
    body = b"2;x=y\r\nhi\r\n0\r\nA: b\r\n\r\n"
    reader = Reader()
    reader.feed(header[:-1])
    assert (reader.header_size, reader.body_size, reader.extra_size) == (len(header) - 1, 0, 0)
    reader.feed(header[-1:] + body[:4])
    assert (reader.header_size, reader.body_size, reader.extra_size) == (len(header), 4, 0)
    reader.feed(body[4:] + b"xyz")
    assert (reader.header_size, reader.body_size, reader.extra_size) == (len(header), len(body), 3)


def test_a_message_can_be_asked_for_at_any_time() -> None:
    reader = Reader()
    reader.feed(OK + b"A : b\r\nContent-Length: 4\r\n\r\nhi")
    assert some(reader.message()).anomalies == ("space-before-colon: A", "short-body: 2 of 4")
    reader.feed(b"ya")
    assert some(reader.message()).anomalies == ("space-before-colon: A",)


def test_details_are_short_printable_and_few() -> None:
    lines = b"".join(b"name%d\t: x\r\n" % number for number in range(100))
    message = some(read(OK + lines + b"Content-Length: \x1b[31m" + b"9" * 500 + b"\r\n\r\n"))
    assert words(message) == {"space-before-colon", "invalid-content-length"}
    assert all(len(anomaly) < 400 for anomaly in message.anomalies)
    assert all(anomaly.isprintable() for anomaly in message.anomalies)


def test_reprs_show_no_content() -> None:
    assert "hush" not in repr(read(OK + b"Set-Cookie: hush\r\nContent-Length: 4\r\n\r\nhushhush"))


FRAGMENTS = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK", b"HTTP/1.0 400 Bad", b"HTTP/1.1 100 C", b"HTTP/1.1 204 N", b"HTTP/1."),
        *(b"\r\n", b"\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"\xff"),
        *(b"A: b", b"Content-Length: 5", b"Content-Length: ", b"Transfer-Encoding: chunked", b"Transfer-Encoding: "),
        *(b"chunked", b"0", b"5", b"hello", b"9" * 4301, b"f" * 200),
    ]
)
WIRE = st.lists(FRAGMENTS | st.binary(max_size=6), max_size=24).map(b"".join)
ANSWERS = WIRE | WIRE.map(lambda rest: OK + rest) | WIRE.map(lambda rest: CHUNKED + rest)
BOUNDED = settings(
    max_examples=250, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@BOUNDED
@given(data=ANSWERS, head=st.booleans(), closed=st.booleans())
def test_any_octets_are_read_and_cut_up_they_read_the_same(data: bytes, head: bool, closed: bool) -> None:
    message = read(data, head=head, closed=closed)
    assert message == piecemeal(data, head=head, closed=closed)
    if message is None:
        return
    assert b"".join(data[begin:end] for begin, end in message.body_spans) == message.body
    assert data[message.end :] == message.extra
    assert len(words(message)) == len(message.anomalies)
    edges = [edge for span in message.body_spans for edge in span]
    assert edges == sorted(edges)
    for line in (*message.fields, *message.trailers):
        assert line.span[0] <= line.value_span[0] <= line.value_span[1] <= line.span[1]


@BOUNDED
@given(data=ANSWERS, rest=st.binary(min_size=1, max_size=8))
def test_what_comes_after_a_finished_message_changes_nothing_in_it(data: bytes, rest: bytes) -> None:
    reader = Reader()
    reader.feed(data)
    before = reader.message()
    if before is None or not reader.finished:
        return
    reader.feed(rest)
    after = some(reader.message())
    assert after.extra == before.extra + rest
    assert (after.fields, after.body, after.end) == (before.fields, before.body, before.end)


ENDLESS: dict[str, Callable[[int], bytes]] = {
    "header line": lambda size: OK + b"A: " + b"a" * size,
    "fields": lambda size: OK + b"A:b\r\n" * (size // 5),
    "folds": lambda size: OK + b"A: b\r\n" + b" c\r\n" * (size // 4),
    "interim responses": lambda size: b"HTTP/1.1 100 C\r\n\r\n" * (size // 18),
    "tiny chunks": lambda size: CHUNKED + b"1\r\na\r\n" * (size // 6),
    "chunk extension": lambda size: CHUNKED + b"1;" + b"a" * size,
    "trailers": lambda size: CHUNKED + b"0\r\n" + b"A:b\r\n" * (size // 5),
    "content": lambda size: OK + b"Content-Length: 9999999\r\n\r\n" + b"a" * size,
}


def seconds_to_read(data: bytes) -> float:
    start = time.process_time()
    piecemeal(data)
    return time.process_time() - start


@pytest.mark.parametrize("shape", ENDLESS)
def test_work_grows_with_the_octets_and_no_faster(shape: str) -> None:
    few, many = ENDLESS[shape](20_000), ENDLESS[shape](160_000)
    ratio = min(seconds_to_read(many) for _ in range(2)) / min(seconds_to_read(few) for _ in range(3))
    assert ratio < 20, f"8 times the octets took {ratio:.0f} times as long"
