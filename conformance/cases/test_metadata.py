"""Metadata: whether the server describes itself, and whether what it says is true of this endpoint."""

import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from conformance.case import case
from conformance.cases.stimuli import BODY_CREDENTIALS
from conformance.cases.test_client_authentication import basic
from conformance.cases.test_success_answers import kind, shown, untyped
from conformance.expression import FOLDER, PREFIX
from conformance.reply import GRANTED, REFUSED, Answer, Judgement, Outcome, Reply
from conformance.request import VALID
from conformance.target import DEFAULT_PORTS

OPENID_PATH = "/.well-known/openid-configuration"
OAUTH = VALID.fetching("/.well-known/oauth-authorization-server" + PREFIX)
"""The metadata of the issuer whose path is that of the base URL (RFC 8414, section 3.1)."""

OPENID = VALID.fetching(OPENID_PATH + PREFIX)
"""The same under the name that OpenID uses (RFC 8414, section 5)."""

APPENDED = VALID.fetching(PREFIX.present() + OPENID_PATH)
"""Where OpenID itself puts it; the same place where the base URL has no path."""

BESIDE = VALID.fetching(FOLDER + OPENID_PATH)
"""Where some servers put it: below the folder of the endpoint."""

MEMBERS = frozenset(
    {
        *("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint"),
        *("scopes_supported", "response_types_supported", "grant_types_supported", "introspection_endpoint"),
        *("token_endpoint_auth_methods_supported", "revocation_endpoint", "code_challenge_methods_supported"),
    }
)
"""Members of the standard (RFC 8414, section 2), one of which tells a document from any other object."""

GRANTS, METHODS = "grant_types_supported", "token_endpoint_auth_methods_supported"
DEFAULTS = {GRANTS: ["authorization_code", "implicit"], METHODS: ["client_secret_basic"]}
"""What these members mean where they are absent."""

PUBLISHED = Outcome("200 with a JSON object of metadata", lambda reading: bool(members(reading.json, reading.status)))
_NONE = "no metadata is published"
_UNRESERVED = re.compile("[A-Za-z0-9._~-]")


def members(found: Any, status: int) -> dict[str, Any]:
    """The members of a metadata document; empty where an answer is none."""
    return found if status == 200 and isinstance(found, dict) and not MEMBERS.isdisjoint(found) else {}


def documents(judge: Judgement, *replies: Reply) -> list[Answer]:
    """The answers that are metadata; says why there is nothing to judge where there are none."""
    sent = [reply for reply in replies if reply.answer is not None]
    found = [reply.answer for reply in sent if reply.answer is not None and PUBLISHED.matches(reply.answer)]
    if found:
        return found
    for reply in replies:
        if reply.answer is None and reply.applicable:
            reply.must_be(PUBLISHED)
    judge.does_not_apply(_NONE)
    return []


