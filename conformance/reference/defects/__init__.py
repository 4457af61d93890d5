"""The planted defects, one module a subject; importing this package registers them all."""

from conformance.reference.defects import (
    auth,
    body,
    cache,
    challenge,
    client,
    ctype,
    err,
    grant,
    hdr,
    length,
    method,
    req,
    succ,
    token,
    wire,
)

__all__ = [
    "auth",
    "body",
    "cache",
    "challenge",
    "client",
    "ctype",
    "err",
    "grant",
    "hdr",
    "length",
    "method",
    "req",
    "succ",
    "token",
    "wire",
]
