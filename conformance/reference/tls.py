"""How the embedded endpoint speaks TLS, with the certificates that lie in this package."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.reference.message import Answer, page

if TYPE_CHECKING:
    import ssl

    from conformance.reference.behaviour import Behaviour
    from conformance.reference.message import Request
    from conformance.reference.oauth import Site

HANDSHAKE = b"\x16"
"""The first octet of a connection that begins with TLS (RFC 8446 5.1)."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Settings of a TLS server.

    Args:
        certificate: a file in the folder of certificates, without its ending.
        lowest: the lowest version, as ``ssl.TLSVersion`` names it.
        highest: the highest version.
        ciphers: the suites up to TLS 1.2 in the order of the server, as OpenSSL lists them.
    """

    certificate: str = "good"
    lowest: str = "TLSv1_2"
    highest: str = "TLSv1_3"
    ciphers: str = "ECDHE+AESGCM:ECDHE+CHACHA20"


MODERN = Tls()


def certificate_file(name: str) -> str:
    """The path of a file in the folder of certificates; the name comes without its ending."""
    from conformance.resources import package_file  # noqa: PLC0415 - most endpoints do without TLS

    return str(package_file("reference/certificates", f"{name}.pem"))


def server_context(settings: Tls) -> ssl.SSLContext:
    """The settings as Python's TLS takes them."""
    import ssl  # noqa: PLC0415 - likewise

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file(settings.certificate))
    context.set_ciphers(settings.ciphers)
    context.set_alpn_protocols(["http/1.1"])
    with warnings.catch_warnings():
        # Python warns of the versions that only a defect asks for.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion[settings.lowest]
        context.maximum_version = ssl.TLSVersion[settings.highest]
    return context


def refuse_plain(behaviour: Behaviour, request: Request, site: Site) -> Answer:
    """What a request without TLS gets at the port of TLS (RFC 6749 3.2)."""
    del behaviour, request, site
    return page(400, "this port speaks TLS", close=True)
