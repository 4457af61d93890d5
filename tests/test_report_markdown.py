"""The summary of a run in Markdown: complete, bounded, and nothing in it that a target could have made."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from conformance import judging
from conformance.gate import Gate
from conformance.reply import Note
from conformance.report import escape
from conformance.report.markdown import COMMAND, NAMED, SIZE, summary_markdown
from conformance.report.results import MEANING
from tests.test_report import HOSTILE, a_case, endpoint, real, recording, run_of

if TYPE_CHECKING:
    from conformance.engine import Run

# What a text from the wire may hold: markup of every kind, mentions, commands of CI runners, the end of a block.
PAYLOAD = (
    f"{HOSTILE}\n\n# title\n- item\n> quote\n```\n<img src=x onerror=alert(1)> ![i](http://e.example/p.png) "
    "[x](javascript:alert(1)) https://e.example @octocat octo/repo#1 GH-12 &lt;b&gt; | a | b | $x$ ~~s~~ **b** `c`"
)
GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = {"h2", "h3", "h4", "p", "ul", "li", "strong", "table", "thead", "tbody", "tr", "th", "td", "pre", "code"}


class Page(HTMLParser):
    """The elements and the text of rendered Markdown."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.text = ""
        self.feed(GFM.render(markdown))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(f"{tag}{[one for one in attrs if one[0] != 'style'] or ''}")

    def handle_data(self, data: str) -> None:
        self.text += data


def failed(identifier: str, text: str = "400 invalid_request", **changes: object) -> judging.Verdict:
    plain = judging.Verdict(a_case(identifier), "failed", expected="a token", actual=text, changed=("- a", "+ b"))
    return replace(plain, **changes)  # type: ignore[arg-type]


def inconclusive(identifier: str, why: str) -> judging.Verdict:
    note = Note("inconclusive", "a token", why)
    return judging.Verdict(a_case(identifier), "inconclusive", reason=f"expected a token: {why}", notes=(note,))


@pytest.mark.parametrize(
    ("defects", "verdict"),
    [((), "conformant"), (("ctype-form-refused",), "unusable"), (("ctype-quoted-charset-500",), "non-conformant")],
)
def test_a_real_run_begins_with_its_verdict_and_what_that_means(defects: tuple[str, ...], verdict: str) -> None:
    run = real(*defects)
    lines = summary_markdown(run).splitlines()
    assert lines[0] == f"## Token Conformance: {verdict}"
    assert lines[2] == MEANING[verdict]
    text = Page("\n".join(lines)).text
    assert f"{run.inquiry.target.base_url}{run.inquiry.target.token_path}" in text
    assert run.recording.header.run in text
    assert "judge FOLDER" in text


def test_a_real_finding_says_what_was_sent_what_came_and_how_to_repeat_it() -> None:
    run = real("ctype-quoted-charset-500")
    told = summary_markdown(run)
    text = Page(told).text
    (finding,) = [one for one in run.result.cases if one.verdict == "failed"]
    requirement = finding.case.requirement
    for part in (requirement.id, requirement.title, finding.expected, finding.actual, requirement.remedy):
        assert part in text
    assert all(line in text for line in finding.changed)
    assert re.search(r"(?m)^```\ntoken-conformance run .* --select CTYPE-003 .*\n```$", told)


def test_failures_come_before_warnings_and_followers_beside_their_leader() -> None:
    verdicts = (
        failed("X-001", verdict="warning"),
        failed("X-002"),
        failed("X-003", follows="X-002"),
        judging.Verdict(a_case("X-004"), "waived"),
    )
    told = summary_markdown(run_of(*verdicts))
    assert re.findall(r"(?m)^#### (.*) MUST", told) == [r"failed\: X-002", r"warning\: X-001"]
    assert "\n- likewise: X-003\n" in told
    assert "\nWaived (1): X-004\n" in told
    assert "### Findings (2)" in told


def test_what_was_not_decided_is_told_by_its_cause() -> None:
    many = [inconclusive(f"X-{number:03}", "no answer") for number in range(1, 4)]
    told = summary_markdown(run_of(*many, inconclusive("X-004", "429"), judging.Verdict(a_case("X-005"), "passed")))
    assert "### Not decided (4)" in told
    assert "\n- X-001, X-002, X-003: no answer\n- X-004: 429\n" in told


