"""The worker processes over which the jobs of a proof are spread."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.proving.job import Job, Outcome, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class JobError(RuntimeError):
    """A job could not be carried out, which is a fault of the suite; the text names the job and the place."""


def outcomes(todo: Iterable[Job], processes: int) -> Iterator[Outcome]:
    """The outcomes of jobs as they come, in any order.

    Args:
        todo: the jobs.
        processes: how many of them run side by side.

    Raises:
        KeyboardInterrupt: the user ended it; no process is left behind.
        JobError: a job raised, or a process was ended from outside.
    """
    # A process that is forked while threads run may hang; one that is spawned starts afresh.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        with _deaf():
            submitted = [pool.submit(_carried_out, job) for job in todo]
        for ended in as_completed(submitted):
            yield ended.result()
    except BaseException as error:
        for process in multiprocessing.active_children():
            process.kill()
        if isinstance(error, BrokenProcessPool):
            raise JobError("a worker process ended before its job did; it may have run out of memory") from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started in this context leave it to their parent to be interrupted or ended."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _begin() -> None:
    """Ends the process with its parent."""
    # A run leaves little behind in circles, and what it is made of would be looked through hundreds of times.
    gc.set_threshold(50_000, 50, 50)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def outlive() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=outlive, daemon=True).start()


def _carried_out(job: Job) -> Outcome:
    try:
        return outcome(job)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job has to be named
        # The text of an exception may hold what was sent or received; its place does not.
        at = traceback.extract_tb(error.__traceback__)[-1]
        raise JobError(f"{job}: {type(error).__name__} at {Path(at.filename).name}:{at.lineno}") from None
