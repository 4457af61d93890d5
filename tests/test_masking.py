from __future__ import annotations

import base64
import gzip
import html
import json
import zlib
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conformance.bindings import Bindings
from conformance.expression import CLIENT_ID, SECRET, Credentials
from conformance.masking import (
    Credential,
    Masked,
    coded,
    edited_secrets,
    mask,
    secret_credentials,
    sent_credential,
)
from conformance.reading import read
from conformance.recording import Echo
from conformance.request import VALID, Template, encode
from conformance.tokens import fingerprint

CANARY = "p+a/s=s%w\"ö<&>'\\ :x"
PLAIN_SECRET = "Zk3vQ9xW7bTn2LpR8sYc"
CLIENT = "my-long-client-identifier"
TOKEN = "tok-0123456789.abcdefghij_KLMNOPQRST~uvw+x/y=="
KEY = b"key of the run"

BINDINGS = Bindings(
    client_id=CLIENT,
    secret=CANARY,
    exposed_id=CLIENT,
    exposed_secret=CANARY,
    exposed_works=True,
    unknown_id="conformance-unknown-0123456789",
    unknown_secret="invented-0123456789",
    scope=None,
    host="idp.example",
    path="/token",
    documented_path="/token",
    basic=True,
    form_encoded=True,
)


def answer(body: bytes | str, *fields: str, status: str = "200 OK") -> bytes:
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *fields, f"Content-Length: {len(content)}"]
    return "\r\n".join((*lines, "", "")).encode() + content


def chunked(body: bytes, *cuts: int) -> bytes:
    edges = [0, *cuts, len(body)]
    pieces = [body[edges[at] : edges[at + 1]] for at in range(len(edges) - 1)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def masked(received: bytes, *credentials: Credential, head: bool = False, key: bytes = KEY) -> Masked:
    found = mask(received, head=head, key=key, credentials=credentials)
    assert len(found.received) == len(received)
    return found


def content(received: bytes) -> bytes:
    message = read(received)
    assert message is not None
    return message.body


def secrets(secret: str = CANARY, client: str = CLIENT) -> tuple[Credential, ...]:
    return secret_credentials(client, secret)


def echoes(body: bytes | str, *credentials: Credential) -> list[tuple[str, str]]:
    return [(echo.spelling, echo.place) for echo in masked(answer(body), *credentials).echoes]


def b64(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def b64url(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


# Tokens


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"access_token":"abc"}', '{"access_token":"***"}'),
        ('{"access_token" : "abc","expires_in":3600}', '{"access_token" : "***","expires_in":3600}'),
        ('{\n  "access_token":\n  "abc"\n}', '{\n  "access_token":\n  "***"\n}'),
        ('\ufeff{"access_token":"abc"}', '\ufeff{"access_token":"***"}'),
        ('[{"access_token":"abc"}]', '[{"access_token":"***"}]'),
        ('{"data":{"access_token":"abc"},"ok":true}', '{"data":{"access_token":"***"},"ok":true}'),
        ('{"access_token":"abc","access_token":"de"}', '{"access_token":"***","access_token":"**"}'),
        (r'{"access_token":"a\"b\\"}', '{"access_token":"******"}'),
        (r'{"access_token":"a\/b\u0041"}', '{"access_token":"**********"}'),
        (r'{"access\u005ftoken":"abc"}', r'{"access\u005ftoken":"***"}'),
        ('{"access_token":"äöü"}', '{"access_token":"******"}'),
        ('{"access_token":1234567}', '{"access_token":1111111}'),
        ('{"access_token":-12.5e+30, "a":1}', '{"access_token":-11.1e+11, "a":1}'),
        ('{"access_token":"1234567"}', '{"access_token":"*******"}'),
        ('{"access_token":abc}', '{"access_token":***}'),
        ('{"access_token":["abc",{"value":"def","n":12}]}', '{"access_token":["***",{"value":"***","n":11}]}'),
        ('{"access_token":{"value":"abc"},"a":"b"}', '{"access_token":{"value":"***"},"a":"b"}'),
        ('{"refresh_token":"abc","id_token":"def"}', '{"refresh_token":"***","id_token":"***"}'),
        ('{"accessToken":"abc","Refresh-Token":"def"}', '{"accessToken":"***","Refresh-Token":"***"}'),
        ("{'access_token': 'abc'}", "{'access_token': '***'}"),
        ('{access_token: "abc"}', '{access_token: "***"}'),
        ('{"access_token"=>"abc"}', '{"access_token"=>"***"}'),
        (r'{"body":"{\"access_token\":\"abc\"}"}', r'{"body":"{\"access_token\":\"***\"}"}'),
        ('{"access_token":"abc', '{"access_token":"***'),
        ('{"access_token":"abc\\', '{"access_token":"***\\'),
        ('{"access_token":12', '{"access_token":11'),
        ('{"x":NaN,"access_token":"abc"}', '{"x":NaN,"access_token":"***"}'),
        ("access_token=ab,c%2Fd&token_type=bearer", "access_token=********&token_type=bearer"),
        ("token_type=bearer&access_token=abc", "token_type=bearer&access_token=***"),
        ("<t><access_token>a&amp;b</access_token></t>", "<t><access_token>*******</access_token></t>"),
        (
            '<access_token type="x"><![CDATA[abc]]></access_token>',
            '<access_token type="x"><![CDATA[***]]></access_token>',
        ),
        ('<token access_token="abc"/>', '<token access_token="***"/>'),
        ("access_token: abc\ntoken_type: bearer", "access_token: ***\ntoken_type: bearer"),
        ("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.", "*" * 31),
        ('{"jwt":"eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln"}', '{"jwt":"' + "*" * 35 + '"}'),
    ],
)
def test_a_token_is_masked_in_whatever_it_stands(body: str, expected: str) -> None:
    assert content(masked(answer(body)).received) == expected.encode()


