"""Clients: whom the suite asks as, and where their secrets stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.given import borrow, usable, ways
from conformance.keys import SECRETS, read_file
from conformance.target import ROLES, Client, Credentials, Secret, SettingsError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.given import Given, Layer


def secret(
    layers: tuple[Layer, ...],
    environ: Mapping[str, str],
    prompt: Callable[[str], str] | None,
    question: str,
    *,
    role: str = "",
) -> Secret:
    """The secret of a client from the highest layer that says where it is, or from the person at the terminal.

    Args:
        layers: what was given, the highest source first.
        environ: the environment variables.
        prompt: asks for the secret; ``None`` where there is no terminal.
        question: what it asks.
        role: which further client it is; empty for the one under test.

    Raises:
        SettingsError: there is none, or it cannot be used.
    """
    options = [f"{role}-{option}" if role else option for option in SECRETS]
    name = f"the secret of the {role} client" if role else "the client secret"
    for layer in layers:
        sources = [option for option in options if option in layer]
        if len(sources) > 1:
            both = " and ".join(layer[option].where for option in sources)
            raise SettingsError(f"{both} are given together; accepted: one of them")
        if sources:
            return _from_source(sources[0], layer[sources[0]], environ)
    if prompt is None:
        raise SettingsError(f"no {name.removeprefix('the ')}; {ways(*options)}")
    return Secret(usable(prompt(question), f"{name} typed in"))


def _from_source(option: str, given: Given, environ: Mapping[str, str]) -> Secret:
    if isinstance(given.value, Secret):
        return given.value
    if option.endswith("-env"):
        return Secret(borrow(given.value, given.where, environ))
    try:
        content = read_file(given.folder / given.value)
    except SettingsError as error:
        raise SettingsError(f"{given.where}: the file {error}") from None
    if content.endswith("\n"):
        content = content[:-1].removesuffix("\r")
    return Secret(usable(content, f"{given.where}: the file"))


def further(
    layers: tuple[Layer, ...],
    environ: Mapping[str, str],
    prompt: Callable[[str], str] | None,
    own: Given,
    authority: str,
) -> tuple[Client, ...]:
    """The further clients that were given, in the order of their roles.

    Args:
        layers: what was given, the highest source first.
        environ: the environment variables.
        prompt: asks for a secret; ``None`` where there is no terminal.
        own: identifier of the client under test.
        authority: host and port of the target, for the question.

    Raises:
        SettingsError: one has no secret or no identifier, a secret cannot be used, or two have one identifier.
    """
    taken = {own.value: own.where}
    found: list[Client] = []
    for role in ROLES:
        named = next((layer[option] for layer in layers if (option := f"{role}-client-id") in layer), None)
        if named is None:
            _refuse_stray_secret(role, layers)
            continue
        if named.value in taken:
            other = f"{shown(named.value)} is the client of {taken[named.value]} already"
            raise SettingsError(f"{named.where}: {other}; accepted: a client of its own")
        taken[named.value] = named.where
        question = f"Secret of the {role} client {named.value} at {authority}: "
        found.append(Client(role, Credentials(named.value, secret(layers, environ, prompt, question, role=role))))
    return tuple(found)


def _refuse_stray_secret(role: str, layers: tuple[Layer, ...]) -> None:
    for layer in layers:
        for option in SECRETS:
            given = layer.get(f"{role}-{option}")
            if given is not None:
                raise SettingsError(f"{given.where}: there is no client id for it; {ways(f'{role}-client-id')}")
