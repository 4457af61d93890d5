"""The GitHub action: its scripts are run as a runner would run them, against endpoints on loopback."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.actions import ACTION, ROOT, Runner, load
from tests.servers import CLIENT, SECRET, answer, decent, serving
from tests.test_cli import planted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Asked

INPUTS = load(ACTION / "action.yml")["inputs"]
STEPS = load(ACTION / "action.yml")["runs"]["steps"]
OUTPUTS = load(ACTION / "action.yml")["outputs"]
FEW = "--select=REQ,CTYPE\n--examples=0\n"
PROGRAM = """#!/usr/bin/env bash
printf '%s\\0' "$@" > "$RUNNER_TEMP/words"
env -0 > "$RUNNER_TEMP/environment"
printf '::error::from the program'
report=${*: -1}
report=${report#--report-dir=}
if [[ ${FAKE_VERDICT-} ]]; then
    mkdir -p "$report"
    printf '{"verdict": "%s"}' "$FAKE_VERDICT" > "$report/results.json"
    echo "## $FAKE_VERDICT" > "$report/summary.md"
fi
exit "${FAKE_CODE-4}"
"""


def job(folder: Path, **environment: str) -> Runner:
    """A job whose action has been installed: its programs are those of this environment."""
    runner = Runner(folder, environment=environment)
    (runner.temp / "token-conformance").mkdir()
    (runner.temp / "token-conformance" / "venv").symlink_to(Path(sys.prefix))
    return runner


def fake_job(folder: Path, **environment: str) -> Runner:
    """A job in which the suite only notes what it was called with."""
    runner = Runner(folder, environment=environment)
    programs = runner.temp / "token-conformance" / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "token-conformance").write_text(PROGRAM)
    (programs / "token-conformance").chmod(0o755)
    (programs / "python").symlink_to(sys.executable)
    return runner


def used(runner: Runner, **inputs: str) -> dict[str, str]:
    """Uses the action; returns its outputs, and the exit code of the whole as ``code``."""
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    assert given.keys() <= INPUTS.keys()
    runner.contexts["inputs"] = {name: given.get(name, one.get("default", "")) for name, one in INPUTS.items()}
    code = runner.carry_out([step for step in STEPS if step.get("name") != "Install"])
    return {"code": str(code), **{name: runner.value(one["value"]) for name, one in OUTPUTS.items()}}


def words(runner: Runner) -> list[str]:
    """What the suite was called with."""
    return (runner.temp / "words").read_text().split("\0")[:-1]


def environment(runner: Runner) -> dict[str, str]:
    """The variables that the suite was given."""
    return dict(entry.split("=", 1) for entry in (runner.temp / "environment").read_text().split("\0")[:-1])


def kept(runner: Runner) -> bool:
    """Whether the report is uploaded."""
    return "Keep the report" in runner.steps


@pytest.fixture(scope="module")
def right() -> Iterator[str]:
    with planted() as base_url:
        yield base_url


@pytest.fixture(scope="module")
def wrong() -> Iterator[str]:
    with planted("ctype-case") as base_url:
        yield base_url


def judged(runner: Runner, base_url: str, **inputs: str) -> dict[str, str]:
    given = {"client_id": CLIENT, "client_secret": SECRET, "arguments": FEW, **inputs}
    return used(runner, base_url=base_url, **given)


def test_a_conformant_target_ends_with_0(tmp_path: Path, right: str) -> None:
    runner = job(tmp_path)
    outputs = judged(runner, right)
    folder = runner.temp / "token-conformance" / "report"
    assert outputs == {"code": "0", "verdict": "conformant", "exit-code": "0", "report-dir": str(folder)}, runner.log
    assert (folder / "report.html").is_file()
    # The suite itself writes nothing there: the page is what the action appends.
    assert runner.summary == (folder / "summary.md").read_text()
    assert runner.summary.startswith("## Token Conformance: conformant\n")
    assert kept(runner)
    assert "::error" not in runner.log
    assert list(runner.workspace.iterdir()) == []


def test_findings_end_with_1_and_stand_on_the_summary_page(tmp_path: Path, wrong: str) -> None:
    runner = job(tmp_path)
    outputs = judged(runner, wrong, report_dir="out", fail_on="must")
    expected = {"verdict": "non-conformant", "exit-code": "1", "report-dir": str(runner.workspace / "out")}
    assert outputs == {"code": "1", **expected}, runner.log
    assert "CTYPE-002" in runner.summary
    assert "\n- remedy: " in runner.summary
    assert kept(runner)
    assert runner.steps["judge"].code == 0
    assert runner.log.endswith("::error title=Token Conformance::non-conformant (exit code 1)\n")
    assert SECRET not in f"{outputs} {runner.summary}"
    assert [line for line in runner.log.splitlines() if SECRET in line] == [f"::add-mask::{SECRET}"]


def test_a_target_that_cannot_be_judged_ends_with_3(tmp_path: Path, right: str) -> None:
    runner = job(tmp_path)
    outputs = judged(runner, right, client_secret="another-secret-altogether")
    assert (outputs["code"], outputs["verdict"], outputs["exit-code"]) == ("3", "unusable", "3"), runner.log
    assert runner.summary.startswith("## Token Conformance: unusable\n")
    assert kept(runner)


@pytest.mark.parametrize("base_url", ["", "  ", "\n"])
def test_an_empty_base_url_judges_nothing(tmp_path: Path, base_url: str) -> None:
    runner = fake_job(tmp_path)
    outputs = judged(runner, base_url)
    assert outputs == {"code": "2", "verdict": "", "exit-code": "2", "report-dir": ""}
    assert re.search(
        r"(?m)^::error title=Token Conformance::no target: .*base-url and target are both empty", runner.log
    )
    assert not (runner.temp / "words").exists()
    assert runner.summary == "## Token Conformance: nothing was judged\n\nExit code 2; the log says why.\n"
    assert not kept(runner)


def test_a_target_of_the_settings_file_is_judged(tmp_path: Path, right: str) -> None:
    runner = job(tmp_path, STAGING_SECRET=SECRET)
    table = f'[targets.staging]\nbase_url = "{right}"\nclient_id = "{CLIENT}"\nclient_secret_env = "STAGING_SECRET"\n'
    (runner.workspace / "ci").mkdir()
    (runner.workspace / "ci" / "conformance.toml").write_text(table)
    outputs = used(runner, config="ci/conformance.toml", target="staging", arguments=FEW)
    assert (outputs["code"], outputs["verdict"]) == ("0", "conformant"), runner.log
    assert "| target | staging" in runner.summary


def test_an_unknown_target_judges_nothing_even_where_a_base_url_is_left_in_the_environment(tmp_path: Path) -> None:
    runner = job(tmp_path, TOKEN_CONFORMANCE_BASE_URL="")
    outputs = used(runner, target="staging", arguments=FEW)
    assert (outputs["code"], outputs["verdict"], outputs["report-dir"]) == ("2", "", "")


def test_hostile_answers_give_no_command_and_no_markup(tmp_path: Path) -> None:
    hostile = "::error::x\\n::set-output name=a::b\\n##[group]<img src=x>[y](http://e) @octocat"
    refusal = answer(400, f'{{"error": "{hostile}"}}'.encode(), "X-A: ::add-mask::a", media_type="::warning::b/c")
    runner = job(tmp_path)

    def script(request: Asked) -> bytes:
        return decent(request) if request.right and request.plain and b"UTF-8" not in request.data else refusal

    with serving(script) as server:
        outputs = judged(runner, server.base_url)
    assert outputs["verdict"] in ("non-conformant", "inconclusive"), runner.log
    assert "error::x" in runner.log
    word = re.search(r"(?m)^::stop-commands::([0-9a-f]{32})$", runner.log)
    assert word is not None
    before, _, rest = runner.log.partition(word[0])
    within, _, after = rest.partition(f"\n::{word[1]}::\n")
    assert not re.search(r"(?m)^\s*::|##\[", within)
    assert re.fullmatch(r"::add-mask::\S+\n", before)
    assert re.fullmatch(r"::error title=Token Conformance::[a-z-]+ \(exit code [13]\)\n", after)
    assert not re.search(r"(?m)^\s*::|##\[|<img|@octocat", runner.summary)


def test_a_program_that_ends_in_a_line_cannot_keep_commands_stopped(tmp_path: Path) -> None:
    runner = fake_job(tmp_path)
    judged(runner, "https://idp.example")
    assert re.search(r"(?m)^::error::from the program\n::[0-9a-f]{32}::$", runner.log)


def test_what_only_prints_something_is_no_success(tmp_path: Path) -> None:
    runner = fake_job(tmp_path, FAKE_CODE="0")
    outputs = judged(runner, "https://idp.example", arguments="--dry-run")
    assert outputs == {"code": "2", "verdict": "", "exit-code": "2", "report-dir": ""}
    assert "leave out arguments that only print something" in runner.log


def test_a_report_of_an_earlier_run_is_not_taken_for_this_one(tmp_path: Path) -> None:
    runner = fake_job(tmp_path, FAKE_CODE="0", FAKE_VERDICT="conformant")
    assert judged(runner, "https://idp.example", report_dir="out")["verdict"] == "conformant"
    runner.environment = {"FAKE_CODE": "2"}
    outputs = judged(runner, "https://idp.example", report_dir="out")
    assert outputs == {"code": "2", "verdict": "", "exit-code": "2", "report-dir": ""}
    assert (runner.workspace / "out" / "results.json").is_file()


@pytest.mark.parametrize("code", ["1", "3", "4", "5", "130"])
def test_the_exit_code_is_that_of_the_suite(tmp_path: Path, code: str) -> None:
    runner = fake_job(tmp_path, FAKE_CODE=code, FAKE_VERDICT="inconclusive")
    outputs = judged(runner, "https://idp.example")
    assert (outputs["code"], outputs["exit-code"], outputs["verdict"]) == (code, code, "inconclusive")
    assert kept(runner)


def test_every_input_is_one_word_whatever_is_in_it(tmp_path: Path) -> None:
    runner = fake_job(tmp_path)
    hostile = "a b'c\"d$(touch pwned)`touch pwned`;touch pwned #*"
    names = ("token_path", "profile", "client_id", "scope", "config", "target", "fail_on", "waivers", "pinned")
    given = {name: f"{name} {hostile}" for name in names}
    extra = f"--header=X: {hostile}\r\n\n   \n--max-rps=5\n-v"
    outputs = used(runner, base_url="https://idp.example", arguments=extra, report_dir=f"out {hostile}", **given)
    assert words(runner) == [
        "run",
        "--base-url=https://idp.example",
        *(f"--{name.replace('_', '-')}={value}" for name, value in given.items()),
        f"--header=X: {hostile}",
        "--max-rps=5",
        "-v",
        f"--report-dir=out {hostile}",
    ]
    assert outputs == {"code": "4", "verdict": "", "exit-code": "4", "report-dir": ""}
    assert not list(tmp_path.rglob("pwned"))


def test_an_input_that_is_empty_passes_nothing(tmp_path: Path) -> None:
    runner = fake_job(tmp_path)
    used(runner, base_url="https://idp.example")
    report = runner.temp / "token-conformance" / "report"
    assert words(runner) == ["run", "--base-url=https://idp.example", f"--report-dir={report}"]
    assert not [name for name in environment(runner) if name.startswith("TOKEN_CONFORMANCE")]


def test_the_secret_travels_in_one_variable_alone(tmp_path: Path) -> None:
    runner = fake_job(tmp_path)
    used(runner, base_url="https://idp.example", client_secret=SECRET)
    holding = [name for name, value in environment(runner).items() if SECRET in value]
    assert holding == ["TOKEN_CONFORMANCE_CLIENT_SECRET"]
    assert not [word for word in words(runner) if SECRET in word]


@pytest.mark.parametrize(
    ("secret", "on_github", "mask"),
    [
        ("p%0Acent-and-%25", "true", ["::add-mask::p%250Acent-and-%2525"]),
        ("short", "true", []),
        ("line one\nline two", "true", []),
        (SECRET, "false", []),
        (SECRET, "", []),
    ],
)
def test_a_secret_is_masked_where_that_is_safe(tmp_path: Path, secret: str, on_github: str, mask: list[str]) -> None:
    runner = fake_job(tmp_path, GITHUB_ACTIONS=on_github)
    used(runner, base_url="https://idp.example", client_secret=secret)
    assert [line for line in runner.log.splitlines() if "add-mask" in line] == mask
    assert environment(runner)["TOKEN_CONFORMANCE_CLIENT_SECRET"] == secret


def test_a_folder_of_two_lines_sets_no_output(tmp_path: Path) -> None:
    runner = fake_job(tmp_path)
    outputs = used(runner, base_url="https://idp.example", report_dir="out\nverdict=conformant")
    assert outputs == {"code": "2", "verdict": "", "exit-code": "2", "report-dir": ""}


def test_summary_and_artefact_can_be_switched_off(tmp_path: Path) -> None:
    runner = fake_job(tmp_path, FAKE_CODE="0", FAKE_VERDICT="conformant")
    outputs = judged(runner, "https://idp.example", step_summary="false", upload_artifact="false")
    assert (outputs["code"], outputs["verdict"]) == ("0", "conformant")
    assert runner.summary == ""
    assert not kept(runner)


# Installing

PYTHON = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> "$RUNNER_TEMP/calls"
if [[ $* == *'-m venv'* ]]; then mkdir -p "${@: -1}/bin" && cp "$0" "${@: -1}/bin/python"; fi
"""


@pytest.mark.parametrize(
    ("version", "python", "source"),
    [
        ("", "3.13", f"{ACTION}/../../.."),
        ("0.1.0", "3.13", "token-conformance==0.1.0"),
        ("1.0.0rc1", "", "token-conformance==1.0.0rc1"),
    ],
)
def test_it_installs_its_own_repository_or_a_release(tmp_path: Path, version: str, python: str, source: str) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "python3"
    program.write_text(PYTHON)
    program.chmod(0o755)
    runner = Runner(tmp_path / "job", environment={"PATH": f"{program.parent}:/usr/bin:/bin"})
    runner.contexts["inputs"] = {"version": version, "python-version": python}
    if python:
        runner.contexts["steps"]["python"] = {"outputs": {"python-path": str(program)}}
    assert runner.carry_out([step for step in STEPS if step.get("name") == "Install"]) == 0, runner.log
    venv = runner.temp / "token-conformance" / "venv"
    assert (runner.temp / "calls").read_text().splitlines() == [
        f"-I -m venv {venv}",
        f"-I -m pip install --quiet --disable-pip-version-check --no-input {source}",
    ]
    assert (ACTION / ".." / ".." / "..").resolve() == ROOT


@pytest.mark.parametrize("version", ["../../evil", "0.1.0 --index-url=http://e", "-r x", "latest", "1; touch pwned"])
def test_what_is_no_version_is_not_installed(tmp_path: Path, version: str) -> None:
    runner = Runner(tmp_path, environment={"PATH": "/usr/bin:/bin"})
    runner.contexts["inputs"] = {"version": version, "python-version": ""}
    assert runner.carry_out([step for step in STEPS if step.get("name") == "Install"]) == 2
    assert "::error title=Token Conformance::the input version is no version" in runner.log
    assert not (runner.temp / "token-conformance").exists()


def test_a_module_of_the_caller_is_not_taken_for_one_of_python(tmp_path: Path, right: str) -> None:
    runner = job(tmp_path)
    for name in ("json.py", "sitecustomize.py", "pathlib.py"):
        (runner.workspace / name).write_text("raise SystemExit('taken')\n")
    shutil.copytree(runner.workspace, runner.workspace / "conformance")
    outputs = judged(runner, right, arguments="--select=REQ-001\n--examples=0")
    assert outputs["code"] == "0", runner.log


def inputs_of_steps() -> set[str]:
    text = (ACTION / "action.yml").read_text()
    return set(re.findall(r"inputs\.([a-z-]+)", text))


def test_every_input_is_used_and_described() -> None:
    assert inputs_of_steps() == set(INPUTS)
    described: dict[str, Any] = {**INPUTS, **OUTPUTS}
    assert all(one["description"].strip() for one in described.values())
