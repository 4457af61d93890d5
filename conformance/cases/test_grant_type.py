"""The grant type: what is granted, and which error says that something is missing, unknown or odd."""

from conformance.case import case
from conformance.cases.stimuli import NO_GRANT_TYPE, UNKNOWN_CLIENT, UNKNOWN_GRANT
from conformance.expression import Repeated, form, literal
from conformance.reply import (
    BARE_400,
    GRANTED,
    INVALID_CLIENT_401,
    INVALID_REQUEST,
    REFUSED,
    UNSUPPORTED_GRANT_TYPE,
    Judgement,
    Outcome,
    Reply,
    every,
    refused,
)
from conformance.request import VALID, Template, Value

FULL_WIDTH = form("".join(chr(ord(letter) + 0xFEE0) for letter in "client_credentials"))
CRASHED = Outcome("a 5xx or no answer", lambda reading: reading.status >= 500 or not reading.answered)
NAMED = ("invalid_request", "unsupported_grant_type")
FAULTS = {"invalid_client": "client", "unsupported_grant_type": "grant", "invalid_request": "request"}


def granting(value: Value) -> Template:
    """The valid request with another grant type, encoded already."""
    return VALID.with_form(literal("grant_type=") + value)


def by_default(outcome: Outcome, judge: Judgement) -> Outcome:
    """The outcome, or a token where the profile says that a missing grant type means client_credentials."""
    return outcome | GRANTED if judge.contract.profile.grant_type_default else outcome


@case("GRANT-001", missing=NO_GRANT_TYPE)
def test_a_missing_grant_type_is_an_invalid_request(missing: Reply, judge: Judgement) -> None:
    missing.must_be(by_default(INVALID_REQUEST, judge), warn=UNSUPPORTED_GRANT_TYPE)
    if missing.granted:
        judge.trait("grant_type.missing", "default")
    elif missing.was(BARE_400) and missing.error in NAMED:
        judge.trait("grant_type.missing", missing.error)
    elif missing.usable and missing.status:
        judge.trait("grant_type.missing", "other")


@case("GRANT-002", empty=VALID.with_body(""))
def test_an_empty_body_is_refused(empty: Reply, judge: Judgement) -> None:
    empty.must_be(by_default(INVALID_REQUEST | BARE_400 | refused(411), judge))


@case(
    "GRANT-003",
    empty=VALID.with_form("grant_type="),
    bare=VALID.with_form("grant_type"),
    missing=NO_GRANT_TYPE,
)
def test_a_grant_type_without_a_value_counts_as_missing(
    empty: Reply, bare: Reply, missing: Reply, judge: Judgement
) -> None:
    # Where the missing one crashed or got a token it should not have, GRANT-001 says so, and nothing is to be compared.
    spoiled = missing.was(CRASHED) or (missing.was(GRANTED) and not judge.contract.profile.grant_type_default)
    for reply in (empty, bare):
        if spoiled or reply.was(GRANTED):
            reply.must_be(by_default(REFUSED, judge))
        else:
            reply.must_have_the_outcome_of(missing, warn_otherwise=True)


@case(
    "GRANT-004",
    name=UNKNOWN_GRANT,
    uri=granting("urn%3Aexample%3Abogus"),
    longer=granting("client_credentials2"),
    shorter=granting("client_credential"),
)
def test_an_unknown_grant_type_is_unsupported(name: Reply, uri: Reply, longer: Reply, shorter: Reply) -> None:
    every(name, uri, longer, shorter).must_be(UNSUPPORTED_GRANT_TYPE, warn=INVALID_REQUEST)


@case(
    "GRANT-005",
    authorization_code=granting("authorization_code"),
    refresh_token=granting("refresh_token"),
    password=granting("password"),
    jwt_bearer=granting(form("urn:ietf:params:oauth:grant-type:jwt-bearer")),
    device_code=granting(form("urn:ietf:params:oauth:grant-type:device_code")),
    token_exchange=granting(form("urn:ietf:params:oauth:grant-type:token-exchange")),
)
def test_other_grants_without_their_inputs_get_no_token(
    authorization_code: Reply,
    refresh_token: Reply,
    password: Reply,
    jwt_bearer: Reply,
    device_code: Reply,
    token_exchange: Reply,
) -> None:
    every(authorization_code, refresh_token, password, jwt_bearer, device_code, token_exchange).must_be(REFUSED)


@case("GRANT-006", capitalized=granting("Client_Credentials"), shouted=granting("CLIENT_CREDENTIALS"))
def test_the_value_is_case_sensitive(capitalized: Reply, shouted: Reply) -> None:
    every(capitalized, shouted).must_be(UNSUPPORTED_GRANT_TYPE | INVALID_REQUEST, warn=GRANTED)


@case("GRANT-007", renamed=VALID.with_form("Grant_Type=client_credentials"), missing=NO_GRANT_TYPE)
def test_the_name_is_case_sensitive(renamed: Reply, missing: Reply) -> None:
    renamed.must_have_the_outcome_of(missing, or_be=INVALID_REQUEST)


@case(
    "GRANT-008",
    trailing_blank=granting("client_credentials%20"),
    leading_blank=granting("+client_credentials"),
    line_feed=granting("client_credentials%0A"),
    byte_order_mark=granting("%EF%BB%BFclient_credentials"),
    full_width=granting(FULL_WIDTH),
    long=granting(Repeated(b"a", 64 * 1024)),
)
def test_decorated_values_are_refused(
    trailing_blank: Reply,
    leading_blank: Reply,
    line_feed: Reply,
    byte_order_mark: Reply,
    full_width: Reply,
    long: Reply,
) -> None:
    every(trailing_blank, leading_blank, line_feed, byte_order_mark).must_be(REFUSED, warn=GRANTED)
    every(full_width, long).must_be(REFUSED, fail=GRANTED)


@case("GRANT-009", both=UNKNOWN_CLIENT.with_form("grant_type=conformance_bogus"))
def test_a_bad_client_with_a_bad_grant_gets_one_of_the_two_errors(both: Reply, judge: Judgement) -> None:
    correct = INVALID_CLIENT_401 | UNSUPPORTED_GRANT_TYPE | INVALID_REQUEST
    both.must_be(correct)
    if both.was(correct):
        judge.trait("error.precedence", FAULTS[str(both.error)])


@case(
    "GRANT-012",
    escaped=granting("client_credentials%00"),
    followed=granting("client_credentials%00x"),
    raw=granting(b"client_credentials\x00"),
)
def test_a_nul_does_not_end_the_value(escaped: Reply, followed: Reply, raw: Reply) -> None:
    every(escaped, followed, raw).must_be(REFUSED, fail=GRANTED)
