"""Replies: the reading of an exchange, the outcomes it can have, and what a case says it must be."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from conformance.expression import visible
from conformance.reading import Message, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conformance.profiles import Profile
    from conformance.recording import Echo, Exchange, Token
    from conformance.target import Exposed

_CUT_OFF = ("header-too-large", "body-too-large")
_TIMEOUTS = ("connect-timeout", "first-byte-timeout", "exchange-timeout")


class DuplicateMembers(dict[str, Any]):
    """A JSON object in which a name occurred twice; the last value counts, as most parsers have it.

    Attributes:
        repeated: the names that occurred more than once.
    """

    repeated: frozenset[str] = frozenset()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    found = DuplicateMembers(plain)
    names = Counter(name for name, _ in pairs)
    found.repeated = frozenset(name for name, times in names.items() if times > 1)
    return found


# Most answers of a run are octet for octet the same, and each is read for judging, confirming and the reports.
_read = lru_cache(maxsize=256)(read)


@lru_cache(maxsize=256)
def _json(body: bytes) -> Any:
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        return json.loads(text, object_pairs_hook=_object, strict=False)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class Reading:
    """One recorded exchange, read.

    Attributes:
        exchange: what was sent and received.
    """

    exchange: Exchange

    @cached_property
    def message(self) -> Message | None:
        """The final response, as leniently as it can be read; ``None`` where nothing like one came."""
        return _read(self.exchange.answer, head=self.exchange.head, closed=self.exchange.ending == "closed")

    @cached_property
    def answered(self) -> bool:
        """Whether a final response came in time."""
        message = self.message
        if message is None or "interim-only" in message.anomalies:
            return False
        return message.complete or self.exchange.ending not in _TIMEOUTS

    @cached_property
    def status(self) -> int:
        """The status code; 0 without an answer."""
        return self.message.status if self.message is not None and self.answered else 0

    @property
    def token(self) -> Token | None:
        """The facts of a usable access token in a 2xx answer."""
        return self.exchange.token if 200 <= self.status < 300 else None

    @cached_property
    def granted(self) -> bool:
        """Whether the answer is a 2xx with something usable as an access token, whatever its form."""
        token = self.token
        return token is not None and token.length > 0

    @property
    def echoes(self) -> tuple[Echo, ...]:
        """Credentials found in the answer."""
        return self.exchange.echoes

    def values(self, name: str) -> tuple[str, ...]:
        """The values of every line of a field, trimmed."""
        return self._values.get(name.lower(), ())

    @cached_property
    def _values(self) -> dict[str, tuple[str, ...]]:
        # Many cases ask every answer for a field or two.
        found: dict[str, tuple[str, ...]] = {}
        for line in self.message.fields if self.message is not None else ():
            name = line.name.lower()
            found[name] = (*found.get(name, ()), line.value)
        return found

    @property
    def media_type(self) -> str:
        """Type and subtype of the answer in lower case, parameters left out; empty where there is none."""
        values = self.values("Content-Type")
        return values[0].partition(";")[0].strip().lower() if values else ""

    @property
    def body(self) -> bytes:
        """The content of the answer, transfer and content coding removed."""
        if self.coded:
            return self.exchange.content
        return self.message.body if self.message is not None else b""

    @cached_property
    def coded(self) -> bool:
        """Whether the content travelled in a content coding, such as gzip."""
        return any(value.lower() not in ("", "identity") for value in self.values("Content-Encoding"))

    @cached_property
    def unreadable(self) -> bool:
        """Whether the content travelled in a content coding that cannot be undone here."""
        return self.coded and not self.exchange.content and self.message is not None and bool(self.message.body)

    @cached_property
    def json(self) -> Any:
        """The content read as JSON; ``None`` where it is none. Names that occur twice give `DuplicateMembers`."""
        return _json(self.body)

    @property
    def error(self) -> str | None:
        """The ``error`` member of the answer, if it is a JSON object that has one with text in it."""
        found = self.json.get("error") if isinstance(self.json, dict) else None
        return found if isinstance(found, str) and found else None

    @property
    def rate_limited(self) -> bool:
        """Whether the server asked for less: 429, or 503 with Retry-After."""
        return self.status == 429 or (self.status == 503 and bool(self.values("Retry-After")))

    @property
    def outcome(self) -> tuple[object, ...]:
        """The class of the answer: granted, or its status and ``error``."""
        return ("granted",) if self.granted else (self.status, self.error)

    def words(self) -> str:
        """The answer in a few words, such as ``401 invalid_client``; nothing of it needs masking."""
        if not self.answered or self.message is None:
            return f"no answer ({self.exchange.detail or self.exchange.ending})"
        if self.status == 0 or self.exchange.ending in _CUT_OFF:
            return f"{self._content_in_words()} ({self.exchange.detail or self.exchange.ending})"
        return self._content_in_words()

    def _content_in_words(self) -> str:
        if self.granted:
            return f"{self.status} with a token"
        if self.error is not None:
            error = self.error if len(self.error) <= 40 else self.error[:40] + "..."
            return f"{self.status} {visible(error.encode('utf-8', 'replace'))}"
        if not self.body:
            return f"{self.status} without content"
        kind = self.media_type or "untyped"
        kind = kind if len(kind) <= 60 else kind[:60] + "..."
        return f"{self.status} with {visible(kind.encode('latin-1', 'replace'))} content"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A kind of answer; ``|`` joins several into one.

    Attributes:
        words: the outcome for people.
        matches: whether an answer is of that kind.
    """

    words: str
    matches: Callable[[Reading], bool] = field(repr=False, compare=False)

    def __or__(self, other: Outcome) -> Outcome:
        return Outcome(
            f"{self.words}, or {other.words}",
            lambda reading: self.matches(reading) or other.matches(reading),
        )


