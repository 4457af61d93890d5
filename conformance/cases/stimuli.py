"""Requests that several cases look at; each is sent once a run."""

from conformance.expression import (
    CLIENT_ID,
    SACRIFICIAL_ID,
    SACRIFICIAL_SECRET,
    SECRET,
    UNKNOWN_ID,
    UNKNOWN_SECRET,
    Expression,
)
from conformance.request import FORM, VALID, Template

# Client authentication

NO_CREDENTIALS = VALID.removing("Authorization")
"""No client authentication at all."""

WRONG_SECRET = VALID.authorized(SECRET + "x")
"""The real client with one character too many in its secret."""

UNKNOWN_CLIENT = VALID.authorized(UNKNOWN_SECRET, UNKNOWN_ID)
"""An invented client with an invented secret."""

RIGHT_IN_BODY = ("client_id=" + CLIENT_ID.form(), "client_secret=" + SECRET.form())
"""The two parameters that authenticate the real client from the body (RFC 6749, section 2.3.1)."""

BODY_CREDENTIALS = NO_CREDENTIALS.adding_parameters(*RIGHT_IN_BODY)
"""The right credentials in the body instead of Authorization."""

UNKNOWN_IN_BODY = NO_CREDENTIALS.adding_parameters(
    "client_id=" + UNKNOWN_ID.form(), "client_secret=" + UNKNOWN_SECRET.form()
)
"""An invented client in the body instead of Authorization."""

OTHER_SCHEME = VALID.replacing("Authorization", "Foo bar")
"""An authentication scheme that nobody has."""

SACRIFICED = VALID.authorized(SACRIFICIAL_SECRET, SACRIFICIAL_ID)
"""The valid request of the client that may be locked."""


def posting(client_id: Expression, secret: Expression) -> Template:
    """The valid request of a client whose credentials stand in the body instead of Authorization."""
    return NO_CREDENTIALS.adding_parameters("client_id=" + client_id.form(), "client_secret=" + secret.form())


# Content-Type

SAME_CONTENT_TYPE_TWICE = VALID.adding("Content-Type", FORM)
"""Two Content-Type lines with the same value."""

# Grant type and scope

NO_GRANT_TYPE = VALID.with_form("x_probe=1")
"""A form that does not name a grant type."""

UNKNOWN_GRANT = VALID.with_form("grant_type=conformance_bogus")
"""A grant type that no server knows."""

UNKNOWN_SCOPE_NAME = "conformance-bogus-5f0c81d29ab4"
"""A scope that no server knows."""

UNKNOWN_SCOPE = VALID.with_form("grant_type=client_credentials", f"scope={UNKNOWN_SCOPE_NAME}")
"""The valid request for an unknown scope alone."""

# Method

GET_REQUEST = (
    VALID.with_method("GET").with_query("grant_type=client_credentials").removing("Content-Type").without_body()
)
"""The token request as GET, its parameter in the query."""
