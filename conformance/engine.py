"""One run from end to end: the plan sent, failures confirmed, everything judged; it knows nothing of pytest."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from conformance import __version__, catalogue, judging, waivers
from conformance.catalogue import Level
from conformance.gate import Gate
from conformance.plan import CONTROL, Plan, PlannedSeries, Stimulus, plan
from conformance.recording import Header, Recording, Writer, WritingError
from conformance.reply import Contract
from conformance.request import VALID
from conformance.sending import INTERRUPTED, Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from conformance.case import Case
    from conformance.catalogue import Requirement
    from conformance.profiles import Profile
    from conformance.recording import Exchange
    from conformance.target import Exposed, Limits, Target
    from conformance.waivers import Waiver

WITNESSES = 4
"""Exchanges of an invariant's failure that are repeated to confirm it."""

# OAuth 2.1 turns these rows round; None means that the row says nothing there.
_OAUTH21 = {
    "AUTH-002": Level.MAY,
    "AUTH-017": Level.MUST,
    "CACHE-002": None,
    "SUCC-011": Level.SHOULD,
    "REQ-004": Level.SHOULD,
}


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is to be found out, of whom, and how gently.

    Attributes:
        target: the endpoint.
        profile: the contract it claims.
        limits: timeouts and pace.
        cases: the selected cases, in the order of the report.
        known: every case there is, so that answers are recognised whatever was selected.
        examples: generated requests of each source.
        seed: seed of the generation.
        fail_on: level from which an unmet requirement counts.
        included: IDs that the user asked for by name.
        edition: the edition of the catalogue that judges; ``None`` for the newest.
        pinned: values of traits that the target is known by; ``None`` where nobody gave a fingerprint.
        waivers: deviations that are known, those of other targets too.
        select: IDs and areas by which the cases were selected, none for all of them; ``None`` where it was done
            otherwise.
        draw: gives the generated requests of a source where they are at hand; by default they are drawn anew.
    """

    target: Target
    profile: Profile
    limits: Limits
    cases: tuple[Case, ...]
    known: tuple[Case, ...]
    examples: int = 100
    seed: int = 1
    fail_on: judging.FailOn = "must"
    included: tuple[str, ...] = ()
    edition: int | None = None
    pinned: Mapping[str, str] | None = None
    waivers: tuple[Waiver, ...] = ()
    select: tuple[str, ...] | None = None
    draw: Callable[[str], Iterable[Stimulus]] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was carried out.

    Attributes:
        inquiry: what was asked.
        recording: what was observed.
        gate: what the first controls said.
        result: what follows from it.
        evidence: the answers, for reports.
        finished: seconds since the epoch.
        fault: why the recording could not be written, if so.
    """

    inquiry: Inquiry
    recording: Recording
    gate: Gate
    result: judging.Result
    evidence: judging.Evidence = field(repr=False)
    finished: float = 0.0
    fault: str = ""


def applicable(cases: Iterable[Case], profile: Profile) -> tuple[Case, ...]:
    """The cases whose requirements a profile takes on, with the levels that they have there."""
    chosen = []
    for case in cases:
        requirement = effective(case.requirement, profile)
        if requirement is not None:
            chosen.append(replace(case, requirement=requirement))
    return tuple(chosen)


def effective(requirement: Requirement, profile: Profile) -> Requirement | None:
    """A requirement as a profile has it; ``None`` where the profile does not take it on."""
    if requirement.profiles and not set(requirement.profiles) & set(profile.lineage):
        return None
    if profile.spec == "oauth21" and requirement.id in _OAUTH21:
        level = _OAUTH21[requirement.id]
        return None if level is None else replace(requirement, level=level, severity=None)
    if requirement.id == "CACHE-002" and profile.pragma == "required":
        return replace(requirement, severity="fail")
    if "passport" in profile.lineage and not profile.claims_oauth2 and _rests_on_oauth_alone(requirement):
        return replace(requirement, severity="warn")
    return requirement


