"""A server may compress without being asked: its answers are read, its tokens masked, and it is not accused of it."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from conformance import case, engine, profiles
from conformance.reading import read
from tests.servers import endpoint, inquiry, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers import Asked, Script

pytestmark = pytest.mark.usefixtures("judged_twice")


def compressing(plain: Script, coding: str = "gzip", pack: Callable[[bytes], bytes] = gzip.compress) -> Script:
    """A script whose answers are compressed whatever the request says."""

    def script(asked: Asked) -> bytes | None:
        data = plain(asked)
        message = read(data) if data is not None else None
        if message is None or not message.body:
            return data
        body = pack(message.body)
        kept = [line for line in message.fields if line.name.lower() != "content-length"]
        fields = "".join(f"{line.name}: {line.value}\r\n" for line in kept)
        head = f"HTTP/1.1 {message.status} {message.reason}\r\n{fields}"
        head += f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode("latin-1") + body

    return script


def scrambled(body: bytes) -> bytes:
    """Octets that are in no coding known here."""
    return bytes(octet ^ 0x55 for octet in body)


def test_a_server_that_always_compresses_is_conformant(tmp_path: Path) -> None:
    chosen = engine.applicable(case.built_in(), profiles.load("passport", tmp_path))
    with endpoint() as plain, serving(compressing(plain)) as server:
        run = engine.conduct(inquiry(server, chosen, examples=3), record=tmp_path / "exchanges.jsonl")
    assert [(one.case.id, one.reason) for one in run.result.cases if one.verdict in ("failed", "error")] == []
    assert run.result.verdict == "conformant"
    control = run.recording.exchanges[0]
    assert b'"access_token"' in control.content
    assert b"\x1f\x8b" not in control.received


def test_a_coding_that_cannot_be_read_closes_the_gate(tmp_path: Path) -> None:
    chosen = engine.applicable(case.built_in(), profiles.load("passport", tmp_path))
    with endpoint() as plain, serving(compressing(plain, "br", scrambled)) as server:
        run = engine.conduct(inquiry(server, chosen))
    assert run.result.verdict == "unusable"
    assert "content coding 'br'" in run.gate.reason
