"""A request as a curl command, or the reason why curl cannot send it as it was."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from conformance.expression import (
    Counted,
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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
IN_SIGHT = "While it runs, the secret stands in the list of processes"

ARGUMENT = 120_000
"""Octets of one argument: a little less than Linux passes on."""

_OURS = "it holds a value that this suite alone can make"
_NOBODY, _INVENTED = "conformance-unknown-client", "invented-secret"
_PLAIN = re.compile(r"[\x20-\x7e]*")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PIPES = {"without_padding": "tr -d =", "url_safe": "tr +/ -_", "split_by_blank": "sed 's/^../& /'"}
"""What the shell does for an edit of Base64."""

# The function that the suite itself spells with.
_FORM = (
    """python3 -c 'import sys, urllib.parse as u; print(u.quote_plus(sys.stdin.buffer.read(), safe="*-._"), end="")'"""
)

_LONG = 1024
"""Octets of a body above which some releases of curl ask for a 100 first."""


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
    """A part of a value.

    Attributes:
        text: octets, each as the character of that number; of a live piece, what the shell puts something in place of,
            in double quotes.
        live: whether it is the shell's.
        secret: whether a secret stands in it then.
        size: octets that a live piece comes to, as far as that matters.
        base64: whether it is the Base64 of something.
    """

    text: str
    live: bool = False
    secret: bool = False
    size: int = 0
    base64: bool = False


def curl(template: Template, inquiry: Inquiry) -> Curl:
    """The command that sends a template to the target of an inquiry; secrets are variables in it, never values.

    curl writes the fields in an order of its own, which no requirement looks at. A secret goes to curl by its standard
    input where that is free, since everybody on the machine can read its arguments.

    Args:
        template: the request.
        inquiry: target and profile.
    """
    if inquiry.target.embedded:
        return Curl(reason="The embedded endpoint ended with the run; the command above starts it again.")
    try:
        command, in_sight = _Command(inquiry).of(template)
    except _Unsayable as why:
        return Curl(reason=f"curl cannot send this request as it was: {why}.")
    profile = inquiry.profile
    spelled = profile.authorization == "basic" and profile.basic_encoding != "raw" and SECRET_VARIABLE in command
    advice = [FORM_ENCODED] if spelled else []
    advice += [IN_SIGHT] if in_sight else []
    return Curl(command, advice=". ".join(advice))


class _Command:
    """The words of one command.

    Args:
        inquiry: target and profile.
    """

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry, self._target = inquiry, inquiry.target

    def of(self, template: Template) -> tuple[str, bool]:
        """The command, and whether a secret stands in an argument of curl while it runs."""
        _check_shape(template)
        body = self._body(template) if template.framing != "none" else []
        lines = [line for line in (*self._fields(template, body), *self._extras(template)) if line]
        # What is read from the standard input ends where its line does.
        hidden = [line for line in lines if _secret(line) and not _breaks(line)]
        before, data = _data(body, beside=bool(hidden)) if template.framing != "none" else ("", [])
        hidden = [] if before else hidden
        before = before or (f"{_printed(_with_line_feeds(hidden))} | " if hidden else "")
        words = ["curl", "-qgsSi", "--http1.0" if template.version == b"HTTP/1.0" else "--http1.1"]
        words += [*_way(self._target), *_method(template), *(["-H", "@-"] if hidden else [])]
        shown = [line for line in lines if line not in hidden]
        for line in shown:
            words += ["-H", _word(line)]
        target = self._pieces(template.target)
        words += [*data, *([] if template.target == VALID.target else ["--request-target", _word(target)])]
        # Without TLS, the port is that of http where it is that of https: in both cases it is not written.
        scheme = self._target.scheme if template.transport is None else "http"
        words.append(shlex.quote(f"{scheme}://{self._target.authority}{self._target.path}"))
        arguments = [*(piece for line in shown for piece in line), *target, *([] if "@-" in data else body)]
        return before + " ".join(words), _secret(arguments)

    def _fields(self, template: Template, body: Sequence[_Piece]) -> Iterator[list[_Piece]]:
        """What curl is told of each field; of one that it writes by itself in the same way, nothing."""
        names = [line.name.decode("latin-1") for line in template.fields]
        lower = Counter(name.lower() for name in names)
        chunked = self._chunked(template)
        _check_names(names, lower)
        for line in template.fields:
            computed = line.value is None and lower["content-length"] == 1 and not chunked
            usual = line in VALID.fields and line.name in (b"Host", b"Accept")
            if not usual and not (computed and line.name == b"Content-Length" and line.separator == b": "):
                yield self._line(line, body)
        written = {"Host", "User-Agent", "Accept"}
        written |= {"Content-Type"} if template.framing != "none" else set()
        written |= {"Content-Length"} if template.framing == "length" else set()
        written |= {"Expect"} if sum(piece.size or len(piece.text) for piece in body) > _LONG else set()
        for name in sorted(written):
            if not lower[name.lower()]:
                yield [_Piece(f"{name}:")]

    def _chunked(self, template: Template) -> bool:
        """Whether curl sends the body in chunks."""
        codings = [self._text(line).lower() for line in template.fields if line.name.lower() == b"transfer-encoding"]
        chunked = any("chunked" in coding for coding in codings)
        if chunked != (template.framing == "chunked"):
            raise _Unsayable("it writes chunks by itself, where there is a Transfer-Encoding of that name")
        return chunked

    def _line(self, line: Line, body: Sequence[_Piece]) -> list[_Piece]:
        name, separator = line.name.decode("latin-1"), line.separator.decode("latin-1")
        value = self._length(body) if line.value is None else self._pieces(line.value, body)
        whole = [_Piece(name + separator), *value]
        if not any(piece.live for piece in value) and not _joined(value).strip():
            if separator != ":" or value:
                raise _Unsayable("it sends a field without a value in one way, with nothing after the colon")
            return [_Piece(f"{name};")]
        return whole

    def _extras(self, template: Template) -> Iterator[list[_Piece]]:
        guarded = template.elsewhere or template.transport is not None
        for extra in self._target.headers:
            if not (guarded and isinstance(extra.value, Secret)):
                yield [_Piece(f"{extra.name}: "), *_value(extra)]

    def _text(self, line: Line) -> str:
        return "" if line.value is None else _joined(self._pieces(line.value))

    def _length(self, body: Sequence[_Piece]) -> list[_Piece]:
        if any(piece.live for piece in body):
            raise _Unsayable("its Content-Length depends on the secret")
        return [_Piece(str(sum(len(piece.text) for piece in body)))]

    def _body(self, template: Template) -> list[_Piece]:
        if template.parameters is None:
            return self._pieces(template.raw or Literal(b""))
        parts = [self._pieces(one) for one in template.parameters]
        names = {_joined(part).partition("=")[0] for part in parts}
        scope = self._target.scope
        if template.gate_scope and not self._inquiry.profile.default_scope and scope and "scope" not in names:
            parts.append([_Piece("scope=" + form_octets(scope.encode()).decode())])
        parts += [[_Piece(f"{extra.name}="), *_value(extra, spelled=True)] for extra in self._target.parameters]
        return [piece for at, part in enumerate(parts) for piece in ([_Piece("&"), *part] if at else part)]

    def _pieces(self, value: Expression, body: Sequence[_Piece] = ()) -> list[_Piece]:
        match value:
            case Literal(data):
                found = [_Piece(data.decode("latin-1"))]
            case Repeated() | Counted():
                found = [_series(value)]
            case Symbol("length"):
                found = self._length(body)
            case Symbol(name):
                found = self._symbol(name)
            case OfClient(role, part):
                found = self._of_client(role, part)
            case Joined(parts):
                found = [piece for part in parts for piece in self._pieces(part, body)]
            case Credentials(client_id, secret, scheme):
                plain = "Basic " if self._inquiry.profile.authorization == "basic" else ""
                pair = client_id + ":" + secret
                found = [_Piece(plain if scheme is None else scheme), *self._pieces(pair.base64())]
            case Edited(inner, edit):
                found = self._edited(inner, edit)
            case Word(inner, first):
                whole = _joined(self._pieces(inner))
                found = [_Piece(whole.partition(" ")[0] if first else whole.rpartition(" ")[2])]
            case _:
                raise _Unsayable(_OURS)
        return [piece for piece in found if piece.text]

    def _symbol(self, name: str) -> list[_Piece]:
        target = self._target
        exposed = {"client": target.credentials, "invented": None}.get(target.exposed, target.client(target.exposed))
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
            "scheme": "Basic " if self._inquiry.profile.authorization == "basic" else "",
            "user_agent": "token-conformance",
        }
        if name == "secret" or (name == "exposed_secret" and target.exposed == "client"):
            return [_Piece(f'"${SECRET_VARIABLE}"', live=True, secret=True)]
        if name == "exposed_secret":
            return [_Piece(_INVENTED)] if exposed is None else self._of_client(target.exposed, "secret")
        if name not in known:
            raise _Unsayable(_OURS)
        return [_Piece(known[name].encode().decode("latin-1"))]

    def _of_client(self, role: str, part: str) -> list[_Piece]:
        credentials = self._target.client(role)
        if credentials is None:
            raise _Unsayable(f"no {role} client is configured")
        if part == "secret":
            return [_Piece(f'"${secret_variable(role)}"', live=True, secret=True)]
        return [_Piece(credentials.client_id.encode().decode("latin-1"))]

    def _edited(self, inner: Expression, edit: str) -> list[_Piece]:
        pieces = self._pieces(inner)
        match edit:
            case "present" | "with_colon":
                found = pieces
            case "base64":
                found = [_in_base64(pieces)]
            case "needless_form" if not any(piece.live for piece in pieces):
                found = [_Piece(re.sub("[A-Za-z]", _escaped, _joined(pieces), count=1))]
            case "case_swapped":
                found = list(map(_swapped, pieces))
            case _ if edit in _PIPES and pieces[-1].base64:
                found = [*pieces[:-1], _piped(pieces[-1], _PIPES[edit])]
            case "without_last" if pieces == self._symbol("secret"):
                found = [replace(pieces[0], text=f'"${{{SECRET_VARIABLE}%?}}"')]
            case "form" | "special_form" | "percent_encoded":
                found = [_form_encoded(piece, "%20" if edit == "percent_encoded" else "+") for piece in pieces]
            case _:
                raise _Unsayable("the shell would have to change the secret octet by octet")
        return found


def _check_shape(template: Template) -> None:
    """Raises where something about the whole request is out of curl's reach."""
    waits = any(line.name.lower() == b"expect" for line in template.fields)
    reasons = (
        (template.transport is not None and not template.transport.plain, "which handshake it offers, its build says"),
        (template.after is not None, "it goes second on a connection, and curl may open a new one"),
        (template.held and not waits, "its body waits for an answer to the header section"),
        (template.version not in (b"HTTP/1.1", b"HTTP/1.0"), "the version in the request line is none it speaks"),
        (template.framing == "extended", "it writes chunks without extensions"),
        (template.framing == "chunks", "it writes a short body as one chunk"),
        (not _TOKEN.fullmatch(template.method), "the method is no token"),
    )
    for applies, reason in reasons:
        if applies:
            raise _Unsayable(reason)


