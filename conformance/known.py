"""What must not be written of a run: the secrets of its target and the tokens it receives; and what is public of it."""

from __future__ import annotations

import json
import platform
import sys
import threading
from dataclasses import fields, is_dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from conformance.resources import PACKAGE, openapi_folder
from conformance.spellings import PART, Index, telling
from conformance.target import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

    from conformance.engine import Run
    from conformance.reading import Span
    from conformance.target import Target

TOKENS = 20_000
"""Tokens that are remembered of one run."""

ROOM = 32 << 20
"""Octets of tokens that are remembered of one run."""

END = 4096
"""Octets of both ends of a token that are remembered of one that is longer than the two."""

STRETCHES = 400_000
"""Stretches of tokens that are masked in further answers."""

_TEXTS = (".py", ".toml", ".yaml", ".json", ".css", ".js", ".jinja2", ".ini")


class Known:
    """The secrets of a target and the tokens received from it: in memory alone, whatever prints it shows their number.

    Args:
        secrets: kind and text of each.
        public: texts that hold nothing secret; stretches of tokens that stand in them are not masked.
    """

    def __init__(self, secrets: Iterable[tuple[str, str]] = (), public: Iterable[str] = ()) -> None:
        self._secrets = tuple(secrets)
        self._public = "\n".join(public).encode("utf-8", "surrogatepass").lower()
        self._tokens: dict[bytes, None] = {}
        self._index = Index()
        self._room = ROOM
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Known({len(self._secrets)} secrets, {len(self._tokens)} tokens)"

    @property
    def secrets(self) -> tuple[tuple[str, str], ...]:
        """Kind and text of each secret, for the scan alone."""
        return self._secrets

    @property
    def tokens(self) -> tuple[bytes, ...]:
        """The tokens as they came, for the scan alone."""
        with self._lock:
            return tuple(self._tokens)

    def add(self, tokens: Iterable[bytes]) -> None:
        """Remembers tokens, up to `TOKENS` of them and `ROOM` octets."""
        for whole in tokens:
            # What is shown of a token so long shows its beginning or its end.
            token = whole if len(whole) <= 2 * END else whole[:END] + whole[-END:]
            if len(token) < PART or token in self._tokens:
                continue
            with self._lock:
                if len(self._tokens) >= TOKENS or len(token) > self._room:
                    return
                self._room -= len(token)
                self._tokens[token] = None
                if len(self._index.named) < STRETCHES:
                    self._index.add(token, "token")

    def places(self, data: bytes) -> list[Span]:
        """Where stretches of known tokens stand in some octets; those that are public are left out."""
        return [
            (start, end)
            for start, end in self._index.places(data)
            if telling(data[start:end]) and data[start:end].lower() not in self._public
        ]


def known(target: Target, vocabulary: str = "") -> Known:
    """What must not be written of a target: every `Secret` in it, wherever it is held.

    Args:
        target: the endpoint and the client.
        vocabulary: words of the protocol.
    """
    return Known(dict.fromkeys(_secrets(target, "")), (*_facts(target), vocabulary))


def _secrets(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Secret):
        yield name, value.reveal()
    elif isinstance(value, tuple):
        for one in value:
            yield from _secrets(one, name)
    elif is_dataclass(value) and not isinstance(value, type):
        for member in fields(value):
            kind = f"secret {member.name} of {value.name}" if hasattr(value, "value") and hasattr(value, "name") else ""
            kind = "client secret" if member.name == "secret" else kind or member.name.replace("_", " ")
            yield from _secrets(getattr(value, member.name), kind)


def _facts(target: Target) -> Iterator[str]:
    """What is no secret of a target: it stands in every report."""
    yield from (repr(target), target.authority, target.path)
    for credentials in (target.credentials, *(client.credentials for client in target.clients)):
        client = credentials.client_id
        yield from (client, f"{client}:", f"{quote_plus(client)}:")


def public_facts(run: Run) -> Iterator[str]:
    """What a run writes that holds nothing secret: facts of the target, digests, fingerprints, texts of cases.

    The text of a case of one's own that holds a whole secret is not taken for public.
    """
    yield from _facts(run.inquiry.target)
    profile, header = run.inquiry.profile, run.recording.header
    yield from (repr(profile), header.run, header.suite, platform.node(), platform.platform(), sys.version, sys.prefix)
    hidden = [text for _, text in _secrets(run.inquiry.target, "") if len(text) >= PART]
    for case in run.inquiry.cases:
        texts = f"{case.requirement!r} {case.function.__code__.co_filename} {case.function.__name__}"
        if not any(text in texts for text in hidden):
            yield texts
    for exchange in run.recording.exchanges:
        yield exchange.template
        if exchange.token is not None:
            yield exchange.token.fingerprint
            yield json.dumps(exchange.token.jwt, ensure_ascii=False, default=str)


@lru_cache(maxsize=1)
def published() -> tuple[str, ...]:
    """Every text of this package and of the page that it writes: what stands in them is known to everybody."""
    folders = (PACKAGE, openapi_folder(), files("pytest_html"))
    return tuple(text for folder in folders for text in _texts(folder))


def _texts(folder: Traversable) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _texts(entry)
        elif entry.name.endswith(_TEXTS):
            yield entry.read_text(encoding="utf-8")
