"""The token answer: status, JSON and members, of every request that was granted."""

import json
import re
from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.expression import visible
from conformance.reply import Answer, DuplicateMembers, Judgement, Reading
from conformance.request import VALID

PARAMETERS = ("access_token", "token_type", "expires_in", "refresh_token", "scope")
"""The members that RFC 6749, section 5.1, defines."""

_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})"
_PATH = rf"(?:{_CHARACTER}|[:/])*"
URI_REFERENCE = re.compile(
    rf"(?:[A-Za-z][A-Za-z0-9+.-]*:(?://(?:{_CHARACTER}|[:\[\]])*(?:/{_PATH})?|(?!//){_PATH})"
    rf"|//(?:{_CHARACTER}|[:\[\]])*(?:/{_PATH})?|(?!//)(?:/{_PATH}|{_CHARACTER}*(?:/{_PATH})?))"
    rf"(?:\?(?:{_CHARACTER}|[:/?])*)?(?:#(?:{_CHARACTER}|[:/?])*)?"
)
"""A URI or a relative reference (RFC 3986, section 4.1)."""

_TYPE_NAME = re.compile(r"[A-Za-z0-9._-]+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_NOTHING = "no answer is a JSON object with access_token"


def granted(judge: Judgement) -> list[Answer]:
    """The answers that carry a token."""
    return [answer for answer in judge.answers if answer.granted]


def successes(judge: Judgement) -> list[Answer]:
    """The answers that carry a token, and those 2xx to the valid request that should."""
    return [
        answer
        for answer in judge.answers
        if answer.granted or (answer.exchange.template == VALID.digest and 200 <= answer.status < 300)
    ]


def objects(answers: list[Answer]) -> list[Answer]:
    """Those of some answers whose members can be judged; SUCC-003 is about the others."""
    return [answer for answer in answers if isinstance(answer.json, dict) and "access_token" in answer.json]


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "an array"}
    return "null" if value is None else kinds.get(type(value), "an object")


def shown(text: str) -> str:
    """Text from the wire in a form and length that can be printed."""
    return visible(text.encode("utf-8", "replace"))[:60]


def untyped(answer: Reading) -> str | None:
    """What is wrong with the media type of an answer that should be JSON."""
    if answer.media_type == "application/json":
        return None
    return f"Content-Type {shown(answer.media_type)}" if answer.media_type else "no Content-Type"


@case("SUCC-001")
def test_a_granted_request_is_answered_200(judge: Judgement) -> None:
    judge.each(
        successes(judge), "status 200", lambda answer: None if answer.status == 200 else f"status {answer.status}"
    )


@case("SUCC-002")
def test_a_token_answer_is_labelled_json(judge: Judgement) -> None:
    judge.each(granted(judge), "Content-Type application/json", untyped)