@pytest.mark.parametrize(
    "body",
    [
        '{"error":"invalid_client","error_description":"no access_token without a client"}',
        '{"error":"invalid_token","error_description":"the access token is missing"}',
        '{"access_token":null}',
        '{"access_token":true,"refresh_token":""}',
        '{"access_token":NaN}',
        '{"access_token":-Infinity}',
        '{"access_token":[]}',
        '{"token_type":"Bearer","expires_in":3600,"scope":"read"}',
        '{"error":"invalid_request","error_uri":"https://idp.example/id_token/errors"}',
        "<p>invalid_token</p><b>access_token</b> <i>is missing</i>",
        "",
        "[[[[[[",
    ],
)
def test_what_is_no_token_stays_as_it_is(body: str) -> None:
    found = masked(answer(body), *secrets())
    assert found.received == answer(body)
    assert found.token is None
    assert found.echoes == ()


@pytest.mark.parametrize(
    ("body", "length"),
    [
        ('{"access_token":"abc"}', 3),
        (r'{"access_token":"a\/b\u0041\"","refresh_token":"x"}', 5),
        (r'{"access_token":"\ud83d\ude00\ud800"}', 2),
        ('{"refresh_token":"xxxxxx","access_token":"abc"}', 3),
        ('{"access_token":"abc","access_token":"de"}', 3),
        ('{"access_token":1234567}', 7),
        ('{"access_token":"abc"', 3),
        ("{'access_token': 'abc'}", 3),
        ("access_token=a%2Fb&x=y", 3),
        ("<access_token> abc </access_token>", 3),
        ('[{}, {"access_token":"abc"}]', 3),
        ('{"access_token":"a\tb"}', 3),
    ],
)
def test_the_first_access_token_is_known_by_its_decoded_length(body: str, length: int) -> None:
    token = masked(answer(body)).token
    assert token is not None
    assert token.length == length


@pytest.mark.parametrize(
    "body",
    [
        '{"refresh_token":"abc"}',
        '{"id_token":"abc"}',
        '{"accessToken":"abc"}',
        '{"access_token":{"value":"abc"}}',
        '{"access_token":["abc"]}',
        '{"access_token":""}',
        '{"access_token":"abc',
        '{"error":"x","hint":"send access_token=abc"}',
        r'{"body":"{\"access_token\":\"abc\"}"}',
        '{"error":"x","hint":"write \'access_token\': \'abc\'"}',
    ],
)
def test_what_a_client_could_not_use_is_no_access_token(body: str) -> None:
    assert masked(answer(body)).token is None


BODY = json.dumps({"token_type": "Bearer", "access_token": TOKEN, "expires_in": 3600}).encode()


def windows(text: str) -> list[bytes]:
    plain = text.encode()
    return [plain[at : at + 12] for at in range(len(plain) - 11)]


