"""``report.html``: pytest-html's page in the words of the suite, with the evidence of every case."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import pytest
from pytest_html import extras

from conformance import catalogue, waivers
from conformance.plugin import VERDICT
from conformance.report import escape, ranking, results
from conformance.report.detail import detail, facts
from conformance.report.folder import PAGE
from conformance.report.style import STYLE
from conformance.resources import package_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from conformance.engine import Run
    from conformance.judging import Verdict
    from conformance.plugin import Suite
    from conformance.reply import Answer

TITLE = "Token endpoint conformance"

# Its own words for outcomes are about tests, not about an endpoint.
_LABELS = {
    "failed": "failed",
    "passed": "passed or observed",
    "skipped": "not applicable",
    "xfailed": "warnings or waived",
    "error": "inconclusive or faults",
}


class Page:
    """The hooks of pytest-html.

    Args:
        suite: whose run is shown.
    """

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._verdicts: dict[str, Verdict] = {}
        self._answers: dict[int, Answer] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Hangs the evidence of a case on the one report of it that becomes a row."""
        report = yield
        verdict, run = item.stash.get(VERDICT, None), self._suite.run
        if verdict is not None and run is not None and (call.when == "call" or not report.passed):
            if not self._answers:
                self._answers = {answer.exchange.number: answer for answer in run.evidence.answers}
            self._verdicts[report.nodeid] = verdict
            report.extras = [extras.html(detail(verdict, run, self._answers))]  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        """Names the page, sorts it by verdict, and leaves out what it says of this machine."""
        report.title = TITLE
        report.set_data("initialSort", "verdict")
        # What it collects of a CI job, names of branches included, it writes into the page as markup.
        report.set_data("environment", {})
        for outcome, label in _LABELS.items():
            report.outcomes[outcome]["label"] = label

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """The columns; pytest-html's own result stays, out of sight, since its filters go by it."""
        cells[:] = [
            '<th class="sortable hidden" scope="col" data-column-type="result">Result</th>',
            *(
                f'<th class="sortable col-{name}" scope="col" data-column-type="{name}">{heading}</th>'
                for name, heading in (
                    ("verdict", "Verdict"),
                    ("testId", "Requirement"),
                    ("level", "Level"),
                    ("area", "Area"),
                    ("title", "Title"),
                )
            ),
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """One row: the verdict in the words of the suite, and what it is about."""
        verdict = self._verdicts.get(report.nodeid)
        if verdict is None:
            failed = "failed" if report.when == "call" else "error"
            word = {"failed": failed, "skipped": "not_applicable"}.get(report.outcome, report.outcome)
            shown = ("", "", "", report.nodeid)
        else:
            requirement = verdict.case.requirement
            word = verdict.verdict
            shown = (requirement.id, requirement.level.value, requirement.area, requirement.title)
        # Sorting compares the content of cells; the hidden digit puts the findings first.
        rank = f"<span hidden>{ranking.ORDER.index(word)}</span>" if word in ranking.ORDER else ""
        cells[:] = [
            cells[0].replace('class="col-result"', 'class="col-result hidden"'),
            f'<td class="col-verdict verdict-{word}">{rank}{word.replace("_", " ")}</td>',
            *(
                f'<td class="col-{name}">{escape.html(" ".join(value.split()))}</td>'
                for name, value in zip(("testId", "level", "area", "title"), shown, strict=True)
            ),
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, report: pytest.TestReport, data: list[str]) -> None:
        """Leaves out the log of a case: its evidence says the same and more."""
        if report.nodeid in self._verdicts:
            data.clear()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """The top of the page: the verdict, what it means, and what the run was."""
        prefix.append('<meta name="viewport" content="width=device-width, initial-scale=1">')
        prefix.append(f"<style>{STYLE}</style><script>{package_text('report/templates', 'report.js')}</script>")
        run = self._suite.run
        prefix.append("<p>Nothing was sent.</p>" if run is None else banner(run))


def banner(run: Run) -> str:
    """The verdict of a run and what the run was, as HTML."""
    text, result = escape.html, run.result
    parts = [f'<div class="banner {text(result.verdict)}"><h2>{text(result.verdict)}</h2>']
    parts.append(f"<p>{text(results.MEANING[result.verdict])}</p>")
    parts.append(f'<p><a href="./{PAGE}">The page of this run</a> tells more of each finding.</p>')
    if run.inquiry.target.embedded:
        parts.append('<p class="embedded">EMBEDDED ENDPOINT: the suite judged its own endpoint, not yours.</p>')
    parts += ['<dl class="facts">', *facts(_run_facts(run)), "</dl>"]
    if result.traits:
        rows = "".join(f"<tr><td>{text(name)}</td><td>{text(value)}</td></tr>" for name, value in result.traits.items())
        parts.append(f"<details><summary>{len(result.traits)} traits: choices that the standards leave</summary>")
        head = '<tr><th scope="col">Trait</th><th scope="col">Observed</th></tr>'
        parts.append(f'<table class="traits">{head}{rows}</table></details>')
    return "".join((*parts, "</div>"))


def _run_facts(run: Run) -> Iterator[tuple[str, str]]:
    text, header, target, profile = escape.html, run.recording.header, run.inquiry.target, run.inquiry.profile
    counts = [results.counted(number, word) for word, number in results.summary(run).items() if number]
    edge = run.result.edge
    yield "Reason", text(run.result.reason)
    unusable = run.result.verdict == "unusable"
    yield "Advice", text(run.gate.advice) if unusable else ""
    yield "Ended early", "" if unusable else text(run.recording.stopped)
    yield "HTTP edge", "" if edge == "not-judged" else text(edge)
    yield "Cases", text(", ".join(counts))
    yield "Waivers", "<br>".join(text(one.words) for one in waivers.standings(run) if one.words)
    yield "Target", text(f"{target.name}: {target.base_url}{target.token_path}")
    yield "Profile", text(f"{profile.name}: {profile.title}")
    yield "Suite", text(f"{header.suite}, catalogue edition {catalogue.load().edition}, seed {run.inquiry.seed}")
    yield "Started", text(results.instant(header.started))
    yield "Duration", text(f"{results.duration(run):.1f} s, {len(run.recording.exchanges)} exchanges")
    yield "Ran on", text(f"Python {platform.python_version()}, {platform.system()}")
