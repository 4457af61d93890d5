"""Defects that no single change of the valid request brings out, or only one that no row names."""

from __future__ import annotations

import codecs
import re
import threading
from dataclasses import replace
from typing import Any

from conformance.reference.behaviour import (
    Behaviour,
    Crash,
    Silence,
    adding,
    ahead,
    crashing,
    finishing,
    misreading,
    reading,
    silent,
    with_field,
)
from conformance.reference.defects.body import GRANT_TYPE, raw_pieces, refusing, respelled
from conformance.reference.defects.grant import granting
from conformance.reference.message import Answer, Request, page
from conformance.reference.oauth import (
    GRANT,
    INVALID_CLIENT,
    INVALID_REQUEST,
    JSON_FIELDS,
    RECOGNISED,
    RFC6749,
    SCOPE,
    Failure,
    Form,
    Pair,
    Refused,
    Site,
)
from conformance.reference.planting import Needs, planted

UNKNOWN = Failure("unknown", INVALID_REQUEST, "the request is malformed")
CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]*)", re.IGNORECASE)


def charset(request: Request) -> str:
    """The charset that the Content-Type names, in small letters."""
    found = CHARSET.search(request.value("Content-Type"))
    return found[1].lower() if found else ""


# Legal spellings that are refused


@planted("gen-letters-stay-escaped", "GEN-001", "BODY-001")
def letters_stay_escaped(correct: Behaviour) -> Behaviour:
    """Percent escapes of punctuation are undone, those of letters are left as they are."""
    letter = re.compile(rb"%(?=4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])")
    return respelled(correct, lambda body: letter.sub(b"%25", body))


@planted("gen-first-chunk-alone", "GEN-001", "WIRE-010")
def first_chunk_alone(correct: Behaviour) -> Behaviour:
    """Of a body in several chunks the first one is read."""
    # One thread reads a connection, and the header section comes before the chunks.
    seen = threading.local()

    def begin(head: bytes) -> bytes:
        seen.first = None
        return head

    def size(line: bytes) -> int:
        count = correct.chunk_size(line)
        seen.first = count if seen.first is None else seen.first
        return count

    def receive(request: Request) -> Request:
        received = correct.receive(request)
        return received if seen.first is None else replace(received, body=received.body[: seen.first])

    return replace(misreading(correct, begin), chunk_size=size, receive=receive)


@planted("gen-credentials-before-type", "GEN-001", "DOC-002", "DOC-007")
def credentials_before_type(correct: Behaviour) -> Behaviour:
    """The Authorization field is not seen where it stands behind Content-Type."""

    def receive(request: Request) -> Request:
        received = correct.receive(request)
        names = [line.name.lower() for line in received.fields]
        start = names.index("content-type") if "content-type" in names else len(names)
        late = [line for line in received.fields[start:] if line.name.lower() != "authorization"]
        return replace(received, fields=(*received.fields[:start], *late))

    return replace(correct, receive=receive)


@planted("gen-charset-name-case", "GEN-001", "CTYPE-003")
def charset_name_case(correct: Behaviour) -> Behaviour:
    """A parameter whose name begins with a capital is refused, the media type in capitals is not."""
    return replace(correct, is_form=lambda value: correct.is_form(value) and not re.search(r";\s*[A-Z]", value))


@planted("gen-chunked-with-charset", "GEN-001")
def chunked_with_charset(correct: Behaviour) -> Behaviour:
    """A body in chunks is refused where the Content-Type has a parameter."""

    def read(form: Form, request: Request) -> Form:
        if request.values("Transfer-Encoding") and ";" in request.value("Content-Type"):
            raise Refused(UNKNOWN)
        return form

    return reading(correct, read)


@planted("gen-unknown-without-value", "GEN-001", "REQ-005")
def unknown_without_value(correct: Behaviour) -> Behaviour:
    """A parameter that nobody knows is refused where it has no value."""
    return refusing(correct, lambda form: any(not value for name, value in form.pairs if name not in RECOGNISED))


@planted("gen-unknown-name-odd", "GEN-001", "REQ-005")
def unknown_name_odd(correct: Behaviour) -> Behaviour:
    """A parameter that nobody knows is refused where its name has other characters than letters and low lines."""
    return refusing(
        correct,
        lambda form: any(name.isascii() and not re.fullmatch("[a-z_]*", name.lower()) for name, _ in form.pairs),
    )


# Near misses that are granted


