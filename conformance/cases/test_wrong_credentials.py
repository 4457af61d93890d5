"""Wrong credentials: near misses, slips and what cannot be decoded, none of which may open the door or break it."""

import re
from base64 import urlsafe_b64encode

from conformance.case import case
from conformance.cases.stimuli import BODY_CREDENTIALS, OTHER_SCHEME, RIGHT_IN_BODY, UNKNOWN_CLIENT, WRONG_SECRET
from conformance.expression import (
    CLIENT_ID,
    EXPOSED_ID,
    EXPOSED_SECRET,
    SCHEME,
    SECRET,
    UNKNOWN_ID,
    UNKNOWN_SECRET,
    Credentials,
    Repeated,
    literal,
)
from conformance.reply import (
    GRANTED,
    INVALID_CLIENT,
    INVALID_REQUEST,
    REDIRECTED,
    REFUSED,
    SUCCESS,
    Answer,
    Judgement,
    Note,
    Outcome,
    Reply,
    every,
)
from conformance.request import VALID, Template, Value

RIGHT = Credentials(CLIENT_ID, SECRET)
EXPOSED_PAIR = EXPOSED_ID + ":" + EXPOSED_SECRET

CHALLENGED = Outcome(
    "401 with WWW-Authenticate",
    lambda reading: reading.status == 401 and any(reading.values("WWW-Authenticate")),
)
CUT_OFF = Outcome(
    "a reset without an answer", lambda reading: not reading.answered and reading.exchange.ending == "reset"
)

_VARYING = re.compile(r"[0-9A-Fa-f]{8,}(?:-[0-9A-Fa-f]{4,})*|[0-9]+")


def decoding_to(value: Value) -> Template:
    """The valid request with credentials that decode to some octets, in the form that the profile prescribes."""
    return VALID.replacing("Authorization", SCHEME + literal(value).base64())


def long(kib: int) -> Template:
    """The valid request with the encoded credentials of an invented client whose id and secret fill so many KiB."""
    half = (kib * 768 - 80) // 2
    client_id, secret = UNKNOWN_ID + Repeated(b"i", half), UNKNOWN_SECRET + Repeated(b"s", half)
    return VALID.authorized(secret, client_id)


def telling(answer: Answer) -> tuple[str, frozenset[str]]:
    """The text of a refusal without identifiers and times, and its field names."""
    text = answer.json.get("error_description") if isinstance(answer.json, dict) else None
    names = (line.name.lower() for line in answer.message.fields) if answer.message is not None else ()
    return _VARYING.sub("", str(text)), frozenset(names) - {"date"}


def carrying(value: Value) -> Template:
    """The valid request with some text where the profile has the encoded credentials."""
    return VALID.replacing("Authorization", SCHEME + literal(value))


@case("AUTH-008", wrong=WRONG_SECRET)
def test_a_wrong_secret_gets_401_and_a_challenge(wrong: Reply) -> None:
    wrong.must_be(CHALLENGED)


@case("AUTH-009", unknown=UNKNOWN_CLIENT, right_secret=VALID.authorized(EXPOSED_SECRET, UNKNOWN_ID))
def test_an_unknown_client_gets_401_and_a_challenge(unknown: Reply, right_secret: Reply) -> None:
    every(unknown, right_secret).must_be(CHALLENGED)


@case(
    "AUTH-013",
    empty=VALID.replacing("Authorization", ""),
    word=VALID.replacing("Authorization", "Basic"),
    word_and_blank=VALID.replacing("Authorization", "Basic "),
    symbols=carrying("###"),
    short=carrying("a"),
    only_padding=carrying("===="),
    padding=VALID.replacing("Authorization", RIGHT.without_padding()),
    junk=VALID.replacing("Authorization", RIGHT + "!"),
    blank=VALID.replacing("Authorization", RIGHT.split_by_blank()),
)
def test_undecodable_values_are_refused_cleanly(  # noqa: PLR0913, PLR0917 - one argument a stimulus
    empty: Reply,
    word: Reply,
    word_and_blank: Reply,
    symbols: Reply,
    short: Reply,
    only_padding: Reply,
    padding: Reply,
    junk: Reply,
    blank: Reply,
) -> None:
    every(empty, word, word_and_blank, symbols, short, only_padding).must_be(REFUSED, fail=SUCCESS | REDIRECTED)
    every(padding, junk, blank).must_be(GRANTED | REFUSED)
    padding.shows("base64.padding", granted="optional", refused="required")
    junk.shows("base64.junk", granted="ignored")
    blank.shows("base64.blank", granted="ignored")


@case(
    "AUTH-014",
    no_colon=decoding_to("abcdef"),
    no_id=VALID.authorized(UNKNOWN_SECRET, ""),
    no_secret=VALID.authorized(""),
    only_colon=decoding_to(":"),
)
def test_a_missing_part_is_refused_cleanly(no_colon: Reply, no_id: Reply, no_secret: Reply, only_colon: Reply) -> None:
    every(no_colon, no_id, no_secret, only_colon).must_be(REFUSED, fail=SUCCESS | REDIRECTED)


@case(
    "AUTH-024",
    not_utf8=decoding_to(b"\xff\xfe:\x80"),
    nul=decoding_to(b"a\x00:b"),
    line_break=decoding_to(b"a\r\n:b"),
)
def test_control_and_foreign_octets_are_refused_cleanly(not_utf8: Reply, nul: Reply, line_break: Reply) -> None:
    every(not_utf8, nul, line_break).must_be(REFUSED, fail=SUCCESS | REDIRECTED)


