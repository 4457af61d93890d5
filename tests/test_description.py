from __future__ import annotations

import copy
import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conformance.description import CREDENTIAL, DescriptionError, Drawn, Judge, draw, load

PROFILES = ("passport.yaml", "rfc6749.yaml")
PATH = "/passport/oauth/token"
JSON = ("Content-Type", "application/json")
NO_STORE = ("Cache-Control", "no-store")
CHALLENGE = ("WWW-Authenticate", 'Basic realm="token"')
TOKEN = {"access_token": "*" * 43, "token_type": "Bearer", "expires_in": 3600}
ERROR = {"error": "invalid_request"}
PRINT_DIGEST = """
import hashlib, sys
if sys.argv[1:]:
    __import__(sys.argv[1])
from conformance.description import draw, load
print(hashlib.sha256(repr(draw(load("passport.yaml"), seed=7, examples=40)).encode()).hexdigest())
"""


@functools.cache
def drawn(seed: int = 7, examples: int = 40) -> tuple[Drawn, ...]:
    return draw(load("passport.yaml"), seed=seed, examples=examples)


@functools.cache
def judge(name: str) -> Judge:
    return Judge(load(name), PATH)


def digest() -> str:
    return hashlib.sha256(repr(drawn()).encode()).hexdigest()


def digest_elsewhere(folder: Path, *arguments: str, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS")}
    completed = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST, *arguments],
        cwd=folder,
        env=clean | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
        capture_output=True,
        check=True,
        text=True,
    )
    return completed.stdout.strip()


def fields_of(request: Drawn) -> dict[str, bytes]:
    return {name.lower(): value for name, value in request.headers}


def changed(description: dict[str, Any], *path: str, to: Any) -> dict[str, Any]:
    twin = copy.deepcopy(description)
    node = twin
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = to
    return twin


def token(**members: Any) -> bytes:
    return json.dumps(TOKEN | members).encode()


def error(**members: Any) -> bytes:
    return json.dumps(ERROR | members).encode()


# drawing


def test_the_same_seed_draws_the_same_requests() -> None:
    again = draw(load("passport.yaml"), seed=7, examples=40)

    assert again == drawn()
    assert len(again) > 20


def test_another_seed_draws_other_requests_after_the_same_coverage_cases() -> None:
    one, other = drawn(seed=1), drawn(seed=2)

    assert one != other
    assert [x for x in one if x.how.startswith("coverage")] == [x for x in other if x.how.startswith("coverage")]


def test_no_random_examples_leaves_the_coverage_cases() -> None:
    assert drawn(examples=0) == tuple(request for request in drawn() if request.how.startswith("coverage: "))


def test_more_examples_draw_more_requests() -> None:
    assert len(drawn(examples=0)) < len(drawn(examples=10)) < len(drawn(examples=60))


@pytest.mark.parametrize("environment", [{}, {"CI": "1"}, {"GITHUB_ACTIONS": "true", "PYTHONHASHSEED": "3"}])
def test_drawing_does_not_depend_on_process_or_ci(tmp_path: Path, environment: dict[str, str]) -> None:
    assert digest_elsewhere(tmp_path, **environment) == digest()


def test_drawing_does_not_depend_on_modules_and_settings_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("WORDS = [" + ", ".join(f"'word-{n}'" for n in range(200)) + "]\n")
    (tmp_path / "schemathesis.toml").write_text("[generation]\nmode = 'negative'\nallow-x00 = false\n")

    assert digest_elsewhere(tmp_path, "shop") == digest()


def test_drawing_writes_nothing_into_the_working_directory(tmp_path: Path) -> None:
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()

    digest_elsewhere(work, XDG_CACHE_HOME=str(cache))

    assert list(work.iterdir()) == []
    assert [path.name for path in cache.iterdir()] == ["token-conformance"]


def test_a_relative_cache_folder_is_not_taken_for_one_in_the_working_directory(tmp_path: Path) -> None:
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()

    digest_elsewhere(work, XDG_CACHE_HOME="cache", HOME=str(home))

    assert list(work.iterdir()) == []
    assert [path.name for path in home.iterdir()] == [".cache"]


