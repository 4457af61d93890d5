"""The further clients of the embedded endpoint: who passes, who is refused, and what their tokens say."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from conformance.reference import Endpoint, start
from tests.test_reference import GRANT, PROFILES, ask, credential, outcome, stable, talk
from tests.test_reference import request as asking

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = ("second", "special", "sacrificial", "unentitled")


@pytest.fixture(params=PROFILES)
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    with start(request.param) as running:
        yield running


def as_client(endpoint: Endpoint, role: str) -> str:
    """The Authorization value of a further client, its id and secret as they are."""
    return credential(endpoint, ":".join(endpoint.clients[role]))


@pytest.mark.parametrize("role", ["second", "special", "sacrificial"])
def test_a_further_client_is_granted_and_is_another_one(role: str, endpoint: Endpoint) -> None:
    client_id, secret = endpoint.clients[role]
    assert outcome(ask(endpoint, auth=as_client(endpoint, role))) == (200, "token")
    assert outcome(ask(endpoint, auth=as_client(endpoint, role), body=f"{GRANT}&client_id={client_id}"))[0] == 200
    other = f"{GRANT}&client_id={endpoint.client_id}"
    assert outcome(ask(endpoint, auth=as_client(endpoint, role), body=other)) == (400, "invalid_request")
    for pair in (f"{endpoint.client_id}:{secret}", f"{client_id}:{endpoint.client_secret}"):
        assert outcome(ask(endpoint, auth=credential(endpoint, pair))) == (401, "invalid_client")


def test_a_client_that_may_not_use_the_grant_is_told_so_once_it_has_authenticated(endpoint: Endpoint) -> None:
    wrong = credential(endpoint, f"{endpoint.clients['unentitled'].client_id}:x")
    assert outcome(ask(endpoint, auth=as_client(endpoint, "unentitled"))) == (400, "unauthorized_client")
    assert outcome(ask(endpoint, auth=wrong)) == (401, "invalid_client")


def test_the_secret_of_the_special_client_holds_what_encodings_change(endpoint: Endpoint) -> None:
    assert set(":+%&= ") <= set(endpoint.clients["special"].secret)


def test_credentials_in_the_body_are_those_of_any_client() -> None:
    with start("rfc6749") as endpoint:
        client_id, secret = endpoint.clients["second"]
        body = f"{GRANT}&client_id={client_id}&client_secret="
        assert outcome(ask(endpoint, auth=None, body=body + secret)) == (200, "token")
        assert outcome(ask(endpoint, auth=None, body=body + endpoint.client_secret)) == (401, "invalid_client")


def test_a_jwt_names_the_client_that_asked() -> None:
    with start("rfc6749", variant="jwt-tokens") as endpoint:
        for auth, client_id in (
            (credential(endpoint), endpoint.client_id),
            (as_client(endpoint, "second"), endpoint.clients["second"].client_id),
        ):
            part = json.loads(ask(endpoint, auth=auth)[2])["access_token"].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(part + "=="))
            assert (claims["sub"], claims["client_id"]) == (client_id, client_id)


def test_secrets_are_fresh_and_in_no_repr(endpoint: Endpoint) -> None:
    secrets = {client.secret for client in endpoint.clients.values()}
    assert len(secrets) == len(ROLES)
    for shown in (repr(endpoint), repr(endpoint.clients), repr(endpoint._site)):
        assert not any(secret in shown for secret in secrets)
    with start() as other:
        assert not secrets & {client.secret for client in other.clients.values()}


def test_a_defect_in_who_passes_holds_for_every_client() -> None:
    with start("rfc6749", defects=["auth-query-credentials"]) as endpoint:
        client_id, secret = endpoint.clients["sacrificial"]
        target = f"{endpoint.token_path}?client_id={client_id}&client_secret={secret}"
        assert outcome(ask(endpoint, auth=None, target=target)) == (200, "token")
    with start("passport", defects=["auth-swapped-pair"]) as endpoint:
        swapped = ":".join(reversed(endpoint.clients["second"]))
        assert outcome(ask(endpoint, auth=credential(endpoint, swapped))) == (200, "token")
    with start("rfc6749", defects=["succ-secret"]) as endpoint:
        received = talk(endpoint, asking(endpoint, auth=as_client(endpoint, "second")))
        assert endpoint.clients["second"].secret.encode() in stable(received)
