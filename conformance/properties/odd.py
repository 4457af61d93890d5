"""Odd requests: values that servers stumble over. Whatever the answer is, there is one, and it shows no secret.

Each is the valid request with one or two of them, in places where a client may put what it likes: names and values of
parameters that nobody knows, the scope, parameters of the media type, and fields that say nothing of authentication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.expression import Repeated
from conformance.properties.spelling import Deviation
from conformance.request import FORM, Template

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.request import Value

LONG = 300
"""Octets that no column or buffer of the usual sizes has room for."""


def _parameter(value: Value) -> Callable[[Template], Template]:
    return lambda template: template.adding_parameters(value)


def _media(parameters: str) -> Callable[[Template], Template]:
    return lambda template: template.replacing("Content-Type", FORM + parameters)


def _field(name: str, value: str) -> Callable[[Template], Template]:
    def change(template: Template) -> Template:
        changed = template.removing(name) if name == "Accept" else template
        return changed.adding(name, value)

    return change


def _named(name: str) -> Deviation:
    return Deviation(f"REQ-005 a parameter named {name}", _parameter(f"{name}=1"))


SLOTS: tuple[tuple[Deviation, ...], ...] = (
    (
        *map(_named, ("__proto__", "constructor", "hasOwnProperty", "toString", "valueOf")),
        *map(_named, ("debug", "trace", "verbose", "callback", "format", "_method")),
        *map(_named, ("assertion", "code", "request", "resource")),
        *map(_named, ("a[b]", "a[]", "a[b][c]", "a[", "a.b", "$a", "1")),
        Deviation("REQ-005 a parameter with a name of many octets", _parameter(Repeated(b"n", LONG) + "=1")),
        Deviation("REQ-005 a parameter with a value of many octets", _parameter("x=" + Repeated(b"v", 20 * LONG))),
        Deviation("REQ-005 a parameter named by a character beyond the first plane", _parameter("%F0%9F%94%91=1")),
        Deviation("REQ-005 a parameter of a character beyond the first plane", _parameter("x=%F0%9F%94%91")),
        Deviation("REQ-005 a parameter of half a pair of surrogates", _parameter("x=%ED%A0%80")),
        Deviation("REQ-005 a parameter of an overlong encoding", _parameter("x=%C0%AF")),
        Deviation("BODY-016 a parameter named by a NUL", _parameter("%00=1")),
        Deviation("BODY-016 a parameter with a NUL in its name", _parameter("x%00y=1")),
        Deviation("BODY-016 a parameter of a NUL", _parameter("x=%00")),
        Deviation("BODY-010 a body that ends in a per cent sign", _parameter("x=%")),
        Deviation("BODY-010 a body that ends in half an escape", _parameter("x=%4")),
        Deviation("BODY-010 an escape of no hexadecimal digits", _parameter("x=%zz&y=1")),
        Deviation("BODY-010 a name that ends in a per cent sign", _parameter("x%=1")),
        Deviation("REQ-005 a parameter without name and value", _parameter("=")),
        Deviation("REQ-005 a parameter without a name", _parameter("=1")),
        Deviation("REQ-005 many empty parameters", _parameter(Repeated(b"&", LONG))),
    ),
    (
        Deviation("GRANT-010 a scope of many letters", _parameter("scope=" + Repeated(b"s", LONG))),
        Deviation("GRANT-010 a scope of very many letters", _parameter("scope=" + Repeated(b"s", 20 * LONG))),
        Deviation("GRANT-011 a scope of many letters and a sign", _parameter("scope=" + Repeated(b"s", 40) + "%21")),
        Deviation("GRANT-010 a scope of many names", _parameter("scope=" + Repeated(b"s+", LONG) + "s")),
        Deviation("GRANT-011 a scope of blanks", _parameter("scope=+++")),
        Deviation("GRANT-011 a scope of two double quotes", _parameter("scope=%22%22")),
        Deviation("GRANT-011 a scope with a backslash", _parameter("scope=a%5C")),
        Deviation("GRANT-011 a scope with a line break", _parameter("scope=a%0D%0Ab")),
        Deviation("GRANT-011 a scope with a NUL", _parameter("scope=a%00b")),
        Deviation("GRANT-011 a scope of no ASCII character", _parameter("scope=%E2%82%AC")),
        Deviation("REQ-005 a scope in brackets", _parameter("scope[]=a")),
    ),
    (
        Deviation("CTYPE-003 a charset that nobody knows", _media("; charset=x-conformance")),
        Deviation("CTYPE-003 a charset of two octets a character", _media("; charset=utf-16")),
        Deviation("CTYPE-003 a charset of one octet a character", _media("; charset=iso-8859-1")),
        Deviation("CTYPE-003 an empty charset", _media("; charset=")),
        Deviation("CTYPE-003 a quote that is never closed", _media('; charset="utf-8')),
        Deviation("CTYPE-003 a boundary", _media("; boundary=x")),
        Deviation("CTYPE-003 semicolons alone", _media(";;")),
        Deviation("CTYPE-003 a parameter of many octets", _media(f"; x={'v' * LONG}")),
    ),
    (
        Deviation("HDR-005 an Accept that is none", _field("Accept", ";q=,/")),
        Deviation("HDR-005 an Accept that wants nothing", _field("Accept", "*/*;q=0")),
        Deviation("HDR-004 a language that is none", _field("Accept-Language", "*;q=x")),
        Deviation("HDR-004 a language of many octets", _field("Accept-Language", "x" * LONG)),
        Deviation("HDR-004 a coding that nobody knows", _field("Accept-Encoding", "x-conformance;q=1")),
        Deviation("HDR-004 a cookie that is none", _field("Cookie", "=;;x")),
        Deviation("HDR-004 an origin without a host", _field("Origin", "null")),
        Deviation("HDR-004 a range of the answer", _field("Range", "bytes=9-1")),
        Deviation("HDR-004 a date that is none", _field("If-Modified-Since", "yesterday")),
        Deviation("HDR-004 an identifier of a trace that is none", _field("traceparent", "00-0-0-0")),
    ),
)
"""Oddities by place; a request takes at most one from each, applied in this order."""
