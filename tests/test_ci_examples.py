"""The examples for GitLab, Jenkins and cron: their shell parts are run against endpoints on loopback."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.actions import ROOT, load
from tests.servers import CLIENT, SECRET
from tests.test_cli import planted

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = ROOT / "docs" / "ci"
GITLAB = load(EXAMPLES / "gitlab-ci.yml")
JENKINS = (EXAMPLES / "Jenkinsfile").read_text()
FEW = {"TOKEN_CONFORMANCE_SELECT": "REQ,CTYPE", "TOKEN_CONFORMANCE_EXAMPLES": "0"}


@pytest.fixture(scope="module")
def right() -> Iterator[str]:
    with planted() as base_url:
        yield base_url


@pytest.fixture(scope="module")
def wrong() -> Iterator[str]:
    with planted("ctype-case") as base_url:
        yield base_url


def sh(words: list[str | Path], cwd: Path, **variables: str) -> tuple[int, str]:
    foreign = ("TOKEN_CONFORMANCE", "PYTEST", "PYTHON", "GITHUB")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **FEW, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    return done.returncode, done.stdout


def names(folder: Path, pattern: str) -> set[str]:
    return {file.name for file in folder.glob(pattern)}


# GitLab


def gitlab(folder: Path, job: str, **variables: str) -> tuple[int, str]:
    """Runs the script of a job as GitLab's runner does: its lines in one shell."""
    return sh(["bash", "-eo", "pipefail", "-c", "\n".join(GITLAB[job]["script"])], folder, **variables)


def test_gitlab_judges_and_keeps_the_history(tmp_path: Path, right: str, wrong: str) -> None:
    (tmp_path / ".suite").symlink_to(Path(sys.prefix))
    known = {"TOKEN_CONFORMANCE_CLIENT_ID": CLIENT, "TOKEN_CONFORMANCE_CLIENT_SECRET": SECRET}
    code, said = gitlab(tmp_path, "judge", TOKEN_CONFORMANCE_BASE_URL=right, **known)
    assert code == 0, said
    code, said = gitlab(tmp_path, "judge", TOKEN_CONFORMANCE_BASE_URL=wrong, **known)
    assert code == 1, said
    assert "failed  CTYPE-002" in said
    assert SECRET not in said
    assert "junit.xml" in names(tmp_path / "report", "*")
    assert "exchanges.jsonl" in names(tmp_path / "report", "*")
    assert len(list((tmp_path / "reports" / "endpoint").glob("*/report.html"))) == 2
    assert not names(tmp_path / "reports", "**/exchanges.*")

    code, said = gitlab(tmp_path, "pages")
    assert code == 0, said
    assert {file.suffix for file in (tmp_path / "public").rglob("*") if file.is_file()} == {".html"}
    assert (tmp_path / "public" / "index.html").is_file()


@pytest.mark.parametrize("variables", [{}, {"TOKEN_CONFORMANCE_BASE_URL": ""}])
def test_gitlab_judges_nothing_without_a_base_url(tmp_path: Path, variables: dict[str, str]) -> None:
    code, said = gitlab(tmp_path, "judge", **variables)
    assert (code, said) == (2, "TOKEN_CONFORMANCE_BASE_URL is not set\n")


def test_gitlab_warns_where_nothing_is_proven_and_keeps_the_reports_whatever_comes() -> None:
    job = GITLAB["judge"]
    assert job["allow_failure"] == {"exit_codes": [3, 5]}
    assert job["artifacts"]["when"] == job["cache"]["when"] == "always"
    assert job["artifacts"]["reports"]["junit"] == "report/junit.xml"
    assert "SECRET" not in str(GITLAB)


# Jenkins


def jenkins(number: int) -> str:
    """A script of the pipeline as Groovy hands it over, which joins lines that end in a backslash."""
    return str(re.findall(r"'''(#!.*?)'''", JENKINS, re.DOTALL)[number]).replace("\\\n", "")


def test_jenkins_hands_on_the_exit_code_of_the_suite(tmp_path: Path, right: str, wrong: str) -> None:
    (tmp_path / ".suite").symlink_to(Path(sys.prefix))
    known = {"CLIENT_ID": CLIENT, "PROFILE": "passport", "TOKEN_CONFORMANCE_CLIENT_SECRET": SECRET}
    for base_url, expected in ((wrong, 1), ("", 2)):
        code, said = sh(["sh", "-c", jenkins(1)], tmp_path, BASE_URL=base_url, **known)
        assert code == expected, said
        assert SECRET not in said
    code, said = sh(["sh", "-c", jenkins(1)], tmp_path, BASE_URL=right, **{**known, "CLIENT_ID": "$(touch pwned)"})
    assert code == 3, said
    assert names(tmp_path, "*") == {".suite", "report"}
    assert "junit.xml" in names(tmp_path / "report", "*")


