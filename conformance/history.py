"""The history: the runs kept in a folder, target by target, and what changed from one to the next."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.catalogue import UNKNOWN
from conformance.report import summary
from conformance.report.folder import EXCHANGES, FILES, PAGES, PROOF, RESULTS, SUMMARY
from conformance.report.summary import OPEN, UNMET
from conformance.target import SettingsError, accepted, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

REPORTS = "reports"
"""The folder in which runs are kept unless another one is named."""

LATEST, PREVIOUS = "latest", "previous"

_PAGES = (*PAGES, RESULTS)


@dataclass(frozen=True, slots=True)
class Entry:
    """A run that is kept.

    Attributes:
        folder: where it is.
        summary: what is known of it, as in ``summary.json``.
    """

    folder: Path
    summary: Mapping[str, Any]

    @property
    def target(self) -> str:
        """Name of its target."""
        return str(self.summary["target"]["name"])

    @property
    def started(self) -> str:
        """When it started, in ISO 8601, UTC; texts of later runs are greater."""
        return str(self.summary["started"])

    @property
    def page(self) -> Path:
        """The page that tells of it, or what comes nearest."""
        return next((self.folder / name for name in _PAGES if (self.folder / name).exists()), self.folder)


@dataclass(frozen=True, slots=True)
class Step:
    """A run and what changed with it.

    Attributes:
        entry: the run.
        verdict_before: the verdict of the run before it; empty where that is the same, or there was none.
        new: IDs of findings that the last run which decided them did not have.
        fixed: IDs of what was unmet and is met.
        drift: traits with another value than they had last: name, earlier value, value.
        remarks: what else is different, so that a change may come from there.
    """

    entry: Entry
    verdict_before: str = ""
    new: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    drift: tuple[tuple[str, str, str], ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything did."""
        return bool(self.verdict_before or self.new or self.fixed or self.drift or self.remarks)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The runs of one target.

    Attributes:
        target: its name.
        steps: the runs, the oldest first.
        since: start of the run that brought each finding of the last run.
        flips: how often the verdict of a case changed between met and unmet, the most unsteady first.
    """

    target: str
    steps: tuple[Step, ...]
    since: Mapping[str, str] = field(default_factory=dict)
    flips: tuple[tuple[str, int], ...] = ()

    @property
    def latest(self) -> Step:
        """The last run."""
        return self.steps[-1]


def entries(reports: Path) -> tuple[list[Entry], list[str]]:
    """The runs in a folder, one or two levels deep, the oldest first, and what was skipped and why.

    Args:
        reports: the folder of all runs; one that is not there holds none.

    Raises:
        SettingsError: it cannot be read, or is itself a run.
    """
    if not os.path.lexists(reports):
        return [], []
    found: list[Entry] = []
    skipped: list[str] = []
    try:
        if _is_run(reports):
            raise SettingsError(f"{reports}: is a run itself; name the folder that holds the runs, such as reports")
        folders = list(_folders(reports, reports))
    except OSError as error:
        raise SettingsError(f"{reports}: cannot be read: {error.strerror}") from None
    for folder in folders:
        try:
            runs = [folder] if _is_run(folder) else list(_folders(folder, reports))
            if not runs and any(folder.iterdir()) and not (folder / PROOF).exists():
                skipped.append(f"{folder.relative_to(reports)}: holds no run")
        except OSError as error:
            skipped.append(f"{folder.relative_to(reports)}: cannot be read: {error.strerror}")
            continue
        for run in runs:
            try:
                found.append(Entry(run, summary.read(run)))
            except ValueError as error:
                skipped.append(f"{run.relative_to(reports)}: {error}")
    return sorted(found, key=lambda entry: (entry.started, str(entry.folder))), skipped


def by_target(found: Iterable[Entry]) -> list[Timeline]:
    """The runs target by target, by name, each with what changed."""
    return [timeline(name, runs) for name, runs in sorted(_groups(found).items())]


def timeline(target: str, runs: Iterable[Entry]) -> Timeline:
    """The runs of a target, each against what was known before it.

    A case that a run could not decide, and a trait that it did not see, are what they were. With another profile
    everything begins anew, since that claims another contract.

    Args:
        target: name of the target.
        runs: its runs, the oldest first.
    """
    steps: list[Step] = []
    verdicts: dict[str, str] = {}
    traits: dict[str, str] = {}
    since: dict[str, str] = {}
    flips: dict[str, int] = {}
    before: Entry | None = None
    for entry in runs:
        now = entry.summary
        if before is not None and before.summary["profile"] != now["profile"]:
            verdicts, traits, since = {}, {}, {}
        first = not verdicts
        decided = {one: verdict for one, verdict in now["cases"].items() if verdict not in OPEN}
        unmet = {one for one, verdict in decided.items() if verdict in UNMET}
        turned = {one for one in decided if one in verdicts and (one in unmet) != (verdicts[one] in UNMET)}
        fresh = {one for one in now["findings"] if one in unmet and _is_news(verdicts.get(one), decided[one])}
        for one in turned:
            flips[one] = flips.get(one, 0) + 1
        since = {one: since.get(one, entry.started) for one in {*unmet, *(set(since) - set(decided))}}
        seen = {name: value for name, value in now["traits"].items() if value != UNKNOWN}
        steps.append(
            Step(
                entry,
                verdict_before=before.summary["verdict"]
                if before is not None and before.summary["verdict"] != now["verdict"]
                else "",
                new=() if first else tuple(one for one in now["cases"] if one in fresh),
                fixed=tuple(one for one in now["cases"] if one in turned - unmet),
                drift=tuple(
                    (name, traits[name], value)
                    for name, value in seen.items()
                    if name in traits and traits[name] != value
                ),
                remarks=() if before is None else tuple(_remarks(before.summary, now)),
            )
        )
        verdicts.update(decided)
        traits.update(seen)
        before = entry
    unsteady = sorted(((one, times) for one, times in flips.items() if times > 1), key=lambda one: (-one[1], one[0]))
    return Timeline(target, tuple(steps), since, tuple(unsteady))


def surplus(found: Iterable[Entry], keep: int) -> list[Entry]:
    """The runs of each target beyond the newest ones.

    Args:
        found: the runs, the oldest first.
        keep: how many of each target stay, and at least as many that judged everything: runs of a few requirements,
            or of a target that was down, push out none of those.
    """
    leaving: list[Entry] = []
    for runs in _groups(found).values():
        whole = [entry for entry in runs if not entry.summary.get("select") and entry.summary["verdict"] != "unusable"]
        staying = {entry.folder for entry in (*runs[-keep:], *whole[-keep:])}
        leaving += [entry for entry in runs if entry.folder not in staying]
    return leaving


def remove(entry: Entry, reports: Path) -> str:
    """Removes the files of a run, and its folder where nothing else is in it; says what became of it.

    Args:
        entry: the run.
        reports: the folder of all runs; what lies elsewhere, behind a link, stays.

    Raises:
        SettingsError: it cannot be removed.
    """
    if entry.folder.is_symlink() or not _lies_in(entry.folder, reports):
        return f"left {entry.folder}: it lies elsewhere, behind a link"
    try:
        for name in FILES:
            (entry.folder / name).unlink(missing_ok=True)
        left = sum(1 for _ in entry.folder.iterdir())
        if not left:
            entry.folder.rmdir()
    except OSError as error:
        raise SettingsError(f"{entry.folder}: cannot be removed: {error.strerror}") from None
    if not left:
        return f"removed {entry.folder}"
    return f"removed the run in {entry.folder}; what else is in it stays ({left} {'entry' if left == 1 else 'entries'})"


def place(word: str, reports: Path) -> Path:
    """The folder of the run that a word names.

    Args:
        word: a folder; ``latest``, or ``previous`` for the one before it of the same target; or one of these words
            with a colon and the name of a target.
        reports: the folder of all runs.

    Raises:
        SettingsError: there is no such run.
    """
    name, colon, target = word.partition(":")
    if name not in (LATEST, PREVIOUS) or os.path.lexists(word):
        if not Path(word).is_dir():
            known = ("the folder of a run", LATEST, PREVIOUS, f"{LATEST}:TARGET", f"{PREVIOUS}:TARGET")
            raise SettingsError(f"{word}: there is no such folder; {accepted(name, known)}")
        return Path(word)
    found, _ = entries(reports)
    targets = sorted({entry.target for entry in found})
    if colon and target not in targets:
        raise SettingsError(f"{word}: {reports} holds no run of {shown(target)}; {accepted(target, targets)}")
    runs = [entry for entry in found if not colon or entry.target == target]
    if name == PREVIOUS:
        runs = [entry for entry in runs if entry.target == runs[-1].target][:-1]
    if not runs:
        raise SettingsError(f"{word}: {reports} holds no {'earlier ' if name == PREVIOUS else ''}run")
    return runs[-1].folder


def _groups(found: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Runs by the name of their target."""
    groups: dict[str, list[Entry]] = {}
    for entry in found:
        groups.setdefault(entry.target, []).append(entry)
    return groups


