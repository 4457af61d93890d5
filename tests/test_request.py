from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import case
from conformance.bindings import Bindings
from conformance.expression import (
    CLIENT_ID,
    EXPOSED_ID,
    EXPOSED_SECRET,
    SCHEME,
    SECRET,
    UNKNOWN_ID,
    UNKNOWN_SECRET,
    Credentials,
    Expression,
    Repeated,
    literal,
)
from conformance.guessing import tries_wrong_secret
from conformance.request import (
    FORM,
    VALID,
    Template,
    changed_lines,
    encode,
    on_one_connection,
)

CANARY = "p+a/s=s%w\"ö<&>'\\ :x"

PASSPORT = Bindings(
    client_id="my-client",
    secret="p+a/s=s%w",
    exposed_id="my-client",
    exposed_secret="p+a/s=s%w",
    exposed_works=True,
    unknown_id="conformance-unknown-0",
    unknown_secret="invented-0",
    scope=None,
    host="idp.example",
    path="/passport/oauth/token",
    documented_path="/passport/oauth/token",
    basic=False,
    form_encoded=False,
    user_agent="token-conformance/1 (run 0)",
)
FORM_BASIC = replace(PASSPORT, basic=True, form_encoded=True)
RAW_BASIC = replace(PASSPORT, basic=True)
EVERY = pytest.mark.parametrize("bindings", [PASSPORT, FORM_BASIC, RAW_BASIC], ids=["passport", "form", "raw"])


def b64(text: str | bytes) -> bytes:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode())


def sent(template: Template, bindings: Bindings = PASSPORT) -> bytes:
    return encode(template, bindings).data


def lines(template: Template, bindings: Bindings = PASSPORT) -> list[bytes]:
    return sent(template, bindings).partition(b"\r\n\r\n")[0].split(b"\r\n")


def body(template: Template, bindings: Bindings = PASSPORT) -> bytes:
    return sent(template, bindings).partition(b"\r\n\r\n")[2]


# Exact bytes


@pytest.mark.parametrize(
    ("bindings", "authorization"),
    [
        (PASSPORT, b64("my-client:p+a/s=s%w")),
        (FORM_BASIC, b"Basic " + b64("my-client:p%2Ba%2Fs%3Ds%25w")),
        (RAW_BASIC, b"Basic " + b64("my-client:p+a/s=s%w")),
    ],
    ids=["passport", "form", "raw"],
)
def test_the_valid_request_is_exactly_these_octets(bindings: Bindings, authorization: bytes) -> None:
    assert sent(VALID, bindings) == (
        b"POST /passport/oauth/token HTTP/1.1\r\n"
        b"Host: idp.example\r\n"
        b"Authorization: " + authorization + b"\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Accept: */*\r\n"
        b"User-Agent: token-conformance/1 (run 0)\r\n"
        b"Content-Length: 29\r\n"
        b"Connection: close\r\n"
        b"\r\n"
        b"grant_type=client_credentials"
    )


@pytest.mark.parametrize(
    ("template", "line"),
    [
        (VALID.replacing("content-type", " text/plain"), b"Content-Type:  text/plain"),
        (VALID.replacing("Content-Type", FORM.upper()), b"Content-Type: APPLICATION/X-WWW-FORM-URLENCODED"),
        (VALID.replacing("Accept", b"\xff\x00"), b"Accept: \xff\x00"),
        (VALID.replacing("Content-Length", "7"), b"Content-Length: 7"),
        (VALID.respelling("host", "hOST"), b"hOST: idp.example"),
        (VALID.separating("Accept", " :\t"), b"Accept :\t*/*"),
        (VALID.separating("Accept", ":\r\n "), b" */*"),
        (VALID.authorized("x", "y"), b"Authorization: " + b64("y:x")),
    ],
)
def test_a_changed_field_line_stands_in_the_place_of_the_old_one(template: Template, line: bytes) -> None:
    found, plain = lines(template), lines(VALID)
    assert line in found
    assert len(found) == len(plain) + (b"\r\n " in sent(template))
    assert sum(one not in plain for one in found) >= 1
    assert body(template) == body(VALID)


