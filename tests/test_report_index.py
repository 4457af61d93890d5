"""The page of a run without a browser: what stands in it, in which order, how often, and how much of it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from conformance import case, catalogue, engine, judging
from conformance.profiles.contradictions import contradictions
from conformance.recording import Exchange
from conformance.reply import Answer
from conformance.report import change, chart, distribution, evidence, index, ranking, results
from conformance.request import FORM, VALID
from tests import golden
from tests.servers import answer, inquiry, serving, token

if TYPE_CHECKING:
    from conformance.engine import Run
    from tests.servers import Asked


class Parsed(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] not in ("style", "script"):
            self.text += data

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.found if name in attributes]


def finding(page: str, identifier: str) -> str:
    """The text of one finding."""
    (found,) = re.findall(rf'(?s)<article class="[^"]*" id="{identifier}".*?</article>', page)
    return Parsed(found).text


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Run:
    areas = ("REQ", "AUTH", "HDR", "CTYPE", "SUCC", "ERR", "CACHE", "TOKEN", "WIRE")
    folder = tmp_path_factory.mktemp("runs") / "many"
    return golden.of_endpoint(folder, *golden.MANY, "auth-no-challenge", "wire-space-before-colon", areas=areas)


@pytest.fixture(scope="module")
def page(many: Run) -> str:
    return index.page_text(many)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("runs") / "hostile"
    golden.attacked(folder)
    return (folder / "index.html").read_text()


# The whole


def test_everything_stands_in_the_order_in_which_it_is_asked_for(many: Run, page: str) -> None:
    text = Parsed(page).text
    parts = (
        "non-conformant",
        results.MEANING["non-conformant"],
        f"staging: {many.inquiry.target.base_url}",
        "Profilepassport",
        "Suite",
        "Catalogue edition",
        "Seed",
        "Started",
        "Verdicts by level and area",
        "Findings (",
        "HDR-001 Spaces before a field value",
        "Drift (1)",
        "Traits",
        "Passed (",
        "Response times",
        "What the published document contradicts in itself",
        "The files of this run: report.html",
    )
    # The links to the sections name them once more.
    text = re.sub(r"(?s)Verdicts\s*Findings \(.*?The published document", "", text, count=1)
    places = [text.find(part, text.index("To the content")) for part in parts]
    assert dict(zip(parts, places, strict=True)) == dict(zip(parts, sorted(places), strict=True))


def test_every_case_and_every_exchange_stands_there_once(many: Run, page: str) -> None:
    ids = Parsed(page).values("id")
    assert len(ids) == len(set(ids))
    assert {one.case.id for one in many.result.cases} <= set(ids)
    links = {link.removeprefix("#") for link in Parsed(page).values("href") if link.startswith("#")}
    assert links <= set(ids)


def test_findings_come_by_gravity_and_what_repeats_one_stands_beside_it(many: Run, page: str) -> None:
    shown = re.findall(r'<article class="case finding (\w+)" id="([^"]+)"', page)
    verdicts = {one.case.id: one for one in many.result.cases}
    assert [verdict for verdict, _ in shown] == sorted(
        (verdict for verdict, _ in shown), key=("failed", "warning").index
    )
    assert {name for _, name in shown} == {name for name, one in verdicts.items() if one.finding}
    subjects = [verdicts[name].subject for verdict, name in shown if verdict == "failed"]
    assert subjects == sorted(subjects, key=("endpoint", "edge").index)
    followers = [one for one in verdicts.values() if one.follows]
    assert followers
    for one in followers:
        assert f"{one.case.id} {one.case.requirement.title}: " in finding(page, one.follows)


def test_a_finding_says_all_that_its_reader_needs(many: Run, page: str) -> None:
    row = catalogue.load().requirements["CTYPE-002"]
    told = finding(page, "CTYPE-002")
    for part in (
        f"CTYPE-002 {row.title}",
        "failed MUST, follows from the sources endpoint",
        row.statement,
        f"Why it matters{row.why}",
        "Expecteda token",
        "Controls beside it#",
        f"Remedy{row.remedy}",
        "SourcesRFC 9110, section 8.3.1",
        f"- Content-Type: {FORM}\n+ Content-Type: {FORM.upper()}\n",
        "Sent, ",
        f"Content-Type: {FORM.upper()}\\r\\n\n",
        "Received, ",
        "once more",
        f"token-conformance run --base-url {many.inquiry.target.base_url}",
        "--select CTYPE-002",
        "curl -qgsSi ",
    ):
        assert part in told, part


def test_an_invariant_shows_a_few_of_its_witnesses_and_names_the_others(many: Run, page: str) -> None:
    (verdict,) = [one for one in many.result.cases if one.case.id == "CACHE-003"]
    assert len(verdict.witnesses) > index.WITNESSES
    told = finding(page, "CACHE-003")
    assert f"{len(verdict.witnesses) - index.WITNESSES} more in exchanges.jsonl, by number: " in told


def test_the_picture_says_in_words_what_it_shows(many: Run, page: str) -> None:
    label = next(label for label in Parsed(page).values("aria-label") if label.startswith("CTYPE, MUST"))
    members = [one for one in many.result.cases if one.case.requirement.area == "CTYPE"]
    failed = sum(one.verdict == "failed" and one.case.requirement.level == "MUST" for one in members)
    assert f"{failed} failed, " in label


def test_a_page_holds_no_more_octets_than_its_room() -> None:
    def long(request: Asked) -> bytes:
        return token() if request.plain and b"\r\nAccept: */*" in request.data else answer(500, b'"<&>"' * 4_000)

    known = [one for one in case.built_in() if one.requirement.area in ("REQ", "HDR", "CTYPE", "BODY", "GRANT")]
    with serving(long) as server:
        run = engine.conduct(inquiry(server, known))
    page = index.page_text(run)
    assert sum(one.verdict == "failed" for one in run.result.cases) > 20
    assert f"octets, the first {evidence.OCTETS} of them shown" in page
    # A character of the wire takes six of the page at the most.
    assert len(page) < 6 * index.ROOM


def test_what_was_not_decided_is_told_by_its_cause(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = golden.undecided(tmp_path_factory.mktemp("runs") / "undecided")
    text = Parsed(index.page_text(run)).text
    open_ = [one for one in run.result.cases if one.verdict == "inconclusive"]
    assert len(open_) > 3
    assert all(f"{one.case.id} {one.case.requirement.title}" in text for one in open_)
    assert text.count(ranking.cause(open_[-1])) < len(open_)


def test_an_unusable_run_shows_the_answer_and_the_advice(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("runs") / "unusable"
    run = golden.of_endpoint(folder, secret="another-secret-than-its-own", areas=("REQ",))
    text = Parsed(index.page_text(run)).text
    assert run.gate.advice in text
    assert "HTTP/1.1 401 Unauthorized\\r\\n" in text


def test_a_waiver_stands_beside_its_finding_and_no_longer_among_those_that_count(many: Run) -> None:
    cases = tuple(replace(one, verdict="waived") if one.case.id == "CTYPE-002" else one for one in many.result.cases)
    run = replace(many, result=replace(many.result, cases=cases))
    terms = {"reason": "The gateway is replaced in May", "ticket": "T-1", "owner": "ops", "expires": "2027-05-31"}
    page = index.page(run, golden.waived_in(run, "CTYPE-002", **terms, days_left=7))
    words = "The gateway is replaced in May; ticket T-1; owner ops; until 2027-05-31 (7 days left)"
    assert f"Waived{words}" in finding(page, "CTYPE-002")
    text = Parsed(page).text
    assert text.index("Waived (1)", text.index("Findings (")) < text.index("CTYPE-002 The media type is matched")


def test_drift_is_told_where_a_fingerprint_was_given(many: Run, page: str) -> None:
    assert re.search(r"(?s)expires_in\s*absent\s*present", Parsed(page).text)
    same = replace(many, inquiry=replace(many.inquiry, pinned={"expires_in": "present"}))
    assert "None: every trait is as it was pinned." in index.page_text(same)
    unpinned = replace(many, inquiry=replace(many.inquiry, pinned=None))
    assert "Drift" not in Parsed(index.page_text(unpinned)).text


def test_the_document_is_told_of_where_the_profile_rests_on_it(many: Run, page: str) -> None:
    assert page.count('<section class="contradiction"') == 17
    elsewhere = replace(many.inquiry.profile, name="acme", lineage=("acme", "rfc6749"))
    run = replace(many, inquiry=replace(many.inquiry, profile=elsewhere))
    assert "contradicts in itself" not in Parsed(index.page_text(run)).text


def test_the_embedded_endpoint_is_named_and_nobody_is_sent_to_it_by_curl(many: Run) -> None:
    target = replace(many.inquiry.target, embedded=True)
    text = Parsed(index.page_text(replace(many, inquiry=replace(many.inquiry, target=target)))).text
    assert "EMBEDDED ENDPOINT" in text
    assert "curl -q" not in text
    assert "The embedded endpoint ended with the run" in text


# What a server, a target or a case may have written


def test_nothing_from_a_run_is_markup(hostile: str) -> None:
    page = Parsed(hostile)
    tags = {tag for tag, _ in page.found}
    assert not tags & {"img", "iframe", "object", "embed", "base", "template"}
    assert [tag for tag, _ in page.found].count("script") == 1
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]
    assert not [link for link in page.values("href") if not re.match(r"https://www\.rfc-editor\.org/|\./|#", link)]
    assert golden.ATTACK in page.text
    assert not re.search("[^\n\x20-\x7e\xb7\xa0\u2013\u2298\u2713\u2717]", hostile)


def test_the_id_of_a_case_of_ones_own_may_hold_anything(hostile: str) -> None:
    ids = Parsed(hostile).values("id")
    assert len(ids) == len(set(ids))
    assert not [one for one in ids if not re.fullmatch(r"[\w.-]+", one, re.ASCII)]
    assert [one for one in ids if one.startswith("EVIL-")]


# The parts


def test_only_what_changed_in_a_line_is_marked() -> None:
    lines = change.lines(("a", "Content-Type: text/plain", "z"), ("a", "Content-Type: text/html", "z"))
    assert [line.kind for line in lines] == ["same", "gone", "new", "same"]
    assert [text for text, changed in lines[1].parts if changed] == ["plain"]
    assert [text for text, changed in lines[2].parts if changed] == ["html"]


def test_words_with_a_mark_between_them_change_as_one() -> None:
    _, new = change.lines(("Content-Type: a/b-c",), ("Content-Type: A/B-C",))
    assert [text for text, changed in new.parts if changed] == ["A/B-C"]


def test_a_line_that_is_another_one_altogether_is_not_marked_in_part() -> None:
    _, new = change.lines(("grant_type=client_credentials",), ("zz",))
    assert new.parts == (("zz", False),)


def test_lines_that_came_or_went_are_told_as_such() -> None:
    lines = change.symbolic(VALID.removing("Accept").adding("X-A", "1"))
    assert ["".join(text for text, _ in line.parts) for line in lines if line.kind == "gone"] == ["Accept: */*"]
    assert ["".join(text for text, _ in line.parts) for line in lines if line.kind == "new"] == ["X-A: 1"]
    assert {line.kind for line in change.symbolic(VALID)} == {"same"}


def test_requests_that_were_drawn_are_compared_as_they_travelled() -> None:
    lines = change.masked(b"POST / HTTP/1.1\r\nA: ***\r\n\r\nb=\xff", b"POST / HTTP/1.1\r\nA: ***\r\n\r\nb=1")
    changed = [(line.kind, "".join(text for text, _ in line.parts)) for line in lines if line.kind != "same"]
    assert changed == [("gone", "b=1"), ("new", "b=\\xff")]


def test_a_long_line_is_cut() -> None:
    (line,) = change.lines(("x" * 5000,), ("x" * 5000,))
    assert line.parts[0][0] == f"{'x' * change.LONGEST}... (5000 characters)"


def answered(number: int, role: str, how: str, status: int, attempt: int = 1) -> Answer:
    exchange = Exchange(
        number=number,
        role=role,
        attempt=attempt,
        template=f"{number:016x}",
        label=f"generated: {how}",
        how=how,
        sent=b"POST / HTTP/1.1\r\n\r\n",
        received=b"HTTP/1.1 %d Words\r\nContent-Length: 0\r\n\r\n" % status if status else b"",
        ending="complete" if status else "first-byte-timeout",
        detail="" if status else "no octet came within 1 s",
        left_open=False,
        head=False,
        started=1_800_000_000.0,
        first_byte=0.01,
        duration=0.01,
        spent=False,
    )
    return Answer(exchange)


def test_generated_requests_are_counted_by_source_and_by_each_deviation() -> None:
    found = distribution.distribution(
        [
            answered(1, "control", "", 200),
            answered(2, "spelling", "A-001 one; B-001 two", 400),
            answered(3, "spelling", "A-001 one", 503),
            answered(4, "spelling", "A-001 one", 400, attempt=2),
            answered(5, "description", "drawn: this; and that", 0),
            answered(6, "description", "drawn: this; and that", 302),
        ]
    )
    assert [(one.source, one.counts) for one in found.sources] == [
        ("spelling", (0, 1, 1, 0, 0)),
        ("description", (0, 0, 0, 1, 1)),
    ]
    assert [(one.words, one.total) for one in found.deviations] == [
        ("A-001 one", 2),
        ("B-001 two", 1),
        ("drawn: this; and that", 2),
    ]


def test_more_deviations_than_anybody_reads_are_counted() -> None:
    more = [answered(number, "near_miss", f"change {number}", 400) for number in range(distribution.DEVIATIONS + 5)]
    found = distribution.distribution(more)
    assert (len(found.deviations), found.left) == (distribution.DEVIATIONS, 5)


def test_times_fall_into_columns_without_a_gap() -> None:
    assert distribution.bins([0.5, 0.9, 1.0, 9.0]) == [("0.5", 1), ("1", 2), ("2", 0), ("5", 0), ("10", 1)]
    assert distribution.bins([]) == []
    assert distribution.bins([1e12]) == [("5e+06", 1)]


def test_evidence_says_how_much_of_it_is_shown_and_why_there_is_no_answer() -> None:
    silent = evidence.shown(answered(7, "stimulus", "", 0))
    assert (silent.title, silent.nothing) == ("#7 generated: : no answer (no octet came within 1 s)", "")
    cut = evidence.shown(answered(8, "stimulus", "", 200, attempt=2), "named", room=4)
    assert cut.title.startswith("#8 named once more: 200")
    assert (cut.sent.text, cut.sent.words) == ("POST", "19 octets, the first 4 of them shown")


@pytest.mark.parametrize(
    ("follows", "told"),
    [
        ({"A": "", "B": "A", "C": "A"}, {"A": ["B", "C"]}),
        ({"A": "", "B": "A", "C": "B"}, {"A": ["B", "C"]}),
        ({"A": "Z", "B": ""}, {}),
        ({"A": "B", "B": "A", "C": "A"}, {"A": ["B", "C"]}),
        ({"A": "A"}, {}),
    ],
)
def test_no_case_is_lost_however_they_follow_one_another(
    follows: dict[str, str], told: dict[str, list[str]], many: Run
) -> None:
    one = many.result.cases[0]
    made = [
        replace(one, case=replace(one.case, requirement=replace(one.case.requirement, id=name)), follows=leader)
        for name, leader in follows.items()
    ]
    found = ranking.followers(made)
    assert {leader: [each.case.id for each in several] for leader, several in found.items()} == told


def test_every_verdict_has_its_place_and_its_mark() -> None:
    assert set(ranking.ORDER) == set(chart.MARK_FORMS) == set(judging.VERDICTS)


def test_a_picture_has_a_mark_for_each_case() -> None:
    drawn = chart.marks({"failed": 2, "passed": 11}, "two of many")
    assert len(re.findall("M[0-9]", drawn)) == 13
    assert 'aria-label="two of many"' in drawn
    assert 'aria-hidden="true"' in chart.marks({"failed": 1}, "")


# The document


def test_each_contradiction_is_told_completely_and_names_rows_that_there_are() -> None:
    found = contradictions()
    assert [one.id for one in found] == [f"A{number}" for number in range(1, 18)]
    rows = catalogue.load().requirements
    for one in found:
        assert all((one.title, one.where, one.says, one.wrong, one.treatment)), one.id
        assert set(one.rows) <= set(rows), one.id
        assert one.rows or one.id in {"A12", "A14"}
