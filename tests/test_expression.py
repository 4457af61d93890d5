from __future__ import annotations

import base64
from dataclasses import replace
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conformance.bindings import Bindings, Inapplicable, Run
from conformance.expression import (
    CLIENT_ID,
    DOCUMENTED_PATH,
    EXPOSED_ID,
    EXPOSED_SECRET,
    HOST,
    PATH,
    READ_RAW,
    SCHEME,
    SCOPE,
    SECRET,
    UNKNOWN_ID,
    UNKNOWN_SECRET,
    Credentials,
    Expression,
    Repeated,
    form,
    form_octets,
    literal,
    octets,
    visible,
)

CANARY = "p+a/s=s%w\"ö<&>'\\ :x"

PASSPORT = Bindings(
    client_id="id",
    secret="s3cret",
    exposed_id="made-up",
    exposed_secret="made-up-secret",
    exposed_works=False,
    unknown_id="nobody",
    unknown_secret="nothing",
    scope="read",
    host="idp.example:8443",
    path="/base/token",
    documented_path="/base/documented",
    basic=False,
    form_encoded=False,
)
RFC6749 = replace(PASSPORT, basic=True, form_encoded=True)


def data(value: Expression, bindings: Bindings = PASSPORT) -> bytes:
    return octets(value.runs(bindings))


def secret(value: Expression, bindings: Bindings = PASSPORT) -> bytes:
    return b"".join(run.data for run in value.runs(bindings) if run.secret)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (CLIENT_ID, b"id"),
        (SECRET, b"s3cret"),
        (EXPOSED_ID, b"made-up"),
        (EXPOSED_SECRET, b"made-up-secret"),
        (UNKNOWN_ID, b"nobody"),
        (UNKNOWN_SECRET, b"nothing"),
        (SCOPE, b"read"),
        (HOST, b"idp.example:8443"),
        (PATH, b"/base/token"),
        (DOCUMENTED_PATH, b"/base/documented"),
        (SCHEME, b""),
    ],
)
def test_a_symbol_stands_for_what_the_target_says(symbol: Expression, expected: bytes) -> None:
    assert data(symbol) == expected


def test_the_scheme_is_a_word_and_a_blank_where_the_profile_sends_basic() -> None:
    assert data(SCHEME, RFC6749) == b"Basic "


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (SECRET, b"s3cret"),
        (CLIENT_ID + ":" + SECRET, b"s3cret"),
        ("x" + SECRET, b"s3cret"),
        (SECRET.without_last(), b"s3cre"),
        (SECRET + "x", b"s3cret"),
        (SECRET.case_swapped(), b"S3CRET"),
        (SECRET.middle_swapped(), b"s3Cret"),
        (SECRET.form(), b"s3cret"),
        (SECRET.percent_encoded(), b"s3cret"),
        (SECRET.base64(), base64.b64encode(b"s3cret")),
        (SECRET.base64().base64(), base64.b64encode(base64.b64encode(b"s3cret"))),
        (Credentials(CLIENT_ID, SECRET), base64.b64encode(b"id:s3cret")),
        (Credentials(CLIENT_ID, SECRET).split_by_blank(), base64.b64encode(b"id:s3cret")),
        ((CLIENT_ID + ":" + SECRET).form(), b"s3cret"),
        (CLIENT_ID, b""),
        (CLIENT_ID.base64(), b""),
        (UNKNOWN_SECRET, b""),
        (EXPOSED_SECRET, b""),
        (Credentials(UNKNOWN_ID, UNKNOWN_SECRET), b""),
    ],
)
def test_what_was_made_from_a_secret_is_known_to_be_one_however_it_was_edited(
    value: Expression, expected: bytes
) -> None:
    assert secret(value) == expected


def test_the_exposed_secret_is_a_secret_where_it_is_the_real_one() -> None:
    real = replace(PASSPORT, exposed_id="id", exposed_secret="s3cret", exposed_works=True)
    assert secret(EXPOSED_SECRET, real) == b"s3cret"