def refused(*codes: int) -> Outcome:
    """A refusal by one of some status codes, whatever its body says, without a token."""
    return Outcome(f"a refusal by {_either(codes)}", lambda reading: reading.status in codes and not reading.granted)


def error(code: str, *codes: int) -> Outcome:
    """A refusal that says one error code (RFC 6749, section 5.2); by 400 unless other status codes are named."""
    allowed = codes or (400,)
    return Outcome(
        f"{_either(allowed)} {code}",
        lambda reading: reading.status in allowed and reading.error == code,
    )


def _either(codes: Iterable[int]) -> str:
    *most, last = map(str, codes)
    return f"{', '.join(most)} or {last}" if most else last


GRANTED = Outcome("a token", lambda reading: reading.granted)
REFUSED = Outcome("any 4xx without a token", lambda reading: 400 <= reading.status < 500 and not reading.granted)
TOKENLESS = Outcome("2xx without a token", lambda reading: 200 <= reading.status < 300 and not reading.granted)
SUCCESS = Outcome("any 2xx", lambda reading: 200 <= reading.status < 300)
REDIRECTED = Outcome("any 3xx", lambda reading: 300 <= reading.status < 400)
INVALID_REQUEST = error("invalid_request")
INVALID_CLIENT = error("invalid_client", 400, 401)
INVALID_CLIENT_401 = error("invalid_client", 401)
INVALID_SCOPE = error("invalid_scope")
UNSUPPORTED_GRANT_TYPE = error("unsupported_grant_type")
NO_TLS = Outcome(
    "a refused TLS handshake", lambda reading: reading.exchange.ending == "tls-refused" and reading.exchange.tls is None
)
"""The server ended the handshake; one that fails for a reason of ours, or without word of the server, is none."""
TLS = Outcome("a TLS handshake", lambda reading: reading.exchange.tls is not None)
BARE_400 = Outcome("any other 400", lambda reading: reading.status == 400)


@dataclass(frozen=True, slots=True)
class Note:
    """What an expectation found in one answer.

    Attributes:
        verdict: ``passed``, ``observed``, ``warning``, ``unmet``, ``failed`` or ``inconclusive``; what ``unmet`` comes
            to, the level of the requirement says.
        expected: what would have been right.
        actual: what came.
        stimulus: name of the stimulus, empty where the finding is about no single one.
        exchanges: numbers of the exchanges that show it.
        subject: what it is about where that is neither endpoint nor edge.
    """

    verdict: str
    expected: str
    actual: str
    stimulus: str = ""
    exchanges: tuple[int, ...] = ()
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """What judgement needs to know of the profile and the target.

    Attributes:
        profile: the contract that the target claims.
        token_path: path of the token endpoint at the target.
        loopback: whether the target is on this machine.
        exposed: whose credentials travelled where servers log them: those of the ``client`` under test, of the
            ``sacrificial`` one, or ``invented`` ones.
        scope: the configured scope, if any.
        forwarded: whether a proxy reads the requests and writes them anew.
        base_url: base URL of the target.
    """

    profile: Profile
    token_path: str
    loopback: bool
    exposed: Exposed
    scope: str | None = None
    forwarded: bool = False
    base_url: str = ""

    @property
    def basic(self) -> bool:
        """Whether credentials travel by the Basic scheme."""
        return self.profile.authorization == "basic"

    @property
    def exposed_works(self) -> bool:
        """Whether the credentials that travelled where servers log them are those of a registered client."""
        return self.exposed != "invented"


