"""Comparison: what became worse, better or merely different between two runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance import catalogue, pinning, recording, signature
from conformance.report import results, summary
from conformance.report.folder import EXCHANGES, RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from conformance.pinning import Drift
    from conformance.recording import Recording
    from conformance.signature import Fact

FORMAT = "token-conformance-comparison/1"
SAME, REGRESSED, UNDECIDED, DRIFTED = 0, 1, 3, 5

_RANK = {"failed": 2, "warning": 1}
_OPEN = ("inconclusive", "error")
_COUNTING = ("MUST", "DOC", "ROBUST")


@dataclass(frozen=True, slots=True)
class Side:
    """One of two runs.

    Attributes:
        folder: where it is, as messages name it.
        results: what its ``results.json`` says.
        recording: its exchanges, where they can be read.
        missing: why they cannot.
    """

    folder: str
    results: Mapping[str, Any]
    recording: Recording | None = field(default=None, repr=False)
    missing: str = ""

    @property
    def cases(self) -> dict[str, Mapping[str, Any]]:
        """Its cases by ID."""
        return {one["id"]: one for one in self.results["cases"]}


@dataclass(frozen=True, slots=True)
class Change:
    """A case that has another verdict, or the same for another reason.

    Attributes:
        id: ID of the requirement.
        level: its level.
        title: the requirement in a few words.
        before: verdict of the first run.
        after: verdict of the second.
        expected: what would have been right.
        actual: what came, or why it could not be decided.
        was: what came before, where the verdict is the same.
        likewise: IDs of cases that changed with it by the same answers.
    """

    id: str
    level: str
    title: str
    before: str
    after: str
    expected: str
    actual: str
    was: str = ""
    likewise: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the second of two runs differs from the first.

    Attributes:
        before: the first.
        after: the second.
        context: in what the runs themselves differ, such as the target; said first.
        regressions: what was met, or not decided, and is unmet.
        fixes: what was unmet and is met, or less unmet.
        undecided: what was decided and is not any more.
        decided: IDs of what was not decided and is met.
        changed: other changes of a verdict, or of what came where the verdict is the same.
        drift: traits with another value.
        facts: what differs on the wire.
        explained: the facts among them that are no more than the regressions and fixes.
        gone: IDs that only the first judged.
        added: IDs that only the second judged.
        notes: what could not be compared, and why.
    """

    before: Side
    after: Side
    context: tuple[str, ...] = ()
    regressions: tuple[Change, ...] = ()
    fixes: tuple[Change, ...] = ()
    undecided: tuple[Change, ...] = ()
    decided: tuple[str, ...] = ()
    changed: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    facts: tuple[Fact, ...] = ()
    explained: tuple[Fact, ...] = ()
    gone: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def code(self) -> int:
        """The exit code: 1 regression, 3 something that counts is not decided any more, 5 drift alone, 0 the rest."""
        if self.regressions:
            return REGRESSED
        rows = catalogue.load().requirements
        if any(one.level in _COUNTING and not (one.id in rows and rows[one.id].undecidable) for one in self.undecided):
            return UNDECIDED
        return DRIFTED if self.changed or self.drift or self.facts else SAME

    @property
    def sentence(self) -> str:
        """What came of it, in one sentence."""
        words = {REGRESSED: "regression", UNDECIDED: "could not be compared", DRIFTED: "drift", SAME: "same"}
        counts = (
            (len(self.regressions), "regression"),
            (len(self.fixes), "fix"),
            (len(self.undecided), "no longer decided"),
            (len(self.changed), "changed"),
            (len(self.drift), "trait drift"),
            (len(self.facts), "wire fact"),
        )
        plural = {"regression": "s", "fix": "es", "trait drift": "s", "wire fact": "s"}
        told = [f"{number} {word}{plural.get(word, '') if number != 1 else ''}" for number, word in counts if number]
        return f"{words[self.code]}: {', '.join(told) or 'nothing differs'}"


def side(folder: Path) -> Side:
    """The run in a folder.

    Raises:
        ValueError: the folder holds no results that can be read.
    """
    try:
        found = summary.document(folder / RESULTS, results.FORMAT)
        if found is not None:
            summary.summary(found)
            for one in found["cases"]:
                _needed(one)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder}: {RESULTS} is none of this suite: {type(error).__name__} {error}") from None
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    if found is None:
        raise ValueError(f"{folder}: holds no {RESULTS}")
    try:
        return Side(str(folder), found, recording.read(folder / EXCHANGES))
    except recording.RecordingError as error:
        return Side(str(folder), found, missing=str(error))


