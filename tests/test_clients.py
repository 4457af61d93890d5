"""Further clients of a target: how they are given, where their secrets travel, and what counts as a wrong one."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance import case, known
from conformance.bindings import Inapplicable
from conformance.engine import Inquiry, Run, header
from conformance.expression import (
    CLIENT_ID,
    EXPOSED_ID,
    EXPOSED_SECRET,
    PREFIX,
    SACRIFICIAL_ID,
    SACRIFICIAL_SECRET,
    SECOND_ID,
    SECOND_SECRET,
    SPECIAL_ID,
    SPECIAL_SECRET,
    UNENTITLED_ID,
    UNENTITLED_SECRET,
    UNKNOWN_ID,
    UNKNOWN_SECRET,
    octets,
)
from conformance.gate import Gate
from conformance.guessing import leaves_in_doubt, tries_wrong_secret
from conformance.judging import Result
from conformance.plan import plan
from conformance.recording import Recording
from conformance.report.command import repeat
from conformance.report.curl import curl
from conformance.report.terminal import Terminal
from conformance.request import VALID, encode
from conformance.settings import SettingsError, known_keys, resolve
from conformance.target import ROLES, Client, Credentials, Extra, Limits, Secret, Target
from tests.test_plan import LOOPBACK, REMOTE, binder, profile, target

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.request import Template

E = "TOKEN_CONFORMANCE_"
WORD = "hunter2-is-secret"
BASE = {"base_url": "http://127.0.0.1:8080", "client_id": "app"}
OWN = {E + "CLIENT_SECRET": "own-secret"}
SYMBOLS = {
    "second": (SECOND_ID, SECOND_SECRET),
    "special": (SPECIAL_ID, SPECIAL_SECRET),
    "sacrificial": (SACRIFICIAL_ID, SACRIFICIAL_SECRET),
    "unentitled": (UNENTITLED_ID, UNENTITLED_SECRET),
}


def clients(**secrets: str) -> tuple[Client, ...]:
    """Clients of some roles, each with its role as identifier."""
    return tuple(Client(role, Credentials(f"{role}-app", Secret(secret))) for role, secret in secrets.items())


def with_clients(base_url: str = LOOPBACK, **secrets: str) -> Target:
    return replace(target(base_url), clients=clients(**secrets))


def resolved(
    folder: Path, env: dict[str, str] | None = None, toml: str = "", flags: dict[str, Any] | None = None
) -> Any:
    (folder / "conformance.toml").write_text(toml, encoding="utf-8")
    return resolve({**BASE, **(flags or {})}, {**OWN, **(env or {})}, folder).target


def refusal(folder: Path, env: dict[str, str] | None = None, toml: str = "") -> str:
    with pytest.raises(SettingsError) as caught:
        resolved(folder, env, toml)
    text = str(caught.value)
    assert text.isprintable()
    assert WORD not in text
    return text


# How they are given


def test_each_role_has_variables_and_keys_and_no_flag() -> None:
    keys = {key.option: key for key in known_keys()}
    for role in ROLES:
        names = {part: keys[f"{role}-client-{part}"] for part in ("id", "secret", "secret-env", "secret-file")}
        assert all(key.flag is None and key.of_target and key.part == "target" for key in names.values())
        variables = {part: key.variable for part, key in names.items() if key.variable}
        stem = f"{E}{role.upper()}_CLIENT_"
        assert variables == {"id": stem + "ID", "secret": stem + "SECRET", "secret-file": stem + "SECRET_FILE"}
        assert names["secret"].toml is None
        assert names["secret-env"].toml == f"{role}_client_secret_env"


def test_a_client_comes_from_the_file_and_its_secret_from_where_that_says(tmp_path: Path) -> None:
    (tmp_path / "second.secret").write_text("from-file\r\n", encoding="utf-8")
    toml = 'second_client_id = "b"\nsecond_client_secret_file = "second.secret"\n'
    toml += 'special_client_id = "c:d"\nspecial_client_secret_env = "SPECIAL_WORD"\n'
    found = resolved(tmp_path, {"SPECIAL_WORD": "a+b:c"}, toml)
    assert [client.role for client in found.clients] == ["second", "special"]
    assert found.client("second") == Credentials("b", Secret("from-file"))
    assert found.client("special") == Credentials("c:d", Secret("a+b:c"))
    assert found.client("unentitled") is None


def test_a_variable_goes_before_the_file_and_a_table_before_the_top(tmp_path: Path) -> None:
    toml = 'default_target = "a"\nsecond_client_id = "top"\nsecond_client_secret_env = "TOP"\n'
    toml += '[targets.a]\nbase_url = "http://127.0.0.1:1"\nclient_id = "x"\nsecond_client_id = "table"\n'
    (tmp_path / "conformance.toml").write_text(toml, encoding="utf-8")
    env = {**OWN, "TOP": "s-top"}

    def second(environ: dict[str, str]) -> object:
        found = resolve({}, environ, tmp_path).target
        assert found is not None
        return found.client("second")

    assert second(env) == Credentials("table", Secret("s-top"))
    more = {E + "SECOND_CLIENT_ID": "env", E + "SECOND_CLIENT_SECRET": "s-env"}
    assert second({**env, **more}) == Credentials("env", Secret("s-env"))


def test_nobody_is_there_unless_given(tmp_path: Path) -> None:
    assert resolved(tmp_path).clients == ()


@pytest.mark.parametrize(
    ("env", "toml", "said"),
    [
        ({E + "SECOND_CLIENT_ID": "b"}, "", "no secret of the second client; give "),
        ({E + "SECOND_CLIENT_ID": "b"}, "", f"{E}SECOND_CLIENT_SECRET, second_client_secret_env in conformance.toml"),
        ({E + "SPECIAL_CLIENT_SECRET": WORD}, "", f"{E}SPECIAL_CLIENT_SECRET: there is no client id for it; give "),
        ({}, 'special_client_secret_env = "X_Y"', "special_client_secret_env: there is no client id for it"),
        (
            {},
            f'second_client_secret = "{WORD}"',
            "second_client_secret: a secret never stands in this file; accepted: ",
        ),
        ({}, 'second_client_secret = "x"', 'second_client_secret_env = "NAME" or second_client_secret_file = "PATH"'),
        ({E + "SECOND_CLIENT_ID": "app", E + "SECOND_CLIENT_SECRET": WORD}, "", "'app' is the client of --client-id"),
        (
            {E + "UNENTITLED_CLIENT_ID": "b", E + "UNENTITLED_CLIENT_SECRET": WORD, E + "SECOND_CLIENT_SECRET": WORD},
            'second_client_id = "b"',
            f"{E}UNENTITLED_CLIENT_ID: 'b' is the client of conformance.toml: second_client_id already",
        ),
        (
            {E + "SECOND_CLIENT_ID": "b", E + "SECOND_CLIENT_SECRET": WORD, E + "SECOND_CLIENT_SECRET_FILE": "f"},
            "",
            f"{E}SECOND_CLIENT_SECRET and {E}SECOND_CLIENT_SECRET_FILE are given together; accepted: one of them",
        ),
        (
            {},
            'second_client_id = "b"\nsecond_client_secret_env = "NOT_SET"',
            "second_client_secret_env: the environment variable NOT_SET is not set",
        ),
        (
            {},
            'second_client_id = "b"\nsecond_client_secret_file = "gone"',
            "second_client_secret_file: the file cannot be read: No such file or directory",
        ),
        ({E + "SECOND_CLIENT_ID": ""}, "", f"{E}SECOND_CLIENT_ID: is empty"),
        ({E + "SECND_CLIENT_ID": "b"}, "", f"did you mean '{E}SECOND_CLIENT_ID'?"),
        ({}, 'third_client_id = "b"', "third_client_id: is no setting"),
    ],
)
def test_what_does_not_go_together_takes_one_line(env: dict[str, str], toml: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(tmp_path, env, toml)


def test_a_client_without_a_base_url_belongs_to_no_target(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SECOND_CLIENT_ID: belongs to a target, but there is no base URL"):
        resolve({}, {E + "SECOND_CLIENT_ID": "b", E + "SECOND_CLIENT_SECRET": WORD}, tmp_path)


def test_a_person_is_asked_for_a_missing_secret(tmp_path: Path) -> None:
    asked: list[str] = []

    def prompt(question: str) -> str:
        asked.append(question)
        return "typed"

    found = resolve(BASE, {**OWN, E + "SECOND_CLIENT_ID": "b"}, tmp_path, prompt=prompt).target
    assert found is not None
    assert found.client("second") == Credentials("b", Secret("typed"))
    assert asked == ["Secret of the second client b at 127.0.0.1:8080: "]


# Who knows of them


def test_their_secrets_are_known_and_their_identifiers_are_public() -> None:
    at = with_clients(second="second-secret-1", special="sp:ec+ial")
    found = known.known(at)
    assert {text for _, text in found.secrets} == {"Ab3-secret", "second-secret-1", "sp:ec+ial"}
    assert {kind for kind, _ in found.secrets} == {"client secret"}
    assert "second-app" in list(known._facts(at))
    for shown in (repr(at), repr(found), repr(binder(at)), repr(binder(at).bindings("0"))):
        assert "second-secret-1" not in shown
        assert "sp:ec+ial" not in shown


@pytest.mark.parametrize("role", ROLES)
def test_a_symbol_is_secret_by_origin_and_inapplicable_without_a_client(role: str) -> None:
    client_id, secret = SYMBOLS[role]
    bindings = binder(with_clients(**{role: "the-secret-of-it"})).bindings("0")
    assert [(run.data, run.secret) for run in client_id.runs(bindings)] == [(f"{role}-app".encode(), False)]
    assert [(run.data, run.secret) for run in secret.runs(bindings)] == [(b"the-secret-of-it", True)]
    assert str(client_id) == f"{{{role} client id}}"
    encoded = encode(VALID.authorized(secret, client_id), bindings)
    value = encoded.masked().partition(b"Authorization: ")[2].partition(b"\r\n")[0]
    assert set(value) == {ord("*")}
    for symbol in (client_id, secret):
        with pytest.raises(Inapplicable, match=f"no {role} client is configured: name one by {role}_client_id"):
            symbol.runs(binder().bindings("0"))


def test_a_template_names_what_it_is_made_of() -> None:
    template = VALID.authorized(SPECIAL_SECRET.with_colon(), SPECIAL_ID).adding_parameters("x=" + UNKNOWN_ID.form())
    assert template.symbols == {"path", "host", "user_agent", "special_id", "special_secret", "unknown_id"}
    assert VALID.symbols == {"path", "host", "user_agent", "client_id", "secret"}


# Which client is exposed


@pytest.mark.parametrize(
    ("at", "exposed", "pair"),
    [
        (target(), "client", (b"client", b"Ab3-secret")),
        (with_clients(sacrificial="lamb"), "client", (b"client", b"Ab3-secret")),
        (with_clients(REMOTE, sacrificial="lamb"), "sacrificial", (b"sacrificial-app", b"lamb")),
        (with_clients(REMOTE, second="other"), "invented", None),
    ],
)
def test_the_exposed_client_is_the_sacrificial_one_off_this_machine(
    at: Target, exposed: str, pair: tuple[bytes, bytes] | None
) -> None:
    bindings = binder(at).bindings("0")
    assert at.exposed == exposed
    assert bindings.exposed_works is (exposed != "invented")
    seen = tuple(octets(symbol.runs(bindings)) for symbol in (EXPOSED_ID, EXPOSED_SECRET))
    unknown = tuple(octets(symbol.runs(bindings)) for symbol in (UNKNOWN_ID, UNKNOWN_SECRET))
    assert seen == (pair or unknown)
    assert EXPOSED_SECRET.runs(bindings)[0].secret is bindings.exposed_works


# What counts as a wrong secret

EVERY = with_clients(second="s2", special="a:b", sacrificial="lamb", unentitled="nope")


@pytest.mark.parametrize(
    ("template", "spends"),
    [
        *((VALID.authorized(secret, client_id), False) for client_id, secret in SYMBOLS.values()),
        (VALID.authorized(SECOND_SECRET + "x", SECOND_ID), True),
        (VALID.authorized(UNKNOWN_SECRET, UNENTITLED_ID), True),
        (VALID.authorized(UNKNOWN_SECRET, SACRIFICIAL_ID), False),
        (VALID.authorized(SECOND_SECRET, CLIENT_ID), True),
        (VALID.authorized(SECOND_SECRET, SACRIFICIAL_ID), False),
        (VALID.adding_parameters("client_id=" + SPECIAL_ID.form(), "client_secret=wrong"), True),
        (VALID.adding_parameters("client_id=" + SACRIFICIAL_ID.form(), "client_secret=wrong"), False),
        (VALID.removing("Authorization").adding_parameters("client_id=" + UNENTITLED_ID.form()), False),
    ],
)
@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
def test_a_wrong_secret_of_any_client_counts_but_of_the_sacrificial_one(
    template: Template, *, spends: bool, profile: str
) -> None:
    assert tries_wrong_secret(template, binder(EVERY, profile).bindings("0")) is spends


def test_two_clients_with_alike_identifiers_do_not_take_each_other_for_wrong() -> None:
    shouting = Client("second", Credentials("CLIENT", Secret("other")))
    bindings = binder(replace(target(), clients=(shouting,))).bindings("0")
    assert not tries_wrong_secret(VALID, bindings)
    assert not tries_wrong_secret(VALID.authorized(SECOND_SECRET, SECOND_ID), bindings)
    assert tries_wrong_secret(VALID.authorized(SECOND_SECRET + "x", SECOND_ID), bindings)


@pytest.mark.parametrize(
    ("secret", "profile", "own", "doubtful"),
    [
        ("a+b", "rfc6749", "Ab3-secret", True),
        ("a+b", "rfc6749", "p+a", False),
        ("a+b", "passport", "Ab3-secret", False),
        ("a-b", "rfc6749", "Ab3-secret", False),
    ],
)
def test_a_right_secret_in_a_spelling_that_was_never_tried_is_doubtful(
    secret: str, profile: str, own: str, *, doubtful: bool
) -> None:
    at = replace(target(secret=own), clients=clients(special=secret))
    bindings = binder(at, profile).bindings("0")
    assert leaves_in_doubt(VALID.authorized(SPECIAL_SECRET, SPECIAL_ID), bindings) is doubtful
    assert not leaves_in_doubt(VALID, bindings)
    assert not leaves_in_doubt(VALID.adding_parameters("client_secret=" + SPECIAL_SECRET.form()), bindings)
    raw = replace(binder(at, profile), form_encoded=False).bindings("0")
    assert not leaves_in_doubt(VALID.authorized(SPECIAL_SECRET, SPECIAL_ID), raw)


def test_a_colon_travels_only_where_nothing_encodes_it() -> None:
    value = SPECIAL_SECRET.with_colon()
    at = with_clients(special="a:b")
    assert octets(value.runs(binder(at).bindings("0"))) == b"a:b"
    raw = replace(binder(at, "rfc6749"), form_encoded=False).bindings("0")
    assert octets(value.runs(raw)) == b"a:b"
    with pytest.raises(Inapplicable, match="form-encoded"):
        value.runs(binder(at, "rfc6749").bindings("0"))
    with pytest.raises(Inapplicable, match="no colon"):
        value.runs(binder(with_clients(special="a+b")).bindings("0"))


# What is said of them


def asked(base_url: str = REMOTE, **secrets: str) -> Inquiry:
    known_cases = case.built_in()
    return Inquiry(with_clients(base_url, **secrets), profile(), Limits(), known_cases, known_cases)


def test_the_command_names_the_clients_that_a_case_asks_as() -> None:
    inquiry = asked(special="a:b", sacrificial="lamb", second="other")
    run = Run(inquiry, Recording(header(inquiry), ()), Gate("open"), Result("conformant", "", (), {}), None)  # type: ignore[arg-type]
    for row, names in (
        ("AUTH-015", ["SPECIAL"]),
        ("TOKEN-005", ["SECOND"]),
        ("LOAD-003", ["SACRIFICIAL"]),
        ("AUTH-031", ["SACRIFICIAL"]),
        ("CTYPE-002", []),
    ):
        words = [f"{E}{name}_CLIENT_ID={name.lower()}-app" for name in names]
        command = repeat(run, row)
        assert command.startswith(" ".join([*words, "token-conformance run "]))
        assert not any(secret in command for secret in ("a:b", "lamb ", "other"))
    local = asked(LOOPBACK, sacrificial="lamb")
    assert repeat(replace(run, inquiry=local), "AUTH-031").startswith("token-conformance run ")


def test_a_curl_command_has_variables_for_their_secrets() -> None:
    inquiry = asked(special="a:b", sacrificial="lamb")
    template = VALID.authorized(SPECIAL_SECRET, SPECIAL_ID)
    assert "'special-app:%s' \"$TOKEN_CONFORMANCE_SPECIAL_CLIENT_SECRET\"" in curl(template, inquiry).command
    exposed = curl(VALID.authorized(EXPOSED_SECRET, EXPOSED_ID), inquiry).command
    assert "'sacrificial-app:%s' \"$TOKEN_CONFORMANCE_SACRIFICIAL_CLIENT_SECRET\"" in exposed
    lacking = curl(VALID.authorized(SECOND_SECRET, SECOND_ID), inquiry)
    assert lacking.reason.endswith("no second client is configured.")
    invented = curl(VALID.authorized(EXPOSED_SECRET, EXPOSED_ID), asked(REMOTE)).command
    assert "conformance-unknown-client:invented-secret" in invented


def test_a_curl_command_for_another_resource_takes_no_key_along() -> None:
    keys = (Extra("X-Key", Secret("gateway-key")), Extra("X-Tenant", "blue"))
    inquiry = asked()
    inquiry = replace(inquiry, target=replace(inquiry.target, headers=keys))
    found = curl(VALID.fetching("/.well-known/x" + PREFIX), inquiry).command
    assert "--request-target /.well-known/x/base " in found
    assert "X-Tenant" in found
    assert "X-Key" not in found
    assert "X-Key" in curl(VALID, inquiry).command


def test_a_dry_run_says_how_often_the_client_that_may_be_locked_travels() -> None:
    for roles, words in (({}, ""), ({"sacrificial": "lamb"}, " and up to 39 of the one that may be locked")):
        inquiry = asked(LOOPBACK, **roles)
        out = io.StringIO()
        chosen = tuple(one for one in inquiry.cases if one.id in ("AUTH-037", "LOAD-003"))
        Terminal(out, color=False, quiet=False, verbose=False).plan(inquiry, plan(chosen, binder(inquiry.target)))
        assert f" 0 with a wrong secret of the client{words}, " in out.getvalue()
