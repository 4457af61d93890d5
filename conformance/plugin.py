"""pytest's view of the engine: a case is an item, its verdict is the item's outcome."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import __version__, embedded, engine, settings, waivers
from conformance.case import JUDGE, Case, CaseError, built_in, case_of, in_order
from conformance.recording import WritingError
from conformance.target import Secret, SettingsError
from conformance.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from conformance.judging import Verdict
    from conformance.plan import Plan
    from conformance.recording import Exchange
    from conformance.sending import Sender

VERDICT = pytest.StashKey["Verdict"]()
"""Where an item's verdict lies for other hooks, such as those of the HTML report."""

_LETTERS = {
    "passed": ("passed", ".", "PASSED"),
    "observed": ("observed", "o", "OBSERVED"),
    "warning": ("warning", "w", "WARNING"),
    "waived": ("waived", "W", "WAIVED"),
    "failed": ("failed", "F", "FAILED"),
    "not_applicable": ("not applicable", "n", "NOT APPLICABLE"),
    "inconclusive": ("inconclusive", "i", "INCONCLUSIVE"),
    "error": ("error", "E", "ERROR"),
}


class Finding(Exception):  # noqa: N818 - an unmet expectation is the result of a case, not an error in it
    """What pytest is told of a case that is not met; the text is complete and holds no secret."""


