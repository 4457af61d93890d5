"""Comparison of two runs: what is worse, better, undecided or different, and the forms in which it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from conformance.comparison import Comparison, Side, compare
from conformance.comparison import side as read
from conformance.report import difference
from conformance.report.folder import EXCHANGES, RESULTS
from conformance.resources import package_text
from tests.runs import OTHER, THIRD, case_of, recording, results, side, write
from tests.servers import answer, refusal

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = jsonschema_rs.validator_for(json.loads(package_text("report", "comparison.schema.json")))
HOSTILE = "\x1b[31m\u202e\n::error::<script>alert(1)</script>\n##[command]@you | [x](y)"
MUST, ROBUST, SHOULD = "AUTH-008", "CTYPE-010", "CACHE-003"


def between(before: str, after: str, identifier: str = MUST) -> Comparison:
    """The comparison of two runs that differ in the verdict of one case."""
    return compare(*(side(results({"REQ-001": "passed", identifier: verdict})) for verdict in (before, after)))


def trait(value: str) -> Side:
    return side(results({"CTYPE-011": "observed"}, traits={"content_type.duplicate": value}))


def ids(found: Comparison) -> dict[str, list[str]]:
    """IDs of the changed cases in each part that has any."""
    parts = {
        name: [one.id for one in getattr(found, name)] for name in ("regressions", "fixes", "undecided", "changed")
    }
    return {name: told for name, told in (*parts.items(), ("decided", list(found.decided))) if told}


# What came of it


def test_two_equal_runs_are_the_same() -> None:
    found = between("passed", "passed")
    assert (found.code, found.sentence, ids(found)) == (0, "same: nothing differs", {})
    assert (found.context, found.notes, found.facts) == ((), (), ())


@pytest.mark.parametrize(
    ("before", "after", "part", "code", "outcome"),
    [
        ("passed", "failed", "regressions", 1, "regression"),
        ("observed", "warning", "regressions", 1, "regression"),
        ("warning", "failed", "regressions", 1, "regression"),
        ("inconclusive", "failed", "regressions", 1, "regression"),
        ("not_applicable", "failed", "regressions", 1, "regression"),
        ("waived", "failed", "regressions", 1, "regression"),
        ("failed", "passed", "fixes", 0, "better"),
        ("failed", "warning", "fixes", 0, "better"),
        ("warning", "observed", "fixes", 0, "better"),
        ("waived", "passed", "fixes", 0, "better"),
        ("passed", "inconclusive", "undecided", 3, "undecided"),
        ("failed", "inconclusive", "undecided", 3, "undecided"),
        ("passed", "error", "undecided", 3, "undecided"),
        ("inconclusive", "passed", "decided", 0, "better"),
        ("error", "not_applicable", "changed", 5, "drift"),
        ("not_applicable", "inconclusive", "changed", 5, "drift"),
        ("failed", "waived", "changed", 5, "drift"),
        ("passed", "waived", "changed", 5, "drift"),
        ("passed", "observed", "changed", 5, "drift"),
        ("failed", "not_applicable", "changed", 5, "drift"),
    ],
)
def test_a_changed_verdict_is_told_in_one_place(before: str, after: str, part: str, code: int, outcome: str) -> None:
    found = between(before, after)
    assert ids(found) == {part: [MUST]}
    assert (found.code, found.outcome) == (code, outcome)


@pytest.mark.parametrize(("identifier", "code"), [(ROBUST, 3), (SHOULD, 0), ("TLS-001", 0)])
def test_only_what_counts_and_can_be_decided_makes_a_comparison_undecided(identifier: str, code: int) -> None:
    found = between("passed", "inconclusive", identifier)
    assert ids(found) == {"undecided": [identifier]}
    assert found.code == code


def test_the_gravest_change_gives_the_exit_code() -> None:
    verdicts = {"A-001": "passed", "A-002": "passed", "A-003": "passed"}
    worse = {"A-001": "failed", "A-002": "inconclusive", "A-003": "observed"}
    codes = []
    for _ in range(4):
        codes.append(compare(side(results(verdicts)), side(results(worse))).code)
        worse = {**worse, next((one for one in worse if worse[one] != "passed"), "A-001"): "passed"}
    assert codes == [1, 3, 5, 0]


def test_the_sentence_counts_what_there_is() -> None:
    names = ("A-001", "A-002", "A-003", "A-004")
    before = dict(zip(names, ("passed", "passed", "failed", "inconclusive"), strict=True))
    after = dict(zip(names, ("failed", "failed", "passed", "passed"), strict=True))
    found = compare(side(results(before)), side(results(after)))
    assert found.sentence == "regression: 2 regressions, 1 fix, 1 decided now"


def test_another_reason_for_the_same_failure_is_a_change() -> None:
    before, after = results({MUST: "failed"}), results({MUST: "failed"})
    case_of(after, MUST)["actual"] = "500 without content"
    found = compare(side(before), side(after))
    (change,) = found.changed
    assert (change.was, change.actual, found.code) == ("401 invalid_client", "500 without content", 5)


def test_a_reason_that_differs_in_an_identifier_is_the_same() -> None:
    before, after = results({MUST: "failed"}), results({MUST: "failed"})
    for one, text in ((before, "trace 4f0c9d2e-7e0b"), (after, "trace 5f0c9d2e-7e0b")):
        case_of(one, MUST)["actual"] = text
    assert compare(side(before), side(after)).code == 0


@pytest.mark.parametrize(
    ("before", "after", "expected", "was", "actual"),
    [
        ("passed", "failed", "a token", "", "401 invalid_client"),
        ("failed", "passed", "a token", "401 invalid_client", ""),
        ("warning", "failed", "a token", "401 invalid_client", "401 invalid_client"),
        ("failed", "inconclusive", "a token", "401 invalid_client", "as inconclusive as can be"),
        ("passed", "not_applicable", "", "", "as not_applicable as can be"),
    ],
)
def test_a_change_says_what_was_expected_what_came_before_and_what_after(
    before: str, after: str, expected: str, was: str, actual: str
) -> None:
    found = between(before, after)
    (change,) = (*found.regressions, *found.fixes, *found.undecided, *found.changed)
    assert (change.expected, change.was, change.actual) == (expected, was, actual)


def test_a_case_that_follows_another_is_told_with_it() -> None:
    before, after = ({"A-001": one, "A-002": one} for one in ("passed", "failed"))
    second = results(after)
    case_of(second, "A-002")["follows"] = "A-001"
    found = compare(side(results(before)), side(second))
    assert [(one.id, one.likewise) for one in found.regressions] == [("A-001", ("A-002",))]


def test_a_run_in_which_nothing_was_judged_is_never_the_same() -> None:
    empty = {**results({MUST: "inconclusive", ROBUST: "not_applicable"}), "reason": "no answer"}
    found = compare(side(empty), side(empty))
    assert (found.code, found.outcome) == (3, "undecided")
    assert found.notes == (
        "nothing was judged in the first run: no answer",
        "nothing was judged in the second run: no answer",
    )


def test_runs_that_judged_nothing_in_common_are_never_the_same() -> None:
    found = compare(side(results({MUST: "passed"})), side(results({ROBUST: "passed"})))
    assert (found.code, found.sentence) == (3, "undecided: 1 judged only before, 1 judged only after")
    assert found.notes == ("no requirement was judged in both runs; compare runs of one selection",)


def test_what_one_reason_left_undecided_is_told_once() -> None:
    rows = ("A-001", "A-002", "A-003", "A-004")
    found = compare(*(side(results(dict.fromkeys(rows, verdict))) for verdict in ("passed", "inconclusive")))
    assert len(found.undecided) == len(rows)
    ((heading, (lines,)),) = difference.sections(found)
    assert heading == "No longer decided (4)"
    assert lines == [
        "4 requirements for one reason",
        "actual: as inconclusive as can be",
        "A-001, A-002, A-003, A-004",
    ]


def test_what_only_one_run_judged_is_named_with_its_finding() -> None:
    first, second = {"A-001": "failed", "A-002": "passed"}, {"A-002": "passed", "A-003": "passed", "A-004": "warning"}
    found = compare(side(results(first)), side(results(second)))
    assert (found.code, found.sentence) == (0, "same: 1 judged only before, 2 judged only after")
    text = difference.text(found)
    assert "\nJudged only before: A-001 (failed)\n" in text
    assert "\nJudged only after: A-003, A-004 (warning)\n" in text


# In what the runs differ


def test_the_settings_of_the_runs_come_first() -> None:
    first, second = results({MUST: "passed"}, days=1), results({MUST: "passed"}, target="production")
    second |= {"seed": 2, "suite": {"version": "0.2.0"}, "catalogue": {"edition": 3}}
    second["target"] |= {"profile": "rfc6749", "base_url": "https://idp.test/v1", "token_path": "/token"}
    found = compare(side(first), side(second))
    assert found.context == (
        "target: staging at https://staging.test/passport/oauth/token, then production at https://idp.test/v1/token",
        "profile: passport, then rfc6749",
        "catalogue edition: 2, then 3",
        "suite: 0.1.0, then 0.2.0",
        "seed: 1, then 2",
        f"order: the first run is the later one ({first['started']}, then {second['started']})",
    )
    assert found.code == 0
    assert difference.text(found).splitlines()[2].startswith("differs target: ")


def test_another_port_of_the_embedded_endpoint_is_no_other_target() -> None:
    sides = [results({MUST: "passed"}) for _ in range(2)]
    for one, port in zip(sides, (4001, 4002), strict=True):
        one["target"] |= {"embedded": True, "base_url": f"http://127.0.0.1:{port}"}
    assert compare(*map(side, sides)).context == ()


# Traits and the wire


def test_a_trait_with_another_value_is_drift() -> None:
    found = compare(trait("first"), trait("last"))
    assert [(one.trait, one.pinned, one.seen) for one in found.drift] == [("content_type.duplicate", "first", "last")]
    assert (found.code, found.sentence) == (5, "drift: 1 trait drifted")


@pytest.mark.parametrize("values", [("unknown", "last"), ("first", "unknown")])
def test_a_trait_that_was_not_seen_does_not_drift(values: tuple[str, str]) -> None:
    assert compare(*map(trait, values)).code == 0


def test_a_new_fact_on_the_wire_is_drift_even_where_both_pass() -> None:
    found = results({MUST: "passed"})
    after = side(found, (OTHER, refusal(400, "invalid_request", "X-New: 1")))
    told = compare(side(found), after)
    assert (told.code, told.sentence) == (5, "drift: 1 wire fact")
    assert "\nWire facts (1)\n  field added x-new: 1\n    in stimulus" in difference.text(told)


@pytest.mark.parametrize(("before", "after"), [("passed", "failed"), ("failed", "passed")])
def test_a_fact_that_is_the_change_itself_is_told_apart(before: str, after: str) -> None:
    first, second = (results({MUST: verdict}) for verdict in (before, after))
    case_of(second, MUST)["stimuli"] = {"wrong": [1]}
    found = compare(side(first, (OTHER, refusal())), side(second, (OTHER, refusal(401, "x"))))
    assert (len(found.facts), len(found.explained)) == (0, 1)
    assert found.code == (1 if after == "failed" else 0)


@pytest.mark.parametrize(
    ("octets", "facts", "explained"),
    [(refusal(401, "x"), 0, 1), (refusal(400, "invalid_request", "X-New: 1"), 1, 0)],
    ids=["another answer", "another field"],
)
def test_what_shows_in_other_answers_too_is_explained_where_it_is_the_answer(
    octets: bytes, facts: int, explained: int
) -> None:
    first, second = (results({MUST: verdict}) for verdict in ("passed", "failed"))
    case_of(second, MUST)["stimuli"] = {"wrong": [1]}
    found = compare(side(first, (OTHER, refusal()), (THIRD, refusal())), side(second, (OTHER, octets), (THIRD, octets)))
    assert (len(found.facts), len(found.explained)) == (facts, explained)


def test_a_fact_that_is_a_drift_itself_is_told_apart() -> None:
    sides = []
    for value, octets in (("accepted", refusal()), ("refused", refusal(401, "x"))):
        found = results({"CTYPE-010": "observed"}, traits={"content_type.combined": value})
        case_of(found, "CTYPE-010")["stimuli"] = {"combined": [1]}
        sides.append(side(found, (OTHER, octets)))
    told = compare(*sides)
    assert (len(told.drift), len(told.facts), len(told.explained)) == (1, 0, 1)


def test_where_a_recording_is_missing_the_wire_is_not_called_the_same(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", results({MUST: "passed"}))
    found = compare(read(folder), read(folder))
    assert found.code == 0
    assert found.sentence == "same: nothing differs; the wire was not compared"
    assert found.notes[0].startswith(f"the wire was not compared: {folder / EXCHANGES}: cannot be read: ")


# Reading


def broken(change: Any) -> str:
    found = results({MUST: "failed", "REQ-001": "passed"})
    change(found)
    return json.dumps(found)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "holds no results.json; name the folder of one run"),
        ("", "results.json is no JSON"),
        ("{" * 100_000, "results.json is no JSON"),
        ('{"format": "token-conformance/1", "a": NaN}', "results.json is no JSON"),
        ("[]", "results.json does not say 'token-conformance/1', so that it is none of this suite"),
        ('{"format": "token-conformance/9"}', "results.json does not say 'token-conformance/1'"),
        ('{"format": "token-conformance/1"}', "results.json is none of this suite: it lacks 'cases'"),
        (broken(lambda found: found.pop("traits")), "results.json is none of this suite: it lacks 'traits'"),
        (broken(lambda found: found["cases"].append(7)), "results.json is none of this suite: it is not as it should"),
        (broken(lambda found: found["cases"][0].pop("title")), "results.json is none of this suite: it lacks 'title'"),
        (broken(lambda found: found["cases"][0].update(actual=None)), "it is not as it should be"),
        (broken(lambda found: found["cases"][0].update(witnesses=["1"])), "it is not as it should be"),
        (broken(lambda found: found["cases"][0].update(stimuli=[1])), "it is not as it should be"),
        (broken(lambda found: found.update(seed="1")), "results.json is none of this suite: seed is not as it should"),
    ],
)
def test_what_holds_no_results_is_refused_in_one_line(content: str | None, why: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / RESULTS).write_text(content)
    with pytest.raises(ValueError, match=r"\A.*\Z") as caught:
        read(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ")
    assert why in str(caught.value)


def test_results_of_an_earlier_release_are_read(tmp_path: Path) -> None:
    found = results({MUST: "passed"})
    del found["edge_verdict"]
    found["catalogue"].pop("judged_edition")
    (tmp_path / RESULTS).write_text(json.dumps(found))
    assert read(tmp_path).cases[MUST]["verdict"] == "passed"


# The forms


def hostile() -> Comparison:
    """A comparison with a text of a stranger in every place that has one."""
    before, after = results({"A-001": "passed", "A-002": "failed"}), results({"A-001": "failed", "A-002": "failed"})
    for found in (before, after):
        found["target"]["name"] = found["reason"] = HOSTILE
        for one in found["cases"]:
            one |= {"title": HOSTILE, "expected": HOSTILE}
    case_of(after, "A-001")["actual"] = case_of(after, "A-002")["actual"] = HOSTILE
    sides = [
        Side(HOSTILE, found, recording((OTHER, answer(400, json.dumps({"error": "x", HOSTILE: text}).encode()))), text)
        for found, text in ((before, HOSTILE), (after, HOSTILE + "2"))
    ]
    return replace(compare(*sides), decided=(HOSTILE,), added={HOSTILE: "failed"})


def test_nothing_of_a_stranger_becomes_a_line_or_a_command_of_a_terminal() -> None:
    text = difference.text(hostile())
    assert len(text.splitlines()) == text.count("\n")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not [line for line in text.splitlines() if line.lstrip().startswith(("::", "<script"))]
    assert "##[" not in text


def test_nothing_of_a_stranger_becomes_markup() -> None:
    text = difference.markdown(hostile())
    assert "\n::" not in text
    assert "<script" not in text
    assert "@you" not in text
    page = difference.FORMS["html"](hostile())
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("outcome", ["same", "better", "regression", "undecided", "drift", "hostile"])
def test_the_document_is_as_its_schema_says(outcome: str) -> None:
    made = {
        "same": lambda: between("passed", "passed"),
        "better": lambda: between("failed", "passed"),
        "regression": lambda: between("passed", "failed"),
        "undecided": lambda: between("passed", "inconclusive"),
        "drift": lambda: compare(trait("first"), trait("last")),
        "hostile": hostile,
    }
    found = made[outcome]()
    text = difference.document(found)
    assert text.isascii()
    document = json.loads(text)
    SCHEMA.validate(document)
    assert (document["outcome"], document["exit_code"]) == (found.outcome, found.code)
    assert not SCHEMA.is_valid({**document, "more": 1})


def test_the_forms_say_the_same() -> None:
    found = between("passed", "failed")
    for form in ("text", "markdown", "html"):
        told = difference.FORMS[form](found).replace("\\", "")
        assert "regression: 1 regression" in told
        assert f"{MUST} MUST" in told
        assert "401 invalid_client" in told
