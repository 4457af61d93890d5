"""Sending: a plan put on the wire and recorded; it paces, waits, confirms and stops, and never decides a verdict."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance import known, masking, wire
from conformance.bindings import Inapplicable
from conformance.expression import octets
from conformance.gate import Gate, gate_of
from conformance.guessing import tries_wrong_secret
from conformance.lanes import Lanes
from conformance.pace import PATIENCE, Endurance, Pace, retry_after
from conformance.plan import CONTROL, CONTROL_EVERY, WRONG_SECRETS, Binder, Plan, PlannedSeries, Stimulus
from conformance.recording import Exchange, Header, Recording, WritingError
from conformance.reply import Reading
from conformance.request import Encoded, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conformance.bindings import Bindings
    from conformance.profiles import Profile
    from conformance.request import Template
    from conformance.target import Limits, Target

__all__ = ["INTERRUPTED", "PATIENCE", "Pace", "Sender"]

INTERRUPTED = "interrupted"
"""Reason of an end that the user brought about."""

APART = 1.0
"""Seconds before a control is repeated, and before a rate-limited request is where the server does not say."""

GRACE = 3.0
"""Seconds that the exchanges under way are given after an interrupt; what they bring later is not recorded."""

RECOVERIES = 3
"""Times that a control is repeated before the target is given up."""

CAPS = wire.Caps(header=64 << 10, body=256 << 10)
"""What is taken of an answer: a token answer is a hundredth of that, and every octet of it is searched for secrets."""

NOTHING = Encoded(b"", ())
"""No request before another one on its connection."""

SPENT = f"the budget of {WRONG_SECRETS} wrong secrets is spent"
"""Why a wrong secret is held back."""

TOO_LONG = "the run took longer than --max-duration"
"""Reason of an end that the clock brought about."""

Observer = "Callable[[Exchange], None]"


class Sender:
    """Sends stimuli side by side on connections of their own, with controls between them, and records every exchange.

    Args:
        target: the endpoint.
        profile: how credentials travel.
        limits: timeouts and pace.
        header: what the recording is about.
        observe: called with every exchange as it ends, in any thread, one call at a time.

    Raises:
        wire.WireError: the CA bundle cannot be used.
    """

    def __init__(
        self, target: Target, profile: Profile, limits: Limits, header: Header, observe: Callable[[Exchange], None]
    ) -> None:
        self.binder = Binder(
            target,
            profile,
            secrets.token_bytes(16),
            form_encoded=profile.basic_encoding != "raw",
            user_agent=f"token-conformance/{header.suite} (run {header.run})",
        )
        self.exchanges: list[Exchange] = []
        self.skipped: dict[str, str] = {}
        self.stopped = ""
        self._target, self._profile, self._limits, self._header = target, profile, limits, header
        self._observe = observe
        self._route = wire.Route(target)
        self._deadlines = wire.Deadlines(limits.timeout, limits.timeout, limits.timeout * 1.05)
        self._pace = Pace(limits.max_rps)
        self._endurance = Endurance(limits.timeout)
        self._lanes = 1
        self._until = time.monotonic() + limits.max_duration
        self._key = secrets.token_bytes(16)
        bindings = self.binder.bindings("")
        further = [value for _, value, secret in (*bindings.headers, *bindings.parameters) if secret]
        self._credentials = masking.secret_credentials(bindings.client_id, bindings.secret, further)
        for client_id, secret in bindings.clients.values():
            self._credentials += masking.secret_credentials(client_id, secret)
        self.known = known.known(target, masking.VOCABULARY.decode())
        self._lock = threading.Lock()
        self._recovering = threading.Lock()
        self._ended = threading.Event()
        self._abandoned = False
        self._started = 0
        self._since_control = 0
        self._wrong_secrets = 0
        self._wrong_secrets_over = ""

    # One exchange

    def send(self, stimulus: Stimulus, attempt: int = 1, *, patient: bool = True) -> Reading | None:
        """Puts one stimulus on the wire; ``None`` where it cannot be made for the target or the sending has ended.

        Args:
            stimulus: what is sent.
            attempt: 2 where a failure is to be confirmed.
            patient: whether it is sent again when the server asks for less; the answer may be what a case is about.
        """
        bindings = self.binder.bindings(stimulus.digest)
        try:
            encoded = self._prepared(stimulus.template, bindings)
            first = (
                self._prepared(stimulus.template.after, bindings) if stimulus.template.after is not None else NOTHING
            )
            spends = stimulus.spends if stimulus.examined else tries_wrong_secret(stimulus.template, bindings)
        except Inapplicable as missing:
            self.skipped[stimulus.digest] = str(missing)
            return None
        except wire.WireError as unable:
            self.skipped[stimulus.digest] = f"not sent: {unable}"
            return None
        if spends and not stimulus.spends:
            # A generated request may do so by chance; only those that were planned go one at a time.
            self.skipped[stimulus.digest] = "not sent: it would try a wrong secret of the real client"
            return None
        reading = self._exchange(stimulus, encoded, attempt, spends=spends, first=first, bindings=bindings)
        if reading is not None and reading.rate_limited:
            self._wrong_secrets_over = self._wrong_secrets_over or f"the server answered {reading.words()}"
            if patient and not spends and self._pace.hold(retry_after(reading, APART)):
                reading = self._exchange(stimulus, encoded, attempt, spends=spends, first=first, bindings=bindings)
        if reading is not None and reading.status == 423:
            self._wrong_secrets_over = "the server answered 423: it locks clients"
        return reading

    def _prepared(self, template: Template, bindings: Bindings) -> Encoded:
        return self._route.prepared(encode(template, bindings), template.transport)

    def _exchange(
        self, stimulus: Stimulus, encoded: Encoded, attempt: int, *, spends: bool, first: Encoded, bindings: Bindings
    ) -> Reading | None:
        self._pace.wait(self._ended, self._until)
        if self._is_over():
            return None
        if (spends or stimulus.doubtful) and self._wrong_secrets_over:
            self._hold_back(stimulus, self._wrong_secrets_over)
            return None
        if stimulus.doubtful and self._wrong_secrets >= WRONG_SECRETS:
            self._hold_back(stimulus, SPENT)
            return None
        with self._lock:
            self._started += 1
            number = self._started
            self._wrong_secrets += spends or stimulus.doubtful
        head = stimulus.template.method.upper() == b"HEAD"
        address, context = self._route.over(stimulus.template.transport)
        seen = wire.exchange(
            address,
            encoded.data,
            head=head,
            deadlines=self._deadlines,
            caps=CAPS,
            context=context,
            preceding=first.data,
            hold=encoded.data.find(b"\r\n\r\n") + 4 if stimulus.template.held else None,
        )
        begun = self._started
        credentials = (*self._credentials, *_sent(stimulus, encoded, bindings))
        sent_before, received_before = seen.preceding
        masked = masking.mask(
            seen.received[received_before:], head=head, key=self._key, credentials=credentials, known=self.known
        )
        before = b""
        if received_before:
            before = masking.mask(
                seen.received[:received_before], head=False, key=self._key, credentials=credentials, known=self.known
            ).received
        exchange = Exchange(
            number=number,
            role=stimulus.role,
            attempt=attempt,
            template=stimulus.digest,
            label=stimulus.label,
            how=stimulus.how,
            sent=first.masked()[:sent_before] + encoded.masked()[: len(seen.sent) - sent_before],
            received=before + masked.received,
            ending=str(seen.ending),
            detail=seen.detail,
            left_open=seen.left_open,
            head=head,
            started=seen.started,
            first_byte=seen.first_byte,
            duration=seen.finished,
            spent=spends,
            token=masked.token,
            echoes=masked.echoes,
            content=masked.content,
            sent_all=seen.sent_all,
            preceding=seen.preceding,
            begun=begun,
            tls=seen.tls_version,
            cipher=seen.cipher,
        )
        reading = Reading(exchange)
        lanes = 1 if spends else self._lanes
        # A token counts twice: it is remembered, so that it is masked wherever it turns up again.
        octets_ = len(seen.received) + (masked.token.length if masked.token is not None else 0)
        self._endurance.take(octets_, seen.finished, lanes, answered=reading.answered)
        with self._lock:
            if self._abandoned:
                return None
            self._wrong_secrets -= stimulus.doubtful and reading.granted
            self.exchanges.append(exchange)
            try:
                self._observe(exchange)
            except WritingError:
                # What was observed is what the recording holds.
                self.exchanges.pop()
                raise
        return reading

    def _is_over(self) -> bool:
        """Whether the sending has ended, by the clock too."""
        if time.monotonic() >= self._until and not self._ended.is_set():
            self.stop(TOO_LONG)
        return self._ended.is_set()

    def _worn_out(self, stimulus: Stimulus) -> bool:
        """Whether a stimulus is held back since the target cost too much already; controls never are."""
        why = self._weariness()
        if why:
            self.skipped.setdefault(stimulus.digest, why)
        return bool(why)

    def _weariness(self) -> str:
        return self._endurance.over and f"not sent: {self._endurance.over}"

    def _hold_back(self, stimulus: Stimulus, why: str) -> None:
        self.skipped.setdefault(stimulus.digest, f"not sent: {why}")

    # Controls

    def open(self) -> Gate:
        """Sends the first controls; says whether the target can be judged, and settles how Basic is encoded."""
        reading = self._patiently(tries=3)
        if (
            reading is not None
            and (reading.status == 401 or reading.error == "invalid_client")
            and self._profile.authorization == "basic"
            and self._profile.basic_encoding == "auto"
            and not self._limits.safe
            and self._spelled_differently()
        ):
            # To a server that reads the other spelling, the first one was a wrong secret.
            self._wrong_secrets += 1
            self.binder = replace(self.binder, form_encoded=False)
            reading = self.send(CONTROL)
        gate = gate_of(reading, self._target)
        if gate.state == "tokenless" or (reading is not None and reading.exchange.ending == "certificate"):
            self.send(CONTROL, attempt=2)
        return replace(gate, form_encoded=self.binder.form_encoded)

    def _spelled_differently(self) -> bool:
        raw = replace(self.binder, form_encoded=False)
        return encode(CONTROL.template, self.binder.bindings("")) != encode(CONTROL.template, raw.bindings(""))

    def control(self) -> bool:
        """Sends the valid request; says whether it was granted, and ends the sending if it stays refused."""
        reading = self.send(CONTROL)
        if reading is None or reading.granted:
            return reading is not None
        if 0 < reading.status < 500:
            self._wrong_secrets_over = self._wrong_secrets_over or "a control was refused"
        with self._recovering:
            if self._is_over():
                return False
            began = time.monotonic()
            reading = self._patiently(RECOVERIES)
            self._endurance.wait(time.monotonic() - began)
            if reading is not None and reading.granted:
                return True
            words = reading.words() if reading is not None else "nothing"
            self.stop(f"the valid request is no longer granted: {words}")
            return False

    def _patiently(self, tries: int) -> Reading | None:
        """Sends the control until it is answered by something other than silence, 5xx or a rate limit."""
        reading = self.send(CONTROL)
        for _ in range(tries - 1):
            if reading is None or (reading.answered and reading.status < 500 and not reading.rate_limited):
                break
            slow = reading.exchange.duration >= self._limits.timeout / 2
            if reading.exchange.ending in _HOPELESS or slow or self._ended.wait(APART):
                break
            reading = self.send(CONTROL)
        return reading

    def stop(self, reason: str) -> None:
        """Ends the sending; exchanges under way are finished. The first reason stays, unless the user interrupts."""
        with self._lock:
            self.stopped = reason if reason == INTERRUPTED else self.stopped or reason
        self._ended.set()

    # A plan

    def carry_out(self, plan: Plan) -> None:
        """Sends everything of a plan, the intrusive stimuli last and one by one, and a control at the very end.

        Raises:
            BaseException: whatever the observer or the generation raised; nothing more is sent then.
        """
        self.skipped.update(plan.skipped)
        with self._side_by_side(self._limits.concurrency) as lanes:
            if plan.spending:
                lanes.put(lambda: self._spend(plan.spending))
            for stimulus in plan.ordinary:
                lanes.put(lambda stimulus=stimulus: self._ordinary(stimulus))  # type: ignore[misc]
            for stimulus in plan.generate() if plan.generate is not None else ():
                if self._is_over():
                    break
                lanes.put(lambda stimulus=stimulus: self._ordinary(stimulus))  # type: ignore[misc]
        for stimulus in plan.intrusive:
            if not self._worn_out(stimulus):
                self.send(stimulus)
                self.control()
        self.control()

    def confirm(self, stimuli: Iterable[Stimulus]) -> None:
        """Sends stimuli once more, each beside a control, as the second attempt."""
        self._endurance.renew()
        for stimulus in stimuli:
            if self._is_over():
                return
            if self._worn_out(stimulus):
                continue
            if stimulus.spends:
                self._spend((stimulus,), attempt=2)
            else:
                self.send(stimulus, attempt=2)
                self.control()

    def series(self, planned: PlannedSeries, attempt: int = 1) -> None:
        """Sends a series until it shows its sign, a control before it, behind it, and between its groups.

        One that may lock its client ends nothing but itself, whatever its last control is answered.
        """
        readings: list[Reading] = []
        left = list(planned.groups)
        why = self._weariness()
        if not why and not self._grants(planned):
            why = "not sent: a control was not granted"
        while left and not why and not self._is_over():
            group = left.pop(0)
            readings += self._together(group, attempt)
            sign = planned.series.sign(readings)
            why = sign and f"not sent: the series ended at its first sign: {sign}"
            if (len(group) > 1 or why or not left) and not self._grants(planned):
                why = why or "not sent: a control was not granted"
            why = why or self._weariness()
        for stimulus in (stimulus for group in left for stimulus in group if why):
            self.skipped.setdefault(stimulus.digest, why)

    def _grants(self, planned: PlannedSeries) -> bool:
        """Whether a control beside a series is granted."""
        if not planned.series.locks:
            return self.control()
        reading = self.send(CONTROL)
        return reading is not None and reading.granted

    def _together(self, group: tuple[Stimulus, ...], attempt: int) -> list[Reading]:
        """Sends stimuli side by side; their answers in the order of the stimuli."""
        found: list[Reading | None] = [None] * len(group)
        start = threading.Barrier(len(group))

        def job(at: int) -> None:
            # Each waits for all of them, so that none is back before the last one has begun.
            with contextlib.suppress(threading.BrokenBarrierError):
                start.wait(GRACE)
            if not self._worn_out(group[at]):
                found[at] = self.send(group[at], attempt, patient=False)

        if len(group) == 1:
            job(0)
        else:
            with self._side_by_side(len(group)) as lanes:
                for at in range(len(group)):
                    lanes.put(lambda at=at: job(at))  # type: ignore[misc]
        return [reading for reading in found if reading is not None]

    @contextlib.contextmanager
    def _side_by_side(self, number: int) -> Iterator[Lanes]:
        """Threads for exchanges that travel side by side; they have ended when the context has."""
        grace = min(self._limits.timeout + 1, GRACE)
        self._lanes = number
        try:
            with Lanes(number, self._ended, lambda error: self.stop(_cause(error)), self._abandon, grace) as lanes:
                yield lanes
        finally:
            self._lanes = 1

    def _abandon(self) -> None:
        with self._lock:
            self._abandoned = True

    def _ordinary(self, stimulus: Stimulus) -> None:
        if self._worn_out(stimulus):
            return
        with self._lock:
            self._since_control += 1
            due = self._since_control % CONTROL_EVERY == 0
        if due:
            self.control()
        # While it is in doubt whether the target still grants, the other lanes wait.
        with self._recovering:
            pass
        reading = self.send(stimulus)
        if reading is not None and (not reading.answered or reading.rate_limited or reading.status >= 500):
            self.control()

    def _spend(self, stimuli: Iterable[Stimulus], attempt: int = 1) -> None:
        """Tries wrong secrets of the real client, one at a time, a granted control after each."""
        for stimulus in stimuli:
            if self._is_over():
                return
            if self._worn_out(stimulus):
                continue
            if self._wrong_secrets >= WRONG_SECRETS:
                self._hold_back(stimulus, SPENT)
            elif self._wrong_secrets_over:
                self._hold_back(stimulus, self._wrong_secrets_over)
            else:
                self.send(stimulus, attempt)
                self.control()

    def recording(self) -> Recording:
        """What was observed so far."""
        with self._lock:
            exchanges = tuple(sorted(self.exchanges, key=lambda exchange: exchange.number))
        return Recording(self._header, exchanges, dict(self.skipped), self.stopped)


def _sent(stimulus: Stimulus, encoded: Encoded, bindings: Bindings) -> Iterable[masking.Credential]:
    """The credentials of a request, which must not come back in its answer."""
    yield masking.edited_secrets(encoded)
    for line in stimulus.template.fields:
        if line.name.strip().lower() == b"authorization" and line.value is not None:
            runs = line.value.runs(bindings)
            sent = masking.sent_credential(octets(runs))
            if sent is not None:
                yield replace(sent, secret=any(run.secret for run in runs))


_HOPELESS = ("name", "tls", "tls-refused", "certificate", "proxy")


def _cause(error: BaseException) -> str:
    if isinstance(error, WritingError):
        return str(error)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else f"the suite itself failed: {type(error).__name__}"
