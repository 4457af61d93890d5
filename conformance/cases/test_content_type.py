"""Content-Type: the media type of the token request in every spelling, repeated, contradicting itself, and wrong."""

from conformance.case import case
from conformance.cases.stimuli import SAME_CONTENT_TYPE_TWICE
from conformance.reply import GRANTED, REFUSED, TOKENLESS, Judgement, Reply, every
from conformance.request import FORM, VALID, Template, Value

JSON = "application/json"
MULTIPART = "multipart/form-data"
BOUNDARY = "conformance-boundary"
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nclient_credentials'


def typed(media_type: str) -> Template:
    """The valid request under another media type, its body unchanged."""
    return VALID.replacing("Content-Type", media_type)


def labelled_json(body: Value) -> Template:
    """A request that is labelled JSON."""
    return typed(JSON).with_body(body)


@case("CTYPE-001", valid=VALID)
def test_the_form_media_type_is_accepted(valid: Reply) -> None:
    valid.must_be(GRANTED)


@case("CTYPE-002", shouted=typed(FORM.upper()))
def test_the_media_type_is_matched_without_regard_to_case(shouted: Reply) -> None:
    shouted.must_be(GRANTED)


@case(
    "CTYPE-003",
    token=typed(f"{FORM};charset=UTF-8"),
    spaced=typed(f"{FORM}; charset=utf-8"),
    quoted=typed(f'{FORM};charset="utf-8"'),
)
def test_a_charset_of_utf_8_changes_nothing(token: Reply, spaced: Reply, quoted: Reply) -> None:
    every(token, spaced, quoted).must_be(GRANTED)


@case("CTYPE-004", missing=VALID.removing("Content-Type"))
def test_a_body_without_a_media_type_is_examined_or_refused(missing: Reply) -> None:
    missing.must_be(GRANTED | REFUSED, fail=TOKENLESS)
    missing.shows("content_type.missing")


@case(
    "CTYPE-005",
    empty=typed("").separating("Content-Type", ":"),
    semicolons=typed(";;;"),
    word=typed("application"),
    slashes=typed("a/b/c"),
)
def test_a_malformed_media_type_is_answered_cleanly(
    empty: Reply, semicolons: Reply, word: Reply, slashes: Reply, judge: Judgement
) -> None:
    replies = every(empty, semicolons, word, slashes)
    replies.must_be(GRANTED | REFUSED)
    if all(reply.was(GRANTED | REFUSED) for reply in replies):
        seen = {"accepted" if reply.granted else "refused" for reply in replies}
        judge.trait("content_type.malformed", seen.pop() if len(seen) == 1 else "mixed")


@case(
    "CTYPE-006",
    json=labelled_json('{"grant_type":"client_credentials"}'),
    form_as_json=typed(JSON),
    json_as_form=VALID.with_body('{"grant_type":"client_credentials"}'),
)
def test_json_is_answered_cleanly(json: Reply, form_as_json: Reply, json_as_form: Reply, judge: Judgement) -> None:
    json.must_be(REFUSED, observe=GRANTED)
    json.shows("json_body")
    form_as_json.must_be(REFUSED | GRANTED)
    # The JSON text is one odd parameter name here, so grant_type is missing.
    json_as_form.must_be(REFUSED | GRANTED if judge.contract.profile.grant_type_default else REFUSED)


@case(
    "CTYPE-007",
    multipart=typed(f"{MULTIPART}; boundary={BOUNDARY}").with_body(f"{PART}\r\n--{BOUNDARY}--\r\n"),
    plain_text=typed("text/plain"),
)
def test_multipart_and_plain_text_are_answered_cleanly(multipart: Reply, plain_text: Reply) -> None:
    every(multipart, plain_text).must_be(REFUSED | GRANTED)
    multipart.shows("multipart_body")
    plain_text.shows("text_plain_body")


@case("CTYPE-008", twice=SAME_CONTENT_TYPE_TWICE)
def test_the_same_media_type_twice_works(twice: Reply, judge: Judgement) -> None:
    if judge.contract.profile.duplicate_content_type == "accept":
        twice.must_be(GRANTED)
    elif "passport" in judge.contract.profile.lineage:
        twice.must_be(GRANTED, warn=REFUSED)
    else:
        twice.must_be(GRANTED | REFUSED)


@case("CTYPE-009", twice=SAME_CONTENT_TYPE_TWICE, spaced=VALID.adding("Content-Type", f" {FORM}"))
def test_a_leading_space_is_not_part_of_the_value(twice: Reply, spaced: Reply) -> None:
    spaced.must_have_the_outcome_of(twice)


@case("CTYPE-010", combined=typed(f"{FORM}, {FORM}"))
def test_a_combined_value_is_answered_cleanly(combined: Reply) -> None:
    combined.must_be(GRANTED | REFUSED)
    combined.shows("content_type.combined")


@case(
    "CTYPE-011",
    form_first=VALID.adding("Content-Type", JSON),
    json_first=VALID.adding("Content-Type", JSON, first=True),
    twice=SAME_CONTENT_TYPE_TWICE,
)
def test_contradicting_media_types_are_answered_cleanly(
    form_first: Reply, json_first: Reply, twice: Reply, judge: Judgement
) -> None:
    every(form_first, json_first).must_be(GRANTED | REFUSED)
    if twice.was(REFUSED):
        judge.trait("content_type.duplicate", "refused")
    elif twice.was(GRANTED) and all(reply.was(GRANTED | REFUSED) for reply in (form_first, json_first)):
        used = {(True, True): "accepted", (True, False): "first", (False, True): "last", (False, False): "merged"}
        judge.trait("content_type.duplicate", used[form_first.granted, json_first.granted])


@case(
    "CTYPE-012",
    parameter=VALID.adding("Content-Type", f"{FORM};charset=UTF-8"),
    name_case=VALID.adding("content-type", FORM),
    empty=VALID.adding("Content-Type", ""),
    thrice=SAME_CONTENT_TYPE_TWICE.adding("Content-Type", FORM),
    empty_member=typed(f"{FORM},"),
)
def test_repetitions_that_differ_in_detail_are_answered_cleanly(
    parameter: Reply, name_case: Reply, empty: Reply, thrice: Reply, empty_member: Reply
) -> None:
    every(parameter, name_case, empty, thrice, empty_member).must_be(GRANTED | REFUSED)


@case(
    "CTYPE-013",
    cut=labelled_json("{"),
    array=labelled_json("[1]"),
    null=labelled_json("null"),
    number=labelled_json('{"grant_type":1}'),
    nested=labelled_json('{"grant_type":{}}'),
    listed=labelled_json('{"grant_type":[]}'),
    unbounded=typed(MULTIPART).with_body(f"{PART}\r\n--{BOUNDARY}--\r\n"),
    cut_multipart=typed(f"{MULTIPART}; boundary={BOUNDARY}").with_body(PART),
)
def test_broken_json_and_multipart_are_answered_cleanly(
    cut: Reply,
    array: Reply,
    null: Reply,
    number: Reply,
    nested: Reply,
    listed: Reply,
    unbounded: Reply,
    cut_multipart: Reply,
) -> None:
    every(cut, array, null, number, nested, listed, unbounded, cut_multipart).must_be(REFUSED | GRANTED)
