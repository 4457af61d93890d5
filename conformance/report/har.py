"""The recording as HTTP Archive 1.2, for the tools that read it; the exact octets stand beside in fields of our own."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from conformance.reply import Reading
from conformance.report.results import instant

if TYPE_CHECKING:
    from conformance.reading import Message
    from conformance.recording import Exchange, Recording

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")


def har(recording: Recording) -> dict[str, Any]:
    """The archive of a recording, one entry an exchange, in order of starting.

    ``_sent`` and ``_received`` hold the octets as recorded, secrets masked, one character an octet (ISO 8859-1). An
    exchange without an answer has status 0.
    """
    base_url = str(recording.header.target["base_url"])
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "token-conformance", "version": recording.header.suite},
            "entries": [_entry(exchange, base_url) for exchange in recording.exchanges],
        }
    }


def har_text(recording: Recording) -> str:
    """The content of ``exchanges.har``; ASCII, so that no reader's encoding matters."""
    archive = har(recording)
    # An entry a line: written with indents, an archive of large answers costs ten times as much.
    entries = archive["log"].pop("entries")
    head = json.dumps(archive).removesuffix("}}")
    return f'{head}, "entries": [\n' + ",\n".join(map(json.dumps, entries)) + "\n]}}\n"


def _entry(exchange: Exchange, base_url: str) -> dict[str, Any]:
    until_first = exchange.duration if exchange.first_byte is None else exchange.first_byte
    timings = {"send": 0.0, "wait": _ms(until_first), "receive": _ms(max(exchange.duration - until_first, 0.0))}
    return {
        "startedDateTime": instant(exchange.started),
        "time": round(sum(timings.values()), 3),
        "request": _request(exchange.sent[exchange.preceding[0] :], base_url),
        "response": _response(exchange),
        "cache": {},
        "timings": timings,
        "_number": exchange.number,
        "_stimulus": exchange.label,
        "_attempt": exchange.attempt,
        "_ending": exchange.ending,
        "_sent": exchange.sent.decode("latin-1"),
        "_received": exchange.received.decode("latin-1"),
    }


def _request(sent: bytes, base_url: str) -> dict[str, Any]:
    end = _BLANK_LINE.search(sent)
    head, body = (sent[: end.start()], sent[end.end() :]) if end else (sent, b"")
    first, *lines = (line.rstrip("\r") for line in _FOLD.sub(b" ", head).decode("latin-1").split("\n"))
    method, _, rest = first.partition(" ")
    place, _, version = rest.rpartition(" ") if " " in rest else (rest, "", "")
    headers = [_field(*line.split(":", 1)) for line in lines if ":" in line]
    types = [field["value"] for field in headers if field["name"].lower() == "content-type"]
    request: dict[str, Any] = {
        "method": method,
        "url": _url(place, base_url),
        "httpVersion": version,
        "cookies": [],
        "headers": headers,
        "queryString": [
            {"name": name, "value": value}
            for name, value in parse_qsl(place.partition("?")[2], keep_blank_values=True, errors="replace")
        ],
        "headersSize": end.end() if end else len(sent),
        "bodySize": len(body),
    }
    if body:
        request["postData"] = {"mimeType": types[0] if types else "", "text": body.decode("utf-8", "backslashreplace")}
    return request


def _url(place: str, base_url: str) -> str:
    if not place.startswith("/"):
        return place or base_url
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}{place}"


def _response(exchange: Exchange) -> dict[str, Any]:
    reading = Reading(exchange)
    message = reading.message
    if message is None or not reading.answered:
        return {
            "status": 0,
            "statusText": "",
            "httpVersion": "",
            "cookies": [],
            "headers": [],
            "content": {"size": 0, "mimeType": "x-unknown"},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            "_error": exchange.detail or exchange.ending,
        }
    return {
        "status": message.status,
        "statusText": message.reason,
        "httpVersion": message.version,
        "cookies": [],
        "headers": [_field(line.name, line.value) for line in message.fields],
        "content": _content(message),
        "redirectURL": next(iter(message.values("Location")), ""),
        "headersSize": -1,
        "bodySize": len(message.body),
    }


def _content(message: Message) -> dict[str, Any]:
    mime = next(iter(message.values("Content-Type")), "x-unknown")
    plain = {"size": len(message.body), "mimeType": mime}
    try:
        return {**plain, "text": message.body.decode("utf-8")}
    except UnicodeDecodeError:
        return {**plain, "text": base64.b64encode(message.body).decode(), "encoding": "base64"}


def _field(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value.strip(" \t")}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
