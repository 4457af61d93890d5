"""The program without its start: a process that has everything imported forks a fresh one for each command line.

Starting Python and importing takes more than most commands do. What a command does, it does in a process of its own, as
if it had been started from a shell; that the start itself works is shown by the tests that use the script.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
_idle: list[subprocess.Popen[str]] = []


def run(words: Sequence[str], cwd: Path, env: dict[str, str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line.

    Args:
        words: its words, the program's name left out.
        cwd: where it runs.
        env: its environment, of which what Python reads at its start has no effect.
    """
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        asked = {"words": [*words], "cwd": str(cwd), "env": env, "out": str(out), "err": str(err)}
        server.stdin.write(f"{json.dumps(asked)}\n")
        server.stdin.flush()
        code = json.loads(server.stdout.readline())
        _idle.append(server)
        return code, out.read_text(), err.read_text()


def _server() -> subprocess.Popen[str]:
    """A process that waits for a command line; commands side by side have one each."""
    try:
        return _idle.pop()
    except IndexError:
        line = [sys.executable, "-m", "tests.preloaded"]
        server = subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(server.communicate)
        return server


def serve() -> None:
    """Forks a process for every line of standard input, and answers with its exit code."""
    import pytest  # noqa: F401, PLC0415 - imported once, for all
    import pytest_html.plugin  # noqa: F401, PLC0415
    import pytest_metadata.plugin  # noqa: F401, PLC0415

    from conformance import case, cli, description, embedded, plugin, session  # noqa: F401, PLC0415
    from conformance.properties import generation  # noqa: F401, PLC0415

    case.built_in()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _carry_out(asked)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _carry_out(asked: dict[str, Any]) -> None:
    """The command line in the place of this process."""
    from conformance.launcher import token_conformance  # noqa: PLC0415

    code: object = 1
    try:
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        for number, name in enumerate(("/dev/null", asked["out"], asked["err"])):
            flags = os.O_RDWR | os.O_CREAT
            os.dup2(os.open(name, flags, 0o600), number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), encoding="utf-8")  # noqa: SIM115
        sys.stderr = io.TextIOWrapper(open(2, "wb", 0, closefd=False), encoding="utf-8", write_through=True)  # noqa: SIM115
        sys.argv = ["token-conformance", *asked["words"]]
        sys.path[0] = os.path.dirname(sys.executable)  # noqa: PTH120 - as a script has it
        token_conformance.main()
        code = 0
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    serve()