def test_a_line_is_added_next_to_its_namesake() -> None:
    names = [line.partition(b": ")[2] for line in lines(VALID.adding("content-type", "x")) if b"-type" in line.lower()]
    assert names == [FORM.encode(), b"x"]
    first = lines(VALID.adding("Content-Type", "x", first=True))
    assert first.index(b"Content-Type: x") + 1 == first.index(b"Content-Type: " + FORM.encode())
    assert lines(VALID.adding("X-New", "x"))[-1] == b"X-New: x"


def test_the_nth_of_several_lines_can_be_replaced() -> None:
    twice = VALID.adding("Accept", "a/b").replacing("Accept", "c/d", nth=1)
    assert [line for line in lines(twice) if line.startswith(b"Accept")] == [b"Accept: */*", b"Accept: c/d"]


def test_removing_takes_every_line_of_a_name() -> None:
    template = VALID.adding("Accept", "a/b").removing("accept", "CONNECTION")
    assert not [line for line in lines(template) if line.lower().startswith((b"accept", b"connection"))]


def test_the_request_line_can_be_changed() -> None:
    assert lines(VALID.with_method("GET"))[0] == b"GET /passport/oauth/token HTTP/1.1"
    assert lines(VALID.to("/other"))[0] == b"POST /other HTTP/1.1"
    assert lines(VALID.with_query("a=b"))[0] == b"POST /passport/oauth/token?a=b HTTP/1.1"
    assert lines(replace(VALID, version=b"HTTP/1.0"))[0].endswith(b" HTTP/1.0")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (VALID.with_form("a=b", "c=d"), b"a=b&c=d"),
        (VALID.with_form(), b""),
        (VALID.adding_parameters("a=b"), b"grant_type=client_credentials&a=b"),
        (VALID.with_body(b"\x00\xff"), b"\x00\xff"),
        (VALID.with_body('{"a":"ö"}'), '{"a":"ö"}'.encode()),
        (VALID.with_form("client_secret=" + SECRET.form()), b"client_secret=p%2Ba%2Fs%3Ds%25w"),
        (VALID.with_body(Repeated(b"a", 70_000)), b"a" * 70_000),
    ],
)
def test_the_length_is_that_of_the_body_in_octets(template: Template, expected: bytes) -> None:
    assert body(template) == expected
    assert b"Content-Length: %d" % len(expected) in lines(template)


def test_without_body_sends_neither_body_nor_length() -> None:
    bare = replace(PASSPORT, gate_scope="read", parameters=(("key", "value", True),))
    request = sent(VALID.without_body(), bare)
    assert request.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in request


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (VALID.chunked(), b"1d\r\ngrant_type=client_credentials\r\n0\r\n\r\n"),
        (VALID.with_body("").chunked(), b"0\r\n\r\n"),
        (VALID.in_two_chunks(), b"4\r\ngran\r\n19\r\nt_type=client_credentials\r\n0\r\n\r\n"),
        (VALID.with_body("a=1").in_two_chunks(), b"3\r\na=1\r\n0\r\n\r\n"),
    ],
)
def test_a_chunked_body_is_one_chunk_and_the_end(template: Template, expected: bytes) -> None:
    assert body(template) == expected
    assert b"Transfer-Encoding: chunked" in lines(template)
    assert not [line for line in lines(template) if line.startswith(b"Content-Length")]


