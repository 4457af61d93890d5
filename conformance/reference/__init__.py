"""A token endpoint on bare sockets, correct unless a defect is planted in it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from conformance.reference import defects as _areas
from conformance.reference.behaviour import Behaviour
from conformance.reference.oauth import MAIN, PASSPORT, RFC6749, UNENTITLED, Client, Site
from conformance.reference.planting import CHANGES, DEFECTS, NOTHING, Defect, Needs
from conformance.reference.server import Endpoint
from conformance.reference.variants import ADJUSTMENTS, VARIANTS, Variant

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["DEFECTS", "NOTHING", "VARIANTS", "Defect", "Endpoint", "Needs", "Variant", "start"]

TOKEN_PATHS = {PASSPORT: "/passport/oauth/token", RFC6749: "/token"}
CLIENT_ID = "Reference-Client"
SECOND, SPECIAL, SACRIFICIAL = "second", "special", "sacrificial"
SCOPES = ("read", "write")

assert _areas  # importing it registered the defects


def start(
    profile: str = PASSPORT,
    *,
    defects: Collection[str] = (),
    variant: str | None = None,
    port: int = 0,
    client_id: str = CLIENT_ID,
    client_secret: str | None = None,
    token_path: str | None = None,
    issuer_path: str = "",
) -> Endpoint:
    """Starts an endpoint on 127.0.0.1.

    Args:
        profile: ``passport`` or ``rfc6749``.
        defects: names from ``DEFECTS``, planted in the order of the register.
        variant: a name from ``VARIANTS``.
        port: TCP port; 0 takes a free one.
        client_id: the main client; those of the other roles have ids of their own.
        client_secret: its secret; a fresh random one by default.
        token_path: the path; by default the profile's. A defect that moves the endpoint has the last word.
        issuer_path: the path of an issuer that has metadata beside those of the origin, such as ``/tenant``.

    Raises:
        ValueError: an unknown name, or a defect that does not exist in this profile.
        OSError: the port is taken.
    """
    if profile not in TOKEN_PATHS:
        raise ValueError(f"unknown profile {profile!r}: one of {', '.join(TOKEN_PATHS)}")
    behaviour = Behaviour()
    if variant is not None:
        if variant not in VARIANTS:
            raise ValueError(f"unknown variant {variant!r}: one of {', '.join(VARIANTS)}")
        behaviour = ADJUSTMENTS[variant](behaviour)
    for name in defects:
        if name not in DEFECTS or profile not in DEFECTS[name].profiles:
            raise ValueError(f"no defect {name!r} in profile {profile}")
    for name in DEFECTS:
        if name in defects:
            behaviour = CHANGES[name](behaviour)
    site = Site(
        profile=profile,
        clients={MAIN: Client(client_id, _random() if client_secret is None else client_secret), **_further()},
        scopes=SCOPES,
        token_path=behaviour.token_path or token_path or TOKEN_PATHS[profile],
        issuer_path=issuer_path,
    )
    return Endpoint(site, behaviour, port)


def _random() -> str:
    return secrets.token_urlsafe(24)


def _further() -> dict[str, Client]:
    return {
        SECOND: Client("Second-Client", _random()),
        SPECIAL: Client("Special-Client", f"{_random()}:{_random()}+%41&= {_random()}"),
        SACRIFICIAL: Client("Sacrificial-Client", _random()),
        UNENTITLED: Client("Unentitled-Client", _random()),
    }
