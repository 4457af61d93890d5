"""Judging: a recording in, verdicts and traits out; the same for a run that is live and for one read from disk."""

from __future__ import annotations

import traceback
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from conformance import proxy
from conformance.reply import Answer, Contract, Judgement, Note, Replies, Reply
from conformance.request import VALID, changed_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from conformance.case import Case
    from conformance.recording import Exchange, Recording
    from conformance.waivers import Waiver

FailOn = Literal["must", "should", "never"]
VERDICTS = ("passed", "failed", "warning", "observed", "waived", "not_applicable", "inconclusive", "error")

# The worst note gives the verdict; a warning stands behind what could not be decided, since that may hide a failure.
_WORST = ("failed", "inconclusive", "warning", "observed", "passed")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one case says of the target.

    Attributes:
        case: the case.
        verdict: one of `VERDICTS`.
        subject: what a finding is about: ``endpoint``, ``edge`` or ``document``.
        reason: a sentence about a verdict that is not ``passed``.
        expected: what would have been right.
        actual: what came.
        changed: the lines by which the stimulus differs from the valid request.
        witnesses: numbers of the exchanges that show it.
        stimuli: numbers of the exchanges of each stimulus.
        traits: observed choices.
        follows: ID of the case whose finding this one repeats.
        notes: everything that was found, the worst first.
        detail: traceback of a case that raised.
        newer: whether the row is newer than the edition that judges, so that nothing about it counts.
        waiver: what excuses the finding, where it is waived.
        unwaived: the verdict without that waiver.
    """

    case: Case
    verdict: str
    subject: str = "endpoint"
    reason: str = ""
    expected: str = ""
    actual: str = ""
    changed: tuple[str, ...] = ()
    witnesses: tuple[int, ...] = ()
    stimuli: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    traits: Mapping[str, str] = field(default_factory=dict)
    follows: str = ""
    notes: tuple[Note, ...] = ()
    detail: str = ""
    newer: bool = False
    waiver: Waiver | None = None
    unwaived: str = ""

    @property
    def finding(self) -> bool:
        """Whether the verdict is a finding of its own: a failure or warning that repeats no other."""
        return self.verdict in ("failed", "warning") and not self.follows


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict of a run.

    Attributes:
        verdict: ``conformant``, ``non-conformant``, ``inconclusive`` or ``unusable``.
        reason: a sentence about it.
        cases: a verdict for every selected case, in catalogue order.
        traits: observed choices of all cases; ``unknown`` where a choice was not seen.
        edge: the verdict of the HTTP edge, whose rows count nowhere else; ``not-judged`` where none was selected.
    """

    verdict: str
    reason: str
    cases: tuple[Verdict, ...]
    traits: Mapping[str, str]
    edge: str = "not-judged"


Kind = tuple[bool, bool]


