"""The nightly workflow: the scripts of its jobs are run night after night, with a gh that only keeps a state."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import reference
from tests.actions import ROOT, WORKFLOWS, Runner, load
from tests.servers import CLIENT, SECRET
from tests.test_cli import judged

if TYPE_CHECKING:
    from collections.abc import Callable

JOBS = load(WORKFLOWS / "nightly.yml")["jobs"]
HISTORY = "token-conformance-history"


class Repository:
    """A repository on GitHub: what it keeps from one run of the workflow to the next.

    Args:
        folder: where its state lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.night = folder, 0
        self.state = folder / "state"
        self.state.mkdir()
        (self.state / "artefacts.json").write_text('{"artifacts": []}')
        (self.state / "issues.json").write_text("[]")
        programs = folder / "bin"
        programs.mkdir()
        (programs / "gh").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "tests" / "fake_gh.py"}" "$@"\n')
        (programs / "gh").chmod(0o755)
        self.path = f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    @property
    def issues(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.state / "issues.json").read_text())
        return found

    def calls(self) -> list[list[str]]:
        """What gh was asked since the last look."""
        file = self.state / "calls.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def job(self, name: str, **contexts: Any) -> Runner:
        """A job with a checkout of its own."""
        given = {"vars": {}, "github": {"token": "t", "repository": "acme/tokens"}, **contexts}
        environment = {
            "PATH": self.path,
            "GH_STATE": str(self.state),
            "GITHUB_REPOSITORY": "acme/tokens",
            "GITHUB_REF_NAME": "main",
            "GITHUB_RUN_ID": str(100 + self.night),
            "GITHUB_SERVER_URL": "https://github.example",
        }
        folder = self.folder / f"night-{self.night}" / name
        runner = Runner(folder, contexts=given, environment=environment)
        shutil.copytree(ROOT / ".github" / "nightly", runner.workspace / ".github" / "nightly")
        return runner

    def history(self, **runs: Path) -> Runner:
        """Carries out the job that appends runs to the history, and keeps what it leaves."""
        self.night += 1
        runner = self.job("history", needs={"targets": {"outputs": {"names": json.dumps(sorted(runs))}}})
        for name, run in runs.items():
            if run.exists():
                shutil.copytree(run, runner.workspace / "tonight" / f"run-{name}")
        code = runner.carry_out([step for step in JOBS["history"]["steps"] if step.get("name") != "Install"])
        assert code == 0, runner.log
        kept = self.state / "runs" / str(100 + self.night) / HISTORY
        shutil.copytree(runner.workspace / "reports", kept)
        self.keep(100 + self.night)
        return runner

    def keep(self, run: int, branch: str = "main", repository: int = 7, expired: bool = False) -> None:
        """Lists a history as an artefact of a run."""
        known = json.loads((self.state / "artefacts.json").read_text())
        origin = {"id": run, "head_branch": branch, "head_repository_id": repository, "repository_id": 7}
        created = f"2026-11-25T03:{run - 100:02}:00Z"
        known["artifacts"].append({"name": HISTORY, "expired": expired, "created_at": created, "workflow_run": origin})
        (self.state / "artefacts.json").write_text(json.dumps(known))

    def issue_job(self, comparisons: Path) -> Runner:
        """Carries out the job that brings the issues to the state of a night."""
        runner = self.job("issues")
        if comparisons.is_dir():
            shutil.copytree(comparisons, runner.workspace / "comparisons")
        code = runner.carry_out(JOBS["issues"]["steps"])
        assert code == 0, runner.log
        return runner


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


# Targets

STAGING = '[targets.staging]\nbase_url = "https://s.example"\n[targets.vendor-a]\nbase_url = "https://v.example"\n'


