"""The runs of tonight put beside those of earlier nights, and each compared with the one before it.

``history.py previous`` fetches the history that the last night left, as an artefact; ``history.py append`` adds the
runs of tonight to it and leaves for each target what the next jobs need: ``summary.json``, ``comparison.json``,
``comparison.md``, and in ``regressed.json`` the IDs of what became worse.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ARTEFACT = "token-conformance-history"
REPORTS, TONIGHT, COMPARISONS = Path("reports"), Path("tonight"), Path("comparisons")

RUNS = 365
"""Runs of a target that are kept."""

WHOLE = 7
"""Runs of a target that are kept with their reports; of the others the summary stays, which a trend is made from."""

LENGTH = 50_000
"""Characters of a comparison: an issue takes 65,536."""

_RANK = {"failed": 2, "warning": 1}
_OPEN = ("inconclusive", "error")
_SUMMARIES = ("summary.json", "summary.md")


def previous() -> None:
    """Fetches the newest history of this branch; whatever fails here fails the job, so that no history is replaced."""
    repository, branch = os.environ["GITHUB_REPOSITORY"], os.environ["GITHUB_REF_NAME"]
    listed = json.loads(_gh("api", f"repos/{repository}/actions/artifacts?name={ARTEFACT}&per_page=100"))
    REPORTS.mkdir(exist_ok=True)
    kept = [one for one in listed["artifacts"] if _ours(one, branch)]
    if not kept:
        print(f"::notice title=Token Conformance::no earlier history of the branch {branch}: it begins tonight")
        return
    newest = max(kept, key=lambda one: str(one["created_at"]))
    _gh("run", "download", str(newest["workflow_run"]["id"]), "--name", ARTEFACT, "--dir", str(REPORTS))


def _ours(artefact: dict[str, Any], branch: str) -> bool:
    """Whether a workflow of this repository left an artefact, on this branch and in another run than this one.

    A pull request from a fork can leave an artefact of any name, from a branch of any name.
    """
    run = artefact["workflow_run"]
    return (
        not artefact["expired"]
        and run["head_branch"] == branch
        and run["head_repository_id"] == run["repository_id"]
        and str(run["id"]) != os.environ["GITHUB_RUN_ID"]
    )


def append(names: list[str]) -> None:
    """Adds the runs of tonight, compares each with the one before, and builds the pages.

    Args:
        names: names of the targets.
    """
    page = ["## Token Conformance: tonight\n\n"]
    for name in names:
        place, run = COMPARISONS / name, TONIGHT / f"run-{name}"
        if not (run / "summary.json").is_file():
            page.append(f"### {name}\n\nNot judged; the log of its job says why.\n\n")
            continue
        place.mkdir(parents=True)
        before = _last_judged(REPORTS / name)
        summary = _read(run / "summary.json")
        final = REPORTS / name / "".join(one for one in summary["started"][:19] if one.isalnum())
        final.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(run, final)
        shutil.copy(final / "summary.json", place)
        page.append(f"### {name}: {summary['verdict']}\n\n{_compared(before, final, place)}\n")
        regressed = _regressed(place / "comparison.json", summary["cases"], _runs(REPORTS / name)[:-1])
        (place / "regressed.json").write_text(json.dumps(regressed), encoding="utf-8")
        for old in _runs(REPORTS / name)[:-WHOLE]:
            if old != before:
                _thin(old)
    _suite("history", str(REPORTS), "--keep", str(RUNS))
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
        file.writelines(page)


def _compared(before: Path | None, after: Path, place: Path) -> str:
    """How a run differs from the one before it, in Markdown; files beside it say the same to programs."""
    if before is None:
        return "No earlier run to compare it with.\n"
    for form, ending in (("json", "json"), ("markdown", "md")):
        code = _suite("compare", str(before), str(after), "--format", form, "--output", f"{place}/comparison.{ending}")
        if code not in (0, 1, 3, 5):
            return "It cannot be compared with the run before; the log says why.\n"
    told = (place / "comparison.md").read_text(encoding="utf-8")
    if len(told) > LENGTH:
        whole_lines = told[:LENGTH].rpartition("\n")[0]
        told = f"{whole_lines}\n\nThe rest is in comparison.json.\n"
        (place / "comparison.md").write_text(told, encoding="utf-8")
    return told


def _regressed(comparison: Path, tonight: dict[str, str], runs: list[Path]) -> list[str]:
    """IDs of cases that are worse than when they were last decided, be that some nights ago.

    Args:
        comparison: how tonight differs from the run before, where that is known.
        tonight: verdict of each case.
        runs: earlier runs, the oldest first.
    """
    if not comparison.is_file():
        return []
    changes = _read(comparison)["regressions"]
    summaries = [_read(run / "summary.json")["cases"] for run in reversed(runs)]
    found = []
    for case in (identifier for one in changes for identifier in (one["id"], *one["likewise"])):
        decided = [cases[case] for cases in summaries if cases.get(case) not in (None, *_OPEN)]
        if not decided or _RANK.get(decided[0], 0) < _RANK.get(tonight[case], 0):
            found.append(case)
    return sorted(found)


def _runs(folder: Path) -> list[Path]:
    """The runs of a target, the oldest first."""
    return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


def _last_judged(folder: Path) -> Path | None:
    """The newest run that judged something: what was there before a night without an answer is not new after it."""
    for run in reversed(_runs(folder)):
        if (run / "results.json").is_file() and _read(run / "summary.json")["verdict"] != "unusable":
            return run
    return None


def _thin(run: Path) -> None:
    for file in run.iterdir():
        if file.name not in _SUMMARIES:
            file.unlink()


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _suite(*words: str) -> int:
    return subprocess.run(["token-conformance", *words], check=False).returncode


def _gh(*words: str) -> str:
    return subprocess.run(["gh", *words], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    previous() if sys.argv[1:] == ["previous"] else append(json.loads(os.environ["NAMES"]))
