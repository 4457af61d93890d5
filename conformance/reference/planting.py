"""Planted defects: how one is declared, and the register of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.reference.oauth import PASSPORT, RFC6749

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.behaviour import Behaviour

    Change = Callable[[Behaviour], Behaviour]

BOTH = (PASSPORT, RFC6749)


@dataclass(frozen=True, slots=True)
class Defect:
    """A planted fault.

    Args:
        name: ``area-what``.
        meaning: what the server does wrong, in one line.
        violates: the requirements that it breaks, the one it is planted for first.
        profiles: where it can be planted.
    """

    name: str
    meaning: str
    violates: tuple[str, ...]
    profiles: tuple[str, ...]


DEFECTS: dict[str, Defect] = {}
CHANGES: dict[str, Change] = {}


def planted(name: str, *violates: str, profiles: tuple[str, ...] = BOTH) -> Callable[[Change], Change]:
    """Registers a change of the correct behaviour as a defect; its docstring says what the server does wrong.

    Args:
        name: ``area-what``.
        violates: the requirements that it breaks, the one it is planted for first.
        profiles: where it can be planted.
    """

    def register(change: Change) -> Change:
        DEFECTS[name] = Defect(name, (change.__doc__ or "").strip().splitlines()[0], violates, profiles)
        CHANGES[name] = change
        return change

    return register