def _folders(folder: Path, reports: Path) -> Iterator[Path]:
    """The folders in a folder; those with a dot in front belong to runs that have not ended.

    A link to what lies in the folder of all runs is left out, since that is found under its own name.
    """
    for one in sorted(folder.iterdir()):
        if not one.name.startswith(".") and one.is_dir() and not (one.is_symlink() and _lies_in(one, reports)):
            yield one


def _lies_in(folder: Path, reports: Path) -> bool:
    return folder.resolve().is_relative_to(reports.resolve())


def _is_news(before: str | None, after: str) -> bool:
    """Whether an unmet case is a new finding, or graver than it was."""
    return before not in UNMET or (after == "failed" and before != "failed")


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (RESULTS, SUMMARY, EXCHANGES))


def _remarks(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, words in (("profile", "profile"), ("edition", "catalogue edition"), ("suite", "suite")):
        if before[name] != now[name]:
            yield f"{words} {before[name]}, then {now[name]}"
    first, second = (",".join(found.get("select", ())) or "everything" for found in (before, now))
    if first != second:
        yield f"judged {first}, then {second}"
    was, is_ = ({one: found["target"][one] for one in ("base_url", "token_path")} for found in (before, now))
    if was != is_ and not now["target"]["embedded"]:
        yield f"{was['base_url']}{was['token_path']}, then {is_['base_url']}{is_['token_path']}"
