"""Defects in how grant_type and scope are decided."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, Crash, crashing, failing, reading, silent
from conformance.reference.jwt import signed
from conformance.reference.oauth import GRANT, INVALID_REQUEST, Form, Refused
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.message import Request
    from conformance.reference.oauth import Site

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


def granting(correct: Behaviour, condition: Callable[[str], bool]) -> Behaviour:
    """Values of grant_type that meet the condition are granted as well."""
    inner = correct.check_grant

    def check(form: Form, request: Request) -> None:
        if not condition(form.get("grant_type") or ""):
            inner(form, request)

    return replace(correct, check_grant=check)


def taking(correct: Behaviour, change: Callable[[str], str]) -> Behaviour:
    """The value of grant_type is changed before it is compared."""
    return reading(correct, lambda form, _request: form.mapped("grant_type", change))


@planted(
    "grant-default",
    "GRANT-001",
    "GRANT-002",
    "GRANT-003",
    "GRANT-007",
    "CTYPE-006",
    "BODY-008",
    "BODY-011",
    "BODY-012",
    "WIRE-015",
    "DOC-002",
    "DOC-003",
    "GEN-002",
)
def default(correct: Behaviour) -> Behaviour:
    """A request without grant_type is taken for client_credentials."""
    return reading(correct, lambda form, _: form if form.get("grant_type") else form.adding("grant_type", GRANT))


@planted("grant-missing-422", "GRANT-001", "ERR-002")
def missing_422(correct: Behaviour) -> Behaviour:
    """A body without grant_type is answered 422."""
    changed = failing(correct, lambda failure, _: replace(failure, status=422), "grant-missing")
    inner = changed.failing
    return replace(
        changed,
        failing=lambda failure, request, site: (
            inner(failure, request, site) if request.body else correct.failing(failure, request, site)
        ),
    )


@planted("grant-missing-unsupported", "GRANT-001")
def missing_unsupported(correct: Behaviour) -> Behaviour:
    """A missing grant_type is answered unsupported_grant_type."""
    return failing(correct, lambda failure, _: replace(failure, code="unsupported_grant_type"), "grant-missing")


@planted("grant-empty-body-500", "GRANT-002", "BODY-008", "WIRE-015", "DOC-002", "DOC-003", "GEN-003")
def empty_body_500(correct: Behaviour) -> Behaviour:
    """An empty body makes the application die once the client is authenticated."""
    inner = correct.check_grant

    def check(form: Form, request: Request) -> None:
        if not request.body:
            raise Crash
        inner(form, request)

    return replace(correct, check_grant=check)


@planted("grant-empty-body-silence", "GRANT-002", "BODY-008", "WIRE-015", "DOC-002", "DOC-003", "DOC-005", "GEN-004")
def empty_body_silence(correct: Behaviour) -> Behaviour:
    """A request without a body is never answered, since the application waits for one."""
    return silent(correct, lambda request: not request.body)


@planted("grant-empty-is-default", "GRANT-003", "GEN-002")
def empty_is_default(correct: Behaviour) -> Behaviour:
    """An empty grant_type is taken for client_credentials; a missing one is refused."""
    return taking(correct, lambda value: value or GRANT)


@planted("grant-empty-unsupported", "GRANT-003")
def empty_unsupported(correct: Behaviour) -> Behaviour:
    """An empty grant_type is answered unsupported_grant_type; a missing one is invalid_request."""
    return taking(correct, lambda value: value or "empty")


@planted(
    "grant-any",
    "GRANT-004",
    "GRANT-005",
    "GRANT-006",
    "GRANT-008",
    "GRANT-012",
    "BODY-008",
    "BODY-016",
    "WIRE-017",
    "GEN-002",
)
def any_grant(correct: Behaviour) -> Behaviour:
    """Every value of grant_type gets a token."""
    return granting(correct, bool)


@planted("grant-unknown-invalid-grant", "GRANT-004", "GRANT-006", "WIRE-017")
def unknown_invalid_grant(correct: Behaviour) -> Behaviour:
    """An unknown grant type is answered invalid_grant."""
    return failing(correct, lambda failure, _: replace(failure, code="invalid_grant"), "grant-unknown")


@planted("grant-unknown-invalid-request", "GRANT-004", "WIRE-017")
def unknown_invalid_request(correct: Behaviour) -> Behaviour:
    """An unknown grant type is answered invalid_request."""
    return failing(correct, lambda failure, _: replace(failure, code=INVALID_REQUEST), "grant-unknown")


@planted(
    "grant-unknown-501",
    "GRANT-004",
    "GRANT-005",
    "GRANT-006",
    "GRANT-008",
    "GRANT-012",
    "ERR-002",
    "ERR-010",
    "BODY-008",
    "BODY-016",
    "WIRE-017",
    "GEN-003",
)
def unknown_501(correct: Behaviour) -> Behaviour:
    """An unknown grant type is answered 501."""
    return failing(correct, lambda failure, _: replace(failure, status=501), "grant-unknown")


@planted("grant-password", "GRANT-005", "GEN-002")
def password(correct: Behaviour) -> Behaviour:
    """The password grant gets a token without a user's name and password."""
    return granting(correct, lambda value: value == "password")


