"""Defects in the metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, with_field
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.message import Answer, Request
    from conformance.reference.oauth import Site

INTERNAL = "http://10.0.0.12:8080"
"""Where the server behind a proxy believes to be."""


def describing(correct: Behaviour, change: Callable[[dict[str, Any], Site], dict[str, Any]]) -> Behaviour:
    """The document has other members."""
    inner = correct.metadata
    return replace(correct, metadata=lambda issuer, site: change(inner(issuer, site), site))


def without(correct: Behaviour, name: str) -> Behaviour:
    """The document lacks a member."""
    return describing(correct, lambda members, _: {known: members[known] for known in members if known != name})


# The issuer


@planted("disc-issuer-internal", "DISC-002")
def issuer_internal(correct: Behaviour) -> Behaviour:
    """The issuer is the address of the server behind its proxy; the token endpoint is stated rightly."""
    return describing(correct, lambda members, _: {**members, "issuer": INTERNAL})


@planted("disc-issuer-query", "DISC-002")
def issuer_query(correct: Behaviour) -> Behaviour:
    """The issuer has a query."""
    return describing(correct, lambda members, _: {**members, "issuer": f"{members['issuer']}?realm=main"})


@planted("disc-no-issuer", "DISC-002")
def no_issuer(correct: Behaviour) -> Behaviour:
    """The document has no issuer."""
    return without(correct, "issuer")


@planted("disc-static-file", "DISC-002")
def static_file(correct: Behaviour) -> Behaviour:
    """The document is a file without an ending, and labelled as octets."""
    inner = correct.well_known

    def well_known(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        answer = inner(behaviour, request, site)
        return with_field(answer, "Content-Type", "application/octet-stream") if answer.status == 200 else answer

    return replace(correct, well_known=well_known)


# The token endpoint


@planted("disc-endpoint-old-path", "DISC-003")
def endpoint_old_path(correct: Behaviour) -> Behaviour:
    """token_endpoint has the path of an earlier release."""
    return describing(
        correct, lambda members, site: {**members, "token_endpoint": f"{site.origin}/v1{site.token_path}"}
    )


@planted("disc-endpoint-fragment", "DISC-003")
def endpoint_fragment(correct: Behaviour) -> Behaviour:
    """token_endpoint has an empty fragment."""
    return describing(correct, lambda members, _: {**members, "token_endpoint": f"{members['token_endpoint']}#"})


@planted("disc-endpoint-relative", "DISC-003")
def endpoint_relative(correct: Behaviour) -> Behaviour:
    """token_endpoint is a path without scheme and host."""
    return describing(correct, lambda members, site: {**members, "token_endpoint": site.token_path})


@planted("disc-endpoint-internal", "DISC-003")
def endpoint_internal(correct: Behaviour) -> Behaviour:
    """token_endpoint has the host of the server behind its proxy."""
    return describing(correct, lambda members, site: {**members, "token_endpoint": INTERNAL + site.token_path})


@planted("disc-no-endpoint", "DISC-003")
def no_endpoint(correct: Behaviour) -> Behaviour:
    """The document names no token_endpoint."""
    return without(correct, "token_endpoint")


# Grants and methods


@planted("disc-other-grants", "DISC-004")
def other_grants(correct: Behaviour) -> Behaviour:
    """grant_types_supported names the grants of users alone, although client_credentials works."""
    grants = ["authorization_code", "refresh_token"]
    return describing(correct, lambda members, _: {**members, "grant_types_supported": grants})


@planted("disc-no-grants", "DISC-004")
def no_grants(correct: Behaviour) -> Behaviour:
    """grant_types_supported is missing, which stands for authorization_code and implicit."""
    return without(correct, "grant_types_supported")
