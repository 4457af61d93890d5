"""The shell parts of workflows and actions, carried out on this machine as a runner would: bash, files for outputs.

A `Runner` knows of GitHub what the files under ``.github`` use: expressions with ``||``, ``&&``, ``!``, ``==`` and
``!=``, contexts, the functions ``cancelled``, ``fromJSON``; steps with ``run``, their ``if``, ``env`` and outputs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
ACTION = ROOT / ".github" / "actions" / "token-conformance"

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(r"'(?:[^']|'')*'|&&|\|\||==|!=|!|[(),]|[\w.*-]+|\s+")
_OPERATORS = {"&&": " and ", "||": " or ", "!": " not "}


def load(file: Path) -> dict[Any, Any]:
    """A YAML file; a bare ``on`` is a name there, and not true."""
    found: dict[Any, Any] = yaml.safe_load(file.read_text())
    return {("on" if key is True else key): value for key, value in found.items()}


@dataclass
class Step:
    """A step that was carried out: its exit code, and everything that it said."""

    code: int
    log: str


@dataclass
class Runner:
    """A job on this machine.

    Args:
        folder: where its files lie; the checkout of the caller is in ``workspace`` there.
        contexts: what expressions may name, such as ``inputs``.
        environment: variables of the job beside the usual ones.
    """

    folder: Path
    contexts: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("workspace", "temp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "summary").touch()
        self.contexts.setdefault("steps", {})

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    @property
    def summary(self) -> str:
        """The summary page of the job."""
        return (self.folder / "summary").read_text()

    @property
    def log(self) -> str:
        """What all steps said."""
        return "".join(step.log for step in self.steps.values())

    def value(self, text: Any) -> str:
        """A text of a workflow with its expressions evaluated."""
        return _EXPRESSION.sub(lambda found: _text(self._evaluated(found[1])), _text(text))

    def holds(self, condition: Any) -> bool:
        """Whether a condition is met."""
        return bool(self._evaluated(_EXPRESSION.sub(lambda found: found[1], str(condition))))

    def carry_out(self, steps: list[dict[str, Any]]) -> int:
        """Carries out the steps that have a script; returns the exit code of the first that failed, or 0."""
        failed = 0
        for at, step in enumerate(steps):
            name = step.get("id") or step.get("name") or str(at)
            condition = step.get("if", "success()")
            status = re.search(r"\b(success|failure|always|cancelled)\(\)", str(condition))
            if (failed and status is None) or not self.holds(str(condition).replace("success()", str(not failed))):
                continue
            done = self._run(name, step) if "run" in step else Step(0, "")
            self.steps[name] = done
            self.contexts["steps"].setdefault(name, {}).update(outcome="failure" if done.code else "success")
            failed = failed or done.code
        return failed

    def _run(self, name: str, step: dict[str, Any]) -> Step:
        script, output = self.folder / "script", self.folder / "output"
        assert "${{" not in step["run"], "an expression in a script is code of whoever sets it"
        script.write_text(step["run"])
        output.write_text("")
        variables = {key: self.value(value) for key, value in step.get("env", {}).items()}
        done = subprocess.run(
            # How the runner starts a step with `shell: bash`.
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.workspace / step.get("working-directory", "."),
            env={**self._environment(), **variables, "GITHUB_OUTPUT": str(output)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=100,
        )
        pairs = [line.partition("=") for line in output.read_text().splitlines()]
        self.contexts["steps"].setdefault(name, {})["outputs"] = {key: value for key, _, value in pairs}
        return Step(done.returncode, done.stdout)

    def _environment(self) -> dict[str, str]:
        foreign = ("TOKEN_CONFORMANCE", "PYTEST", "PYTHON", "GITHUB", "GH_", "RUNNER")
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(foreign)},
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temp),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.environment,
        }

    def _evaluated(self, expression: str) -> Any:
        parts = []
        for token in _TOKEN.findall(expression):
            if token.startswith("'"):
                parts.append(repr(token[1:-1].replace("''", "'")))
            elif re.fullmatch(r"[A-Za-z_][\w.-]*", token) and token not in ("true", "false", "fromJSON", "cancelled"):
                parts.append(repr(self._named(token)))
            else:
                parts.append(_OPERATORS.get(token, token))
        known = {"true": True, "false": False, "fromJSON": json.loads, "cancelled": lambda: False}
        return eval("".join(parts).strip(), {"__builtins__": {}}, {**known, "True": True, "False": False})

    def _named(self, path: str) -> Any:
        if path in ("True", "False"):
            return path == "True"
        found: Any = self.contexts
        for name in path.split("."):
            found = found.get(name, "") if isinstance(found, dict) else ""
        return found


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
