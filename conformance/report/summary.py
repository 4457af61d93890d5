"""A run in a few kilobytes, for what looks at many of them: ``summary.json``, made from the results."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from conformance.report import results
from conformance.report.folder import RESULTS, SUMMARY
from conformance.resources import package_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from conformance.engine import Run

FORMAT = "token-conformance-summary/1"
SIZE = 64 << 20
"""Octets of a file that is read: more is none of ours."""

_FINDINGS = ("failed", "warning", "waived")
_TERMS = ("requirement", "state", "expires", "days_left")
_ROOM = 6000
"""Octets that what came may take in all findings together."""


def summary(found: Mapping[str, Any], *, run: str = "", latency: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The summary of a run in the format `FORMAT`.

    Args:
        found: the results of the run, as in ``results.json``.
        run: identifier of the run; empty where it is not known.
        latency: what `latency_of` says.

    Raises:
        KeyError: the results lack something; so do TypeError and AttributeError where something is of another kind.
    """
    target = found["target"]
    findings = [one for one in found["cases"] if one["verdict"] in _FINDINGS and not one["follows"]]
    room = min(200, _ROOM // max(len(findings), 1))
    return {
        "format": FORMAT,
        "run": run,
        "started": found["started"],
        "finished": found["finished"],
        "target": {name: target[name] for name in ("name", "base_url", "token_path", "embedded")},
        "profile": target["profile"],
        "suite": found["suite"]["version"],
        "edition": found["catalogue"]["edition"],
        "seed": found["seed"],
        "verdict": found["verdict"],
        "reason": _cut(found["reason"], 400),
        "edge_verdict": _edge(found),
        "counts": dict(found["summary"]),
        "cases": {one["id"]: one["verdict"] for one in found["cases"]},
        "findings": {one["id"]: {"verdict": one["verdict"], "actual": _cut(one["actual"], room)} for one in findings},
        "traits": dict(found["traits"]),
        "waivers": [{name: one[name] for name in _TERMS} for one in found.get("waivers", ())],
        "latency": dict(latency) if latency is not None else None,
        "exchanges": found["exchanges"],
    }


def summary_text(run: Run) -> str:
    """The content of ``summary.json``."""
    answers = [(answer.exchange.duration, answer.exchange.label) for answer in run.evidence.answers if answer.answered]
    found = summary(results.results(run), run=run.recording.header.run, latency=latency_of(answers))
    return json.dumps(found, separators=(",", ":")) + "\n"


def latency_of(answers: Iterable[tuple[float, str]]) -> dict[str, Any] | None:
    """How long answers took, in milliseconds; ``None`` where there was none.

    Args:
        answers: seconds from start to end, and the stimulus in words.
    """
    ordered = sorted(answers)
    if not ordered:
        return None

    def at(share: float) -> float:
        return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)][0] * 1000, 1)

    return {"p50": at(0.5), "p95": at(0.95), "max": at(1), "slowest": _cut(ordered[-1][1], 100)}


def read(folder: Path) -> dict[str, Any]:
    """The summary of the run in a folder; that of an older release, which wrote none, is made from its results.

    Raises:
        ValueError: the folder holds no run that can be read; the text says why.
    """
    for name, form in ((SUMMARY, FORMAT), (RESULTS, results.FORMAT)):
        found = document(folder / name, form)
        if found is None:
            continue
        try:
            whole = found if name == SUMMARY else summary(found)
            _schema().validate(whole)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{name} is none of this suite: {type(error).__name__} {error}") from None
        except jsonschema_rs.ValidationError as error:
            place = "/".join(map(str, error.instance_path)) or "the document"
            raise ValueError(f"{name} is none of this suite: {place} is not as it should be") from None
        return whole
    raise ValueError(f"holds neither {SUMMARY} nor {RESULTS}")


def document(file: Path, form: str) -> dict[str, Any] | None:
    """The JSON object in a file of a run; ``None`` where there is no such file.

    Args:
        file: the file.
        form: what its member ``format`` has to say.

    Raises:
        ValueError: the file cannot be read, or is something else.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(SIZE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {error.strerror}") from None
    try:
        found = json.loads(data) if len(data) <= SIZE else None
    except (ValueError, RecursionError):
        raise ValueError(f"{file.name} is no JSON") from None
    if not isinstance(found, dict) or found.get("format") != form:
        raise ValueError(f"{file.name} does not say {form!r}, so that it is none of this suite")
    return found


@lru_cache(maxsize=1)
def _schema() -> Any:
    return jsonschema_rs.validator_for(json.loads(package_text("report", "summary.schema.json")))


def _edge(found: Mapping[str, Any]) -> str:
    edge = found.get("edge")
    return str(edge["verdict"] if edge else found.get("edge_verdict", "not-judged"))


def _cut(text: str, room: int) -> str:
    """A text that takes no more octets in JSON than there is room, the end of a longer one left out."""
    if len(json.dumps(text)) <= room + 2:
        return text
    shorter = text[:room]
    while shorter and len(json.dumps(shorter)) > room - 1:
        shorter = shorter[: len(shorter) * 9 // 10]
    return f"{shorter}..."
