"""The command line: flags in, exit codes out; what they do stands elsewhere."""

from __future__ import annotations

import io
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from conformance import __version__
from conformance.report import escape

if TYPE_CHECKING:
    from collections.abc import Callable

USAGE, UNDECIDED, FAULT, INTERRUPTED = 2, 3, 4, 130


class Group(click.Group):
    """A group that names the nearest command for an unknown one, and takes a closed output for no verdict."""

    def invoke(self, ctx: click.Context) -> object:
        """Runs a command; click itself would end with 1 where nobody reads the output any more."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The interpreter flushes once more at its end, and would say so.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            fail("standard output was closed", FAULT)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command; an unknown one is a usage error."""
        if self.get_command(ctx, args[0]) is None:
            from conformance.target import accepted, shown  # noqa: PLC0415 - only an error needs it

            ctx.fail(f"{shown(args[0])} is no command; {accepted(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def fail(text: str, code: int = USAGE) -> NoReturn:
    """Ends with one line on standard error."""
    click.echo(escape.line(f"token-conformance: {' '.join(text.split())}"), err=True)
    raise SystemExit(code)


@click.group(
    cls=Group, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, "--version", prog_name="token-conformance")
def cli() -> None:
    """Judge an OAuth 2.0 token endpoint: every finding proven on the wire, cited, and repeatable."""


@cli.command()
@click.option("--base-url", metavar="URL", help="Where the endpoint is; without it the embedded endpoint is judged.")
@click.option("--token-path", metavar="PATH", help="Path of the token endpoint below the base URL.")
@click.option("--profile", metavar="passport|rfc6749|FILE", help="The contract that the endpoint claims.")
@click.option("--client-id", metavar="ID", help="Client to ask as; its secret comes from the environment.")
@click.option("--scope", metavar="S", help="A scope that the client may ask for.")
@click.option("--header", metavar="'N: V'", multiple=True, help="A header of the valid request, such as a gateway key.")
@click.option("--parameter", metavar="n=v", multiple=True, help="A parameter of the valid request, such as audience.")
@click.option("--config", metavar="FILE", help="Settings file; ./conformance.toml where there is one.")
@click.option("--target", metavar="NAME", help="A target of the settings file.")
@click.option("--select", metavar="ID|AREA[,..]", multiple=True, help="Judge only these.")
@click.option("--include", metavar="ID[,..]", multiple=True, help="Judge these too, which are off for remote targets.")
@click.option("--cases", metavar="FILE", multiple=True, help="Judge the cases of your own file as well.")
@click.option("--fail-on", metavar="must|should|never", help="Level from which what is unmet, and not waived, counts.")
@click.option("--edition", metavar="N", help="Edition of the catalogue that judges. [default: the newest]")
@click.option("--examples", metavar="N", help="Generated requests of each source. [default: 100]")
@click.option("--seed", metavar="N", help="Seed of the generated requests. [default: 1]")
@click.option("--concurrency", metavar="N", help="Exchanges in flight. [default: 4]")
@click.option("--max-rps", metavar="N", help="Exchanges a second. [default: none on loopback, else 20]")
@click.option("--safe", is_flag=True, help="For production: harmless requests alone, one a second.")
@click.option("--timeout", metavar="SECONDS", help="How long an answer may take. [default: 10]")
@click.option("--max-duration", metavar="SECONDS", help="How long the sending may take in all. [default: 900]")
@click.option("--ca-bundle", metavar="F", help="Certificates of a private CA.")
@click.option("--client-cert", metavar="F", help="Certificate (PEM) to show to the server.")
@click.option("--client-key", metavar="F", help="Its key (PEM), where that stands in a file of its own.")
@click.option("--proxy", metavar="URL|none", help="HTTP proxy. [default: what HTTPS_PROXY or HTTP_PROXY say]")
@click.option("--resolve", metavar="HOST:PORT:ADDR", multiple=True, help="Connect to this address for the host.")
@click.option(
    "--allow-plain-http", is_flag=True, help="Send the secret unencrypted to a host that is not this machine."
)
@click.option("--pinned", metavar="FILE", help="Fingerprint that the target is known by; the command pin makes one.")
@click.option("--waivers", metavar="FILE", help="Known deviations that do not count; the command waive drafts them.")
@click.option("--report-dir", metavar="DIR", help="Folder of this run. [default: reports/<target>/<time>]")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Only the summary line.")
@click.option("-v", "--verbose", is_flag=True, help="Every case on a line.")
def run(*, dry_run: bool, quiet: bool, verbose: bool, **flags: object) -> None:
    """Judge a token endpoint and write a report.

    The secret of the client comes from TOKEN_CONFORMANCE_CLIENT_SECRET, from the file that
    TOKEN_CONFORMANCE_CLIENT_SECRET_FILE names, or from a prompt; never from a flag.

    Exit codes: 0 conformant, 1 not conformant or with a stale waiver, 2 usage, 3 could not be judged,
    4 a fault of this suite, 5 drifted from the pinned fingerprint and nothing else, 130 interrupted.
    """
    if quiet and verbose:
        fail("--quiet and --verbose exclude each other; give one of them")
    from conformance import session  # noqa: PLC0415 - help must not wait for pytest
    from conformance.case import CaseError  # noqa: PLC0415
    from conformance.target import SettingsError  # noqa: PLC0415

    cwd = _cwd()
    try:
        code = session.run(flags, os.environ, cwd, dry_run=dry_run, quiet=quiet, verbose=verbose, prompt=_prompt())
    except (SettingsError, CaseError) as error:
        fail(str(error))
    raise SystemExit(code)


@cli.command()
@click.argument("run", metavar="RUN")
@click.option("--profile", metavar="passport|rfc6749|FILE", help="The contract that judges. [default: as the run]")
@click.option("--select", metavar="ID|AREA[,..]", multiple=True, help="Judge only these. [default: as the run]")
@click.option(
    "--cases", metavar="FILE", multiple=True, type=click.Path(exists=True, path_type=Path), help="Cases of your own."
)
@click.option("--fail-on", type=click.Choice(["must", "should", "never"]), help="[default: as the run]")
@click.option("--edition", metavar="N", help="Edition of the catalogue that judges. [default: as the run]")
@click.option("--pinned", metavar="FILE", type=click.Path(path_type=Path), help="Fingerprint to look for drift from.")
@click.option("--waivers", metavar="FILE", help="Known deviations that do not count. [default: as for run]")
@click.option("--report-dir", metavar="DIR", type=click.Path(path_type=Path), help="[default: the folder of the run]")
@click.option("--reports", metavar="DIR", type=click.Path(path_type=Path), default="reports", show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="Only the summary line.")
@click.option("-v", "--verbose", is_flag=True, help="Every case on a line.")
def judge(*, quiet: bool, verbose: bool, **asked: Any) -> None:
    """Judge a recording once more, offline, and write its reports.

    RUN is the folder of a run, the exchanges.jsonl in it, latest, or latest:TARGET; --reports says where the latest is
    looked for. A run that was killed left its folder beside the place where it would have been put, with a name that
    begins with a dot; what it recorded is judged as interrupted. What was not recorded is inconclusive, such as all of
    it where --profile names a contract under which other requests would have been sent.

    Exit codes: those of run; an interrupted recording in which nothing failed gives 3.
    """
    if quiet and verbose:
        fail("--quiet and --verbose exclude each other; give one of them")
    cwd = _cwd()
    from conformance import rejudging  # noqa: PLC0415
    from conformance.case import CaseError  # noqa: PLC0415
    from conformance.target import SettingsError  # noqa: PLC0415

    asked["select"] = tuple(name.strip() for names in asked["select"] for name in names.split(","))
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    try:
        given = rejudging.Asked(**asked)
        code = rejudging.judge(given, os.environ, cwd, color=color, quiet=quiet, verbose=verbose)
    except (SettingsError, CaseError) as error:
        fail(str(error))
    raise SystemExit(code)


@cli.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(1),
    help="Remove the runs of each target but the newest N, and the newest N that judged everything.",
)
def history(folder: Path | None, keep: int | None) -> None:
    """Build pages over all runs in DIR, which is reports unless given: index.html, and one for each target.

    Exit codes: 0 the pages were written, 2 usage.
    """
    from conformance import history as kept  # noqa: PLC0415
    from conformance.report import timeline  # noqa: PLC0415
    from conformance.target import SettingsError  # noqa: PLC0415

    if folder is not None and not folder.exists():
        fail(f"{folder}: there is no such folder; name the one that holds the runs, such as reports")
    reports = folder or Path("reports")
    try:
        found, skipped = kept.entries(reports)
        leaving = kept.surplus(found, keep) if keep is not None else []
        gone = {entry.folder for entry in leaving}
        staying = [entry for entry in found if entry.folder not in gone]
        page = timeline.write(reports, kept.by_target(staying), skipped)
        # Where no page can be written, nothing is removed.
        for entry in leaving:
            click.echo(escape.line(kept.remove(entry, reports)))
    except SettingsError as error:
        fail(str(error))
    for line in skipped:
        click.echo(escape.line(f"skipped {line}"))
    click.echo(escape.line(f"history: {page} ({len(staying)} {'run' if len(staying) == 1 else 'runs'})"))


