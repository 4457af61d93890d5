"""Settings: precedence, every rule about what is accepted, and the one line that says what is wrong."""

from __future__ import annotations

import copy
import json
import os
import pickle
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from conformance.settings import Settings, SettingsError, known_keys, resolve
from conformance.target import Credentials, Extra, Limits, Secret, Table, Target, is_loopback, parse_base_url, target_at

E = "TOKEN_CONFORMANCE_"
WORD = "hunter2-is-secret"
SECRET = {E + "CLIENT_SECRET": WORD}
LOCAL = {"base_url": "http://127.0.0.1:8080", "client_id": "app"}
TARGETS = """
client_id = "shared"
timeout = 3

[targets.staging]
base_url = "https://staging.example/api/"
client_secret_env = "STAGING_SECRET"
profile = "rfc6749"
token_path = "/token"

[targets.live]
base_url = "https://live.example"
client_id = "live-app"
client_secret_file = "live.secret"
"""


def result(
    folder: Path, flags: dict[str, Any] | None = None, env: dict[str, str] | None = None, toml: str | None = None
) -> Settings:
    if toml is not None:
        (folder / "conformance.toml").write_text(toml, encoding="utf-8")
    return resolve(flags or {}, env or {}, folder)


def judged(
    folder: Path, flags: dict[str, Any] | None = None, env: dict[str, str] | None = None, toml: str | None = None
) -> Target:
    target = result(folder, {**LOCAL, **(flags or {})}, {**SECRET, **(env or {})}, toml).target
    assert target is not None
    return target


def refusal(
    folder: Path, flags: dict[str, Any] | None = None, env: dict[str, str] | None = None, toml: str | None = None
) -> str:
    with pytest.raises(SettingsError) as caught:
        result(folder, flags, env, toml)
    text = str(caught.value)
    assert text.isprintable()
    assert WORD not in text
    return text


# Defaults, names and precedence


def test_nothing_given_means_the_embedded_endpoint_and_the_stated_defaults(tmp_path: Path) -> None:
    found = resolve({}, {"PATH": "/bin"}, tmp_path)
    assert (found.target, found.profile.name, found.limits) == (None, "passport", Limits(10, 4, None))
    assert (found.select, found.include, found.cases) == ((), (), ())
    assert (found.fail_on, found.examples, found.seed) == ("must", 100, 1)
    assert (found.report_dir, found.allow_plain_http) == (None, False)


def test_flags_that_were_not_given_say_nothing(tmp_path: Path) -> None:
    absent = {key.name: () if key.kind.separator else None for key in known_keys() if key.flag}
    assert resolve({**absent, "allow_plain_http": False}, {}, tmp_path) == resolve({}, {}, tmp_path)


def test_every_flag_has_its_variable_and_its_key() -> None:
    for key in known_keys():
        if key.flag:
            assert key.flag == "--" + key.option
            assert key.variable == E + key.option.upper().replace("-", "_")
            assert key.toml or key.option == "config"
    names = {key.option: key.toml for key in known_keys()}
    assert (names["target"], names["header"], names["max-rps"]) == ("default_target", "headers", "max_rps")


def test_the_secret_has_no_flag_and_no_literal_key() -> None:
    secret = next(key for key in known_keys() if key.option == "client-secret")
    assert (secret.flag, secret.toml, secret.variable) == (None, None, E + "CLIENT_SECRET")


@pytest.mark.parametrize(
    ("option", "flag", "variable", "key", "read"),
    [
        ("profile", "rfc6749", "passport", '"passport"', lambda s: s.profile.name),
        ("timeout", 1.5, "2.5", "3.5", lambda s: s.limits.timeout),
        ("concurrency", 7, "8", "9", lambda s: s.limits.concurrency),
        ("max_rps", 5, "6", "7.5", lambda s: s.limits.max_rps),
        ("fail_on", "never", "should", '"must"', lambda s: s.fail_on),
        ("examples", 0, "1", "2", lambda s: s.examples),
        ("seed", 3, "4", "5", lambda s: s.seed),
        ("select", ("AUTH,REQ-001", "ERR"), "AUTH, HDR", '["CTYPE"]', lambda s: s.select),
        ("include", ("WIRE-005",), "WIRE-006", '["WIRE-007"]', lambda s: s.include),
    ],
)
def test_a_flag_goes_before_a_variable_before_the_file(
    option: str, flag: Any, variable: str, key: str, read: Any, tmp_path: Path
) -> None:
    toml = f"{option} = {key}"
    env = {E + option.upper(): variable}
    from_file, from_env, from_flag = (
        read(result(tmp_path, *given, toml)) for given in (({}, {}), ({}, env), ({option: flag}, env))
    )
    expected = json.loads(key)
    assert from_file == (tuple(expected) if isinstance(expected, list) else expected)
    assert str(from_env if not isinstance(from_env, tuple) else ", ".join(from_env)) in {variable, f"{variable}.0"}
    assert from_flag == (("AUTH", "REQ-001", "ERR") if option == "select" else flag)


def test_each_setting_of_a_target_goes_by_flag_then_variable_then_table_then_top(tmp_path: Path) -> None:
    toml = 'scope = "top"\ntoken_path = "/top"\nclient_id = "top"\n[targets.a]\nbase_url = "http://localhost:1"\n'
    toml += 'token_path = "/table"\nclient_id = "table"\n'
    env = {**SECRET, E + "CLIENT_ID": "env"}
    target = result(tmp_path, {"target": "a"}, env, toml).target
    assert target is not None
    assert (target.scope, target.token_path, target.credentials.client_id) == ("top", "/table", "env")
    target = result(tmp_path, {"target": "a", "client_id": "flag"}, env, toml).target
    assert target is not None
    assert target.credentials.client_id == "flag"


