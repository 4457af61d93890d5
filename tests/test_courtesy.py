"""Operator courtesy: who asks is named in every request, and production gets nothing that could harm or alarm it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import __version__, catalogue, embedded, settings
from conformance.bindings import Inapplicable
from conformance.case import built_in
from conformance.engine import applicable, conduct
from conformance.expression import USER_AGENT
from conformance.guessing import tries_wrong_secret
from conformance.harmless import ROWS, SOURCE, harmless
from conformance.plan import Binder
from conformance.profiles import load
from conformance.properties import generation
from conformance.request import VALID, encode
from conformance.target import Extra, Limits, SettingsError
from tests.servers import CLIENT, SECRET, decent, endpoint, inquiry, refusal, serving
from tests.test_cli import command, judged, results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Case
    from conformance.request import Template
    from tests.servers import Asked

pytestmark = pytest.mark.usefixtures("judged_twice")

PATIENT = Limits(timeout=5)


def agents(request: Asked) -> list[str]:
    found = re.findall(rb"(?im)^user-agent:[ \t]*([^\r\n]*)", request.data.partition(b"\r\n\r\n")[0])
    return [value.decode() for value in found]


# Who asks


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
def test_every_request_names_the_suite_and_the_run_but_one_and_those_that_imitate_a_client(profile: str) -> None:
    with endpoint(profile) as script, serving(script) as server:
        run = conduct(inquiry(server, built_in(), profile, limits=PATIENT, scope="read", examples=20))
    name = f"token-conformance/{__version__} (run {run.recording.header.run})"
    assert len(server.asked) > 150
    # On a busy machine a request may arrive too late to be read.
    unnamed = list({one.data: one for one in server.asked if one.data and agents(one) != [name]}.values())
    others = ("python-", "Java/", "Go-http-client/", "rest-client/", "curl/", "node")
    imitating = [request for request in unnamed if any(agent.startswith(others) for agent in agents(request))]
    assert len(imitating) == (13 if profile == "passport" else 7)
    # Python's own client has no name; the other request says as little as possible.
    plain, nameless = sorted((one for one in unnamed if one not in imitating), key=lambda one: len(one.data))
    assert b"\r\nAccept-Encoding: identity\r\n" in nameless.data
    lines = plain.data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    names = [line.partition(b":")[0].decode() for line in lines]
    assert names == ["Host", "Authorization", "Content-Type", "Content-Length"]


def test_two_runs_have_different_names_and_the_same_digests() -> None:
    names, digests = [], []
    with serving(decent) as server:
        for _ in range(2):
            run = conduct(inquiry(server, built_in()[:6], limits=PATIENT))
            names.append(agents(server.asked[-1]))
            digests.append(sorted({one.template for one in run.recording.exchanges}))
    assert names[0] != names[1]
    assert digests[0] == digests[1]
    assert "{user agent}" in "".join(VALID.lines())


def test_a_server_that_wants_a_name_breaks_the_rows_of_who_gives_none() -> None:
    with endpoint("passport") as script:

        def demanding(request: Asked) -> bytes | None:
            return script(request) if agents(request) else refusal(400, "invalid_request")

        with serving(demanding) as server:
            run = conduct(inquiry(server, built_in(), limits=PATIENT, scope="read", examples=10))
    told = [one.case for one in run.result.cases if one.verdict in ("failed", "warning")]
    # The refusal of this script has no Date, and what the edge sends is not always answered as alone.
    assert {case.id for case in told if not case.requirement.edge} == {"REQ-006", "DOC-007"}


def test_a_name_of_ones_own_replaces_ours() -> None:
    with serving(decent) as server:
        asked = inquiry(server, built_in()[:8], limits=PATIENT)
        own = replace(asked.target, headers=(Extra("user-agent", "acme-monitor/1"),))
        conduct(replace(asked, target=own))
    assert {tuple(agents(request)) for request in server.asked} == {("acme-monitor/1",)}


# Production


def safe_inquiry(profile: str, **flags: object) -> list[Case]:
    found = settings.resolve({"profile": profile, "safe": True, **flags}, {}, Path("/"))
    ends: list[object] = []
    asked = embedded.inquiry(found, built_in(), built_in(), ends.append)
    for end in ends:
        end()  # type: ignore[operator]
    return list(asked.cases)


def sent(profile: str) -> Iterator[tuple[str, Template]]:
    """Everything that a safe run may send: its own requests, and generated ones."""
    for case in harmless(applicable(built_in(), load(profile, Path("/")))):
        yield from ((case.id, template) for template in case.templates)
    for stimulus in generation.draw(SOURCE, load(profile, Path("/")), seed=1, examples=200):
        yield "GEN-001", stimulus.template


def unchunked(body: bytes) -> bytes:
    """The content that chunks carry."""
    content = b""
    while body:
        line, _, body = body.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        content, body = content + body[:size], body[size + 2 :]
    return content


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
def test_harmless_requests_are_legal_ones_with_the_right_credentials(profile: str) -> None:
    asked = inquiry("https://idp.example", (), profile, scope="read")
    bindings = Binder(asked.target, asked.profile, b"nonce", form_encoded=True).bindings("")
    (own,) = (line for line in VALID.fields if line.name == b"Authorization")
    assert own.value is not None
    credentials = b"".join(run.data for run in own.value.runs(bindings)).split()[-1]
    seen = 0
    for row, template in sent(profile):
        try:
            data = encode(template, bindings).data
        except Inapplicable:
            # Documents beside a base URL or an endpoint that have no place there.
            assert row.startswith("DISC-")
            continue
        seen += 1
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        if row.startswith("DISC-"):
            assert (first[:4], credentials in data, body) == (b"GET ", False, b""), row
            continue
        assert first == b"POST /passport/oauth/token HTTP/1.1" or profile != "passport", row
        assert first.startswith(b"POST "), row
        assert len(data) < 2000, row
        assert not tries_wrong_secret(template, bindings), row
        assert template.transport is None, row
        assert re.fullmatch(rb"[\x20-\x7e\t\r\n]*", data), row
        values = [line.partition(b":")[2].split()[-1] for line in lines if line.lower().startswith(b"authorization:")]
        assert values == [credentials], row
        if b"\r\nTransfer-Encoding: chunked" in head:
            body = unchunked(body)
        assert b"client_credentials" in re.sub(rb"%([0-9A-Fa-f]{2})", lambda hit: bytes([int(hit[1], 16)]), body), row
        assert bindings.unknown_id.encode() not in data, row
    assert seen > 100


def test_every_harmless_row_exists_and_has_a_reason() -> None:
    rows = catalogue.load().requirements
    assert set(ROWS) <= set(rows)
    assert not [row for row in ROWS if rows[row].intrusive]
    assert all(len(reason) > 10 for reason in ROWS.values())


def test_cases_of_ones_own_are_not_taken_for_harmless() -> None:
    case = next(case for case in built_in() if case.id == "REQ-001")

    def own() -> None:
        """Stands in another module than ours."""

    assert harmless([case])
    assert harmless([replace(case, function=own)]) == ()


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
def test_a_safe_run_judges_the_harmless_rows_and_is_decided(profile: str) -> None:
    cases = safe_inquiry(profile)
    assert {case.id for case in cases} <= set(ROWS)
    assert len(cases) >= 30
    with endpoint(profile) as script, serving(script) as server:
        asked = inquiry(server, built_in(), profile, limits=replace(PATIENT, safe=True), scope="read", examples=15)
        run = conduct(replace(asked, cases=tuple(cases)))
    assert run.result.verdict == "conformant"
    assert not server.wrong
    for one in run.recording.exchanges:
        document = re.match(rb"GET /([^ ?]*/)?\.well-known/[^ ?]+ HTTP/1\.1\r\n", one.sent)
        assert one.sent.startswith(b"POST ") or (document and b"authorization:" not in one.sent.lower()), one.sent
    assert {one.role for one in run.recording.exchanges} == {"control", "stimulus", "spelling"}


def test_a_defect_that_harmless_requests_show_is_found() -> None:
    with endpoint("passport", "ctype-case") as script, serving(script) as server:
        asked = inquiry(server, built_in(), limits=replace(PATIENT, safe=True), scope="read", examples=15)
        run = conduct(replace(asked, cases=tuple(safe_inquiry("passport"))))
    assert [one.case.id for one in run.result.cases if one.verdict == "failed" and not one.follows] == ["CTYPE-002"]
    assert not server.wrong


def test_a_safe_run_does_not_try_the_other_spelling_of_basic() -> None:
    secret = "p+a/s=s%w"
    for safe, times in ((False, 2), (True, 1)):
        with serving(lambda _: refusal(401, "invalid_client"), secret=secret) as server:
            limits = replace(PATIENT, safe=safe)
            conduct(inquiry(server, built_in()[:1], "rfc6749", limits=limits, secret=secret))
        assert len(server.asked) == times


def test_production_is_asked_once_a_second_by_one_at_a_time(tmp_path: Path) -> None:
    with endpoint("passport") as script, serving(script) as server:
        done = judged(
            tmp_path, server.base_url, "--safe", "--select", "REQ,CTYPE", "--concurrency", "8", "--max-rps", "50",
            "--report-dir", "out",
        )  # fmt: skip
    assert done.code == 0, done
    at = [request.at for request in server.asked]
    assert len(at) >= 8
    assert server.most_at_once == 1
    # A busy machine may see one of two late; over all of them it is a second each.
    assert min(late - early for early, late in pairwise(at)) >= 0.5
    assert at[-1] - at[0] >= 0.95 * (len(at) - 1)
    assert {row["id"] for row in results(tmp_path / "out")["cases"]} <= set(ROWS)


@pytest.mark.parametrize(
    ("flags", "environ", "file"),
    [
        ({"safe": True}, {}, ""),
        ({}, {"TOKEN_CONFORMANCE_SAFE": "yes"}, ""),
        ({}, {}, "safe = true"),
        ({"target": "prod"}, {}, '[targets.prod]\nbase_url = "https://idp.example"\nclient_id = "me"\nsafe = true'),
    ],
)
def test_it_is_asked_for_by_flag_variable_and_file(
    flags: dict[str, object], environ: dict[str, str], file: str, tmp_path: Path
) -> None:
    (tmp_path / "conformance.toml").write_text(file)
    given = {"TOKEN_CONFORMANCE_CLIENT_SECRET": SECRET, **environ} if "prod" in file else environ
    limits = settings.resolve(flags, given, tmp_path).limits
    assert (limits.safe, limits.concurrency, limits.max_rps) == (True, 1, 1.0)
    slower = settings.resolve({**flags, "max_rps": "0.5"}, given, tmp_path).limits
    assert slower.max_rps == 0.5


def test_what_is_not_harmless_cannot_be_selected_beside_it(tmp_path: Path) -> None:
    done = command(tmp_path, "run", "--safe", "--select", "AUTH-008,METHOD")
    assert done.code == 2
    assert "--safe leaves out every case that is selected" in done.err
    with pytest.raises(SettingsError, match="--safe"):
        safe_inquiry_of("AUTH-008")


def safe_inquiry_of(identifier: str) -> None:
    found = settings.resolve({"safe": True}, {}, Path("/"))
    ends: list[object] = []
    try:
        embedded.inquiry(found, tuple(case for case in built_in() if case.id == identifier), built_in(), ends.append)
    finally:
        for end in ends:
            end()  # type: ignore[operator]


def test_a_dry_run_says_that_no_wrong_secret_travels_and_the_command_repeats_it(tmp_path: Path) -> None:
    dry = command(tmp_path, "run", "--safe", "--dry-run")
    assert dry.code == 0
    assert " 0 with a wrong secret of the client" in dry.out
    with endpoint("passport", "ctype-case") as script, serving(script) as server:
        done = judged(tmp_path, server.base_url, "--safe", "--select", "CTYPE-002")
    assert done.code == 1
    repeat = next(line for line in done.lines if "--select CTYPE-002" in line)
    assert "--safe" in repeat
    assert "--max-rps" not in repeat
    assert CLIENT in repeat


def test_the_name_stands_in_the_valid_request_as_a_symbol() -> None:
    assert [line.value for line in VALID.fields if line.name == b"User-Agent"] == [USER_AGENT]
