"""Judging: a recording in, verdicts and traits out; the same for a run that is live and for one read from disk."""

from __future__ import annotations

import traceback
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from conformance import proxy
from conformance.reply import Answer, Contract, Judgement, Note, Reply
from conformance.request import VALID, changed_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from conformance.case import Case
    from conformance.recording import Exchange, Recording

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
        subject: what a finding is about: ``endpoint`` or ``edge``.
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


class Evidence:
    """The answers of a recording, by template and attempt, each with the support of its controls.

    Args:
        recording: the run.
        cases: every case whose stimuli may be in it, selected or not.
        edition: the edition of the catalogue that judges; ``None`` for the newest.
    """

    def __init__(self, recording: Recording, cases: Iterable[Case], edition: int | None = None) -> None:
        self.recording = recording
        self._edition = edition
        self._exchanges = {exchange.number: exchange for exchange in recording.exchanges}
        self._aside = {one.digest for case in cases for one in case.templates if one.transport is not None}
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

    def answer(self, digest: str, attempt: int) -> Answer | None:
        """The answer to a template in one attempt; the first attempt's where it was not repeated."""
        return self._by_template.get((digest, attempt)) or self._by_template.get((digest, 1))

    def numbers(self, digest: str) -> tuple[int, ...]:
        """Numbers of the exchanges of a template; of the many controls, the one that counts."""
        if digest == VALID.digest:
            control = self._by_template.get((digest, 1))
            return () if control is None else (control.exchange.number,)
        return tuple(self._numbers.get(digest, ()))

    def seen_again(self, first: Iterable[int], second: Iterable[int]) -> bool:
        """Whether a request shows something in an exchange of its first attempt and in one of its second."""
        before, after = (
            {self._exchanges[number].template for number in numbers if self._exchanges[number].attempt == attempt}
            for attempt, numbers in ((1, first), (2, second))
        )
        return not before.isdisjoint(after)

    def concerns(self, answer: Answer, case: Case) -> bool:
        """Whether an invariant looks at an answer.

        One that came over a connection of another kind concerns none, one to a request that only rows of the edge
        send concerns those alone: what is answered there is malformed HTTP, not a token request. One to a request that
        came with a later edition than the one that judges concerns no row of that one, which never saw it.
        """
        template = answer.exchange.template
        if template in self._aside or (template in self._of_the_edge and not case.requirement.edge):
            return False
        if self._edition is None or case.requirement.since > self._edition:
            return True
        return template not in self._later and answer.exchange.role not in self._later

    def repeated(self, digests: Iterable[str]) -> bool:
        """Whether one of some templates was sent a second time."""
        return any((digest, 2) in self._by_template for digest in digests)


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
    if contract.forwarded and proxy.rewrites(case.id):
        return Verdict(case, "inconclusive", reason=proxy.FORWARDED)
    answers = tuple(answer for answer in evidence.answers if evidence.concerns(answer, case))
    if attempt == 2:
        answers = tuple(answer for answer in answers if answer.exchange.attempt == 2)
    judgement = Judgement(
        contract,
        tuple(answer for answer in answers if (answer.supported or answer.granted) and not answer.unreadable),
        fatal=tuple(answer for answer in answers if answer.fatal),
    )
    replies = {name: _reply(name, template.digest, evidence, judgement, attempt) for name, template in case.stimuli}
    arguments: dict[str, Any] = dict(replies)
    if "judge" in case.function.__code__.co_varnames[: case.function.__code__.co_argcount]:
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
    templates = dict(case.stimuli)
    changed = tuple(
        dict.fromkeys(
            line for note in shown if note.stimulus in templates for line in changed_lines(templates[note.stimulus])
        )
    )
    plain = worst.verdict == "passed"
    several = len({(note.expected, note.actual) for note in shown}) > 1 or len(shown) > 1
    return Verdict(
        case,
        worst.verdict,
        subject,
        reason="" if plain else _joined(_sentence(note, several=several) for note in shown),
        expected=_joined(note.expected for note in shown if note.expected),
        actual=_joined(
            f"{note.stimulus}: {note.actual}" if several and note.stimulus else note.actual for note in shown
        ),
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
    if stopped and not case.stimuli and first.verdict in ("passed", "not_applicable"):
        return replace(first, verdict="inconclusive", reason=f"the answers are not complete: {stopped}")
    if first.verdict != "failed" or not first.witnesses:
        return first
    digests = {answer.exchange.template for answer in evidence.answers if answer.exchange.number in first.witnesses}
    if not evidence.repeated(digests):
        reason = _unconfirmed(evidence, digests)
        often = not case.stimuli and any(len(note.exchanges) > 1 for note in first.notes if note.verdict == "failed")
        return first if often else replace(first, verdict="inconclusive", reason=f"{first.reason}; {reason}")
    second = judge(case, evidence, contract, attempt=2)
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
        return "GRANT-001" if _crashes_like("GRANT-001", verdict, findings, answers, joins) else ""
    owners = [{row for row in findings if row in answer.exchange.how} for answer in shown]
    if all(owners):
        return min(owners[0])
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
    """
    if closed:
        verdicts = tuple(_dated(_behind_the_gate(case, evidence, contract, closed), edition) for case in cases)
        if any(verdict.verdict == "failed" for verdict in verdicts):
            return overall(verdicts, cases, fail_on=fail_on, stopped=closed)
        return Result("unusable", closed, verdicts, _traits(cases, verdicts))
    verdicts = joined([_dated(confirmed(case, evidence, contract), edition) for case in cases], evidence)
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
    return Result("conformant", "every requirement that counts is met", tuple(verdicts), traits)


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
    if "judge" in case.function.__code__.co_varnames[: case.function.__code__.co_argcount]:
        arguments["judge"] = judgement
    try:
        case.function(**arguments)
    except Exception:  # noqa: BLE001 - a case may need answers to say more
        return ()
    return tuple(dict.fromkeys(f"{note.stimulus}: {note.expected}" for note in judgement.notes if note.expected))