@pytest.mark.parametrize("bindings", [PASSPORT, RFC6749])
def test_the_scheme_word_of_edited_credentials_is_no_secret(bindings: Bindings) -> None:
    edited = Credentials(CLIENT_ID, SECRET, scheme="Basic ").split_by_blank().runs(bindings)
    assert edited[0] == Run(b"Basic ")
    assert octets(edited) == b"Basic aW Q6czNjcmV0"


@pytest.mark.parametrize(
    ("bindings", "expected"),
    [
        (PASSPORT, "b64(id:p+a)"),
        (RFC6749, "Basic b64(id:p%2Ba)"),
        (replace(RFC6749, form_encoded=False), "Basic b64(id:p+a)"),
        (replace(PASSPORT, form_encoded=True), "b64(id:p+a)"),
    ],
    ids=["bare", "Basic, form-encoded", "Basic, raw", "bare is never form-encoded"],
)
def test_credentials_take_the_form_of_the_profile(bindings: Bindings, expected: str) -> None:
    scheme, _, pair = expected.removesuffix(")").partition("b64(")
    found = data(Credentials(CLIENT_ID, SECRET), replace(bindings, secret="p+a"))
    assert found == scheme.encode() + base64.b64encode(pair.encode())


def test_what_a_case_writes_beside_a_symbol_is_not_form_encoded() -> None:
    value = Credentials(CLIENT_ID + "\0", SECRET + ":x\n")
    pair = base64.b64decode(data(value, replace(RFC6749, secret="p+a")).removeprefix(b"Basic "))
    assert pair == b"id\0:p%2Ba:x\n"


def test_an_edit_of_the_secret_comes_before_its_form_encoding() -> None:
    value = Credentials(CLIENT_ID, SECRET.without_last())
    pair = base64.b64decode(data(value, replace(RFC6749, secret="a+ö")).removeprefix(b"Basic "))
    assert pair == b"id:a%2B"


def test_the_last_character_may_be_several_octets() -> None:
    assert data(SECRET.without_last(), replace(PASSPORT, secret="aö")) == b"a"
    assert data(literal(b"a\xff").without_last()) == b"a"


def test_only_ascii_letters_swap_their_case() -> None:
    assert data(literal("aZ1[@`ö").case_swapped()) == "Az1[@`ö".encode()


def test_the_word_before_the_blank_decodes_to_no_id_and_secret() -> None:
    for bindings in (PASSPORT, RFC6749):
        first = data(Credentials(CLIENT_ID, SECRET).split_by_blank(), bindings).removeprefix(b"Basic ").split(b" ")[0]
        assert b":" not in base64.b64decode(first + b"==")


@pytest.mark.parametrize(
    ("value", "bindings", "words"),
    [
        (SCOPE, replace(PASSPORT, scope=None), "--scope"),
        (SECRET.case_swapped(), replace(PASSPORT, secret="12-34_ö"), "no letter"),
        (Credentials(CLIENT_ID, SECRET).without_padding(), PASSPORT, "no padding"),
        (SECRET.without_last(), replace(PASSPORT, secret=""), "empty"),
        (SCOPE.first_word(), PASSPORT, "single name"),
        (SCOPE.last_word(), PASSPORT, "single name"),
    ],
)
def test_an_edit_that_would_change_nothing_is_inapplicable_and_says_why(
    value: Expression, bindings: Bindings, words: str
) -> None:
    with pytest.raises(Inapplicable, match=words):
        value.runs(bindings)


@pytest.mark.parametrize(
    ("value", "expected", "words"),
    [
        (SCOPE.form(), b"read%2Ball+write+admin", "form({scope})"),
        (SCOPE.percent_encoded(), b"read%2Ball%20write%20admin", "percent encoded({scope})"),
        (SCOPE.first_word(), b"read+all", "first word({scope})"),
        (SCOPE.last_word().form(), b"admin", "form(last word({scope}))"),
    ],
)
def test_a_scope_of_several_names_can_be_spelled_and_taken_apart(
    value: Expression, expected: bytes, words: str
) -> None:
    assert data(value, replace(PASSPORT, scope="read+all write admin")) == expected
    assert str(value) == words


