"""Runs that were never made: results, recordings and folders as a run would leave them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from conformance import catalogue
from conformance.comparison import Side
from conformance.judging import VERDICTS
from conformance.recording import Exchange, Header, Recording, Token
from conformance.report import summary
from conformance.report.folder import RESULTS, SUMMARY
from conformance.request import VALID
from tests.servers import refusal, token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conformance.request import Template

    Answers = tuple[tuple[Template, bytes], ...]

FIRST = datetime(2026, 1, 1, 2, 30, tzinfo=UTC)
OTHER = VALID.with_form("grant_type=other")
THIRD = VALID.with_form("grant_type=third")
FACTS = Token(length=35, visible=True, b64token=True, fingerprint="0" * 16)
LATENCY = {"p50": 2.0, "p95": 9.5, "max": 30.1, "slowest": "GEN-001 spelling"}


def instant(days: float) -> str:
    """Days after the first made-up run, as results write it."""
    return (FIRST + timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def results(
    verdicts: Mapping[str, str], *, target: str = "staging", days: float = 0, traits: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Results with a verdict for each requirement that is named; what is unmet was answered 401 invalid_client."""
    rows = catalogue.load().requirements
    unmet = set(summary.UNMET)
    cases: list[dict[str, Any]] = [
        {
            "id": identifier,
            "area": identifier.partition("-")[0],
            "level": rows[identifier].level.value if identifier in rows else "MUST",
            "derived": False,
            "title": rows[identifier].title if identifier in rows else "a row of one's own",
            "verdict": verdict,
            "subject": "endpoint",
            "reason": "" if verdict == "passed" else f"as {verdict} as can be",
            "expected": "a token" if verdict in unmet else "",
            "actual": "401 invalid_client" if verdict in unmet else "",
            "changed": [],
            "remedy": "Repair it.",
            "sources": [asdict(one) for one in rows[identifier].sources] if identifier in rows else [],
            "stimuli": {},
            "witnesses": [],
            "follows": "",
        }
        for identifier, verdict in verdicts.items()
    ]
    counts = list(verdicts.values())
    undecided = set(counts) & set(summary.OPEN)
    return {
        "format": "token-conformance/1",
        "verdict": "non-conformant" if "failed" in counts else "inconclusive" if undecided else "conformant",
        "reason": "as it came",
        "edge_verdict": "not-judged",
        "suite": {"version": "0.1.0"},
        "catalogue": {"edition": 2, "judged_edition": 2, "digest": "0" * 64},
        "target": {
            "name": target,
            "base_url": "https://staging.test",
            "token_path": "/passport/oauth/token",
            "profile": "passport",
            "embedded": False,
        },
        "seed": 1,
        "started": instant(days),
        "finished": instant(days + 0.001),
        "duration_s": 3.0,
        "exchanges": 432,
        "summary": {word: counts.count(word) for word in VERDICTS},
        "cases": cases,
        "traits": dict(traits or {}),
    }


def case_of(found: Mapping[str, Any], identifier: str) -> dict[str, Any]:
    """A case of some results."""
    case: dict[str, Any] = next(one for one in found["cases"] if one["id"] == identifier)
    return case


def recording(*answers: tuple[Template, bytes], run: str = "0123456789ab", host: str = "staging.test") -> Recording:
    """A recording of requests that were answered so, in that order."""
    target = {"name": "staging", "base_url": f"https://{host}", "token_path": "/passport/oauth/token"}
    header = Header(run, "0.1.0", 2, "passport", target, loopback=False, settings={}, started=0.0)
    exchanges = [
        Exchange(
            number=number,
            role="control" if template is VALID else "stimulus",
            attempt=1,
            template=template.digest,
            label="control" if template is VALID else f"stimulus {template.digest[:4]}",
            how="",
            sent=b"POST / HTTP/1.1\r\n\r\n",
            received=octets,
            ending="complete",
            detail="",
            left_open=False,
            head=False,
            started=float(number),
            first_byte=0.1,
            duration=0.2,
            spent=False,
            token=FACTS if b"access_token" in octets else None,
        )
        for number, (template, octets) in enumerate(answers, 1)
    ]
    return Recording(header, tuple(exchanges))


USUAL: Answers = ((VALID, token()), (OTHER, refusal()), (VALID, token()), (THIRD, refusal(401, "invalid_client")))
"""What a run of a simple endpoint saw."""


def side(found: Mapping[str, Any], *answers: tuple[Template, bytes]) -> Side:
    """A side of a comparison; what it saw on the wire is `USUAL` unless given."""
    return Side("made/up", found, recording(*(answers or USUAL)))


def write(folder: Path, found: Mapping[str, Any], *, old: bool = False, latency: Any = None) -> Path:
    """A folder of a run with results, summary and page; an old release left no summary."""
    folder.mkdir(parents=True)
    (folder / RESULTS).write_text(json.dumps(found))
    if not old:
        (folder / SUMMARY).write_text(json.dumps(summary.summary(found, run="0" * 12, latency=latency or LATENCY)))
    (folder / "report.html").write_text("page")
    return folder
