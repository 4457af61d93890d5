"""Defects that the published samples bring out, as they are or corrected."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import (
    Behaviour,
    ahead,
    crashing,
    finishing,
    html,
    silent,
)
from conformance.reference.message import Answer, Request, page
from conformance.reference.oauth import PASSPORT, is_form
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from conformance.reference.oauth import Site

SCRIPTS = ("python-", "Go-http-client", "Java/", "curl/")


def from_browser(request: Request) -> bool:
    """Whether the field that jQuery adds is there."""
    return request.value("X-Requested-With") == "XMLHttpRequest"


def names(request: Request) -> list[bytes]:
    """The names of the parameters of a form, as they are encoded."""
    body = request.body if is_form(request.value("Content-Type")) else b""
    return [piece.partition(b"=")[0] for piece in body.split(b"&")]


def unauthenticated_java(request: Request) -> bool:
    """Whether a client without credentials prefers a page, as Java's does by its default."""
    return not request.values("Authorization") and request.value("Accept").startswith("text/html")


# Python


@planted("doc-python-blocked", "DOC-002", "DOC-007", profiles=(PASSPORT,))
def python_blocked(correct: Behaviour) -> Behaviour:
    """A filter against robots answers what calls itself python-requests with 403."""
    blocked = html(403, "Forbidden")
    return ahead(correct, lambda request, _: blocked if request.value("User-Agent").startswith("python-") else None)


@planted("doc-empty-kept-silence", "DOC-002", "DOC-003", "DOC-006", "GEN-004", profiles=(PASSPORT,))
def empty_kept_silence(correct: Behaviour) -> Behaviour:
    """An empty body on a connection that is kept is awaited for ever."""
    return silent(correct, lambda request: request.keep_alive and request.value("Content-Length") == "0")


# JavaScript


@planted("doc-javascript-419", "DOC-003", profiles=(PASSPORT,))
def javascript_419(correct: Behaviour) -> Behaviour:
    """What jQuery sends has to bring a token against forgery, and is answered 419."""
    return ahead(correct, lambda request, _: html(419, "Page Expired") if from_browser(request) else None)


@planted("doc-javascript-200", "DOC-003", "GEN-006", profiles=(PASSPORT,))
def javascript_200(correct: Behaviour) -> Behaviour:
    """What jQuery sends gets its refusal with status 200, so that the page can show it."""

    def change(answer: Answer, request: Request) -> Answer:
        return replace(answer, status=200) if from_browser(request) and answer.status in (400, 401) else answer

    return finishing(correct, change)


# Ruby


@planted("doc-ruby-500", "DOC-004", "GEN-003", profiles=(PASSPORT,))
def ruby_500(correct: Behaviour) -> Behaviour:
    """A parameter name with brackets makes the parser die, since its outer part has no value to hang it on."""
    return crashing(correct, lambda request: any(re.search(rb"\[|%5[Bb]", name) for name in names(request)))


@planted("doc-ruby-422", "DOC-004", profiles=(PASSPORT,))
def ruby_422(correct: Behaviour) -> Behaviour:
    """Several parameters with one outer name and an inner one in brackets are answered 422."""

    def step(request: Request, _site: Site) -> Answer | None:
        nested = [name.partition(b"[")[0] for name in names(request) if b"[" in name]
        return page(422, "the parameters cannot be processed") if len(nested) > len(set(nested)) else None

    return ahead(correct, step)


# Java


@planted("doc-java-login", "DOC-005", "ERR-009", "WIRE-015", profiles=(PASSPORT,))
def java_login(correct: Behaviour) -> Behaviour:
    """Who has not signed in and prefers a page is redirected to the form of the login."""
    login = page(302, "sign in", ("Location", "/login"))
    return ahead(correct, lambda request, _: login if unauthenticated_java(request) else None)


@planted("doc-java-500", "DOC-005", "WIRE-015", "GEN-003", profiles=(PASSPORT,))
def java_500(correct: Behaviour) -> Behaviour:
    """The page for who has not signed in has an error in its template."""
    return crashing(correct, unauthenticated_java)


# The corrected samples


@planted("doc-scripts-blocked", "DOC-007", "DOC-002", "DOC-005", "DOC-006")
def scripts_blocked(correct: Behaviour) -> Behaviour:
    """What names the default client of a language in User-Agent is answered 403."""
    blocked = page(403, "forbidden")
    return ahead(correct, lambda request, _: blocked if request.value("User-Agent").startswith(SCRIPTS) else None)


@planted("doc-gzip-refusal-500", "DOC-006", profiles=(PASSPORT,))
def gzip_refusal_500(correct: Behaviour) -> Behaviour:
    """What compresses answers for who takes gzip alone, as Go does, dies of those that are not 200."""

    def change(answer: Answer, request: Request) -> Answer:
        compressed = request.value("Accept-Encoding") == "gzip" and answer.status != 200
        return page(500, "internal server error") if compressed else answer

    return finishing(correct, change)


@planted("doc-weights-500", "DOC-007", "DOC-004", "GEN-003")
def weights_500(correct: Behaviour) -> Behaviour:
    """An Accept-Encoding with weights, as Ruby sends it, makes the application die."""
    return crashing(correct, lambda request: ";q=" in request.value("Accept-Encoding"))


@planted("doc-fetch-blocked", "DOC-007", "DOC-003")
def fetch_blocked(correct: Behaviour) -> Behaviour:
    """A request that says it comes from fetch in a page, by Sec-Fetch-Mode, is answered 403."""
    blocked = page(403, "forbidden")
    return ahead(correct, lambda request, _: blocked if request.values("Sec-Fetch-Mode") else None)
