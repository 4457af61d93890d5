"""The command line as its users meet it: processes, their exit codes, their output and what they leave behind."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest

from conformance import __version__, catalogue, listing, reference
from conformance.report.folder import FILES, PAGES
from conformance.resources import PACKAGE
from tests import preloaded
from tests.servers import CLIENT, SECRET, answer, decent, endpoint, refusal, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Asked

SCRIPT = str(Path(sys.executable).with_name("token-conformance"))
SUMMARY = re.compile(r"(conformant|non-conformant|inconclusive|unusable): \d+ passed, .* exchanges?, [0-9.]+ s\)")
SCHEMA = jsonschema_rs.validator_for(json.loads((PACKAGE / "report" / "results.schema.json").read_text()))
QUICK = ("--examples", "0")
FEW = ("--select", "REQ,CTYPE,GEN", "--report-dir", "out")


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def environment(**more: str) -> dict[str, str]:
    foreign = ("TOKEN_CONFORMANCE", "PYTEST", "NO_COLOR", "FORCE_COLOR", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **more}


def command(cwd: Path, *words: str, **env: str) -> Done:
    if not any(name.startswith("PYTHON") for name in env):
        return Done(*preloaded.run(words, cwd, environment(**env)))
    done = subprocess.run(
        [SCRIPT, *words],
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def judged(cwd: Path, base_url: str, *words: str, secret: str = SECRET, **env: str) -> Done:
    target = ("--base-url", base_url, "--client-id", CLIENT)
    return command(cwd, "run", *target, *QUICK, *words, TOKEN_CONFORMANCE_CLIENT_SECRET=secret, **env)


def results(folder: Path) -> dict[str, Any]:
    """The results of a folder that holds a whole run."""
    assert {file.name for file in folder.iterdir()} == set(FILES)
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    SCHEMA.validate(found)
    lines = (folder / "exchanges.jsonl").read_text().splitlines()
    assert len(lines) == found["exchanges"] + 2
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert json.loads((folder / "exchanges.har").read_text())["log"]["version"] == "1.2"
    ET.parse(folder / "junit.xml")
    for name in PAGES:
        assert found["verdict"] in (folder / name).read_text()
    return found


@contextmanager
def planted(*defects: str) -> Iterator[str]:
    with reference.start("passport", defects=defects, client_id=CLIENT, client_secret=SECRET) as running:
        yield running.base_url


# Exit codes and the report's path


def test_a_conformant_endpoint_ends_with_0_and_the_path_of_the_report(tmp_path: Path) -> None:
    done = command(tmp_path, "run", "--select", "CTYPE-009", *QUICK)
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].startswith("EMBEDDED ENDPOINT")
    assert SUMMARY.fullmatch(done.lines[-2])
    page = Path(done.lines[-1].removeprefix("report: "))
    assert re.fullmatch(r"reports/embedded/\d{8}T\d{6}Z/index\.html", str(page.relative_to(tmp_path)))
    assert results(page.parent)["target"]["embedded"] is True


@pytest.mark.parametrize(("fail_on", "code"), [("must", 1), ("should", 1), ("never", 0)])
def test_a_failed_requirement_ends_with_1_unless_nothing_counts(fail_on: str, code: int, tmp_path: Path) -> None:
    with planted("ctype-case") as base_url:
        words = ("--select", "CTYPE", "--fail-on", fail_on, "--report-dir", "out")
        done = judged(tmp_path, base_url, *words)
    assert done.code == code, done.out
    assert done.lines[-2].startswith("non-conformant: ")
    assert done.lines[-1] == f"report: {tmp_path / 'out' / 'index.html'}"
    failed = {row["id"] for row in results(tmp_path / "out")["cases"] if row["verdict"] == "failed"}
    assert failed == {"CTYPE-002"}


def test_a_finding_at_a_target_of_the_settings_file_is_repeated_by_its_command(tmp_path: Path) -> None:
    with endpoint("passport", "ctype-case") as script, serving(script) as server:
        (tmp_path / "conformance.toml").write_text(
            f'[targets.staging]\nbase_url = "{server.base_url}"\nclient_id = "{CLIENT}"\n'
            'client_secret_env = "MINE"\nheaders = { "X-Api-Key" = { env = "GATEWAY_KEY" } }\n'
        )
        secrets = {"MINE": SECRET, "GATEWAY_KEY": "let me in, please"}
        words = ("--target", "staging", "--select", "CTYPE-002,CTYPE-003", *QUICK)
        first = command(tmp_path, "run", *words, **secrets)
        line = next(line.removeprefix("  repeat").strip() for line in first.lines if line.startswith("  repeat"))
        start = len(server.asked)
        again = command(tmp_path, *shlex.split(line)[1:], **secrets)
        asked = server.asked[start:]
    assert (first.code, again.code, again.err) == (1, 1, "")
    assert asked
    assert all(b"\r\nX-Api-Key: let me in, please\r\n" in one.data for one in asked if one.data)


@pytest.mark.parametrize(("fail_on", "code"), [("must", 0), ("should", 1), ("never", 0)])
def test_a_warning_counts_only_where_it_is_asked_to(fail_on: str, code: int, tmp_path: Path) -> None:
    warned = {(row.id,) for row in catalogue.load().requirements.values() if row.unmet == "warning"}
    defect = next(
        one
        for one in reference.DEFECTS.values()
        if one.violates in warned and "passport" in one.profiles and one.needs == reference.NOTHING
    )
    with planted(defect.name) as base_url:
        words = ("--scope", "read", "--select", f"{defect.violates[0]},REQ-001,GRANT", "--fail-on", fail_on)
        done = judged(tmp_path, base_url, *words)
    assert done.code == code, done.out
    assert f"warning  {defect.violates[0]}" in done.out


def test_a_fault_of_the_suite_ends_with_4_and_without_its_text(tmp_path: Path) -> None:
    script = (
        "from conformance import cli, session\n"
        "def broken(*_, **__): raise ValueError('the secret is ' + 'x' * 3)\n"
        "session.run = broken\n"
        "cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "run"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == "token-conformance: a fault of this suite: ValueError"
    assert "xxx" not in done.stderr


SPOILER = """
from pathlib import Path
from conformance.case import case, own_requirement
from conformance.request import VALID

