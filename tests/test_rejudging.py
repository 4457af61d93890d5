"""Judging again: from its file a run comes to what it came to, and what was not recorded is never decided."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import catalogue, engine, judging, profiles, recording, reference, rejudging, settings
from conformance.case import Case, built_in
from conformance.harmless import harmless
from conformance.history import REPORTS
from conformance.recording import RecordingError
from conformance.request import VALID
from conformance.target import Limits, SettingsError
from tests import rejudged
from tests.servers import CLIENT, SECRET, decent, inquiry, probe, probes, serving, turned_down
from tests.test_cli import command, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.engine import Run
    from conformance.profiles import Profile
    from conformance.recording import Recording

ROWS = catalogue.load().requirements
EVERY = built_in()
NEVER_SENT = "the recording does not hold"


def of(*areas: str) -> tuple[Case, ...]:
    return tuple(one for one in EVERY if {one.id, one.requirement.area} & {*areas})


def recorded(
    file: Path,
    profile: str = "passport",
    *defects: str,
    cases: Iterable[Case] = EVERY,
    variant: str | None = None,
    secret: str = SECRET,
    **more: Any,
) -> Run:
    """A run against the embedded endpoint that leaves its recording."""
    limits = more.pop("limits", Limits(timeout=5))
    with reference.start(profile, defects=defects, variant=variant, client_id=CLIENT, client_secret=secret) as endpoint:
        asked = inquiry(endpoint.base_url, cases, profile, limits=limits, scope="read", secret=secret, **more)
        asked = replace(asked, target=replace(asked.target, token_path=endpoint.token_path), known=EVERY)
        return engine.conduct(asked, record=file)


def again(found: Recording, profile: Profile | str, *select: str, **changes: Any) -> Run:
    contract = profiles.load(profile, Path.cwd()) if isinstance(profile, str) else profile
    return rejudging.judged(replace(rejudging.inquiry(found.header, contract, EVERY, select), **changes), found)


def words(run: Run) -> dict[str, str]:
    return {one.case.id: one.verdict for one in run.result.cases}


def reasons(run: Run) -> dict[str, str]:
    return {one.case.id: one.reason for one in run.result.cases}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that looked at the media type alone, at an endpoint with a defect there."""
    cases = of("CTYPE", "REQ-001")
    return recorded(tmp_path_factory.mktemp("few") / "x.jsonl", "passport", "ctype-case", cases=cases, examples=5)


# The same verdicts


