"""Proving: what a job comes to, the record by which a proof goes on, the command, and its report."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from conformance import case, catalogue, proving, reference
from conformance.proving import CORRECT, Cost, Job, Outcome, Proof, Record, Release, job, workers
from conformance.proving import command as proving_command
from conformance.proving.command import Asked
from conformance.report import progress
from conformance.report import proof as report
from conformance.request import FORM, VALID
from conformance.resources import PACKAGE
from conformance.target import SettingsError
from tests.test_cli import SCRIPT, command, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE = Release("0.1", 3, "0" * 64, "Python 3")
SCHEMA = jsonschema_rs.validator_for(json.loads((PACKAGE / "report" / "proof.schema.json").read_text()))
COST = Cost(handwritten=239, generated=44, controls=50, confirmation=2)


def came(
    defect: str = "",
    profile: str = "passport",
    *,
    variant: str = "",
    seed: int = 1,
    missed: str = "",
    alarms: tuple[str, ...] = (),
    undecided: str = "",
    excess: dict[str, str] | None = None,
    cost: Cost = COST,
    **cells: tuple[str, ...],
) -> Outcome:
    """An outcome as it may come; without any argument it is that of the plain endpoint, and right."""
    one = Job(profile, defect, variant, seed=seed)
    failed = cells or ({"failed": reference.DEFECTS[defect].violates} if defect and not missed else {})
    return Outcome(one, "conformant", failed, missed, alarms, undecided, excess or {}, cost, 1.5)


WRONG = (
    came("ctype-case"),
    came("ctype-case", "rfc6749", missed="CTYPE-002 is passed"),
    came("req-no-token", excess={"HDR-001": "failed: expected <b>a token</b>, got 400"}),
    came("auth-bare-refused"),
    came(),
    came(profile="rfc6749", alarms=("GEN-001 is failed: 400", "GEN-003 is failed: 500")),
    came(variant="jwt-tokens", seed=1),
    came(variant="jwt-tokens", seed=2, undecided="the run is inconclusive: 3 could not be decided"),
)


# Jobs


def test_by_default_everything_is_tried() -> None:
    every = proving.jobs()
    planted = Counter(one.defect for one in every if one.defect)
    assert planted == {name: len(one.profiles) for name, one in reference.DEFECTS.items()}
    correct = [one for one in every if not one.defect]
    assert {(one.name, one.profile) for one in correct} == {
        (name, profile) for name in (CORRECT, *reference.VARIANTS) for profile in proving.PROFILES
    }
    assert len(correct) == 2 * (1 + len(reference.VARIANTS))
    assert {one.seed for one in every} == {1}
    assert {one.examples for one in correct} == {20}
    assert min(one.examples for one in every) == 5


def test_what_is_named_is_tried_alone() -> None:
    assert proving.jobs(defects=["ctype-case"], examples=0) == (
        Job("passport", "ctype-case"),
        Job("rfc6749", "ctype-case"),
    )
    assert proving.jobs(defects=["auth-one-space", "auth-one-space"], examples=0) == (Job("rfc6749", "auth-one-space"),)
    assert proving.jobs(variants=[CORRECT], profile="passport", examples=3, seeds=2) == (
        Job("passport", examples=3, seed=1),
        Job("passport", examples=3, seed=2),
    )


def test_a_row_that_judges_generated_requests_gets_more_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = replace(reference.DEFECTS["ctype-case"], violates=("GEN-001", "CTYPE-002"))
    monkeypatch.setitem(reference.DEFECTS, "ctype-case", moved)
    assert {one.examples for one in proving.jobs(defects=["ctype-case"])} == {100}


def test_a_job_is_named_by_what_it_tries() -> None:
    assert str(Job("passport", "ctype-case")) == "ctype-case in passport"
    assert str(Job("rfc6749", seed=3)) == "correct in rfc6749, seed 3"


# Outcomes


def test_the_plain_endpoint_comes_out_right_and_its_exchanges_are_told_apart() -> None:
    found = proving.outcome(Job("rfc6749", examples=5))
    assert (found.verdict, found.complaints) == ("conformant", ())
    assert 200 < found.cost.handwritten <= job.HANDWRITTEN
    assert found.cost.generated > 5
    assert found.cost.controls >= 20
    assert found.cost.confirmation == 0
    assert "CTYPE-002" in found.cells["passed"]


def test_a_planted_defect_is_found_and_confirmed() -> None:
    found = proving.outcome(Job("passport", "ctype-case"))
    assert (found.verdict, found.complaints) == ("non-conformant", ())
    assert found.cells["failed"] == ("CTYPE-002",)
    assert found.cost.confirmation > 0


def test_a_defect_that_closes_the_gate_is_found_by_an_unusable_run() -> None:
    found = proving.outcome(Job("rfc6749", "auth-basic-refused"))
    assert (found.verdict, found.complaints) == ("unusable", ())


def test_a_defect_under_another_name_is_missed_and_in_excess(monkeypatch: pytest.MonkeyPatch) -> None:
    lying = replace(reference.DEFECTS["ctype-case"], violates=("CTYPE-003",))
    monkeypatch.setitem(reference.DEFECTS, "ctype-case", lying)
    run = proving.conducted(Job("passport", "ctype-case"), {"CTYPE-002", "CTYPE-003"})
    assert proving.missed(run, "ctype-case") == "CTYPE-003 is passed"
    assert list(proving.excess(run, "ctype-case")) == ["CTYPE-002"]
    elsewhere = replace(lying, violates=("CTYPE-002", "HDR-001"), closes_gate=True)
    monkeypatch.setitem(reference.DEFECTS, "ctype-case", elsewhere)
    assert proving.missed(run, "ctype-case") == "the run is non-conformant, not unusable"
    monkeypatch.setitem(reference.DEFECTS, "ctype-case", replace(lying, violates=("HDR-001",)))
    assert proving.missed(run, "ctype-case") == "HDR-001 is not judged"


def broken(identifier: str, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Judges from now on the valid request, and one requirement by another case."""
    known = {one.id: one for one in case.built_in()}
    cases = (known["REQ-001"], replace(known[identifier], **changes))
    monkeypatch.setattr(job, "_cases", lambda: cases)


