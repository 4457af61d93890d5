"""A request as a curl command, or the reason why curl cannot send it as it was."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conformance.expression import (
    Credentials,
    Edited,
    Expression,
    Joined,
    Literal,
    OfClient,
    Repeated,
    Symbol,
    Word,
    form_octets,
)
from conformance.request import VALID
from conformance.target import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from conformance.engine import Inquiry
    from conformance.request import Line, Template
    from conformance.target import Extra, Target

SECRET_VARIABLE = "TOKEN_CONFORMANCE_CLIENT_SECRET"  # noqa: S105 - the name of a variable, not a secret


def secret_variable(role: str) -> str:
    """The name of the variable that holds the secret of a further client."""
    return f"TOKEN_CONFORMANCE_{role.upper()}_CLIENT_SECRET"


FORM_ENCODED = (
    f"The server may read form-encoded credentials: put the secret into {SECRET_VARIABLE} in that spelling "
    "if it has other characters than letters, digits and *-._"
)
_LONGEST = 600
_OURS = "it holds a value that this suite alone can make"
_NOBODY, _INVENTED = "conformance-unknown-client", "invented-secret"
_UNNAMED = ("Host", "User-Agent", "Accept", "Content-Length")
_PLAIN = re.compile(r"[\x20-\x7e]*")


class _Unsayable(Exception):  # noqa: N818 - it is an answer, not an error
    """What curl cannot send; the text says why."""


@dataclass(frozen=True, slots=True)
class Curl:
    """What curl can do about a request.

    Attributes:
        command: a command line for a POSIX shell; empty where there is none.
        reason: why there is none.
        advice: what to mind before the command is run; may be empty.
    """

    command: str = ""
    reason: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of an argument: text, or what the shell puts something else in the place of."""

    text: str
    live: bool = False


def curl(template: Template, inquiry: Inquiry) -> Curl:
    """The command that sends a template to the target of an inquiry; secrets are variables in it, never values.

    curl writes the fields in an order of its own, which no requirement looks at.

    Args:
        template: the request.
        inquiry: target and profile.
    """
    if inquiry.target.embedded:
        return Curl(reason="The embedded endpoint ended with the run; the command above starts it again.")
    try:
        command = _Command(inquiry).of(template)
    except _Unsayable as why:
        return Curl(reason=f"curl cannot send this request as it was: {why}")
    profile = inquiry.profile
    spelled = profile.authorization == "basic" and profile.basic_encoding != "raw"
    return Curl(command, advice=FORM_ENCODED if spelled and SECRET_VARIABLE in command else "")


