"""The record of a proof: what every job came to, one a line, by which a proof goes on where it was ended."""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import __version__, catalogue
from conformance.proving.job import Cost, Job, Outcome
from conformance.resources import PACKAGE, openapi_folder
from conformance.target import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOURCES = {".py", ".toml", ".yaml"}
_ASIDE = ("report", "launcher")
"""Folders of the package that no verdict depends on."""

_BEGINNING = '{"release":'
"""How every line begins."""


@dataclass(frozen=True, slots=True)
class Release:
    """What an outcome depends on besides its job.

    Attributes:
        suite: version of the package.
        edition: edition of the catalogue.
        source: SHA-256 of the files of the package that verdicts depend on, in hexadecimal.
        around: Python and the generators, with their versions: another one draws other requests.
    """

    suite: str
    edition: int
    source: str
    around: str


def release() -> Release:
    """The release that is running."""
    digest = hashlib.sha256()
    for folder in (Path(str(PACKAGE)), Path(str(openapi_folder()))):
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder)
            if file.suffix in _SOURCES and name.parts[0] not in _ASIDE:
                digest.update(f"{name.as_posix()}\0".encode() + file.read_bytes() + b"\0")
    generators = ", ".join(f"{name} {version(name)}" for name in ("hypothesis", "schemathesis"))
    around = f"Python {platform.python_version()}, {generators}"
    return Release(__version__, catalogue.load().edition, digest.hexdigest(), around)


class Record:
    """The file in which the outcomes of a proof are kept as they come.

    Args:
        file: where it is. Outcomes of another release are dropped from it, and so is a line that was cut off.
        of: the release that makes the outcomes.
        fresh: whether to begin anew, whatever stands there.

    Attributes:
        outcomes: what is known, by job.
        dropped: lines that could not be used, most often those of another release.

    Raises:
        SettingsError: it holds something else than a record, another process writes it, or it cannot be written.
    """

    def __init__(self, file: Path, of: Release, *, fresh: bool = False) -> None:
        self.outcomes: dict[Job, Outcome] = {}
        self.dropped = 0
        self._release = asdict(of)
        try:
            self._file = file.open("a+", encoding="utf-8", errors="replace")
        except OSError as error:
            raise SettingsError(f"{file}: cannot be written: {error.strerror}") from None
        try:
            self._begin(file, fresh=fresh)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, file: Path, *, fresh: bool) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"{file}: another proof is being written there; name another folder") from None
        self._file.seek(0)
        lines = self._file.read().splitlines()
        if lines and not lines[0].startswith(_BEGINNING):
            raise SettingsError(f"{file}: holds something else than the record of a proof; name another folder")
        for line in () if fresh else lines:
            found = _read(line, self._release)
            if found is not None:
                self.outcomes[found.job] = found
            else:
                self.dropped += 1
        if len(lines) > len(self.outcomes):
            self._file.truncate(0)
            for known in self.outcomes.values():
                self._write(known)
            self._file.flush()

    def add(self, one: Outcome) -> None:
        """Keeps an outcome; the file has it when this returns.

        Raises:
            OSError: it cannot be written.
        """
        self.outcomes[one.job] = one
        self._write(one)
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def _write(self, one: Outcome) -> None:
        self._file.write(json.dumps({"release": self._release, **asdict(one)}, separators=(",", ":")) + "\n")


def _read(line: str, of: Mapping[str, Any]) -> Outcome | None:
    """The outcome in a line of a record; ``None`` for one of another release, or one that was cut off."""
    try:
        record = json.loads(line)
        if record.pop("release") != of:
            return None
        record["job"], record["cost"] = Job(**record["job"]), Cost(**record["cost"])
        record["alarms"] = tuple(record["alarms"])
        record["cells"] = {verdict: tuple(rows) for verdict, rows in record["cells"].items()}
        return Outcome(**record)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
