"""Power and silence: a defect of every row is found under its name, and no correct endpoint is accused.

One defect a row, in one profile, by the rows that it breaks, and every variant by the rows of its subject;
`token-conformance prove` tries all of them by every row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance import case, proving, reference
from conformance.proving import CORRECT, PROFILES, Job
from conformance.proving.job import alarms, undecided
from conformance.reference.planting import ADJUSTMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

CASES = {one.id: one for one in case.built_in()}
INVARIANTS = {one.id for one in CASES.values() if not one.stimuli and not one.generated}

SERIES = {"LOAD-001", "LOAD-002", "LOAD-003", "TOKEN-003", "TOKEN-010"}
"""Rows that ask dozens of times."""


def rows_of(areas: Iterable[str]) -> set[str]:
    return {identifier for identifier in CASES if identifier.partition("-")[0] in areas}


ANSWERED = rows_of(("REQ", "SUCC", "ERR", "CACHE", "TOKEN", "METHOD")) | {
    # Refusals for every reason, among them one with a description and those that can repeat a secret.
    *("GRANT-001", "GRANT-002", "AUTH-001", "AUTH-002", "AUTH-003", "AUTH-008", "AUTH-014", "AUTH-026"),
}
"""Rows whose requests are answered in all the ways that what looks at the answers to others needs."""

SUBJECTS = {
    "answer": ("REQ", "SUCC", "ERR", "CACHE", "TOKEN", "METHOD", "HDR", "DOC"),
    "client": ("REQ", "AUTH", "SUCC", "ERR", "CACHE"),
    "edge": ("REQ", "SUCC", "ERR", "METHOD", "HDR", "WIRE", "TLS"),
    "metadata": ("REQ", "SUCC", "ERR", "AUTH", "DISC"),
    "request": ("REQ", "SUCC", "ERR", "CTYPE", "GRANT", "BODY"),
}
"""Areas that a variant has to do with, by the module that it stands in."""

FURTHER = {
    "at-jwt-tokens": SERIES,
    "gzip-decoded": rows_of(("HDR",)),
    "jwt-kept": SERIES,
    "limits-bursts": SERIES,
    "long-tokens": SERIES,
    "mark-skipped": rows_of(("GEN",)),
    "methods-after-authentication": rows_of(("AUTH",)),
    "origin-refused": rows_of(("HDR", "METHOD", "DOC")),
    "overloaded-503": SERIES,
    "scope-demanded": rows_of(("AUTH", "GEN")),
    "short-tokens": SERIES,
    "small-limits": rows_of(("BODY", "AUTH", "GRANT", "CTYPE")),
    "tokens-reused": SERIES,
    "waf": rows_of(("BODY", "AUTH", "GRANT", "CTYPE")),
}
"""Rows beyond those areas that a variant has to do with."""

WHOLE = (
    *("charset-and-extra-members", "no-optional-members", "every-mechanism", "bare-400", "framework-edge"),
    "lenient-edge",
)
"""Variants that differ in many places."""


def one_a_row() -> list[tuple[str, str]]:
    """The first defect of every row, in one of its profiles, alternating between the two."""
    first: dict[str, reference.Defect] = {}
    for defect in reference.DEFECTS.values():
        first.setdefault(defect.violates[0], defect)
    return [(defect.profiles[at % len(defect.profiles)], defect.name) for at, defect in enumerate(first.values())]


@pytest.mark.parametrize(("profile", "name"), one_a_row())
def test_a_planted_defect_is_found_and_nothing_else(profile: str, name: str) -> None:
    violates = reference.DEFECTS[name].violates
    main = CASES[violates[0]]
    job = Job(profile, name)
    rows = {*violates, *INVARIANTS}
    if main.id not in SERIES:
        rows -= SERIES - set(violates)
    if main.generated:
        (job,) = proving.jobs(defects=[name], profile=profile)
    elif not main.stimuli:
        rows |= ANSWERED - SERIES
    run = proving.conducted(job, rows)
    assert proving.missed(run, name) == ""
    assert proving.excess(run, name) == {}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_correct_endpoint_is_conformant(profile: str) -> None:
    (job,) = proving.jobs(variants=[CORRECT], profile=profile, examples=5)
    assert proving.outcome(job).complaints == ()


@pytest.mark.parametrize(("name", "profile"), [(name, PROFILES[at % 2]) for at, name in enumerate(reference.VARIANTS)])
def test_a_correct_endpoint_is_conformant_however_it_differs(name: str, profile: str) -> None:
    (job,) = proving.jobs(variants=[name], profile=profile, examples=5)
    subject = ADJUSTMENTS[name].__module__.rpartition(".")[2]
    rows = (rows_of(SUBJECTS[subject]) - SERIES) | FURTHER.get(name, set())
    run = proving.conducted(job, set() if name in WHOLE else rows)
    assert alarms(run) == ()
    assert undecided(run) == ""
