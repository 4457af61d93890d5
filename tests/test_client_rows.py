"""The rows that a further client decides, and large bodies: each outcome against a scripted server."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

import pytest

from conformance import case, engine, profiles, recording, rejudging
from conformance.target import Client, Credentials, Limits, Secret
from tests.servers import CLIENT, HANG_UP, SECRET, Asked, answer, inquiry, refusal, serving, token

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.engine import Run
    from conformance.judging import Verdict

CASES = {one.id: one for one in case.built_in()}
CLIENTS = {
    "second": ("second-app", "second-secret-01"),
    "special": ("special-app", "sp:ec+ial=%41 secret"),
    "sacrificial": ("lamb", "lamb-secret-01"),
    "unentitled": ("login-app", "login-secret-01"),
}
INVALID_CLIENT = refusal(401, "invalid_client")
UNENTITLED = refusal(400, "unauthorized_client")
ROOMY = Limits(timeout=3)


@dataclass
class Server:
    """A correct server with every client, of which tests replace a step.

    Attributes:
        basic: whether it wants the Basic scheme.
        posts: whether it takes credentials from the body.
        split: id and secret of decoded credentials.
        decoded: what it makes of each part of Basic credentials.
        issued: the token for a client and a request.
        entitled: what a client without the grant gets, if it is no token.
        otherwise: an answer before anything else is looked at.
    """

    basic: bool = False
    posts: bool = True
    split: Callable[[str], tuple[str, str]] = lambda text: text.partition(":")[::2]
    decoded: Callable[[str], str] = unquote_plus
    issued: Callable[[str, Asked], str] = lambda client, request: f"token-{client}-{request.number:030}"
    entitled: Callable[[str, Asked], bytes | None] = lambda *_: UNENTITLED
    otherwise: Callable[[Asked], bytes | None] = lambda _: None
    secrets: dict[str, str] = field(default_factory=lambda: {CLIENT: SECRET, **dict(CLIENTS.values())})

    def __call__(self, request: Asked) -> bytes | None:
        other = self.otherwise(request)
        if other is not None:
            return other
        form = dict(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
        client = self.client(request, form)
        if client is None:
            return INVALID_CLIENT
        if client == CLIENTS["unentitled"][0]:
            return self.entitled(client, request) or token(self.issued(client, request))
        if form.get("grant_type") != "client_credentials":
            return refusal(400, "unsupported_grant_type")
        return token(self.issued(client, request))

    def client(self, request: Asked, form: dict[str, str]) -> str | None:
        value = re.search(rb"(?im)^authorization:[ \t]*([^\r\n]*)", request.data.partition(b"\r\n\r\n")[0])
        if value is None:
            pair = (form.get("client_id", ""), form.get("client_secret", "")) if self.posts else ("", "")
        else:
            scheme, _, encoded = value[1].decode("latin-1").rpartition(" ")
            if bool(scheme) is not self.basic:
                return None
            pair = self.split(base64.b64decode(encoded).decode())
            pair = (self.decoded(pair[0]), self.decoded(pair[1])) if self.basic else pair
        return pair[0] if self.secrets.get(pair[0]) == pair[1] else None


def judged(server: Server, row: str, *roles: str, **more: Any) -> Run:
    """A run of one row, with the clients of some roles."""
    with serving(server) as running:
        return engine.conduct(asked_of(running.base_url, server, row, *roles), **more)


def asked_of(base_url: str, server: Server, row: str, *roles: str) -> engine.Inquiry:
    profile = "rfc6749" if server.basic else "passport"
    asked = inquiry(base_url, (CASES[row],), profile, limits=ROOMY, scope="read")
    clients = tuple(Client(role, Credentials(CLIENTS[role][0], Secret(CLIENTS[role][1]))) for role in roles)
    return replace(asked, target=replace(asked.target, clients=clients))


def verdict(run: Run) -> Verdict:
    return run.result.cases[0]


# Without a client


@pytest.mark.parametrize(
    ("row", "role"), [("AUTH-015", "special"), ("AUTH-029", "unentitled"), ("TOKEN-005", "second")]
)
def test_without_its_client_a_row_says_what_to_configure(row: str, role: str) -> None:
    one = verdict(judged(Server(), row))
    assert one.verdict == "not_applicable"
    assert one.reason.startswith(
        f"no {role} client is configured: name one by {role}_client_id and {role}_client_secret"
    )


# AUTH-015


def every_colon(text: str) -> tuple[str, str]:
    return (text.split(":", maxsplit=1)[0], text.split(":")[1])


def last_colon(text: str) -> tuple[str, str]:
    client, _, secret = text.rpartition(":")
    return client, secret


@pytest.mark.parametrize(
    ("server", "found"),
    [
        (Server(), "passed"),
        (Server(posts=False), "passed"),
        (Server(split=every_colon), "failed"),
        (Server(split=last_colon), "failed"),
        (Server(split=every_colon, posts=False), "failed"),
        (Server(secrets={CLIENT: SECRET}), "inconclusive"),
        (Server(secrets={CLIENT: SECRET}, posts=False), "failed"),
    ],
)
def test_only_the_first_colon_separates(server: Server, found: str) -> None:
    one = verdict(judged(server, "AUTH-015", "special"))
    assert one.verdict == found
    if found == "inconclusive":
        assert "check its secret" in one.reason


def test_where_colons_travel_encoded_there_is_nothing_to_separate() -> None:
    one = verdict(judged(Server(basic=True), "AUTH-015", "special"))
    assert (one.verdict, "AUTH-016" in one.reason) == ("not_applicable", True)


# AUTH-016


@pytest.mark.parametrize(
    ("server", "found"),
    [
        (Server(), "passed"),
        (Server(decoded=str), "warning"),
        (Server(decoded=lambda text: text.replace("+", " ")), "warning"),
        (Server(decoded=str, posts=False), "warning"),
        (Server(secrets={CLIENT: SECRET}), "inconclusive"),
    ],
)
def test_the_special_client_shows_whether_basic_is_form_decoded(server: Server, found: str) -> None:
    run = judged(replace(server, basic=True), "AUTH-016", "special")
    assert verdict(run).verdict == found
    assert not any(exchange.spent for exchange in run.recording.exchanges)


def test_without_special_characters_anywhere_basic_decoding_stays_open() -> None:
    one = verdict(judged(Server(basic=True), "AUTH-016"))
    assert (one.verdict, one.reason) == (
        "not_applicable",
        "the secret has no character that form encoding changes",
    )


# AUTH-021


def in_the_uri(request: Asked) -> bytes | None:
    line = request.data.partition(b"\r\n")[0].decode("latin-1")
    query = dict(parse_qsl(line.partition("?")[2].partition(" ")[0]))
    known = {CLIENT: SECRET, **dict(CLIENTS.values())}
    right = query.get("client_secret") is not None and known.get(query.get("client_id", "")) == query["client_secret"]
    return token() if right else None


@pytest.mark.parametrize(
    ("server", "roles", "found"),
    [
        (Server(otherwise=in_the_uri), ("sacrificial",), "failed"),
        (Server(), ("sacrificial",), "passed"),
        (Server(), (), "inconclusive"),
        (Server(otherwise=in_the_uri), (), "inconclusive"),
        (Server(secrets={CLIENT: SECRET}), ("sacrificial",), "inconclusive"),
    ],
)
def test_the_sacrificial_client_decides_what_the_real_one_must_not_show(
    server: Server, roles: tuple[str, ...], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.target.is_loopback", lambda _: False)
    run = judged(server, "AUTH-021", *roles)
    assert verdict(run).verdict == found
    assert run.recording.header.settings["exposed"] == ("sacrificial" if roles else "invented")
    assert not any(exchange.spent for exchange in run.recording.exchanges)


# AUTH-029


@pytest.mark.parametrize(
    ("server", "found"),
    [
        (Server(), "passed"),
        (Server(posts=False), "passed"),
        (Server(entitled=lambda *_: INVALID_CLIENT), "observed"),
        (Server(entitled=lambda *_: None), "failed"),
        (Server(entitled=lambda *_: refusal(403, "unauthorized_client")), "failed"),
        (Server(entitled=lambda *_: refusal(400, "unsupported_grant_type")), "failed"),
        (Server(entitled=lambda *_: answer(500)), "failed"),
        # The grant is checked on one way in alone.
        (
            Server(entitled=lambda _, one: None if b"scope=" in one.body else UNENTITLED),
            "failed",
        ),
        (
            Server(entitled=lambda _, one: None if b"client_secret" in one.body else UNENTITLED),
            "failed",
        ),
        (
            Server(entitled=lambda _, one: refusal(400, "invalid_scope") if b"scope" in one.body else UNENTITLED),
            "passed",
        ),
    ],
)
@pytest.mark.parametrize("basic", [False, True])
def test_a_client_without_the_grant_gets_nothing(server: Server, found: str, *, basic: bool) -> None:
    run = judged(replace(server, basic=basic), "AUTH-029", "unentitled")
    assert verdict(run).verdict == found
    assert not any(exchange.spent for exchange in run.recording.exchanges)


def test_an_identifier_alone_opens_no_door() -> None:
    def trusting(request: Asked) -> bytes | None:
        public = b"client_id=login-app" in request.body and b"client_secret" not in request.body
        return token() if public else None

    one = verdict(judged(Server(otherwise=trusting), "AUTH-029", "unentitled"))
    assert one.verdict == "failed"
    assert one.actual.startswith("named: 200 with a token")


# TOKEN-005


@pytest.mark.parametrize(
    ("server", "found"),
    [
        (Server(), "passed"),
        (Server(posts=False), "passed"),
        (Server(issued=lambda client, _: f"the-one-token-of-{client:>030}"), "passed"),
        (Server(issued=lambda *_: "the-one-token-of-everybody"), "failed"),
        (Server(issued=lambda *_: "the-one-token-of-everybody", posts=False), "failed"),
        # A cache whose key is the Authorization field holds one token for all who have none.
        (
            Server(
                issued=lambda client, one: (
                    f"token-of-{client:>030}" if b"\r\nAuthorization:" in one.data else "token-of-nobody-in-particular"
                )
            ),
            "failed",
        ),
        (Server(secrets={CLIENT: SECRET}), "inconclusive"),
    ],
)
@pytest.mark.parametrize("basic", [False, True])
def test_two_clients_get_two_tokens(server: Server, found: str, *, basic: bool) -> None:
    one = verdict(judged(replace(server, basic=basic), "TOKEN-005", "second"))
    assert one.verdict == found
    if found == "failed":
        assert one.actual == "a token that another client got as well"


def test_a_token_that_is_shared_once_is_unstable() -> None:
    first: list[int] = []

    def issued(client: str, request: Asked) -> str:
        if client == CLIENTS["second"][0]:
            first.append(request.number)
        return "shared" * 5 if client == CLIENT or len(first) == 1 else f"token-{request.number:030}"

    one = verdict(judged(Server(issued=issued, posts=False), "TOKEN-005", "second"))
    assert one.verdict == "inconclusive"


# BODY-013


def large(octets: bytes | None) -> Callable[[Asked], bytes | None]:
    return lambda request: octets if len(request.body) > 70_000 else None


CUT = b"HTTP/1.1 413 Content Too Large\r\nContent-Type: text/html\r\nContent-Length: 500\r\n\r\n<html>"


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (None, "passed"),
        (answer(413, b"<html>too large</html>", media_type="text/html"), "passed"),
        (refusal(400, "invalid_request"), "passed"),
        (answer(403), "passed"),
        (CUT, "passed"),
        (answer(500), "failed"),
        (answer(503), "failed"),
        (answer(200, b"{}"), "failed"),
        (HANG_UP, "failed"),
    ],
)
def test_large_bodies_are_granted_or_refused(octets: bytes | None, found: str) -> None:
    run = judged(Server(otherwise=large(octets)), "BODY-013")
    assert verdict(run).verdict == found
    sizes = {one.label: len(one.sent) for one in run.recording.exchanges if one.role == "stimulus"}
    assert (1 << 20) - 1024 < sizes["BODY-013 repeated"] < 1 << 20
    assert sizes["BODY-013 long"] > 256 << 10
    assert 70_000 < sizes["BODY-013 many"] < 128 << 10


def test_one_kind_of_large_body_is_enough_to_fail() -> None:
    many = Server(otherwise=lambda request: answer(500) if request.body.count(b"&") > 1000 else None)
    one = verdict(judged(many, "BODY-013"))
    assert one.verdict == "failed"
    assert one.changed[-1].endswith("&{10000 pieces from p0=1 to p9999=1}")


# Offline


@pytest.mark.parametrize(
    ("server", "row", "role"),
    [
        (Server(split=every_colon), "AUTH-015", "special"),
        (Server(basic=True, decoded=str), "AUTH-016", "special"),
        (Server(entitled=lambda *_: None), "AUTH-029", "unentitled"),
        (Server(issued=lambda *_: "the-one-token-of-everybody"), "TOKEN-005", "second"),
    ],
)
def test_a_recording_is_judged_alike_and_names_the_clients(server: Server, row: str, role: str, tmp_path: Path) -> None:
    file = tmp_path / "exchanges.jsonl"
    live = verdict(judged(server, row, role, record=file))
    found = recording.read(file)
    assert found.header.settings["clients"] == {role: CLIENTS[role][0]}
    offline = rejudging.inquiry(found.header, profiles.load(found.header.profile, tmp_path), case.built_in(), ())
    again = verdict(engine.judged(offline, found, rejudging.gate(found, offline.target), finished=0))
    for name in ("verdict", "reason", "expected", "actual", "witnesses", "stimuli", "changed"):
        assert getattr(again, name) == getattr(live, name)
    assert CLIENTS[role][1].encode() not in file.read_bytes()


@pytest.mark.parametrize(("real", "exposed"), [(True, "client"), (False, "invented")])
def test_a_recording_of_an_older_release_is_still_read(real: object, exposed: str, tmp_path: Path) -> None:
    file = tmp_path / "exchanges.jsonl"
    judged(Server(), "AUTH-021", record=file)
    header = recording.read(file).header
    settings = {name: value for name, value in header.settings.items() if name not in ("exposed", "clients")}
    older = replace(header, settings={**settings, "exposed_is_real": real})
    asked = rejudging.inquiry(older, profiles.load(older.profile, tmp_path), case.built_in(), ())
    contract = engine.contract(asked.profile, older)
    assert (contract.exposed, contract.exposed_works) == (exposed, bool(real))
    assert asked.target.clients == ()
