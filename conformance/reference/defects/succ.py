"""Defects in the form of a success."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, adding, finishing, with_field
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.message import Answer, Request
    from conformance.reference.oauth import Site


def success(correct: Behaviour, change: Callable[[Answer], Answer]) -> Behaviour:
    """Every success is altered just before it leaves."""
    return finishing(correct, lambda answer, _request: change(answer) if answer.status == 200 else answer)


def body(correct: Behaviour, change: Callable[[bytes], bytes]) -> Behaviour:
    """The content of every success is altered."""
    return success(correct, lambda answer: replace(answer, body=change(answer.body)))


def member(correct: Behaviour, name: str, value: Any) -> Behaviour:
    """A success has that member."""
    return adding(correct, lambda members: {**members, name: value})


def without(correct: Behaviour, name: str) -> Behaviour:
    """A success lacks that member."""
    return adding(correct, lambda members: {known: value for known, value in members.items() if known != name})


@planted("succ-201", "SUCC-001", "GEN-006")
def created(correct: Behaviour) -> Behaviour:
    """A token is answered 201."""
    return success(correct, lambda answer: replace(answer, status=201))


@planted("succ-text-html", "SUCC-002", "HDR-005", "HDR-006", "GEN-006")
def text_html(correct: Behaviour) -> Behaviour:
    """The JSON of a success is labelled text/html."""
    return success(correct, lambda answer: with_field(answer, "Content-Type", "text/html"))


@planted("succ-json-sequence", "SUCC-002", "HDR-005", "HDR-006", "GEN-006")
def json_sequence(correct: Behaviour) -> Behaviour:
    """A success is labelled application/json-seq, of which application/json is only the beginning."""
    return success(correct, lambda answer: with_field(answer, "Content-Type", "application/json-seq"))


@planted("succ-no-content-type", "SUCC-002", "HDR-005", "HDR-006", "GEN-006")
def no_content_type(correct: Behaviour) -> Behaviour:
    """A success has no Content-Type."""
    return success(correct, lambda answer: with_field(answer, "Content-Type"))


@planted("succ-envelope", "SUCC-003", "REQ-001", "SUCC-006", "SUCC-007", "GEN-001", "GEN-006")
def envelope(correct: Behaviour) -> Behaviour:
    """The token stands in an envelope of code, message and data."""
    return adding(correct, lambda members: {"code": 0, "message": "success", "data": members})


@planted("succ-array", "SUCC-003", "REQ-001", "SUCC-006", "SUCC-007", "GEN-001", "GEN-006")
def array(correct: Behaviour) -> Behaviour:
    """The object stands in an array."""
    return body(correct, lambda octets: b"[" + octets + b"]")


@planted("succ-encoded-twice", "SUCC-003", "REQ-001", "SUCC-006", "SUCC-007", "GEN-001", "GEN-006")
def encoded_twice(correct: Behaviour) -> Behaviour:
    """The object is encoded twice, so that the JSON is a string."""
    return body(correct, lambda octets: json.dumps(octets.decode()).encode())


@planted("succ-camel-case", "SUCC-003", "REQ-001", "SUCC-006", "SUCC-007", "SUCC-009", "GEN-001", "GEN-006")
def camel_case(correct: Behaviour) -> Behaviour:
    """The members are named accessToken, tokenType and expiresIn."""

    def change(members: dict[str, Any]) -> dict[str, Any]:
        return {re.sub("_([a-z])", lambda found: found[1].upper(), name): value for name, value in members.items()}

    return adding(correct, change)


@planted("succ-notice-before", "SUCC-003", "SUCC-004", "REQ-001", "SUCC-006", "SUCC-007", "GEN-001", "GEN-006")
def notice_before(correct: Behaviour) -> Behaviour:
    """A notice of the interpreter stands before the object."""
    return body(correct, lambda octets: b"<br />\n<b>Deprecated</b>: token() is deprecated<br />\n" + octets)


@planted("succ-form-encoded", "SUCC-003", "REQ-001", "SUCC-006", "SUCC-007", "GEN-001", "GEN-006")
def form_encoded(correct: Behaviour) -> Behaviour:
    """The members are form-encoded, under the label of JSON."""

    def change(octets: bytes) -> bytes:
        return "&".join(f"{name}={value}" for name, value in json.loads(octets).items()).encode()

    return body(correct, change)


@planted("succ-bom", "SUCC-004", "SUCC-003", "GEN-006")
def bom(correct: Behaviour) -> Behaviour:
    """The JSON starts with a byte order mark."""
    return body(correct, lambda octets: b"\xef\xbb\xbf" + octets)


@planted("succ-nan", "SUCC-004", "SUCC-003", "GEN-006")
def nan(correct: Behaviour) -> Behaviour:
    """A further member has the value NaN."""
    return member(correct, "quota", float("nan"))


@planted("succ-latin-1", "SUCC-004", "SUCC-003", "GEN-006")
def latin_1(correct: Behaviour) -> Behaviour:
    """The JSON is in ISO-8859-1, with a letter beyond ASCII in a further member."""
    return body(correct, lambda octets: octets[:-1] + ', "region": "Zürich"}'.encode("latin-1"))


@planted("succ-member-twice", "SUCC-005")
def member_twice(correct: Behaviour) -> Behaviour:
    """token_type stands in the object twice."""
    return body(correct, lambda octets: octets[:-1] + b', "token_type": "Bearer"}')


@planted("succ-token-twice", "SUCC-005")
def token_twice(correct: Behaviour) -> Behaviour:
    """access_token stands in the object twice, with different values."""
    return body(correct, lambda octets: octets[:-1] + f', "access_token": "{secrets.token_urlsafe(32)}"}}'.encode())


@planted("succ-token-line-end", "SUCC-006", "REQ-001", "TOKEN-001", "GEN-001", "GEN-006")
def token_line_end(correct: Behaviour) -> Behaviour:
    """access_token ends in a line end, as the file does from which it was read."""
    return adding(correct, lambda members: {**members, "access_token": f"{members['access_token']}\n"})


@planted("succ-empty-token", "SUCC-006", "REQ-001", "TOKEN-001", "TOKEN-002", "GEN-001", "GEN-006")
def empty_token(correct: Behaviour) -> Behaviour:
    """access_token is an empty string."""
    return member(correct, "access_token", "")


@planted("succ-token-non-ascii", "SUCC-006", "REQ-001", "TOKEN-001", "GEN-001", "GEN-006")
def token_non_ascii(correct: Behaviour) -> Behaviour:
    """access_token holds letters beyond ASCII."""
    return adding(correct, lambda members: {**members, "access_token": f"é{members['access_token']}"})


@planted("succ-token-number", "SUCC-006", "REQ-001", "TOKEN-001", "TOKEN-002", "GEN-001", "GEN-006")
def token_number(correct: Behaviour) -> Behaviour:
    """access_token is a number."""
    return adding(correct, lambda members: {**members, "access_token": secrets.randbits(48)})


@planted("succ-no-token-type", "SUCC-007", "GEN-006")
def no_token_type(correct: Behaviour) -> Behaviour:
    """token_type is missing."""
    return without(correct, "token_type")


@planted("succ-token-type-illegal", "SUCC-007", "GEN-006")
def token_type_illegal(correct: Behaviour) -> Behaviour:
    """token_type is two words."""
    return member(correct, "token_type", "Bearer token")


@planted("succ-expires-string", "SUCC-008", "GEN-006")
def expires_string(correct: Behaviour) -> Behaviour:
    """expires_in is a string."""
    return member(correct, "expires_in", "3600")


@planted("succ-expires-boolean", "SUCC-008", "GEN-006")
def expires_boolean(correct: Behaviour) -> Behaviour:
    """expires_in is true, which some languages count as a number."""
    return member(correct, "expires_in", True)


@planted("succ-expires-fraction", "SUCC-008")
def expires_fraction(correct: Behaviour) -> Behaviour:
    """expires_in has a fraction."""
    return member(correct, "expires_in", 3600.0)


@planted("succ-expires-negative", "SUCC-008", "GEN-006")
def expires_negative(correct: Behaviour) -> Behaviour:
    """expires_in is below zero."""
    return member(correct, "expires_in", -1)


@planted("succ-expires-null", "SUCC-008", "SUCC-012", "GEN-006")
def expires_null(correct: Behaviour) -> Behaviour:
    """expires_in is null."""
    return member(correct, "expires_in", None)


@planted("succ-expires-zero", "SUCC-008")
def expires_zero(correct: Behaviour) -> Behaviour:
    """expires_in is zero, so the token has expired on arrival."""
    return member(correct, "expires_in", 0)


@planted("succ-no-expires", "SUCC-009")
def no_expires(correct: Behaviour) -> Behaviour:
    """expires_in is missing."""
    return without(correct, "expires_in")


@planted("succ-refresh-token", "SUCC-010")
def refresh_token(correct: Behaviour) -> Behaviour:
    """A refresh token comes along."""
    return adding(correct, lambda members: {**members, "refresh_token": secrets.token_urlsafe(32)})


@planted("succ-scope-array", "SUCC-011", "GEN-006")
def scope_array(correct: Behaviour) -> Behaviour:
    """Scope is an array of strings."""
    return adding(correct, lambda members: {**members, "scope": str(members.get("scope", "read")).split(" ")})


@planted("succ-scope-empty", "SUCC-011")
def scope_empty(correct: Behaviour) -> Behaviour:
    """Scope is an empty string where none was asked for."""
    return adding(correct, lambda members: {"scope": "", **members})


@planted("succ-scope-blank", "SUCC-011")
def scope_blank(correct: Behaviour) -> Behaviour:
    """Scope starts with a blank."""
    return adding(correct, lambda members: {**members, "scope": f" {members.get('scope', 'read write')}"})


@planted("succ-error-member", "SUCC-012")
def error_member(correct: Behaviour) -> Behaviour:
    """A success has an error member that says ok."""
    return member(correct, "error", "ok")


@planted("succ-null-member", "SUCC-012", "SUCC-011", "GEN-006")
def null_member(correct: Behaviour) -> Behaviour:
    """Scope is null where none was asked for."""
    return adding(correct, lambda members: {"scope": None, **members})


@planted("succ-secret", "SUCC-012", "ERR-007", "GEN-005")
def secret(correct: Behaviour) -> Behaviour:
    """A success repeats the client secret."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        return {**inner(scope, site), "client_secret": site.client_secret}

    return replace(correct, token_members=members)


@planted("succ-cookie", "SUCC-013")
def cookie(correct: Behaviour) -> Behaviour:
    """Every answer of the endpoint sets a session cookie."""

    def change(answer: Answer, _request: Request) -> Answer:
        return with_field(answer, "Set-Cookie", f"session={secrets.token_hex(8)}; HttpOnly")

    return finishing(correct, change)
