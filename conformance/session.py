"""The `run` command: settings in, a run folder and an exit code out."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance import embedded, engine, keeping, known, pinning, scanning, selection, settings, waivers
from conformance.interruption import CODE as INTERRUPTED
from conformance.interruption import Interruption
from conformance.plugin import Suite
from conformance.profiles import DESCRIPTIONS
from conformance.report import escape, folder, results
from conformance.report.page import Page
from conformance.report.terminal import Terminal
from conformance.resources import PACKAGE
from conformance.target import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from conformance.case import Case
    from conformance.plan import Plan
    from conformance.sending import Sender
    from conformance.settings import Settings

CONFORMANT, NON_CONFORMANT, UNDECIDED, FAULT, DRIFTED = 0, 1, 3, 4, 5

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
    _check_description(found, cases)
    color = sys.stdout.isatty() and not environ.get("NO_COLOR")
    terminal = Terminal(sys.stdout, color=color, quiet=quiet, verbose=verbose)
    with contextlib.ExitStack() as stack:
        by_name = (*found.select, *found.include) if found.select else ()
        inquiry = replace(embedded.inquiry(found, cases, every, stack.callback), select=by_name)
        if found.pinned is not None:
            pinning.check(found.pinned, found.profile.name, every)
            inquiry = replace(inquiry, pinned=found.pinned.traits)
        if dry_run:
            sender = engine.begin(inquiry, lambda _: None)
            terminal.plan(inquiry, engine.planned(inquiry, sender))
            return CONFORMANT
        return _judged(found, inquiry, terminal, cwd, stack)


def _check_description(found: Settings, cases: Iterable[Case]) -> None:
    """Tries an OpenAPI description of one's own before anything is sent; those of the suite are known to be right."""
    profile, target = found.profile, found.target
    if profile.openapi in DESCRIPTIONS or not any("description" in one.generated for one in cases):
        return
    # Importing Schemathesis takes a second.
    from conformance.description import DescriptionError  # noqa: PLC0415
    from conformance.properties import generation  # noqa: PLC0415

    try:
        generation.judging_description(profile, (target.token_path if target else profile.token_path) or "/token")
        next(iter(generation.draw("description", profile, seed=1, examples=1)), None)
    except DescriptionError as error:
        raise SettingsError(f"{profile.place}: openapi: {error}") from None


def _judged(
    found: Settings, inquiry: engine.Inquiry, terminal: Terminal, cwd: Path, stack: contextlib.ExitStack
) -> int:
    place = found.report_dir or folder.default_path(cwd / "reports", inquiry.target.name, time.time())
    kept = folder_at(place, stack)
    sensitive = [known.known(inquiry.target)]
    interruption = Interruption(kept.path)

    def announce(sender: Sender, plan: Plan) -> None:
        sensitive.append(sender.known)
        terminal.begin(inquiry, plan)
        terminal.growing(kept.path)
        interruption.begun(sender)

    suite = Suite(
        lambda _: inquiry,
        chosen=frozenset(case.id for case in inquiry.cases),
        record=kept.path / folder.EXCHANGES,
        observe=terminal.observe,
        announce=announce,
        ended=interruption.ended,
    )
    with interruption.heeded():
        code = shown(suite, kept, found.cases, terminal, lambda: sensitive[-1])
    if interruption.seen:
        if suite.run is None:
            raise KeyboardInterrupt
        return INTERRUPTED if code != FAULT else FAULT
    return code


def folder_at(place: Path, stack: contextlib.ExitStack, besides: Iterable[str] = ()) -> folder.Folder:
    """A run folder in the making, until the stack is left.

    Raises:
        SettingsError: nothing can be written there.
    """
    try:
        return stack.enter_context(folder.Folder(place, besides))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"--report-dir {place}: cannot be written: {why}") from None


def shown(
    suite: Suite, kept: folder.Folder, files: Iterable[Path], terminal: Terminal, sensitive: Callable[[], known.Known]
) -> int:
    """Lets pytest make its reports of a run, shows the run, keeps it, and returns the exit code.

    Args:
        suite: what makes the run, or has it already.
        kept: the folder in the making.
        files: cases of one's own.
        terminal: where it is shown.
        sensitive: the secrets and tokens that came to light until then.
    """
    with _undisturbed() as said:
        try:
            code = pytest.main(_arguments(kept.path, files), plugins=[suite, Page(suite)])
        except OSError:
            # A report could not be written; which one, its place shows.
            code = pytest.ExitCode.OK
    run_ = suite.run
    if run_ is None:
        rest = keeping.rescued(kept, sensitive())
        if suite.fault:
            return _fault(suite.fault + rest)
        if code == pytest.ExitCode.INTERRUPTED:
            return INTERRUPTED
        details = scanning.told(said.getvalue(), sensitive())
        return _fault(f"pytest ended with {int(code)} before anything was judged{rest}", details)
    terminal.end(run_)
    final, fault = keeping.keep(run_, kept, sensitive())
    if final is not None:
        terminal.path(next((page for name in folder.PAGES if (page := final / name).exists()), final))
    if fault:
        return _fault(fault)
    if code not in _ENDED:
        details = scanning.told(said.getvalue(), sensitive())
        return _fault(f"pytest ended with {int(code)} while the report was written", details)
    return exit_code(run_)


def _fault(text: str, details: str = "") -> int:
    sys.stderr.write(escape.terminal(f"{details}token-conformance: {text}\n"))
    return FAULT


def exit_code(run_: engine.Run) -> int:
    """The exit code that the verdict of a run gives; drift counts where nothing else is wrong.

    A stale waiver fails a run whose target conforms: it would excuse the next deviation of that kind unseen.
    """
    verdict = run_.result.verdict
    harmless = DRIFTED if results.drifted(run_) else CONFORMANT
    counts = run_.inquiry.fail_on != "never"
    if counts and (verdict == "non-conformant" or waivers.stale(run_)):
        return NON_CONFORMANT
    if verdict == "non-conformant":
        return harmless
    if any(one.verdict == "error" for one in run_.result.cases):
        return FAULT
    return harmless if verdict == "conformant" else UNDECIDED


def _arguments(place: Path, files: Iterable[Path]) -> list[str]:
    own = str(PACKAGE / "session.ini")
    plugins = ("pytest_html.plugin", "pytest_metadata.plugin")
    return [
        *("-c", own, "--rootdir", os.path.dirname(own)),  # noqa: PTH120 - the package may be a Traversable
        *("--disable-plugin-autoload", "-p", "no:cacheprovider", "--capture=no", "--noconftest", "--tb=native"),
        # Five collections of everything at the end, for what a destructor may raise.
        *("-p", "no:unraisableexception"),
        "--import-mode=importlib",
        *(word for plugin in plugins for word in ("-p", plugin)),
        *("--html", str(place / "report.html"), "--self-contained-html"),
        *("--junitxml", str(place / "junit.xml")),
        *("--pyargs", "conformance.cases", "conformance.properties"),
        *map(str, files),
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