@pytest.mark.parametrize("cut", range(1, len(BODY), 3))
def test_a_chunk_boundary_hides_no_token(cut: int) -> None:
    received = chunked(BODY, cut)
    found = masked(received)
    assert found.token == masked(answer(BODY)).token
    assert content(found.received) == BODY.replace(TOKEN.encode(), b"*" * len(TOKEN))
    assert read(found.received) is not None
    before, after = read(received), read(found.received)
    assert before is not None
    assert after is not None
    assert (before.body_spans, before.anomalies) == (after.body_spans, after.anomalies)


def test_a_number_cut_by_a_chunk_boundary_stays_a_number() -> None:
    body = b'{"access_token":123456}'
    assert content(masked(chunked(body, 18)).received) == b'{"access_token":111111}'


@pytest.mark.parametrize("length", range(0, len(BODY), 3))
def test_a_wrong_length_shows_no_part_of_a_token(length: int) -> None:
    received = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + BODY
    assert content(masked(received).received) == BODY.replace(TOKEN.encode(), b"*" * len(TOKEN))[:length]
    assert TOKEN.encode()[-8:] not in masked(received).received


@pytest.mark.parametrize("size", range(0, len(BODY), 3))
def test_a_truncated_answer_shows_no_part_of_a_token(size: int) -> None:
    received = answer(BODY)[: len(answer(BODY)) - size]
    shown = masked(received).received
    assert shown == answer(BODY.replace(TOKEN.encode(), b"*" * len(TOKEN)))[: len(received)]


def test_a_second_answer_past_the_end_is_masked_and_gives_no_token() -> None:
    received = answer('{"error":"invalid_client"}', status="401 Unauthorized") + answer(BODY)
    found = masked(received)
    assert found.token is None
    assert TOKEN.encode() not in found.received
    assert found.received.endswith(b'"access_token": "' + b"*" * len(TOKEN) + b'", "expires_in": 3600}')


@pytest.mark.parametrize(
    "received",
    [
        BODY,
        b"\xff\x00" + BODY,
        b"HTTP/1.1 100 Continue\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nX: y\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: access_token=" + TOKEN.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Access-Token: " + TOKEN.encode() + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://x.example/#access_token=" + TOKEN.encode() + b"\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n" + BODY,
    ],
)
def test_a_token_outside_the_body_is_masked(received: bytes) -> None:
    shown = masked(received).received
    assert not [window for window in windows(TOKEN) if window in shown]


def test_the_content_of_an_answer_to_head_is_masked() -> None:
    found = masked(answer(BODY), head=True)
    assert found.token is None
    assert TOKEN.encode() not in found.received


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ("Content-Encoding: gzip", gzip.compress(BODY, mtime=0)),
        ("Content-Encoding: GZIP", gzip.compress(BODY, mtime=0)),
        ("Content-Encoding: deflate", zlib.compress(BODY)),
        ("Content-Encoding: deflate", zlib.compress(BODY, wbits=-15)),
        ("Content-Encoding: identity, gzip", gzip.compress(BODY, mtime=0)),
    ],
)
def test_a_compressed_body_is_masked_whole_and_its_token_known(fields: str, body: bytes) -> None:
    found = masked(answer(body, fields))
    assert content(found.received) == b"*" * len(body)
    assert found.token == masked(answer(BODY)).token


def test_a_compressed_transfer_is_masked_whole() -> None:
    packed = gzip.compress(BODY, mtime=0)
    received = chunked(packed, 10).replace(b"chunked\r\n", b"gzip, chunked\r\n", 1)
    found = masked(received)
    assert content(found.received) == b"*" * len(packed)
    assert found.token == masked(answer(BODY)).token


@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(BODY, mtime=0)[:20], b""])
def test_a_body_that_cannot_be_unpacked_is_masked_whole_all_the_same(body: bytes) -> None:
    found = masked(answer(body, "Content-Encoding: gzip"))
    assert content(found.received) == b"*" * len(body)
    assert found.token is None


def test_a_secret_in_a_compressed_body_is_found() -> None:
    body = gzip.compress(json.dumps({"received": CANARY}).encode())
    found = masked(answer(body, "Content-Encoding: gzip"), *secrets())
    assert found.echoes == (Echo("client secret", "JSON-escaped", "body"),)