class Evidence:
    """The answers of a recording, by template and attempt, each with the support of its controls.

    Args:
        recording: the run.
        cases: every case whose stimuli may be in it, selected or not.
        edition: the edition of the catalogue that judges; ``None`` for the newest.
    """

    def __init__(self, recording: Recording, cases: Iterable[Case], edition: int | None = None) -> None:
        self.recording = recording
        self.judged: dict[tuple[int, int], tuple[Case, Contract, Verdict]] = {}
        self._edition = edition
        self._exchanges = {exchange.number: exchange for exchange in recording.exchanges}
        cases = tuple(cases)
        every = [one for case in cases for one in case.templates]
        self._aside = {one.digest for one in every if one.transport is not None or one.elsewhere}
        # What one copy of a series shows under load, another one may show when all of them are sent once more.
        self._whole = {
            copy.digest: series.copies[0].digest
            for case in cases
            for _, series in case.series
            for copy in series.copies
        }
        owners: dict[str, set[str]] = {}
        everyday: set[str] = set()
        since: dict[str, int] = {}
        for case in cases:
            for wanted in (*(template.digest for template in case.templates), *case.generated):
                since[wanted] = min(case.requirement.since, since.get(wanted, case.requirement.since))
            for template in case.templates:
                owners.setdefault(template.digest, set()).add(case.id)
                if not case.requirement.edge:
                    everyday.add(template.digest)
        self._of_the_edge = owners.keys() - everyday
        self._later = {wanted for wanted, first in since.items() if edition is not None and first > edition}
        controls = sorted(
            (Answer(exchange) for exchange in recording.exchanges if exchange.template == VALID.digest),
            key=lambda control: control.exchange.number,
        )
        # A clock that is set back in the middle of a run must not move a control; the numbers go by start as well.
        starts = [control.exchange.number for control in controls]
        self.answers = tuple(
            Answer(
                exchange,
                supported=_supported(exchange, starts, controls) or _tokenless(exchange),
                cases=frozenset(owners.get(exchange.template, ())),
                fatal=_fatal(exchange, controls),
            )
            for exchange in recording.exchanges
        )
        usable = [one for one in self.answers if (one.supported or one.granted) and not one.unreadable]
        # Judging a case looks at them all; which ones concern it is the same for every case of its kind.
        kinds = [(edge, later) for edge in (False, True) for later in (False, True)]

        def concerning(answers: Iterable[Answer]) -> dict[Kind, tuple[Answer, ...]]:
            answers = tuple(answers)
            return {kind: tuple(one for one in answers if self._concerns(one, *kind)) for kind in kinds}

        self._usable = concerning(usable)
        self._issued = concerning(one for one in usable if one.granted)
        self._fatal = concerning(one for one in self.answers if one.fatal)
        self._limited = concerning(one for one in self.answers if one.status in (429, 503))
        self._by_template: dict[tuple[str, int], Answer] = {}
        self._numbers: dict[str, list[int]] = {}
        for answer in self.answers:
            key = (answer.exchange.template, answer.exchange.attempt)
            self._numbers.setdefault(answer.exchange.template, []).append(answer.exchange.number)
            if answer.exchange.template == VALID.digest:
                kept = self._by_template.setdefault(key, answer)
                # The first control may be one of a spelling that the server does not read, or come too early.
                if _promise(answer) > _promise(kept):
                    self._by_template[key] = answer
            # A repeated request after a rate limit stands in the place of the first try.
            elif key not in self._by_template or self._by_template[key].rate_limited:
                self._by_template[key] = answer
        self._repeated = {self._family(digest) for digest, attempt in self._by_template if attempt == 2}

    def answer(self, digest: str, attempt: int) -> Answer | None:
        """The answer to a template in one attempt; the first attempt's where it was not repeated."""
        again = attempt == 1 or (digest in self._whole and self.repeated((digest,)))
        return self._by_template.get((digest, attempt)) or (None if again else self._by_template.get((digest, 1)))

    def numbers(self, digest: str) -> tuple[int, ...]:
        """Numbers of the exchanges of a template; of the many controls, the one that counts."""
        if digest == VALID.digest:
            control = self._by_template.get((digest, 1))
            return () if control is None else (control.exchange.number,)
        return tuple(self._numbers.get(digest, ()))

    def seen_again(self, first: Iterable[int], second: Iterable[int]) -> bool:
        """Whether a request shows something in an exchange of its first attempt and in one of its second."""
        before, after = (
            {self._family(self._exchanges[one].template) for one in numbers if self._exchanges[one].attempt == attempt}
            for attempt, numbers in ((1, first), (2, second))
        )
        return not before.isdisjoint(after)

    def _family(self, digest: str) -> str:
        """What a template is repeated with: the series that it is a copy in, or itself."""
        return self._whole.get(digest, digest)

    def usable(self, case: Case, attempt: int) -> tuple[Answer, ...]:
        """The answers that an invariant looks at: readable, and a refusal stands beside granted controls.

        One that came over a connection of another kind concerns none, one to a request that only rows of the edge
        send concerns those alone: what is answered there is malformed HTTP, not a token request. One to a request that
        came with a later edition than the one that judges concerns no row of that one, which never saw it.

        Args:
            case: the invariant.
            attempt: 1 for all of them, 2 for those to repeated requests.
        """
        return _of_attempt(self._usable[self._kind(case)], attempt)

    def fatal(self, case: Case, attempt: int) -> tuple[Answer, ...]:
        """The unanswered requests after which the valid request was not answered either, as for `usable`."""
        return _of_attempt(self._fatal[self._kind(case)], attempt)

    def issued(self, case: Case) -> tuple[Answer, ...]:
        """The answers with a token, of both attempts."""
        return self._issued[self._kind(case)]

    def limited(self, case: Case, attempt: int) -> tuple[Answer, ...]:
        """The answers by 429 and 503, whatever stood beside them, as for `usable`."""
        return _of_attempt(self._limited[self._kind(case)], attempt)

    def lacks(self, case: Case) -> str:
        """What an invariant wants in the run that the recording does not hold; empty where it holds everything.

        A run that looked for other things sent other requests; what it left out on purpose, it says.
        """
        recording = self.recording
        digests = {template.digest for template in case.also} - recording.skipped.keys() - self._numbers.keys()
        settings = recording.header.settings
        # A release that did not write down what it drew from shows it by its requests.
        drawn = settings.get("generated") or {exchange.role for exchange in recording.exchanges}
        sources = [source for source in case.generated if source not in drawn] if settings.get("examples") else []
        wanted = [*([f"{len(digests)} of its requests"] if digests else []), *(f"what {one} draws" for one in sources)]
        return f"the recording does not hold {' and '.join(wanted)}" if wanted else ""

    def _concerns(self, answer: Answer, edge: bool, later: bool) -> bool:
        template = answer.exchange.template
        if template in self._aside or (template in self._of_the_edge and not edge):
            return False
        return later or (template not in self._later and answer.exchange.role not in self._later)

    def _kind(self, case: Case) -> Kind:
        """Whether a case sees what the edge alone is asked, and whether it sees what later editions ask."""
        return case.requirement.edge or case.everywhere, self._edition is None or case.requirement.since > self._edition

    def repeated(self, digests: Iterable[str]) -> bool:
        """Whether one of some templates was sent a second time, or another copy of its series."""
        return not {self._family(digest) for digest in digests}.isdisjoint(self._repeated)


