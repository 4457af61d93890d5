"""The planted defects, one module an area of the catalogue; importing this package registers them all."""

from conformance.reference.defects import (
    auth,
    body,
    cache,
    client,
    ctype,
    err,
    grant,
    hdr,
    method,
    req,
    succ,
    token,
    wire,
)

__all__ = ["auth", "body", "cache", "client", "ctype", "err", "grant", "hdr", "method", "req", "succ", "token", "wire"]