def test_drawing_works_where_the_cache_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, no folder")

    assert digest_elsewhere(tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache")) == digest()


def test_drawn_requests_are_distinct() -> None:
    spoken = [(request.method, request.query, request.headers, request.body) for request in drawn()]

    assert len(set(spoken)) == len(spoken)


def test_each_drawn_request_says_in_one_printable_line_how_it_came_about() -> None:
    for request in drawn(examples=60):
        assert request.how.startswith(("coverage: ", "drawn: "))
        assert request.how.isascii()
        assert request.how.isprintable()


def test_drawn_requests_leave_framing_to_the_encoder_and_tell_nothing_of_the_library() -> None:
    kept = {name for request in drawn(examples=60) for name in fields_of(request)}

    assert kept == {"accept", "authorization", "content-type"}


def test_drawn_requests_carry_the_valid_credential_or_none() -> None:
    carried = {fields_of(request).get("authorization") for request in drawn(examples=60)}
    without = [request.how for request in drawn(examples=60) if "authorization" not in fields_of(request)]

    assert carried == {CREDENTIAL.encode(), None}
    assert without == ["coverage: Missing `Authorization` at header"]


def test_the_credential_never_stands_in_a_body_or_query() -> None:
    assert not any(CREDENTIAL.encode() in request.body + (request.query or "").encode() for request in drawn())


def test_coverage_holds_the_plain_request_and_its_breaches() -> None:
    bodies = {(request.method, request.body) for request in drawn(examples=0)}

    assert ("POST", b"grant_type=client_credentials") in bodies
    assert ("POST", b"scope=") in bodies
    assert ("POST", b"") in bodies
    assert {method for method, _ in bodies} == {"POST", "GET", "PUT", "PATCH", "DELETE"}
    assert {b"multipart/form-data", b"text/plain"} <= {fields_of(request).get("content-type") for request in drawn()}


def test_random_draws_hold_requests_as_described_and_in_breach() -> None:
    random = [request.how for request in drawn(examples=60) if request.how.startswith("drawn: ")]

    assert "drawn: a request as described" in random
    assert any("violates" in how for how in random)
    assert not any("x-source" in how for how in random)


@pytest.mark.parametrize("name", [*PROFILES, "as-documented.yaml"])
def test_every_description_of_the_package_can_be_drawn_from(name: str) -> None:
    requests = draw(load(name), seed=1, examples=5)

    assert any(request.body == b"grant_type=client_credentials" for request in requests)


def test_header_values_that_cannot_be_sent_are_left_out() -> None:
    values = ["a\r\nb", "€", "fine"]
    parameter = {"name": "X-Probe", "in": "header", "required": True, "schema": {"type": "string", "enum": values}}
    description = changed(load("passport.yaml"), "paths", PATH, "post", "parameters", to=[parameter])

    sent = {fields_of(request).get("x-probe") for request in draw(description, seed=1, examples=20)}

    assert b"fine" in sent
    assert not any(value and (b"\n" in value or b"\xe2\x82\xac" in value) for value in sent)


def test_query_parameters_are_drawn_raw() -> None:
    parameter = {"name": "q", "in": "query", "required": True, "schema": {"type": "string", "enum": ["a b"]}}
    description = changed(load("passport.yaml"), "paths", PATH, "post", "parameters", to=[parameter])

    assert "q=a+b" in {request.query for request in draw(description, seed=1, examples=5)}


def test_drawing_leaves_the_description_and_hypothesis_as_they_were() -> None:
    from hypothesis import configuration  # noqa: PLC0415 - only this test looks at it
    from hypothesis.internal.conjecture import providers  # noqa: PLC0415

    description = load("passport.yaml")
    before = (copy.deepcopy(description), configuration.storage_directory().path, providers._get_local_constants)

    draw(description, seed=1, examples=2)

    assert (description, configuration.storage_directory().path, providers._get_local_constants) == before


def test_importing_the_module_does_not_import_the_generators() -> None:
    script = "import sys, conformance.description\nprint({'schemathesis', 'hypothesis', 'requests'} & {*sys.modules})"

    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout

    assert shown.strip() == "set()"


# judging: (status, fields, body) of answers that the catalogue lets pass or only warns about

CONFORMANT: dict[str, tuple[int, tuple[tuple[str, str], ...], bytes]] = {
    "plain token": (200, (JSON, NO_STORE, ("Pragma", "no-cache")), token()),
    "no Pragma": (200, (JSON, NO_STORE), token()),
    "charset": (200, (("content-type", "Application/JSON;charset=UTF-8"), NO_STORE), token()),
    "quoted charset": (200, (("Content-Type", 'application/json; charset="utf-8"'), NO_STORE), token()),
    "directives on one line": (200, (JSON, ("Cache-Control", "no-cache, No-Store, max-age=0")), token()),
    "directives on two lines": (200, (JSON, ("Cache-Control", "private"), ("cache-control", "no-store")), token()),
    "extra members": (200, (JSON, NO_STORE), token(example={"a": [1, None]}, token_kind="x")),
    "no expires_in": (200, (JSON, NO_STORE), b'{"access_token": "***", "token_type": "bearer"}'),
    "expires_in 0": (200, (JSON, NO_STORE), token(expires_in=0)),
    "large expires_in": (200, (JSON, NO_STORE), token(expires_in=10**30)),
    "other token type": (200, (JSON, NO_STORE), token(token_type="urn:example:type")),
    "scope": (200, (JSON, NO_STORE), token(scope="read write")),
    "empty scope": (200, (JSON, NO_STORE), token(scope="")),
    "scope as array": (200, (JSON, NO_STORE), token(scope=["read"])),
    "null scope": (200, (JSON, NO_STORE), token(scope=None)),
    "refresh token": (200, (JSON, NO_STORE), token(refresh_token="********")),
    "null refresh token": (200, (JSON, NO_STORE), token(refresh_token=None)),
    "error beside a token": (200, (JSON, NO_STORE), token(error="")),
    "JWT": (200, (JSON, NO_STORE), token(access_token="eyJhbGciOiJIUzI1NiJ9.e30.c2ln")),
    "unpaired surrogate in an extra member": (200, (JSON, NO_STORE), token()[:-1] + b', "\\ud800": "\\uDFFF"}'),
    "number beyond the reader": (200, (JSON, NO_STORE), token()[:-1] + b', "n": ' + b"1" * 5000 + b"}"),
    "nesting beyond the reader": (200, (JSON, NO_STORE), token()[:-1] + b', "n": ' + b"[" * 9**5 + b"]" * 9**5 + b"}"),
    "refusal": (400, (JSON, NO_STORE), error()),
    "refusal without no-store": (400, (JSON,), error()),
    "cacheable refusal": (400, (JSON, ("Cache-Control", "public")), error()),
    "extension code": (400, (JSON,), error(error="slow_down")),
    "code of the authorization endpoint": (400, (JSON,), error(error="server_error")),
    "description and URI": (400, (JSON,), error(error_description="Use POST.", error_uri="/help?a=1#b")),
    "empty description": (400, (JSON,), error(error_description="")),
    "extra members of a refusal": (400, (JSON,), error(timestamp=1, path="\u00fc\n")),
    "unauthenticated": (401, (JSON, CHALLENGE), error(error="invalid_client")),
    "several challenges": (401, (JSON, ("WWW-Authenticate", "Bearer"), CHALLENGE), error(error="invalid_client")),
    "challenge after an empty element": (401, (JSON, ("WWW-Authenticate", ", Basic realm=x")), error()),
    "challenge by name": (401, (JSON, ("WWW-Authenticate", "Negotiate")), error()),
    "invalid_client with 400": (400, (JSON,), error(error="invalid_client")),
}

BREACHES: dict[str, tuple[int, tuple[tuple[str, str], ...], bytes, str]] = {
    "created": (201, (JSON, NO_STORE), token(), "status 201 is not described"),
    "no content": (204, (), b"", "status 204 is not described"),
    "token as text": (200, (("Content-Type", "text/plain"), NO_STORE), token(), 'Content-Type "text/plain"'),
    "token as a JSON dialect": (200, (("Content-Type", "application/problem+json"), NO_STORE), token(), "Content-Type"),
    "token without Content-Type": (200, (NO_STORE,), token(), "Content-Type is missing"),
    "unreadable Content-Type": (200, (("Content-Type", "json"), NO_STORE), token(), "is not a media type"),
    "token without no-store": (200, (JSON,), token(), "header Cache-Control is missing"),
    "cacheable token": (200, (JSON, ("Cache-Control", "private, max-age=5")), token(), "header Cache-Control: "),
    "lookalike directive": (200, (JSON, ("Cache-Control", "no-store-x")), token(), "header Cache-Control: "),
    "envelope": (200, (JSON, NO_STORE), b'{"code": 0, "data": {}}', 'body: "access_token" is a required property'),
    "array": (200, (JSON, NO_STORE), b"[]", 'body: the value does not satisfy type "object"'),
    "cut JSON": (200, (JSON, NO_STORE), token()[:-1], "body: not JSON"),
    "empty body": (200, (JSON, NO_STORE), b"", "body: not JSON"),
    "HTML under a JSON label": (400, (JSON,), b"<p>no</p>", "body: not JSON"),
    "byte order mark": (200, (JSON, NO_STORE), b"\xef\xbb\xbf" + token(), "body: not JSON"),
    "Latin-1": (400, (JSON,), b'{"error": "invalid_request", "hint": "\xfc"}', "body: not UTF-8"),
    "empty token": (200, (JSON, NO_STORE), token(access_token=""), "body access_token: "),
    "numeric token": (200, (JSON, NO_STORE), token(access_token=12), "body access_token: "),
    "control character in a token": (200, (JSON, NO_STORE), token(access_token="a\n"), "body access_token: "),
    "no token type": (200, (JSON, NO_STORE), b'{"access_token": "*"}', 'body: "token_type" is a required property'),
    "null token type": (200, (JSON, NO_STORE), token(token_type=None), "body token_type: null does not satisfy type"),
    "token type with a space": (200, (JSON, NO_STORE), token(token_type="a b"), 'body token_type: "a b" is not as'),
    "expires_in as text": (200, (JSON, NO_STORE), token(expires_in="3600"), 'body expires_in: "3600" does not satisfy'),
    "negative expires_in": (200, (JSON, NO_STORE), token(expires_in=-1), "body expires_in: -1 is not as described"),
    "null expires_in": (200, (JSON, NO_STORE), token(expires_in=None), "body expires_in: null does not satisfy"),
    "refusal without a code": (400, (JSON,), b'{"message": "no"}', 'body: "error" is a required property'),
    "numeric code": (400, (JSON,), error(error=400), "body error: 400 does not satisfy type"),
    "empty code": (400, (JSON,), error(error=""), 'body error: "" is not as described'),
    "quote in a code": (400, (JSON,), error(error='"'), "body error: "),
    "umlaut in a description": (400, (JSON,), error(error_description="\u00fc"), "body error_description: "),
    "line break in a description": (400, (JSON,), error(error_description="a\nb"), "body error_description: "),
    "null description": (400, (JSON,), error(error_description=None), "body error_description: null"),
    "space in a URI": (400, (JSON,), error(error_uri="/a b"), 'body error_uri: "/a b" is not as described'),
    "refusal as HTML": (400, (("Content-Type", "text/html"),), b"<p>no</p>", 'Content-Type "text/html"'),
    "no challenge": (401, (JSON,), error(error="invalid_client"), "header WWW-Authenticate is missing"),
    "empty challenge": (401, (JSON, ("WWW-Authenticate", "")), error(), 'header WWW-Authenticate: "" is not as'),
    "challenge without a scheme": (
        401,
        (JSON, ("WWW-Authenticate", 'realm="x"')),
        error(),
        "header WWW-Authenticate: ",
    ),
}


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("answer", CONFORMANT)
def test_conformant_answer_matches(name: str, answer: str) -> None:
    status, fields, body = CONFORMANT[answer]

    assert judge(name).violations(status=status, fields=fields, body=body) == ()


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("answer", BREACHES)
def test_breach_is_one_named_violation(name: str, answer: str) -> None:
    status, fields, body, named = BREACHES[answer]

    (line,) = judge(name).violations(status=status, fields=fields, body=body)

    assert named in line
    assert "\n" not in line


@pytest.mark.parametrize("status", [301, 302, 403, 404, 406, 408, 411, 414, 417, 421, 422, 426, 500, 501, 503])
def test_status_that_is_not_described_is_judged_elsewhere(status: int) -> None:
    assert judge("passport.yaml").violations(status=status, fields=(("Content-Type", "text/html"),), body=b"<p>") == ()


@pytest.mark.parametrize("status", [405, 413, 415, 429, 431])
def test_answers_of_the_http_layer_match_whatever_their_body(status: int) -> None:
    for fields, body in (
        ((), b""),
        ((JSON,), b"{"),
        ((("Content-Type", "text/html"), ("Retry-After", "soon")), b"<p>"),
    ):
        assert judge("passport.yaml").violations(status=status, fields=fields, body=body) == ()


def test_several_violations_come_one_line_each_with_their_sources() -> None:
    lines = judge("passport.yaml").violations(
        status=200, fields=(JSON,), body=b'{"token_type": null, "expires_in": "1"}'
    )

    assert sorted(lines) == [
        'body expires_in: "1" does not satisfy type "integer" (RFC 6749 section 5.1, appendix A.14)',
        'body token_type: null does not satisfy type "string" (RFC 6749 section 5.1, appendix A.13)',
        'body: "access_token" is a required property (RFC 6749 section 5.1)',
        "header Cache-Control is missing (RFC 6749 section 5.1)",
    ]


@pytest.mark.parametrize(
    "body", [b'["s3cret"]', b'{"access_token": ["s3cret"], "token_type": "x"}', token(access_token="s3cret\n")]
)
def test_values_of_secrets_stay_out_of_violations(body: bytes) -> None:
    lines = judge("passport.yaml").violations(status=200, fields=(JSON, NO_STORE), body=body)

    assert lines
    assert "s3cret" not in " ".join(lines)


def test_long_values_are_cut() -> None:
    (line,) = judge("passport.yaml").violations(status=400, fields=(JSON,), body=error(error="\u00fc" * 10_000))

    assert len(line) < 500
    assert "(60002 characters)" in line


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", b"\x00" * 9, b"nul", b'"', b"NaN", b"1e999", b'"\\ud800"', b"[" * 9**5]
)
def test_no_body_raises(body: bytes) -> None:
    for fields in ((), (JSON,), (("Content-Type", "text/yaml"),), (("Content-Type", "application/xml"),)):
        assert isinstance(judge("passport.yaml").violations(status=200, fields=fields, body=body), tuple)