@planted("gen-grant-longer", "GEN-002", "GRANT-004")
def grant_longer(correct: Behaviour) -> Behaviour:
    """A value of grant_type that goes on with letters after client_credentials is granted."""
    return granting(correct, lambda value: re.fullmatch(f"{GRANT}[A-Za-z0-9_]+", value) is not None)


@planted("gen-grant-hyphen", "GEN-002", "GRANT-004")
def grant_hyphen(correct: Behaviour) -> Behaviour:
    """client-credentials and clientcredentials are granted as well."""
    return granting(correct, lambda value: re.fullmatch("client-?credentials", value) is not None)


@planted("gen-camel-case", "GEN-002", "GRANT-001")
def camel_case(correct: Behaviour) -> Behaviour:
    """A parameter grantType counts as grant_type where that is missing."""

    def read(form: Form, _request: Request) -> Form:
        other = form.get("grantType")
        return form.adding(GRANT_TYPE, other) if other and not form.values(GRANT_TYPE) else form

    return reading(correct, read)


@planted("gen-secret-alone", "GEN-002", "AUTH-014")
def secret_alone(correct: Behaviour) -> Behaviour:
    """A client is found by its secret where the id is empty."""
    inner = correct.check

    def check(behaviour: Behaviour, candidates: tuple[Pair, ...], site: Site) -> str:
        for role, client in site.clients.items():
            if (b"", client.secret.encode()) in candidates:
                return role
        return inner(behaviour, candidates, site)

    return replace(correct, check=check)


@planted("gen-secret-of-another", "GEN-002", needs=Needs(clients=True))
def secret_of_another(correct: Behaviour) -> Behaviour:
    """The secret of any client opens every client."""
    inner = correct.check

    def check(behaviour: Behaviour, candidates: tuple[Pair, ...], site: Site) -> str:
        secrets = [client.secret.encode() for client in site.clients.values()]
        for role, client in site.clients.items():
            if any(given == client.client_id.encode() and secret in secrets for given, secret in candidates):
                return role
        return inner(behaviour, candidates, site)

    return replace(correct, check=check)


@planted("gen-id-wildcards", "GEN-002")
def id_wildcards(correct: Behaviour) -> Behaviour:
    """Per cent signs and low lines in the client id are wildcards of the query that looks it up."""

    def same_id(given: bytes, kept: bytes) -> bool:
        pattern = re.escape(given).replace(b"%", b".*").replace(b"_", b".")
        return re.fullmatch(pattern, kept, re.DOTALL) is not None

    return replace(correct, same_id=same_id)


@planted("gen-any-scheme", "GEN-002", "AUTH-022", profiles=(RFC6749,))
def any_scheme(correct: Behaviour) -> Behaviour:
    """Whatever word stands before the credentials is taken for Basic."""

    def unwrap(value: bytes, _site: Site) -> bytes:
        _, blank, rest = value.partition(b" ")
        if not blank:
            raise Refused(Failure("other-scheme", INVALID_CLIENT, "the authentication scheme is not supported", 401))
        return rest.lstrip(b" ")

    return replace(correct, unwrap=unwrap)


# Crashes


@planted("gen-prototype-500", "GEN-003", "REQ-005")
def prototype_500(correct: Behaviour) -> Behaviour:
    """A parameter that is named like a member of every JavaScript object makes the application die."""
    members = {"__proto__", "constructor", "hasOwnProperty", "toString", "valueOf"}
    return crashing(correct, lambda request: any(name in members for name, _ in correct.read_form(request).pairs))


@planted("gen-emoji-500", "GEN-003", "REQ-005")
def emoji_500(correct: Behaviour) -> Behaviour:
    """A character beyond the first plane of Unicode makes the database refuse the query, and the application die."""

    def beyond(request: Request) -> bool:
        return any(max(text, default="") > "\uffff" for pair in correct.read_form(request).pairs for text in pair)

    return crashing(correct, beyond)


@planted("gen-long-scope-500", "GEN-003")
def long_scope_500(correct: Behaviour) -> Behaviour:
    """A scope longer than its column of 255 characters makes the application die."""

    def grant(asked: str | None, site: Site) -> str | None:
        if len(asked or "") > 255:
            raise Crash
        return correct.grant_scope(asked, site)

    return replace(correct, grant_scope=grant)