def _of_attempt(answers: tuple[Answer, ...], attempt: int) -> tuple[Answer, ...]:
    return answers if attempt == 1 else tuple(answer for answer in answers if answer.exchange.attempt == attempt)


def _supported(exchange: Exchange, starts: Sequence[int], controls: Sequence[Answer]) -> bool:
    """Whether the last control that ended before an exchange and the first that began after it were granted.

    One that was under way at the same time says nothing of before or after, but has to be granted as well.
    """
    first = bisect_left(starts, exchange.number) - 1
    while first >= 0 and _ended(controls[first].exchange) >= exchange.number:
        first -= 1
    last = bisect_right(starts, _ended(exchange))
    return first >= 0 and last < len(controls) and all(control.granted for control in controls[first : last + 1])


def _ended(exchange: Exchange) -> int:
    """The number of the last exchange that had begun when one ended."""
    return max(exchange.begun, exchange.number)


def _fatal(exchange: Exchange, controls: Sequence[Answer]) -> bool:
    """Whether a request got no answer, nor did the control after it, and a later one was granted.

    With others in flight it may be innocent; and where nothing is ever answered again, the network may be at fault.
    """
    if exchange.template == VALID.digest or Answer(exchange).answered:
        return False
    after = bisect_right(controls, exchange.number, key=lambda control: control.exchange.number)
    later = controls[after:]
    return bool(later) and not later[0].answered and any(control.granted for control in later)


def _tokenless(exchange: Exchange) -> bool:
    """Whether the valid request got a 2xx without a token: no refusal, so that nothing has to stand beside it."""
    control = Answer(exchange)
    return exchange.template == VALID.digest and 200 <= control.status < 300 and not control.unreadable


def _promise(control: Answer) -> int:
    return 2 if control.granted else 1 if 200 <= control.status < 300 and not control.unreadable else 0


def closed(evidence: Evidence) -> str:
    """Why the target cannot be judged at all: no valid request got a 2xx; empty where one did."""
    controls = (answer for answer in evidence.answers if answer.exchange.template == VALID.digest)
    if any(_promise(control) for control in controls):
        return ""
    return evidence.recording.stopped or "the recording holds no valid request that was granted"


