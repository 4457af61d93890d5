"""A run against every hostile server ends by itself, in bounds, with its files whole and the cause named."""

from __future__ import annotations

import pytest

from tests.hostile.measure import MEGABYTES, SECONDS, measured
from tests.hostile.servers import SERVERS, UNUSABLE, Hostile

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

FEW = ("--select", "SUCC,ERR,GRANT-001")
"""Rows that look into every member of an answer, and one that an answer to everything cannot meet."""

WHOLE = ("silent", "redirect elsewhere", "dying", "two answers", "surrogates", "escapes", "alternative")
"""Servers that all rows are asked of: one of each kind, the others by few rows here and by all in the table."""


def test_the_table_has_at_least_forty_servers_with_names_of_their_own() -> None:
    assert len({one.name for one in SERVERS}) == len(SERVERS) >= 40
    assert (SECONDS, MEGABYTES) == (60, 250)


@pytest.mark.parametrize("server", CHOSEN, ids=[one.name for one in CHOSEN])
def test_a_hostile_server_breaks_no_promise(server: Hostile) -> None:
    row = measured(server, *IMPATIENT, *(() if server.name in WHOLE else FEW), seconds=BUSY)
    assert not row.wrong, row
