"""The pages in a browser: they render, load nothing, run nothing from the wire, and can be used by everybody."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self

import pytest
from playwright.sync_api import expect, sync_playwright

from conformance import comparison, history
from conformance.report import timeline
from tests import golden
from tests.benchmarks.history import fill
from tests.once import once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
RUNS = ("conformant", "many", "hostile", "unusable", "undecided")
OTHERS = ("history-empty", "history", "target", "hostile-target", "comparison", "hostile-comparison")
FOREIGN = ("report", "hostile-report")
"""Pages whose template is pytest-html's."""

STEERING = r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests, without a profile."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def pages(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page by name."""
    del browser  # without one, nothing has to be made
    return once(tmp_path_factory, "pages", made)


def made(place: Path) -> dict[str, Path]:
    golden.of_endpoint(place / "conformant")
    areas = ("REQ", "HDR", "CTYPE", "ERR", "CACHE", "TOKEN", "GEN")
    golden.of_endpoint(place / "many", *golden.MANY, areas=areas, examples=5)
    golden.attacked(place / "hostile")
    golden.of_endpoint(place / "unusable", secret="another-secret-than-its-own")
    golden.undecided(place / "undecided")
    found = {name: place / name / "index.html" for name in RUNS}
    found |= {"history-empty": written(place / "empty"), "history": written(filled(place / "reports"))}
    found["target"] = place / "reports" / "staging" / "index.html"
    found["comparison"] = compared(place, "conformant", "many", "comparison")
    found["hostile-comparison"] = compared(place, mended(place, "hostile"), "hostile", "hostile-comparison")
    written(repeated(place / "hostile", place / "attacks"))
    (found["hostile-target"],) = (place / "attacks").glob("tar*/index.html")
    for name, run in (("report", "many"), ("hostile-report", "hostile")):
        found[name] = reported(place / run, place / name)
    return found


def written(reports: Path) -> Path:
    reports.mkdir(exist_ok=True)
    entries, skipped = history.entries(reports)
    return timeline.write(reports, history.by_target(entries), skipped)


def filled(reports: Path) -> Path:
    fill(reports, 200, old=False)
    (reports / "notes").mkdir()
    (reports / "notes" / "mine.txt").write_text("kept")
    return reports


def compared(place: Path, before: str, after: str, name: str) -> Path:
    found = comparison.compare(comparison.side(place / before), comparison.side(place / after))
    page = place / f"{name}.html"
    page.write_text(timeline.comparison_page(found))
    return page


def mended(place: Path, name: str) -> str:
    """The name of a copy of a run in which nothing is wrong."""
    copy = shutil.copytree(place / name, place / f"{name}-mended")
    results = json.loads((copy / "results.json").read_text())
    for one in results["cases"]:
        one |= {"verdict": "passed", "follows": ""}
    (copy / "results.json").write_text(json.dumps(results))
    return copy.name


def repeated(run: Path, reports: Path) -> Path:
    """A folder with a run and two more, of which the second found nothing."""
    for number in range(3):
        copy = shutil.copytree(run, reports / f"run{number}")
        summary = json.loads((copy / "summary.json").read_text())
        summary["started"] = f"2026-11-2{number}T02:00:00.000Z"
        if number == 1:
            summary["cases"] = dict.fromkeys(summary["cases"], "passed")
            summary["findings"] = {}
        (copy / "summary.json").write_text(json.dumps(summary))
    return reports


def reported(run: Path, folder: Path) -> Path:
    """pytest-html's page of a run, made from its recording."""
    known = "REQ,HDR,CTYPE,ERR,CACHE,TOKEN,METHOD"
    words = (sys.executable, "-m", "conformance", "judge", str(run), "--select", known, "--report-dir", str(folder))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert (folder / "report.html").exists(), done.stderr
    return folder / "report.html"