def judge(case: Case, evidence: Evidence, contract: Contract, attempt: int = 1) -> Verdict:
    """The verdict of one case from one attempt at its stimuli.

    Args:
        case: the case.
        evidence: the answers of the run.
        contract: what the target claims.
        attempt: 1, or 2 to look at the repeated exchanges; an invariant then sees nothing else.
    """
    # The evidence on which nothing had to be confirmed is the one that the run is judged by.
    kept = evidence.judged.get((id(case), attempt))
    if kept is not None and kept[0] is case and kept[1] == contract:
        return kept[2]
    found = _judged(case, evidence, contract, attempt)
    evidence.judged[id(case), attempt] = (case, contract, found)
    return found


def _judged(case: Case, evidence: Evidence, contract: Contract, attempt: int) -> Verdict:
    if contract.forwarded and proxy.rewrites(case.id):
        return Verdict(case, "inconclusive", reason=proxy.FORWARDED)
    judgement = Judgement(
        contract,
        evidence.usable(case, attempt),
        fatal=evidence.fatal(case, attempt),
        issued=evidence.issued(case),
        limited=evidence.limited(case, attempt),
    )
    arguments: dict[str, Any] = {
        name: _reply(name, template.digest, evidence, judgement, attempt) for name, template in case.stimuli
    }
    for name, series in case.series:
        replies = (_reply(name, copy.digest, evidence, judgement, attempt) for copy in series.copies)
        arguments[name] = Replies(tuple(replies))
    if case.inspects:
        arguments["judge"] = judgement
    try:
        case.function(**arguments)
        found = _conclude(case, judgement)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a broken case must not take the run with it, nor one that calls pytest.fail
        reason = f"the case itself failed: {type(error).__name__}: {error}"
        return Verdict(case, "error", reason=reason, detail=traceback.format_exc())
    stimuli = {name: evidence.numbers(template.digest) for name, template in case.stimuli}
    for name, series in case.series:
        stimuli[name] = tuple(number for copy in series.copies for number in evidence.numbers(copy.digest))
    return replace(found, stimuli=stimuli)


def _reply(name: str, digest: str, evidence: Evidence, judgement: Judgement, attempt: int) -> Reply:
    answer = evidence.answer(digest, attempt)
    if answer is not None:
        return Reply(name, answer, judgement)
    recording = evidence.recording
    missing = recording.skipped.get(digest)
    if missing is not None:
        return Reply(name, None, judgement, missing, applicable=missing.startswith("not sent"))
    stopped = recording.stopped or "the recording does not hold it"
    return Reply(name, None, judgement, f"not sent: {stopped}")


def _within_bounds(note: Note, unmet: str) -> Note:
    """A note with the verdict of its level, and at a length that a person reads."""
    verdict = unmet if note.verdict == "unmet" else note.verdict
    return replace(note, verdict=verdict, expected=_cut(note.expected, 400), actual=_cut(note.actual, 400))


def _cut(text: str, length: int) -> str:
    """A text, the end of a long one left out."""
    return text if len(text) <= length else f"{text[:length]}... ({len(text)} characters)"


def _joined(texts: Iterable[str]) -> str:
    """Different texts in one line, which may have come from the wire in any number."""
    return _cut("; ".join(dict.fromkeys(texts)), 2400)


