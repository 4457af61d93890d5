"""The inquiry for some settings: of the configured target, or of the embedded endpoint where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance import engine, waivers
from conformance.harmless import harmless
from conformance.target import Client, Credentials, Secret, SettingsError, Target, shown, target_at
from conformance.wire import WireError, tls_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.case import Case
    from conformance.reference import Endpoint
    from conformance.settings import Settings

NAME = "embedded"
SCOPE = "read"


def inquiry(
    settings: Settings,
    cases: tuple[Case, ...],
    known: tuple[Case, ...],
    at_end: Callable[[Callable[[], None]], object],
) -> engine.Inquiry:
    """What is to be found out, by settings.

    Args:
        settings: where, whom, how.
        cases: the selected cases.
        known: every case there is.
        at_end: registers what has to be closed; it gets the embedded endpoint's, if that was started.

    Raises:
        SettingsError: the CA bundle holds no usable certificate, a waiver is of no case, or no selected case is
            harmless where it must be.
    """
    waivers.check(settings.waivers, known)
    target = settings.target
    if target is None:
        target, close = start(settings)
        at_end(close)
    elif target.ca_bundle is not None:
        try:
            tls_context(target.ca_bundle)
        except WireError as error:
            raise SettingsError(f"--ca-bundle {shown(target.ca_bundle)}: {error}") from None
    return engine.Inquiry(
        target=target,
        profile=settings.profile,
        limits=settings.limits,
        cases=_chosen(settings, cases),
        known=known,
        examples=settings.examples,
        seed=settings.seed,
        fail_on=settings.fail_on,
        included=(*settings.select, *settings.include),
        edition=settings.edition,
        waivers=settings.waivers,
    )


def _chosen(settings: Settings, cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The cases that the profile takes on and that may be sent to the target."""
    chosen = engine.applicable(cases, settings.profile)
    if not settings.limits.safe:
        return chosen
    left = harmless(chosen)
    if not left:
        raise SettingsError("--safe leaves out every case that is selected: each sends more than harmless requests")
    return left


def start(settings: Settings) -> tuple[Target, Callable[[], None]]:
    """Starts the embedded endpoint for a profile; returns it as a target, and what ends it."""
    from conformance import reference  # noqa: PLC0415 - nobody needs it who judges another endpoint

    kind = "rfc6749" if settings.profile.authorization == "basic" else "passport"
    endpoint: Endpoint = reference.start(kind, token_path=settings.profile.token_path)
    return replace(target_of(endpoint), name=NAME, embedded=True), endpoint.close


def target_of(endpoint: Endpoint) -> Target:
    """A running embedded endpoint as a target, with every client that it registers."""
    own = Credentials(endpoint.client_id, Secret(endpoint.client_secret))
    further = (
        Client(role, Credentials(client.client_id, Secret(client.secret))) for role, client in endpoint.clients.items()
    )
    target = target_at(endpoint.base_url, endpoint.token_path, own)
    return replace(target, scope=SCOPE, ca_bundle=endpoint.ca_bundle, clients=tuple(further))
