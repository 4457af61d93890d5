"""Proving: every planted defect is found under its requirement, and no correct endpoint is accused.

A job is one run of the engine against the embedded endpoint; the jobs are spread over worker processes. What a job came
to is one line of ``proof.jsonl``, so that a proof that was interrupted goes on where it stood.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import __version__, case, catalogue, engine, profiles, reference
from conformance.resources import PACKAGE, openapi_folder
from conformance.target import Credentials, Limits, Secret, target_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from conformance.judging import Verdict
    from conformance.recording import Exchange

PROFILES = tuple(reference.TOKEN_PATHS)

LIMITS = Limits(timeout=2)
"""On loopback an answer that takes longer does not come."""

DRAWN, DRAWN_FOR_CORRECT = 100, 20
"""Generated requests of each source, where a defect is planted for a row that judges them, and at correct endpoints."""

HANDWRITTEN = 400
"""Exchanges that the handwritten stimuli of a run may take, controls and confirmation apart."""

_SOURCES = {".py", ".toml", ".yaml", ".json", ".ini", ".css", ".js", ".jinja2"}


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a proof; without a defect the endpoint is correct, and without a variant it is the plain one.

    Attributes:
        profile: ``passport`` or ``rfc6749``.
        defect: name of the planted defect.
        variant: name of the variant.
        examples: generated requests of each source.
        seed: seed of the generated requests.
    """

    profile: str
    defect: str = ""
    variant: str = ""
    examples: int = 0
    seed: int = 1

    def __str__(self) -> str:
        name = self.defect or self.variant or CORRECT
        return f"{name} in {self.profile}{f', seed {self.seed}' if self.seed != 1 else ''}"


