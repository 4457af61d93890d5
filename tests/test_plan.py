from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import case, profiles, reference
from conformance.case import Case, own_requirement
from conformance.expression import CLIENT_ID, EXPOSED_ID, EXPOSED_SECRET, SCOPE, SECRET, UNKNOWN_ID, UNKNOWN_SECRET
from conformance.guessing import tries_wrong_secret
from conformance.plan import CONTROL, CONTROL_EVERY, WRONG_SECRETS, Binder, Plan, Stimulus, plan
from conformance.recording import Header
from conformance.request import VALID, Template, encode
from conformance.sending import Sender
from conformance.target import Credentials, Extra, Limits, Secret, Target, target_at

if TYPE_CHECKING:
    from conformance.profiles import Profile
    from conformance.recording import Exchange

LOOPBACK = "http://127.0.0.1:9"
REMOTE = "https://idp.example/base"
PROFILES = ("passport", "rfc6749")


def profile(name: str = "passport") -> Profile:
    return profiles.load(name, Path.cwd())


def target(base_url: str = LOOPBACK, *, secret: str = "Ab3-secret", client: str = "client") -> Target:
    return target_at(base_url, "/token", Credentials(client, Secret(secret)))


def binder(at: Target | None = None, name: str = "passport", nonce: bytes = b"nonce") -> Binder:
    return Binder(at or target(), profile(name), nonce, form_encoded=True)


def judged(identifier: str, *, intrusive: bool = False, also: tuple[Template, ...] = (), **stimuli: Template) -> Case:
    row = own_requirement(identifier, level="MUST", title="t", statement="s", remedy="r")
    return Case(replace(row, intrusive=intrusive), lambda: None, tuple(stimuli.items()), also)


def labels(stimuli: tuple[Stimulus, ...]) -> list[str]:
    return [stimulus.label for stimulus in stimuli]


def numbered(count: int) -> list[Case]:
    return [judged(f"OWN-{at:03}", one=VALID.adding("X-Number", str(at))) for at in range(count)]


# Which requests, in which order


def test_a_request_that_several_cases_want_is_sent_once() -> None:
    same, other = VALID.adding("X", "1"), VALID.adding("X", "2")
    found = plan([judged("B-1", a=same, b=other), judged("A-1", c=same), judged("C-1", also=(other,))], binder())
    assert labels(found.ordinary) == ["B-1 a", "B-1 b"]
    assert [stimulus.digest for stimulus in found.ordinary] == [same.digest, other.digest]


def test_the_order_is_that_of_the_cases() -> None:
    names = [f"OWN-{at:03}" for at in range(20)]
    assert labels(plan(numbered(20), binder()).ordinary) == [f"{name} one" for name in names]
    assert labels(plan(reversed(numbered(20)), binder()).ordinary) == [f"{name} one" for name in reversed(names)]


def test_the_valid_request_is_the_control_and_no_stimulus() -> None:
    found = plan([judged("A-1", valid=VALID, again=VALID.replacing("Accept", "*/*"))], binder())
    assert (found.ordinary, found.spending, found.intrusive, found.skipped) == ((), (), (), {})
    assert CONTROL.digest == VALID.digest
    assert not CONTROL.spends


def test_what_an_invariant_wants_is_sent_as_a_probe() -> None:
    assert labels(plan([judged("A-1", also=(VALID.adding("X", "1"),))], binder()).ordinary) == ["A-1 probe"]


def test_intrusive_stimuli_are_apart() -> None:
    found = plan([judged("A-1", intrusive=True, a=VALID.adding("X", "1")), *numbered(1)], binder())
    assert labels(found.ordinary) == ["OWN-000 one"]
    assert labels(found.intrusive) == ["A-1 a"]


def test_wrong_secrets_are_apart_even_where_the_case_is_intrusive() -> None:
    found = plan([judged("A-1", intrusive=True, a=VALID.authorized("x"))], binder())
    assert labels(found.spending) == ["A-1 a"]
    assert found.spending[0].spends
    assert found.intrusive == ()