def test_identity_is_no_coding() -> None:
    assert content(masked(answer("plain", "Content-Encoding: identity")).received) == b"plain"
    message = read(answer("plain", "Content-Encoding: br"))
    assert message is not None
    assert coded(message)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_token_in_wide_characters_is_not_shown(encoding: str) -> None:
    shown = masked(answer(BODY.decode().encode(encoding))).received
    assert TOKEN.encode() not in shown.replace(b"\0", b"")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Set-Cookie: a=secret; Path=/", "Set-Cookie: a=******; Path=/"),
        ("set-cookie:a=sec=ret", "set-cookie:a=*******"),
        ("Set-Cookie : a=b;c=d", "Set-Cookie : a=*;c=d"),
        ("Set-Cookie: nameless", "Set-Cookie:*********"),
        ("Set-Cookie: a=", "Set-Cookie: a="),
    ],
)
def test_the_value_of_a_cookie_is_masked(line: str, expected: str) -> None:
    assert masked(answer("{}", line)).received == answer("{}", expected)


# Facts


@pytest.mark.parametrize(
    ("token", "visible", "b64token"),
    [
        ("abc", True, True),
        ("a-._~+/b==", True, True),
        ("a=b", True, False),
        ("a b", True, False),
        ("a,b", True, False),
        ("a\u00e4", False, False),
        ("a\nb", False, False),
        ("a\x7f", False, False),
        ("abc\n", False, False),
    ],
)
def test_the_facts_say_which_characters_a_token_has(token: str, visible: bool, b64token: bool) -> None:
    for ascii_only in (True, False):
        body = json.dumps({"access_token": token}, ensure_ascii=ascii_only)
        facts = masked(answer(body)).token
        assert facts is not None
        assert (facts.length, facts.visible, facts.b64token) == (len(token), visible, b64token)
        assert facts.jwt is None


def test_equal_tokens_of_a_run_have_equal_fingerprints_and_no_others() -> None:
    def of(body: str, key: bytes = KEY) -> str:
        token = masked(answer(body), key=key).token
        assert token is not None
        return token.fingerprint

    assert (
        of('{"access_token":"abc"}') == of(r'{"token_type":"x","access_token":"\u0061bc"}') == fingerprint(KEY, "abc")
    )
    assert of('{"access_token":"abc"}') != of('{"access_token":"abd"}')
    assert of('{"access_token":"abc"}') != of('{"access_token":"abc"}', b"another run")
    assert len(of('{"access_token":"abc"}')) == 16


CLAIMS: dict[str, Any] = {"sub": "x", "exp": 20, "iat": 10.5, "nbf": True, "scope": "read write"}


@pytest.mark.parametrize(
    ("token", "facts"),
    [
        (
            f"{b64url({'alg': 'RS256', 'typ': 'at+jwt', 'kid': 'k'})}.{b64url(CLAIMS)}.c2ln",
            {
                "parts": 3,
                "signature": 4,
                "header": {"alg": "RS256", "typ": "at+jwt"},
                "claims": ["exp", "iat", "nbf", "scope", "sub"],
                "times": {"exp": 20, "iat": 10.5},
                "scope": "read write",
            },
        ),
        (
            f"{b64url({'alg': 'none'})}.{b64url({'scp': ['a', 'b']})}.",
            {"parts": 3, "signature": 0, "header": {"alg": "none"}, "claims": ["scp"], "times": {}, "scope": "a b"},
        ),
        (f"{b64url({'alg': 'dir'})}..a.b.c", {"parts": 5, "signature": 1, "header": {"alg": "dir"}}),
        ("a.b.c", None),
        ("a.b", None),
        (f"{b64url([1])}.{b64url({})}.x", None),
        (f"{b64url({'alg': 'x'})}.{b64url([1])}.x", None),
        (f"{b64url({'alg': 'x'})}.ö.x", None),
        ("opaque", None),
    ],
)
def test_the_facts_of_a_jwt_are_its_kind_and_the_names_of_its_claims(token: str, facts: dict[str, Any] | None) -> None:
    found = masked(answer(json.dumps({"access_token": token}, ensure_ascii=False))).token
    assert found is not None
    assert found.jwt == facts


# Credentials that come back

