"""Error answers: their JSON, their words, and what they must not reveal, of every request that was refused."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus

from conformance.case import case
from conformance.cases.stimuli import NO_CREDENTIALS, NO_GRANT_TYPE, UNKNOWN_CLIENT, UNKNOWN_GRANT, UNKNOWN_SCOPE
from conformance.cases.test_methods import at_the_endpoint, method
from conformance.cases.test_success_answers import URI_REFERENCE, kind, shown, untyped
from conformance.reply import Answer, Judgement, Outcome, Reply, every, refused

ACCEPT = "text/html, image/gif, image/jpeg, */*; q=0.2"
"""What an old Java library accepts unless told otherwise."""

CODES = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)
"""The error codes of RFC 6749, section 5.2."""

AUTHORIZATION_CODES = ("server_error", "temporarily_unavailable")
"""Error codes that belong to the authorization endpoint (RFC 6749, section 4.1.2.1)."""

REFUSED_BY_OAUTH = frozenset(
    {
        *("AUTH-007", "AUTH-008", "AUTH-009", "AUTH-013", "AUTH-014", "AUTH-018", "AUTH-019", "AUTH-022"),
        *("GRANT-001", "GRANT-002", "GRANT-003", "GRANT-004", "GRANT-009", "GRANT-010"),
        *("BODY-004", "BODY-005", "ERR-001"),
    }
)
"""Cases whose stimuli are sound HTTP, so that a 400 or 401 to them comes from OAuth processing."""

OF_HTTP = (403, 404, 405, 406, 408, 411, 413, 414, 415, 417, 421, 426, 429, 431)
"""Refusals that come from below OAuth as a rule."""

PROBES = (NO_CREDENTIALS, UNKNOWN_CLIENT, NO_GRANT_TYPE, UNKNOWN_GRANT)

JSON_REFUSAL = Outcome("application/json", lambda reading: untyped(reading) is None and reading.status < 500)
HTML = Outcome(
    "HTML",
    lambda reading: reading.media_type in ("text/html", "application/xhtml+xml") and reading.status < 500,
)

_OUTSIDE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_NO_ERROR = "no answer is an OAuth error"


def errors(judge: Judgement) -> list[Answer]:
    """The answers that are OAuth errors: JSON objects with ``error``, those of the HTTP layer left out.

    Many frameworks answer what they refuse themselves by JSON whose ``error`` is the reason phrase of the status.
    """
    known = (*CODES, *AUTHORIZATION_CODES, *judge.contract.profile.error_codes)

    def of_oauth(answer: Answer) -> bool:
        code = answer.json["error"]
        if code in known:
            return True
        if answer.status in OF_HTTP or answer.status >= 500:
            return False
        return bool(answer.cases & REFUSED_BY_OAUTH) or str(code).lower() != phrase(answer.status)

    objects = (answer for answer in judge.answers if isinstance(answer.json, dict) and "error" in answer.json)
    return [answer for answer in objects if not answer.granted and of_oauth(answer)]


def phrase(status: int) -> str:
    """The reason phrase of a status in lower case."""
    return HTTPStatus(status).phrase.lower() if status in set(HTTPStatus) else ""


def characters(text: str) -> str:
    """The characters of a text that are outside the set of the RFC, in words; empty where there are none."""
    names = {'"': "double quotes", "\\": "backslashes", "\n": "line breaks", "\r": "line breaks"}
    found = {
        names.get(character, "control characters" if character < "\x80" else "non-ASCII characters")
        for character in _OUTSIDE.findall(text)
    }
    return ", ".join(sorted(found))


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, at any depth."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one


def said(answer: Answer) -> Iterator[str]:
    """What the request said in its field values, in its parameters and in their names, decoded."""
    head, _, body = answer.exchange.sent.decode("latin-1").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    yield from (line.partition(":")[2].strip() for line in lines)
    yield from (unquote_plus(part) for part in re.split(r"[ ?&=]", start) if part)
    for piece in re.split("&", body):
        yield from map(unquote_plus, (piece, *piece.split("=", 1)))


def echoed(answer: Answer, text: str) -> bool:
    """Whether everything outside the permitted set in a text was taken from the request."""
    for value in sorted(set(said(answer)), key=len, reverse=True):
        text = text.replace(value, "") if _OUTSIDE.search(value) else text
    return not _OUTSIDE.search(text)


@case("ERR-001", also=PROBES)
def test_an_error_answer_is_json_with_an_error(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        if not isinstance(answer.json, dict):
            return f"{untyped(answer) or 'Content-Type application/json'}, and no JSON object"
        if not answer.error:
            found = answer.json.get("error", "")
            return (
                "no error member"
                if "error" not in answer.json
                else f"error is {kind(found) if found != '' else 'empty'}"
            )
        return untyped(answer)

    answers = [one for one in judge.answers if one.status in (400, 401) and one.cases & REFUSED_BY_OAUTH]
    judge.each(answers, "application/json: an object with a non-empty string as error", flaw)


@case("ERR-002", missing=NO_GRANT_TYPE, unknown=UNKNOWN_GRANT, scope=UNKNOWN_SCOPE)
def test_an_error_has_status_400(missing: Reply, unknown: Reply, scope: Reply, judge: Judgement) -> None:
    every(*(reply for reply in (missing, unknown, scope) if not reply.granted)).must_be(refused(400))
    if missing.granted and unknown.granted and scope.granted:
        judge.does_not_apply("every stimulus was granted, so there is no status of a refusal")


@case("ERR-003", also=PROBES)
def test_the_error_code_has_permitted_characters_only(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        found = characters(answer.error or "")
        return f"error holds {found}" if found else None

    judge.each(errors(judge), "error of printable ASCII without double quote and backslash", flaw, nothing=_NO_ERROR)


@case("ERR-004", also=PROBES)
def test_the_description_has_permitted_characters_only(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        text = answer.json.get("error_description", "")
        if not isinstance(text, str):
            return f"error_description is {kind(text)}"
        found = characters(text)
        origin = "echoed from the request" if echoed(answer, text) else "the server's own"
        return f"error_description holds {found}, {origin}" if found else None

    def empty(answer: Answer) -> str | None:
        return "error_description is empty" if answer.json.get("error_description") == "" else None

    expected = "error_description: absent, or printable ASCII without double quote and backslash"
    judge.each(errors(judge), expected, flaw, nothing=_NO_ERROR)
    judge.each(errors(judge), "no empty error_description", empty, verdict="warning", nothing=_NO_ERROR)


@case("ERR-005", also=PROBES)
def test_the_error_uri_is_a_uri_reference(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        value = answer.json.get("error_uri", "")
        if not isinstance(value, str):
            return f"error_uri is {kind(value)}"
        return None if URI_REFERENCE.fullmatch(value) else "error_uri is no URI reference"

    judge.each(errors(judge), "error_uri: absent, or a URI reference", flaw, nothing=_NO_ERROR)


@case("ERR-006", also=PROBES)
def test_the_error_is_a_known_code(judge: Judgement) -> None:
    known = ("", *CODES, *AUTHORIZATION_CODES, *judge.contract.profile.error_codes)

    def flaw(answer: Answer) -> str | None:
        return None if (answer.error or "") in known else f"error {shown(answer.error or '')}"

    def foreign(answer: Answer) -> str | None:
        out_of_place = answer.error in AUTHORIZATION_CODES and 400 <= answer.status < 500
        return f"{answer.error}, a code of the authorization endpoint" if out_of_place else None

    answers = [answer for answer in errors(judge) if answer.status < 500]
    judge.each(answers, "an error code of RFC 6749, or one that the profile allows", flaw, nothing=_NO_ERROR)
    judge.each(answers, "an error code of the token endpoint", foreign, verdict="warning", nothing=_NO_ERROR)


@case("ERR-007", also=PROBES, everywhere=True)
def test_no_answer_repeats_a_credential(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        if answer.echoes:
            echo, holder = answer.echoes[0], "a token answer" if answer.granted else "another answer"
            return f"the {echo.credential} ({echo.spelling}) in the {shown(echo.place)} of {holder}"
        members = answer.json if isinstance(answer.json, dict) and answer.status >= 400 else {}
        tokens = [name for name in ("access_token", "refresh_token") if members.get(name)]
        return f"an error answer with {' and '.join(tokens)}" if tokens else None

    judge.each(judge.answers, "no credential of the request in an answer, and no token in an error answer", flaw)


# The patterns are bounded, so that a large answer cannot make the search long.
_REVEALING = {
    "a stack trace": (
        rb"Traceback \(most recent call last\)",
        rb"File \\?\"[^\"\r\n]{1,200}\.py\\?\", line [0-9]+",
        rb"\bat [\w$.<>/]{1,200}\((?:[\w$]+\.(?:java|kt|scala|groovy):[0-9]+|Native Method|Unknown Source)\)",
        rb"\bat [^\r\n]{1,160}\.[cm]?[jt]s:[0-9]+:[0-9]+",
        rb"\bat [\w.`<>]{1,200}\([^)\r\n]{0,200}\) in [^\r\n]{1,200}:line [0-9]+",
        rb"Stack trace:(?:\s|\\n|<br ?/?>)*#0 ",
        rb"\bgoroutine [0-9]+ \[running\]",
        rb"\w\.rb:[0-9]+:in [`']",
    ),
    "a database message": (
        rb"SQLSTATE\[",
        rb"\bORA-[0-9]{5}\b",
        rb"You have an error in your SQL syntax",
        rb"syntax error at or near",
        rb"\b(?:java\.sql\.|psycopg2?\.|sqlalchemy\.exc\.|sqlite3\.)\w",
    ),
    "a path of the server's files": (
        rb"(?<![\w.:/-])/(?:usr|home|var|opt|srv)/[\w.-]{1,80}/[\w./-]{1,160}\.(?:py|rb|php|pl|go|rs|java|jar|so|conf|ini|log)\b",
        rb"\b[A-Z]:\\{1,2}(?:Users|inetpub|Windows|Program Files|www)\\",
    ),
    "the debug page of a framework": (
        rb"Werkzeug Debugger",
        rb"<code>DEBUG = True</code>",
        rb"Whitelabel Error Page",
        rb"Action Controller: Exception caught",
        rb"Whoops, looks like something went wrong",
        rb"An unhandled exception occurred while processing the request",
    ),
}


@case("ERR-008", also=PROBES)
def test_an_error_shows_nothing_of_the_server(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        # In JSON a tab or a quote is two characters, which no pattern would look through.
        text = answer.body + b"".join(b"\n" + said.encode("utf-8", "replace") for said in strings(answer.json))
        shows = (what for what, patterns in _REVEALING.items() if any(re.search(one, text) for one in patterns))
        return next((f"{what} in the answer" for what in shows), None)

    answers = [answer for answer in judge.answers if answer.status >= 400 or (answer.error and not answer.granted)]
    expected = "no stack trace, database message, file path or debug page in an error answer"
    judge.each(answers, expected, flaw, nothing="no answer is an error")


@case("ERR-009")
def test_the_endpoint_does_not_redirect(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        to_https = any(value.lower().startswith("https:") for value in answer.values("Location"))
        upgraded = answer.exchange.tls is None and to_https
        return f"a redirect by {answer.status}" if 300 <= answer.status < 400 and not upgraded else None

    def addressed(answer: Answer) -> bool:
        # An odd Host may lead to a redirect to the right one.
        edge = bool(answer.cases) and all(identifier.startswith("WIRE-") for identifier in answer.cases)
        return method(answer) == b"POST" and at_the_endpoint(answer, judge.contract) and not edge

    judge.each(filter(addressed, judge.answers), "no redirect from the token endpoint", flaw)


@case(
    "ERR-010",
    client=UNKNOWN_CLIENT.replacing("Accept", ACCEPT),
    grant=UNKNOWN_GRANT.replacing("Accept", ACCEPT),
    plain_client=UNKNOWN_CLIENT,
    plain_grant=UNKNOWN_GRANT,
)
def test_an_error_stays_json_whatever_accept_says(
    client: Reply, grant: Reply, plain_client: Reply, plain_grant: Reply, judge: Judgement
) -> None:
    # What is no JSON under */* either is ERR-001's finding.
    pairs = ((client, plain_client), (grant, plain_grant))
    judged = [reply for reply, plain in pairs if plain.was(JSON_REFUSAL) or not plain.usable]
    every(*judged).must_be(JSON_REFUSAL, warn=HTML)
    if not judged:
        judge.does_not_apply("the refusals are no JSON under any Accept")
    if client.usable and grant.usable:
        json, html = client.was(JSON_REFUSAL) and grant.was(JSON_REFUSAL), client.was(HTML) or grant.was(HTML)
        judge.trait("errors.accept_html", "json" if json else "html" if html else "other")