def test_a_flag_may_come_as_text(tmp_path: Path) -> None:
    found = resolve({"seed": " 9 ", "timeout": ".5", "max_rps": "2"}, {}, tmp_path)
    assert (found.seed, found.limits) == (9, Limits(0.5, 4, 2.0))


@pytest.mark.parametrize(("word", "meaning"), [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("no", False)])
def test_a_variable_can_say_yes_and_no(word: str, meaning: bool, tmp_path: Path) -> None:
    env = {**SECRET, E + "ALLOW_PLAIN_HTTP": word}
    assert result(tmp_path, LOCAL, env, "allow_plain_http = true").allow_plain_http is meaning


# Where the file is


def test_a_named_file_replaces_the_one_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/my.toml").write_text('seed = 5\nreport_dir = "out"\nprofile = "v.toml"', encoding="utf-8")
    (tmp_path / "sub/v.toml").write_text('extends = "passport"', encoding="utf-8")
    found = result(tmp_path, {"config": "sub/my.toml"}, {}, "seed = 6")
    assert (found.seed, found.report_dir, found.profile.name) == (5, tmp_path / "sub/out", "v")
    assert result(tmp_path, {}, {E + "CONFIG": "sub/my.toml"}).seed == 5
    assert result(tmp_path).seed == 6