def _rests_on_oauth_alone(requirement: Requirement) -> bool:
    grounds = [source.text for source in requirement.sources]
    return requirement.unmet == "failed" and all(ground.startswith(("RFC 6749", "RFC 6750")) for ground in grounds)


def planned(inquiry: Inquiry, sender: Sender) -> Plan:
    """The plan of an inquiry, with the generation that its cases need."""
    handwritten = plan(inquiry.cases, sender.binder, inquiry.included)
    sources = drawn(inquiry)
    if not sources:
        return handwritten
    return replace(
        handwritten,
        generate=lambda: _generated(sources, inquiry),
        generated=len(sources) * inquiry.examples,
    )


def drawn(inquiry: Inquiry) -> tuple[str, ...]:
    """The sources of the generated requests that an inquiry needs."""
    sources = dict.fromkeys(source for case in inquiry.cases for source in case.generated)
    return tuple(sources) if inquiry.examples else ()


def _generated(sources: Sequence[str], inquiry: Inquiry) -> Iterable[Stimulus]:
    if inquiry.draw is not None:
        for source in sources:
            yield from inquiry.draw(source)
        return
    # Importing the generators takes a second, and nobody needs them who selects none of their cases.
    from conformance.properties import generation  # noqa: PLC0415

    for source in sources:
        yield from generation.draw(source, inquiry.profile, seed=inquiry.seed, examples=inquiry.examples)


def begin(inquiry: Inquiry, observe: Callable[[Exchange], None]) -> Sender:
    """A sender for an inquiry, before anything was sent.

    Raises:
        wire.WireError: the CA bundle cannot be used.
    """
    return Sender(inquiry.target, inquiry.profile, inquiry.limits, header(inquiry), observe)


def header(inquiry: Inquiry) -> Header:
    """The first line of the recording."""
    target = inquiry.target
    return Header(
        run=secrets.token_hex(6),
        suite=__version__,
        edition=catalogue.load().edition,
        profile=inquiry.profile.name,
        target={
            "name": target.name,
            "base_url": target.base_url,
            "token_path": target.token_path,
            "embedded": target.embedded,
            "forwarded": target.forwarded,
            "headers": [extra.name for extra in target.headers],
            "parameters": [extra.name for extra in target.parameters],
        },
        loopback=target.loopback,
        settings={
            "client_id": target.credentials.client_id,
            "scope": target.scope,
            "clients": {client.role: client.credentials.client_id for client in target.clients},
            "exposed": target.exposed,
            "authorization": inquiry.profile.authorization,
            "basic_encoding": inquiry.profile.basic_encoding,
            "default_scope": inquiry.profile.default_scope,
            "grant_type_default": inquiry.profile.grant_type_default,
            "documented_path": inquiry.profile.token_path,
            "cases": [case.id for case in inquiry.cases],
            "select": inquiry.select if inquiry.select is None else list(inquiry.select),
            "generated": list(drawn(inquiry)),
            "fail_on": inquiry.fail_on,
            "edition": inquiry.edition,
            "seed": inquiry.seed,
            "examples": inquiry.examples,
            "timeout": inquiry.limits.timeout,
            "concurrency": inquiry.limits.concurrency,
            "max_rps": inquiry.limits.max_rps,
            "max_duration": inquiry.limits.max_duration,
            "safe": inquiry.limits.safe,
        },
        started=time.time(),
    )