def test_the_budget_goes_to_the_most_valuable_wrong_secrets_first() -> None:
    order = ("AUTH-008", "AUTH-026", "AUTH-032", "AUTH-033", "AUTH-019", "AUTH-014", "AUTH-038")
    cases = [judged("OTHER-1", a=VALID.authorized("other"))]
    cases += [judged(name, a=VALID.authorized(name), b=VALID.authorized(name + "b")) for name in reversed(order)]
    found = labels(plan(cases, binder()).spending)
    assert found == [f"{name} {stimulus}" for name in order for stimulus in "ab"] + ["OTHER-1 a"]


def test_the_last_wrong_secret_goes_to_no_row_that_only_warns() -> None:
    grave = [judged("AUTH-008", one=VALID.authorized(f"wrong {at}")) for at in range(10)]
    mild = judged("AUTH-038", a=VALID.authorized("mild"), b=VALID.authorized("milder"))
    mild = replace(mild, requirement=replace(mild.requirement, severity="warn"))
    found = plan([*grave, mild], binder())
    assert labels(found.spending)[10:] == ["AUTH-038 a"]
    assert list(found.skipped.values()) == ["not sent: the last of 12 wrong secrets is kept to confirm a failure"]
    raw = Binder(target(), profile("rfc6749"), b"nonce", form_encoded=False)
    assert labels(plan([*grave, mild], raw).spending)[10:] == []


def test_a_shared_request_has_the_value_of_its_most_valuable_case() -> None:
    shared = VALID.authorized("shared")
    cases = [judged("ZZZ-1", a=shared), judged("AUTH-038", a=VALID.authorized("x")), judged("AUTH-008", b=shared)]
    assert labels(plan(cases, binder()).spending) == ["ZZZ-1 a", "AUTH-038 a"]


# What cannot be sent


@pytest.mark.parametrize(
    ("template", "at", "words"),
    [
        (VALID.adding_parameters("scope=" + SCOPE), target(), "no scope is configured"),
        (VALID.authorized(SECRET.case_swapped()), target(secret="12-34"), "no letter"),
        (VALID.authorized(SECRET, CLIENT_ID.case_swapped()), target(client="12"), "no letter"),
        (
            VALID.replacing("Authorization", (CLIENT_ID + ":" + SECRET).base64().without_padding()),
            target(secret="12345", client="123"),
            "no padding",
        ),
    ],
)
def test_what_a_target_lacks_is_skipped_with_the_reason(template: Template, at: Target, words: str) -> None:
    found = plan([judged("A-1", odd=template, plain=VALID.adding("X", "1"))], binder(at))
    assert labels(found.ordinary) == ["A-1 plain"]
    assert [*found.skipped] == [template.digest]
    assert words in found.skipped[template.digest]
    assert found.spending == ()


def test_with_a_scope_nothing_is_skipped_for_it() -> None:
    scoped = replace(target(), scope="read")
    assert plan([judged("A-1", a=VALID.adding_parameters("scope=" + SCOPE))], binder(scoped)).skipped == {}


# What it costs


@pytest.mark.parametrize(("count", "controls"), [(0, 2), (9, 2), (10, 3), (25, 4)])
def test_every_tenth_stimulus_brings_a_control(count: int, controls: int) -> None:
    assert CONTROL_EVERY == 10
    assert plan(numbered(count), binder()).exchanges == count + controls


def test_the_estimate_counts_a_control_beside_each_lone_stimulus() -> None:
    lone = Stimulus(VALID, "0", "x")
    found = Plan((), (lone, lone), (lone,), {}, generated=20)
    assert found.exchanges == 2 + 20 + 2 + 2 * 3
    assert found.wrong_secrets == 2
    assert found.tokens == found.exchanges - 2


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("scope", [None, "read"])
def test_no_more_is_sent_than_was_announced(name: str, scope: str | None) -> None:
    with reference.start(name) as endpoint:
        client = Credentials(endpoint.client_id, Secret(endpoint.client_secret))
        at = replace(target_at(endpoint.base_url, endpoint.token_path, client), scope=scope)
        seen: list[Exchange] = []
        header = Header("0" * 12, "1", 1, name, {}, loopback=True, settings={}, started=time.time())
        sender = Sender(at, profile(name), Limits(timeout=5), header, seen.append)
        assert sender.open().state == "open"
        found = plan(case.built_in(), sender.binder)
        sender.carry_out(found)
        for series in found.series:
            sender.series(series)
    assert sender.stopped == ""
    faults = [one for one in seen if one.role == "stimulus" and b"HTTP/1.1 5" in one.received[:12]]
    silent = [one for one in seen if not one.received]
    assert len(seen) <= found.exchanges + len(faults) + len(silent)
    stimuli = [one for one in seen if one.role == "stimulus"]
    assert len(stimuli) == len(found.stimuli)
    assert len(seen) >= found.exchanges - len(found.spending)
    assert sum(one.spent for one in seen) == found.wrong_secrets
    assert sum(one.token is not None for one in seen) <= found.tokens


