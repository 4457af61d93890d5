"""Keeping: the files of a run written one by one, searched for secrets, and put in their place."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from conformance import known, scanning
from conformance.report import har, index, markdown, results, summary
from conformance.report.folder import EXCHANGES, PAGE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.engine import Run
    from conformance.known import Known
    from conformance.report.folder import Folder

# What pytest's reporters write, and how it ends when it is whole.
_ENDINGS = {"report.html": b"</html>", "junit.xml": b"</testsuites>"}


def keep(run: Run, kept: Folder, sensitive: Known) -> tuple[Path | None, str]:
    """Writes what is left to write of a run, withdraws what holds a secret, and puts the rest in its place.

    Args:
        run: the run; its recording and pytest's reports are in the folder already.
        kept: the folder in the making.
        sensitive: secrets and tokens of the run.

    Returns:
        Where the run is, and what went wrong, in one line; one of both may be missing.
    """
    texts: dict[str, Callable[[], str]] = {
        "results.json": lambda: results.results_text(run),
        "summary.json": lambda: summary.summary_text(run),
        "summary.md": lambda: markdown.summary_markdown(run),
        PAGE: lambda: index.page_text(run),
        "exchanges.har": lambda: har.har_text(run.recording),
    }
    faults = [run.fault] if run.fault else []
    for name, text in texts.items():
        try:
            results.write(kept.path / name, text())
        except OSError as error:
            faults.append(f"{name} cannot be written: {error.strerror}")
            _remove(kept.path / name)
    faults += [f"{name} could not be written" for name in cut(kept.path)]
    try:
        withdrawn = scanning.withdraw(kept.path, sensitive, known.public_facts(run))
    except (scanning.ScanError, OSError) as error:
        return None, f"nothing was kept: {error}"
    if withdrawn:
        faults.append(f"withdrawn: {'; '.join(map(str, withdrawn))}")
    try:
        return kept.commit(), "; ".join(faults)
    except (OSError, ValueError) as error:
        kept.kept = True
        return None, "; ".join((*faults, f"the run could not be kept in its place: {error}; it is at {kept.path}"))


def rescued(kept: Folder, sensitive: Known) -> str:
    """Leaves a recording where it is after a run that came to no verdict; says how to go on, if there is one."""
    place = kept.path / EXCHANGES
    try:
        held = place.exists() and place.read_bytes().count(b"\n") > 1
        kept.kept = held and not scanning.withdraw(kept.path, sensitive, ())
    except (scanning.ScanError, OSError):
        return ""
    return f"; what was recorded is kept: token-conformance judge {kept.path}" if kept.kept else ""


def cut(folder: Path) -> list[str]:
    """Removes what pytest's reporters did not finish; returns the names."""
    missing = []
    for name, ending in _ENDINGS.items():
        try:
            whole = (folder / name).read_bytes().rstrip().endswith(ending)
        except OSError:
            whole = False
        if not whole:
            missing.append(name)
            _remove(folder / name)
    return missing


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
