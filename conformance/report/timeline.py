"""The pages about many runs: the history of all targets, that of one, and the comparison of two runs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from conformance import catalogue
from conformance.report import chart, difference, document

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from conformance.comparison import Comparison
    from conformance.history import Entry, Step, Timeline

INDEX = "index.html"
GENERATOR = "Token Conformance history"
"""What a page says of its origin; another one is never replaced."""

DRAWN = 120
"""Runs in a picture."""

SLOWEST = 5

_SYMBOLS = {
    "conformant": "\u2713",
    "non-conformant": "\u2717",
    "inconclusive": "?",
    "unusable": "?",
    "failed": "\u2717",
    "warning": "!",
    "passed": "\u2713",
}
_KINDS = {0: "same", 1: "regression", 3: "inconclusive", 5: "drift"}


@dataclass(frozen=True, slots=True)
class Card:
    """A target on the page of all targets.

    Attributes:
        timeline: its runs.
        link: where its own page is.
        picture: the trend.
    """

    timeline: Timeline
    link: str
    picture: Markup


def write(reports: Path, timelines: Sequence[Timeline], skipped: Sequence[str]) -> Path:
    """Writes the page of all targets and one for each; returns where the first is.

    Args:
        reports: the folder of all runs.
        timelines: the targets.
        skipped: folders that hold no run, and why.

    Raises:
        SettingsError: a page cannot be written, or something else stands in its place.
    """
    cards = []
    taken: set[str] = set()
    for one in timelines:
        folder = _folder(reports, one, taken)
        document.place(folder / INDEX, target_page(one, folder), GENERATOR)
        cards.append(Card(one, _link(reports, folder / INDEX), _trend(one)))
    file = reports / INDEX
    document.place(file, history_page(cards, skipped, reports), GENERATOR)
    return file


def history_page(cards: Sequence[Card], skipped: Sequence[str], folder: Path) -> str:
    """The page of all targets, for a place in a folder."""
    total = sum(len(card.timeline.steps) for card in cards)
    return _page("history", cards=cards, skipped=skipped, total=total, link=_linking(folder))


def target_page(timeline: Timeline, folder: Path) -> str:
    """The page of one target, for a place in a folder."""
    rows = catalogue.load().requirements
    last = timeline.latest.entry.summary
    timed = [step for step in timeline.steps if step.entry.summary["latency"]]
    findings = [
        {
            "id": identifier,
            "verdict": found["verdict"],
            "since": timeline.since.get(identifier, ""),
            "title": rows[identifier].title if identifier in rows else "",
            "actual": found["actual"],
        }
        for identifier, found in last["findings"].items()
    ]
    return _page(
        "target",
        timeline=timeline,
        picture=_trend(timeline),
        times=_times(timeline) if timed else "",
        shown=min(DRAWN, len(timeline.steps)),
        findings=findings,
        changed=[step for step in reversed(timeline.steps) if step.changed],
        slowest=sorted(timed, key=lambda step: -step.entry.summary["latency"]["p95"])[:SLOWEST],
        newest=list(reversed(timeline.steps)),
        back="../" + INDEX,
        link=_linking(folder),
    )


def comparison_page(found: Comparison) -> str:
    """The page of a comparison; it links to nothing, so that it can lie anywhere."""
    sections = [
        (heading, [[line.strip() for line in difference.item_lines(one) if line] for one in getattr(found, name)])
        for name, heading in difference.SECTIONS
        if getattr(found, name)
    ]
    aside = list(difference.aside(found))
    return _page("comparison", found=found, kind=_KINDS[found.code], sections=sections, aside=aside)


def _folder(reports: Path, timeline: Timeline, taken: set[str]) -> Path:
    """The folder of the page of a target: the one that holds its runs, unless another page has that place."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", timeline.target).lstrip(".") or "target"
    runs = {step.entry.folder for step in timeline.steps}
    name = safe
    number = 1
    while name in taken or reports / name in runs or _holds_run(reports / name):
        number += 1
        name = f"{safe}-history" if number == 2 else f"{safe}-history-{number}"
    taken.add(name)
    return reports / name


def _holds_run(folder: Path) -> bool:
    return (folder / "results.json").exists()


def _page(name: str, **data: Any) -> str:
    return document.page(name, GENERATOR, ("timeline.css",), symbols=_SYMBOLS, **data)


def _linking(folder: Path) -> Callable[[Path], str]:
    return lambda target: _link(folder, target)


def _link(folder: Path, target: Path) -> str:
    return "./" + quote(os.path.relpath(target, folder))


def _day(entry: Entry) -> str:
    return entry.started[:10]


def _trend(timeline: Timeline) -> Markup:
    steps = timeline.steps[-DRAWN:]
    bars = [_bar(step) for step in steps]
    last = bars[-1]
    words = (
        f"Findings of {len(bars)} runs from {_day(steps[0].entry)} to {_day(steps[-1].entry)}: "
        f"{last.failed} failed and {last.warnings} warnings in the last, which is {last.verdict}; "
        f"at most {max(bar.failed + bar.warnings for bar in bars)}; "
        f"{sum(bar.verdict == 'conformant' for bar in bars)} of the runs are conformant"
    )
    drawn = chart.findings(bars, _day(steps[0].entry), _day(steps[-1].entry), words)
    return Markup(drawn)  # noqa: S704 - made of numbers and escaped words


def _bar(step: Step) -> chart.Bar:
    found = step.entry.summary
    counts = found["counts"]
    return chart.Bar(found["verdict"], counts.get("failed", 0), counts.get("warning", 0))


def _times(timeline: Timeline) -> Markup:
    steps = timeline.steps[-DRAWN:]
    p50, p95 = (
        [found[name] if (found := step.entry.summary["latency"]) else None for step in steps] for name in ("p50", "p95")
    )
    known = [value for value in p95 if value is not None]
    words = (
        f"Response times of {len(known)} runs: the 95th percentile is {known[-1]:g} ms in the last, "
        f"and between {min(known):g} and {max(known):g} ms"
        if known
        else "No response times"
    )
    drawn = chart.latency(p50, p95, _day(steps[0].entry), _day(steps[-1].entry), words)
    return Markup(drawn)  # noqa: S704 - made of numbers and escaped words
