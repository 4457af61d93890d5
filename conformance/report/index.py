"""``index.html``: the page of a run, for whoever has to know, to mend or to prove."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from conformance import catalogue
from conformance.profiles.contradictions import contradictions
from conformance.report import change, chart, distribution, evidence, ranking, results, summary
from conformance.report.command import repeat
from conformance.report.curl import Curl, curl
from conformance.report.detail import level
from conformance.report.document import document
from conformance.report.folder import FILES, PAGE
from conformance.request import VALID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from conformance.engine import Run
    from conformance.judging import Verdict
    from conformance.reply import Answer
    from conformance.request import Template

GENERATOR = "Token Conformance run"

WITNESSES = 4
"""Exchanges shown of one finding."""

REQUESTS = 3
"""Requests of one finding that are compared with the valid one."""

ROOM = 400_000
"""Octets of exchanges on one page: a server that answers with megabytes makes no page that nobody can open."""

NOTES = 8
"""Notes of one finding that are told one by one."""

LONGEST = 600
"""Characters of a text from the wire outside the exchanges."""

DRAWN = Curl(reason="The request was drawn, not written: the command above draws it again from the same seed.")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that shows a finding.

    Attributes:
        name: the stimulus in words.
        lines: the request beside the valid one; nothing where it is the valid one.
        masked: whether the lines are those that travelled, and not the symbols that they were made from.
        curl: how curl sends it, or why it cannot.
    """

    name: str
    lines: tuple[change.Line, ...]
    masked: bool
    curl: Curl


@dataclass(frozen=True, slots=True)
class Finding:
    """A case as the page tells it.

    Attributes:
        verdict: the verdict of the case.
        level: the level of the requirement in words.
        waiver: why it is accepted, if it is.
        expected: what would have been right, each thing once.
        actual: what came instead, each thing once.
        requests: what was sent.
        witnesses: the exchanges that show it, those that stand under another finding by their number alone.
        left: numbers of the exchanges that are not on the page.
        controls: the valid requests beside the first witness, in words.
        command: the command that repeats the case.
        likewise: the cases that repeat the finding.
    """

    verdict: Verdict
    level: str
    waiver: str
    expected: tuple[str, ...]
    actual: tuple[str, ...]
    requests: tuple[Request, ...]
    witnesses: tuple[evidence.Shown | int, ...]
    left: tuple[int, ...]
    controls: str
    command: str
    likewise: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """An area in the picture of the verdicts.

    Attributes:
        area: its name.
        title: its title.
        words: what in it is not simply right.
        cells: a picture for each level, or nothing.
    """

    area: str
    title: str
    words: str
    cells: tuple[Markup, ...]


def page(run: Run, found: Mapping[str, Any]) -> str:
    """The page of a run.

    Args:
        run: the run.
        found: its results, as in ``results.json``.
    """
    verdicts = run.result.cases
    waivers = {one["id"]: _waiver(one["waiver"]) for one in found["cases"] if "waiver" in one}
    told = _Told(run, waivers)
    behind = {one.case.id for several in told.followers.values() for one in several}
    chosen: dict[str, list[Verdict]] = {word: [] for word in ranking.ORDER}
    for verdict in ranking.gravest_first(verdicts):
        if verdict.case.id not in behind:
            chosen[verdict.verdict].append(verdict)
    unmet = [*chosen["failed"], *chosen["warning"]]
    groups = ranking.by_cause([*chosen["error"], *chosen["inconclusive"]])
    lone = [group[0] for group in groups if len(group) == 1]
    told.place([*unmet, *lone, *chosen["waived"]])
    answers = [answer for answer in run.evidence.answers if answer.answered]
    # One answer has no distribution.
    answers = answers if len(answers) > 1 else []
    return document(
        "run",
        GENERATOR,
        styles=("run.css",),
        script="run.js",
        run=run,
        found=found,
        meaning=results.MEANING[run.result.verdict],
        reason=_linked(run.result.reason[:2400], {one.case.id for one in verdicts}),
        facts=list(_facts(run, found)),
        levels=_levels(verdicts),
        rows=list(_rows(verdicts)),
        forms=[(word, Markup(chart.marks({word: 1}, ""))) for word in ranking.ORDER if found["summary"][word]],  # noqa: S704 - made of numbers
        findings=list(map(told.finding, unmet)),
        likewise=len(behind),
        undecided=[
            (ranking.cause(group[0]), [told.finding(group[0])] if len(group) == 1 else [], group) for group in groups
        ],
        waived=list(map(told.finding, chosen["waived"])),
        drift=results.drifted(run),
        pinned=run.inquiry.pinned is not None,
        passed=[(one, _came(one)) for one in verdicts if one.verdict in ("passed", "observed")],
        absent=[one for one in verdicts if one.verdict == "not_applicable"],
        latency=summary.latency_of((one.exchange.duration, one.label) for one in answers),
        times=_times(answers),
        slowest=sorted(answers, key=lambda one: -one.exchange.duration)[:5],
        generated=distribution.distribution(run.evidence.answers),
        contradictions=contradictions() if "passport" in run.inquiry.profile.lineage else (),
        judged={one.case.id: one.verdict for one in verdicts},
        first=_first(run),
        files=[name for name in FILES if name != PAGE],
        counted=results.counted,
        anchor=anchor,
    )


