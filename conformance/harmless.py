"""What is sent in production: legal requests with the right credentials, a second apart.

A row stands here where it can be decided by such requests alone; no other row is judged with ``--safe``. Left out is
whatever tries other credentials than the client's own, sends what a firewall or an operator may take for an attack or a
fault, asks for something that the client is not entitled to, or shows the credentials to another path.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.case import Case

SOURCE = "spelling"
"""The one source of generated requests that draws nothing but legal ones."""

_SPELLED = "another legal spelling of the valid request"
_ANSWERS = "looks at answers that others ask for, the valid request's above all"

ROWS = {
    "REQ-001": "the valid request",
    "REQ-003": "the valid request, without a scope",
    "REQ-004": "the valid request with the scope that was configured for it",
    "REQ-005": "one unknown parameter, which a server ignores",
    "REQ-006": "the valid request with fewer fields",
    "AUTH-001": "the credentials in the form of the profile",
    "AUTH-002": "the credentials in the form of the profile",
    "AUTH-005": _SPELLED,
    "AUTH-006": _SPELLED,
    "HDR-001": _SPELLED,
    "HDR-002": _SPELLED,
    "HDR-003": _SPELLED,
    "HDR-004": "one unknown field, which a server ignores",
    "HDR-005": "what browsers and libraries accept",
    "HDR-011": _SPELLED,
    "CTYPE-001": "the valid request",
    "CTYPE-002": _SPELLED,
    "CTYPE-003": _SPELLED,
    **dict.fromkeys((f"SUCC-{number:03}" for number in range(1, 14)), _ANSWERS),
    "ERR-007": _ANSWERS,
    "ERR-009": _ANSWERS,
    "CACHE-001": _ANSWERS,
    "CACHE-002": _ANSWERS,
    "CACHE-004": _ANSWERS,
    "HDR-010": "what browsers and libraries say of codings",
    **dict.fromkeys((f"TOKEN-{number:03}" for number in (1, 2, 4, 6, 7, 8, 9)), _ANSWERS),
    "WIRE-010": _SPELLED,
    "WIRE-014": "the valid request, its body a moment later",
    "WIRE-018": _ANSWERS,
    "WIRE-019": _ANSWERS,
    "TLS-004": "the valid request",
    "LOAD-002": _ANSWERS,
    **dict.fromkeys((f"DISC-{number:03}" for number in (1, 2, 3)), "a public document, asked for without credentials"),
    "DOC-001": "nothing is sent",
    "GEN-001": _SPELLED,
    "GEN-003": _SPELLED,
    "GEN-004": _SPELLED,
    "GEN-005": _SPELLED,
    "GEN-006": _ANSWERS,
}
"""Every harmless row, and why it is."""


def harmless(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases of harmless rows, without what they want to be sent beside that."""
    return tuple(
        replace(case, also=(), generated=tuple(source for source in case.generated if source == SOURCE))
        for case in cases
        if case.id in ROWS and case.function.__module__.startswith("conformance.")
    )
