"""Header fields: one meaning in every spelling that HTTP allows, and a clean answer to the unusual."""

from collections.abc import Callable
from dataclasses import replace

from conformance.case import case
from conformance.expression import CLIENT_ID, SECRET, Credentials, Repeated, literal
from conformance.reply import GRANTED, REFUSED, Judgement, Outcome, Reading, Reply, every, refused
from conformance.request import FORM, VALID, Line

RIGHT = Credentials(CLIENT_ID, SECRET)
XML = "application/xml"
LEGACY = "text/html, image/gif, image/jpeg, */*; q=0.2"

MANY_FIELDS = replace(
    VALID, fields=(*VALID.fields, *(Line(b"X-Conformance-%03d" % at, literal("1")) for at in range(300)))
)

# grant_type=client_credentials; compressed beforehand, since libraries compress differently and the request must not.
ZIPPED = bytes.fromhex(
    "1f8b08000000000002034b2f4acc2b892fa92c48b54dcec94c05b2938b5253807466624e3100f11815a81d000000",
)
CLOSED = Outcome(
    "a close without a response",
    lambda reading: not reading.answered and reading.exchange.ending in ("closed", "reset"),
)
NO_CODINGS = Outcome(
    "415 without Accept-Encoding",
    lambda reading: reading.status == 415 and not reading.values("Accept-Encoding"),
)


def in_json(usual: Reply) -> Outcome:
    """A token in JSON, or in whatever shape this server gives every token: that is the finding of other rows."""

    def shape(reading: Reading) -> tuple[str, bool]:
        return reading.media_type, isinstance(reading.json, dict)

    accepted = [("application/json", True)]
    if usual.answer is not None and usual.granted:
        accepted.append(shape(usual.answer))
    return Outcome("a token in JSON", lambda reading: reading.granted and shape(reading) in accepted)


def plain_json(reading: Reading) -> bool:
    """Whether the content is JSON as it travelled, whatever its label says."""
    return reading.message is not None and reading.message.body.lstrip()[:1] == b"{"


AS_LABELLED = Outcome(
    "a token, compressed where Content-Encoding says so",
    # What cannot be read here, of which br is an example, is taken for what it is called.
    lambda reading: (reading.unreadable or reading.granted) and not (reading.coded and plain_json(reading)),
)


def coded(words: str, *names: str) -> Outcome:
    """A token in no other content coding than some (RFC 9110, section 8.4)."""

    def matches(reading: Reading) -> bool:
        codings = {name.strip().lower() for line in reading.values("Content-Encoding") for name in line.split(",")}
        return reading.granted and codings <= {"", "identity", *names}

    return Outcome(words, matches)


def otherwise(outcome: Outcome) -> Callable[[Reading], bool]:
    """Whether an answer is a token that is not of some kind."""
    return lambda reading: reading.granted and not outcome.matches(reading)


@case(
    "HDR-001",
    authorization_none=VALID.separating("Authorization", ":"),
    authorization_two=VALID.separating("Authorization", ":  "),
    content_type_none=VALID.separating("Content-Type", ":"),
    content_type_two=VALID.separating("Content-Type", ":  "),
)
def test_spaces_before_a_value_are_not_part_of_it(
    authorization_none: Reply, authorization_two: Reply, content_type_none: Reply, content_type_two: Reply
) -> None:
    every(authorization_none, authorization_two, content_type_none, content_type_two).must_be(GRANTED)


@case(
    "HDR-002",
    content_type=VALID.replacing("Content-Type", FORM + " "),
    authorization=VALID.replacing("Authorization", RIGHT + " "),
)
def test_a_space_after_a_value_is_not_part_of_it(content_type: Reply, authorization: Reply) -> None:
    every(content_type, authorization).must_be(GRANTED)


@case(
    "HDR-003",
    upper=VALID.respelling("Authorization", "AUTHORIZATION"),
    lower=VALID.respelling("Content-Type", "content-type"),
    mixed=VALID.respelling("Content-Length", "CoNtEnT-lEnGtH"),
)
def test_names_are_matched_without_regard_to_case(upper: Reply, lower: Reply, mixed: Reply) -> None:
    every(upper, lower, mixed).must_be(GRANTED)


