"""HTTP stacks that people run: what each makes of odd requests is judged by the engine, and pinned here.

What is pinned as failed was checked by hand: each is a request that RFC 9112 wants refused, or a 5xx. Anything else
that fails here is a false alarm of the suite, or a stack that has changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import case, engine, profiles
from conformance.target import Credentials, Limits, Secret, target_at
from tests import stacks
from tests.test_peers import WERKZEUG

if TYPE_CHECKING:
    from conformance.case import Case

pytestmark = pytest.mark.integration

ROWS = frozenset(
    {"REQ-001", "METHOD-006", "AUTH-023", "HDR-001", "HDR-002", "HDR-003", "HDR-007", "HDR-008", "HDR-011"}
    | {f"CTYPE-{number:03}" for number in range(8, 13)}
)

# Nobody looks at the value of Host, however malformed.
ANY_HOST = {"WIRE-021": "warning"}

PINNED = {
    "werkzeug": {**ANY_HOST, **WERKZEUG},
    "gunicorn": {
        **ANY_HOST,
        # Two Content-Type lines are refused.
        "CTYPE-008": "warning",
        # A request without Host reaches the application.
        "WIRE-004": "failed",
    },
    "uvicorn-h11": {
        **ANY_HOST,
        # Of two Authorization lines the first counts.
        "AUTH-023": "observed",
        # Content-Length beside Transfer-Encoding is granted, and the connection stays open.
        "WIRE-006": "warning",
        # The whole URL of the request line is taken for the path.
        "WIRE-013": "warning",
    },
    "uvicorn-httptools": {
        **ANY_HOST,
        "AUTH-023": "observed",
        # Neither a missing nor a second Host keeps the request from the application.
        "WIRE-004": "failed",
        "WIRE-005": "failed",
    },
    "aiohttp": {
        **ANY_HOST,
        "AUTH-023": "observed",
        # Two Content-Type lines are refused.
        "CTYPE-008": "warning",
        # A long query is refused by 400, not by 414.
        "WIRE-016": "warning",
    },
    "node": {
        **ANY_HOST,
        "AUTH-023": "observed",
        # The first of two Host lines counts.
        "WIRE-005": "failed",
        # A long query is refused by 431, not by 414.
        "WIRE-016": "warning",
    },
}
"""The verdicts that are not passed, by stack."""

CHOSEN = ("content_type.duplicate", "content_type.combined", "authorization.duplicate", "field.too_large")
TRAITS: dict[str, tuple[str | tuple[str, ...], ...]] = {
    "werkzeug": ("last", "refused", "refused", "431"),
    "gunicorn": ("refused", "refused", "refused", "431"),
    # Its limit counts what has come of an unfinished section, so that it depends on the pieces in which that arrives.
    "uvicorn-h11": ("first", "refused", "first", ("processed", "400")),
    "uvicorn-httptools": ("first", "refused", "first", "processed"),
    "aiohttp": ("refused", "refused", "first", "400"),
    "node": ("first", "refused", "first", "431"),
}
"""What each stack makes of a repeated field and of a large header section."""


def selected(one: Case) -> bool:
    return one.id in ROWS or one.requirement.area == "WIRE"


@pytest.mark.parametrize("name", stacks.NEEDS)
def test_what_a_stack_does_is_told_as_it_is(name: str) -> None:
    if absent := stacks.missing(name):
        pytest.skip(absent)
    profile, every = profiles.load("passport", Path.cwd()), case.built_in()
    with stacks.serving(name) as url:
        client = Credentials(stacks.CLIENT_ID, Secret(stacks.CLIENT_SECRET))
        target = target_at(url, stacks.PATH, client)
        cases = engine.applicable(filter(selected, every), profile)
        result = engine.conduct(engine.Inquiry(target, profile, Limits(timeout=5), cases, every, examples=0)).result
    found = {one.case.id: one.verdict for one in result.cases if one.verdict != "passed"}
    assert found == PINNED[name]
    for trait, pinned in zip(CHOSEN, TRAITS[name], strict=True):
        assert result.traits[trait] in (pinned if isinstance(pinned, tuple) else (pinned,)), trait
    assert result.verdict == "conformant"