def parsed(url: str) -> SplitResult | None:
    """The parts of an absolute http or https URL; ``None`` where it is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    # The splitting leaves some control characters out.
    return parts if usable and re.fullmatch("[!-~]+", url) else None


def origin(parts: SplitResult) -> tuple[str, int]:
    """Host and port, the one of the scheme where none is named."""
    return (parts.hostname or "").rstrip("."), parts.port or DEFAULT_PORTS[parts.scheme]


def path(parts: SplitResult) -> str:
    """The path as RFC 3986, section 6.2.2, compares it: no needless escape, no dot segment."""

    def plain(escape: re.Match[str]) -> str:
        character = chr(int(escape[1], 16))
        return character if _UNRESERVED.fullmatch(character) else escape[0].upper()

    kept: list[str] = []
    segments = re.sub("%([0-9A-Fa-f]{2})", plain, parts.path).split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def wrong_issuer(value: Any, base_url: str, *, loopback: bool) -> str | None:
    """What is wrong with the issuer of a document that was asked for at a base URL.

    Nobody knows a server by its address on this machine, so that an issuer elsewhere is no fault of its own there.
    """
    if not isinstance(value, str):
        return "no issuer" if value is None else f"issuer is {kind(value)}"
    parts, asked = parsed(value), urlsplit(base_url)
    if parts is None:
        return f"issuer {shown(value)} is no absolute http or https URL"
    if "?" in value or "#" in value:
        return f"issuer {shown(value)} has a query or a fragment"
    if parts.scheme != "https" and not loopback:
        return f"issuer {shown(value)} is not https"
    one, other = ((each.scheme, origin(each), path(each).rstrip("/")) for each in (parts, asked))
    return None if one == other or (loopback and origin(parts) != origin(asked)) else f"issuer {shown(value)}"


def wrong_endpoint(value: Any, base_url: str, token_path: str) -> str | None:
    """What is wrong with a token_endpoint, another host or port aside."""
    if not isinstance(value, str):
        return "no token_endpoint" if value is None else f"token_endpoint is {kind(value)}"
    if "#" in value:
        return f"token_endpoint {shown(value)} has a fragment"
    parts, asked = parsed(value), urlsplit(base_url + token_path)
    if parts is None:
        return f"token_endpoint {shown(value)} is no absolute http or https URL"
    if origin(parts)[0] != origin(asked)[0]:
        return None
    # Where the schemes differ, the ports of two URLs that name none do as well.
    elsewhere = parts.scheme == asked.scheme and origin(parts) != origin(asked)
    alike = (parts.scheme, path(parts), parts.query) == (asked.scheme, path(asked), "")
    return None if elsewhere or alike else f"token_endpoint {shown(value)}"


def elsewhere(answer: Answer, member: str, base_url: str) -> str | None:
    """Whether a URL of a document that is sound otherwise names another host or port than the base URL does."""
    parts = parsed(answer.json[member])
    moved = parts is not None and origin(parts) != origin(urlsplit(base_url))
    return f"{member} {shown(answer.json[member])}, at another host or port" if moved else None


def names(document: dict[str, Any], member: str) -> list[str] | None:
    """The values of a list in a document; ``None`` where it is no list of strings."""
    found = document.get(member, DEFAULTS[member])
    return found if isinstance(found, list) and all(isinstance(one, str) for one in found) else None


@case("DISC-001", oauth=OAUTH, openid=OPENID, appended=APPENDED, beside=BESIDE)
def test_metadata_is_published(oauth: Reply, openid: Reply, appended: Reply, beside: Reply, judge: Judgement) -> None:
    found = documents(judge, oauth, openid, appended)
    if found:
        judge.each(found, PUBLISHED.words, lambda _: None)
    replies = (oauth, openid, appended, beside)
    if all(reply.answer.answered if reply.answer is not None else not reply.applicable for reply in replies):
        of_oauth, of_openid, close = (
            any(reply.answer is not None and PUBLISHED.matches(reply.answer) for reply in several)
            for several in ((oauth,), (openid, appended), (beside,))
        )
        value = {(True, True): "both", (True, False): "oauth", (False, True): "openid"}.get((of_oauth, of_openid))
        judge.trait("metadata", value or ("beside" if close else "none"))


@case("DISC-002", oauth=OAUTH, openid=OPENID, appended=APPENDED)
def test_metadata_names_the_issuer_that_was_asked(
    oauth: Reply, openid: Reply, appended: Reply, judge: Judgement
) -> None:
    contract = judge.contract

    def flaw(answer: Answer) -> str | None:
        issuer = answer.json.get("issuer")
        return untyped(answer) or wrong_issuer(issuer, contract.base_url, loopback=contract.loopback)

    expected = f"application/json with the issuer {contract.base_url}, by https and without query and fragment"
    found = documents(judge, oauth, openid, appended)
    judge.each(found, expected, flaw, nothing=_NONE)
    sound = [answer for answer in found if flaw(answer) is None]
    judge.each(sound, expected, lambda answer: elsewhere(answer, "issuer", contract.base_url), verdict="warning")


@case("DISC-003", oauth=OAUTH, openid=OPENID, appended=APPENDED)
def test_metadata_names_this_endpoint(oauth: Reply, openid: Reply, appended: Reply, judge: Judgement) -> None:
    contract = judge.contract

    def flaw(answer: Answer) -> str | None:
        return wrong_endpoint(answer.json.get("token_endpoint"), contract.base_url, contract.token_path)

    expected = f"token_endpoint {contract.base_url}{contract.token_path}"
    found = documents(judge, oauth, openid, appended)
    judge.each(found, expected, flaw, nothing=_NONE)
    sound = [answer for answer in found if flaw(answer) is None]
    judge.each(
        sound, expected, lambda answer: elsewhere(answer, "token_endpoint", contract.base_url), verdict="warning"
    )


@case(
    "DISC-004",
    oauth=OAUTH,
    openid=OPENID,
    appended=APPENDED,
    basic=VALID.replacing("Authorization", basic("Basic ")),
    posted=BODY_CREDENTIALS,
)
def test_what_metadata_advertises_works(
    oauth: Reply, openid: Reply, appended: Reply, basic: Reply, posted: Reply, judge: Judgement
) -> None:
    found = documents(judge, oauth, openid, appended)

    def malformed(answer: Answer) -> str | None:
        wrong = [member for member in DEFAULTS if names(answer.json, member) is None]
        return f"{wrong[0]} is {kind(answer.json[wrong[0]])}, or holds other things than strings" if wrong else None

    def silent(answer: Answer) -> str | None:
        grants = names(answer.json, GRANTS)
        left_out = grants is not None and "client_credentials" not in grants
        return "grant_types_supported without client_credentials, which works" if left_out else None

    judge.each(found, "arrays of strings", malformed, verdict="warning", nothing=_NONE)
    judge.each(found, "client_credentials in grant_types_supported", silent, verdict="warning", nothing=_NONE)
    advertised = {name for answer in found for name in names(answer.json, METHODS) or ()}
    # By its contract the client under test is registered for the method that its valid request uses.
    by_contract = (judge.contract.basic, judge.contract.profile.spec == "oauth21")
    for name, reply, registered in zip(
        ("client_secret_basic", "client_secret_post"), (basic, posted), by_contract, strict=True
    ):
        if name in advertised:
            reply.must_be(GRANTED, observe=None if registered else REFUSED)