def anchor(identifier: str) -> str:
    """What a link within the page says for a case; IDs of cases of one's own may hold anything."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", identifier)


def page_text(run: Run) -> str:
    """The content of ``index.html``."""
    return page(run, results.results(run))


class _Told:
    """What the findings of one page share: the templates, the commands, and the room for exchanges.

    Args:
        run: the run.
        waivers: why deviations are accepted, by ID.
    """

    def __init__(self, run: Run, waivers: Mapping[str, str]) -> None:
        self._run, self._waivers = run, waivers
        self.followers = ranking.followers(run.result.cases)
        self._answers = {answer.exchange.number: answer for answer in run.evidence.answers}
        self._templates = {one.digest: one for case in run.inquiry.known for one in case.templates}
        self._templates[VALID.digest] = VALID
        self._controls = [number for number, one in self._answers.items() if one.exchange.template == VALID.digest]
        self._places: dict[int, str] = {}

    def place(self, verdicts: Sequence[Verdict]) -> None:
        """Decides under which finding each exchange is shown; the first witness of every finding goes first."""
        room = ROOM
        for rank in range(WITNESSES):
            for verdict in verdicts:
                number = next(iter(self._cited(verdict)[rank:]), 0)
                if not number or number in self._places:
                    continue
                exchange = self._answers[number].exchange
                takes = sum(min(len(data), evidence.OCTETS) for data in (exchange.sent, exchange.received))
                if takes <= room:
                    self._places[number] = verdict.case.id
                    room -= takes

    def finding(self, verdict: Verdict) -> Finding:
        """A case as the page tells it."""
        cited, identifier = self._cited(verdict), verdict.case.id
        names = {number: name for name, numbers in verdict.stimuli.items() for number in numbers}
        shown = [number for number in cited[:WITNESSES] if number in self._places]
        notes = [note for note in verdict.notes if note.verdict == verdict.notes[0].verdict]
        expected = dict.fromkeys(note.expected for note in notes if note.expected) or dict.fromkeys([verdict.expected])
        several = len({(note.expected, note.actual) for note in notes}) > 1
        actual = dict.fromkeys(f"{note.stimulus}: {note.actual}" if several else note.actual for note in notes)
        return Finding(
            verdict=verdict,
            level=level(verdict.case.requirement),
            waiver=self._waivers.get(identifier, ""),
            expected=_some(expected),
            actual=_some(actual or [verdict.actual]),
            requests=tuple(self._requests(verdict, cited)),
            witnesses=tuple(
                evidence.shown(self._answers[number], names.get(number, ""))
                if self._places[number] == identifier
                else number
                for number in shown
            ),
            left=tuple(number for number in cited if number not in shown),
            controls=self._beside(cited[0]) if cited else "",
            command=repeat(self._run, identifier),
            likewise=tuple(self.followers.get(identifier, ())),
        )

    def _cited(self, verdict: Verdict) -> list[int]:
        return [number for number in verdict.witnesses if number in self._answers]

    def _requests(self, verdict: Verdict, cited: Iterable[int]) -> Iterator[Request]:
        """The different requests that show a finding; of an invariant, which looks at all answers, the first."""
        case = verdict.case
        firsts: dict[str, Answer] = {}
        for number in cited:
            firsts.setdefault(self._answers[number].exchange.template, self._answers[number])
        bound = REQUESTS if case.stimuli or case.generated else 1
        for digest, answer in list(firsts.items())[:bound]:
            template = self._templates.get(digest)
            name = case.name_of(digest) or answer.label
            if template is None:
                yield Request(name, self._masked(answer), masked=True, curl=DRAWN)
            else:
                lines = change.symbolic(template) if template is not VALID else ()
                yield Request(name, lines, masked=False, curl=self._curl(template))

    def _masked(self, answer: Answer) -> tuple[change.Line, ...]:
        control = self._answers[self._controls[0]].exchange.sent if self._controls else b""
        return change.masked(answer.exchange.sent[: evidence.OCTETS], control)

    def _curl(self, template: Template) -> Curl:
        return curl(template, self._run.inquiry)

    def _beside(self, number: int) -> str:
        """The controls before and after an exchange, which say what a refusal of it is worth."""
        if number in self._controls:
            return ""
        at, after = bisect_left(self._controls, number), bisect_right(self._controls, number)
        beside = (*self._controls[max(at - 1, 0) : at], *self._controls[after : after + 1])
        return ", ".join(f"#{one}: {self._answers[one].words()}" for one in beside)


def _waiver(terms: Mapping[str, Any] | str) -> str:
    """Why a deviation is accepted, by whom and how long, as far as the results say it."""
    if isinstance(terms, str):
        return terms
    names = (("reason", ""), ("ticket", "ticket "), ("owner", "owner "), ("expires", "until "))
    told = [f"{words}{terms[name]}" for name, words in names if terms.get(name)]
    left = terms.get("days_left")
    return "; ".join(told) + ("" if left is None else f" ({left} days left)")


def _some(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts at a length that a person reads, the empty ones left out."""
    every = [text if len(text) <= LONGEST else f"{text[:LONGEST]}..." for text in texts if text]
    more = [f"and {len(every) - NOTES} more"] if len(every) > NOTES else []
    return (*every[:NOTES], *more)


