"""The pages over many runs: what stands on them, in which order, and what their pictures say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from conformance import history
from conformance.report import chart, document, summary, timeline
from conformance.target import SettingsError
from tests.runs import LATENCY, results, write

if TYPE_CHECKING:
    from collections.abc import Iterable

ROW, TITLE = "AUTH-008", "A wrong secret in Authorization gets 401 and a challenge"
SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)


def pages(tmp_path: Path, target: str, *verdicts: str, **more: Any) -> tuple[str, str]:
    """The page of all targets and that of one, after runs with these verdicts, a day apart."""
    for day, verdict in enumerate(verdicts):
        write(tmp_path / target / f"{day:03}", results({ROW: verdict}, target=target, days=day), **more)
    found, skipped = history.entries(tmp_path)
    index = timeline.write(tmp_path, history.by_target(found), skipped)
    return index.read_text(), (tmp_path / target / timeline.INDEX).read_text()


def entry(**changes: Any) -> history.Entry:
    return history.Entry(Path("run"), {**summary.summary(results({ROW: "failed"}), latency=LATENCY), **changes})


def target_page(*entries: history.Entry) -> str:
    return timeline.target_page(history.timeline("staging", entries), Path("staging"))


def test_what_needs_an_eye_comes_first(tmp_path: Path) -> None:
    for target, verdict in (("a", "passed"), ("b", "inconclusive"), ("c", "failed"), ("d", "failed")):
        page, _ = pages(tmp_path, target, verdict)
    assert re.findall(r'<h2 id="t\d"><a href="[^"]*">(\w)<', page) == ["c", "d", "b", "a"]
    assert "4 targets, 4 runs; in their last runs 2 non-conformant, 1 inconclusive, 1 conformant" in page


def test_a_card_says_what_is_unmet_and_what_the_last_run_changed(tmp_path: Path) -> None:
    page, _ = pages(tmp_path, "staging", "passed", "failed")
    assert f'<span class="id">{ROW}</span> {TITLE}' in page
    assert f'New findings: <span class="id">{ROW}</span>' in page
    assert 'href="./staging/001/report.html"' in page


def test_many_findings_are_named_by_their_ids_alone(tmp_path: Path) -> None:
    names = [f"A-{number:03}" for number in range(8)]
    write(tmp_path / "one", results(dict.fromkeys(names, "failed")))
    found, _ = history.entries(tmp_path)
    page = timeline.write(tmp_path, history.by_target(found), []).read_text()
    assert page.count("failed</span>") == 5
    assert "and 3 more: " in page
    assert all(f'<span class="id">{name}</span>' in page for name in names)


def test_one_run_is_no_trend(tmp_path: Path) -> None:
    for page in pages(tmp_path, "staging", "failed"):
        assert "<svg" not in page
    assert "There is one run so far; changes show from the second on." in page


def test_the_page_of_a_target_shows_findings_changes_flips_and_the_slowest(tmp_path: Path) -> None:
    _, page = pages(tmp_path, "staging", "passed", "failed", "passed", "failed")
    headings = re.findall(r"<h[23]>(.*?)</h", page)
    assert headings == [
        "Trend",
        "Response time",
        "Findings of the last run",
        "What changed",
        "Unsteady cases",
        "Slowest runs",
        "Runs",
    ]
    assert f'<li><span class="id">{ROW}</span>: 3 flips</li>' in page
    assert f'<th scope="row" class="id">{ROW}</th>' in page
    assert "401 invalid_client" in page
    assert "GEN-001 spelling" in page


def test_without_any_change_that_is_what_is_said(tmp_path: Path) -> None:
    assert "Nothing, from the first run to the last." in pages(tmp_path, "staging", "passed", "passed")[1]


def test_runs_without_response_times_have_no_picture_of_them(tmp_path: Path) -> None:
    _, page = pages(tmp_path, "staging", "passed", "passed", old=True)
    assert "Response time" not in page
    assert "Slowest" not in page
    assert len(SVG.findall(page)) == 1


def test_counts_that_an_older_release_did_not_know_are_none() -> None:
    page = target_page(entry(counts={}), entry(counts={"failed": 2}))
    assert '<td class="number">2</td>' in page


def test_long_lists_are_folded() -> None:
    page = target_page(*(entry(verdict=("conformant", "non-conformant")[at % 2]) for at in range(60)))
    assert "<summary>44 earlier changes</summary>" in page
    assert "<summary>30 earlier runs</summary>" in page


@pytest.mark.parametrize("place", ["folder", "page of others", "unwritable"])
def test_a_page_that_cannot_be_written_is_one_line(place: str, tmp_path: Path) -> None:
    file = tmp_path / "x" / timeline.INDEX
    if place == "folder":
        file.mkdir(parents=True)
    elif place == "page of others":
        file.parent.mkdir()
        file.write_text("<html>")
    else:
        (tmp_path / "x").write_text("a file where the folder would be")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SettingsError, match=r"index\.html: (is no page of this command|cannot be written: )"):
        document.place(file, "page", timeline.GENERATOR)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    for page in pages(tmp_path, "staging", "passed", "failed"):
        assert "Content-Security-Policy" in page
        assert "default-src &#x27;none&#x27;" in page
        assert not re.search(r"<(script|link|img|iframe)|\son\w+=|style=", page)
        assert page.count("<h1") == 1
        assert '<html lang="en">' in page


# Pictures


def bars(*verdicts: str) -> list[chart.Bar]:
    return [chart.Bar(f"2026-01-{at:02} 02:30", verdict, at, 1) for at, verdict in enumerate(verdicts, 1)]


def children(picture: str) -> Iterable[Any]:
    return ET.fromstring(picture).iter()


def test_a_run_is_a_column_with_a_mark_and_words() -> None:
    picture = chart.findings(bars("conformant", "non-conformant", "unusable"), "first", "last", "what it shows")
    root = ET.fromstring(picture)
    assert (root.get("role"), root.get("aria-label")) == ("img", "what it shows")
    marks = [group[-1].tag + " " + str(group[-1].get("class")) for group in root.findall("g")]
    assert marks == ["circle good", "rect bad", "polygon open"]
    assert root.findtext("g/title") == "2026-01-01 02:30: conformant, 1 failed, 1 warnings"


def test_the_newest_run_ends_at_the_scale_however_many_there_are() -> None:
    for number in (1, 20, 120):
        picture = chart.findings(bars(*["non-conformant"] * number), "first", "last", "")
        ends = [float(one.get("x")) + float(one.get("width")) for one in children(picture) if one.get("class") == "bad"]
        assert 0 <= max(ends) <= chart.WIDTH - chart.RIGHT
        assert max(ends) > chart.WIDTH - chart.RIGHT - 10


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (0, ["0", "2", "4"]),
        (3, ["0", "2", "4"]),
        (9, ["0", "5", "10"]),
        (11, ["0", "10", "20"]),
        (90, ["0", "50", "100"]),
    ],
)
def test_the_scale_ends_at_a_round_number(most: int, labels: list[str]) -> None:
    picture = chart.findings([chart.Bar("", "conformant", most, 0)], "", "", "")
    assert [one.text for one in children(picture) if one.tag == "text"][:3] == labels


def test_runs_without_a_time_leave_a_gap_and_no_point() -> None:
    picture = chart.latency([1.0, None, 3.0], [2.0, None, 39.0], "first", "last", "words")
    assert sum(one.tag == "circle" for one in children(picture)) == 4
    assert [one.text for one in children(picture) if one.tag == "text"][:3] == ["0", "20", "40"]


def test_words_of_a_picture_are_escaped() -> None:
    picture = chart.findings(bars('"><script>'), "<a>", "<b>", '"><script>')
    assert "<script" not in picture
    ET.fromstring(picture)
