"""The history of a folder: which runs are found, what changed with each, what is removed, and what a word names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import history
from conformance.report import summary
from conformance.report.folder import EXCHANGES, FILES, RESULTS, SUMMARY
from conformance.target import SettingsError
from tests.runs import instant, results, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.history import Timeline

ROW = "AUTH-008"


def run(reports: Path, day: int, verdict: str = "passed", *, target: str = "staging", **more: Any) -> Path:
    """A run of a target, kept where `run` would keep it."""
    return write(
        reports / target / f"{day:03}", results({"REQ-001": "passed", ROW: verdict}, target=target, days=day, **more)
    )


def names(reports: Path) -> list[str]:
    return [str(entry.folder.relative_to(reports)) for entry in history.entries(reports)[0]]


# Which runs are found


def test_runs_are_found_in_two_levels_in_the_order_of_time(tmp_path: Path) -> None:
    run(tmp_path, 3)
    run(tmp_path, 1, target="production")
    write(tmp_path / "mine", results({ROW: "passed"}, days=2))
    assert history.entries(tmp_path)[1] == []
    assert names(tmp_path) == ["production/001", "mine", "staging/003"]


def test_a_folder_that_is_not_there_holds_no_run(tmp_path: Path) -> None:
    assert history.entries(tmp_path / "none") == ([], [])


def test_a_run_of_an_older_release_is_read_from_its_results(tmp_path: Path) -> None:
    found = results({ROW: "failed"})
    found["edge"] = {"verdict": "conformant"}
    del found["edge_verdict"], found["catalogue"]["judged_edition"]
    write(tmp_path / "old", found, old=True)
    (entry,), skipped = history.entries(tmp_path)
    assert skipped == []
    assert (entry.summary["edge_verdict"], entry.summary["latency"]) == ("conformant", None)
    assert entry.summary["findings"] == {ROW: {"verdict": "failed", "actual": "401 invalid_client"}}


def test_a_run_itself_is_no_folder_of_runs(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is a run itself; name the folder that holds the runs, such as reports"):
        history.entries(run(tmp_path, 1))


def spoiled(folder: Path, name: str, content: bytes) -> None:
    """A run with one of its files replaced."""
    write(folder, results({ROW: "passed"}))
    (folder / name).write_bytes(content)


def changed(found: Mapping[str, Any], **more: Any) -> bytes:
    return json.dumps({**summary.summary(found), **more}).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "summary.json is no JSON"),
        (b"\xff\xfe", "summary.json is no JSON"),
        (b'{"a":' * 200_000, "summary.json is no JSON"),
        (b"7", "summary.json does not say 'token-conformance-summary/1', so that it is none of this suite"),
        (b'{"format": "package.json"}', "summary.json does not say 'token-conformance-summary/1'"),
        (changed(results({}), verdict="fine"), "summary.json is none of this suite: verdict is not as it should be"),
        (changed(results({}), started="yesterday"), "summary.json is none of this suite: started is not as it should"),
        (changed(results({}), exchanges=-1), "summary.json is none of this suite: exchanges is not as it should be"),
        (
            changed(results({}), cases={"A-001": 1}),
            "summary.json is none of this suite: cases/A-001 is not as it should",
        ),
    ],
)
def test_a_broken_run_is_skipped_with_a_note(content: bytes, why: str, tmp_path: Path) -> None:
    run(tmp_path, 1)
    spoiled(tmp_path / "staging" / "002", SUMMARY, content)
    found, skipped = history.entries(tmp_path)
    assert [entry.folder.name for entry in found] == ["001"]
    (note,) = skipped
    assert note.startswith(f"staging/002: {why}")
    assert "\n" not in note


def test_folders_of_others_are_skipped_with_a_note_and_hidden_ones_without(tmp_path: Path) -> None:
    run(tmp_path, 1)
    (tmp_path / "site" / "assets").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "README.md").touch()
    spoiled(tmp_path / "staging" / ".20260102T023000Z.partial-1-x", SUMMARY, b"")
    found, skipped = history.entries(tmp_path)
    assert len(found) == 1
    assert skipped == ["notes: holds no run", "site/assets: holds neither summary.json nor results.json"]


def test_a_recording_alone_is_no_run_yet(tmp_path: Path) -> None:
    (tmp_path / "staging" / "001").mkdir(parents=True)
    (tmp_path / "staging" / "001" / EXCHANGES).touch()
    assert history.entries(tmp_path) == ([], ["staging/001: holds neither summary.json nor results.json"])


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    write(tmp_path / "one", results({ROW: "passed"}))
    with (tmp_path / "one" / SUMMARY).open("wb") as stream:
        stream.truncate(summary.SIZE + 1)
    assert history.entries(tmp_path)[1] == ["one: summary.json is larger than 64 MiB, so that it is none of this suite"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path / "one", results({ROW: "passed"}))
    (tmp_path / "one" / SUMMARY).unlink()
    os.mkfifo(tmp_path / "one" / SUMMARY)
    assert history.entries(tmp_path)[1] == ["one: summary.json is no file"]


def test_what_cannot_be_looked_into_is_skipped_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, 1)
    run(tmp_path, 1, target="locked")
    plain = Path.iterdir

    def guarded(folder: Path) -> Any:
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return plain(folder)

    monkeypatch.setattr(Path, "iterdir", guarded)
    found, skipped = history.entries(tmp_path)
    assert [entry.target for entry in found] == ["staging"]
    assert skipped == ["locked: cannot be read: Permission denied"]


def test_a_run_that_is_linked_in_the_same_folder_counts_once(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    run(reports, 1)
    (reports / "staging" / "latest").symlink_to("001")
    (reports / "also").symlink_to("staging")
    (reports / "gone").symlink_to("nowhere")
    (reports / "round").symlink_to("..")
    assert names(reports) == ["staging/001"]


def test_runs_that_are_kept_elsewhere_are_found_through_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    run(elsewhere, 1)
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "staging").symlink_to(elsewhere / "staging")
    assert names(reports) == ["staging/001"]


def test_the_page_of_a_run_is_the_best_that_it_has(tmp_path: Path) -> None:
    folder = run(tmp_path, 1)
    (entry,), _ = history.entries(tmp_path)
    (folder / "index.html").touch()
    found = []
    for name in ("index.html", "report.html", RESULTS, SUMMARY):
        found.append(entry.page.name)
        (folder / name).unlink()
    assert found == ["index.html", "report.html", RESULTS, folder.name]


# What changed


@pytest.mark.parametrize(
    "change",
    [
        {"verdict_before": "failed"},
        {"new": ("A",)},
        {"fixed": ("A",)},
        {"drift": (("t", "a", "b"),)},
        {"remarks": ("r",)},
    ],
)
def test_any_change_makes_a_run_one_that_changed_something(change: dict[str, Any]) -> None:
    entry = history.Entry(Path("run"), {})
    assert history.Step(entry, **change).changed
    assert not history.Step(entry).changed


def line(tmp_path: Path, *verdicts: str, **more: Any) -> Timeline:
    """The timeline of runs with these verdicts of one case, a day apart."""
    for day, verdict in enumerate(verdicts):
        run(tmp_path, day, verdict, **more)
    (found,) = history.by_target(history.entries(tmp_path)[0])
    return found


def test_a_new_finding_and_its_end_are_told_where_they_happen(tmp_path: Path) -> None:
    found = line(tmp_path, "passed", "failed", "failed", "passed")
    assert [step.new for step in found.steps] == [(), (ROW,), (), ()]
    assert [step.fixed for step in found.steps] == [(), (), (), (ROW,)]
    assert [step.verdict_before for step in found.steps] == ["", "conformant", "", "non-conformant"]
    assert [step.changed for step in found.steps] == [False, True, False, True]


def test_findings_of_the_first_run_are_not_new_but_have_a_beginning(tmp_path: Path) -> None:
    found = line(tmp_path, "failed", "failed")
    assert not any(step.changed for step in found.steps)
    assert found.since == {ROW: instant(0)}


def test_what_could_not_be_decided_is_what_it_was(tmp_path: Path) -> None:
    found = line(tmp_path, "failed", "inconclusive", "failed", "error", "passed")
    assert [step.new for step in found.steps] == [()] * 5
    assert [step.fixed for step in found.steps] == [(), (), (), (), (ROW,)]
    assert found.since == {}


def test_the_beginning_of_a_finding_outlasts_a_run_that_could_not_decide_it(tmp_path: Path) -> None:
    assert line(tmp_path, "passed", "failed", "inconclusive", "failed").since == {ROW: instant(1)}


@pytest.mark.parametrize(("verdicts", "new"), [(("warning", "failed"), (ROW,)), (("failed", "warning"), ())])
def test_a_graver_finding_is_new_and_a_lesser_one_is_not(
    verdicts: tuple[str, str], new: tuple[str, ...], tmp_path: Path
) -> None:
    step = line(tmp_path, *verdicts).latest
    assert (step.new, step.fixed) == (new, ())


@pytest.mark.parametrize(
    ("verdicts", "new", "fixed"),
    [
        (("failed", "waived"), (), ()),
        (("waived", "failed"), (ROW,), ()),
        (("passed", "waived"), (ROW,), ()),
        (("waived", "passed"), (), (ROW,)),
    ],
)
def test_a_waiver_fixes_nothing(
    verdicts: tuple[str, str], new: tuple[str, ...], fixed: tuple[str, ...], tmp_path: Path
) -> None:
    step = line(tmp_path, *verdicts).latest
    assert (step.new, step.fixed) == (new, fixed)


def test_a_case_that_turns_again_and_again_is_unsteady(tmp_path: Path) -> None:
    assert line(tmp_path, "passed", "failed", "inconclusive", "passed", "failed").flips == ((ROW, 3),)


def test_a_case_that_turned_once_is_not_unsteady(tmp_path: Path) -> None:
    assert line(tmp_path, "passed", "failed").flips == ()


def test_a_trait_drifts_from_the_last_value_that_was_seen(tmp_path: Path) -> None:
    for day, value in enumerate(("first", "unknown", "first", "last", "unknown", "last")):
        run(tmp_path, day, traits={"content_type.duplicate": value})
    (found,) = history.by_target(history.entries(tmp_path)[0])
    assert [step.drift for step in found.steps] == [(), (), (), (("content_type.duplicate", "first", "last"),), (), ()]


def test_with_another_profile_everything_begins_anew(tmp_path: Path) -> None:
    run(tmp_path, 0, "passed")
    second = results({ROW: "failed"}, days=1)
    second["target"]["profile"] = "rfc6749"
    write(tmp_path / "staging" / "001", second)
    (found,) = history.by_target(history.entries(tmp_path)[0])
    assert found.latest.new == ()
    assert found.latest.remarks == ("profile passport, then rfc6749",)
    assert found.since == {ROW: instant(1)}


def test_another_release_or_place_is_remarked(tmp_path: Path) -> None:
    run(tmp_path, 0)
    second = results({ROW: "passed"}, days=1)
    second |= {"suite": {"version": "0.2.0"}, "catalogue": {"edition": 3}}
    second["target"]["base_url"] = "https://new.test"
    write(tmp_path / "staging" / "001", second)
    (found,) = history.by_target(history.entries(tmp_path)[0])
    assert found.latest.remarks == (
        "catalogue edition 2, then 3",
        "suite 0.1.0, then 0.2.0",
        "https://staging.test/passport/oauth/token, then https://new.test/passport/oauth/token",
    )


def test_targets_are_told_apart_by_name(tmp_path: Path) -> None:
    for target in ("b", "a"):
        run(tmp_path, 0, target=target)
    assert [one.target for one in history.by_target(history.entries(tmp_path)[0])] == ["a", "b"]


# What is removed


def test_the_newest_runs_of_each_target_stay(tmp_path: Path) -> None:
    for target, days in (("a", 3), ("b", 1)):
        for day in range(days):
            run(tmp_path, day, target=target)
    leaving = history.surplus(history.entries(tmp_path)[0], 2)
    assert [str(entry.folder.relative_to(tmp_path)) for entry in leaving] == ["a/000"]


def test_runs_of_a_few_requirements_or_of_none_push_out_no_whole_one(tmp_path: Path) -> None:
    for day in range(3):
        run(tmp_path, day)
    for day in (3, 4):
        write(tmp_path / "staging" / f"{day:03}", {**results({ROW: "passed"}, days=day), "select": [ROW]})
    write(tmp_path / "staging" / "005", {**results({ROW: "inconclusive"}, days=5), "verdict": "unusable"})
    left = history.surplus(history.entries(tmp_path)[0], 2)
    assert [entry.folder.name for entry in left] == ["000", "003"]


def only(reports: Path) -> history.Entry:
    (entry,) = history.entries(reports)[0]
    return entry


def test_a_run_is_removed_with_its_folder(tmp_path: Path) -> None:
    folder = run(tmp_path, 1)
    entry = only(tmp_path)
    for name in FILES:
        (folder / name).touch()
    assert history.remove(entry, tmp_path) == f"removed {folder}"
    assert not folder.exists()
    assert folder.parent.exists()


def test_what_else_lies_in_the_folder_of_a_run_stays(tmp_path: Path) -> None:
    folder = run(tmp_path, 1)
    (folder / "notes.txt").write_text("mine")
    told = history.remove(only(tmp_path), tmp_path)
    assert told == f"removed the run in {folder}; what else is in it stays (1 entry)"
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_a_run_behind_a_link_stays(tmp_path: Path) -> None:
    folder = run(tmp_path / "elsewhere", 1)
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "staging").symlink_to(folder.parent)
    assert (
        history.remove(only(reports), reports)
        == f"left {reports / 'staging' / '001'}: it lies elsewhere, behind a link"
    )
    assert (folder / RESULTS).exists()


def test_a_run_that_cannot_be_removed_is_told_in_one_line(tmp_path: Path) -> None:
    folder = run(tmp_path, 1)
    entry = only(tmp_path)
    (folder / RESULTS).unlink()
    (folder / RESULTS).mkdir()
    with pytest.raises(SettingsError, match=r"cannot be removed: "):
        history.remove(entry, tmp_path)


# What a word names


def test_latest_is_the_newest_of_all_or_of_a_target(tmp_path: Path) -> None:
    for day, target in ((1, "staging"), (2, "production"), (3, "staging"), (4, "production")):
        run(tmp_path, day, target=target)
    places = {
        word: str(history.place(word, tmp_path).relative_to(tmp_path))
        for word in ("latest", "previous", "latest:staging", "previous:staging")
    }
    assert places == {
        "latest": "production/004",
        "previous": "production/002",
        "latest:staging": "staging/003",
        "previous:staging": "staging/001",
    }


def test_a_folder_is_itself_also_where_it_has_the_name_of_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(tmp_path, 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latest").mkdir()
    assert history.place(str(folder), tmp_path) == folder
    assert history.place("latest", tmp_path) == Path("latest")


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("latst", "latst: there is no such folder; accepted: the folder of a run, latest, .*; did you mean 'latest'?"),
        ("reports/none", "reports/none: there is no such folder; accepted: the folder of a run, latest, previous, "),
        ("latest:stagng", "holds no run of 'stagng'; accepted: staging; did you mean 'staging'?"),
        ("latest:", "holds no run of ''; accepted: staging"),
        ("previous", "holds no earlier run"),
        ("previous:staging", "holds no earlier run"),
    ],
)
def test_a_word_that_names_no_run_is_an_error_that_says_which_would(word: str, why: str, tmp_path: Path) -> None:
    run(tmp_path, 1)
    with pytest.raises(SettingsError, match=why.replace("?", r"\?")):
        history.place(word, tmp_path)


def test_without_any_run_there_is_no_latest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none holds no run$"):
        history.place("latest", tmp_path / "none")
