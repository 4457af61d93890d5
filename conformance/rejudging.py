"""The `judge` command: a recording judged once more, offline, by the cases of today."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import (
    engine,
    history,
    judging,
    known,
    pinning,
    profiles,
    recording,
    selection,
    session,
    settings,
    waivers,
)
from conformance.expression import DOCUMENTED_PATH
from conformance.gate import Gate, gate_of
from conformance.harmless import harmless
from conformance.keys import EDITION
from conformance.plugin import Suite
from conformance.reply import Reading
from conformance.report.folder import EXCHANGES, FILES, RESULTS
from conformance.report.terminal import Terminal
from conformance.request import VALID
from conformance.target import Client, Credentials, Extra, Limits, Secret, SettingsError, Target, target_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.case import Case
    from conformance.judging import FailOn
    from conformance.profiles import Profile
    from conformance.recording import Header, Recording

NEAR_MISS = "near_miss"
"""The source of generated requests that a profile has a say in."""

# What a profile says of every request that was sent under it.
_SENT_BY = ("authorization", "basic_encoding", "default_scope")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line gave.

    Attributes:
        run: a folder of a run, also one that never came to its place, the recording in it, ``latest`` or
            ``latest:TARGET``.
        reports: where the latest run is looked for.
        profile: name or file of the profile that judges; ``None`` for the run's own, which is built in then.
        cases: files of cases of one's own.
        select: IDs and areas; nothing selects what the run had selected.
        fail_on: level from which an unmet requirement counts; ``None`` for the run's own.
        edition: the edition of the catalogue that judges; ``None`` for the run's own, and else the newest.
        report_dir: where the reports go; ``None`` for the folder of the run, whose reports are replaced where it is
            judged as it was.
        pinned: file of the fingerprint that the target is known by, if any.
        waivers: file of the known deviations, where the settings name none or another.
    """

    run: str
    reports: Path = Path(history.REPORTS)
    profile: str | None = None
    cases: tuple[Path, ...] = ()
    select: tuple[str, ...] = ()
    fail_on: FailOn | None = None
    edition: str | None = None
    report_dir: Path | None = None
    pinned: Path | None = None
    waivers: str | None = None


def judge(asked: Asked, environ: Mapping[str, str], cwd: Path, *, color: bool, quiet: bool, verbose: bool) -> int:
    """Carries out `token-conformance judge`; returns the exit code.

    Raises:
        SettingsError: what was given is no recording, or does not fit it.
        case.CaseError: a file of own cases cannot be used.
    """
    file = located(asked.run, asked.reports)
    try:
        found = recording.read(file)
    except recording.RecordingError as error:
        raise SettingsError(str(error)) from None
    inquiry = _inquiry(asked, file, found.header, environ, cwd)
    run = judged(inquiry, found)
    terminal = Terminal(sys.stdout, color=color, quiet=quiet, verbose=verbose)
    place = asked.report_dir or file.parent
    if asked.report_dir is None and file.name != EXCHANGES:
        raise SettingsError(f"{file}: is not called {EXCHANGES}; name a folder for the reports with --report-dir")
    within = place.resolve() == file.resolve().parent
    other = _otherwise(asked, inquiry, found.header)
    if asked.report_dir is None and other and os.path.lexists(place / RESULTS):
        how = "name a folder for the others with --report-dir"
        raise SettingsError(f"{other}: would replace the reports of the run in {place}; {how}")
    with contextlib.ExitStack() as stack:
        kept = session.folder_at(place, stack, besides=(EXCHANGES,) if within else ())
        if not within:
            shutil.copyfile(file, kept.path / EXCHANGES)
        suite = Suite(lambda _: inquiry, chosen=frozenset(case.id for case in inquiry.cases), judged=run)
        terminal.again(run)
        return session.shown(suite, kept, asked.cases, terminal, lambda: known.known(inquiry.target))


def _otherwise(asked: Asked, inquiry: engine.Inquiry, header: Header) -> str:
    """The flag that asks what the run was not asked, to which its own reports must not be lost; empty for none."""
    if asked.select:
        return "--select"
    if inquiry.profile.name != header.profile:
        return "--profile"
    return "--edition" if inquiry.edition != header.settings.get("edition") else ""


