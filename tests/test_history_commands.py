"""The commands over kept runs as their users meet them: history, compare and pin, and a run with a fingerprint."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import cli, history, reference, session
from conformance.engine import Run
from conformance.gate import Gate
from conformance.judging import Evidence, Result
from conformance.report import timeline
from tests.runs import recording, results, write
from tests.servers import CLIENT, SECRET, inquiry
from tests.test_cli import Done, command, judged
from tests.test_cli import results as kept

if TYPE_CHECKING:
    from collections.abc import Callable

ROW = "AUTH-008"
TRAIT = "content_type.duplicate"
HOSTILE = "\x1b[31m\u202e<script>alert(1)</script>"


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Carries out a command in a folder of its own, in this process."""
    monkeypatch.chdir(tmp_path)

    def said(*words: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["token-conformance", *map(str, words)])
        try:
            cli.main()
            code: Any = 0
        except SystemExit as left:
            code = left.code
        done = Done(code or 0, *capsys.readouterr())
        assert "Traceback" not in done.err
        return done

    return said


def run(reports: Path, day: int, verdict: str = "passed", *, target: str = "staging", **more: Any) -> Path:
    return write(reports / target / f"{day:03}", results({ROW: verdict}, target=target, days=day, **more))


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


# history


def test_history_writes_a_page_for_all_and_one_for_each_target(say: Callable[..., Done], tmp_path: Path) -> None:
    run(tmp_path / "reports", 1)
    run(tmp_path / "reports", 2, "failed")
    run(tmp_path / "reports", 2, target="production")
    done = say("history")
    assert done == Done(0, "history: reports/index.html (3 runs)\n", "")
    pages = {name for name in files(tmp_path / "reports") if name.endswith("index.html")}
    assert pages == {"index.html", "staging/index.html", "production/index.html"}
    page = (tmp_path / "reports" / "index.html").read_text()
    assert 'href="./staging/index.html"' in page
    assert 'href="./staging/002/report.html"' in page
    assert ROW in page


def test_history_says_what_it_skipped_and_is_built_again_over_its_own_pages(
    say: Callable[..., Done], tmp_path: Path
) -> None:
    run(tmp_path / "reports", 1)
    (tmp_path / "reports" / "notes").mkdir()
    (tmp_path / "reports" / "notes" / "x").touch()
    for _ in range(2):
        done = say("history", "reports")
        assert done == Done(0, "skipped notes: holds no run\nhistory: reports/index.html (1 run)\n", "")
    assert "notes: holds no run" in (tmp_path / "reports" / "index.html").read_text()


