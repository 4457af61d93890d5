"""Our own faults: whatever happens to process or disk, a run ends with one line, a code, and what can be kept."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import engine, recording, reference, rejudging, wire
from conformance.case import built_in
from conformance.recording import Writer, WritingError
from conformance.report.folder import FILES, Folder
from conformance.target import Limits
from tests.servers import CLIENT, SECRET, decent, endpoint, inquiry, probes, serving
from tests.test_cli import SCRIPT, Done, command, environment, judged, results, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Asked, Server


def told(done: Done, code: int, *said: str) -> None:
    """One line on standard error that says these things, and nothing of Python's."""
    assert done.code == code, done
    assert len(done.err.splitlines()) == 1, done.err
    assert done.err.startswith("token-conformance: ")
    assert "Traceback" not in done.out + done.err
    for text in said:
        assert text in done.err


def rows(folder: Path) -> dict[str, str]:
    return {row["id"]: row["verdict"] for row in json.loads((folder / "results.json").read_text())["cases"]}


# The recording judged once more


def test_judging_again_writes_the_reports_and_ends_as_the_run_did(tmp_path: Path) -> None:
    with reference.start("passport", defects=("ctype-case",), client_id=CLIENT, client_secret=SECRET) as running:
        first = judged(tmp_path, running.base_url, "--select", "CTYPE,REQ-001", "--report-dir", "out")
    out = tmp_path / "out"
    before, octets = results(out), (out / "exchanges.jsonl").read_bytes()
    for name in ("index.html", "results.json", "report.html", "junit.xml", "exchanges.har"):
        (out / name).unlink()
    again = command(tmp_path, "judge", "out")
    assert (first.code, again.code, again.err) == (1, 1, "")
    after = results(out)
    assert (out / "exchanges.jsonl").read_bytes() == octets
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert after["cases"] == before["cases"]
    assert {**after, "finished": 0, "duration_s": 0} == {**before, "finished": 0, "duration_s": 0}
    assert again.lines[-1] == f"report: {out / 'index.html'}"
    assert "--select CTYPE-002" in again.out
    assert command(tmp_path, "judge", "out", "--fail-on", "never", "-q").code == 0


