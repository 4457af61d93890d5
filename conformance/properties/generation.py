"""Drawing the generated requests, the same ones for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import description
from conformance.expression import CLIENT_ID, HOST, PATH, SECRET, USER_AGENT, Credentials, literal
from conformance.plan import Stimulus
from conformance.properties import spelling
from conformance.request import VALID, Line, Template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.description import Drawn
    from conformance.profiles import Profile


def draw(source: str, profile: Profile, *, seed: int, examples: int) -> Iterator[Stimulus]:
    """Generated requests of one source.

    Args:
        source: ``description`` or ``spelling``.
        profile: whose OpenAPI description is drawn from.
        seed: the same seed gives the same requests.
        examples: how many are drawn; those that are drawn twice are sent once.

    Raises:
        description.DescriptionError: the profile's description cannot be used.
    """
    return _described(profile, seed, examples) if source == "description" else _spelled(seed, examples)


def judging_description(profile: Profile, token_path: str) -> description.Judge:
    """The OpenAPI description of a profile as a judge of answers."""
    return description.Judge(_description(profile), token_path)


def _description(profile: Profile) -> dict[str, object]:
    path = Path(profile.openapi)
    return description.load(path if path.is_absolute() else profile.openapi)


def _described(profile: Profile, seed: int, examples: int) -> Iterator[Stimulus]:
    seen: set[str] = {VALID.digest}
    for drawn in description.draw(_description(profile), seed=seed, examples=examples):
        template = _template(drawn)
        if template.digest not in seen:
            seen.add(template.digest)
            yield Stimulus(template, template.digest, f"generated: {drawn.how}", "description", drawn.how)


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


def _spelled(seed: int, examples: int) -> Iterator[Stimulus]:
    import hypothesis  # noqa: PLC0415 - it takes its time, and only these cases need it
    from hypothesis import HealthCheck, Phase, Verbosity, strategies  # noqa: PLC0415

    drawn: list[tuple[spelling.Deviation | None, ...]] = []

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
    @hypothesis.given(strategies.tuples(*(strategies.sampled_from((None, *slot)) for slot in spelling.SLOTS)))
    def collect(deviations: tuple[spelling.Deviation | None, ...]) -> None:
        drawn.append(deviations)

    with description.secluded():
        collect()
    seen: set[str] = {VALID.digest}
    for deviations in drawn:
        stimulus = _stimulus(tuple(deviation for deviation in deviations if deviation is not None))
        if stimulus.digest not in seen:
            seen.add(stimulus.digest)
            yield stimulus


def _stimulus(deviations: tuple[spelling.Deviation, ...]) -> Stimulus:
    how = spelling.JOINT.join(deviation.words for deviation in deviations)
    template = spelling.spelled(deviations)
    return Stimulus(template, template.digest, f"generated: {how}", "spelling", how)


def parts(stimulus: Stimulus) -> Iterator[Stimulus]:
    """The requests that have one deviation each of a request that has several."""
    deviations = tuple(spelling.described(stimulus.how))
    if len(deviations) > 1:
        yield from (_stimulus((deviation,)) for deviation in deviations)