def test_drift_and_an_early_end_are_told() -> None:
    run = run_of(judging.Verdict(a_case("X-001"), "passed"), kept=recording(stopped="three silences | in a row"))
    run = replace(
        run,
        inquiry=replace(run.inquiry, pinned={"own": "yes"}),
        result=replace(run.result, traits={"own": "no"}),
    )
    told = summary_markdown(run)
    assert "### Drift from the pinned fingerprint (1)\n\n- own: pinned yes, seen no\n" in told
    assert r"| ended early | three silences \| in a row |" in told


def test_the_embedded_endpoint_is_called_so() -> None:
    run = run_of(judging.Verdict(a_case("X-001"), "passed"))
    assert "EMBEDDED" not in summary_markdown(run)
    target = endpoint(embedded=True)
    assert "**EMBEDDED ENDPOINT" in summary_markdown(replace(run, inquiry=replace(run.inquiry, target=target)))


def hostile() -> Run:
    """A run in which every text that a target or its owner chose is hostile."""
    run = run_of(
        failed("X-001", PAYLOAD, expected=PAYLOAD, subject=PAYLOAD, changed=(PAYLOAD, PAYLOAD)),
        inconclusive("X-002", PAYLOAD),
        kept=recording(stopped=PAYLOAD),
    )
    return replace(
        run,
        inquiry=replace(run.inquiry, target=endpoint(name=PAYLOAD), pinned={"own": PAYLOAD}),
        result=replace(run.result, reason=PAYLOAD, traits={"own": f"{PAYLOAD}!"}),
    )


@pytest.mark.parametrize("verdict", list(MEANING))
def test_nothing_from_the_wire_is_markup(verdict: str) -> None:
    run = hostile()
    run = replace(run, result=replace(run.result, verdict=verdict), gate=Gate("closed", PAYLOAD, PAYLOAD))
    told = summary_markdown(run)
    page = Page(told)
    assert page.elements <= OURS
    assert told.count("\n## ") == 0
    for line in told.splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    assert "@octocat" not in page.text
    assert "repo#1" not in page.text
    assert "GH-12" not in page.text
    assert "\u202e" not in told
    assert r"\u202e" in page.text


def test_a_command_cannot_leave_its_block() -> None:
    for text in ("a `b` c", "a\n```\n## b", "`" * 40, "", "\x1b[0m"):
        told = escape.fenced(text)
        (token,) = GFM.parse(told)
        assert token.type == "fence"
        assert token.content.rstrip("\n") == text.replace("\x1b", r"\x1b")


def test_a_summary_of_too_many_findings_says_how_many_are_left_out() -> None:
    many = [failed(f"X-{number:03}", PAYLOAD * 50, changed=(PAYLOAD * 9,) * 40) for number in range(1, 300)]
    many += [inconclusive(f"Y-{number:03}", f"{PAYLOAD * 9}{number}") for number in range(1, 300)]
    run = run_of(*many, failed("Z-001", follows="X-001"), kept=recording(stopped=PAYLOAD * 99))
    drift = {f"trait{number}": PAYLOAD for number in range(999)}
    run = replace(
        run,
        inquiry=replace(run.inquiry, pinned=drift, target=endpoint(name=PAYLOAD * 99)),
        result=replace(run.result, traits=dict.fromkeys(drift, "no"), reason=PAYLOAD * 99),
    )
    told = summary_markdown(run)
    assert len(told.encode()) <= SIZE
    shown = len(re.findall(r"(?m)^#### ", told))
    assert shown >= 3
    assert f"\n{299 - shown} more findings are in the report.\n" in told
    assert "and 34 more lines" in told
    assert f"\n- {999 - NAMED} more are in results.json\n" in told
    assert Page(told).elements <= OURS


def test_a_usual_summary_leaves_nothing_out() -> None:
    told = summary_markdown(run_of(*(failed(f"X-{number:03}") for number in range(1, 60))))
    assert len(re.findall(r"(?m)^#### ", told)) == 59
    assert "left" not in told
    assert "are in the report" not in told


def test_a_command_that_is_too_long_is_not_cut_but_left_out() -> None:
    run = run_of(failed("X-001"))
    target = endpoint(scope="s" * COMMAND)
    told = summary_markdown(replace(run, inquiry=replace(run.inquiry, target=target)))
    assert "token-conformance run" not in told
    assert "\n- repeat: the command is too long; it is in the report\n" in told