PAIR = f"{CLIENT}:{CANARY}"
FORM_PAIR = f"{quote_plus(CLIENT)}:{quote_plus(CANARY)}"
OF_PAIR = "Base64 of id:secret"


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        (CANARY, "plain"),
        ("before " + CANARY + " after", "plain"),
        (quote(CANARY, safe=""), "percent-encoded"),
        (quote(CANARY, safe="").lower(), "percent-encoded"),
        (quote(CANARY, safe="/'"), "percent-encoded"),
        ("".join(f"%{octet:02x}" for octet in CANARY.encode()), "percent-encoded"),
        (quote_plus(CANARY), "form-encoded"),
        (json.dumps(CANARY), "JSON-escaped"),
        (json.dumps(CANARY, ensure_ascii=False), "JSON-escaped"),
        (json.dumps(CANARY).replace("/", "\\/"), "JSON-escaped"),
        (json.dumps(CANARY).replace("<", "\\u003C").replace("&", "\\u0026"), "JSON-escaped"),
        ('"' + "".join(f"\\u{ord(character):04X}" for character in CANARY) + '"', "JSON-escaped"),
        (html.escape(CANARY), "HTML-escaped"),
        (html.escape(CANARY).replace("&#x27;", "&apos;"), "HTML-escaped"),
        (html.escape(CANARY).replace("&#x27;", "&#39;"), "HTML-escaped"),
        ("".join(f"&#{ord(character)};" for character in CANARY), "HTML-escaped"),
        (CANARY.encode().hex(), "hexadecimal"),
        (CANARY.encode().hex().upper(), "hexadecimal"),
        (b64(CANARY), "Base64"),
        (b64(CANARY).rstrip("="), "Base64"),
        (b64("a" + CANARY), "Base64"),
        (b64("abc" + CANARY + "cd"), "Base64"),
        (b64("ab" + CANARY + "cd"), OF_PAIR),
        (base64.urlsafe_b64encode(CANARY.encode()).decode(), "Base64"),
        (b64(PAIR), OF_PAIR),
        (b64(PAIR).rstrip("="), OF_PAIR),
        (b64(FORM_PAIR), OF_PAIR),
        (b64(PAIR)[-20:-5], OF_PAIR),
        (f'"{b64(PAIR)}"'.replace("/", "\\/"), OF_PAIR),
        (quote(b64(PAIR), safe=""), OF_PAIR),
    ],
)
def test_a_secret_that_comes_back_is_found_and_named_in_every_spelling(text: str, spelling: str) -> None:
    found = masked(answer(text), *secrets())
    assert {(echo.credential, echo.spelling, echo.place) for echo in found.echoes} == {
        ("client secret", spelling, "body")
    }
    if "Base64" in spelling:
        # The characters at either end hold octets of what stands beside the secret.
        assert found.received.count(b"*") >= min(len(text), len(b64(CANARY).rstrip("="))) - 6
    else:
        beside = len(text.replace(CANARY, "")) if spelling == "plain" else 2 * text.startswith('"')
        assert content(found.received).count(b"*") == len(text.encode()) - beside
    shown = found.received
    assert CANARY.encode()[:8] not in shown
    assert b64(PAIR)[-16:].rstrip("=").encode() not in shown


def test_octets_of_another_character_set_are_found() -> None:
    assert echoes(CANARY.encode("latin-1"), *secrets()) == [("plain", "body")]


@pytest.mark.parametrize(
    ("received", "place"),
    [
        (answer("{}", f"X-Debug: {PLAIN_SECRET}"), "field X-Debug"),
        (answer("{}", f'WWW-Authenticate: Basic realm="{PLAIN_SECRET}"'), "field WWW-Authenticate"),
        (answer("{}", status=f"401 {PLAIN_SECRET}"), "header section"),
        (answer("{}", f"no colon {PLAIN_SECRET}"), "header section"),
        (answer(PLAIN_SECRET), "body"),
        (answer("{}") + PLAIN_SECRET.encode(), "octets past the end"),
        (chunked(f"ab{PLAIN_SECRET}cd".encode(), 9, 14), "body"),
        (chunked(b"ab")[:-2] + f"X-T: {PLAIN_SECRET}\r\n\r\n".encode(), "field X-T"),
        (PLAIN_SECRET.encode(), "answer"),
        (b"HTTP/1.1 103 Early\r\nX: " + PLAIN_SECRET.encode() + b"\r\n\r\n" + answer("{}"), "header section"),
        (answer(f'{{"access_token":"{PLAIN_SECRET}"}}'), "access token"),
    ],
)
def test_the_place_of_an_echo_is_named(received: bytes, place: str) -> None:
    found = masked(received, *secrets(PLAIN_SECRET))
    assert found.echoes == (Echo("client secret", "plain", place),)
    assert not [window for window in windows(PLAIN_SECRET) if window in found.received]


