"""A proof as people and programs read it: ``index.html``, and ``proof.json``, which ``proof.schema.json`` describes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from conformance import catalogue, reference
from conformance.proving.job import CORRECT, HANDWRITTEN
from conformance.report import results
from conformance.report.document import document

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from conformance.catalogue import Area, Requirement
    from conformance.proving import Job, Outcome, Proof, Release
    from conformance.reference import Defect

FORMAT = "token-conformance-proof/1"
GENERATOR = "Token Conformance proof"
"""What the page says of its origin; another one is never replaced."""

PAGE, DATA = "index.html", "proof.json"

KINDS = {
    "missed": "Missed: a planted defect was not found under its own requirement",
    "accused": "Accused: a requirement failed at a correct endpoint",
    "undecided": "Undecided: a run at a correct endpoint came to no verdict",
    "excess": "In excess: a finding that is not among those that are declared",
}
"""What can be wrong, the worst first, each with a heading."""

MARKS = {
    "missed": ("\u2717", "missed under its own requirement"),
    "excess": ("+", "found, and not declared"),
    "found": ("\u25cf", "found under its own requirement"),
    "declared": ("\u25cb", "found as well, as declared"),
    "follows": ("\u2192", "repeats another finding of the run"),
    "silent": ("\u00b7", "declared, and not seen"),
}
"""The marks of the matrix, by what they say; where profiles differ the first of them is shown."""

_PURPOSES = ("handwritten", "generated", "controls", "confirmation", "total")
_TOLD = ("failed", "warning", "inconclusive", "error")


@dataclass(frozen=True, slots=True)
class Line:
    """A defect in the matrix.

    Attributes:
        defect: the defect.
        marks: what it came to under each requirement of the matrix, as keys of `MARKS`; empty where nothing.
    """

    defect: Defect
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The defects of one area and the requirements under which they show.

    Attributes:
        area: the area whose requirements the defects are planted for.
        columns: the requirements under which one of them shows, in catalogue order.
        lines: the defects.
    """

    area: Area
    columns: tuple[Requirement, ...]
    lines: tuple[Line, ...]


def page(proof: Proof, of: Release, finished: float, command: str) -> str:
    """The page of a proof.

    Args:
        proof: the proof.
        of: the release that was proven.
        finished: seconds since the epoch.
        command: the command that repeats it from the beginning.
    """
    correct = [one for one in proof.outcomes if not one.job.defect]
    tried = tuple(dict.fromkeys((one.job.profile, one.job.seed) for one in correct))
    profiles = tuple(dict.fromkeys(profile for profile, _ in tried))
    return document(
        "proof",
        GENERATOR,
        styles=("proof.css",),
        proof=proof,
        release=of,
        finished=results.instant(finished),
        limit=HANDWRITTEN,
        exchanges=proof.exchanges,
        wrong=_wrong(proof.wrong),
        matrices=_matrices([one for one in proof.outcomes if one.job.defect]),
        marks=MARKS,
        tried=tried,
        profiles=[(profile, sum(one == profile for one, _ in tried)) for profile in profiles],
        variants=_variants(correct),
        command=command,
    )


def data(proof: Proof, of: Release, finished: float) -> str:
    """The content of ``proof.json``.

    Args:
        proof: the proof.
        of: the release that was proven.
        finished: seconds since the epoch.
    """
    known = catalogue.load()
    exchanges = {purpose: asdict(spread) for purpose, spread in proof.exchanges.items()}
    found = {
        "format": FORMAT,
        "proven": proof.proven,
        "suite": {"version": of.suite, "source": of.source, "around": of.around},
        "catalogue": {"edition": known.edition, "digest": known.digest},
        "finished": results.instant(finished),
        "figures": {
            "detection": asdict(proof.detection),
            "false_alarms": asdict(proof.false_alarms),
            "undecided": proof.undecided,
            "excess": proof.excess,
            "exchanges": {"limit": HANDWRITTEN, "within_limit": proof.within_limit, **exchanges},
        },
        "wrong": [
            {"name": one.job.name, "profile": one.job.profile, "seed": one.job.seed, "kind": kind, "words": words}
            for one in proof.wrong
            for kind, words in one.complaints
        ],
        "defects": [
            {**_planted(name), "runs": list(map(_run, runs))}
            for name, runs in _by_name(proof.outcomes).items()
            if name in reference.DEFECTS
        ],
        "variants": [
            {"name": name, "meaning": _meaning(name), "runs": list(map(_run, runs))}
            for name, runs in _by_name(proof.outcomes).items()
            if name not in reference.DEFECTS
        ],
    }
    return json.dumps(found, indent=1) + "\n"


