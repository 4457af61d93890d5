"""Comparison: what became worse, better or merely different between two runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance import catalogue, pinning, recording, signature
from conformance.report import summary
from conformance.report.folder import EXCHANGES
from conformance.report.summary import OPEN, UNMET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from conformance.pinning import Drift
    from conformance.recording import Recording
    from conformance.signature import Fact

FORMAT = "token-conformance-comparison/1"
SAME, REGRESSED, UNDECIDED, DRIFTED = 0, 1, 3, 5

# A waiver excuses what is unmet, so that it is no worse than what is met.
_RANK = {"failed": 2, "warning": 1}
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
        expected: what would have been right, where one of both is unmet.
        was: what came before, where that was unmet.
        actual: what came after, or why it could not be decided; empty where it passed.
        likewise: IDs of cases that changed with it by the same answers.
    """

    id: str
    level: str
    title: str
    before: str
    after: str
    expected: str
    was: str
    actual: str
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
        explained: the facts among them that are no more than the changes of cases and traits.
        gone: verdicts of what only the first judged, by ID.
        added: verdicts of what only the second judged, by ID.
        notes: what could not be compared, and why.
        compared: whether at least one requirement was judged in both runs.
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
    gone: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    compared: bool = True

    @property
    def code(self) -> int:
        """The exit code: 1 regression, 3 something that counts is not decided any more, 5 drift alone, 0 the rest."""
        if self.regressions:
            return REGRESSED
        rows = catalogue.load().requirements
        if any(one.level in _COUNTING and not (one.id in rows and rows[one.id].undecidable) for one in self.undecided):
            return UNDECIDED
        if not self.compared:
            return UNDECIDED
        return DRIFTED if self.changed or self.drift or self.facts else SAME

    @property
    def outcome(self) -> str:
        """What came of it: ``same``, ``better``, ``drift``, ``undecided`` or ``regression``."""
        better = "better" if self.fixes or self.decided else "same"
        return {SAME: better, REGRESSED: "regression", UNDECIDED: "undecided", DRIFTED: "drift"}[self.code]

    @property
    def sentence(self) -> str:
        """What came of it, in one sentence."""
        counts = (
            (len(self.regressions), "regression", "regressions"),
            (len(self.fixes), "fix", "fixes"),
            (len(self.undecided), "no longer decided", "no longer decided"),
            (len(self.decided), "decided now", "decided now"),
            (len(self.changed), "changed otherwise", "changed otherwise"),
            (len(self.drift), "trait drifted", "traits drifted"),
            (len(self.facts), "wire fact", "wire facts"),
            (len(self.gone), "judged only before", "judged only before"),
            (len(self.added), "judged only after", "judged only after"),
        )
        told = [f"{number} {one if number == 1 else many}" for number, one, many in counts if number]
        blind = "; the wire was not compared" if self.before.missing or self.after.missing else ""
        return f"{self.outcome}: {', '.join(told) or 'nothing differs'}{blind}"


def side(folder: Path) -> Side:
    """The run in a folder.

    Raises:
        ValueError: the folder holds no results that can be read.
    """
    try:
        found = summary.results_in(folder)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    try:
        return Side(str(folder), found, recording.read(folder / EXCHANGES))
    except recording.RecordingError as error:
        return Side(str(folder), found, missing=str(error))


