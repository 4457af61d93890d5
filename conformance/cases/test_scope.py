"""The scope: an unknown one is refused or its replacement stated, a malformed one is answered cleanly."""

from conformance.case import case
from conformance.cases.stimuli import UNKNOWN_SCOPE, UNKNOWN_SCOPE_NAME
from conformance.expression import SCOPE
from conformance.reply import GRANTED, INVALID_SCOPE, REFUSED, Answer, Judgement, Outcome, Reading, Reply, every
from conformance.request import VALID, Template

BESIDE_KNOWN = VALID.with_form("grant_type=client_credentials", "scope=" + SCOPE.form() + f"+{UNKNOWN_SCOPE_NAME}")


def scoped(value: str) -> Template:
    """The valid request with a scope, encoded already."""
    return VALID.with_form("grant_type=client_credentials", f"scope={value}")


def names(value: object) -> frozenset[str] | None:
    """The scope names of a member or claim, which may be a string or an array; ``None`` where it is neither."""
    if isinstance(value, list):
        return frozenset(map(str, value))
    return frozenset(value.split()) if isinstance(value, str) else None


def stated(reading: Reading) -> frozenset[str] | None:
    """The scope names that an answer states; ``None`` where it states nothing."""
    return names(reading.json.get("scope")) if isinstance(reading.json, dict) else None


def proven(reading: Reading) -> frozenset[str] | None:
    """The scope names in the claims of a token that is a JWT; ``None`` where it tells none."""
    facts = reading.token.jwt if reading.token is not None else None
    return names(facts.get("scope")) if facts is not None else None


def disproved(answer: Answer) -> str | None:
    """What is wrong where the token itself has another scope than the stated or, where none is, the requested one."""
    told, said = proven(answer), stated(answer)
    if told is None or told == said or (said is None and UNKNOWN_SCOPE_NAME in told):
        return None
    return "a token for less than was asked, and no scope member" if said is None else "a token for another scope"


STATED = Outcome(
    "a token with the granted scope stated", lambda reading: reading.granted and stated(reading) is not None
)
UNSTATED = Outcome("a token without a scope member", lambda reading: reading.granted and stated(reading) is None)


@case("GRANT-010", alone=UNKNOWN_SCOPE, beside_known=BESIDE_KNOWN)
def test_an_unknown_scope_is_refused_or_the_granted_one_stated(
    alone: Reply, beside_known: Reply, judge: Judgement
) -> None:
    replies = every(alone, beside_known)
    replies.must_be(INVALID_SCOPE | STATED, warn=UNSTATED)
    granted = [reply.answer for reply in replies if reply.answer is not None and reply.was(GRANTED)]
    if granted:
        judge.each(granted, "a token with the scope that the answer states", disproved)
    if alone.was(STATED) and alone.answer is not None:
        given = UNKNOWN_SCOPE_NAME in (stated(alone.answer) or ())
        judge.trait("scope.unknown", "granted" if given else "ignored")
    else:
        alone.shows("scope.unknown", granted="unstated")


@case(
    "GRANT-011",
    quote=scoped("%22"),
    backslash=scoped("a%5Cb"),
    blanks=scoped("%20%20"),
    tab=scoped("a%09b"),
    letter=scoped("%C3%A9"),
)
def test_a_malformed_scope_is_answered_cleanly(
    quote: Reply, backslash: Reply, blanks: Reply, tab: Reply, letter: Reply
) -> None:
    every(quote, backslash, blanks, tab, letter).must_be(INVALID_SCOPE | REFUSED | GRANTED)
