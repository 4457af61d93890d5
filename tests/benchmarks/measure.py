"""What the suite costs, as ratios against a baseline of the same run: python -m tests.benchmarks.measure."""

from __future__ import annotations

import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import case, engine, judging, known, masking, profiles, recording, reference, scanning
from conformance.plan import CONTROL
from conformance.report import har
from conformance.request import encode
from conformance.target import Credentials, Limits, Secret, Target, target_at

if TYPE_CHECKING:
    from collections.abc import Callable

BIN = Path(sys.executable).parent
REPEATS = 5


def seconds(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median time of an action."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def command(*words: str) -> Callable[[], object]:
    """A command whose output does not matter."""
    return lambda: subprocess.run(words, check=True, capture_output=True)


def show(what: str, measured: float, baseline: str, against: float, aim: str) -> None:
    """One line of the table."""
    sys.stdout.write(f"{what:<44}{measured * 1000:>9.1f} ms  {measured / against:>6.2f} x {baseline:<36}aim {aim}\n")


def bare_loop(target: Target, data: bytes, times: int) -> None:
    """The same number of exchanges over plain sockets, one after the other, nothing read into them."""
    for _ in range(times):
        with socket.create_connection((target.host, target.port)) as connection:
            connection.sendall(data)
            while connection.recv(65536):
                pass


def scan(run: engine.Run) -> tuple[float, float]:
    """Seconds of the search for secrets in a recording of 2,000 exchanges and its HAR, and of reading the former."""
    held = known.known(run.inquiry.target, masking.VOCABULARY.decode())
    held.add(secrets.token_urlsafe(32).encode() for _ in range(500))
    exchanges = run.recording.exchanges * (2000 // len(run.recording.exchanges) + 1)
    numbered = tuple(
        replace(one, number=at, template=secrets.token_hex(8), duration=one.duration + at / 7e5)
        for at, one in enumerate(exchanges[:2000])
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "exchanges.jsonl"
        writer = recording.Writer(file, run.recording.header)
        for one in numbered:
            writer.append(one)
        writer.close(skipped={}, stopped="")
        file.with_suffix(".har").write_text(har.har_text(replace(run.recording, exchanges=numbered)))
        facts = known.public_facts(run)
        if scanning.withdraw(Path(folder), held, facts):
            raise AssertionError("the search found what was never written")
        return (
            seconds(lambda: scanning.withdraw(Path(folder), held, facts), repeats=3),
            seconds(lambda: recording.read(file), repeats=3),
        )


def main() -> None:
    """Prints the table."""
    help_ = seconds(command(str(BIN / "token-conformance"), "--help"))
    show("--help", help_, "python -c 'import click'", seconds(command(sys.executable, "-c", "import click")), "<= 2.5")

    profile = profiles.load("passport", Path.cwd())
    cases = case.built_in()
    with reference.start() as endpoint:
        client = Credentials(endpoint.client_id, Secret(endpoint.client_secret))
        target = replace(target_at(endpoint.base_url, endpoint.token_path, client), scope="read")
        inquiry = engine.Inquiry(target, profile, Limits(), engine.applicable(cases, profile), cases, examples=0)
        run = engine.conduct(inquiry)
        count = len(run.recording.exchanges)
        data = encode(CONTROL.template, engine.begin(inquiry, lambda _: None).binder.bindings("")).data
        handwritten = seconds(lambda: engine.conduct(inquiry))
        loop = seconds(lambda: bare_loop(target, data, count))
        show(f"handwritten cases, {count} exchanges", handwritten, "a bare socket loop of as many", loop, "<= 6")

    with tempfile.TemporaryDirectory() as folder:
        whole = seconds(
            command(str(BIN / "token-conformance"), "run", "-q", "--report-dir", str(Path(folder) / "run")), repeats=3
        )
    show("run, default settings, embedded endpoint", whole, "--help", help_, "<= 4000 ms")

    scanned, reading = scan(run)
    show("searching 2,000 exchanges for 500 tokens", scanned, "reading them from the file", reading, "<= 60")

    contract = engine.contract(inquiry.profile, engine.header(inquiry))
    judged = seconds(lambda: judging.result(inquiry.cases, judging.Evidence(run.recording, cases), contract))
    show(f"judging {count} exchanges again", judged, "sending them", handwritten, "<= 0.3")


if __name__ == "__main__":
    main()
