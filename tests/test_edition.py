"""Editions of the catalogue: what came later than the one that judges is observed; an old acceptance stays valid."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import catalogue, reference, settings
from conformance.case import built_in
from conformance.engine import conduct
from conformance.request import VALID
from conformance.target import Limits, SettingsError
from tests.servers import (
    CLIENT,
    SECRET,
    answer,
    decent,
    declared,
    endpoint,
    granted,
    inquiry,
    probe,
    serving,
    turned_down,
)
from tests.test_cli import command, judged, results

if TYPE_CHECKING:
    from conformance.case import Case
    from conformance.engine import Run
    from conformance.reply import Judgement
    from tests.servers import Asked

NEWEST = catalogue.load().edition
ROWS = catalogue.load().requirements
PATIENT = Limits(timeout=5)


def run(*defects: str, edition: int | None, rows: tuple[str, ...] = ()) -> Run:
    """A run of some areas or requirements, by default of all, as an edition judges it."""
    cases = tuple(one for one in built_in() if not rows or one.id in rows or one.requirement.area in rows)
    with endpoint("passport", *defects) as script, serving(script) as server:
        return conduct(inquiry(server, cases, limits=PATIENT, scope="read", edition=edition))


def verdicts(found: Run) -> dict[str, str]:
    return {one.case.id: one.verdict for one in found.result.cases}


# What came later is observed


@pytest.mark.parametrize(
    ("defect", "row"), [("token-short", "TOKEN-002"), ("wire-cr-ends-a-line", "WIRE-012"), ("ctype-case", "CTYPE-002")]
)
def test_a_row_counts_from_its_edition_on(defect: str, row: str) -> None:
    since = ROWS[row].since
    assert reference.DEFECTS[defect].violates[0] == row
    for edition in range(1, NEWEST + 1):
        found = run(defect, edition=edition, rows=("REQ", "METHOD-006", *reference.DEFECTS[defect].violates))
        counts = edition >= since
        assert verdicts(found)[row] == ("failed" if counts else "observed")
        verdict = found.result.edge if ROWS[row].edge else found.result.verdict
        assert verdict == ("non-conformant" if counts else "conformant")
        assert found.result.edge != "non-conformant" or ROWS[row].edge
        (reason,) = [one.reason for one in found.result.cases if one.case.id == row]
        told = f"; only observed: the requirement is newer than edition {edition}"
        assert reason.endswith(told) != counts


def newer(case: Case, since: int = NEWEST) -> Case:
    return replace(case, requirement=replace(case.requirement, since=since))


def test_what_cannot_be_decided_of_a_newer_row_leaves_no_doubt() -> None:
    def raising(judge: Judgement) -> None:
        raise KeyError(judge)

    once: list[int] = []

    def script(request: Asked) -> bytes:
        if request.body.endswith(b"probe=1"):
            once.append(request.number)
            return answer(500) if len(once) == 1 else decent(request)
        return decent(request)

    cases = (
        granted("REQ-001", VALID, row=ROWS["REQ-001"]),
        newer(granted("OWN-001", probe(1))),
        newer(declared("OWN-002", raising)),
    )
    with serving(script) as server:
        found = conduct(inquiry(server, cases, limits=PATIENT, edition=NEWEST - 1))
    assert verdicts(found) == {"REQ-001": "passed", "OWN-001": "inconclusive", "OWN-002": "error"}
    assert found.result.verdict == "conformant"


@pytest.mark.parametrize("edition", range(1, NEWEST + 1))
def test_a_correct_endpoint_is_conformant_by_every_edition(edition: int) -> None:
    found = run(edition=edition)
    assert (found.result.verdict, found.result.edge) == ("conformant", "conformant")
    assert {one.case.id for one in found.result.cases if one.newer} == {
        row.id for row in ROWS.values() if row.since > edition and row.id in verdicts(found)
    }


# What an older edition never sent is nothing to its rows


def no_crash(judge: Judgement) -> None:
    judge.each(judge.answers, "no 5xx", lambda one: one.words() if one.status >= 500 else None)


@pytest.mark.parametrize(
    ("since", "wanted", "expected"),
    [
        ((NEWEST, 1), (), "passed"),
        ((NEWEST, NEWEST), (), "observed"),
        ((1, 1), (), "failed"),
        # A request that an old row wants as well was there before.
        ((NEWEST, 1), (turned_down("OWN-005", probe(1)),), "failed"),
    ],
)
def test_an_old_invariant_does_not_look_at_answers_to_newer_requests(
    since: tuple[int, int], wanted: tuple[Case, ...], expected: str
) -> None:
    def script(request: Asked) -> bytes:
        return answer(500) if request.body.endswith(b"probe=1") else decent(request)

    old = tuple(newer(one, 1) for one in wanted)
    cases = (newer(turned_down("OWN-001", probe(1)), since[0]), newer(declared("OWN-002", no_crash), since[1]), *old)
    with serving(script) as server:
        found = conduct(inquiry(server, cases, limits=PATIENT, edition=NEWEST - 1))
        whole = conduct(inquiry(server, cases, limits=PATIENT))
    assert verdicts(found)["OWN-002"] == expected
    assert verdicts(whole)["OWN-002"] == "failed"


def test_an_old_invariant_does_not_look_at_answers_to_newer_generated_requests() -> None:
    rows = ("REQ-001", "GEN-001", "GEN-003")
    (_, spelled, crashes) = [one for one in built_in() if one.id in rows]
    cases = (newer(spelled), newer(replace(crashes, generated=()), 1))

    def script(request: Asked) -> bytes:
        plain = request.body == b"grant_type=client_credentials" and b"Content-Type: application/x-www" in request.data
        return decent(request) if plain and b"charset" not in request.data else answer(500)

    with serving(script) as server:
        found = conduct(inquiry(server, cases, limits=PATIENT, edition=NEWEST - 1, examples=5))
        whole = conduct(inquiry(server, cases, limits=PATIENT, examples=5))
    assert verdicts(found) == {"GEN-001": "observed", "GEN-003": "not_applicable"}
    assert verdicts(whole)["GEN-003"] == "failed"


# The setting


@pytest.mark.parametrize("written", ["0", str(NEWEST + 1), "-1", "two", "1.0", ""])
def test_an_unknown_edition_is_told_with_those_that_there_are(written: str) -> None:
    for flags, environ, where in (
        ({"edition": written}, {}, "--edition"),
        ({}, {"TOKEN_CONFORMANCE_EDITION": written}, "TOKEN_CONFORMANCE_EDITION"),
    ):
        with pytest.raises(SettingsError, match=where) as told:
            settings.resolve(flags, environ, Path("/"))
        assert re.search(rf"accepted: .*1 to {NEWEST}|is empty", str(told.value))


def test_the_edition_may_stand_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "conformance.toml").write_text("edition = 2\n")
    assert settings.resolve({}, {}, tmp_path).edition == 2
    assert settings.resolve({"edition": "1"}, {}, tmp_path).edition == 1
    (tmp_path / "conformance.toml").write_text(f"edition = {NEWEST + 1}\n")
    with pytest.raises(SettingsError, match=rf"edition: .*accepted: .*1 to {NEWEST}"):
        settings.resolve({}, {}, tmp_path)


def test_the_command_judges_by_the_edition_that_it_is_given_and_says_so(tmp_path: Path) -> None:
    words = ("--select", "REQ,TOKEN-002", "--report-dir", "out")
    with reference.start("passport", defects=["token-short"], client_id=CLIENT, client_secret=SECRET) as served:
        old = judged(tmp_path, served.base_url, *words, "--edition", "1")
        assert (old.code, old.err) == (0, "")
        assert f"catalogue edition {NEWEST} judged as 1" in old.out
        assert results(tmp_path / "out")["catalogue"]["judged_edition"] == 1
        verdict = {one["id"]: one["verdict"] for one in results(tmp_path / "out")["cases"]}
        assert verdict["TOKEN-002"] == "observed"
    # The recording is judged as the run was, and by another edition where one is named.
    assert command(tmp_path, "judge", "out", "-q").code == 0
    newest = command(tmp_path, "judge", "out", "--edition", "2", "--report-dir", "again")
    assert newest.code == 1
    assert results(tmp_path / "again")["catalogue"]["judged_edition"] == 2
    unknown = command(tmp_path, "judge", "out", "--edition", "99")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.startswith("token-conformance: --edition: 99 is not accepted")


def test_results_name_both_editions(tmp_path: Path) -> None:
    done = command(tmp_path, "run", "-q", "--select", "REQ-001", "--report-dir", "out")
    assert done.code == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())["catalogue"]
    assert found["edition"] == found["judged_edition"] == NEWEST
