"""Which cases a run judges: by ID or area, as the profile has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance import case, catalogue, engine
from conformance.target import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.case import Case
    from conformance.profiles import Profile


def known(files: Iterable[Path]) -> tuple[Case, ...]:
    """Every case there is, those of your own files included.

    Raises:
        case.CaseError: a file declares none, one that exists already, or one that pytest would not collect.
    """
    return case.in_order([*case.built_in(), *(one for file in files for one in _own(file))])


def _own(file: Path) -> tuple[Case, ...]:
    try:
        found = case.from_file(file)
    except SystemExit:
        raise case.CaseError(f"{file}: ends the program when it is imported") from None
    for one in found:
        name = one.function.__name__
        if not name.startswith("test_"):
            raise case.CaseError(f"{file}: case {one.id}: the name of its function begins with test_, not {name!r}")
    return found


def selected(
    cases: tuple[Case, ...], profile: Profile, select: Iterable[str], include: Iterable[str]
) -> tuple[Case, ...]:
    """The cases to judge, in catalogue order.

    Args:
        cases: every case there is.
        profile: what the target claims.
        select: IDs and areas; nothing selects everything.
        include: IDs that are judged beside the selected ones.

    Raises:
        SettingsError: a name is unknown, or no case is left.
    """
    wanted = _checked("--select", select, cases)
    more = _checked("--include", include, cases)
    chosen = [one for one in cases if not wanted or {one.id, one.requirement.area} & {*wanted, *more}]
    left = engine.applicable(chosen, profile)
    if not left:
        names = ", ".join(wanted)
        raise SettingsError(f"no case is selected: profile {profile.name} takes on none of {names}")
    return left


def _checked(flag: str, names: Iterable[str], cases: tuple[Case, ...]) -> tuple[str, ...]:
    known_names = list(dict.fromkeys(name for one in cases for name in (one.requirement.area, one.id)))
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in known_names:
            near = catalogue.nearest(name, known_names)
            hint = f"; did you mean {near}?" if near else "; accepted: IDs and areas of `token-conformance list`"
            raise SettingsError(f"{flag} {name}: there is no such requirement or area{hint}")
    return wanted