def located(word: str, reports: Path) -> Path:
    """The recording that a word names.

    Args:
        word: a recording, the folder that it lies in, ``latest`` or ``latest:TARGET``.
        reports: where the latest run is looked for.

    Raises:
        SettingsError: there is none; the text says what is there instead.
    """
    if os.path.lexists(word) and not Path(word).is_dir():
        return Path(word)
    folder = history.place(word, reports)
    file = folder / EXCHANGES
    if os.path.lexists(file):
        return file
    if any(os.path.lexists(folder / name) for name in FILES):
        raise SettingsError(f"{folder}: the run has no {EXCHANGES}, so that there is nothing to judge")
    runs, _ = history.entries(folder)
    if runs:
        raise SettingsError(f"{folder}: holds {len(runs)} runs and is none itself; the last one is {runs[-1].folder}")
    raise SettingsError(f"{folder}: holds no run; accepted: a folder with an {EXCHANGES}, that file, or latest")


def judged(inquiry: engine.Inquiry, found: Recording) -> engine.Run:
    """The run that a recording shows, judged by an inquiry that may ask for more than the run did, or for other things.

    What was not recorded as the inquiry needs it is inconclusive.
    """
    profile, header, finished = inquiry.profile, found.header, _finished(found)
    for name in _SENT_BY:
        theirs, own = header.settings[name], getattr(profile, name)
        if theirs != own:
            what = f"{name} {theirs!r}, and the profile {profile.name} needs {own!r}"
            return _undecided(inquiry, found, f"the run was sent with {what}: nothing of that was recorded")
    run = engine.judged(inquiry, _of_use(inquiry, found), gate(found, inquiry.target), finished=finished)
    return replace(run, recording=found, evidence=judging.Evidence(found, inquiry.known))


def _undecided(inquiry: engine.Inquiry, found: Recording, reason: str) -> engine.Run:
    verdicts = [judging.Verdict(case, "inconclusive", reason=reason) for case in inquiry.cases]
    result = judging.overall(verdicts, inquiry.cases, fail_on=inquiry.fail_on, stopped="")
    evidence = judging.Evidence(found, inquiry.known)
    return engine.Run(inquiry, found, Gate("open"), result, evidence, _finished(found))


def _of_use(inquiry: engine.Inquiry, found: Recording) -> Recording:
    """A recording without the requests that would have been others under the profile that judges."""
    profile, recorded, path = inquiry.profile, found.header.settings, found.header.target["token_path"]
    dropped: dict[str, str] = {}
    theirs = recorded.get("documented_path", profile.token_path) or path
    if theirs != (profile.token_path or path):
        why = f"not sent: the run took {theirs} for the documented path, and the profile {profile.name} names another"
        templates = (template for case in inquiry.known for template in case.templates)
        dropped = {one.digest: why for one in templates if one.target == DOCUMENTED_PATH}
    # What counts as a near miss depends on whether a missing grant_type is one.
    other = recorded.get("grant_type_default", profile.grant_type_default) != profile.grant_type_default
    if not dropped and not other:
        return found
    drawn = [source for source in recorded.get("generated", ()) if not (other and source == NEAR_MISS)]
    return replace(
        found,
        header=replace(found.header, settings={**recorded, "generated": drawn}),
        exchanges=tuple(
            one for one in found.exchanges if one.template not in dropped and not (other and one.role == NEAR_MISS)
        ),
        skipped={**found.skipped, **dropped},
    )


def _inquiry(asked: Asked, file: Path, header: Header, environ: Mapping[str, str], cwd: Path) -> engine.Inquiry:
    try:
        profile = _profile(asked, header, cwd)
        every = selection.known(asked.cases)
        found = inquiry(header, profile, every, asked.select)
        known_deviations = settings.waivers({"waivers": asked.waivers}, environ, cwd, header.target["name"])
        waivers.check(known_deviations, every)
        return replace(
            found,
            fail_on=asked.fail_on or found.fail_on,
            edition=_edition(asked, file, header.settings.get("edition")),
            pinned=_pinned(asked, profile, every),
            waivers=known_deviations,
        )
    except KeyError as error:
        raise SettingsError(f"{file}: release {header.suite} recorded it without {error}") from None
    except (TypeError, AttributeError) as error:
        raise SettingsError(f"{file}: the first line is none of this suite: {error}") from None