@pytest.mark.parametrize(
    ("profile", "name", "areas"),
    [
        ("passport", "", ()),
        ("rfc6749", "ctype-case", ("REQ", "CTYPE", "GEN")),
        ("rfc6749", "auth-case-secret", ("REQ", "AUTH")),
        ("passport", "auth-any-secret", ("REQ", "AUTH", "GEN")),
        ("passport", "auth-bare-refused", ("REQ", "AUTH")),
        ("rfc6749", "err-text-html", ("ERR", "GRANT", "GEN")),
        ("passport", "req-accept-demanded", ("REQ", "HDR", "GEN")),
        ("passport", "succ-envelope", ("REQ", "SUCC", "TOKEN", "GEN")),
        ("rfc6749", "body-last-wins", ("BODY", "CACHE")),
        ("passport", "req-moved", ("REQ",)),
        ("passport", "wire-no-length-500", ("WIRE", "METHOD")),
        ("rfc6749", "wire-options-star-stops", ("WIRE",)),
    ],
)
def test_what_was_judged_live_is_judged_alike_from_disk(
    profile: str, name: str, areas: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "exchanges.jsonl"
    live = recorded(file, profile, *([name] if name else []), cases=of(*areas) if areas else EVERY, examples=5)
    offline = rejudged.again(live, file)
    assert rejudged.difference(live, offline) == ""
    assert (live.result.verdict == live.result.edge == "conformant") is (not name)


@pytest.mark.parametrize(
    ("profile", "variant", "more"),
    [
        ("rfc6749", "basic-read-raw", {"secret": "s~~~t???u+v%w&x=y z0123456789"}),
        ("passport", "throttles-guessing", {}),
        ("rfc6749", "jwt-tokens", {}),
        ("passport", "waf", {}),
        ("rfc6749", "chunked-answers", {}),
        ("passport", "lenient-edge", {}),
        ("passport", None, {"limits": Limits(timeout=5, safe=True), "cases": harmless(EVERY), "examples": 5}),
        ("passport", None, {"limits": Limits(timeout=5, max_duration=0.2)}),
    ],
)
def test_correct_endpoints_and_short_runs_are_judged_alike_from_disk(
    profile: str, variant: str | None, more: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "exchanges.jsonl"
    wanted = {"cases": of("REQ", "AUTH", "TOKEN", "ERR", "WIRE"), **more}
    live = recorded(file, profile, variant=variant, **wanted)
    assert rejudged.difference(live, rejudged.again(live, file)) == ""


def test_a_judgement_that_differed_would_be_seen(few: Run) -> None:
    assert rejudged.difference(few, few) == ""
    whole = few.recording
    for changed in (
        replace(few, recording=replace(whole, exchanges=whole.exchanges[:-1])),
        replace(few, inquiry=replace(few.inquiry, seed=9)),
        replace(few, result=replace(few.result, traits={"x": "y"})),
        replace(few, result=replace(few.result, cases=tuple(replace(one, actual="-") for one in few.result.cases))),
    ):
        assert rejudged.difference(few, changed) != ""


# What was not recorded


def test_what_the_run_did_not_send_is_inconclusive_and_says_so(few: Run) -> None:
    wider = again(few.recording, "passport", *{one.requirement.area for one in EVERY})
    own = {case.id for case in few.inquiry.cases}
    sent = {VALID.digest, *(template.digest for case in few.inquiry.cases for template in case.templates)}
    assert words(wider).items() >= words(few).items()
    for verdict in wider.result.cases:
        case = verdict.case
        needed = {template.digest for template in case.templates}
        if case.id in own or (needed <= sent and not case.generated):
            continue
        # One was left out on purpose, since it does not apply, and one that failed all the same failed.
        assert verdict.verdict in ("inconclusive", "not_applicable", "failed", "warning"), verdict
        if verdict.verdict == "inconclusive":
            assert NEVER_SENT in verdict.reason, verdict
    assert {"inconclusive"} == {words(wider)[one] for one in ("AUTH-008", "ERR-001", "CACHE-003", "GEN-001", "GEN-003")}
    assert words(wider)["CACHE-001"] == "passed"
    assert "does not hold what spelling draws" in reasons(wider)["GEN-001"]


def test_a_source_that_was_not_drawn_from_decides_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    recorded(file, cases=of("REQ-001", "GEN-001"), examples=5)
    found = recording.read(file)
    run = again(found, "passport", "GEN")
    assert (words(run)["GEN-001"], words(run)["GEN-003"]) == ("passed", "inconclusive")
    assert "does not hold what description draws" in reasons(run)["GEN-003"]
    # A recording of a release that did not write down the sources shows them by its requests.
    del found.header.settings["generated"]  # type: ignore[attr-defined]
    assert words(again(found, "passport", "GEN")) == words(run)


def test_cases_that_came_after_the_run_are_judged_as_far_as_it_goes(tmp_path: Path) -> None:
    newest = of("WIRE", "METHOD")
    older = [one for one in newest if one.requirement.since < 3]
    file = tmp_path / "x.jsonl"
    recorded(file, cases=older, select=("WIRE", "METHOD"))
    found = recording.read(file)
    run = again(found, "passport")
    newer = {case.id: verdict for case, verdict in ((one.case, one.verdict) for one in run.result.cases)
             if case.requirement.since == 3}  # fmt: skip
    assert len(newer) > 10
    assert set(newer.values()) <= {"inconclusive", "passed", "observed", "not_applicable"}
    assert "inconclusive" in newer.values()
    assert run.result.edge == "inconclusive"
    assert again(found, "passport", edition=2).result.edge == "conformant"


def test_a_run_that_selected_is_judged_by_what_it_selected_of_the_cases_of_today(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    recorded(file, cases=of("CTYPE-001"), select=("CTYPE",))
    found = recording.read(file)
    assert set(words(again(found, "passport"))) == {one.id for one in of("CTYPE")}
    assert set(words(again(found, "passport", "CTYPE-001"))) == {"CTYPE-001"}


def test_what_was_cut_off_is_not_decided(few: Run, tmp_path: Path) -> None:
    file = rejudged.written(few.recording, tmp_path / "x.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:8]) + lines[8][:30])
    run = again(recording.read(file), "passport")
    assert run.result.verdict == "inconclusive"
    assert "interrupted" in run.result.reason
    assert not {"failed", "warning"} & {*words(run).values()}


# Another contract


@pytest.mark.parametrize(("sent", "judged"), [("passport", "rfc6749"), ("rfc6749", "passport")])
@pytest.mark.parametrize("defects", [(), ("ctype-case",), ("auth-no-challenge",)])
def test_credentials_in_another_form_decide_nothing(
    sent: str, judged: str, defects: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "x.jsonl"
    recorded(file, sent, *defects, cases=of("REQ", "AUTH", "CTYPE"))
    found = recording.read(file)
    run = again(found, judged)
    assert (run.result.verdict, run.result.edge) == ("inconclusive", "not-judged")
    assert {*words(run).values()} == {"inconclusive"}
    assert "authorization" in run.result.reason
    assert judged in run.result.reason
    # The reports show what was sent all the same.
    assert (run.recording, len(run.evidence.answers)) == (found, len(found.exchanges))


@pytest.mark.parametrize("changes", [{"basic_encoding": "raw"}, {"default_scope": False}])
def test_a_valid_request_that_is_another_one_decides_nothing(changes: dict[str, Any], few: Run) -> None:
    contract = replace(few.inquiry.profile, name="acme", **changes)
    run = again(few.recording, contract)
    assert {*words(run).values()} == {"inconclusive"}
    assert next(iter(changes)) in run.result.reason


def test_a_contract_with_the_same_requests_judges_by_its_own_rules(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    live = recorded(file, "rfc6749", "cache-no-pragma", cases=of("REQ-001", "CACHE"))
    strict = replace(live.inquiry.profile, name="acme", lineage=("acme", "rfc6749"), pragma="required")
    run = again(recording.read(file), strict)
    assert (words(live)["CACHE-002"], words(run)["CACHE-002"]) == ("warning", "failed")
    assert {**words(live), "CACHE-002": ""} == {**words(run), "CACHE-002": ""}
    assert (live.result.verdict, run.result.verdict) == ("conformant", "non-conformant")


def test_a_document_with_another_path_leaves_that_path_open(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    live = recorded(file, "passport", "req-moved", cases=of("REQ"))
    assert words(live)["REQ-002"] == "failed"
    acme = replace(live.inquiry.profile, name="acme", lineage=("acme", "passport"), token_path="/oauth/token")
    run = again(recording.read(file), acme)
    assert words(run)["REQ-002"] == "inconclusive"
    assert "for the documented path" in reasons(run)["REQ-002"]
    others = {one for one in words(live) if one != "REQ-002"}
    assert {words(run)[one] == words(live)[one] for one in others} == {True}


def test_a_near_miss_is_one_by_the_profile_that_drew_it(tmp_path: Path) -> None:
    def missed(judge: Any) -> None:
        drawn = [one for one in judge.answers if one.exchange.role == "near_miss"]
        judge.each(drawn, "a refusal", lambda one: one.words() if one.granted else None)

    case = Case(turned_down("OWN-900", probe(1)).requirement, missed, (), (), ("near_miss",))
    file = tmp_path / "x.jsonl"
    with serving(lambda one: decent(replace(one, data=one.data.replace(b"grant_type=x", b"grant_type=")))) as server:
        live = engine.conduct(inquiry(server, (*probes(2), case), examples=20), record=file)
    found = recording.read(file)
    assert found.header.settings["generated"] == ["near_miss"]
    lenient = replace(live.inquiry.profile, grant_type_default=True)
    run = rejudging.judged(rejudging.inquiry(found.header, lenient, live.inquiry.known), found)
    assert words(run)["OWN-900"] == "inconclusive"
    assert "what near_miss draws" in reasons(run)["OWN-900"]
    assert words(run)["OWN-001"] == "passed"


# What it is given


def test_a_run_is_named_by_its_folder_its_file_or_as_the_latest(tmp_path: Path, few: Run) -> None:
    folder = tmp_path / REPORTS / "idp" / "one"
    folder.mkdir(parents=True)
    file = rejudged.written(few.recording, folder / "exchanges.jsonl")
    from conformance.report import results, summary  # noqa: PLC0415 - one test needs them

    (folder / "results.json").write_text(results.results_text(few))
    (folder / "summary.json").write_text(summary.summary_text(few))
    name = few.inquiry.target.name
    for word in (str(folder), str(file), "latest", f"latest:{name}"):
        assert rejudging.located(word, tmp_path / REPORTS) == file
    for word, said in (
        (str(tmp_path / REPORTS), f"holds 1 runs and is none itself; the last one is {folder}"),
        (str(tmp_path), "holds no run; accepted: a folder with an exchanges.jsonl"),
        ("latest:other", f"accepted: {name}"),
        ("none", "none: "),
    ):
        with pytest.raises(SettingsError) as caught:
            rejudging.located(word, tmp_path / REPORTS)
        assert said in str(caught.value)
    file.unlink()
    with pytest.raises(SettingsError, match=r"the run has no exchanges\.jsonl, so that there is nothing to judge"):
        rejudging.located(str(folder), tmp_path)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"format": "token-conformance-exchanges/2", "suite": "9.1"}, "judge it with release 9.1"),
        ({"format": "token-conformance-exchanges/2"}, "judge it with another release"),
        ({"format": "token-conformance-results/1"}, "is no recording of this suite"),
    ],
)
def test_a_recording_of_another_format_names_the_release(head: dict[str, str], said: str, tmp_path: Path) -> None:
    file = tmp_path / "exchanges.jsonl"
    file.write_text(json.dumps(head) + "\n")
    with pytest.raises(RecordingError, match=said) as caught:
        recording.read(file)
    assert "line 1" in str(caught.value)


def test_the_command_judges_the_latest_run_by_another_contract(tmp_path: Path) -> None:
    command(tmp_path, "run", "--select", "CTYPE,REQ-001", "--examples", "0")
    (tmp_path / "acme.toml").write_text('extends = "passport"\nauthorization = "basic"\n')
    done = command(tmp_path, "judge", "latest:embedded", "--profile", "acme.toml", "--report-dir", "other")
    assert (done.code, done.err) == (3, "")
    assert "authorization 'bare', and the profile acme needs 'basic'" in done.out
    told(command(tmp_path, "judge", "latest", "--waivers", "none.toml"), "--waivers: 'none.toml': cannot be read")


@pytest.mark.parametrize("other", [("--select", "CTYPE-002"), ("--profile", "rfc6749"), ("--edition", "1")])
def test_reports_are_not_lost_to_what_the_run_was_not_asked(other: tuple[str, str], tmp_path: Path) -> None:
    command(tmp_path, "run", "--select", "CTYPE,REQ-001", "--examples", "0", "--report-dir", "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    told(command(tmp_path, "judge", "out", *other), f"{other[0]}: would replace the reports")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    (tmp_path / "out" / "results.json").unlink()
    assert command(tmp_path, "judge", "out", *other).code in (0, 3)
    assert (tmp_path / "out" / "results.json").exists()


def test_a_run_that_selected_says_so_when_it_is_judged_again(tmp_path: Path) -> None:
    command(tmp_path, "run", "--select", "CTYPE-002", "--examples", "0", "--report-dir", "out")
    first = json.loads((tmp_path / "out" / "results.json").read_text())
    command(tmp_path, "judge", "out")
    again = json.loads((tmp_path / "out" / "results.json").read_text())
    assert first["select"] == again["select"] == ["CTYPE-002"]


def test_waivers_are_found_for_a_target_alone(tmp_path: Path) -> None:
    text = '[[waivers]]\nrequirement = "CTYPE-002"\nactual = "a"\ntargets = ["t"]\nreason = "r"\nowner = "o"\n'
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.toml").write_text(text + f'ticket = "{name}"\nexpires = 2027-03-01\n')
    (tmp_path / "conformance.toml").write_text(
        'waivers = "a.toml"\n[targets.staging]\nbase_url = "https://x.example"\nwaivers = "b.toml"\n'
    )

    def found(target: str, flag: str | None = None, **environ: str) -> list[str]:
        return [one.ticket for one in settings.waivers({"waivers": flag}, environ, tmp_path, target)]

    assert found("other") == ["a"]
    assert found("staging") == ["b"]
    assert found("staging", TOKEN_CONFORMANCE_WAIVERS="c.toml") == ["c"]
    assert found("staging", "d.toml", TOKEN_CONFORMANCE_WAIVERS="c.toml") == ["d"]
    (tmp_path / "conformance.toml").unlink()
    assert found("staging") == []


def test_an_undecided_run_counts_nothing_and_says_why(few: Run) -> None:
    run = again(few.recording, "rfc6749")
    assert [one.verdict for one in run.result.cases] == ["inconclusive"] * len(run.result.cases)
    assert judging.concluded(run.result.cases, run.inquiry.cases, fail_on="must", stopped="").verdict == "inconclusive"