ROW = own_requirement("OWN-001", level="MUST", title="own", statement="It holds.", remedy="Repair it.")

@case("OWN-001", requirement=ROW, one=VALID)
def test_own(one):
    Path("out").mkdir(exist_ok=True)
    Path("out/foreign").touch()
"""


def test_a_report_that_cannot_be_kept_ends_with_4_and_still_says_the_verdict(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SPOILER)
    (tmp_path / "out").mkdir()
    done = command(tmp_path, "run", "--cases", "own.py", "--select", "OWN-001", "--report-dir", "out", *QUICK)
    assert done.code == 4, done
    assert SUMMARY.fullmatch(done.lines[-1])
    assert len(done.err.splitlines()) == 1
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["foreign"]


def interrupted(cwd: Path, base_url: str, reached: Any, *words: str) -> tuple[Done, float]:
    """A run that gets Ctrl-C as soon as `reached` holds, and the seconds that it took from there."""
    line = [SCRIPT, "run", "--base-url", base_url, "--client-id", CLIENT, "--report-dir", "out", *QUICK, *words]
    env = environment(TOKEN_CONFORMANCE_CLIENT_SECRET=SECRET)
    with subprocess.Popen(
        line, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(reached)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return Done(process.returncode, out, err), time.monotonic() - started


def wait_for(reached: Any) -> None:
    end = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def test_an_interrupted_run_keeps_what_there_is_and_ends_with_130(tmp_path: Path) -> None:
    with endpoint("passport") as script:

        def slow(request: Asked) -> bytes | None:
            time.sleep(0.1)
            return script(request)

        with serving(slow) as server:
            done, seconds = interrupted(tmp_path, server.base_url, lambda: len(server.asked) > 20)
    assert done.code == 130, done
    assert seconds < 8
    assert "Traceback" not in done.err
    found = results(tmp_path / "out")
    assert found["exchanges"] >= 10
    assert found["verdict"] == "inconclusive"
    assert done.lines[-1] == f"report: {tmp_path / 'out' / 'index.html'}"


def test_interrupting_the_first_control_ends_with_130_as_well(tmp_path: Path) -> None:
    with serving(lambda _: None) as server:
        done, seconds = interrupted(tmp_path, server.base_url, lambda: bool(server.asked), "--timeout", "20")
    assert done.code == 130, done
    assert seconds < 8
    assert results(tmp_path / "out")["verdict"] in ("inconclusive", "unusable")


# What the terminal shows


def test_quiet_prints_the_summary_alone(tmp_path: Path) -> None:
    done = command(tmp_path, "run", "-q", "--select", "CTYPE-009", *QUICK)
    assert done.code == 0
    assert len(done.lines) == 1
    assert SUMMARY.fullmatch(done.lines[0])


def test_verbose_prints_every_case_on_a_line(tmp_path: Path) -> None:
    done = command(tmp_path, "run", "-v", "--select", "CTYPE,CACHE", *QUICK)
    known = [one for one in catalogue.load().requirements if one.startswith(("CTYPE", "CACHE"))]
    shown = re.findall(r"(?m)^(?:passed|observed|not applicable) +([A-Z]+-\d+) ", done.out)
    assert shown == known
    assert done.lines[-1].startswith("report: ")


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(tmp_path: Path) -> None:
    with serving(decent) as server:
        done = judged(tmp_path, server.base_url, "--dry-run")
        assert server.asked == []
    assert (done.code, done.err) == (0, "")
    assert re.search(r"sends +\d+ cases: about \d+ exchanges, \d+ with a wrong secret of the client", done.out)
    assert re.search(rf"hosts +127\.0\.0\.1 port {server.port}, and no other", done.out)
    assert list(tmp_path.iterdir()) == []


def test_nothing_steers_what_is_no_terminal(tmp_path: Path) -> None:
    with planted("ctype-case") as base_url:
        done = judged(tmp_path, base_url, "--select", "CTYPE", FORCE_COLOR="1", TERM="xterm-256color")
    assert done.out.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.out)


def on_terminal(cwd: Path, *words: str, **env: str) -> str:
    """What a command writes on a pseudo-terminal."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [SCRIPT, *words], cwd=cwd, env=environment(TERM="xterm", **env), stdin=subprocess.DEVNULL, stdout=theirs
        )
        os.close(theirs)
        pieces = []
        while select.select([ours], [], [], 60)[0]:
            try:
                pieces.append(os.read(ours, 65536))
            except OSError:  # Linux says so when the other side is closed
                break
            if not pieces[-1]:
                break
        assert process.wait(60) == 0
    finally:
        os.close(ours)
    return b"".join(pieces).decode()


