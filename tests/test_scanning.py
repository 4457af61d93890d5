"""The scan of what a run wrote: it finds every secret in every spelling, and nothing else."""

from __future__ import annotations

import json
import random
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conformance import cli, profiles, scanning
from conformance.case import built_in
from conformance.engine import Inquiry, applicable, conduct
from conformance.known import Known, known, public_facts
from conformance.reference import start
from conformance.report import escape, har, results
from conformance.report.folder import FILES
from conformance.spellings import spellings
from conformance.target import Credentials, Extra, Limits, Secret, target_at
from tests.servers import CLIENT, SECRET, answer, granted, inquiry, probe, serving, token

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.engine import Run

WRITTEN = {
    "results.json": ('{\n  "reason": "', '"\n}\n'),
    "index.html": ("<html><pre>", "</pre></html>"),
    "report.html": ("<html><div data-jsonblob='{&#34;log&#34;: &#34;", "&#34;}'></div></html>"),
    "summary.json": ('{"reason":"', '"}\n'),
    "summary.md": ("- actual: ", "\n"),
    "junit.xml": ('<testsuite><failure message="', '">words</failure></testsuite>'),
    "exchanges.jsonl": ('{"received":"HTTP/1.1 200 OK\\r\\nX-A: ', '\\r\\n"}\n'),
    "exchanges.har": ('{"log": {"entries": [{"text": "', '"}]}}'),
}
ODD = 'pä+ss/wörd€ "x" & <z>\\q%41b'
PLAIN = "Tq7-zW2_kR9xLm4vNp8s"


def found(text: bytes, *secret: str, tokens: tuple[bytes, ...] = (), public: tuple[str, ...] = ()) -> set[str]:
    held = Known([("client secret", one) for one in secret])
    held.add(tokens)
    return {hit.kind for hit in scanning.found_in([("file", lambda: text)], held, public)}


@pytest.mark.parametrize("secret", [PLAIN, ODD, "client_secret_123"])
def test_every_spelling_is_found_in_every_kind_of_file_and_the_file_is_withdrawn(tmp_path: Path, secret: str) -> None:
    held = Known([("client secret", secret)])
    (tmp_path / "clean.json").write_text("{}")
    for spelling, text in spellings(secret):
        for name in FILES:
            before, after = WRITTEN[name]
            (tmp_path / name).write_bytes(before.encode() + text + after.encode())
        hits = scanning.withdraw(tmp_path, held, ())
        assert {(hit.file, hit.kind) for hit in hits} == {(name, "client secret") for name in FILES}, spelling
        assert secret not in str(hits)
        assert [file.name for file in tmp_path.iterdir()] == ["clean.json"]


def test_an_empty_space_in_it_hides_nothing() -> None:
    assert found(escape.markdown("say ab@cd#1x to it").encode(), "ab@cd#1x") == {"client secret"}


def test_an_escape_of_an_escape_hides_nothing() -> None:
    for _, text in spellings(PLAIN):
        twice = json.dumps({"received": text.decode("latin-1")}).replace('"', "&#34;")
        assert found(twice.encode(), PLAIN) == {"client secret"}


@pytest.mark.parametrize("at", range(len(PLAIN) - 7))
def test_eight_octets_are_enough_and_seven_are_not(at: int) -> None:
    assert found(b"x " + PLAIN[at : at + 8].encode() + b" x", PLAIN) == {"client secret"}
    assert found(b"x " + PLAIN[at : at + 7].encode() + b" x", PLAIN) == set()


@pytest.mark.parametrize("shift", range(3))
def test_twelve_characters_of_its_base64_are_enough(shift: int) -> None:
    encoded = [text for name, text in spellings(PLAIN) if name == "Base64"][2 * shift]
    for at in range(2, len(encoded) - 17):
        assert found(b"x " + encoded[at : at + 12] + b" x", PLAIN) == {"client secret"}


def test_a_short_secret_is_searched_for_as_a_whole() -> None:
    assert found(b"is Zq8!pL it", "Zq8!pL") == {"client secret"}
    assert found(b"is Zq8!p it", "Zq8!pL") == set()


def test_words_of_the_protocol_and_facts_of_the_run_prove_nothing() -> None:
    assert found(b"client_secret=*** invalid_request", "client_secret_123") == set()
    assert found(b"client_secret_1", "client_secret_123") == {"client secret"}
    assert (
        found(b"https://acme-passport.example/", "acme-passport-77qX", public=("https://acme-passport.example",))
        == set()
    )
    assert found(b"rt-77qX", "acme-passport-77qX", public=("https://acme-passport.example",)) == set()
    assert found(b"ort-77qX", "acme-passport-77qX", public=("https://acme-passport.example",)) == {"client secret"}


def test_digits_count_from_a_length_that_no_time_or_digest_shares() -> None:
    number, digest = "8274658291038475", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    assert found(number[:10].encode(), number) == set()
    assert found(number.encode(), number) == {"client secret"}
    assert found(digest[4:12].encode(), digest) == set()
    assert found(digest[4:16].encode(), digest) == {"client secret"}


def test_a_row_of_asterisks_is_a_mask_and_no_secret() -> None:
    assert found(b"*" * 40, "*" * 20) == set()


def test_what_tokens_share_opens_nothing_and_what_one_has_alone_does() -> None:
    tokens = (b"acme:live:Xk29dLq0PzW8", b"acme:live:Bv71mNc5RtY3")
    assert found(b"see acme:live: for more", tokens=tokens) == set()
    assert found(b"see acme:live: for more", tokens=tokens[:1]) == {"token"}
    assert found(b"see Xk29dLq0 for more", tokens=tokens) == {"token"}


