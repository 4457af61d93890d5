"""A run against every hostile server ends by itself, in bounds, with its files whole and the cause named."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.hostile.measure import MEGABYTES, SECONDS, Row, measured
from tests.hostile.servers import SERVERS, UNUSABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

IMPATIENT = ("--timeout", "0.5", "--examples", "0")
BUSY = 120
"""Seconds that a run may take beside others; the bound itself is the table's."""

JUDGED = (
    *(
        "gzip bomb",
        "deep JSON",
        "NaN",
        "surrogates",
        "invalid UTF-8",
        "huge lifetime",
        "negative length",
        "two answers",
    ),
    *("escapes", "commands", "markup", "login page", "other redirected", "alternative", "closing on others", "dying"),
    "slow patterns",
)
"""Servers that are asked on, those that are quick about it; the table has them all."""

CHOSEN = [one for one in SERVERS if one.codes == UNUSABLE or one.name in JUDGED]


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[str, Future[Row]]]:
    """The runs, several side by side."""
    with ThreadPoolExecutor(3) as pool:
        yield {one.name: pool.submit(measured, one, *IMPATIENT, seconds=BUSY) for one in CHOSEN}


def test_the_table_has_at_least_forty_servers_with_names_of_their_own() -> None:
    assert len({one.name for one in SERVERS}) == len(SERVERS) >= 40
    assert (SECONDS, MEGABYTES) == (60, 250)


@pytest.mark.parametrize("name", [one.name for one in CHOSEN])
def test_a_hostile_server_breaks_no_promise(name: str, rows: dict[str, Future[Row]]) -> None:
    row = rows[name].result()
    assert not row.wrong, row