def test_paths_of_flags_and_variables_start_from_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("", encoding="utf-8")
    (tmp_path / "b.py").write_text("", encoding="utf-8")
    found = result(tmp_path, {"report_dir": Path("out")}, {E + "CASES": "a.py\nb.py\n"})
    assert (found.report_dir, found.cases) == (tmp_path / "out", (tmp_path / "a.py", tmp_path / "b.py"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("seed =", "conformance.toml: is no TOML: "),
        ("seed = 1\nseed = 2", "conformance.toml: is no TOML: "),
        ("sed = 1", "conformance.toml: sed: is no setting; accepted: base_url, "),
        ("sed = 1", "did you mean 'seed'?"),
        ("header = {}", "did you mean 'headers'?"),
        ("dry_run = true", "conformance.toml: dry_run: can only be given as --dry-run"),
        (f'client_secret = "{WORD}"', "conformance.toml: client_secret: a secret never stands in this file; accepted:"),
        (f'[targets.a]\nclient_secret = "{WORD}"', "targets.a.client_secret: a secret never stands in this file"),
        ('[targets.a]\nbase_ur = "x"', "conformance.toml: targets.a.base_ur: is no setting; accepted:"),
        ("[targets.a]\nseed = 1", "conformance.toml: targets.a.seed: belongs to the run, not to a target"),
        ('[targets.a]\ndefault_target = "a"', "targets.a.default_target: belongs to the run"),
        ("targets = 1", "conformance.toml: targets: a number is not accepted; accepted: tables such as"),
        ("[targets]\na = 1", "conformance.toml: targets.a: a number is not accepted"),
        ('[targets."../x"]', "conformance.toml: targets: '../x' is no name"),
        ("seed = true", "conformance.toml: seed: a true or false is not accepted; accepted: a whole number from 0"),
        ('seed = "1"', "conformance.toml: seed: a string is not accepted"),
        ("seed = 1.0", "conformance.toml: seed: 1.0 is not accepted"),
        ("timeout = nan", "conformance.toml: timeout: nan is not accepted"),
        ("timeout = inf", "conformance.toml: timeout: inf is not accepted"),
        (f"max_rps = 1{'0' * 400}", "conformance.toml: max_rps: a number is not accepted; accepted: a number above 0"),
        ('allow_plain_http = "yes"', "conformance.toml: allow_plain_http: a string is not accepted"),
        (
            'select = "AUTH"',
            'conformance.toml: select: a string is not accepted; accepted: a list of strings, such as ["',
        ),
        ("select = []", "conformance.toml: select: is empty"),
        ("select = [1]", "conformance.toml: select: a number is not accepted; accepted: a string"),
        ('headers = ["X: 1"]', "conformance.toml: headers: a list is not accepted; accepted: a table"),
        ("headers = { X = 1 }", "conformance.toml: headers: 'X': a number is not accepted; accepted: a string or"),
        ('headers = { X = { env = "A", b = 1 } }', "headers: 'X': a table is not accepted"),
        ("headers = { X = { env = 1 } }", "conformance.toml: headers: a number is not accepted; accepted: a string"),
    ],
)
def test_a_bad_file_is_refused_naming_file_and_key(content: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(tmp_path, {}, {}, content)


def test_a_file_that_cannot_be_read_is_named_with_where_its_name_came_from(tmp_path: Path) -> None:
    gone = "x.toml: cannot be read: No such file or directory"
    assert refusal(tmp_path, {"config": "x.toml"}) == f"--config: {gone}"
    assert refusal(tmp_path, {}, {E + "CONFIG": "x.toml"}) == f"{E}CONFIG: {gone}"
    (tmp_path / "conformance.toml").mkdir()
    assert refusal(tmp_path) == "conformance.toml: cannot be read: Is a directory"
    (tmp_path / "conformance.toml").rmdir()
    (tmp_path / "conformance.toml").write_bytes(b"seed = 1 # \xff")
    assert refusal(tmp_path) == "conformance.toml: cannot be read: not UTF-8"


# Values out of bounds, from each source


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"timeout": 0}, "--timeout: 0 is not accepted; accepted: a number above 0, at most 600"),
        ({"timeout": 600.1}, "--timeout: 600.1 is not accepted"),
        ({"timeout": "soon"}, "--timeout: 'soon' is not accepted; accepted: a number above 0, at most 600"),
        ({"timeout": "nan"}, "--timeout: 'nan' is not accepted"),
        ({"timeout": "1_0"}, "--timeout: '1_0' is not accepted"),
        ({"concurrency": 0}, "--concurrency: 0 is not accepted; accepted: a whole number from 1 to 64"),
        ({"concurrency": 65}, "--concurrency: 65 is not accepted"),
        ({"concurrency": "4.0"}, "--concurrency: '4.0' is not accepted"),
        ({"examples": -1}, "--examples: -1 is not accepted; accepted: a whole number from 0 to 100000"),
        ({"examples": 100_001}, "--examples: 100001 is not accepted"),
        ({"seed": -1}, "--seed: -1 is not accepted; accepted: a whole number from 0"),
        ({"seed": "9" * 5000}, "--seed: '999"),
        ({"max_rps": 0}, "--max-rps: 0 is not accepted; accepted: a number above 0"),
        ({"max_rps": "-1"}, "--max-rps: -1.0 is not accepted"),
        ({"fail_on": "mus"}, "--fail-on: 'mus' is not accepted; accepted: must, should, never; did you mean 'must'?"),
        ({"profile": "pasport"}, "--profile: 'pasport' is no profile; "),
        ({"profile": "pasport"}, "did you mean 'passport'?"),
        ({"profile": ""}, "--profile: is empty"),
        ({"profile": "gone.toml"}, "--profile: gone.toml: cannot be read: No such file"),
        ({"select": ("",)}, "--select: is empty"),
        ({"select": ("AUTH,,ERR",)}, "--select: is empty"),
        ({"cases": ("gone.py",)}, "--cases: 'gone.py' cannot be read: No such file or directory"),
        ({"cases": (".",)}, "--cases: '.' cannot be read: Is a directory"),
        ({"cases": ("a\0b",)}, "--cases: holds NUL"),
        ({"report_dir": ""}, "--report-dir: is empty"),
        ({"report_dir": "file"}, "--report-dir: 'file' is a file; accepted: a folder"),
        ({"target": "a b"}, "--target: 'a b' is no name"),
        ({"bse_url": "x"}, "'bse_url' is no option; "),
        ({"client_secret": WORD}, "'client_secret' is no option; "),
    ],
)
def test_a_bad_flag_is_refused_naming_it_and_what_is_accepted(flags: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert said in refusal(tmp_path, flags)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SEED", "x", "SEED: 'x' is not accepted; accepted: a whole number from 0"),
        ("SEED", "", "SEED: '' is not accepted"),
        (
            "ALLOW_PLAIN_HTTP",
            "maybe",
            "ALLOW_PLAIN_HTTP: 'maybe' is not accepted; accepted: 1, true, yes, 0, false, no",
        ),
        ("SELECT", "", "SELECT: is empty"),
        ("CASES", "\n", "CASES: is empty"),
        ("HEADER", "", "HEADER: is empty; accepted: one header a line, as name:value"),
        ("PROFILE", "\udcff.toml", "PROFILE: is not UTF-8"),
        ("BASEURL", "x", f"{E}BASEURL: is no setting; accepted: "),
        ("BASEURL", "x", f"did you mean '{E}BASE_URL'?"),
        ("HEADERS", "x", f"did you mean '{E}HEADER'?"),
        ("CLIENT_SECRET_ENV", WORD, f"{E}CLIENT_SECRET_ENV: is no setting; "),
        ("CLIENT_SECERT", WORD, f"did you mean '{E}CLIENT_SECRET'?"),
        ("DRY_RUN", "1", f"{E}DRY_RUN: can only be given as --dry-run"),
        ("", "1", f"{E}: is no setting; "),
        ("A\nB", "1", f"{E}A\\nB: is no setting"),
    ],
)
def test_a_bad_variable_is_refused_naming_it(name: str, value: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(tmp_path, {}, {E + name: value})


# Embedded or not


def test_profile_selection_pace_and_report_are_free_on_the_embedded_endpoint(tmp_path: Path) -> None:
    flags = {"profile": "rfc6749", "select": ("AUTH",), "include": ("WIRE-005",), "fail_on": "never", "examples": 1}
    pace = {"seed": 1, "concurrency": 2, "max_rps": 3, "timeout": 4, "report_dir": "out"}
    assert resolve({**flags, **pace}, {}, tmp_path).target is None


@pytest.mark.parametrize(
    ("flags", "env", "toml", "where"),
    [
        ({"client_id": "a"}, {}, None, "--client-id"),
        ({"token_path": "/t"}, {}, None, "--token-path"),
        ({"scope": "a"}, {}, None, "--scope"),
        ({"header": ("A: b",)}, {}, None, "--header"),
        ({"parameter": ("a=b",)}, {}, None, "--parameter"),
        ({"ca_bundle": "ca.pem"}, {}, None, "--ca-bundle"),
        ({"allow_plain_http": True}, {}, None, "--allow-plain-http"),
        ({}, SECRET, None, E + "CLIENT_SECRET"),
        ({}, {E + "CLIENT_SECRET_FILE": "s"}, None, E + "CLIENT_SECRET_FILE"),
        ({}, {E + "ALLOW_PLAIN_HTTP": "0"}, None, E + "ALLOW_PLAIN_HTTP"),
        ({}, {}, 'client_id = "a"', "conformance.toml: client_id"),
        ({}, {}, 'client_secret_env = "A"', "conformance.toml: client_secret_env"),
        ({}, {}, "headers = {}", "conformance.toml: headers"),
        ({"target": "a"}, {}, "[targets.a]", "--target"),
        ({}, {}, 'default_target = "a"\n[targets.a]', "conformance.toml: default_target"),
    ],
)
def test_a_setting_of_a_target_needs_a_base_url(
    flags: dict[str, Any], env: dict[str, str], toml: str | None, where: str, tmp_path: Path
) -> None:
    ways = f"give --base-url, {E}BASE_URL or base_url in conformance.toml"
    assert refusal(tmp_path, flags, env, toml) == f"{where}: belongs to a target, but there is no base URL; {ways}"


@pytest.mark.parametrize(
    ("flags", "env", "toml", "where"),
    [
        ({"base_url": ""}, {}, None, "--base-url"),
        ({}, {E + "BASE_URL": ""}, None, E + "BASE_URL"),
        ({}, {}, 'base_url = ""', "conformance.toml: base_url"),
        ({**LOCAL}, {**SECRET, E + "BASE_URL": ""}, None, E + "BASE_URL"),
    ],
)
def test_an_empty_base_url_is_an_error_and_not_the_embedded_endpoint(
    flags: dict[str, Any], env: dict[str, str], toml: str | None, where: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, flags, env, toml).startswith(f"{where}: the base URL is empty; accepted: ")


# Targets of the file


def test_a_named_target_takes_its_table_and_then_the_top_of_the_file(tmp_path: Path) -> None:
    found = result(tmp_path, {"target": "staging"}, {"STAGING_SECRET": WORD}, TARGETS)
    filed = {"base-url", "token-path", "client-id", "client-secret-env", "profile", "timeout"}
    assert found.target == replace(
        target_at("https://staging.example/api", "/token", Credentials("shared", Secret(WORD)), name="staging"),
        table=Table(None, frozenset(filed)),
    )
    assert found.target.path == "/api/token"
    assert (found.profile.name, found.limits) == ("rfc6749", Limits(3, 4, 20))


def test_default_target_chooses_where_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "live.secret").write_bytes(b"from-file\r\n")
    toml = 'default_target = "live"\n' + TARGETS
    target = result(tmp_path, {}, {}, toml).target
    assert target is not None
    assert (target.name, target.credentials) == ("live", Credentials("live-app", Secret("from-file")))
    target = result(tmp_path, {}, {E + "TARGET": "staging", "STAGING_SECRET": "x"}, toml).target
    assert target is not None
    assert target.name == "staging"


