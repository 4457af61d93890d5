"""Defects in the form of a refusal."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, ahead, failing, finishing, html, misreading, with_field
from conformance.reference.message import Answer, Malformed, Request, page
from conformance.reference.oauth import INVALID_REQUEST, PASSPORT, RECOGNISED, Failure, Site, form_decoded
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER_CAUSES = ("wrong-secret", "unknown-client")
GRANT_CAUSES = ("grant-missing", "grant-unknown", "scope-unknown", "scope-malformed")
CODES = (
    *("AUTH-018", "AUTH-019", "AUTH-029", "AUTH-032", "BODY-004", "BODY-005"),
    *("GRANT-001", "GRANT-002", "GRANT-004", "GRANT-006", "GRANT-009", "GRANT-010", "WIRE-015", "WIRE-017"),
)
"""Rows that want an error code of RFC 6749."""

CODES_LOST = ("ERR-001", "ERR-006", "ERR-010", *CODES, "GEN-006")


def errors(correct: Behaviour, change: Callable[[Answer, Request], Answer]) -> Behaviour:
    """Every 400 and 401 of OAuth processing is altered just before it leaves."""

    def finish(answer: Answer, request: Request) -> Answer:
        return change(answer, request) if answer.status in (400, 401) else answer

    return finishing(correct, finish)


def describing(correct: Behaviour, change: Callable[[dict[str, Any], Failure, Request], dict[str, Any]]) -> Behaviour:
    """The members of every refusal are others."""
    inner = correct.error_members

    def members(failure: Failure, request: Request, site: Site) -> dict[str, Any]:
        return change(inner(failure, request, site), failure, request)

    return replace(correct, error_members=members)


def saying(correct: Behaviour, description: str, *causes: str) -> Behaviour:
    """Refusals for those causes have that description."""
    return failing(correct, lambda failure, _request: replace(failure, description=description), *causes)


@planted("err-text-html", "ERR-001", "ERR-010", "GEN-006")
def text_html(correct: Behaviour) -> Behaviour:
    """The JSON of an error is labelled text/html."""
    return errors(correct, lambda answer, _request: with_field(answer, "Content-Type", "text/html"))


@planted("err-member-name", *CODES_LOST)
def member_name(correct: Behaviour) -> Behaviour:
    """The error code stands in a member named code."""

    def change(members: dict[str, Any], _failure: Failure, _request: Request) -> dict[str, Any]:
        return {"code": members["error"], "message": members["error_description"]}

    return describing(correct, change)


@planted("err-code-number", *CODES_LOST)
def code_number(correct: Behaviour) -> Behaviour:
    """The error code is a number."""
    return describing(correct, lambda members, _failure, _request: {**members, "error": 40001})


@planted("err-401-page", "ERR-001", "ERR-006", "ERR-010", "AUTH-032", "GRANT-009", "WIRE-015", "GEN-006")
def page_401(correct: Behaviour) -> Behaviour:
    """The container answers every 401 with a page of its own."""

    def change(answer: Answer, _request: Request) -> Answer:
        if answer.status != 401:
            return answer
        shown = html(401, "HTTP Status 401 - Unauthorized")
        return replace(with_field(answer, "Content-Type", "text/html; charset=utf-8"), body=shown.body)

    return errors(correct, change)


@planted("err-html-page", *CODES_LOST)
def html_page(correct: Behaviour) -> Behaviour:
    """Every error is a page of the framework."""

    def change(answer: Answer, _request: Request) -> Answer:
        shown = html(answer.status, "Bad Request")
        return replace(with_field(answer, "Content-Type", "text/html; charset=utf-8"), body=shown.body)

    return errors(correct, change)


@planted(
    "err-200",
    "ERR-002",
    "GRANT-001",
    "GRANT-002",
    "GRANT-004",
    "GRANT-005",
    "GRANT-006",
    "GRANT-008",
    "GRANT-010",
    "GRANT-011",
    "GRANT-012",
    "CTYPE-006",
    "ERR-010",
    "BODY-008",
    "BODY-014",
    "BODY-016",
    "DOC-002",
    "DOC-003",
    "WIRE-017",
    "GEN-006",
)
def ok_with_error(correct: Behaviour) -> Behaviour:
    """An unusable grant or scope is answered 200 with an error inside."""
    return failing(correct, lambda failure, _request: replace(failure, status=200), *GRANT_CAUSES)


@planted(
    "err-401-everywhere",
    "ERR-002",
    "GRANT-001",
    "GRANT-002",
    "GRANT-004",
    "GRANT-006",
    "GRANT-010",
    "BODY-008",
    "DOC-002",
    "DOC-003",
    "WIRE-017",
)
def everything_401(correct: Behaviour) -> Behaviour:
    """An unusable grant or scope is answered 401."""
    return failing(correct, lambda failure, _request: replace(failure, status=401), *GRANT_CAUSES)


@planted("err-scope-422", "ERR-002", "GRANT-010")
def scope_422(correct: Behaviour) -> Behaviour:
    """An unknown scope is answered 422."""
    return failing(correct, lambda failure, _request: replace(failure, status=422), "scope-unknown")


@planted("err-code-sentence", "ERR-003", "ERR-006", "GEN-006")
def code_sentence(correct: Behaviour) -> Behaviour:
    """Credentials without a colon get a sentence with quotes as their error code."""
    return failing(correct, lambda failure, _: replace(failure, code='credentials without ":"'), "no-colon")


@planted("err-description-quotes", "ERR-004", "GEN-006")
def description_quotes(correct: Behaviour) -> Behaviour:
    """The description of a missing grant_type has double quotes in it."""
    return saying(correct, 'the parameter "grant_type" is missing', "grant-missing")


@planted("err-description-newline", "ERR-004", "GEN-006")
def description_newline(correct: Behaviour) -> Behaviour:
    """The description of a failed authentication runs over two lines."""
    return saying(correct, "the client is unknown\nor its secret is wrong", *HEADER_CAUSES)


@planted("err-description-localised", "ERR-004", "GEN-006")
def description_localised(correct: Behaviour) -> Behaviour:
    """The description of an unsupported grant has letters beyond ASCII."""
    return saying(correct, "type d'autorisation non supporté", "grant-unknown")


@planted("err-description-class", "ERR-004", "GEN-006")
def description_class(correct: Behaviour) -> Behaviour:
    """The description of an unsupported grant names a class, with backslashes between its parts."""
    return saying(correct, "no handler App\\OAuth\\Grants for that grant type", "grant-unknown")


@planted("err-description-list", "ERR-004", "GEN-006")
def description_list(correct: Behaviour) -> Behaviour:
    """The description of a missing grant_type is a list of sentences."""

    def change(members: dict[str, Any], failure: Failure, _request: Request) -> dict[str, Any]:
        listed = failure.cause == "grant-missing"
        return {**members, "error_description": [members["error_description"]]} if listed else members

    return describing(correct, change)


@planted("err-scope-echo", "ERR-004", "BODY-014", "GEN-006")
def scope_echo(correct: Behaviour) -> Behaviour:
    """The description of a refused scope repeats the scope."""

    def change(failure: Failure, request: Request) -> Failure:
        return replace(failure, description=f"{failure.description}: {correct.read_form(request).get('scope')}")

    return failing(correct, change, "scope-malformed", "scope-unknown")


@planted("err-description-empty", "ERR-004")
def description_empty(correct: Behaviour) -> Behaviour:
    """Every error_description is empty."""
    return saying(correct, "")


@planted("err-description-echo", "ERR-004", "GEN-006")
def description_echo(correct: Behaviour) -> Behaviour:
    """The description of an unsupported grant repeats the value that was sent."""

    def change(failure: Failure, request: Request) -> Failure:
        sent = correct.read_form(request).get("grant_type")
        return replace(failure, description=f"unsupported grant_type: {sent}")

    return failing(correct, change, "grant-unknown")


@planted("err-uri-space", "ERR-005", "GEN-006")
def uri_space(correct: Behaviour) -> Behaviour:
    """error_uri has a blank in it."""
    link = "https://docs.example/token errors"
    return describing(correct, lambda members, _failure, _request: {**members, "error_uri": link})


@planted("err-uri-null", "ERR-005", "GEN-006")
def uri_null(correct: Behaviour) -> Behaviour:
    """error_uri is null where there is no page about the error."""
    return describing(correct, lambda members, _failure, _request: {**members, "error_uri": None})


@planted("err-code-capitals", "ERR-006", "AUTH-007", *CODES)
def code_capitals(correct: Behaviour) -> Behaviour:
    """Error codes are in capitals."""
    return describing(correct, lambda members, _failure, _request: {**members, "error": members["error"].upper()})


@planted("err-own-code", "ERR-006", "GRANT-009", "GEN-006")
def own_code(correct: Behaviour) -> Behaviour:
    """A failed authentication has an error code of the server's own making."""
    return failing(correct, lambda failure, _: replace(failure, code="bad_credentials"), *HEADER_CAUSES)


