"""The folder of a run: written beside its place under another name, and moved there when everything is in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

PAGE, RESULTS, SUMMARY, EXCHANGES = "index.html", "results.json", "summary.json", "exchanges.jsonl"
PAGES = (PAGE, "report.html")
"""What people open, the better one first."""

FILES = (*PAGES, RESULTS, SUMMARY, "summary.md", "junit.xml", EXCHANGES, "exchanges.har")
"""What a run leaves; nothing else is ever removed from a folder that exists already."""

PROOF = "proof.jsonl"
"""The record of a proof, by which its folder is told from one that should hold runs."""


class Folder:
    """A run folder in the making, as a context: what is neither committed nor to be kept is removed at the end.

    Args:
        final: where it shall be. An existing folder has to be empty or to hold a run, which is then replaced.
        besides: files of the run there that stay as they are.

    Attributes:
        path: where files are written meanwhile; readable by its owner only.
        kept: whether what was not committed stays where it is.

    Raises:
        ValueError: at that place is a file, or a folder that holds something else.
        OSError: nothing can be written there.
    """

    def __init__(self, final: Path, besides: Iterable[str] = ()) -> None:
        self._final = Path(os.path.realpath(final))
        self._existed = _check(self._final)
        self._besides = frozenset(besides)
        self._held = self._stamps()
        self.kept = False
        prefix = f".{self._final.name}.partial-{os.getpid()}-"
        try:
            self._final.parent.mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=self._final.parent))
        except OSError:
            # A mounted volume is often the one folder that can be written to.
            if not self._existed:
                raise
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=self._final))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.kept:
            shutil.rmtree(self.path, ignore_errors=True)

    def commit(self) -> Path:
        """Moves the run to its place.

        Returns:
            Where it is: another name, with ``-2`` and so on, where another run took that place meanwhile. In a folder
            that existed and cannot have one beside it, the later run replaces the earlier one.

        Raises:
            ValueError: something else than a run has come to lie there.
            OSError: it cannot be moved.
        """
        for file in self.path.iterdir():
            file.chmod(0o600)
        if self._existed:
            # Two runs that end at the same time come after one another.
            descriptor = os.open(self._final, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if self._stamps() == self._held or self.path.parent == self._final:
                    self._replace()
                    return self._final
            finally:
                os.close(descriptor)
        for place in _numbered(self._final):
            try:
                # Fails where a folder with content is, so that two runs never get into one another.
                self.path.rename(place)
            except OSError:
                if not os.path.lexists(place):
                    raise
            else:
                return place
        raise AssertionError

    def _replace(self) -> None:
        """Puts the files into a folder that exists; the results go first and come last, so that they stand for all."""
        _check(self._final, besides=self.path.name)
        for name in FILES:
            if name not in self._besides:
                (self._final / name).unlink(missing_ok=True)
        written = sorted(self.path.iterdir(), key=lambda file: file.name == RESULTS)
        for file in written:
            shutil.move(file, self._final / file.name)

    def _stamps(self) -> list[tuple[str, int, int]]:
        """What is in the place, so that it shows when another run was put there."""
        found = []
        for name in FILES:
            with contextlib.suppress(OSError):
                status = (self._final / name).stat()
                found.append((name, status.st_ino, status.st_mtime_ns))
        return found


def default_path(reports: Path, target_name: str, started: float) -> Path:
    """Where a run is kept unless a folder is named: by target and second of its start, UTC.

    Args:
        reports: the folder of all runs.
        target_name: name of the target.
        started: seconds since the epoch.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", target_name).lstrip(".") or "target"
    moment = datetime.fromtimestamp(started, UTC).strftime("%Y%m%dT%H%M%SZ")
    return next(place for place in _numbered(reports / safe / moment) if not os.path.lexists(place))


def put(file: Path, text: str) -> None:
    """Writes a file at once: nobody sees half of it, and where it cannot be written what was there stays.

    Args:
        file: the file, readable by its owner only where it is new; what a link leads to is replaced, not the link. A
            device or a pipe is written to, and stays.
        text: its content.

    Raises:
        OSError: it cannot be written.
    """
    # A device that is replaced is gone for everybody on the machine.
    if file.exists() and not file.is_file():
        file.write_text(text, encoding="utf-8", newline="\n")
        return
    place = Path(os.path.realpath(file))
    descriptor, name = tempfile.mkstemp(prefix=".token-conformance-", dir=place.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(place, name)
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _numbered(place: Path) -> Iterator[Path]:
    yield place
    for number in count(2):
        yield place.with_name(f"{place.name}-{number}")


def _check(place: Path, besides: str = "") -> bool:
    """Whether there is a folder that may be filled."""
    if not os.path.lexists(place):
        return False
    if not place.is_dir():
        raise ValueError(f"{place} is no folder")
    held = {entry.name for entry in place.iterdir()} - {besides}
    if held and not held & {RESULTS, EXCHANGES}:
        raise ValueError(f"{place} holds something else than a run; name an empty folder, a new one, or one of a run")
    return True