CORRECT = "correct"
"""The name of the endpoint without defect and variant."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Exchanges of one run, by what they were sent for."""

    handwritten: int
    generated: int
    controls: int
    confirmation: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to.

    Attributes:
        job: the job.
        verdict: the verdict of the run.
        cells: the requirements by the verdict of their cases.
        missed: why a planted defect was not found; empty where it was.
        alarms: what a correct endpoint was accused of.
        excess: findings beyond the requirements that the defect violates, each with its reason.
        cost: exchanges.
        seconds: how long it took.
    """

    job: Job
    verdict: str
    cells: Mapping[str, tuple[str, ...]]
    missed: str
    alarms: tuple[str, ...]
    excess: Mapping[str, str]
    cost: Cost
    seconds: float

    @property
    def right(self) -> bool:
        """Whether nothing was missed, nothing found in excess, and nobody accused."""
        return not (self.missed or self.alarms or self.excess)


def jobs(
    *,
    defects: Iterable[str] = (),
    variants: Iterable[str] = (),
    profile: str | None = None,
    examples: int | None = None,
    seeds: int = 1,
) -> tuple[Job, ...]:
    """The jobs of a proof; where neither defects nor variants are named, all of them.

    Args:
        defects: names of planted defects, each tried in every profile that it is for.
        variants: names of variants, or `CORRECT`, each tried in every profile and with every seed.
        profile: the one profile to try; both by default.
        examples: generated requests of each source; by default as many as each job needs.
        seeds: how many seeds the correct endpoints are tried with, from 1 on.
    """
    asked, correct = tuple(defects), tuple(variants)
    if not asked and not correct:
        asked, correct = tuple(reference.DEFECTS), (CORRECT, *reference.VARIANTS)
    where = PROFILES if profile is None else (profile,)
    drawn = {one.id for one in _cases() if one.generated}
    found = []
    for defect in map(reference.DEFECTS.__getitem__, asked):
        needed = DRAWN if defect.violates[0] in drawn else 0
        count = needed if examples is None else examples
        found += [Job(one, defect.name, examples=count) for one in where if one in defect.profiles]
    count = DRAWN_FOR_CORRECT if examples is None else examples
    found += [
        Job(one, variant="" if name == CORRECT else name, examples=count, seed=seed)
        for name in correct
        for one in where
        for seed in range(1, seeds + 1)
    ]
    return tuple(dict.fromkeys(found))


def conducted(job: Job) -> engine.Run:
    """The run of a job against an endpoint that lives as long as the run."""
    profile = profiles.load(job.profile, Path())
    needs = reference.DEFECTS[job.defect].needs if job.defect else reference.NOTHING
    if needs.scope_always:
        profile = replace(profile, default_scope=False)
    planted = [job.defect] if job.defect else []
    with reference.start(
        job.profile, defects=planted, variant=job.variant or None, client_secret=needs.secret
    ) as endpoint:
        client = Credentials(endpoint.client_id, Secret(endpoint.client_secret))
        # A defect that moves the endpoint is judged where the document says it is.
        target = replace(target_at(endpoint.base_url, endpoint.token_path, client), scope=needs.scope)
        inquiry = engine.Inquiry(
            target,
            profile,
            LIMITS,
            engine.applicable(_cases(), profile),
            _cases(),
            examples=job.examples,
            seed=job.seed,
        )
        return engine.conduct(inquiry)


@cache
def _cases() -> tuple[case.Case, ...]:
    return case.built_in()


def outcome(job: Job) -> Outcome:
    """Carries out a job."""
    start = time.monotonic()
    run = conducted(job)
    verdicts: dict[str, list[str]] = {}
    for one in run.result.cases:
        verdicts.setdefault(one.verdict, []).append(one.case.id)
    return Outcome(
        job,
        run.result.verdict,
        {verdict: tuple(rows) for verdict, rows in verdicts.items()},
        missed(run, job.defect) if job.defect else "",
        () if job.defect else alarms(run),
        excess(run, job.defect) if job.defect else {},
        _cost(run.recording.exchanges),
        round(time.monotonic() - start, 2),
    )


def missed(run: engine.Run, name: str) -> str:
    """Why a run did not find a planted defect under its first requirement; empty where it did."""
    defect = reference.DEFECTS[name]
    if defect.closes_gate:
        return "" if run.result.verdict == "unusable" else f"the run is {run.result.verdict}, not unusable"
    row = defect.violates[0]
    main = next((one for one in run.result.cases if one.case.id == row), None)
    if main is None:
        return f"{row} is not judged"
    # A row that fails the run may have answers that it only warns of.
    if main.verdict not in ("failed", "warning", main.case.requirement.unmet):
        return f"{row} is {_words(main)}"
    if main.verdict == "failed" and "non-conformant" not in (run.result.verdict, run.result.edge):
        return f"{row} failed, but the run is {run.result.verdict}"
    return ""


def alarms(run: engine.Run) -> tuple[str, ...]:
    """What a run holds against a correct endpoint; one that it calls anything but conformant is accused as well."""
    accused = [f"{one.case.id} is {_words(one)}" for one in run.result.cases if one.verdict in ("failed", "error")]
    edge = run.result.edge
    if not accused and (run.result.verdict != "conformant" or edge not in ("conformant", "not-judged")):
        accused.append(f"the run is {run.result.verdict}: {run.result.reason}; HTTP edge: {edge}")
    return tuple(accused)


def excess(run: engine.Run, name: str) -> dict[str, str]:
    """Findings beyond the requirements that a planted defect violates, and cases that raised."""
    declared = reference.DEFECTS[name].violates
    return {
        one.case.id: _words(one)
        for one in run.result.cases
        if (one.finding or one.verdict == "error") and one.case.id not in declared
    }


def _words(verdict: Verdict) -> str:
    return f"{verdict.verdict}: {verdict.reason}" if verdict.reason else verdict.verdict


def _cost(exchanges: Iterable[Exchange]) -> Cost:
    first: list[str] = []
    again = 0
    for one in exchanges:
        if one.attempt > 1:
            again += 1
        else:
            first.append(one.role)
    handwritten, controls = first.count("stimulus"), first.count("control")
    return Cost(handwritten, len(first) - handwritten - controls, controls, again)


# The record, by which a proof goes on


@dataclass(frozen=True, slots=True)
class Release:
    """What an outcome depends on besides its job.

    Attributes:
        suite: version of the package.
        edition: edition of the catalogue.
        source: SHA-256 of the files of the package in hexadecimal.
    """

    suite: str
    edition: int
    source: str


def release() -> Release:
    """The release that is running."""
    digest = hashlib.sha256()
    for folder in (Path(str(PACKAGE)), Path(str(openapi_folder()))):
        for file in sorted(folder.rglob("*")):
            if file.suffix in _SOURCES:
                digest.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return Release(__version__, catalogue.load().edition, digest.hexdigest())


class Record:
    """The file in which the outcomes of a proof are kept as they come, one a line.

    Args:
        file: where it is; a line that is none of this release or was cut off counts as not written.
        of: the release that makes the outcomes.

    Raises:
        OSError: the file cannot be read or written.
    """

    def __init__(self, file: Path, of: Release) -> None:
        self.outcomes: dict[Job, Outcome] = {}
        self._release = asdict(of)
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
        for line in lines:
            found = _read(line, self._release)
            if found is not None:
                self.outcomes[found.job] = found
        self._file = file.open("w", encoding="utf-8")
        for one in self.outcomes.values():
            self._write(one)
        self._file.flush()

    def add(self, one: Outcome) -> None:
        """Keeps an outcome; it is on disk when this returns."""
        self.outcomes[one.job] = one
        self._write(one)
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def _write(self, one: Outcome) -> None:
        self._file.write(json.dumps({"release": self._release, **asdict(one)}, separators=(",", ":")) + "\n")


def _read(line: str, of: Mapping[str, Any]) -> Outcome | None:
    try:
        record = json.loads(line)
        if record.pop("release") != of:
            return None
        record["job"], record["cost"] = Job(**record["job"]), Cost(**record["cost"])
        record["alarms"] = tuple(record["alarms"])
        record["cells"] = {verdict: tuple(rows) for verdict, rows in record["cells"].items()}
        return Outcome(**record)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


# The worker processes


def outcomes(todo: Iterable[Job], processes: int) -> Iterator[Outcome]:
    """The outcomes of jobs as they come, in any order.

    Args:
        todo: the jobs.
        processes: how many of them run side by side.

    Raises:
        KeyboardInterrupt: the user ended it; no process is left behind.
        Exception: whatever a job raised, which is a fault of the suite.
    """
    # A process that is forked while threads run may hang; one that is spawned starts afresh.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        for ended in as_completed([pool.submit(outcome, job) for job in todo]):
            yield ended.result()
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leaves the interrupt to the parent, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def outlive() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=outlive, daemon=True).start()
