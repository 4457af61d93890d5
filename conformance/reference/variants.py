"""Servers that conform and answer otherwise: none of them may ever be called defective."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from conformance.reference.behaviour import (
    Behaviour,
    adding,
    ahead,
    failing,
    finishing,
    html,
    lines,
    misreading,
    with_field,
    without,
)
from conformance.reference.jwt import signed
from conformance.reference.message import REASONS, Answer, Malformed, Request, heading, page, standing
from conformance.reference.oauth import (
    FORM,
    GRANT,
    INVALID_REQUEST,
    PASSPORT,
    Failure,
    Form,
    Pair,
    Refused,
    Site,
    check_posted,
    form_decoded,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[Behaviour], Behaviour]

BOUND = 2000
HOSTILE = re.compile(rb"[\x00\r'\"]")


@dataclass(frozen=True, slots=True)
class Variant:
    """A server that conforms and yet answers otherwise.

    Args:
        name: what is different.
        meaning: the same in one line.
    """

    name: str
    meaning: str


VARIANTS: dict[str, Variant] = {}
ADJUSTMENTS: dict[str, Change] = {}


def variant(name: str) -> Callable[[Change], Change]:
    """Registers a change of the correct behaviour as a variant; its docstring says what is different."""

    def register(change: Change) -> Change:
        VARIANTS[name] = Variant(name, (change.__doc__ or "").strip().splitlines()[0])
        ADJUSTMENTS[name] = change
        return change

    return register


def picking(correct: Behaviour, pick: Callable[[tuple[str, ...]], str]) -> Behaviour:
    """Of several Content-Type lines the pick is taken."""
    inner = correct.pick_media_type
    return replace(correct, pick_media_type=lambda values: inner((pick(values),) if values else ()))


def json_form(members: dict[str, Any]) -> Form:
    """The members with a text as their value; what is no Unicode text in them is replaced."""
    texts = ((name, value) for name, value in members.items() if isinstance(value, str))
    return Form(tuple((name, value.encode("utf-8", "replace").decode()) for name, value in texts))


def hanging_up(answer: Answer, _request: Request) -> Answer:
    """The connection ends with the answer."""
    return replace(answer, close=True)


@variant("missing-auth-400")
def missing_auth_400(correct: Behaviour) -> Behaviour:
    """A request without authentication is answered 400 invalid_client."""
    return failing(correct, lambda failure, _request: replace(failure, status=400), "no-credentials")


@variant("duplicate-content-type-refused")
def duplicate_refused(correct: Behaviour) -> Behaviour:
    """Two Content-Type lines are refused by the HTTP layer, whatever they say."""
    return ahead(
        correct,
        lambda request, _site: page(400, "Content-Type twice") if len(request.values("Content-Type")) > 1 else None,
    )


@variant("duplicate-content-type-first")
def duplicate_first(correct: Behaviour) -> Behaviour:
    """Of two Content-Type lines the first counts."""
    return picking(correct, lambda values: values[0])


@variant("duplicate-content-type-last")
def duplicate_last(correct: Behaviour) -> Behaviour:
    """Of two Content-Type lines the last counts."""
    return picking(correct, lambda values: values[-1])


@variant("duplicate-content-type-merged")
def duplicate_merged(correct: Behaviour) -> Behaviour:
    """Content-Type lines are joined by commas; the form is read where its media type comes first."""
    merged = picking(correct, ", ".join)
    return replace(merged, is_form=lambda value: re.split("[;,]", value)[0].strip().lower() == FORM)


@variant("bare-400")
def bare_400(correct: Behaviour) -> Behaviour:
    """An unusable Content-Type or an undecodable body is answered by the HTTP layer, in plain text."""

    def step(request: Request, _site: Site) -> Answer | None:
        values = request.values("Content-Type")
        octets = form_decoded(request.body)
        unusable = len(set(values)) != 1 or not correct.is_form(values[0])
        broken = re.search(rb"%(?![0-9A-Fa-f]{2})", request.body) or octets != octets.decode("utf-8", "ignore").encode()
        return page(400, "bad request") if unusable or broken else None

    return ahead(correct, step)


@variant("unusable-type-415")
def unusable_type_415(correct: Behaviour) -> Behaviour:
    """A Content-Type that is no form, or none at all, is answered 415 in plain text."""

    def step(request: Request, _site: Site) -> Answer | None:
        values = request.values("Content-Type")
        return None if values and all(map(correct.is_form, values)) else page(415, "unsupported media type")

    return ahead(correct, step)


@variant("other-methods-404")
def other_methods_404(correct: Behaviour) -> Behaviour:
    """Other methods than POST are answered 404."""
    return replace(correct, other_method=lambda _behaviour, _request, _site: page(404, "not found"))


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


@variant("default-scope-stated")
def default_scope_stated(correct: Behaviour) -> Behaviour:
    """The granted scope is always stated; unknown and malformed scopes are ignored."""

    def grant(asked: str | None, site: Site) -> str | None:
        known = [scope for scope in (asked or "").split(" ") if scope in site.scopes]
        return " ".join(known or site.scopes)

    return replace(correct, grant_scope=grant)


@variant("jwt-tokens")
def jwt_tokens(correct: Behaviour) -> Behaviour:
    """Tokens are signed JSON Web Tokens."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        return {**inner(scope, site), "access_token": signed(site, scope or " ".join(site.scopes))}

    return replace(correct, token_members=members)


