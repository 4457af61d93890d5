"""Runs whose pages are looked at: one of each kind, and one whose server attacks whoever reads the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import case, engine, profiles, reference
from conformance.case import own_requirement
from conformance.catalogue import Source
from conformance.reply import GRANTED
from conformance.report import index, results, summary
from conformance.request import VALID
from conformance.target import Credentials, Limits, Secret, target_at
from tests.servers import Asked, decent, declared, inquiry, refusal, serving, token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.case import Case
    from conformance.engine import Run

MANY = ("ctype-case", "cache-errors-storable", "hdr-leading-space-kept", "err-description-newline", "token-long-lived")
"""Defects that give findings of every kind: with one witness and with many, followed, only warned of, generated."""

ATTACK = (
    "</pre></title></style></script><script>pwned=1</script><img src=x onerror=pwned=1>"
    "\"'><svg/onload=pwned=1><a href=javascript:pwned=1>{{7*7}}<!--]]>"
)
HOSTILE = f"{ATTACK}\x1b[31m\x07\x9b\u202e\u2066\u200b\x00"
"""Markup for every context, and characters that steer a display."""


def of_endpoint(
    folder: Path,
    *defects: str,
    areas: Iterable[str] = ("REQ", "CTYPE", "SUCC", "TOKEN"),
    examples: int = 0,
    secret: str | None = None,
) -> Run:
    """A run against the embedded endpoint, kept in a folder."""
    known = case.built_in()
    profile = profiles.load("passport", Path.cwd())
    chosen = [one for one in known if one.requirement.area in areas]
    with reference.start("passport", defects=defects) as served:
        client = Credentials(served.client_id, Secret(secret or served.client_secret))
        target = replace(target_at(served.base_url, served.token_path, client, name="staging"), scope="read")
        asked = engine.Inquiry(
            target,
            profile,
            Limits(timeout=1),
            engine.applicable(chosen, profile),
            known,
            examples=examples,
            pinned={"expires_in": "absent", "scope.missing": "default"},
        )
        return kept(folder, asked)


def kept(folder: Path, asked: engine.Inquiry) -> Run:
    """A run in a folder, with the files that pages are made from and the page itself."""
    folder.mkdir(parents=True)
    run = engine.conduct(asked, record=folder / "exchanges.jsonl")
    (folder / "results.json").write_text(results.results_text(run))
    (folder / "summary.json").write_text(summary.summary_text(run))
    (folder / "index.html").write_text(index.page_text(run))
    return run


def attacked(folder: Path) -> Run:
    """A run whose server, target and case put markup wherever they can; some of it is waived, for a reason as bad."""
    areas = ("REQ", "CTYPE", "ERR", "METHOD")
    known = (*(one for one in case.built_in() if one.requirement.area in areas), _hostile_case())
    with serving(_attack) as server:
        asked = inquiry(server, known)
        run = kept(folder, replace(asked, target=replace(asked.target, name=f"tar{HOSTILE}get")))
    first, *rest = (one for one in run.result.cases if one.verdict == "failed" and not one.follows)
    waived = replace(first, verdict="waived")
    cases = tuple(waived if one is first else one for one in run.result.cases)
    run = replace(run, result=replace(run.result, cases=cases, reason=f"{run.result.reason} {HOSTILE}"))
    (folder / "index.html").write_text(index.page(run, waived_in(run, first.case.id, reason=HOSTILE)))
    assert len(rest) > 5
    return run


def waived_in(run: Run, identifier: str, **terms: Any) -> dict[str, Any]:
    """The results of a run in which a case is waived under some terms."""
    found = results.results(run)
    for one in found["cases"]:
        if one["id"] == identifier:
            one["waiver"] = terms
    return found


def _hostile_case() -> Case:
    row = own_requirement(
        f"EVIL-{ATTACK}", level="MUST", title=HOSTILE, statement=HOSTILE, remedy=HOSTILE, sources=[HOSTILE]
    )
    row = replace(row, why=HOSTILE, note=HOSTILE, sources=(Source(HOSTILE, f"javascript:{ATTACK}"), *row.sources))
    return declared(row.id, lambda one: one.must_be(GRANTED), row=row, one=VALID.adding(f"X{ATTACK}", HOSTILE))


def _attack(request: Asked) -> bytes:
    """A token for the plain valid request, and an attack in another place each time for everything else."""
    if request.data.count(b"\r\n") == 9 and request.plain and b"\r\nAccept: */*\r\nUser-Agent" in request.data:
        return token()
    body = json.dumps({"error": HOSTILE, "error_description": HOSTILE, HOSTILE: HOSTILE}, ensure_ascii=False).encode()
    line, value = ATTACK.encode(), HOSTILE.encode().replace(b"\x00", b"")
    heads = (
        (b"400 " + value, b"application/json", b"X-A: " + value),
        (b"302 Found", b"text/html", b"Location: javascript:" + line),
        (b"500 " + line, line, line + b": " + value),
        (b"401 No", b"application/json", b"WWW-Authenticate: " + value + b"\r\nSet-Cookie: " + value),
        (b"200 OK", b"application/json; charset=" + line, b"Refresh: 0; url=javascript:" + line),
    )
    status, media_type, more = heads[request.number % len(heads)]
    head = (b"HTTP/1.1 " + status, b"Content-Type: " + media_type, more, b"Connection: close")
    return b"\r\n".join((*head, b"", body))


def undecided(folder: Path) -> Run:
    """A run that could not decide most: after a while the server refuses the valid request, too."""

    def tired(request: Asked) -> bytes:
        return decent(request) if request.number < 12 else refusal(401, "invalid_client")

    with serving(tired) as server:
        return kept(folder, inquiry(server, [one for one in case.built_in() if one.requirement.area in ("REQ", "HDR")]))