@case("SUCC-003")
def test_a_token_answer_is_one_object_with_access_token_on_top(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        if isinstance(answer.json, dict):
            return None if "access_token" in answer.json else "an object without access_token at its top level"
        return "no JSON" if answer.json is None else f"JSON that is {kind(answer.json)}"

    judge.each(successes(judge), "one JSON object with access_token at its top level", flaw)


@case("SUCC-004")
def test_a_token_answer_is_strict_json_in_utf_8(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        if answer.body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            return "a byte order mark"
        try:
            text = answer.body.decode()
        except UnicodeDecodeError:
            return "octets that are no UTF-8"
        return "NaN or Infinity" if any(_not_finite(text)) else None

    judge.each(granted(judge), "JSON in UTF-8 without a byte order mark, NaN or Infinity", flaw)


def _not_finite(text: str) -> Iterator[str]:
    found: list[str] = []
    try:
        json.loads(text, parse_constant=found.append, strict=False)
    except (ValueError, RecursionError):
        return
    yield from found


@case("SUCC-005")
def test_no_parameter_occurs_twice(judge: Judgement) -> None:
    def repeated(answer: Answer, *, defined: bool) -> str | None:
        names = answer.json.repeated if isinstance(answer.json, DuplicateMembers) else ()
        found = sorted(name for name in names if (name in PARAMETERS) is defined)
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        return f"more than once: {', '.join(map(shown, found[:5]))}{more}" if found else None

    answers = granted(judge)
    judge.each(answers, "each parameter of the RFC once", lambda answer: repeated(answer, defined=True))
    # RFC 8259, section 4, only recommends it for any other name.
    others = "each further member once"
    judge.each(answers, others, lambda answer: repeated(answer, defined=False), verdict="warning")


@case("SUCC-006")
def test_the_access_token_is_printable_ascii(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        value = answer.json["access_token"]
        if not isinstance(value, str):
            return f"access_token is {kind(value)}"
        if not value:
            return "access_token is empty"
        seen = answer.token is None or answer.token.visible
        return None if seen else "access_token has characters outside printable ASCII"

    answers = objects(successes(judge))
    judge.each(answers, "access_token: a non-empty string of printable ASCII", flaw, nothing=_NOTHING)


@case("SUCC-007")
def test_the_token_type_is_present_and_well_formed(judge: Judgement) -> None:
    documented = "passport" in judge.contract.profile.lineage

    def flaw(answer: Answer) -> str | None:
        if "token_type" not in answer.json:
            return "no token_type"
        value = answer.json["token_type"]
        if not isinstance(value, str):
            return f"token_type is {kind(value)}"
        if not value or not (_TYPE_NAME.fullmatch(value) or URI_REFERENCE.fullmatch(value)):
            return "token_type is empty" if not value else "token_type is neither a type name nor a URI"
        return f"token_type {shown(value)}" if documented and value.lower() != "bearer" else None

    expected = "token_type Bearer in any letter case" if documented else "token_type: a type name or a URI"
    judge.each(objects(granted(judge)), expected, flaw, nothing=_NOTHING)


@case("SUCC-008")
def test_expires_in_is_a_whole_number(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        value = answer.json.get("expires_in", 1)
        if type(value) is not int:
            return f"expires_in is {'a fraction' if isinstance(value, float) else kind(value)}"
        return "expires_in is negative" if value < 0 else None

    def zero(answer: Answer) -> str | None:
        return (
            "expires_in is 0" if type(answer.json.get("expires_in")) is int and not answer.json["expires_in"] else None
        )

    answers = objects(granted(judge))
    judge.each(answers, "expires_in: absent, or a JSON integer that is not negative", flaw, nothing=_NOTHING)
    judge.each(answers, "expires_in above 0", zero, verdict="warning", nothing=_NOTHING)


@case("SUCC-009")
def test_the_lifetime_is_stated(judge: Judgement) -> None:
    answers = objects(granted(judge))

    def flaw(answer: Answer) -> str | None:
        return None if "expires_in" in answer.json else "no expires_in"

    judge.each(answers, "expires_in", flaw, nothing=_NOTHING)
    if answers:
        judge.trait("expires_in", "absent" if any(map(flaw, answers)) else "present")


@case("SUCC-010")
def test_no_refresh_token_comes_with_it(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        return "a refresh_token" if answer.json.get("refresh_token") is not None else None

    answers = objects(granted(judge))
    judge.each(answers, "no refresh_token", flaw, nothing=_NOTHING)
    if answers:
        judge.trait("refresh_token", "present" if any(map(flaw, answers)) else "absent")


@case("SUCC-011")
def test_the_scope_is_a_list_of_names_with_single_spaces(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        value = answer.json.get("scope")
        # A null is SUCC-012's finding.
        if value is None or (isinstance(value, str) and _SCOPE.fullmatch(value)):
            return None
        if not isinstance(value, str):
            return f"scope is {kind(value)}"
        return "scope is no list of names with single spaces" if value else "scope is empty"

    expected = "scope: absent, or a string of names with one space between them"
    judge.each(objects(granted(judge)), expected, flaw, nothing=_NOTHING)


@case("SUCC-012")
def test_a_token_answer_holds_no_error_null_or_secret(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        if "error" in answer.json:
            return "an error member beside the token"
        empty = [name for name in PARAMETERS if name in answer.json and answer.json[name] is None]
        return f"null: {', '.join(empty)}" if empty else None

    def leak(answer: Answer) -> str | None:
        found = any(echo.credential == "client secret" and echo.place == "body" for echo in answer.echoes)
        return "the client secret in the body" if found else None

    judge.each(objects(granted(judge)), "no error member and no standard member that is null", flaw, nothing=_NOTHING)
    judge.each(granted(judge), "no client secret in a token answer", leak, verdict="failed")


@case("SUCC-013")
def test_no_answer_sets_a_cookie(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        names = sorted({shown(value.partition("=")[0].strip()) for value in answer.values("Set-Cookie")})
        return f"Set-Cookie: {', '.join(names)}" if names else None

    judge.each(judge.answers, "no Set-Cookie", flaw)
    if judge.answers:
        judge.trait("set_cookie", "present" if any(map(flaw, judge.answers)) else "absent")
