"""The folder that a run leaves, where the server answers with octets that attack whoever shows them."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from conformance import judging
from conformance.report.folder import FILES
from conformance.report.page import TITLE
from conformance.report.ranking import ORDER
from conformance.report.results import MEANING

CLIENT, SECRET = "page-client", "Page-Secret-that-nobody-sees"
BASE64 = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
TOKEN = "token-0123456789-abcdefghijklmnop"
ATTACK = "</pre></div><script>alert('pwned')</script><img src=x onerror=alert(1)>{{7*7}}&lt;b>"
HOSTILE = f"{ATTACK}\x1b[31m\x07\x9b\u202e]]>\n::error::pwned\n##[command]pwned\n<!--"
GRANT = f'{{"access_token": "{TOKEN}", "token_type": "Bearer", "expires_in": 3600}}'.encode()
ERROR = json.dumps({"error": ATTACK, "error_description": HOSTILE}, ensure_ascii=False).encode()

ELEMENTS = {"div", "p", "dl", "dt", "dd", "pre", "code", "a", "details", "summary", "h3", "td", "span"}
ATTRIBUTES = {"class", "href", "target", "rel", "hidden"}

AREAS = "REQ,CTYPE,ERR,GRANT"


class Elements(HTMLParser):
    """The elements of a piece of HTML with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.found.append(("!", {"comment": data}))

    def handle_data(self, data: str) -> None:
        self.text += data


@dataclass(frozen=True)
class Left:
    """What a run left.

    Attributes:
        folder: its folder.
        said: what it wrote on the terminal.
        code: its exit code.
    """

    folder: Path
    said: str
    code: int


