"""What a run says on the terminal: what will be sent, how far it is, the findings, and one line that sums it up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TextIO

from conformance import __version__, catalogue, judging, waivers
from conformance.plan import WRONG_SECRETS
from conformance.report import escape, ranking, results
from conformance.report.command import repeat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from conformance.engine import Inquiry, Run
    from conformance.judging import Verdict
    from conformance.plan import Plan
    from conformance.recording import Exchange

EMBEDDED = "EMBEDDED ENDPOINT: the suite judges its own endpoint, not yours. Name yours with --base-url."

_STYLES = {
    "failed": "bold red",
    "error": "bold red",
    "non-conformant": "bold red",
    "inconclusive": "bold magenta",
    "unusable": "bold magenta",
    "warning": "bold yellow",
    "waived": "yellow",
    "passed": "green",
    "observed": "green",
    "conformant": "bold green",
    "not_applicable": "dim",
}
_ORDER = (("failed",), ("inconclusive", "error"), ("warning",))
_COUNTED = ("passed", "observed", "warning", "failed", "inconclusive", "not_applicable")
_NAMED = 3
_EVERY = 0.1
"""Seconds between two looks at the progress."""


class Terminal:
    """Writes a run as it goes.

    Args:
        stream: where to.
        color: whether to use colours and characters beyond ASCII; not where output goes into a file or NO_COLOR is set.
        quiet: whether to write the summary line alone.
        verbose: whether to write every case on a line.
    """

    def __init__(self, stream: TextIO, *, color: bool, quiet: bool, verbose: bool) -> None:
        self._stream, self._quiet, self._verbose = stream, quiet, verbose
        self._console: Any = _console(stream) if color else None
        self._encoding = (getattr(stream, "encoding", None) or "utf-8") if color else "ascii"
        self._live = stream.isatty() and not quiet
        self._planned, self._done, self._shown, self._looked = 0, 0, 0, 0.0

    def plan(self, inquiry: Inquiry, plan: Plan) -> None:
        """Writes what a run would send, which is all that a dry run does; quiet makes no difference."""
        self._begin(inquiry, plan)
        target = inquiry.target
        without_tls = any(one.template.transport and one.template.transport.plain for one in plan.ordinary)
        ports = dict.fromkeys((target.port, *([target.plain_port] if without_tls else [])))
        way = f" through the proxy {target.proxy.authority}" if target.proxy is not None else ""
        self._field("hosts", f"{target.host} port {' and '.join(map(str, ports))}{way}, and no other")
        for reason, number in _tally(plan.skipped.values()):
            self._field("left out", f"{number} {'stimulus' if number == 1 else 'stimuli'}: {reason}")
        if self._verbose:
            for stimulus in plan.stimuli:
                self._line(f"{stimulus.label}{' (a wrong secret of the client)' if stimulus.spends else ''}")

    def begin(self, inquiry: Inquiry, plan: Plan) -> None:
        """Writes who is judged by what and what will be sent, before anything is."""
        self._planned = plan.exchanges
        if not self._quiet:
            self._begin(inquiry, plan)

    def observe(self, exchange: Exchange) -> None:
        """Counts an exchange; shows the count where somebody can see it change."""
        del exchange
        self._done += 1
        now = time.monotonic()
        if self._live and now - self._looked >= _EVERY:
            self._looked = now
            text = f"{self._done} of about {max(self._planned, self._done)} exchanges"
            self._stream.write(f"\r{text.ljust(self._shown)}")
            self._stream.flush()
            self._shown = len(text)

    def end(self, run: Run) -> None:
        """Writes the findings, and the summary as the last line."""
        if not self._quiet:
            self._line()
            if run.result.verdict == "unusable":
                self._field("cause", run.gate.reason or run.result.reason)
                self._field("advice", run.gate.advice or "Send the valid request by hand and look at the answer.")
            else:
                self._cases(run)
                if run.recording.stopped:
                    self._field("ended early", run.recording.stopped)
                elif run.result.verdict == "inconclusive":
                    self._field("reason", run.result.reason)
            edge = run.result.edge
            if edge != "not-judged":
                self._field("HTTP edge", edge)
            for at, one in enumerate(results.drifted(run)):
                self._field("" if at else "drift", f"{one.trait}: pinned {one.pinned}, seen {one.seen}")
            for at, words in enumerate(one.words for one in waivers.standings(run) if one.words):
                self._field("" if at else "waivers", words)
        self._line(summary_line(run), _STYLES[run.result.verdict])

    def again(self, run: Run) -> None:
        """Writes whose recording is judged once more, and whether it is whole."""
        if not self._quiet:
            self._who(run.inquiry)
            header, number = run.recording.header, results.counted(len(run.recording.exchanges), "exchange")
            whole = "" if run.recording.complete else "; it was cut off, so that it counts as interrupted"
            self._field("recorded", f"{results.instant(header.started)} by {header.suite}: {number}{whole}")

    def growing(self, place: Path) -> None:
        """Writes where the run lies while it lasts, which is where to look when the process was killed."""
        if not self._quiet:
            self._field("meanwhile", str(place))

    def path(self, page: Path) -> None:
        """Writes where the report is."""
        if not self._quiet:
            self._line(f"report: {page}")

    def _begin(self, inquiry: Inquiry, plan: Plan) -> None:
        self._who(inquiry)
        cases, wrong = results.counted(len(inquiry.cases), "case"), min(plan.wrong_secrets, WRONG_SECRETS)
        lost = f" and up to {plan.sacrificed} of the one that may be locked" if plan.sacrificed else ""
        self._field(
            "sends",
            f"{cases}: about {plan.exchanges} exchanges, {wrong} with a wrong secret of the client{lost}, "
            f"at most {plan.tokens} tokens; what fails is sent once more",
        )

    def _who(self, inquiry: Inquiry) -> None:
        target, profile = inquiry.target, inquiry.profile
        if target.embedded:
            self._line(EMBEDDED, "bold yellow")
        self._field("target", f"{target.name}: {target.base_url}{target.token_path}")
        self._field("profile", f"{profile.name}: {profile.title}")
        if inquiry.waivers:
            self._field("waivers", _given(inquiry))
        edition = f"{catalogue.load().edition}{f' judged as {inquiry.edition}' if inquiry.edition else ''}"
        self._field("suite", f"{__version__}, catalogue edition {edition}, seed {inquiry.seed}")

    def _cases(self, run: Run) -> None:
        verdicts = run.result.cases
        if self._verbose:
            for verdict in verdicts:
                word = verdict.verdict.replace("_", " ").ljust(14)
                self._line(f"{word} {_heading(verdict)}", _STYLES[verdict.verdict])
            self._line()
        repeated = ranking.followers(verdicts)
        behind = {one.case.id for several in repeated.values() for one in several}
        for words in _ORDER:
            chosen = [one for one in verdicts if one.verdict in words and one.case.id not in behind]
            for together in ranking.by_cause(chosen):
                if len(together) > 1:
                    self._together(together)
                    continue
                self._finding(together[0], repeated.get(together[0].case.id, ()), run)
        self._waived([one for one in verdicts if one.verdict == "waived"], run)

    def _finding(self, verdict: Verdict, followers: Iterable[Verdict], run: Run) -> None:
        requirement = verdict.case.requirement
        self._line(f"{verdict.verdict}  {_heading(verdict)}", _STYLES[verdict.verdict])
        self._field("subject", verdict.subject)
        if verdict.expected:
            self._field("expected", verdict.expected)
            self._field("actual", verdict.actual)
        if not verdict.expected or verdict.verdict in ("inconclusive", "error"):
            self._field("reason", verdict.reason)
        for at, line in enumerate(verdict.changed):
            self._field("" if at else "changed", line)
        if not verdict.changed and verdict.witnesses:
            self._field("shown by", _witnesses(verdict, run))
        if verdict.verdict != "error":
            self._field("remedy", requirement.remedy)
        self._field("repeat", repeat(run, requirement.id))
        for at, follower in enumerate(followers):
            self._field("" if at else "likewise", f"{_heading(follower)} ({follower.verdict} by the same answers)")
        self._line()

    def _waived(self, verdicts: Sequence[Verdict], run: Run) -> None:
        where = waivers.scope_of(run)
        for verdict in verdicts:
            self._line(f"waived  {_heading(verdict)}", _STYLES["waived"])
            self._field("actual", verdict.actual)
            if verdict.waiver is not None:
                self._field("waiver", verdict.waiver.words(where))
        if verdicts:
            self._line()

    def _together(self, verdicts: Sequence[Verdict]) -> None:
        """Several cases that one and the same cause kept from being decided."""
        word = verdicts[0].verdict
        self._line(f"{word}  {', '.join(verdict.case.id for verdict in verdicts)}", _STYLES[word])
        self._field("reason", ranking.cause(verdicts[0]))
        self._line()

    def _field(self, name: str, text: str) -> None:
        self._line(f"  {name:<12}{' '.join(text.splitlines())}")

    def _line(self, text: str = "", style: str = "") -> None:
        if self._shown:
            self._stream.write(f"\r{' ' * self._shown}\r")
            self._shown = 0
        safe = escape.terminal(text).encode(self._encoding, "backslashreplace").decode(self._encoding)
        if self._console is None:
            self._stream.write(f"{safe}\n")
        else:
            self._console.print(safe, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._stream.flush()


def summary_line(run: Run) -> str:
    """A run in one line that a script can search: the verdict first, then how many cases have which, or the cause."""
    took = f"({results.counted(len(run.recording.exchanges), 'exchange')}, {results.duration(run):.1f} s)"
    if run.result.verdict == "unusable":
        return f"unusable: {run.gate.reason or run.result.reason} {took}"
    counts = results.summary(run)
    words = [word for word in judging.VERDICTS if word not in _COUNTED and counts[word]]
    cases = ", ".join(results.counted(counts[word], word) for word in (*_COUNTED, *words))
    drifted = len(results.drifted(run))
    drift = f", {drifted} trait{'s' if drifted != 1 else ''} drifted" if drifted else ""
    over = sum(one.state == "stale" for one in waivers.standings(run))
    stale = f", {over} stale waiver{'s' if over != 1 else ''}" if over else ""
    return f"{run.result.verdict}: {cases}{drift}{stale} {took}"


def _given(inquiry: Inquiry) -> str:
    files = ", ".join(dict.fromkeys(waiver.file for waiver in inquiry.waivers))
    here = sum(waiver.covers(inquiry.target.name, inquiry.profile.name) for waiver in inquiry.waivers)
    return f"{files}: {len(inquiry.waivers)}, of which {here} for this target"


def _tally(reasons: Iterable[str]) -> list[tuple[str, int]]:
    every = list(reasons)
    return [(reason, every.count(reason)) for reason in dict.fromkeys(every)]


def _heading(verdict: Verdict) -> str:
    requirement = verdict.case.requirement
    return f"{requirement.id} {requirement.level.value}  {requirement.title}"


def _witnesses(verdict: Verdict, run: Run) -> str:
    """The stimuli whose answers show a finding, the first few by name."""
    labels = [answer.label for answer in run.evidence.answers if answer.exchange.number in verdict.witnesses]
    distinct = list(dict.fromkeys(labels))
    more = f" and {len(distinct) - _NAMED} more" if len(distinct) > _NAMED else ""
    return f"{', '.join(distinct[:_NAMED])}{more}"


def _console(stream: TextIO) -> Any:
    # Nobody needs it whose output goes into a file.
    from rich.console import Console  # noqa: PLC0415

    return Console(file=stream, force_terminal=True, highlight=False)