@planted("err-server-error", "ERR-006")
def server_error(correct: Behaviour) -> Behaviour:
    """An Authorization value that is not Base64 is answered server_error."""
    return failing(correct, lambda failure, _: replace(failure, code="server_error", status=400), "undecodable")


@planted("err-echoes-secret", "ERR-007", "GEN-005")
def echoes_secret(correct: Behaviour) -> Behaviour:
    """The answer to a wrong secret holds the credentials that were sent."""

    def change(members: dict[str, Any], failure: Failure, request: Request) -> dict[str, Any]:
        if failure.cause != "wrong-secret":
            return members
        return {**members, "received": request.value("Authorization")}

    return describing(correct, change)


@planted("err-echoes-body", "ERR-007", "GEN-005")
def echoes_body(correct: Behaviour) -> Behaviour:
    """A refusal of credentials sent twice repeats the body."""

    def change(members: dict[str, Any], failure: Failure, request: Request) -> dict[str, Any]:
        if failure.cause != "two-mechanisms":
            return members
        return {**members, "received": form_decoded(request.body).decode("utf-8", "replace")}

    return describing(correct, change)


@planted("err-header-echo", "ERR-007", "GEN-005")
def header_echo(correct: Behaviour) -> Behaviour:
    """Every refusal repeats the Authorization value in a field for debugging."""

    def change(answer: Answer, request: Request) -> Answer:
        return with_field(answer, "X-Debug-Authorization", request.value("Authorization"))

    return errors(correct, change)


