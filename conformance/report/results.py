"""The results of a run as data: ``results.json``, described by ``results.schema.json`` beside this module."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from conformance import catalogue, judging, pinning, waivers
from conformance.report.command import repeat

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.engine import Run
    from conformance.judging import Verdict
    from conformance.pinning import Drift
    from conformance.waivers import Standing, Waiver

__all__ = [
    "FORMAT",
    "MEANING",
    "counted",
    "drifted",
    "duration",
    "instant",
    "repeat",
    "results",
    "results_text",
    "summary",
    "write",
]

FORMAT = "token-conformance/1"

MEANING = {
    "conformant": "Every requirement that counts and could be judged is met, or waived.",
    "non-conformant": "At least one requirement that counts is not met.",
    "inconclusive": "Nothing that counts was seen to fail, but something that counts could not be decided.",
    "unusable": "The valid request itself was not granted, so nothing was judged.",
}
"""What each verdict of a run says, in one sentence."""


def results(run: Run) -> dict[str, Any]:
    """A run in the format `FORMAT`."""
    header, inquiry, known = run.recording.header, run.inquiry, catalogue.load()
    return {
        "format": FORMAT,
        "verdict": run.result.verdict,
        "edge_verdict": run.result.edge,
        "reason": run.result.reason,
        "suite": {"version": header.suite},
        "catalogue": {
            "edition": known.edition,
            "judged_edition": inquiry.edition or known.edition,
            "digest": known.digest,
        },
        "target": {
            "name": inquiry.target.name,
            "base_url": inquiry.target.base_url,
            "token_path": inquiry.target.token_path,
            "profile": inquiry.profile.name,
            "embedded": inquiry.target.embedded,
        },
        "seed": inquiry.seed,
        **({"select": list(inquiry.select)} if inquiry.select else {}),
        "started": instant(header.started),
        "finished": instant(run.finished),
        "duration_s": round(duration(run), 3),
        "exchanges": len(run.recording.exchanges),
        "summary": summary(run),
        "cases": [_case(verdict, run) for verdict in run.result.cases],
        "traits": dict(run.result.traits),
        **({} if inquiry.pinned is None else {"drift": [asdict(one) for one in drifted(run)]}),
        **({"waivers": [_standing(one) for one in waivers.standings(run)]} if inquiry.waivers else {}),
    }


def results_text(run: Run) -> str:
    """The content of ``results.json``; ASCII, so that no reader's encoding matters."""
    return json.dumps(results(run), indent=2) + "\n"


def write(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whatever stood there before.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)


def drifted(run: Run) -> tuple[Drift, ...]:
    """The traits in which a run differs from the fingerprint that it was given; none where it was given none."""
    return pinning.drift(run.inquiry.pinned or {}, run.result.traits)


def summary(run: Run) -> dict[str, int]:
    """How many cases have each verdict, those that none has included."""
    counts = Counter(verdict.verdict for verdict in run.result.cases)
    return {word: counts[word] for word in judging.VERDICTS}


def counted(number: int, word: str) -> str:
    """A number and the word for it, such as ``2 warnings``; a verdict stands in words."""
    plural = "s" if word in ("warning", "error", "case", "exchange") and number != 1 else ""
    return f"{number} {word.replace('_', ' ')}{plural}"


def duration(run: Run) -> float:
    """Seconds from the first exchange's preparation to the judgement; a clock set back in between counts as none."""
    return max(run.finished - run.recording.header.started, 0.0)


def instant(seconds: float) -> str:
    """Seconds since the epoch in ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _standing(one: Standing) -> dict[str, Any]:
    return {
        "requirement": one.waiver.requirement,
        "state": one.state,
        "line": one.waiver.line,
        **_terms(one.waiver, one.days_left),
    }


def _terms(waiver: Waiver, days_left: int) -> dict[str, Any]:
    return {
        "reason": waiver.reason,
        "owner": waiver.owner,
        "ticket": waiver.ticket,
        "expires": waiver.expires.isoformat(),
        "days_left": days_left,
    }


def _case(verdict: Verdict, run: Run) -> dict[str, Any]:
    requirement, waiver = verdict.case.requirement, verdict.waiver
    return {
        "id": requirement.id,
        "area": requirement.area,
        "level": requirement.level.value,
        "derived": requirement.derived,
        "title": requirement.title,
        "verdict": verdict.verdict,
        "subject": verdict.subject,
        "reason": verdict.reason,
        "expected": verdict.expected,
        "actual": verdict.actual,
        "changed": list(verdict.changed),
        "remedy": requirement.remedy,
        "sources": [{"text": source.text, "url": source.url} for source in requirement.sources],
        "stimuli": {name: list(numbers) for name, numbers in verdict.stimuli.items()},
        "witnesses": list(verdict.witnesses),
        "follows": verdict.follows,
        **({} if waiver is None else {"waiver": _terms(waiver, waiver.days_left(waivers.scope_of(run)))}),
        **({} if waiver is None else {"unwaived": verdict.unwaived}),
    }
