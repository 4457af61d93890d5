"""HTTP proxies: which one stands before a target, and what a request looks like on its way through it."""

from __future__ import annotations

import base64
import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import unquote

from conformance.request import Encoded
from conformance.target import Proxy, Secret, SettingsError, host_and_port

if TYPE_CHECKING:
    from collections.abc import Mapping

DIRECT = "none"
"""What is given as proxy so that none is used, whatever the environment says."""

REWRITTEN = frozenset(
    {
        *("HDR-001", "HDR-002", "HDR-003", "HDR-007", "HDR-008", "HDR-011"),
        *("CTYPE-008", "CTYPE-009", "CTYPE-011", "CTYPE-012"),
        *("AUTH-023", "METHOD-004", "METHOD-006", "DOC-005", "DOC-006", "DOC-007", "GEN-001"),
    }
)
"""Rows about the very octets that a forwarding proxy may write anew (RFC 9110, section 7.6)."""

FORWARDED = "an HTTP proxy stands between; use --proxy with https or none"
"""Why such a row is not judged."""

_URL = re.compile(r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?:(?P<user>.*)@)?(?P<authority>[^/?#@]*)/?", re.DOTALL)
_REQUEST_LINE = re.compile(rb"(?P<method>[^ \r\n]+) (?P<target>/[^\r\n]*) [^ \r\n]+\r\n")


def rewrites(identifier: str) -> bool:
    """Whether a forwarding proxy may change what the requirement of that ID looks at."""
    return identifier in REWRITTEN or identifier.startswith("WIRE-")


def parse(text: str) -> Proxy | None:
    """The proxy at a URL such as ``http://user:password@proxy.example:3128``; ``None`` for the word ``none``.

    The scheme may be left out, and the port is 80 without one. Errors never repeat the URL: a password may stand in it.

    Raises:
        SettingsError: it is no URL of an HTTP proxy.
    """
    if text == DIRECT:
        return None
    found = _URL.fullmatch(text)
    if any(c.isspace() or not c.isprintable() for c in text) or found is None or not found["authority"]:
        raise SettingsError("is no proxy; accepted: a URL such as http://proxy.example:3128, or none")
    scheme = (found["scheme"] or "http").lower()
    if scheme.startswith("socks"):
        raise SettingsError("names a SOCKS proxy, which is not supported; accepted: http://host:port, or none")
    if scheme != "http":
        raise SettingsError(f"names a proxy that is spoken to by {scheme[:20]}; accepted: http://host:port, or none")
    host, port = host_and_port(found["authority"], 80, "the proxy")
    user, colon, password = (found["user"] or "").partition(":")
    if not user and not colon:
        return Proxy(host, port)
    name, word = unquote(user), unquote(password)
    if ":" in name:
        raise SettingsError("has a user name with a colon, which Basic authentication cannot carry")
    return Proxy(host, port, name, Secret(word))


def from_environment(environ: Mapping[str, str], scheme: str, host: str, port: int) -> Proxy | None:
    """The proxy that the environment names for a target.

    Lower case goes before upper case, and ``ALL_PROXY`` counts where the scheme has none. ``HTTP_PROXY`` is ignored
    where ``REQUEST_METHOD`` is set: a web server makes it from a header of the request.

    Args:
        environ: the environment variables.
        scheme: ``http`` or ``https``.
        host: host of the target, IPv6 without brackets.
        port: its port.

    Raises:
        SettingsError: the variable holds no usable proxy; the text names it.
    """
    exceptions = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if excepted(exceptions, host, port):
        return None
    forged = {"HTTP_PROXY"} if "REQUEST_METHOD" in environ else set()
    for variable in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
        if variable not in forged and environ.get(variable):
            try:
                return parse(environ[variable])
            except SettingsError as error:
                raise SettingsError(f"{variable}: {error}") from None
    return None


def excepted(exceptions: str, host: str, port: int) -> bool:
    """Whether a target is reached directly by the rules of ``NO_PROXY``.

    Args:
        exceptions: entries with commas or blanks between them: ``*``, names that also mean what ends with them,
            addresses, networks such as ``10.0.0.0/8``, and any of the first three with a port.
        host: host of the target, IPv6 without brackets.
        port: its port.
    """
    entries = [entry for entry in re.split(r"[\s,]+", exceptions) if entry]
    return "*" in entries or any(_matches(entry, host.lower().rstrip("."), port) for entry in entries)


def _matches(entry: str, host: str, port: int) -> bool:
    address = _address(host)
    if "/" in entry:
        try:
            return address is not None and address in ip_network(entry, strict=False)
        except ValueError:
            return False
    found = re.fullmatch(r"(?:\[(?P<literal>[^\]]*)\]|(?P<name>[^:]*))(?::(?P<port>[0-9]+))?", entry)
    if found is None:
        wanted = entry  # an IPv6 address without brackets
    else:
        wanted = found["literal"] if found["literal"] is not None else found["name"]
        if found["port"] is not None and int(found["port"]) != port:
            return False
    if address is not None:
        return _address(wanted) == address
    name = wanted.lower().removeprefix("*").strip(".")
    try:
        name = name.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def credentials(proxy: Proxy) -> bytes:
    """The value of Proxy-Authorization (RFC 7617, section 2); empty where the proxy wants none."""
    if proxy.password is None:
        return b""
    return b"Basic " + base64.b64encode(f"{proxy.user}:{proxy.password.reveal()}".encode())


def connect_request(proxy: Proxy, authority: str) -> bytes:
    """The request that opens a tunnel to a host and port (RFC 9110, section 9.3.6)."""
    value = credentials(proxy)
    line = b"Proxy-Authorization: " + value + b"\r\n" if value else b""
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n".encode() + line + b"\r\n"


def forwarded(encoded: Encoded, proxy: Proxy, authority: str) -> Encoded:
    """A request for an http target as its proxy gets it: the target in absolute form (RFC 9112, section 3.2.2).

    A request line that names no path stays as it is.

    Args:
        encoded: the request as the server would get it.
        proxy: where it goes.
        authority: host of the target, and the port where it is not 80.
    """
    found = _REQUEST_LINE.match(encoded.data)
    if found is None:
        return encoded
    value = credentials(proxy)
    pieces = [(found.start("target"), b"http://" + authority.encode(), False)]
    if value:
        end = found.end()
        pieces += [(end, b"Proxy-Authorization: ", False), (end, value, True), (end, b"\r\n", False)]
    data, spans, at = b"", [], 0
    for place, piece, secret in pieces:
        data += encoded.data[at:place]
        if secret:
            spans.append((len(data), len(data) + len(piece)))
        data += piece
        at = place
    moved = [
        tuple(edge + sum(len(piece) for place, piece, _ in pieces if place <= edge) for edge in span)
        for span in encoded.secrets
    ]
    return Encoded(data + encoded.data[at:], tuple(sorted([*spans, *((start, end) for start, end in moved)])))
