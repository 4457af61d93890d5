"""A connection to a target: its name, TCP and TLS, within one deadline."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Place = tuple[Any, ...]
"""A socket address as the family wants it; host and port come first."""

_CERTIFICATE_FAULTS = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed and not among the trusted roots",
    19: "leads to a root that is not trusted",
    20: "comes from an authority that is not trusted",
    21: "comes from an authority that is not trusted",
    62: "is for another host name",
    64: "is for another IP address",
}
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)
_NO_COMMON_VERSION = ("UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE")


class WireError(ValueError):
    """Our own settings make an exchange impossible; the message is one line."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect.

    Attributes:
        host: name or IP literal, IPv6 without brackets; a name may be an internationalised one.
        port: 1 to 65535.
        tls: whether TLS is spoken.
        ca_bundle: path of a PEM file that replaces the system's roots.
    """

    host: str
    port: int
    tls: bool = False
    ca_bundle: str | None = None


class Ending(StrEnum):
    """How an exchange ended. A message that is complete makes it COMPLETE, whatever came after."""

    COMPLETE = "complete"
    CLOSED = "closed"
    RESET = "reset"
    CONNECT_REFUSED = "connect-refused"
    UNREACHABLE = "unreachable"
    NAME = "name"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect-timeout"
    FIRST_BYTE_TIMEOUT = "first-byte-timeout"
    EXCHANGE_TIMEOUT = "exchange-timeout"
    HEADER_TOO_LARGE = "header-too-large"
    BODY_TOO_LARGE = "body-too-large"


class NoConnectionError(Exception):
    """No connection came about.

    Attributes:
        ending: what that makes of the exchange.
        detail: why, in a short sentence.
    """

    def __init__(self, ending: Ending, detail: str) -> None:
        super().__init__(detail)
        self.ending = ending
        self.detail = detail


def tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """TLS settings of a client: the peer is verified, by name too, and HTTP/1.1 is asked for (ALPN).

    Args:
        ca_bundle: path of a PEM file with the roots to trust; None for the system's.

    Raises:
        WireError: the bundle cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except ssl.SSLError as error:
        raise WireError(f"CA bundle {ca_bundle}: no usable PEM certificate in it") from error
    except (OSError, ValueError) as error:
        raise WireError(f"CA bundle {ca_bundle}: {getattr(error, 'strerror', None) or 'no such file'}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def connect(address: Address, context: ssl.SSLContext | None, limit: float) -> socket.socket:
    """A connected socket, its TLS handshake done.

    Every address of the name is tried, each with an equal share of the time that is left.

    Args:
        address: where to connect.
        context: TLS settings, or None for plain TCP.
        limit: seconds for name, TCP and TLS together.

    Raises:
        NoConnectionError: it did not come about.
    """
    end = time.monotonic() + limit
    sock = _connect_to_any(_resolve(address, limit), end, limit)
    if context is None:
        return sock
    tls: ssl.SSLSocket | None = None
    try:
        name = address.host.rstrip(".")
        tls = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False, suppress_ragged_eofs=False)
        tls.settimeout(max(end - time.monotonic(), 0.001))
        tls.do_handshake()
    except BaseException as error:
        (tls or sock).close()
        if isinstance(error, (OSError, ValueError)):
            raise _handshake_failure(error, limit) from error
        raise
    return tls


def written(place: Place) -> str:
    """A socket address as text, such as ``127.0.0.1:443`` or ``[::1]:443``."""
    host, port = place[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def tls_fault(error: ssl.SSLError) -> str:
    """What went wrong with TLS, in a short sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        fault = _CERTIFICATE_FAULTS.get(error.verify_code, f"is not accepted: {error.verify_message}")
        return f"the peer's certificate {fault}"
    if isinstance(error, ssl.SSLEOFError):
        return "the peer closed the connection in the TLS handshake"
    reason = error.reason or ""
    if "CERTIFICATE_REQUIRED" in reason:
        return "the peer wants a client certificate"
    if any(word in reason for word in _NOT_TLS):
        return "the peer does not speak TLS"
    if any(word in reason for word in _NO_COMMON_VERSION):
        return "the peer offers no TLS version that is accepted here"
    return f"TLS failed: {reason.lower().replace('_', ' ') or 'no reason given'}"


def _handshake_failure(error: Exception, limit: float) -> NoConnectionError:
    if isinstance(error, ssl.SSLError):
        return NoConnectionError(Ending.TLS, tls_fault(error))
    if isinstance(error, TimeoutError):
        return NoConnectionError(Ending.CONNECT_TIMEOUT, f"the TLS handshake did not end within {limit:g} s")
    if isinstance(error, OSError):
        return NoConnectionError(Ending.TLS, "the connection broke in the TLS handshake")
    return NoConnectionError(Ending.TLS, "the host name cannot be used for TLS")


def _resolve(address: Address, limit: float) -> list[tuple[int, Place]]:
    try:
        return _lookup(address, socket.AI_NUMERICHOST)
    except (OSError, ValueError, OverflowError):
        pass  # a name, or nothing that can be one
    found: list[tuple[int, Place]] = []
    faults: list[str] = []

    def look_up() -> None:
        try:
            found.extend(_lookup(address, 0))
        except OSError as error:
            faults.append(f"the name does not resolve: {error.strerror}")
        except (ValueError, OverflowError):
            faults.append("the name or port is malformed")

    # The system's resolver knows no deadline; one that hangs is left behind.
    thread = threading.Thread(target=look_up, name="resolve", daemon=True)
    thread.start()
    thread.join(limit)
    if found:
        return found
    raise NoConnectionError(Ending.NAME, faults[0] if faults else f"the name does not resolve within {limit:g} s")


def _lookup(address: Address, flags: int) -> list[tuple[int, Place]]:
    results = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, place) for family, _, _, _, place in results]


def _connect_to_any(places: list[tuple[int, Place]], end: float, limit: float) -> socket.socket:
    failures: list[tuple[int, Ending, str]] = []  # the most telling first: refused, silent, unreachable
    for number, (family, place) in enumerate(places):
        share = (end - time.monotonic()) / (len(places) - number)
        try:
            return _connect_to(family, place, max(share, 0.001))
        except ConnectionRefusedError:
            failures.append((0, Ending.CONNECT_REFUSED, f"{written(place)} refuses connections"))
        except TimeoutError:
            failures.append((1, Ending.CONNECT_TIMEOUT, f"no connection to {written(place)} within {limit:g} s"))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "no such address"
            failures.append((2, Ending.UNREACHABLE, f"{written(place)} cannot be reached: {reason}"))
    _, ending, detail = min(failures)
    raise NoConnectionError(ending, detail)


def _connect_to(family: int, place: Place, limit: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(limit)
        sock.connect(place)
    except BaseException:
        sock.close()
        raise
    return sock
