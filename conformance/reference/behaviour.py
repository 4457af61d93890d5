"""The behaviour of the embedded endpoint: its steps as one frozen record, and the ways to change a step.

A planted defect and a variant are each a function from one behaviour to another. The functions below wrap the step that
is already there, so that several changes hold at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from conformance.reference import oauth
from conformance.reference.message import OWS, Answer, Malformed, Request, chunk_size, framed, trimmed
from conformance.reference.metadata import metadata, well_known

if TYPE_CHECKING:
    from typing import Protocol

    from conformance.reference.oauth import Failure, Form, Pair, Site

    class Framing(Protocol):
        """Makes octets of an answer."""

        def __call__(self, answer: Answer, *, close: bool, head: bool) -> bytes:
            """The octets of a response."""


LINE = rb"(?im)^(%s:)[ \t]*([^\r\n]*)(\r\n|\Z)"
"""A line of the field with that name."""


class Crash(Exception):  # noqa: N818 - it stands for a fault of the application under test
    """The application dies at this request; the HTTP layer answers 500."""


class Hangup(Exception):  # noqa: N818 - it stands for a fault of the application under test
    """The connection closes without an answer."""


class Silence(Exception):  # noqa: N818 - it stands for a fault of the application under test
    """No answer ever comes; the connection stays open until the client gives up."""


def _whole(request: Request) -> Request:
    return request


def _as_found(failure: Failure, _request: Request, _site: Site) -> Failure:
    return failure


def _as_made(answer: Answer, _request: Request, _site: Site) -> Answer:
    return answer


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The steps of the endpoint, each a function; the defaults are the correct ones."""

    # The HTTP layer
    header_section: Callable[[bytes], bytes] | None = None
    field_value: Callable[[bytes], bytes] = trimmed
    chunk_size: Callable[[bytes], int] = chunk_size
    refuse_message: Callable[[Malformed], Answer] = oauth.refuse_message
    frame: Framing = framed
    receive: Callable[[Request], Request] = _whole
    finish: Callable[[Answer, Request, Site], Answer] = _as_made
    # Routing
    token_path: str | None = None
    elsewhere: Callable[[Request, Site], Answer] = oauth.elsewhere
    other_method: Callable[[Behaviour, Request, Site], Answer] = oauth.other_method
    well_known: Callable[[Behaviour, Request, Site], Answer] = well_known
    metadata: Callable[[str, Site], dict[str, Any]] = metadata
    decide: Callable[[Behaviour, Request, Site], Answer] = oauth.decide
    # The request
    pick_media_type: Callable[[tuple[str, ...]], str] = oauth.pick_media_type
    is_form: Callable[[str], bool] = oauth.is_form
    read_form: Callable[[Request], Form] = oauth.read_form
    # The client
    authenticate: Callable[[Behaviour, Request, Form, Site], str] = oauth.authenticate
    credentials: Callable[[Behaviour, bytes, Site], tuple[Pair, ...]] = oauth.credentials
    unwrap: Callable[[bytes, Site], bytes] = oauth.unwrap
    decode: Callable[[bytes], bytes] = oauth.decode
    split: Callable[[bytes], Pair] = oauth.split
    check: Callable[[Behaviour, tuple[Pair, ...], Site], str] = oauth.check
    check_posted: Callable[[Behaviour, Form, Site], str] = oauth.check_posted
    same_id: Callable[[bytes, bytes], bool] = oauth.same
    same_secret: Callable[[bytes, bytes], bool] = oauth.same
    # The grant
    check_grant: Callable[[Form, Request], None] = oauth.check_grant
    check_entitled: Callable[[Site], None] = oauth.check_entitled
    grant_scope: Callable[[str | None, Site], str | None] = oauth.grant_scope
    # The answer
    token_members: Callable[[str | None, Site], dict[str, Any]] = oauth.token_members
    failing: Callable[[Failure, Request, Site], Failure] = _as_found
    error_members: Callable[[Failure, Request, Site], dict[str, Any]] = oauth.error_members
    challenges: Callable[[Failure, Request, Site], tuple[str, ...]] = oauth.challenges
    encode: Callable[[dict[str, Any]], bytes] = oauth.encode


Change = Callable[[Behaviour], Behaviour]


def ahead(correct: Behaviour, step: Callable[[Request, Site], Answer | None]) -> Behaviour:
    """A step before the application decides; its answer, if it gives one, is final."""
    inner = correct.decide

    def decide(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        return step(request, site) or inner(behaviour, request, site)

    return replace(correct, decide=decide)


def crashing(correct: Behaviour, condition: Callable[[Request], bool]) -> Behaviour:
    """The application dies of the requests that meet the condition."""

    def step(request: Request, _site: Site) -> None:
        if condition(request):
            raise Crash

    return ahead(correct, step)


def silent(correct: Behaviour, condition: Callable[[Request], bool]) -> Behaviour:
    """The requests that meet the condition are never answered."""

    def step(request: Request, _site: Site) -> None:
        if condition(request):
            raise Silence

    return ahead(correct, step)


def reading(correct: Behaviour, change: Callable[[Form, Request], Form]) -> Behaviour:
    """The parameters are taken for others."""
    inner = correct.read_form
    return replace(correct, read_form=lambda request: change(inner(request), request))


def adding(correct: Behaviour, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Behaviour:
    """A success has other members."""
    inner = correct.token_members
    return replace(correct, token_members=lambda scope, site: change(inner(scope, site)))


def failing(correct: Behaviour, change: Callable[[Failure, Request], Failure], *causes: str) -> Behaviour:
    """A refusal is stated otherwise, if it has one of the causes; without causes every refusal is."""
    inner = correct.failing

    def stated(failure: Failure, request: Request, site: Site) -> Failure:
        found = inner(failure, request, site)
        return change(found, request) if not causes or found.cause in causes else found

    return replace(correct, failing=stated)


def finishing(correct: Behaviour, change: Callable[[Answer, Request], Answer]) -> Behaviour:
    """An answer is altered just before it leaves."""
    inner = correct.finish
    return replace(correct, finish=lambda answer, request, site: change(inner(answer, request, site), request))


def misreading(correct: Behaviour, change: Callable[[bytes], bytes]) -> Behaviour:
    """The header section is taken for another one; several changes follow one another."""
    inner = correct.header_section
    return replace(correct, header_section=change if inner is None else lambda head: change(inner(head)))


def lines(head: bytes, name: bytes) -> list[bytes]:
    """The values of every line of a field in a header section as it came."""
    return [found[1].strip(OWS) for found in re.findall(LINE % name, head)]


def without(head: bytes, name: bytes) -> bytes:
    """The header section without the lines of a field."""
    return re.sub(LINE % name, b"", head + b"\r\n").removesuffix(b"\r\n")


def with_field(answer: Answer, name: str, *values: str) -> Answer:
    """The answer with that field set to those lines; with none, without it."""
    kept = tuple(line for line in answer.fields if line[0].lower() != name.lower())
    return replace(answer, fields=(*kept, *((name, value) for value in values)))


def html(status: int, title: str, *fields: tuple[str, str]) -> Answer:
    """A page as frameworks show it."""
    body = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status, (("Content-Type", "text/html; charset=utf-8"), *fields), body.encode())


def empty_success() -> Answer:
    """A 200 without a token."""
    return Answer(200, oauth.JSON_FIELDS, b"{}")
