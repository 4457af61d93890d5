"""Defects in how grant_type and scope are decided."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, Crash, crashing, failing, reading, silent
from conformance.reference.jwt import signed
from conformance.reference.message import Malformed
from conformance.reference.oauth import GRANT, INVALID_REQUEST, Form, Refused
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.message import Request
    from conformance.reference.oauth import Site

MISSING = (
    *("GRANT-001", "GRANT-002", "GRANT-003", "GRANT-007", "CTYPE-006", "BODY-008", "BODY-011", "BODY-012"),
    *("WIRE-015", "DOC-002", "DOC-003"),
)
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


@planted("grant-missing-500", *MISSING, "GEN-003")
def missing_500(correct: Behaviour) -> Behaviour:
    """A missing grant_type makes the application die once the client is authenticated."""

    def check(form: Form, request: Request) -> None:
        if form.get("grant_type") is None:
            raise Crash
        correct.check_grant(form, request)

    return replace(correct, check_grant=check)


@planted("grant-missing-bare", "GRANT-001", "ERR-001", "WIRE-015", "GEN-006")
def missing_bare(correct: Behaviour) -> Behaviour:
    """A missing grant_type is answered 400 by the framework, in plain text."""

    def check(form: Form, request: Request) -> None:
        if form.get("grant_type") is None:
            raise Malformed(400, "bad request")
        correct.check_grant(form, request)

    return replace(correct, check_grant=check)


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


@planted("grant-bare-name-default", "GRANT-003", "GEN-002")
def bare_name_default(correct: Behaviour) -> Behaviour:
    """A grant_type without an equals sign has no value at all, and is taken for client_credentials."""

    def change(form: Form, request: Request) -> Form:
        bare = b"grant_type" in request.body.split(b"&")
        return form.adding("grant_type", GRANT) if bare and form.values("grant_type") == ("",) else form

    return reading(correct, change)


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


@planted("grant-uri-500", "GRANT-004", "GRANT-005", "GEN-003")
def uri_500(correct: Behaviour) -> Behaviour:
    """A grant type that is a URI makes the application die, for it is looked up as the name of a class."""
    return crashing(correct, lambda request: ":" in (correct.read_form(request).get("grant_type") or ""))


@planted("grant-refresh-granted", "GRANT-005", "GEN-002")
def refresh_granted(correct: Behaviour) -> Behaviour:
    """The refresh_token grant gets a token where no refresh token is sent, for none is equal to none."""
    return granting(correct, lambda value: value == "refresh_token")


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


@planted("grant-line-end", "GRANT-008")
def line_end(correct: Behaviour) -> Behaviour:
    """The pattern for grant_type ends in a dollar sign, which also stands before a last line end."""
    return granting(correct, lambda value: re.match(f"^{GRANT}$", value) is not None)


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


@planted("grant-scope-403", "GRANT-010", "ERR-002")
def scope_403(correct: Behaviour) -> Behaviour:
    """An unknown scope is answered access_denied with 403."""
    return failing(correct, lambda failure, _: replace(failure, code="access_denied", status=403), "scope-unknown")


@planted("grant-scope-mixed-unstated", "GRANT-010")
def scope_mixed_unstated(correct: Behaviour) -> Behaviour:
    """Of a known and an unknown scope the known one is granted, and the answer does not say so."""

    def grant(asked: str | None, site: Site) -> str | None:
        mixed = asked and set(asked.split(" ")) & set(site.scopes) and not set(asked.split(" ")) <= set(site.scopes)
        return None if mixed else correct.grant_scope(asked, site)

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


@planted("grant-blank-scope-500", "GRANT-011", "GEN-003")
def blank_scope_500(correct: Behaviour) -> Behaviour:
    """A scope of nothing but blanks makes the application die, for it looks at the first of none."""

    def grant(asked: str | None, site: Site) -> str | None:
        if asked is not None and not asked.split():
            raise Crash
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