@planted("grant-device-500", "GRANT-005", "GEN-003")
def device_500(correct: Behaviour) -> Behaviour:
    """The device code grant without a device code makes the application die."""
    return crashing(correct, lambda request: correct.read_form(request).get("grant_type") == DEVICE_CODE)


@planted("grant-value-case", "GRANT-006")
def value_case(correct: Behaviour) -> Behaviour:
    """grant_type is compared without regard to letter case."""
    return granting(correct, lambda value: value.isascii() and value.lower() == GRANT)


@planted("grant-name-case", "GRANT-007")
def name_case(correct: Behaviour) -> Behaviour:
    """Parameter names are compared without regard to letter case."""
    return reading(correct, lambda form, _: Form(tuple((name.lower(), value) for name, value in form.pairs)))


@planted("grant-trims", "GRANT-008")
def trims(correct: Behaviour) -> Behaviour:
    """White space around the value of grant_type is cut off."""
    return taking(correct, str.strip)


@planted("grant-normalises", "GRANT-008", "GEN-002")
def normalises(correct: Behaviour) -> Behaviour:
    """Full-width letters in grant_type are taken for the letters they resemble."""
    return taking(correct, lambda value: unicodedata.normalize("NFKC", value))


@planted("grant-long-500", "GRANT-008", "GEN-003")
def long_500(correct: Behaviour) -> Behaviour:
    """A grant_type longer than a database column makes the application die."""
    return crashing(correct, lambda request: len(correct.read_form(request).get("grant_type") or "") > 4096)


@planted("grant-both-bad", "GRANT-009")
def both_bad(correct: Behaviour) -> Behaviour:
    """An unknown client that asks for an unknown grant is answered 403."""

    def stated(request: Request) -> bool:
        return correct.read_form(request).get("grant_type") not in (None, GRANT)

    return failing(
        correct,
        lambda failure, request: replace(failure, status=403) if stated(request) else failure,
        "unknown-client",
        "wrong-secret",
    )


@planted("grant-scope-other-code", "GRANT-010")
def scope_other_code(correct: Behaviour) -> Behaviour:
    """An unknown scope is answered invalid_request."""
    return failing(correct, lambda failure, _: replace(failure, code=INVALID_REQUEST), "scope-unknown")


@planted("grant-scope-unstated", "GRANT-010")
def scope_unstated(correct: Behaviour) -> Behaviour:
    """An unknown scope is ignored, and the answer does not say which one was granted."""

    def grant(asked: str | None, site: Site) -> str | None:
        try:
            return correct.grant_scope(asked, site)
        except Refused as refused:
            if refused.failure.cause == "scope-unknown":
                return None
            raise

    return replace(correct, grant_scope=grant)


@planted("grant-scope-lies", "GRANT-010")
def scope_lies(correct: Behaviour) -> Behaviour:
    """An unknown scope is stated as granted, while the JWT holds the default scope."""

    def grant(asked: str | None, site: Site) -> str | None:
        try:
            return correct.grant_scope(asked, site)
        except Refused as refused:
            if refused.failure.cause == "scope-unknown":
                return asked
            raise

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        made = correct.token_members(scope, site)
        if scope and not set(scope.split(" ")) <= set(site.scopes):
            made["access_token"] = signed(site, " ".join(site.scopes))
        return made

    return replace(correct, grant_scope=grant, token_members=members)


@planted("grant-malformed-scope-500", "GRANT-011", "GEN-003")
def malformed_scope_500(correct: Behaviour) -> Behaviour:
    """A scope with letters beyond ASCII makes the application die."""

    def grant(asked: str | None, site: Site) -> str | None:
        (asked or "").encode("ascii")
        return correct.grant_scope(asked, site)

    return replace(correct, grant_scope=grant)


@planted("grant-nul-ends", "GRANT-012", "GEN-002")
def nul_ends(correct: Behaviour) -> Behaviour:
    """grant_type ends at its first NUL, as a C string does."""
    return taking(correct, lambda value: value.partition("\0")[0])


@planted("grant-nul-dropped", "GRANT-012", "GEN-002")
def nul_dropped(correct: Behaviour) -> Behaviour:
    """NUL octets vanish from the value of grant_type."""
    return taking(correct, lambda value: value.replace("\0", ""))