@cli.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown", "html"]), default="text")
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@click.option("--reports", metavar="DIR", type=click.Path(path_type=Path), default="reports", show_default=True)
def compare(before: str, after: str, form: str, output: Path | None, reports: Path) -> None:
    """Say how run B differs from run A: regressions, fixes, drift, and what else is new on the wire.

    A and B are folders of runs, latest, previous (the one before it, of the same target), latest:TARGET or
    previous:TARGET; --reports says where these are looked for.

    Exit codes: 0 the same or better, 1 regression, 2 usage, 3 what counts could not be decided any more, or nothing was
    judged in both runs, 5 nothing is worse, but a trait, a verdict or the wire is not as it was.
    """
    from conformance import comparison  # noqa: PLC0415
    from conformance import history as kept  # noqa: PLC0415
    from conformance.report import difference  # noqa: PLC0415
    from conformance.report.folder import put  # noqa: PLC0415
    from conformance.target import SettingsError  # noqa: PLC0415

    try:
        found = comparison.compare(*(comparison.side(kept.place(one, reports)) for one in (before, after)))
    except (SettingsError, ValueError) as error:
        fail(str(error))
    told = difference.FORMS[form](found)
    if output is None:
        click.echo(told, nl=False)
    else:
        try:
            put(output, told)
        except OSError as error:
            fail(f"--output {output}: cannot be written: {error.strerror}")
    raise SystemExit(found.code)


