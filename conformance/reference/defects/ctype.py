"""Defects in how the Content-Type field is read."""

from __future__ import annotations

import json
import re
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


@planted("ctype-dotless", "CTYPE-002", "GEN-001")
def dotless(correct: Behaviour) -> Behaviour:
    """The media type is put into small letters by the rules of Turkish, where those of I are another letter."""
    return replace(correct, is_form=lambda value: correct.is_form(value.replace("I", "\u0131")))


@planted("ctype-parameter-space", "CTYPE-003", "GEN-001")
def parameter_space(correct: Behaviour) -> Behaviour:
    """A parameter counts as one only where no blank stands around its semicolon."""
    return replace(correct, is_form=lambda value: correct.is_form(value) and not re.search(r"[ \t];|;[ \t]", value))


@planted("ctype-parameter", "CTYPE-003", "GEN-001", "DOC-007")
def parameter(correct: Behaviour) -> Behaviour:
    """The whole value is compared, so a charset parameter makes it another media type."""
    return replace(correct, is_form=lambda value: value.lower() == FORM)


@planted("ctype-quoted-charset-500", "CTYPE-003", "GEN-001", "GEN-003")
def quoted_charset_500(correct: Behaviour) -> Behaviour:
    """A charset in quotes is looked up with its quotes, and the application dies."""
    return dying_of(correct, lambda value: 'charset="' in value)


@planted("ctype-missing-empty-200", "CTYPE-004", "GEN-006", "WIRE-015", "DOC-005")
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


@planted("ctype-two-slashes-500", "CTYPE-005", "CTYPE-010", "GEN-003")
def two_slashes_500(correct: Behaviour) -> Behaviour:
    """A media type with more than one slash cannot be unpacked into two parts, and the application dies."""
    return dying_of(correct, lambda value: value.count("/") > 1)


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


@planted("ctype-form-as-json-500", "CTYPE-006", "CTYPE-011", "CTYPE-013", "GEN-003")
def form_as_json_500(correct: Behaviour) -> Behaviour:
    """A body that is labelled as JSON and is none, a form among them, makes the application die."""

    def broken(request: Request) -> bool:
        if types(request)[:1] != () and types(request)[0].lower().startswith("application/json"):
            json.loads(request.body or b"{}")
        return False

    return crashing(correct, broken)


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


@planted("ctype-second-space-400", "CTYPE-009")
def second_space_400(correct: Behaviour) -> Behaviour:
    """A Content-Type line that is not the first one is refused where more than one space follows its colon."""

    def step(request: Request, _site: Site) -> Answer | None:
        later = [line.raw for line in request.fields if line.name.lower() == "content-type"][1:]
        return page(400, "bad request") if any(raw.startswith(b"  ") for raw in later) else None

    return ahead(correct, step)


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


@planted("ctype-json-first-500", "CTYPE-011", "GEN-003")
def json_first_500(correct: Behaviour) -> Behaviour:
    """JSON as the first of two Content-Type lines makes the application die; as the second one it does not."""
    return crashing(correct, lambda request: len(types(request)) > 1 and "json" in types(request)[0].lower())


@planted("ctype-names-differ-500", "CTYPE-012", "GEN-003")
def names_differ_500(correct: Behaviour) -> Behaviour:
    """Content-Type in two spellings of its name makes the application die."""

    def differ(request: Request) -> bool:
        return len({line.name for line in request.fields if line.name.lower() == "content-type"}) > 1

    return crashing(correct, differ)


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


@planted("ctype-json-number-500", "CTYPE-013", "GEN-003")
def json_number_500(correct: Behaviour) -> Behaviour:
    """A grant_type in JSON that is no text makes the application die."""

    def broken(request: Request) -> bool:
        label = types(request)[0].lower() if types(request) else ""
        if not label.startswith("application/json"):
            return False
        try:
            members = json.loads(request.body)
        except (ValueError, RecursionError):
            return False
        return isinstance(members, dict) and not isinstance(members.get("grant_type", ""), str)

    return crashing(correct, broken)


@planted("ctype-no-boundary-500", "CTYPE-013", "GEN-003")
def no_boundary_500(correct: Behaviour) -> Behaviour:
    """A multipart label without a boundary makes the application die."""
    return dying_of(correct, lambda value: value.startswith("multipart/") and "boundary=" not in value)