def _conclude(case: Case, judgement: Judgement) -> Verdict:
    requirement = case.requirement
    notes = [_within_bounds(note, requirement.unmet) for note in judgement.notes]
    notes.sort(key=lambda note: _WORST.index(note.verdict))
    traits = dict(judgement.traits)
    for name, value in traits.items():
        if value not in requirement.traits.get(name, ()):
            reason = f"the case gives the trait {name} the value {value!r}, which its row does not declare"
            return Verdict(case, "error", reason=reason)
    subject = "edge" if requirement.edge else "endpoint"
    if judgement.not_applicable and all(note.verdict == "passed" for note in notes):
        return Verdict(case, "not_applicable", subject, judgement.not_applicable, traits=traits)
    if not notes:
        if judgement.absent:
            return Verdict(case, "not_applicable", subject, next(iter(judgement.absent.values())), traits=traits)
        return Verdict(case, "error", subject, "the case asserted nothing")
    worst = notes[0]
    shown = [note for note in notes if note.verdict == worst.verdict]
    templates = dict(case.stimuli) | {name: series.templates[0] for name, series in case.series}
    changed = tuple(
        dict.fromkeys(
            line for note in shown if note.stimulus in templates for line in changed_lines(templates[note.stimulus])
        )
    )
    plain = worst.verdict == "passed"
    several = len(shown) > 1
    # The stimulus that shows it tells one finding from another; the answer with the flaw of an invariant does not.
    named = templates if len(templates) > 1 else {}
    return Verdict(
        case,
        worst.verdict,
        worst.subject or subject,
        reason="" if plain else _joined(_sentence(note, several=several) for note in shown),
        expected=_joined(note.expected for note in shown if note.expected),
        actual=_joined(f"{note.stimulus}: {note.actual}" if note.stimulus in named else note.actual for note in shown),
        changed=changed,
        witnesses=tuple(dict.fromkeys(number for note in shown for number in note.exchanges)),
        traits=traits,
        notes=tuple(notes),
    )


def _sentence(note: Note, *, several: bool) -> str:
    who = f"{note.stimulus}: " if several and note.stimulus else ""
    return f"{who}{note.actual}" if not note.expected else f"{who}expected {note.expected}, got {note.actual}"


def confirmed(case: Case, evidence: Evidence, contract: Contract) -> Verdict:
    """The verdict of one case from everything that was sent for it: a failure counts when it was seen twice alike."""
    first = judge(case, evidence, contract)
    stopped = evidence.recording.stopped
    lacking = f"the answers are not complete: {stopped}" if stopped and case.invariant else evidence.lacks(case)
    if lacking and first.verdict in ("passed", "not_applicable"):
        return replace(first, verdict="inconclusive", reason=lacking)
    if first.verdict != "failed" or not first.witnesses:
        return first
    digests = {answer.exchange.template for answer in evidence.answers if answer.exchange.number in first.witnesses}
    often = case.invariant and any(len(note.exchanges) > 1 for note in first.notes if note.verdict == "failed")
    second = judge(case, evidence, contract, attempt=2) if evidence.repeated(digests) else None
    if second is None or (often and second.verdict == "not_applicable"):
        # What nobody can ask for, such as a rate limit, need not come again.
        reason = _unconfirmed(evidence, digests)
        return first if often else replace(first, verdict="inconclusive", reason=f"{first.reason}; {reason}")
    if second.verdict == "failed" and evidence.seen_again(first.witnesses, second.witnesses):
        return replace(first, witnesses=tuple(dict.fromkeys((*first.witnesses, *second.witnesses))))
    if second.verdict == "inconclusive":
        return replace(first, verdict="inconclusive", reason=f"{first.reason}; repeated: {second.reason}")
    again = second.actual or second.reason or second.verdict
    return replace(first, verdict="inconclusive", reason=f"unstable: first {first.actual}; then {again}")


def _unconfirmed(evidence: Evidence, digests: Iterable[str]) -> str:
    """Why a failure was not seen a second time."""
    recording = evidence.recording
    held = [recording.skipped[digest] for digest in digests if digest in recording.skipped]
    why = held[0] if held else recording.stopped
    return f"seen once, and not repeated: {why}" if why else "seen once, and not repeated"


def joined(verdicts: Sequence[Verdict], evidence: Evidence) -> tuple[Verdict, ...]:
    """Verdicts in which a finding that repeats another one says so: one defect, one finding.

    A finding follows

    - one that its row joins, where the same requests show both;
    - one that its row repeats in another form, where both show the very same answers;
    - GRANT-001, where that got a 5xx or a token and this later one the same status with the same content;
    - for generated requests, the handwritten case of the deviation or of the crash that they show.

    A failure never follows a mere warning.
    """
    findings = {verdict.case.id: verdict for verdict in verdicts if verdict.verdict in ("failed", "warning")}
    answers = {answer.exchange.number: answer for answer in evidence.answers}
    return tuple(
        replace(verdict, follows=_leader(verdict, findings, answers)) if verdict.case.id in findings else verdict
        for verdict in verdicts
    )