@dataclass
class Judgement:
    """What a case says about a run: notes, traits, and why it could not be judged.

    Attributes:
        contract: what the target claims and how it is reached.
        answers: every answer of the run, controls and generated ones included.
        notes: what the expectations found, in order.
        traits: observed choices by name.
        absent: why stimuli of the case have no answer.
        not_applicable: why the case does not apply to this target.
        fatal: unanswered requests after which the valid request was not answered either.
        issued: every answer with a token, also where `answers` holds repeated requests alone.
        limited: every answer by 429 or 503, whatever stood beside it.
    """

    contract: Contract
    answers: tuple[Answer, ...] = ()
    notes: list[Note] = field(default_factory=list)
    traits: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    not_applicable: str = ""
    fatal: tuple[Answer, ...] = ()
    issued: tuple[Answer, ...] = ()
    limited: tuple[Answer, ...] = ()

    def trait(self, name: str, value: str) -> None:
        """Records an observed choice; the catalogue row declares its name and values."""
        self.traits[name] = value

    def does_not_apply(self, reason: str) -> None:
        """Says that the requirement does not apply to this target, and what to configure so that it does."""
        self.not_applicable = self.not_applicable or reason

    def cannot_tell(self, reason: str) -> None:
        """Says that the answers do not decide the requirement."""
        self.notes.append(Note("inconclusive", "", reason))

    def observes_of_the_document(self, expected: str, actual: str) -> None:
        """Says what is odd about the published document, whatever the target does."""
        self.notes.append(Note("observed", expected, actual, subject="document"))

    def passes(self, expected: str) -> None:
        """Says that what an invariant looks at was there and was right."""
        self.notes.append(Note("passed", expected, expected))

    def each(
        self,
        answers: Iterable[Answer],
        expected: str,
        flaw: Callable[[Answer], str | None],
        *,
        verdict: str = "unmet",
        nothing: str = "",
    ) -> None:
        """Judges one by one the answers that an invariant is about.

        Args:
            answers: the ones it is about.
            expected: what must hold for each.
            flaw: what is wrong with an answer, in words that are equal for equal flaws; ``None`` where it is right.
            verdict: what a flaw comes to.
            nothing: why the requirement does not apply where there is no answer to look at.
        """
        flaws: dict[str, list[Answer]] = {}
        seen = False
        for answer in answers:
            seen = True
            found = flaw(answer)
            if found is not None:
                flaws.setdefault(found, []).append(answer)
        for found, witnesses in flaws.items():
            numbers = tuple(answer.exchange.number for answer in witnesses)
            self.notes.append(Note(verdict, expected, found, witnesses[0].label, numbers))
        if seen and not flaws:
            self.passes(expected)
        elif not seen:
            self.does_not_apply(nothing or "no answer of the run shows it")


@dataclass(frozen=True)
class Answer(Reading):
    """An answer in its run.

    Attributes:
        supported: whether the nearest controls before and after it were granted, so that a refusal says something.
        cases: IDs of the cases whose stimulus it answers.
        fatal: whether neither it nor the control after it was answered.
    """

    supported: bool = True
    cases: frozenset[str] = frozenset()
    fatal: bool = False

    @property
    def label(self) -> str:
        """The stimulus in words."""
        return self.exchange.label

    @property
    def generated(self) -> bool:
        """Whether the request was drawn, not written."""
        return self.exchange.role not in ("control", "stimulus")


