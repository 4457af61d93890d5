"""Small pictures as inline SVG; each says in words what it shows, and takes its colours from the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.report import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 720, 150
RIGHT, BOTTOM, TOP, MARKS = 40, 34, 10, 14
"""Room for the scale, the dates, and the marks of the verdicts, in units of the picture.

The scale stands at the right, where the newest runs are: what is too wide for a phone is cut off at the left.
"""


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