def _leader(verdict: Verdict, findings: Mapping[str, Verdict], answers: Mapping[int, Answer]) -> str:
    shown = _shown(verdict, answers)
    if not shown:
        return ""
    if verdict.verdict == "failed":
        findings = {row: other for row, other in findings.items() if other.verdict == "failed"}
    joins = [other for other in verdict.case.requirement.joins if other in findings]
    requests = {answer.exchange.template for answer in shown}
    theirs = {other: {answer.exchange.template for answer in _shown(findings[other], answers)} for other in joins}
    if requests <= set().union(*theirs.values()):
        return next(other for other in joins if theirs[other] & requests)
    if not verdict.case.generated:
        again = [row for row in verdict.case.requirement.repeats if row in findings]
        rows = (
            row for row in (*again, "GRANT-001") if _crashes_like(row, verdict, findings, answers, (*joins, *again))
        )
        return next(rows, "")
    owners = [{row for row in findings if row in answer.exchange.how} for answer in shown]
    if all(owners):
        return min(set().union(*owners))
    handwritten = [other.case.id for other in findings.values() if not other.case.generated]
    return next((row for row in handwritten if _crashes_like(row, verdict, findings, answers, joins)), "")


def _crashes_like(
    row: str,
    verdict: Verdict,
    findings: Mapping[str, Verdict],
    answers: Mapping[int, Answer],
    joins: Sequence[str],
) -> bool:
    """Whether a finding shows nothing but the server errors of another one, or its tokens where it joins that row."""
    later = tuple(findings).index(verdict.case.id) > tuple(findings).index(row) if row in findings else False
    if row not in findings or not (later or row in joins):
        return False
    theirs = [answer for answer in _shown(findings[row], answers) if answer.status >= 500 or row in joins]
    sights = {_sight(answer) for answer in theirs}
    return all(_sight(answer) in sights for answer in _shown(verdict, answers))


def _shown(verdict: Verdict, answers: Mapping[int, Answer]) -> list[Answer]:
    return [answers[number] for number in verdict.witnesses if number in answers]


def _sight(answer: Answer) -> tuple[object, ...]:
    return ("granted",) if answer.granted else (answer.status, answer.body)


def result(
    cases: Sequence[Case],
    evidence: Evidence,
    contract: Contract,
    *,
    fail_on: FailOn = "must",
    closed: str = "",
    edition: int | None = None,
    waive: Callable[[Sequence[Verdict]], Sequence[Verdict]] = tuple,
) -> Result:
    """The verdict of a run.

    Args:
        cases: the selected cases, in catalogue order.
        evidence: the answers of the run.
        contract: what the target claims.
        fail_on: ``must``, ``should`` or ``never``: the level from which an unmet requirement counts.
        closed: why the first controls were not granted, where the target cannot be judged at all.
        edition: the edition of the catalogue that judges: what is unmet of newer rows is only observed; ``None`` for
            the newest.
        waive: gives the verdicts with the known deviations among them waived.
    """
    if closed:
        verdicts = waive([_dated(_behind_the_gate(case, evidence, contract, closed), edition) for case in cases])
        if any(verdict.verdict == "failed" for verdict in verdicts):
            return overall(verdicts, cases, fail_on=fail_on, stopped=closed)
        return Result("unusable", closed, tuple(verdicts), _traits(cases, verdicts))
    verdicts = waive(joined([_dated(confirmed(case, evidence, contract), edition) for case in cases], evidence))
    return overall(verdicts, cases, fail_on=fail_on, stopped=evidence.recording.stopped)


def _dated(verdict: Verdict, edition: int | None) -> Verdict:
    """A verdict as an edition of the catalogue gives it, which says nothing of rows that came later."""
    if edition is None or verdict.case.requirement.since <= edition:
        return verdict
    if verdict.verdict not in ("failed", "warning"):
        return replace(verdict, newer=True)
    reason = f"{verdict.reason}; only observed: the requirement is newer than edition {edition}"
    return replace(verdict, verdict="observed", reason=reason, newer=True)


