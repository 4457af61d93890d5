"""The metadata of the embedded endpoint, asked for over raw sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.reference import Endpoint, start
from tests.test_reference import GRANT, PROFILES, ask, outcome

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


def fetched(endpoint: Endpoint, target: str = OAUTH, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    return ask(endpoint, method=method, target=target, auth=None, types=(), body="", length=False)


def members(endpoint: Endpoint, target: str = OAUTH) -> dict[str, Any]:
    status, fields, body = fetched(endpoint, target)
    assert (status, fields["content-type"]) == (200, "application/json")
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_the_metadata_say_what_the_endpoint_does(profile: str) -> None:
    with start(profile) as endpoint:
        found = members(endpoint)
        assert found["issuer"] == endpoint.base_url == f"http://127.0.0.1:{endpoint.port}"
        assert found["token_endpoint"] == endpoint.base_url + endpoint.token_path
        assert found["grant_types_supported"] == ["client_credentials"]
        posted = f"{GRANT}&client_id={endpoint.client_id}&client_secret={endpoint.client_secret}"
        works = {
            "client_secret_basic": outcome(ask(endpoint))[0] == 200 and profile == "rfc6749",
            "client_secret_post": outcome(ask(endpoint, auth=None, body=posted))[0] == 200,
        }
        methods = found["token_endpoint_auth_methods_supported"]
        assert {name for name in works if works[name]} == {name for name in methods if ":" not in name}


def test_an_issuer_with_a_path_has_its_own_document_behind_the_well_known_path() -> None:
    with start("rfc6749", issuer_path="/tenant", token_path="/tenant/token") as endpoint:
        assert members(endpoint)["issuer"] == endpoint.base_url
        found = members(endpoint, f"{OAUTH}/tenant")
        assert found["issuer"] == f"{endpoint.base_url}/tenant"
        assert found["token_endpoint"] == f"{endpoint.base_url}/tenant/token"
        assert fetched(endpoint, f"{OAUTH}/other")[0] == 404


def test_nothing_else_is_well_known_and_only_reading_is_served() -> None:
    with start() as endpoint:
        for target in (OPENID, f"{OAUTH}/", f"{OAUTH}/tenant", "/.well-known/", f"/passport{OAUTH}"):
            assert fetched(endpoint, target)[0] == 404
        assert fetched(endpoint, method="HEAD")[::2] == (200, b"")
        assert fetched(endpoint, method="POST")[0] == 405


def test_what_a_defect_does_to_the_answers_of_the_endpoint_leaves_its_metadata_alone() -> None:
    with start(defects=["succ-201", "succ-text-html"]) as endpoint:
        assert outcome(ask(endpoint))[0] == 201
        assert members(endpoint)["issuer"] == endpoint.base_url
