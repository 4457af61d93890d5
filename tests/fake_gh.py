"""GitHub's command line as far as the nightly workflow uses it: a state in a folder, and a note of every call."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

STATE = Path(os.environ.get("GH_STATE", "."))


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def main(words: list[str]) -> int:
    body = Path(option(words, "--body-file")).read_text() if "--body-file" in words else ""
    with (STATE / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(words) + "\n")
    if (STATE / "broken").exists():
        sys.stderr.write("HTTP 502: Server Error\n")
        return 1
    match words:
        case ["api", *_]:
            sys.stdout.write((STATE / "artefacts.json").read_text())
        case ["run", "download", number, *_]:
            kept = STATE / "runs" / number / option(words, "--name")
            shutil.copytree(kept, option(words, "--dir"), dirs_exist_ok=True)
        case ["issue", verb, *_]:
            issues = json.loads((STATE / "issues.json").read_text())
            issue(verb, words[2], words, issues, body)
            (STATE / "issues.json").write_text(json.dumps(issues))
        case _:
            sys.stderr.write("label already exists\n")
            return 1
    return 0


def issue(verb: str, number: str, words: list[str], issues: list[dict[str, Any]], body: str) -> None:
    if verb == "list":
        label = option(words, "--label")
        sys.stdout.write(json.dumps([one for one in issues if one["state"] == "open" and label in one["labels"]]))
        return
    if verb == "create":
        new = {"title": option(words, "--title"), "labels": [option(words, "--label")], "body": body}
        issues.append({"number": len(issues) + 1, "state": "open", "comments": [], **new})
        return
    (found,) = [one for one in issues if one["number"] == int(number)]
    if verb == "comment":
        found["comments"].append(body)
    else:
        found.update({"edit": {"body": body}, "close": {"state": "closed"}}[verb])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