def test_a_terminal_gets_progress_and_colours(tmp_path: Path) -> None:
    seen = on_terminal(tmp_path, "run", "--select", "CTYPE", *QUICK)
    assert re.search(r"\r\d+ of about \d+ exchanges", seen)
    assert "\x1b[" in seen


def test_no_color_is_heeded_on_a_terminal(tmp_path: Path) -> None:
    seen = on_terminal(tmp_path, "run", "--select", "CTYPE", *QUICK, NO_COLOR="1")
    assert re.search(r"\r\d+ of about \d+ exchanges", seen)
    assert "\x1b" not in seen


def prompted(cwd: Path, base_url: str, typed: bytes) -> tuple[int, bytes]:
    """A run that asks for the secret on a terminal; its exit code, and all that it wrote."""
    ours, theirs = pty.openpty()
    line = [SCRIPT, "run", "--base-url", base_url, "--client-id", CLIENT, "--select", "REQ-001", *QUICK]
    try:
        process = subprocess.Popen(
            line, cwd=cwd, env=environment(), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        assert process.stdout is not None
        with process.stdout as stream:
            seen = b""
            while b"Client secret of" not in seen:
                piece = stream.read1(4096)  # type: ignore[attr-defined]
                assert piece, seen
                seen += piece
            os.write(ours, typed)
            seen += stream.read()
        return process.wait(60), seen
    finally:
        os.close(ours)


def test_the_secret_can_be_typed_in_unseen(tmp_path: Path) -> None:
    with planted() as base_url:
        code, seen = prompted(tmp_path, base_url, SECRET.encode() + b"\n")
    assert code == 0, seen
    assert SECRET.encode() not in seen


def test_leaving_the_prompt_is_no_verdict(tmp_path: Path) -> None:
    with planted() as base_url:
        code, seen = prompted(tmp_path, base_url, b"\x04")
    assert code == 130, seen
    assert b"Traceback" not in seen


def test_a_closed_output_is_no_verdict(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [SCRIPT, "list"], cwd=tmp_path, env=environment(), stdout=writing, stderr=subprocess.PIPE, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 4
    assert done.stderr == "token-conformance: standard output was closed\n"


# Bad input

REMOTE = ("--base-url", "https://staging.example")
CLIENTED = (*REMOTE, "--client-id", "me")


BAD_WORDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("frob",), "'frob' is no command; accepted: compare, explain, history, judge, list, pin, prove, run, serve, "),
    (("runn",), "did you mean 'run'"),
    ((), "Missing command"),
    (("--frob",), "'--frob'"),
    (("run", "--repot-dir", "x"), "--report-dir"),
    (("run", "stray"), "stray"),
    (("run", "--timeout"), "'--timeout' requires an argument"),
    (("run", "-q", "-v"), "--quiet and --verbose"),
    (("run", "--select", "CTYPE-0009"), "--select CTYPE-0009: there is no such requirement or area; did you mean"),
    (("run", "--select", "ctype"), "did you mean CTYPE?"),
    (("run", "--include", "AUHT-001"), "--include AUHT-001"),
    (("run", "--select", ""), "--select: is empty"),
    (("run", "--select", "REQ,,CTYPE"), "--select: is empty"),
    (("run", "--profile", "pasport"), "did you mean 'passport'"),
    (("run", "--profile", "no/such.toml"), "--profile"),
    (("run", "--fail-on", "shoud"), "--fail-on: 'shoud' is not accepted; accepted: must, should, never; did you"),
    (("run", "--seed", "one"), "--seed: 'one' is not accepted; accepted: a whole number"),
    (("run", "--examples", "-1"), "--examples"),
    (("run", "--concurrency", "0"), "--concurrency"),
    (("run", "--max-rps", "0"), "--max-rps"),
    (("run", "--timeout", "nan"), "--timeout"),
    (("run", "--cases", "none.py"), "--cases: 'none.py' cannot be read: No such file"),
    (("run", "--config", "none.toml"), "--config: none.toml: cannot be read: No such file"),
    (("run", "--report-dir", "/dev/null"), "--report-dir"),
    (("run", "--report-dir", "/dev/null/x"), "--report-dir"),
    (("run", "--report-dir", "/proc/self/x"), "--report-dir"),
    (("run", "--base-url", ""), "--base-url"),
    (("run", "--base-url", "staging.example"), "--base-url: "),
    (("run", "--base-url", "ftp://staging.example"), "--base-url: "),
    (("run", "--base-url", "https://staging.example:99999"), "--base-url: the base URL has a malformed port"),
    (("run", "--client-id", "me"), "--client-id: belongs to a target, but there is no base URL"),
    (("run", "--token-path", "/token"), "--token-path: belongs to a target"),
    (("run", "--header", "X-Key: 1"), "--header: belongs to a target"),
    (("run", "--target", "staging"), "--target"),
    (("run", "--ca-bundle", "ca.pem"), "--ca-bundle: belongs to a target"),
    (("run", "--allow-plain-http"), "--allow-plain-http: belongs to a target"),
    (("run", *REMOTE), "no client id"),
    (("run", *CLIENTED), "no client secret; give TOKEN_CONFORMANCE_CLIENT_SECRET"),
    (("run", *CLIENTED, "--header", "X-Key"), "--header: a header is written as name:value"),
    (("run", *CLIENTED, "--header", "X Key: 1"), "--header: a header name is no token"),
    (("run", *CLIENTED, "--header", "Host: x"), "--header: the header 'Host' is set by the suite itself"),
    (("run", *CLIENTED, "--parameter", "grant_type=x"), "--parameter: "),
    (("run", *CLIENTED, "--ca-bundle", "none.pem"), "--ca-bundle: 'none.pem' cannot be read"),
    (("run", *CLIENTED, "--profile", "rfc6749"), "no token path"),
    (
        ("run", "--base-url", "http://staging.example", "--client-id", "me"),
        "accepted: https, or --allow-plain-http",
    ),
    (("explain",), "Missing argument 'ID'"),
    (("explain", "CTYPE-09"), "did you mean CTYPE-009?"),
    (("explain", "nothing-like-it"), "token-conformance list shows all"),
    (("list", "--format", "xml"), "'xml' is not one of 'text', 'json'"),
    (("serve", "--defect", "ctype-cas"), "--defect 'ctype-cas': there is no such defect; did you mean ctype-case?"),
    (("serve", "--port", "x"), "--port"),
    (("serve", "--profile", "pasport"), "'passport', 'rfc6749'"),
)