def targets(repository: Repository, toml: str | None, **variables: str) -> tuple[int, dict[str, str], str]:
    runner = repository.job("targets", vars={f"TOKEN_CONFORMANCE_{name}": value for name, value in variables.items()})
    if toml is not None:
        (runner.workspace / "conformance.toml").write_text(toml)
    code = runner.carry_out(JOBS["targets"]["steps"])
    outputs = {name: runner.value(value) for name, value in JOBS["targets"]["outputs"].items()}
    return code, outputs, runner.log


@pytest.mark.parametrize(
    ("toml", "variables", "names", "source"),
    [
        (STAGING, {}, ["staging", "vendor-a"], "file"),
        (STAGING, {"TARGETS": "vendor-a"}, ["vendor-a"], "file"),
        (
            STAGING,
            {"TARGETS": " vendor-a,\n staging vendor-a", "BASE_URL": "https://x"},
            ["vendor-a", "staging"],
            "file",
        ),
        (None, {"BASE_URL": "https://s.example"}, ["default"], "variables"),
    ],
)
def test_targets_come_from_the_file_or_the_variables(
    repository: Repository, toml: str | None, variables: dict[str, str], names: list[str], source: str
) -> None:
    code, outputs, log = targets(repository, toml, **variables)
    assert code == 0, log
    assert (json.loads(outputs["names"]), outputs["source"]) == (names, source)


@pytest.mark.parametrize(
    ("toml", "variables", "why"),
    [
        (None, {}, "no target: "),
        (None, {"BASE_URL": "  "}, "no target: "),
        (STAGING, {"TARGETS": "stagin"}, "'stagin' is no target; accepted: staging, vendor-a"),
        ("x = 1\n", {}, "needs tables such as [targets.staging]"),
        ("[targets]\n", {}, "needs tables such as [targets.staging]"),
        ('[targets."a b\\n::error::x"]\n', {}, "needs tables such as [targets.staging]"),
        ("[targets\n::error::x", {}, "conformance.toml: cannot be read: "),
    ],
)
def test_without_a_target_the_night_ends_with_an_error(
    repository: Repository, toml: str | None, variables: dict[str, str], why: str
) -> None:
    code, outputs, log = targets(repository, toml, **variables)
    assert (code, outputs["names"]) == (2, "")
    (line,) = log.splitlines()
    assert line.startswith("::error title=Token Conformance::")
    assert why in line


