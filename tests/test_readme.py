"""The README: every command and every snippet in it is run, in the order in which a reader meets them."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from conformance import catalogue, profiles, settings, waivers
from conformance.case import case, case_of
from conformance.reply import GRANTED, Reply
from conformance.request import FORM, VALID

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
INSTALL = "python3 -m venv .venv && .venv/bin/python -m pip install -q -e . && .venv/bin/token-conformance run"
TESTS = "python3 -m venv .venv && .venv/bin/python -m pip install -q -e '.[test]' && .venv/bin/python -m pytest"
LEFT_OUT = (".git", ".venv", "reports", ".*_cache", ".hypothesis", "__pycache__")
SUMMARY = re.compile(r"(?m)^(conformant|non-conformant|inconclusive|unusable): \w.* exchanges?, ")


def blocks(language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", README)


SHELL, TOML, PYTHON, YAML = blocks("sh"), blocks("toml"), blocks("python"), blocks("yaml")


def block_with(text: str) -> str:
    (block,) = [block for block in SHELL if text in block]
    return block


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which the programs of this environment stand where a reader would install them."""
    copy = tmp_path_factory.mktemp("readme") / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (copy / ".venv").symlink_to(Path(sys.prefix))
    (copy / "acme.py").write_text(PYTHON[1])
    return copy


