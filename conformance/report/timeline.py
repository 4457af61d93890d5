"""The pages about many runs: the history of all targets, that of one, and the comparison of two runs."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from conformance import catalogue
from conformance.report import chart, difference
from conformance.report.document import document, place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from conformance.comparison import Comparison
    from conformance.history import Step, Timeline

INDEX = "index.html"
GENERATOR = "Token Conformance history"
"""What a page says of its origin; another one is never replaced."""

DRAWN = 120
"""Runs in a picture."""

SLOWEST = 5

_ORDER = ("non-conformant", "unusable", "inconclusive", "conformant")
_DRAWABLE = 2
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Card:
    """A target on the page of all targets.

    Attributes:
        timeline: its runs.
        link: where its own page is.
        picture: the trend; empty where there is none yet.
        findings: those of the last run.
    """

    timeline: Timeline
    link: str
    picture: Markup | str
    findings: Sequence[Finding]

    @property
    def verdict(self) -> str:
        """The verdict of the last run."""
        return str(self.timeline.latest.entry.summary["verdict"])


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of the last run of a target.

    Attributes:
        id: ID of the requirement.
        title: the requirement in a few words; empty where it is none of the catalogue.
        verdict: the verdict of the case.
        actual: what came.
        since: start of the run that brought it.
    """

    id: str
    title: str
    verdict: str
    actual: str
    since: str


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
        place(folder / INDEX, target_page(one, folder), GENERATOR)
        cards.append(Card(one, _link(reports, folder / INDEX), _trend(one), _findings(one)))
    file = reports / INDEX
    place(file, history_page(cards, skipped, reports), GENERATOR)
    return file


def history_page(cards: Sequence[Card], skipped: Sequence[str], folder: Path) -> str:
    """The page of all targets, for a place in a folder."""
    total = sum(len(card.timeline.steps) for card in cards)
    # What needs somebody's eye comes first.
    ordered = sorted(cards, key=lambda card: _ORDER.index(card.verdict))
    counted = Counter(card.verdict for card in ordered)
    return document(
        "history",
        GENERATOR,
        cards=ordered,
        counted=counted,
        skipped=skipped,
        total=total,
        link=_linking(folder),
    )


def target_page(timeline: Timeline, folder: Path) -> str:
    """The page of one target, for a place in a folder."""
    timed = [step for step in timeline.steps if step.entry.summary["latency"]]
    return document(
        "target",
        GENERATOR,
        timeline=timeline,
        picture=_trend(timeline),
        times=_times(timeline),
        shown=min(DRAWN, len(timeline.steps)),
        findings=_findings(timeline),
        changed=[step for step in reversed(timeline.steps) if step.changed],
        slowest=sorted(timed, key=lambda step: -step.entry.summary["latency"]["p95"])[:SLOWEST],
        newest=list(reversed(timeline.steps)),
        back="../" + INDEX,
        link=_linking(folder),
    )


def comparison_page(found: Comparison) -> str:
    """The page of a comparison; it links to nothing, so that it can lie anywhere."""
    sections, aside = list(difference.sections(found)), list(difference.aside(found))
    return document("comparison", GENERATOR, found=found, sections=sections, aside=aside)


def _folder(reports: Path, timeline: Timeline, taken: set[str]) -> Path:
    """The folder of the page of a target: the one that holds its runs, unless another page has that place."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", timeline.target).lstrip(".")[:_LONGEST] or "target"
    runs = {step.entry.folder for step in timeline.steps}
    for number in count():
        name = safe if number == 0 else f"{safe}-history" if number == 1 else f"{safe}-history-{number}"
        if name not in taken and reports / name not in runs and not _holds_run(reports / name):
            taken.add(name)
            return reports / name
    raise AssertionError


def _holds_run(folder: Path) -> bool:
    return (folder / "results.json").exists()


def _linking(folder: Path) -> Callable[[Path], str]:
    return lambda target: _link(folder, target)


def _link(folder: Path, target: Path) -> str:
    return "./" + quote(os.fsencode(os.path.relpath(target, folder)))


def _findings(timeline: Timeline) -> list[Finding]:
    rows = catalogue.load().requirements
    return [
        Finding(
            identifier,
            rows[identifier].title if identifier in rows else "",
            found["verdict"],
            found["actual"],
            timeline.since.get(identifier, ""),
        )
        for identifier, found in timeline.latest.entry.summary["findings"].items()
    ]


def _day(step: Step) -> str:
    return step.entry.started[:10]


def _trend(timeline: Timeline) -> Markup | str:
    steps = timeline.steps[-DRAWN:]
    if len(steps) < _DRAWABLE:
        return ""
    bars = [_bar(step) for step in steps]
    last = bars[-1]
    words = (
        f"Findings of {len(bars)} runs from {_day(steps[0])} to {_day(steps[-1])}: "
        f"{last.failed} failed and {last.warnings} warnings in the last, which is {last.verdict}; "
        f"at most {max(bar.failed + bar.warnings for bar in bars)}; "
        f"{sum(bar.verdict == 'conformant' for bar in bars)} of the runs are conformant"
    )
    drawn = chart.findings(bars, _day(steps[0]), _day(steps[-1]), words)
    return Markup(drawn)  # noqa: S704 - made of numbers and escaped words


def _bar(step: Step) -> chart.Bar:
    found = step.entry.summary
    started = step.entry.started[:16].replace("T", " ")
    return chart.Bar(started, found["verdict"], found["counts"].get("failed", 0), found["counts"].get("warning", 0))


def _times(timeline: Timeline) -> Markup | str:
    steps = timeline.steps[-DRAWN:]
    p50, p95 = (
        [found[name] if (found := step.entry.summary["latency"]) else None for step in steps] for name in ("p50", "p95")
    )
    known = [value for value in p95 if value is not None]
    if len(known) < _DRAWABLE:
        return ""
    words = (
        f"Response times of {len(known)} runs: the 95th percentile is {known[-1]:g} ms in the last, "
        f"and between {min(known):g} and {max(known):g} ms"
    )
    drawn = chart.latency(p50, p95, _day(steps[0]), _day(steps[-1]), words)
    return Markup(drawn)  # noqa: S704 - made of numbers and escaped words