def test_a_case_that_accuses_the_plain_endpoint_is_a_false_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    broken("CTYPE-002", monkeypatch, stimuli=(("shouted", VALID.replacing("Content-Type", f"x{FORM}")),))
    found = proving.outcome(Job("passport"))
    (complaint,) = found.complaints
    assert complaint[0] == "accused"
    assert complaint[1].startswith("CTYPE-002 is failed: expected a token, got 400")


def test_a_warning_at_the_plain_endpoint_is_in_excess_and_one_at_a_variant_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (row,) = [one.requirement for one in case.built_in() if one.id == "CTYPE-002"]
    mild = replace(row, severity="warn")
    stimuli = (("shouted", VALID.replacing("Content-Type", f"x{FORM}")),)
    broken("CTYPE-002", monkeypatch, stimuli=stimuli, requirement=mild)
    assert list(proving.outcome(Job("passport")).excess) == ["CTYPE-002"]
    assert proving.outcome(Job("passport", variant="jwt-tokens")).complaints == ()


def test_a_case_that_raises_is_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(shouted: object) -> None:
        raise KeyError(shouted)

    broken("CTYPE-002", monkeypatch, function=raising)
    assert [kind for kind, _ in proving.outcome(Job("passport")).complaints] == ["accused"]
    kinds = [kind for kind, _ in proving.outcome(Job("passport", "req-no-token")).complaints]
    assert kinds == ["excess"]


def test_generated_requests_are_drawn_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from conformance.properties import generation  # noqa: PLC0415 - it takes a second

    drawn: list[str] = []
    draw = generation.draw

    def counting(source: str, *more: Any, **named: Any) -> Iterator[Any]:
        drawn.append(source)
        return draw(source, *more, **named)

    monkeypatch.setattr(generation, "draw", counting)
    runs = [proving.conducted(Job("passport", examples=4, seed=77), {"REQ-001", "GEN-001"}) for _ in range(2)]
    assert drawn == ["spelling"]
    first, second = ({one.template for one in run.recording.exchanges} for run in runs)
    assert first == second
    assert len(first) == 4


# The record


def test_a_proof_goes_on_from_its_record(tmp_path: Path) -> None:
    file = tmp_path / "proof.jsonl"
    record = Record(file, RELEASE)
    for one in WRONG:
        record.add(one)
    record.close()
    again = Record(file, RELEASE)
    again.close()
    assert again.outcomes == {one.job: one for one in WRONG}
    assert again.dropped == 0


def test_a_line_that_was_cut_off_counts_as_not_written(tmp_path: Path) -> None:
    file = tmp_path / "proof.jsonl"
    record = Record(file, RELEASE)
    record.add(WRONG[0])
    record.close()
    whole = file.read_text()
    file.write_text(whole + whole[:70])
    again = Record(file, RELEASE)
    again.add(WRONG[1])
    again.close()
    assert again.dropped == 1
    assert [json.loads(line)["job"]["profile"] for line in file.read_text().splitlines()] == ["passport", "rfc6749"]


