"""A run in GitHub Markdown: ``summary.md``, for the summary page of a CI job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance import catalogue
from conformance.report import escape, ranking, results
from conformance.report.command import repeat
from conformance.report.terminal import EMBEDDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from conformance.engine import Run
    from conformance.judging import Verdict

SIZE = 64_000
"""Octets of the whole; GitHub leaves out a summary above one MiB, and nobody reads one that is long."""

FIELD = 600
"""Octets of one text that a target or its owner chose."""

COMMAND = 2000
"""Octets of a command; one that is longer is left out, since half a command is none."""

LINES = 6
"""Changed lines of a finding, and causes of what was not decided."""

NAMED = 60
"""IDs in one list, and traits that drifted."""

_SPARE = 200
"""Octets of what is said about the findings together."""


def summary_markdown(run: Run) -> str:
    """The content of ``summary.md``: at most `SIZE` octets, and nothing from the wire is markup in it."""
    head, tail = "".join(_head(run)), "".join(_tail(run))
    findings = _leading(run, "failed", "warning")
    blocks = [f"### Findings ({len(findings)})\n\n"] if findings else []
    repeated = ranking.followers(run.result.cases)
    room = SIZE - _octets(head) - _octets(tail) - _SPARE
    for at, finding in enumerate(findings):
        block = _finding(finding, repeated.get(finding.case.id, ()), run)
        room -= _octets(block)
        if room < 0:
            blocks.append(f"{len(findings) - at} more findings are in the report.\n\n")
            break
        blocks.append(block)
    return f"{head}{''.join(blocks)}{tail}"


def _head(run: Run) -> Iterator[str]:
    inquiry, header, result = run.inquiry, run.recording.header, run.result
    target = inquiry.target
    yield f"## Token Conformance: {result.verdict}\n\n{results.MEANING[result.verdict]}\n\n"
    if target.embedded:
        yield f"**{_shown(EMBEDDED)}**\n\n"
    if result.verdict == "unusable":
        yield f"- cause: {_shown(run.gate.reason or result.reason)}\n"
        yield f"- advice: {_shown(run.gate.advice)}\n\n" if run.gate.advice else "\n"
    elif result.verdict != "conformant":
        yield f"{_shown(result.reason)}\n\n"
    edition = inquiry.edition or catalogue.load().edition
    ended_early = run.recording.stopped and result.verdict != "unusable"
    rows = (
        ("target", f"{target.name}: {target.base_url}{target.token_path}"),
        ("profile", inquiry.profile.name),
        ("suite", f"{header.suite}, catalogue edition {edition}, seed {inquiry.seed}"),
        ("run", f"{header.run}, {results.instant(header.started)}, {results.duration(run):.1f} s"),
        ("exchanges", str(len(run.recording.exchanges))),
        *([("HTTP edge", result.edge)] if result.edge != "not-judged" else []),
        *([("ended early", run.recording.stopped)] if ended_early else []),
    )
    yield from ("| | |\n|---|---|\n", *(f"| {name} | {_shown(text)} |\n" for name, text in rows), "\n")
    counts = {word.replace("_", " "): number for word, number in results.summary(run).items()}
    yield f"| {' | '.join(counts)} |\n|{'---:|' * len(counts)}\n| {' | '.join(map(str, counts.values()))} |\n\n"


def _finding(verdict: Verdict, followers: Iterable[Verdict], run: Run) -> str:
    requirement = verdict.case.requirement
    command = repeat(run, requirement.id)
    facts = (
        ("subject", verdict.subject),
        ("expected", verdict.expected),
        ("actual", verdict.actual),
        ("reason", "" if verdict.expected else verdict.reason),
        *(("changed", line) for line in verdict.changed[:LINES]),
        ("changed", f"and {len(verdict.changed) - LINES} more lines" if len(verdict.changed) > LINES else ""),
        ("remedy", requirement.remedy),
        ("likewise", _listed([one.case.id for one in followers])),
    )
    lines = [f"- {name}: {_shown(text)}\n" for name, text in facts if text]
    fits = _octets(command) <= COMMAND
    how = f"\n{escape.fenced(command)}\n\n" if fits else "- repeat: the command is too long; it is in the report\n\n"
    title = f"{verdict.verdict}: {requirement.id} {requirement.level.value} {requirement.title}"
    return f"#### {_shown(title)}\n\n{''.join(lines)}{how}"


def _tail(run: Run) -> Iterator[str]:
    open_ = _leading(run, "inconclusive", "error")
    if open_:
        yield f"### Not decided ({len(open_)})\n\n"
        groups = ranking.by_cause(open_)
        for group in groups[:LINES]:
            yield f"- {_shown(_listed([one.case.id for one in group]))}: {_shown(ranking.cause(group[0]))}\n"
        if len(groups) > LINES:
            yield f"- {sum(map(len, groups[LINES:]))} more are in the report\n"
        yield "\n"
    waived = [one.case.id for one in run.result.cases if one.verdict == "waived"]
    if waived:
        yield f"Waived ({len(waived)}): {_shown(_listed(waived))}\n\n"
    drifted = results.drifted(run)
    if drifted:
        yield f"### Drift from the pinned fingerprint ({len(drifted)})\n\n"
        for one in drifted[:NAMED]:
            yield f"- {_shown(one.trait)}: pinned {_shown(one.pinned)}, seen {_shown(one.seen)}\n"
        if len(drifted) > NAMED:
            yield f"- {len(drifted) - NAMED} more are in results.json\n"
        yield "\n"
    yield "The folder of this run holds the report, results.json, junit.xml and the recording; "
    yield "`token-conformance judge FOLDER` judges it again, offline.\n"


def _leading(run: Run, *words: str) -> list[Verdict]:
    """The verdicts of some kinds that repeat no other, the gravest first; none where nothing was judged."""
    if run.result.verdict == "unusable":
        return []
    behind = {one.case.id for several in ranking.followers(run.result.cases).values() for one in several}
    return [
        one for one in ranking.gravest_first(run.result.cases) if one.verdict in words and one.case.id not in behind
    ]


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return f"{', '.join(ids[:NAMED])}{more}"


def _shown(text: str) -> str:
    """A text as Markdown of some `FIELD` octets at the most, the end of a longer one left out."""
    cut = text[:FIELD]
    while _octets(shown := escape.markdown(cut)) > FIELD:
        cut = cut[: len(cut) * 9 // 10]
    return shown if cut == text else f"{shown}..."


def _octets(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
