"""A canary secret full of special characters: it travels in requests, and gets into nothing that is written."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus, unquote_to_bytes

import pytest

from conformance import reference
from conformance.report.folder import FILES
from tests.once import once
from tests.servers import CLIENT, _passed_on, serving

CANARY = "c4n4ry+/=%&\"'<>\\ ö:ü€Z9x"
HEADER = "h34d3r~/%=&'\"#!\\ ;Q7w-k3y"
PARAMETER = "p4r4m=/%&+\"'{}\\ ä;ß¥Y8v"
FURTHER = {
    "second": "s3c0nd+/=%&\"'<>\\ ö;K5t-one",
    "special": "sp3c1al:~+%41&='\"\\ ü:N6r-two",
    "sacrificial": "l4mb~/%=&'\"#!\\ ß;J2m-three",
    "unentitled": "un3nt1tl3d=/%&+\"'{}\\ ¥;H4p-four",
}
SECRETS = (CANARY, HEADER, PARAMETER, *FURTHER.values())
ECHOES = ("err-echoes-secret", "auth-challenge-echo", "succ-secret", "err-echoes-body", "err-header-echo")
PLAIN, BASE64 = 8, 12
"""Octets of a secret, and of its Base64, that give it away."""


def windows(data: bytes, size: int) -> set[bytes]:
    return {data[at : at + size] for at in range(len(data) - size + 1)}


def traces(secret: str) -> set[bytes]:
    """Every stretch of every spelling of a secret that must not be found."""
    plain = secret.encode()
    found = windows(plain, PLAIN) | windows(plain.decode("latin-1").encode(), PLAIN + 4)
    found |= {
        spelling for part in windows(plain, PLAIN) for spelling in (part.hex().encode(), part.hex().upper().encode())
    }
    for part in (secret[at : at + PLAIN] for at in range(len(secret) - PLAIN + 1)):
        percent = quote(part, safe="")
        texts = (percent, percent.lower(), quote_plus(part), json.dumps(part)[1:-1], html.escape(part))
        found |= {text.encode() for text in (*texts, json.dumps(part, ensure_ascii=False)[1:-1].replace("/", "\\/"))}
    for text in (plain, quote_plus(secret).encode()):
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + text)
            # The first characters mix in what stands before the secret, the last ones what stands after it.
            inner = encoded[(0, 2, 3)[shift] : len(encoded) - 4]
            found |= windows(inner, BASE64) | windows(inner.translate(bytes.maketrans(b"+/", b"-_")), BASE64)
    return found


TRACES = frozenset(trace for secret in SECRETS for trace in traces(secret))


def readings(data: bytes) -> list[bytes]:
    """What a reader of a file could make of it: as it stands, and with one or two layers of encoding taken off."""
    text = data.decode("utf-8", "replace")
    unescaped = html.unescape(text)
    unquoted = re.sub(r"\\u([0-9a-fA-F]{4})", lambda one: chr(int(one[1], 16)), unescaped)
    plain = re.sub(r'\\(["\\/])', r"\1", unquoted)
    found = [data, unescaped.encode(), unquoted.encode("utf-8", "replace"), plain.encode("utf-8", "replace")]
    found += [
        unquoted.encode("latin-1", "replace"),
        unquote_to_bytes(data),
        unquote_plus(plain).encode("utf-8", "replace"),
    ]
    for match in re.finditer(rb"[A-Za-z0-9+/_-]{16,}={0,2}", data):
        for shift in range(4):
            run = match[0].rstrip(b"=")[shift:]
            found.append(base64.urlsafe_b64decode(run[: len(run) // 4 * 4].replace(b"+", b"-").replace(b"/", b"_")))
    return found


def leaks(data: bytes, wanted: frozenset[bytes] = TRACES) -> set[bytes]:
    """The stretches of secrets that can be read out of some octets."""
    # A recording repeats itself, so each of its lines is looked at once; no secret here holds a line end.
    lines = set(re.split(rb"\n|(?<!\\)\\n", data))
    whole = b"\n".join({reading for line in lines for reading in readings(line)})
    heads = {trace[:PLAIN] for trace in wanted}
    near = windows(whole, PLAIN) & heads
    return {trace for trace in wanted if trace[:PLAIN] in near and trace in whole}


@dataclass(frozen=True)
class Left:
    """What a run left.

    Attributes:
        code: its exit code.
        written: everything that it wrote, by name; the terminal included.
        tokens: the tokens that it got.
        sent: the requests as they arrived.
    """

    code: int
    written: dict[str, bytes]
    tokens: set[bytes]
    sent: list[bytes]


def run(folder: Path, profile: str, *words: str) -> Left:
    """A run against the embedded endpoint that knows the canary and repeats it wherever it can."""
    tokens: set[bytes] = set()
    with reference.start(profile, defects=ECHOES, client_id=CLIENT, client_secret=CANARY) as running:

        def script(request: object) -> bytes:
            data = _passed_on(running, request.data)  # type: ignore[attr-defined]
            tokens.update(re.findall(rb'"access_token": *"([^"]+)"', data))
            return data

        with serving(script, CLIENT, CANARY) as server:
            line = [str(Path(sys.executable).with_name("token-conformance")), "run", "-v", "--report-dir", "out"]
            line += ["--base-url", server.base_url, "--token-path", running.token_path, "--client-id", CLIENT]
            kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKEN_CONFORMANCE")}
            env = {
                "TOKEN_CONFORMANCE_CLIENT_SECRET": CANARY,
                "TOKEN_CONFORMANCE_HEADER": f"X-Api-Key: {HEADER}",
                "TOKEN_CONFORMANCE_PARAMETER": f"audience={PARAMETER}",
            }
            for role, secret in FURTHER.items():
                stem = f"TOKEN_CONFORMANCE_{role.upper()}_CLIENT_"
                env |= {f"{stem}ID": f"{role}-app", f"{stem}SECRET": secret}
            done = subprocess.run(
                [*line, "--profile", profile, "--scope", "read", *words],
                cwd=folder,
                env={**kept, **env},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=110,
                check=False,
            )
    written = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return Left(
        done.returncode,
        {**written, "stdout": done.stdout, "stderr": done.stderr},
        tokens,
        [request.data for request in server.asked],
    )


@pytest.fixture(scope="module", params=["passport", "rfc6749"])
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Left:
    profile: str = request.param
    return once(tmp_path_factory, f"secrets-{profile}", lambda folder: run(folder, profile, "--examples", "10"))


def test_the_run_found_the_echoes_and_tried_near_misses(left: Left) -> None:
    assert left.code == 1, left.written["stdout"].decode()
    results = json.loads(left.written["out/results.json"])
    failed = {row["id"] for row in results["cases"] if row["verdict"] == "failed"}
    assert {"ERR-007", "SUCC-012"} <= failed
    near = {row["id"]: row for row in results["cases"] if row["id"] in ("AUTH-008", "AUTH-026")}
    assert all(row["verdict"] != "not_applicable" for row in near.values()), near
    arrived = b"".join(left.sent)
    assert f"X-Api-Key: {HEADER}".encode() in arrived
    assert quote_plus(PARAMETER).encode() in arrived
    for role, secret in FURTHER.items():
        pairs = (f"{role}-app:{secret}", f"{role}-app:{quote_plus(secret, safe='*-._')}")
        assert any(base64.b64encode(pair.encode()) in arrived for pair in pairs)
    assert len(left.tokens) > 20
    assert set(left.written) == {
        *(f"out/{name}" for name in FILES),
        "stdout",
        "stderr",
    }


def test_no_spelling_of_a_secret_is_written_anywhere(left: Left) -> None:
    assert {name: found for name, data in left.written.items() if (found := leaks(data))} == {}


def test_no_token_is_written_anywhere(left: Left) -> None:
    parts = frozenset(part for token in left.tokens for part in windows(token, 16))
    assert {name: found for name, data in left.written.items() if (found := leaks(data, parts))} == {}


def test_the_echoes_are_masked_and_not_left_out(left: Left) -> None:
    for name in ("out/exchanges.jsonl", "out/exchanges.har", "out/report.html", "out/index.html"):
        assert b"*" * 16 in left.written[name]
        assert b"invalid_client" in left.written[name]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "spell",
    [
        lambda secret: secret.encode(),
        lambda secret: secret[5:].encode(),
        lambda secret: quote(secret, safe="").encode(),
        lambda secret: quote_plus(secret).encode(),
        lambda secret: json.dumps(secret).encode(),
        lambda secret: json.dumps(json.dumps(secret)).encode(),
        lambda secret: html.escape(json.dumps(secret)).encode(),
        lambda secret: html.escape(secret).encode(),
        lambda secret: secret.encode().hex().encode(),
        lambda secret: base64.b64encode(f"{CLIENT}:{secret}".encode()),
        lambda secret: base64.b64encode(f"{CLIENT}x:{secret[:-1]}".encode()),
        lambda secret: base64.b64encode(f"{CLIENT}xy:{secret}!".encode()),
        lambda secret: base64.b64encode(f'{{"text": "{secret}"}}'.encode()),
        lambda secret: secret.encode().decode("latin-1").encode(),
    ],
)  # fmt: skip
def test_the_search_finds_what_is_planted(secret: str, spell: object) -> None:
    planted = spell(secret)  # type: ignore[operator]
    assert leaks(b'{"sent": "some octets before\\r\\n' + planted + b' and after"}\n')


def test_the_search_finds_nothing_in_what_is_masked() -> None:
    assert leaks(b'{"sent": "Authorization: ' + b"*" * 60 + b'", "error": "invalid_client"}') == set()
