"""The `judge` command: a recording judged once more, offline, by the cases of today."""

from __future__ import annotations

import contextlib
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import engine, known, pinning, profiles, recording, selection, session
from conformance.gate import Gate, gate_of
from conformance.keys import EDITION
from conformance.plugin import Suite
from conformance.reply import Reading
from conformance.report.folder import EXCHANGES
from conformance.report.terminal import Terminal
from conformance.request import VALID
from conformance.target import Client, Credentials, Extra, Limits, Secret, SettingsError, Target, target_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.case import Case
    from conformance.judging import FailOn
    from conformance.profiles import Profile
    from conformance.recording import Header, Recording

# What a profile says of requests: a recording cannot be judged by a profile that would have sent others.
_SENT_BY = ("authorization", "basic_encoding", "default_scope")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line gave.

    Attributes:
        run: a folder of a run, also one that never came to its place, or the recording in it.
        profile: file of the profile, where that is not built in.
        cases: files of cases of one's own.
        select: IDs and areas; nothing selects what the run had selected.
        fail_on: level from which an unmet requirement counts; ``None`` for the run's own.
        edition: the edition of the catalogue that judges; ``None`` for the run's own, and else the newest.
        report_dir: where the reports go; ``None`` for the folder of the run.
        pinned: file of the fingerprint that the target is known by, if any.
    """

    run: Path
    profile: str | None = None
    cases: tuple[Path, ...] = ()
    select: tuple[str, ...] = ()
    fail_on: FailOn | None = None
    edition: str | None = None
    report_dir: Path | None = None
    pinned: Path | None = None


def judge(asked: Asked, *, color: bool, quiet: bool, verbose: bool) -> int:
    """Carries out `token-conformance judge`; returns the exit code.

    Raises:
        SettingsError: what was given is no recording, or does not fit it.
        case.CaseError: a file of own cases cannot be used.
    """
    file = asked.run / EXCHANGES if asked.run.is_dir() else asked.run
    try:
        found = recording.read(file)
    except recording.RecordingError as error:
        raise SettingsError(str(error)) from None
    inquiry = _inquiry(asked, found.header)
    run = engine.judged(inquiry, found, gate(found, inquiry.target), finished=_finished(found))
    terminal = Terminal(sys.stdout, color=color, quiet=quiet, verbose=verbose)
    place = asked.report_dir or file.parent
    if asked.report_dir is None and file.name != EXCHANGES:
        raise SettingsError(f"{file}: is not called {EXCHANGES}; name a folder for the reports with --report-dir")
    within = place.resolve() == file.resolve().parent
    with contextlib.ExitStack() as stack:
        kept = session.folder_at(place, stack, besides=(EXCHANGES,) if within else ())
        if not within:
            shutil.copyfile(file, kept.path / EXCHANGES)
        suite = Suite(lambda _: inquiry, chosen=frozenset(case.id for case in inquiry.cases), judged=run)
        terminal.again(run)
        return session.shown(suite, kept, asked.cases, terminal, lambda: known.known(inquiry.target))


def _inquiry(asked: Asked, header: Header) -> engine.Inquiry:
    try:
        profile = _profile(asked, header)
        every = selection.known(asked.cases)
        settings = header.settings
        inquiry = engine.Inquiry(
            target=_target(header),
            profile=profile,
            limits=Limits(
                timeout=float(settings["timeout"]),
                concurrency=int(settings["concurrency"]),
                max_rps=settings["max_rps"],
                max_duration=float(settings["max_duration"]),
                safe=bool(settings["safe"]),
            ),
            cases=_cases(asked, header, profile, every),
            known=every,
            examples=int(settings["examples"]),
            seed=int(settings["seed"]),
            fail_on=asked.fail_on or settings["fail_on"],
            edition=_edition(asked, settings.get("edition")),
            pinned=_pinned(asked, profile, every),
        )
        engine.contract(profile, header)
    except KeyError as error:
        raise SettingsError(f"{asked.run}: release {header.suite} recorded it without {error}") from None
    except (TypeError, AttributeError) as error:
        raise SettingsError(f"{asked.run}: the first line is none of this suite: {error}") from None
    return inquiry


def _edition(asked: Asked, recorded: int | None) -> int | None:
    """The edition that judges; a recording of an older release names none."""
    try:
        if asked.edition is not None:
            found: int = EDITION.check(EDITION.read(asked.edition))
            return found
        return None if recorded is None else EDITION.check(recorded)
    except SettingsError as error:
        where = "--edition" if asked.edition is not None else f"{asked.run}: the edition that judged the run"
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


def _profile(asked: Asked, header: Header) -> Profile:
    if asked.profile is None and header.profile not in profiles.BUILT_IN:
        raise SettingsError(f"the profile {header.profile!r} of the run is not built in; name its file with --profile")
    found = profiles.load(asked.profile or header.profile, Path.cwd())
    for name in _SENT_BY:
        if getattr(found, name) != header.settings[name]:
            raise SettingsError(
                f"--profile {found.name}: its {name} is {getattr(found, name)!r}, and the run was sent with "
                f"{header.settings[name]!r}"
            )
    return found


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


def _cases(asked: Asked, header: Header, profile: Profile, every: tuple[Case, ...]) -> tuple[Case, ...]:
    if asked.select:
        return selection.selected(every, profile, asked.select, ())
    wanted = list(header.settings["cases"])
    unknown = [one for one in wanted if one not in {case.id for case in every}]
    if unknown:
        raise SettingsError(
            f"the run had cases that are unknown here: {', '.join(unknown)}; "
            "name their file with --cases, or what is to be judged with --select"
        )
    return selection.selected(every, profile, wanted, ())


def gate(found: Recording, target: Target) -> Gate:
    """What the first controls of a recording say of the target."""
    exchanges = found.exchanges
    if any(exchange.template != VALID.digest for exchange in exchanges):
        return Gate("open")
    return gate_of(Reading(exchanges[-1]) if exchanges else None, target)


def _finished(found: Recording) -> float:
    return max((one.started + one.duration for one in found.exchanges), default=found.header.started)
