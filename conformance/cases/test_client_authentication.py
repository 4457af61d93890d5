"""Client authentication: which way of presenting the right credentials is taken, and which is not."""

from conformance.case import case
from conformance.cases.stimuli import (
    BODY_CREDENTIALS,
    NO_CREDENTIALS,
    OTHER_SCHEME,
    RIGHT_IN_BODY,
    SACRIFICED,
    posting,
)
from conformance.expression import (
    CLIENT_ID,
    EXPOSED_ID,
    EXPOSED_SECRET,
    READ_RAW,
    SCOPE,
    SECRET,
    SPECIAL_ID,
    SPECIAL_SECRET,
    UNENTITLED_ID,
    UNENTITLED_SECRET,
    UNKNOWN_ID,
    UNKNOWN_SECRET,
    Credentials,
)
from conformance.reply import (
    GRANTED,
    INVALID_CLIENT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    REDIRECTED,
    REFUSED,
    SUCCESS,
    TOKENLESS,
    Judgement,
    Note,
    Outcome,
    Reply,
    error,
    every,
    refused,
)
from conformance.request import VALID

BARE = VALID.replacing("Authorization", (CLIENT_ID + ":" + SECRET).base64())
PAIR = Credentials(CLIENT_ID, SECRET)
UNKNOWN = Credentials(UNKNOWN_ID, UNKNOWN_SECRET)
UNENTITLED = VALID.authorized(UNENTITLED_SECRET, UNENTITLED_ID)
UNAUTHORIZED = error("unauthorized_client")
SPECIAL_IN_BODY = posting(SPECIAL_ID, SPECIAL_SECRET)
WRONG_IN_BODY = "client_secret=" + (SECRET + "x").form()

OTHER_CODE = Outcome(
    "400 or 401 with another error code",
    lambda reading: reading.status in (400, 401) and reading.error not in (None, "invalid_client", "invalid_request"),
)


def basic(scheme: str) -> Credentials:
    """The right credentials behind a scheme word and what separates it."""
    return Credentials(CLIENT_ID, SECRET, scheme=scheme)


@case("AUTH-001", bare=BARE)
def test_bare_base64_authenticates(bare: Reply) -> None:
    bare.must_be(GRANTED)


@case("AUTH-002", basic=VALID.replacing("Authorization", basic("Basic ")))
def test_basic_authenticates(basic: Reply) -> None:
    basic.must_be(GRANTED)


@case("AUTH-003", basic=VALID.replacing("Authorization", basic("Basic ")))
def test_basic_is_taken_or_refused_as_invalid_client(basic: Reply) -> None:
    basic.must_be(GRANTED | INVALID_CLIENT, fail=TOKENLESS)
    basic.shows("authorization.basic_scheme")


@case("AUTH-004", bare=BARE)
def test_bare_base64_may_be_refused(bare: Reply) -> None:
    bare.must_be(REFUSED, observe=GRANTED, fail=TOKENLESS)
    bare.shows("authorization.bare")


@case(
    "AUTH-005",
    lower=VALID.replacing("Authorization", basic("basic ")),
    upper=VALID.replacing("Authorization", basic("BASIC ")),
    mixed=VALID.replacing("Authorization", basic("bAsIc ")),
)
def test_the_scheme_word_is_matched_without_regard_to_case(lower: Reply, upper: Reply, mixed: Reply) -> None:
    every(lower, upper, mixed).must_be(GRANTED)


@case("AUTH-006", spaced=VALID.replacing("Authorization", basic("Basic   ")))
def test_several_spaces_may_follow_the_scheme_word(spaced: Reply) -> None:
    spaced.must_be(GRANTED)


@case("AUTH-007", missing=NO_CREDENTIALS, named=NO_CREDENTIALS.adding_parameters("client_id=" + CLIENT_ID.form()))
def test_nobody_gets_a_token(missing: Reply, named: Reply, judge: Judgement) -> None:
    # What is named may be refused for what it is: no public client.
    named.must_be(refused(400, 401), fail=SUCCESS | refused(403))
    missing.must_be(refused(400, 401), warn=OTHER_CODE, fail=SUCCESS | refused(403))
    if missing.was(refused(400, 401)):
        judge.trait("credentials.missing", str(missing.status))