def test_default_target_does_not_lend_its_secret_to_another_base_url(tmp_path: Path) -> None:
    (tmp_path / "live.secret").write_bytes(b"from-file")
    toml = 'default_target = "live"\n' + TARGETS.replace('client_id = "shared"\n', "")
    text = refusal(tmp_path, {"base_url": "http://localhost:1"}, {}, toml)
    assert text.startswith("no client id for the target of --base-url; give --client-id, ")
    assert text.endswith("; conformance.toml: default_target does not apply beside --base-url, --target would")
    text = refusal(tmp_path, LOCAL, {}, toml)
    assert text.startswith("no client secret; ")


def test_a_target_asked_for_keeps_its_name_beside_another_base_url(tmp_path: Path) -> None:
    target = result(
        tmp_path, {"target": "staging", "base_url": "http://[::1]:9"}, {"STAGING_SECRET": "x"}, TARGETS
    ).target
    assert target is not None
    assert (target.name, target.authority, target.credentials.client_id) == ("staging", "[::1]:9", "shared")


@pytest.mark.parametrize(
    ("flags", "toml", "said"),
    [
        ({}, TARGETS, "conformance.toml: no target is chosen; give --target, "),
        ({}, TARGETS, "accepted: staging, live"),
        ({}, 'base_url = "http://localhost"\n' + TARGETS.strip(), "no target is chosen"),
        (
            {"target": "stagin"},
            TARGETS,
            "--target: 'stagin' is no target of conformance.toml; accepted: staging, live; ",
        ),
        ({"target": "stagin"}, TARGETS, "did you mean 'staging'?"),
        ({"target": "staging"}, None, "--target: 'staging' is no target of conformance.toml; accepted: none"),
        ({"base_url": "http://localhost", "target": "a"}, None, "--target: 'a' is no target"),
        ({**LOCAL}, 'default_target = "liv"\n' + TARGETS, "conformance.toml: default_target: 'liv' is no target"),
        (
            {"target": "live"},
            TARGETS.replace("[targets.staging]", '[targets.staging]\nscope = ""'),
            "targets.staging.scope",
        ),
    ],
)
def test_a_target_that_is_not_there_or_not_chosen_is_an_error(
    flags: dict[str, Any], toml: str | None, said: str, tmp_path: Path
) -> None:
    assert said in refusal(tmp_path, flags, {}, toml)


def test_a_file_with_targets_leaves_a_given_base_url_alone(tmp_path: Path) -> None:
    target = judged(tmp_path, {}, {}, TARGETS)
    assert (target.name, target.authority) == ("127.0.0.1_8080", "127.0.0.1:8080")


# The endpoint


