"""The ledger: nothing is required without a case, nothing is decided without a row, nothing counts without a proof."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import case, catalogue, ledger, reference
from conformance.catalogue import Level
from conformance.request import VALID

PAGE = Path(__file__).resolve().parents[1] / "docs" / "requirements.md"
ROWS = catalogue.load().requirements
CASES = {one.id: one for one in case.built_in()}
TEXT = ledger.markdown()
PROVEN = {one.violates[0] for one in reference.DEFECTS.values()}

UNPROVEN = {
    "LOAD-003": "a server that lets secrets be guessed leaves it undecided",
    "DOC-001": "it is about the published document, which no server can change",
}
"""Requirements that no defect is planted for, and why."""


def counting() -> list[str]:
    """The requirements of the levels that fail a run, as far as they have a case."""
    return [row.id for row in ROWS.values() if row.level in (Level.MUST, Level.DOC, Level.ROBUST) and not row.reason]


def test_the_page_is_up_to_date() -> None:
    if PAGE.read_text(encoding="utf-8") != TEXT:
        pytest.fail(f"docs/requirements.md is not up to date; write it anew: {ledger.COMMAND}", pytrace=False)


@pytest.mark.parametrize("row", ROWS)
def test_every_requirement_has_a_case_or_a_reason_why_it_cannot_have_one(row: str) -> None:
    assert (row in CASES) != bool(ROWS[row].reason)


def test_every_case_decides_a_requirement_of_the_catalogue() -> None:
    assert CASES.keys() <= ROWS.keys()
    assert [one.id for one in CASES.values() if one.requirement != ROWS[one.id]] == []


@pytest.mark.parametrize("row", counting())
def test_every_requirement_that_counts_is_proven_by_a_defect(row: str) -> None:
    assert (row in PROVEN) != (row in UNPROVEN)


def test_what_lacks_a_defect_is_a_requirement_that_counts() -> None:
    assert set(UNPROVEN) <= set(counting())


# The page


def section(row: str) -> str:
    (found,) = re.findall(rf"(?ms)^### {row}\n(.*?)(?=^##|\Z)", TEXT)
    return str(found)


def test_a_section_has_everything_that_is_known_of_a_requirement() -> None:
    text = section("CTYPE-002")
    row = ROWS["CTYPE-002"]
    for part in (
        f"**{row.title}**",
        row.statement,
        "- Level: MUST",
        "- Since: edition 1",
        f"- Source: [{row.sources[0].text}]({row.sources[0].url})",
        "(../conformance/cases/test_content_type.py) in `cases/test_content_type.py`",
        "- Sent as `",
        "`- Content-Type: application/x-www-form-urlencoded` `+ Content-Type: APPLICATION/X-WWW-FORM-URLENCODED`",
        "- Proven by: `ctype-case` (",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("REQ-004", "- Not always sent: no scope is configured: name one that the client may ask for with --scope"),
        ("WIRE-005", "- Not always sent: it may burden others behind the same edge, so it is sent only on demand: "),
        ("TLS-003", "- Not sent where: the base URL is http"),
        ("TLS-002", "- Undecided: it may stay inconclusive, without making the run so"),
        ("AUTH-016", "- Since: edition 2; profile rfc6749 alone"),
        ("AUTH-016", "- Level: MUST, follows from the source, severity warn"),
        ("REQ-001", "- Sent as `valid`: the valid request, unchanged"),
        ("SUCC-013", "- Judged over: every answer of the run that it is about"),
        ("GEN-003", "- Generated: the OpenAPI description and legal spellings"),
    ],
)
def test_a_section_says_what_has_to_be_configured_and_what_is_special(row: str, line: str) -> None:
    assert f"\n{line}" in section(row)


def test_a_requirement_that_cannot_be_seen_says_why() -> None:
    hidden = replace(ROWS["REQ-001"], reason="it is kept in a table <b> of the server")
    facts = dict(ledger._facts(hidden, None))
    assert facts["Case"] == r"none: it is kept in a table \<b\> of the server"
    assert "Proven by" not in facts


def test_a_requirement_without_a_defect_says_so() -> None:
    facts = dict(ledger._facts(replace(ROWS["CTYPE-002"], id="CTYPE-999"), CASES["CTYPE-002"]))
    assert facts["Proven by"] == "no defect of its own"
    assert "Shown as well by" not in facts


def test_every_link_leads_somewhere() -> None:
    headings = re.findall(r"(?m)^##+ (.*)$", TEXT)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(([^)]*)\)", TEXT))
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert [link for link in links if link.startswith("../") and not (PAGE.parent / link).exists()] == []
    assert [link for link in links if not link.startswith(("#", "../", "https://"))] == []


def test_a_long_request_is_cut_and_backticks_do_not_end_the_code() -> None:
    many = VALID
    for number in range(20):
        many = many.adding(f"X-{number}", "a`b")
    shown = ledger._changed(many)
    assert shown.count("`` + X-") == 8
    assert shown.endswith(" and 12 lines more")
    assert len(ledger._changed(VALID.adding("X", "a" * 9000))) < 200