@cli.command()
@click.argument("place", metavar="RUN")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default="fingerprint.toml",
    show_default=True,
)
@click.option("--reports", metavar="DIR", type=click.Path(path_type=Path), default="reports", show_default=True)
def pin(place: str, output: Path, reports: Path) -> None:
    """Keep the traits of a run as a fingerprint, from which run --pinned FILE tells drift.

    RUN is the folder of a run, latest, or latest:TARGET; --reports says where the latest is looked for.

    Exit codes: 0 the file was written, 2 usage.
    """
    from conformance import history as kept  # noqa: PLC0415
    from conformance import pinning  # noqa: PLC0415
    from conformance.report import summary  # noqa: PLC0415
    from conformance.target import SettingsError  # noqa: PLC0415

    folder = Path(place)
    try:
        folder = kept.place(place, reports)
        pinned = pinning.fingerprint(summary.read(folder))
        pinning.keep(pinned, output)
    except SettingsError as error:
        fail(str(error))
    except ValueError as error:
        fail(f"{folder}: {error}")
    number = len(pinned.traits)
    click.echo(escape.line(f"pinned: {output} ({number} {'trait' if number == 1 else 'traits'} of {pinned.target})"))


@cli.command()
@click.argument("place", metavar="RUN")
@click.argument("identifier", metavar="ID")
@click.option("--reason", metavar="R", help="Why the deviation is accepted.")
@click.option("--owner", metavar="O", help="Who answers for it.")
@click.option("--ticket", metavar="T", help="Where it is tracked.")
@click.option("--expires", metavar="DATE", help="The last day of the waiver, such as 2027-03-01.")
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Append it there.")
@click.option("--reports", metavar="DIR", type=click.Path(path_type=Path), default="reports", show_default=True)
def waive(place: str, identifier: str, output: Path | None, reports: Path, **terms: str | None) -> None:
    """Draft a waiver of the finding ID of a run, for run --waivers FILE; print it, or append it to a file.

    RUN is the folder of a run, latest, or latest:TARGET; --reports says where the latest is looked for. What is not
    given stays empty, and such a waiver is refused until somebody fills it in.

    Exit codes: 0 drafted, 2 usage.
    """
    from conformance import draft  # noqa: PLC0415
    from conformance import history as kept  # noqa: PLC0415
    from conformance.report import escape  # noqa: PLC0415
    from conformance.target import SettingsError  # noqa: PLC0415

    try:
        given = draft.checked(terms)
        found = draft.finding(kept.place(place, reports), identifier)
        text = draft.written(found, given)
        line = None if output is None else draft.append(text, found, output)
    except SettingsError as error:
        fail(str(error))
    left = [name for name in draft.TERMS if name not in given]
    if output is None:
        click.echo(text, nl=False)
    else:
        more = f"; to be filled in: {', '.join(left)}" if left else ""
        click.echo(escape.terminal(f"waiver: {output}: line {line}{more}"))


def _cwd() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        fail(f"the working directory cannot be used: {error.strerror}")


def _prompt() -> Callable[[str], str] | None:
    if not sys.stdin.isatty():
        return None
    return lambda question: str(click.prompt(question, hide_input=True, err=True))


