from __future__ import annotations

import json
import os
import stat
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.recording import (
    FORMAT,
    Echo,
    Exchange,
    Header,
    Recording,
    RecordingError,
    Token,
    Writer,
    WritingError,
    exchange_of,
    exchange_record,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = Header(
    run="0123456789ab",
    suite="1.0",
    edition=1,
    profile="passport",
    target={"name": "idp", "base_url": "http://127.0.0.1", "token_path": "/token", "embedded": False},
    loopback=True,
    settings={"client_id": "kläger-😀", "scope": None, "seed": 1, "timeout": 10.5},
    started=1764000000.25,
)


def exchange(number: int = 1, **changes: Any) -> Exchange:
    values: dict[str, Any] = {
        "number": number,
        "role": "stimulus",
        "attempt": 1,
        "template": "0" * 16,
        "label": "CTYPE-009 späced \u2028 \ud800",
        "how": "",
        "sent": bytes(range(256)),
        "received": b"HTTP/1.1 200 OK\r\n\r\n\xff\x00\n",
        "ending": "closed",
        "detail": "",
        "left_open": False,
        "head": False,
        "started": 1764000000.125,
        "first_byte": 0.001,
        "duration": 0.002,
        "spent": True,
        "token": Token(3, visible=True, b64token=True, fingerprint="f" * 16, jwt={"parts": 3, "times": {"exp": 1.5}}),
        "echoes": (Echo("client secret", "Base64", "field X"), Echo("client secret", "plain", "body")),
        "tls": "TLSv1.3",
    }
    return Exchange(**(values | changes))


PLAIN = exchange(2, token=None, echoes=(), tls=None, first_byte=None, sent=b"", received=b"", detail="ended")


def write(
    path: Path, exchanges: Iterable[Exchange], *, skipped: dict[str, str] | None = None, stopped: str = ""
) -> None:
    writer = Writer(path, HEADER)
    for one in exchanges:
        writer.append(one)
    writer.close(skipped=skipped or {}, stopped=stopped)


def test_what_was_written_is_read_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.jsonl"
    write(path, [exchange(), PLAIN], skipped={"0" * 16: "nö scope"}, stopped="interrupted")
    assert read(path) == Recording(HEADER, (exchange(), PLAIN), {"0" * 16: "nö scope"}, "interrupted", complete=True)


def test_exchanges_are_read_in_the_order_in_which_they_started(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.jsonl"
    write(path, [exchange(3), exchange(1), exchange(2)])
    assert [one.number for one in read(path).exchanges] == [1, 2, 3]


def test_every_exchange_is_a_line_of_plain_ascii(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.jsonl"
    write(path, [exchange(), exchange(2)])
    lines = path.read_bytes().splitlines()
    assert len(lines) == 4
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert all(line.isascii() for line in lines)
    assert json.loads(lines[0])["format"] == FORMAT


def test_an_exchange_can_be_read_while_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.jsonl"
    writer = Writer(path, HEADER)
    writer.append(exchange())
    found = read(path)
    writer.close(skipped={}, stopped="")
    assert found == Recording(HEADER, (exchange(),), {}, "interrupted", complete=False)


def test_a_run_killed_anywhere_leaves_every_whole_line(tmp_path: Path) -> None:
    path, cut = tmp_path / "exchanges.jsonl", tmp_path / "cut.jsonl"
    write(path, [exchange(1), exchange(2), exchange(3)])
    data = path.read_bytes()
    ends = [at for at, octet in enumerate(data) if octet == ord("\n")]
    edges = {end + near for end in ends for near in (-1, 0, 1, 2)} | {*range(ends[0], len(data), 37)}
    for size in sorted(edge for edge in edges if ends[0] <= edge < len(data) - 1):
        cut.write_bytes(data[:size])
        found = read(cut)
        whole = sum(size >= end for end in ends)
        assert not found.complete
        assert found.stopped == "interrupted"
        assert [one.number for one in found.exchanges] == [*range(1, whole)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "not JSON",
        "[1, 2]",
        '"text"',
        "5",
        "null",
        "{}",
        '{"format":"other/1"}',
        f'{{"format":"{FORMAT}"}}',
        f'{{"format":"{FORMAT}","surprise":1}}',
        "[" * 100_000,
        '{"log":{"version":"1.2","entries":[]}}',
    ],
)
def test_a_foreign_file_is_refused_in_one_line_that_names_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "foreign.txt"
    path.write_text(text)
    with pytest.raises(RecordingError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "line 1" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "5",
        "null",
        "{}",
        "cut{",
        '{"end":true}',
        json.dumps({**exchange_record(exchange()), "sent": 5}),
        json.dumps({**exchange_record(exchange()), "sent": "\u20ac"}),
        json.dumps({**exchange_record(exchange()), "token": 5}),
        json.dumps({**exchange_record(exchange()), "token": {"length": 1}}),
        json.dumps({**exchange_record(exchange()), "echoes": 5}),
        json.dumps({**exchange_record(exchange()), "surprise": 1}),
    ],
)
def test_a_broken_line_before_others_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "broken.jsonl"
    write(path, [exchange(1), exchange(2)])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], line, *lines[2:]]))
    with pytest.raises(RecordingError, match=r"broken\.jsonl: line 3: ") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b'{"format":"\xe4"}\n'])
def test_a_file_in_another_character_set_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "binary"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match="binary: cannot be read"):
        read(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(RecordingError, match="cannot be read"):
            read(path)


@pytest.mark.parametrize("existing", [False, True])
def test_a_recording_is_readable_by_its_owner_only(tmp_path: Path, existing: bool) -> None:
    path = tmp_path / "exchanges.jsonl"
    if existing:
        path.write_text("from another run, which was much longer than this one" * 100)
        path.chmod(0o644)
    before = os.umask(0)
    try:
        write(path, [])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read(path) == Recording(HEADER, ())


def test_a_recording_that_cannot_be_created_says_so(tmp_path: Path) -> None:
    with pytest.raises(WritingError, match="the recording cannot be written: No such file"):
        Writer(tmp_path / "missing" / "exchanges.jsonl", HEADER)


def test_a_full_disk_is_told_and_the_device_stays_as_it_was() -> None:
    before = stat.S_IMODE(Path("/dev/full").stat().st_mode)
    with pytest.raises(WritingError, match="the recording cannot be written: No space left"):
        Writer(Path("/dev/full"), HEADER)
    assert stat.S_IMODE(Path("/dev/full").stat().st_mode) == before


TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@given(
    found=st.builds(
        exchange,
        number=st.integers(1),
        label=TEXT,
        how=TEXT,
        detail=TEXT,
        sent=st.binary(),
        received=st.binary(),
        started=st.floats(0, 1e12),
        first_byte=st.none() | st.floats(0, 1e6),
        duration=st.floats(0, 1e6),
        token=st.none()
        | st.builds(
            Token,
            st.integers(0),
            st.booleans(),
            st.booleans(),
            TEXT,
            st.none() | st.dictionaries(TEXT, JSON, max_size=3),
        ),
        echoes=st.lists(st.builds(Echo, TEXT, TEXT, TEXT), max_size=3).map(tuple),
        tls=st.none() | TEXT,
    ),
)
def test_any_exchange_survives_being_written(found: Exchange) -> None:
    line = json.dumps(exchange_record(found), ensure_ascii=True)
    assert "\n" not in line
    assert exchange_of(json.loads(line)) == found


def test_a_record_holds_every_field_of_an_exchange() -> None:
    assert set(exchange_record(exchange())) == {field.name for field in fields(Exchange)}
