"""The scope: an unknown one is refused or its replacement stated, a malformed one is answered cleanly."""

from conformance.case import case
from conformance.cases.stimuli import UNKNOWN_SCOPE, UNKNOWN_SCOPE_NAME
from conformance.expression import SCOPE
from conformance.reply import GRANTED, INVALID_SCOPE, REFUSED, Judgement, Outcome, Reading, Reply, every
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


def disproved(reading: Reading) -> bool:
    """Whether the token itself has another scope than the one that is stated or, where none is, than the requested."""
    told, said = proven(reading), stated(reading)
    if told is None:
        return False
    return UNKNOWN_SCOPE_NAME not in told if said is None else told != said


HONEST = Outcome(
    "a token and the scope that it has",
    lambda reading: reading.granted and stated(reading) is not None and not disproved(reading),
)
SILENT = Outcome(
    "a token without a scope member",
    lambda reading: reading.granted and stated(reading) is None and not disproved(reading),
)


@case("GRANT-010", alone=UNKNOWN_SCOPE, beside_known=BESIDE_KNOWN)
def test_an_unknown_scope_is_refused_or_the_granted_one_stated(
    alone: Reply, beside_known: Reply, judge: Judgement
) -> None:
    every(alone, beside_known).must_be(INVALID_SCOPE | HONEST, warn=SILENT)
    if alone.was(REFUSED):
        judge.trait("scope.unknown", "refused")
    elif alone.was(GRANTED) and alone.answer is not None:
        told = stated(alone.answer)
        granted = told is not None and UNKNOWN_SCOPE_NAME in told
        judge.trait("scope.unknown", "unstated" if told is None else "granted" if granted else "ignored")


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
