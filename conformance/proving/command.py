"""The `prove` command: what was asked in, a report and an exit code out."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from conformance import listing, reference
from conformance.proving.figures import Proof
from conformance.proving.job import CORRECT, Job, jobs
from conformance.proving.record import Record, release
from conformance.proving.workers import JobError, outcomes
from conformance.report import document, folder, proof
from conformance.report.progress import Progress
from conformance.target import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import FrameType

PROVEN, NOT_PROVEN, FAULT, INTERRUPTED = 0, 1, 4, 130


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for.

    Attributes:
        defects: names of the planted defects; none and no variants for everything.
        variants: names of the variants, `CORRECT` for the plain endpoint.
        profile: the one profile; ``None`` for both.
        seeds: how many seeds the correct endpoints are tried with.
        examples: generated requests of each source; ``None`` for as many as each run needs.
        processes: runs side by side; ``None`` for three a CPU.
        output: folder of the report and the record.
        fresh: whether to begin anew.
    """

    defects: tuple[str, ...]
    variants: tuple[str, ...]
    profile: str | None
    seeds: int
    examples: int | None
    processes: int | None
    output: Path
    fresh: bool

    def command(self) -> str:
        """The command line that goes on with it."""
        options = (
            *(("--defect", name) for name in self.defects),
            *(("--variant", name) for name in self.variants),
            ("--profile", self.profile),
            ("--seeds", self.seeds if self.seeds > 1 else None),
            ("--examples", self.examples),
            ("--jobs", self.processes),
            ("--output", self.output),
        )
        words = [str(word) for name, value in options if value is not None for word in (name, value)]
        return shlex.join(["token-conformance", "prove", *words])


def prove(asked: Asked, stream: TextIO, *, color: bool) -> int:
    """Carries out `token-conformance prove`.

    Args:
        asked: what was asked for.
        stream: where its progress is written.
        color: whether in colours.

    Returns:
        The exit code.

    Raises:
        SettingsError: something that was given cannot be used.
    """
    chosen = _chosen(asked)
    page = asked.output / proof.PAGE
    _check(asked.output)
    of = release()
    with contextlib.closing(Record(asked.output / folder.PROOF, of, fresh=asked.fresh)) as record, _ended_alike():
        todo = [job for job in chosen if job not in record.outcomes]
        known = len(chosen) - len(todo)
        processes = min(asked.processes or _processes(), max(len(todo), 1))
        try:
            with Progress(stream, color=color, total=len(chosen), done=known) as progress:
                progress.line(f"{_counted(chosen)} in {processes} {'process' if processes == 1 else 'processes'}")
                if record.dropped:
                    progress.line(f"begun anew: {record.dropped} runs of another release are no longer true")
                if known:
                    progress.line(f"{known} of the runs were carried out before; --fresh begins anew")
                for job in chosen:
                    if job in record.outcomes:
                        progress.complain(record.outcomes[job])
                for one in outcomes(todo, processes):
                    record.add(one)
                    progress.step(one)
                found = Proof(tuple(record.outcomes[job] for job in chosen))
                now = time.time()
                folder.put(page, proof.page(found, of, now, f"{asked.command()} --fresh"))
                folder.put(asked.output / proof.DATA, proof.data(found, of, now))
                progress.end(found, page)
        except KeyboardInterrupt:
            done = sum(job in record.outcomes for job in chosen)
            return _failed(
                f"interrupted: {done} of {len(chosen)} runs are kept; {asked.command()} goes on from there", INTERRUPTED
            )
        except JobError as error:
            return _failed(f"a fault of this suite: {error}", FAULT)
        except BrokenPipeError:
            raise
        except OSError as error:
            return _failed(f"{asked.output}: cannot be written: {error.strerror}", FAULT)
    return PROVEN if found.proven else NOT_PROVEN


def _failed(text: str, code: int) -> int:
    sys.stderr.write(f"token-conformance: {text}\n")
    return code


def _chosen(asked: Asked) -> tuple[Job, ...]:
    """The jobs that were asked for.

    Raises:
        SettingsError: a name is unknown, or a defect is not for the profile.
    """
    for flag, names, known in (
        ("--defect", asked.defects, tuple(reference.DEFECTS)),
        ("--variant", asked.variants, (CORRECT, *reference.VARIANTS)),
    ):
        for name in names:
            if name not in known:
                near = listing.did_you_mean(name, known) or f"; token-conformance list {flag}s shows all"
                raise SettingsError(f"{flag} {name!r}: there is no such {flag[2:]}{near}")
    for name in asked.defects:
        where = reference.DEFECTS[name].profiles
        if asked.profile is not None and asked.profile not in where:
            raise SettingsError(f"--defect {name}: is for the profile {' and '.join(where)}; leave --profile out")
    return jobs(
        defects=asked.defects,
        variants=asked.variants,
        profile=asked.profile,
        examples=asked.examples,
        seeds=asked.seeds,
    )


def _counted(chosen: Iterable[Job]) -> str:
    every = tuple(chosen)
    planted = len({job.defect for job in every} - {""})
    correct = len({job.name for job in every if not job.defect})
    words = [_several(number, what) for number, what in ((planted, "defect"), (correct, "correct endpoint")) if number]
    return f"{' and '.join(words)}: {_several(len(every), 'run')}"


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _check(place: Path) -> None:
    """Makes sure before the first run that the report can be written in the end.

    Raises:
        SettingsError: it cannot, or what stands in its place is no report of this command.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        document.check(place / proof.PAGE, proof.GENERATOR)
        data = place / proof.DATA
        ours = not data.exists() or proof.FORMAT.encode() in data.read_bytes()
    except OSError as error:
        raise SettingsError(f"--output {place}: cannot be used: {error.strerror}") from None
    if not ours:
        raise SettingsError(f"--output {place}: {proof.DATA} there is none of this command; name another folder")


def _processes() -> int:
    """Three for each CPU that this process may use: half of a run is waiting."""
    return 3 * (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@contextlib.contextmanager
def _ended_alike() -> Iterator[None]:
    """Takes SIGTERM for an interrupt while the context lasts."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
