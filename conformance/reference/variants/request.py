"""Choices in how media types, forms, grants and scopes are read."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, ahead, reading
from conformance.reference.message import Answer, Malformed, Request, page
from conformance.reference.oauth import FORM, GRANT, INVALID_REQUEST, Failure, Form, Refused, Site, form_decoded
from conformance.reference.planting import Needs, variant

if TYPE_CHECKING:
    from collections.abc import Callable


def picking(correct: Behaviour, pick: Callable[[tuple[str, ...]], str]) -> Behaviour:
    """Of several Content-Type lines the pick is taken."""
    inner = correct.pick_media_type
    return replace(correct, pick_media_type=lambda values: inner((pick(values),) if values else ()))


def json_form(members: dict[str, Any]) -> Form:
    """The members with a text as their value; what is no Unicode text in them is replaced."""
    texts = ((name, value) for name, value in members.items() if isinstance(value, str))
    return Form(tuple((name, value.encode("utf-8", "replace").decode()) for name, value in texts))


@variant("duplicate-content-type-refused")
def duplicate_refused(correct: Behaviour) -> Behaviour:
    """Two Content-Type lines are refused by the HTTP layer, whatever they say."""
    return ahead(
        correct,
        lambda request, _site: page(400, "Content-Type twice") if len(request.values("Content-Type")) > 1 else None,
    )


@variant("duplicate-content-type-first")
def duplicate_first(correct: Behaviour) -> Behaviour:
    """Of two Content-Type lines the first counts."""
    return picking(correct, lambda values: values[0])


@variant("duplicate-content-type-last")
def duplicate_last(correct: Behaviour) -> Behaviour:
    """Of two Content-Type lines the last counts."""
    return picking(correct, lambda values: values[-1])


@variant("duplicate-content-type-merged")
def duplicate_merged(correct: Behaviour) -> Behaviour:
    """Content-Type lines are joined by commas; the form is read where its media type comes first."""
    merged = picking(correct, ", ".join)
    return replace(merged, is_form=lambda value: re.split("[;,]", value)[0].strip().lower() == FORM)


@variant("bare-400")
def bare_400(correct: Behaviour) -> Behaviour:
    """An unusable Content-Type or an undecodable body is answered by the HTTP layer, in plain text."""

    def step(request: Request, _site: Site) -> Answer | None:
        values = request.values("Content-Type")
        octets = form_decoded(request.body)
        unusable = len(set(values)) != 1 or not correct.is_form(values[0])
        broken = re.search(rb"%(?![0-9A-Fa-f]{2})", request.body) or octets != octets.decode("utf-8", "ignore").encode()
        return page(400, "bad request") if unusable or broken else None

    return ahead(correct, step)


@variant("unusable-type-415")
def unusable_type_415(correct: Behaviour) -> Behaviour:
    """A Content-Type that is no form, or none at all, is answered 415 in plain text."""

    def step(request: Request, _site: Site) -> Answer | None:
        values = request.values("Content-Type")
        return None if values and all(map(correct.is_form, values)) else page(415, "unsupported media type")

    return ahead(correct, step)


@variant("json-accepted")
def json_accepted(correct: Behaviour) -> Behaviour:
    """A JSON request is accepted as an extension."""
    inner = correct.read_form

    def read(request: Request) -> Form:
        if correct.is_form(request.value("Content-Type")):
            return inner(request)
        try:
            members = json.loads(request.body)
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            raise Refused(Failure("media-unsupported", INVALID_REQUEST, "the JSON cannot be read"))
        return json_form(members)

    def is_known(value: str) -> bool:
        return correct.is_form(value) or value.partition(";")[0].strip().lower() == "application/json"

    return replace(correct, read_form=read, is_form=is_known)


@variant("grant-checked-first")
def grant_checked_first(correct: Behaviour) -> Behaviour:
    """The grant is checked before the client."""
    inner = correct.authenticate

    def authenticate(behaviour: Behaviour, request: Request, form: Form, site: Site) -> str:
        if form.get("grant_type") != GRANT:
            behaviour.check_grant(form, request)
        return inner(behaviour, request, form, site)

    return replace(correct, authenticate=authenticate)


@variant("default-scope-stated")
def default_scope_stated(correct: Behaviour) -> Behaviour:
    """The granted scope is always stated; unknown and malformed scopes are ignored."""

    def grant(asked: str | None, site: Site) -> str | None:
        known = [scope for scope in (asked or "").split(" ") if scope in site.scopes]
        return " ".join(known or site.scopes)

    return replace(correct, grant_scope=grant)


@variant("content-type-ignored")
def content_type_ignored(correct: Behaviour) -> Behaviour:
    """Nobody looks at Content-Type: every body is read as a form."""
    return replace(correct, pick_media_type=lambda _values: FORM)


@variant("multipart-accepted")
def multipart_accepted(correct: Behaviour) -> Behaviour:
    """A multipart body is read as the form that it holds."""
    inner = correct.read_form

    def read(request: Request) -> Form:
        boundary = re.search(r'multipart/form-data;.*boundary="?([^";]+)', request.value("Content-Type"), re.IGNORECASE)
        if not boundary:
            return inner(request)
        parts = request.body.split(b"--" + boundary[1].encode("latin-1"))
        found = (re.search(rb'name="([^"]*)".*?\r\n\r\n(.*)\r\n', part, re.DOTALL) for part in parts)
        return Form(
            tuple((one[1].decode("utf-8", "replace"), one[2].decode("utf-8", "replace")) for one in found if one)
        )

    def is_known(value: str) -> bool:
        return correct.is_form(value) or value.lower().startswith("multipart/form-data")

    return replace(correct, read_form=read, is_form=is_known)


@variant("gzip-decoded")
def gzip_decoded(correct: Behaviour) -> Behaviour:
    """A body in gzip is decoded; one that only claims to be is refused by the HTTP layer."""

    def receive(request: Request) -> Request:
        received = correct.receive(request)
        if received.value("Content-Encoding").lower() != "gzip":
            return received
        try:
            body = gzip.decompress(received.body)
        except (OSError, EOFError, zlib.error):
            raise Malformed(400, "the content is not gzip") from None
        kept = tuple(line for line in received.fields if line.name.lower() != "content-encoding")
        return replace(received, body=body, fields=kept)

    return replace(correct, receive=receive)


@variant("empty-sequences-refused")
def empty_sequences_refused(correct: Behaviour) -> Behaviour:
    """A body with nothing before, behind or between its ampersands is refused as invalid_request."""

    def change(form: Form, request: Request) -> Form:
        if request.body and b"" in request.body.split(b"&"):
            raise Refused(Failure("form-malformed", INVALID_REQUEST, "the form is malformed"))
        return form

    return reading(correct, change)


@variant("mark-skipped")
def mark_skipped(correct: Behaviour) -> Behaviour:
    """A byte order mark before the form is skipped."""
    inner = correct.read_form
    return replace(
        correct, read_form=lambda request: inner(replace(request, body=request.body.removeprefix(b"\xef\xbb\xbf")))
    )


@variant("query-refused")
def query_refused(correct: Behaviour) -> Behaviour:
    """A request target with a query is refused as invalid_request."""

    def change(form: Form, request: Request) -> Form:
        if request.query:
            raise Refused(Failure("query", INVALID_REQUEST, "the request target has a query"))
        return form

    return reading(correct, change)


@variant("empty-body-411")
def empty_body_411(correct: Behaviour) -> Behaviour:
    """A request without a body is answered 411 by the HTTP layer."""
    return ahead(correct, lambda request, _: None if request.body else page(411, "a body is required"))


@variant("origin-refused")
def origin_refused(correct: Behaviour) -> Behaviour:
    """A token request with an Origin is refused as invalid_request."""

    def change(form: Form, request: Request) -> Form:
        if request.values("Origin"):
            raise Refused(Failure("origin", INVALID_REQUEST, "this client is no page"))
        return form

    return reading(correct, change)


@variant("other-grants")
def other_grants(correct: Behaviour) -> Behaviour:
    """The other standard grants are served as well, and what they are sent without is missed."""
    urn = "urn:ietf:params:oauth:grant-type:"
    missed = {
        "authorization_code": "invalid_request",
        "refresh_token": "invalid_grant",
        "password": "unauthorized_client",
        f"{urn}jwt-bearer": "invalid_grant",
        f"{urn}device_code": "invalid_request",
        f"{urn}token-exchange": "invalid_request",
    }
    inner, described = correct.check_grant, correct.metadata

    def check(form: Form, request: Request) -> None:
        code = missed.get(form.get("grant_type") or "")
        if code:
            raise Refused(Failure("grant-incomplete", code, "the grant is incomplete"))
        inner(form, request)

    def metadata(issuer: str, site: Site) -> dict[str, Any]:
        return {**described(issuer, site), "grant_types_supported": [GRANT, *missed]}

    return replace(correct, check_grant=check, metadata=metadata)


@variant("scope-demanded", needs=Needs(scope_always=True))
def scope_demanded(correct: Behaviour) -> Behaviour:
    """There is no default scope: a request without one is answered invalid_scope."""

    def grant(asked: str | None, site: Site) -> str | None:
        if asked is None:
            raise Refused(Failure("scope-missing", "invalid_scope", "a scope is needed"))
        return correct.grant_scope(asked, site)

    return replace(correct, grant_scope=grant)
