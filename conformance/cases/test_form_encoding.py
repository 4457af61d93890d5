"""The form: what its escapes, order and repetitions mean, and that odd octets in it do no harm."""

from conformance.case import case
from conformance.cases.stimuli import NO_GRANT_TYPE
from conformance.cases.test_grant_type import CRASHED, by_default, granting
from conformance.cases.test_scope import stated
from conformance.expression import SCOPE, Counted, Repeated, form, literal
from conformance.reply import (
    BARE_400,
    GRANTED,
    INVALID_REQUEST,
    INVALID_SCOPE,
    REFUSED,
    UNSUPPORTED_GRANT_TYPE,
    Answer,
    Judgement,
    Outcome,
    Reply,
    every,
    refused,
)
from conformance.request import VALID, Template, Value

RIGHT = "grant_type=client_credentials"
CLEAN = GRANTED | REFUSED
QUERIED = VALID.with_query(RIGHT)
TWICE = SCOPE + " " + SCOPE
MARKUP = "<script>conformance5f0c81</script>"
RENDERED = ("", "text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml")
"""Media types under which a browser runs what stands in the content; without one it guesses."""


def asking(scope: Value) -> Template:
    """The valid request for a scope, encoded already."""
    return VALID.with_form(RIGHT, literal("scope=") + scope)


@case(
    "BODY-001",
    upper=VALID.with_form("grant%5Ftype=client%5Fcredentials"),
    lower=VALID.with_form("grant%5ftype=client%5fcredentials"),
)
def test_percent_encoded_letters_are_decoded(upper: Reply, lower: Reply) -> None:
    every(upper, lower).must_be(GRANTED)


@case(
    "BODY-002",
    plus=VALID.adding_parameters("scope=" + SCOPE.form()),
    escaped=VALID.adding_parameters("scope=" + SCOPE.percent_encoded()),
    twice_plus=VALID.adding_parameters("scope=" + TWICE.form()),
    twice_escaped=VALID.adding_parameters("scope=" + TWICE.percent_encoded()),
    unknown_plus=VALID.adding_parameters("x_probe=a+b"),
    unknown_escaped=VALID.adding_parameters("x_probe=a%20b"),
)
def test_plus_and_percent_20_are_the_same_blank(
    plus: Reply, escaped: Reply, twice_plus: Reply, twice_escaped: Reply, unknown_plus: Reply, unknown_escaped: Reply
) -> None:
    plus.must_have_the_outcome_of(escaped)
    # A configured scope of one name has no blank; asked for twice, it has.
    twice_plus.must_have_the_outcome_of(twice_escaped)
    every(unknown_plus, unknown_escaped).must_be(GRANTED)


@case("BODY-003", behind=VALID.with_form("x=1", RIGHT), padded=VALID.with_form("", "", RIGHT, "", ""))
def test_the_order_of_parameters_does_not_matter(behind: Reply, padded: Reply) -> None:
    behind.must_be(GRANTED)
    padded.must_be(GRANTED | INVALID_REQUEST)


@case("BODY-004", repeated=VALID.with_form(RIGHT, RIGHT))
def test_a_repeated_parameter_is_refused(repeated: Reply) -> None:
    repeated.must_be(INVALID_REQUEST | UNSUPPORTED_GRANT_TYPE, warn=GRANTED)
    repeated.shows("parameter.repeated")


@case(
    "BODY-005",
    right_first=VALID.with_form(RIGHT, "grant_type=password"),
    right_last=VALID.with_form("grant_type=password", RIGHT),
    scopes=VALID.with_form(RIGHT, "scope=" + SCOPE.first_word().form(), "scope=" + SCOPE.last_word().form()),
)
def test_of_two_values_none_is_used_silently(
    right_first: Reply, right_last: Reply, scopes: Reply, judge: Judgement
) -> None:
    grants = every(right_first, right_last)
    grants.must_be(INVALID_REQUEST | UNSUPPORTED_GRANT_TYPE, warn=GRANTED)
    scopes.must_be(INVALID_REQUEST | UNSUPPORTED_GRANT_TYPE | INVALID_SCOPE, warn=GRANTED)
    if all(reply.was(CLEAN) for reply in grants):
        used = {(True, True): "any", (True, False): "first", (False, True): "last", (False, False): "refused"}
        judge.trait("grant_type.repeated", used[right_first.granted, right_last.granted])
    if scopes.was(REFUSED):
        judge.trait("scope.repeated", "refused")
    elif scopes.was(GRANTED) and scopes.answer is not None and (said := stated(scopes.answer)):
        first, *_, last = (judge.contract.scope or "").split()
        taken = {frozenset((first,)): "first", frozenset((last,)): "last", frozenset((first, last)): "joined"}
        judge.trait("scope.repeated", taken.get(said, "unknown"))


@case("BODY-006", repeated=VALID.adding_parameters("foo=1", "foo=2"))
def test_a_repeated_unknown_parameter_is_ignored(repeated: Reply) -> None:
    repeated.must_be(GRANTED)


@case("BODY-007", empty=asking(""), bare=VALID.with_form(RIGHT, "scope"), omitted=VALID.without_scope())
def test_a_scope_without_a_value_counts_as_omitted(empty: Reply, bare: Reply, omitted: Reply) -> None:
    for reply in (empty, bare):
        reply.must_have_the_outcome_of(omitted)