# What the valid request of a target carries beyond


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (VALID, b"grant_type=client_credentials&scope=read+write%2B"),
        (VALID.adding_parameters("a=b"), b"grant_type=client_credentials&a=b&scope=read+write%2B"),
        (VALID.adding_parameters("scope=other"), b"grant_type=client_credentials&scope=other"),
        (VALID.adding_parameters("scope="), b"grant_type=client_credentials&scope="),
        (VALID.adding_parameters("s%63ope=other"), b"grant_type=client_credentials&s%63ope=other"),
        (VALID.with_form("a=b&scope=other"), b"a=b&scope=other"),
        (VALID.adding_parameters("Scope=other"), b"grant_type=client_credentials&Scope=other&scope=read+write%2B"),
        (VALID.without_scope(), b"grant_type=client_credentials"),
        (VALID.with_body("raw"), b"raw"),
    ],
)
def test_the_scope_that_a_target_needs_is_added_unless_the_request_has_one(template: Template, expected: bytes) -> None:
    bindings = replace(PASSPORT, gate_scope="read write+")
    assert body(template, bindings) == expected
    assert b"Content-Length: %d" % len(expected) in lines(template, bindings)


GATEWAY = replace(
    PASSPORT,
    headers=(("X-Api-Key", "gateway-key", True), ("X-Tenant", "blue", False)),
    parameters=(("api key", "a&b=c", True), ("tenant", "blue", False)),
)


@pytest.mark.parametrize(
    "template",
    [
        VALID,
        VALID.adding("Host", "other.example"),
        VALID.adding("Host", "other.example", first=True),
        VALID.removing("Host"),
        VALID.respelling("Host", "hOsT"),
        VALID.chunked(),
    ],
    ids=["plain", "two hosts", "two hosts, other first", "no host", "host respelled", "chunked"],
)
def test_gateway_keys_travel_once_with_every_request_and_are_masked(template: Template) -> None:
    encoded = encode(template, GATEWAY)
    assert encoded.data.count(b"X-Api-Key: gateway-key\r\n") == 1
    assert encoded.data.count(b"X-Tenant: blue\r\n") == 1
    assert encoded.data.count(b"&api+key=a%26b%3Dc&tenant=blue") == 1
    assert encoded.masked().count(b"X-Api-Key: ***********\r\nX-Tenant: blue\r\n") == 1
    assert encoded.masked().count(b"&api+key=*********&tenant=blue") == 1
    if template.framing == "length":
        head, _, content = encoded.data.partition(b"\r\n\r\n")
        assert b"Content-Length: %d" % len(content) in head.split(b"\r\n")


def test_a_name_that_the_user_configured_takes_the_place_of_our_own() -> None:
    found = lines(VALID, replace(PASSPORT, headers=(("user-agent", "mine", False),)))
    assert [line for line in found if line.lower().startswith(b"user-agent")] == [b"user-agent: mine"]


# Masking by origin


def spelled(secret: str) -> set[bytes]:
    """Every spelling of a secret, and of each three characters of it, that must not be seen."""
    plain = secret.encode()
    found = {
        plain,
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        json.dumps(secret)[1:-1].encode(),
        secret.replace("&", "&amp;").replace("<", "&lt;").encode(),
        plain.hex().encode(),
    }
    for shift in range(3):
        found.add(base64.b64encode(b"\0" * shift + plain)[4:-4])
    return {spelling[at : at + 6] for spelling in found for at in range(len(spelling) - 5)}


@pytest.mark.parametrize("bindings", [PASSPORT, FORM_BASIC, RAW_BASIC], ids=["passport", "form", "raw"])
@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        SECRET + "x",
        "x" + SECRET,
        SECRET.without_last(),
        SECRET.case_swapped(),
        SECRET.form(),
        SECRET.form().form(),
        SECRET.base64(),
        ("a" + SECRET).base64(),
        ("ab" + SECRET).base64(),
        SECRET.base64().base64(),
        SECRET.base64().form(),
        Credentials(CLIENT_ID, SECRET),
        Credentials(CLIENT_ID, SECRET.without_last()),
        Credentials(CLIENT_ID, SECRET).split_by_blank(),
        Credentials(CLIENT_ID, SECRET) + "!",
        EXPOSED_ID + ":" + EXPOSED_SECRET,
        (EXPOSED_SECRET + ":" + EXPOSED_ID).base64(),
    ],
    ids=str,
)
def test_no_octet_of_a_secret_is_seen_wherever_it_stands(value: Expression, bindings: Bindings) -> None:
    bindings = replace(bindings, secret=CANARY, exposed_secret=CANARY)
    for template in (
        VALID.replacing("Authorization", value),
        VALID.adding_parameters("client_secret=" + value),
        VALID.with_query("client_secret=" + value),
        VALID.with_body(value),
        VALID.adding("X-Copy", value).chunked(),
        VALID.adding("X-Copy", value).in_two_chunks(),
    ):
        encoded = encode(template, bindings)
        masked = encoded.masked()
        assert len(masked) == len(encoded.data)
        assert all(new in (old, ord("*")) for new, old in zip(masked, encoded.data, strict=True))
        shown = masked.replace(b"*", b"")
        assert not [spelling for spelling in spelled(CANARY) if spelling in shown]


