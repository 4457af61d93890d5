"""Profiles: the built-in ones, files that extend them, and what is refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from conformance.profiles import BUILT_IN, KEYS, Profile, load
from conformance.target import SettingsError

EXTENSION_CODES = {
    "invalid_target",
    "invalid_dpop_proof",
    "use_dpop_nonce",
    "authorization_pending",
    "slow_down",
    "access_denied",
    "expired_token",
}


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def refusal(name: str, folder: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load(name, folder)
    text = str(caught.value)
    assert text.isprintable()
    return text


def test_passport_is_the_published_contract(tmp_path: Path) -> None:
    assert load("passport", tmp_path) == Profile(
        name="passport",
        title="Passport token endpoint (bare Base64 credentials)",
        lineage=("passport",),
        authorization="bare",
        openapi="passport.yaml",
        token_path="/passport/oauth/token",
        error_codes=load("rfc6749", tmp_path).error_codes,
        place="passport",
    )


def test_rfc6749_sends_basic_credentials_and_names_no_path(tmp_path: Path) -> None:
    profile = load("rfc6749", tmp_path)
    assert (profile.authorization, profile.token_path, profile.openapi) == ("basic", None, "rfc6749.yaml")
    assert profile.lineage == ("rfc6749",)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_profile_has_the_stated_defaults(name: str, tmp_path: Path) -> None:
    profile = load(name, tmp_path)
    assert profile.basic_encoding == "auto"
    assert (profile.claims_oauth2, profile.default_scope, profile.grant_type_default) == (True, True, False)
    assert (profile.duplicate_content_type, profile.pragma, profile.spec) == ("either", "optional", "oauth20")
    assert profile.token_lifetime == 3600
    assert set(profile.error_codes) == EXTENSION_CODES


def test_every_field_of_a_profile_is_a_key_of_the_file() -> None:
    assert {field.name for field in fields(Profile)} == (set(KEYS) - {"extends"}) | {"lineage", "place"}


def test_a_file_changes_what_it_names_and_inherits_the_rest(tmp_path: Path) -> None:
    write(tmp_path, "vendor.toml", 'extends = "passport"\npragma = "required"\nerror_codes = ["teapot"]\n')
    profile = load("vendor.toml", tmp_path)
    assert (profile.name, profile.title, profile.lineage) == ("vendor", "vendor", ("vendor", "passport"))
    assert (profile.pragma, profile.error_codes) == ("required", ("teapot",))
    assert (profile.authorization, profile.token_path) == ("bare", "/passport/oauth/token")


def test_a_chain_of_files_is_followed_each_from_its_own_folder(tmp_path: Path) -> None:
    write(tmp_path, "base/house.toml", 'name = "house"\nextends = "rfc6749"\ntoken_path = "/t"\ntoken_lifetime = 60\n')
    write(tmp_path, "apps/one.toml", 'name = "one"\nextends = "../base/house.toml"\ntoken_lifetime = 90\n')
    profile = load("apps/one.toml", tmp_path)
    assert profile.lineage == ("one", "house", "rfc6749")
    assert (profile.token_path, profile.token_lifetime, profile.authorization) == ("/t", 90, "basic")


def test_a_child_may_complete_the_file_it_extends(tmp_path: Path) -> None:
    write(tmp_path, "half.toml", 'openapi = "rfc6749.yaml"\n')
    write(tmp_path, "whole.toml", 'extends = "half.toml"\nauthorization = "basic"\n')
    assert load("whole.toml", tmp_path).lineage == ("whole", "half")
    assert "half.toml: authorization: is missing" in refusal("half.toml", tmp_path)


def test_a_description_beside_the_file_goes_before_the_built_in_one(tmp_path: Path) -> None:
    write(tmp_path, "a/vendor.toml", 'extends = "passport"\nopenapi = "passport.yaml"\n')
    assert load("a/vendor.toml", tmp_path).openapi == "passport.yaml"
    own = write(tmp_path, "a/passport.yaml", "openapi: 3.1.0\n")
    assert load("a/vendor.toml", tmp_path).openapi == str(own.resolve())


def test_an_inherited_description_stays_beside_the_file_that_names_it(tmp_path: Path) -> None:
    own = write(tmp_path, "a/own.yaml", "openapi: 3.1.0\n")
    write(tmp_path, "a/base.toml", 'extends = "passport"\nopenapi = "own.yaml"\n')
    write(tmp_path, "b/top.toml", 'extends = "../a/base.toml"\n')
    assert load("b/top.toml", tmp_path).openapi == str(own.resolve())


def test_an_absolute_path_and_a_path_without_ending_are_taken(tmp_path: Path) -> None:
    file = write(tmp_path, "vendor", 'extends = "passport"\n')
    assert load(str(file), Path("/")).name == "vendor"
    assert load("./vendor", tmp_path).name == "vendor"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('extends = "passport"\nprgama = "required"', "v.toml: 'prgama' is no key of a profile; accepted: name, "),
        ('extends = "passport"\nprgama = "required"', "did you mean 'pragma'?"),
        (
            'extends = "passport"\npragma = "requird"',
            "v.toml: pragma: 'requird' is not accepted; accepted: optional, req",
        ),
        ('extends = "passport"\npragma = "requird"', "did you mean 'required'?"),
        ('extends = "passport"\npragma = true', "v.toml: pragma: a true or false is not accepted; accepted: a string"),
        ('extends = "passport"\nspec = "oauth1"', "accepted: oauth20, oauth21"),
        (
            'extends = "passport"\nauthorization = "digest"',
            "authorization: 'digest' is not accepted; accepted: bare, bas",
        ),
        ('extends = "passport"\nbasic_encoding = ""', "basic_encoding: is empty"),
        ('extends = "passport"\nclaims_oauth2 = 1', "claims_oauth2: a number is not accepted; accepted: true or false"),
        ('extends = "passport"\ndefault_scope = "yes"', "default_scope: a string is not accepted"),
        (
            'extends = "passport"\ntoken_lifetime = 0',
            "token_lifetime: 0 is not accepted; accepted: a whole number from 1",
        ),
        ('extends = "passport"\ntoken_lifetime = true', "token_lifetime: a true or false is not accepted"),
        ('extends = "passport"\ntoken_lifetime = 1.5', "token_lifetime: 1.5 is not accepted"),
        ('extends = "passport"\nerror_codes = "teapot"', "error_codes: a string is not accepted; accepted: a list"),
        ('extends = "passport"\nerror_codes = ["té"]', "error_codes: 'té' is no error code"),
        ('extends = "passport"\nerror_codes = [7]', "error_codes: a number is not accepted; accepted: a string"),
        ('extends = "passport"\ntoken_path = "token"', "token_path: the path 'token' does not start with '/'"),
        ('extends = "passport"\ntoken_path = "/a b"', "token_path: the path holds a character"),
        ('extends = "passport"\nopenapi = "mine.yaml"', "openapi: 'mine.yaml' cannot be read: No such file"),
        ('extends = "passport"\nopenapi = "pasport.yaml"', "did you mean 'passport.yaml'?"),
        ('extends = "passport"\nopenapi = "as-documented.yaml"', "accepted: passport.yaml, rfc6749.yaml"),
        ('extends = "passport"\nname = "rfc6749"', "v.toml: name: 'rfc6749' is built in"),
        ('extends = "passport"\nname = "../up"', "v.toml: name: '../up' is no name"),
        ('extends = "pasport"', "v.toml: extends: 'pasport' is no profile"),
        ('extends = "pasport"', "accepted: passport, rfc6749; did you mean 'passport'?"),
        ('extends = "gone.toml"', "v.toml: extends: gone.toml: cannot be read: No such file"),
        ('extends = "./v.toml"', "extends: ./v.toml: extends: the profile comes back to itself"),
        ("extends = 1979-05-27", "v.toml: extends: a date or time is not accepted"),
        ('title = "alone"', "v.toml: authorization: is missing"),
        ('authorization = "basic"', "v.toml: openapi: is missing"),
        ("pragma = required", "v.toml: is no TOML: "),
        ("a = " + "[" * 5000, "v.toml: is no TOML: "),
    ],
)
def test_a_bad_profile_is_refused_naming_file_and_key(text: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, "v.toml", text)
    assert said in refusal("v.toml", tmp_path)


def test_a_circle_of_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", 'extends = "b.toml"\n')
    write(tmp_path, "b.toml", 'extends = "a.toml"\n')
    said = "a.toml: extends: b.toml: extends: a.toml: extends: the profile comes back to itself"
    assert refusal("a.toml", tmp_path) == f"{said}; accepted: a chain that ends"


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    text = refusal("rfc6479", tmp_path)
    assert text.startswith("'rfc6479' is no profile;")
    assert text.endswith("accepted: passport, rfc6749; did you mean 'rfc6749'?")


@pytest.mark.parametrize(
    "name", ["", "no\0such.toml", "line\nbreak.toml", "x" * 5000 + ".toml", ".", "./", "\udcff.toml"]
)
def test_a_name_that_no_file_can_have_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    refusal(name, tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.toml").write_bytes(b"\xff\xfe")
    assert refusal("v.toml", tmp_path) == "v.toml: cannot be read: not UTF-8"
    (tmp_path / "d.toml").mkdir()
    assert refusal("d.toml", tmp_path).startswith("d.toml: cannot be read: Is a directory")
    (tmp_path / "big.toml").write_bytes(b"#" * (1 << 20) + b"\n")
    assert refusal("big.toml", tmp_path) == "big.toml: cannot be read: larger than 1 MiB"


def test_symbolic_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").symlink_to("b.toml")
    (tmp_path / "b.toml").symlink_to("a.toml")
    assert "cannot be read" in refusal("a.toml", tmp_path)
