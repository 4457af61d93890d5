"""The plan: which requests a run sends, in which order, and what they cost the target."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from conformance.bindings import Bindings, Inapplicable
from conformance.guessing import leaves_in_doubt, tries_wrong_secret
from conformance.request import VALID, Template, encode
from conformance.target import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from conformance.case import Case
    from conformance.profiles import Profile
    from conformance.series import Series
    from conformance.target import Credentials, Extra, Target

WRONG_SECRETS = 12
"""Times that registered clients may travel with a wrong secret in one run: servers lock clients for it."""

CONTROL_EVERY = 10
"""Stimuli after which a control is sent."""

# What the budget of wrong secrets is spent on, most valuable first.
_VALUE = ("AUTH-008", "AUTH-026", "AUTH-032", "AUTH-033", "AUTH-019", "AUTH-014", "AUTH-031", "AUTH-038")


@dataclass(frozen=True, slots=True)
class Stimulus:
    """A request that a run sends.

    Attributes:
        template: the request.
        digest: its name in the recording.
        label: the request in words, such as ``CTYPE-009 spaced``.
        role: ``stimulus``, or the source of a generated request.
        how: what a generated request deviates in.
        spends: whether it tries a wrong secret of a registered client.
        doubtful: whether it does if the server reads Basic in the other spelling.
        examined: whether that was found out when the run was planned, so that nobody has to look again.
        parts: the requests with one deviation each, where a generated one has several.
    """

    template: Template = field(repr=False)
    digest: str
    label: str
    role: str = "stimulus"
    how: str = ""
    spends: bool = False
    doubtful: bool = False
    examined: bool = False
    parts: tuple[Stimulus, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PlannedSeries:
    """A series that a run sends.

    Attributes:
        case: ID of the case that wants it.
        series: how it goes.
        stimuli: its copies, in order.
    """

    case: str
    series: Series
    stimuli: tuple[Stimulus, ...] = field(repr=False)

    @property
    def groups(self) -> tuple[tuple[Stimulus, ...], ...]:
        """What travels together, in order."""
        step = self.series.at_once
        return tuple(self.stimuli[at : at + step] for at in range(0, len(self.stimuli), step))

    @property
    def exchanges(self) -> int:
        """Exchanges that it comes to, controls included."""
        return len(self.stimuli) + 1 + (len(self.groups) if self.series.at_once > 1 else 1)


CONTROL = Stimulus(VALID, VALID.digest, "control", role="control", examined=True)
"""The unchanged valid request, sent between others."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent.

    Attributes:
        ordinary: stimuli in catalogue order.
        spending: stimuli that try a wrong secret of the real client, most valuable first.
        intrusive: stimuli that an edge may take for an attack; they go last.
        skipped: stimuli that are not sent, by digest, and why.
        series: what is sent again and again, behind everything else; what may lock its client is last.
        generate: draws further stimuli; it is called while the first ones travel.
        generated: how many those will be at the most.
    """

    ordinary: tuple[Stimulus, ...]
    spending: tuple[Stimulus, ...]
    intrusive: tuple[Stimulus, ...]
    skipped: Mapping[str, str]
    series: tuple[PlannedSeries, ...] = ()
    generate: Callable[[], Iterable[Stimulus]] | None = None
    generated: int = 0

    @property
    def stimuli(self) -> tuple[Stimulus, ...]:
        """Everything that is sent, generated requests aside, in order."""
        again = (stimulus for series in self.series for stimulus in series.stimuli)
        return (*self.ordinary, *self.spending, *self.intrusive, *again)

    @property
    def exchanges(self) -> int:
        """Exchanges that the run comes to, controls included and confirmations left out."""
        stimuli = len(self.ordinary) + self.generated
        lone = len(self.spending) + len(self.intrusive)
        again = sum(series.exchanges for series in self.series)
        return 2 + stimuli + stimuli // CONTROL_EVERY + 2 * lone + again

    @property
    def wrong_secrets(self) -> int:
        """Times that the real client travels with a wrong secret, confirmations left out."""
        return len(self.spending)

    @property
    def sacrificed(self) -> int:
        """Times that the client which may be locked travels with an invented secret."""
        return sum(stimulus.template.symbols >= {"sacrificial_id", "unknown_secret"} for stimulus in self.stimuli)

    @property
    def tokens(self) -> int:
        """Tokens that the target may mint: at the most one an exchange."""
        return self.exchanges - len(self.spending)


@dataclass(frozen=True)
class Binder:
    """Makes the bindings of each stimulus for one target.

    Attributes:
        target: where requests go.
        profile: how credentials travel.
        nonce: fresh octets of the run, from which invented clients are made.
        form_encoded: whether id and secret are form-encoded before Base64.
        user_agent: by what name the suite presents itself.
    """

    target: Target
    profile: Profile
    nonce: bytes = field(repr=False)
    form_encoded: bool
    user_agent: str = "token-conformance"

    @property
    def spent_at_the_gate(self) -> bool:
        """Whether the first valid request was a wrong secret to the server, which reads the other spelling."""
        return self.profile.authorization == "basic" and self.profile.basic_encoding == "auto" and not self.form_encoded

    def bindings(self, digest: str) -> Bindings:
        """What the symbols stand for in the stimulus of that digest; each has an unknown client of its own."""
        invented = hmac.digest(self.nonce, digest.encode(), "sha256").hex()
        unknown_id, unknown_secret = f"conformance-unknown-{invented[:16]}", f"invented-{invented[16:48]}"
        common = self._common
        exposed = (common.exposed_id, common.exposed_secret) if common.exposed_works else (unknown_id, unknown_secret)
        return replace(
            common,
            exposed_id=exposed[0],
            exposed_secret=exposed[1],
            unknown_id=unknown_id,
            unknown_secret=unknown_secret,
        )

    @cached_property
    def _common(self) -> Bindings:
        """What is the same for every stimulus."""
        client, secret = _pair(self.target.credentials)
        clients = {one.role: _pair(one.credentials) for one in self.target.clients}
        exposed = {"client": (client, secret), "invented": ("", ""), **clients}[self.target.exposed]
        return Bindings(
            client_id=client,
            secret=secret,
            exposed_id=exposed[0],
            exposed_secret=exposed[1],
            exposed_works=self.target.exposed != "invented",
            unknown_id="",
            unknown_secret="",
            scope=self.target.scope,
            host=self.target.authority,
            path=self.target.path,
            documented_path=self.target.prefix + (self.profile.token_path or self.target.token_path),
            basic=self.profile.authorization == "basic",
            form_encoded=self.form_encoded,
            headers=_plain(self.target.headers),
            parameters=_plain(self.target.parameters),
            gate_scope=None if self.profile.default_scope else self.target.scope,
            user_agent=self.user_agent,
            origin=f"{self.target.scheme}://{self.target.authority}",
            prefix=self.target.prefix,
            folder=self.target.path.rpartition("/")[0],
            clients=clients,
        )


def _pair(credentials: Credentials) -> tuple[str, str]:
    return credentials.client_id, credentials.secret.reveal()


def _plain(extras: Iterable[Extra]) -> tuple[tuple[str, str, bool], ...]:
    return tuple(
        (extra.name, extra.value.reveal(), True)
        if isinstance(extra.value, Secret)
        else (extra.name, extra.value, False)
        for extra in extras
    )


def plan(cases: Iterable[Case], binder: Binder, included: Iterable[str] = ()) -> Plan:
    """The stimuli of some cases, each request once, however many cases look at its answer.

    Args:
        cases: the selected cases in the order of the report.
        binder: what the templates are encoded with.
        included: IDs that the user asked for by name, of cases that are else withheld from other hosts.
    """
    cases, asked = tuple(cases), frozenset(included)
    wanted: dict[str, tuple[Template, str, list[str], bool]] = {}
    reserved = {case.id for case in cases if case.requirement.on_demand}
    for case in cases:
        named = [(f"{case.id} {name}", template) for name, template in case.stimuli]
        for label, template in (*named, *((f"{case.id} probe", template) for template in case.also)):
            digest = template.digest
            if digest == VALID.digest:
                continue
            entry = wanted.setdefault(digest, (template, label, [], case.requirement.intrusive))
            entry[2].append(case.id)
    ordinary: list[Stimulus] = []
    spending: list[tuple[int, Stimulus]] = []
    intrusive: list[Stimulus] = []
    skipped: dict[str, str] = {}
    for digest, (template, label, ids, last) in wanted.items():
        bindings = binder.bindings(digest)
        withheld = _withheld(template, ids, binder.target, asked) or _reserved(ids, reserved, binder.target, asked)
        lacking, spends = ("", False) if withheld else _examined(template, bindings)
        if withheld or lacking:
            skipped[digest] = withheld or lacking
            continue
        doubtful = leaves_in_doubt(template, bindings)
        stimulus = Stimulus(template, digest, label, spends=spends, doubtful=doubtful, examined=True)
        if spends:
            spending.append((_value(ids), stimulus))
        else:
            (intrusive if last else ordinary).append(stimulus)
    spending.sort(key=lambda entry: entry[0])
    failing = {case.id for case in cases if case.requirement.unmet == "failed"}
    chosen: list[Stimulus] = []
    for _, stimulus in spending:
        grave = not failing.isdisjoint(wanted[stimulus.digest][2])
        if grave or len(chosen) + 1 + binder.spent_at_the_gate < WRONG_SECRETS:
            chosen.append(stimulus)
        else:
            # Without one left, no failure could be confirmed.
            skipped[stimulus.digest] = (
                f"not sent: the last of {WRONG_SECRETS} wrong secrets is kept to confirm a failure"
            )
    series = _series(cases, binder, asked, skipped)
    return Plan(tuple(ordinary), tuple(chosen), tuple(intrusive), skipped, series)


def _series(
    cases: tuple[Case, ...], binder: Binder, asked: frozenset[str], skipped: dict[str, str]
) -> tuple[PlannedSeries, ...]:
    """The series of some cases, those that may lock their client last; of the others, why they are not sent."""
    found: list[PlannedSeries] = []
    for case, name, series in ((one, name, series) for one in cases for name, series in one.series):
        reserved = {case.id} if case.requirement.on_demand else set[str]()
        reasons = [_reserved([case.id], reserved, binder.target, asked)]
        reasons += [_examined(template, binder.bindings(""))[0] for template in series.templates]
        why = next(filter(None, reasons), "")
        if why:
            skipped |= {copy.digest: why for copy in series.copies}
            continue
        copies = (Stimulus(copy, copy.digest, f"{case.id} {name} {at}") for at, copy in enumerate(series.copies, 1))
        found.append(PlannedSeries(case.id, series, tuple(copies)))
    return tuple(sorted(found, key=lambda one: one.series.locks))


def _examined(template: Template, bindings: Bindings) -> tuple[str, bool]:
    """What a target lacks of what a request needs, empty where it can be made; and whether it tries a wrong secret."""
    try:
        encode(template, bindings)
        return "", tries_wrong_secret(template, bindings)
    except Inapplicable as missing:
        return str(missing), False


def _withheld(template: Template, ids: list[str], target: Target, asked: frozenset[str]) -> str:
    """Why a request is not sent over what its case prescribes; empty where it is."""
    transport = template.transport
    if transport is None:
        return ""
    if target.scheme == "http":
        return "the base URL is http"
    if not transport.plain:
        return ""
    if target.loopback and not asked.intersection(ids):
        return f"the target is on this machine, where nobody listens; it is sent on demand: --include {ids[0]}"
    if not asked.intersection(ids):
        return f"it sends a request without TLS, which is done only on demand: --include {ids[0]}"
    return "not sent: a proxy stands between" if target.proxy is not None else ""


def _reserved(ids: list[str], reserved: set[str], target: Target, asked: frozenset[str]) -> str:
    """Why a request goes to no other host unless it is asked for; empty where a case of everyday wants it too."""
    if target.loopback or asked.intersection(ids) or not reserved.issuperset(ids):
        return ""
    return f"it may burden others behind the same edge, so it is sent only on demand: --include {ids[0]}"


def _value(ids: list[str]) -> int:
    return min((_VALUE.index(one) for one in ids if one in _VALUE), default=len(_VALUE))