def test_part_of_a_secret_is_masked_and_proves_nothing() -> None:
    found = masked(answer(f"key {PLAIN_SECRET[3:13]} end"), *secrets(PLAIN_SECRET))
    assert content(found.received) == b"key ********** end"
    assert found.echoes == ()


def test_a_configured_secret_is_found_under_its_own_name() -> None:
    credentials = secret_credentials(CLIENT, PLAIN_SECRET, ["gateway-key-0815"])
    found = masked(answer("gateway-key-0815"), *credentials)
    assert found.echoes == (Echo("configured secret", "plain", "body"),)
    assert content(found.received) == b"*" * 16


def edited(template: Template) -> Credential:
    return edited_secrets(encode(template, replace(BINDINGS, secret=PLAIN_SECRET)))


@pytest.mark.parametrize(
    "template",
    [
        VALID.authorized(SECRET.case_swapped()),
        VALID.adding_parameters("client_secret=" + SECRET.case_swapped()),
        VALID.replacing("Authorization", Credentials(CLIENT_ID, SECRET.case_swapped()) + "!"),
    ],
)
def test_an_edited_secret_is_masked_in_the_answer_to_it(template: Template) -> None:
    swapped = PLAIN_SECRET.swapcase()
    text = f'{{"error_description":"{swapped} is wrong for {CLIENT}, sent as {b64(f"{CLIENT}:{swapped}")}"}}'
    found = masked(answer(text), edited(template))
    assert f'"{"*" * len(swapped)} is wrong for {CLIENT}, '.encode() in found.received
    assert found.echoes == ()


def test_the_credentials_that_were_sent_are_masked_as_they_were_sent() -> None:
    value = b64(f"{CLIENT}:{PLAIN_SECRET.swapcase()}")
    found = masked(answer(value), edited(VALID.authorized(SECRET.case_swapped())))
    assert content(found.received) == b"*" * len(value)


# No false alarms


@pytest.mark.parametrize(
    "secret",
    [
        "client_secret_123",
        "client",
        "secret",
        "invalid_client",
        "bearer",
        "Password",
        "passport",
        "a",
        "abc",
        "no",
        "",
        "12345",
    ],
)
def test_a_secret_made_of_words_destroys_no_answer(secret: str) -> None:
    body = (
        '{"error":"invalid_client","error_description":"client_secret of the client is wrong","abc":12345,'
        '"supported":["client_secret_basic","password"],"token_type":"Bearer"}'
    )
    received = answer(body, 'WWW-Authenticate: Basic realm="passport"', "Cache-Control: no-store")
    bindings = replace(BINDINGS, secret=secret)
    requests = (VALID, VALID.adding_parameters("client_secret=" + SECRET))
    for template in requests:
        found = masked(received, *secrets(secret), edited_secrets(encode(template, bindings)))
        assert found.echoes == ()
        assert found.received == received


@pytest.mark.parametrize("shift", range(3))
def test_the_base64_of_the_id_in_a_jwt_is_no_echo(shift: int) -> None:
    claims = {"p": "x" * shift, "client_id": CLIENT, "sub": CLIENT, "azp": f"{CLIENT}:"}
    token = f"{b64url({'alg': 'none'})}.{b64url(claims)}."
    for pair in (f"{CLIENT}:{PLAIN_SECRET}", f"{CLIENT}:abc", f"{CLIENT}:"):
        secret = pair.removeprefix(f"{CLIENT}:")
        sent = sent_credential(f"Basic {b64(pair)}".encode())
        credentials = (*secrets(secret), *([sent] if sent is not None else []))
        assert echoes(json.dumps({"access_token": token, "client_id": CLIENT, "id64": b64(CLIENT)}), *credentials) == []


@pytest.mark.parametrize("shift", range(3))
def test_a_secret_in_a_jwt_is_found(shift: int) -> None:
    token = f"{b64url({'alg': 'none'})}.{b64url({'p': 'x' * shift, 'key': PLAIN_SECRET})}."
    found = echoes(json.dumps({"access_token": token}), *secrets(PLAIN_SECRET))
    # In one of the alignments it is a piece of the Base64 of id and secret as well.
    assert found in ([("Base64", "access token")], [(OF_PAIR, "access token")])


