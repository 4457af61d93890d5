"""Cross-origin requests: what a browser is told, and that an Origin does no harm."""

from conformance.case import case
from conformance.reply import GRANTED, REFUSED, SUCCESS, Answer, Judgement, Outcome, Reading, Reply, every, refused
from conformance.request import VALID

ORIGIN = "https://evil.example"
OPTIONS = VALID.with_method("OPTIONS").removing("Authorization", "Content-Type").without_body()
PREFLIGHT = (
    OPTIONS.adding("Origin", ORIGIN)
    .adding("Access-Control-Request-Method", "POST")
    .adding("Access-Control-Request-Headers", "authorization")
)
"""What a browser asks before a script of another origin may send the documented request."""

FOREIGN = VALID.adding("Origin", ORIGIN)

WITHOUT_ALLOW = Outcome("405 without Allow", lambda reading: reading.status == 405 and not reading.values("Allow"))
WHOLE = Outcome("any other 4xx", lambda reading: REFUSED.matches(reading) and not WITHOUT_ALLOW.matches(reading))
ANSWERED = Outcome("an answer that is no 5xx", lambda reading: 0 < reading.status < 500)


def allow_origin(reading: Reading) -> str:
    """Who may read the answer by Access-Control-Allow-Origin, as a value of the trait."""
    values = reading.values("Access-Control-Allow-Origin")
    # Any page has the origin null in a frame of its own making.
    known = {(): "none", ("*",): "any", (ORIGIN,): "reflected", ("null",): "reflected"}
    return known.get(values, "fixed")


def credentialed(answer: Answer) -> bool:
    """Whether the answer may be read by a request with what the browser adds."""
    return answer.values("Access-Control-Allow-Credentials") == ("true",)


def permits(reading: Reading) -> bool:
    """Whether a browser goes on after that answer to a preflight."""
    names = ",".join(reading.values("Access-Control-Allow-Headers")).lower().split(",")
    # An asterisk among the names does not stand for Authorization.
    return allow_origin(reading) in ("any", "reflected") and "authorization" in map(str.strip, names)


@case("METHOD-005", plain=OPTIONS, preflight=PREFLIGHT)
def test_options_is_answered_without_a_server_error(plain: Reply, preflight: Reply, judge: Judgement) -> None:
    served = SUCCESS | WHOLE | refused(501)
    every(plain, preflight).must_be(served, observe=WITHOUT_ALLOW)
    if preflight.was(served | WITHOUT_ALLOW) and preflight.answer is not None:
        judge.trait("cors.preflight", "allowed" if preflight.was(SUCCESS) and permits(preflight.answer) else "refused")


@case("METHOD-008", foreign=FOREIGN)
def test_no_foreign_origin_may_read_tokens_with_credentials(foreign: Reply, judge: Judgement) -> None:
    def to(whom: str, answer: Answer) -> bool:
        return allow_origin(answer) == whom and credentialed(answer)

    def readable(answer: Answer) -> str | None:
        return "the foreign origin allowed, with credentials" if to("reflected", answer) else None

    def contradictory(answer: Answer) -> str | None:
        return "any origin allowed, with credentials" if to("any", answer) else None

    foreign.must_be(ANSWERED)
    if foreign.was(ANSWERED) and foreign.answer is not None:
        judge.trait("cors.allow_origin", allow_origin(foreign.answer))
    if foreign.was(GRANTED) and foreign.answer is not None:
        judge.each([foreign.answer], "a token that the foreign origin may not read with credentials", readable)
        judge.each([foreign.answer], "credentials not allowed to any origin", contradictory, verdict="observed")


@case("METHOD-009", foreign=FOREIGN)
def test_an_origin_changes_nothing_or_is_refused(foreign: Reply) -> None:
    foreign.must_be(GRANTED | REFUSED)
    foreign.shows("origin.header", granted="ignored")
