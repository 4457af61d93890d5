"""The signature of an answer: what two runs of one target see alike where nothing has changed.

What varies between equal requests of one run (dates, request ids, tokens) is no part of it: it is learned from the
controls and whatever else was sent more than once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from conformance.expression import visible
from conformance.reply import Reading
from conformance.request import VALID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from conformance.recording import Recording

ANSWER = ("answer", "")
SHOWN = 120
"""Characters of a value that are shown."""

_SPARE = frozenset({"access_token", "refresh_token", "id_token", "error"})
# Their values follow from others, or from the moment.
_DEPENDENT = frozenset({"content-length", "date", "age", "expires", "last-modified"})
_ALL_DIFFERENT = 5
"""From how many answers on a field that never has the same value twice is one that varies."""

_WORD = re.compile(r"[0-9A-Za-z_-]{8,}")
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?\b")
_DIGIT = re.compile(r"\d")

Aspect = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something on the wire that is not as it was.

    Attributes:
        what: the kind, such as ``field added``.
        name: of the field or member, where there is one.
        before: what it was; empty where there was nothing.
        after: what it is now; empty where there is nothing.
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
    """

    of: Mapping[str, Mapping[Aspect, str]]
    labels: Mapping[str, str]
    varying: frozenset[Aspect]


def signatures(recording: Recording) -> Signatures:
    """The signatures of a run; what a rate limit answered has none."""
    seen: dict[str, list[dict[Aspect, str]]] = defaultdict(list)
    labels: dict[str, str] = {}
    tokens: list[str] = []
    for exchange in recording.exchanges:
        reading = Reading(exchange)
        if reading.rate_limited:
            continue
        labels.setdefault(exchange.template, exchange.label)
        seen[exchange.template].append(dict(_aspects(reading)))
        if exchange.template == VALID.digest and exchange.token is not None:
            tokens.append(exchange.token.fingerprint)
    varying: set[Aspect] = set()
    values: dict[Aspect, list[str]] = defaultdict(list)
    of: dict[str, Mapping[Aspect, str]] = {}
    for digest, alike in seen.items():
        unsteady = _unsteady(alike)
        # Whether one stimulus is answered the same each time says nothing of the others.
        varying |= unsteady - {ANSWER}
        of[digest] = {aspect: value for aspect, value in alike[0].items() if aspect not in unsteady}
        for aspects in alike:
            for aspect, value in aspects.items():
                values[aspect].append(value)
    for aspect, every in values.items():
        if aspect[0] == "field" and len(every) >= _ALL_DIFFERENT and len(set(every)) == len(every):
            varying.add(aspect)
    if len(set(tokens)) < len(tokens):
        # A token that is given out again is older each time, and so is whatever counts its seconds.
        varying |= {aspect for aspect, every in values.items() if aspect[0] == "member" and every[0].isdigit()}
    return Signatures(of, labels, frozenset(varying))


def facts(before: Signatures, after: Signatures) -> tuple[Fact, ...]:
    """What differs in the answers to requests that both runs sent, what is alike for many stimuli told once."""
    varying = before.varying | after.varying
    found: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for digest, now in after.of.items():
        if digest in before.of:
            for fact in _differences(before.of[digest], now, varying):
                found[fact].append(digest)
    return tuple(
        Fact(*fact, tuple(after.labels[digest] for digest in digests), frozenset(digests))
        for fact, digests in sorted(found.items(), key=lambda one: -len(one[1]))
    )


def settled(text: str) -> str:
    """A text without what looks like an identifier or a time, which differ from answer to answer."""
    text = _TIME.sub("(a time)", text)
    return _WORD.sub(lambda found: "(an id)" if len(_DIGIT.findall(found[0])) > 2 else found[0], text)


def _aspects(reading: Reading) -> Iterator[tuple[Aspect, str]]:
    yield ANSWER, settled(reading.words())
    message = reading.message
    if not reading.answered or message is None:
        return
    if reading.exchange.tls is not None:
        yield ("TLS version", ""), reading.exchange.tls
        yield ("TLS cipher suite", ""), reading.exchange.cipher or ""
    yield ("media type", ""), reading.media_type
    for name in dict.fromkeys(line.name.lower() for line in message.fields):
        yield ("field presence", name), "yes"
        if name not in _DEPENDENT:
            yield ("field", name), ", ".join(_field_value(value) for value in message.values(name))
    content = reading.json
    if isinstance(content, dict):
        for name, value in content.items():
            yield ("member presence", name), "yes"
            if name not in _SPARE and isinstance(value, (str, int, float, bool)):
                yield ("member", name), settled(value) if isinstance(value, str) else str(value).lower()
    elif reading.status >= 400 and not reading.coded:
        yield ("content", ""), settled(visible(reading.body[:4096]))


def _field_value(value: str) -> str:
    try:
        parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return value
    return "(a date)"


def _unsteady(alike: Iterable[Mapping[Aspect, str]]) -> set[Aspect]:
    """The aspects in which answers to one request differ."""
    first, *rest = alike
    return {aspect for one in rest for aspect in {*first, *one} if first.get(aspect) != one.get(aspect)}


def _differences(
    before: Mapping[Aspect, str], after: Mapping[Aspect, str], varying: frozenset[Aspect]
) -> Iterator[tuple[str, str, str, str]]:
    if ANSWER not in before or ANSWER not in after:
        return
    if before[ANSWER] != after[ANSWER]:
        # Another answer has other fields and members; that it is another one says it all.
        yield "answer changed", "", _cut(before[ANSWER]), _cut(after[ANSWER])
        return
    for aspect in dict.fromkeys((*before, *after)):
        was, is_ = before.get(aspect), after.get(aspect)
        kind, name = aspect
        if was == is_ or aspect in varying or (f"{kind} presence", name) in varying:
            continue
        if kind.endswith(" presence"):
            yield f"{kind.removesuffix(' presence')} {'removed' if is_ is None else 'added'}", name, "", ""
        elif was is not None and is_ is not None:
            yield f"{kind} changed", name, _cut(was) or "(empty)", _cut(is_) or "(empty)"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
