"""Soak: many exchanges against the embedded endpoint in one process, run after run; memory and descriptors stay flat.

    python -m tests.soak [EXCHANGES]

Prints a line every 10,000 exchanges, and ends with 1 where either grew from the second line to the last.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from conformance import engine, recording, reference
from conformance.case import built_in
from conformance.target import Limits
from tests.servers import CLIENT, SECRET, inquiry

EXCHANGES, EVERY = 100_000, 10_000
GROWTH = 0.1
"""Part of the memory by which it may differ: the allocator does not give everything back."""


def memory() -> float:
    """Resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def descriptors() -> int:
    """Open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir())) - 1


def main() -> int:
    """Runs the soak; returns the exit code."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else EXCHANGES
    cases = built_in()
    done, runs, began = 0, 0, time.monotonic()
    figures: list[tuple[float, int, int]] = []
    with (
        reference.start("passport", client_id=CLIENT, client_secret=SECRET) as endpoint,
        tempfile.TemporaryDirectory() as folder,
    ):
        file = Path(folder) / "exchanges.jsonl"
        while done < wanted:
            asked = inquiry(endpoint.base_url, cases, limits=Limits(timeout=10), scope="read", examples=300, seed=runs)
            run = engine.conduct(asked, record=file)
            if run.result.verdict != "conformant":
                print(run.result.reason)  # noqa: T201 - a script speaks this way
                return 1
            if recording.read(file) != run.recording:
                print("the recording differs from the run")  # noqa: T201
                return 1
            before, done, runs = done, done + len(run.recording.exchanges), runs + 1
            del run
            if done // EVERY > before // EVERY or done >= wanted:
                gc.collect()
                figures.append((memory(), descriptors(), threading.active_count()))
                held, open_, threads = figures[-1]
                print(  # noqa: T201
                    f"{done:>7} exchanges, {runs:>3} runs, {time.monotonic() - began:>6.0f} s: "
                    f"{held:6.1f} MiB, {open_} descriptors, {threads} threads",
                    flush=True,
                )
    (first, few, _), (last, many, _) = figures[min(1, len(figures) - 1)], figures[-1]
    flat = last <= first * (1 + GROWTH) and many <= few
    print("flat" if flat else "grew")  # noqa: T201
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