@planted("gen-charset-unknown-500", "GEN-003")
def charset_unknown_500(correct: Behaviour) -> Behaviour:
    """A charset that the platform does not know makes the application die."""

    def unknown(request: Request) -> bool:
        codecs.lookup(charset(request) or "utf-8")
        return False

    return crashing(correct, unknown)


@planted("gen-nul-in-name-500", "GEN-003", "REQ-005", "HDR-009")
def nul_in_name_500(correct: Behaviour) -> Behaviour:
    """A NUL in the name of a parameter, escaped or not, makes the application die."""
    return crashing(correct, lambda request: any("\0" in name for name, _ in correct.read_form(request).pairs))


# Silence


@planted("gen-cut-escape-silence", "GEN-004", "BODY-010")
def cut_escape_silence(correct: Behaviour) -> Behaviour:
    """A body that ends in a per cent sign is never answered, for the decoder waits for two more octets."""
    return silent(correct, lambda request: request.body.endswith(b"%"))


@planted("gen-backtracking-silence", "GEN-004")
def backtracking_silence(correct: Behaviour) -> Behaviour:
    """A scope of twenty letters and one that the pattern does not know is never answered."""

    def grant(asked: str | None, site: Site) -> str | None:
        if re.match("[A-Za-z]{20,}[^A-Za-z ]", asked or ""):
            raise Silence
        return correct.grant_scope(asked, site)

    return replace(correct, grant_scope=grant)


@planted("gen-long-name-silence", "GEN-004", "REQ-005")
def long_name_silence(correct: Behaviour) -> Behaviour:
    """A parameter name of more than two hundred octets is never answered."""
    return silent(correct, lambda request: any(len(name) > 200 for name, _ in raw_pieces(request)))


# Secrets


def dumped(request: Request) -> str:
    """The header section as a page of a debugger shows it."""
    return "\n".join(f"{line.name}: {line.value}" for line in request.fields)


@planted("gen-charset-dump", "GEN-005", "ERR-007")
def charset_dump(correct: Behaviour) -> Behaviour:
    """A charset other than UTF-8 is answered with a page that shows the request."""

    def step(request: Request, _site: Site) -> Answer | None:
        return page(415, dumped(request)) if charset(request) not in ("", "utf-8") else None

    return ahead(correct, step)


@planted("gen-debug-parameter", "GEN-005", "ERR-007", "REQ-005")
def debug_parameter(correct: Behaviour) -> Behaviour:
    """A parameter named debug, trace or verbose adds the request to the answer."""

    def change(answer: Answer, request: Request) -> Answer:
        asked = {"debug", "trace", "verbose"} & {name for name, _ in correct.read_form(request).pairs}
        return with_field(answer, "X-Debug", dumped(request).replace("\n", "; ")) if asked else answer

    return finishing(correct, change)


# Answers that break the description alone


@planted("gen-scope-list", "GEN-006")
def scope_list(correct: Behaviour) -> Behaviour:
    """A malformed scope is answered with a list of sentences in JSON, and not with an object."""

    def step(request: Request, _site: Site) -> Answer | None:
        asked = correct.read_form(request).get("scope")
        malformed = asked is not None and not SCOPE.fullmatch(asked)
        return Answer(400, JSON_FIELDS, b'["the scope is malformed"]') if malformed else None

    return ahead(correct, step)


@planted("gen-other-client-message", "GEN-006")
def other_client_message(correct: Behaviour) -> Behaviour:
    """The refusal of a client_id that names another client has a message in the place of the error code."""
    inner = correct.error_members

    def members(failure: Failure, request: Request, site: Site) -> dict[str, Any]:
        made = inner(failure, request, site)
        return {"message": made["error_description"]} if failure.cause == "other-client" else made

    return replace(correct, error_members=members)


@planted("gen-scope-expires-string", "GEN-006", "SUCC-008")
def scope_expires_string(correct: Behaviour) -> Behaviour:
    """expires_in is a string where the answer states a scope."""
    return adding(
        correct,
        lambda members: {**members, "expires_in": str(members["expires_in"])} if "scope" in members else members,
    )


@planted("gen-post-storable", "GEN-006", "CACHE-001", profiles=(RFC6749,))
def post_storable(correct: Behaviour) -> Behaviour:
    """A token for credentials in the body has no Cache-Control."""

    def change(answer: Answer, request: Request) -> Answer:
        posted = request.method == "POST" and not request.values("Authorization")
        return with_field(answer, "Cache-Control") if posted and answer.status == 200 else answer

    return finishing(correct, change)
