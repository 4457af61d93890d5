"""Cases: what is sent, as data, and the judgement, as a function."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from conformance import catalogue
from conformance.catalogue import Requirement, nearest
from conformance.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from conformance.request import Template

RECORD = "__conformance_case__"
"""Attribute under which the decorator hangs its record on a test function."""

JUDGE = "judge"
"""The one parameter of a case that is no stimulus: its `Judgement`."""

GENERATED = ("description", "spelling", "near_miss", "odd")
"""Sources of generated requests: from the OpenAPI description, spelled differently, wrong in a place or two, or odd."""

Function = TypeVar("Function", bound="Callable[..., None]")


class CaseError(ValueError):
    """A case is declared wrongly; the text names its file, its ID and what to change."""


@dataclass(frozen=True, slots=True)
class Case:
    """What decides one requirement.

    Attributes:
        requirement: what is decided.
        function: the judgement; it takes a `Reply` for every stimulus, `Replies` for every series, and the `Judgement`
            where it asks for one.
        stimuli: named templates, in the order of their declaration.
        also: templates that an invariant wants in the run although it judges them only as answers among others.
        generated: sources of generated requests that it judges.
        series: named series, in the order of their declaration.
        everywhere: whether it is about the answers to malformed HTTP as well, else a matter of rows of the edge alone.
    """

    requirement: Requirement
    function: Callable[..., None] = field(repr=False)
    stimuli: tuple[tuple[str, Template], ...] = ()
    also: tuple[Template, ...] = ()
    generated: tuple[str, ...] = ()
    series: tuple[tuple[str, Series], ...] = ()
    everywhere: bool = False

    @property
    def id(self) -> str:
        """The requirement's ID."""
        return self.requirement.id

    @property
    def invariant(self) -> bool:
        """Whether it judges nothing but the answers of others."""
        return not self.stimuli and not self.series

    @property
    def inspects(self) -> bool:
        """Whether it asks for the `Judgement`, and with it for every answer of the run."""
        return JUDGE in self.function.__code__.co_varnames[: self.function.__code__.co_argcount]

    @property
    def templates(self) -> tuple[Template, ...]:
        """Everything that the case wants to be sent."""
        return (*(template for _, template in self.stimuli), *self.also, *self.copies)

    @property
    def copies(self) -> tuple[Template, ...]:
        """The copies of every series, in order."""
        return tuple(copy for _, series in self.series for copy in series.copies)

    def name_of(self, digest: str) -> str:
        """Name of the stimulus with that template; empty where there is none."""
        return next((name for name, template in self.stimuli if template.digest == digest), "")


def case(
    identifier: str,
    *,
    requirement: Requirement | None = None,
    also: Iterable[Template] = (),
    generated: Iterable[str] = (),
    everywhere: bool = False,
    **stimuli: Template | Series,
) -> Callable[[Function], Function]:
    """Declares a test function as the case of a requirement.

    Args:
        identifier: ID of the requirement, such as ``CTYPE-009``.
        requirement: the row itself, where the catalogue has none with that ID (cases of one's own).
        also: requests that an invariant wants sent.
        generated: sources of generated requests that the case judges (`GENERATED`).
        everywhere: whether an invariant looks at the answers to malformed HTTP, too.
        **stimuli: a template or a series for every parameter of the function but ``judge``.

    Raises:
        CaseError: the ID is in no catalogue, or the parameters and the stimuli do not match.
    """

    def declare(function: Function) -> Function:
        row = requirement or _row(identifier, function)
        if row.id != identifier:
            raise CaseError(f"{_where(function)}: case {identifier} is given the requirement {row.id}")
        parameters = [name for name in inspect.signature(function).parameters if name != JUDGE]
        if set(parameters) != set(stimuli):
            odd = sorted(set(parameters) ^ set(stimuli))
            raise CaseError(
                f"{_where(function)}: case {identifier}: {', '.join(odd)} must be both a stimulus and a parameter",
            )
        single = tuple((name, one) for name, one in stimuli.items() if not isinstance(one, Series))
        several = tuple(
            (name, one.numbered(f"{identifier} {name}")) for name, one in stimuli.items() if isinstance(one, Series)
        )
        record = Case(row, function, single, tuple(also), tuple(generated), several, everywhere)
        setattr(function, RECORD, record)
        return function

    return declare