@dataclass(frozen=True)
class Reply:
    """The reply to one stimulus of a case, and what the case says about it.

    Attributes:
        name: name of the stimulus in the case.
        answer: the answer; ``None`` where the stimulus was not sent.
        judgement: where expectations note what they find.
        absent: why there is no answer.
        applicable: whether the absence is the target's (a missing setting) and no failure to observe.
    """

    name: str
    answer: Answer | None
    judgement: Judgement = field(repr=False)
    absent: str = ""
    applicable: bool = True

    @property
    def usable(self) -> bool:
        """Whether the answer can be judged: not rate-limited, and a refusal stands beside granted controls."""
        return self.answer is not None and not self._doubt()

    @property
    def granted(self) -> bool:
        """Whether a token came back."""
        return self.answer is not None and self.answer.granted

    @property
    def status(self) -> int:
        """The status code; 0 without an answer."""
        return self.answer.status if self.answer is not None else 0

    @property
    def error(self) -> str | None:
        """The ``error`` member, if there is one."""
        return self.answer.error if self.answer is not None else None

    @property
    def outcome(self) -> tuple[object, ...]:
        """The class of the answer: granted, or its status and ``error``."""
        return self.answer.outcome if self.answer is not None else ()

    def was(self, outcome: Outcome) -> bool:
        """Whether the answer can be judged and is of that kind."""
        return self.usable and self.answer is not None and outcome.matches(self.answer)

    def shows(self, trait: str, *, granted: str = "accepted", refused: str = "refused") -> None:
        """Records a choice by whether the answer is a token or a 4xx; any other answer says nothing of it.

        Args:
            trait: its name, as the catalogue row declares it.
            granted: its value where a token came.
            refused: its value where a 4xx came.
        """
        if self.was(GRANTED | REFUSED):
            self.judgement.trait(trait, granted if self.granted else refused)

    def must_be(
        self,
        passes: Outcome,
        *,
        warn: Outcome | None = None,
        observe: Outcome | None = None,
        fail: Outcome | None = None,
    ) -> None:
        """Says what the answer must be; it never stops the case, the worst note gives the verdict.

        The narrower statement wins: ``fail`` over ``observe`` over ``warn`` over ``passes``. A 5xx and no answer at all
        fail unless they are listed. Any other answer gets what the level of the requirement gives.

        Args:
            passes: what conforms.
            warn: what gives a warning whatever the level.
            observe: what is only noted.
            fail: what fails whatever the level.
        """
        expected = passes.words
        if self._absence(expected):
            return
        answer = self.answer
        assert answer is not None
        listed = (("failed", fail), ("observed", observe), ("warning", warn), ("passed", passes))
        verdict = next((name for name, outcome in listed if outcome is not None and outcome.matches(answer)), "")
        if not verdict:
            verdict = "failed" if answer.status >= 500 or not answer.answered else "unmet"
        self._note(verdict, expected, answer.words())

    def must_have_the_outcome_of(
        self, other: Reply, *, or_be: Outcome | None = None, warn_otherwise: bool = False
    ) -> None:
        """Says that the answer must be of the class of another: both granted, or status and ``error`` alike.

        Args:
            other: the reply it is compared with.
            or_be: what conforms whatever the other is.
            warn_otherwise: whether a difference is only a warning; a 5xx or no answer still fails.
        """
        if or_be is not None and self.usable and self.answer is not None and or_be.matches(self.answer):
            self._note("passed", or_be.words, self.answer.words())
            return
        if self._absence(f"the outcome of {other.name}") or other._absence("", silent=True):
            return
        assert self.answer is not None
        assert other.answer is not None
        expected = f"the outcome of {other.name}: {other.answer.words()}"
        if self.answer.outcome == other.answer.outcome:
            # Two equal crashes are equal, and still crashes: that is the finding of the other reply's own case.
            self._note("passed", expected, self.answer.words())
        else:
            broken = self.answer.status >= 500 or not self.answer.answered
            verdict = "failed" if broken else "warning" if warn_otherwise else "unmet"
            expected = expected if or_be is None else f"{or_be.words}, or {expected}"
            self._note(verdict, expected, self.answer.words(), other)

    def _doubt(self) -> str:
        """Why the answer says nothing, if it does not."""
        answer = self.answer
        if answer is None:
            return self.absent
        if answer.rate_limited:
            return f"the server limits the rate: {answer.words()}"
        if not answer.granted and not answer.supported:
            return f"{answer.words()}, but a control beside it was not granted either"
        return ""

    def _absence(self, expected: str, *, silent: bool = False) -> bool:
        doubt = self._doubt()
        if not doubt:
            return False
        if self.answer is None and self.applicable is False:
            self.judgement.absent[self.name] = doubt
        elif not silent:
            self._note("inconclusive", expected, doubt)
        else:
            self.judgement.notes.append(Note("inconclusive", expected, f"{self.name}: {doubt}", self.name))
        return True

    def _note(self, verdict: str, expected: str, actual: str, other: Reply | None = None) -> None:
        numbers = tuple(
            reply.answer.exchange.number for reply in (self, other) if reply is not None and reply.answer is not None
        )
        self.judgement.notes.append(Note(verdict, expected, actual, self.name, numbers))


@dataclass(frozen=True, slots=True)
class Replies:
    """Several replies of which the same is said."""

    members: tuple[Reply, ...]

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answers of those that were sent, in order."""
        return tuple(reply.answer for reply in self.members if reply.answer is not None)

    def __iter__(self) -> Iterator[Reply]:
        return iter(self.members)

    def are_absent(self, expected: str) -> bool:
        """Says why none of them was sent; whether that is so."""
        if self.answers or not self.members:
            return not self.answers
        self.members[0].must_be(Outcome(expected, lambda _: False))
        return True

    def must_be(
        self,
        passes: Outcome,
        *,
        warn: Outcome | None = None,
        observe: Outcome | None = None,
        fail: Outcome | None = None,
    ) -> None:
        """Says of every one what `Reply.must_be` says of one."""
        for reply in self.members:
            reply.must_be(passes, warn=warn, observe=observe, fail=fail)


def every(*replies: Reply) -> Replies:
    """Several replies, to say the same of each."""
    return Replies(replies)
