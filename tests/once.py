"""What is made once for all processes that run the tests of a module: by the first of them, while the others wait."""

from __future__ import annotations

import fcntl
import os
import pickle
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

T = TypeVar("T")


def once(temporary: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What was made of an empty folder, which stays as it was left: tests read it and change nothing.

    Args:
        temporary: of the process.
        name: of what is made.
        make: makes it, given the folder.
    """
    top = temporary.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each process has its own folder in that of the run.
        top = top.parent
    folder, kept = top / name, top / f"{name}.pickle"
    with (top / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            folder.mkdir()
            kept.write_bytes(pickle.dumps(make(folder)))
    found: T = pickle.loads(kept.read_bytes())
    return found