def test_a_pair_in_base64_in_a_jwt_is_found() -> None:
    token = f"{b64url({'alg': 'none'})}.{b64url({'basic': b64(f'{CLIENT}:{PLAIN_SECRET}')})}."
    assert echoes(json.dumps({"access_token": token}), *secrets(PLAIN_SECRET)) == [(OF_PAIR, "access token")]


def test_invented_credentials_are_reported_and_stay_visible() -> None:
    value = b64("conformance-unknown-0123456789:invented-0123456789").encode()
    sent = sent_credential(b"Basic " + value)
    assert sent is not None
    received = answer(b"malformed: " + value[:-4])
    found = masked(received, *secrets(), sent)
    assert found.received == received
    assert found.echoes == (Echo("credential of this request", "Authorization value", "body"),)


@pytest.mark.parametrize(
    "value",
    [
        b"Basic ",
        b"Basic",
        b"",
        b"<<Authorization>>",
        b'Digest username="x"',
        b"Basic ###",
        b"Foo bar",
        b"Basic \xff\xfe",
    ],
)
def test_what_is_no_credential_may_come_back(value: bytes) -> None:
    assert sent_credential(value) is None


@pytest.mark.parametrize(
    "change", [bytes.strip, lambda value: value + b"!", lambda value: value[:2] + b" " + value[2:]]
)
def test_credentials_with_a_slip_are_credentials(change: Any) -> None:
    value = b64("conformance-unknown-0123456789:invented-0123456789").encode()
    sent = sent_credential(change(value))
    assert sent is not None
    assert echoes(value, sent) == [("Authorization value", "body")]
    assert echoes(b64("conformance-unknown-0123456789:"), sent) == []


def test_plain_credentials_are_told_from_the_id_alone() -> None:
    sent = sent_credential(b"conformance-unknown-0123456789:invented-0123456789")
    assert sent is not None
    assert echoes("no client conformance-unknown-0123456789: sorry", sent) == []
    assert echoes("no conformance-unknown-0123456789:invented-0123456789", sent) == [("Authorization value", "body")]


def test_no_representation_shows_a_secret() -> None:
    sent = sent_credential(b64(f"{CLIENT}:{PLAIN_SECRET}").encode())
    shown = repr((*secrets(PLAIN_SECRET), edited(VALID), sent))
    assert not [
        window
        for window in windows(PLAIN_SECRET) + windows(b64(f"{CLIENT}:{PLAIN_SECRET}"))
        if window.decode() in shown
    ]


# Whatever comes

FRAGMENTS = st.sampled_from(
    [
        b'{"access_token":"',
        TOKEN.encode(),
        b'"',
        b'","expires_in":3600}',
        b"access_token=",
        b"<access_token>",
        b"\\",
        b"\\u00",
        b"\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Content-Length: 30\r\n\r\n",
        b"Set-Cookie: a=b\r\n",
        b"5\r\n",
        b"0\r\n\r\n",
        b"%",
        b"&#",
        b"\xff\xfe",
        PLAIN_SECRET.encode(),
        PLAIN_SECRET[2:15].encode(),
        quote(PLAIN_SECRET[:14] + "/").encode(),
        b64(f"{CLIENT}:{PLAIN_SECRET}").encode(),
        b64(PLAIN_SECRET).encode(),
        gzip.compress(PLAIN_SECRET.encode(), mtime=0),
    ],
)
SOUP = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=20)), max_size=25).map(b"".join)


@given(received=SOUP, head=st.booleans())
@settings(deadline=None, max_examples=400)
@example(b"", False)
@example(b'HTTP/1.1 200 OK\r\n\r\n{"access_token":' + b"[" * 5000, False)
@example(b"HTTP/1.1 200 OK\r\n\r\n" + b'{"access_token":"' + b"\\" * 5001, False)
@example(b"HTTP/1.1 200 OK\r\n\r\n" + b"<access_token " * 3000, False)
def test_whatever_comes_keeps_its_length_and_shows_no_secret(received: bytes, head: bool) -> None:
    sent = sent_credential(b"Basic " + b64(f"{CLIENT}:{PLAIN_SECRET}").encode())
    assert sent is not None
    found = masked(received, *secrets(PLAIN_SECRET), replace(sent, secret=True), head=head)
    for window in (*windows(PLAIN_SECRET), *windows(b64(f"{CLIENT}:{PLAIN_SECRET}").rstrip("=")[-24:])):
        assert window not in found.received
    assert all(new in (old, ord("*"), ord("1")) for new, old in zip(found.received, received, strict=True))