def configured_rightly(posted: Reply, body: Reply, judge: Judgement) -> bool:
    """Whether a refusal of the special client can be the server's fault.

    It is none where credentials in the body work for the client under test, and those of the special one do not: in
    the body nothing separates or encodes them otherwise.
    """
    if not (body.was(GRANTED) and posted.usable and not posted.granted):
        return True
    judge.cannot_tell("the special client is refused with its credentials in the body, too: check its secret")
    return False


@case(
    "AUTH-015",
    colon=VALID.authorized(SPECIAL_SECRET.with_colon(), SPECIAL_ID),
    posted=SPECIAL_IN_BODY,
    body=BODY_CREDENTIALS,
)
def test_a_colon_may_stand_in_the_secret(colon: Reply, posted: Reply, body: Reply, judge: Judgement) -> None:
    if colon.granted or configured_rightly(posted, body, judge):
        colon.must_be(GRANTED)


@case(
    "AUTH-016",
    encoded=VALID.replacing("Authorization", "Basic " + (CLIENT_ID.form() + ":" + SECRET.special_form()).base64()),
    special=VALID.replacing(
        "Authorization", "Basic " + (SPECIAL_ID.form() + ":" + SPECIAL_SECRET.special_form()).base64()
    ),
    needless=VALID.authorized(client_id=CLIENT_ID.needless_form()),
    posted=SPECIAL_IN_BODY,
    body=BODY_CREDENTIALS,
)
def test_basic_credentials_are_form_decoded(
    encoded: Reply, special: Reply, needless: Reply, posted: Reply, body: Reply, judge: Judgement
) -> None:
    if encoded.absent == READ_RAW and judge.contract.profile.basic_encoding == "auto":
        expected, actual = "a token for a form-encoded id and secret", "a refusal, and a token for what is not encoded"
        judge.notes.append(Note("unmet", expected, actual, encoded.name))
    else:
        encoded.must_be(GRANTED)
        if special.granted or configured_rightly(posted, body, judge):
            special.must_be(GRANTED)
    needless.shows("basic.percent_decoding", granted="decoded", refused="literal")


@case("AUTH-017", body=BODY_CREDENTIALS)
def test_credentials_in_the_body_are_taken_or_refused(body: Reply, judge: Judgement) -> None:
    must_work = judge.contract.profile.spec == "oauth21"
    body.must_be(GRANTED if must_work else GRANTED | INVALID_CLIENT | INVALID_REQUEST, fail=TOKENLESS)
    body.shows("client_secret_post")


@case("AUTH-018", twice=VALID.adding_parameters(*RIGHT_IN_BODY))
def test_credentials_that_come_twice_are_refused(twice: Reply) -> None:
    twice.must_be(INVALID_REQUEST | INVALID_CLIENT, observe=GRANTED)
    twice.shows("credentials.twice")


@case("AUTH-019", conflict=VALID.adding_parameters("client_secret=wrong"))
def test_a_wrong_secret_in_the_body_beside_the_right_one_is_refused(conflict: Reply) -> None:
    conflict.must_be(INVALID_REQUEST | INVALID_CLIENT, warn=GRANTED)
    conflict.shows("credentials.conflict", granted="header")


@case(
    "AUTH-020",
    same=VALID.adding_parameters("client_id=" + CLIENT_ID.form()),
    other=VALID.adding_parameters("client_id=" + UNKNOWN_ID.form()),
)
def test_a_client_id_beside_authorization_does_no_harm(same: Reply, other: Reply) -> None:
    same.must_be(GRANTED | INVALID_REQUEST)
    other.must_be(INVALID_REQUEST | INVALID_CLIENT, observe=GRANTED)
    other.shows("client_id.other", granted="ignored")


@case(
    "AUTH-021",
    uri=NO_CREDENTIALS.with_query("client_id=" + EXPOSED_ID.form() + "&client_secret=" + EXPOSED_SECRET.form()),
    sacrificed=SACRIFICED,
)
def test_credentials_in_the_uri_do_not_authenticate(uri: Reply, sacrificed: Reply, judge: Judgement) -> None:
    uri.must_be(REFUSED, fail=GRANTED)
    if judge.contract.exposed == "invented":
        judge.cannot_tell("off this machine only an invented client goes into a URI, so a refusal proves little")
    elif judge.contract.exposed == "sacrificial" and not sacrificed.granted:
        judge.cannot_tell("the sacrificial client is refused in Authorization, too, so a refusal proves little")


