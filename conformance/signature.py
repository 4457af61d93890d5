"""The signature of an answer: what two runs of one target see alike where nothing has changed.

What differs between equal requests of one run (dates, request ids, tokens) is no part of it: it is learned from the
controls and whatever else was sent more than once.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.expression import visible
from conformance.reply import Reading
from conformance.request import VALID

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from conformance.recording import Header, Recording, Token

ANSWER = ("answer", "")
SHOWN = 120
"""Characters of a value that are shown."""

_PRESENCE = " presence"
_SPARE = frozenset({"access_token", "refresh_token", "id_token"})
# Their values follow from others, or from the moment.
_DEPENDENT = frozenset({"content-length", "date", "age", "expires", "last-modified"})
_ALL_DIFFERENT = 5
"""From how many answers on a field that never has the same value twice is one that varies."""

_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? "
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_MOMENT = re.compile(
    rf"\b\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK})?(?:Z|[+-]\d\d:?\d\d)?"
    rf"|\b\d{{8}}T\d{{6}}Z?"
    rf"|\b{_DAY}(?:\d{{1,2}}[ -][A-Z][a-z]{{2}}[ -]\d{{2,4}}|[A-Z][a-z]{{2}} +\d{{1,2}})(?: {_CLOCK})?(?: GMT)?"
    rf"|\b{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?"
)
_WORD = re.compile(r"[0-9A-Za-z_-]{8,}")
_DIGIT = re.compile(r"\d")

Aspect = tuple[str, str]
"""The kind of what an answer shows, such as ``field``, and the name of the field or member where there is one."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something on the wire that is not as it was.

    Attributes:
        what: the kind, such as ``field added``.
        name: of the field or member, where there is one.
        before: what it was; empty where there was nothing, or not one value for all.
        after: what it is now; likewise.
        stimuli: what was answered so, in words, in the order of sending.
        templates: their digests.
    """

    what: str
    name: str
    before: str
    after: str
    stimuli: tuple[str, ...]
    templates: frozenset[str]


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signatures of all answers of a run.

    Attributes:
        of: by digest of the template, the aspects of its answers that were the same each time.
        labels: the stimuli in words, by digest.
        varying: aspects that vary between equal requests, wherever they occur.
        recurring: words that look like identifiers and stand in the answers to several stimuli, so that they are none.
        constant: aspects that have one value wherever they occur, with that.
    """

    of: Mapping[str, Mapping[Aspect, str]]
    labels: Mapping[str, str]
    varying: frozenset[Aspect]
    recurring: frozenset[str]
    constant: Mapping[Aspect, str]


def signatures(recording: Recording) -> Signatures:
    """The signatures of a run; what a rate limit answered has none."""
    seen: dict[str, list[dict[Aspect, str]]] = defaultdict(list)
    labels: dict[str, str] = {}
    tokens: list[str] = []
    hide = _hiding(recording.header)
    for exchange in recording.exchanges:
        reading = Reading(exchange)
        if reading.rate_limited:
            continue
        labels.setdefault(exchange.template, exchange.label)
        seen[exchange.template].append({aspect: hide(value) for aspect, value in _aspects(reading)})
        if exchange.template == VALID.digest and exchange.token is not None:
            tokens.append(exchange.token.fingerprint)
    recurring = _recurring(seen)
    varying: set[Aspect] = set()
    values: dict[Aspect, list[str]] = defaultdict(list)
    of: dict[str, Mapping[Aspect, str]] = {}
    for digest, alike in seen.items():
        plain = [{aspect: settled(value, recurring) for aspect, value in one.items()} for one in alike]
        unsteady = _unsteady(plain)
        # The server adds its fields to all answers alike; the members of one answer say nothing of others.
        varying |= {one for one in unsteady if one[0].startswith("field") or digest == VALID.digest} - {ANSWER}
        of[digest] = {aspect: value for aspect, value in alike[0].items() if aspect not in unsteady}
        for aspects in plain:
            for aspect, value in aspects.items():
                values[aspect].append(value)
    for aspect, every in values.items():
        if aspect[0] == "field" and len(every) >= _ALL_DIFFERENT and len(set(every)) == len(every):
            varying.add(aspect)
    if len(set(tokens)) < len(tokens):
        # A token that is given out again is older each time, and so is whatever counts its seconds.
        varying |= {aspect for aspect, every in values.items() if aspect[0] == "member" and every[0].isdigit()}
    constant = {aspect: every[0] for aspect, every in values.items() if len(set(every)) == 1}
    return Signatures(of, labels, frozenset(varying), recurring, constant)


def facts(before: Signatures, after: Signatures) -> tuple[Fact, ...]:
    """What differs in the answers to requests that both runs sent, what is alike for many stimuli told once."""
    found: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    recurring = before.recurring | after.recurring
    varying = before.varying | after.varying
    for digest in after.of:
        if digest in before.of:
            first, second = (
                {aspect: settled(value, recurring) for aspect, value in one.of[digest].items()}
                for one in (before, after)
            )
            for aspect in _different(first, second, varying):
                found[_told(aspect, first.get(aspect), second.get(aspect), before, after)].append(digest)
    return tuple(
        Fact(*fact, tuple(after.labels[digest] for digest in digests), frozenset(digests))
        for fact, digests in sorted(found.items(), key=lambda one: -len(one[1]))
    )