@case("HDR-004", further=VALID.adding("X-Conformance-Probe", "1"))
def test_unknown_fields_are_ignored(further: Reply) -> None:
    further.must_be(GRANTED)


@case(
    "HDR-005",
    anything=VALID,
    none=VALID.removing("Accept"),
    json=VALID.replacing("Accept", "application/json"),
    low_weight=VALID.replacing("Accept", "application/*;q=0.1"),
    legacy=VALID.replacing("Accept", LEGACY),
)
def test_an_accept_that_admits_json_gets_json(
    anything: Reply, none: Reply, json: Reply, low_weight: Reply, legacy: Reply
) -> None:
    every(none, json, low_weight, legacy).must_be(in_json(anything))


@case(
    "HDR-006",
    usual=VALID,
    xml=VALID.replacing("Accept", XML),
    not_json=VALID.replacing("Accept", "application/json;q=0"),
)
def test_an_accept_that_excludes_json_gets_json_or_406(
    usual: Reply, xml: Reply, not_json: Reply, judge: Judgement
) -> None:
    ignored = in_json(usual)
    other = Outcome("a token in another media type", otherwise(ignored))
    every(xml, not_json).must_be(ignored | refused(406), fail=other)
    if all(reply.was(ignored | refused(406)) for reply in (xml, not_json)):
        judge.trait("accept.unsatisfiable", "ignored" if xml.granted and not_json.granted else "406")


@case("HDR-007", foreign=VALID.adding("X-A", b"\xe9\xff"))
def test_octets_above_127_in_an_unrelated_field_do_no_harm(foreign: Reply) -> None:
    foreign.must_be(GRANTED | REFUSED)
    foreign.shows("field.obs_text")


@case("HDR-008", long=VALID.adding("X-Big", Repeated(b"a", 100_000)), many=MANY_FIELDS)
def test_too_large_a_header_section_gets_a_4xx(long: Reply, many: Reply, judge: Judgement) -> None:
    every(long, many).must_be(GRANTED | REFUSED, warn=CLOSED)
    values = [(GRANTED, "processed"), (CLOSED, "closed"), *((refused(code), str(code)) for code in (400, 413, 431))]
    seen = [value for reply in (long, many) for outcome, value in values if reply.was(outcome)]
    if len(seen) == 2:
        # The first limit that was met names the behaviour; it is "processed" only where neither request met one.
        judge.trait("field.too_large", next((value for value in seen if value != "processed"), "processed"))


@case(
    "HDR-009",
    zipped=VALID.adding("Content-Encoding", "gzip").with_body(ZIPPED),
    plain=VALID.adding("Content-Encoding", "gzip"),
)
def test_a_content_coding_is_honoured_or_refused(zipped: Reply, plain: Reply) -> None:
    every(zipped, plain).must_be(GRANTED | REFUSED, observe=NO_CODINGS)
    if zipped.error != "invalid_scope":
        zipped.shows("request.gzip", granted="decoded")


@case(
    "HDR-010",
    identity=VALID.adding("Accept-Encoding", "identity"),
    none=VALID,
    gzip=VALID.adding("Accept-Encoding", "gzip"),
    browser=VALID.adding("Accept-Encoding", "gzip, deflate, br, zstd"),
)
def test_compression_follows_accept_encoding(identity: Reply, none: Reply, gzip: Reply, browser: Reply) -> None:
    identity.must_be(coded("a token that is not compressed"))
    none.must_be(GRANTED)
    gzip.must_be(coded("a token that is compressed by gzip or not at all", "gzip", "x-gzip"))
    browser.must_be(AS_LABELLED)


@case(
    "HDR-011",
    content_type=VALID.replacing("Content-Type", FORM + " \t").separating("Content-Type", ":\t "),
    before=VALID.separating("Authorization", ":\t"),
    after=VALID.replacing("Authorization", RIGHT + "\t"),
)
def test_tabs_round_a_value_are_not_part_of_it(content_type: Reply, before: Reply, after: Reply) -> None:
    every(content_type, before, after).must_be(GRANTED)