def compare(before: Side, after: Side) -> Comparison:
    """How a run differs from an earlier one."""
    first, second = before.cases, after.cases
    both = [identifier for identifier in second if identifier in first]
    worse = [one for one in both if _rank(second[one]) > _rank(first[one])]
    better = [
        one
        for one in both
        if _rank(second[one]) < _rank(first[one]) and second[one]["verdict"] in ("passed", "observed", "warning")
    ]
    lost = [one for one in both if second[one]["verdict"] in _OPEN and first[one]["verdict"] not in _OPEN]
    rest = [one for one in both if one not in {*worse, *better, *lost}]
    otherwise = [one for one in rest if first[one]["verdict"] not in _OPEN and _differs(first[one], second[one])]
    decided = [one for one in rest if first[one]["verdict"] in _OPEN and second[one]["verdict"] not in _OPEN]
    facts = _facts(before, after)
    owned = _templates(before, (*worse, *better)) | _templates(after, (*worse, *better))
    notes = [f"the wire was not compared: {one.missing}" for one in (before, after) if one.missing]
    return Comparison(
        before,
        after,
        context=tuple(_context(before, after)),
        regressions=_changes(worse, first, second, second),
        fixes=_changes(better, first, second, first),
        undecided=_changes(lost, first, second, {}),
        decided=tuple(decided),
        changed=_changes(otherwise, first, second, {}),
        drift=pinning.drift(before.results["traits"], after.results["traits"]),
        facts=tuple(fact for fact in facts if not fact.templates <= owned),
        explained=tuple(fact for fact in facts if fact.templates <= owned),
        gone=tuple(one for one in first if one not in second),
        added=tuple(one for one in second if one not in first),
        notes=tuple(notes),
    )


def _needed(case: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a comparison needs of a case in the results."""
    return tuple(case[name] for name in ("level", "title", "expected", "reason", "witnesses", "stimuli"))


def _rank(case: Mapping[str, Any]) -> int:
    return _RANK.get(case["verdict"], 0)


def _differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if before["verdict"] != after["verdict"]:
        return True
    return _rank(after) > 0 and signature.settled(before["actual"]) != signature.settled(after["actual"])


def _changes(
    chosen: Iterable[str],
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
    leading: Mapping[str, Mapping[str, Any]],
) -> tuple[Change, ...]:
    """The changes of some cases; one that follows another of them is told with that one."""
    ids = list(chosen)
    leader = {one: leading[one]["follows"] for one in ids if one in leading and leading[one]["follows"] in ids}
    return tuple(
        _change(before[one], after[one], tuple(other for other in ids if leader.get(other) == one))
        for one in ids
        if one not in leader
    )


def _change(before: Mapping[str, Any], after: Mapping[str, Any], likewise: tuple[str, ...]) -> Change:
    told = after if _rank(after) or after["verdict"] in _OPEN else before
    open_ = told["verdict"] in _OPEN
    return Change(
        id=after["id"],
        level=after["level"],
        title=after["title"],
        before=before["verdict"],
        after=after["verdict"],
        expected="" if open_ else told["expected"],
        actual=told["reason"] if open_ else told["actual"] or told["reason"],
        was=before["actual"] if before["verdict"] == after["verdict"] else "",
        likewise=likewise,
    )


def _context(before: Side, after: Side) -> Iterable[str]:
    first, second = before.results, after.results
    sources = (
        ("target", lambda found: f"{found['target']['name']} at {_where(found)}"),
        ("profile", lambda found: found["target"]["profile"]),
        ("catalogue edition", lambda found: str(found["catalogue"]["edition"])),
        ("suite", lambda found: found["suite"]["version"]),
        ("seed", lambda found: str(found["seed"])),
    )
    for what, read in sources:
        was, is_ = read(first), read(second)
        if was != is_:
            yield f"{what}: {was}, then {is_}"
    if first["started"] > second["started"]:
        yield f"order: the first run is the later one ({first['started']}, then {second['started']})"


def _where(found: Mapping[str, Any]) -> str:
    target = found["target"]
    # The embedded endpoint has another port each time.
    return "this machine" if target["embedded"] else f"{target['base_url']}{target['token_path']}"


def _facts(before: Side, after: Side) -> tuple[Fact, ...]:
    if before.recording is None or after.recording is None:
        return ()
    return signature.facts(signature.signatures(before.recording), signature.signatures(after.recording))


def _templates(side_: Side, ids: Iterable[str]) -> set[str]:
    """Digests of the templates whose answers some cases of a run are about."""
    if side_.recording is None:
        return set()
    cases = side_.cases
    numbers = {
        number
        for one in ids
        for number in (*cases[one]["witnesses"], *(each for some in cases[one]["stimuli"].values() for each in some))
    }
    return {exchange.template for exchange in side_.recording.exchanges if exchange.number in numbers}