@case(
    "AUTH-022",
    bearer=VALID.replacing("Authorization", "Bearer abc"),
    digest=VALID.replacing("Authorization", 'Digest username="x"'),
    negotiate=VALID.replacing("Authorization", "Negotiate YII="),
    unknown=OTHER_SCHEME,
    right_behind_it=VALID.replacing("Authorization", Credentials(EXPOSED_ID, EXPOSED_SECRET, scheme="Foo ")),
)
def test_other_schemes_are_refused_cleanly(
    bearer: Reply, digest: Reply, negotiate: Reply, unknown: Reply, right_behind_it: Reply
) -> None:
    every(bearer, digest, negotiate, unknown, right_behind_it).must_be(REFUSED, fail=SUCCESS | REDIRECTED)


@case(
    "AUTH-023",
    alike=VALID.adding("Authorization", Credentials(CLIENT_ID, SECRET)),
    right_first=VALID.adding("Authorization", UNKNOWN),
    right_last=VALID.adding("Authorization", UNKNOWN, first=True),
)
def test_two_lines_are_answered_cleanly(alike: Reply, right_first: Reply, right_last: Reply, judge: Judgement) -> None:
    alike.must_be(GRANTED | REFUSED)
    every(right_first, right_last).must_be(REFUSED, observe=GRANTED)
    if right_first.was(GRANTED | REFUSED) and right_last.was(GRANTED | REFUSED):
        names = {(False, False): "refused", (True, False): "first", (False, True): "last", (True, True): "any"}
        judge.trait("authorization.duplicate", names[right_first.granted, right_last.granted])


@case(
    "AUTH-028",
    unpadded=VALID.replacing("Authorization", PAIR.without_padding()),
    url_safe=VALID.replacing("Authorization", PAIR.url_safe()),
)
def test_other_spellings_of_base64_are_accepted_or_refused(unpadded: Reply, url_safe: Reply) -> None:
    every(unpadded, url_safe).must_be(GRANTED | REFUSED)
    url_safe.shows("base64.alphabet", granted="both", refused="standard")


@case(
    "AUTH-029",
    asked=UNENTITLED,
    scoped=UNENTITLED.adding_parameters("scope=" + SCOPE.form()),
    posted=posting(UNENTITLED_ID, UNENTITLED_SECRET),
    named=NO_CREDENTIALS.adding_parameters("client_id=" + UNENTITLED_ID.form()),
)
def test_a_client_without_the_grant_gets_no_token(asked: Reply, scoped: Reply, posted: Reply, named: Reply) -> None:
    asked.must_be(UNAUTHORIZED, observe=INVALID_CLIENT)
    scoped.must_be(UNAUTHORIZED | INVALID_SCOPE, observe=INVALID_CLIENT)
    every(posted, named).must_be(UNAUTHORIZED | INVALID_CLIENT | INVALID_REQUEST)


@case(
    "AUTH-038",
    body=BODY_CREDENTIALS,
    right_first=BODY_CREDENTIALS.adding_parameters(WRONG_IN_BODY),
    right_last=NO_CREDENTIALS.adding_parameters(WRONG_IN_BODY, *RIGHT_IN_BODY),
)
def test_two_different_secrets_in_the_body_are_refused(
    body: Reply, right_first: Reply, right_last: Reply, judge: Judgement
) -> None:
    if body.usable and not body.granted:
        judge.does_not_apply("credentials in the body do not work here (AUTH-017)")
        return
    body.must_be(GRANTED)
    every(right_first, right_last).must_be(REFUSED, warn=GRANTED)
    if right_first.was(GRANTED | REFUSED) and right_last.was(GRANTED | REFUSED):
        names = {(False, False): "refused", (True, False): "first", (False, True): "last", (True, True): "any"}
        judge.trait("client_secret.repeated", names[right_first.granted, right_last.granted])
