"""What holds for the hand-picked requests holds for the many that nobody thought of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.case import GENERATED, case
from conformance.expression import visible
from conformance.properties.spelling import JOINT

if TYPE_CHECKING:
    from conformance.reply import Answer, Judgement


NONE_DRAWN = "no request was generated (--examples 0)"


def culprits(answer: Answer, alone: set[str]) -> str:
    """What a request deviates in, in words, and of that nothing else than what shows the same alone.

    Args:
        answer: the answer to it.
        alone: single deviations that show it.
    """
    parts = answer.exchange.how.split(JOINT)
    shown = [part for part in parts if part in alone] or parts
    return " and ".join(part.partition(" ")[2] for part in shown)


@case("GEN-001", generated=("spelling",))
def test_every_legal_spelling_is_granted(judge: Judgement) -> None:
    spelled = _generated(judge, "spelling")
    alone = {answer.exchange.how for answer in spelled if JOINT not in answer.exchange.how and not answer.granted}

    def flaw(answer: Answer) -> str | None:
        # Who wants a length may say so (RFC 9112, section 6.3).
        unmeasured = answer.status == 411 and b"\r\nTransfer-Encoding: " in answer.exchange.sent
        right = answer.granted or answer.rate_limited or unmeasured
        return None if right else f"{answer.words()} for {culprits(answer, alone)}"

    judge.each(spelled, "a token for every legal spelling of the valid request", flaw, nothing=NONE_DRAWN)


@case("GEN-002", generated=("near_miss",))
def test_no_near_miss_is_granted(judge: Judgement) -> None:
    missing = _generated(judge, "near_miss")
    alone = {answer.exchange.how for answer in missing if JOINT not in answer.exchange.how and answer.granted}

    def flaw(answer: Answer) -> str | None:
        return f"a token for {culprits(answer, alone)}" if answer.granted else None

    judge.each(missing, "no token for any request that is wrong in a place or two", flaw, nothing=NONE_DRAWN)


@case("GEN-003", generated=GENERATED)
def test_no_generated_request_gets_a_server_error(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        unimplemented = answer.status == 501 and not answer.exchange.sent.startswith(b"POST ")
        return answer.words() if answer.status >= 500 and not unimplemented and not answer.rate_limited else None

    judge.each(_generated(judge), "a status below 500 for every generated request", flaw, nothing=NONE_DRAWN)


@case("GEN-004", generated=GENERATED)
def test_every_generated_request_is_answered_in_time(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        return None if answer.answered else answer.words()

    judge.each(_generated(judge), "an answer within the timeout to every generated request", flaw, nothing=NONE_DRAWN)


@case("GEN-005", generated=GENERATED)
def test_no_answer_to_a_generated_request_holds_a_secret(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        if answer.echoes:
            echo = answer.echoes[0]
            return f"{echo.credential} in the {echo.place}, as {echo.spelling}"
        members = answer.json if isinstance(answer.json, dict) else {}
        tokens = [name for name in ("access_token", "refresh_token") if name in members]
        return f"an error answer with {tokens[0]}" if answer.status >= 400 and tokens else None

    judge.each(_generated(judge), "no credential in any answer, no token in an error", flaw, nothing=NONE_DRAWN)


@case("GEN-006", generated=("description",))
def test_answers_match_the_openapi_description(judge: Judgement) -> None:
    # Building the judge takes a second; who selects other cases does not wait for it.
    from conformance.properties.generation import judging_description  # noqa: PLC0415

    described = judging_description(judge.contract.profile, judge.contract.token_path)
    flaws: dict[tuple[object, ...], str | None] = {}

    def flaw(answer: Answer) -> str | None:
        message = answer.message
        assert message is not None
        fields = tuple((line.name, line.value) for line in message.fields if line.name.lower() != "date")
        key = (answer.status, fields, answer.body)
        if key not in flaws:
            found = described.violations(status=answer.status, fields=fields, body=answer.body)
            flaws[key] = visible("; ".join(found).encode("utf-8", "replace")) if found else None
        return flaws[key]

    judge.each(filter(_of_oauth_processing, judge.answers), f"answers as in {judge.contract.profile.openapi}", flaw)


def _generated(judge: Judgement, *sources: str) -> list[Answer]:
    """The answers to generated requests in an order that no seed decides, so that a finding reads alike each time."""
    answers = (answer for answer in judge.answers if answer.generated)
    found = (answer for answer in answers if not sources or answer.exchange.role in sources)
    return sorted(found, key=lambda answer: (answer.exchange.how.count(JOINT), answer.exchange.how))


def _of_oauth_processing(answer: Answer) -> bool:
    """Whether an answer is one that the description speaks of: the HTTP layer answers in its own ways."""
    if not answer.answered or not answer.exchange.sent.startswith(b"POST ") or answer.rate_limited:
        return False
    if 200 <= answer.status < 300:
        return True
    return answer.status in (400, 401) and isinstance(answer.json, dict | list)