@pytest.fixture(scope="module")
def bad_words(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], tuple[Done, Path]]:
    """What each of the bad command lines came to, and the folder that it was given in; side by side, to save time."""
    folders = {words: tmp_path_factory.mktemp("bad") for words, _ in BAD_WORDS}
    with ThreadPoolExecutor(4) as pool:
        done = pool.map(lambda words: command(folders[words], *words), folders)
        return {words: (one, folders[words]) for words, one in zip(folders, done, strict=True)}


@pytest.mark.parametrize(("words", "said"), BAD_WORDS)
def test_bad_words_take_one_line_and_exit_2(
    words: tuple[str, ...], said: str, bad_words: dict[tuple[str, ...], tuple[Done, Path]]
) -> None:
    done, folder = bad_words[words]
    told(done, said)
    assert list(folder.iterdir()) == []


def told(done: Done, said: str) -> None:
    """Asserts that a command ended with 2, and said why in one line."""
    assert done.code == 2, done
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("token-conformance: ")
    assert said in line


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TOKEN_CONFORMANCE_SEEED", "1", "did you mean 'TOKEN_CONFORMANCE_SEED'"),
        ("TOKEN_CONFORMANCE_SEED", "x", "TOKEN_CONFORMANCE_SEED: 'x' is not accepted"),
        (
            "TOKEN_CONFORMANCE_SELECT",
            "CTYPE,CTIPE-001",
            "CTIPE-001: there is no such requirement or area; did you mean",
        ),
        ("TOKEN_CONFORMANCE_CLIENT_SECRET", SECRET, "TOKEN_CONFORMANCE_CLIENT_SECRET: belongs to a target"),
        ("TOKEN_CONFORMANCE_BASE_URL", "", "TOKEN_CONFORMANCE_BASE_URL"),
        ("TOKEN_CONFORMANCE_DRY_RUN", "1", "can only be given as --dry-run"),
    ],
)
def test_a_bad_variable_takes_one_line_and_exit_2(name: str, value: str, said: str, tmp_path: Path) -> None:
    done = command(tmp_path, "run", **{name: value})
    told(done, said)
    assert SECRET not in done.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sede = 1", "conformance.toml: sede: is no setting; "),
        ("[targets.staging]\nbase_url = 'https://x.example'\nclient_di = 'x'", "did you mean 'client_id'"),
        ("[targets.staging]\nclient_secret = 's3cr3t-literal'", "a secret never stands in this file"),
        ("seed = ", "conformance.toml: is no TOML: "),
        ("default_target = 'stagin'\n[targets.staging]\nbase_url = 'https://x.example'", "did you mean 'staging'"),
    ],
)
def test_a_bad_file_takes_one_line_and_exit_2(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "conformance.toml").write_text(content)
    done = command(tmp_path, "run")
    told(done, said)
    assert "s3cr3t-literal" not in done.err


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_bundle_without_certificates_takes_one_line_and_exit_2(more: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate\n")
    done = judged(tmp_path, "https://127.0.0.1:1", "--ca-bundle", "ca.pem", *more)
    told(done, "--ca-bundle")
    assert [file.name for file in tmp_path.iterdir()] == ["ca.pem"]


def test_no_case_selected_is_exit_2(tmp_path: Path) -> None:
    row = next(row for row in catalogue.load().requirements.values() if row.profiles == ("passport",))
    done = command(tmp_path, "run", "--profile", "rfc6749", "--select", row.id)
    told(done, "no case is selected")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear")
    done = command(tmp_path, "run", "--report-dir", "letters", "--select", "REQ-001")
    told(done, "--report-dir")
    assert [file.name for file in (tmp_path / "letters").iterdir()] == ["dear.txt"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("paths: {}", "must have one POST operation"),
        ("a: [", "description.yaml: "),
        ("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {/t: {post: {responses: {}}}}", "describes no status"),
    ],
)
def test_a_description_that_cannot_judge_is_named_before_anything_is_sent(
    text: str, fault: str, tmp_path: Path
) -> None:
    (tmp_path / "description.yaml").write_text(text)
    (tmp_path / "ours.toml").write_text('extends = "passport"\nopenapi = "description.yaml"\n')
    with serving(decent) as server:
        done = judged(tmp_path, server.base_url, "--profile", "ours.toml")
    assert (done.code, done.out, server.asked) == (2, "", [])
    assert done.err.count("\n") == 1
    assert "ours.toml: openapi: " in done.err
    assert fault in done.err


