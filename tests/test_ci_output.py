"""What the commands print in a CI job: no line of it is a command to the runner, whatever a target or a file says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.servers import answer, decent, serving
from tests.test_cli import Done, command, judged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Asked

COMMAND = "::error::a\n::add-mask::b\n##[group]c\n ##vso[task.setvariable variable=PATH]d\r::warning::e"


def hostile(word: str) -> bytes:
    """A refusal that is wrong in every way a report tells of, with commands to a CI runner in each of them."""
    error = json.dumps({"error": f"{COMMAND}{word}", "error_description": COMMAND}).encode()
    line = COMMAND.replace("\n", " ").replace("\r", " ")
    return answer(400, error, f"WWW-Authenticate: {line}", f"X-A: {line}{word}", media_type=f"::x/##[{word}]")


def harmless(done: Done) -> Done:
    for line in (done.out + done.err).replace("\r", "\n").split("\n"):
        assert not line.lstrip().startswith("::"), line
        assert "##[" not in line, line
        assert "##vso" not in line, line
    assert "Traceback" not in done.err
    return done


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs against a target that says something else each time."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("one", "two"):

        def script(request: Asked, word: str = name) -> bytes:
            return decent(request) if request.right and request.plain else hostile(word)

        with serving(script) as server:
            words = ["--select", "REQ,CTYPE,ERR", "--report-dir", f"reports/{name}", "-v"]
            words += ["--pinned", "pins.toml"] if name == "two" else []
            done = harmless(judged(folder, server.base_url, *words))
        assert done.code in (1, 3, 5), done
        assert "x3a:" in done.out or "x23" in done.out
        if name == "one":
            done = harmless(command(folder, "pin", "reports/one", "--output", "pins.toml"))
            assert done.code == 0, done
    return folder


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (("judge", "reports/one", "-v"), (1, 3)),
        (("compare", "reports/one", "reports/two"), (1, 3, 5)),
        (("compare", "reports/one", "reports/two", "--format", "json"), (1, 3, 5)),
        (("compare", "reports/one", "reports/two", "--format", "markdown"), (1, 3, 5)),
        (("history",), (0,)),
        (("explain", COMMAND), (2,)),
        (("compare", COMMAND, "reports/two"), (2,)),
        (("run", "--target", "##[x]"), (2,)),
        (("##vso[x]",), (2,)),
        (("run", "--config", f"{COMMAND}.toml"), (2,)),
    ],
)
def test_no_output_is_a_command(runs: Path, words: tuple[str, ...], codes: tuple[int, ...]) -> None:
    done = harmless(command(runs, *words))
    assert done.code in codes, done
    assert done.out + done.err


def test_a_comparison_in_json_still_says_it(runs: Path) -> None:
    done = command(runs, "compare", "reports/one", "reports/two", "--format", "json")
    assert "##[" in json.dumps(json.loads(done.out))


def test_a_name_in_a_file_of_somebody_else_is_no_command(runs: Path, tmp_path: Path) -> None:
    summary = json.loads((runs / "reports" / "one" / "summary.json").read_text())
    summary["target"]["name"] = COMMAND
    (tmp_path / "reports" / "x").mkdir(parents=True)
    (tmp_path / "reports" / "x" / "summary.json").write_text(json.dumps(summary))
    for words in (("pin", "reports/x"), ("history",), ("history", "--keep", "1"), ("pin", "latest:other")):
        harmless(command(tmp_path, *words))
