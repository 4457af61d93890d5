"""The tests run in two processes where nothing else is asked for: one after the other they take twice as long."""

from __future__ import annotations

import os

import pytest

PROCESSES = 2


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Sets what `-n 2 --dist worksteal` sets; `-n 0` runs them in one process, and so does a debugger."""
    option = config.option
    # A process that was started for this comes by here too, and must not start more of them.
    started = "PYTEST_XDIST_WORKER" in os.environ or hasattr(config, "workerinput")
    if not started and getattr(option, "numprocesses", 0) is None and not option.collectonly and not option.usepdb:
        option.numprocesses, option.dist = PROCESSES, "worksteal"