def inquiry(header: Header, profile: Profile, every: tuple[Case, ...], select: tuple[str, ...] = ()) -> engine.Inquiry:
    """What a run wanted to find out, as far as its recording says, by the cases of today.

    Args:
        header: the first line of the recording.
        profile: the contract that judges.
        every: every case there is.
        select: IDs and areas; nothing selects what the run had selected.

    Raises:
        SettingsError: the run had cases that are not there, or none is left.
        KeyError: the recording is of a release that did not record everything; so do TypeError and AttributeError where
            something is of another kind.
    """
    recorded = header.settings
    found = engine.Inquiry(
        target=_target(header),
        profile=profile,
        limits=Limits(
            timeout=float(recorded["timeout"]),
            concurrency=int(recorded["concurrency"]),
            max_rps=recorded["max_rps"],
            max_duration=float(recorded["max_duration"]),
            safe=bool(recorded["safe"]),
        ),
        cases=_cases(header, profile, every, select),
        known=every,
        examples=int(recorded["examples"]),
        seed=int(recorded["seed"]),
        fail_on=recorded["fail_on"],
        edition=recorded.get("edition"),
        select=select or recorded.get("select"),
    )
    engine.contract(profile, header)
    return found


def _edition(asked: Asked, file: Path, recorded: int | None) -> int | None:
    """The edition that judges; a recording of an older release names none."""
    try:
        if asked.edition is not None:
            found: int = EDITION.check(EDITION.read(asked.edition))
            return found
        return None if recorded is None else EDITION.check(recorded)
    except SettingsError as error:
        where = "--edition" if asked.edition is not None else f"{file}: the edition that judged the run"
        raise SettingsError(f"{where}: {error}") from None


def _pinned(asked: Asked, profile: Profile, every: tuple[Case, ...]) -> Mapping[str, str] | None:
    if asked.pinned is None:
        return None
    try:
        found = pinning.read(asked.pinned, str(asked.pinned))
        pinning.check(found, profile.name, every)
    except SettingsError as error:
        raise SettingsError(f"--pinned: {error}") from None
    return found.traits


def _profile(asked: Asked, header: Header, cwd: Path) -> Profile:
    if asked.profile is None and header.profile not in profiles.BUILT_IN:
        raise SettingsError(f"the profile {header.profile!r} of the run is not built in; name its file with --profile")
    return profiles.load(asked.profile or header.profile, cwd)


def _target(header: Header) -> Target:
    """The target as far as a recording knows it: without secrets, and without the way there."""
    target = header.target
    found = target_at(
        target["base_url"],
        target["token_path"],
        Credentials(str(header.settings["client_id"]), Secret("")),
        name=target["name"],
        embedded=bool(target["embedded"]),
    )
    return replace(
        found,
        scope=header.settings["scope"],
        headers=tuple(Extra(name, Secret("")) for name in target["headers"]),
        parameters=tuple(Extra(name, Secret("")) for name in target["parameters"]),
        clients=tuple(
            Client(role, Credentials(client_id, Secret("")))
            for role, client_id in header.settings.get("clients", {}).items()
        ),
    )


def _cases(header: Header, profile: Profile, every: tuple[Case, ...], select: tuple[str, ...]) -> tuple[Case, ...]:
    recorded = header.settings
    if not select:
        unknown = [one for one in recorded["cases"] if one not in {case.id for case in every}]
        if unknown:
            raise SettingsError(
                f"the run had cases that are unknown here: {', '.join(unknown)}; "
                "name their file with --cases, or what is to be judged with --select"
            )
        by_name = recorded.get("select")
        select = tuple(recorded["cases"] if by_name is None else by_name)
    found = selection.selected(every, profile, select, ())
    return harmless(found) if recorded["safe"] else found


def gate(found: Recording, target: Target) -> Gate:
    """What the first controls of a recording say of the target."""
    exchanges = found.exchanges
    if any(exchange.template != VALID.digest for exchange in exchanges):
        return Gate("open")
    return gate_of(Reading(exchanges[-1]) if exchanges else None, target)


def _finished(found: Recording) -> float:
    return max((one.started + one.duration for one in found.exchanges), default=found.header.started)
