"""What hostile servers do to a run, as a table: python -m tests.hostile.measure [NAME ...]."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema_rs

import conformance
from conformance import recording
from conformance.report.folder import FILES, PAGES
from conformance.resources import PACKAGE
from tests import rejudged
from tests.hostile.servers import SERVERS, Hostile
from tests.hostile.standing import standing
from tests.servers import CLIENT, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECONDS, MEGABYTES, TEXT = 60.0, 250.0, 4000
"""Bounds: seconds at default settings, peak memory, and characters of any text in the results."""

SCHEMA = jsonschema_rs.validator_for(json.loads((PACKAGE / "report" / "results.schema.json").read_text()))

# The peak as the kernel counts it for this program alone: that of a child process begins at its parent's.
PROGRAM = """
import re, sys
from conformance.cli import main
try:
    main()
finally:
    peak = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())
    open(sys.argv[-1] + ".peak", "w").write(peak[1])
"""


@dataclass(frozen=True)
class Row:
    """What one hostile server did to a run; `wrong` says what broke a bound or a promise."""

    name: str
    code: int
    verdict: str
    seconds: float
    megabytes: float
    cause: str
    wrong: tuple[str, ...]


def measured(hostile: Hostile, *words: str, seconds: float = SECONDS) -> Row:
    """A run against a hostile server through the command line."""
    top = Path(tempfile.mkdtemp())
    try:
        return _measured(hostile, top, words, seconds)
    finally:
        shutil.rmtree(top)


def _measured(hostile: Hostile, top: Path, words: Sequence[str], seconds: float) -> Row:
    folder = top / "run"
    with standing(hostile.talk) as place:
        base_url = f"{hostile.scheme}://127.0.0.1:{place.port}"
        target = ("--base-url", base_url, "--client-id", CLIENT, "-v", *words, "--report-dir", str(folder))
        began = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, "run", *target],
                cwd=top,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds * 3,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Row(hostile.name, -1, "", seconds * 3, 0, "", ("it did not end",))
        took = time.monotonic() - began
    peak = folder.with_name("run.peak")
    megabytes = int(peak.read_text()) / 1024 if peak.exists() else 0.0
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    results = json.loads((folder / "results.json").read_text()) if (folder / "results.json").exists() else {}
    causes = list(_causes(results, out))
    cause = next((one for one in causes if re.search(hostile.cause, one)), "")
    wrong = [
        *([f"exit code {done.returncode}"] if done.returncode not in hostile.codes else []),
        *([f"{took:.0f} s"] if took > seconds else []),
        *([f"{megabytes:.0f} MB"] if not 0 < megabytes <= MEGABYTES else []),
        *([f"{place.visits_elsewhere} connections elsewhere"] if place.visits_elsewhere else []),
        *([] if cause else [f"the cause is not named: {causes[:1]}"]),
        *_faults_of_output(out, err),
        *_faults_of_folder(folder, results, done.returncode),
    ]
    shown = cause or next(iter(causes), "")
    return Row(hostile.name, done.returncode, results.get("verdict", ""), took, megabytes, shown, tuple(wrong))


def _environment() -> dict[str, str]:
    foreign = ("TOKEN_CONFORMANCE", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {
        **kept,
        "TOKEN_CONFORMANCE_CLIENT_SECRET": SECRET,
        "PYTHONPATH": str(Path(conformance.__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _causes(results: dict[str, Any], out: str) -> Iterator[str]:
    """The lines that say what is the matter, the first one first."""
    if results.get("verdict") != "non-conformant":
        yield results.get("reason", "")
    yield from (line.strip() for line in out.splitlines() if line.strip().startswith(("cause", "ended early")))
    for case in results.get("cases", ()):
        if case["verdict"] == "failed":
            yield f"{case['id']} {case['actual']}"
    yield from (f"{case['id']} {case['reason']}" for case in results.get("cases", ()) if case["reason"])


def _faults_of_output(out: str, err: str) -> Iterator[str]:
    if "Traceback" in err or 'File "' in err:
        yield f"a traceback: {err.strip().splitlines()[-1]}"
    for name, text in (("stdout", out), ("stderr", err)):
        if re.search(r"[^\x20-\x7e\n]", text):
            yield f"{name} holds what is no printable ASCII"
        if re.search(r"(?m)^\s*::|##\[|##vso", text):
            yield f"{name} holds a command of a CI runner"
        if any(len(line) > TEXT for line in text.splitlines()):
            yield f"{name} holds a line of {max(map(len, text.splitlines()))} characters"


def _faults_of_folder(folder: Path, results: dict[str, Any], code: int) -> Iterator[str]:
    there = {file.name for file in folder.iterdir()} if folder.exists() else set()
    if there != set(FILES):
        yield f"the folder holds {sorted(there)}"
        return
    if not SCHEMA.is_valid(results):
        yield "results.json is not as its schema has it"
    if {"non-conformant": 1, "unusable": 3, "inconclusive": 3, "conformant": 0}[results["verdict"]] != code:
        yield f"{results['verdict']} with exit code {code}"
    if results["summary"]["error"]:
        yield f"an error of ours: {next(one['reason'] for one in results['cases'] if one['verdict'] == 'error')[:300]}"
    longest = max((len(text) for text in _texts(results)), default=0)
    if longest > TEXT:
        yield f"a text of {longest} characters in results.json"
    found = recording.read(folder / "exchanges.jsonl")
    if not found.complete or len(found.exchanges) != results["exchanges"]:
        yield "the recording is not complete"
    yield from (f"judged again it differs in {one}" for one in rejudged.differing(results, found))
    entries = json.loads((folder / "exchanges.har").read_text())["log"]["entries"]
    if len(entries) != results["exchanges"]:
        yield "the archive is not complete"
    cases = len(ET.parse(folder / "junit.xml").findall(".//testcase"))
    if cases != len(results["cases"]):
        yield f"junit.xml holds {cases} cases of {len(results['cases'])}"
    foreign = re.compile(r"<script>alert|<img src=x|\x1b|\x9b|\u202e")
    yield from (f"{name} holds what the server wrote" for name in PAGES if foreign.search((folder / name).read_text()))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def main(names: Sequence[str]) -> int:
    """Prints the table; 1 where a bound was broken."""
    chosen = [one for one in SERVERS if not names or one.name in names]
    words = ["server", "exit", "verdict", "seconds", "MB"]
    print(f"{words[0]:<20}{words[1]:>5}  {words[2]:<16}{words[3]:>8}{words[4]:>6}  cause")  # noqa: T201 - a table
    broken = 0
    with ThreadPoolExecutor(max_workers=int(os.environ.get("SIDE_BY_SIDE", "2"))) as pool:
        for row in pool.map(measured, chosen):
            cause = row.cause if len(row.cause) <= 90 else f"{row.cause[:87]}..."
            print(  # noqa: T201 - a table
                f"{row.name:<20}{row.code:>5}  {row.verdict:<16}{row.seconds:>8.1f}{row.megabytes:>6.0f}  {cause}",
                *(f"    WRONG: {one}" for one in row.wrong),
                sep="\n",
                flush=True,
            )
            broken += bool(row.wrong)
    print(f"{len(chosen)} servers; bounds broken by {broken}: {SECONDS:g} s, {MEGABYTES:g} MB, and the promises")  # noqa: T201
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
