"""Small pictures as inline SVG; each says in words what it shows, and takes its colours from the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.report import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 720, 150
RIGHT, BOTTOM, TOP, MARKS = 40, 34, 10, 14
"""Room for the scale, the dates, and the marks of the verdicts, in units of the picture.

The scale stands at the right, where the newest runs are: what is too wide for a phone is cut off at the left.
"""

ACROSS, PITCH = 6, 9
"""Marks in a row, and units from one to the next."""

MARK_FORMS = {
    "failed": "m0,0h7v7h-7z",
    "error": "m0,0l7,7m0,-7l-7,7",
    "inconclusive": "m3.5,0l3.5,3.5l-3.5,3.5l-3.5,-3.5z",
    "warning": "m3.5,0l3.5,7h-7z",
    "waived": "m0.5,0.5h6v6h-6z",
    "observed": "m3.5,0.5a3,3,0,1,0,0.01,0z",
    "passed": "m3.5,0a3.5,3.5,0,1,0,0.01,0z",
    "not_applicable": "m0,3.5h7",
}
"""The form of the mark of each verdict, from its upper left corner."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One run in a picture.

    Attributes:
        started: when it started, in words.
        verdict: its verdict.
        failed: requirements that failed.
        warnings: recommendations that are not met.
    """

    started: str
    verdict: str
    failed: int
    warnings: int


def findings(bars: Sequence[Bar], first: str, last: str, words: str) -> str:
    """The findings of runs as columns, with a mark below each that tells its verdict.

    Args:
        bars: the runs, the oldest first; at least one.
        first: when the first was, in words.
        last: when the last was.
        words: what the picture shows, for those who do not see it.
    """
    top = _ceiling(max(bar.failed + bar.warnings for bar in bars), at_least=4)
    floor, room = HEIGHT - BOTTOM - MARKS, HEIGHT - BOTTOM - MARKS - TOP
    step, left = _steps(len(bars))
    wide = max(step * 0.72, 1.5)
    parts = _scale(top, floor, room)
    for at, bar in enumerate(bars):
        x = left + step * at + (step - wide) / 2
        low = float(floor)
        told = f"{bar.started}: {bar.verdict}, {bar.failed} failed, {bar.warnings} warnings"
        parts.append(f"<g><title>{escape.html(told)}</title>")
        for number, kind in ((bar.failed, "bad"), (bar.warnings, "warn")):
            height = room * number / top
            if number:
                parts.append(
                    f'<rect class="{kind}" x="{x:.1f}" y="{low - height:.1f}" width="{wide:.1f}" '
                    f'height="{height:.1f}"/>'
                )
            low -= height
        parts.append(f"{_mark(bar.verdict, x + wide / 2, floor + MARKS / 2 + 2, min(wide, 9))}</g>")
    return _picture([*parts, *_dates(first, last, left)], words)


def latency(p50: Sequence[float | None], p95: Sequence[float | None], first: str, last: str, words: str) -> str:
    """Response times of runs as two lines, in milliseconds; ``None`` where a run has none.

    Args:
        p50: the median of each run, the oldest first.
        p95: the 95th percentile of each run.
        first: when the first was, in words.
        last: when the last was.
        words: what the picture shows, for those who do not see it.
    """
    top = _ceiling(max([value for value in (*p50, *p95) if value is not None] or [1.0]))
    floor, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    step, left = _steps(len(p95))
    parts = _scale(top, floor, room)
    for values, kind in ((p95, "slow"), (p50, "typical")):
        points = [
            (left + step * (at + 0.5), floor - room * value / top)
            for at, value in enumerate(values)
            if value is not None
        ]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="{kind}" points="{drawn}"/>')
        parts += [f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in points]
    return _picture([*parts, *_dates(first, last, left)], words)


def _ceiling(most: float, at_least: float = 0.0) -> float:
    """The next round number, which can be halved."""
    most = max(most, at_least) or 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if most <= step * power)


def _steps(number: int) -> tuple[float, float]:
    """How wide the place of one run is, and where the first one begins; the last one ends at the scale."""
    step = (WIDTH - RIGHT) / max(number, 20)
    return step, WIDTH - RIGHT - step * number


def marks(counts: Mapping[str, int], words: str) -> str:
    """A mark for each case, in the order given: the form tells the verdict as well as the colour.

    Args:
        counts: how many cases have which verdict.
        words: what the picture shows, for those who do not see it; empty where the same stands beside it.
    """
    every = [verdict for verdict, number in counts.items() for _ in range(number)]
    rows = -(-len(every) // ACROSS)
    drawn: dict[str, str] = {}
    for at, verdict in enumerate(every):
        place = f"M{at % ACROSS * PITCH},{at // ACROSS * PITCH}"
        drawn[verdict] = drawn.get(verdict, "") + place + MARK_FORMS[verdict]
    paths = "".join(f'<path class="{verdict}" d="{path}"/>' for verdict, path in drawn.items())
    wide, high = min(len(every), ACROSS) * PITCH, rows * PITCH
    named = f'role="img" aria-label="{escape.html(words)}"' if words else 'aria-hidden="true"'
    return f'<svg class="marks" {named} width="{wide}" height="{high}" viewBox="0 0 {wide} {high}">{paths}</svg>'


def histogram(bins: Sequence[tuple[str, int]], words: str) -> str:
    """How many answers took how long, as columns with their number on top.

    Args:
        bins: the upper end of each column in words, and how many answers are in it; at least one.
        words: what the picture shows, for those who do not see it.
    """
    top = max(number for _, number in bins) or 1
    floor, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP - MARKS
    step = WIDTH / max(len(bins), 8)
    parts = [f'<line class="grid" x1="0" x2="{WIDTH}" y1="{floor}" y2="{floor}"/>']
    for at, (label, number) in enumerate(bins):
        middle = step * (at + 0.5)
        height = max(room * number / top, 1) if number else 0
        parts.append(
            f'<rect class="column" x="{middle - step * 0.4:.1f}" y="{floor - height:.1f}" width="{step * 0.8:.1f}" '
            f'height="{height:.1f}"/>'
        )
        parts.append(f'<text class="middle" x="{middle:.1f}" y="{HEIGHT - 10}">{escape.html(label)}</text>')
        if number:
            parts.append(f'<text class="middle" x="{middle:.1f}" y="{floor - height - 5:.1f}">{number}</text>')
    return _picture(parts, words)


def _scale(top: float, floor: float, room: float) -> list[str]:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = floor - room * share
        parts.append(f'<line class="grid" x1="0" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 6}" y="{y + 4:.1f}">{top * share:.3g}</text>')
    return parts


def _dates(first: str, last: str, left: float) -> list[str]:
    y = HEIGHT - 8
    parts = [f'<text class="end" x="{WIDTH - RIGHT}" y="{y}">{escape.html(last)}</text>']
    if first != last and left < WIDTH - RIGHT - 200:
        parts.append(f'<text x="{left:.0f}" y="{y}">{escape.html(first)}</text>')
    return parts


def _mark(verdict: str, x: float, y: float, size: float) -> str:
    """A mark that differs in form as well as in colour."""
    half = size / 2
    if verdict == "conformant":
        return f'<circle class="good" cx="{x:.1f}" cy="{y:.1f}" r="{half:.1f}"/>'
    if verdict == "non-conformant":
        return f'<rect class="bad" x="{x - half:.1f}" y="{y - half:.1f}" width="{size:.1f}" height="{size:.1f}"/>'
    corners = ((x, y - half), (x + half, y), (x, y + half), (x - half, y))
    drawn = " ".join(f"{left:.1f},{top:.1f}" for left, top in corners)
    return f'<polygon class="open" points="{drawn}"/>'


def _picture(parts: Sequence[str], words: str) -> str:
    drawn = "".join(parts)
    return (
        f'<svg class="chart" role="img" aria-label="{escape.html(words)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="xMaxYMid slice">{drawn}</svg>'
    )