class Opened:
    """A page in the browser, with everything that went wrong or left it."""

    def __init__(self, browser: Browser, file: Path, width: int = 1440, **options: Any) -> None:
        self._context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        self.page: Page = self._context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("name", [*RUNS, *OTHERS, *FOREIGN])
def test_a_page_renders_within_its_width_and_loads_nothing(
    name: str, width: int, browser: Browser, pages: dict[str, Path]
) -> None:
    with Opened(browser, pages[name], width) as opened:
        assert opened.said == []
        assert opened.asked == [pages[name].as_uri()]
        assert opened.page.locator("h1").count() == 1
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        opened.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("name", ["hostile", "hostile-target", "hostile-comparison", "hostile-report"])
def test_nothing_from_the_wire_is_markup_or_steers_the_display(
    name: str, browser: Browser, pages: dict[str, Path]
) -> None:
    with Opened(browser, pages[name]) as opened:
        page = opened.page
        if name == "hostile-report":
            page.get_by_role("button", name="Show all details").click()
        assert "<script>pwned=1</script><img src=x onerror=pwned=1>" in page.evaluate("document.body.textContent")
        assert page.evaluate("typeof pwned") == "undefined"
        # The template of pytest-html has pictures without a source.
        assert page.locator("img[src*=x], iframe, object, embed, base, [onerror], [onload]").count() == 0
        links = page.eval_on_selector_all("a", "all => all.map(one => one.getAttribute('href'))")
        ours = r"https://(www\.rfc-editor\.org/|pypi\.python\.org/pypi/pytest-html$)|\.{1,2}/|#"
        assert not [link for link in links if not re.match(ours, link or "#")]
        assert page.evaluate(f"document.documentElement.outerHTML.match(/{STEERING}/g)") is None
        assert opened.said == []


@pytest.mark.parametrize("name", ["many", "history", "comparison"])
def test_a_script_that_came_into_the_page_would_not_run(name: str, browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages[name]) as opened:
        opened.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'pwned = 1'}))"
        )
        assert opened.page.evaluate("typeof pwned") == "undefined"
        assert "Content Security Policy" in "".join(opened.said)


AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


# Colours apart, the two schemes are one page, and pages of one template have the same colours.
LOOKS = [(name, "light") for name in (*RUNS, *OTHERS, *FOREIGN)]
LOOKS += [(name, "dark") for name in ("many", "undecided", "history", "target", "comparison", "report")]


@pytest.mark.parametrize(("name", "scheme"), LOOKS)
def test_axe_finds_nothing(name: str, scheme: str, browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages[name], color_scheme=scheme) as opened:
        page = opened.page
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        page.evaluate(AXE)
        rules = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
        found = page.evaluate("options => axe.run(document, options)", {"resultTypes": ["violations"], **rules})
        told = [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in found["violations"]]
        assert told == []
        assert found["passes"]


def shown(page: Page, selector: str) -> list[str]:
    """IDs of the elements that can be seen."""
    found: list[str] = page.eval_on_selector_all(
        selector, "all => all.filter(one => one.checkVisibility()).map(one => one.id)"
    )
    return found


@pytest.fixture
def many(browser: Browser, pages: dict[str, Path]) -> Iterator[Page]:
    with Opened(browser, pages["many"], permissions=["clipboard-read", "clipboard-write"]) as opened:
        yield opened.page
        assert opened.said == []


def test_the_filter_leaves_what_holds_the_words_and_has_the_verdict(many: Page) -> None:
    everything = many.locator(".case").count()
    many.get_by_label("Filter by text").fill("ctype-002")
    found = shown(many, ".case")
    assert "CTYPE-002" in found
    assert 0 < len(found) < everything // 5
    assert re.fullmatch(rf"\d+ of {everything} requirements", many.get_by_role("status").inner_text())
    many.get_by_role("button", name="Show all").click()
    # The form is reset after its event, and filtered after that.
    expect(many.get_by_role("status")).to_have_text("")
    many.get_by_label("failed", exact=True).uncheck()
    # What is only passed was folded; now that it is looked for, it can be seen.
    verdicts = many.eval_on_selector_all(".case:not([hidden])", "all => all.map(one => one.dataset.verdict)")
    assert "failed" not in verdicts
    assert "passed" in verdicts
    assert "REQ-001" in shown(many, ".case")