@pytest.mark.parametrize(
    ("url", "parts", "authority"),
    [
        ("http://127.0.0.1:8080", ("http", "127.0.0.1", 8080, ""), "127.0.0.1:8080"),
        ("HTTPS://IDP.Example/", ("https", "idp.example", 443, ""), "idp.example"),
        ("https://idp.example:443//", ("https", "idp.example", 443, ""), "idp.example"),
        ("https://idp.example:80/a/b/", ("https", "idp.example", 80, "/a/b"), "idp.example:80"),
        ("http://localhost/a%20b", ("http", "localhost", 80, "/a%20b"), "localhost"),
        ("https://[0:0::1]/", ("https", "::1", 443, ""), "[::1]"),
        ("https://[2001:DB8::1]:8443", ("https", "2001:db8::1", 8443, ""), "[2001:db8::1]:8443"),
        ("https://bücher.example", ("https", "xn--bcher-kva.example", 443, ""), "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", ("https", "xn--bcher-kva.example", 443, ""), "xn--bcher-kva.example"),
        ("http://token_server:5000", ("http", "token_server", 5000, ""), "token_server:5000"),
    ],
)
def test_a_base_url_is_read_into_its_parts(url: str, parts: tuple[str, str, int, str], authority: str) -> None:
    assert parse_base_url(url) == parts
    target = target_at(url, "/t", Credentials("a", Secret("b")))
    assert (target.authority, target.path) == (authority, parts[3] + "/t")
    again = target_at(target.base_url, "/t", target.credentials)
    assert replace(again, base_url=target.base_url) == target


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("idp.example", "has no scheme"),
        ("//idp.example", "has no scheme"),
        ("idp.example:8080", "has no scheme"),
        ("/passport", "has no scheme"),
        ("ftp://idp.example", "has the scheme 'ftp'; accepted: http, https"),
        ("https:idp.example", "has no scheme"),
        (f"https://app:{WORD}@idp.example", "holds user information"),
        (f"https://{WORD}@idp.example", "holds user information"),
        (f"https://app:{WORD}/@idp.example", "has a malformed port"),
        ("https://idp.example?a=b", "holds a query or a fragment"),
        (f"https://idp.example/?key={WORD}", "holds a query or a fragment"),
        ("https://idp.example/#", "holds a query or a fragment"),
        (" https://idp.example", "holds white space"),
        ("https://idp.example\n", "holds white space or a control character"),
        ("https://idp.exam ple", "holds white space"),
        ("https://idp.example:0", "has a malformed port; accepted: 1 to 65535"),
        ("https://idp.example:65536", "has a malformed port"),
        ("https://idp.example:", "has a malformed port"),
        ("https://idp.example:+80", "has a malformed port"),
        ("https://idp.example:٨٠", "has a malformed port"),
        ("https://", "has no host"),
        ("https:///path", "has no host"),
        ("https://:80", "has no host"),
        ("https://[::1", "has a malformed host"),
        ("https://::1", "has a malformed"),
        ("https://[127.0.0.1]", "which is no IPv6 address"),
        ("https://[fe80::1%25eth0]", "has an IPv6 address with a zone; accepted: one without"),
        ("https://256.1.1.1", "which is no IPv4 address"),
        ("http://127.1", "which is no IPv4 address"),
        ("http://2130706433", "which is no IPv4 address"),
        ("http://0x7f000001", "which is no IPv4 address"),
        ("https://a..b", "which is no host name"),
        ("https://idp.example.", "which is no host name"),
        ("https://-a.example", "which is no host name"),
        ("https://" + "a" * 64, "which is no host name"),
        ("https://" + "é" * 63 + ".example", "which is no host name"),
        ("https://" + "a." * 130 + "b", "which is no host name"),
        ("https://straße.example", "whose A-label is ambiguous"),
        ("https://idp%2eexample", "which is no host name"),
        ("https://idp.example\\path", "which is no host name"),
        ("https://\udcff.example", "holds white space or a control character"),
        ("https://idp.example/a/%zz", "the path holds a character"),
        ("https://idp.example/ä", "the path holds a character"),
    ],
)
def test_a_malformed_base_url_is_refused_without_being_repeated(url: str, said: str, tmp_path: Path) -> None:
    for flags, env, where in (({"base_url": url}, {}, "--base-url"), ({}, {E + "BASE_URL": url}, E + "BASE_URL")):
        text = refusal(tmp_path, flags, env)
        assert text.startswith(f"{where}: the ")
        assert said in text