def conduct(
    inquiry: Inquiry,
    *,
    record: Path | None = None,
    observe: Callable[[Exchange], None] | None = None,
    announce: Callable[[Sender, Plan], None] | None = None,
    ended: Callable[[], None] = lambda: None,
) -> Run:
    """Carries out an inquiry: first controls, plan, confirmation, judgement.

    Args:
        inquiry: what is to be found out.
        record: file that the exchanges are appended to as they end.
        observe: called with every exchange as it ends.
        announce: called with the plan before anything is sent.
        ended: called when nothing is sent any more; from then on a keyboard interrupt is no longer understood.

    A keyboard interrupt ends the sending, and so does a recording that cannot be written any more; what was observed
    until then is judged.

    Raises:
        wire.WireError: the CA bundle cannot be used.
        recording.WritingError: not even the first line of the recording can be written; nothing was sent.
    """
    writer: Writer | None = None

    def seen(exchange: Exchange) -> None:
        if writer is not None:
            writer.append(exchange)
        if observe is not None:
            observe(exchange)

    sender = begin(inquiry, seen)
    if announce is not None:
        announce(sender, planned(inquiry, sender))
    if record is not None:
        writer = Writer(record, sender.recording().header)
    gate, fault = Gate("closed", "the run was interrupted before the first answer"), ""
    evidence: judging.Evidence | None = None
    try:
        gate = sender.open()
        if gate.state == "open":
            evidence = _observe(inquiry, sender)
        else:
            sender.stop(gate.reason)
        ended()
    except KeyboardInterrupt:
        sender.stop(INTERRUPTED)
    except WritingError as error:
        fault = str(error)
        sender.stop(fault)
    finally:
        ended()
        if writer is not None:
            fault = _closed(writer, sender) or fault
    run = judged(inquiry, sender.recording(), gate, finished=time.time(), evidence=evidence)
    return replace(run, fault=fault)


def _closed(writer: Writer, sender: Sender) -> str:
    """Ends a recording; says why it could not be, if so."""
    try:
        writer.close(skipped=sender.skipped, stopped=sender.stopped)
    except WritingError as error:
        return str(error)
    return ""


def judged(
    inquiry: Inquiry, recording: Recording, gate: Gate, *, finished: float, evidence: judging.Evidence | None = None
) -> Run:
    """The run that a recording shows, whether it was just made or read from a file.

    Args:
        inquiry: what is to be found out.
        recording: what was observed.
        gate: what the first controls said.
        finished: seconds since the epoch.
        evidence: what is known already of the recording, or of a part of it.
    """
    if evidence is None or evidence.recording != recording:
        evidence = judging.Evidence(recording, inquiry.known, inquiry.edition)
    closed = judging.closed(evidence)
    agreed = contract(inquiry.profile, recording.header)
    where = waivers.scope(inquiry.target.name, inquiry.profile.name, recording.header.started)
    result = judging.result(
        inquiry.cases,
        evidence,
        agreed,
        fail_on=inquiry.fail_on,
        closed=closed,
        edition=inquiry.edition,
        waive=lambda verdicts: waivers.waived(verdicts, inquiry.waivers, where),
    )
    return Run(inquiry, recording, gate, result, evidence, finished)


def _observe(inquiry: Inquiry, sender: Sender) -> judging.Evidence:
    """Sends everything that is planned, and what failed once more; returns what is known in the end."""
    chosen = planned(inquiry, sender)
    generated: dict[str, Stimulus] = {}
    if chosen.generate is not None:
        chosen = replace(chosen, generate=_remembering(chosen.generate, generated))
    sender.carry_out(chosen)
    evidence = _confirmed(inquiry, sender, chosen, generated, _known(inquiry, sender))
    if not chosen.series:
        return evidence
    _send_series(inquiry, sender, chosen.series)
    inspecting = replace(inquiry, cases=tuple(case for case in inquiry.cases if case.inspects))
    return _confirmed(inspecting, sender, chosen, generated, _known(inquiry, sender, evidence))


def _known(inquiry: Inquiry, sender: Sender, before: judging.Evidence | None = None) -> judging.Evidence:
    """What was observed so far; what was known before, as long as nothing has been added."""
    recording = sender.recording()
    unchanged = before is not None and before.recording == recording
    return before if unchanged and before is not None else judging.Evidence(recording, inquiry.known, inquiry.edition)