def test_a_finding_stays_where_what_repeats_it_is_looked_for(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["many"]) as opened:
        inner = opened.page.locator(".finding .case").first
        identifier = inner.get_attribute("id") or ""
        opened.page.get_by_label("Filter by text").fill(identifier)
        assert inner.is_visible()


def test_a_command_is_copied_as_it_stands(many: Page) -> None:
    button = many.get_by_role("button", name="Copy the command that repeats CTYPE-002")
    button.click()
    copied = many.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("token-conformance run --base-url http://127.0.0.1:")
    assert "--select CTYPE-002" in copied
    assert button.inner_text() == "Copied"


def test_a_link_to_what_is_folded_opens_it(many: Page) -> None:
    row = many.locator("#REQ-001")
    assert not row.is_visible()
    many.evaluate("location.hash = 'REQ-001'")
    row.wait_for(state="visible")


def test_the_keyboard_reaches_everything_in_order(many: Page) -> None:
    many.keyboard.press("Tab")
    assert many.evaluate("document.activeElement.textContent") == "To the content"
    many.keyboard.press("Enter")
    seen = []
    for _ in range(12):
        many.keyboard.press("Tab")
        seen.append(many.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        if "text" in seen and "Show all" in seen:
            break
    assert seen.index("text") < seen.index("Show all")
    folded = many.locator(".finding details").first
    folded.locator("summary").focus()
    many.keyboard.press("Enter")
    assert folded.get_attribute("open") is not None
    button = many.get_by_role("button", name="Copy the command").first
    button.focus()
    many.keyboard.press("Enter")
    many.wait_for_function("one => one.textContent === 'Copied'", arg=button.element_handle())


def test_without_script_everything_is_there_but_the_buttons(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["many"], java_script_enabled=False) as opened:
        assert not opened.page.get_by_label("Filter by text").is_visible()
        assert opened.page.locator("button:visible").count() == 0
        folded = opened.page.locator(".finding details").first
        folded.locator("summary").click()
        assert folded.locator("pre").first.is_visible()


def test_on_paper_the_evidence_is_unfolded_and_the_controls_are_gone(many: Page) -> None:
    many.emulate_media(media="print", color_scheme="dark")
    assert many.locator(".finding details pre").first.is_visible()
    assert not many.get_by_label("Filter by text").is_visible()
    assert many.locator("button:visible").count() == 0
    assert many.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    many.emulate_media(media="screen")
    assert many.pdf().startswith(b"%PDF")


def test_the_rows_of_the_report_unfold_and_its_filters_work_by_the_keyboard_as_well(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with Opened(browser, pages["report"]) as opened:
        page = opened.page
        rows: Callable[[], int] = page.locator("#results-table tbody").count
        everything = rows()
        page.get_by_role("checkbox", name=re.compile("passed or observed")).press("Space")
        assert 0 < rows() < everything
        page.get_by_text("CTYPE-002", exact=True).click()
        assert page.locator("#CTYPE-002").get_by_text("Changed line").is_visible()
        button = page.locator("#CTYPE-002 button").first
        assert button.get_attribute("aria-expanded") == "true"
        button.press("Enter")
        # The table was drawn anew; whoever came by the keyboard goes on from where they were.
        assert page.evaluate("document.activeElement.closest('tbody').id") == "CTYPE-002"
        assert page.locator("#CTYPE-002 button").first.get_attribute("aria-expanded") == "false"
        page.get_by_role("button", name="Level").press("Enter")
        assert page.locator("th[aria-sort=ascending], th[aria-sort=descending]").inner_text().startswith("Level")
        assert page.title().startswith("non-conformant: ")
        assert opened.said == []