def test_a_name_is_made_from_host_and_port(tmp_path: Path) -> None:
    assert judged(tmp_path).name == "127.0.0.1_8080"
    assert judged(tmp_path, {"base_url": "https://idp.example"}).name == "idp.example_443"
    assert judged(tmp_path, {"base_url": "http://[::1]"}).name == "__1_80"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("localhost", True),
        ("128.0.0.1", False),
        ("0.0.0.0", False),
        ("::2", False),
        ("::ffff:7f00:1", False),
        ("localhost.example", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_goes_by_the_spelling_of_the_host(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_http_off_loopback_needs_leave(tmp_path: Path) -> None:
    remote = {"base_url": "http://idp.example"}
    text = refusal(tmp_path, {**LOCAL, **remote}, SECRET)
    assert text.startswith("--base-url: http to a host that is not loopback ")
    assert "--allow-plain-http" in text
    assert judged(tmp_path, {**remote, "allow_plain_http": True}).scheme == "http"
    assert result(tmp_path, {**LOCAL, **remote}, {**SECRET, E + "ALLOW_PLAIN_HTTP": "yes"}).allow_plain_http
    assert judged(tmp_path, remote, {}, "allow_plain_http = true").port == 80


def test_pace_is_bound_off_loopback_only(tmp_path: Path) -> None:
    assert result(tmp_path, LOCAL, SECRET).limits.max_rps is None
    remote = {**LOCAL, "base_url": "https://idp.example"}
    assert result(tmp_path, remote, SECRET).limits.max_rps == 20
    assert result(tmp_path, {**remote, "max_rps": 500}, SECRET).limits.max_rps == 500
    assert result(tmp_path, {**LOCAL, "max_rps": 2.5}, SECRET).limits.max_rps == 2.5


def test_the_token_path_comes_from_the_profile_unless_given(tmp_path: Path) -> None:
    assert judged(tmp_path).path == "/passport/oauth/token"
    assert judged(tmp_path, {"base_url": "http://localhost/api/"}).path == "/api/passport/oauth/token"
    assert judged(tmp_path, {"token_path": "/t"}).path == "/t"
    assert judged(tmp_path, {"profile": "rfc6749", "token_path": "/t"}).path == "/t"
    ways = f"give --token-path, {E}TOKEN_PATH or token_path in conformance.toml"
    text = refusal(tmp_path, {**LOCAL, "profile": "rfc6749"}, SECRET)
    assert text == f"no token path: the profile 'rfc6749' names none; {ways}"
    assert refusal(tmp_path, {**LOCAL, "token_path": "t"}, SECRET).startswith(
        "--token-path: the path 't' does not start"
    )
    assert refusal(tmp_path, {**LOCAL, "token_path": "/t?x=1"}, SECRET).startswith("--token-path: the path holds")
    assert refusal(tmp_path, {**LOCAL, "token_path": ""}, SECRET).startswith("--token-path: is empty")


def test_a_scope_is_checked_and_asked_for_where_the_server_has_no_default(tmp_path: Path) -> None:
    assert judged(tmp_path, {"scope": "read write"}).scope == "read write"
    for bad in ("read  write", " read", 'a"b', "é", ""):
        assert refusal(tmp_path, {**LOCAL, "scope": bad}, SECRET).startswith("--scope: ")
    (tmp_path / "v.toml").write_text('extends = "passport"\ndefault_scope = false', encoding="utf-8")
    text = refusal(tmp_path, {**LOCAL, "profile": "v.toml"}, SECRET)
    assert text.startswith("no scope: the profile 'v' has default_scope = false; give --scope, ")
    assert judged(tmp_path, {"profile": "v.toml", "scope": "read"}).scope == "read"


def test_a_ca_bundle_is_a_readable_file_beside_who_names_it(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("", encoding="utf-8")
    assert judged(tmp_path, {"ca_bundle": "ca.pem"}).ca_bundle == str(tmp_path / "ca.pem")
    assert judged(tmp_path, {}, {}, 'ca_bundle = "ca.pem"').ca_bundle == str(tmp_path / "ca.pem")
    text = refusal(tmp_path, {**LOCAL, "ca_bundle": "no.pem"}, SECRET)
    assert text == "--ca-bundle: 'no.pem' cannot be read: No such file or directory"


# Headers and parameters of the valid request


def test_headers_and_parameters_come_from_flags_as_they_stand(tmp_path: Path) -> None:
    flags = {"header": ("X-Api-Key: a:b ", "X-Empty:", "X-Api-Key: c"), "parameter": ("audience=a=b ", "x=")}
    target = judged(tmp_path, flags)
    assert target.headers == (Extra("X-Api-Key", "a:b"), Extra("X-Empty", ""), Extra("X-Api-Key", "c"))
    assert target.parameters == (Extra("audience", "a=b "), Extra("x", ""))


def test_headers_of_a_variable_stand_one_a_line_and_are_secret(tmp_path: Path) -> None:
    target = judged(tmp_path, {}, {E + "HEADER": f"X-Api-Key: {WORD}\r\nX-B: 2\n\n", E + "PARAMETER": "a=1\nb=2"})
    assert target.headers == (Extra("X-Api-Key", Secret(WORD)), Extra("X-B", Secret("2")))
    assert target.parameters == (Extra("a", Secret("1")), Extra("b", Secret("2")))


def test_headers_of_the_file_may_stand_in_the_environment_and_are_then_secret(tmp_path: Path) -> None:
    toml = 'headers = { "X-Api-Key" = { env = "GATEWAY_KEY" }, "X-Tenant" = "a" }\nparameters = { audience = "b" }'
    target = judged(tmp_path, {}, {"GATEWAY_KEY": WORD}, toml)
    assert target.headers == (Extra("X-Api-Key", Secret(WORD)), Extra("X-Tenant", "a"))
    assert target.parameters == (Extra("audience", "b"),)


def test_headers_of_two_sources_are_not_merged(tmp_path: Path) -> None:
    target = judged(tmp_path, {"header": ("X-A: 1",)}, {}, 'headers = { X-B = "2" }')
    assert target.headers == (Extra("X-A", "1"),)


@pytest.mark.parametrize(
    "name", ["Authorization", "content-type", "Content-Length", "HOST", "Transfer-Encoding", "Connection", "Origin"]
)
def test_a_header_that_the_suite_owns_is_refused(name: str, tmp_path: Path) -> None:
    said = f"the header {name!r} is set by the suite itself and cannot be given"
    assert refusal(tmp_path, {**LOCAL, "header": (f"{name}: {WORD}",)}, SECRET) == f"--header: {said}"
    assert refusal(tmp_path, LOCAL, {**SECRET, E + "HEADER": f"{name}:{WORD}"}) == f"{E}HEADER: {said}"
    text = refusal(tmp_path, LOCAL, SECRET, f'headers = {{ "{name}" = {{ env = "A" }} }}')
    assert text == f"conformance.toml: headers: {said}"


@pytest.mark.parametrize("name", ["grant_type", "client_id", "client_secret", "scope"])
def test_a_parameter_that_the_suite_owns_is_refused(name: str, tmp_path: Path) -> None:
    said = f"the parameter {name!r} is set by the suite itself and cannot be given"
    assert refusal(tmp_path, {**LOCAL, "parameter": (f"{name}={WORD}",)}, SECRET) == f"--parameter: {said}"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("header", WORD, "--header: a header is written as name:value"),
        ("header", f": {WORD}", "--header: a header name is no token"),
        ("header", f"X {WORD}: a", "--header: a header name is no token"),
        ("header", f"X-Key : {WORD}", "--header: a header name is no token"),
        ("header", f"X-Key: {WORD}\r\nHost: evil", "--header: the value of header 'X-Key' holds CR, LF, NUL or"),
        ("header", f"X-Key: {WORD}\0", "--header: the value of header 'X-Key' holds"),
        ("header", f"X-Key: {WORD}é", "--header: the value of header 'X-Key' holds"),
        ("parameter", WORD, "--parameter: a parameter is written as name=value"),
        ("parameter", f"a b={WORD}", "--parameter: a parameter name is no token"),
        ("parameter", f"={WORD}", "--parameter: a parameter name is no token"),
        ("parameter", f"a={WORD}\n", "--parameter: the value of parameter 'a' holds CR, LF or NUL"),
        ("parameter", f"a={WORD}\udcff", "--parameter: is not UTF-8"),
    ],
)
def test_a_malformed_header_or_parameter_is_refused_without_its_value(
    option: str, value: str, said: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, {**LOCAL, option: (value,)}, SECRET).startswith(said)


@pytest.mark.parametrize(
    ("variable", "env", "said"),
    [
        ("GATEWAY_KEY", {}, "the environment variable GATEWAY_KEY is not set"),
        ("GATEWAY_KEY", {"GATEWAY_KEY": ""}, "the environment variable GATEWAY_KEY is empty"),
        ("GATEWAY_KEY", {"GATEWAY_KEY": f"{WORD}\n"}, "the value of header 'X-Key' holds CR, LF, NUL"),
        (WORD, {}, "the environment variable that it names is not set"),
    ],
)
def test_a_variable_that_the_file_names_must_hold_a_usable_value(
    variable: str, env: dict[str, str], said: str, tmp_path: Path
) -> None:
    text = refusal(tmp_path, LOCAL, {**SECRET, **env}, f'headers = {{ X-Key = {{ env = "{variable}" }} }}')
    assert text.startswith(f"conformance.toml: headers.X-Key: {said}")


# Client id and secret


def test_a_missing_client_id_names_the_ways_to_give_it(tmp_path: Path) -> None:
    ways = f"give --client-id, {E}CLIENT_ID or client_id in conformance.toml"
    text = refusal(tmp_path, {"base_url": "http://localhost"}, SECRET)
    assert text == f"no client id for the target of --base-url; {ways}"
    assert refusal(tmp_path, {**LOCAL, "client_id": ""}, SECRET).startswith("--client-id: is empty")


def test_a_missing_secret_names_the_ways_to_give_it_and_no_flag(tmp_path: Path) -> None:
    assert refusal(tmp_path, LOCAL) == (
        f"no client secret; give {E}CLIENT_SECRET, client_secret_env in conformance.toml, "
        f"{E}CLIENT_SECRET_FILE or client_secret_file in conformance.toml"
    )


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"s", "s"),
        (b"s\n", "s"),
        (b"s\r\n", "s"),
        (b"s\n\n", "s\n"),
        (b" s \t\n", " s \t"),
        ("gehëim".encode(), "gehëim"),
        (b"a\0b", "a\0b"),
    ],
)
def test_a_secret_file_is_taken_but_for_one_line_end(content: bytes, secret: str, tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(content)
    target = result(tmp_path, LOCAL, {E + "CLIENT_SECRET_FILE": "s"}).target
    assert target is not None
    assert target.credentials.secret.reveal() == secret


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"\n", "is empty"),
        (b"", "is empty"),
        (b"\xff", "cannot be read: not UTF-8"),
    ],
)
def test_an_unusable_secret_file_is_refused(content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / WORD).write_bytes(content)
    assert refusal(tmp_path, LOCAL, {E + "CLIENT_SECRET_FILE": WORD}).startswith(
        f"{E}CLIENT_SECRET_FILE: the file {said}"
    )
    text = refusal(tmp_path, LOCAL, {}, f'client_secret_file = "{WORD}"')
    assert text.startswith(f"conformance.toml: client_secret_file: the file {said}")


