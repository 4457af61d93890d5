"""The endpoint under test: where it is, who asks, what the valid request carries, and how hard it may be pushed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, ip_address
from typing import TYPE_CHECKING, Literal, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

Exposed = Literal["client", "sacrificial", "invented"]

DEFAULT_PORTS = {"http": 80, "https": 443}
OWN_HEADERS = frozenset(
    {"authorization", "content-type", "content-length", "host", "transfer-encoding", "connection", "origin"}
)
OWN_PARAMETERS = frozenset({"grant_type", "client_id", "client_secret", "scope"})

ROLES = ("second", "special", "sacrificial", "unentitled")
"""Further clients that a target may have: an ordinary one, one whose secret holds characters that form encoding changes
or a colon, one that may be locked, and one that is not entitled to client_credentials."""

SACRIFICIAL = "sacrificial"
"""The one of them whose wrong secrets cost nobody anything."""

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/]*)(?P<path>/.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(?:\[(?P<literal>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?", re.DOTALL)
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_LOOPBACK_4 = IPv4Network("127.0.0.0/8")
_LOOPBACK_6 = IPv6Address("::1")


class SettingsError(ValueError):
    """Something the user gave cannot be used; the text is one printable line that names where it came from."""

    def __init__(self, text: str) -> None:
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))


class Secret:
    """A text that no representation shows.

    ``repr``, ``str`` and ``format`` give ``***``; pickling raises ``TypeError``; secrets with equal texts are equal.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that puts it on the wire."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is never pickled")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client that is registered at the endpoint (RFC 6749 section 2.3.1)."""

    client_id: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Client:
    """A further client that is registered at the endpoint; ``role`` is one of `ROLES`."""

    role: str
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Extra:
    """A header or parameter that belongs to the valid request of one target, such as a gateway key."""

    name: str
    value: str | Secret


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; without a password it wants no authentication. ``host`` is as that of a target."""

    host: str
    port: int
    user: str = ""
    password: Secret | None = None

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL."""
        return f"{_bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What the suite shows of itself in a TLS handshake: absolute paths of PEM files.

    ``key`` is None where the key stands in the file of the certificate; ``passphrase`` is that of the key, if it is
    encrypted.
    """

    certificate: str
    key: str | None = None
    passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """The address that stands in for what a host and port would resolve to."""

    host: str
    port: int
    address: str

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}:{self.address}"


