"""What the published document behind the passport profile contradicts in itself, as data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from conformance.resources import package_text


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One place where the document cannot be followed as it stands.

    Attributes:
        id: stable name, such as ``A4``.
        title: what it is, in a few words.
        where: the part of the document.
        says: what stands there.
        wrong: why that cannot be followed, or is followed in two ways.
        treatment: what the suite does about it.
        rows: IDs of the requirements that look at it; none where nothing of it travels.
    """

    id: str
    title: str
    where: str
    says: str
    wrong: str
    treatment: str
    rows: tuple[str, ...]


@cache
def contradictions() -> tuple[Contradiction, ...]:
    """The contradictions of the published document, in the order of their IDs."""
    found = tomllib.loads(package_text("profiles", "contradictions.toml"))["contradictions"]
    return tuple(Contradiction(**{**one, "rows": tuple(one["rows"])}) for one in found)