# What cannot be judged


def unusable(done: Done, folder: Path) -> dict[str, Any]:
    """Asserts that a run says that it could not judge, and left a whole folder."""
    assert done.code == 3, done
    assert done.err == ""
    assert len(re.findall(r"(?m)^  cause +\S", done.out)) == 1
    assert len(re.findall(r"(?m)^  advice +\S", done.out)) == 1
    assert re.fullmatch(r"unusable: .+ \(\d+ exchanges?, \d+\.\d s\)", done.lines[-2])
    assert done.lines[-1] == f"report: {folder / 'index.html'}"
    found = results(folder)
    assert found["verdict"] == "unusable"
    assert found["reason"]
    return found


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("base_url", "cause"),
    [
        ("http://127.0.0.1:{port}", "refuses connections"),
        ("https://token.invalid", "token.invalid"),
    ],
)
def test_a_target_that_is_not_there_is_unusable(base_url: str, cause: str, tmp_path: Path) -> None:
    done = judged(tmp_path, base_url.format(port=closed_port()), *FEW)
    assert cause in unusable(done, tmp_path / "out")["reason"]


REFUSALS: dict[str, tuple[bytes | None, str]] = {
    "silent": (None, "no HTTP answer"),
    "hanging-up": (b"", "no HTTP answer"),
    "ssh": (b"SSH-2.0-OpenSSH_9.9\r\n", "no HTTP answer"),
    "401": (refusal(401, "invalid_client"), "the valid request is refused: 401"),
    "400": (refusal(400, "invalid_request"), "the valid request is refused: 400"),
    "404": (answer(404), "the valid request is refused: 404"),
    "302": (answer(302, b"", "Location: https://elsewhere.example/"), "redirected"),
    "500": (answer(500), "fails on the valid request: 500"),
    "429": (answer(429), "limits the rate: 429"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Done, Path]]:
    """Runs against servers that never grant; side by side, since most of their time is waiting."""

    def run(name: str) -> tuple[Done, Path]:
        folder = tmp_path_factory.mktemp("refused")
        with serving(lambda _: REFUSALS[name][0]) as server:
            return judged(folder, server.base_url, *FEW, "--timeout", "0.5"), folder / "out"

    with ThreadPoolExecutor(5) as pool:
        return dict(zip(REFUSALS, pool.map(run, REFUSALS), strict=True))


@pytest.mark.parametrize("name", REFUSALS)
def test_a_target_that_does_not_grant_is_unusable(name: str, refused: dict[str, tuple[Done, Path]]) -> None:
    done, folder = refused[name]
    found = unusable(done, folder)
    assert REFUSALS[name][1] in found["reason"]
    assert {row["verdict"] for row in found["cases"]} <= {"inconclusive", "not_applicable"}