@given(
    token=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F), min_size=12, max_size=60),
    form=st.sampled_from(["json", "unicode", "form", "xml", "single quotes"]),
    cuts=st.lists(st.integers(0, 200), max_size=3),
    size=st.integers(0, 400),
    tail=st.sampled_from([b"", b"\r\n", b'"', b"HTTP/1.1 200 OK\r\n\r\n"]),
)
@settings(deadline=None, max_examples=400)
def test_no_window_of_a_token_is_shown_however_it_travels(
    token: str, form: str, cuts: list[int], size: int, tail: bytes
) -> None:
    spelled = {
        "json": json.dumps(token)[1:-1],
        "unicode": json.dumps(token, ensure_ascii=False)[1:-1],
        "form": quote_plus(token),
        "xml": html.escape(token),
        "single quotes": quote(token, safe=""),
    }[form]
    text = {
        "json": f'{{"token_type":"x","access_token":"{spelled}","expires_in":3600}}',
        "unicode": f'[{{"access_token": "{spelled}"}}]',
        "form": f"access_token={spelled}&token_type=bearer",
        "xml": f"<r><access_token>{spelled}</access_token></r>",
        "single quotes": f"{{'access_token': '{spelled}'}}",
    }[form]
    body = text.encode()
    value = spelled.encode()
    pieces = sorted({min(cut, len(body)) for cut in cuts})
    received = (chunked(body, *pieces) if cuts else answer(body)) + tail
    for data in (received, received[: max(0, len(received) - size)]):
        shown = read(masked(data).received)
        if shown is None or (form == "xml" and "]" in token):
            continue
        whole = shown.body + shown.extra
        assert not [at for at in range(len(value) - 11) if value[at : at + 12] in whole]


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**12), 10**12),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
        st.sampled_from(
            [CANARY, "8675309123", 8675309123, -8675309123.5, CANARY[3:], CANARY[:-4] + '"\\/ä', b64(PAIR)]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["access_token", "a", "error", "refresh_token", "b"]), inner, max_size=4),
    ),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    """Members and types of a JSON value."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value]
    return type(value)


@given(
    value=JSON,
    ascii_only=st.booleans(),
    slashes=st.booleans(),
    indent=st.sampled_from([None, 1]),
    cuts=st.lists(st.integers(0, 300), max_size=3),
    edits=st.sampled_from([VALID, VALID.authorized(SECRET.case_swapped()), VALID.with_form("client_secret=" + SECRET)]),
)
@settings(deadline=None, max_examples=400)
def test_masked_json_is_json_with_the_same_members_and_types(
    value: Any, ascii_only: bool, slashes: bool, indent: int | None, cuts: list[int], edits: Template
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    body = (text.replace("/", "\\/") if slashes else text).encode("utf-8", "surrogatepass")
    received = chunked(body, *sorted({min(cut, len(body)) for cut in cuts})) if cuts else answer(body)
    found = masked(received, *secrets(), *secrets("8675309123"), edited_secrets(encode(edits, BINDINGS)))
    assert shape(json.loads(content(found.received).decode("utf-8", "replace"))) == shape(value)


@pytest.mark.parametrize("value", ["a/s=s%w", ["a/s=s%w", 1], {"a/s=s%w": "a/s=s%w"}])
def test_a_secret_that_ends_like_a_string_leaves_the_quotes_of_json(value: Any) -> None:
    found = masked(answer(json.dumps(value)), *secrets())
    assert content(found.received).decode() == json.dumps(value).replace("a/s=s%w", "*" * 7)


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_chunk_boundary_in_an_escape_keeps_the_framing_and_the_json(cut: int) -> None:
    received = chunked(json.dumps(CANARY).encode(), cut)
    found = masked(received, *secrets())
    assert content(found.received) == b'"' + b"*" * (len(json.dumps(CANARY)) - 2) + b'"'
    assert [echo.spelling for echo in found.echoes] == ["JSON-escaped"]


def test_masking_again_changes_nothing() -> None:
    body = json.dumps({"access_token": TOKEN, "echo": CANARY, "error": "x"})
    once = masked(answer(body), *secrets()).received
    assert masked(once, *secrets()).received == once