def sh(script: str, cwd: Path) -> tuple[int, str]:
    """Runs a block as a reader's shell would; gives its exit code and everything that it said."""
    foreign = ("TOKEN_CONFORMANCE", "PYTEST", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # Fewer generated requests than usual, and the copy instead of what is installed.
    env = {
        **kept,
        "TOKEN_CONFORMANCE_EXAMPLES": "3",
        "PYTHONPATH": str(cwd),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": f"{cwd / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    return done.returncode, done.stdout


def test_every_block_is_known_to_a_test() -> None:
    assert (len(SHELL), len(TOML), len(PYTHON)) == (8, 3, 2)
    assert len(YAML) == 1
    assert len(re.findall(r"(?m)^```", README)) == 2 * (8 + 3 + 2 + 1)


def test_the_two_commands_are_those_that_the_gate_runs() -> None:
    gate = (ROOT / ".ci" / "run").read_text()
    for command in (INSTALL, TESTS):
        assert f"{command}\n" in SHELL
    assert f"\n{INSTALL}\n" in gate
    assert f"{{ {TESTS}; }} 2>&1 | tee" in gate


def test_the_planted_defect_is_found(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    # The port of the README may be taken on this machine.
    code, said = sh(block_with("serve").replace("8701", port), checkout)
    assert code == 0, said
    assert "exit code 1\n" in said
    assert "failed  CTYPE-002" in said
    assert SUMMARY.findall(said) == ["non-conformant"]


def test_a_defect_is_proven_to_be_found(checkout: Path) -> None:
    code, said = sh(block_with("prove"), checkout)
    assert code == 0, said
    assert said.endswith("proven: 4 runs\nreport: reports/proof/index.html\n")


def test_the_examples_of_staging_are_commands_that_work_but_for_the_host(checkout: Path) -> None:
    block = block_with("staging.example")
    lines = block.splitlines()
    assert lines[0].startswith("export TOKEN_CONFORMANCE_CLIENT_SECRET=... ")
    script = "\n".join([lines[0], *(f'{line}; echo "exit code $?"' for line in lines[1:])])
    _, said = sh(script, checkout)
    assert re.findall(r"(?m)^exit code (\d+)$", said) == ["0", "3", "3"], said
    assert SUMMARY.findall(said) == ["unusable", "unusable"]
    assert re.search(r"hosts +staging\.example port 443, and no other", said)
    assert "profile     rfc6749" in said


def test_the_command_for_ci_leaves_the_run_where_it_says(checkout: Path) -> None:
    code, said = sh(block_with("--report-dir report"), checkout)
    assert code == 0, said
    assert said.splitlines()[-1] == f"report: {checkout / 'report' / 'index.html'}"
    assert (checkout / "report" / "index.html").is_file()


def test_the_commands_over_kept_runs_work(checkout: Path) -> None:
    kept = "export TOKEN_CONFORMANCE_SELECT=REQ,CTYPE\n" + "token-conformance run -q\n" * 2
    code, said = sh(f"set -e\n{kept}{block_with('compare previous latest')}", checkout)
    assert code == 0, said
    assert re.search(r"(?m)^history: reports/index\.html \(\d+ runs\)$", said)
    assert "\nsame: nothing differs\n" in said
    assert re.search(r"(?m)^pinned: fingerprint\.toml \(\d+ traits of embedded\)$", said)
    assert (checkout / "reports" / "embedded" / "index.html").is_file()


def test_the_own_case_is_judged(checkout: Path) -> None:
    code, said = sh(f"{block_with('--cases').strip()} -v", checkout)
    assert code == 0, said
    assert re.search(r"(?m)^passed +ACME-001 ", said)


def test_the_command_of_plain_pytest_works(checkout: Path) -> None:
    (command,) = re.findall(r"`(\.venv/bin/python -m pytest --pyargs [^`]*)`", README)
    code, said = sh(f"{command} -p no:cacheprovider -k 'CTYPE-009 or GEN-001' --token-examples 3", checkout)
    assert code == 0, said
    assert "2 passed" in said


def test_the_settings_file_is_understood(tmp_path: Path) -> None:
    (tmp_path / "conformance.toml").write_text(TOML[0])
    secrets = {"STAGING_SECRET": "s" * 12, "GATEWAY_KEY": "k" * 12, "OTHER_SECRET": "o" * 12}
    found = settings.resolve({}, secrets, tmp_path)
    assert found.target is not None
    assert (found.target.name, found.target.base_url) == ("staging", "https://staging.example")
    assert [extra.name for extra in found.target.headers] == ["X-Api-Key"]
    assert [client.role for client in found.target.clients] == ["second"]


def test_the_profile_is_understood(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(TOML[1])
    profile = profiles.load("acme.toml", tmp_path)
    assert tomllib.loads(TOML[1])["name"] == profile.name == "acme"
    assert (profile.token_path, profile.default_scope, profile.lineage) == ("/oauth2/token", False, ("acme", "rfc6749"))


def test_the_waiver_is_understood(tmp_path: Path) -> None:
    (tmp_path / "waivers.toml").write_text(TOML[2])
    (found,) = waivers.read(tmp_path / "waivers.toml", "waivers.toml")
    assert (found.requirement, found.targets, found.ticket) == (
        "CTYPE-002",
        ("staging", "eu-*"),
        "https://tracker.example/1234",
    )


def test_the_example_of_a_case_is_a_case() -> None:
    names = {"case": case, "VALID": VALID, "FORM": FORM, "GRANTED": GRANTED, "Reply": Reply}
    exec(compile(PYTHON[0], "README.md", "exec"), names)
    (declared,) = [found for value in list(names.values()) if (found := case_of(value)) is not None]
    assert declared.id == "CTYPE-002"
    assert [name for name, _ in declared.stimuli] == ["shouted"]


def test_ids_and_files_that_are_named_exist() -> None:
    known = catalogue.load().requirements
    named = set(re.findall(r"\b[A-Z]+-\d{3}\b", README)) - {"ACME-001"}
    assert named
    assert named <= set(known)
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_exit_codes_are_those_of_the_help() -> None:
    help_ = subprocess.run(
        [Path(sys.executable).with_name("token-conformance"), "run", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    table = re.findall(r"(?m)^\| (\d+) \|", README)
    assert table == ["0", "1", "2", "3", "4", "5", "130"]
    assert all(re.search(rf"\b{code} \w", help_) for code in table)
