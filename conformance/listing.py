"""What the suite knows, for people and programs: requirements, their cases, plantable defects, the served endpoint."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import catalogue, judging, profiles, reference
from conformance.case import built_in
from conformance.reply import Contract
from conformance.request import VALID, changed_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from conformance.case import Case
    from conformance.catalogue import Requirement


NEEDS = {
    "scope": "a scope that the client may ask for (--scope)",
    "second": "a second client (second_client_id)",
    "special": "a client with a colon or characters that form encoding changes in its secret (special_client_id)",
    "sacrificial": "a client that may be locked (sacrificial_client_id)",
    "unentitled": "a client that is not entitled to client_credentials (unentitled_client_id)",
}
"""What a row needs of the settings, in words."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name."""
    near = catalogue.nearest(name, known)
    return f"; did you mean {near}?" if near else ""


def requirements(form: str) -> str:
    """Every requirement, as a table or as JSON."""
    rows = catalogue.load().requirements.values()
    if form == "json":
        return json.dumps([_record(row) for row in rows], indent=2)
    return "\n".join(f"{row.id:<11}{row.level.value:<8}{row.title}{_only(row)}" for row in rows)


def _only(row: Requirement) -> str:
    return f" ({', '.join(row.profiles)} only)" if row.profiles else ""


def _record(row: Requirement) -> dict[str, Any]:
    return {
        "id": row.id,
        "area": row.area,
        "level": row.level.value,
        "derived": row.derived,
        "severity": row.severity,
        "title": row.title,
        "statement": row.statement,
        "remedy": row.remedy,
        "sources": [{"text": source.text, "url": source.url} for source in row.sources],
        "profiles": list(row.profiles),
        "since": row.since,
        "traits": {name: list(values) for name, values in row.traits.items()},
    }


def defects(form: str) -> str:
    """Every defect that can be planted in the embedded endpoint, as a table or as JSON."""
    known = reference.DEFECTS.values()
    if form == "json":
        records = [
            {"name": one.name, "meaning": one.meaning, "violates": list(one.violates), "profiles": list(one.profiles)}
            for one in known
        ]
        return json.dumps(records, indent=2)
    width = max(len(one.name) for one in known) + 2
    return "\n".join(f"{one.name:<{width}}{one.violates[0]:<11}{one.meaning}" for one in known)


def variants(form: str) -> str:
    """Every correct variant of the embedded endpoint, as a table or as JSON."""
    known = reference.VARIANTS.values()
    if form == "json":
        return json.dumps([{"name": one.name, "meaning": one.meaning} for one in known], indent=2)
    width = max(len(one.name) for one in known) + 2
    return "\n".join(f"{one.name:<{width}}{one.meaning}" for one in known)


LISTS: Mapping[str, Callable[[str], str]] = {
    "requirements": requirements,
    "defects": defects,
    "variants": variants,
}
"""What can be listed; each takes the format, ``text`` or ``json``."""


def explanation(identifier: str) -> str:
    """One requirement with its sources, what is sent for it and what is accepted.

    Raises:
        KeyError: the catalogue has no such requirement; the text says which one is near.
    """
    known = catalogue.load().requirements
    if identifier not in known:
        near = did_you_mean(identifier, known)
        raise KeyError(f"the catalogue has no requirement {identifier!r}{near or '; token-conformance list shows all'}")
    row = known[identifier]
    level = row.level.value + (", follows from the cited text" if row.derived else "")
    level += f", severity {row.severity}" if row.severity else ""
    parts = [f"{row.id}  {row.title}", f"level: {level}{_only(row)}", "", row.statement, "", f"Why: {row.why}"]
    parts += [f"Remedy: {row.remedy}", *([f"Note: {row.note}"] if row.note else []), ""]
    parts += [f"Not judged: {row.reason}"] if row.reason else []
    parts += [f"Needs: {NEEDS[need]}" for need in row.needs]
    parts += [f"Source: {source.text}{f'  {source.url}' if source.url else ''}" for source in row.sources]
    parts += [f"Trait: {name} = {' | '.join(values)}" for name, values in row.traits.items()]
    case = next((case for case in built_in() if case.id == identifier), None)
    return "\n".join(parts if case is None else [*parts, *_case(case)])


def _case(case: Case) -> list[str]:
    expected = judging.expectation(case, _contract())
    if case.invariant:
        # What needs no answer is about the document.
        document = "Judged by the statement above, of the published document; nothing is sent."
        return ["", document if expected else "Judged over every answer of the run, by the statement above."]
    lines = [""]
    sent = [*case.stimuli, *((f"{name}, {series}", one) for name, series in case.series for one in series.templates)]
    for name, template in sent:
        changed = changed_lines(template) or ("the valid request, unchanged",)
        lines += [f"Sent as {name}:", *(f"    {line}" for line in changed)]
    lines += ["Accepted:", *(f"    {line}" for line in expected or ("what the statement above says",))]
    return [*lines, "", "The valid request is:", *(f"    {line}" for line in VALID.lines())]


def _contract() -> Contract:
    profile = profiles.load("rfc6749", Path.cwd())
    return Contract(profile, "/token", loopback=True, exposed="client", scope="read")


def serve(endpoint: reference.Endpoint) -> None:
    """Says where an endpoint is, as one line of JSON, and returns when the process is asked to end."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    line = {
        "base_url": endpoint.base_url,
        "token_path": endpoint.token_path,
        "client_id": endpoint.client_id,
        "client_secret": endpoint.client_secret,
        "clients": {
            role: {"client_id": client.client_id, "client_secret": client.secret}
            for role, client in endpoint.clients.items()
        },
    }
    if endpoint.ca_bundle is not None:
        line["ca_bundle"] = endpoint.ca_bundle
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    ended.wait()