def _row(identifier: str, function: Callable[..., None]) -> Requirement:
    rows = catalogue.load().requirements
    if identifier not in rows:
        near = nearest(identifier, rows)
        hint = f"; did you mean {near}?" if near else ""
        raise CaseError(
            f"{_where(function)}: the catalogue has no {identifier}{hint} (a case of your own passes requirement=...)",
        )
    return rows[identifier]


def _where(function: Callable[..., None]) -> str:
    return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"


def own_requirement(
    identifier: str,
    *,
    level: str,
    title: str,
    statement: str,
    remedy: str,
    sources: Iterable[str] = (),
    traits: Mapping[str, tuple[str, ...]] | None = None,
) -> Requirement:
    """A requirement that only your own cases have.

    Args:
        identifier: an ID that is not the catalogue's, such as ``ACME-001``.
        level: ``MUST``, ``SHOULD``, ``MAY``, ``DOC`` or ``ROBUST``.
        title: the requirement in a few words.
        statement: what the server must do.
        remedy: what its owner should change.
        sources: where it comes from, as text.
        traits: choices that it observes, each with its values.
    """
    return Requirement(
        id=identifier,
        area=identifier.partition("-")[0],
        level=catalogue.Level(level),
        derived=False,
        severity=None,
        title=title,
        statement=statement,
        why="",
        remedy=remedy,
        sources=tuple(catalogue.Source(text, None) for text in sources),
        note="",
        profiles=(),
        since=0,
        traits=traits or {},
        undecidable=False,
        intrusive=False,
        on_demand=False,
        edge=False,
        joins=(),
        needs=(),
    )


def case_of(function: Any) -> Case | None:
    """The case that a function was declared as, if it was."""
    return getattr(inspect.unwrap(function) if callable(function) else function, RECORD, None)


def cases_in(module: ModuleType) -> Iterator[Case]:
    """The cases of a module, in the order of its source."""
    for value in vars(module).values():
        record = case_of(value) if inspect.isfunction(value) else None
        if record is not None and value.__module__ == module.__name__:
            yield record


def built_in() -> tuple[Case, ...]:
    """Every case of the suite, in catalogue order.

    Raises:
        CaseError: two cases claim one requirement.
    """
    found: list[Case] = []
    for package in ("conformance.cases", "conformance.properties"):
        folder = importlib.import_module(package)
        for module in pkgutil.iter_modules(folder.__path__):
            if module.name.startswith("test_"):
                found += cases_in(importlib.import_module(f"{package}.{module.name}"))
    return in_order(found)


def from_file(path: Path) -> tuple[Case, ...]:
    """The cases of a file of your own.

    Raises:
        CaseError: the file cannot be imported, or declares no case.
    """
    name = f"conformance_own_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CaseError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except CaseError:
        raise
    except Exception as error:
        raise CaseError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    found = tuple(cases_in(module))
    if not found:
        raise CaseError(f"{path}: declares no case: decorate a test function with @case(ID, name=template)")
    return found


def in_order(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Cases in catalogue order, those of no catalogue last.

    Raises:
        CaseError: two cases claim one requirement.
    """
    order = {identifier: at for at, identifier in enumerate(catalogue.load().requirements)}
    known: dict[str, Case] = {}
    for one in cases:
        if one.id in known:
            other = known[one.id]
            raise CaseError(f"{_where(one.function)}: {one.id} is decided already at {_where(other.function)}")
        known[one.id] = one
    return tuple(sorted(known.values(), key=lambda one: (order.get(one.id, len(order)), one.id)))