def answer(request: bytes) -> bytes:
    """A token for the valid request, and an attack for everything else."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    plain = len(lines) == 8 and b"Authorization: " + BASE64.encode() in lines and b"Accept: */*" in lines
    form = b"Content-Type: application/x-www-form-urlencoded" in lines
    if plain and form and lines[0].startswith(b"POST") and body == b"grant_type=client_credentials":
        return reply(b"200 OK", b"application/json", GRANT)
    return reply(b"400 " + HOSTILE.partition("\n")[0].encode(), ATTACK.encode(), ERROR)


def reply(status: bytes, media_type: bytes, body: bytes) -> bytes:
    length = str(len(body)).encode()
    fields = (b"Content-Type: " + media_type, b"Cache-Control: no-store", b"Content-Length: " + length)
    return b"\r\n".join((b"HTTP/1.1 " + status, *fields, b"Connection: close", b"", body))


def serve(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(5)
            data = b""
            while b"\r\n\r\n" not in data and (piece := connection.recv(65536)):
                data += piece
            length = re.search(rb"(?i)content-length: *([0-9]+)", data)
            end = data.find(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
            while len(data) < end and (piece := connection.recv(65536)):
                data += piece
            connection.sendall(answer(data))


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    """The base URL of a server whose answers are attacks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def run(folder: Path, *options: str, secret: str = SECRET) -> Left:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("TOKEN_CONFORMANCE", "PYTEST"))}
    command = [sys.executable, "-m", "conformance", "run", "--report-dir", str(folder), "--examples", "0", *options]
    done = subprocess.run(
        command,
        cwd=folder.parent,
        env={**ours, "TOKEN_CONFORMANCE_CLIENT_SECRET": secret, "GITHUB_ACTIONS": "true", "GITHUB_REF": ATTACK},
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.stderr == b""
    return Left(folder, done.stdout.decode("ascii"), done.returncode)


@pytest.fixture(scope="module")
def left(hostile: str, tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("runs") / "now"
    return run(folder, "--base-url", hostile, "--client-id", CLIENT, "--select", AREAS)


def blob(folder: Path) -> dict[str, Any]:
    """What the page's script shows."""
    page = Elements((folder / "report.html").read_text())
    (data,) = [attributes["data-jsonblob"] for _, attributes in page.found if "data-jsonblob" in attributes]
    found: dict[str, Any] = json.loads(data or "")
    return found


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for several in blob(folder)["tests"].values() for row in several]


def test_the_run_found_something(left: Left) -> None:
    results = json.loads((left.folder / "results.json").read_text())
    assert (left.code, results["verdict"]) == (1, "non-conformant")
    assert results["summary"]["failed"] > 5
    assert "pwned" in (left.folder / "exchanges.jsonl").read_text()


def test_octets_from_the_wire_are_never_markup_in_the_page(left: Left) -> None:
    texts = ""
    for row in rows(left.folder):
        for piece in (*row["resultsTableRow"], *(extra["content"] for extra in row["extras"]), row["log"]):
            found = Elements(piece)
            texts += found.text
            assert {tag for tag, _ in found.found} <= ELEMENTS
            assert {name for _, attributes in found.found for name in attributes} <= ATTRIBUTES
            links = [attributes["href"] or "" for _, attributes in found.found if "href" in attributes]
            assert all(link.startswith("https://www.rfc-editor.org/") for link in links)
    assert "<script>alert('pwned')</script>" in texts
    page = Elements((left.folder / "report.html").read_text())
    # Ours, and that of pytest-html's template.
    assert [tag for tag, _ in page.found].count("script") == 2
    assert not [tag for tag, attributes in page.found if "onerror" in attributes]
    # Two comments are those of pytest-html's template.
    assert {attributes["comment"] for tag, attributes in page.found if tag == "!"} == {" TEMPLATES ", " END TEMPLATES "}
    assert not re.search("[^\n\x20-\x7e]", json.dumps(blob(left.folder), ensure_ascii=False).replace("\xa0", " "))


def test_nothing_of_the_environment_is_in_the_page(left: Left) -> None:
    assert blob(left.folder)["environment"] == {}


def test_junit_is_well_formed_and_holds_the_verdicts(left: Left) -> None:
    suite = ET.parse(left.folder / "junit.xml").getroot()
    cases = list(suite.iter("testcase"))
    results = json.loads((left.folder / "results.json").read_text())
    assert len(cases) == len(results["cases"])
    failed = [case.get("name", "") for case in cases if case.find("failure") is not None]
    assert len(failed) == results["summary"]["failed"]
    errors = [case for case in cases if case.find("error") is not None]
    assert len(errors) == results["summary"]["inconclusive"] + results["summary"]["error"]
    assert not re.search("[^\n\t\x20-\x7e]", (left.folder / "junit.xml").read_text())


def test_the_terminal_is_not_attacked(left: Left) -> None:
    assert not re.search("[^\n\x20-\x7e]", left.said)
    assert not re.search(r"^\s*::|##", left.said, re.MULTILINE)
    *_, summary, path = left.said.splitlines()
    assert summary.startswith("non-conformant: ")
    assert path == f"report: {left.folder / 'index.html'}"


def test_no_file_holds_a_secret_or_a_token(left: Left) -> None:
    files = sorted(left.folder.iterdir())
    assert [file.name for file in files] == sorted(FILES)
    for text in (left.said, *(file.read_text() for file in files)):
        assert not [one for one in (SECRET, BASE64, BASE64.rstrip("="), TOKEN) if one in text]


def test_every_case_is_a_row_under_our_own_words(left: Left) -> None:
    results = json.loads((left.folder / "results.json").read_text())
    shown = []
    for row in rows(left.folder):
        hidden, verdict, *cells = (Elements(cell).text for cell in row["resultsTableRow"])
        # The page's filters know no other words than these.
        assert row["result"] == hidden
        assert hidden.lower() in {"passed", "failed", "skipped", "xfailed", "error"}
        rank, word = re.fullmatch(r"(\d)(.+)", verdict).groups()  # type: ignore[union-attr]
        assert ORDER[int(rank)].replace("_", " ") == word
        shown.append((cells[0], word.replace(" ", "_"), *cells[1:]))
        assert row["testId"] == cells[0]
        assert row["log"] == ""
    wanted = [(one["id"], one["verdict"], one["level"], one["area"], one["title"]) for one in results["cases"]]
    assert shown == wanted
    assert blob(left.folder)["initialSort"] == "verdict"
    assert {one["verdict"] for one in results["cases"]} >= {"passed", "failed", "not_applicable"}


def test_a_finding_shows_its_evidence(left: Left) -> None:
    (row,) = [row for row in rows(left.folder) if row["testId"] == "CTYPE-002"]
    (extra,) = row["extras"]
    text = Elements(extra["content"]).text
    for part in (
        "Expecteda token",
        "+ Content-Type: ",
        "Remedy",
        "token-conformance run --base-url",
        "--select CTYPE-002",
        "sent, ",
        "received, ",
        "HTTP/1.1 400 </pre></div><script>",
        "\\x1b[31m\\x07",
        "\\r\\n\n",
    ):
        assert part in text
    assert re.search(r"Authorization: \*+\\r\\n", text)


def test_the_page_begins_with_the_verdict(left: Left) -> None:
    page = (left.folder / "report.html").read_text()
    text = Elements(page).text
    assert text.index("non-conformant") < text.index(MEANING["non-conformant"]) < text.index("Show all details")
    assert f'<title id="head-title">{TITLE}</title>' in page
    assert "EMBEDDED ENDPOINT" not in text
    assert "seed 1" in text


def test_the_embedded_endpoint_is_named_in_page_and_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "now"
    command = [sys.executable, "-m", "conformance", "run", "--report-dir", str(folder), "--select", "REQ-001", "-q"]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TOKEN_CONFORMANCE")}
    done = subprocess.run(command, cwd=tmp_path, env=ours, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout.startswith("conformant: 1 passed")
    assert len(done.stdout.splitlines()) == 1
    assert "EMBEDDED ENDPOINT" in (folder / "report.html").read_text()


def test_an_unusable_run_has_every_case_in_its_page(hostile: str, tmp_path: Path) -> None:
    kept = run(tmp_path / "now", "--base-url", hostile, "--client-id", CLIENT, "--select", AREAS, secret="wrong")
    assert kept.code == 3
    results = json.loads((kept.folder / "results.json").read_text())
    assert results["verdict"] == "unusable"
    assert len(rows(kept.folder)) == len(results["cases"]) == results["summary"]["inconclusive"]
    assert MEANING["unusable"] in (kept.folder / "report.html").read_text()
    assert not re.search("[^\n\x20-\x7e]", kept.said)


def test_every_verdict_has_its_place_in_the_order() -> None:
    assert set(ORDER) == set(judging.VERDICTS)
