"""The suite under plain pytest: its words, its order, its exit codes, and what is never sent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from conformance import catalogue, reference
from conformance.case import built_in
from tests.servers import CLIENT, SECRET, Server, decent, endpoint, refusal, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = ("--pyargs", "conformance.cases", "conformance.properties")
NODE = re.compile(r"(?m)^\S*::test_\w+\[([A-Z]+-\d+)\]")


@dataclass(frozen=True)
class Done:
    """A pytest that ended."""

    code: int
    out: str


def pytest_run(cwd: Path, *words: str, autoload: bool = False, **env: str) -> Done:
    # Loading what else is installed here takes seconds, so only one test does.
    plugins = () if autoload else ("-p", "conformance.plugin")
    env = env if autoload else {**env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOKEN_CONFORMANCE", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *plugins, *words],
        cwd=cwd,
        env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return Done(done.returncode, done.stdout + done.stderr)


def judged(cwd: Path, base_url: str, *words: str) -> Done:
    target = ("--token-base-url", base_url, "--token-client-id", CLIENT, "--token-examples", "0")
    return pytest_run(cwd, *OURS, *target, *words, TOKEN_CONFORMANCE_CLIENT_SECRET=SECRET)


@contextmanager
def planted(*defects: str) -> Iterator[str]:
    with reference.start("passport", defects=defects, client_id=CLIENT, client_secret=SECRET) as running:
        yield running.base_url


@contextmanager
def watched() -> Iterator[Server]:
    """A decent endpoint that knows what it was asked."""
    with serving(decent) as server:
        yield server


def test_without_a_target_the_embedded_endpoint_is_judged(tmp_path: Path) -> None:
    words = ("-k", "CTYPE-009 or GEN-001", "--token-examples", "3")
    done = pytest_run(tmp_path, *OURS, *words, autoload=True)
    assert done.code == 0, done.out
    assert "2 passed" in done.out
    assert "token endpoint: conformant" in done.out
    assert list(tmp_path.iterdir()) == []


def test_a_case_is_an_item_in_catalogue_order_and_its_id_ends_the_name(tmp_path: Path) -> None:
    done = pytest_run(tmp_path, *OURS, "--collect-only", "-q")
    assert done.code == 0
    assert NODE.findall(done.out) == [case.id for case in built_in()]
    assert NODE.findall(done.out) == [one for one in catalogue.load().requirements if one in NODE.findall(done.out)]


def test_cases_keep_their_order_however_they_are_named_on_the_command_line(tmp_path: Path) -> None:
    words = (
        "--pyargs",
        "conformance.properties",
        "conformance.cases.test_content_type",
        "conformance.cases.test_methods",
    )
    done = pytest_run(tmp_path, *words, "--collect-only", "-q")
    found = NODE.findall(done.out)
    assert found == [case.id for case in built_in() if case.id in found]
    assert {"GEN-001", "CTYPE-009", "METHOD-001"} <= set(found)


def test_an_id_selects_its_case(tmp_path: Path) -> None:
    with watched() as server:
        done = judged(tmp_path, server.base_url, "-k", "CTYPE-009", "-v")
    assert NODE.findall(done.out) == ["CTYPE-009"]
    assert "PASSED" in done.out
    assert 0 < len(server.asked) < 10


def test_collecting_alone_sends_nothing(tmp_path: Path) -> None:
    with watched() as server:
        assert judged(tmp_path, server.base_url, "--collect-only").code == 0
        assert server.asked == []


def test_a_failed_requirement_is_a_failed_item_without_a_traceback(tmp_path: Path) -> None:
    with planted("ctype-case") as base_url:
        done = judged(tmp_path, base_url, "-k", "CTYPE")
    assert done.code == 1, done.out
    assert re.search(r"(?m)^FAILED .*\[CTYPE-002\]", done.out)
    for part in ("CTYPE-002 MUST: ", "expected: ", "actual:   ", "changed:  ", "remedy:   "):
        assert part in done.out
    assert "def test_" not in done.out
    assert ".py:" not in done.out.partition("= FAILURES =")[2].partition("short test summary")[0]
    assert SECRET not in done.out


def warner() -> reference.Defect:
    warned = {(row.id,) for row in catalogue.load().requirements.values() if row.unmet == "warning"}
    return next(
        one
        for one in reference.DEFECTS.values()
        if one.violates in warned and "passport" in one.profiles and one.needs == reference.NOTHING
    )


def test_verdicts_have_their_own_words_and_stand_in_the_junit_file(tmp_path: Path) -> None:
    defect = warner()
    words = ("--junitxml", "junit.xml", "--token-scope", "read", "-v")
    with planted(defect.name, "ctype-case") as base_url:
        done = judged(tmp_path, base_url, *words, "-k", f"{defect.violates[0]} or REQ or CTYPE or GEN-001 or GRANT")
    assert done.code == 1, done.out
    assert re.search(rf"\[{defect.violates[0]}\] WARNING", done.out)
    assert re.search(r"\b1 warning\b", done.out.splitlines()[-1])
    cases = {}
    for one in ET.parse(tmp_path / "junit.xml").iter("testcase"):
        (verdict,) = [each.get("value") for each in one.iter("property") if each.get("name") == "verdict"]
        cases[one.get("name", "").partition("[")[2].rstrip("]")] = (verdict, {child.tag for child in one})
    assert cases["REQ-001"] == ("passed", {"properties"})
    assert cases["CTYPE-002"] == ("failed", {"properties", "failure"})
    assert cases[defect.violates[0]] == ("warning", {"properties", "skipped"})
    assert cases["GEN-001"] == ("not_applicable", {"properties", "skipped"})
    assert set(cases) == set(NODE.findall(done.out))


def test_what_could_not_be_decided_is_an_error_and_never_a_skip(tmp_path: Path) -> None:
    with serving(lambda _: refusal(401, "invalid_client")) as server:
        done = judged(tmp_path, server.base_url, "-k", "CTYPE or AUTH-008", "-rs")
    assert done.code == 1, done.out
    last = done.out.splitlines()[-1]
    assert "inconclusive" in last
    assert not re.search("passed|failed|skipped", last)
    assert re.search(r"(?m)^token endpoint: unusable: the valid request is refused: 401", done.out)


def test_a_server_that_stops_granting_passes_nothing_after_it(tmp_path: Path) -> None:
    with (
        endpoint("passport") as script,
        serving(lambda one: script(one) if one.number <= 4 else refusal(403)) as server,
    ):
        done = judged(tmp_path, server.base_url, "-k", "CTYPE or AUTH")
    assert done.code == 1, done.out
    assert "inconclusive" in done.out.splitlines()[-1]


def test_a_profile_leaves_cases_out_as_skipped(tmp_path: Path) -> None:
    row = next(row for row in catalogue.load().requirements.values() if row.profiles == ("passport",))
    done = pytest_run(tmp_path, *OURS, "--token-profile", "rfc6749", "-k", f"REQ-001 or {row.id}", "-rs")
    assert done.code == 0, done.out
    assert "the profile does not take this requirement on" in done.out
    assert "1 passed, 1 skipped" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--token-profile", "pasport"), "--token-profile: 'pasport'"),
        (("--token-base-url", "https://staging.example"), "no client id"),
        (("--token-client-id", "me"), "--token-client-id: belongs to a target"),
        (("--token-config", "none.toml"), "--token-config: none.toml: cannot be read"),
        (("--token-base-url", "http://staging.example", "--token-client-id", "x"), "--token-allow-plain-http"),
    ],
)
def test_bad_settings_are_a_usage_error_of_pytest(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = pytest_run(tmp_path, *OURS, "-k", "REQ-001", *words)
    assert done.code == 4, done.out
    assert said in done.out
    assert "INTERNALERROR" not in done.out
    assert "Traceback" not in done.out


def test_a_bundle_without_certificates_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing\n")
    done = judged(tmp_path, "https://127.0.0.1:1", "--token-ca-bundle", "ca.pem", "-k", "REQ-001")
    assert done.code == 4, done.out
    assert "INTERNALERROR" not in done.out


def test_nothing_is_sent_after_an_error_in_collecting(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("def broken(:\n")
    with watched() as server:
        done = judged(tmp_path, server.base_url, str(tmp_path / "test_broken.py"))
        assert server.asked == []
    assert done.code == 2
    assert "1 error" in done.out


def test_nothing_is_sent_where_workers_would_share_the_answers_out(tmp_path: Path) -> None:
    option = "def pytest_addoption(parser): parser.addoption('--workers', dest='numprocesses', type=int)\n"
    (tmp_path / "workers.py").write_text(option)
    with watched() as server:
        done = judged(tmp_path, server.base_url, "-p", "workers", "--workers", "2")
        assert server.asked == []
    assert done.code == 4, done.out
    assert "one process" in done.out


def test_other_tests_run_beside_the_cases_and_after_them(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_lonely(): pass\n")
    done = pytest_run(tmp_path, "test_mine.py", *OURS, "-k", "REQ-001 or lonely", "-v")
    assert done.code == 0, done.out
    assert "2 passed" in done.out
    assert done.out.index("[REQ-001]") < done.out.index("test_mine.py::test_lonely PASSED")


def test_other_peoples_tests_alone_start_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import sys\ndef test_mine(): assert 'conformance.reference' not in sys.modules\n"
    )
    done = pytest_run(tmp_path, "test_mine.py")
    assert done.code == 0, done.out
    assert "token endpoint" not in done.out


def test_a_case_file_of_ones_own_runs_beside_ours(tmp_path: Path) -> None:
    (tmp_path / "test_acme.py").write_text(
        """
from conformance.case import case, own_requirement
from conformance.reply import GRANTED, Reply
from conformance.request import VALID

ROW = own_requirement("ACME-001", level="MUST", title="own", statement="It holds.", remedy="Repair it.")

@case("ACME-001", requirement=ROW, named=VALID.adding_parameters("audience=api"))
def test_an_audience_is_ignored(named: Reply) -> None:
    named.must_be(GRANTED)
"""
    )
    done = pytest_run(tmp_path, "test_acme.py", *OURS, "-k", "ACME-001 or REQ-001", "-v")
    assert done.code == 0, done.out
    assert NODE.findall(done.out) == ["REQ-001", "ACME-001"]