@pytest.mark.parametrize(
    ("env", "toml", "said"),
    [
        ({E + "CLIENT_SECRET": ""}, "", f"{E}CLIENT_SECRET: is empty"),
        (
            {**SECRET, E + "CLIENT_SECRET_FILE": "s"},
            "",
            f"{E}CLIENT_SECRET and {E}CLIENT_SECRET_FILE are given together",
        ),
        ({}, 'client_secret_env = "MY_KEY"', "client_secret_env: the environment variable MY_KEY is not set"),
        ({"MY_KEY": ""}, 'client_secret_env = "MY_KEY"', "client_secret_env: the environment variable MY_KEY is empty"),
        ({}, f'client_secret_env = "{WORD}"', "the environment variable that it names is not set"),
        (
            {"MY_KEY": "a"},
            'client_secret_env = "MY_KEY"\nclient_secret_file = "s"',
            "conformance.toml: client_secret_env and conformance.toml: client_secret_file are given together",
        ),
    ],
)
def test_an_unusable_source_of_the_secret_is_refused(env: dict[str, str], toml: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "s").write_text(WORD, encoding="utf-8")
    assert said in refusal(tmp_path, LOCAL, env, toml)


def test_the_variables_go_before_the_secret_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("file", encoding="utf-8")
    (tmp_path / "live.secret").write_text("live", encoding="utf-8")
    toml = 'client_secret_env = "MY_KEY"\n' + TARGETS
    for env, secret in (
        ({E + "CLIENT_SECRET": "env", "MY_KEY": "top"}, "env"),
        ({E + "CLIENT_SECRET_FILE": "s", "MY_KEY": "top"}, "file"),
        ({"MY_KEY": "top"}, "live"),
    ):
        target = result(tmp_path, {"target": "live"}, env, toml).target
        assert target is not None
        assert target.credentials.secret == Secret(secret)