def overall(verdicts: Sequence[Verdict], cases: Sequence[Case], *, fail_on: FailOn, stopped: str) -> Result:
    """The verdict of a run, with that of the edge beside it; where nothing but the edge is judged, they are one."""
    edge = [verdict for verdict in verdicts if verdict.case.requirement.edge]
    rest = [verdict for verdict in verdicts if not verdict.case.requirement.edge]
    whole = concluded(rest or verdicts, cases, fail_on=fail_on, stopped=stopped)
    beside = concluded(edge, cases, fail_on=fail_on, stopped=stopped).verdict if edge else "not-judged"
    return replace(whole, cases=tuple(verdicts), traits=_traits(cases, verdicts), edge=beside)


def _behind_the_gate(case: Case, evidence: Evidence, contract: Contract, closed: str) -> Verdict:
    """The verdict of a case where no valid request was granted: only a certificate can be judged then."""
    found = confirmed(case, evidence, contract) if case.id == "TLS-004" else None
    return found if found is not None and found.verdict == "failed" else Verdict(case, "inconclusive", reason=closed)


def concluded(verdicts: Sequence[Verdict], cases: Sequence[Case], *, fail_on: FailOn, stopped: str) -> Result:
    """The verdict that follows from those of some cases."""
    level: FailOn = "must" if fail_on == "never" else fail_on
    traits = _traits(cases, verdicts)
    counting = [verdict for verdict in verdicts if verdict.case.requirement.counts(level)]
    failed = [verdict for verdict in verdicts if _counts_as_failed(verdict, level)]
    open_ = [
        verdict
        for verdict in counting
        if verdict.verdict in ("inconclusive", "error") and not (verdict.case.requirement.undecidable or verdict.newer)
    ]
    if failed:
        ids = ", ".join(verdict.case.id for verdict in failed if not verdict.follows)
        return Result("non-conformant", f"unmet: {ids}", tuple(verdicts), traits)
    if open_:
        why = stopped or open_[0].reason
        return Result("inconclusive", f"{len(open_)} could not be decided: {why}", tuple(verdicts), traits)
    if stopped:
        return Result("inconclusive", f"the run ended early: {stopped}", tuple(verdicts), traits)
    undecided = [verdict.reason for verdict in verdicts if verdict.verdict == "inconclusive"]
    if undecided and all(verdict.verdict in ("not_applicable", "inconclusive") for verdict in verdicts):
        return Result("inconclusive", f"nothing could be decided: {undecided[0]}", tuple(verdicts), traits)
    if all(verdict.verdict == "not_applicable" for verdict in verdicts):
        return Result("inconclusive", "no selected case applies to this target", tuple(verdicts), traits)
    met = "is met or waived" if any(verdict.verdict == "waived" for verdict in counting) else "is met"
    return Result("conformant", f"every requirement that counts {met}", tuple(verdicts), traits)


def _counts_as_failed(verdict: Verdict, level: str) -> bool:
    return verdict.verdict == "failed" or (level == "should" and verdict.verdict == "warning")


def _traits(cases: Iterable[Case], verdicts: Iterable[Verdict]) -> dict[str, str]:
    declared = {name: "unknown" for case in cases for name in case.requirement.traits}
    for verdict in verdicts:
        declared.update(verdict.traits)
    return declared


def expectation(case: Case, contract: Contract) -> tuple[str, ...]:
    """What a case expects, in words, from the objects that judge; empty where it depends on the answers."""
    judgement = Judgement(contract)
    arguments: dict[str, Any] = {name: Reply(name, None, judgement, "not sent") for name, _ in case.stimuli}
    arguments |= {name: Replies((Reply(name, None, judgement, "not sent"),)) for name, _ in case.series}
    if case.inspects:
        arguments["judge"] = judgement
    try:
        case.function(**arguments)
    except Exception:  # noqa: BLE001 - a case may need answers to say more
        return ()
    return tuple(dict.fromkeys(f"{note.stimulus}: {note.expected}" for note in judgement.notes if note.expected))
