"""Runs of servers that do not change, each compared with the first: python -m tests.noise [TIMES [WORD]].

TIMES runs of each server, with another seed and another concurrency each time; WORD is in the name of the server.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import case, comparison, engine, profiles, reference
from conformance.report import difference, results
from conformance.target import Credentials, Limits, Secret, target_at
from tests import peers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conformance.target import Target

    Server = Callable[[], contextlib.AbstractContextManager[Target]]

CONCURRENCY = (4, 1, 16, 2, 8)
EXAMPLES = 20


@cache
def every() -> tuple[case.Case, ...]:
    return case.built_in()


def seen(
    target: Target, profile: str, *, areas: Iterable[str] = (), number: int = 0, examples: int = 0
) -> comparison.Side:
    """One run of a server as a side of a comparison.

    Args:
        target: the server.
        profile: name of the profile.
        areas: the areas that are judged; all where none is named.
        number: of the run, from 0; it gives seed and concurrency.
        examples: generated requests of each source.
    """
    contract = profiles.load(profile, Path.cwd())
    wanted = frozenset(areas)
    cases = tuple(one for one in every() if not wanted or one.requirement.area in wanted)
    limits = Limits(timeout=5, concurrency=CONCURRENCY[number % len(CONCURRENCY)])
    chosen = engine.applicable(cases, contract)
    run = engine.conduct(engine.Inquiry(target, contract, limits, chosen, every(), examples=examples, seed=number + 1))
    return comparison.Side(f"run {number}", results.results(run), run.recording)


@contextlib.contextmanager
def embedded(profile: str, variant: str | None = None, *defects: str) -> Iterator[Target]:
    """The embedded endpoint as a target."""
    with reference.start(profile, variant=variant, defects=defects) as running:
        client = Credentials(running.client_id, Secret(running.client_secret))
        found = target_at(running.base_url, running.token_path, client, name="embedded", embedded=True)
        yield replace(found, scope="read")


@contextlib.contextmanager
def peer(name: str) -> Iterator[Target]:
    """The endpoint of Authlib or oauthlib as a target; the port is another one each time."""
    app = {"authlib": peers.authlib_app, "oauthlib": peers.oauthlib_app}[name]()
    with peers.serving(app) as url:
        client = Credentials(peers.CLIENT_ID, Secret(peers.CLIENT_SECRET))
        yield replace(target_at(url, peers.PATH, client, name=name), scope="read")


def servers() -> dict[str, tuple[str, Server]]:
    """Every server that does not change, by name: the profile and what starts it."""
    found: dict[str, tuple[str, Server]] = {}
    for profile in reference.TOKEN_PATHS:
        for variant in (None, *reference.VARIANTS):
            found[f"{variant or 'correct'} in {profile}"] = profile, partial(embedded, profile, variant)
    for name in ("authlib", "oauthlib"):
        found[name] = "rfc6749", partial(peer, name)
    return found


def main() -> None:
    """Prints what differs, and how many comparisons found nothing."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    word = sys.argv[2] if len(sys.argv) > 2 else ""
    pairs = same = 0
    for name, (profile, start) in servers().items():
        if word not in name:
            continue
        sides = []
        for number in range(times):
            with start() as target:
                sides.append(seen(target, profile, number=number, examples=EXAMPLES))
        for side in sides[1:]:
            found = comparison.compare(sides[0], side)
            pairs += 1
            if found.outcome == "same" and not found.explained:
                same += 1
            else:
                sys.stdout.write(f"{name}\n{difference.text(found)}\n")
    sys.stdout.write(f"{same} of {pairs} comparisons are the same\n")


if __name__ == "__main__":
    main()
