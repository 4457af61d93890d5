"""The token itself: whether it can be carried, guessed or forged, and whether it holds what its answer says."""

from collections import Counter
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from conformance.case import case, cases_in
from conformance.cases import test_content_type as content_type
from conformance.cases import test_header_fields as header_fields
from conformance.cases.stimuli import BODY_CREDENTIALS, posting
from conformance.cases.test_success_answers import granted, objects
from conformance.expression import SECOND_ID, SECOND_SECRET
from conformance.recording import Token
from conformance.reply import GRANTED, Answer, Judgement, Reply
from conformance.request import VALID
from conformance.tokens import changing

BEARER_CHARACTERS = 22
"""Characters below which those of a Bearer token (RFC 6750, section 2.1) cannot hold 128 bits."""

CHARACTERS = 20
"""Characters below which no printable ones (RFC 6749, appendix A.12) can."""

ENOUGH = 10
"""Different tokens of one length from which a pattern can be read."""

TOLERANCE = 60
"""Seconds by which two clocks may differ."""

CLAIMS = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
"""What a JWT of the type at+jwt holds (RFC 9068, section 2.2)."""

_SPELLED = ("HDR-001", "HDR-002", "HDR-003", "HDR-004", "HDR-005", "CTYPE-002", "CTYPE-003")
REPEATED = tuple(
    template
    for module in (header_fields, content_type)
    for one in cases_in(module)
    if one.id in _SPELLED
    for template in one.templates
)
"""The valid request in other spellings, sent for other cases anyway: a server gives each what it gives that one."""

SECOND = VALID.authorized(SECOND_SECRET, SECOND_ID)
SECOND_IN_BODY = posting(SECOND_ID, SECOND_SECRET)

_DIGESTS = {VALID.digest, *(template.digest for template in REPEATED)}
_AGES = 1e15
_NO_JWT = "no token is a JWT whose claims can be read"


def repetitions(judge: Judgement) -> list[tuple[Answer, Token]]:
    """The answers with a token to what is one request for a server, in the order of asking."""
    return [
        (answer, answer.token)
        for answer in granted(judge)
        if answer.exchange.template in _DIGESTS and answer.token is not None
    ]


def member(answer: Answer, name: str) -> Any:
    """A member of an answer; ``None`` where there is none."""
    return answer.json.get(name) if isinstance(answer.json, dict) else None


def bearer(answer: Answer) -> bool:
    """Whether an answer says that its token is a Bearer token."""
    return str(member(answer, "token_type")).lower() == "bearer"


def lifetime(answer: Answer) -> float | None:
    """The seconds that expires_in states; ``None`` where it is no number, which is SUCC-008's finding."""
    value = member(answer, "expires_in")
    # An integer of JSON may be too large for a float.
    return max(-_AGES, min(value, _AGES)) if type(value) in (int, float) else None


def jwt_of(answer: Answer) -> Mapping[str, Any]:
    """What is known of a token that is a JWT."""
    facts = answer.token.jwt if answer.token is not None else None
    return facts or {}


def readable(judge: Judgement) -> list[Answer]:
    """The answers whose token is a JWT that is not encrypted."""
    return [answer for answer in granted(judge) if jwt_of(answer).get("parts") == 3]


def format_of(answer: Answer) -> str:
    """What kind of token an answer has, in the words of the trait."""
    jwt = jwt_of(answer)
    if not jwt:
        return "opaque"
    if jwt["parts"] == 5:
        return "jwe"
    kind = str(jwt["header"].get("typ")).lower().removeprefix("application/")
    return "at_jwt" if kind == "at+jwt" else "jwt"


def clock(answer: Answer) -> float:
    """Seconds since the epoch by the clock of the server or, where it shows none, by ours."""
    try:
        return parsedate_to_datetime(answer.values("Date")[0]).timestamp()
    except (IndexError, ValueError, OverflowError, TypeError):
        return answer.exchange.started + answer.exchange.duration


