"""How long the pages over a thousand runs take: python -m tests.benchmarks.history [FOLDER [RUNS]]."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from conformance import catalogue
from conformance.report import summary
from conformance.report.folder import RESULTS, SUMMARY

RUNS = 1000
TARGETS = ("staging", "production", "partner.example")
FIRST = datetime(2026, 1, 1, 2, 30, tzinfo=UTC)


def results(number: int, target: str, rng: random.Random) -> dict[str, Any]:
    """Made-up results of a run that is mostly conformant and sometimes not, with every requirement there is."""
    rows = catalogue.load().requirements
    failing = set(rng.sample(sorted(rows), rng.choice((0, 0, 0, 1, 2, 9))))
    started = FIRST + timedelta(hours=12 * number)
    instants = [one.isoformat(timespec="milliseconds").replace("+00:00", "Z") for one in (started, started)]
    cases = [
        {
            "id": row.id,
            "area": row.area,
            "level": row.level.value,
            "derived": row.derived,
            "title": row.title,
            "verdict": "passed" if row.id not in failing else row.unmet if row.unmet != "observed" else "warning",
            "subject": "endpoint",
            "reason": "",
            "expected": "",
            "actual": "401 invalid_client" if row.id in failing else "",
            "changed": [],
            "remedy": row.remedy,
            "sources": [{"text": source.text, "url": source.url} for source in row.sources],
            "stimuli": {"stimulus": [number + 1]},
            "witnesses": [],
            "follows": "",
        }
        for row in rows.values()
    ]
    verdicts = [case["verdict"] for case in cases]
    undecided = rng.random() < 0.03
    verdict = "unusable" if undecided else "non-conformant" if "failed" in verdicts else "conformant"
    return {
        "format": "token-conformance/1",
        "verdict": verdict,
        "reason": "the valid request got no answer" if undecided else "as it came",
        "edge_verdict": "not-judged",
        "suite": {"version": "0.1.0"},
        "catalogue": {"edition": 2, "digest": "0" * 64},
        "target": {
            "name": target,
            "base_url": f"https://{target}.test",
            "token_path": "/passport/oauth/token",
            "profile": "passport",
            "embedded": False,
        },
        "seed": 1,
        "started": instants[0],
        "finished": instants[1],
        "duration_s": 3.0,
        "exchanges": 432,
        "summary": {word: verdicts.count(word) for word in ("passed", "failed", "warning", "inconclusive")},
        "cases": cases,
        "traits": {
            name: rng.choice(values[:2]) if rng.random() < 0.01 else values[0]
            for row in rows.values()
            for name, values in row.traits.items()
        },
    }


def fill(folder: Path, runs: int, *, old: bool) -> None:
    """Writes runs as a release would leave them; an old one left no summary."""
    rng = random.Random(1)
    for number in range(runs):
        target = TARGETS[number % len(TARGETS)]
        found = results(number, target, rng)
        place = folder / target / f"{number:05}"
        place.mkdir(parents=True)
        slow = 20 + 15 * rng.random() + number / 40
        latency = {"p50": round(slow / 2, 1), "p95": round(slow, 1), "max": round(slow * 3, 1), "slowest": "GEN-001"}
        if old:
            (place / RESULTS).write_text(json.dumps(found, indent=2))
        else:
            (place / SUMMARY).write_text(json.dumps(summary.summary(found, run=f"{number:012x}", latency=latency)))
        (place / "report.html").write_text("page")


def main() -> None:
    """Prints how long the command takes, with summaries and without."""
    if len(sys.argv) > 1:
        fill(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else RUNS, old=False)
        return
    for old in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), RUNS, old=old)
            start = time.perf_counter()
            subprocess.run(
                [Path(sys.executable).with_name("token-conformance"), "history", folder],
                check=True,
                capture_output=True,
            )
            took = time.perf_counter() - start
            kind = "results.json alone" if old else "summary.json"
            sys.stdout.write(f"history of {RUNS} runs, {kind:<20}{took:>6.2f} s  aim <= 5 s\n")


if __name__ == "__main__":
    main()
