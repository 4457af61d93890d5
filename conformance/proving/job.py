"""Jobs: one run of the engine against the embedded endpoint each, and what it came to."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import case, embedded, engine, profiles, reference
from conformance.target import Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from conformance.judging import Verdict
    from conformance.plan import Stimulus
    from conformance.profiles import Profile
    from conformance.recording import Exchange

PROFILES = tuple(reference.TOKEN_PATHS)

CORRECT = "correct"
"""The name of the endpoint without defect and variant."""

PATIENCE = 2
"""Seconds after which an endpoint with a defect will not answer any more; a correct one has the time of any run."""

DRAWN, DRAWN_FOR_CORRECT, DRAWN_ASIDE = 100, 20, 5
"""Generated requests of each source: where a defect is planted for a row that judges them, at correct endpoints, and
where another defect is planted, which they only must not make look worse than it is."""

HANDWRITTEN = 400
"""Exchanges that the handwritten stimuli of a run may take, controls and confirmation apart."""


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

    @property
    def name(self) -> str:
        """What the endpoint is called: its defect, its variant, or `CORRECT`."""
        return self.defect or self.variant or CORRECT

    def __str__(self) -> str:
        return f"{self.name} in {self.profile}{f', seed {self.seed}' if self.seed != 1 else ''}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Exchanges of one run, by what they were sent for."""

    handwritten: int
    generated: int
    controls: int
    confirmation: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.handwritten + self.generated + self.controls + self.confirmation


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to.

    Attributes:
        job: the job.
        verdict: the verdict of the run.
        cells: the requirements by the verdict of their cases.
        missed: why a planted defect was not found; empty where it was.
        alarms: what a correct endpoint was accused of.
        undecided: why a run at a correct endpoint came to no verdict; empty where it did.
        excess: findings beyond the requirements that the defect violates, each with its reason; at the plain endpoint,
            every warning.
        cost: exchanges.
        seconds: how long it took.
    """

    job: Job
    verdict: str
    cells: Mapping[str, tuple[str, ...]]
    missed: str
    alarms: tuple[str, ...]
    undecided: str
    excess: Mapping[str, str]
    cost: Cost
    seconds: float

    @property
    def complaints(self) -> tuple[tuple[str, str], ...]:
        """What is wrong with the run that was judged, each with its kind: missed, accused, undecided or excess."""
        return (
            *((("missed", self.missed),) if self.missed else ()),
            *(("accused", alarm) for alarm in self.alarms),
            *((("undecided", self.undecided),) if self.undecided else ()),
            *(("excess", f"{row} is {words}") for row, words in self.excess.items()),
        )


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
        needed = DRAWN if defect.violates[0] in drawn else DRAWN_ASIDE
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


def conducted(job: Job, rows: Collection[str] = ()) -> engine.Run:
    """The run of a job against an endpoint that lives as long as the run.

    Args:
        job: the job.
        rows: IDs of the requirements to judge; by default all that the profile takes on.
    """
    profile = profiles.load(job.profile, Path())
    chosen = reference.DEFECTS.get(job.defect) or reference.VARIANTS.get(job.variant)
    needs = chosen.needs if chosen is not None else reference.NOTHING
    if needs.scope_always:
        profile = replace(profile, default_scope=False)
    planted = [job.defect] if job.defect else []
    with reference.start(
        job.profile, defects=planted, variant=job.variant or None, client_secret=needs.secret, tls=needs.tls
    ) as endpoint:
        # A defect that moves the endpoint is judged where the document says it is.
        target = embedded.target_of(endpoint)
        target = replace(target, scope=needs.scope, clients=target.clients if needs.clients else ())
        inquiry = engine.Inquiry(
            target,
            profile,
            Limits(timeout=PATIENCE) if job.defect else Limits(),
            engine.applicable((one for one in _cases() if not rows or one.id in rows), profile),
            _cases(),
            examples=job.examples,
            seed=job.seed,
            included=reference.DEFECTS[job.defect].violates if job.defect else (),
            draw=lambda source: _drawn(source, profile, job.seed, job.examples),
        )
        return engine.conduct(inquiry)


@cache
def _cases() -> tuple[case.Case, ...]:
    return case.built_in()


@cache
def _drawn(source: str, profile: Profile, seed: int, examples: int) -> tuple[Stimulus, ...]:
    """Generated requests, drawn once a process: the same ones are sent in hundreds of jobs."""
    # Importing the generators takes a second.
    from conformance.properties import generation  # noqa: PLC0415

    return tuple(generation.draw(source, profile, seed=seed, examples=examples))


def outcome(job: Job) -> Outcome:
    """Carries out a job."""
    start = time.monotonic()
    run = conducted(job)
    verdicts: dict[str, list[str]] = {}
    for one in run.result.cases:
        verdicts.setdefault(one.verdict, []).append(one.case.id)
    accused = () if job.defect else alarms(run)
    return Outcome(
        job,
        run.result.verdict,
        {verdict: tuple(rows) for verdict, rows in verdicts.items()},
        missed(run, job.defect) if job.defect else "",
        accused,
        "" if job.defect or accused else undecided(run),
        {} if job.variant else excess(run, job.defect),
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
    """What a run holds against a correct endpoint, and cases that raised."""
    return tuple(f"{one.case.id} is {_words(one)}" for one in run.result.cases if one.verdict in ("failed", "error"))


def undecided(run: engine.Run) -> str:
    """Why a run that holds nothing against an endpoint does not call it conformant; empty where it does."""
    edge = run.result.edge
    if run.result.verdict != "conformant":
        return f"the run is {run.result.verdict}: {run.result.reason}"
    return "" if edge in ("conformant", "not-judged") else f"the HTTP edge is {edge}"


def excess(run: engine.Run, name: str) -> dict[str, str]:
    """Findings beyond the requirements that a planted defect violates, and cases that raised.

    Args:
        run: the run.
        name: of the defect; empty for the plain endpoint, which violates none, and whose failures are `alarms`.
    """
    declared = reference.DEFECTS[name].violates if name else ()
    return {
        one.case.id: _words(one)
        for one in run.result.cases
        if (one.finding or one.verdict == "error")
        and one.case.id not in declared
        and (name or one.verdict == "warning")
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