def _planted(name: str) -> dict[str, Any]:
    defect = reference.DEFECTS[name]
    return {"name": name, "meaning": defect.meaning, "violates": list(defect.violates)}


def _meaning(name: str) -> str:
    return "The endpoint without defect and variant." if name == CORRECT else reference.VARIANTS[name].meaning


def _by_name(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault(one.job.name, []).append(one)
    return groups


def _run(one: Outcome) -> dict[str, Any]:
    return {
        "profile": one.job.profile,
        "seed": one.job.seed,
        "examples": one.job.examples,
        "verdict": one.verdict,
        "right": not one.complaints,
        "requirements": {verdict: list(one.cells.get(verdict, ())) for verdict in _TOLD},
        "exchanges": asdict(one.cost),
        "seconds": one.seconds,
    }


def _wrong(outcomes: Sequence[Outcome]) -> list[tuple[str, list[tuple[Job, str]]]]:
    """What is wrong by its kind: the heading, and each job with what is wrong with it."""
    told = [(kind, one.job, words) for one in outcomes for kind, words in one.complaints]
    return [
        (heading, entries)
        for kind, heading in KINDS.items()
        if (entries := [(job, words) for found, job, words in told if found == kind])
    ]


def _matrices(outcomes: Iterable[Outcome]) -> list[Matrix]:
    """The matrix in pieces, one an area, each with the columns that say something."""
    known = catalogue.load()
    marks = {name: _marked(runs, known.requirements) for name, runs in _by_name(outcomes).items()}
    found = []
    for area in known.areas:
        names = [name for name in marks if reference.DEFECTS[name].violates[0].startswith(f"{area.name}-")]
        columns = [row for row in known.requirements if any(row in marks[name] for name in names)]
        if names:
            lines = (Line(reference.DEFECTS[one], tuple(marks[one].get(row, "") for row in columns)) for one in names)
            found.append(Matrix(area, tuple(map(known.requirements.__getitem__, columns)), tuple(lines)))
    return found


def _marked(runs: Iterable[Outcome], rows: Mapping[str, Requirement]) -> dict[str, str]:
    """What a defect came to under each requirement, over all profiles."""
    order = list(MARKS)
    found: dict[str, str] = {}
    for one in runs:
        for row, mark in _marks(one, rows).items():
            found[row] = min(mark, found.get(row, mark), key=order.index)
    return found


def _marks(one: Outcome, rows: Mapping[str, Requirement]) -> dict[str, str]:
    own, *declared = reference.DEFECTS[one.job.defect].violates
    verdicts = {row: verdict for verdict, ids in one.cells.items() for row in ids}
    unmet = {row for row, verdict in verdicts.items() if verdict in ("failed", "warning")}
    # What a MAY observes is all that it can show.
    unmet |= {row for row in declared if row in verdicts and verdicts[row] == rows[row].unmet}
    return {
        **dict.fromkeys(unmet, "follows"),
        **{row: "declared" if row in unmet else "silent" for row in declared if row in verdicts},
        **dict.fromkeys(one.excess, "excess"),
        own: "missed" if one.missed else "found",
    }


def _variants(outcomes: Iterable[Outcome]) -> list[tuple[str, str, dict[tuple[str, int], Outcome]]]:
    """The correct endpoints: name, meaning, and the outcome for each profile and seed."""
    return [
        (name, _meaning(name), {(one.job.profile, one.job.seed): one for one in runs})
        for name, runs in _by_name(outcomes).items()
    ]