@case("BODY-008", alone=QUERIED.with_body(""), contradicted=QUERIED.with_form("grant_type=bogus"))
def test_the_query_does_not_replace_the_body(alone: Reply, contradicted: Reply, judge: Judgement) -> None:
    right = INVALID_REQUEST | BARE_400 | refused(404, 411)
    by_profile = judge.contract.profile.grant_type_default
    alone.must_be(by_default(right, judge), warn=None if by_profile else GRANTED)
    contradicted.must_be(REFUSED, warn=GRANTED)
    if alone.was(CLEAN) and contradicted.was(CLEAN):
        if contradicted.granted:
            judge.trait("grant_type.query", "overrides")
        elif not (alone.granted and by_profile):
            judge.trait("grant_type.query", "fallback" if alone.granted else "ignored")


@case("BODY-009", queried=VALID.with_query("x_probe=1"))
def test_an_unrelated_query_is_ignored_or_refused(queried: Reply) -> None:
    queried.must_be(GRANTED | refused(400, 404))
    queried.shows("query.unrelated", granted="ignored")


@case(
    "BODY-010",
    broken=VALID.adding_parameters("x=%zz%4"),
    no_text=VALID.adding_parameters("x=%ff%fe"),
    raw=VALID.adding_parameters(b"x=\xff\x00"),
)
def test_broken_escapes_and_raw_octets_do_no_harm(broken: Reply, no_text: Reply, raw: Reply) -> None:
    every(broken, no_text, raw).must_be(CLEAN)


def must_count_as_missing(reply: Reply, missing: Reply, right: Outcome) -> None:
    """Says that a request is answered as one without a grant type, or otherwise right."""
    if missing.was(CRASHED):
        # A crash is GRANT-001's finding, and nothing that could be compared.
        reply.must_be(REFUSED | right)
    else:
        reply.must_have_the_outcome_of(missing, or_be=right)


@case(
    "BODY-011",
    semicolon=VALID.with_body("a=b;" + RIGHT),
    byte_order_mark=VALID.with_body("\ufeff" + RIGHT),
    missing=NO_GRANT_TYPE,
)
def test_semicolons_do_not_separate_and_marks_are_not_skipped(
    semicolon: Reply, byte_order_mark: Reply, missing: Reply
) -> None:
    if semicolon.granted and not missing.granted:
        semicolon.must_be(INVALID_REQUEST | BARE_400, warn=GRANTED)
    else:
        must_count_as_missing(semicolon, missing, INVALID_REQUEST | BARE_400)
    must_count_as_missing(byte_order_mark, missing, INVALID_REQUEST | BARE_400 | GRANTED)


@case("BODY-012", printed=VALID.with_body("grant_type: client_credentials\n"), missing=NO_GRANT_TYPE)
def test_the_printed_body_counts_as_one_without_grant_type(printed: Reply, missing: Reply) -> None:
    must_count_as_missing(printed, missing, INVALID_REQUEST | BARE_400)


@case(
    "BODY-013",
    # A little less, so that a limit of just this size does not hide what lies behind it.
    repeated=VALID.adding_parameters(Repeated(b"x=", (1 << 19) - 512)),
    many=VALID.adding_parameters(Counted(b"p%d=1", 10_000, b"&")),
    long=VALID.adding_parameters(literal("x=") + Repeated(b"v", 256 << 10)),
)
def test_large_bodies_are_answered_cleanly(repeated: Reply, many: Reply, long: Reply) -> None:
    every(repeated, many, long).must_be(CLEAN)


@case(
    "BODY-014",
    markup=asking(form(MARKUP)),
    quote=asking(form("' OR 1=1--")),
    template=asking(form("${7*7}")),
    path=asking(form("../../etc/passwd")),
    line_end=asking("%0d%0aX:%20y"),
)
def test_values_that_look_like_an_injection_are_data(
    markup: Reply, quote: Reply, template: Reply, path: Reply, line_end: Reply, judge: Judgement
) -> None:
    def flaw(answer: Answer) -> str | None:
        if "y" in answer.values("X"):
            return "a header field that came out of the scope"
        if MARKUP.encode() in answer.body and answer.media_type in RENDERED:
            return "markup of the scope, unescaped in the content"
        broken = b"\r\nX: y" in answer.body and answer.media_type.endswith("json")
        return "the line end of the scope, unescaped in JSON" if broken else None

    replies = every(markup, quote, template, path, line_end)
    replies.must_be(CLEAN)
    answers = [reply.answer for reply in replies if reply.answer is not None]
    judge.each(answers, "the scope neither unescaped in the answer nor as a field of it", flaw, verdict="failed")


@case("BODY-015", empty=VALID.adding_parameters("client_id=", "client_secret="))
def test_empty_client_parameters_count_as_omitted(empty: Reply) -> None:
    empty.must_be(GRANTED)


@case(
    "BODY-016",
    name=VALID.adding_parameters("%ff%fe=1"),
    escaped=granting("%ff%fe"),
    raw=granting(b"\xff\xfe"),
)
def test_undecodable_names_and_values_neither_crash_nor_vanish(name: Reply, escaped: Reply, raw: Reply) -> None:
    name.must_be(CLEAN)
    every(escaped, raw).must_be(REFUSED, fail=GRANTED)


@case(
    "BODY-017",
    broken=VALID.with_query("%zz=%"),
    raw=VALID.with_query(b"\xff\xfe"),
    nul=VALID.with_query(b"\x00"),
)
def test_odd_octets_in_the_query_do_no_harm(broken: Reply, raw: Reply, nul: Reply) -> None:
    every(broken, raw, nul).must_be(CLEAN)