def test_the_secret_is_asked_for_only_when_everything_else_is_in_order(tmp_path: Path) -> None:
    asked: list[str] = []

    def prompt(question: str) -> str:
        asked.append(question)
        return "typed"

    with pytest.raises(SettingsError):
        resolve({**LOCAL, "profile": "nope"}, {}, tmp_path, prompt=prompt)
    with pytest.raises(SettingsError):
        resolve({**LOCAL, "cases": ("gone.py",)}, {}, tmp_path, prompt=prompt)
    resolve(LOCAL, SECRET, tmp_path, prompt=prompt)
    assert asked == []
    found = resolve(LOCAL, {}, tmp_path, prompt=prompt)
    assert found.target is not None
    assert found.target.credentials.secret.reveal() == "typed"
    assert asked == ["Client secret of app at 127.0.0.1:8080: "]
    with pytest.raises(SettingsError, match="the client secret typed in is empty"):
        resolve(LOCAL, {}, tmp_path, prompt=lambda _: "")


def test_no_representation_of_settings_shows_a_secret(tmp_path: Path) -> None:
    env = {**SECRET, E + "HEADER": f"X-Key: {WORD}", "P": WORD}
    found = result(tmp_path, LOCAL, env, 'parameters = { p = { env = "P" } }')
    assert WORD not in repr(found) + str(found) + repr(asdict(found)) + repr(copy.deepcopy(found))
    assert "***" in repr(found)


def test_a_secret_shows_nothing_and_compares_by_its_text() -> None:
    secret = Secret(WORD)
    assert {repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s" % secret} == {"***"}  # noqa: UP031 - the old form has its own way to text
    assert secret == Secret(WORD)
    assert secret != Secret("other")
    assert secret != WORD
    assert len({secret, Secret(WORD)}) == 1
    assert hash(secret) != hash(WORD)
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


# Whatever is given: Settings or SettingsError

KNOWN = [key.toml for key in known_keys() if key.toml] + ["client_secret", "targets"]
VARIABLES = [key.variable for key in known_keys() if key.variable]
TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        "http://127.0.0.1:1",
        "https://é.example",
        "passport",
        "rfc6749",
        "/t",
        "a",
        "1",
        "0.5",
        "yes",
        "X-A: b",
        "a=b",
        "HOME",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
TABLES = st.dictionaries(st.sampled_from(KNOWN) | TEXTS, VALUES, max_size=5)
DOCUMENTS = st.builds(
    lambda top, targets, default: {**top, **({"targets": targets} if targets else {}), **default},
    TABLES,
    st.dictionaries(st.sampled_from(["a", "b"]) | TEXTS, TABLES, max_size=2),
    st.sampled_from([{}, {"default_target": "a"}]),
)
FLAGS = st.sampled_from([{}, LOCAL, {"target": "a"}])


def written(value: Any) -> str:
    """The value in TOML; what TOML cannot write becomes an empty table."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return '"' + "".join(c if c.isalnum() or c in " _-:/.=" else f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return "{" + ", ".join(f"{written(k)} = {written(v)}" for k, v in (value or {}).items()) + "}"


def settle(flags: dict[str, Any], env: dict[str, str], document: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "conformance.toml").write_text(document, encoding="utf-8", newline="")
        try:
            found = resolve(flags, {**env, "HOME": WORD}, Path(folder))
        except SettingsError as error:
            text = str(error)
            assert text.isprintable()
            assert WORD not in text
        else:
            assert isinstance(found, Settings)
            assert WORD not in repr(found)


@given(FLAGS, DOCUMENTS)
@hypothesis_settings(max_examples=300, database=None, deadline=None)
def test_any_toml_gives_settings_or_one_printable_line(flags: dict[str, Any], document: dict[str, Any]) -> None:
    settle(
        flags,
        SECRET if "base_url" in flags else {},
        "\n".join(f"{written(k)} = {written(v)}" for k, v in document.items()),
    )


@given(FLAGS, st.text(max_size=60) | st.sampled_from(["a." * 3000 + "a = 1", "a = " + "{a=" * 3000, "a = 0000-00-00"]))
@hypothesis_settings(max_examples=100, database=None, deadline=None)
def test_any_text_in_the_file_gives_settings_or_one_printable_line(flags: dict[str, Any], document: str) -> None:
    settle(flags, {}, document)


@given(
    FLAGS,
    st.dictionaries(
        st.sampled_from(VARIABLES) | st.text(max_size=5).map(lambda text: E + text),
        TEXTS | st.text(st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=3),
        max_size=4,
    ),
)
@hypothesis_settings(max_examples=300, database=None, deadline=None)
def test_any_environment_gives_settings_or_one_printable_line(flags: dict[str, Any], env: dict[str, str]) -> None:
    settle(flags, env, '[targets.a]\nbase_url = "http://localhost"')


@given(st.text(max_size=30) | st.text(alphabet="http:/@[]?#.1a% -\\", max_size=30).map(lambda rest: "http://" + rest))
@hypothesis_settings(max_examples=300, database=None, deadline=None)
def test_any_base_url_is_read_or_refused(url: str) -> None:
    try:
        target = target_at(url, "/t", Credentials("a", Secret("b")))
    except SettingsError:
        return
    assert target == target_at(target.base_url, "/t", target.credentials)
    assert os.sep not in target.name
    assert (target.base_url + target.path + target.authority).isascii()