class _Command:
    """The words of one command.

    Args:
        inquiry: target and profile.
    """

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry, self._target = inquiry, inquiry.target

    def of(self, template: Template) -> str:
        _check_shape(template)
        before, words = "", ["curl", "-qsSi", "--http1.0" if template.version == b"HTTP/1.0" else "--http1.1"]
        words += _way(self._target)
        if template.method != b"POST" or template.framing == "none":
            words += ["-X", shlex.quote(template.method.decode("latin-1"))]
        words += self._fields(template)
        body = self._body(template)
        if template.framing != "none":
            before, data = _data(body)
            words += data
        target = self._pieces(template.target)
        if any(" " in piece.text for piece in target if not piece.live):
            raise _Unsayable("there is a blank in the request target")
        words += [] if template.target == VALID.target else ["--request-target", _word(target)]
        scheme = "http" if template.transport is not None else self._target.scheme
        words.append(shlex.quote(f"{scheme}://{self._target.authority}{self._target.path}"))
        return before + " ".join(words)

    def _fields(self, template: Template) -> Iterator[str]:
        named = [line.name.decode("latin-1") for line in template.fields]
        lower = Counter(name.lower() for name in named)
        for name in _UNNAMED:
            if lower[name.lower()] > 1 or (lower[name.lower()] == 1 and name not in named):
                raise _Unsayable(f"{name} is a field that it writes in its own way, once")
        if "host" not in lower:
            raise _Unsayable("Host is missing, which it always sends")
        for line in template.fields:
            yield from self._field(line, template)
        guarded = template.elsewhere or template.transport is not None
        for extra in (one for one in self._target.headers if not (guarded and isinstance(one.value, Secret))):
            yield from ("-H", _word([_Piece(f"{extra.name}: "), *_value(extra)]))
        if "user-agent" not in lower:
            yield from ("-H", "User-Agent:")
        if "accept" not in lower:
            yield from ("-H", "Accept:")
        if "content-type" not in lower and template.framing != "none":
            yield from ("-H", "Content-Type:")

    def _field(self, line: Line, template: Template) -> Iterator[str]:
        name = line.name.decode("latin-1")
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise _Unsayable("a field name holds what no field name may")
        if line.separator != b": ":
            raise _Unsayable("between a field name and its value stands something else than a colon and one blank")
        if name.lower() == "content-length":
            if line.value is not None or template.framing != "length":
                raise _Unsayable("it computes Content-Length itself")
            return
        if line.value is None:
            raise _Unsayable(f"the value of {name} is the length of the body")
        if line in VALID.fields and name in ("Host", "Accept"):
            return
        if name == "User-Agent" and isinstance(line.value, Symbol):
            yield from ("-A", "token-conformance")
            return
        pieces = self._pieces(line.value)
        whole = "".join(piece.text for piece in pieces)
        if whole != whole.strip(" "):
            raise _Unsayable("a field value begins or ends with a blank, which not every release of curl keeps")
        yield from ("-H", _word([_Piece(f"{name}: "), *pieces]) if whole else shlex.quote(f"{name};"))

    def _body(self, template: Template) -> list[_Piece]:
        if template.parameters is None:
            return self._pieces(template.raw or Literal(b""), body=True)
        parts = [self._pieces(one, body=True) for one in template.parameters]
        names = {"".join(piece.text for piece in part).partition("=")[0] for part in parts}
        scope = self._target.scope
        if template.gate_scope and not self._inquiry.profile.default_scope and scope and "scope" not in names:
            parts.append([_Piece("scope=" + form_octets(scope.encode()).decode())])
        parts += [[_Piece(f"{extra.name}="), *_value(extra, spelled=True)] for extra in self._target.parameters]
        joined: list[_Piece] = []
        for part in parts:
            joined += [_Piece("&"), *part] if joined else part
        return joined

    def _pieces(self, value: Expression, *, body: bool = False) -> list[_Piece]:
        match value:
            case Literal(data):
                found = [_Piece(_text(data, body=body))]
            case Repeated(data, times):
                found = [_Piece(_text(data, times, body=body))]
            case Symbol(name):
                found = self._symbol(name)
            case OfClient(role, part):
                found = self._of_client(role, part)
            case Joined(parts):
                found = [piece for part in parts for piece in self._pieces(part, body=body)]
            case Credentials(client_id, secret, scheme):
                plain = "Basic " if self._inquiry.profile.authorization == "basic" else ""
                pair = client_id + ":" + secret
                found = [_Piece(plain if scheme is None else scheme), *self._pieces(pair.base64())]
            case Edited(inner, edit):
                found = self._edited(inner, edit)
            case Word(inner, first):
                whole = "".join(piece.text for piece in self._pieces(inner))
                found = [_Piece(whole.partition(" ")[0] if first else whole.rpartition(" ")[2])]
            case _:
                raise _Unsayable(_OURS)
        return found

    def _symbol(self, name: str) -> list[_Piece]:
        target = self._target
        exposed = {"client": target.credentials, "invented": None}.get(target.exposed, target.client(target.exposed))
        basic = self._inquiry.profile.authorization == "basic"
        own = self._inquiry.profile.token_path or target.token_path
        known = {
            "client_id": target.credentials.client_id,
            "exposed_id": exposed.client_id if exposed is not None else _NOBODY,
            "unknown_id": _NOBODY,
            "unknown_secret": _INVENTED,
            "scope": target.scope or "",
            "host": target.authority,
            "path": target.path,
            "documented_path": target.prefix + own,
            "origin": f"{target.scheme}://{target.authority}",
            "prefix": target.prefix,
            "folder": target.path.rpartition("/")[0],
            "scheme": "Basic " if basic else "",
            "user_agent": "token-conformance",
        }
        if name == "secret" or (name == "exposed_secret" and target.exposed == "client"):
            return [_Piece(f'"${SECRET_VARIABLE}"', live=True)]
        if name == "exposed_secret":
            return [_Piece(_INVENTED)] if exposed is None else self._of_client(target.exposed, "secret")
        if name not in known:
            raise _Unsayable(_OURS)
        return [_Piece(_text(known[name].encode(), body=False))]

    def _of_client(self, role: str, part: str) -> list[_Piece]:
        credentials = self._target.client(role)
        if credentials is None:
            raise _Unsayable(f"no {role} client is configured")
        if part == "secret":
            return [_Piece(f'"${secret_variable(role)}"', live=True)]
        return [_Piece(_text(credentials.client_id.encode(), body=False))]

    def _edited(self, inner: Expression, edit: str) -> list[_Piece]:
        pieces = self._pieces(inner, body=edit == "base64")
        secret = any(piece.live for piece in pieces)
        match edit:
            case "base64":
                return [_Piece(f"\"$(printf %s {_word(pieces)} | base64 | tr -d '\\n')\"", live=True)]
            case "without_padding" if _in_base64(pieces):
                return [_Piece(pieces[-1].text.replace("tr -d '\\n'", "tr -d '\\n='"), live=True)]
            case "url_safe" if _in_base64(pieces):
                return [_Piece(pieces[-1].text.replace("tr -d '\\n'", "tr -d '\\n' | tr +/ -_"), live=True)]
            case "without_last" if [piece.text for piece in pieces] == [f'"${SECRET_VARIABLE}"']:
                return [_Piece(f'"${{{SECRET_VARIABLE}%?}}"', live=True)]
            case "form" | "percent_encoded" if not secret:
                spelled = form_octets("".join(piece.text for piece in pieces).encode()).decode()
                return [_Piece(spelled if edit == "form" else spelled.replace("+", "%20"))]
            case "form" | "present" if len(pieces) == 1:
                return pieces
        raise _Unsayable("the shell would have to edit the secret octet by octet")