@case("TOKEN-001")
def test_a_bearer_token_fits_the_authorization_field(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        fits = answer.token is None or answer.token.b64token
        return None if fits else "access_token has characters that Authorization: Bearer has no room for"

    bearers = [answer for answer in objects(granted(judge)) if bearer(answer)]
    expected = "access_token: letters, digits and -._~+/, with = at its end alone"
    judge.each(bearers, expected, flaw, nothing="no token is of type Bearer")


@case("TOKEN-002")
def test_a_token_is_long_enough_for_128_bits(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        token, least = answer.token, BEARER_CHARACTERS if bearer(answer) else CHARACTERS
        if token is None or not token.visible or token.length >= least:
            return None
        return f"access_token has {token.length} characters"

    expected = f"access_token: {BEARER_CHARACTERS} characters or more, or {CHARACTERS} where it is no Bearer token"
    judge.each(granted(judge), expected, flaw)


@case("TOKEN-003", also=REPEATED)
def test_tokens_show_no_pattern(judge: Judgement) -> None:
    several = [(answer, token) for answer, token in repetitions(judge) if token.places and token.length >= CHARACTERS]
    different = {token.fingerprint: token.length for _, token in several}
    usual, often = next(iter(Counter(different.values()).most_common(1)), (0, 0))
    if often < ENOUGH:
        judge.does_not_apply("there are too few different tokens to compare, or they are JWTs")
        return
    compared = [(answer, token) for answer, token in several if token.length == usual]
    changed = changing([token for _, token in compared])
    flaw = None if changed >= CHARACTERS else f"no more than {changed} of {usual} characters change"
    expected = f"{CHARACTERS} characters or more that change from token to token"
    judge.each([answer for answer, _ in compared], expected, lambda _: flaw)


@case("TOKEN-004")
def test_a_token_lives_for_an_hour_or_less(judge: Judgement) -> None:
    most = judge.contract.profile.token_lifetime
    stating = [answer for answer in granted(judge) if lifetime(answer) is not None]

    def flaw(answer: Answer) -> str | None:
        return f"expires_in above {most}" if (lifetime(answer) or 0) > most else None

    judge.each(stating, f"expires_in: {most} or less", flaw, nothing="no answer states expires_in in seconds")


@case("TOKEN-005", other=SECOND, posted=SECOND_IN_BODY, also=(BODY_CREDENTIALS,))
def test_two_clients_never_get_one_token(other: Reply, posted: Reply, judge: Judgement) -> None:
    if other.usable and not other.granted:
        judge.cannot_tell("the second client is refused: check its secret")
        return
    other.must_be(GRANTED)
    own = {SECOND.digest, SECOND_IN_BODY.digest}
    foreign = {one.token.fingerprint for one in judge.issued if one.token and one.exchange.template not in own}

    def flaw(answer: Answer) -> str | None:
        shared = answer.token is not None and answer.token.fingerprint in foreign
        return "a token that another client got as well" if shared else None

    theirs = [reply.answer for reply in (other, posted) if reply.granted and reply.answer is not None]
    if theirs:
        judge.each(theirs, "a token that no other client has", flaw)


@case("TOKEN-006")
def test_a_jwt_is_signed(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        jwt = jwt_of(answer)
        if str(jwt["header"].get("alg")).lower() == "none":
            return "a JWT with the algorithm none"
        return None if jwt["signature"] else "a JWT with an empty signature"

    judge.each(readable(judge), "an algorithm other than none, and a signature", flaw, nothing=_NO_JWT)


@case("TOKEN-007")
def test_a_jwt_of_type_at_jwt_has_its_claims(judge: Judgement) -> None:
    tokens = readable(judge)
    typed = [answer for answer in tokens if format_of(answer) == "at_jwt"]
    others = [answer for answer in tokens if format_of(answer) != "at_jwt"]

    def flaw(answer: Answer) -> str | None:
        missing = [name for name in CLAIMS if name not in jwt_of(answer)["claims"]]
        return f"a JWT without {', '.join(missing)}" if missing else None

    expected = f"the claims {', '.join(CLAIMS)}"
    if typed or not tokens:
        judge.each(typed, expected, flaw, nothing=_NO_JWT)
    if others:
        judge.each(others, expected, flaw, verdict="observed")
    formats = {format_of(answer) for answer in granted(judge)}
    if len(formats) == 1:
        judge.trait("token.format", formats.pop())


@case("TOKEN-008")
def test_the_times_of_a_jwt_agree_with_its_answer(judge: Judgement) -> None:
    tokens = [answer for answer in readable(judge) if jwt_of(answer)["times"]]

    def beyond(answer: Answer) -> float:
        """Seconds for which the token lives longer than its answer says."""
        stated, expires = lifetime(answer), jwt_of(answer)["times"].get("exp")
        return 0 if stated is None or expires is None else expires - clock(answer) - stated

    def flaw(answer: Answer) -> str | None:
        for name in ("iat", "nbf"):
            if jwt_of(answer)["times"].get(name, 0) > clock(answer) + TOLERANCE:
                return f"{name} lies ahead of the clock of the answer"
        return "exp comes before the time that expires_in states" if beyond(answer) < -TOLERANCE else None

    def late(answer: Answer) -> str | None:
        return "exp comes after the time that expires_in states" if beyond(answer) > TOLERANCE else None

    expected = f"iat and nbf not ahead, and exp where expires_in says, within {TOLERANCE} s"
    nothing = "no token is a JWT with times in it"
    judge.each(tokens, expected, flaw, nothing=nothing)
    judge.each(tokens, expected, late, verdict="warning", nothing=nothing)


@case("TOKEN-009")
def test_a_jwt_carries_no_secret(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        found = any(echo.credential == "client secret" and echo.place == "access token" for echo in answer.echoes)
        return "a JWT that holds the client secret" if found else None

    judge.each(readable(judge), "no client secret in a JWT", flaw, nothing=_NO_JWT)


@case("TOKEN-010", also=REPEATED)
def test_two_requests_get_different_tokens(judge: Judgement) -> None:
    several = repetitions(judge)
    times = Counter(token.fingerprint for _, token in several)
    if len(several) < 2:
        judge.does_not_apply("only one request was granted")
        return

    def flaw(answer: Answer) -> str | None:
        reused = answer.token is not None and times[answer.token.fingerprint] > 1
        # How many answers there are differs from run to run.
        words = "one token in every answer" if len(times) == 1 else "a token that more than one answer holds"
        return words if reused else None

    judge.each([answer for answer, _ in several], "a new token each time", flaw)
    reuse = "never" if len(times) == len(several) else "always" if len(times) == 1 else "sometimes"
    judge.trait("token.reuse", reuse)
