"""Power and silence: a defect of every row is found under its name, and no correct endpoint is accused.

One defect a row, in one profile, by the rows that it breaks; `token-conformance prove` tries all of them by every row.
"""

from __future__ import annotations

import pytest

from conformance import case, proving, reference
from conformance.proving import CORRECT, PROFILES, Job

CASES = {one.id: one for one in case.built_in()}
INVARIANTS = {one.id for one in CASES.values() if not one.stimuli and not one.generated}


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
    if main.generated:
        (job,) = proving.jobs(defects=[name], profile=profile)
    elif not main.stimuli:
        # What looks at the answers to others needs all of them.
        rows.clear()
    run = proving.conducted(job, rows)
    assert proving.missed(run, name) == ""
    assert proving.excess(run, name) == {}


@pytest.mark.parametrize(
    ("name", "profile"),
    [(name, PROFILES[at % 2]) for at, name in enumerate([CORRECT, CORRECT, *reference.VARIANTS])],
)
def test_a_correct_endpoint_is_conformant_however_it_differs(name: str, profile: str) -> None:
    (job,) = proving.jobs(variants=[name], profile=profile, examples=5)
    assert proving.outcome(job).complaints == ()
