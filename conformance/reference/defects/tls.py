"""Defects in how TLS is spoken, and in what comes without it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.oauth import MAIN, respond
from conformance.reference.planting import Needs, planted
from conformance.reference.tls import MODERN

if TYPE_CHECKING:
    from conformance.reference.behaviour import Behaviour
    from conformance.reference.message import Answer, Request
    from conformance.reference.oauth import Site

OVER_TLS = Needs(tls=True)
ANY_STRENGTH = "@SECLEVEL=0"


def speaking(correct: Behaviour, **change: str) -> Behaviour:
    """TLS is spoken with other settings."""
    return replace(correct, tls=replace(correct.tls, **change))


# Without TLS


@planted("tls-plain-served", "TLS-001", needs=OVER_TLS)
def plain_served(correct: Behaviour) -> Behaviour:
    """A request without TLS is answered like any other."""
    return replace(correct, plain=respond)


@planted("tls-plain-unchecked", "TLS-001", needs=OVER_TLS)
def plain_unchecked(correct: Behaviour) -> Behaviour:
    """The listener without TLS was left from development, and gives everybody a token."""

    def plain(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        return respond(replace(behaviour, authenticate=lambda _behaviour, _request, _form, _site: MAIN), request, site)

    return replace(correct, plain=plain)


# Versions


@planted("tls-1-0", "TLS-002", needs=OVER_TLS)
def tls_1_0(correct: Behaviour) -> Behaviour:
    """TLS 1.0 and TLS 1.1 are spoken beside the newer versions."""
    return speaking(correct, lowest="TLSv1", ciphers=f"{MODERN.ciphers}:ECDHE+AES:{ANY_STRENGTH}")


@planted("tls-1-1", "TLS-002", needs=OVER_TLS)
def tls_1_1(correct: Behaviour) -> Behaviour:
    """TLS 1.1 is spoken beside the newer versions, TLS 1.0 is not."""
    return speaking(correct, lowest="TLSv1_1", ciphers=f"{MODERN.ciphers}:ECDHE+AES:{ANY_STRENGTH}")


@planted("tls-1-2-alone", "TLS-003", needs=OVER_TLS)
def tls_1_2_alone(correct: Behaviour) -> Behaviour:
    """TLS 1.3 is not spoken."""
    return speaking(correct, highest="TLSv1_2")


@planted("tls-1-3-alone", "TLS-003", needs=OVER_TLS)
def tls_1_3_alone(correct: Behaviour) -> Behaviour:
    """TLS 1.2 is not spoken."""
    return speaking(correct, lowest="TLSv1_3")


@planted("tls-1-1-alone", "TLS-003", "TLS-002", needs=OVER_TLS, closes_gate=True)
def tls_1_1_alone(correct: Behaviour) -> Behaviour:
    """Nothing above TLS 1.1 is spoken."""
    return speaking(correct, lowest="TLSv1", highest="TLSv1_1", ciphers=f"ECDHE+AES:{ANY_STRENGTH}")


# Certificates


@planted("tls-expired", "TLS-004", needs=OVER_TLS)
def expired(correct: Behaviour) -> Behaviour:
    """The certificate has run out."""
    return speaking(correct, certificate="expired")


@planted("tls-other-name", "TLS-004", needs=OVER_TLS)
def other_name(correct: Behaviour) -> Behaviour:
    """The certificate is for another host."""
    return speaking(correct, certificate="other-name")


@planted("tls-incomplete", "TLS-004", needs=OVER_TLS, closes_gate=True)
def incomplete(correct: Behaviour) -> Behaviour:
    """The certificate of the intermediate authority is not sent along."""
    return speaking(correct, certificate="incomplete")


# Cipher suites


@planted("tls-no-forward-secrecy", "TLS-005", needs=OVER_TLS)
def no_forward_secrecy(correct: Behaviour) -> Behaviour:
    """Suites without forward secrecy come first."""
    return speaking(correct, ciphers=f"kRSA+AESGCM:{MODERN.ciphers}")


@planted("tls-cbc-first", "TLS-005", needs=OVER_TLS)
def cbc_first(correct: Behaviour) -> Behaviour:
    """Suites with forward secrecy and without authenticated encryption come first."""
    return speaking(correct, ciphers=f"ECDHE-RSA-AES128-SHA256:{MODERN.ciphers}")


@planted("tls-null", "TLS-005", needs=OVER_TLS)
def null(correct: Behaviour) -> Behaviour:
    """A client that asks for a suite without encryption gets it."""
    return speaking(correct, ciphers=f"{MODERN.ciphers}:NULL-SHA256:{ANY_STRENGTH}")


@planted("tls-anonymous", "TLS-005", needs=OVER_TLS)
def anonymous(correct: Behaviour) -> Behaviour:
    """A client that asks for a suite without a certificate gets it."""
    return speaking(correct, ciphers=f"{MODERN.ciphers}:AECDH-AES128-SHA:{ANY_STRENGTH}")
