"""Defects in what a valid request gets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, adding, ahead, reading
from conformance.reference.jwt import signed
from conformance.reference.message import Answer, Request, page
from conformance.reference.oauth import INVALID_REQUEST, PASSPORT, RECOGNISED, Failure, Form, Refused, Site
from conformance.reference.planting import Needs, planted

if TYPE_CHECKING:
    from collections.abc import Callable


TWO_SCOPES = Needs(scope="read write")


def refusing(correct: Behaviour, condition: Callable[[Form], bool], failure: Failure) -> Behaviour:
    """Requests whose parameters meet the condition are refused."""

    def read(form: Form, _request: Request) -> Form:
        if condition(form):
            raise Refused(failure)
        return form

    return reading(correct, read)


@planted("req-no-token", "REQ-001", "SUCC-003", "SUCC-006", "GEN-001", "GEN-006")
def no_token(correct: Behaviour) -> Behaviour:
    """A success has no access_token."""
    return adding(correct, lambda members: {name: members[name] for name in members if name != "access_token"})


@planted("req-other-path", "REQ-002", profiles=(PASSPORT,))
def other_path(correct: Behaviour) -> Behaviour:
    """The endpoint lives at /oauth/token; the documented path answers 404."""
    return replace(correct, token_path="/oauth/token")  # noqa: S106 - a path, not a secret


@planted("req-moved", "REQ-002", "ERR-009", profiles=(PASSPORT,))
def moved(correct: Behaviour) -> Behaviour:
    """The endpoint lives at a path with a trailing slash; the documented path redirects there."""

    def elsewhere(request: Request, site: Site) -> Answer:
        if request.path + "/" == site.token_path:
            return page(307, "moved", ("Location", site.token_path))
        return correct.elsewhere(request, site)

    return replace(correct, token_path="/passport/oauth/token/", elsewhere=elsewhere)  # noqa: S106 - a path


@planted("req-scope-demanded", "REQ-003", "REQ-001", "GEN-001", needs=Needs(scope_always=True))
def scope_demanded(correct: Behaviour) -> Behaviour:
    """A request without a scope is refused as invalid_request."""
    failure = Failure("scope-missing", INVALID_REQUEST, "scope is missing")
    return refusing(correct, lambda form: form.get("scope") is None and form.get("grant_type") is not None, failure)


@planted("req-scope-missing-403", "REQ-003", "REQ-001", "GEN-001", needs=Needs(scope_always=True))
def scope_missing_403(correct: Behaviour) -> Behaviour:
    """A request without a scope is answered 403."""

    def grant(asked: str | None, site: Site) -> str | None:
        if asked is None:
            raise Refused(Failure("scope-missing", "access_denied", "there is no default scope", 403))
        return correct.grant_scope(asked, site)

    return replace(correct, grant_scope=grant)


@planted("req-scope-refused", "REQ-004")
def scope_refused(correct: Behaviour) -> Behaviour:
    """Every scope is refused as invalid_scope, also one that the client is entitled to."""

    def grant(asked: str | None, site: Site) -> str | None:
        return correct.grant_scope(asked and f"{asked} none", site)

    return replace(correct, grant_scope=grant)


@planted("req-scope-widened", "REQ-004")
def scope_widened(correct: Behaviour) -> Behaviour:
    """A token for one scope is a JWT that holds every scope, and the answer does not say so."""

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        made = correct.token_members(scope, site)
        made.pop("scope", None)
        return {**made, "access_token": signed(site, " ".join((*site.scopes, "admin")))}

    return replace(correct, token_members=members)


@planted("req-scope-narrowed", "REQ-004", needs=TWO_SCOPES)
def scope_narrowed(correct: Behaviour) -> Behaviour:
    """Of several scopes the JWT holds the first one, and the answer does not say so."""

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        made = correct.token_members(scope, site)
        made.pop("scope", None)
        return {**made, "access_token": signed(site, (scope or " ".join(site.scopes)).split(" ")[0])}

    return replace(correct, token_members=members)


@planted("req-scope-whole", "REQ-004", needs=TWO_SCOPES)
def scope_whole(correct: Behaviour) -> Behaviour:
    """Several scopes are looked up as one, and refused."""

    def grant(asked: str | None, site: Site) -> str | None:
        if asked not in (None, *site.scopes):
            raise Refused(Failure("scope-unknown", "invalid_scope", "the scope is unknown"))
        return correct.grant_scope(asked, site)

    return replace(correct, grant_scope=grant)


@planted("req-unknown-parameter", "REQ-005", "BODY-002", "BODY-003", "BODY-006", "GEN-001")
def unknown_parameter(correct: Behaviour) -> Behaviour:
    """A parameter that the server does not know is refused as invalid_request."""
    failure = Failure("unknown-parameter", INVALID_REQUEST, "a parameter is unknown")
    return refusing(correct, lambda form: bool(form.without(*RECOGNISED).pairs), failure)


@planted("req-accept-demanded", "REQ-006", "HDR-005", "GEN-001", "DOC-006", "DOC-007")
def accept_demanded(correct: Behaviour) -> Behaviour:
    """A request without an Accept field is answered 406."""
    return ahead(correct, lambda request, _site: None if request.values("Accept") else page(406, "not acceptable"))


@planted("req-agent-demanded", "REQ-006", "DOC-007")
def agent_demanded(correct: Behaviour) -> Behaviour:
    """A request without a User-Agent is answered 403."""
    return ahead(correct, lambda request, _site: None if request.values("User-Agent") else page(403, "forbidden"))
