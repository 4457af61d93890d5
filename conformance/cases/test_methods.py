"""Methods: tokens are issued by POST alone, and what the others are told."""

from conformance.case import case
from conformance.cases.stimuli import GET_REQUEST
from conformance.expression import SCOPE
from conformance.reply import (
    GRANTED,
    REDIRECTED,
    REFUSED,
    SUCCESS,
    Answer,
    Contract,
    Judgement,
    Outcome,
    Reply,
    every,
    refused,
)
from conformance.request import VALID

USUAL = refused(400, 401, 403, 404, 405, 501)
UNKNOWN = refused(400, 403, 404, 405, 501)
UNUSUAL = Outcome(
    "any other answer without a token",
    lambda reading: 0 < reading.status < 500 and not reading.granted and not USUAL.matches(reading),
)
ANSWERED = Outcome("an answer", lambda reading: reading.answered)

PUT = VALID.with_method("PUT")
UNKNOWN_METHOD = VALID.with_method("FOO")
HEAD = VALID.with_method("HEAD").removing("Content-Type").without_body()

DUMMY = "ZHVtbXk6ZHVtbXk="
"""The Base64 of a client that nobody has: what TRACE gives back may be anybody's to read."""

TRACE = VALID.with_method("TRACE").removing("Content-Type").without_body().replacing("Authorization", f"Basic {DUMMY}")
ECHOED = Outcome("the value in the content", lambda reading: DUMMY.rstrip("=").encode() in reading.body)
WITHHELD = Outcome(
    "a 2xx, 4xx or 501 without the Authorization value in its content",
    lambda reading: (SUCCESS | REFUSED | refused(501)).matches(reading) and not ECHOED.matches(reading),
)

KNOWN = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH")
"""The methods of RFC 9110, section 9, and PATCH."""


def at_the_endpoint(answer: Answer, contract: Contract) -> bool:
    """Whether the request named the path of the token endpoint, behind whatever prefix the base URL has."""
    path = answer.exchange.sent.split(b"\r\n", 1)[0].split(b" ")[1:2]
    named = bool(path) and path[0].partition(b"?")[0].endswith(contract.token_path.encode())
    # REQ-002 asks at the documented path, which need not be where the endpoint is.
    return named and "REQ-002" not in answer.cases


def method(answer: Answer) -> bytes:
    """The method of the request."""
    return answer.exchange.sent.partition(b" ")[0]


def status_of(reply: Reply) -> str:
    """The status as a value of the traits."""
    return str(reply.status) if reply.was(USUAL) else "other"


@case(
    "METHOD-001",
    got=GET_REQUEST,
    scoped=GET_REQUEST.to(GET_REQUEST.target + "&scope=" + SCOPE.form()),
)
def test_get_issues_no_token(got: Reply, scoped: Reply, judge: Judgement) -> None:
    every(got, scoped).must_be(USUAL, observe=UNUSUAL, fail=GRANTED)
    if got.was(ANSWERED):
        judge.trait("method.get", status_of(got))


@case("METHOD-002", also=(GET_REQUEST, PUT, UNKNOWN_METHOD))
def test_a_405_names_post_in_allow(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        values = answer.values("Allow")
        if not values:
            return "405 without Allow" if method(answer) in KNOWN else None
        allowed = {name.strip() for value in values for name in value.split(",")}
        return "Allow without POST" if at_the_endpoint(answer, judge.contract) and "POST" not in allowed else None

    def omission(answer: Answer) -> str | None:
        left_out = method(answer) not in KNOWN and not answer.values("Allow")
        return "405 without Allow for an unknown method" if left_out else None

    refusals = [answer for answer in judge.answers if answer.status == 405]
    judge.each(refusals, "Allow that lists POST in every 405", flaw, nothing="no answer has status 405")
    judge.each(refusals, "Allow in the 405 for an unknown method", omission, verdict="warning")


@case("METHOD-003", put=PUT, patch=VALID.with_method("PATCH"), delete=VALID.with_method("DELETE"))
def test_put_patch_and_delete_are_refused(put: Reply, patch: Reply, delete: Reply, judge: Judgement) -> None:
    replies = every(put, patch, delete)
    replies.must_be(USUAL, warn=GRANTED)
    if all(reply.was(ANSWERED) for reply in replies):
        seen = {status_of(reply) for reply in replies}
        judge.trait("method.other", seen.pop() if len(seen) == 1 else "other")


@case("METHOD-004", authorized=HEAD, anonymous=HEAD.removing("Authorization"))
def test_an_answer_to_head_has_no_content(authorized: Reply, anonymous: Reply, judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        return "octets after the header section" if answer.message is not None and answer.message.extra else None

    replies = every(authorized, anonymous)
    replies.must_be(ANSWERED)
    answers = [reply.answer for reply in replies if reply.answer is not None and reply.was(ANSWERED)]
    judge.each(answers, "no octet after the header section of an answer to HEAD", flaw)


@case("METHOD-006", unknown=UNKNOWN_METHOD, lower_case=VALID.with_method("post"))
def test_an_unknown_method_is_refused(unknown: Reply, lower_case: Reply, judge: Judgement) -> None:
    replies = every(unknown, lower_case)
    replies.must_be(UNKNOWN, warn=GRANTED)
    if all(reply.was(ANSWERED) for reply in replies):
        seen = {str(reply.status) if reply.was(UNKNOWN) else "other" for reply in replies}
        judge.trait("method.unknown", seen.pop() if len(seen) == 1 else "other")


@case("METHOD-007", traced=TRACE)
def test_trace_does_not_echo_credentials(traced: Reply) -> None:
    traced.must_be(WITHHELD, observe=REDIRECTED, fail=ECHOED)
