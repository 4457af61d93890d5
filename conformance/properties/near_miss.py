"""Near misses of the valid request: one or two mutations, each of which leaves nothing that may be granted.

A change that some row lets pass, warns on or observes is none and has no place here: Base64 that is spelled leniently,
white space that may be trimmed, repeated parameters, letter case of grant_type, a query instead of the body, JSON that
is labelled as such. Another media type alone is none either, since a server may read the form all the same: it only
stands beside a mutation that is wrong under every label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.expression import (
    EXPOSED_ID,
    EXPOSED_SECRET,
    SACRIFICIAL_ID,
    SCHEME,
    UNKNOWN_ID,
    UNKNOWN_SECRET,
    Credentials,
    Expression,
    form,
    literal,
)
from conformance.request import FORM, VALID, Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

GRANT = "client_credentials"
_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789_-."


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change that makes the request wrong.

    Attributes:
        words: what it is, after the ID of the requirement that owns it.
        apply: changes a template.
        whole_body: whether it replaces what the body is made of, so that nothing else in the body can be changed.
        unnamed: whether the form no longer names a grant type, which a profile may allow.
    """

    words: str
    apply: Callable[[Template], Template]
    whole_body: bool = False
    unnamed: bool = False


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A near miss; the defaults are the valid request, which is none.

    Attributes:
        client: mutation of the credentials or their scheme.
        grant: mutation of grant_type or of the body as a whole.
        label: another media type, which is wrong only beside one of the others.
    """

    client: Mutation | None = None
    grant: Mutation | None = None
    label: Mutation | None = None

    @property
    def mutations(self) -> tuple[Mutation, ...]:
        """Its mutations in the order in which they are applied; the grant lays down the body that others add to."""
        return tuple(one for one in (self.grant, self.client, self.label) if one is not None)

    @property
    def misses(self) -> bool:
        """Whether it is wrong in one or two places, none of which undoes another."""
        if self.client is None and self.grant is None:
            return False
        whole_bodies = sum(one.whole_body for one in (self.client, self.grant) if one is not None)
        beside = (self.client and self.grant) or self.label
        return len(self.mutations) <= 2 and not (whole_bodies and beside)

    @property
    def template(self) -> Template:
        """The request."""
        template = VALID
        for mutation in self.mutations:
            template = mutation.apply(template)
        return template

    def parts(self) -> Iterator[NearMiss]:
        """The near misses with one mutation each that it is made of."""
        if len(self.mutations) > 1:
            yield from (NearMiss(client=one) for one in (self.client,) if one is not None)
            yield from (NearMiss(grant=one) for one in (self.grant,) if one is not None)


def _presenting(value: Expression | str) -> Callable[[Template], Template]:
    return lambda template: template.replacing("Authorization", value)


def _client(client_id: Expression | str, secret: Expression = EXPOSED_SECRET) -> Callable[[Template], Template]:
    return lambda template: template.authorized(secret, client_id)


def _in_the_query(template: Template) -> Template:
    bare = template.removing("Authorization")
    return bare.with_query("client_id=" + EXPOSED_ID.form() + "&client_secret=" + EXPOSED_SECRET.form())


def _rescued(template: Template) -> Template:
    wrong = template.authorized(UNKNOWN_SECRET, UNKNOWN_ID)
    return wrong.adding_parameters("client_id=" + EXPOSED_ID.form(), "client_secret=" + EXPOSED_SECRET.form())


def _encoded(pair: Expression) -> Callable[[Template], Template]:
    return _presenting(SCHEME + pair.base64())


CLIENTS: tuple[Mutation, ...] = (
    Mutation("AUTH-007 no Authorization", lambda template: template.removing("Authorization")),
    Mutation("AUTH-009 an unknown client", _client(UNKNOWN_ID, UNKNOWN_SECRET)),
    Mutation("AUTH-009 an unknown client with a right secret", _client(UNKNOWN_ID)),
    Mutation("AUTH-013 an empty Authorization", _presenting("")),
    Mutation("AUTH-013 the word Basic alone", _presenting("Basic")),
    Mutation("AUTH-013 credentials of nothing but padding", _presenting(SCHEME + "====")),
    Mutation("AUTH-014 credentials of a colon alone", _encoded(literal(":"))),
    Mutation("AUTH-014 a right secret without an id", _client("")),
    Mutation("AUTH-014 a right secret without an id and a colon", _encoded(EXPOSED_SECRET)),
    Mutation("AUTH-021 right credentials in the query", _in_the_query),
    Mutation("AUTH-024 an unknown client with a NUL in its id", _client(UNKNOWN_ID + "\0", UNKNOWN_SECRET)),
    Mutation("AUTH-030 the placeholder of the samples", _presenting("<<Authorization>>")),
    Mutation("AUTH-032 right credentials in the body beside an unknown client", _rescued, whole_body=True),
    Mutation("AUTH-034 an id without its last character", _client(EXPOSED_ID.without_last())),
    # Two of them, so that no id is spelled like this.
    Mutation("AUTH-034 per cent signs in the place of its last character", _client(EXPOSED_ID.without_last() + "%%")),
    Mutation("AUTH-034 asterisks in the place of its last character", _client(EXPOSED_ID.without_last() + "**")),
    Mutation("AUTH-034 an id in another letter case", _client(EXPOSED_ID.case_swapped())),
    Mutation("AUTH-034 a blank behind the id", _client(EXPOSED_ID + " ")),
    Mutation("AUTH-034 a NUL before the id", _client("\0" + EXPOSED_ID)),
    Mutation("AUTH-034 a NUL behind the id", _client(EXPOSED_ID + "\0")),
)
"""Mutations of the credentials. None tries a wrong secret of the real client: servers lock clients for it."""

ALONE: tuple[Mutation, ...] = (
    Mutation("AUTH-009 the secret of another client", _client(SACRIFICIAL_ID, EXPOSED_SECRET.of_another())),
)
"""Mutations that are tried once: they may lock the client that is there for it."""

SCHEMES = ("Bearer", "Digest", "Negotiate", "Token", "Foo", "Basics")
"""Scheme words that neither profile knows, before credentials that are right."""


def _body(body: str | bytes) -> Callable[[Template], Template]:
    return lambda template: template.with_body(body)


def _parameters(*parameters: str | bytes) -> Callable[[Template], Template]:
    return lambda template: template.with_form(*parameters)


def _value(words: str, spelled: str | bytes) -> Mutation:
    return Mutation(words, _parameters(literal_octets("grant_type=") + literal_octets(spelled)))


def literal_octets(text: str | bytes) -> bytes:
    """Text in UTF-8; octets as they are."""
    return text.encode() if isinstance(text, str) else text


_PART = f'--b\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\n{GRANT}\r\n--b--\r\n'

GRANTS: tuple[Mutation, ...] = (
    Mutation("GRANT-001 no grant_type", _parameters("x_conformance=1"), unnamed=True),
    Mutation("GRANT-001 a grant_type in brackets", _parameters(f"grant_type[]={GRANT}"), unnamed=True),
    Mutation("GRANT-001 a grant_type with an index", _parameters(f"grant_type[0]={GRANT}"), unnamed=True),
    Mutation("GRANT-001 a hyphen in the name grant_type", _parameters(f"grant-type={GRANT}"), unnamed=True),
    Mutation("GRANT-001 no underscore in the name grant_type", _parameters(f"granttype={GRANT}"), unnamed=True),
    Mutation("GRANT-001 another letter in the name grant_type", _parameters(f"grant_types={GRANT}"), unnamed=True),
    Mutation("GRANT-001 a capital in the place of the low line", _parameters(f"grantType={GRANT}"), unnamed=True),
    Mutation("GRANT-002 an empty body", _body(""), whole_body=True, unnamed=True),
    Mutation("GRANT-003 an empty grant_type", _parameters("grant_type="), unnamed=True),
    Mutation("GRANT-003 a grant_type without an equals sign", _parameters("grant_type"), unnamed=True),
    _value("GRANT-004 two grants in one value", f"{GRANT}+password"),
    _value("GRANT-004 the grant with a letter behind it", f"{GRANT}s"),
    _value("GRANT-004 the grant with a letter before it", f"x{GRANT}"),
    _value("GRANT-004 the grant without its last letter", GRANT[:-1]),
    _value("GRANT-004 a hyphen in the grant", "client-credentials"),
    _value("GRANT-004 the grant without its low line", "clientcredentials"),
    _value("GRANT-004 two grants with a comma", f"{GRANT}%2Cpassword"),
    _value("GRANT-004 the grant as a URI", form(f"urn:ietf:params:oauth:grant-type:{GRANT}")),
    _value("GRANT-005 the password grant", "password"),
    _value("GRANT-005 the refresh grant", "refresh_token"),
    _value("GRANT-005 the code grant", "authorization_code"),
    _value("GRANT-005 the device grant", form("urn:ietf:params:oauth:grant-type:device_code")),
    _value("GRANT-008 full-width letters", form("".join(chr(ord(letter) + 0xFEE0) for letter in GRANT))),
    _value("GRANT-008 a long s in the grant", form(GRANT.replace("s", "\u017f"))),
    _value("GRANT-008 an i without its dot", form(GRANT.replace("i", "\u0131"))),
    _value("GRANT-008 an accent in the grant", form(GRANT.replace("e", "\u00e9", 1))),
    _value("GRANT-012 a NUL behind the grant", f"{GRANT}%00"),
    _value("GRANT-012 a NUL and a letter behind the grant", f"{GRANT}%00x"),
    _value("GRANT-012 a NUL in the grant", "client%00_credentials"),
    _value("BODY-016 a grant_type that is no text", "%ff%fe"),
    _value("BODY-016 a grant_type of raw octets", b"\xff\xfe"),
    Mutation("GRANT-001 a body in YAML", _body(f"grant_type: {GRANT}\n"), whole_body=True, unnamed=True),
    Mutation(
        "CTYPE-006 a body in JSON under the label of a form",
        _body(f'{{"grant_type":"{GRANT}"}}'),
        whole_body=True,
        unnamed=True,
    ),
    Mutation("CTYPE-006 a multipart body under the label of a form", _body(_PART), whole_body=True, unnamed=True),
)
"""Mutations of grant_type, and of the form as a whole."""


def _label(kind: str) -> Mutation:
    return Mutation(f"CTYPE-006 the label {kind}", lambda template: template.replacing("Content-Type", kind))


LABELS: tuple[Mutation, ...] = (
    *map(_label, ("application/json", "application/xml", "text/plain", "application/octet-stream", f"{FORM}x")),
    Mutation("CTYPE-004 no label", lambda template: template.removing("Content-Type")),
)
"""Media types beside which a request may only be refused for another reason."""


def _other_scheme(word: str) -> Mutation:
    return Mutation(
        f"AUTH-022 right credentials behind the word {word}",
        _presenting(Credentials(EXPOSED_ID, EXPOSED_SECRET, scheme=f"{word} ")),
    )


def _longer_id(sign: str, *, before: bool) -> Mutation:
    named = sign + EXPOSED_ID if before else EXPOSED_ID + sign
    return Mutation(f"AUTH-034 {sign} {'before' if before else 'behind'} the id", _client(named))


def _edited(edit: str, at: int, sign: str) -> str:
    """The grant with one edit at one place."""
    at %= len(GRANT)
    match edit:
        case "drop":
            return GRANT[:at] + GRANT[at + 1 :]
        case "insert":
            return GRANT[:at] + sign + GRANT[at:]
        case "replace":
            return GRANT[:at] + sign + GRANT[at + 1 :]
        case "swap":
            return GRANT[:at] + GRANT[at + 1 : at + 2] + GRANT[at] + GRANT[at + 2 :]
        case _:
            return GRANT[: at + 1]


def single(*, unnamed: bool) -> tuple[NearMiss, ...]:
    """Every near miss of one mutation that is no matter of chance.

    Args:
        unnamed: as for `strategy`.
    """
    longer = (_longer_id("x", before=before) for before in (False, True))
    clients = (*CLIENTS, *map(_other_scheme, SCHEMES), *longer, *ALONE)
    grants = (one for one in GRANTS if unnamed or not one.unnamed)
    return (*(NearMiss(client=one) for one in clients), *(NearMiss(grant=one) for one in grants))


def strategy(*, unnamed: bool) -> SearchStrategy[NearMiss]:
    """Near misses for Hypothesis.

    Args:
        unnamed: whether a request that names no grant type is one; not where a profile takes it for the only grant.
    """
    from hypothesis import strategies as st  # noqa: PLC0415 - it takes its time, and few runs need it

    signs = st.sampled_from(_SIGNS)
    clients = st.one_of(
        st.sampled_from(CLIENTS),
        st.sampled_from(SCHEMES).map(_other_scheme),
        st.builds(_longer_id, st.sampled_from("x0"), before=st.booleans()),
    )
    values = st.builds(
        _edited, st.sampled_from(("drop", "insert", "replace", "swap", "cut")), st.integers(0, len(GRANT) - 1), signs
    )
    grants = st.one_of(
        st.sampled_from(tuple(one for one in GRANTS if unnamed or not one.unnamed)),
        values.filter(lambda value: value != GRANT).map(lambda value: _value(f"GRANT-004 the grant {value}", value)),
    )
    drawn = st.builds(
        NearMiss,
        client=st.none() | clients,
        grant=st.none() | grants,
        label=st.none() | st.none() | st.sampled_from(LABELS),
    )
    return drawn.filter(lambda one: one.misses)