def test_judge_works_at_another_path() -> None:
    elsewhere = Judge(load("rfc6749.yaml"), "/realms/a/token")

    assert elsewhere.violations(status=200, fields=(JSON, NO_STORE), body=token()) == ()
    assert elsewhere.violations(status=200, fields=(JSON,), body=token())


def test_judging_a_thousand_answers_takes_less_than_a_second() -> None:
    judging = judge("passport.yaml")
    started = time.process_time()

    for _ in range(1000):
        judging.violations(status=200, fields=(JSON, NO_STORE), body=token())

    assert time.process_time() - started < 1


def test_of_several_operations_the_one_at_the_token_path_judges() -> None:
    description = load("passport.yaml")
    other = {"post": {"responses": {"204": {"description": "Done."}}}}
    both = changed(description, "paths", "/other", to=other)

    assert Judge(both, PATH).violations(status=200, fields=(JSON, NO_STORE), body=token()) == ()
    assert Judge(both, "/other").violations(status=204, fields=(), body=b"") == ()
    with pytest.raises(DescriptionError, match=r"one POST operation.*/passport/oauth/token, /other"):
        Judge(both, "/neither")
    with pytest.raises(DescriptionError, match="one POST operation"):
        draw(both, seed=1, examples=1)
    assert draw(both, seed=1, examples=1, token_path="/other")


