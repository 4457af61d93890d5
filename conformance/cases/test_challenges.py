"""Challenges: what a refusal by 401 says in WWW-Authenticate about how to authenticate."""

import re
from dataclasses import dataclass

from conformance.case import case
from conformance.cases.stimuli import NO_CREDENTIALS, OTHER_SCHEME, UNKNOWN_CLIENT, UNKNOWN_IN_BODY, WRONG_SECRET
from conformance.expression import UNKNOWN_ID, UNKNOWN_SECRET
from conformance.reply import Answer, Judgement, Outcome, Reading, Reply
from conformance.request import VALID

ID_IN_BODY = NO_CREDENTIALS.adding_parameters("client_id=" + UNKNOWN_ID.form())
BARE_UNKNOWN = VALID.replacing("Authorization", (UNKNOWN_ID + ":" + UNKNOWN_SECRET).base64())

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*"'
_END = r"(?=[ \t]*(?:,|\Z))"
_PARAMETER = re.compile(rf"(?P<name>{_WORD})[ \t]*=[ \t]*(?P<value>{_WORD}|{_QUOTED}){_END}")
_OPENING = re.compile(rf"(?P<scheme>{_WORD})(?: +[A-Za-z0-9._~+/-]+=*{_END}| +|{_END})")
_GAP = re.compile(r"[ \t,]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge (RFC 9110, section 11.3).

    Attributes:
        scheme: the scheme word in lower case.
        parameters: values by name in lower case, as they are written.
    """

    scheme: str
    parameters: dict[str, str]

    @property
    def realm(self) -> str | None:
        """The value of ``realm`` as it is written, quotes included."""
        return self.parameters.get("realm")

    @property
    def charset(self) -> str | None:
        """The value of ``charset`` in lower case without quotes."""
        value = self.parameters.get("charset")
        return None if value is None else value.strip('"').lower()


def read(reading: Reading) -> tuple[tuple[Challenge, ...], bool]:
    """The challenges of an answer, on one field line or many, and whether the list has no other content.

    Reading ends where the grammar of RFC 9110, section 11.6.1, is left; what stands before that counts.
    """
    text = ", ".join(reading.values("WWW-Authenticate"))
    found: list[Challenge] = []
    at = _GAP.match(text, 0).end()  # type: ignore[union-attr]  # it matches the empty text too
    while at < len(text):
        parameter = _PARAMETER.match(text, at) if found else None
        piece = parameter or _OPENING.match(text, at)
        if piece is None:
            return tuple(found), False
        if parameter is not None:
            found[-1].parameters[parameter["name"].lower()] = parameter["value"]
        else:
            found.append(Challenge(piece["scheme"].lower(), {}))
        at = _GAP.match(text, piece.end()).end()  # type: ignore[union-attr]
    return tuple(found), True


CHALLENGED = Outcome("401 with a challenge", lambda reading: reading.status == 401 and bool(read(reading)[0]))
NAMES_BASIC = Outcome(
    "401 with a Basic challenge",
    lambda reading: reading.status == 401 and any(one.scheme == "basic" for one in read(reading)[0]),
)


def basics(answer: Answer) -> list[Challenge]:
    """The Basic challenges of a 401; none where the field is malformed, which AUTH-036 says."""
    challenges, whole = read(answer)
    return [one for one in challenges if one.scheme == "basic"] if whole and answer.status == 401 else []


def wrong_parameter(answer: Answer) -> str | None:
    """What is wrong with the parameters of the Basic challenges of an answer."""
    if any(one.realm is None for one in basics(answer)):
        return "a Basic challenge without realm"
    odd = any(one.charset not in (None, "utf-8") for one in basics(answer))
    return "a Basic challenge with another charset" if odd else None


def unquoted_realm(answer: Answer) -> str | None:
    """Whether a realm lacks its quotes."""
    bare = any(one.realm is not None and not one.realm.startswith('"') for one in basics(answer))
    return "a realm without quotes" if bare else None


def missing_challenge(answer: Answer) -> str | None:
    """What a 401 without a challenge lacks."""
    if read(answer)[0]:
        return None
    head = answer.exchange.sent.partition(b"\r\n\r\n")[0].lower()
    sent = b"\nauthorization:" in head
    return "401 without a challenge" + ("" if sent else " (no Authorization was sent: 400 would do as well)")


def malformed(answer: Answer) -> str | None:
    """Whether a WWW-Authenticate field is no list of challenges."""
    return None if read(answer)[1] else "a WWW-Authenticate field that is no list of challenges"


def repeated_credential(answer: Answer) -> str | None:
    """Which credential came back in a challenge."""
    found = [echo.credential for echo in answer.echoes if echo.place.lower() == "field www-authenticate"]
    return f"{found[0]} in WWW-Authenticate" if found else None


@case("AUTH-010", wrong=WRONG_SECRET)
def test_the_challenge_names_the_scheme_of_the_client(wrong: Reply, judge: Judgement) -> None:
    if wrong.usable and not wrong.was(CHALLENGED):
        judge.does_not_apply("a wrong secret is not answered 401 with a challenge (AUTH-008)")
    else:
        wrong.must_be(NAMES_BASIC)


@case("AUTH-011", also=(UNKNOWN_CLIENT, NO_CREDENTIALS))
def test_a_basic_challenge_carries_a_realm(judge: Judgement) -> None:
    answers = [answer for answer in judge.answers if basics(answer)]
    nothing = "no 401 of the run holds a Basic challenge"
    judge.each(answers, "a realm, and the charset UTF-8 or none", wrong_parameter, nothing=nothing)
    judge.each(answers, "a realm in quotes", unquoted_realm, verdict="warning", nothing=nothing)


@case("AUTH-012", also=(UNKNOWN_CLIENT, NO_CREDENTIALS, ID_IN_BODY, UNKNOWN_IN_BODY))
def test_every_401_carries_a_challenge(judge: Judgement) -> None:
    answers = [answer for answer in judge.answers if answer.status == 401]
    judge.each(answers, "a challenge in every 401", missing_challenge, nothing="no answer of the run is a 401")


@case("AUTH-036", foreign=OTHER_SCHEME, also=(BARE_UNKNOWN, UNKNOWN_CLIENT))
def test_a_challenge_is_well_formed_and_repeats_no_credential(foreign: Reply, judge: Judgement) -> None:
    answers = [answer for answer in judge.answers if any(answer.values("WWW-Authenticate"))]
    nothing = "no answer of the run has a WWW-Authenticate field"
    judge.each(answers, "challenges, each behind a scheme word", malformed, nothing=nothing)
    judge.each(answers, "nothing of a credential", repeated_credential, nothing=nothing)
    if not foreign.usable:
        judge.cannot_tell(foreign.absent or "the valid request beside an unknown scheme was not granted either")
    if foreign.answer is not None and any(one.scheme == "foo" for one in read(foreign.answer)[0]):
        echoed = "the unknown scheme is named in the challenge"
        judge.each([foreign.answer], "no word of the request", lambda _: echoed, verdict="observed")
