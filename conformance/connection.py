"""A connection to a target: its name, TCP, a proxy's tunnel and TLS, within one deadline."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
import warnings
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from conformance.expression import visible
from conformance.proxy import connect_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.request import Transport
    from conformance.target import ClientCertificate, Proxy

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
_INVALID = (9, 10, 62)
"""Codes of faults that neither other trusted roots repair nor a name in place of an IP address."""
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)
_NO_COMMON_VERSION = ("UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE")
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_LEGACY_SERVER_CONNECT = 0x4  # the module has a name for it from Python 3.12 on
_PASSPHRASE = 1023  # octets that OpenSSL takes
_TUNNEL_HEAD = 65536
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (?P<status>[0-9]{3})(?: (?P<reason>[^\r\n]*))?\r?\n")


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
        at: address to connect to in place of what the host resolves to.
        proxy: HTTP proxy that stands between; TLS goes through a tunnel, everything else is handed to it.
        client: certificate to show in the TLS handshake.
    """

    host: str
    port: int
    tls: bool = False
    ca_bundle: str | None = None
    at: str | None = None
    proxy: Proxy | None = None
    client: ClientCertificate | None = None


class Ending(StrEnum):
    """How an exchange ended. A message that is complete makes it COMPLETE, whatever came after.

    In the TLS handshake, TLS_REFUSED is the peer's doing (an alert, or a connection that it broke), CERTIFICATE a
    certificate that is out of date or of another host name, and TLS every other fault, ours included.
    """

    COMPLETE = "complete"
    CLOSED = "closed"
    RESET = "reset"
    CONNECT_REFUSED = "connect-refused"
    UNREACHABLE = "unreachable"
    NAME = "name"
    PROXY = "proxy"
    TLS = "tls"
    TLS_REFUSED = "tls-refused"
    CERTIFICATE = "certificate"
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


def tls_context(ca_bundle: str | None, client: ClientCertificate | None = None) -> ssl.SSLContext:
    """TLS settings of a client: the peer is verified, by name too, and HTTP/1.1 is asked for (ALPN).

    Args:
        ca_bundle: path of a PEM file with the roots to trust; None for the system's.
        client: certificate to show, if any.

    Raises:
        WireError: the bundle cannot be read or holds no certificate, or the certificate of the client is unusable.
    """
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except ssl.SSLError as error:
        raise WireError(f"CA bundle {ca_bundle}: no usable PEM certificate in it") from error
    except (OSError, ValueError) as error:
        raise WireError(f"CA bundle {ca_bundle}: {getattr(error, 'strerror', None) or 'no such file'}") from error
    context.set_alpn_protocols(["http/1.1"])
    if client is not None:
        passphrase = client.passphrase
        present(context, client, lambda: "" if passphrase is None else passphrase.reveal())
    return context


def present(context: ssl.SSLContext, client: ClientCertificate, passphrase: Callable[[], str]) -> None:
    """Has a certificate shown in handshakes.

    Args:
        context: TLS settings, which are changed.
        client: where certificate and key are; its own passphrase is not looked at.
        passphrase: gives that of the key; called only where the key is encrypted.

    Raises:
        WireError: a file cannot be read, key and certificate do not match, or the passphrase is wrong. The text names
            no file.
    """
    asked: list[bytes] = []

    def ask() -> bytes:
        asked.append(passphrase().encode())
        # OpenSSL refuses an empty or endless one with another error than a wrong one.
        return asked[-1] if 0 < len(asked[-1]) <= _PASSPHRASE else b"\0"

    try:
        context.load_cert_chain(client.certificate, client.key, ask)
    except ssl.SSLError as error:
        if "MISMATCH" in (error.reason or ""):
            raise WireError("the key does not belong to the certificate") from None
        if asked:
            raise WireError("the passphrase does not open the key") from None
        raise WireError("no usable PEM certificate with its key") from None
    except OSError as error:
        raise WireError(f"cannot be read: {error.strerror}") from None


_OLD_VERSIONS = threading.Lock()
"""Held while warnings are switched off, which is done for the whole process: two threads must not interleave there."""


@lru_cache(maxsize=32)
def handshake_context(transport: Transport, client: ClientCertificate | None) -> ssl.SSLContext:
    """TLS settings for a handshake that a case prescribes.

    The peer is not verified: no secret travels over such a connection, and a certificate that is not accepted would
    hide what the peer agreed to.

    Args:
        transport: versions and cipher suites to offer.
        client: certificate to show, if any.

    Raises:
        WireError: the OpenSSL of this machine cannot offer that; the text says so.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= _LEGACY_SERVER_CONNECT
    try:
        with _OLD_VERSIONS, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
            context.minimum_version = _VERSIONS[transport.minimum]
            context.maximum_version = _VERSIONS[transport.maximum]
        context.set_ciphers(f"{transport.ciphers}:@SECLEVEL=0")
        context.set_alpn_protocols(["http/1.1"])
        if client is not None:
            passphrase = client.passphrase
            present(context, client, lambda: "" if passphrase is None else passphrase.reveal())
        hello = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
        hello.do_handshake()
    except ssl.SSLWantReadError:
        return context
    except (ssl.SSLError, ValueError) as error:
        if isinstance(error, WireError):
            raise
        raise WireError(f"the OpenSSL of this machine cannot offer {transport.offer}") from None
    raise AssertionError("a handshake ended before it began")


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
    sock = _reached(address, end, limit, tunnel=context is not None)
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


def tls_fault(error: ssl.SSLError) -> str:  # noqa: PLR0911 - a table of faults
    """What went wrong with TLS, in a short sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        fault = _CERTIFICATE_FAULTS.get(error.verify_code, f"is not accepted: {error.verify_message}")
        return f"the peer's certificate {fault}"
    if isinstance(error, ssl.SSLEOFError):
        return "the peer closed the connection in the TLS handshake"
    reason = error.reason or ""
    if "CERTIFICATE_REQUIRED" in reason:
        return "the peer wants a client certificate"
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return f"the peer does not accept our certificate: {_alert(reason)}"
    if any(word in reason for word in _NOT_TLS):
        return "the peer does not speak TLS"
    if any(word in reason for word in _NO_COMMON_VERSION):
        return "the peer offers no TLS version that is accepted here"
    if "ALERT" in reason:
        return f"the peer refused the TLS handshake: {_alert(reason)}"
    return f"TLS failed: {reason.lower().replace('_', ' ') or 'no reason given'}"


