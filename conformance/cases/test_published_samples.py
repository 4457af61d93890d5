"""Published samples: what they put on the wire, what comes of it, and the request as common clients write it."""

from conformance.case import case
from conformance.cases.stimuli import SACRIFICED
from conformance.cases.test_cross_origin import FOREIGN
from conformance.cases.test_grant_type import by_default
from conformance.expression import (
    CLIENT_ID,
    EXPOSED_ID,
    EXPOSED_SECRET,
    HOST,
    ORIGIN,
    SECRET,
    USER_AGENT,
    Credentials,
)
from conformance.reply import (
    BARE_400,
    GRANTED,
    INVALID_CLIENT,
    INVALID_REQUEST,
    REFUSED,
    Judgement,
    Outcome,
    Reply,
    every,
    refused,
)
from conformance.request import FORM, VALID

RIGHT = Credentials(CLIENT_ID, SECRET)
EXPOSED = Credentials(EXPOSED_ID, EXPOSED_SECRET)

# requests 2.34.2 with urllib3 2.7.0
PYTHON = VALID.with_fields(
    ("Host", HOST),
    ("User-Agent", "python-requests/2.34.2"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Accept", "*/*"),
    ("Connection", "keep-alive"),
    ("Content-Type", FORM),
    ("Authorization", EXPOSED),
    ("Content-Length", None),
).with_body("")
"""The Python sample with an absolute URL and without blanks before values."""

# Chromium 156 with jQuery 4.0.0
JAVASCRIPT = VALID.with_fields(
    ("Host", HOST),
    ("Connection", "keep-alive"),
    ("Content-Length", None),
    ("Authorization", EXPOSED),
    ("X-Requested-With", "XMLHttpRequest"),
    ("User-Agent", USER_AGENT),
    ("Accept", "*/*"),
    ("Content-Type", FORM),
    ("Origin", ORIGIN),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
).with_body("")
"""The JavaScript sample from the origin of the endpoint, without the fields by which a browser describes itself."""

# rest-client 2.1.0 on ruby 3.1.7
RUBY = VALID.with_fields(
    ("Accept", "*/*"),
    ("User-Agent", "rest-client/2.1.0 (linux-gnu x86_64) ruby/3.1.7p261"),
    ("Content-Length", None),
    ("Content-Type", FORM),
    ("Accept-Encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"),
    ("Host", HOST),
).with_body(
    "params&headers[Accept]=*%2F*&headers[Content-Type]=+application%2Fx-www-form-urlencoded&headers[Authorization]=+"
    + EXPOSED.form()
)
"""The Ruby sample with an absolute URL: its header fields are parameters."""

# OpenJDK 17.0.15
JAVA = VALID.with_fields(
    ("User-Agent", "Java/17.0.15"),
    ("Host", HOST),
    ("Accept", "text/html, image/gif, image/jpeg, */*; q=0.2"),
    ("Connection", "keep-alive"),
).without_body()
"""The Java sample with an absolute URL."""

# Go 1.19.8
GO = VALID.with_fields(
    ("Host", HOST),
    ("User-Agent", "Go-http-client/1.1"),
    ("Content-Length", None),
    ("Accept", "*/*"),
    ("Authorization", RIGHT),
    ("Content-Type", FORM),
    ("Content-Type", FORM),
    ("Accept-Encoding", "gzip"),
)
"""The Go sample with both values of Content-Type in one slice, and a body."""

GO_WITHOUT_BODY = VALID.with_fields(
    ("Host", HOST),
    ("User-Agent", "Go-http-client/1.1"),
    ("Content-Length", None),
    ("Accept", "*/*"),
    ("Authorization", EXPOSED),
    ("Content-Type", FORM),
    ("Accept-Encoding", "gzip"),
).with_body("")
"""The Go sample with one of the two and its buffer left empty, which is the least that makes it compile."""

UNFINISHED = INVALID_REQUEST | BARE_400 | refused(411)
NO_CLIENT = INVALID_CLIENT | INVALID_REQUEST | refused(400, 401)


def told_what_is_missing(judge: Judgement, sacrificed: Reply) -> Outcome:
    """What may come of a request with exposed credentials and without a grant type."""
    works = judge.contract.exposed == "client" or sacrificed.granted
    return by_default(UNFINISHED if works else UNFINISHED | INVALID_CLIENT, judge)


@case("DOC-001")
def test_the_python_sample_sends_a_request(judge: Judgement) -> None:
    judge.observes_of_the_document(
        "a sample that sends the documented request",
        "nothing is sent: Python 3 does not compile it (print without parentheses); mended, requests refuses the URL "
        "without a scheme, and then the blank before a header value",
    )


@case("DOC-002", python=PYTHON, sacrificed=SACRIFICED)
def test_the_python_sample_is_told_what_is_missing(python: Reply, sacrificed: Reply, judge: Judgement) -> None:
    python.must_be(told_what_is_missing(judge, sacrificed))


@case("DOC-003", script=JAVASCRIPT, sacrificed=SACRIFICED, foreign=FOREIGN)
def test_the_javascript_sample_is_told_what_is_missing(
    script: Reply, sacrificed: Reply, foreign: Reply, judge: Judgement
) -> None:
    right = told_what_is_missing(judge, sacrificed)
    # Who refuses the valid request for its Origin refuses this one for the same reason.
    script.must_be(right | refused(foreign.status) if foreign.was(REFUSED) else right)


@case("DOC-004", ruby=RUBY)
def test_the_ruby_sample_is_refused(ruby: Reply) -> None:
    ruby.must_be(NO_CLIENT)


@case("DOC-005", java=JAVA, authorized=JAVA.adding("Authorization", EXPOSED), sacrificed=SACRIFICED)
def test_the_java_sample_is_refused(java: Reply, authorized: Reply, sacrificed: Reply, judge: Judgement) -> None:
    unread = refused(405, 411, 415)
    java.must_be(NO_CLIENT | unread)
    authorized.must_be(told_what_is_missing(judge, sacrificed) | unread)


@case("DOC-006", repaired=GO, shortened=GO_WITHOUT_BODY, sacrificed=SACRIFICED)
def test_the_go_sample_is_granted(repaired: Reply, shortened: Reply, sacrificed: Reply, judge: Judgement) -> None:
    promised = judge.contract.profile.duplicate_content_type == "accept"
    repaired.must_be(GRANTED, warn=None if promised else REFUSED)
    shortened.must_be(told_what_is_missing(judge, sacrificed))
    judge.observes_of_the_document(
        "a sample that compiles",
        "it does not: a map literal has one key twice, jsonReq is not defined, and variables are not used",
    )


@case(
    "DOC-007",
    requests=VALID.with_fields(
        ("Host", HOST),
        ("User-Agent", "python-requests/2.34.2"),
        ("Accept-Encoding", "gzip, deflate"),
        ("Accept", "*/*"),
        ("Connection", "keep-alive"),
        ("Content-Type", FORM),
        ("Authorization", RIGHT),
        ("Content-Length", None),
    ),
    urllib3=VALID.with_fields(
        ("Host", HOST),
        ("Accept-Encoding", "identity"),
        ("Content-Length", None),
        ("User-Agent", "python-urllib3/2.8.0"),
        ("Content-Type", FORM),
        ("Accept", "*/*"),
        ("Authorization", RIGHT),
    ),
    http_client=VALID.with_fields(
        ("Host", HOST),
        ("Accept-Encoding", "identity"),
        ("Content-Length", None),
        ("Content-Type", FORM),
        ("Accept", "*/*"),
        ("Authorization", RIGHT),
    ),
    fetch=VALID.with_fields(
        ("host", HOST),
        ("connection", "keep-alive"),
        ("Content-Type", FORM),
        ("Accept", "*/*"),
        ("Authorization", RIGHT),
        ("accept-language", "*"),
        ("sec-fetch-mode", "cors"),
        ("user-agent", "node"),
        ("accept-encoding", "gzip, deflate"),
        ("content-length", None),
    ),
    java=VALID.with_fields(
        ("Content-Type", FORM),
        ("Authorization", RIGHT),
        ("User-Agent", "Java/17.0.15"),
        ("Host", HOST),
        ("Accept", "text/html, image/gif, image/jpeg, */*; q=0.2"),
        ("Connection", "keep-alive"),
        ("Content-Length", None),
    ),
    go=VALID.with_fields(
        ("Host", HOST),
        ("User-Agent", "Go-http-client/1.1"),
        ("Content-Length", None),
        ("Accept", "*/*"),
        ("Authorization", RIGHT),
        ("Content-Type", FORM),
        ("Accept-Encoding", "gzip"),
    ),
    rest_client=VALID.with_fields(
        ("Accept", "*/*"),
        ("User-Agent", "rest-client/2.1.0 (linux-gnu x86_64) ruby/3.1.2p20"),
        ("Content-Type", FORM),
        ("Authorization", RIGHT),
        ("Content-Length", None),
        ("Accept-Encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"),
        ("Host", HOST),
    ),
    curl=VALID.with_fields(
        ("Host", HOST),
        ("User-Agent", "curl/7.88.1"),
        ("Accept", "*/*"),
        ("Authorization", RIGHT),
        ("Content-Length", None),
        ("Content-Type", FORM),
    ),
)
def test_the_request_of_each_client_is_granted(
    requests: Reply,
    urllib3: Reply,
    http_client: Reply,
    fetch: Reply,
    java: Reply,
    go: Reply,
    rest_client: Reply,
    curl: Reply,
) -> None:
    every(requests, urllib3, http_client, fetch, java, go, rest_client, curl).must_be(GRANTED)