def test_judging_again_may_go_into_another_folder_and_look_at_less(tmp_path: Path) -> None:
    command(tmp_path, "run", "--select", "CTYPE", "--examples", "0", "--report-dir", "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    file = str(tmp_path / "out" / "exchanges.jsonl")
    done = command(tmp_path, "judge", file, "--select", "CTYPE-002,CTYPE-003", "--report-dir", "other")
    assert (done.code, done.err) == (0, "")
    assert set(rows(tmp_path / "other")) == {"CTYPE-002", "CTYPE-003"}
    assert results(tmp_path / "other")["verdict"] == "conformant"
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before


def test_a_target_that_was_unusable_still_is(tmp_path: Path) -> None:
    with serving(lambda _: b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as server:
        first = judged(tmp_path, server.base_url, "--report-dir", "out")
    again = command(tmp_path, "judge", "out")
    assert (first.code, again.code) == (3, 3)
    assert [line for line in again.lines if "cause" in line or "advice" in line] == [
        line for line in first.lines if "cause" in line or "advice" in line
    ]


OWN = """
from conformance.case import case, own_requirement
from conformance.reply import GRANTED
from conformance.request import VALID

ROW = own_requirement("OWN-001", level="MUST", title="own", statement="It holds.", remedy="Repair it.")

@case("OWN-001", requirement=ROW, one=VALID.adding_parameters("audience=api"))
def test_own(one):
    one.must_be(GRANTED)
"""


def test_what_a_recording_needs_beside_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "acme.toml").write_text('name = "acme"\nextends = "passport"\n')
    select = ("--select", "OWN-001", "--cases", "own.py")
    run = command(tmp_path, "run", *select, "--examples", "0", "--profile", "acme.toml", "--report-dir", "out")
    assert run.code == 0, run
    told(command(tmp_path, "judge", "out"), 2, "'acme'", "--profile")
    told(command(tmp_path, "judge", "out", "--profile", "acme.toml"), 2, "OWN-001", "--cases")
    again = command(tmp_path, "judge", "out", "--profile", "acme.toml", "--cases", "own.py")
    assert (again.code, again.err) == (0, "")
    assert rows(tmp_path / "out") == {"OWN-001": "passed"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "holds no run; accepted: a folder with an exchanges.jsonl"),
        (b"", "no recording of this suite"),
        (b"{}\n", "no recording of this suite"),
        (b"\xff\xfe\n", "cannot be read"),
        (b'{"format":"token-conformance-exchanges/1"}\n', "is no record of this suite"),
    ],
)
def test_what_is_no_recording_takes_one_line_and_exit_2(content: bytes | None, said: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    if content is not None:
        (tmp_path / "out" / "exchanges.jsonl").write_bytes(content)
    told(command(tmp_path, "judge", "out"), 2, said)


def test_a_header_without_what_judgement_needs_is_told_by_its_name(tmp_path: Path) -> None:
    command(tmp_path, "run", "--select", "REQ-001", "--examples", "0", "--report-dir", "out")
    file = tmp_path / "out" / "exchanges.jsonl"
    head, *rest = file.read_text().splitlines()
    header = json.loads(head)
    del header["settings"]["exposed"]
    file.write_text("\n".join((json.dumps(header), *rest)) + "\n")
    told(command(tmp_path, "judge", "out"), 2, "exposed")
    assert {entry.name for entry in tmp_path.iterdir()} == {"out"}


# Ended from outside


@contextmanager
def running(cwd: Path, base_url: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    line = [SCRIPT, "run", "--base-url", base_url, "--client-id", CLIENT, "--examples", "0", "--report-dir", "out"]
    env = environment(TOKEN_CONFORMANCE_CLIENT_SECRET=SECRET)
    with subprocess.Popen(
        [*line, *words], cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def slow(seconds: float = 0.05) -> Iterator[Server]:
    with endpoint("passport") as script:

        def later(request: Asked) -> bytes | None:
            time.sleep(seconds)
            return script(request)

        with serving(later) as server:
            yield server


def partial(folder: Path) -> Path:
    (found,) = folder.glob(".out.partial-*")
    return found


def test_a_killed_run_leaves_a_recording_that_can_be_judged(tmp_path: Path) -> None:
    with slow() as server, running(tmp_path, server.base_url) as process:
        wait_for(lambda: len(server.asked) > 60)
        process.kill()
        out, _ = process.communicate(timeout=30)
    left = partial(tmp_path)
    assert str(left) in out
    assert recording.read(left / "exchanges.jsonl").complete is False
    done = command(tmp_path, "judge", str(left))
    assert (done.code, done.err) == (3, "")
    assert "it was cut off" in done.out
    found = json.loads((left / "results.json").read_text())
    assert found["verdict"] == "inconclusive"
    assert "interrupted" in found["reason"]
    assert found["exchanges"] > 30
    assert 10 < found["summary"]["passed"] < 100
    assert not found["summary"]["failed"] + found["summary"]["error"]


def test_a_finding_of_a_killed_run_is_none_before_it_was_seen_twice(tmp_path: Path) -> None:
    file = tmp_path / "exchanges.jsonl"
    with reference.start("passport", defects=("ctype-case",), client_id=CLIENT, client_secret=SECRET) as running_:
        asked = inquiry(running_.base_url, built_in(), limits=Limits(timeout=5), scope="read")
        whole = engine.conduct(asked, record=file)
    lines = file.read_bytes().splitlines(keepends=True)
    first = next(at for at, one in enumerate(whole.recording.exchanges) if one.attempt == 2)
    for cut, expected in (
        (first, {"inconclusive", "passed", "observed", "not_applicable"}),
        (len(lines) - 1, {"failed"}),
    ):
        file.write_bytes(b"".join(lines[:cut]) + lines[cut][:20])
        found = recording.read(file)
        again = engine.judged(asked, found, rejudging.gate(found, asked.target), finished=0)
        seen = {one.verdict for one in again.result.cases if one.case.id.startswith("CTYPE")}
        assert seen >= expected if expected == {"failed"} else seen <= expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_end_writes_everything_and_says_130(number: signal.Signals, tmp_path: Path) -> None:
    with slow() as server, running(tmp_path, server.base_url) as process:
        wait_for(lambda: len(server.asked) > 30)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    done = Done(process.returncode, out, err)
    assert (done.code, done.err) == (130, "")
    found = results(tmp_path / "out")
    assert found["verdict"] == "inconclusive"
    assert "ended early interrupted" in done.out
    assert command(tmp_path, "judge", "out", "--report-dir", "again").code == 3
    assert rows(tmp_path / "again") == rows(tmp_path / "out")


def test_asked_twice_it_ends_at_once_and_says_where_the_recording_is(tmp_path: Path) -> None:
    held: list[Asked] = []

    def stuck(request: Asked) -> bytes | None:
        if request.number <= 20:
            return decent(request)
        held.append(request)
        return None

    with serving(stuck) as server, running(tmp_path, server.base_url, "--timeout", "60") as process:
        wait_for(lambda: len(held) >= 4)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert time.monotonic() - began < 2
    told(Done(process.returncode, out, err), 130, "interrupted twice", str(partial(tmp_path)))
    assert len(recording.read(partial(tmp_path) / "exchanges.jsonl").exchanges) >= 15


def test_asked_once_it_does_not_wait_for_what_never_answers(tmp_path: Path) -> None:
    def stuck(request: Asked) -> bytes | None:
        return decent(request) if request.number <= 20 else None

    with serving(stuck) as server, running(tmp_path, server.base_url, "--timeout", "60") as process:
        wait_for(lambda: len(server.asked) >= 24)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert results(tmp_path / "out")["verdict"] in ("inconclusive", "non-conformant")


# The disk


def limited(cwd: Path, octets: int, *words: str) -> Done:
    """A run that can write no file beyond a size."""
    done = subprocess.run(
        [SCRIPT, "run", "--examples", "0", "--report-dir", "out", *words],
        cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets)),
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_recording_that_finds_no_room_ends_the_run_and_stays_readable(tmp_path: Path) -> None:
    done = limited(tmp_path, 60_000)
    told(done, 4, "the recording cannot be written: File too large")
    found = recording.read(tmp_path / "out" / "exchanges.jsonl")
    assert len(found.exchanges) > 10
    assert re.search(r"^inconclusive: .*exchanges", done.out, re.MULTILINE)
    assert command(tmp_path, "judge", "out").code == 3


def test_reports_that_find_no_room_cost_no_verdict(tmp_path: Path) -> None:
    command(tmp_path, "run", "--examples", "0", "--report-dir", "before")
    size = (tmp_path / "before" / "exchanges.jsonl").stat().st_size
    done = limited(tmp_path, size + size // 4)
    told(done, 4, "exchanges.har cannot be written: File too large")
    assert re.search(r"^conformant: ", done.out, re.MULTILINE)
    kept = {file.name for file in (tmp_path / "out").iterdir()}
    assert kept == set(FILES) - {"exchanges.har"}
    assert command(tmp_path, "judge", "out").code == 0
    assert results(tmp_path / "out")["verdict"] == "conformant"


def test_a_disk_without_any_room_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with serving(decent) as server, Path("/dev/full").open("rb"):
        (tmp_path / "full").symlink_to("/dev/full")
        header = engine.header(inquiry(server, ()))
        with pytest.raises(WritingError, match="No space left on device"):
            Writer(tmp_path / "full", header)
        with pytest.raises(WritingError, match="No space left on device"):
            engine.conduct(inquiry(server, probes(1)), record=tmp_path / "full")
        assert server.asked == []
    done = limited(tmp_path, 100)
    told(done, 4, "the recording cannot be written: File too large")
    assert list(tmp_path.glob(".out.partial-*")) == []


def kept_out(cwd: Path, *words: str) -> Done:
    """A run that modes keep out, also where the tests run as root."""
    drop = "-dac_override,-dac_read_search"
    setpriv = ("setpriv", "--bounding-set", drop, "--inh-caps", drop) if os.geteuid() == 0 else ()
    if setpriv and shutil.which("setpriv") is None:
        pytest.skip("nothing here takes the right from root to write everywhere")
    done = subprocess.run(
        [*setpriv, SCRIPT, "run", *words],
        cwd=cwd, env=environment(HOME="/"), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90,
        check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("words", [(), ("--report-dir", "here"), ("--report-dir", "/proc/here")])
def test_a_folder_that_cannot_be_written_is_exit_2(words: tuple[str, ...], tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    done = kept_out(tmp_path, "--select", "REQ-001", *words)
    told(done, 2, "--report-dir", "cannot be written")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_checkout_is_enough_where_reports_go_elsewhere(tmp_path: Path) -> None:
    checkout, reports = tmp_path / "checkout", tmp_path / "reports"
    for folder in (checkout, reports):
        folder.mkdir()
    checkout.chmod(0o555)
    done = kept_out(checkout, "--examples", "3", "--report-dir", str(reports / "out"))
    assert (done.code, done.err) == (0, "")
    assert list(checkout.iterdir()) == []
    assert results(reports / "out")["verdict"] == "conformant"


@pytest.mark.parametrize("home", [None, "/nowhere/at/all"])
def test_nobody_needs_a_home(home: str | None, tmp_path: Path) -> None:
    env = environment(**({} if home is None else {"HOME": home}))
    if home is None:
        env.pop("HOME", None)
    line = [SCRIPT, "run", "--select", "REQ,GEN", "--examples", "3", "--report-dir", "out"]
    done = subprocess.run(line, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {entry.name for entry in tmp_path.iterdir()} == {"out"}


@pytest.mark.parametrize("words", [("run",), ("run", "--report-dir", "/tmp"), ("judge", "/")])
def test_a_working_directory_that_is_gone_is_exit_2(words: tuple[str, ...], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f'rmdir "{gone}" && exec "{SCRIPT}" {" ".join(words)}'
    done = subprocess.run(
        ["sh", "-c", line], cwd=gone, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    told(Done(done.returncode, done.stdout, done.stderr), 2, "working directory")


def test_a_report_that_cannot_be_moved_stays_where_it_is(tmp_path: Path) -> None:
    with slow(0.02) as server, running(tmp_path, server.base_url, "--select", "CTYPE,REQ") as process:
        wait_for(lambda: len(server.asked) > 3)
        (tmp_path / "out").write_text("somebody's file")
        (tmp_path / "out-2").write_text("another")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert results(tmp_path / "out-3")["verdict"] == "conformant"
    assert (tmp_path / "out").read_text() == "somebody's file"
    assert out.splitlines()[-1] == f"report: {tmp_path / 'out-3' / 'index.html'}"


def test_two_runs_into_one_folder_are_both_kept(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with slow(0.02) as server:
        words = ("--select", "CTYPE,REQ")
        with running(tmp_path, server.base_url, *words) as one, running(tmp_path, server.base_url, *words) as other:
            ends = [process.communicate(timeout=60) for process in (one, other)]
    assert [(process.returncode, err) for process, (_, err) in zip((one, other), ends, strict=True)] == [(0, "")] * 2
    assert {entry.name for entry in tmp_path.iterdir()} == {"out", "out-2"}
    runs = [recording.read(tmp_path / name / "exchanges.jsonl").header.run for name in ("out", "out-2")]
    assert len(set(runs)) == 2
    for name in ("out", "out-2"):
        assert results(tmp_path / name)["verdict"] == "conformant"


def test_a_run_that_was_replaced_meanwhile_is_not_lost(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    (place / "results.json").write_text("old")
    with Folder(place) as early, Folder(place) as late:
        for folder, text in ((early, "early"), (late, "late")):
            (folder.path / "results.json").write_text(text)
            folder.commit()
    assert (place / "results.json").read_text() == "early"
    assert (tmp_path / "out-2" / "results.json").read_text() == "late"


# The clock


def test_a_clock_that_is_set_back_changes_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told_ = [0]
    real = time.time

    class Clock:
        """The clock of this machine, an hour back from the thirtieth look on and a day ahead from the ninetieth."""

        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def time() -> float:
            told_[0] += 1
            return real() - (3600 if 30 <= told_[0] < 90 else 0) + (86_400 if told_[0] >= 90 else 0)

    monkeypatch.setattr(wire, "time", Clock)
    monkeypatch.setattr(engine, "time", Clock)
    with reference.start("passport", defects=("ctype-case",), client_id=CLIENT, client_secret=SECRET) as running_:
        asked = inquiry(running_.base_url, built_in(), limits=Limits(timeout=5, max_rps=200), scope="read")
        began = time.monotonic()
        found = engine.conduct(asked, record=tmp_path / "exchanges.jsonl")
    assert time.monotonic() - began < 60
    assert told_[0] > 150
    assert {one.case.id for one in found.result.cases if one.verdict == "failed"} == {"CTYPE-002"}
    assert {one.verdict for one in found.result.cases} <= {"failed", "passed", "observed", "not_applicable"}


# A case that raises


RAISING = (
    OWN
    + """
BAD = own_requirement("OWN-002", level="MUST", title="bad", statement="It holds.", remedy="Repair it.")

@case("OWN-002", requirement=BAD, one=VALID.adding_parameters("audience=other"))
def test_bad(one):
    {fault}
"""
)


@pytest.mark.parametrize("fault", ["1 / 0", "raise SystemExit(0)", "import sys; sys.setrecursionlimit(99); one()"])
def test_a_case_that_raises_is_an_error_and_takes_nothing_with_it(fault: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(RAISING.format(fault=fault))
    words = ("--select", "OWN-001,OWN-002,REQ-001", "--cases", "own.py", "--report-dir", "out", "--examples", "0")
    done = command(tmp_path, "run", *words)
    assert done.code == 4, done
    assert rows(tmp_path / "out") == {"REQ-001": "passed", "OWN-001": "passed", "OWN-002": "error"}
    assert command(tmp_path, "judge", "out", "--cases", "own.py").code == 4


def test_a_port_that_nobody_listens_on_leaves_a_recording_that_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    first = judged(tmp_path, base_url, "--report-dir", "out")
    again = command(tmp_path, "judge", "out")
    assert (first.code, again.code, again.err) == (3, 3, "")
    assert "refuses connections" in again.out