def _alert(reason: str) -> str:
    return reason.partition("ALERT_")[2].lower().replace("_", " ") or "no reason given"


def _reached(address: Address, end: float, limit: float, *, tunnel: bool) -> socket.socket:
    """A TCP connection to the target, to its proxy, or through a tunnel of the proxy."""
    proxy = address.proxy
    if proxy is None:
        nearest = replace(address, host=address.at or address.host)
        return _connect_to_any(_resolve(nearest, limit), end, limit)
    try:
        sock = _connect_to_any(_resolve(Address(proxy.host, proxy.port), limit), end, limit)
    except NoConnectionError as failure:
        raise NoConnectionError(failure.ending, f"no way to the proxy: {failure.detail}") from failure
    if tunnel:
        try:
            _open_tunnel(sock, connect_request(proxy, written((address.at or address.host, address.port))), end, limit)
        except BaseException:
            sock.close()
            raise
    return sock


def _open_tunnel(sock: socket.socket, request: bytes, end: float, limit: float) -> None:
    head = b""
    try:
        sock.settimeout(max(end - time.monotonic(), 0.001))
        sock.sendall(request)
        while b"\r\n\r\n" not in head and b"\n\n" not in head and len(head) <= _TUNNEL_HEAD:
            sock.settimeout(max(end - time.monotonic(), 0.001))
            piece = sock.recv(4096)
            if not piece:
                break
            head += piece
    except TimeoutError as error:
        raise NoConnectionError(Ending.CONNECT_TIMEOUT, f"the proxy opened no tunnel within {limit:g} s") from error
    except OSError as error:
        raise NoConnectionError(Ending.PROXY, "the proxy broke the connection instead of opening a tunnel") from error
    found = _STATUS_LINE.match(head)
    if found is None:
        told = "answered what is not HTTP" if head else "closed the connection instead of opening a tunnel"
        raise NoConnectionError(Ending.PROXY, f"the proxy {told}")
    status, words = int(found["status"]), visible(found["status"] + b" " + (found["reason"] or b"")[:80]).strip()
    if status == 407:
        raise NoConnectionError(Ending.PROXY, f"the proxy wants authentication: {words}")
    if not 200 <= status < 300:
        # A proxy that cannot get through may do so the next time; one that will not does not change its mind.
        ending = Ending.UNREACHABLE if status >= 500 else Ending.PROXY
        raise NoConnectionError(ending, f"the proxy refused the tunnel: {words}")
    if re.search(rb"\n\r?\n", head) is None:
        raise NoConnectionError(Ending.PROXY, "the proxy broke off its answer")
    if not head.endswith((b"\n\r\n", b"\n\n")):
        raise NoConnectionError(Ending.PROXY, "the proxy sent more than an answer before the tunnel was used")


def _handshake_failure(error: Exception, limit: float) -> NoConnectionError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return NoConnectionError(Ending.CERTIFICATE if error.verify_code in _INVALID else Ending.TLS, tls_fault(error))
    if isinstance(error, ssl.SSLError):
        refused = isinstance(error, ssl.SSLEOFError) or "ALERT" in (error.reason or "")
        return NoConnectionError(Ending.TLS_REFUSED if refused else Ending.TLS, tls_fault(error))
    if isinstance(error, TimeoutError):
        return NoConnectionError(Ending.CONNECT_TIMEOUT, f"the TLS handshake did not end within {limit:g} s")
    if isinstance(error, OSError):
        return NoConnectionError(Ending.TLS_REFUSED, "the connection broke in the TLS handshake")
    return NoConnectionError(Ending.TLS, "the host name cannot be used for TLS")


def _resolve(address: Address, limit: float) -> list[tuple[int, Place]]:
    try:
        return list(_numeric(str(ip_address(address.host)), address.port))
    except (OSError, ValueError, OverflowError):
        pass  # a name, an address in an older spelling, or nothing that can be either
    try:
        return _lookup(address, socket.AI_NUMERICHOST)
    except (OSError, ValueError, OverflowError):
        pass
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


@lru_cache(maxsize=64)
def _numeric(host: str, port: int) -> tuple[tuple[int, Place], ...]:
    """Where an IP literal leads, which is asked before each exchange and never changes."""
    return tuple(_lookup(Address(host, port), socket.AI_NUMERICHOST))


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
        except ConnectionResetError:
            # Accepted, then reset before connect() returned: the same server that resets a moment later.
            failures.append((0, Ending.RESET, f"{written(place)} reset the connection"))
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
