"""Metadata: what is asked for, where, and what each document of a server comes to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance import case, engine
from conformance.cases.test_metadata import parsed, path, wrong_endpoint, wrong_issuer
from conformance.plan import plan
from conformance.request import encode
from conformance.target import Extra, Secret, target_at
from tests.servers import CLIENT, SECRET, Asked, answer, decent, inquiry, refusal, serving
from tests.test_plan import binder, target

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.engine import Run

AREA = tuple(one for one in case.built_in() if one.requirement.area == "DISC")
OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
TOKEN_PATH = "/passport/oauth/token"


def run_of(script: Callable[[Asked, str], bytes | None], profile: str = "passport", prefix: str = "") -> Run:
    """A run of the area against a decent endpoint that answers what lies elsewhere by a script, given its base URL."""
    base: list[str] = []

    def scripted(request: Asked) -> bytes | None:
        target_ = request.data.split(b" ")[1].decode("latin-1")
        if "/.well-known/" in target_:
            return script(request, base[0])
        return decent(request)

    with serving(scripted) as server:
        base.append(server.base_url + prefix)
        return engine.conduct(inquiry(server.base_url + prefix, AREA, profile))


def verdicts(run: Run) -> dict[str, str]:
    return {one.case.id[-3:]: one.verdict for one in run.result.cases}


def document(base: str, path_: str = TOKEN_PATH, **members: Any) -> dict[str, Any]:
    return {
        "issuer": base,
        "token_endpoint": base + path_,
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        **members,
    }


def publishing(*paths: str, media_type: str = "application/json", **members: Any) -> Callable[[Asked, str], bytes]:
    """A server that has a document at some paths, and a page of HTML for every other one."""

    def script(request: Asked, base: str) -> bytes:
        if request.data.split(b" ")[1].decode() not in paths:
            return answer(200, b"<html>welcome</html>", media_type="text/html")
        found = document(base, **{name: value(base) if callable(value) else value for name, value in members.items()})
        kept = {name: value for name, value in found.items() if value is not ...}
        return answer(200, json.dumps(kept).encode(), media_type=media_type)

    return script


# Where it is looked for


def targets(base_url: str, token_path: str) -> dict[str, str]:
    """The request targets of the area at some place; what cannot be made there is left out."""
    at = binder(replace(target(), **{
        name: getattr(target_at(base_url, token_path, target().credentials), name)
        for name in ("base_url", "scheme", "host", "port", "prefix", "token_path")
    }))  # fmt: skip
    found = plan(AREA[:1], at)
    return {
        stimulus.label.partition(" ")[2]: encode(stimulus.template, at.bindings("")).data.split(b" ")[1].decode()
        for stimulus in found.ordinary
    }


@pytest.mark.parametrize(
    ("base_url", "token_path", "expected"),
    [
        ("https://idp.example", "/token", {"oauth": OAUTH, "openid": OPENID}),
        ("https://idp.example", TOKEN_PATH, {"oauth": OAUTH, "openid": OPENID, "beside": "/passport/oauth" + OPENID}),
        (
            "https://idp.example/realms/a",
            "/protocol/token",
            {
                "oauth": OAUTH + "/realms/a",
                "openid": OPENID + "/realms/a",
                "appended": "/realms/a" + OPENID,
                "beside": "/realms/a/protocol" + OPENID,
            },
        ),
        (
            "https://idp.example/a",
            "/token",
            {"oauth": OAUTH + "/a", "openid": OPENID + "/a", "appended": "/a" + OPENID},
        ),
    ],
)
def test_the_path_of_the_issuer_stands_behind_the_well_known_one(
    base_url: str, token_path: str, expected: dict[str, str]
) -> None:
    assert targets(base_url, token_path) == expected


def test_nothing_secret_is_asked_with() -> None:
    seen: list[bytes] = []

    def script(request: Asked, _: str) -> bytes:
        seen.append(request.data)
        return answer(404)

    with serving(
        lambda request: script(request, "") if b"/.well-known/" in request.data else decent(request)
    ) as server:
        asked = inquiry(server, AREA[:1])
        headers = (Extra("X-Key", Secret("gateway-key")), Extra("X-Tenant", "blue"))
        engine.conduct(replace(asked, target=replace(asked.target, headers=headers)))
    assert len(seen) == 3
    for data in seen:
        assert data.startswith(b"GET ")
        assert b"\r\nX-Tenant: blue\r\n" in data
        for word in (b"gateway-key", b"Authorization", b"Content-Length", CLIENT.encode(), SECRET.encode()):
            assert word not in data


# What is there


@pytest.mark.parametrize(
    ("paths", "trait", "published"),
    [
        ((OAUTH,), "oauth", True),
        ((OPENID,), "openid", True),
        ((OAUTH, OPENID), "both", True),
        (("/passport/oauth" + OPENID,), "beside", False),
        ((), "none", False),
    ],
)
def test_a_document_is_noted_where_it_lies(paths: tuple[str, ...], trait: str, *, published: bool) -> None:
    run = run_of(publishing(*paths))
    assert run.result.traits["metadata"] == trait
    assert set(verdicts(run).values()) == {"passed" if published else "not_applicable"}
    assert run.result.verdict == ("conformant" if published else "inconclusive")


def test_below_a_base_url_with_a_path_openid_may_lie_in_either_place() -> None:
    for place in (OPENID + "/tenant", "/tenant" + OPENID):
        run = run_of(publishing(place), prefix="/tenant")
        assert run.result.traits["metadata"] == "openid"
        assert set(verdicts(run).values()) == {"passed"}


@pytest.mark.parametrize(
    "octets",
    [
        answer(404),
        answer(200, b"[]"),
        answer(200, b"{}"),
        answer(200, b'{"message": "not found", "status": 404}'),
        answer(200, b"nothing"),
        answer(200),
        answer(500, b'{"issuer": "x"}'),
        answer(301, b"", "Location: https://elsewhere.example/"),
        answer(401, b'{"issuer": "x"}'),
        refusal(),
        b"no http at all",
        None,
    ],
)
def test_whatever_else_comes_makes_the_area_not_applicable(octets: bytes | None) -> None:
    run = run_of(lambda *_: octets)
    assert set(verdicts(run).values()) == {"not_applicable"}
    assert {one.reason for one in run.result.cases} == {"no metadata is published"}


def test_what_stands_in_a_document_concerns_no_invariant() -> None:
    cases = tuple(one for one in case.built_in() if one.requirement.area in ("DISC", "SUCC", "CACHE", "ERR"))
    odd: dict[str, Any] = {"access_token": "a", "error": "nonsense", "error_description": 7}
    script = publishing(OAUTH, **odd)

    def answering(request: Asked) -> bytes | None:
        return script(request, server.base_url) if b"/.well-known/" in request.data else decent(request)

    with serving(answering) as server:
        run = engine.conduct(inquiry(server, cases))
    assert {one.case.id for one in run.result.cases if one.verdict == "failed"} == set()


# DISC-002


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"issuer": ...}, "no issuer"),
        ({"issuer": 7}, "issuer is a number"),
        ({"issuer": lambda base: base + "/other"}, "issuer http://127.0.0.1:"),
        ({"issuer": lambda base: base + "?a=b"}, "has a query or a fragment"),
        ({"issuer": lambda base: base + "#"}, "has a query or a fragment"),
        ({"issuer": "urn:x"}, "is no absolute http or https URL"),
        ({"issuer": "\x1b]0;x\x07" + "y" * 9999}, "is no absolute http or https URL"),
    ],
)
def test_another_issuer_fails(members: dict[str, Any], said: str) -> None:
    run = run_of(publishing(OAUTH, **members))
    found = {one.case.id[-3:]: one for one in run.result.cases}
    assert found["002"].verdict == "failed"
    assert said in found["002"].actual
    assert found["002"].actual.isprintable()
    assert (found["001"].verdict, found["003"].verdict) == ("passed", "passed")


def test_another_media_type_fails_and_one_with_parameters_does_not() -> None:
    assert verdicts(run_of(publishing(OAUTH, media_type="text/plain")))["002"] == "failed"
    assert verdicts(run_of(publishing(OAUTH, media_type="application/json; charset=utf-8")))["002"] == "passed"


def test_a_second_document_that_differs_is_looked_at_as_well() -> None:
    good, bad = publishing(OAUTH), publishing(OPENID, issuer="urn:x")

    def script(request: Asked, base: str) -> bytes:
        return (good if OAUTH.encode() in request.data else bad)(request, base)

    run = run_of(script)
    assert verdicts(run) == {"001": "passed", "002": "failed", "003": "passed", "004": "passed"}


@pytest.mark.parametrize(
    ("issuer", "base_url", "loopback", "right"),
    [
        ("https://idp.example", "https://idp.example", False, True),
        ("https://idp.example/", "https://idp.example", False, True),
        ("https://IDP.example:443", "https://idp.example", False, True),
        ("https://idp.example/%7Ea", "https://idp.example/~a", False, True),
        ("https://idp.example/a", "https://idp.example", False, False),
        ("http://idp.example", "http://idp.example", False, False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", True, True),
        ("http://127.0.0.1:8080/other", "http://127.0.0.1:8080", True, False),
        ("https://idp.example", "http://127.0.0.1:8080", True, True),
        ("https://other.example", "https://idp.example", False, False),
        ("https://idp.example:8443", "https://idp.example", False, False),
    ],
)
def test_the_issuer_is_compared_as_a_url(issuer: str, base_url: str, *, loopback: bool, right: bool) -> None:
    assert (wrong_issuer(issuer, base_url, loopback=loopback) is None) is right


@pytest.mark.parametrize("issuer", ["https://idp.example", "http://127.0.0.1:1"])
def test_an_issuer_elsewhere_warns_on_this_machine(issuer: str) -> None:
    run = run_of(publishing(OAUTH, issuer=issuer))
    found = {one.case.id[-3:]: one for one in run.result.cases}
    assert found["002"].verdict == "warning"
    assert f"issuer {issuer}, at another host or port" in found["002"].actual


# DISC-003


@pytest.mark.parametrize(
    ("value", "verdict", "said"),
    [
        (..., "failed", "no token_endpoint"),
        (["x"], "failed", "token_endpoint is an array"),
        (lambda base: base + "/other/token", "failed", "/other/token"),
        (lambda base: base + TOKEN_PATH + "#", "failed", "has a fragment"),
        (lambda base: base + TOKEN_PATH + "?a=b", "failed", "?a=b"),
        (lambda base: base.replace("http", "https") + TOKEN_PATH, "failed", "token_endpoint https://"),
        (TOKEN_PATH, "failed", "is no absolute http or https URL"),
        ("http://[::1" + TOKEN_PATH, "failed", "is no absolute http or https URL"),
        ("https://idp.example" + TOKEN_PATH, "warning", "at another host or port"),
        ("http://127.0.0.1:1" + TOKEN_PATH, "warning", "at another host or port"),
        ("https://idp.example" + TOKEN_PATH + "#x", "failed", "has a fragment"),
        (lambda base: base + "/%70assport/./oauth/x/../token", "passed", ""),
    ],
)
def test_another_endpoint_fails_and_another_host_warns(value: Any, verdict: str, said: str) -> None:
    run = run_of(publishing(OAUTH, token_endpoint=value))
    found = {one.case.id[-3:]: one for one in run.result.cases}
    assert found["003"].verdict == verdict
    assert said in found["003"].actual
    assert (found["001"].verdict, found["002"].verdict) == ("passed", "passed")


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("https://idp.example/api/token", True),
        ("HTTPS://IDP.EXAMPLE:443/api/token", True),
        ("https://idp.example/token", False),
        ("https://idp.example/api/token/", False),
        ("https://idp.example/api/TOKEN", False),
        ("https://user@idp.example/api/token", False),
        ("http://idp.example/api/token", False),
        ("https://gateway.example/token", True),
    ],
)
def test_the_endpoint_is_compared_as_a_url(value: str, *, right: bool) -> None:
    assert (wrong_endpoint(value, "https://idp.example/api", "/token") is None) is right


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h", "/"),
        ("http://h/a/../b/./c", "/b/c"),
        ("http://h/..", "/"),
        ("http://h/a/..", "/"),
        ("http://h/%7e%2f", "/~%2F"),
        ("http://h//a", "//a"),
    ],
)
def test_paths_are_compared_without_needless_spellings(url: str, expected: str) -> None:
    parts = parsed(url)
    assert parts is not None
    assert path(parts) == expected


@pytest.mark.parametrize(
    "url", ["", "x", "//h/x", "ftp://h/", "http://", "http://h:99999/", "http://h/\n", "http://ü/"]
)
def test_what_is_no_url_is_told_from_one(url: str) -> None:
    assert parsed(url) is None


# DISC-004


METHODS = "token_endpoint_auth_methods_supported"


@pytest.mark.parametrize(
    ("members", "verdict", "said"),
    [
        ({METHODS: ["client_secret_basic"]}, "passed", ""),
        ({METHODS: ...}, "passed", ""),
        ({METHODS: ["client_secret_post"]}, "observed", "expected a token, got 401 invalid_client"),
        ({METHODS: []}, "passed", ""),
        ({METHODS: "client_secret_basic"}, "warning", "is a string"),
        ({METHODS: [1, None]}, "warning", "is an array"),
        ({"grant_types_supported": ["password"]}, "warning", "without client_credentials"),
        ({"grant_types_supported": ...}, "warning", "without client_credentials"),
        ({"grant_types_supported": None}, "warning", "is null"),
    ],
)
@pytest.mark.parametrize("place", [OAUTH, OPENID])
def test_what_is_advertised_is_tried(members: dict[str, Any], verdict: str, said: str, place: str) -> None:
    script = publishing(place, **members)

    def basic_alone(request: Asked) -> bytes | None:
        if b"/.well-known/" in request.data:
            return script(request, server.base_url)
        return refusal(401, "invalid_client") if b"client_secret=" in request.body else decent(request)

    with serving(basic_alone) as server:
        run = engine.conduct(inquiry(server, AREA))
    found = {one.case.id[-3:]: one for one in run.result.cases}
    assert found["004"].verdict == verdict
    assert said in found["004"].reason


def test_a_method_that_the_profile_promises_must_work() -> None:
    members: dict[str, Any] = {METHODS: ["client_secret_post"]}
    script = publishing(OAUTH, **members)

    def refusing(request: Asked) -> bytes | None:
        if b"/.well-known/" in request.data:
            return script(request, server.base_url)
        return refusal(401, "invalid_client") if b"client_secret=" in request.body else decent(request)

    with serving(refusing) as server:
        asked = inquiry(server, AREA, "rfc6749")
        draft = replace(asked, profile=replace(asked.profile, spec="oauth21"))
        run = engine.conduct(replace(draft, target=replace(draft.target, token_path=TOKEN_PATH)))
    assert verdicts(run)["004"] == "failed"


def test_basic_that_is_advertised_and_refused_is_noted_where_the_contract_is_another_one() -> None:
    members: dict[str, Any] = {METHODS: ["client_secret_basic"]}
    script = publishing(OAUTH, **members)

    def bare_alone(request: Asked) -> bytes | None:
        if b"/.well-known/" in request.data:
            return script(request, server.base_url)
        return refusal(401, "invalid_client") if b"Authorization: Basic " in request.data else decent(request)

    with serving(bare_alone) as server:
        run = engine.conduct(inquiry(server, AREA))
    assert verdicts(run) == {"001": "passed", "002": "passed", "003": "passed", "004": "observed"}
