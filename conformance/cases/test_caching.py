"""Caching: what an answer says to the caches between the server and the client."""

import re
from email.utils import parsedate_to_datetime

from conformance.case import case
from conformance.cases.stimuli import NO_CREDENTIALS, UNKNOWN_CLIENT, UNKNOWN_GRANT
from conformance.cases.test_error_answers import errors
from conformance.cases.test_success_answers import granted
from conformance.reply import Answer, Judgement

# One that is never closed is matched as well, once, and stays: looked for at each quote anew, it would take for ever.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|(?P<open>\\?\Z))', re.DOTALL)


def directives(answer: Answer, name: str = "Cache-Control") -> dict[str, str]:
    """The directives of all lines of a field, names in lower case; quoted arguments are left out."""
    plain = _QUOTED.sub(lambda found: "" if found["open"] is None else found[0], ",".join(answer.values(name)))
    listed = plain.lower().split(",")
    pairs = (directive.partition("=") for directive in listed)
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


def fresh(answer: Answer) -> bool:
    """Whether the answer says that it may be used again for a while (RFC 9111, section 4.2.1)."""
    seconds = directives(answer).get("max-age")
    if seconds is not None:
        return seconds.isdecimal() and int(seconds) > 0
    try:
        expires = [parsedate_to_datetime(value) for value in answer.values("Expires")]
    except ValueError:
        return False
    return any(moment.timestamp() > answer.exchange.started + 1 for moment in expires)


def storable(answer: Answer) -> str | None:
    """What is missing where an answer is not marked no-store."""
    found = directives(answer)
    return None if "no-store" in found else "Cache-Control without no-store" if found else "no Cache-Control"


@case("CACHE-001")
def test_a_token_answer_is_marked_no_store(judge: Judgement) -> None:
    judge.each(granted(judge), "Cache-Control with no-store", storable)


@case("CACHE-002")
def test_a_token_answer_carries_pragma(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        return None if "no-cache" in directives(answer, "Pragma") else "no Pragma: no-cache"

    answers = granted(judge)
    judge.each(answers, "Pragma: no-cache", flaw)
    if answers:
        judge.trait("pragma", "absent" if any(map(flaw, answers)) else "present")


@case("CACHE-003", also=(NO_CREDENTIALS, UNKNOWN_CLIENT, UNKNOWN_GRANT))
def test_an_error_answer_is_marked_no_store_too(judge: Judgement) -> None:
    answers = errors(judge)
    judge.each(answers, "Cache-Control with no-store", storable, nothing="no answer is an OAuth error")
    if answers:
        marked = sum(storable(answer) is None for answer in answers)
        judge.trait("errors.no_store", "always" if marked == len(answers) else "sometimes" if marked else "never")


@case("CACHE-004")
def test_a_token_answer_invites_no_shared_caching(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        found = directives(answer)
        if "public" in found:
            return "Cache-Control with public"
        if found.get("s-maxage", "0").lstrip("0"):
            return "Cache-Control with s-maxage"
        return "Content-Location with a lifetime" if answer.values("Content-Location") and fresh(answer) else None

    def aged(answer: Answer) -> str | None:
        return "Age above 0" if any(value.strip("0").isdecimal() for value in answer.values("Age")) else None

    judge.each(granted(judge), "no public, s-maxage or lifetime under Content-Location", flaw)
    judge.each(granted(judge), "no Age above 0", aged, verdict="failed")