@case("AUTH-025", kib_8=long(8), kib_16=long(16), kib_64=long(64))
def test_very_long_credentials_are_refused_cleanly(kib_8: Reply, kib_16: Reply, kib_64: Reply) -> None:
    every(kib_8, kib_16).must_be(REFUSED)
    kib_64.must_be(REFUSED | CUT_OFF)


@case(
    "AUTH-026",
    shorter=VALID.authorized(SECRET.without_last()),
    longer=WRONG_SECRET,
    # Who compares the ends alone, or without regard to case, takes this one for the right one.
    swapped=VALID.authorized(SECRET.middle_swapped()),
    line_feed=VALID.authorized(SECRET + "\n"),
    nul=VALID.authorized(SECRET + "\0"),
)
def test_a_near_miss_of_the_secret_is_refused(
    shorter: Reply, longer: Reply, swapped: Reply, line_feed: Reply, nul: Reply
) -> None:
    every(shorter, longer, swapped).must_be(REFUSED, fail=GRANTED)
    every(line_feed, nul).must_be(REFUSED, warn=GRANTED)


@case("AUTH-027", wrong=WRONG_SECRET, unknown=UNKNOWN_CLIENT)
def test_an_unknown_client_and_a_wrong_secret_get_one_answer(wrong: Reply, unknown: Reply, judge: Judgement) -> None:
    every(wrong, unknown).must_be(REFUSED)
    if wrong.answer is None or unknown.answer is None or not (wrong.was(REFUSED) and unknown.was(REFUSED)):
        return
    wrong.must_have_the_outcome_of(unknown)
    pairs = zip(("error_description", "field names"), telling(wrong.answer), telling(unknown.answer), strict=True)
    other = " and ".join(name for name, one, another in pairs if one != another)
    if other:
        numbers = (wrong.answer.exchange.number, unknown.answer.exchange.number)
        judge.notes.append(Note("observed", "the answer to unknown", f"other {other}", wrong.name, numbers))
    alike = wrong.outcome == unknown.outcome
    judge.trait("unknown_client.answer", "status" if not alike else "text" if other else "same")


@case("AUTH-030", placeholder=VALID.replacing("Authorization", "<<Authorization>>"))
def test_the_placeholder_of_the_samples_is_refused(placeholder: Reply) -> None:
    placeholder.must_be(REFUSED, fail=SUCCESS)


@case(
    "AUTH-031",
    plain=VALID.replacing("Authorization", EXPOSED_PAIR),
    swapped=VALID.replacing("Authorization", (EXPOSED_SECRET + ":" + EXPOSED_ID).base64()),
    encoded_twice=VALID.replacing("Authorization", EXPOSED_PAIR.base64().base64()),
    id_alone=VALID.replacing("Authorization", EXPOSED_ID.base64()),
)
def test_common_slips_are_refused_cleanly(
    plain: Reply, swapped: Reply, encoded_twice: Reply, id_alone: Reply, judge: Judgement
) -> None:
    # An invented client has no right secret, so that nothing excuses a token for it.
    lenient = GRANTED if judge.contract.exposed_works else None
    every(plain, swapped, encoded_twice).must_be(REFUSED, warn=lenient)
    id_alone.must_be(REFUSED, fail=GRANTED)


@case(
    "AUTH-032",
    body=BODY_CREDENTIALS,
    wrong=WRONG_SECRET.adding_parameters(*RIGHT_IN_BODY),
    undecodable=carrying("###").adding_parameters(*RIGHT_IN_BODY),
    other_scheme=OTHER_SCHEME.adding_parameters(*RIGHT_IN_BODY),
)
def test_the_body_does_not_rescue_a_failed_header(
    body: Reply, wrong: Reply, undecodable: Reply, other_scheme: Reply, judge: Judgement
) -> None:
    if body.usable and not body.granted:
        judge.does_not_apply("credentials in the body do not work here (AUTH-017)")
        return
    body.must_be(GRANTED)
    wrong.must_be(INVALID_CLIENT | INVALID_REQUEST, fail=GRANTED)
    every(undecodable, other_scheme).must_be(INVALID_CLIENT | INVALID_REQUEST, warn=GRANTED)


@case("AUTH-033", longer=VALID.authorized(SECRET + ":x"))
def test_text_after_a_further_colon_belongs_to_the_secret(longer: Reply) -> None:
    longer.must_be(REFUSED, fail=GRANTED)


@case(
    "AUTH-034",
    nul_before=VALID.authorized(SECRET, "\0" + CLIENT_ID),
    nul_after=VALID.authorized(SECRET, CLIENT_ID + "\0"),
    space_after=VALID.authorized(SECRET, CLIENT_ID + " "),
    swapped=VALID.authorized(SECRET, CLIENT_ID.case_swapped()),
)
def test_a_near_miss_of_the_id_is_refused(
    nul_before: Reply, nul_after: Reply, space_after: Reply, swapped: Reply
) -> None:
    every(nul_before, nul_after, space_after, swapped).must_be(REFUSED, fail=GRANTED)


@case(
    "AUTH-035",
    behind_basic=VALID.replacing("Authorization", b"Basic \xff\xfe\xe9"),
    alone=VALID.replacing("Authorization", b"\xe9\xff"),
    utf8=decoding_to(UNKNOWN_ID + "é:пароль-€"),
    latin1=decoding_to(UNKNOWN_ID + b"\xe9:na\xefvet\xe9"),
    url_safe=carrying(urlsafe_b64encode(b"conformance-unknown:?>?>?>")),
)
def test_non_ascii_octets_are_refused_cleanly(
    behind_basic: Reply, alone: Reply, utf8: Reply, latin1: Reply, url_safe: Reply
) -> None:
    every(behind_basic, alone, utf8, latin1, url_safe).must_be(REFUSED, fail=SUCCESS | REDIRECTED)