def test_padding_goes_where_there_is_some() -> None:
    assert data(Credentials(CLIENT_ID, SECRET).without_padding(), replace(PASSPORT, secret="s3cre")) == b"aWQ6czNjcmU"


def test_repeated_octets_stay_short_in_words() -> None:
    long = Repeated(b"a\n", 50_000)
    assert data(long) == b"a\n" * 50_000
    assert str(long) == "{50000 times a\\n}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (CLIENT_ID + ":" + SECRET, "{client id}:{secret}"),
        (Credentials(CLIENT_ID, SECRET.without_last()), "{scheme}base64({client id}:without last({secret}))"),
        (Credentials(CLIENT_ID, SECRET, scheme="bAsIc "), "bAsIc base64({client id}:{secret})"),
        (literal(b"a\r\n\t\\\x00\xff"), "a\\r\\n\\t\\\\\\x00\\xff"),
    ],
)
def test_a_value_in_words_shows_symbols_and_no_secret(value: Expression, words: str) -> None:
    assert str(value) == words


def test_no_representation_shows_a_secret() -> None:
    bindings = replace(
        PASSPORT,
        secret=CANARY,
        exposed_secret=CANARY,
        exposed_works=True,
        headers=(("X-Key", CANARY, True),),
        parameters=(("key", CANARY, True),),
    )
    shown = repr(bindings) + "".join(repr(run) for run in Credentials(CLIENT_ID, SECRET).runs(bindings))
    shown += repr(SECRET.runs(bindings)) + repr((SECRET + "x").base64())
    assert CANARY not in shown
    assert repr(CANARY)[1:-1] not in shown
    assert base64.b64encode(f"id:{CANARY}".encode()).decode() not in shown
    assert CANARY[:6] not in shown


def test_a_needless_escape_stands_in_the_spelling_that_the_server_reads() -> None:
    needless = Credentials(CLIENT_ID.needless_form(), SECRET, scheme="")
    form_encoded = replace(RFC6749, client_id="1 é-id", secret="a+b")
    assert base64.b64decode(data(needless, form_encoded)) == b"1+%C3%A9-%69d:a%2Bb"
    raw = replace(form_encoded, form_encoded=False)
    assert base64.b64decode(data(needless, raw)) == "1 é-%69d:a+b".encode()
    with pytest.raises(Inapplicable, match="no letter"):
        data(needless, replace(raw, client_id="123"))


def test_a_special_form_is_sent_where_it_says_something() -> None:
    assert data(SECRET.special_form(), replace(RFC6749, secret="a=b")) == b"a%3Db"
    assert secret(SECRET.special_form(), replace(RFC6749, secret="a=b")) == b"a%3Db"
    with pytest.raises(Inapplicable, match="no character that form encoding changes"):
        data(SECRET.special_form(), RFC6749)
    with pytest.raises(Inapplicable, match=READ_RAW):
        data(SECRET.special_form(), replace(RFC6749, secret="a=b", form_encoded=False))


def test_the_alphabet_for_urls_differs_where_the_base64_has_other_characters() -> None:
    odd = replace(PASSPORT, secret="???>>>~~~")
    url_safe = Credentials(CLIENT_ID, SECRET).url_safe()
    assert base64.urlsafe_b64decode(data(url_safe, odd)) == b"id:???>>>~~~"
    assert b"_" in secret(url_safe, odd)
    with pytest.raises(Inapplicable, match="neither"):
        data(url_safe)


@given(st.text())
@example(CANARY)
def test_form_encoding_is_undone_by_any_form_decoder(text: str) -> None:
    encoded = form(text)
    assert encoded.encode() == form_octets(text.encode())
    assert unquote_to_bytes(encoded.replace("+", " ")) == text.encode()
    # A tilde may stand for itself: every decoder leaves it alone, and a server that reads no escapes knows it.
    assert set(encoded) <= set("~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-._+%")


@given(st.binary())
def test_octets_in_words_are_printable_and_tell_them_apart(value: bytes) -> None:
    shown = visible(value)
    assert shown.isascii()
    assert shown == "" or shown.isprintable()
    assert shown.encode().decode("unicode_escape").encode("latin-1") == value