def compare(before: Side, after: Side) -> Comparison:
    """How a run differs from an earlier one."""
    first, second = before.cases, after.cases
    both = [identifier for identifier in second if identifier in first]
    worse = [one for one in both if _rank(second[one]) > _rank(first[one])]
    better = [one for one in both if _is_better(first[one]["verdict"], second[one]["verdict"])]
    lost = [one for one in both if second[one]["verdict"] in OPEN and _is_decided(first[one])]
    rest = [one for one in both if one not in {*worse, *better, *lost}]
    decided = [one for one in rest if first[one]["verdict"] in OPEN and _is_decided(second[one])]
    otherwise = [one for one in rest if one not in decided and _differs(first[one], second[one])]
    compared = any(_is_decided(first[one]) and _is_decided(second[one]) for one in both)
    drift = pinning.drift(before.results["traits"], after.results["traits"])
    facts = _facts(before, after)
    told = {*worse, *better, *otherwise, *_declaring(drift)}
    owned = _templates(before, told) | _templates(after, told)
    return Comparison(
        before,
        after,
        context=tuple(_context(before, after)),
        regressions=_changes(worse, first, second, second),
        fixes=_changes(better, first, second, first),
        undecided=_changes(lost, first, second, {}),
        decided=tuple(decided),
        changed=_changes(otherwise, first, second, {}),
        drift=drift,
        facts=tuple(fact for fact in facts if not _is_explained(fact, owned)),
        explained=tuple(fact for fact in facts if _is_explained(fact, owned)),
        gone={one: case["verdict"] for one, case in first.items() if one not in second},
        added={one: case["verdict"] for one, case in second.items() if one not in first},
        notes=tuple(_notes(before, after, compared=compared)),
        compared=compared,
    )


def _is_decided(case: Mapping[str, Any]) -> bool:
    return case["verdict"] not in (*OPEN, "not_applicable")


def _rank(case: Mapping[str, Any]) -> int:
    return _RANK.get(case["verdict"], 0)


def _is_better(before: str, after: str) -> bool:
    return before in UNMET and (after in ("passed", "observed") or (before, after) == ("failed", "warning"))


def _differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if before["verdict"] != after["verdict"]:
        return True
    return after["verdict"] in UNMET and signature.settled(before["actual"]) != signature.settled(after["actual"])


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
    unmet = after if after["verdict"] in UNMET else before if before["verdict"] in UNMET else None
    return Change(
        id=after["id"],
        level=after["level"],
        title=after["title"],
        before=before["verdict"],
        after=after["verdict"],
        expected=unmet["expected"] if unmet is not None else "",
        was=before["actual"] if before["verdict"] in UNMET else "",
        actual="" if after["verdict"] == "passed" else after["actual"] or after["reason"],
        likewise=likewise,
    )


def _context(before: Side, after: Side) -> Iterator[str]:
    first, second = before.results, after.results
    sources = (
        ("target", lambda found: f"{found['target']['name']} at {_where(found)}"),
        ("profile", lambda found: found["target"]["profile"]),
        ("catalogue edition", lambda found: str(found["catalogue"]["edition"])),
        ("suite", lambda found: found["suite"]["version"]),
        ("seed", lambda found: str(found["seed"])),
        ("selection", lambda found: ",".join(found.get("select", ())) or "everything"),
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


def _notes(before: Side, after: Side, *, compared: bool) -> Iterator[str]:
    empty = False
    for name, one in (("first", before), ("second", after)):
        if not any(map(_is_decided, one.results["cases"])):
            empty = True
            yield f"nothing was judged in the {name} run: {one.results['reason']}"
        if one.missing:
            yield f"the wire was not compared: {one.missing}"
    if not (compared or empty):
        yield "no requirement was judged in both runs; compare runs of one selection"


def _facts(before: Side, after: Side) -> tuple[Fact, ...]:
    if before.recording is None or after.recording is None:
        return ()
    return signature.facts(signature.signatures(before.recording), signature.signatures(after.recording))


def _is_explained(fact: Fact, owned: set[str]) -> bool:
    """Whether a fact is no more than the changes that own some templates.

    The same other answer also came to requests that no case of these is about; a field or member may be another matter.
    """
    return not owned.isdisjoint(fact.templates) if fact.what == "answer changed" else fact.templates <= owned


def _declaring(drift: Iterable[Drift]) -> set[str]:
    """IDs of the requirements that declare some traits."""
    names = {one.trait for one in drift}
    return {row.id for row in catalogue.load().requirements.values() if names.intersection(row.traits)}


def _templates(side_: Side, ids: Iterable[str]) -> set[str]:
    """Digests of the templates whose answers some cases of a run are about."""
    if side_.recording is None:
        return set()
    cases = side_.cases
    numbers = {
        number
        for one in ids
        if one in cases
        for number in (*cases[one]["witnesses"], *(each for some in cases[one]["stimuli"].values() for each in some))
    }
    return {exchange.template for exchange in side_.recording.exchanges if exchange.number in numbers}
