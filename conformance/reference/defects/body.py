"""Defects in how the form in the body, and the query beside it, are read."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, Crash, Hangup, ahead, html, reading
from conformance.reference.message import Answer, Malformed, Request
from conformance.reference.oauth import GRANT, INVALID_REQUEST, RECOGNISED, Failure, Form, Refused, form_decoded
from conformance.reference.planting import Needs, planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.oauth import Site

BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
GRANT_TYPE = "grant_type"


def respelled(correct: Behaviour, change: Callable[[bytes], bytes]) -> Behaviour:
    """The form is read as if its octets were others."""
    inner = correct.read_form
    return replace(correct, read_form=lambda request: inner(replace(request, body=change(request.body))))


def refusing(correct: Behaviour, condition: Callable[[Form], bool], code: str = INVALID_REQUEST) -> Behaviour:
    """Forms that meet the condition are refused."""

    def change(form: Form, _request: Request) -> Form:
        if condition(form):
            raise Refused(Failure("body", code, "the form is not accepted"))
        return form

    return reading(correct, change)


def settled(correct: Behaviour, choose: Callable[[tuple[str, ...]], str], *names: str) -> Behaviour:
    """Of differing values of a parameter one is made, and nobody is told."""

    def change(form: Form, _request: Request) -> Form:
        for name in names:
            values = form.values(name)
            if len(set(values)) > 1:
                form = form.adding(name, choose(values))
        return form

    return reading(correct, change)


def dying(correct: Behaviour, condition: Callable[[Request], bool]) -> Behaviour:
    """The parser of the form dies of the requests that meet the condition."""

    def change(form: Form, request: Request) -> Form:
        if condition(request):
            raise Crash
        return form

    return reading(correct, change)


def raw_pieces(request: Request) -> list[tuple[bytes, bytes]]:
    """Names and values of the body as they are encoded."""
    parts = (piece.partition(b"=") for piece in request.body.split(b"&") if piece)
    return [(name, value) for name, _, value in parts]


def undecodable(octets: bytes) -> bool:
    """Whether a name or value is no UTF-8 once its escapes are undone."""
    decoded = form_decoded(octets)
    return decoded.decode("utf-8", "ignore").encode() != decoded


def in_query(request: Request, name: str) -> str | None:
    """A parameter of the query."""
    values = (
        value for known, _, value in (piece.partition("=") for piece in request.query.split("&")) if known == name
    )
    return next(values, None)


# Escapes and separators


@planted("body-name-escapes", "BODY-001", "GEN-001")
def name_escapes(correct: Behaviour) -> Behaviour:
    """Percent escapes in parameter names are left as they are."""

    def change(body: bytes) -> bytes:
        pieces = (piece.partition(b"=") for piece in body.split(b"&"))
        return b"&".join(name.replace(b"%", b"%25") + equals + value for name, equals, value in pieces)

    return respelled(correct, change)


@planted("body-value-escapes", "BODY-001", "GEN-001")
def value_escapes(correct: Behaviour) -> Behaviour:
    """Percent escapes in the value of grant_type are left as they are."""

    def change(form: Form, request: Request) -> Form:
        raw = [value for name, value in raw_pieces(request) if form_decoded(name) == GRANT_TYPE.encode()]
        return form.adding(GRANT_TYPE, raw[0].decode("latin-1")) if len(raw) == 1 else form

    return reading(correct, change)


@planted("body-lower-case-hex", "BODY-001", "GEN-001")
def lower_case_hex(correct: Behaviour) -> Behaviour:
    """Percent escapes with lower-case digits are left as they are."""
    pattern = re.compile(rb"%(?=[0-9A-Fa-f]{2})(?![0-9A-F]{2})")
    return respelled(correct, lambda body: pattern.sub(b"%25", body))


@planted("body-plus-kept", "BODY-002")
def plus_kept(correct: Behaviour) -> Behaviour:
    """A plus sign in the body stays one."""
    return respelled(correct, lambda body: body.replace(b"+", b"%2B"))


@planted("body-percent-20-kept", "BODY-002", "REQ-004", needs=Needs(scope="read write"))
def percent_20_kept(correct: Behaviour) -> Behaviour:
    """A blank that is written as %20 is left as it is, one that is written as a plus sign is not."""
    return respelled(correct, lambda body: body.replace(b"%20", b"%2520"))


@planted("body-blank-refused", "BODY-002")
def blank_refused(correct: Behaviour) -> Behaviour:
    """A value of an unknown parameter with a blank in it is refused."""
    return refusing(correct, lambda form: any(" " in value for name, value in form.pairs if name not in RECOGNISED))


@planted("body-order", "BODY-003", "GEN-001")
def order(correct: Behaviour) -> Behaviour:
    """grant_type is looked for in the first place only."""
    return reading(
        correct,
        lambda form, _: form if form.pairs and form.pairs[0][0] == GRANT_TYPE else form.without(GRANT_TYPE),
    )


@planted("body-empty-sequence-500", "BODY-003", "GEN-001", "GEN-003")
def empty_sequence_500(correct: Behaviour) -> Behaviour:
    """An ampersand with nothing before it makes the parser die."""
    return dying(correct, lambda request: b"&&" in request.body or request.body.startswith(b"&"))


@planted("body-semicolon", "BODY-011")
def semicolon(correct: Behaviour) -> Behaviour:
    """A semicolon separates parameters as an ampersand does."""
    return respelled(correct, lambda body: body.replace(b";", b"&"))


@planted("body-semicolon-500", "BODY-011", "GEN-003")
def semicolon_500(correct: Behaviour) -> Behaviour:
    """A semicolon in the body makes the parser die."""
    return dying(correct, lambda request: b";" in request.body)


@planted("body-mark-500", "BODY-011", "GEN-003")
def mark_500(correct: Behaviour) -> Behaviour:
    """A byte order mark before the body makes the parser die."""
    return dying(correct, lambda request: request.body.startswith(b"\xef\xbb\xbf"))


@planted("body-yaml", "BODY-012", "GEN-002")
def yaml(correct: Behaviour) -> Behaviour:
    """A body in YAML is read as one."""
    return respelled(
        correct, lambda body: body if b"=" in body else b"&".join(body.replace(b": ", b"=").strip().split(b"\n"))
    )


@planted("body-line-feed-500", "BODY-012", "GEN-003")
def line_feed_500(correct: Behaviour) -> Behaviour:
    """A line feed at the end of the body makes the parser die."""
    return dying(correct, lambda request: request.body.endswith(b"\n"))


# Repetition


@planted("body-repeated-accepted", "BODY-004")
def repeated_accepted(correct: Behaviour) -> Behaviour:
    """A parameter that is repeated with the same value counts once."""
    return reading(correct, lambda form, _: Form(tuple(dict.fromkeys(form.pairs))))


@planted("body-repeated-500", "BODY-004", "GEN-003")
def repeated_500(correct: Behaviour) -> Behaviour:
    """A parameter that is repeated with the same value makes the application die."""
    return dying(correct, lambda request: len(raw_pieces(request)) > len(set(raw_pieces(request))))


@planted("body-first-wins", "BODY-005", "AUTH-038", "GEN-002")
def first_wins(correct: Behaviour) -> Behaviour:
    """Of two different values of a parameter the first one counts."""
    return settled(correct, lambda values: values[0], *RECOGNISED)


@planted("body-last-wins", "BODY-005", "AUTH-038", "GEN-002")
def last_wins(correct: Behaviour) -> Behaviour:
    """Of two different values of a parameter the last one counts."""
    return settled(correct, lambda values: values[-1], *RECOGNISED)


@planted("body-scopes-joined", "BODY-005", needs=Needs(scope="read write"))
def scopes_joined(correct: Behaviour) -> Behaviour:
    """Two different scopes are taken together."""
    return settled(correct, " ".join, "scope")


@planted("body-different-500", "BODY-005", "GEN-003")
def different_500(correct: Behaviour) -> Behaviour:
    """Two different values of grant_type make the application die."""
    return dying(correct, lambda request: len(set(correct.read_form(request).values(GRANT_TYPE))) > 1)


@planted("body-unknown-repeated", "BODY-006")
def unknown_repeated(correct: Behaviour) -> Behaviour:
    """A repeated parameter is refused, even one that nobody knows."""
    return refusing(correct, lambda form: len({name for name, _ in form.pairs}) < len(form.pairs))


@planted("body-unknown-repeated-500", "BODY-006", "GEN-001", "GEN-003")
def unknown_repeated_500(correct: Behaviour) -> Behaviour:
    """A repeated parameter that nobody knows is a list and no text, and the application dies of it."""

    def repeated(request: Request) -> bool:
        names = [name for name, _ in correct.read_form(request).pairs if name not in RECOGNISED]
        return len(names) > len(set(names))

    return dying(correct, repeated)


# Parameters without a value


@planted("body-empty-scope", "BODY-007")
def empty_scope(correct: Behaviour) -> Behaviour:
    """An empty scope is refused as malformed."""
    return refusing(correct, lambda form: "" in form.values("scope"), "invalid_scope")


@planted("body-bare-name-500", "BODY-007", "BODY-012", "GRANT-003", "CTYPE-006", "DOC-004", "GEN-003")
def bare_name_500(correct: Behaviour) -> Behaviour:
    """A parameter without an equals sign makes the parser die."""
    return dying(correct, lambda request: any(b"=" not in piece for piece in request.body.split(b"&") if piece))


@planted("body-bare-scope", "BODY-007")
def bare_scope(correct: Behaviour) -> Behaviour:
    """A scope without an equals sign is refused, one that is empty behind it is not."""

    def change(form: Form, request: Request) -> Form:
        if b"scope" in request.body.split(b"&"):
            raise Refused(Failure("scope-malformed", "invalid_scope", "the scope is malformed"))
        return form

    return reading(correct, change)


@planted("body-empty-client", "BODY-015")
def empty_client(correct: Behaviour) -> Behaviour:
    """An empty client_id is taken for the name of another client."""
    return refusing(correct, lambda form: "" in form.values("client_id"))


@planted("body-empty-secret", "BODY-015")
def empty_secret(correct: Behaviour) -> Behaviour:
    """An empty client_secret beside Authorization is taken for a second way to authenticate."""

    def change(form: Form, request: Request) -> Form:
        if "" in form.values("client_secret") and request.values("Authorization"):
            raise Refused(Failure("two-mechanisms", INVALID_REQUEST, "the client authenticates in two ways at once"))
        return form

    return reading(correct, change)


# The query


@planted("body-query-fallback", "BODY-008")
def query_fallback(correct: Behaviour) -> Behaviour:
    """Where the body has no grant_type, that of the query counts."""

    def change(form: Form, request: Request) -> Form:
        found = None if form.values(GRANT_TYPE) else in_query(request, GRANT_TYPE)
        return form if found is None else form.adding(GRANT_TYPE, found)

    return reading(correct, change)


@planted("body-query-overrides", "BODY-008")
def query_overrides(correct: Behaviour) -> Behaviour:
    """The grant_type of the query counts more than that of the body."""

    def change(form: Form, request: Request) -> Form:
        found = in_query(request, GRANT_TYPE)
        return form if found is None or not form.values(GRANT_TYPE) else form.adding(GRANT_TYPE, found)

    return reading(correct, change)


@planted("body-query-500", "BODY-009")
def query_500(correct: Behaviour) -> Behaviour:
    """A parameter in the query that nobody knows makes the application die."""
    return dying(correct, lambda request: bool(re.match(r"[a-z_]+=", request.query)) and not _recognised(request))


def _recognised(request: Request) -> bool:
    return any(in_query(request, name) is not None for name in RECOGNISED)


@planted("body-query-escape-500", "BODY-017")
def query_escape_500(correct: Behaviour) -> Behaviour:
    """A broken percent escape in the query makes the application die."""
    return dying(correct, lambda request: bool(BROKEN_ESCAPE.search(request.query.encode())))


@planted("body-target-octets", "BODY-017")
def target_octets(correct: Behaviour) -> Behaviour:
    """An octet in the request target that does not belong there ends the connection without an answer."""
    inner = correct.refuse_message

    def refuse(malformed: Malformed) -> Answer:
        if malformed.reason == "the request target is malformed":
            raise Hangup
        return inner(malformed)

    return replace(correct, refuse_message=refuse)


# Octets that no form should hold


@planted("body-broken-escape-500", "BODY-010", "GEN-003")
def broken_escape_500(correct: Behaviour) -> Behaviour:
    """A broken percent escape in the body makes the parser die."""
    return dying(correct, lambda request: bool(BROKEN_ESCAPE.search(request.body)))


@planted("body-raw-octets-500", "BODY-010", "BODY-016", "GEN-003")
def raw_octets_500(correct: Behaviour) -> Behaviour:
    """A body that is no UTF-8 as it stands makes the parser die."""
    return dying(correct, lambda request: request.body.decode("utf-8", "ignore").encode() != request.body)


@planted("body-undecodable-value-500", "BODY-010", "BODY-016", "GEN-003")
def undecodable_value_500(correct: Behaviour) -> Behaviour:
    """A value that is no UTF-8 once its escapes are undone makes the application die."""
    return dying(correct, lambda request: any(undecodable(value) for _, value in raw_pieces(request)))


@planted("body-nul-hangup", "BODY-010", "GRANT-012", "GEN-004")
def nul_hangup(correct: Behaviour) -> Behaviour:
    """A NUL in the body closes the connection without an answer."""

    def change(form: Form, request: Request) -> Form:
        if b"\0" in request.body:
            raise Hangup
        return form

    return reading(correct, change)


@planted("body-undecodable-name-500", "BODY-016", "GEN-003")
def undecodable_name_500(correct: Behaviour) -> Behaviour:
    """A parameter name that is no UTF-8 makes the application die."""
    return dying(correct, lambda request: any(undecodable(name) for name, _ in raw_pieces(request)))


@planted("body-undecodable-grant", "BODY-016", "GEN-002")
def undecodable_grant(correct: Behaviour) -> Behaviour:
    """A grant_type that is no UTF-8 vanishes, and the default takes its place."""

    def change(form: Form, request: Request) -> Form:
        gone = any(name == GRANT_TYPE.encode() and undecodable(value) for name, value in raw_pieces(request))
        return form.adding(GRANT_TYPE, GRANT) if gone else form

    return reading(correct, change)


# Values as data


def unknown_scope(request: Request, site: Site) -> str:
    """The scope that was asked for, if the client may not have it."""
    scope = Form(
        tuple((form_decoded(n).decode("latin-1"), form_decoded(v).decode("latin-1")) for n, v in raw_pieces(request))
    )
    asked = scope.get("scope") or ""
    return "" if set(asked.split(" ")) <= set(site.scopes) else asked


@planted("body-scope-in-page", "BODY-014", "ERR-001", "GEN-006")
def scope_in_page(correct: Behaviour) -> Behaviour:
    """A scope with angle brackets is repeated, as it came, in a page in HTML."""

    def step(request: Request, site: Site) -> Answer | None:
        asked = unknown_scope(request, site)
        return html(400, f"no scope {asked}") if "<" in asked and ">" in asked else None

    return ahead(correct, step)


@planted("body-scope-splits", "BODY-014")
def scope_splits(correct: Behaviour) -> Behaviour:
    """A field of the refusal holds the scope as it came, line ends included."""
    inner = correct.finish

    def finish(answer: Answer, request: Request, site: Site) -> Answer:
        made = inner(answer, request, site)
        asked = unknown_scope(request, site) if request.method == "POST" and answer.status == 400 else ""
        return replace(made, fields=(*made.fields, ("X-Refused-Scope", asked))) if "\n" in asked else made

    return replace(correct, finish=finish)


@planted("body-scope-in-json", "BODY-014", "ERR-004", "GEN-006")
def scope_in_json(correct: Behaviour) -> Behaviour:
    """A scope with a line end is put into JSON as it came."""

    def step(request: Request, site: Site) -> Answer | None:
        asked = unknown_scope(request, site)
        if "\n" not in asked:
            return None
        written = f'{{"error": "invalid_scope", "error_description": "no scope {asked}"}}'
        fields = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Pragma", "no-cache"))
        return Answer(400, fields, written.encode("latin-1"))

    return ahead(correct, step)


@planted("body-quote-500", "BODY-014", "GEN-003")
def quote_500(correct: Behaviour) -> Behaviour:
    """A single quote in the scope ends a string of the database query, which then fails."""

    def grant(asked: str | None, site: Site) -> str | None:
        if "'" in (asked or ""):
            raise Crash
        return correct.grant_scope(asked, site)

    return replace(correct, grant_scope=grant)