def test_headers_of_a_vendor_are_judged_by_their_type() -> None:
    headers = ("paths", PATH, "post", "responses", "400", "headers")
    limit = {"required": True, "schema": {"type": "integer", "minimum": 0}, "x-source": "the vendor"}
    judging = Judge(changed(load("passport.yaml"), *headers, to={"X-Limit": limit}), PATH)

    assert judging.violations(status=400, fields=(JSON, ("X-Limit", "5")), body=error()) == ()
    (line,) = judging.violations(status=400, fields=(JSON, ("X-Limit", "many")), body=error())
    assert line == 'header X-Limit: "many" does not satisfy type "integer" (the vendor)'


UNUSABLE = {
    "pattern": (("components", "schemas", "Token", "pattern"), "(", "the pattern \\( is no regular expression"),
    "reference": (("components", "schemas", "Token", "$ref"), "#/components/schemas/No", "leads nowhere"),
    "outside": (("components", "schemas", "Token", "$ref"), "https://a.example/b", "leads out of the document"),
    "version": (("openapi",), "9.9", "9.9"),
    "operation": (("paths", PATH, "post"), None, "post"),
    "no operation": (("paths",), {}, "not none"),
    "type": (("components", "schemas", "Token", "type"), "objekt", "objekt"),
    "statuses": (("paths", PATH, "post", "responses"), {"default": {"description": "Any."}}, "no status code"),
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_unusable_description_is_refused_in_one_line(fault: str) -> None:
    path, value, reason = UNUSABLE[fault]

    with pytest.raises(DescriptionError, match=reason) as caught:
        Judge(changed(load("passport.yaml"), *path, to=value), PATH)

    assert "\n" not in str(caught.value)


def test_description_that_no_request_satisfies_is_refused() -> None:
    impossible = {"type": "string", "minLength": 2, "maxLength": 1}
    path = ("components", "schemas", "TokenRequest", "properties", "grant_type")

    with pytest.raises(DescriptionError, match="no request can be drawn"):
        draw(changed(load("passport.yaml"), *path, to=impossible), seed=1, examples=2)


def test_a_description_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(json.dumps(load("passport.yaml")))

    assert load(file) == load("passport.yaml")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\xff", "own.yaml"), (b"a: [", "own.yaml"), (b"[]", "has no paths"), (b"paths: 1", "has no paths")],
)
def test_unreadable_description_names_the_file(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_bytes(content)

    with pytest.raises(DescriptionError, match=reason) as caught:
        load(file)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.yaml", Path("/missing.yaml")])
def test_missing_description_names_the_file(name: str | Path) -> None:
    with pytest.raises(DescriptionError, match=r"missing\.yaml"):
        load(name)