# The whole suite


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("base_url", [LOOPBACK, REMOTE])
def test_the_suite_keeps_to_the_budget_of_wrong_secrets(name: str, base_url: str) -> None:
    for secret in ("Ab3-secret", "p+a/s=s%w"):
        found = plan(case.built_in(), binder(target(base_url, secret=secret), name))
        assert 0 < found.wrong_secrets <= WRONG_SECRETS
        assert found.spending[0].label.startswith("AUTH-008")


@pytest.mark.parametrize("name", PROFILES)
def test_off_loopback_the_real_credentials_never_stand_where_servers_log_them(name: str) -> None:
    at = binder(target(REMOTE), name)
    bindings = at.bindings("0" * 16)
    assert not bindings.exposed_works
    for value in (EXPOSED_ID, EXPOSED_SECRET):
        runs = value.runs(bindings)
        assert runs[0].data not in (b"client", b"Ab3-secret")
        assert not runs[0].secret
    for one in case.built_in():
        for template in one.templates:
            if plan([one], at).skipped.get(template.digest) is None:
                request_line = encode(template, at.bindings(template.digest)).data.partition(b"\r\n")[0]
                assert b"Ab3-secret" not in request_line


# Bindings


def test_each_stimulus_has_an_unknown_client_of_its_own() -> None:
    one, other = binder().bindings("1" * 16), binder().bindings("2" * 16)
    assert one.unknown_id != other.unknown_id
    assert one.unknown_secret != other.unknown_secret
    assert one == binder().bindings("1" * 16)
    assert one.unknown_id != binder(nonce=b"another run").bindings("1" * 16).unknown_id
    assert one.unknown_id.startswith("conformance-unknown-")
    assert len(one.unknown_id.removeprefix("conformance-unknown-")) == 16
    assert not tries_wrong_secret(VALID.authorized(UNKNOWN_SECRET, UNKNOWN_ID), one)


def test_on_loopback_the_exposed_client_is_the_real_one() -> None:
    bindings = binder().bindings("1" * 16)
    assert (bindings.exposed_id, bindings.exposed_secret, bindings.exposed_works) == ("client", "Ab3-secret", True)


def test_paths_hold_the_prefix_of_the_base_url() -> None:
    bindings = binder(target(REMOTE)).bindings("1" * 16)
    assert bindings.path == "/base/token"
    assert bindings.documented_path == "/base" + str(profile().token_path)
    assert bindings.host == "idp.example"
    assert binder(target(REMOTE), "rfc6749").bindings("1" * 16).documented_path == "/base/token"


def test_what_the_target_adds_is_bound_with_its_secrecy() -> None:
    extras = (Extra("X-Key", Secret("gateway-key")), Extra("X-Tenant", "blue"))
    bindings = binder(replace(target(), headers=extras, parameters=extras)).bindings("1" * 16)
    assert bindings.headers == bindings.parameters == (("X-Key", "gateway-key", True), ("X-Tenant", "blue", False))


def test_the_scope_travels_with_the_valid_request_only_where_the_server_has_no_default() -> None:
    at = replace(target(), scope="read")
    assert binder(at).bindings("1" * 16).gate_scope is None
    strict = replace(binder(at), profile=replace(profile(), default_scope=False))
    assert strict.bindings("1" * 16).gate_scope == "read"


def test_no_representation_shows_a_secret_or_the_nonce() -> None:
    extras = (Extra("X-Key", Secret("gateway-key")),)
    at = binder(replace(target(), headers=extras, parameters=extras), nonce=b"the-nonce")
    found = plan([judged("A-1", a=VALID.authorized("x"))], at)
    shown = repr((at, at.bindings("1" * 16), found))
    for text in ("Ab3-secret", "gateway-key", "the-nonce"):
        assert text not in shown
