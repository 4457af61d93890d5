"""Planted defects: how one is declared, and the register of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.reference.oauth import PASSPORT, RFC6749

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.behaviour import Behaviour

    Change = Callable[[Behaviour], Behaviour]

BOTH = (PASSPORT, RFC6749)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run has to be given so that a defect shows.

    Args:
        scope: the scopes that the client may ask for, with spaces between them.
        scope_always: whether the valid request carries them.
        secret: the secret of the client, where a random one would not do.
        clients: whether the run knows the further clients of the endpoint.
        tls: whether the endpoint is asked over TLS.
    """

    scope: str = "read"
    scope_always: bool = False
    secret: str | None = field(default=None, repr=False)
    clients: bool = False
    tls: bool = False


NOTHING = Needs()

ODD_SECRET = Needs(secret="s~~~t???u+v%w&x=y z0123456789")  # noqa: S106 - of the embedded endpoint, where it is no secret
"""A secret with characters that form encoding changes, and such that Base64 has + and / in it."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A planted fault.

    Args:
        name: ``area-what``.
        meaning: what the server does wrong, in one line.
        violates: the requirements that it breaks, the one it is planted for first.
        profiles: where it can be planted.
        needs: what a run has to be given so that it shows.
        closes_gate: whether the valid request itself is refused, so that a run is unusable and nothing is judged.
    """

    name: str
    meaning: str
    violates: tuple[str, ...]
    profiles: tuple[str, ...]
    needs: Needs = NOTHING
    closes_gate: bool = False


DEFECTS: dict[str, Defect] = {}
CHANGES: dict[str, Change] = {}


def planted(
    name: str,
    *violates: str,
    profiles: tuple[str, ...] = BOTH,
    needs: Needs = NOTHING,
    closes_gate: bool = False,
) -> Callable[[Change], Change]:
    """Registers a change of the correct behaviour as a defect; its docstring says what the server does wrong.

    Args:
        name: ``area-what``.
        violates: the requirements that it breaks, the one it is planted for first.
        profiles: where it can be planted.
        needs: what a run has to be given so that it shows.
        closes_gate: whether the valid request itself is refused.
    """

    def register(change: Change) -> Change:
        meaning = (change.__doc__ or "").strip().splitlines()[0]
        DEFECTS[name] = Defect(name, meaning, violates, profiles, needs, closes_gate)
        CHANGES[name] = change
        return change

    return register
