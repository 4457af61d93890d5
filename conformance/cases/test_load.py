"""Load: many requests at once, many after one another, and what a server says when it wants fewer."""

import re
from collections.abc import Sequence
from statistics import median

from conformance.case import case
from conformance.cases.stimuli import SACRIFICED
from conformance.cases.test_http_connection import IMF_FIXDATE
from conformance.expression import SACRIFICIAL_ID, UNKNOWN_ID, UNKNOWN_SECRET
from conformance.reply import REFUSED, Answer, Judgement, Note, Reading, Replies, Reply
from conformance.request import VALID
from conformance.series import Series, wants_less

PAIRS = 9
"""Pairs of an unknown client and a wrong secret whose times are compared."""

ENOUGH = 5
"""Pairs that say something where not all were answered."""

RATIO, DIFFERENCE = 3.0, 0.020
"""How many times longer one of the two takes, and by how many seconds, where the times give it away."""

TRIES = 30
"""Wrong secrets after which nothing more is tried."""

GROWN, GROWTH = 3, 0.2
"""Answers in a row that took that many times as long as the first ones, and that many seconds longer."""

WRONG_SECRET = VALID.authorized(UNKNOWN_SECRET, SACRIFICIAL_ID)
"""The client that may be locked, with a secret that is invented afresh for each copy."""

UNKNOWN_CLIENT = VALID.authorized(UNKNOWN_SECRET, UNKNOWN_ID)

_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = r"[0-2][0-9]:[0-5][0-9]:[0-6][0-9]"
RETRY_AFTER = re.compile(
    rf"[0-9]+|{IMF_FIXDATE.pattern}"
    rf"|{_DAY}[a-z]*day, [0-3][0-9]-{_MONTH}-[0-9]{{2}} {_TIME} GMT"
    rf"|{_DAY} {_MONTH} [ 0-3][0-9] {_TIME} [0-9]{{4}}"
)
"""A number of seconds, or a date in one of the three formats of HTTP (RFC 9110, sections 10.2.3 and 5.6.7)."""


def waited(reading: Reading) -> float:
    """Seconds from the end of the request to the first octet of its answer."""
    exchange = reading.exchange
    return max((exchange.first_byte or exchange.duration) - (exchange.sent_all or 0.0), 0.0)


def throttled(readings: Sequence[Reading]) -> str:
    """The first sign that guessing is met, in words: a limit, another answer than at first, or answers that slow down.

    Args:
        readings: the answers to wrong secrets of one client, in order.
    """
    less = wants_less(readings)
    if less or not readings:
        return less
    first = readings[0]
    for reading in readings[1:]:
        if 0 < reading.status < 500 and reading.outcome != first.outcome:
            return f"the answer changed from {first.words()} to {reading.words()}"
        if any(reading.values("Retry-After")):
            return f"{reading.words()} with Retry-After"
    usual = max(map(waited, readings[:GROWN]))
    late = [waited(reading) for reading in readings[-GROWN:]]
    grown = len(readings) >= 2 * GROWN and all(time > GROWN * usual and time - usual > GROWTH for time in late)
    return f"the answers take longer: {usual:.2f} s at first, {min(late):.2f} s or more in the end" if grown else ""


@case("LOAD-001", burst=Series((VALID,), 30, at_once=10))
def test_a_small_burst_is_served(burst: Replies, judge: Judgement) -> None:
    expected = "a token, 429, or 503 with Retry-After for each of ten requests side by side"
    if burst.are_absent(expected):
        return
    served = [one for one in burst.answers if one.granted or one.rate_limited]
    others = [one for one in burst.answers if one not in served]
    telling = [one for one in others if one.supported]

    judge.each((*served, *telling), expected, lambda answer: answer.words() if answer in telling else None)
    for one in others:
        if one not in telling:
            judge.cannot_tell(f"{one.words()}, but a control beside the burst was not granted either")
    limited = sum(one.rate_limited for one in served)
    if limited:
        words = f"{len(served) - limited} tokens, and {limited} answers that limit the rate"
        judge.notes.append(Note("passed", expected, words))


