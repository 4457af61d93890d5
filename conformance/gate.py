"""The gate: whether a target can be judged at all, by its answer to the first valid requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.reply import Reading
    from conformance.target import Target


@dataclass(frozen=True, slots=True)
class Gate:
    """What the first controls said of the target.

    Attributes:
        state: ``open``, ``tokenless`` (2xx without a token), or ``closed``.
        reason: why it is not open: one sentence of cause.
        advice: what to do about it.
        form_encoded: whether id and secret are form-encoded before Base64.
    """

    state: str
    reason: str = ""
    advice: str = ""
    form_encoded: bool = True


def gate_of(reading: Reading | None, target: Target) -> Gate:
    """What the answer to the first controls says of a target."""
    if reading is None:
        return Gate("closed", "the run was stopped before the first answer")
    if reading.granted:
        return Gate("open")
    words = reading.words()
    if reading.unreadable:
        coding = ", ".join(reading.values("Content-Encoding"))
        advice = "Let the server answer requests without Accept-Encoding uncompressed, or by gzip."
        return Gate("closed", f"the answer is in the content coding {coding[:40]!r}, which cannot be read here", advice)
    if 200 <= reading.status < 300:
        return Gate("tokenless", f"the valid request is answered {words}, without a token")
    return Gate("closed", *_refusal(reading, target))


PROXY_ADVICE = "Check the proxy: its user and password go into its URL (--proxy), and --proxy none goes without one."
"""What to do about a proxy that stands in the way."""


def _refusal(reading: Reading, target: Target) -> tuple[str, str]:
    """Why the valid request is not granted, and what to do about it."""
    words = reading.words()
    reason = f"the valid request is refused: {words}"
    advice = "Check the client id, the secret, the profile and the scope."
    if not reading.answered:
        reason = f"{target.authority} gave no HTTP answer: {reading.exchange.detail or words}"
        advice = "Check the base URL and the network."
        if reading.exchange.ending == "proxy":
            advice = PROXY_ADVICE
    elif reading.status == 407:
        reason = f"the proxy wants authentication: {words}"
        advice = PROXY_ADVICE
    elif reading.rate_limited:
        reason, advice = f"the server limits the rate: {words}", "Wait, or lower --max-rps."
    elif 300 <= reading.status < 400:
        reason = f"the valid request is redirected: {words}"
        advice = f"Check the base URL and the path{_to(next(iter(reading.values('Location')), ''))}."
    elif reading.status in (404, 405):
        advice = f"Check --token-path: {target.path} is not the endpoint."
    elif reading.status >= 500:
        reason, advice = f"the server fails on the valid request: {words}", "Look at its log."
    return reason, advice


def _to(where: str) -> str:
    return f" (it points to {where[:80]!r})" if where else ""