def test_a_target_without_tls_is_unusable(tmp_path: Path) -> None:
    with serving(decent) as server:
        done = judged(tmp_path, f"https://127.0.0.1:{server.port}", *FEW, "--timeout", "2")
    assert "TLS" in unusable(done, tmp_path / "out")["reason"]


def test_wrong_credentials_are_unusable_and_judge_nothing(tmp_path: Path) -> None:
    with planted() as base_url:
        done = judged(tmp_path, base_url, *FEW, secret="another-secret-altogether")
    found = unusable(done, tmp_path / "out")
    assert "401" in found["reason"]
    assert found["summary"]["passed"] == found["summary"]["failed"] == 0
    assert "another-secret-altogether" not in done.out


def test_a_server_that_stops_granting_is_not_conformant_by_luck(tmp_path: Path) -> None:
    limited = refusal(429, "slow_down", "Retry-After: 1")
    with endpoint("passport") as script, serving(lambda one: script(one) if one.number <= 10 else limited) as server:
        done = judged(tmp_path, server.base_url, "--report-dir", "out")
    assert done.code == 3, done
    assert results(tmp_path / "out")["verdict"] == "inconclusive"
    assert re.search(r"(?m)^  ended early +the valid request is no longer granted: 429", done.out)


def test_a_success_without_a_token_is_a_failure_and_no_mistake_of_the_user(tmp_path: Path) -> None:
    with serving(lambda _: answer(200, b"{}")) as server:
        done = judged(tmp_path, server.base_url, *FEW)
    assert done.code == 1, done
    failed = {row["id"] for row in results(tmp_path / "out")["cases"] if row["verdict"] == "failed"}
    assert "REQ-001" in failed


# list, explain, serve


def test_help_and_version_say_so_and_end_with_0(tmp_path: Path) -> None:
    assert command(tmp_path, "--version").out == f"token-conformance, version {__version__}\n"
    for words in ((), ("run",), ("list",), ("explain",), ("serve",)):
        done = command(tmp_path, *words, "--help")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("Usage: token-conformance")


def test_the_requirements_are_listed_as_text_and_as_json(tmp_path: Path) -> None:
    known = list(catalogue.load().requirements)
    assert [line.split()[0] for line in command(tmp_path, "list").lines] == known
    records = json.loads(command(tmp_path, "list", "--format", "json").out)
    assert [record["id"] for record in records] == known
    assert all(record["statement"] and record["remedy"] and record["sources"] for record in records)


def test_the_defects_are_listed_as_text_and_as_json(tmp_path: Path) -> None:
    assert [line.split()[0] for line in command(tmp_path, "list", "--defects").lines] == list(reference.DEFECTS)
    records = json.loads(command(tmp_path, "list", "--defects", "--format", "json").out)
    assert {record["name"]: record["violates"][0] for record in records} == {
        one.name: one.violates[0] for one in reference.DEFECTS.values()
    }


def test_an_explanation_says_what_is_sent_and_what_is_accepted(tmp_path: Path) -> None:
    done = command(tmp_path, "explain", "CTYPE-009")
    assert done.code == 0
    for part in (
        "level: MUST",
        "Why: ",
        "Remedy: ",
        "Source: ",
        "Sent as twice:",
        "Accepted:",
        "The valid request is:",
    ):
        assert part in done.out


@pytest.mark.parametrize("identifier", catalogue.load().requirements)
def test_every_requirement_can_be_explained(identifier: str) -> None:
    text = listing.explanation(identifier)
    assert text.startswith(f"{identifier}  ")
    assert ("Sent as " in text) == ("Accepted:\n    " in text)
    assert ("Sent as " in text) != ("\n\nJudged " in text)
    assert re.search(r"0x[0-9a-f]{6,}|<function|object at", text) is None