@case("LOAD-002")
def test_an_answer_that_asks_for_less_explains_itself(judge: Judgement) -> None:
    nothing = "no answer of the run is a 429 or 503"

    def malformed(answer: Answer) -> str | None:
        value = ", ".join(answer.values("Retry-After"))
        stands = any(True for _ in answer.values("Retry-After"))
        return (
            "a Retry-After that is neither a date nor seconds" if stands and not RETRY_AFTER.fullmatch(value) else None
        )

    def unexplained(answer: Answer) -> str | None:
        silent = answer.status == 429 and not answer.body and not answer.exchange.head
        return "429 without content" if silent else None

    judge.each(
        judge.limited, "Retry-After: absent, a date, or whole seconds", malformed, verdict="failed", nothing=nothing
    )
    judge.each(judge.limited, "content that explains a 429", unexplained, nothing=nothing)


def ended(readings: Sequence[Reading]) -> str:
    """Why no further secret is tried: a sign, or an answer that is none."""
    broken = [reading.words() for reading in readings if reading.status >= 500 or not reading.answered]
    return throttled(readings) or next(iter(broken), "")


@case(
    "LOAD-003",
    before=SACRIFICED,
    tries=Series((WRONG_SECRET,), TRIES, locks=True, sign=ended),
    after=Series((SACRIFICED,), 1, locks=True),
)
def test_guessing_a_secret_is_slowed_down(before: Reply, tries: Replies, after: Replies, judge: Judgement) -> None:
    expected = "a sign that guessing is met"
    if tries.are_absent(expected):
        return
    if before.usable and not before.granted:
        judge.cannot_tell("the sacrificial client was refused before the first wrong secret: unlock it")
        return
    sign, last = throttled(tries.answers), tries.answers[-1]
    refused = [one for one in after.answers if before.granted and 0 < one.status < 500 and not one.granted]
    if sign:
        judge.notes.append(Note("passed", expected, f"{sign}, at try {len(tries.answers)}"))
    elif refused:
        words = f"the right secret is refused after {len(tries.answers)} wrong ones: {refused[0].words()}"
        judge.notes.append(Note("passed", expected, words))
    elif last.status >= 500 or not last.answered:
        judge.cannot_tell(f"{last.words()} at try {len(tries.answers)}")
    else:
        judge.cannot_tell(f"no sign in {len(tries.answers)} wrong secrets, which does not show that there is no limit")


@case("AUTH-037", pairs=Series((UNKNOWN_CLIENT, WRONG_SECRET), 2 * PAIRS, locks=True))
def test_an_unknown_client_and_a_wrong_secret_take_the_same_time(pairs: Replies, judge: Judgement) -> None:
    expected = "about the same time for both"
    if pairs.are_absent(expected):
        return
    members = pairs.members
    usable = [
        (unknown.answer, wrong.answer)
        for unknown, wrong in zip(members[::2], members[1::2], strict=True)
        if unknown.was(REFUSED) and wrong.was(REFUSED) and unknown.answer is not None and wrong.answer is not None
    ]
    if len(usable) < ENOUGH:
        judge.cannot_tell(f"no more than {len(usable)} of {PAIRS} pairs were refused as a wrong secret is")
        return
    unknown, wrong = (median(waited(pair[at]) for pair in usable) for at in (0, 1))
    less, more = sorted((unknown, wrong))
    apart = more > RATIO * less and more - less > DIFFERENCE
    slower = "a wrong secret" if wrong > unknown else "an unknown client"
    # The times themselves, which stand with the exchanges, are others each time.
    words = f"{slower} takes more than {RATIO:g} times as long" if apart else expected
    numbers = tuple(answer.exchange.number for pair in usable for answer in pair)
    judge.notes.append(Note("warning" if apart else "passed", expected, words, "pairs", numbers if apart else ()))
