"""Power and silence: a defect of every row is found under its name, and no correct endpoint is accused.

Every defect in both profiles, and every variant over many seeds, take minutes: `python -m tests.sweep`.
"""

from __future__ import annotations

import pytest

from conformance import reference
from tests import planting


def one_a_row() -> list[tuple[str, str]]:
    """The first defect of every row, in one of its profiles, alternating between the two."""
    first: dict[str, reference.Defect] = {}
    for defect in reference.DEFECTS.values():
        first.setdefault(defect.violates[0], defect)
    return [(defect.profiles[at % len(defect.profiles)], defect.name) for at, defect in enumerate(first.values())]


@pytest.mark.parametrize(("profile", "name"), one_a_row())
def test_a_planted_defect_is_found_and_nothing_else(profile: str, name: str) -> None:
    # What is planted below the endpoint is asked for by its rows alone: they are many, and the sweep asks for the rest.
    run = planting.run_of(profile, defect=name, edge_alone=name.startswith("wire-"))
    assert planting.missed(run, name) == ""
    assert planting.excess(run, name) == set()


@pytest.mark.parametrize(
    ("variant", "profile"),
    [(variant, planting.PROFILES[at % 2]) for at, variant in enumerate([None, None, *reference.VARIANTS])],
)
def test_a_correct_endpoint_is_conformant_however_it_differs(variant: str | None, profile: str) -> None:
    run = planting.run_of(profile, variant=variant, examples=5)
    assert [one.case.id for one in run.result.cases if one.verdict == "failed"] == []
    assert (run.result.verdict, run.result.edge) == ("conformant", "conformant"), run.result.reason