@pytest.mark.parametrize(
    "other",
    [
        replace(RELEASE, suite="0.2"),
        replace(RELEASE, edition=4),
        replace(RELEASE, source="1" * 64),
        replace(RELEASE, around="Python 4"),
    ],
)
def test_what_another_release_found_is_dropped(tmp_path: Path, other: Release) -> None:
    file = tmp_path / "proof.jsonl"
    record = Record(file, RELEASE)
    record.add(WRONG[0])
    record.close()
    again = Record(file, other)
    again.close()
    assert (again.outcomes, again.dropped) == ({}, 1)
    assert file.read_text() == ""


def test_a_fresh_record_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "proof.jsonl"
    record = Record(file, RELEASE)
    record.add(WRONG[0])
    record.close()
    again = Record(file, RELEASE, fresh=True)
    again.close()
    assert again.outcomes == {}
    assert file.read_text() == ""


def test_what_is_no_record_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "proof.jsonl"
    file.write_text('{"mine": 1}\n')
    with pytest.raises(SettingsError, match="holds something else than the record of a proof; name another folder"):
        Record(file, RELEASE, fresh=True)
    assert file.read_text() == '{"mine": 1}\n'
    with pytest.raises(SettingsError, match="cannot be written: Is a directory"):
        Record(tmp_path, RELEASE)


def test_two_proofs_do_not_share_a_record(tmp_path: Path) -> None:
    first = Record(tmp_path / "proof.jsonl", RELEASE)
    with pytest.raises(SettingsError, match="another proof is being written there"):
        Record(tmp_path / "proof.jsonl", RELEASE)
    first.close()
    Record(tmp_path / "proof.jsonl", RELEASE).close()


def test_the_release_is_the_source_and_what_draws() -> None:
    found = proving.release()
    assert found == proving.release()
    assert found.edition == catalogue.load().edition
    assert re.fullmatch(r"[0-9a-f]{64}", found.source)
    assert re.fullmatch(r"Python \S+, hypothesis \S+, schemathesis \S+", found.around)


# The figures


def test_the_figures_count_defects_runs_and_findings() -> None:
    proof = Proof(WRONG)
    assert not proof.proven
    assert str(proof.detection) == "2 of 3"
    assert str(proof.false_alarms) == "1 of 4"
    assert (proof.undecided, proof.excess) == (1, 1)
    assert [str(one.job) for one in proof.wrong] == [str(WRONG[at].job) for at in (1, 2, 5, 7)]
    assert proof.exchanges["total"].median == COST.total
    assert proof.within_limit
    assert proof.seconds == 1.5 * len(WRONG)
    assert Proof(WRONG[:1]).proven


def test_the_exchanges_are_those_of_the_middle_and_of_the_largest_run() -> None:
    costs = [replace(COST, handwritten=number) for number in (230, 401, 240)]
    proof = Proof(tuple(came(cost=cost, seed=seed) for seed, cost in enumerate(costs, 1)))
    spread = proof.exchanges["handwritten"]
    assert (spread.median, spread.largest) == (240, 401)
    assert not proof.within_limit
    assert proof.proven
    assert "the handwritten ones are beyond the limit of 400" in [words for _, words in progress.figures(proof)]


# The worker processes