def test_the_id_stays_visible_outside_base64() -> None:
    template = VALID.adding_parameters("client_id=" + CLIENT_ID.form(), "client_secret=" + SECRET.form())
    assert body(template).startswith(b"grant_type=client_credentials&client_id=my-client&client_secret=")
    assert encode(template, PASSPORT).masked().endswith(b"&client_id=my-client&client_secret=" + b"*" * 17)


def test_no_representation_of_a_request_shows_its_secret() -> None:
    encoded = encode(VALID.with_form("client_secret=" + SECRET), PASSPORT)
    assert "p+a" not in repr(encoded)
    assert b64("my-client:p+a/s=s%w").decode() not in repr(encoded)


@given(secret=st.text(min_size=1), client=st.text(min_size=1), basic=st.booleans(), form=st.booleans())
@settings(deadline=None)
def test_the_masked_request_says_nothing_of_the_secret_but_its_length(
    secret: str, client: str, basic: bool, form: bool
) -> None:
    bindings = replace(PASSPORT, client_id=client, secret=secret, basic=basic, form_encoded=form)
    template = VALID.adding_parameters("client_secret=" + SECRET)
    masked = encode(template, bindings).masked()
    encoded = encode(template, bindings)
    for start, end in encoded.secrets:
        assert masked[start:end] == b"*" * (end - start)
    hidden = sum(end - start for start, end in encoded.secrets)
    pair = f"{form_of(client) if basic and form else client}:{form_of(secret) if basic and form else secret}"
    assert hidden == len(b64(pair)) + len(secret.encode())


def form_of(text: str) -> str:
    return quote_plus(text, safe="*-._")


# Names of templates


def test_a_template_has_the_same_name_in_every_process() -> None:
    code = (
        "from conformance.request import VALID; from conformance.expression import SECRET, Repeated;"
        "print(VALID.digest, VALID.authorized(SECRET + 'x').digest, VALID.with_body(Repeated(b'a', 9)).digest)"
    )
    names = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
        for _ in range(2)
    }
    here = (VALID.digest, VALID.authorized(SECRET + "x").digest, VALID.with_body(Repeated(b"a", 9)).digest)
    assert names == {" ".join(here) + "\n"}


def test_every_stimulus_that_is_sent_differently_has_a_name_of_its_own() -> None:
    templates = {template for one in case.built_in() for template in one.templates} | set(CHANGES)
    assert len({template.digest for template in templates}) == len(templates)
    assert all(len(template.digest) == 16 for template in templates)
    assert VALID.digest == VALID.replacing("Accept", "*/*").digest


# The changed lines