@cli.command()
@click.option("--defect", "defects", metavar="NAME", multiple=True, help="Try this defect; see list --defects.")
@click.option(
    "--variant",
    "variants",
    metavar="NAME",
    multiple=True,
    help="Try this correct variant; see list --variants. correct is the plain endpoint.",
)
@click.option("--profile", type=click.Choice(["passport", "rfc6749"]), help="Try this profile. [default: both]")
@click.option(
    "--seeds", metavar="N", type=click.IntRange(1, 10_000), default=1, help="Seeds for the correct ones. [default: 1]"
)
@click.option(
    "--examples",
    metavar="N",
    type=click.IntRange(0, 100_000),
    help="Generated requests of each source. [default: as many as each run needs]",
)
@click.option("--jobs", "processes", metavar="N", type=click.IntRange(1, 256), help="Processes. [default: three a CPU]")
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default="reports/proof",
    show_default=True,
    help="Folder of the report.",
)
@click.option("--fresh", is_flag=True, help="Begin anew instead of going on.")
def prove(**asked: Any) -> None:
    """Prove the suite: every planted defect is found, and no correct endpoint is accused.

    Each run judges the embedded endpoint with one defect or variant, by every requirement. Without --defect and
    --variant all of them are tried. What was ended goes on when the same command is given again.

    Exit codes: 0 proven, 1 something was missed, accused, left undecided or found in excess, 2 usage, 4 a fault of this
    suite, 130 interrupted.
    """
    _cwd()
    from conformance.proving import command  # noqa: PLC0415
    from conformance.target import SettingsError  # noqa: PLC0415

    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    try:
        code = command.prove(command.Asked(**asked), sys.stdout, color=color)
    except SettingsError as error:
        fail(str(error))
    raise SystemExit(code)


@cli.command("list")
@click.option("--defects", "what", flag_value="defects", help="List the defects that can be planted instead.")
@click.option("--variants", "what", flag_value="variants", help="List the correct variants of the embedded endpoint.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="How to print them; markdown is for the requirements, and makes docs/requirements.md.",
)
def list_(*, what: str | None, form: str) -> None:
    """List the requirements, the plantable defects, or the correct variants."""
    from conformance import ledger, listing  # noqa: PLC0415

    if form == "markdown":
        if what is not None:
            fail(f"--format markdown lists the requirements; leave --{what} out")
        click.echo(ledger.markdown(), nl=False)
    else:
        click.echo(listing.LISTS[what or "requirements"](form))


@cli.command()
@click.argument("identifier", metavar="ID")
def explain(identifier: str) -> None:
    """Explain one requirement: what it says, where it comes from, what is sent, what is accepted."""
    from conformance import listing  # noqa: PLC0415

    try:
        click.echo(listing.explanation(identifier))
    except KeyError as error:
        fail(str(error.args[0]))


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="TCP port; 0 takes a free one.")
@click.option("--profile", type=click.Choice(["passport", "rfc6749"]), default="passport", help="Contract to keep.")
@click.option("--defect", "defects", metavar="NAME", multiple=True, help="Plant a defect; see list --defects.")
@click.option("--tls", is_flag=True, help="Speak TLS; the line names the CA bundle to trust.")
def serve(port: int, profile: str, defects: tuple[str, ...], *, tls: bool) -> None:
    """Run the embedded endpoint on this machine until interrupted.

    Its first line is JSON: where it is, its clients and their secrets.
    """
    from conformance import listing, reference  # noqa: PLC0415

    for name in defects:
        if name not in reference.DEFECTS:
            fail(f"--defect {name!r}: there is no such defect{listing.did_you_mean(name, reference.DEFECTS)}")
    try:
        endpoint = reference.start(profile, defects=defects, port=port, tls=tls)
    except ValueError as error:
        fail(f"--defect: {error}")
    except OSError as error:
        fail(f"--port {port}: {error.strerror or error}")
    with endpoint:
        listing.serve(endpoint)


def main() -> None:
    """The entry point of the console script and of ``python -m conformance``.

    Whatever goes wrong here ends with an exit code of its own: Python's 1 would mean that a target is not conformant.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What came from the wire may hold characters that the terminal has no encoding for.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        cli.main(prog_name="token-conformance", standalone_mode=False)
    except click.UsageError as error:
        text = error.format_message()
        where = error.ctx.command_path if error.ctx is not None else "token-conformance"
        fail(f"{text.removesuffix('.')}; see {where} --help" if text.endswith(".") else text)
    except (click.Abort, KeyboardInterrupt):
        fail("interrupted", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last resort
        # The text of an exception may hold what was sent or received; its place does not.
        sys.stderr.write("".join(traceback.format_tb(error.__traceback__)))
        reason = f": {error.strerror}" if isinstance(error, OSError) else ""
        fail(f"a fault of this suite: {type(error).__name__}{reason}", FAULT)
