"""A run in GitHub Markdown: ``summary.md``, for the summary page of a CI job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance import catalogue
from conformance.report import escape, results
from conformance.report.command import repeat
from conformance.report.terminal import EMBEDDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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

MEANINGS = {
    "conformant": "Every requirement that counts and could be judged is met.",
    "non-conformant": "At least one requirement that counts is not met.",
    "inconclusive": "Nothing failed, but something that counts could not be decided.",
    "unusable": "The valid request itself was not granted, so nothing was judged.",
}
"""What each verdict of a run means, in one sentence."""

_SPARE = 200
"""Octets of what is said about the findings together."""

_FINDINGS = ("failed", "warning")
_OPEN = ("inconclusive", "error")


def summary_markdown(run: Run) -> str:
    """The content of ``summary.md``: at most `SIZE` octets, and nothing from the wire is markup in it."""
    head, tail = "".join(_head(run)), "".join(_tail(run))
    findings = [one for one in run.result.cases if one.verdict in _FINDINGS and _leads(one, run)]
    findings.sort(key=lambda one: one.verdict != "failed")
    if run.result.verdict == "unusable":
        findings = []
    blocks = [f"### Findings ({len(findings)})\n\n"] if findings else []
    room = SIZE - _octets(head) - _octets(tail) - _SPARE
    for at, finding in enumerate(findings):
        block = _finding(finding, run)
        room -= _octets(block)
        if room < 0:
            blocks.append(f"{len(findings) - at} more findings are in report.html.\n\n")
            break
        blocks.append(block)
    return f"{head}{''.join(blocks)}{tail}"


def _head(run: Run) -> Iterator[str]:
    inquiry, header, result = run.inquiry, run.recording.header, run.result
    target = inquiry.target
    yield f"## Token Conformance: {result.verdict}\n\n{MEANINGS[result.verdict]}\n\n"
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


def _finding(verdict: Verdict, run: Run) -> str:
    requirement = verdict.case.requirement
    command = repeat(run, requirement.id)
    followers = [one.case.id for one in run.result.cases if one.follows == requirement.id]
    facts = (
        ("subject", verdict.subject),
        ("expected", verdict.expected),
        ("actual", verdict.actual),
        ("reason", "" if verdict.expected else verdict.reason),
        *(("changed", line) for line in verdict.changed[:LINES]),
        ("changed", f"and {len(verdict.changed) - LINES} more lines" if len(verdict.changed) > LINES else ""),
        ("remedy", requirement.remedy),
        ("likewise", _listed(followers)),
    )
    lines = [f"- {name}: {_shown(text)}\n" for name, text in facts if text]
    fits = _octets(command) <= COMMAND
    how = f"\n{escape.fenced(command)}\n\n" if fits else "- repeat: the command is too long; it is in report.html\n\n"
    title = f"{verdict.verdict}: {requirement.id} {requirement.level.value} {requirement.title}"
    return f"#### {_shown(title)}\n\n{''.join(lines)}{how}"


def _tail(run: Run) -> Iterator[str]:
    verdicts = run.result.cases
    open_ = [one for one in verdicts if one.verdict in _OPEN and _leads(one, run)]
    if open_ and run.result.verdict != "unusable":
        yield f"### Not decided ({len(open_)})\n\n"
        groups = results.by_cause(open_)
        for group in groups[:LINES]:
            yield f"- {_shown(_listed([one.case.id for one in group]))}: {_shown(results.cause(group[0]))}\n"
        if len(groups) > LINES:
            yield f"- {sum(map(len, groups[LINES:]))} more are in report.html\n"
        yield "\n"
    waived = [one.case.id for one in verdicts if one.verdict == "waived"]
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
    yield "The folder of this run holds report.html, results.json, junit.xml and the recording; "
    yield "`token-conformance judge FOLDER` judges it again, offline.\n"


def _leads(verdict: Verdict, run: Run) -> bool:
    """Whether a finding repeats no other that is told here."""
    return not any(one.case.id == verdict.follows for one in run.result.cases)


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