CHANGES: dict[Template, tuple[str, ...]] = {
    VALID.adding("Content-Type", FORM): (f"+ Content-Type: {FORM}",),
    VALID.adding("Content-Type", " " + FORM): (f"+ Content-Type: \\x20{FORM}",),
    VALID.adding("Accept", "*/*", first=True).adding("Accept", "*/*"): ("+ Accept: */*", "+ Accept: */*"),
    VALID.replacing("Content-Type", "text/plain"): (f"- Content-Type: {FORM}", "+ Content-Type: text/plain"),
    VALID.replacing("Accept", "*/* "): ("- Accept: */*", "+ Accept: */*\\x20"),
    VALID.replacing("Accept", "a  b"): ("- Accept: */*", "+ Accept: a \\x20b"),
    VALID.removing("Content-Type"): (f"- Content-Type: {FORM}",),
    VALID.removing("Host", "Connection"): ("- Host: {host}", "- Connection: close"),
    VALID.respelling("Host", "hOST"): ("- Host: {host}", "+ hOST: {host}"),
    VALID.respelling("Host", " Host"): ("- Host: {host}", "+ \\x20Host: {host}"),
    VALID.separating("Host", ":"): ("- Host: {host}", "+ Host:{host}"),
    VALID.separating("Host", " : "): ("- Host: {host}", "+ Host : {host}"),
    VALID.separating("Host", ":\r\n "): ("- Host: {host}", "+ Host:\\r\\n {host}"),
    VALID.separating("Host", ":\t"): ("- Host: {host}", "+ Host:\\t{host}"),
    VALID.replacing("Content-Length", "29"): ("- Content-Length: {length}", "+ Content-Length: 29"),
    VALID.with_method("GET"): ("- POST {path} HTTP/1.1", "+ GET {path} HTTP/1.1"),
    VALID.with_query("a=b"): ("- POST {path} HTTP/1.1", "+ POST {path}?a=b HTTP/1.1"),
    VALID.to("/x"): ("- POST {path} HTTP/1.1", "+ POST /x HTTP/1.1"),
    replace(VALID, version=b"HTTP/1.0"): ("- POST {path} HTTP/1.1", "+ POST {path} HTTP/1.0"),
    VALID.with_form("a=b"): ("- grant_type=client_credentials", "+ a=b"),
    VALID.with_body(b"\xff "): ("- grant_type=client_credentials", "+ \\xff\\x20"),
    VALID.with_body(""): ("- grant_type=client_credentials",),
    VALID.adding_parameters("scope=a b"): (
        "- grant_type=client_credentials",
        "+ grant_type=client_credentials&scope=a b",
    ),
    VALID.without_body(): ("- Content-Length: {length}", "- grant_type=client_credentials"),
    VALID.without_scope(): ("- grant_type=client_credentials", "+ grant_type=client_credentials{never a scope}"),
    VALID.chunked(): ("- Content-Length: {length}", "+ Transfer-Encoding: chunked"),
    VALID.authorized(SECRET + "x"): (
        "- Authorization: {scheme}base64({client id}:{secret})",
        "+ Authorization: {scheme}base64({client id}:{secret}x)",
    ),
    VALID.adding("Authorization", "x", first=True): ("+ Authorization: x",),
    replace(VALID, fields=(*VALID.fields[1:], VALID.fields[0])): ("- Host: {host}", "+ Host: {host}"),
}


@pytest.mark.parametrize("template", CHANGES, ids=lambda template: " ".join(CHANGES[template])[:60] or "nothing")
def test_the_changed_lines_say_what_differs_from_the_valid_request(template: Template) -> None:
    assert changed_lines(template) == CHANGES[template]


def test_the_valid_request_changes_nothing() -> None:
    assert changed_lines(VALID) == ()
    assert changed_lines(VALID.adding("A", "b"), VALID.adding("A", "b")) == ()


def test_a_change_can_be_told_against_another_request() -> None:
    base = VALID.adding("Accept", "a/b").adding("Accept", "a/b")
    assert changed_lines(VALID.adding("Accept", "a/b"), base) == ("- Accept: a/b",)


def test_every_stimulus_of_the_suite_shows_what_it_changes() -> None:
    templates = {template for one in case.built_in() for template in one.templates} - {VALID}
    # A copy in a series is sent again and again, and need not change anything.
    assert [template for template in templates if not (template.copy or changed_lines(template))] == []


# Wrong secrets of the real client


def header(value: Expression | str | bytes) -> Template:
    return VALID.replacing("Authorization", SCHEME + literal(value))


