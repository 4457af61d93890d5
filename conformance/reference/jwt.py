"""JSON Web Tokens for the variants and defects that hand them out, signed by hand (RFC 7515, HS256)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from conformance.reference.oauth import LIFETIME

if TYPE_CHECKING:
    from conformance.reference.oauth import Site

KEY = secrets.token_bytes(32)


def _part(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _member(value: dict[str, Any]) -> str:
    return _part(json.dumps(value, separators=(",", ":")).encode())


def signed(site: Site, scope: str) -> str:
    """A signed token for the client that asks, which carries that scope and lives for ``LIFETIME`` seconds."""
    now = int(time.time())
    claims = {
        "iss": site.issuer,
        "aud": "https://api.example",
        "sub": site.client_id,
        "client_id": site.client_id,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": secrets.token_urlsafe(16),
        "scope": scope,
    }
    text = f"{_member({'alg': 'HS256', 'typ': 'JWT'})}.{_member(claims)}"
    return f"{text}.{_part(hmac.new(KEY, text.encode(), hashlib.sha256).digest())}"
