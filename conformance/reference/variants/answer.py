"""Choices in the form of answers, and in what tokens are."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import Behaviour, adding, finishing, with_field
from conformance.reference.jwt import signed
from conformance.reference.planting import variant

if TYPE_CHECKING:
    from conformance.reference.message import Answer, Request
    from conformance.reference.oauth import Site


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