def settled(text: str, recurring: Collection[str] = ()) -> str:
    """A text without what looks like a moment or an identifier, which differ from answer to answer.

    Args:
        text: the text.
        recurring: words that are no identifiers although they look like one.
    """

    def shown(found: re.Match[str]) -> str:
        word = found[0]
        kept = len(_DIGIT.findall(word)) <= 2 or (word in recurring and not word.isdigit())
        return word if kept else "(an id)"

    return _WORD.sub(shown, _MOMENT.sub("(a time)", text))


def _hiding(header: Header) -> Callable[[str], str]:
    """What takes out of a text what answers may repeat of this run alone: its identifier, and host and port."""
    authority = str(header.target.get("base_url", "")).partition("//")[2].partition("/")[0]
    words = {header.run: "(the run)"}
    # A name without a dot or port may be any word, and is the same the next time.
    if {".", ":"} & set(authority):
        words[authority] = "(the host)"
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)")
    return lambda text: pattern.sub(lambda found: words[found[0]], text)


def _recurring(seen: Mapping[str, Iterable[Mapping[Aspect, str]]]) -> frozenset[str]:
    once: set[str] = set()
    again: set[str] = set()
    for alike in seen.values():
        words = {word for aspects in alike for value in set(aspects.values()) for word in _WORD.findall(value)}
        again |= words & once
        once |= words
    return frozenset(again)


def _aspects(reading: Reading) -> Iterator[tuple[Aspect, str]]:
    yield ANSWER, reading.words()
    message = reading.message
    if not reading.answered or message is None:
        return
    yield ("TLS version", ""), reading.exchange.tls or "none"
    yield ("TLS cipher suite", ""), reading.exchange.cipher or "none"
    yield ("HTTP version", ""), message.version
    yield ("reason phrase", ""), message.reason
    for anomaly in message.anomalies:
        yield (f"anomaly{_PRESENCE}", anomaly.partition(":")[0]), "yes"
    for name in dict.fromkeys(line.name.lower() for line in message.fields):
        yield (f"field{_PRESENCE}", name), "yes"
        if name not in _DEPENDENT:
            yield ("field", name), ", ".join(message.values(name))
    if reading.token is not None:
        yield ("form of the token", ""), _form(reading.token)
    yield from _content(reading)


def _content(reading: Reading) -> Iterator[tuple[Aspect, str]]:
    content = reading.json
    if isinstance(content, dict):
        for name, value in content.items():
            yield (f"member{_PRESENCE}", name), "yes"
            if name not in _SPARE:
                yield ("member", name), json.dumps(value, ensure_ascii=False)
    elif reading.status >= 400 and not reading.coded:
        yield ("content", ""), visible(reading.body[:4096])


def _form(token: Token) -> str:
    if token.jwt is None:
        return "opaque"
    algorithm = token.jwt.get("header", {}).get("alg", "no alg")
    return f"JWT ({algorithm}) with the claims {', '.join(token.jwt.get('claims', ())) or 'that cannot be read'}"


def _unsteady(alike: Iterable[Mapping[Aspect, str]]) -> set[Aspect]:
    """The aspects in which answers to one request differ."""
    first, *rest = alike
    return {aspect for one in rest for aspect in {*first, *one} if first.get(aspect) != one.get(aspect)}


def _different(
    first: Mapping[Aspect, str], second: Mapping[Aspect, str], varying: frozenset[Aspect]
) -> Iterator[Aspect]:
    """The aspects that are to be told of two signatures of answers to one request."""
    if ANSWER not in first or ANSWER not in second:
        return
    # Another answer has other fields and members; that it is another one says it all.
    aspects = (ANSWER,) if first[ANSWER] != second[ANSWER] else dict.fromkeys((*first, *second))
    for aspect in aspects:
        kind, name = aspect
        if aspect in varying or (f"{kind}{_PRESENCE}", name) in varying:
            continue
        # The value of what is not there on one side is told with its presence.
        missing = aspect not in first or aspect not in second
        if missing == kind.endswith(_PRESENCE) and first.get(aspect) != second.get(aspect):
            yield aspect


def _told(
    aspect: Aspect, was: str | None, is_: str | None, before: Signatures, after: Signatures
) -> tuple[str, str, str, str]:
    """The kind of a difference, the name, and both values."""
    kind, name = aspect
    if was is not None and is_ is not None:
        return f"{kind} changed", name, *_excerpts(was, is_)
    plain = kind.removesuffix(_PRESENCE)
    if is_ is None:
        return f"{plain} removed", name, before.constant.get((plain, name), "")[:SHOWN], ""
    return f"{plain} added", name, "", after.constant.get((plain, name), "")[:SHOWN]


def _excerpts(was: str, is_: str) -> tuple[str, str]:
    """Two different texts, cut where they are long such that the difference shows."""
    pairs = enumerate(zip(was, is_, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), min(len(was), len(is_)))
    start = max(same - SHOWN // 2, 0) if max(len(was), len(is_)) > SHOWN else 0
    return _excerpt(was, start), _excerpt(is_, start)


def _excerpt(text: str, start: int) -> str:
    cut = text[start : start + SHOWN]
    return f"{'...' * (start > 0)}{cut}{'...' * (start + SHOWN < len(text))}" or "(empty)"
