"""Servers on loopback that keep to nothing: each is one small function, and the table at the end names them all."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.servers import HANG_UP, Asked, answer, decent, refusal, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hostile.standing import Talk, Visit

    Script = Callable[[Asked], bytes]

UNUSABLE, JUDGED, EITHER = frozenset({3}), frozenset({1}), frozenset({1, 3})
TOKEN = "b3BhcXVlLXRva2VuLW9mLXRoZS1zZXJ2ZXI"
PIECE = b"x" * 65536


@dataclass(frozen=True)
class Hostile:
    """One hostile server.

    Attributes:
        name: for people.
        meaning: what it does.
        talk: does it, once a connection.
        codes: exit codes that are right for it.
        cause: what the one line that names the cause says of it.
        scheme: of the base URL.
    """

    name: str
    meaning: str
    talk: Talk
    codes: frozenset[int]
    cause: str
    scheme: str = "http"


def answering(script: Script) -> Talk:
    """A server that reads the request and sends what the script answers."""

    def talk(visit: Visit) -> None:
        visit.say(script(visit.asked()))

    return talk


def saying(data: bytes) -> Talk:
    """A server that answers the same octets to everything."""
    return answering(lambda _: data)


def to_others(talk: Talk) -> Talk:
    """A server that grants the valid request as it should, and does this to every other."""

    def decide(visit: Visit) -> None:
        asked = visit.asked()
        if plain(asked):
            visit.say(token())
        else:
            talk(visit)

    return decide


def plain(asked: Asked) -> bool:
    """Whether it is the valid request to the letter."""
    return asked.plain and asked.body == b"grant_type=client_credentials" and b"? " not in asked.data.split(b"\r\n")[0]


def granting(*fields: str, body: bytes | None = None, status: str = "200 OK", length: bool = True) -> bytes:
    """A token answer with something wrong in it."""
    body = members() if body is None else body
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", "Cache-Control: no-store", "Pragma: no-cache"]
    lines += [*fields, *([f"Content-Length: {len(body)}"] if length else []), "Connection: close"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def members(**more: Any) -> bytes:
    return json.dumps({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600, **more}).encode()


# Below HTTP


def silent(visit: Visit) -> None:
    visit.asked()
    visit.wait()


def deaf(visit: Visit) -> None:
    visit.place.ended.wait(600)


def resetting(visit: Visit) -> None:
    visit.reset()


def resetting_later(visit: Visit) -> None:
    visit.asked()
    visit.reset()


def leaving(visit: Visit) -> None:
    visit.asked()


def breaking_off(visit: Visit) -> None:
    visit.asked()
    visit.say(b"HTTP/1.1 2")


def dripping(visit: Visit) -> None:
    visit.asked()
    visit.drip(token())


def dripping_lines(visit: Visit) -> None:
    visit.asked()
    while not visit.place.ended.wait(0.2):
        visit.say(b"\r\n")


def endless_header(visit: Visit) -> None:
    visit.asked()
    visit.say(b"HTTP/1.1 200 OK\r\n")
    visit.say_for_ever(b"X-More: and more of it\r\n" * 1000)


def endless_body(visit: Visit) -> None:
    visit.asked()
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    visit.say_for_ever(b'"and more of it",' * 4000)


def endless_chunks(visit: Visit) -> None:
    visit.asked()
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    visit.say_for_ever(b"1\r\n[\r\n" * 10_000)


def endless_interim(visit: Visit) -> None:
    visit.asked()
    visit.say_for_ever(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 500)


def endless_trailers(visit: Visit) -> None:
    visit.asked()
    body = members()
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    visit.say(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n")
    visit.say_for_ever(b"X-Trailer: and more of it\r\n" * 1000)


def flooding(visit: Visit) -> None:
    visit.say(_LIE + b"\r\n")
    visit.say_for_ever(PIECE)


def waiting(length: bytes) -> Talk:
    """A server that announces more than it sends, and waits."""

    def talk(visit: Visit) -> None:
        visit.asked()
        visit.say(_LIE + b"Content-Length: " + length + b"\r\n\r\n{")
        visit.wait()

    return talk


def long_line(visit: Visit) -> None:
    visit.asked()
    visit.say(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 5_000_000 + b"\r\nContent-Length: 0\r\n\r\n")


def garbage(asked: Asked) -> bytes:
    return random.Random(asked.number).randbytes(20_000)


def dying(visit: Visit) -> None:
    """Listens no more after the first request."""
    visit.place.listeners[0].close()
    visit.asked()
    visit.say(token())


def dying_later(visit: Visit) -> None:
    asked = visit.asked()
    if visit.number >= 30:
        with contextlib.suppress(OSError):
            visit.place.listeners[0].shutdown(socket.SHUT_RDWR)
    else:
        visit.say(decent(asked))


# What makes an answer large


def gzip_bomb() -> bytes:
    """A gigabyte of blanks before a token, compressed twice to next to nothing."""
    inner = gzip.compress(b" " * (64 << 20), 9)
    return granting("Content-Encoding: gzip, gzip", body=gzip.compress(inner * 16))


def gzip_flood() -> bytes:
    return granting("Content-Encoding: gzip", body=gzip.compress(b" " * (100 << 20) + members(), 9))


def token_of_its_own(asked: Asked) -> bytes:
    text = f"{asked.number:08d}" + "".join(random.Random(asked.number).choices("abcdefghijklmnop", k=200_000))
    return granting(body=members(access_token=text))


def many_fields() -> bytes:
    return granting(*(f"X-Field-{number}: {number}" for number in range(3000)))


def many_cookies() -> bytes:
    return granting(*(f"Set-Cookie: c{number}={number:040}" for number in range(1000)))


# What an answer says


def escapes(asked: Asked) -> bytes:
    text = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m\u202e\r\x08"
    return odd(asked, text)


def commands(asked: Asked) -> bytes:
    text = "\n::error file=x::owned\n##[group]owned\n##vso[task.setvariable variable=x]owned\n::set-output name=x::y"
    return odd(asked, text)


def markup(asked: Asked) -> bytes:
    text = "</script><script>alert(1)</script><img src=x onerror=alert(1)>]]>&xxe;${{7*7}}`{{7*7}}`"
    return odd(asked, text)


def odd(asked: Asked, text: str) -> bytes:
    """The decent answer with a text in every place that has one."""
    raw = text.encode("utf-8").replace(b"\n", b"\n ").replace(b"\r", b"")
    told = {"error": f"invalid{text}", "error_description": text, "error_uri": text, text: text, "scope": text}
    body = json.dumps({**told, **({"access_token": TOKEN, "token_type": text} if plain(asked) else {})}).encode()
    status = b"200 " if plain(asked) else b"401 "
    lines = [b"Content-Type: application/json" + raw, b"WWW-Authenticate: " + raw, b"Location: http://x/" + raw]
    lines += [b"X" + raw.replace(b" ", b"") + b": " + raw, b"Set-Cookie: " + raw + b"=1", b"Retry-After: " + raw]
    lines += [b"Server: " + raw, b"Cache-Control: " + raw, b"Content-Length: %d" % len(body), b"Connection: close"]
    return b"HTTP/1.1 " + status + raw + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body


def of_its_own_kind(asked: Asked) -> bytes:
    """A refusal in other long words every time."""
    words = "".join(random.Random(asked.number).choices("abcdefghijklmnop ", k=5000))
    if plain(asked):
        return granting()
    fields = (f"WWW-Authenticate: {words}", f"Content-Type: {words[:3000].replace(' ', '')}", f"Set-Cookie: {words}=1")
    body = json.dumps({"error": words, words: words, "error_description": words}).encode()
    return "\r\n".join(("HTTP/1.1 401 No", *fields, f"Content-Length: {len(body)}", "", "")).encode() + body


def slow_patterns(asked: Asked) -> bytes:
    """Texts at which a careless pattern would search for ever."""
    fields = [
        'Cache-Control: "' + '\\"' * 15_000,
        'WWW-Authenticate: Basic realm="' + '\\"' * 15_000,
        "Set-Cookie: " + "a" * 20_000,
        "Expires: " + "1" * 20_000,
        "Retry-After: " + "9" * 5000,
    ]
    long = {"error_uri": "a:" + "//" * 10_000 + "\n", "scope": "a " * 10_000, "error": '"' * 10_000}
    text = {"error_description": "at " + "a" * 30_000 + "at " * 5000 + "\\" * 9999}
    if plain(asked):
        return granting(*fields, body=members(**long, **text))
    return answer(401, json.dumps({**long, **text}).encode(), *fields)


def page(asked: Asked) -> bytes:
    del asked
    form = "<html><body><form action=/login><input name=user><input name=access_token value=x></form></body></html>"
    return answer(200, form.encode(), media_type="text/html")


# What an endpoint does over many requests


def of_another(visit: Visit) -> None:
    """Every request gets the answer to the one before it."""
    asked = visit.asked()
    before = getattr(visit.place, "before", token())
    visit.place.before = decent(asked)  # type: ignore[attr-defined]
    visit.say(before)


def now_and_then(asked: Asked) -> bytes:
    return answer(503) if asked.number % 2 else decent(asked)


def crowded(visit: Visit) -> None:
    """Slow as soon as there is more than one request at a time."""
    asked = visit.asked()
    if visit.place.at_once > 1:
        visit.wait(8)
    visit.say(decent(asked))


def sluggish(visit: Visit) -> None:
    asked = visit.asked()
    visit.place.ended.wait(6)
    visit.say(decent(asked))


def elsewhere(visit: Visit) -> None:
    visit.asked()
    where = f"http://127.0.0.1:{visit.place.elsewhere}/token"
    visit.say(answer(307, b"", f"Location: {where}", f"Refresh: 0; url={where}", f"Content-Location: {where}"))


def elsewhere_for_others(visit: Visit) -> None:
    visit.say(answer(307, b"", f"Location: http://127.0.0.1:{visit.place.elsewhere}/token"))


def in_a_circle(visit: Visit) -> None:
    visit.asked()
    visit.say(answer(302, b"", f"Location: http://127.0.0.1:{visit.place.port}/passport/oauth/token"))


def alternative(visit: Visit) -> None:
    """Grants, and names another service in every way that HTTP knows."""
    visit.asked()
    where = f"127.0.0.1:{visit.place.elsewhere}"
    link = f"Link: <http://{where}/x>; rel=preload"
    more = members(error_uri=f"http://{where}/", jku=f"http://{where}/keys")
    visit.say(granting(f'Alt-Svc: h2="{where}"; ma=86400', link, f"Refresh: 0; url=http://{where}/", body=more))


def limiting(asked: Asked) -> bytes:
    return answer(429, b"", "Retry-After: 4") if asked.number % 3 == 0 else decent(asked)


def hanging_up_on_others(asked: Asked) -> bytes:
    return token() if plain(asked) else HANG_UP


_ALERT = b"\x15\x03\x01\x00\x02\x02\x28"
_LIE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_LOST = members(scope="?").replace(b"?", b"\xff\xfe\x80")
_SURROGATES = b'{"access_token":"' + b"\\ud800" * 20 + b'","token_type":"\\udfff\\ud800","\\ud801":1}'
_CHUNKED = _LIE + b"Transfer-Encoding: chunked\r\n\r\n"
_NAN = b'{"access_token":"' + TOKEN.encode() + b'","token_type":"Bearer","expires_in":NaN,"x":-Infinity,"y":1e999}'
_LONG_LIFE = members(expires_in=0).replace(b": 0", b": " + b"9" * 5000)
_TWICE = b"{" + b'"access_token":"a-token-of-many","token_type":"Bearer","scope":null,' * 2000 + b'"x":1}'
_DISTINCT = b'{"access_token":"' + TOKEN.encode() + b'",' + b",".join(b'"n%d":1,"n%d":2' % (n, n) for n in range(9000))

SERVERS: tuple[Hostile, ...] = (
    # Below HTTP
    Hostile("silent", "reads the request and says nothing", silent, UNUSABLE, "no octet of an answer"),
    Hostile("deaf", "accepts and never reads", deaf, UNUSABLE, "no octet of an answer"),
    Hostile("resetting", "resets every connection at once", resetting, UNUSABLE, "reset the connection"),
    Hostile("resetting later", "resets after the request", resetting_later, UNUSABLE, "reset the connection"),
    Hostile("leaving", "closes after the request", leaving, UNUSABLE, "closed the connection"),
    Hostile("breaking off", "closes within the status line", breaking_off, UNUSABLE, "refused: 0|no HTTP answer"),
    Hostile("dripping", "one octet a second", dripping, UNUSABLE, "no complete answer"),
    Hostile("dripping lines", "an empty line now and then", dripping_lines, UNUSABLE, "no complete answer"),
    Hostile(
        "endless header",
        "fields without end",
        endless_header,
        EITHER,
        "header section is larger|without a token|no complete answer",
    ),
    Hostile("endless body", "a body without end", endless_body, EITHER, "200 with application/json|no complete answer"),
    Hostile(
        "endless chunks", "chunks without end", endless_chunks, EITHER, "200 with application/json|no complete answer"
    ),
    Hostile(
        "endless interim", "1xx without end", endless_interim, UNUSABLE, "header section is larger|no complete answer"
    ),
    Hostile("endless trailers", "trailers without end", endless_trailers, EITHER, "body is larger|framing|incomplete"),
    Hostile("long line", "a field of 5 MB", long_line, EITHER, "200 without content|header section is larger"),
    Hostile("many fields", "3000 fields", saying(many_fields()), EITHER, "a token"),
    Hostile("many cookies", "1000 cookies", saying(many_cookies()), EITHER, "Set-Cookie"),
    Hostile("garbage", "random octets", answering(garbage), UNUSABLE, "no HTTP answer"),
    Hostile("HTTP/0.9", "a page without a header", saying(b"<html>hello</html>"), UNUSABLE, "no HTTP answer"),
    Hostile("HTTP/2", "speaks frames", saying(b"\0\0\x12\x04\0\0\0\0\0" + b"\0" * 18), UNUSABLE, "no HTTP answer"),
    Hostile("SSH", "greets in another protocol", saying(b"SSH-2.0-OpenSSH_9.6\r\n"), UNUSABLE, "no HTTP answer"),
    Hostile("TLS alert", "a TLS alert to plain HTTP", saying(_ALERT), UNUSABLE, "speaks TLS"),
    Hostile("TLS silent", "https: no handshake", silent, UNUSABLE, "TLS handshake did not end", "https"),
    Hostile("TLS refused", "https: an alert", saying(_ALERT), UNUSABLE, "refused the TLS handshake", "https"),
    Hostile("TLS garbage", "https: no TLS", saying(b"220 smtp.example\r\n"), UNUSABLE, "does not speak TLS", "https"),
    Hostile("TLS reset", "https: resets", resetting, UNUSABLE, "handshake|reset the connection", "https"),
    Hostile("dying", "listens no more after one request", dying, EITHER, "refuses connections|granted"),
    Hostile("dying later", "listens no more after thirty", dying_later, EITHER, "no longer granted"),
    # Framing
    Hostile(
        "length too long", "announces more", saying(granting("Content-Length: 99999")), EITHER, "two|framing|a token"
    ),
    Hostile("waiting", "announces more and waits", waiting(b"999"), UNUSABLE, "no complete answer"),
    Hostile("length too short", "announces less", saying(granting("Content-Length: 3", length=False)), EITHER, "."),
    Hostile("length of 10^30", "announces what cannot be", waiting(b"1" + b"0" * 30), UNUSABLE, "no complete answer"),
    Hostile("negative length", "Content-Length: -1", saying(granting("Content-Length: -1", length=False)), JUDGED, "."),
    Hostile("huge chunk", "a chunk of 10^30", saying(_CHUNKED + b"f" * 25 + b"\r\n" + members()), JUDGED, "."),
    Hostile("broken chunk", "a chunk size that is none", saying(_CHUNKED + b"zz\r\n" + members()), JUDGED, "."),
    Hostile("two answers", "a second answer behind the first", saying(granting() + refusal()), JUDGED, "."),
    # Content
    Hostile(
        "deep JSON",
        "200,000 arrays in another",
        saying(granting(body=b'{"a":' + b"[" * 200_000)),
        JUDGED,
        "without a token",
    ),
    Hostile(
        "deep token",
        "deep JSON beside a token",
        saying(granting(body=members()[:-1] + b',"a":' + b"[" * 9999 + b"]" * 9999 + b"}")),
        JUDGED,
        ".",
    ),
    Hostile("repeated members", "one member 2000 times", saying(granting(body=_TWICE)), JUDGED, "more than once"),
    Hostile("distinct members", "9000 members twice each", saying(granting(body=_DISTINCT + b"}")), JUDGED, "."),
    Hostile("NaN", "numbers that JSON does not know", saying(granting(body=_NAN)), JUDGED, "NaN or Infinity"),
    Hostile("invalid UTF-8", "octets that are no text", saying(granting(body=_LOST)), JUDGED, "no UTF-8"),
    Hostile("surrogates", "unpaired surrogates", saying(granting(body=_SURROGATES)), JUDGED, "."),
    Hostile(
        "huge number",
        "10^6 digits",
        saying(granting(body=members()[:-1] + b',"n":' + b"9" * 1_000_000 + b"}")),
        JUDGED,
        ".",
    ),
    Hostile("huge lifetime", "expires_in of 5000 digits", saying(granting(body=_LONG_LIFE)), JUDGED, "."),
    Hostile(
        "4 MB body", "a token before 4 MB of blanks", saying(granting(body=members() + b" " * 4_000_000)), EITHER, "."
    ),
    Hostile("huge token", "another token of 200 kB each time", answering(token_of_its_own), EITHER, "."),
    Hostile("gzip bomb", "a gigabyte in a kilobyte", saying(gzip_bomb()), EITHER, "."),
    Hostile("gzip flood", "100 MB before the token", saying(gzip_flood()), EITHER, "."),
    Hostile("unknown coding", "brotli that is none", saying(granting("Content-Encoding: br")), EITHER, "."),
    Hostile("escapes", "terminal escapes everywhere", answering(escapes), JUDGED, "."),
    Hostile("commands", "commands of CI runners everywhere", answering(commands), JUDGED, "."),
    Hostile("markup", "scripts everywhere", answering(markup), JUDGED, "."),
    Hostile("own words", "long words, others every time", answering(of_its_own_kind), JUDGED, "."),
    Hostile("slow patterns", "texts that make patterns slow", answering(slow_patterns), JUDGED, "."),
    Hostile("login page", "a page with 200", answering(page), JUDGED, "200 with text/html"),
    # Refusing everything
    Hostile("503", "503 to everything", saying(answer(503)), UNUSABLE, "fails on the valid request: 503"),
    Hostile(
        "503 later",
        "503 with Retry-After",
        saying(answer(503, b"", "Retry-After: 9")),
        UNUSABLE,
        "limits the rate: 503",
    ),
    Hostile(
        "429", "429 with Retry-After", saying(answer(429, b"", "Retry-After: 5")), UNUSABLE, "limits the rate: 429"
    ),
    Hostile("401", "401 to everything", saying(refusal(401, "invalid_client")), UNUSABLE, "refused: 401"),
    Hostile("404", "404 to everything", saying(answer(404)), UNUSABLE, "refused: 404"),
    Hostile("redirect elsewhere", "307 to another server", elsewhere, UNUSABLE, "redirected: 307"),
    Hostile("redirect loop", "302 to itself", in_a_circle, UNUSABLE, "redirected: 302"),
    # Over many requests
    Hostile("other redirected", "redirects all but the valid one", to_others(elsewhere_for_others), JUDGED, "307"),
    Hostile("alternative", "grants and points elsewhere", alternative, JUDGED, "a token"),
    Hostile("granting all", "a token whatever is asked", saying(token()), JUDGED, "200 with a token"),
    Hostile("mixed up", "answers the request before", of_another, EITHER, "."),
    Hostile("now and then", "503 to every second request", answering(now_and_then), EITHER, "503|granted"),
    Hostile("limiting", "429 to every third request", answering(limiting), EITHER, "."),
    Hostile(
        "hanging on others",
        "says nothing to all but the valid one",
        to_others(silent),
        EITHER,
        "no octet|without an answer",
    ),
    Hostile("closing on others", "closes on all but the valid one", answering(hanging_up_on_others), EITHER, "closed"),
    Hostile(
        "dripping on others",
        "drips to all but the valid one",
        to_others(lambda v: v.drip(refusal())),
        EITHER,
        "complete",
    ),
    Hostile("flooding others", "endless bodies to all but the valid one", to_others(flooding), EITHER, "."),
    Hostile("crowded", "slow as soon as two ask at once", crowded, EITHER, "."),
    Hostile("sluggish", "6 seconds for every answer", sluggish, EITHER, "."),
)