def _check_shape(template: Template) -> None:
    """Raises where something about the whole request is out of curl's reach."""
    reasons = (
        (template.transport is not None and not template.transport.plain, "which handshake it offers, its build says"),
        (template.after is not None, "it is the second request on a connection"),
        (template.held, "the body waits for an answer to the header section"),
        (template.version not in (b"HTTP/1.1", b"HTTP/1.0"), "the version in the request line is none it speaks"),
        (template.method == b"HEAD", "its HEAD has no body, and this one has"),
        (not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", template.method), "the method is no token"),
    )
    for applies, reason in reasons:
        if applies:
            raise _Unsayable(reason)


def _text(data: bytes, times: int = 1, *, body: bool) -> str:
    if len(data) * times > _LONGEST:
        raise _Unsayable(f"it is too long for a command line ({len(data) * times} octets)")
    text = (data * times).decode("latin-1")
    if not body and not _PLAIN.fullmatch(text):
        raise _Unsayable("there are control characters or octets beyond ASCII in its header section")
    return text


def _in_base64(pieces: Sequence[_Piece]) -> bool:
    return pieces[-1].live and "| base64 |" in pieces[-1].text


def _value(extra: Extra, *, spelled: bool = False) -> list[_Piece]:
    if isinstance(extra.value, Secret):
        return [_Piece(f'"${{{re.sub(r"[^A-Z0-9]+", "_", extra.name.upper()).strip("_") or "VALUE"}}}"', live=True)]
    return [_Piece(form_octets(extra.value.encode()).decode() if spelled else extra.value)]


def _word(pieces: Iterable[_Piece]) -> str:
    """One argument: what is text is quoted for the shell, what is the shell's stands in double quotes already."""
    merged: list[_Piece] = []
    for piece in pieces:
        if merged and not piece.live and not merged[-1].live:
            merged[-1] = replace(merged[-1], text=merged[-1].text + piece.text)
        elif piece.text:
            merged.append(piece)
    words = [piece.text if piece.live else shlex.quote(piece.text) for piece in merged]
    if any(not piece.live and not _PLAIN.fullmatch(piece.text) for piece in merged):
        raise _Unsayable("the shell cannot carry the octets that are encoded in it")
    return "".join(words) or "''"


def _data(body: Sequence[_Piece]) -> tuple[str, list[str]]:
    """What goes before the command, and the words that hand the body to it."""
    text = "".join(piece.text for piece in body)
    if _PLAIN.fullmatch(text):
        return "", ["--data-raw", _word(body)]
    if any(piece.live for piece in body):
        raise _Unsayable("a secret stands beside octets that a command line cannot carry")
    octets = text.encode("latin-1")
    printed = "".join(
        chr(one) if 0x20 <= one < 0x7F and one not in b"\\'%" else f"\\{one:03o}" if one != 0x25 else "%%"
        for one in octets
    )
    return f"printf '{printed}' | ", ["--data-binary", "@-"]


def _way(target: Target) -> Iterator[str]:
    if target.ca_bundle is not None:
        yield from ("--cacert", shlex.quote(target.ca_bundle))
    if target.client_certificate is not None:
        yield from ("--cert", shlex.quote(target.client_certificate.certificate))
        if target.client_certificate.key is not None:
            yield from ("--key", shlex.quote(target.client_certificate.key))
    for pin in target.pins:
        yield from ("--resolve", shlex.quote(str(pin)))
    if target.proxy is not None:
        user = "" if target.proxy.password is None else f"{target.proxy.user}:${{PROXY_PASSWORD}}@"
        yield from ("--proxy", f'"http://{user}{target.proxy.authority}"')
    else:
        yield from ("--noproxy", "'*'")