@dataclass(frozen=True, slots=True)
class Table:
    """The table of a settings file that a target comes from.

    ``config`` is what ``--config`` said, None for the file that is found without it; ``options`` are those whose values
    come from that file, and from no flag or variable.
    """

    config: str | None
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class Target:
    """One token endpoint.

    ``host`` is an A-label name or an IP literal without brackets; ``prefix`` is the path of the base URL without its
    trailing slash; ``ca_bundle`` is the absolute path of a PEM file, or None for the system's roots; ``proxy`` is what
    stands between, whoever named it; ``pins`` say where to connect instead of asking for the host's address;
    ``clients`` are the further ones, at most one of each role; ``table`` is None where no settings file names it.
    """

    name: str
    base_url: str
    scheme: str
    host: str
    port: int
    prefix: str
    token_path: str
    credentials: Credentials
    scope: str | None = None
    headers: tuple[Extra, ...] = ()
    parameters: tuple[Extra, ...] = ()
    ca_bundle: str | None = None
    embedded: bool = False
    proxy: Proxy | None = None
    client_certificate: ClientCertificate | None = None
    pins: tuple[Pin, ...] = ()
    clients: tuple[Client, ...] = ()
    table: Table | None = None

    def client(self, role: str) -> Credentials | None:
        """The client of a role, if one was configured."""
        return next((client.credentials for client in self.clients if client.role == role), None)

    @property
    def exposed(self) -> Exposed:
        """Which client may travel where servers log it: the real one on this machine only."""
        if self.loopback:
            return "client"
        return "invented" if self.client(SACRIFICIAL) is None else "sacrificial"

    @property
    def path(self) -> str:
        """The path that a token request names: the prefix of the base URL, then the token path."""
        return self.prefix + self.token_path

    @property
    def authority(self) -> str:
        """The value of the Host header: the port stands in it unless it is the scheme's own (RFC 9110 section 7.2)."""
        return _authority(self.scheme, self.host, self.port)

    @property
    def loopback(self) -> bool:
        """Whether the endpoint is on this machine: 127.0.0.0/8, ::1 or localhost, and nothing leads elsewhere."""
        elsewhere = [pin.address for pin in self.pins if pin.host == self.host]
        elsewhere += [self.proxy.host] if self.proxy is not None else []
        return is_loopback(self.host) and all(map(is_loopback, elsewhere))

    @property
    def forwarded(self) -> bool:
        """Whether a proxy reads the requests and writes them anew: one that stands before an http target."""
        return self.proxy is not None and self.scheme == "http"

    @property
    def plain_port(self) -> int:
        """The port at which the host is asked without TLS: that of http in place of that of https."""
        return DEFAULT_PORTS["http"] if self.port == DEFAULT_PORTS["https"] else self.port

    def pinned(self, port: int) -> str | None:
        """The address to connect to for a port of the host, if one is given."""
        return next((pin.address for pin in self.pins if (pin.host, pin.port) == (self.host, port)), None)


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard a target may be pushed.

    ``timeout`` is in seconds for one exchange, ``concurrency`` in exchanges in flight, ``max_rps`` in exchanges a
    second (None: no bound), ``max_duration`` in seconds for all of them. ``safe`` says that it is in production:
    nothing is sent that could harm or alarm it.
    """

    timeout: float = 10
    concurrency: int = 4
    max_rps: float | None = None
    max_duration: float = 900
    safe: bool = False


def target_at(
    base_url: str, token_path: str, credentials: Credentials, *, name: str | None = None, embedded: bool = False
) -> Target:
    """The target at a base URL; without a name it is called after its host and port.

    Raises:
        SettingsError: the base URL or the token path is malformed.
    """
    scheme, host, port, prefix = parse_base_url(base_url)
    return Target(
        name=name or f"{host.replace(':', '_')}_{port}",
        base_url=f"{scheme}://{_authority(scheme, host, port)}{prefix}",
        scheme=scheme,
        host=host,
        port=port,
        prefix=prefix,
        token_path=check_path(token_path),
        credentials=credentials,
        embedded=embedded,
    )


def parse_base_url(text: str) -> tuple[str, str, int, str]:
    """The scheme, host, port and path prefix of a base URL (RFC 3986).

    Errors never repeat the URL, since a password may stand in it.

    Raises:
        SettingsError: it is no absolute http or https URL, or has user information, a query, a fragment or white space.
    """
    if not text:
        raise SettingsError("the base URL is empty; accepted: an absolute URL such as https://idp.example")
    if any(c.isspace() or not c.isprintable() for c in text):
        raise SettingsError("the base URL holds white space or a control character")
    if "?" in text or "#" in text:
        raise SettingsError("the base URL holds a query or a fragment; accepted: scheme, host, port and path")
    found = _URL.fullmatch(text)
    if found is None:
        raise SettingsError("the base URL has no scheme; accepted: an absolute URL such as https://idp.example")
    if "@" in found["authority"]:
        raise SettingsError("the base URL holds user information; give the client by its own settings instead")
    scheme = found["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise SettingsError(f"the base URL has the scheme {shown(scheme)}; accepted: http, https")
    host, port = host_and_port(found["authority"], DEFAULT_PORTS[scheme])
    prefix = (found["path"] or "").rstrip("/")
    return scheme, host, port, check_path(prefix) if prefix else ""


def check_path(text: str) -> str:
    """The text itself, which is an absolute path as a request line may carry it (RFC 3986 section 3.3).

    Raises:
        SettingsError: it does not start with a slash, or holds a character that has to be percent-encoded.
    """
    if not text.startswith("/"):
        raise SettingsError(f"the path {shown(text)} does not start with '/'")
    if not _PATH.fullmatch(text):
        raise SettingsError(
            "the path holds a character that a path cannot carry; accepted: "
            "letters, digits, -._~!$&'()*+,;=:@/ and %XX for everything else"
        )
    return text


def check_scope(text: str) -> str:
    """The text itself, which is one or more scope tokens with one space between them (RFC 6749 section 3.3).

    Raises:
        SettingsError: it is empty or malformed.
    """
    if not _SCOPE.fullmatch(text):
        raise SettingsError(
            f'{shown(text)} is no scope; accepted: names with one space between them, of visible ASCII without " and \\'
        )
    return text


def check_header(name: str, value: str) -> tuple[str, str]:
    """The name and the value, without the white space around it, of a header that the valid request may carry.

    Raises:
        SettingsError: the name is no token or is one the suite sets itself, or the value cannot stand in a field line
            (RFC 9110 section 5.5). The value is never repeated.
    """
    _check_name("header", name, name.lower() in OWN_HEADERS)
    value = value.strip(" \t")
    if not _HEADER_VALUE.fullmatch(value):
        raise SettingsError(
            f"the value of header {shown(name)} holds CR, LF, NUL or another character outside printable ASCII"
        )
    return name, value


def check_parameter(name: str, value: str) -> tuple[str, str]:
    """The name and the value of a body parameter that the valid request may carry.

    Raises:
        SettingsError: the name is no token or is one the suite sets itself, or the value holds CR, LF or NUL. The value
            is never repeated.
    """
    _check_name("parameter", name, name in OWN_PARAMETERS)
    if any(c in value for c in "\r\n\0"):
        raise SettingsError(f"the value of parameter {shown(name)} holds CR, LF or NUL")
    return name, value


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a host, without brackets, is this machine by its spelling: 127.0.0.0/8, ::1 or localhost."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address in _LOOPBACK_4 or address == _LOOPBACK_6


def shown(value: object) -> str:
    """A value as an error shows it: quoted, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def accepted(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown word: the known ones, and the nearest of them where one is near."""
    names = list(known)
    near = get_close_matches(name, names, n=1) or get_close_matches(name.casefold(), names, n=1)
    return f"accepted: {', '.join(names) or 'none'}" + (f"; did you mean {near[0]!r}?" if near else "")


def _check_name(what: str, name: str, own: bool) -> None:
    if not _TOKEN.fullmatch(name):
        raise SettingsError(f"a {what} name is no token; accepted: letters, digits and !#$%&'*+-.^_`|~")
    if own:
        raise SettingsError(f"the {what} {name!r} is set by the suite itself and cannot be given")


def _authority(scheme: str, host: str, port: int) -> str:
    return _bracketed(host) if port == DEFAULT_PORTS[scheme] else f"{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def host_and_port(authority: str, default: int, what: str = "the base URL") -> tuple[str, int]:
    """The host, IPv6 without brackets and names as A-labels, and the port of an authority.

    Args:
        authority: a name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
        default: the port where it names none.
        what: what an error calls the place where it stands.

    Raises:
        SettingsError: it is malformed.
    """
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise SettingsError(f"{what} has a malformed host; accepted: a name, an IPv4 address or [an IPv6 address]")
    port = found["port"]
    if port is not None and not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise SettingsError(f"{what} has a malformed port; accepted: 1 to 65535")
    host = _literal(found["literal"], what) if found["literal"] is not None else _name(found["name"], what)
    return host, default if port is None else int(port)


def _literal(text: str, what: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise SettingsError(f"{what} has the host {shown(text)}, which is no IPv6 address") from None
    if address.scope_id is not None:
        raise SettingsError(f"{what} has an IPv6 address with a zone; accepted: one without")
    return address.compressed


def _name(text: str, what: str) -> str:
    if not text:
        raise SettingsError(f"{what} has no host")
    # The older IDNA of the standard library maps these to another name than browsers look up.
    if any(c in "ßẞς" for c in text):
        raise SettingsError(f"{what} has the host {shown(text)}, whose A-label is ambiguous; accepted: the xn-- form")
    try:
        host = text.encode("idna").decode("ascii").lower() if len(text) <= 253 else ""
    except UnicodeError:
        host = ""
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise SettingsError(f"{what} has the host {shown(text)}, which is no host name")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        try:
            return str(ip_address(host))
        except ValueError:
            raise SettingsError(f"{what} has the host {shown(text)}, which is no IPv4 address") from None
    return host