# History


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one target, by what it was like; that of a night in which nothing was judged is missing."""
    folder = tmp_path_factory.mktemp("runs")
    few = ("--select", "REQ,CTYPE")

    def kept(name: str, *defects: str, secret: str = SECRET) -> None:
        with reference.start("passport", defects=defects, client_id=CLIENT, client_secret=SECRET) as running:
            judged(folder, running.base_url, *few, "--report-dir", name, secret=secret)

    kept("right")
    kept("wrong", "ctype-case")
    kept("worse", "ctype-case", "ctype-quoted-charset-500")
    kept("unusable", secret="another-secret-altogether")
    for name in ("right", "wrong", "worse", "unusable"):
        assert (folder / name / "summary.json").is_file()
    return folder


def dated(runs: Path, name: str, night: int) -> Path:
    """A run as if it had been carried out in a night."""
    copy = runs / f"{name}-{night}"
    if not copy.exists():
        shutil.copytree(runs / name, copy)
        for file in ("results.json", "summary.json"):
            found = json.loads((copy / file).read_text())
            found["started"] = f"2026-11-{night:02}T03:17:00.000Z"
            (copy / file).write_text(json.dumps(found))
    return copy


def test_night_after_night_is_appended_and_compared_with_the_last_that_judged(
    repository: Repository, runs: Path
) -> None:
    first = repository.history(staging=dated(runs, "right", 1))
    assert "::notice title=Token Conformance::no earlier history of the branch main" in first.log
    assert "### staging: conformant\n\nNo earlier run to compare it with.\n" in first.summary
    assert (first.workspace / "reports" / "index.html").is_file()

    second = repository.history(staging=dated(runs, "wrong", 2))
    left = second.workspace / "comparisons" / "staging"
    names = ["comparison.json", "comparison.md", "regressed.json", "summary.json"]
    assert sorted(file.name for file in left.iterdir()) == names
    assert json.loads((left / "regressed.json").read_text()) == ["CTYPE-002"]
    assert "### staging: non-conformant\n\n## regression\\: 1 regression" in second.summary
    assert sorted(one.name for one in (second.workspace / "reports" / "staging").iterdir() if one.is_dir()) == [
        "20261101T031700",
        "20261102T031700",
    ]

    third = repository.history(staging=dated(runs, "unusable", 3), gone=runs / "nothing")
    assert "### gone\n\nNot judged; the log of its job says why.\n" in third.summary
    assert "### staging: unusable\n\n## " in third.summary
    assert not (third.workspace / "comparisons" / "gone").exists()

    fourth = repository.history(staging=dated(runs, "wrong", 4))
    left = fourth.workspace / "comparisons" / "staging"
    assert json.loads((left / "regressed.json").read_text()) == []
    assert "20261102T031700" in (left / "comparison.md").read_text()
    page = (fourth.workspace / "reports" / "index.html").read_text()
    assert "staging" in page


def test_what_was_open_for_a_night_regressed_only_if_it_was_met_before(repository: Repository, runs: Path) -> None:
    """CTYPE-002 failed on the first night and could not be decided on the second; CTYPE-003 was met on the first."""
    earlier = repository.state / "runs" / "100" / HISTORY / "staging"
    for night, verdicts in ((1, ("failed", "passed")), (2, ("inconclusive", "inconclusive"))):
        place = earlier / f"2026110{night}T031700"
        shutil.copytree(dated(runs, "right", night), place)
        results, summary = (json.loads((place / name).read_text()) for name in ("results.json", "summary.json"))
        for identifier, verdict in zip(("CTYPE-002", "CTYPE-003"), verdicts, strict=True):
            summary["cases"][identifier] = verdict
            (case,) = [one for one in results["cases"] if one["id"] == identifier]
            case["verdict"] = verdict
        (place / "results.json").write_text(json.dumps(results))
        (place / "summary.json").write_text(json.dumps(summary))
    repository.keep(100)
    left = repository.history(staging=dated(runs, "worse", 3)).workspace / "comparisons" / "staging"
    changes = json.loads((left / "comparison.json").read_text())["regressions"]
    assert [one["id"] for one in changes] == ["CTYPE-002", "CTYPE-003"]
    assert json.loads((left / "regressed.json").read_text()) == ["CTYPE-003"]


def test_of_old_runs_the_summary_stays_and_of_the_last_that_judged_everything(
    repository: Repository, runs: Path
) -> None:
    night = dated(runs, "unusable", 30)
    earlier = repository.state / "runs" / "100" / HISTORY / "staging"
    shutil.copytree(dated(runs, "right", 1), earlier / "20261101T031700")
    shutil.copytree(dated(runs, "right", 2), earlier / "20261102T031700")
    for day in range(3, 13):
        shutil.copytree(dated(runs, "unusable", 3), earlier / f"202611{day:02}T031700")
    repository.keep(100)
    left = repository.history(staging=night).workspace / "reports" / "staging"
    whole = sorted(one.parent.name for one in left.glob("*/results.json"))
    assert whole == ["20261102T031700", *(f"202611{day:02}T031700" for day in range(7, 13)), "20261130T031700"]
    assert {file.name for file in (left / "20261101T031700").iterdir()} == {"summary.json", "summary.md"}
    assert len(list(left.glob("*/summary.json"))) == 13


def previous(repository: Repository) -> tuple[int, Runner]:
    repository.night += 1
    runner = repository.job("previous")
    steps = [step for step in JOBS["history"]["steps"] if step.get("name") == "The history of the last night"]
    return runner.carry_out(steps), runner


def test_only_a_history_of_this_branch_and_repository_is_continued(repository: Repository) -> None:
    listed: tuple[tuple[int, dict[str, Any]], ...] = (
        (102, {}),
        (103, {"repository": 8}),
        (104, {"branch": "feature"}),
        (105, {"expired": True}),
        (101, {}),
    )
    for run, changes in listed:
        (repository.state / "runs" / str(run) / HISTORY / "staging").mkdir(parents=True)
        (repository.state / "runs" / str(run) / HISTORY / f"of-{run}").touch()
        repository.keep(run, **changes)
    repository.night = 9
    repository.keep(110)
    code, runner = previous(repository)
    assert code == 0, runner.log
    assert sorted(one.name for one in (runner.workspace / "reports").iterdir()) == ["of-102", "staging"]


def test_a_history_that_cannot_be_fetched_ends_the_job_and_begins_no_new_one(repository: Repository) -> None:
    (repository.state / "broken").touch()
    code, runner = previous(repository)
    assert code != 0
    assert "::notice" not in runner.log
    (repository.state / "broken").unlink()
    repository.keep(100)
    code, _ = previous(repository)
    assert code != 0


# Issues


@pytest.fixture
def night(repository: Repository) -> Callable[..., Runner]:
    """Carries out the issue job for a target: verdicts of its cases, and IDs that regressed."""

    def carried_out(
        cases: dict[str, str], *regressed: str, target: str = "staging", told: str = "## regression\n"
    ) -> Runner:
        repository.night += 1
        folder = repository.folder / f"comparisons-{repository.night}" / target
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps({"cases": cases}))
        (folder / "regressed.json").write_text(json.dumps(regressed))
        (folder / "comparison.md").write_text(told)
        return repository.issue_job(folder.parent)

    return carried_out


def test_an_issue_is_opened_told_and_closed(repository: Repository, night: Callable[..., Runner]) -> None:
    night({"A-001": "passed", "B-001": "failed"})
    assert repository.issues == []

    night({"A-001": "failed", "B-001": "failed"}, "A-001", told="## regression: 1\n\n- A-001 \\@octocat\n")
    (issue,) = repository.issues
    assert issue["title"] == "Token endpoint staging: regression"
    assert issue["labels"] == ["token-conformance"]
    first, _, rest = issue["body"].partition("\n")
    assert first == "<!-- token-conformance target=staging regressed=A-001 -->"
    assert rest == "## regression: 1\n\n- A-001 \\@octocat\n"

    repository.calls()
    night({"A-001": "failed", "B-001": "failed"})
    assert [words[:2] for words in repository.calls()] == [["issue", "list"]]

    night({"A-001": "failed", "B-001": "failed", "C-001": "warning"}, "C-001", told="more\n")
    (issue,) = repository.issues
    assert issue["body"].splitlines()[0].endswith("regressed=A-001,C-001 -->")
    assert issue["body"].partition("\n")[2] == rest
    link = "[The run of this night](https://github.example/acme/tokens/actions/runs/104)"
    assert issue["comments"] == [f"More regressed. {link}\n\nmore\n"]

    night({"A-001": "inconclusive", "C-001": "inconclusive"})
    night({"B-001": "passed"})
    assert len(repository.issues[0]["comments"]) == 1

    night({"A-001": "passed", "B-001": "failed", "C-001": "warning"})
    (issue,) = repository.issues
    assert issue["state"] == "open"
    assert issue["comments"][-1].startswith("Met again, or waived: A-001. ")

    night({"A-001": "passed", "B-001": "failed", "C-001": "waived"})
    (issue,) = repository.issues
    assert issue["state"] == "closed"
    assert issue["comments"][-1].startswith("Met again, or waived: C-001. ")

    night({"A-001": "failed"}, "A-001")
    assert [one["state"] for one in repository.issues] == ["closed", "open"]


def test_one_issue_a_target_and_only_with_our_label_and_first_line(
    repository: Repository, night: Callable[..., Runner]
) -> None:
    marker = "<!-- token-conformance target=staging regressed=A-001 -->"
    foreign = [
        {"number": 1, "labels": ["bug"], "body": f"{marker}\nx", "state": "open", "comments": []},
        {"number": 2, "labels": ["token-conformance"], "body": f"see {marker}", "state": "open", "comments": []},
        {"number": 3, "labels": ["token-conformance"], "body": f"x\n{marker}", "state": "open", "comments": []},
    ]
    (repository.state / "issues.json").write_text(json.dumps(foreign))
    night({"A-001": "failed"}, "A-001")
    night({"A-001": "failed"}, "A-001", target="vendor-a")
    night({"A-001": "passed"})
    assert repository.issues[:3] == foreign
    assert [(one["title"], one["state"]) for one in repository.issues[3:]] == [
        ("Token endpoint staging: regression", "closed"),
        ("Token endpoint vendor-a: regression", "open"),
    ]


def test_a_text_that_a_web_editor_saved_is_still_found(repository: Repository, night: Callable[..., Runner]) -> None:
    night({"A-001": "failed"}, "A-001")
    issues = repository.issues
    issues[0]["body"] = f"{issues[0]['body']}seen by Ann\n".replace("\n", "\r\n")
    (repository.state / "issues.json").write_text(json.dumps(issues))
    night({"A-001": "passed"})
    (issue,) = repository.issues
    assert issue["state"] == "closed"
    assert issue["body"].endswith("seen by Ann\n")


def test_a_night_in_which_nothing_was_judged_changes_no_issue(repository: Repository) -> None:
    runner = repository.issue_job(repository.folder / "nothing")
    assert repository.calls() == []
    assert runner.log == "no target was judged\n"


# Conditions


@pytest.mark.parametrize(
    ("publish", "variable", "history", "expected"),
    [
        (True, "", "success", True),
        ("", "true", "success", True),
        ("", "", "success", False),
        (False, "false", "success", False),
        (True, "true", "failure", False),
    ],
)
def test_pages_are_published_on_wish_alone(
    tmp_path: Path, publish: Any, variable: str, history: str, expected: bool
) -> None:
    contexts = {
        "inputs": {"publish": publish},
        "vars": {"TOKEN_CONFORMANCE_PUBLISH": variable},
        "needs": {"history": {"result": history}},
    }
    assert Runner(tmp_path, contexts=contexts).holds(JOBS["pages"]["if"]) is expected


def test_what_is_published_is_pages_alone(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    for name in ("index.html", "staging/1/report.html", "staging/1/exchanges.jsonl", "staging/1/results.json"):
        file = runner.workspace / "reports" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert runner.carry_out([step for step in JOBS["pages"]["steps"] if "run" in step]) == 0
    left = {file.name for file in (runner.workspace / "reports").rglob("*") if file.is_file()}
    assert left == {"index.html", "report.html"}


@pytest.mark.parametrize("fork", [True, False])
def test_nothing_runs_in_a_fork(tmp_path: Path, fork: bool) -> None:
    runner = Runner(tmp_path, contexts={"github": {"event": {"repository": {"fork": fork}}}})
    assert runner.holds(JOBS["targets"]["if"]) is not fork
    results = {"targets": {"result": "skipped"}, "history": {"result": "skipped"}}
    skipped = Runner(tmp_path, contexts={"needs": results, "inputs": {"publish": True}})
    assert JOBS["judge"]["needs"] == "targets"
    assert "if" not in JOBS["judge"]
    for name in ("history", "issues", "pages"):
        assert not skipped.holds(JOBS[name]["if"])


def test_a_red_target_keeps_neither_the_history_nor_the_others_from_running(tmp_path: Path) -> None:
    results = {"targets": {"result": "success"}, "judge": {"result": "failure"}, "history": {"result": "success"}}
    runner = Runner(tmp_path, contexts={"needs": results})
    assert runner.holds(JOBS["history"]["if"])
    assert runner.holds(JOBS["issues"]["if"])
    assert JOBS["judge"]["strategy"]["fail-fast"] is False