def _check_names(names: Iterable[str], lower: Mapping[str, int]) -> None:
    """Raises where curl would spell or place a field in another way."""
    if lower["host"] > 1 or (lower["host"] and "Host" not in names):
        raise _Unsayable("it sends one Host, spelled in this way")
    if any(name != name.strip() for name in names):
        raise _Unsayable("a line that begins with a blank belongs to the one before, and curl sets the order")


def _method(template: Template) -> list[str]:
    if template.method == b"HEAD" and template.framing == "none":
        # Told by -X, it would wait for content that no answer to a HEAD has.
        return ["-I"]
    if template.method == b"POST" and template.framing != "none":
        return []
    return ["-X", shlex.quote(template.method.decode("latin-1"))]


def _escaped(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"


def _joined(pieces: Iterable[_Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _form_encoded(piece: _Piece, blank: str) -> _Piece:
    if not piece.live:
        return replace(piece, text=form_octets(piece.text.encode("latin-1")).decode().replace("+", blank))
    further = "" if blank == "+" else f" | sed s/+/{blank}/g"
    return replace(piece, text=f'"$({_printed([piece])} | {_FORM}{further})"')


def _swapped(piece: _Piece) -> _Piece:
    if piece.live:
        return replace(piece, text=f"\"$({_printed([piece])} | tr 'A-Za-z' 'a-zA-Z')\"")
    return replace(piece, text="".join(one.swapcase() if one.isascii() else one for one in piece.text))


def _series(value: Repeated | Counted) -> _Piece:
    """What is too long to be read in a command is made by the shell."""
    if isinstance(value, Counted):
        between, each = (_octal(data.decode("latin-1")) for data in (value.joint, value.pattern.replace(b"%d", b"\0")))
        each = each.replace("\\000", "%d")
        loop = f'for (at = 0; at < {value.times}; at++) printf (at ? "{between}" : "") "{each}", at'
        size = value.times * (len(value.pattern) + len(value.joint) + len(str(value.times)))
        return _Piece(f"\"$(awk 'BEGIN {{ {loop} }}')\"", live=True, size=size)
    data, times = value.data, value.times
    if len(data) == 1 and data.isalnum():
        return _Piece(f"\"$(head -c {times} /dev/zero | tr '\\0' {data.decode()})\"", live=True, size=times)
    return _Piece((data * times).decode("latin-1"))


def _in_base64(pieces: Sequence[_Piece]) -> _Piece:
    size = sum(piece.size or len(piece.text) for piece in pieces) * 4 // 3 + 4
    secret = _secret(pieces)
    return _Piece(f"\"$({_printed(pieces)} | base64 | tr -d '\\n')\"", live=True, secret=secret, size=size, base64=True)


def _piped(piece: _Piece, further: str) -> _Piece:
    """What the shell writes, through one more program."""
    return replace(piece, text=f'{piece.text[:-2]} | {further})"')


def _value(extra: Extra, *, spelled: bool = False) -> list[_Piece]:
    if isinstance(extra.value, Secret):
        variable = re.sub(r"[^A-Z0-9]+", "_", extra.name.upper()).strip("_") or "VALUE"
        return [_Piece(f'"${{{variable}}}"', live=True, secret=True)]
    return [_Piece(form_octets(extra.value.encode()).decode() if spelled else extra.value)]


def _merged(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Pieces in which no text stands beside another."""
    merged: list[_Piece] = []
    for piece in pieces:
        if merged and not piece.live and not merged[-1].live:
            merged[-1] = replace(merged[-1], text=merged[-1].text + piece.text)
        else:
            merged.append(piece)
    return merged


def _word(pieces: Iterable[_Piece]) -> str:
    """One argument: what is text is quoted for the shell, what is the shell's stands in double quotes already."""
    merged = _merged(pieces)
    if sum(piece.size if piece.live else len(piece.text) for piece in merged) > ARGUMENT:
        raise _Unsayable("it is longer than an argument of a command may be")
    words = []
    for piece in merged:
        if piece.live or _PLAIN.fullmatch(piece.text):
            words.append(piece.text if piece.live else shlex.quote(piece.text))
        elif "\0" in piece.text:
            raise _Unsayable("no argument of a command holds a NUL")
        elif piece.text.endswith("\n"):
            raise _Unsayable("the shell drops a line feed at the end")
        else:
            words.append(f'"$({_printed([piece])})"')
    return "".join(words) or "''"


def _printed(pieces: Iterable[_Piece]) -> str:
    """A printf that writes some pieces, whatever octets are in them."""
    merged = _merged(pieces)
    form = "".join("%s" if piece.live else _octal(piece.text) for piece in merged)
    # What begins with a hyphen would be an option.
    form = form if form[:1] != "-" else f"\\{ord('-'):03o}{form[1:]}"
    return " ".join((f"printf '{form}'", *(piece.text for piece in merged if piece.live)))


def _octal(text: str) -> str:
    """Octets as the format of a printf."""
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "%": "%%"}
    plain = {chr(one) for one in range(0x20, 0x7F)} - set("\\'%")
    return "".join(one if one in plain else named.get(one) or f"\\{ord(one):03o}" for one in text)


def _with_line_feeds(lines: Iterable[Sequence[_Piece]]) -> Iterator[_Piece]:
    for line in lines:
        yield from (*line, _Piece("\n"))


def _secret(pieces: Iterable[_Piece]) -> bool:
    return any(piece.secret for piece in pieces)


def _breaks(line: Iterable[_Piece]) -> bool:
    return any(one in piece.text for piece in line for one in "\r\n" if not piece.live)


def _data(body: Sequence[_Piece], *, beside: bool) -> tuple[str, list[str]]:
    """What goes before the command, and the words that hand the body to it.

    Args:
        body: the body.
        beside: whether something secret wants the standard input, so that the body shall do without it.
    """
    plain = all(piece.live or _PLAIN.fullmatch(piece.text) for piece in body)
    if not _secret(body) and (plain or beside):
        with contextlib.suppress(_Unsayable):
            return "", ["--data-raw", _word(body)]
    return f"{_printed(body)} | ", ["--data-binary", "@-"]


def _way(target: Target) -> Iterator[str]:
    if "/." in target.path:
        yield "--path-as-is"
    if target.ca_bundle is not None:
        yield from ("--cacert", shlex.quote(target.ca_bundle))
    if target.client_certificate is not None:
        yield from ("--cert", shlex.quote(target.client_certificate.certificate))
        if target.client_certificate.key is not None:
            yield from ("--key", shlex.quote(target.client_certificate.key))
    for pin in target.pins:
        yield from ("--resolve", shlex.quote(str(pin)))
    if target.proxy is not None:
        user = "" if target.proxy.password is None else f"{quote(target.proxy.user, safe='')}:${{PROXY_PASSWORD}}@"
        yield from ("--proxy", f'"http://{user}{target.proxy.authority}"')
    else:
        yield from ("--noproxy", "'*'")
