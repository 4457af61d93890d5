"""The tests run in two processes a CPU where nothing else is asked for: half of what they do is waiting.

Modules that ask for `judged_twice` have every run judged a second time, from its file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.engine import Inquiry, Run
    from conformance.gate import Gate
    from conformance.judging import Evidence
    from conformance.recording import Header, Recording, Writer

PROCESSES = 2 * min(2, os.cpu_count() or 1)

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Sets what `-n 4 --dist worksteal` sets; `-n 0` runs them in one process, and so does a debugger."""
    option = config.option
    # A process that was started for this comes by here too, and must not start more of them; and pytest reads this file
    # as well when somebody runs the cases (--pyargs conformance.cases), which need one process.
    started = "PYTEST_XDIST_WORKER" in os.environ or hasattr(config, "workerinput")
    alone = started or option.pyargs or option.collectonly or option.usepdb
    if not alone and getattr(option, "numprocesses", 0) is None:
        option.numprocesses, option.dist = PROCESSES, "worksteal"


@pytest.fixture
def judged_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Run]:
    """Judges every run that a test conducts a second time, from its file, and finds no difference.

    What leaves no whole file is written into one for this. Returns the second judgements.
    """
    # The cases run under this file as well (--pyargs conformance.cases), and need none of it.
    from conformance import engine  # noqa: PLC0415
    from conformance.recording import Writer  # noqa: PLC0415
    from tests import rejudged  # noqa: PLC0415

    files: dict[str, Path] = {}
    found: list[Run] = []
    judged = engine.judged

    def remembered(path: Path, header: Header) -> Writer:
        files[header.run] = path
        return Writer(path, header)

    def twice(
        inquiry: Inquiry, recording: Recording, gate: Gate, *, finished: float, evidence: Evidence | None = None
    ) -> Run:
        live = judged(inquiry, recording, gate, finished=finished, evidence=evidence)
        file = files.get(recording.header.run)
        if file is None or live.recording.stopped.startswith("the recording cannot be written"):
            file = rejudged.written(recording, tmp_path / f"{recording.header.run}.jsonl")
        with monkeypatch.context() as undisturbed:
            undisturbed.setattr(engine, "judged", judged)
            found.append(rejudged.again(live, file))
        assert rejudged.difference(live, found[-1]) == ""
        return live

    monkeypatch.setattr(engine, "Writer", remembered)
    monkeypatch.setattr(engine, "judged", twice)
    return found
