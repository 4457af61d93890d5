"""Real servers: what the suite finds in them was checked by hand against the standards, and is pinned here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import case, engine, profiles
from conformance.target import Credentials, Limits, Secret, target_at
from tests import peers

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

pytestmark = pytest.mark.integration

# What the development server of Werkzeug does before either application sees the request.
WERKZEUG = {
    # It writes every method in capitals, so that post gets a token.
    "METHOD-006": "warning",
    # A space before the colon is cut off.
    "WIRE-001": "failed",
    # Neither a missing nor a second Host keeps the request from the application.
    "WIRE-004": "failed",
    "WIRE-005": "failed",
    # Lengths that differ or are no numbers count as none: the application gets an empty body and misses grant_type.
    "WIRE-007": "failed",
    "WIRE-009": "failed",
    # A chunk extension, and a chunk size that is no number, become a 500 each.
    "WIRE-010": "failed",
    "WIRE-020": "failed",
    # Chunks are read although another coding is said to lie over them.
    "WIRE-011": "failed",
    # A lone CR ends a field line, so that the credentials behind it count.
    "WIRE-012": "failed",
}

AUTHLIB = {
    **WERKZEUG,
    # A missing grant_type is called unsupported_grant_type, also where there is no body at all.
    "WIRE-015": "warning",
    # It makes an address of Host: what is none, and an empty one, become a 500 each.
    "WIRE-021": "failed",
    # The Basic challenge has error and error_description but no realm (RFC 7617, section 2).
    "AUTH-011": "failed",
    # `Basic` and a space, with nothing behind it: an unpacking error becomes a 500.
    "AUTH-013": "failed",
    # Octets that are no UTF-8 inside the Base64: a decoding error becomes a 500.
    "AUTH-024": "failed",
    # A wrong secret in the header is rescued by the right one in the body (RFC 6749, section 5.2).
    "AUTH-032": "failed",
    # Raw octets above 0x7F in the header, and Latin-1 inside the Base64: a 500 each.
    "AUTH-035": "failed",
    # A wrong secret in the body beside a right header is ignored.
    "AUTH-019": "warning",
    # Of two client_secret parameters the first counts.
    "AUTH-038": "warning",
    # A token lives ten days (RFC 6750, section 5.3 recommends an hour).
    "TOKEN-004": "warning",
    # A missing grant_type is called unsupported_grant_type.
    "GRANT-001": "warning",
    # A grant_type that is repeated counts once, and of two different ones the first.
    "BODY-004": "warning",
    "BODY-005": "warning",
    # A grant_type in the query counts, even against the one in the body.
    "BODY-008": "warning",
}

OAUTHLIB = {
    **WERKZEUG,
    # A query that is a single long word is an invalid_request.
    "WIRE-016": "warning",
    # Nobody looks at the value of Host.
    "WIRE-021": "warning",
    # Another client_id in the body is answered 400 server_error, a code of the authorization endpoint.
    "ERR-006": "warning",
    # An empty scope is an invalid_scope, while none at all is granted (RFC 6749, section 3.2).
    "BODY-007": "failed",
    # A broken escape and octets above 0x7F in the query: a decoding error becomes a 500 each.
    "BODY-017": "failed",
    # The challenge is `Bearer error="invalid_client"` although the client used Basic (RFC 6749, section 5.2).
    "AUTH-010": "failed",
    # A wrong secret in the body beside a right header is ignored by the validator of this fixture.
    "AUTH-019": "warning",
    # Errors that oauthlib raises rather than answers carry no Cache-Control.
    "CACHE-003": "warning",
}


def findings(app: Flask, examples: int) -> tuple[str, dict[str, str], dict[str, str]]:
    """The verdict of a run against an application, its findings, and what could not be decided."""
    profile = profiles.load("rfc6749", Path.cwd())
    cases = case.built_in()
    with peers.serving(app) as url:
        client = Credentials(peers.CLIENT_ID, Secret(peers.CLIENT_SECRET))
        target = replace(target_at(url, peers.PATH, client), scope="read")
        chosen = engine.applicable(cases, profile)
        run = engine.conduct(engine.Inquiry(target, profile, Limits(), chosen, cases, examples=examples))
    found = {one.case.id: one.verdict for one in run.result.cases if one.finding}
    open_ = {one.case.id: one.reason for one in run.result.cases if one.verdict in ("inconclusive", "error")}
    return run.result.verdict, found, open_


@pytest.mark.parametrize(
    ("app", "pinned"), [(peers.authlib_app, AUTHLIB), (peers.oauthlib_app, OAUTHLIB)], ids=["authlib", "oauthlib"]
)
def test_every_finding_in_a_real_server_is_true_and_none_is_missing(
    app: Callable[[], Flask], pinned: dict[str, str]
) -> None:
    verdict, found, undecided = findings(app(), examples=60)
    assert found == pinned
    assert undecided == {}
    assert verdict == "non-conformant"
