"""One issue for each target with a regression: opened, told what is new, and closed when everything is met again.

An issue is found by its label and the first line of its text, which names the target and what regressed. A requirement
that was not decided tonight stays in it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABEL = "token-conformance"
COMPARISONS = Path("comparisons")

_MARKER = re.compile(r"<!-- token-conformance target=(\S+) regressed=([A-Z0-9,-]*) -->")
_MET = ("passed", "observed", "waived")


@dataclass(frozen=True)
class Issue:
    """An open issue: its number, IDs of what regressed, and its text below the first line."""

    number: int
    regressed: frozenset[str]
    text: str


def main() -> None:
    """Brings the issues to the state of tonight."""
    folders = sorted(one for one in COMPARISONS.iterdir() if one.is_dir()) if COMPARISONS.is_dir() else []
    if not folders:
        print("no target was judged")
        return
    issues = _issues()
    for folder in folders:
        _bring(folder, issues.get(folder.name))


def _bring(folder: Path, issue: Issue | None) -> None:
    name = folder.name
    cases = _read(folder / "summary.json")["cases"]
    fresh = frozenset(_read(folder / "regressed.json"))
    known = issue.regressed if issue else frozenset()
    unmet = {one for one in known | fresh if cases.get(one) not in _MET}
    told = (folder / "comparison.md").read_text(encoding="utf-8") if fresh else ""
    if issue is None:
        if fresh:
            _gh("label", "create", LABEL, "--description", "Regressions of token endpoints", fails=True)
            title = f"Token endpoint {name}: regression"
            _gh("issue", "create", "--title", title, "--label", LABEL, text=f"{_marker(name, unmet)}{told}")
    elif unmet != known:
        met = ", ".join(sorted(known - unmet))
        news = [f"Met again, or waived: {met}. {_run()}\n"] if met else []
        news += [f"More regressed. {_run()}\n\n{told}"] if fresh - known else []
        number = str(issue.number)
        _gh("issue", "comment", number, text="\n".join(news))
        _gh("issue", "edit", number, text=f"{_marker(name, unmet)}{issue.text}")
        if not unmet:
            _gh("issue", "close", number, "--reason", "completed")
    print(f"{name}: {len(fresh)} regressions tonight, {len(unmet)} of all of them open")


def _issues() -> dict[str, Issue]:
    """The open issues by target; of two for one target the older one counts."""
    line = ("issue", "list", "--label", LABEL, "--state", "open", "--limit", "200", "--json", "number,body")
    found = {}
    for one in sorted(json.loads(_gh(*line)), key=lambda one: -one["number"]):
        first, _, text = one["body"].replace("\r\n", "\n").partition("\n")
        marker = _MARKER.fullmatch(first)
        if marker is not None:
            found[marker[1]] = Issue(one["number"], frozenset(filter(None, marker[2].split(","))), text)
    return found


def _marker(name: str, regressed: set[str]) -> str:
    return f"<!-- token-conformance target={name} regressed={','.join(sorted(regressed))} -->\n"


def _run() -> str:
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (os.environ[name] for name in names)
    return f"[The run of this night]({server}/{repository}/actions/runs/{run})"


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _gh(*words: str, text: str | None = None, fails: bool = False) -> str:
    """What gh prints; a text travels as a file, so that nothing in it is an option.

    Args:
        words: its command and options.
        text: content of the issue or comment.
        fails: whether it may fail.
    """
    line = ["gh", *words]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".md") as file:
        if text is not None:
            file.write(text)
            file.flush()
            line += ["--body-file", file.name]
        return subprocess.run(line, check=not fails, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