@variant("waf")
def waf(correct: Behaviour) -> Behaviour:
    """A firewall in front answers hostile or huge input with a bare 403."""

    def step(request: Request, _site: Site) -> Answer | None:
        octets = form_decoded(request.body)
        huge = len(request.body) > BOUND or any(len(line.raw) > BOUND for line in request.fields)
        return html(403, "Forbidden") if huge or HOSTILE.search(octets) else None

    def refuse(malformed: Malformed) -> Answer:
        hostile = malformed.status in (413, 414, 431) or "CR or NUL" in malformed.reason
        return html(403, "Forbidden") if hostile else correct.refuse_message(malformed)

    return replace(ahead(correct, step), refuse_message=refuse)


@variant("errors-storable")
def errors_storable(correct: Behaviour) -> Behaviour:
    """Errors have neither Cache-Control nor Pragma."""

    def change(answer: Answer, _request: Request) -> Answer:
        return answer if answer.status == 200 else with_field(with_field(answer, "Cache-Control"), "Pragma")

    return finishing(correct, change)


@variant("closes-connections")
def closes_connections(correct: Behaviour) -> Behaviour:
    """The connection closes after each answer."""
    return finishing(correct, hanging_up)


@variant("empty-431")
def empty_431(correct: Behaviour) -> Behaviour:
    """Messages that are too large are answered without content, others by a page in HTML."""

    def refuse(malformed: Malformed) -> Answer:
        if malformed.status in (413, 414, 431):
            return Answer(malformed.status)
        return html(malformed.status, "Bad Request")

    return replace(correct, refuse_message=refuse)