def pair(text: Expression | str | bytes) -> Template:
    return header(literal(text).base64())


REAL_ID = "client_id=" + CLIENT_ID.form()
REAL_SECRET = "client_secret=" + SECRET.form()
NOBODY = VALID.removing("Authorization")
RIGHT = Credentials(CLIENT_ID, SECRET)

SPENDS: dict[str, Template] = {
    "another secret": VALID.authorized("wrong"),
    "an invented secret": VALID.authorized(UNKNOWN_SECRET),
    "one character more": VALID.authorized(SECRET + "x"),
    "one character less": VALID.authorized(SECRET.without_last()),
    "another case": VALID.authorized(SECRET.case_swapped()),
    "a line feed": VALID.authorized(SECRET + "\n"),
    "a NUL": VALID.authorized(SECRET + "\0"),
    "a colon and more": VALID.authorized(SECRET + ":x"),
    "no secret": VALID.authorized(""),
    "no colon": pair(CLIENT_ID),
    "a lower-case scheme": VALID.replacing("Authorization", "basic " + (CLIENT_ID + ":x").base64()),
    "a tab behind the scheme": VALID.replacing("Authorization", "Basic\t" + (CLIENT_ID + ":x").base64()),
    "several blanks": VALID.replacing("Authorization", "Basic   " + (CLIENT_ID + ":x").base64()),
    "another scheme": VALID.replacing("Authorization", "Foo " + (CLIENT_ID + ":x").base64()),
    "no scheme": VALID.replacing("Authorization", (CLIENT_ID + ":x").base64()),
    "no padding": VALID.replacing("Authorization", SCHEME + (CLIENT_ID + ":x").base64().without_padding()),
    "junk behind": VALID.authorized("wrong").replacing("Authorization", Credentials(CLIENT_ID, literal("x")) + "!"),
    "plain": VALID.replacing("Authorization", CLIENT_ID + ":x"),
    "a field name with a blank": VALID.authorized("x").respelling("Authorization", "Authorization "),
    "the wrong line last": VALID.adding("Authorization", Credentials(CLIENT_ID, literal("x"))),
    "the wrong line first": VALID.adding("Authorization", Credentials(CLIENT_ID, literal("x")), first=True),
    "two values in a line": VALID.replacing("Authorization", RIGHT + ", " + Credentials(CLIENT_ID, literal("x"))),
    "an id that a trimming server knows": VALID.authorized("x", CLIENT_ID + " "),
    "an id of another case": VALID.authorized("x", CLIENT_ID.case_swapped()),
    "in the body": NOBODY.adding_parameters(REAL_ID, "client_secret=x"),
    "in the body, empty": NOBODY.adding_parameters(REAL_ID, "client_secret="),
    "in the body, right and wrong": NOBODY.adding_parameters(REAL_ID, REAL_SECRET, "client_secret=x"),
    "in the body, wrong and right": NOBODY.adding_parameters(REAL_ID, "client_secret=x", REAL_SECRET),
    "in the body, names escaped": NOBODY.with_form("client%5Fid=" + CLIENT_ID, "client%5Fsecret=x"),
    "in the body, names in capitals": NOBODY.adding_parameters("CLIENT_ID=" + CLIENT_ID, "CLIENT_SECRET=x"),
    "in the body, chunked": NOBODY.adding_parameters(REAL_ID, "client_secret=x").chunked(),
    "in the body, taken as it is": NOBODY.with_body(REAL_ID + "&client_secret=x"),
    "in the body beside a right header": VALID.adding_parameters("client_secret=wrong"),
    "in the body, id in the header": VALID.authorized(SECRET).adding_parameters("client_secret=wrong"),
    "in the query": NOBODY.with_query(REAL_ID + "&client_secret=x"),
    "id in the query, secret in the body": NOBODY.with_query(REAL_ID).adding_parameters("client_secret=x"),
    "wrong in the header, right in the body": VALID.authorized("x").adding_parameters(REAL_ID, REAL_SECRET),
}

