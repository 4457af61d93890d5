"""A run in a few kilobytes, for what looks at many of them: ``summary.json``, made from the results."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import jsonschema_rs

from conformance.report import results
from conformance.report.folder import RESULTS, SUMMARY
from conformance.resources import package_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from conformance.engine import Run

FORMAT = "token-conformance-summary/1"
SIZE = 64 << 20
"""Octets of a file that is read: more is none of ours."""

UNMET = ("failed", "warning", "waived")
"""Verdicts of a case that is not met; a waiver excuses that, and changes nothing about the target."""

OPEN = ("inconclusive", "error")
"""Verdicts of a case that could not be decided."""

_TEXTS = ("id", "level", "title", "verdict", "expected", "actual", "reason", "follows")
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
    findings = [one for one in found["cases"] if one["verdict"] in UNMET and not one["follows"]]
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
        **({"select": list(found["select"])} if found.get("select") else {}),
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
    found = document(folder / SUMMARY, FORMAT)
    if found is None:
        found = document(folder / RESULTS, results.FORMAT)
        if found is None:
            raise ValueError(f"holds neither {SUMMARY} nor {RESULTS}")
        return _checked(RESULTS, lambda: summary(found))
    return _checked(SUMMARY, lambda: found)


def results_in(folder: Path) -> dict[str, Any]:
    """The results of the run in a folder.

    Raises:
        ValueError: the folder holds none that can be read; the text says why.
    """
    found = document(folder / RESULTS, results.FORMAT)
    if found is None:
        raise ValueError(f"holds no {RESULTS}; name the folder of one run")

    def made() -> dict[str, Any]:
        for one in found["cases"]:
            texts, numbers = [one[name] for name in _TEXTS], _numbers(one)
            if any(not isinstance(text, str) for text in texts) or any(type(number) is not int for number in numbers):
                raise TypeError
        return summary(found)

    _checked(RESULTS, made)
    return found


def document(file: Path, form: str) -> dict[str, Any] | None:
    """The JSON object in a file of a run; ``None`` where there is no such file.

    Args:
        file: the file.
        form: what its member ``format`` has to say.

    Raises:
        ValueError: the file cannot be read, or is something else.
    """
    try:
        # Opening a pipe would wait for somebody who writes into it.
        if file.exists() and not file.is_file():
            raise ValueError(f"{file.name} is no file")
        with file.open("rb") as stream:
            data = stream.read(SIZE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {error.strerror}") from None
    if len(data) > SIZE:
        raise ValueError(f"{file.name} is larger than {SIZE >> 20} MiB, so that it is none of this suite")
    try:
        found = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ValueError(f"{file.name} is no JSON") from None
    if not isinstance(found, dict) or found.get("format") != form:
        raise ValueError(f"{file.name} does not say {form!r}, so that it is none of this suite")
    return found


def _checked(name: str, made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A summary that is as its schema has it.

    Args:
        name: the file that it comes from.
        made: makes it; a file of others may lack anything.

    Raises:
        ValueError: it is none.
    """
    try:
        found = made()
        _schema().validate(found)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(map(str, error.instance_path)) or "the document"
        raise ValueError(f"{name} is none of this suite: {place} is not as it should be") from None
    except KeyError as error:
        raise ValueError(f"{name} is none of this suite: it lacks {error}") from None
    except (TypeError, AttributeError, ValueError):
        raise ValueError(f"{name} is none of this suite: it is not as it should be") from None
    return found


def _numbers(case: Mapping[str, Any]) -> list[Any]:
    """The numbers of the exchanges that a case of the results is about."""
    return [*case["witnesses"], *(number for some in case["stimuli"].values() for number in some)]


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


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
