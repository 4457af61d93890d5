"""The metadata of the embedded endpoint (RFC 8414): where they lie, and what they say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.reference.message import Answer, page
from conformance.reference.oauth import GRANT, PASSPORT, RFC6749

if TYPE_CHECKING:
    from conformance.reference.behaviour import Behaviour
    from conformance.reference.message import Request
    from conformance.reference.oauth import Site

FOLDER = "/.well-known/"
OAUTH = f"{FOLDER}oauth-authorization-server"
OPENID = f"{FOLDER}openid-configuration"
METHODS = {
    # Bare Base64 has no registered name; an absolute URI needs none (RFC 7591 2).
    PASSPORT: ["urn:example:bare-base64"],
    RFC6749: ["client_secret_basic", "client_secret_post"],
}


def metadata(issuer: str, site: Site) -> dict[str, Any]:
    """The members of the document (RFC 8414 2); without an authorization endpoint there are no response types."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{site.origin}{site.token_path}",
        "grant_types_supported": [GRANT],
        "token_endpoint_auth_methods_supported": METHODS[site.profile],
    }


def well_known(behaviour: Behaviour, request: Request, site: Site) -> Answer:
    """The document of the origin, or of the issuer whose path follows the well-known one (RFC 8414 3.1)."""
    path = request.path.removeprefix(OAUTH)
    if path == request.path or path not in ("", site.issuer_path):
        return behaviour.elsewhere(request, site)
    if request.method not in ("GET", "HEAD"):
        return page(405, "only GET and HEAD are served here", ("Allow", "GET, HEAD"))
    return document(behaviour.metadata(site.origin + path, site))


def document(members: dict[str, Any]) -> Answer:
    """Members as a JSON object."""
    return Answer(200, (("Content-Type", "application/json"),), json.dumps(members).encode())