def test_jenkins_installs_what_the_parameter_says(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    fake = 'echo "$*" >> calls; case "$*" in "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";; esac\n'
    (programs / "python3").write_text(f"#!/bin/sh\n{fake}")
    (programs / "python3").chmod(0o755)
    code, said = sh(["sh", "-c", jenkins(0)], tmp_path, PATH=f"{programs}:/usr/bin:/bin", SUITE="suite==1 ; x")
    assert code == 0, said
    assert (tmp_path / "calls").read_text().splitlines() == [
        "-m venv .suite",
        "-m pip install --quiet --disable-pip-version-check suite==1 ; x",
    ]


def test_jenkins_lets_groovy_write_nothing_into_a_script() -> None:
    assert JENKINS.count("'''") == 2 * len(re.findall(r"'''#!", JENKINS)) == 4
    assert '"""' not in JENKINS
    assert "skipMarkingBuildUnstable: true" in JENKINS


# cron


class Nights:
    """A folder that cron's script judges.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".venv").symlink_to(Path(sys.prefix))
        (folder / "secret").write_text(f"{SECRET}\n")

    def at(self, base_url: str) -> None:
        table = f'base_url = "{base_url}"\nclient_id = "{CLIENT}"\nclient_secret_file = "secret"\n'
        (self.folder / "conformance.toml").write_text(f"[targets.staging]\n{table}")

    def night(self, *targets: str) -> tuple[int, str]:
        code, said = sh([EXAMPLES / "nightly.sh", self.folder, *targets], self.folder.parent)
        assert SECRET not in said
        return code, said


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    (tmp_path / "place").mkdir()
    return Nights(tmp_path / "place")


def test_cron_is_told_of_changes_alone(nights: Nights, right: str, wrong: str) -> None:
    nights.at(right)
    code, said = nights.night()
    assert code == 1, said
    assert said.startswith("== staging: exit code 0\n")
    assert nights.night() == (0, "")

    nights.at(wrong)
    code, said = nights.night("staging")
    assert code == 1, said
    assert said.startswith("== staging: exit code 1\n")
    assert "\nRegressions (1)\n  CTYPE-002 MUST" in said
    assert re.search(r"(?m)^The report: /.*/reports/staging/\w+$", said)
    assert len(list((nights.folder / "reports" / "staging").glob("*/report.html"))) == 3
    assert (nights.folder / "reports" / "index.html").is_file()
    assert not [file for file in (nights.folder / "reports").rglob("*") if file.stat().st_mode & 0o077]


def test_cron_is_told_once_of_a_target_that_cannot_be_judged(nights: Nights, right: str) -> None:
    nights.at(right)
    code, said = nights.night("stagin")
    assert code == 1
    assert said.startswith("== stagin: exit code 2\n")
    assert "did you mean 'staging'?" in said
    assert nights.night("stagin") == (0, "")


def test_cron_does_not_begin_a_night_while_the_last_one_is_at_it(nights: Nights, right: str) -> None:
    nights.at(right)
    (nights.folder / "reports").mkdir()
    with (nights.folder / "reports" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = nights.night()
    assert (code, said) == (75, "nightly.sh: the last night is still at it; nothing was done\n")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("rm conformance.toml", "conformance.toml is missing"),
        ("rm .venv", ".venv/bin/token-conformance is missing"),
        ("echo '[targets' > conformance.toml", "conformance.toml cannot be read"),
        ("echo > conformance.toml", "conformance.toml names no target"),
    ],
)
def test_cron_says_why_it_cannot_begin(nights: Nights, right: str, spoil: str, why: str) -> None:
    nights.at(right)
    subprocess.run(["sh", "-c", spoil], cwd=nights.folder, check=True)
    code, said = nights.night()
    assert code == 2
    assert why in said.splitlines()[-1]
    assert not (nights.folder / "reports").exists()


def test_cron_names_its_usage(tmp_path: Path) -> None:
    assert sh([EXAMPLES / "nightly.sh"], tmp_path)[0] == 2
    code, said = sh([EXAMPLES / "nightly.sh", tmp_path / "nothing"], tmp_path)
    assert (code, said) == (2, f"nightly.sh: {tmp_path / 'nothing'} is no folder that can be entered\n")
