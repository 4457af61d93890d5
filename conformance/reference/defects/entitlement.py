"""Defects in how a client is answered that has authenticated and may not use the grant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import failing
from conformance.reference.planting import Needs, planted

if TYPE_CHECKING:
    from conformance.reference.behaviour import Behaviour

OTHERS = Needs(clients=True)


@planted("auth-unentitled-granted", "AUTH-029", needs=OTHERS)
def unentitled_granted(correct: Behaviour) -> Behaviour:
    """Nobody looks whether a client may use the grant."""
    return replace(correct, check_entitled=lambda _site: None)


@planted("auth-unentitled-403", "AUTH-029", needs=OTHERS)
def unentitled_403(correct: Behaviour) -> Behaviour:
    """A client that may not use the grant is answered 403."""
    return failing(correct, lambda failure, _: replace(failure, status=403), "unentitled")


@planted("auth-unentitled-401", "AUTH-029", needs=OTHERS)
def unentitled_401(correct: Behaviour) -> Behaviour:
    """A client that may not use the grant is answered unauthorized_client with 401."""
    return failing(correct, lambda failure, _: replace(failure, status=401), "unentitled")


@planted("auth-unentitled-other-code", "AUTH-029", needs=OTHERS)
def unentitled_other_code(correct: Behaviour) -> Behaviour:
    """A client that may not use the grant is answered invalid_grant."""
    return failing(correct, lambda failure, _: replace(failure, code="invalid_grant"), "unentitled")