SPENDS_NOT: dict[str, Template] = {
    "the valid request": VALID,
    "an unknown client": VALID.authorized(UNKNOWN_SECRET, UNKNOWN_ID),
    "an unknown client with the right secret": VALID.authorized(SECRET, UNKNOWN_ID),
    "an id with a NUL": VALID.authorized(SECRET, CLIENT_ID + "\0"),
    "no id": VALID.authorized(UNKNOWN_SECRET, ""),
    "a colon alone": pair(":"),
    "no credentials": NOBODY,
    "an empty value": header(""),
    "no Base64": header("###"),
    "octets that are no text": header(b"\xff\xfe"),
    "the right ones without padding": VALID.replacing("Authorization", (RIGHT + "=").without_padding()),
    "the right ones with junk": VALID.replacing("Authorization", RIGHT + "!"),
    "the right ones with a blank": VALID.replacing("Authorization", RIGHT.split_by_blank()),
    "the right ones twice": VALID.adding("Authorization", RIGHT),
    "the right ones with a lower-case scheme": VALID.replacing(
        "Authorization", Credentials(CLIENT_ID, SECRET, scheme="basic ")
    ),
    "an unknown client beside the right one": VALID.adding("Authorization", Credentials(UNKNOWN_ID, UNKNOWN_SECRET)),
    "the right ones, plain": VALID.replacing("Authorization", EXPOSED_ID + ":" + EXPOSED_SECRET),
    "the right ones, without a scheme": VALID.replacing("Authorization", (CLIENT_ID + ":" + SECRET).base64()),
    "the right ones, swapped": VALID.replacing("Authorization", (SECRET + ":" + CLIENT_ID).base64()),
    "the right ones, encoded twice": VALID.replacing("Authorization", (CLIENT_ID + ":" + SECRET).base64().base64()),
    "the right ones in the body": NOBODY.adding_parameters(REAL_ID, REAL_SECRET),
    "the right ones in the query": NOBODY.with_query(REAL_ID + "&" + REAL_SECRET),
    "the right ones in header and body": VALID.adding_parameters(REAL_ID, REAL_SECRET),
    "the id alone in the body": NOBODY.adding_parameters(REAL_ID),
    "parameters without a value": VALID.adding_parameters("client_id=", "client_secret="),
    "an unknown client in the body": NOBODY.adding_parameters("client_id=" + UNKNOWN_ID, "client_secret=x"),
    "a wrong secret that is not sent": VALID.adding_parameters("client_secret=x").without_body(),
}


@EVERY
@pytest.mark.parametrize("name", SPENDS)
def test_a_wrong_secret_of_the_real_client_is_recognised(name: str, bindings: Bindings) -> None:
    assert tries_wrong_secret(SPENDS[name], bindings)


@EVERY
@pytest.mark.parametrize("name", SPENDS_NOT)
def test_what_presents_no_wrong_secret_spends_nothing(name: str, bindings: Bindings) -> None:
    assert not tries_wrong_secret(SPENDS_NOT[name], bindings)


def test_the_spelling_that_a_server_does_not_read_is_a_wrong_secret() -> None:
    raw = VALID.replacing("Authorization", "Basic " + (CLIENT_ID + ":" + SECRET).base64())
    encoded = VALID.replacing("Authorization", "Basic " + (CLIENT_ID.form() + ":" + SECRET.form()).base64())
    assert tries_wrong_secret(raw, FORM_BASIC)
    assert not tries_wrong_secret(encoded, FORM_BASIC)
    assert tries_wrong_secret(encoded, RAW_BASIC)
    assert not tries_wrong_secret(raw, RAW_BASIC)
    for plain in (replace(FORM_BASIC, secret="plain-secret"), replace(RAW_BASIC, secret="plain-secret")):
        assert not tries_wrong_secret(raw, plain)
        assert not tries_wrong_secret(encoded, plain)


