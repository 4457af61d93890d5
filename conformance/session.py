"""The `run` command: settings in, a run folder and an exit code out."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from conformance import embedded, engine, known, scanning, selection, settings
from conformance.plugin import Suite
from conformance.report import folder, har, results
from conformance.report.page import Page
from conformance.report.terminal import Terminal
from conformance.resources import PACKAGE
from conformance.target import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from conformance.plan import Plan
    from conformance.sending import Sender
    from conformance.settings import Settings

CONFORMANT, NON_CONFORMANT, UNDECIDED, FAULT, INTERRUPTED = 0, 1, 3, 4, 130

# A caller's own settings of pytest and Schemathesis have no say in a run.
_FOREIGN = ("PYTEST", "SCHEMATHESIS")
_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def run(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    cwd: Path,
    *,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    prompt: Callable[[str], str] | None,
) -> int:
    """Carries out `token-conformance run`.

    Args:
        flags: what the command line gave, by option name.
        environ: the environment.
        cwd: the folder that relative paths and the report start from.
        dry_run: whether to say what would be sent, and send nothing.
        quiet: whether to print the summary alone.
        verbose: whether to print every case.
        prompt: asks for the secret; ``None`` where there is no terminal.

    Returns:
        The exit code.

    Raises:
        SettingsError: something that was given cannot be used.
        case.CaseError: a file of own cases cannot be used.
    """
    found = settings.resolve(flags, environ, cwd, prompt=prompt)
    every = selection.known(found.cases)
    cases = selection.selected(every, found.profile, found.select, found.include)
    color = sys.stdout.isatty() and not environ.get("NO_COLOR")
    terminal = Terminal(sys.stdout, color=color, quiet=quiet, verbose=verbose)
    with contextlib.ExitStack() as stack:
        inquiry = embedded.inquiry(found, cases, every, stack.callback)
        if dry_run:
            sender = engine.begin(inquiry, lambda _: None)
            terminal.plan(inquiry, engine.planned(inquiry, sender))
            return CONFORMANT
        return _judged(found, inquiry, terminal, cwd, stack)


def _judged(
    found: Settings, inquiry: engine.Inquiry, terminal: Terminal, cwd: Path, stack: contextlib.ExitStack
) -> int:
    place = found.report_dir or folder.default_path(cwd / "reports", inquiry.target.name, time.time())
    try:
        kept = stack.enter_context(folder.Folder(place))
    except (OSError, ValueError) as error:
        raise SettingsError(f"--report-dir {place}: cannot be written: {error}") from None
    sensitive = [known.known(inquiry.target)]

    def announce(sender: Sender, plan: Plan) -> None:
        sensitive.append(sender.known)
        terminal.begin(inquiry, plan)

    suite = Suite(
        lambda _: inquiry,
        chosen=frozenset(case.id for case in inquiry.cases),
        record=kept.path / "exchanges.jsonl",
        observe=terminal.observe,
        announce=announce,
    )
    interrupts = _Interrupts()
    with _undisturbed() as said:
        code = pytest.main(_arguments(kept.path, found), plugins=[suite, Page(suite), interrupts])
    run_ = suite.run
    if run_ is None:
        if interrupts.seen:
            raise KeyboardInterrupt
        return _fault(f"pytest ended with {int(code)} before anything was judged", scanning.told(said.getvalue(), sensitive[-1]))
    terminal.end(run_)
    try:
        results.write(kept.path / "results.json", results.results_text(run_))
        results.write(kept.path / "exchanges.har", har.har_text(run_.recording))
        withdrawn = scanning.withdraw(kept.path, sensitive[-1], known.public_facts(run_))
        final = kept.commit()
    except scanning.ScanError as error:
        return _fault(f"nothing was kept: {error}")
    except (OSError, ValueError) as error:
        return _fault(f"the run could not be kept at {place}: {error}")
    if (final / "report.html").exists():
        terminal.path(final / "report.html")
    if withdrawn:
        return _fault(f"withdrawn, since a secret stood in it: {'; '.join(map(str, withdrawn))}")
    if interrupts.seen:
        return INTERRUPTED
    if code not in _ENDED:
        return _fault(f"pytest ended with {int(code)} while the report was written", scanning.told(said.getvalue(), sensitive[-1]))
    return exit_code(run_)


class _Interrupts:
    """Knows the user's Ctrl-C from pytest's own interruptions, which have the same exit code."""

    def __init__(self) -> None:
        self.seen = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.seen |= excinfo.type is KeyboardInterrupt


def _fault(text: str, details: str = "") -> int:
    sys.stderr.write(f"{details}token-conformance: {text}\n")
    return FAULT


def exit_code(run_: engine.Run) -> int:
    """The exit code of a run."""
    if run_.recording.stopped == "interrupted":
        return INTERRUPTED
    verdict = run_.result.verdict
    if verdict == "non-conformant":
        return CONFORMANT if run_.inquiry.fail_on == "never" else NON_CONFORMANT
    if any(one.verdict == "error" for one in run_.result.cases):
        return FAULT
    return CONFORMANT if verdict == "conformant" else UNDECIDED


def _arguments(place: Path, found: Settings) -> list[str]:
    own = str(PACKAGE / "session.ini")
    plugins = ("pytest_html.plugin", "pytest_metadata.plugin")
    return [
        *("-c", own, "--rootdir", os.path.dirname(own)),  # noqa: PTH120 - the package may be a Traversable
        *("--disable-plugin-autoload", "-p", "no:cacheprovider", "--capture=no", "--noconftest"),
        "--import-mode=importlib",
        *(word for plugin in plugins for word in ("-p", plugin)),
        *("--html", str(place / "report.html"), "--self-contained-html"),
        *("--junitxml", str(place / "junit.xml")),
        *("--pyargs", "conformance.cases", "conformance.properties"),
        *map(str, found.cases),
    ]


@contextlib.contextmanager
def _undisturbed() -> Iterator[io.StringIO]:
    """Keeps pytest's own words and the caller's pytest settings out of a run; yields what pytest said."""
    said = io.StringIO()
    foreign = {name: os.environ.pop(name) for name in tuple(os.environ) if name.startswith(_FOREIGN)}
    try:
        with contextlib.redirect_stdout(said):
            yield said
    finally:
        os.environ.update(foreign)
