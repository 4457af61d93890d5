"""TLS: whether what travels is protected, and by what."""

from collections.abc import Iterable

from conformance.case import case
from conformance.cases.stimuli import SACRIFICED, UNKNOWN_CLIENT
from conformance.expression import EXPOSED_ID, EXPOSED_SECRET
from conformance.reply import GRANTED, NO_TLS, TLS, Answer, Judgement, Note, Outcome, Reply
from conformance.request import VALID, Template, Transport

FORWARD_SECRET = ("ECDHE-", "DHE-")
AUTHENTICATED = ("GCM", "CCM", "CHACHA20")
WEAK_FIRST = (
    "AES128-SHA:AES256-SHA:AES128-GCM-SHA256:"
    "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES256-SHA:"
    "ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256"
)

UNCONNECTED = Outcome(
    "neither a handshake nor its refusal", lambda reading: not TLS.matches(reading) and not NO_TLS.matches(reading)
)
NO_HTTP = Outcome(
    "no HTTP answer",
    lambda reading: (
        not reading.answered
        and reading.exchange.ending in ("connect-refused", "connect-timeout", "unreachable", "closed", "reset")
    ),
)
TOKENLESS_ANSWER = Outcome("an answer without a token", lambda reading: reading.answered and not reading.granted)
TO_HTTPS = Outcome(
    "a redirect to https",
    lambda reading: (
        300 <= reading.status < 400 and any(value[:8].lower() == "https://" for value in reading.values("Location"))
    ),
)


def over(lowest: str, highest: str) -> Template:
    """The request of an invented client over a range of TLS versions."""
    return UNKNOWN_CLIENT.over(Transport(minimum=lowest, maximum=highest))


def offering(ciphers: str, name: str, lowest: str = "TLSv1") -> Template:
    """The request of an invented client over a choice of cipher suites."""
    return UNKNOWN_CLIENT.over(Transport(minimum=lowest, maximum="TLSv1.2", ciphers=ciphers, name=name))


def must_refuse(replies: Iterable[Reply], judge: Judgement) -> None:
    """Says that each handshake must have been refused by the server."""
    for reply in replies:
        answer = reply.answer
        if answer is not None and TLS.matches(answer):
            agreed = f"a handshake in {answer.exchange.tls} with {answer.exchange.cipher}"
            judge.notes.append(Note("unmet", NO_TLS.words, agreed, reply.name, (answer.exchange.number,)))
        elif answer is not None and UNCONNECTED.matches(answer):
            judge.cannot_tell(f"{reply.name}: {answer.words()}")
        else:
            reply.must_be(NO_TLS)


@case(
    "TLS-001",
    plain=VALID.authorized(EXPOSED_SECRET, EXPOSED_ID).over(Transport(plain=True)),
    sacrificed=SACRIFICED,
)
def test_a_request_without_tls_yields_no_token(plain: Reply, sacrificed: Reply, judge: Judgement) -> None:
    exposed = judge.contract.exposed
    decisive = GRANTED | NO_HTTP | TO_HTTPS
    if plain.answer is None or decisive.matches(plain.answer):
        plain.must_be(NO_HTTP | TO_HTTPS, fail=GRANTED)
    elif exposed == "invented":
        judge.cannot_tell(f"an invented client got {plain.answer.words()}, which says nothing of a real one")
    elif exposed == "sacrificial" and not sacrificed.granted:
        judge.cannot_tell("the sacrificial client is refused over TLS, too, so a refusal proves little")
    else:
        plain.must_be(TOKENLESS_ANSWER, fail=GRANTED)


@case("TLS-002", eleven=over("TLSv1.1", "TLSv1.1"), ten=over("TLSv1", "TLSv1"))
def test_tls_below_1_2_is_refused(eleven: Reply, ten: Reply, judge: Judgement) -> None:
    must_refuse((eleven, ten), judge)


@case("TLS-003", twelve=over("TLSv1.2", "TLSv1.2"), thirteen=over("TLSv1.3", "TLSv1.3"))
def test_tls_1_2_and_1_3_are_spoken(twelve: Reply, thirteen: Reply, judge: Judgement) -> None:
    neither = twelve.was(NO_TLS) and thirteen.was(NO_TLS)
    for reply in (twelve, thirteen):
        if reply.answer is not None and UNCONNECTED.matches(reply.answer):
            judge.cannot_tell(f"{reply.name}: {reply.answer.words()}")
        else:
            reply.must_be(TLS, warn=None if neither else NO_TLS)


@case("TLS-004", valid=VALID)
def test_the_certificate_is_valid_for_the_host(valid: Reply, judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        return answer.exchange.detail if answer.exchange.ending == "certificate" else None

    control = valid.answer
    if control is None:
        valid.must_be(TLS)
    elif control.exchange.tls is None and control.answered:
        judge.does_not_apply("the base URL is http")
    elif control.exchange.tls is None and flaw(control) is None:
        judge.cannot_tell(control.words())
    else:
        others = [answer for answer in judge.answers if answer.exchange.number != control.exchange.number]
        judge.each([control, *others], "a certificate that is accepted", flaw)


@case(
    "TLS-005",
    without_encryption=offering("eNULL", "suites without encryption"),
    without_authentication=offering("aNULL", "suites without authentication"),
    rc4=offering("RC4", "RC4"),
    export=offering("EXPORT", "suites of export strength"),
    weak_first=offering(WEAK_FIRST, "suites without forward secrecy first", "TLSv1.2"),
)
def test_weak_suites_are_refused(
    without_encryption: Reply,
    without_authentication: Reply,
    rc4: Reply,
    export: Reply,
    weak_first: Reply,
    judge: Judgement,
) -> None:
    refusing = (without_encryption, without_authentication, rc4, export)
    weak = tuple(reply for reply in refusing if reply.answer is not None and TLS.matches(reply.answer))
    chosen = weak_first.answer
    suite = chosen.exchange.cipher or "" if chosen is not None and TLS.matches(chosen) else None
    good = suite is None or (suite.startswith(FORWARD_SECRET) and any(word in suite for word in AUTHENTICATED))
    # What this machine cannot offer would hide a weak suite that was found.
    must_refuse(weak if weak or not good else refusing, judge)
    if chosen is not None and suite is not None:
        expected = "forward secrecy and authenticated encryption, wherever they stand in the list"
        verdict = "passed" if good else "unmet"
        judge.notes.append(Note(verdict, expected, suite, weak_first.name, (chosen.exchange.number,)))
    elif not weak:
        must_refuse((weak_first,), judge)
    answers = [answer for answer in judge.answers if answer.exchange.tls is not None and answer.answered]
    if answers:
        present = any(answer.values("Strict-Transport-Security") for answer in answers)
        judge.trait("hsts", "present" if present else "absent")