def test_an_escaped_letter_of_the_id_is_no_wrong_secret() -> None:
    escaped = VALID.replacing("Authorization", "Basic " + ("%6Dy-client:" + SECRET.form()).base64())
    assert not tries_wrong_secret(escaped, FORM_BASIC)
    wrong = VALID.replacing("Authorization", "Basic " + literal("%6Dy-client:x").base64())
    assert tries_wrong_secret(wrong, FORM_BASIC)


def test_a_colon_in_the_id_hides_no_wrong_secret() -> None:
    odd = replace(PASSPORT, client_id="urn:client:1", secret="a:b")
    assert not tries_wrong_secret(VALID, odd)
    assert tries_wrong_secret(VALID.authorized(SECRET + "x"), odd)


def test_credentials_that_decode_to_far_too_much_are_looked_at_in_no_time() -> None:
    assert not tries_wrong_secret(header(literal(b":" * 500_000).base64()), PASSPORT)


TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FF, exclude_characters=":"), min_size=1, max_size=40)
LENIENT = st.sampled_from(
    [
        lambda value: value,
        lambda value: value.rstrip(b"="),
        lambda value: value + b"!",
        lambda value: value[:2] + b" " + value[2:],
        lambda value: value[:3] + b"\n" + value[3:],
        lambda value: value.translate(bytes.maketrans(b"+/", b"-_")),
        lambda value: b"Basic " + value,
        lambda value: b"bAsIc\t " + value,
        lambda value: b" " + value + b" ",
        lambda value: b"Bearer " + value,
    ],
)


@given(client=TEXT, own=TEXT, other=TEXT, lenient=LENIENT, bindings=st.sampled_from([PASSPORT, FORM_BASIC, RAW_BASIC]))
@settings(deadline=None, max_examples=300)
def test_whatever_decodes_to_the_real_id_and_another_secret_spends(
    client: str, own: str, other: str, lenient: object, bindings: Bindings
) -> None:
    assert callable(lenient)
    bindings = replace(bindings, client_id=client, secret=own)
    template = VALID.replacing("Authorization", lenient(b64(f"{client}:{other}~")))
    if f"{other}~" == own or quote_plus(own) == f"{other}~":
        return
    assert tries_wrong_secret(template, bindings)


UNKNOWN_PARTS = st.sampled_from(
    [UNKNOWN_ID, UNKNOWN_SECRET, literal(":"), literal("x"), literal("Basic "), literal("&client_secret="), SCHEME]
)


@given(parts=st.lists(UNKNOWN_PARTS, max_size=6), encoded=st.booleans(), place=st.sampled_from(["header", "body"]))
@settings(deadline=None)
def test_a_request_without_the_real_client_never_spends(parts: list[Expression], encoded: bool, place: str) -> None:
    value = literal(b"")
    for part in parts:
        value += part
    value = value.base64() if encoded else value
    template = header(value) if place == "header" else NOBODY.with_form("client_id=" + value)
    for bindings in (PASSPORT, FORM_BASIC, RAW_BASIC):
        assert not tries_wrong_secret(template, bindings)


# Two requests on one connection, and a body that waits


def test_a_request_after_another_is_a_template_of_its_own() -> None:
    plain = VALID.removing("Connection")
    after_valid, after_other = on_one_connection(VALID, VALID), on_one_connection(VALID.with_form("a=b"), VALID)
    held = plain.holding_its_body()
    assert len({plain.digest, after_valid.digest, after_other.digest, held.digest}) == 4
    assert sent(after_valid) == sent(after_other) == sent(held) == sent(plain)
    assert changed_lines(after_valid) == (
        "- Connection: close",
        "+ (on the connection of: - Connection: close)",
    )
    assert changed_lines(held, plain) == ("+ (the body waits for an answer to the header section)",)


def test_a_wrong_secret_in_the_first_of_two_requests_counts() -> None:
    wrong = VALID.authorized(SECRET + "x")
    assert tries_wrong_secret(on_one_connection(wrong, VALID), PASSPORT)
    assert not tries_wrong_secret(on_one_connection(VALID, VALID), PASSPORT)