@planted("err-unknown-parameters-echo", "ERR-007", "DOC-004", "GEN-005", profiles=(PASSPORT,))
def unknown_parameters_echo(correct: Behaviour) -> Behaviour:
    """A refusal repeats the parameters that nobody knows, with their values."""

    def change(members: dict[str, Any], _failure: Failure, request: Request) -> dict[str, Any]:
        unknown = correct.read_form(request).without(*RECOGNISED).pairs
        return {**members, "ignored": dict(unknown)} if unknown else members

    return describing(correct, change)


@planted("err-token-inside", "ERR-007", "GRANT-010")
def token_inside(correct: Behaviour) -> Behaviour:
    """The refusal of an unknown scope carries an access_token all the same."""
    token = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"  # noqa: S105 - it opens nothing

    def change(members: dict[str, Any], failure: Failure, _request: Request) -> dict[str, Any]:
        return {**members, "access_token": token} if failure.cause == "scope-unknown" else members

    return describing(correct, change)


@planted("err-line-echo", "ERR-007", "GEN-005")
def line_echo(correct: Behaviour) -> Behaviour:
    """The HTTP layer shows the field line that it cannot read, credentials included."""

    def change(head: bytes) -> bytes:
        found = re.search(rb"(?im)^[ \t]+authorization:[^\r\n]*", head)
        if found:
            raise Malformed(400, f"malformed line: {found[0].decode('latin-1')}")
        return head

    return misreading(correct, change)


@planted("err-key-part", "ERR-007", "GEN-005")
def key_part(correct: Behaviour) -> Behaviour:
    """Every answer has a field that tells clients apart by the first half of their credentials."""

    def change(answer: Answer, request: Request) -> Answer:
        value = request.value("Authorization").rpartition(" ")[2]
        return with_field(answer, "X-Client-Key", value[: len(value) // 2]) if value.isascii() and value else answer

    return finishing(correct, change)


@planted("err-pair-in-success", "ERR-007", "SUCC-012", "GEN-005")
def pair_in_success(correct: Behaviour) -> Behaviour:
    """A success has a member with the Base64 of id and secret, its padding cut."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        pair = base64.b64encode(f"{site.client_id}:{site.client_secret}".encode())
        return {**inner(scope, site), "key": pair.decode().rstrip("=")}

    return replace(correct, token_members=members)


@planted("err-query-shown", "ERR-008")
def query_shown(correct: Behaviour) -> Behaviour:
    """The refusal of an unknown client shows the query that found nothing."""
    query = "SQLSTATE[02000]: no data: SELECT secret FROM oauth_clients WHERE client_id = ?"
    return saying(correct, query, "unknown-client")


@planted("err-java-trace", "ERR-008")
def java_trace(correct: Behaviour) -> Behaviour:
    """The refusal of an unsupported grant shows where in the code it was thrown."""
    trace = "UnsupportedGrantException\n\tat com.example.oauth.TokenController.issue(TokenController.java:41)"

    def change(members: dict[str, Any], failure: Failure, _request: Request) -> dict[str, Any]:
        return {**members, "trace": trace} if failure.cause == "grant-unknown" else members

    return describing(correct, change)


@planted("err-stack-trace", "ERR-008")
def stack_trace(correct: Behaviour) -> Behaviour:
    """A refusal shows the stack trace of the exception behind it."""
    trace = 'Traceback (most recent call last):\n  File "/srv/app/token.py", line 41, in issue\nKeyError: grant_type'
    return describing(correct, lambda members, _failure, _request: {**members, "debug": trace})


@planted("err-redirect", "ERR-009", "DOC-005", "WIRE-015")
def redirect(correct: Behaviour) -> Behaviour:
    """A request without Content-Type is redirected to a page of help."""

    def step(request: Request, _site: Site) -> Answer | None:
        return None if request.values("Content-Type") else page(302, "see the documentation", ("Location", "/help"))

    return ahead(correct, step)


@planted("err-html-accept", "ERR-010", "GEN-006")
def html_accept(correct: Behaviour) -> Behaviour:
    """A client that names text/html in Accept gets its errors as a page."""

    def change(answer: Answer, request: Request) -> Answer:
        if "text/html" not in request.value("Accept"):
            return answer
        shown = html(answer.status, json.loads(answer.body).get("error", INVALID_REQUEST))
        return replace(with_field(answer, "Content-Type", "text/html; charset=utf-8"), body=shown.body)

    return errors(correct, change)