@variant("chunked-answers")
def chunked_answers(correct: Behaviour) -> Behaviour:
    """Answers travel in chunks, and their field names are in lower case."""

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        fields = (*standing(answer, close=close), ("Transfer-Encoding", "chunked"))
        octets = heading(answer.status, tuple((name.lower(), value) for name, value in fields))
        parts = (answer.body[:7], answer.body[7:])
        chunks = b"".join(b"%X\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
        return octets if head else octets + chunks

    return replace(correct, frame=frame)


@variant("several-challenges")
def several_challenges(correct: Behaviour) -> Behaviour:
    """A 401 has several challenges, in one line and in a second one."""
    values = ('Bearer realm="a, b", error="invalid_client", basic realm="x"', 'Digest realm="y", nonce="z", qop="auth"')
    return replace(correct, challenges=lambda _failure, _request, _site: values)


@variant("two-mechanisms-accepted")
def two_mechanisms_accepted(correct: Behaviour) -> Behaviour:
    """Credentials in the body that repeat those in Authorization are accepted."""
    inner = correct.authenticate

    def authenticate(behaviour: Behaviour, request: Request, form: Form, site: Site) -> str:
        again = site.holder(form.get("client_id"), form.get("client_secret")) and request.values("Authorization")
        return inner(behaviour, request, form.without("client_id", "client_secret") if again else form, site)

    return replace(correct, authenticate=authenticate)


@variant("every-mechanism")
def every_mechanism(correct: Behaviour) -> Behaviour:
    """Bare Base64, the Basic scheme and credentials in the body are all accepted, in either profile."""

    def unwrap(value: bytes, _site: Site) -> bytes:
        scheme, _, rest = value.partition(b" ")
        return rest.lstrip(b" ") if scheme.lower() == b"basic" else value

    def posted(behaviour: Behaviour, form: Form, site: Site) -> str:
        return check_posted(behaviour, form, replace(site, profile="") if site.profile == PASSPORT else site)

    return replace(correct, unwrap=unwrap, check_posted=posted)


@variant("basic-read-raw")
def basic_read_raw(correct: Behaviour) -> Behaviour:
    """Id and secret are taken from Basic as they are, without form-decoding."""

    def credentials(behaviour: Behaviour, value: bytes, site: Site) -> tuple[Pair, ...]:
        return (behaviour.split(behaviour.decode(behaviour.unwrap(value, site))),)

    return replace(correct, credentials=credentials)


@variant("json-accepted")
def json_accepted(correct: Behaviour) -> Behaviour:
    """A JSON request is accepted as an extension."""
    inner = correct.read_form

    def read(request: Request) -> Form:
        if correct.is_form(request.value("Content-Type")):
            return inner(request)
        try:
            members = json.loads(request.body)
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            raise Refused(Failure("media-unsupported", INVALID_REQUEST, "the JSON cannot be read"))
        return json_form(members)

    def is_known(value: str) -> bool:
        return correct.is_form(value) or value.partition(";")[0].strip().lower() == "application/json"

    return replace(correct, read_form=read, is_form=is_known)


@variant("grant-checked-first")
def grant_checked_first(correct: Behaviour) -> Behaviour:
    """The grant is checked before the client."""
    inner = correct.authenticate

    def authenticate(behaviour: Behaviour, request: Request, form: Form, site: Site) -> str:
        if form.get("grant_type") != GRANT:
            behaviour.check_grant(form, request)
        return inner(behaviour, request, form, site)

    return replace(correct, authenticate=authenticate)


@variant("tokens-reused")
def tokens_reused(correct: Behaviour) -> Behaviour:
    """The same token is handed out until it expires."""
    inner = correct.token_members

    def members(scope: str | None, site: Site) -> dict[str, Any]:
        kept: dict[str, Any] = site.memory.setdefault(f"token {scope}", inner(scope, site))
        return dict(kept)

    return replace(correct, token_members=members)


@variant("no-optional-members")
def no_optional_members(correct: Behaviour) -> Behaviour:
    """Answers have only what RFC 6749 demands: no expires_in, no error_description, no Pragma on errors."""
    bare = replace(
        adding(correct, lambda members: {name: value for name, value in members.items() if name != "expires_in"}),
        error_members=lambda failure, _request, _site: {"error": failure.code},
    )
    return finishing(bare, lambda answer, _: answer if answer.status == 200 else with_field(answer, "Pragma"))


@variant("throttles-guessing")
def throttles_guessing(correct: Behaviour) -> Behaviour:
    """After eight failed attempts in all, further ones are answered 429 for a while; valid requests go on."""
    inner = correct.failing

    def stated(failure: Failure, request: Request, site: Site) -> Failure:
        if failure.cause != "wrong-secret":
            return inner(failure, request, site)
        site.memory["failed"] = site.memory.get("failed", 0) + 1
        limited = site.memory["failed"] > 8
        return replace(inner(failure, request, site), status=429) if limited else inner(failure, request, site)

    slowed = finishing(
        correct, lambda answer, _: with_field(answer, "Retry-After", "1") if answer.status == 429 else answer
    )
    return replace(slowed, failing=stated)


@variant("lenient-edge")
def lenient_edge(correct: Behaviour) -> Behaviour:
    """The HTTP layer mends what it may: folds, stray lines, CR and NUL, equal lengths, a length beside chunks."""

    def mended(head: bytes) -> bytes:
        head = re.sub(rb"\A([^\r\n]*)(\r\n[ \t][^\r\n]*)+", rb"\1", head)
        head = re.sub(rb"[ \t]*\r\n[ \t]+|\r(?!\n)|\0", b" ", head)
        lengths = {one.strip() for value in lines(head, b"content-length") for one in value.split(b",")}
        if lines(head, b"transfer-encoding") and lengths:
            return without(head, b"content-length") + b"\r\nConnection: close"
        if len(lengths) == 1:
            return without(head, b"content-length") + b"\r\nContent-Length: " + lengths.pop()
        return head

    return misreading(correct, mended)


@variant("framework-edge")
def framework_edge(correct: Behaviour) -> Behaviour:
    """A length is required, no expectation is met, and the HTTP layer refuses in JSON with words of its own."""

    def measured(head: bytes) -> bytes:
        if head.startswith(b"POST ") and not lines(head, b"content-length"):
            raise Malformed(411, "a length is required")
        if lines(head, b"expect"):
            raise Malformed(417, "expectations are not met here")
        return head

    def refuse(malformed: Malformed) -> Answer:
        members = {"statusCode": malformed.status, "error": REASONS[malformed.status], "message": malformed.reason}
        fields = (("Content-Type", "application/json; charset=utf-8"),)
        return Answer(malformed.status, fields, json.dumps(members).encode(), close=True)

    return replace(misreading(correct, measured), refuse_message=refuse)