def test_a_scan_that_misses_its_canary_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "decoded", lambda _: [])
    with pytest.raises(scanning.ScanError, match=r"does not work.*Base64.*hexadecimal"):
        found(b"", PLAIN)


def test_whatever_holds_secrets_shows_their_number_alone() -> None:
    held = Known([("client secret", PLAIN)])
    held.add([b"token-Xk29dLq0PzW8"])
    assert repr(held) == "Known(1 secrets, 1 tokens)"
    assert PLAIN not in repr(vars(held)["_index"])


def test_every_secret_of_a_target_is_known_wherever_it_is_held() -> None:
    target = target_at("http://127.0.0.1:1", "/token", Credentials(CLIENT, Secret(SECRET)))
    target = replace(target, headers=(Extra("X-Key", Secret("gateway-key")), Extra("X-Open", "open")))
    assert known(target).secrets == (("client secret", SECRET), ("secret value of X-Key", "gateway-key"))


def test_tokens_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.known.TOKENS", 3)
    held = Known()
    held.add(secrets.token_urlsafe(24).encode() for _ in range(10))
    assert len(held.tokens) == 3


# Whole runs


CREDENTIALS = {f"AUTH-{number:03}" for number in (1, 2, 3, 5, 6, 8, 14, 26, 27, 33)}
"""Rows that send the secret in other spellings, and near misses of it."""


def conducted(tmp_path: Path, profile: str, secret: str) -> tuple[Run, Known]:
    held: list[Known] = []
    contract = profiles.load(profile, tmp_path)
    with start(profile, client_secret=secret, client_id=CLIENT) as endpoint:
        target = target_at(endpoint.base_url, endpoint.token_path, Credentials(CLIENT, Secret(secret)), name="own")
        cases = tuple(
            one
            for one in applicable(built_in(), contract)
            if one.requirement.area in ("REQ", "SUCC") or one.id in CREDENTIALS
        )
        asked = Inquiry(replace(target, scope="read"), contract, Limits(), cases, built_in(), examples=0)
        record = tmp_path / "exchanges.jsonl"
        run = conduct(asked, record=record, announce=lambda sender, _: held.append(sender.known))
    results.write(tmp_path / "results.json", results.results_text(run))
    results.write(tmp_path / "exchanges.har", har.har_text(run.recording))
    return run, held[0]


FIXED = random.Random(7)
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"
CLEAN = [
    *("".join(FIXED.choices(ALPHABET, k=length)) for length in (8, 12, 16, 24, 32, 43, 64, 128)),
    *(
        FIXED.randbytes(16).hex(),
        "8274658291038475",
        "client_secret_123",
        "password",
        "secret",
        "my-client-credentials",
    ),
    *("ab", "x", "Zq8!pL", "a\"b&c<d>e'f", "a b+c%20d/e=f:g", "background-color"),
]


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
@pytest.mark.parametrize("secret", CLEAN, ids=[f"secret-{at}" for at in range(len(CLEAN))])
def test_a_clean_run_has_no_hit_and_a_planted_secret_or_token_has(tmp_path: Path, profile: str, secret: str) -> None:
    run, held = conducted(tmp_path, profile, secret)
    assert run.result.verdict != "unusable"
    assert held.tokens
    assert scanning.withdraw(tmp_path, held, public_facts(run)) == ()
    with (tmp_path / "results.json").open("ab") as file:
        file.write(held.tokens[-1])
    assert [str(hit) for hit in scanning.withdraw(tmp_path, held, public_facts(run))] == [
        "results.json held the token (plain)"
    ]


def test_a_token_that_reappears_in_another_answer_is_masked_there(tmp_path: Path) -> None:
    text = "Xk29dLq0PzW8-b3BhcXVlLXRva2Vu"
    page = answer(400, b"<p>your last one was " + text.encode() + b"</p>", f"X-Last: {text}", media_type="text/html")
    with serving(lambda request: page if b"probe=" in request.body else token(text)) as server:
        asked = inquiry(server, (granted("OWN-001", probe(1)),))
        run = conduct(asked, record=tmp_path / "exchanges.jsonl")
    pages = [one.received for one in run.recording.exchanges if b"your last one" in one.received]
    assert pages
    assert all(text.encode() not in one and one.count(b"*" * len(text)) == 2 for one in pages)
    assert text not in (tmp_path / "exchanges.jsonl").read_text()


def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *flags: str) -> int:
    monkeypatch.setattr("sys.argv", ["token-conformance", "run", "--select", "REQ", *flags])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(str(end.value.code))


def test_a_hit_withdraws_the_file_and_ends_with_4(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    original = results.results_text
    monkeypatch.setattr(
        "conformance.keeping.results.results_text",
        lambda run: original(run).replace(
            '"reason": "', f'"reason": "{run.inquiry.target.credentials.secret.reveal()}', 1
        ),
    )
    assert planted(monkeypatch, tmp_path, "--report-dir", "kept") == 4
    said = capfd.readouterr()
    assert "withdrawn: results.json held the client secret (plain)" in said.err
    assert {file.name for file in (tmp_path / "kept").iterdir()} == set(FILES) - {"results.json"}


def test_a_scan_that_does_not_work_keeps_nothing_and_ends_with_4(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scanning, "decoded", lambda _: [])
    assert planted(monkeypatch, tmp_path, "--report-dir", "kept") == 4
    assert "the scan does not work" in capfd.readouterr().err
    assert not (tmp_path / "kept").exists()
