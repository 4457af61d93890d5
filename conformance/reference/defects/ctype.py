"""Defects in how the Content-Type field is read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, ahead, crashing, empty_success, reading, silent
from conformance.reference.message import Answer, Request, page
from conformance.reference.oauth import FORM, INVALID_REQUEST, Failure, Form, Refused
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.oauth import Site


def types(request: Request) -> tuple[str, ...]:
    """The Content-Type lines."""
    return request.values("Content-Type")


def dying_of(correct: Behaviour, condition: Callable[[str], bool]) -> Behaviour:
    """A lone Content-Type that meets the condition makes the application die."""
    return crashing(correct, lambda request: len(types(request)) == 1 and condition(types(request)[0].lower()))


@planted("ctype-form-refused", "CTYPE-001", "REQ-001", "GEN-001", closes_gate=True)
def form_refused(correct: Behaviour) -> Behaviour:
    """The form media type is answered 415."""

    def step(request: Request, _site: Site) -> Answer | None:
        is_form = bool(types(request)) and correct.is_form(types(request)[0])
        return page(415, "unsupported media type") if is_form else None

    return ahead(correct, step)


@planted("ctype-case", "CTYPE-002", "GEN-001")
def case(correct: Behaviour) -> Behaviour:
    """The media type is compared letter by letter, case included."""
    return replace(correct, is_form=lambda value: value.partition(";")[0].strip() == FORM)


@planted("ctype-parameter", "CTYPE-003", "GEN-001", "DOC-007")
def parameter(correct: Behaviour) -> Behaviour:
    """The whole value is compared, so a charset parameter makes it another media type."""
    return replace(correct, is_form=lambda value: value.lower() == FORM)


@planted("ctype-quoted-charset-500", "CTYPE-003", "GEN-001", "GEN-003")
def quoted_charset_500(correct: Behaviour) -> Behaviour:
    """A charset in quotes is looked up with its quotes, and the application dies."""
    return dying_of(correct, lambda value: 'charset="' in value)


@planted("ctype-missing-empty-200", "CTYPE-004", "GEN-006", "WIRE-015")
def missing_empty_200(correct: Behaviour) -> Behaviour:
    """Without a Content-Type the answer is 200 without a token."""
    return ahead(correct, lambda request, _site: None if types(request) else empty_success())


@planted("ctype-missing-500", "CTYPE-004", "GEN-003", "DOC-005", "WIRE-015")
def missing_500(correct: Behaviour) -> Behaviour:
    """Without a Content-Type the application dies."""
    return crashing(correct, lambda request: not types(request))


@planted("ctype-malformed-500", "CTYPE-005", "GEN-003")
def malformed_500(correct: Behaviour) -> Behaviour:
    """A Content-Type without a slash makes the application die."""
    return dying_of(correct, lambda value: "/" not in value)


@planted("ctype-sniffs-json", "CTYPE-006", "GEN-002")
def sniffs_json(correct: Behaviour) -> Behaviour:
    """A body that looks like a JSON object is read as one, although it is labelled as a form."""

    def read(form: Form, request: Request) -> Form:
        try:
            members = json.loads(request.body)
        except (ValueError, RecursionError):
            return form
        if not isinstance(members, dict):
            return form
        return Form(tuple((name, value) for name, value in members.items() if isinstance(value, str)))

    return reading(correct, read)


@planted("ctype-json-500", "CTYPE-006", "CTYPE-013", "GEN-003")
def json_500(correct: Behaviour) -> Behaviour:
    """Content-Type application/json makes the application die."""
    return dying_of(correct, lambda value: value.startswith("application/json"))


@planted("ctype-multipart-500", "CTYPE-007", "CTYPE-013", "GEN-003")
def multipart_500(correct: Behaviour) -> Behaviour:
    """A multipart body makes the application die."""
    return dying_of(correct, lambda value: value.startswith("multipart/"))


@planted("ctype-multipart-silence", "CTYPE-007", "CTYPE-013", "GEN-004")
def multipart_silence(correct: Behaviour) -> Behaviour:
    """A multipart body is awaited for ever."""
    return silent(correct, lambda request: types(request)[:1] != () and types(request)[0].startswith("multipart/"))


@planted("ctype-text-500", "CTYPE-007", "GEN-003")
def text_500(correct: Behaviour) -> Behaviour:
    """Content-Type text/plain makes the application die."""
    return dying_of(correct, lambda value: value.startswith("text/plain"))


@planted("ctype-duplicate-500", "CTYPE-008", "CTYPE-009", "CTYPE-012", "GEN-003", "DOC-006")
def duplicate_500(correct: Behaviour) -> Behaviour:
    """Two Content-Type lines with the same value make the application die."""
    return crashing(correct, lambda request: len(types(request)) > len(set(types(request))))


@planted("ctype-space-is-conflict", "CTYPE-009")
def space_is_conflict(correct: Behaviour) -> Behaviour:
    """Two Content-Type lines are compared with their blanks, so one more space makes them contradict."""

    def read(form: Form, request: Request) -> Form:
        if len({line.raw for line in request.fields if line.name.lower() == "content-type"}) > 1:
            raise Refused(Failure("media-conflict", INVALID_REQUEST, "Content-Type is sent twice"))
        return form

    return reading(correct, read)


@planted("ctype-combined-500", "CTYPE-010", "CTYPE-012", "GEN-003")
def combined_500(correct: Behaviour) -> Behaviour:
    """A comma in Content-Type makes the application die."""
    return dying_of(correct, lambda value: "," in value)


@planted("ctype-conflict-500", "CTYPE-011", "GEN-003")
def conflict_500(correct: Behaviour) -> Behaviour:
    """Two Content-Type lines that name different media types make the application die."""

    def conflicting(request: Request) -> bool:
        return len({value.partition(";")[0].strip().lower() for value in types(request) if value}) > 1

    return crashing(correct, conflicting)


@planted("ctype-empty-second-500", "CTYPE-012", "GEN-003")
def empty_second_500(correct: Behaviour) -> Behaviour:
    """An empty Content-Type line beside another one makes the application die."""
    return crashing(correct, lambda request: len(types(request)) > 1 and "" in types(request))


@planted("ctype-broken-json-500", "CTYPE-013", "GEN-003")
def broken_json_500(correct: Behaviour) -> Behaviour:
    """A body labelled as JSON that is not JSON, an empty or a form body aside, makes the application die."""

    def broken(request: Request) -> bool:
        label = types(request)[0].lower() if types(request) else ""
        if label.startswith("application/json") and request.body[:1] in b"{[":
            json.loads(request.body or b"{}")
        return False

    return crashing(correct, broken)


@planted("ctype-odd-json-500", "CTYPE-013", "GEN-003")
def odd_json_500(correct: Behaviour) -> Behaviour:
    """A JSON body that is no object makes the application die."""

    def broken(request: Request) -> bool:
        label = types(request)[0].lower() if types(request) else ""
        return label.startswith("application/json") and request.body[:1] in (b"[", b"n")

    return crashing(correct, broken)


@planted("ctype-no-boundary-500", "CTYPE-013", "GEN-003")
def no_boundary_500(correct: Behaviour) -> Behaviour:
    """A multipart label without a boundary makes the application die."""
    return dying_of(correct, lambda value: value.startswith("multipart/") and "boundary=" not in value)
