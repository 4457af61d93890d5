"""The ledger: every requirement with its case, what is sent for it and the defects that prove it, in Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import case, catalogue, profiles, reference
from conformance.plan import Binder, plan
from conformance.request import VALID, changed_lines
from conformance.resources import PACKAGE
from conformance.target import Credentials, Secret, target_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.case import Case
    from conformance.catalogue import Area, Requirement
    from conformance.plan import Plan
    from conformance.reference import Defect
    from conformance.request import Template

COMMAND = "token-conformance list --format markdown > docs/requirements.md"
"""What writes the ledger anew."""

_LONGEST, _MOST = 160, 8
"""Characters of a changed line, and lines of a request, that are shown."""

_SOURCES = {
    "description": "the OpenAPI description",
    "spelling": "legal spellings",
    "near_miss": "near misses",
    "odd": "odd values",
}

_HEAD = """\
# Requirements

Edition {edition} of the catalogue: {rows} requirements in {areas} areas. Each is decided by one case, and proven by
defects that are planted in the embedded endpoint.

This page is made by `{command}`, from [the catalogue](../conformance/catalogue),
[the cases](../conformance/cases) and [the defects](../conformance/reference/defects).

| level | what it is | unmet gives |
|---|---|---|
| MUST | a standard obliges the server, in words or, where the level says so, by what follows from them | `failed` |
| DOC | the published document promises it | `failed` |
| ROBUST | no standard says it, but a server error, a hang or a leak is a defect to every user | `failed` |
| SHOULD | a recommendation | `warning` |
| MAY | a choice, which is kept as a trait | `observed` |

A severity replaces what the level gives. Of a request the lines are shown that differ from the valid one: `-` before
what is gone, `+` before what is new. The valid request is:

"""


def markdown() -> str:
    """The ledger as the text of ``docs/requirements.md``."""
    known = catalogue.load()
    rows = known.requirements.values()
    cases = {one.id: one for one in case.built_in()}
    head = _HEAD.format(edition=known.edition, rows=len(rows), areas=len(known.areas), command=COMMAND)
    parts = [
        *head.splitlines(),
        *(f"    {line}".rstrip() for line in VALID.lines()),
        "",
        "| area | | requirements |",
        "|---|---|---|",
        *(_entry(area, [row for row in rows if row.area == area.name]) for area in known.areas),
        "",
    ]
    for area in known.areas:
        parts += _area(area, [row for row in rows if row.area == area.name], cases)
    return "\n".join(parts)


def _entry(area: Area, rows: list[Requirement]) -> str:
    return f"| [{area.name}](#{_anchor(area)}) | {_text(area.title)} | {len(rows)} |"


def _anchor(area: Area) -> str:
    return re.sub(r"[^a-z0-9 -]", "", f"{area.name} {area.title}".lower()).replace(" ", "-")


def _area(area: Area, rows: Iterable[Requirement], cases: dict[str, Case]) -> Iterator[str]:
    yield from (f"## {area.name} {area.title}", "", _text(area.about), "")
    for row in rows:
        yield from (f"### {row.id}", "", f"**{_text(row.title)}**", "", _text(row.statement), "")
        yield from (f"- {name}: {words}" for name, words in _facts(row, cases.get(row.id)))
        yield ""


def _facts(row: Requirement, decided_by: Case | None) -> Iterator[tuple[str, str]]:
    level = row.level.value + (", follows from the source" if row.derived else "")
    yield "Level", level + (f", severity {row.severity}" if row.severity else "")
    yield "Since", f"edition {row.since}" + (f"; profile {' and '.join(row.profiles)} alone" if row.profiles else "")
    yield "Source", "; ".join(f"[{_text(one.text)}]({one.url})" if one.url else _text(one.text) for one in row.sources)
    if decided_by is None:
        yield "Case", f"none: {_text(row.reason)}" if row.reason else "none"
        return
    yield "Case", _place(decided_by)
    yield from _sent(decided_by)
    yield from _configured(decided_by)
    own = [one for one in reference.DEFECTS.values() if one.violates[0] == row.id]
    others = [one for one in reference.DEFECTS.values() if row.id in one.violates[1:]]
    yield "Proven by", ", ".join(f"`{one.name}` ({_meaning(one)})" for one in own) or "no defect of its own"
    if others:
        yield "Shown as well by", ", ".join(f"`{one.name}`" for one in others)


def _meaning(defect: Defect) -> str:
    return _text(defect.meaning.rstrip("."))


def _place(decided_by: Case) -> str:
    function = decided_by.function
    file = f"{function.__module__.replace('.', '/')}.py"
    return f"[`{function.__name__}`](../{file}) in `{file.removeprefix('conformance/')}`"


def _sent(decided_by: Case) -> Iterator[tuple[str, str]]:
    """What is sent for a case, one entry a stimulus."""
    for name, template in decided_by.stimuli:
        yield f"Sent as `{name}`", _changed(template)
    for template in decided_by.also:
        yield "Sent as well", _changed(template)
    if decided_by.generated:
        yield "Generated", " and ".join(_SOURCES.get(one, one) for one in decided_by.generated)
    if not decided_by.stimuli:
        yield "Judged over", "every answer of the run that it is about"


def _configured(decided_by: Case) -> Iterator[tuple[str, str]]:
    """What keeps a stimulus from being sent unless something is configured, as the plan says it."""
    names = {template.digest: name for name, template in decided_by.stimuli}
    held: dict[str, list[str]] = {}
    for digest, reason in _planned(decided_by).skipped.items():
        held.setdefault(reason, []).append(names.get(digest, "one request"))
    for reason, of in held.items():
        yield "Not always sent" if len(of) == len(names) else f"Not always sent ({', '.join(of)})", _text(reason)
    if decided_by.stimuli and all(template.transport for _, template in decided_by.stimuli):
        yield "Not sent where", "the base URL is http"
    if decided_by.requirement.undecidable:
        yield "Undecided", "it may stay inconclusive, without making the run so"


def _planned(decided_by: Case) -> Plan:
    """The plan for one case, for another host and a client with nothing special about it."""
    name = next(iter(decided_by.requirement.profiles), "rfc6749")
    profile = profiles.load(name, Path(str(PACKAGE)))
    # No padding, no + and no /, and nothing that form encoding changes.
    client = Credentials("client", Secret("Secret-0"))
    target = target_at("https://idp.example", profile.token_path or "/token", client)
    return plan([decided_by], Binder(target, profile, b"ledger", form_encoded=True))


def _changed(template: Template) -> str:
    lines = changed_lines(template)
    more = f" and {len(lines) - _MOST} lines more" if len(lines) > _MOST else ""
    return " ".join(map(_code, lines[:_MOST])) + more or "the valid request, unchanged"


def _code(line: str) -> str:
    shown = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
    fence = "`" * (max((len(run) for run in re.findall(r"`+", shown)), default=0) + 1)
    pad = " " if len(fence) > 1 else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _text(text: str) -> str:
    """A text of the catalogue or of the code, so that none of it is taken for markup."""
    return re.sub(r"([\\`*<>\[\]|&])|(?<!\w)(_)|(_)(?!\w)", lambda found: f"\\{found[0]}", text)
