"""The header section at the HTTP edge: what is malformed is refused before anybody acts on it."""

from dataclasses import replace

from conformance.case import case
from conformance.cases.test_error_answers import CODES
from conformance.expression import CLIENT_ID, ORIGIN, PATH, SECRET, Credentials, Repeated, literal
from conformance.reply import GRANTED, REDIRECTED, REFUSED, Outcome, Reply, every, refused
from conformance.request import VALID, Line, Template

RIGHT = Credentials(CLIENT_ID, SECRET)

REFUSED_BY_HTTP = Outcome(
    "a 400 without an OAuth error", lambda reading: reading.status == 400 and reading.error not in CODES
)
"""The refusal of a message that nobody processed; frameworks put words of their own into the same member."""

FIREWALL = refused(403)
"""What a firewall answers to hostile or huge input."""


def beginning_with(line: Line, template: Template = VALID) -> Template:
    """The template with a line between its request line and its first field."""
    return replace(template, fields=(line, *template.fields))


@case("WIRE-001", spaced=VALID.adding("X-A", "b").separating("X-A", " : "))
def test_a_space_before_a_colon_is_refused(spaced: Reply) -> None:
    spaced.must_be(REFUSED_BY_HTTP)


@case("WIRE-002", folded=VALID.adding("X-A", "a\r\n b"))
def test_a_folded_value_is_refused_or_unfolded(folded: Reply) -> None:
    folded.must_be(GRANTED | refused(400))
    if folded.was(GRANTED | refused(400)):
        folded.shows("obs_fold")


@case(
    "WIRE-003",
    unrelated=beginning_with(Line(b" X-A", literal("a"))),
    credentials=beginning_with(Line(b" Authorization", RIGHT), VALID.removing("Authorization")),
)
def test_a_line_before_the_first_field_is_dropped_or_refused(unrelated: Reply, credentials: Reply) -> None:
    unrelated.must_be(GRANTED | refused(400))
    credentials.must_be(REFUSED, fail=GRANTED)


@case("WIRE-004", missing=VALID.removing("Host"))
def test_a_request_without_host_is_refused(missing: Reply) -> None:
    missing.must_be(REFUSED_BY_HTTP, warn=refused(421, 404))


@case("WIRE-005", twice=VALID.adding("Host", "other.invalid"))
def test_two_hosts_are_refused(twice: Reply) -> None:
    twice.must_be(REFUSED_BY_HTTP)


@case(
    "WIRE-012",
    cr=VALID.adding("X-A", "a\rb"),
    nul=VALID.adding("X-A", "a\0b"),
    split=VALID.removing("Authorization").adding("X-A", "a\rAuthorization: " + RIGHT),
)
def test_a_control_octet_ends_no_line(cr: Reply, nul: Reply, split: Reply) -> None:
    every(cr, nul).must_be(GRANTED | refused(400) | FIREWALL)
    split.must_be(REFUSED, fail=GRANTED)


@case("WIRE-013", absolute=VALID.to(ORIGIN + PATH))
def test_a_target_in_absolute_form_is_accepted(absolute: Reply) -> None:
    absolute.must_be(GRANTED)


@case("WIRE-016", long=VALID.with_query(Repeated(b"a", 20_000)))
def test_an_over_long_target_gets_414(long: Reply) -> None:
    long.must_be(GRANTED | refused(414) | FIREWALL, warn=refused(400, 404, 431))


@case(
    "WIRE-021",
    malformed=VALID.replacing("Host", "a b@c/"),
    empty=VALID.replacing("Host", "").separating("Host", ":"),
)
def test_a_host_that_is_none_is_refused(malformed: Reply, empty: Reply) -> None:
    malformed.must_be(REFUSED_BY_HTTP | refused(404, 421), warn=GRANTED)
    empty.must_be(GRANTED | REFUSED, observe=REDIRECTED)
    empty.shows("host.empty")