class Suite:
    """The hooks that turn collected cases into one run.

    Args:
        inquire: makes the inquiry for the collected cases; called once, after collection.
        chosen: IDs of the cases to run; nothing means all that were collected.
        record: file for the recording, if it is kept.
        observe: called with every exchange as it ends.
        announce: called with the plan before anything is sent.
        ended: called when nothing is sent any more.
        judged: the run, where it was carried out already and nothing is to be sent.

    Attributes:
        run: the run, once there is one.
        fault: why there is none, where the recording cannot be written.
    """

    def __init__(
        self,
        inquire: Callable[[tuple[Case, ...]], engine.Inquiry],
        *,
        chosen: frozenset[str] = frozenset(),
        record: Path | None = None,
        observe: Callable[[Exchange], None] | None = None,
        announce: Callable[[Sender, Plan], None] | None = None,
        ended: Callable[[], None] = lambda: None,
        judged: engine.Run | None = None,
    ) -> None:
        self.run: engine.Run | None = None
        self.fault = ""
        self._inquire = inquire
        self._chosen = chosen
        self._record, self._observe, self._announce, self._ended = record, observe, announce, ended
        self._judged = judged
        self._verdicts: dict[str, Verdict] = {}
        self._waivers: dict[str, list[str]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Gives every case one parameter set, whose ID is that of the requirement."""
        case = case_of(metafunc.function)
        if case is not None:
            names = list(metafunc.fixturenames)
            metafunc.parametrize(names, [pytest.param(*(None for _ in names), id=case.id)])

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leaves out what was not chosen, and puts the cases in catalogue order, before other tests."""
        if self._chosen:
            left_out = [item for item in items if (case := _case(item)) is None or case.id not in self._chosen]
            items[:] = [item for item in items if item not in left_out]
            config.hook.pytest_deselected(items=left_out)
        cases = {item: case for item in items if (case := _case(item)) is not None}
        order = {case.id: at for at, case in enumerate(in_order(cases.values()))}
        items.sort(key=lambda item: order[cases[item].id] if item in cases else len(order))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Sends what was selected before the first item is judged."""
        blocked = session.testsfailed and not session.config.option.continue_on_collection_errors
        cases = tuple(case for item in session.items if (case := _case(item)) is not None)
        if cases and not blocked and not session.config.option.collectonly:
            if hasattr(session.config, "workerinput") or getattr(session.config.option, "numprocesses", None):
                raise pytest.UsageError(
                    "the conformance cases need one process: an invariant looks at all answers (-n 0)"
                )
            self.run = self._judged or self._conducted(self._inquire(cases))
            if self.run is None:
                session.items.clear()
            else:
                self._verdicts = {verdict.case.id: verdict for verdict in self.run.result.cases}
                self._waivers = _waivers(self.run)
        return (yield)

    def _conducted(self, inquiry: engine.Inquiry) -> engine.Run | None:
        try:
            return engine.conduct(
                inquiry,
                record=self._record,
                observe=self._observe,
                announce=self._announce,
                ended=self._ended,
            )
        except WritingError as error:
            self.fault = str(error)
            return None
        except Exception as error:  # noqa: BLE001 - its frames hold what was sent and received, as its text may
            raise _without_values(error) from None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Hands the verdict to the item; what could not be decided ends here, so that pytest counts it as an error."""
        case = _case(item)
        if case is None:
            return
        verdict = self._verdicts.get(case.id)
        if verdict is None:
            item.user_properties.append(("verdict", "not_applicable"))
            pytest.skip("the profile does not take this requirement on")
        item.stash[VERDICT] = verdict
        item.user_properties += _properties(verdict)
        item.user_properties += [("waiver", words) for words in self._waivers.get(case.id, ())]
        if verdict.verdict in ("inconclusive", "error"):
            raise Finding(_text(verdict))

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Ends the item as its verdict says; the function itself ran when the recording was judged."""
        verdict = pyfuncitem.stash.get(VERDICT, None)
        if verdict is None:
            return None
        if verdict.verdict == "failed":
            raise Finding(self._told(verdict))
        if verdict.verdict in ("warning", "waived"):
            pytest.xfail(self._told(verdict))
        if verdict.verdict == "not_applicable":
            pytest.skip(verdict.reason)
        return True

    def _told(self, verdict: Verdict) -> str:
        return "\n".join((_text(verdict), *(f"waiver:   {one}" for one in self._waivers.get(verdict.case.id, ()))))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Shows a finding as its text: a traceback of the case says nothing to the owner of a server."""
        report = yield
        if call.excinfo is not None and isinstance(call.excinfo.value, Finding):
            report.longrepr = str(call.excinfo.value)
        verdict = item.stash.get(VERDICT, None)
        if verdict is not None:
            report.conformance_verdict = verdict.verdict  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Names outcomes by the words of the suite."""
        verdict = getattr(report, "conformance_verdict", None)
        if verdict is None:
            return None
        decided_in = "setup" if verdict in ("inconclusive", "error") else "call"
        return _LETTERS[verdict] if report.when == decided_in else ("", "", "")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fails the session where a waiver is stale."""
        if self.run is not None and waivers.stale(self.run) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Says what the run came to."""
        if self.run is not None:
            result = self.run.result
            terminalreporter.write_line(f"token endpoint: {result.verdict}: {result.reason}")
            for one in waivers.standings(self.run):
                if one.words:
                    terminalreporter.write_line(one.words)


def _without_values(error: Exception) -> RuntimeError:
    """An error as its type and places; `--showlocals` and `--fulltrace` would show the values in them."""
    reason = f": {error}" if isinstance(error, OSError | WireError) else ""
    places = "".join(traceback.format_tb(error.__traceback__))
    return RuntimeError(f"a fault of this suite: {type(error).__name__}{reason}\n{places}")


def _case(item: pytest.Item) -> Case | None:
    return case_of(item.function) if isinstance(item, pytest.Function) else None


def _properties(verdict: Verdict) -> list[tuple[str, object]]:
    requirement = verdict.case.requirement
    return [
        ("verdict", verdict.verdict),
        ("requirement", requirement.id),
        ("level", requirement.level.value),
        *([("follows", verdict.follows)] if verdict.follows else []),
    ]


def _waivers(run: engine.Run) -> dict[str, list[str]]:
    """What is to be said of waivers, by ID of the case: what excuses it, and what nobody can leave as it is."""
    where = waivers.scope_of(run)
    found = {one.case.id: [one.waiver.words(where)] for one in run.result.cases if one.waiver is not None}
    for standing in waivers.standings(run):
        if standing.words:
            found.setdefault(standing.waiver.requirement, []).append(standing.words)
    return found


def _text(verdict: Verdict) -> str:
    requirement = verdict.case.requirement
    parts = [f"{requirement.id} {requirement.level}: {requirement.title}"]
    if verdict.expected:
        parts += [f"expected: {verdict.expected}", f"actual:   {verdict.actual}"]
    elif verdict.reason:
        parts.append(verdict.reason)
    parts += [f"changed:  {line}" for line in verdict.changed]
    if verdict.verdict == "inconclusive" and verdict.expected:
        parts.append(f"reason:   {verdict.reason}")
    if verdict.follows:
        parts.append(f"follows:  {verdict.follows}")
    if verdict.verdict in ("failed", "warning"):
        parts.append(f"remedy:   {requirement.remedy}")
    return "\n".join(parts)


# Plain pytest: `pytest --pyargs conformance.cases --token-base-url ...`

_FLAGS = {"bool": "store_true", "many": "append"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the settings of a target as options; their names begin with ``--token-`` so that none clashes."""
    group = parser.getgroup("token-conformance", "OAuth 2.0 token endpoint conformance")
    group.addoption("--token-base-url", help="base URL of the endpoint; the embedded one without it")
    group.addoption("--token-path", help="path of the token endpoint")
    group.addoption("--token-profile", help="passport, rfc6749 or a file")
    group.addoption("--token-client-id", help="identifier of the client")
    group.addoption("--token-scope", help="a scope that the client may ask for")
    group.addoption("--token-config", help="a conformance.toml")
    group.addoption("--token-target", help="a target of the configuration file")
    group.addoption("--token-ca-bundle", help="certificates of a private CA")
    group.addoption("--token-client-cert", help="certificate to show to the server")
    group.addoption("--token-client-key", help="key of that certificate")
    group.addoption("--token-proxy", help="HTTP proxy, or none")
    group.addoption("--token-resolve", action="append", help="HOST:PORT:ADDRESS to connect to")
    group.addoption("--token-allow-plain-http", action="store_true", default=None, help="allow http to another host")
    group.addoption("--token-waivers", help="file of known deviations")
    group.addoption("--token-examples", help="generated requests of each source")
    group.addoption("--token-seed", help="seed of the generated requests")
    group.addoption("--token-timeout", help="seconds that an answer may take")
    group.addoption("--token-concurrency", help="exchanges in flight")
    group.addoption("--token-max-rps", help="exchanges a second")
    group.addoption("--token-safe", action="store_true", default=None, help="harmless requests alone, one a second")
    group.addoption("--token-max-duration", help="seconds that the sending may take in all")


_OPTIONS = (
    "base_url", "path", "profile", "client_id", "scope", "config", "target", "ca_bundle", "allow_plain_http",
    "client_cert", "client_key", "proxy", "resolve", "waivers",
    "examples", "seed", "timeout", "concurrency", "max_rps", "max_duration", "safe",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Joins in, unless the command line of the suite brought its own hooks."""
    if not config.pluginmanager.hasplugin("conformance-suite"):
        suite = Suite(lambda cases: _inquiry(config, cases))
        config.pluginmanager.register(suite, "conformance-suite")


def _inquiry(config: pytest.Config, cases: tuple[Case, ...]) -> engine.Inquiry:
    flags = {}
    for option in _OPTIONS:
        value = config.getoption(f"token_{option}")
        if value is not None:
            flags["token_path" if option == "path" else option] = value
    try:
        found = settings.resolve(flags, os.environ, Path.cwd())
        return embedded.inquiry(found, cases, _known(cases), config.add_cleanup)
    except (SettingsError, CaseError) as error:
        raise pytest.UsageError(str(error).replace("--", "--token-").replace("--token-token-", "--token-")) from None


def _known(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    ids = {case.id for case in cases}
    return in_order((*cases, *(case for case in built_in() if case.id not in ids)))


__all__ = ["JUDGE", "VERDICT", "Finding", "Secret", "Suite", "__version__"]