def test_history_without_any_run_writes_a_page_that_says_how_to_begin(say: Callable[..., Done], tmp_path: Path) -> None:
    assert say("history") == Done(0, "history: reports/index.html (0 runs)\n", "")
    assert "token-conformance run --base-url" in (tmp_path / "reports" / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("report",), "report: there is no such folder; name the one that holds the runs, such as reports"),
        (("reports/staging/001",), "reports/staging/001: is a run itself; name the folder that holds the runs"),
        (("README",), "'README' is a file"),
        (("--keep", "0"), "0 is not in the range x>=1"),
        (("--keep", "many"), "'many' is not a valid integer range"),
        (("reports", "more"), "Got unexpected extra argument (more)"),
    ],
)
def test_history_refuses_what_it_cannot_use(
    words: tuple[str, ...], why: str, say: Callable[..., Done], tmp_path: Path
) -> None:
    run(tmp_path / "reports", 1)
    (tmp_path / "README").touch()
    before = files(tmp_path)
    done = say("history", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert why in done.err
    assert files(tmp_path) == before


def test_keep_removes_the_oldest_runs_and_no_other_file(say: Callable[..., Done], tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    for day in range(4):
        run(reports, day)
    run(reports, 0, target="production")
    (reports / "staging" / "000" / "notes.txt").touch()
    (reports / "staging" / "broken").mkdir()
    (reports / "staging" / "broken" / "results.json").write_text("{")
    done = say("history", "--keep", "2")
    assert done.code == 0
    assert done.lines == [
        "removed the run in reports/staging/000; what else is in it stays (1 entry)",
        "removed reports/staging/001",
        "skipped staging/broken: results.json is no JSON",
        "history: reports/index.html (3 runs)",
    ]
    left = {str(Path(name).parent) for name in files(reports)} - {".", "staging", "production"}
    assert left == {"staging/000", "staging/002", "staging/003", "staging/broken", "production/000"}
    assert "2 runs" in (reports / "staging" / "index.html").read_text()


@pytest.mark.parametrize("place", ["index.html", "staging/index.html"])
def test_a_page_of_others_stays_and_then_nothing_is_removed(
    place: str, say: Callable[..., Done], tmp_path: Path
) -> None:
    for day in range(2):
        run(tmp_path / "reports", day)
    (tmp_path / "reports" / place).write_text("<html>mine</html>")
    done = say("history", "--keep", "1")
    assert (done.code, done.out) == (2, "")
    assert f"reports/{place}: is no page of this command; move it away, or name another folder" in done.err
    assert (tmp_path / "reports" / place).read_text() == "<html>mine</html>"
    assert len(history.entries(tmp_path / "reports")[0]) == 2


def test_the_page_of_a_target_never_takes_the_place_of_a_run(say: Callable[..., Done], tmp_path: Path) -> None:
    found = results({ROW: "passed"})
    write(tmp_path / "reports" / "staging", found)
    (tmp_path / "reports" / "staging" / "index.html").write_text("the page of the run")
    assert say("history").code == 0
    assert (tmp_path / "reports" / "staging" / "index.html").read_text() == "the page of the run"
    assert (tmp_path / "reports" / "staging-history" / "index.html").exists()
    page = (tmp_path / "reports" / "index.html").read_text()
    assert 'href="./staging-history/index.html"' in page
    assert 'href="./staging/index.html"' in page


@pytest.mark.parametrize("name", ["../../x", "a/b", ".hidden", "..", "x" * 300, HOSTILE, "a\nb", "é", " "])
def test_a_target_of_any_name_has_its_page_inside_the_folder(
    name: str, say: Callable[..., Done], tmp_path: Path
) -> None:
    write(tmp_path / "reports" / "one", results({ROW: "failed"}, target=name))
    before = files(tmp_path)
    done = say("history")
    assert (done.code, len(done.lines)) == (0, 1)
    (added,) = files(tmp_path) - before - {"reports/index.html"}
    assert Path(added).parent.parent == Path("reports")
    for page in ("reports/index.html", added):
        text = (tmp_path / page).read_text()
        assert "<script" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_targets_whose_names_differ_in_signs_alone_have_pages_of_their_own(
    say: Callable[..., Done], tmp_path: Path
) -> None:
    for place, name in (("one", "a b"), ("two", "a_b"), ("three", "a?b")):
        write(tmp_path / "reports" / place, results({ROW: "passed"}, target=name))
    assert say("history").code == 0
    pages = {name for name in files(tmp_path / "reports") if name.endswith("/index.html")}
    assert pages == {"a_b/index.html", "a_b-history/index.html", "a_b-history-2/index.html"}


def test_the_folder_of_a_run_may_have_any_name(say: Callable[..., Done], tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    for day, name in enumerate((b"a#b?c %41", b"\xff\xfe", b"a\n::error::b")):
        write(reports / os.fsdecode(name), results({}, days=day))
    spoiled = write(reports / "x\ny", results({}))
    (spoiled / "summary.json").write_text("{")
    done = say("history")
    assert done.code == 0
    assert done.lines == ["skipped x\\ny: summary.json is no JSON", "history: reports/index.html (3 runs)"]
    page = (reports / "staging" / "index.html").read_text()
    assert 'href="./../a%23b%3Fc%20%2541/report.html"' in page
    assert 'href="./../%FF%FE/report.html"' in page


# compare


def test_compare_prints_what_differs_and_its_exit_code_says_how_bad_it_is(
    say: Callable[..., Done], tmp_path: Path
) -> None:
    for day, verdict in enumerate(("passed", "failed", "failed", "passed")):
        run(tmp_path / "reports", day, verdict)
    codes = [say("compare", f"reports/staging/00{one}", f"reports/staging/00{one + 1}").code for one in range(3)]
    assert codes == [1, 0, 0]
    done = say("compare", "previous", "latest")
    assert done.err == ""
    assert done.lines[:2] == [
        "before  staging, 2026-01-03T02:30:00.000Z: non-conformant (reports/staging/002)",
        "after   staging, 2026-01-04T02:30:00.000Z: conformant (reports/staging/003)",
    ]
    assert done.lines[-1] == "better: 1 fix; the wire was not compared"


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_compare_writes_the_form_that_is_asked_for(form: str, say: Callable[..., Done], tmp_path: Path) -> None:
    for day, verdict in enumerate(("passed", "failed")):
        run(tmp_path / "reports", day, verdict)
    words = ("compare", "previous:staging", "latest:staging", "--format", form)
    printed = say(*words)
    (tmp_path / "out").write_text("an earlier one")
    done = say(*words, "--output", "out")
    assert (printed.code, done) == (1, Done(1, "", ""))
    assert (tmp_path / "out").read_text() == printed.out
    assert printed.out.endswith("\n")
    if form == "json":
        assert json.loads(printed.out)["exit_code"] == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("reports/staging/001", "latst"), "latst: there is no such folder; accepted: "),
        (
            ("latest", "latest:stagin"),
            "latest:stagin: reports holds no run of 'stagin'; accepted: staging; did you mean",
        ),
        (("latest", "reports/staging"), "reports/staging: holds no results.json; name the folder of one run"),
        (("latest", "latest", "--reports", "none"), "latest: none holds no run"),
        (("latest", "previous"), "previous: reports holds no earlier run"),
        (
            ("latest", "latest", "--output", "none/out"),
            "--output none/out: cannot be written: No such file or directory",
        ),
        (("latest", "latest", "--output", "reports"), "File 'reports' is a directory"),
        (("latest", "latest", "--format", "pdf"), "'pdf' is not one of 'text', 'json', 'markdown', 'html'"),
        (("latest",), "Missing argument 'B'"),
        (("latest", "foreign"), "foreign: results.json does not say 'token-conformance/1'"),
    ],
)
def test_compare_refuses_what_it_cannot_use(
    words: tuple[str, ...], why: str, say: Callable[..., Done], tmp_path: Path
) -> None:
    run(tmp_path / "reports", 1)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "results.json").write_text('{"name": "package"}')
    done = say("compare", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert why in done.err


def test_a_terminal_of_few_characters_gets_escapes(tmp_path: Path) -> None:
    for day in range(2):
        write(tmp_path / "reports" / str(day), results({ROW: "passed"}, target="5 \u20ac", days=day))
    done = command(tmp_path, "compare", "previous", "latest", PYTHONIOENCODING="latin-1")
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].startswith("before  5 \\u20ac, ")


