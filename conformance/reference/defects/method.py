"""Defects in how other methods than POST are answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, Crash, Hangup, crashing, finishing, with_field
from conformance.reference.message import Answer, Request, framed, page
from conformance.reference.oauth import FORM, KNOWN_METHODS
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.oauth import Site


def granting(correct: Behaviour, *methods: str) -> Behaviour:
    """Those methods are handled as POST is."""
    inner = correct.other_method

    def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        if request.method in methods:
            return behaviour.decide(behaviour, request, site)
        return inner(behaviour, request, site)

    return replace(correct, other_method=other_method)


def answering(correct: Behaviour, method: str, answer: Callable[[Request], Answer]) -> Behaviour:
    """That method gets an answer of its own."""
    inner = correct.other_method

    def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        return answer(request) if request.method == method else inner(behaviour, request, site)

    return replace(correct, other_method=other_method)


def dying(correct: Behaviour, condition: Callable[[Request], bool]) -> Behaviour:
    """Requests by OPTIONS that meet the condition make the application die."""

    def crash(request: Request) -> Answer:
        if condition(request):
            raise Crash
        return page(405, "only POST is served here", ("Allow", "POST"))

    return answering(correct, "OPTIONS", crash)


@planted("method-get-granted", "METHOD-001", "GEN-002")
def get_granted(correct: Behaviour) -> Behaviour:
    """GET with the parameters in the query gets a token."""
    inner = correct.other_method

    def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        if request.method != "GET":
            return inner(behaviour, request, site)
        labelled = replace(request, body=request.query.encode())
        return behaviour.decide(replace(behaviour, pick_media_type=lambda _values: FORM), labelled, site)

    return replace(correct, other_method=other_method)


@planted("method-no-allow", "METHOD-002")
def no_allow(correct: Behaviour) -> Behaviour:
    """A 405 has no Allow."""
    return finishing(correct, lambda answer, _: with_field(answer, "Allow") if answer.status == 405 else answer)


@planted("method-allow-get", "METHOD-002")
def allow_get(correct: Behaviour) -> Behaviour:
    """The Allow of a 405 lists GET and HEAD, but not POST."""
    return finishing(
        correct, lambda answer, _: with_field(answer, "Allow", "GET, HEAD") if answer.status == 405 else answer
    )


@planted("method-allow-empty", "METHOD-002")
def allow_empty(correct: Behaviour) -> Behaviour:
    """The Allow of a 405 is empty."""
    return finishing(correct, lambda answer, _: with_field(answer, "Allow", "") if answer.status == 405 else answer)


@planted("method-patch-granted", "METHOD-003")
def patch_granted(correct: Behaviour) -> Behaviour:
    """PATCH gets a token like POST; PUT and DELETE are refused."""
    return granting(correct, "PATCH")


@planted("method-put-granted", "METHOD-003")
def put_granted(correct: Behaviour) -> Behaviour:
    """PUT, PATCH and DELETE get a token like POST."""
    return granting(correct, "PUT", "PATCH", "DELETE")


@planted("method-head-content", "METHOD-004", "WIRE-019")
def head_content(correct: Behaviour) -> Behaviour:
    """The answer to HEAD has content."""

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        del head
        return framed(answer, close=close, head=False)

    return replace(correct, frame=frame)


@planted("method-head-error-content", "METHOD-004", "WIRE-019")
def head_error_content(correct: Behaviour) -> Behaviour:
    """HEAD without credentials is answered 401, and the error has content."""

    def challenge(request: Request) -> Answer:
        if request.values("Authorization"):
            return page(405, "only POST is served here", ("Allow", "POST"))
        return page(401, "sign in first", ("WWW-Authenticate", 'Basic realm="token endpoint"'))

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        return correct.frame(answer, close=close, head=head and answer.status != 401)

    return replace(answering(correct, "HEAD", challenge), frame=frame)


@planted("method-options-500", "METHOD-005")
def options_500(correct: Behaviour) -> Behaviour:
    """OPTIONS makes the application die, for it looks for a form."""
    return dying(correct, lambda _request: True)


@planted("method-preflight-500", "METHOD-005")
def preflight_500(correct: Behaviour) -> Behaviour:
    """A CORS preflight without credentials makes the application die; a plain OPTIONS does not."""
    return dying(correct, lambda request: bool(request.values("Access-Control-Request-Method")))


@planted("method-case", "METHOD-006")
def method_case(correct: Behaviour) -> Behaviour:
    """Methods are compared without regard to case, so that post gets a token."""
    inner = correct.receive
    return replace(correct, receive=lambda request: replace(inner(request), method=request.method.upper()))


@planted("method-unknown-granted", "METHOD-006")
def unknown_granted(correct: Behaviour) -> Behaviour:
    """A method that nobody knows is handled as POST is."""
    inner = correct.other_method

    def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        handle = inner if request.method in KNOWN_METHODS else behaviour.decide
        return handle(behaviour, request, site)

    return replace(correct, other_method=other_method)


@planted("method-unknown-500", "METHOD-006")
def unknown_500(correct: Behaviour) -> Behaviour:
    """A method that is not known makes the application die."""
    inner = correct.other_method

    def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        if request.method not in KNOWN_METHODS:
            raise Crash
        return inner(behaviour, request, site)

    return replace(correct, other_method=other_method)


@planted("method-trace-echo", "METHOD-007", "ERR-007")
def trace_echo(correct: Behaviour) -> Behaviour:
    """TRACE gets the whole request back, Authorization included."""

    def echo(request: Request) -> Answer:
        lines = (f"{line.name}: {line.value}" for line in request.fields)
        text = "\r\n".join((f"{request.method} {request.path} {request.version}", *lines, "", ""))
        return Answer(200, (("Content-Type", "message/http"),), text.encode("latin-1"))

    return answering(correct, "TRACE", echo)


@planted("method-trace-405-echo", "METHOD-007", "ERR-007")
def trace_405_echo(correct: Behaviour) -> Behaviour:
    """The page that refuses TRACE shows the request, Authorization included."""

    def refuse(request: Request) -> Answer:
        lines = "\n".join(f"{line.name}: {line.value}" for line in request.fields)
        return page(405, f"only POST is served here\n{lines}", ("Allow", "POST"))

    return answering(correct, "TRACE", refuse)


@planted("method-trace-hangup", "METHOD-007")
def trace_hangup(correct: Behaviour) -> Behaviour:
    """TRACE closes the connection without an answer."""

    def hang_up(_request: Request) -> Answer:
        raise Hangup

    return answering(correct, "TRACE", hang_up)


@planted("method-origin-reflected", "METHOD-008")
def origin_reflected(correct: Behaviour) -> Behaviour:
    """Whatever origin asks may read the token with the credentials of its visitor."""

    def change(answer: Answer, request: Request) -> Answer:
        origin = request.value("Origin")
        if request.method != "POST" or not origin:
            return answer
        reflected = with_field(answer, "Access-Control-Allow-Origin", origin)
        return with_field(reflected, "Access-Control-Allow-Credentials", "true")

    return finishing(correct, change)


@planted("method-origin-500", "METHOD-009", "METHOD-008", "DOC-003")
def origin_500(correct: Behaviour) -> Behaviour:
    """A token request with an Origin that is not on the list makes the application die."""
    return crashing(correct, lambda request: bool(request.values("Origin")))