def _facts(run: Run, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the run was, without what is not known."""
    target, profile, inquiry = found["target"], run.inquiry.profile, run.inquiry
    edition, judged = found["catalogue"]["edition"], found["catalogue"]["judged_edition"]
    yield "Target", f"{target['name']}: {target['base_url']}{target['token_path']}"
    yield "Profile", f"{profile.name}: {profile.title}"
    yield "Suite", found["suite"]["version"]
    yield "Catalogue edition", f"{edition}" if edition == judged else f"{edition}, judged as {judged}"
    yield "Seed", f"{found['seed']}"
    yield "Started", f"{found['started'][:10]} {found['started'][11:19]} UTC"
    yield "Duration", f"{results.duration(run):.1f} s, {results.counted(found['exchanges'], 'exchange')}"
    yield "Fails on", {"must": "MUST, DOC and ROBUST", "should": "SHOULD as well", "never": "nothing"}[inquiry.fail_on]


def _linked(text: str, known: Collection[str]) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether it is the ID of a case on the page."""
    pieces = re.split(r"([A-Z]+-[0-9]+)", text)
    return [(piece, piece in known) for piece in pieces if piece]


def _levels(verdicts: Sequence[Verdict]) -> list[tuple[str, list[str]]]:
    """The levels that occur, each with its verdicts in words."""
    by_level: dict[str, list[Verdict]] = {}
    for one in verdicts:
        by_level.setdefault(one.case.requirement.level.value, []).append(one)
    return [(name.value, _words(_tally(by_level[name]))) for name in catalogue.Level if name in by_level]


def _rows(verdicts: Sequence[Verdict]) -> Iterator[Row]:
    titles = {area.name: area.title for area in catalogue.load().areas}
    levels = [name for name, _ in _levels(verdicts)]
    by_area: dict[str, list[Verdict]] = {}
    for one in verdicts:
        by_area.setdefault(one.case.requirement.area, []).append(one)
    for area, members in by_area.items():
        cells = []
        for name in levels:
            counts = _tally([one for one in members if one.case.requirement.level.value == name])
            words = f"{area}, {name}: {', '.join(_words(counts))}"
            cells.append(Markup(chart.marks(counts, words)) if counts else Markup())  # noqa: S704 - made of numbers and escaped words
        odd = {word: n for word, n in _tally(members).items() if word not in ("passed", "observed", "not_applicable")}
        yield Row(area, titles.get(area, ""), ", ".join(_words(odd)), tuple(cells))


def _tally(verdicts: Sequence[Verdict]) -> dict[str, int]:
    words = [one.verdict for one in verdicts]
    return {word: words.count(word) for word in ranking.ORDER if word in words}


def _words(counts: Mapping[str, int]) -> list[str]:
    return [results.counted(number, word) for word, number in counts.items()]


def _came(verdict: Verdict) -> str:
    """What came in a case that is met."""
    if verdict.verdict == "observed":
        return "".join(_some([verdict.reason]))
    return "; ".join(_some(dict.fromkeys(note.actual for note in verdict.notes))[:3])


def _times(answers: Sequence[Answer]) -> Markup:
    """How long the answers took, as a picture."""
    bins = distribution.bins([one.exchange.duration * 1000 for one in answers])
    if not bins:
        return Markup()
    most = max(bins, key=lambda one: one[1])
    words = f"Response times of {len(answers)} answers in milliseconds; most, {most[1]}, took at most {most[0]} ms"
    return Markup(chart.histogram(bins, words))  # noqa: S704 - made of numbers


def _first(run: Run) -> evidence.Shown | None:
    """The first valid request, where nothing else can be shown."""
    answers = run.evidence.answers
    return evidence.shown(answers[0]) if run.result.verdict == "unusable" and answers else None
