"""What the page says of one case: the requirement, what was expected and came, and the exchanges that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance import catalogue, waivers
from conformance.report import escape, evidence
from conformance.report.command import repeat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from conformance.catalogue import Requirement
    from conformance.engine import Run
    from conformance.judging import Verdict
    from conformance.reply import Answer
    from conformance.report.evidence import Octets, Shown

EXCHANGES = 12
"""Exchanges shown of one case."""


def detail(verdict: Verdict, run: Run, answers: Mapping[int, Answer]) -> str:
    """The HTML of one case.

    Args:
        verdict: the verdict of the case.
        run: the run it belongs to.
        answers: every answer of the run by number of its exchange.
    """
    requirement = verdict.case.requirement
    parts = ['<div class="case">', f"<p>{escape.html(requirement.statement)}</p>"]
    parts += ['<dl class="facts">', *_facts(verdict, run), "</dl>"]
    parts += [*_exchanges(verdict, answers), "</div>"]
    return "".join(parts)


def facts(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Terms with their descriptions, as HTML.

    Args:
        pairs: terms as text, and descriptions that are HTML already; pairs without one are left out.
    """
    return (f"<dt>{escape.html(term)}</dt><dd>{described}</dd>" for term, described in pairs if described)


def level(requirement: Requirement) -> str:
    """The level of a requirement in words."""
    words = f"{requirement.level.value}, follows from the sources" if requirement.derived else requirement.level.value
    return f"{words}; here it only warns" if requirement.severity == "warn" else words


def _facts(verdict: Verdict, run: Run) -> Iterator[str]:
    requirement, text = verdict.case.requirement, escape.html
    finding = verdict.verdict in ("failed", "warning", "waived", "inconclusive")
    # Where expected and actual say it all, the reason would say it again.
    told = finding and verdict.expected and verdict.verdict != "inconclusive"
    area = next((area.title for area in catalogue.load().areas if area.name == requirement.area), requirement.area)
    return facts(
        (
            ("Verdict", text(verdict.verdict.replace("_", " "))),
            ("Reason", "" if told else text(verdict.reason)),
            ("Subject", text(verdict.subject) if finding or verdict.subject == "document" else ""),
            ("Expected", text(verdict.expected)),
            ("Actual", text(verdict.actual)),
            ("Changed line", _block(verdict.changed)),
            ("Waiver", text(verdict.waiver.words(waivers.scope_of(run)) if verdict.waiver is not None else "")),
            ("Follows", text(verdict.follows and f"{verdict.follows}: the same answer is its finding already")),
            ("Remedy", text(requirement.remedy) if finding else ""),
            ("Level", text(level(requirement))),
            ("Area", text(area)),
            ("Why", text(requirement.why)),
            ("Note", text(requirement.note)),
            ("Sources", ", ".join(_link(source.text, source.url) for source in requirement.sources)),
            ("Traits", text("\n".join(f"{name} = {value}" for name, value in verdict.traits.items()))),
            ("Repeat", f"<code>{text(repeat(run, requirement.id))}</code>"),
            ("Fault", _block(verdict.detail.splitlines())),
        )
    )


def _block(lines: Iterable[str]) -> str:
    joined = "\n".join(escape.html(line) for line in lines)
    return f"<pre>{joined}</pre>" if joined else ""


def _link(words: str, url: str | None) -> str:
    if url is None or not url.startswith("https://"):
        return escape.html(words)
    return f'<a href="{escape.html(url)}" target="_blank" rel="noopener noreferrer">{escape.html(words)}</a>'


def _exchanges(verdict: Verdict, answers: Mapping[int, Answer]) -> Iterator[str]:
    names = {number: name for name, numbers in verdict.stimuli.items() for number in numbers}
    # The exchanges that show the finding are the ones to read, so they are never among those left out.
    numbers = [number for number in dict.fromkeys((*verdict.witnesses, *names)) if number in answers]
    for number in numbers[:EXCHANGES]:
        yield _exchange(evidence.shown(answers[number], names.get(number, "")))
    if len(numbers) > EXCHANGES:
        left = ", ".join(map(str, numbers[EXCHANGES : 5 * EXCHANGES]))
        more = " and more" if len(numbers) > 5 * EXCHANGES else ""
        yield f"<p>{len(numbers) - EXCHANGES} more exchanges, in exchanges.jsonl by number: {left}{more}</p>"


def _exchange(one: Shown) -> str:
    nothing = f"<p>{escape.html(one.nothing)}</p>" if one.nothing else ""
    how = f"<p>{escape.html(one.how)}</p>" if one.how else ""
    return (
        f"<details><summary>{escape.html(one.title)}</summary>{how}"
        f"{_octets('sent', one.sent)}{_octets('received', one.received)}{nothing}</details>"
    )


def _octets(direction: str, octets: Octets) -> str:
    return f"<h3>{direction}, {octets.words}</h3><pre>{escape.html(octets.text)}</pre>"
