"""What the page of a large run weighs and how fast it opens, beside pytest-html's: python -m tests.benchmarks.pages."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from conformance import case, engine, profiles, reference
from conformance.report import har, index
from conformance.report.folder import PAGES
from conformance.target import Credentials, Limits, Secret, target_at
from tests.test_pages import FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CASES, EXCHANGES, LOADS = 250, 2000, 7
DEFECTS = ("ctype-case", "cache-errors-storable", "hdr-leading-space-kept", "err-description-newline", "succ-cookie")

OWN = '''"""Cases that fill a run: every other one finds something."""

from conformance.case import case, own_requirement
from conformance.reply import GRANTED, REFUSED
from conformance.request import VALID


def declare(number):
    row = own_requirement(
        f"OWN-{{number:03}}",
        level="MUST",
        title=f"Further parameters are ignored, part {{number}}",
        statement="A request with further parameters is granted.",
        remedy="Ignore parameters that are not known.",
        sources=["RFC 6749"],
    )
    stimuli = {{f"probe{{at}}": VALID.adding_parameters(f"probe={{number}}-{{at}}") for at in range({stimuli})}}
    wanted = GRANTED if number % 2 else REFUSED
    names = ", ".join(stimuli)
    source = f"def test_probe_{{number}}({{names}}):\\n    for one in ({{names}}): one.must_be(wanted)"
    scope = {{"wanted": wanted, "__name__": __name__}}
    exec(compile(source, __file__, "exec"), scope)
    globals()[f"test_probe_{{number}}"] = case(row.id, requirement=row, **stimuli)(scope[f"test_probe_{{number}}"])


for number in range({cases}):
    declare(number)
'''


def made(folder: Path) -> engine.Run:
    """A run of as many cases and exchanges in a folder, both pages with it."""
    built_in = engine.applicable(case.built_in(), profiles.load("passport", folder))
    further = CASES - len(built_in)
    own = folder / "own.py"
    # The built-in cases take some 550 exchanges; every other case of these is confirmed, and controls go between.
    own.write_text(OWN.format(cases=further, stimuli=(EXCHANGES - 550) * 2 // (3 * further)))
    known = case.in_order([*case.built_in(), *case.from_file(own)])
    profile = profiles.load("passport", folder)
    with reference.start("passport", defects=DEFECTS) as served:
        client = Credentials(served.client_id, Secret(served.client_secret))
        target = target_at(served.base_url, served.token_path, client, name="staging")
        cases = engine.applicable(known, profile)
        asked = engine.Inquiry(target, profile, Limits(), cases, known, examples=40)
        (folder / "run").mkdir()
        run = engine.conduct(asked, record=folder / "run" / "exchanges.jsonl")
    words = ("judge", str(folder / "run"), "--cases", str(own), "-q")
    subprocess.run([sys.executable, "-m", "conformance", *words], check=False, capture_output=True)
    return run


def loaded(browser: Browser, page: Path) -> tuple[float, float, int]:
    """Medians of the milliseconds until a page is loaded and of those that its thread worked, and its elements.

    The first says what a reader waits for, on a machine that does nothing else; the second says the same on a busy one.
    """
    waited, worked = [], []
    for _ in range(LOADS):
        tab = browser.new_page()
        session = tab.context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        tab.goto(page.as_uri())
        waited.append(tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
        metrics = session.send("Performance.getMetrics")["metrics"]
        worked.append(next(one["value"] for one in metrics if one["name"] == "TaskDuration") * 1000)
        elements = tab.evaluate("document.querySelectorAll('*').length")
        tab.close()
    return statistics.median(waited), statistics.median(worked), elements


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = made(folder)
        findings = sum(one.finding for one in run.result.cases)
        sys.stdout.write(
            f"{len(run.result.cases)} cases, {len(run.recording.exchanges)} exchanges, {findings} findings\n"
        )
        start = time.perf_counter()
        index.page_text(run)
        took, start = time.perf_counter() - start, time.perf_counter()
        har.har_text(run.recording)
        archive = time.perf_counter() - start
        with sync_playwright() as playwright:
            program = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
            ours, theirs = (
                (*loaded(browser, folder / "run" / page), (folder / "run" / page).stat().st_size) for page in PAGES
            )
            browser.close()
    rows = (
        ("size, kB", ours[3] / 1000, theirs[3] / 1000, "<= 1500"),
        ("loaded after, ms", ours[0], theirs[0], "<= 300"),
        ("work of its thread, ms", ours[1], theirs[1], ""),
        ("elements", ours[2], theirs[2], ""),
    )
    sys.stdout.write(f"{'':<28}{'index.html':>12}{'report.html':>13}{'ratio':>8}  aim\n")
    for what, mine, other, aim in rows:
        sys.stdout.write(f"{what:<28}{mine:>12.0f}{other:>13.0f}{mine / other:>8.2f}  {aim}\n")
    sys.stdout.write(f"index.html is made in {took * 1000:.0f} ms, {took / archive:.2f} x the HAR of the same run\n")


if __name__ == "__main__":
    main()
