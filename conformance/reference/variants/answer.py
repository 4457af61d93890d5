"""Choices in the form of answers, and in what tokens are."""

from __future__ import annotations

import base64
import gzip
import json
import re
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, adding, ahead, finishing, with_field
from conformance.reference.jwt import signed
from conformance.reference.message import Answer, page
from conformance.reference.oauth import LIFETIME
from conformance.reference.planting import variant

if TYPE_CHECKING:
    from conformance.reference.message import Request
    from conformance.reference.oauth import Failure, Site


@variant("charset-and-extra-members")
def charset_and_extra_members(correct: Behaviour) -> Behaviour:
    """Answers have a charset parameter and further members, and token_type is in lower case."""
    extra = adding(correct, lambda members: {**members, "token_type": "bearer", "tenant": "éa", "meta": {"issued": 1}})

    def label(answer: Answer, _request: Request) -> Answer:
        is_json = answer.values("Content-Type") == ("application/json",)
        return with_field(answer, "Content-Type", "Application/JSON;charset=UTF-8") if is_json else answer

    def encode(members: dict[str, Any]) -> bytes:
        return json.dumps(members, ensure_ascii=False, indent=2).encode()

    return replace(finishing(extra, label), encode=encode)


@variant("extra-cache-directives")
def extra_cache_directives(correct: Behaviour) -> Behaviour:
    """Cache-Control has further directives, over two lines and in capitals."""

    def change(answer: Answer, _request: Request) -> Answer:
        return with_field(answer, "Cache-Control", "no-cache, max-age=0, must-revalidate", "No-Store, private")

    return finishing(correct, change)


@variant("errors-storable")
def errors_storable(correct: Behaviour) -> Behaviour:
    """Errors have neither Cache-Control nor Pragma."""

    def change(answer: Answer, _request: Request) -> Answer:
        return answer if answer.status == 200 else with_field(with_field(answer, "Cache-Control"), "Pragma")

    return finishing(correct, change)


@variant("no-optional-members")
def no_optional_members(correct: Behaviour) -> Behaviour:
    """Answers have only what RFC 6749 demands: no expires_in, no error_description, no Pragma on errors."""
    bare = replace(
        adding(correct, lambda members: {name: value for name, value in members.items() if name != "expires_in"}),
        error_members=lambda failure, _request, _site: {"error": failure.code},
    )
    return finishing(bare, lambda answer, _: answer if answer.status == 200 else with_field(answer, "Pragma"))


@variant("jwt-tokens")
def jwt_tokens(correct: Behaviour) -> Behaviour:
    """Tokens are signed JSON Web Tokens."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        return {**inner(scope, site), "access_token": signed(site, scope or " ".join(site.scopes))}

    return replace(correct, token_members=members)


@variant("tokens-reused")
def tokens_reused(correct: Behaviour) -> Behaviour:
    """The same token is handed out until it expires."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        kept: dict[str, Any] = site.memory.setdefault(f"token {site.role} {scope}", inner(scope, site))
        return dict(kept)

    return replace(correct, token_members=members)


@variant("short-tokens")
def short_tokens(correct: Behaviour) -> Behaviour:
    """Tokens have 22 characters, as many as 128 random bits need."""
    return adding(correct, lambda members: {**members, "access_token": secrets.token_urlsafe(16)})


@variant("long-tokens")
def long_tokens(correct: Behaviour) -> Behaviour:
    """Tokens have some thousand characters of every kind that may stand in them, and padding."""

    def long() -> str:
        return f"{secrets.token_urlsafe(2048)}.~+/{base64.b64encode(secrets.token_bytes(16)).decode()}"

    return adding(correct, lambda members: {**members, "access_token": long()})


@variant("at-jwt-tokens")
def at_jwt_tokens(correct: Behaviour) -> Behaviour:
    """Tokens are JWTs that claim the profile for access tokens."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        token = signed(site, scope or " ".join(site.scopes), "at+jwt")
        return {**inner(scope, site), "access_token": token}

    return replace(correct, token_members=members)


@variant("jwt-kept")
def jwt_kept(correct: Behaviour) -> Behaviour:
    """A JWT is handed out until it expires, and expires_in counts down."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        made, token = site.memory.setdefault(
            f"jwt {site.role} {scope}", (int(time.time()), signed(site, scope or " ".join(site.scopes)))
        )
        left = max(made + LIFETIME - int(time.time()), 1)
        return {**inner(scope, site), "access_token": token, "expires_in": left}

    return replace(correct, token_members=members)


@variant("errors-explained")
def errors_explained(correct: Behaviour) -> Behaviour:
    """Refusals have every legal character in their description, a link, and members of their own."""
    legal = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in '"\\')
    inner = correct.error_members

    def members(failure: Failure, request: Request, site: Site) -> dict[str, Any]:
        made = inner(failure, request, site)
        link = f"/errors?code={failure.code}#details"
        return {**made, "error_description": legal, "error_uri": link, "status": failure.status, "details": [None]}

    return replace(correct, error_members=members)


@variant("gzip-answers")
def gzip_answers(correct: Behaviour) -> Behaviour:
    """Answers are compressed for who accepts that."""

    def change(answer: Answer, request: Request) -> Answer:
        codings = request.value("Accept-Encoding").replace(" ", "").split(",")
        if not answer.body or not any(re.fullmatch(r"gzip(;q=(1|0\.\d*[1-9])\S*)?", coding) for coding in codings):
            return answer
        packed = replace(with_field(answer, "Content-Encoding", "gzip"), body=gzip.compress(answer.body))
        return with_field(packed, "Vary", "Accept-Encoding")

    return finishing(correct, change)


@variant("unacceptable-406")
def unacceptable_406(correct: Behaviour) -> Behaviour:
    """A client that does not accept JSON is answered 406."""

    def step(request: Request, _site: Site) -> Answer | None:
        accept = ",".join(request.values("Accept")).replace(" ", "")
        admits = not accept or re.search(r"(\*/\*|application/(\*|json))(?!;q=0(\.0*)?(,|$))", accept)
        return None if admits else page(406, "not acceptable")

    return ahead(correct, step)


@variant("any-origin")
def any_origin(correct: Behaviour) -> Behaviour:
    """Pages of any origin may ask, without the credentials of their visitor."""
    inner = correct.other_method

    def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        if request.method != "OPTIONS":
            return inner(behaviour, request, site)
        allowed = (("Access-Control-Allow-Methods", "POST"), ("Access-Control-Allow-Headers", "authorization"))
        return Answer(200, (*allowed, ("Allow", "OPTIONS, POST")))

    opened = finishing(correct, lambda answer, _: with_field(answer, "Access-Control-Allow-Origin", "*"))
    return replace(opened, other_method=other_method)
