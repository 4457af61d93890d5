"""How long the pages over a thousand runs take, and a comparison: python -m tests.benchmarks.history [FOLDER [RUNS]].

With a folder, made-up runs are written there and nothing is measured.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import case, catalogue, comparison, engine, profiles, recording, reference
from conformance.report.folder import EXCHANGES, RESULTS, SUMMARY
from conformance.report.results import results_text
from conformance.target import Credentials, Limits, Secret, target_at
from tests import runs
from tests.benchmarks.measure import BIN, command, seconds, show

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 1000
TARGETS = ("staging", "production", "partner.example")


def results(number: int, target: str, rng: random.Random) -> dict[str, Any]:
    """Made-up results of a run that is mostly conformant and sometimes not, with every requirement there is."""
    rows = catalogue.load().requirements
    failing = set(rng.sample(sorted(rows), rng.choice((0, 0, 0, 1, 2, 9))))
    verdicts = {
        row.id: "passed" if row.id not in failing else row.unmet if row.unmet != "observed" else "warning"
        for row in rows.values()
    }
    traits = {
        name: rng.choice(values[:2]) if rng.random() < 0.01 else values[0]
        for row in rows.values()
        for name, values in row.traits.items()
    }
    found = runs.results(verdicts, target=target, days=number / 2, traits=traits)
    if rng.random() < 0.03:
        found |= {"verdict": "unusable", "reason": "the valid request got no answer"}
    return found


def fill(folder: Path, number: int, *, old: bool) -> None:
    """Writes runs as a release would leave them; an old one left no summary."""
    rng = random.Random(1)
    for at in range(number):
        target = TARGETS[at % len(TARGETS)]
        slow = 20 + 15 * rng.random() + at / 40
        latency = {"p50": round(slow / 2, 1), "p95": round(slow, 1), "max": round(slow * 3, 1), "slowest": "GEN-001"}
        runs.write(folder / target / f"{at:05}", results(at, target, rng), old=old, latency=latency)


def reading(folder: Path, name: str) -> Callable[[], object]:
    """What the files of that name cost that lie in a folder, read and understood as JSON and no more."""
    return lambda: [json.loads(file.read_bytes()) for file in folder.rglob(name)]


def real(folder: Path, seed: int) -> Path:
    """A folder with a run of the embedded endpoint."""
    profile = profiles.load("passport", Path.cwd())
    cases = case.built_in()
    folder.mkdir()
    with reference.start() as endpoint:
        client = Credentials(endpoint.client_id, Secret(endpoint.client_secret))
        target = replace(target_at(endpoint.base_url, endpoint.token_path, client), scope="read")
        inquiry = engine.Inquiry(target, profile, Limits(), engine.applicable(cases, profile), cases, seed=seed)
        run = engine.conduct(inquiry, record=folder / EXCHANGES)
    (folder / RESULTS).write_text(results_text(run))
    return folder


def main() -> None:
    """Prints the table."""
    if len(sys.argv) > 1:
        fill(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else RUNS, old=False)
        return
    for old, name in ((False, SUMMARY), (True, RESULTS)):
        with tempfile.TemporaryDirectory() as place:
            fill(Path(place), RUNS, old=old)
            pages = seconds(command(str(BIN / "token-conformance"), "history", place), repeats=3)
            read = seconds(reading(Path(place), name), repeats=3)
            show(f"history of {RUNS} runs, {name}", pages, "reading these as JSON", read, "<= 5000 ms")
    with tempfile.TemporaryDirectory() as place:
        folders = [real(Path(place) / str(seed), seed) for seed in (1, 2)]
        read = seconds(lambda: [recording.read(folder / EXCHANGES) for folder in folders])
        compared = seconds(lambda: comparison.compare(*map(comparison.side, folders)))
        show("comparing two whole runs", compared, "reading both recordings", read, "<= 20")


if __name__ == "__main__":
    main()