def _send_series(inquiry: Inquiry, sender: Sender, several: Sequence[PlannedSeries]) -> None:
    """Sends series, and all of one once more where its case failed: what it shows, one of its copies need not."""
    gentle = [one for one in several if not one.series.locks]
    for one in gentle:
        sender.series(one)
    if gentle:
        evidence = _known(inquiry, sender)
        agreed = contract(inquiry.profile, evidence.recording.header)
        cases = {case.id: case for case in inquiry.cases}
        for one in gentle:
            if judging.judge(cases[one.case], evidence, agreed).verdict == "failed":
                sender.series(one, attempt=2)
    for one in several:
        if one.series.locks:
            sender.series(one)


def _remembering(
    generate: Callable[[], Iterable[Stimulus]], into: dict[str, Stimulus]
) -> Callable[[], Iterable[Stimulus]]:
    def remembered() -> Iterable[Stimulus]:
        for stimulus in generate():
            into[stimulus.digest] = stimulus
            yield stimulus

    return remembered


def contract(profile: Profile, header: Header) -> Contract:
    """What judgement needs to know of the profile and the target; all of it stands in a recording."""
    settings = header.settings
    # Recordings of older releases know of two possibilities.
    older: dict[object, Exposed] = {True: "client", False: "invented"}
    exposed = older[settings["exposed_is_real"]] if "exposed_is_real" in settings else settings["exposed"]
    return Contract(
        profile=profile,
        token_path=str(header.target["token_path"]),
        loopback=header.loopback,
        exposed=exposed,
        scope=settings["scope"],
        forwarded=bool(header.target["forwarded"]),
        base_url=str(header.target["base_url"]),
    )


def _confirmed(
    inquiry: Inquiry, sender: Sender, chosen: Plan, generated: dict[str, Stimulus], evidence: judging.Evidence
) -> judging.Evidence:
    """Sends once more what failures rest on; returns what is known then."""
    # A second round repeats what only the exchanges of the first one showed.
    for _ in range(2):
        _confirm(inquiry, sender, chosen, generated, evidence)
        later = _known(inquiry, sender, evidence)
        if later is evidence:
            break
        evidence = later
    return evidence


def _confirm(
    inquiry: Inquiry, sender: Sender, chosen: Plan, generated: dict[str, Stimulus], evidence: judging.Evidence
) -> None:
    """Sends once more what a failure rests on, and takes failing generated requests apart."""
    known = {stimulus.digest: stimulus for stimulus in chosen.stimuli}
    known |= generated
    known[VALID.digest] = CONTROL
    agreed = contract(inquiry.profile, evidence.recording.header)
    templates = {exchange.number: exchange.template for exchange in evidence.recording.exchanges}
    repeat: dict[str, Stimulus] = {}
    for case in inquiry.cases:
        verdict = judging.judge(case, evidence, agreed)
        if verdict.verdict != "failed" or evidence.repeated(map(templates.__getitem__, verdict.witnesses)):
            continue
        witnesses = [known[templates[number]] for number in verdict.witnesses if templates.get(number) in known]
        if case.invariant:
            witnesses.sort(key=lambda stimulus: stimulus.spends)
            witnesses = list(dict.fromkeys(witnesses))[:WITNESSES]
        repeat |= {stimulus.digest: stimulus for stimulus in witnesses}
    parts = _parts(repeat.values())
    sender.confirm(sorted(repeat.values(), key=lambda stimulus: stimulus.spends))
    for part in parts:
        if part.digest not in known:
            generated[part.digest] = part
            sender.send(part)
    if parts:
        sender.control()


def _parts(failed: Iterable[Stimulus]) -> list[Stimulus]:
    """The single deviations of generated requests that deviate in several, so that the culprit stands alone."""
    return list({part.digest: part for stimulus in failed for part in stimulus.parts}.values())