def test_an_error_shows_no_control_character_of_a_name(say: Callable[..., Done]) -> None:
    done = say("compare", "\x1b[31mred", "latest")
    assert done.code == 2
    assert "\x1b" not in done.err


# pin


def test_pin_writes_the_fingerprint_of_a_run(say: Callable[..., Done], tmp_path: Path) -> None:
    run(tmp_path / "reports", 1, traits={TRAIT: "first", "method.head": "unknown"})
    assert say("pin", "latest") == Done(0, "pinned: fingerprint.toml (1 trait of staging)\n", "")
    assert f'"{TRAIT}" = "first"\n' in (tmp_path / "fingerprint.toml").read_text()
    assert say("pin", "reports/staging/001", "--output", "other.toml").code == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("none",), "none: there is no such folder; accepted: "),
        (("reports/staging",), "reports/staging: holds neither summary.json nor results.json"),
        (("reports/staging/001",), "reports/staging/001: the run saw no trait, so that there is nothing to pin: as it"),
        (("reports/staging/002", "--output", "own.toml"), "--output own.toml: holds something else than a fingerprint"),
        (("latest:production",), "latest:production: reports holds no run of 'production'; accepted: staging"),
    ],
)
def test_pin_refuses_what_it_cannot_use(
    words: tuple[str, ...], why: str, say: Callable[..., Done], tmp_path: Path
) -> None:
    run(tmp_path / "reports", 1, traits={TRAIT: "unknown"})
    run(tmp_path / "reports", 2, traits={TRAIT: "first"})
    (tmp_path / "own.toml").write_text("mine = true\n")
    before = files(tmp_path)
    done = say("pin", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert why in done.err
    assert files(tmp_path) == before
    assert (tmp_path / "own.toml").read_text() == "mine = true\n"


# run --pinned, over sockets


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of an endpoint that takes the first of two Content-Type lines, and its fingerprint."""
    folder = tmp_path_factory.mktemp("first")
    done = observed(folder, "first", "--report-dir", "kept")
    assert done.code == 0, done
    assert command(folder, "pin", "kept").out.startswith("pinned: fingerprint.toml (")
    return folder


def observed(cwd: Path, which: str, *words: str, defects: tuple[str, ...] = ()) -> Done:
    """A run of the rows about Content-Type against an endpoint that takes the first or the last of two lines."""
    variant = f"duplicate-content-type-{which}"
    with reference.start(
        "passport", variant=variant, defects=defects, client_id=CLIENT, client_secret=SECRET
    ) as running:
        return judged(cwd, running.base_url, "--select", "REQ-001,CTYPE", *words)


def test_a_run_that_is_as_pinned_ends_as_without(first: Path, tmp_path: Path) -> None:
    done = observed(tmp_path, "first", "--pinned", str(first / "fingerprint.toml"), "--report-dir", "out")
    assert done.code == 0, done
    assert kept(tmp_path / "out")["drift"] == []
    assert "drift" not in kept(first / "kept")


def test_a_run_that_drifted_and_is_right_else_ends_with_5(first: Path, tmp_path: Path) -> None:
    done = observed(tmp_path, "last", "--pinned", str(first / "fingerprint.toml"), "--report-dir", "out")
    assert done.code == 5, done
    assert kept(tmp_path / "out")["drift"] == [{"trait": TRAIT, "pinned": "first", "seen": "last"}]
    assert f"  drift       {TRAIT}: pinned first, seen last\n" in done.out
    assert ", 1 trait drifted (" in done.lines[-2]
    again = command(tmp_path, "judge", "out", "-q", "--pinned", str(first / "fingerprint.toml"))
    assert (again.code, len(again.lines)) == (5, 1)
    assert command(tmp_path, "judge", "out", "-q").code == 0
    compared = command(tmp_path, "compare", str(first / "kept"), "out")
    assert compared.code == 5
    assert f"\nTrait drift (1)\n  {TRAIT}: first, then last\n" in compared.out


def test_a_finding_outweighs_drift(first: Path, tmp_path: Path) -> None:
    words = ("--pinned", str(first / "fingerprint.toml"), "--report-dir", "out")
    done = observed(tmp_path, "last", *words, defects=("ctype-case",))
    assert done.code == 1, done
    assert len(kept(tmp_path / "out")["drift"]) == 1


@pytest.mark.parametrize(
    ("verdict", "fail_on", "code"),
    [
        ("conformant", "must", 5),
        ("non-conformant", "must", 1),
        ("non-conformant", "never", 5),
        ("inconclusive", "must", 3),
        ("unusable", "never", 3),
    ],
)
def test_drift_counts_where_nothing_else_is_wrong(verdict: str, fail_on: Any, code: int) -> None:
    asked = inquiry("http://127.0.0.1:9", (), fail_on=fail_on, pinned={TRAIT: "first"})
    found = Result(verdict, "", (), {TRAIT: "last"})
    seen = recording()
    assert session.exit_code(Run(asked, seen, Gate("open"), found, Evidence(seen, ()))) == code


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--pinned", "none.toml"), "--pinned: 'none.toml': cannot be read: No such file or directory"),
        (
            ("--pinned", "f.toml", "--profile", "rfc6749", "--token-path", "/t"),
            "'f.toml': was made with the profile 'passport', and this is",
        ),
        (
            ("--pinned", "odd.toml"),
            "line 10: 'content_type.duplicat' is no trait; did you mean 'content_type.duplicate'?",
        ),
    ],
)
def test_a_fingerprint_that_does_not_fit_is_told_before_anything_is_sent(
    words: tuple[str, ...], why: str, say: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path / "reports", 1, traits={TRAIT: "first"})
    assert say("pin", "latest", "--output", "f.toml").code == 0
    text = (tmp_path / "f.toml").read_text()
    (tmp_path / "odd.toml").write_text(text.replace(TRAIT, TRAIT[:-1]))
    monkeypatch.setenv("TOKEN_CONFORMANCE_CLIENT_SECRET", SECRET)
    done = say("run", "--base-url", "http://127.0.0.1:9", "--client-id", CLIENT, *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert why in done.err


def test_the_pages_of_a_real_run_hold_what_they_should(first: Path, say: Callable[..., Done], tmp_path: Path) -> None:
    shutil.copytree(first / "kept", tmp_path / "reports" / "one")
    assert say("history").code == 0
    found = json.loads((first / "kept" / "summary.json").read_text())
    page = (tmp_path / "reports" / timeline.INDEX).read_text()
    assert found["target"]["base_url"] in page
    assert SECRET not in page
