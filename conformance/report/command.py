"""The command that repeats one case of a run, ready to be pasted into a POSIX shell."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from conformance.request import VALID
from conformance.target import Limits, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.engine import Inquiry, Run
    from conformance.target import Extra, Target

COMPANIONS = 3
"""Further cases selected at the most, so that an invariant finds its witnesses again."""

_DEFAULT = Limits()
_DEFAULT_EXAMPLES, _DEFAULT_SEED, _DEFAULT_REMOTE_RPS = 100, 1, 20.0


def repeat(run: Run, case_id: str) -> str:
    """The command line that judges one case of a run again.

    No secret stands in it: those of clients come from the environment, and where a header or a parameter is secret,
    all of them do, in variables that are named after them. What the settings file says of the target is left to it.

    Args:
        run: the run.
        case_id: ID of the case.
    """
    inquiry = run.inquiry
    words = ["token-conformance", "run", *_where(inquiry)]
    words += _own_cases(inquiry, case_id)
    words += ["--select", ",".join((case_id, *_companions(run, case_id)))]
    if not inquiry.target.embedded or inquiry.seed != _DEFAULT_SEED:
        words += ["--seed", str(inquiry.seed)]
    if inquiry.examples != _DEFAULT_EXAMPLES:
        words += ["--examples", str(inquiry.examples)]
    if inquiry.fail_on != "must":
        words += ["--fail-on", inquiry.fail_on]
    return " ".join((*_environment(inquiry), *_clients(inquiry, case_id), shlex.join(words)))


def _companions(run: Run, case_id: str) -> list[str]:
    """Cases that send what shows a finding, where its own does not: an invariant looks at the answers of others."""
    verdict = next((verdict for verdict in run.result.cases if verdict.case.id == case_id), None)
    if verdict is None or not verdict.witnesses:
        return []
    case = verdict.case
    own = {template.digest for template in (*case.templates, VALID)}
    answers = {answer.exchange.number: answer for answer in run.evidence.answers}
    found: list[str] = []
    for note in verdict.notes:
        shown = [answers[number] for number in note.exchanges if number in answers]
        again = any(one.exchange.template in own or one.exchange.role in case.generated for one in shown)
        if note.verdict != verdict.notes[0].verdict or not shown or again:
            continue
        # A wrong secret of the client is not spent where another request shows the same.
        answer = min(shown, key=lambda one: one.exchange.spent)
        senders = [
            one.id for one in run.inquiry.cases if one.id in answer.cases or answer.exchange.role in one.generated
        ]
        if not set(senders) & set(found):
            found += senders[:1]
    return found[:COMPANIONS]


def _where(inquiry: Inquiry) -> Iterator[str]:
    target, profile = inquiry.target, ("--profile", inquiry.profile.place)
    if target.embedded:
        yield from profile
        return
    told = ("--base-url", target.base_url), ("--token-path", target.token_path), profile
    every = (*told, ("--client-id", target.credentials.client_id), *_further(target), *_way(target), *_pace(inquiry))
    if target.table is not None:
        yield from () if target.table.config is None else ("--config", target.table.config)
        yield from ("--target", target.name)
    for words in every:
        if not _is_filed(target, words[0].removeprefix("--")):
            yield from words


def _is_filed(target: Target, option: str) -> bool:
    """Whether the settings file says it, also what the command line cannot, such as which variable holds a secret."""
    return target.table is not None and option in target.table.options


def _further(target: Target) -> Iterator[tuple[str, ...]]:
    if target.scope is not None:
        yield "--scope", target.scope
    for option, separator, extras in (("--header", ": ", target.headers), ("--parameter", "=", target.parameters)):
        if not _secret(extras):
            for extra in extras:
                yield option, f"{extra.name}{separator}{extra.value}"
    if target.scheme == "http" and not target.loopback:
        yield ("--allow-plain-http",)


def _way(target: Target) -> Iterator[tuple[str, ...]]:
    if target.ca_bundle is not None:
        yield "--ca-bundle", target.ca_bundle
    if target.client_certificate is not None:
        yield "--client-cert", target.client_certificate.certificate
        if target.client_certificate.key is not None:
            yield "--client-key", target.client_certificate.key
    for pin in target.pins:
        yield "--resolve", str(pin)
    if target.proxy is not None and target.proxy.password is None:
        yield "--proxy", f"http://{target.proxy.authority}"


def _pace(inquiry: Inquiry) -> Iterator[tuple[str, ...]]:
    limits = inquiry.limits
    if limits.timeout != _DEFAULT.timeout:
        yield "--timeout", f"{limits.timeout:g}"
    if limits.safe:
        yield ("--safe",)
        return
    if limits.concurrency != _DEFAULT.concurrency:
        yield "--concurrency", str(limits.concurrency)
    usual = None if inquiry.target.loopback else _DEFAULT_REMOTE_RPS
    if limits.max_rps is not None and limits.max_rps != usual:
        yield "--max-rps", f"{limits.max_rps:g}"


def _own_cases(inquiry: Inquiry, case_id: str) -> list[str]:
    for case in inquiry.cases:
        if case.id == case_id and not case.function.__module__.startswith("conformance."):
            return ["--cases", case.function.__code__.co_filename]
    return []


def _environment(inquiry: Inquiry) -> Iterator[str]:
    target = inquiry.target
    if target.proxy is not None and target.proxy.password is not None and not _is_filed(target, "proxy"):
        user = quote(target.proxy.user, safe="")
        yield f'TOKEN_CONFORMANCE_PROXY="http://{user}:${{PROXY_PASSWORD}}@{target.proxy.authority}"'
    for variable, separator, extras in (("HEADER", ": ", target.headers), ("PARAMETER", "=", target.parameters)):
        if not _secret(extras) or target.embedded or _is_filed(target, variable.lower()):
            continue
        entries = [_entry(extra, separator) for extra in extras]
        value = entries[0] if len(entries) == 1 else f"\"$(printf '%s\\n' {' '.join(entries)})\""
        yield f"TOKEN_CONFORMANCE_{variable}={value}"


def _clients(inquiry: Inquiry, case_id: str) -> Iterator[str]:
    """The further clients that a case asks as."""
    target = inquiry.target
    cases = (case for case in inquiry.cases if case.id == case_id and not target.embedded)
    symbols = frozenset[str]().union(*(template.symbols for case in cases for template in case.templates))
    for client in target.clients:
        exposed = client.role == target.exposed and "exposed_id" in symbols
        if (exposed or f"{client.role}_id" in symbols) and not _is_filed(target, f"{client.role}-client-id"):
            client_id = shlex.quote(client.credentials.client_id)
            yield f"TOKEN_CONFORMANCE_{client.role.upper()}_CLIENT_ID={client_id}"


def _entry(extra: Extra, separator: str) -> str:
    if isinstance(extra.value, Secret):
        hint = re.sub(r"[^A-Z0-9]+", "_", extra.name.upper()).strip("_") or "VALUE"
        return f'{shlex.quote(extra.name + separator)}"${{{hint}}}"'
    return shlex.quote(f"{extra.name}{separator}{extra.value}")


def _secret(extras: tuple[Extra, ...]) -> bool:
    return any(isinstance(extra.value, Secret) for extra in extras)