def test_a_job_that_raises_is_named_without_the_words_of_its_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(_: Job) -> Outcome:
        raise ValueError("s3cret")

    monkeypatch.setattr(workers, "outcome", raising)
    with pytest.raises(
        workers.JobError, match=r"^ctype-case in passport: ValueError at test_proving\.py:\d+$"
    ) as caught:
        workers._carried_out(Job("passport", "ctype-case"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# The command


def prove(folder: Path, *words: str) -> Any:
    return command(folder, "prove", "--examples", "0", "--output", "out", *words)


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("proven")
    return folder, prove(folder, "--defect", "ctype-case", "--variant", "correct")


def test_the_command_ends_with_the_four_figures_and_the_report(proven: tuple[Path, Any]) -> None:
    folder, done = proven
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].startswith("1 defect and 1 correct endpoint: 4 runs in ")
    names = [line[:14].strip() for line in done.lines[-7:-2]]
    assert names == ["detection", "false alarms", "excess", "exchanges", ""]
    assert done.lines[-7].endswith("1 of 1 defects found under their own requirement")
    assert done.lines[-2:] == ["proven: 4 runs", "report: out/index.html"]
    assert not re.search(r"[^\n\x20-\x7e]", done.out)
    assert {file.name for file in (folder / "out").iterdir()} == {"index.html", "proof.json", "proof.jsonl"}
    found = json.loads((folder / "out" / "proof.json").read_text())
    SCHEMA.validate(found)
    assert found["proven"] is True
    assert [one["name"] for one in found["defects"]] == ["ctype-case"]
    assert [run["profile"] for run in found["variants"][0]["runs"]] == ["passport", "rfc6749"]
    assert {file.name for file in folder.iterdir()} == {"out"}


def test_the_same_command_has_nothing_left_to_do(proven: tuple[Path, Any]) -> None:
    folder, _ = proven
    before = (folder / "out" / "proof.jsonl").read_bytes()
    again = prove(folder, "--defect", "ctype-case", "--variant", "correct")
    assert again.code == 0
    assert again.lines[1] == "4 of the runs were carried out before; --fresh begins anew"
    assert (folder / "out" / "proof.jsonl").read_bytes() == before


def test_an_output_that_nobody_reads_is_no_verdict(proven: tuple[Path, Any]) -> None:
    folder, _ = proven
    line = f"{SCRIPT} prove --examples 0 --output out --defect ctype-case --variant correct"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        line.split(), cwd=folder, env=environment(), stdout=writing, stderr=subprocess.PIPE, timeout=90, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (4, b"token-conformance: standard output was closed\n")


def test_a_terminal_gets_a_bar_and_a_file_gets_lines() -> None:
    told = {}
    for terminal in (True, False):
        stream = io.StringIO()
        stream.isatty = lambda terminal=terminal: terminal  # type: ignore[method-assign, misc]
        with progress.Progress(stream, color=False, total=20, done=1) as shown:
            for one in WRONG[1:3]:
                shown.step(one)
        told[terminal] = stream.getvalue()
    assert "\x1b[" in told[True]
    assert "3/20" in told[True]
    assert "2 wrong" in told[True]
    assert told[False].splitlines() == [
        "missed    ctype-case in rfc6749: CTYPE-002 is passed",
        "2 of 20 runs",
        "excess    req-no-token in passport: HDR-001 is failed: expected <b>a token</b>, got 400",
    ]


def test_whatever_is_wrong_is_told_and_gives_1(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    record = Record(tmp_path / "out" / "proof.jsonl", proving.release())
    # What an earlier run of this release found stands in the record.
    record.add(came("ctype-case", missed="CTYPE-002 is passed", passed=("CTYPE-002",)))
    record.close()
    done = prove(tmp_path, "--defect", "ctype-case", "--profile", "passport")
    assert (done.code, done.err) == (1, "")
    assert done.lines[-2] == "not proven: 1 of 1 runs came out wrong"
    assert "missed    ctype-case in passport: CTYPE-002 is passed" in done.lines
    found = json.loads((tmp_path / "out" / "proof.json").read_text())
    SCHEMA.validate(found)
    assert found["wrong"] == [
        {
            "name": "ctype-case",
            "profile": "passport",
            "seed": 1,
            "kind": "missed",
            "words": "CTYPE-002 is passed",
        }
    ]


def asked(folder: Path, **more: Any) -> Asked:
    plain: dict[str, Any] = {"defects": (), "variants": (), "profile": None, "seeds": 1, "examples": 0}
    return Asked(**{**plain, "processes": 1, "output": folder / "out", "fresh": False, **more})


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"defects": ("ctype-cas",)},
            "--defect 'ctype-cas': there is no such defect; did you mean ctype-case?",
        ),
        ({"variants": ("Corect",)}, "--variant 'Corect': there is no such variant; did you mean correct?"),
        (
            {"variants": ("zzz",)},
            "--variant 'zzz': there is no such variant; token-conformance list --variants shows all",
        ),
        (
            {"defects": ("auth-one-space",), "profile": "passport"},
            "--defect auth-one-space: is for the profile rfc6749; leave --profile out",
        ),
    ],
)
def test_a_name_that_is_unknown_is_told_before_anything_is_written(
    tmp_path: Path, more: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(told)}$"):
        proving_command.prove(asked(tmp_path, **more), io.StringIO(), color=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("index.html", "<p>mine</p>", "index.html: is no page of this command"),
        ("proof.json", '{"format": "other"}', "proof.json there is none of this command"),
        ("proof.jsonl", "mine\n", "holds something else than the record of a proof"),
    ],
)
def test_nothing_of_others_is_overwritten(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text(text)
    with pytest.raises(SettingsError, match=re.escape(told)):
        proving_command.prove(asked(tmp_path, defects=("ctype-case",)), io.StringIO(), color=False)
    assert (tmp_path / "out" / name).read_text() == text


def test_what_cannot_be_used_is_one_line_and_gives_2(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    for words, told in (
        (("--defect", "ctype-case"), "'out' is a file"),
        (("--output", "other", "--defect", "ctype-cas"), "did you mean ctype-case?"),
        (("--output", "other", "--seeds", "0"), "0 is not in the range"),
    ):
        done = prove(tmp_path, *words)
        assert (done.code, done.out) == (2, "")
        (line,) = done.err.splitlines()
        assert told in line


def interrupted(folder: Path, number: signal.Signals) -> tuple[int, str, int]:
    """A proof that is ended by a signal after its first run: its exit code, what it said, and how many runs it kept."""
    words = ("--variant", "correct", "--profile", "passport", "--seeds", "4", "--examples", "0", "--jobs", "1")
    line = [SCRIPT, "prove", *words, "--output", "my out"]
    record = folder / "my out" / "proof.jsonl"
    with subprocess.Popen(
        line, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 60
        while not (record.exists() and record.read_text()) and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    return process.returncode, told, record.read_text().count("\n")


def test_an_interrupt_keeps_what_there_is_and_the_command_that_it_names_goes_on(tmp_path: Path) -> None:
    code, told, kept = interrupted(tmp_path, signal.SIGINT)
    assert code == 130
    line = (
        "token-conformance prove --variant correct --profile passport --seeds 4 --examples 0 --jobs 1 --output 'my out'"
    )
    assert told == f"token-conformance: interrupted: {kept} of 4 runs are kept; {line} goes on from there\n"
    assert [file.name for file in (tmp_path / "my out").iterdir()] == ["proof.jsonl"]
    here = environment(PATH=f"{Path(SCRIPT).parent}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=here, capture_output=True, text=True, timeout=90, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{kept} of the runs were carried out before; --fresh begins anew" in done.stdout


def test_a_request_to_end_is_an_interrupt_and_leaves_no_process_behind(tmp_path: Path) -> None:
    code, told, kept = interrupted(tmp_path, signal.SIGTERM)
    assert code == 130
    assert told.startswith(f"token-conformance: interrupted: {kept} of 4 runs are kept; ")
    # The output was read to its end, so that nobody holds it open any more.
    assert kept < 4


def test_what_was_asked_for_is_told_as_a_command() -> None:
    found = asked(Path("reports"), defects=("a-b",), examples=None, processes=None, output=Path("reports/proof"))
    assert found.command() == "token-conformance prove --defect a-b --output reports/proof"


# The report


class Page(HTMLParser):
    """The elements of a page with their attributes, its text, and what stands in its elements of style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = self.style = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "style" and not self.style:
            self.style = data
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.found if found == tag]


def rendered(proof: Proof) -> Page:
    return Page(report.page(proof, RELEASE, 0.0, "token-conformance prove --fresh"))


def test_the_page_has_the_figures_first_then_what_is_wrong_then_the_matrix() -> None:
    page = rendered(Proof(WRONG))
    places = [
        page.text.index(word)
        for word in (
            "Not proven",
            "2 of 3",
            "1 of 4",
            "Missed: a planted defect",
            "ctype-case in rfc6749",
            "Accused: a requirement failed",
            "GEN-003 is failed: 500",
            "Undecided: ",
            "In excess: ",
            "expected <b>a token</b>, got 400",
            "Defects and requirements",
            "REQ: The valid request",
            "CTYPE: ",
            "Correct endpoints",
        )
    ]
    assert places == sorted(places)
    assert "b" not in {tag for tag, _ in page.found}


def test_the_page_is_complete_in_itself_and_runs_nothing() -> None:
    page = rendered(Proof(WRONG))
    (policy,) = [one["content"] for one in page.all("meta") if "http-equiv" in one]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not {"script", "img", "link", "iframe", "object"} & {tag for tag, _ in page.found}
    assert not [one for _, attributes in page.found for one in attributes if one == "style" or one.startswith("on")]
    links = [one["href"] or "" for one in page.all("a")]
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} <= set(ids)
    assert len(ids) == len(set(ids))


def test_whoever_has_a_keyboard_reaches_every_region_that_scrolls() -> None:
    page = rendered(Proof(WRONG))
    regions = [one for one in page.all("div") if (one.get("class") or "") in ("wide", "matrix")]
    assert len(regions) == 1 + 3 + 1
    assert {(one["tabindex"], one["role"]) for one in regions} == {("0", "region")}
    ids = {attributes["id"] for _, attributes in page.found if "id" in attributes}
    assert all(one.get("aria-label") or one["aria-labelledby"] in ids for one in regions)


def marks_of(defect: str, outcomes: tuple[Outcome, ...]) -> dict[str, str]:
    for matrix in report._matrices(outcomes):
        for line in matrix.lines:
            if line.defect.name == defect:
                return {row.id: mark for row, mark in zip(matrix.columns, line.marks, strict=True) if mark}
    raise AssertionError(defect)


def test_a_mark_says_what_a_defect_came_to_over_all_profiles() -> None:
    found = came("auth-both-400", failed=("AUTH-008", "AUTH-009", "HDR-001"), warning=("CACHE-003",))
    found = replace(found, excess={"HDR-001": "failed"})
    assert marks_of("auth-both-400", (found,)) == {
        "AUTH-008": "found",
        "AUTH-009": "declared",
        "HDR-001": "excess",
        "CACHE-003": "follows",
    }
    unseen = came("auth-both-400", "rfc6749", failed=("AUTH-008",), passed=("AUTH-009",))
    assert marks_of("auth-both-400", (unseen,)) == {"AUTH-008": "found", "AUTH-009": "silent"}
    missed = came("auth-both-400", "rfc6749", missed="AUTH-008 is passed", passed=("AUTH-008", "AUTH-009"))
    assert marks_of("auth-both-400", (found, missed))["AUTH-008"] == "missed"
    assert marks_of("auth-both-400", (found, missed))["AUTH-009"] == "declared"


def test_marks_differ_in_form_and_in_words() -> None:
    signs, words = zip(*report.MARKS.values(), strict=True)
    assert len(set(signs)) == len(set(words)) == len(report.MARKS)


def test_columns_that_say_nothing_are_left_out_and_areas_keep_their_order() -> None:
    matrices = report._matrices(WRONG[:4])
    assert [one.area.name for one in matrices] == ["REQ", "AUTH", "CTYPE"]
    assert tuple(row.id for row in matrices[2].columns) == reference.DEFECTS["ctype-case"].violates


def test_a_proof_of_correct_endpoints_alone_has_no_matrix() -> None:
    page = rendered(Proof(tuple(one for one in WRONG if not one.job.defect)))
    assert "Defects and requirements" not in page.text
    assert "Detection" not in page.text
    page = rendered(Proof(WRONG[:1]))
    assert "Correct endpoints" not in page.text
    assert "False alarms" not in page.text
    assert page.text.strip().startswith("Token Conformance: proven")


def test_the_data_is_as_its_schema_says() -> None:
    found = json.loads(report.data(Proof(WRONG), RELEASE, 0.0))
    SCHEMA.validate(found)
    assert found["figures"]["detection"] == {"count": 2, "of": 3}
    assert [one["kind"] for one in found["wrong"]] == ["missed", "excess", "accused", "accused", "undecided"]
    (jwt,) = [one for one in found["variants"] if one["name"] == "jwt-tokens"]
    assert [(run["seed"], run["right"]) for run in jwt["runs"]] == [(1, True), (2, False)]
    (first, *_) = [one["runs"][0] for one in found["defects"] if one["name"] == "ctype-case"]
    violates = list(reference.DEFECTS["ctype-case"].violates)
    assert first["requirements"] == {"failed": violates, "warning": [], "inconclusive": [], "error": []}
    assert first["exchanges"] == asdict(COST)
    with pytest.raises(jsonschema_rs.ValidationError):
        SCHEMA.validate({**found, "format": "token-conformance-proof/2"})


def test_a_variant_is_listed_with_its_meaning(tmp_path: Path) -> None:
    assert [line.split()[0] for line in command(tmp_path, "list", "--variants").lines] == list(reference.VARIANTS)
    records = json.loads(command(tmp_path, "list", "--variants", "--format", "json").out)
    assert {"name": "missing-auth-400", "meaning": reference.VARIANTS["missing-auth-400"].meaning} in records
    refused = command(tmp_path, "list", "--variants", "--format", "markdown")
    assert (refused.code, "leave --variants out" in refused.err) == (2, True)
