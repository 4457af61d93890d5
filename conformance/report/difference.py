"""A comparison as people and programs read it: text, Markdown, JSON; the page is made by `timeline`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from conformance.comparison import FORMAT
from conformance.pinning import Drift
from conformance.report import escape
from conformance.report.summary import UNMET
from conformance.signature import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from conformance.comparison import Change, Comparison, Side

NAMED = 3
"""Stimuli of a wire fact that are named."""

TOGETHER = 3
"""Cases that are told one by one although they became undecided for the same reason."""

SECTIONS = (
    ("regressions", "Regressions"),
    ("undecided", "No longer decided"),
    ("drift", "Trait drift"),
    ("facts", "Wire facts"),
    ("changed", "Changed otherwise"),
    ("fixes", "Fixes"),
    ("explained", "Wire facts that come with these changes"),
)
"""The parts of a comparison in order of weight, with their headings."""


def text(found: Comparison) -> str:
    """A comparison for a terminal; what came from the wire is escaped."""
    lines = [f"{name:<8}{_run(one)}" for name, one in _sides(found)]
    lines += [f"differs {one}" for one in found.context]
    lines += [f"note    {one}" for one in found.notes]
    for heading, items in sections(found):
        lines += ["", heading]
        lines += [f"{'  ' * (1 + bool(at))}{line}" for one in items for at, line in enumerate(one)]
    lines += ["", *(f"{words}: {', '.join(ids)}" for words, ids in aside(found)), found.sentence]
    return "".join(f"{escape.line(line)}\n" for line in lines)


def markdown(found: Comparison) -> str:
    """A comparison in GitHub Markdown, such as for the summary of a CI job."""
    shown = escape.markdown
    lines = [f"## {shown(found.sentence)}", ""]
    lines += [f"- {name}: {shown(_run(one))}" for name, one in _sides(found)]
    lines += [f"- **differs**: {shown(one)}" for one in found.context]
    lines += [f"- **note**: {shown(one)}" for one in found.notes]
    for heading, items in sections(found):
        lines += ["", f"### {heading}", ""]
        lines += [f"{'  ' * bool(at)}- {shown(line)}" for one in items for at, line in enumerate(one)]
    lines += ["", *(f"- {words}: {shown(', '.join(ids))}" for words, ids in aside(found))]
    return "\n".join(lines).rstrip("\n") + "\n"


def document(found: Comparison) -> str:
    """A comparison as JSON in the format `comparison.FORMAT`; ASCII, so that no reader's encoding matters.

    Runners of CI services take ``##[`` for a command wherever it stands, so that no two number signs stand together.
    """
    plain = ("regressions", "fixes", "undecided", "changed", "drift")
    whole = {
        "format": FORMAT,
        "outcome": found.outcome,
        "exit_code": found.code,
        "sentence": found.sentence,
        **{name: _side(one) for name, one in _sides(found)},
        "context": list(found.context),
        **{name: [asdict(one) for one in getattr(found, name)] for name in plain},
        "wire_facts": [_fact(one) for one in found.facts],
        "explained_wire_facts": [_fact(one) for one in found.explained],
        "decided": list(found.decided),
        "gone": dict(found.gone),
        "added": dict(found.added),
        "notes": list(found.notes),
    }
    return json.dumps(whole, indent=2).replace("##", "#\\u0023") + "\n"


def _sides(found: Comparison) -> tuple[tuple[str, Side], ...]:
    return ("before", found.before), ("after", found.after)


def _run(side: Side) -> str:
    found = side.results
    return f"{found['target']['name']}, {found['started']}: {found['verdict']} ({side.folder})"


def _side(side: Side) -> dict[str, Any]:
    found = side.results
    names = ("verdict", "started", "target", "suite", "catalogue", "seed")
    return {"folder": side.folder, **{name: found[name] for name in names}}


def _fact(fact: Fact) -> dict[str, Any]:
    told = asdict(fact)
    del told["templates"]
    return told


def sections(found: Comparison) -> Iterator[tuple[str, list[list[str]]]]:
    """The parts of a comparison that have something in them: heading, and each item in lines, what it is first."""
    for name, heading in SECTIONS:
        items = getattr(found, name)
        if items:
            told = _by_reason(items) if name == "undecided" else [_lines(one) for one in items]
            yield f"{heading} ({len(items)})", [[line for line in lines if line] for lines in told]


def _by_reason(changes: Iterable[Change]) -> Iterator[tuple[str, ...]]:
    """Changes in lines, those together that have one reason: what ends a run early leaves a hundred cases open."""
    groups: dict[str, list[Change]] = {}
    for one in changes:
        groups.setdefault(one.actual, []).append(one)
    for reason, several in groups.items():
        if len(several) > TOGETHER:
            ids = ", ".join(identifier for one in several for identifier in (one.id, *one.likewise))
            yield f"{len(several)} requirements for one reason", f"actual: {reason}", ids
        else:
            yield from map(_lines, several)


def aside(found: Comparison) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is told beside the sections: words, and IDs, with the verdict where that is a finding."""
    named = (
        ("Decided now", found.decided),
        ("Judged only before", _with_findings(found.gone)),
        ("Judged only after", _with_findings(found.added)),
    )
    return ((words, ids) for words, ids in named if ids)


def _with_findings(verdicts: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{one} ({verdict})" if verdict in UNMET else one for one, verdict in verdicts.items())


def _lines(item: Change | Drift | Fact) -> tuple[str, ...]:
    """A change, a drift or a wire fact in lines: what it is, and then what is to say about it; some may be empty."""
    if isinstance(item, Drift):
        return (f"{item.trait}: {item.pinned}, then {item.seen}",)
    if isinstance(item, Fact):
        named = f" {item.name}" if item.name else ""
        values = ", then ".join(value for value in (item.before, item.after) if value)
        return f"{item.what}{named}{f': {values}' if values else ''}", f"in {_stimuli(item.stimuli)}"
    words = f"{_words(item.before)}, then {_words(item.after)}" if item.before != item.after else _words(item.after)
    return (
        f"{item.id} {item.level}  {item.title}: {words}",
        f"expected: {item.expected}" if item.expected else "",
        f"was: {item.was}" if item.was else "",
        f"actual: {item.actual}" if item.actual else "",
        f"likewise: {', '.join(item.likewise)}" if item.likewise else "",
    )


def _words(verdict: str) -> str:
    return verdict.replace("_", " ")


def _stimuli(stimuli: tuple[str, ...]) -> str:
    distinct = list(dict.fromkeys(stimuli))
    more = f" and {len(stimuli) - NAMED} more" if len(distinct) > NAMED else ""
    number = f"{len(stimuli)} answers, such as " if more else ""
    return f"{number}{', '.join(distinct[:NAMED])}"


def _page(found: Comparison) -> str:
    # Only a page needs the templates.
    from conformance.report import timeline  # noqa: PLC0415

    return timeline.comparison_page(found)


FORMS: Mapping[str, Callable[[Comparison], str]] = {
    "text": text,
    "json": document,
    "markdown": markdown,
    "html": _page,
}
"""What makes a comparison in each format."""
