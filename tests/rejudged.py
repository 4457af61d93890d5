"""A run judged a second time, from its file alone, and what is different about it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import profiles, recording, rejudging
from conformance.case import built_in
from conformance.recording import Writer
from conformance.report import results

if TYPE_CHECKING:
    from conformance.engine import Run
    from conformance.recording import Recording

TIMES = ("finished", "duration_s")


def written(found: Recording, file: Path) -> Path:
    """The file of a recording."""
    writer = Writer(file, found.header)
    for exchange in found.exchanges:
        writer.append(exchange)
    writer.close(skipped=found.skipped, stopped=found.stopped)
    return file


def again(live: Run, file: Path) -> Run:
    """The run in a file, judged as `token-conformance judge` does: what was asked, the first line says."""
    found = recording.read(file)
    inquiry = rejudging.inquiry(found.header, live.inquiry.profile, live.inquiry.known)
    # Files of their own, which a recording does not hold.
    beside = {"waivers": live.inquiry.waivers, "pinned": live.inquiry.pinned}
    return rejudging.judged(replace(inquiry, **beside), found)  # type: ignore[arg-type]


def difference(live: Run, offline: Run) -> str:
    """What the second judgement has otherwise than the first, but for the times; empty where nothing."""
    if live.recording != offline.recording:
        return "the recording"
    causes = [(run.gate.reason, run.gate.advice) for run in (live, offline)]
    if live.result.verdict == "unusable" and causes[0] != causes[1]:
        return f"{causes[0]}, and then {causes[1]}"
    for first, second in zip(live.result.cases, offline.result.cases, strict=True):
        parts = [(one.name, getattr(first, one.name), getattr(second, one.name)) for one in fields(first)]
        if differing := [f"{name}: {was!r}, and then {is_!r}" for name, was, is_ in parts if was != is_]:
            return f"{first.case.id}: {'; '.join(differing)}"
    return "; ".join(_differing(results.results(live), results.results(offline)))


def differing(told: dict[str, Any], found: Recording) -> list[str]:
    """What the recording of a run comes to otherwise than its ``results.json`` says."""
    inquiry = rejudging.inquiry(found.header, profiles.load(found.header.profile, Path.cwd()), built_in())
    return _differing(told, results.results(rejudging.judged(inquiry, found)))


def _differing(told: dict[str, Any], retold: dict[str, Any]) -> list[str]:
    names = [name for name in told if name not in TIMES and told[name] != retold.get(name)]
    return [f"{name}: {told[name]}, and then {retold.get(name)}" for name in names]
