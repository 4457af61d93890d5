"""The tests run in two processes where nothing else is asked for: one after the other they take twice as long."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

PROCESSES = 2

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Sets what `-n 2 --dist worksteal` sets; `-n 0` runs them in one process, and so does a debugger."""
    option = config.option
    # A process that was started for this comes by here too, and must not start more of them; and pytest reads this file
    # as well when somebody runs the cases (--pyargs conformance.cases), which need one process.
    started = "PYTEST_XDIST_WORKER" in os.environ or hasattr(config, "workerinput")
    alone = started or option.pyargs or option.collectonly or option.usepdb
    if not alone and getattr(option, "numprocesses", 0) is None:
        option.numprocesses, option.dist = PROCESSES, "worksteal"
