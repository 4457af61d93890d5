from __future__ import annotations

import copy
import functools
import re
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from conformance import description

if TYPE_CHECKING:
    from collections.abc import Iterator

JUDGING = ("passport.yaml", "rfc6749.yaml")
SAMPLES = ("Go", "Java", "JavaScript", "Python", "Ruby")


@functools.cache
def load(name: str) -> dict[str, Any]:
    return description.load(name)


def operation(name: str) -> dict[str, Any]:
    (item,) = load(name)["paths"].values()
    post: dict[str, Any] = item["post"]
    return post


def elements(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            if key != "example":
                yield from elements(value, (*path, str(key)))


def sourced(name: str) -> dict[str, str | None]:
    described = load(name)
    components = described["components"]
    found = {"requestBody": operation(name)["requestBody"], "post": operation(name)}
    found |= {f"response {status}": response for status, response in operation(name)["responses"].items()}
    for kind in ("headers", "schemas", "securitySchemes"):
        found |= {f"{kind} {key}": value for key, value in components[kind].items()}
    for key, schema in components["schemas"].items():
        found |= {f"{key}.{member}": value for member, value in schema["properties"].items()}
    return {key: value.get("x-source") for key, value in found.items()}


def accepted(pattern_of: str, value: str, name: str = "passport.yaml") -> bool:
    schema, member = pattern_of.split(".")
    return jsonschema_rs.is_valid(load(name)["components"]["schemas"][schema]["properties"][member], value)


@pytest.mark.parametrize("name", [*JUDGING, "as-documented.yaml"])
def test_description_is_a_valid_openapi_document(name: str) -> None:
    validate(load(name))


@pytest.mark.parametrize("name", JUDGING)
def test_judging_description_spells_out_each_status_and_has_no_default(name: str) -> None:
    assert sorted(operation(name)["responses"]) == ["200", "400", "401", "405", "413", "415", "429", "431"]


@pytest.mark.parametrize("name", JUDGING)
def test_answers_of_the_http_layer_have_no_body_contract(name: str) -> None:
    with_body = {status for status, response in operation(name)["responses"].items() if "content" in response}

    assert with_body == {"200", "400", "401"}


@pytest.mark.parametrize("name", JUDGING)
def test_each_described_element_names_its_source(name: str) -> None:
    unsourced = [key for key, source in sourced(name).items() if not re.match(r"RFC \d+ section|seed: ", source or "")]

    assert unsourced == []


@pytest.mark.parametrize("name", JUDGING)
def test_header_parameters_that_openapi_ignores_are_not_used_for_judging(name: str) -> None:
    assert "parameters" not in operation(name)
    assert "application/x-www-form-urlencoded" in operation(name)["requestBody"]["content"]


def test_profiles_describe_the_same_answers() -> None:
    passport, rfc6749 = (copy.deepcopy(load(name)["components"]) for name in JUDGING)
    passport["schemas"].pop("TokenRequest"), rfc6749["schemas"].pop("TokenRequest")
    for components in (passport, rfc6749):
        components["schemas"]["Token"]["properties"]["token_type"].pop("description")

    assert passport["schemas"] == rfc6749["schemas"]
    assert passport["headers"] == rfc6749["headers"]
    assert operation("passport.yaml")["responses"] == operation("rfc6749.yaml")["responses"]


def test_profiles_differ_in_how_credentials_travel() -> None:
    (bare,) = load("passport.yaml")["components"]["securitySchemes"].values()
    (basic,) = load("rfc6749.yaml")["components"]["securitySchemes"].values()

    assert (bare["type"], bare["in"], bare["name"]) == ("apiKey", "header", "Authorization")
    assert (basic["type"], basic["scheme"]) == ("http", "basic")


@pytest.mark.parametrize("value", ["*" * 40, "a", "a b", '~!"\\', "eyJ.a-b_c.d", "x=="])
def test_access_token_pattern_takes_visible_ascii_and_spaces(value: str) -> None:
    assert accepted("Token.access_token", value)


@pytest.mark.parametrize("value", ["", "tab\there", "a\n", "é", "\x7f", "\x1f"])
def test_access_token_pattern_refuses_what_appendix_a12_excludes(value: str) -> None:
    assert not accepted("Token.access_token", value)


@pytest.mark.parametrize(
    "value", ["Bearer", "bearer", "BEARER", "mac", "N_A", "urn:example:type", "https://a.example/b?c#d"]
)
def test_token_type_pattern_takes_names_and_uris(value: str) -> None:
    assert accepted("Token.token_type", value)


@pytest.mark.parametrize("value", ["", "Bearer ", "Bear er", 'Be"arer', "é"])
def test_token_type_pattern_refuses_what_is_neither_name_nor_uri(value: str) -> None:
    assert not accepted("Token.token_type", value)


@pytest.mark.parametrize("value", ["", "read", "read write", "a:b/c", "!#[]~"])
def test_scope_of_a_request_may_be_empty_or_space_separated(value: str) -> None:
    assert accepted("TokenRequest.scope", value)


@pytest.mark.parametrize("value", [" ", "a  b", "a ", 'a"', "a\\b", "a\tb", "é"])
def test_scope_of_a_request_follows_the_grammar(value: str) -> None:
    assert not accepted("TokenRequest.scope", value)


@pytest.mark.parametrize("octet", [*range(0x80)])
def test_error_pattern_takes_exactly_the_characters_of_appendix_a7(octet: int) -> None:
    permitted = 0x20 <= octet <= 0x7E and octet not in (0x22, 0x5C)

    assert accepted("Error.error", chr(octet)) is permitted
    assert accepted("Error.error_description", chr(octet)) is permitted
    assert accepted("Error.error_uri", chr(octet)) is (permitted and octet != 0x20)


def test_published_document_promises_nothing_about_answers() -> None:
    assert operation("as-documented.yaml")["responses"] == {
        "default": {
            "description": "Default response",
            "x-source": "seed: Responses table",
            "content": {"*/*": {"schema": {}}},
        }
    }
    assert "evidence, not a judge" in load("as-documented.yaml")["info"]["description"].lower()


def test_published_document_keeps_its_header_parameters_and_names_no_security_scheme() -> None:
    described = operation("as-documented.yaml")

    assert [(item["name"], item["in"], item["required"]) for item in described["parameters"]] == [
        ("Content-Type", "header", True),
        ("Authorization", "header", True),
    ]
    assert not any("security" in node or "securitySchemes" in node for _, node in elements(load("as-documented.yaml")))


def test_published_samples_name_the_content_type_twice_and_the_second_time_with_a_space() -> None:
    samples = {sample["lang"]: sample["source"] for sample in operation("as-documented.yaml")["x-codeSamples"]}

    assert tuple(samples) == SAMPLES
    for language in ("Go", "JavaScript", "Python", "Ruby"):
        assert len(re.findall(r"""['"]Content-Type['"]""", samples[language])) == 2
        assert " application/x-www-form-urlencoded" in samples[language]
        assert " <<Authorization>>" in samples[language]
    assert not any("client_credentials" in sample for sample in samples.values())