@contextmanager
def served(cwd: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    with subprocess.Popen(
        [SCRIPT, "serve", *words], cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_it_is_and_ends_with_0_when_asked_to(number: signal.Signals, tmp_path: Path) -> None:
    with served(tmp_path) as (process, where):
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() + process.stderr.read() == ""
    assert set(where) == {"base_url", "token_path", "client_id", "client_secret", "clients"}
    assert all(set(client) == {"client_id", "client_secret"} for client in where["clients"].values())


def test_a_served_endpoint_can_be_judged_and_is_seen_on_this_machine_alone(tmp_path: Path) -> None:
    with served(tmp_path, "--profile", "rfc6749", "--defect", "ctype-case") as (process, where):
        port = int(where["base_url"].removeprefix("http://127.0.0.1:"))
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection(("127.0.0.2", port), timeout=2).close()
        table = subprocess.run(["ps", "axww", "-o", "pid,args"], capture_output=True, text=True, check=True).stdout
        assert str(process.pid) in table
        assert where["client_secret"] not in table
        target = (
            "--base-url",
            where["base_url"],
            "--token-path",
            where["token_path"],
            "--client-id",
            where["client_id"],
        )
        done = command(
            tmp_path, "run", *target, "--profile", "rfc6749", "--select", "CTYPE-002", *QUICK,
            TOKEN_CONFORMANCE_CLIENT_SECRET=where["client_secret"],
        )  # fmt: skip
    assert done.code == 1
    assert "failed  CTYPE-002" in done.out


def test_an_endpoint_served_over_tls_names_its_ca_bundle(tmp_path: Path) -> None:
    with served(tmp_path, "--tls") as (_, where):
        target = ("--base-url", where["base_url"], "--client-id", where["client_id"], "--ca-bundle", where["ca_bundle"])
        done = command(
            tmp_path, "run", *target, "--select", "CTYPE-002", *QUICK,
            TOKEN_CONFORMANCE_CLIENT_SECRET=where["client_secret"],
        )  # fmt: skip
    assert where["base_url"].startswith("https://localhost:")
    assert done.code == 0, done.err


def test_a_taken_port_is_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        told(command(tmp_path, "serve", "--port", port), f"--port {port}: Address already in use")


# Cases of one's own

OWN = """
from conformance.case import case, own_requirement
from conformance.reply import GRANTED, REFUSED, Reply
from conformance.request import VALID

def row(identifier):
    return own_requirement(identifier, level="MUST", title="own", statement="It holds.", remedy="Repair it.")

@case("ACME-001", requirement=row("ACME-001"), named=VALID.adding_parameters("audience=api"))
def test_an_audience_is_ignored(named: Reply) -> None:
    named.must_be({wanted})
"""
RAISING = """
@case("ACME-002", requirement=row("ACME-002"), named=VALID)
def test_a_case_that_is_broken(named: Reply) -> None:
    raise LookupError("broken")
"""


def own_case(cwd: Path, text: str, *words: str) -> Done:
    (cwd / "acme.py").write_text(text)
    return command(
        cwd, "run", "--cases", "acme.py", "--select", "ACME,CTYPE-001", "--report-dir", "out", *QUICK, *words
    )


def verdicts(folder: Path) -> dict[str, str]:
    return {row["id"]: row["verdict"] for row in results(folder)["cases"]}


def test_a_case_of_ones_own_is_judged_beside_ours(tmp_path: Path) -> None:
    done = own_case(tmp_path, OWN.replace("{wanted}", "GRANTED"))
    assert done.code == 0, done
    assert verdicts(tmp_path / "out") == {"CTYPE-001": "passed", "ACME-001": "passed"}
    names = [one.get("name", "") for one in ET.parse(tmp_path / "out" / "junit.xml").iter("testcase")]
    assert [name.partition("[")[2] for name in names] == ["CTYPE-001]", "ACME-001]"]
    assert not (tmp_path / "__pycache__").exists()


def test_a_case_of_ones_own_can_fail(tmp_path: Path) -> None:
    done = own_case(tmp_path, OWN.replace("{wanted}", "REFUSED"))
    assert done.code == 1
    assert verdicts(tmp_path / "out")["ACME-001"] == "failed"
    assert f"--cases {tmp_path / 'acme.py'}" in done.out


def test_a_case_that_raises_is_our_own_fault_and_hides_nothing_else(tmp_path: Path) -> None:
    done = own_case(tmp_path, OWN.replace("{wanted}", "GRANTED") + RAISING)
    assert done.code == 4, done
    assert verdicts(tmp_path / "out") == {"CTYPE-001": "passed", "ACME-001": "passed", "ACME-002": "error"}
    assert "Traceback" not in done.out + done.err


def test_a_failed_case_goes_before_one_that_raises(tmp_path: Path) -> None:
    done = own_case(tmp_path, OWN.replace("{wanted}", "REFUSED") + RAISING)
    assert done.code == 1, done
    assert verdicts(tmp_path / "out") == {"CTYPE-001": "passed", "ACME-001": "failed", "ACME-002": "error"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:", "SyntaxError"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("raise SystemExit(0)", "ends the program"),
        ("x = 1", "declares no case"),
        (OWN.replace("{wanted}", "GRANTED").replace("ACME-001", "CTYPE-002"), "CTYPE-002 is decided already at"),
        (OWN.replace("{wanted}", "GRANTED").replace("def test_an", "def an"), "begins with test_"),
        (OWN.replace("{wanted}", "GRANTED").replace("named=VALID", "other=VALID"), "must be both a stimulus"),
    ],
    ids=["syntax", "import", "exit", "empty", "redefining", "uncollected", "mismatch"],
)
def test_a_broken_file_of_cases_takes_one_line_and_exit_2(text: str, said: str, tmp_path: Path) -> None:
    told(own_case(tmp_path, text), said)


def test_files_of_cases_may_have_the_same_name(tmp_path: Path) -> None:
    for at, folder in enumerate(("one", "two"), start=1):
        (tmp_path / folder).mkdir()
        text = OWN.replace("{wanted}", "GRANTED").replace("ACME-001", f"ACME-00{at}")
        (tmp_path / folder / "test_own.py").write_text(text)
    words = ("--cases", "one/test_own.py", "--cases", "two/test_own.py", "--select", "ACME", "--report-dir", "out")
    done = command(tmp_path, "run", *words, *QUICK)
    assert done.code == 0, done
    assert verdicts(tmp_path / "out") == {"ACME-001": "passed", "ACME-002": "passed"}


def test_areas_and_ids_are_selected_in_catalogue_order(tmp_path: Path) -> None:
    words = ("--select", "ERR-001,CTYPE", "--select", "REQ-001", "--report-dir", "out")
    assert command(tmp_path, "run", *words, *QUICK).code == 0
    known = catalogue.load().requirements
    wanted = [one for one in known if one in ("ERR-001", "REQ-001") or one.startswith("CTYPE")]
    assert list(verdicts(tmp_path / "out")) == wanted


# What has no say in a run

INTRUDER = """
from pathlib import Path
Path({marker!r}).write_text(__name__)
def pytest_collection_modifyitems(items):
    items.clear()
"""


def test_nothing_of_the_caller_has_a_say_in_a_run(tmp_path: Path) -> None:
    cwd, path, marker = tmp_path / "cwd", tmp_path / "path", tmp_path / "marker"
    for folder in (cwd, path, path / "intruder-1.0.dist-info"):
        folder.mkdir()
    intruder = INTRUDER.format(marker=str(marker))
    (path / "intruder.py").write_text(intruder)
    (path / "intruder-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: intruder\nVersion: 1.0\n")
    (path / "intruder-1.0.dist-info" / "entry_points.txt").write_text("[pytest11]\nintruder = intruder\n")
    (cwd / "conftest.py").write_text(intruder)
    (cwd / "test_mine.py").write_text("def test_mine(): assert False\n")
    (cwd / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (cwd / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--no-such-option'\n")
    (cwd / "schemathesis.toml").write_text("no such = [")
    before = {file.name for file in cwd.iterdir()}
    words = ("--select", "REQ-001,CTYPE-001,GEN", "--examples", "5", "--report-dir", "out")
    done = command(
        cwd, "run", *words, PYTHONPATH=str(path), PYTEST_ADDOPTS="-k nothing", PYTEST_PLUGINS="intruder", CI="true",
        SCHEMATHESIS_HOOKS="intruder", PYTEST_DEBUG="1",
    )  # fmt: skip
    assert (done.code, done.err) == (0, ""), done
    assert not marker.exists()
    assert {file.name for file in cwd.iterdir()} == {*before, "out"}
    plain = tmp_path / "plain"
    plain.mkdir()
    assert command(plain, "run", *words).code == 0
    assert verdicts(cwd / "out") == verdicts(plain / "out")
    assert generated(cwd / "out") == generated(plain / "out")


def generated(folder: Path) -> set[tuple[str, str]]:
    lines = [json.loads(line) for line in (folder / "exchanges.jsonl").read_text().splitlines()]
    return {(one["template"], one["how"]) for one in lines if one.get("role") in ("description", "spelling")}


def test_a_seed_draws_the_same_requests_again_and_another_seed_others(tmp_path: Path) -> None:
    def drawn(name: str, seed: int) -> set[tuple[str, str]]:
        words = ("--select", "GEN-001,GEN-003", "--examples", "10", "--seed", str(seed), "--report-dir", name)
        done = command(tmp_path, "run", *words)
        assert done.code == 0
        assert f"seed {seed}\n" in done.out
        assert results(tmp_path / name)["seed"] == seed
        return generated(tmp_path / name)

    with ThreadPoolExecutor(3) as pool:
        first, again, other = pool.map(drawn, ("first", "again", "other"), (7, 7, 8))
    assert first
    assert first == again
    assert first != other


# What is imported for what

HEAVY = ("pytest", "hypothesis", "schemathesis", "requests", "rich", "jinja2")


def imported(cwd: Path, script: str) -> set[str]:
    """Which of the slow modules a script has imported when it ends."""
    ending = f"import sys\ntry:\n    {script}\nexcept SystemExit:\n    pass\nprint(*(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", ending],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.splitlines()[-1].split())


def started(*words: str) -> str:
    return f"sys.argv = ['x', *{words}]; from conformance.cli import main; main()"


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("--version",)])
def test_help_imports_nothing_slow(words: tuple[str, ...], tmp_path: Path) -> None:
    assert imported(tmp_path, started(*words)) == set()


def test_a_run_without_generated_cases_imports_no_generator(tmp_path: Path) -> None:
    assert not imported(tmp_path, started("run", "--select", "CTYPE-009")) & {"hypothesis", "schemathesis"}
    assert imported(tmp_path, started("run", "--select", "GEN-001", "--examples", "2")) >= {"hypothesis"}


def test_the_plugin_imports_no_generator_into_other_peoples_tests(tmp_path: Path) -> None:
    assert imported(tmp_path, "import conformance.plugin") == {"pytest"}
