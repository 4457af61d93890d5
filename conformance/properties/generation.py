"""Drawing the generated requests, the same ones for the same seed."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from conformance import description
from conformance.expression import CLIENT_ID, HOST, PATH, SECRET, USER_AGENT, Credentials, literal
from conformance.plan import Stimulus
from conformance.properties import near_miss, odd, spelling
from conformance.request import VALID, Line, Template

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hypothesis.strategies import SearchStrategy

    from conformance.description import Drawn
    from conformance.profiles import Profile
    from conformance.properties.spelling import Deviation

Drawing = TypeVar("Drawing")

ALONE = 0.75
"""Part of the requests of a source that deviate in one place each: a defect is rarely seen in company only."""


def draw(source: str, profile: Profile, *, seed: int, examples: int) -> Iterator[Stimulus]:
    """Generated requests of one source, each once.

    Args:
        source: one of `case.GENERATED`.
        profile: whose OpenAPI description is drawn from.
        seed: the same seed gives the same requests.
        examples: how many are drawn, repetitions included.

    Raises:
        description.DescriptionError: the profile's description cannot be used.
    """
    sources = {
        "description": lambda: _described(profile, seed, examples),
        "spelling": lambda: _deviating("spelling", spelling.SLOTS, seed, examples),
        "near_miss": lambda: _missed(profile, seed, examples),
        "odd": lambda: _deviating("odd", odd.SLOTS, seed, examples),
    }
    seen: set[str] = {VALID.digest}
    for stimulus in sources[source]():
        if stimulus.digest not in seen:
            seen.add(stimulus.digest)
            yield stimulus


def judging_description(profile: Profile, token_path: str) -> description.Judge:
    """The OpenAPI description of a profile as a judge of answers."""
    return _judge(profile.openapi, token_path)


@lru_cache(maxsize=4)
def _judge(openapi: str, token_path: str) -> description.Judge:
    # Each judgement of a run asks for it, and making one takes longer than the judgement.
    return description.Judge(_described_by(openapi), token_path)


def _described_by(openapi: str) -> dict[str, object]:
    path = Path(openapi)
    return description.load(path if path.is_absolute() else openapi)


def _described(profile: Profile, seed: int, examples: int) -> Iterator[Stimulus]:
    for drawn in description.draw(_described_by(profile.openapi), seed=seed, examples=examples):
        yield _stimulus("description", _template(drawn), drawn.how)


def _template(drawn: Drawn) -> Template:
    lines = [
        Line(name.encode(), Credentials(CLIENT_ID, SECRET) if _stands_for_the_client(name, value) else literal(value))
        for name, value in drawn.headers
    ]
    named = () if any(name.lower() == "user-agent" for name, _ in drawn.headers) else (Line(b"User-Agent", USER_AGENT),)
    fields = (Line(b"Host", HOST), *lines, *named, Line(b"Content-Length", None), Line(b"Connection", literal("close")))
    target = PATH if drawn.query is None else PATH + "?" + drawn.query
    return replace(
        VALID, method=drawn.method.encode(), target=target, fields=fields, parameters=None, raw=literal(drawn.body)
    )


def _stands_for_the_client(name: str, value: bytes) -> bool:
    return name.lower() == "authorization" and value == description.CREDENTIAL.encode()


def _deviating(source: str, slots: tuple[tuple[Deviation, ...], ...], seed: int, examples: int) -> Iterator[Stimulus]:
    from hypothesis import strategies  # noqa: PLC0415 - it takes its time, and only these cases need it

    alone = [(deviation,) for slot in slots for deviation in slot]
    several = strategies.tuples(*(strategies.sampled_from((None, *slot)) for slot in slots))
    for drawn in _alone_first(alone, several, seed, examples):
        yield _of(source, tuple(deviation for deviation in drawn if deviation is not None))


def _missed(profile: Profile, seed: int, examples: int) -> Iterator[Stimulus]:
    unnamed = not profile.grant_type_default
    alone, several = near_miss.single(unnamed=unnamed), near_miss.strategy(unnamed=unnamed)
    for drawn in _alone_first(alone, several, seed, examples):
        yield _near_miss(drawn)


def _alone_first(
    alone: Sequence[Drawing], strategy: SearchStrategy[Drawing], seed: int, examples: int
) -> Iterator[Drawing]:
    """Single changes in an order of the seed's own, as far as they go, and then what Hypothesis draws."""
    first = random.Random(seed).sample(alone, min(len(alone), round(examples * ALONE)))  # noqa: S311 - nothing secret
    yield from first
    if examples > len(first):
        yield from _drawn(strategy, seed, examples - len(first))


def _drawn(strategy: SearchStrategy[Drawing], seed: int, examples: int) -> list[Drawing]:
    """What Hypothesis draws, all of it up front."""
    import hypothesis  # noqa: PLC0415
    from hypothesis import HealthCheck, Phase, Verbosity  # noqa: PLC0415

    drawn: list[Drawing] = []

    # Every setting is named, since the profile of a CI environment would replace what is left to the default.
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @hypothesis.given(strategy)
    def collect(one: Drawing) -> None:
        drawn.append(one)

    with description.secluded():
        collect()
    return drawn


def _of(source: str, deviations: tuple[Deviation, ...]) -> Stimulus:
    how = spelling.JOINT.join(deviation.words for deviation in deviations)
    parts = tuple(_of(source, (deviation,)) for deviation in deviations) if len(deviations) > 1 else ()
    return _stimulus(source, spelling.spelled(deviations), how, parts)


def _near_miss(drawn: near_miss.NearMiss) -> Stimulus:
    how = spelling.JOINT.join(mutation.words for mutation in drawn.mutations)
    return _stimulus("near_miss", drawn.template, how, tuple(map(_near_miss, drawn.parts())))


def _stimulus(source: str, template: Template, how: str, parts: tuple[Stimulus, ...] = ()) -> Stimulus:
    return Stimulus(template, template.digest, f"generated: {how}", source, how, parts=parts)
