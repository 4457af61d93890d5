"""Choices in how media types, forms, grants and scopes are read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, ahead
from conformance.reference.message import Answer, Request, page
from conformance.reference.oauth import FORM, GRANT, INVALID_REQUEST, Failure, Form, Refused, Site, form_decoded
from conformance.reference.planting import variant

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
