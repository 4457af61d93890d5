"""The planted defects, one module an area of the catalogue; importing this package registers them all."""

from conformance.reference.defects import auth, cache, client, ctype, err, grant, hdr, method, req, succ

__all__ = ["auth", "cache", "client", "ctype", "err", "grant", "hdr", "method", "req", "succ"]
