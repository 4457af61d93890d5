"""A page in one file: templates and style sheets of the package in, HTML that loads nothing out."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from conformance import __version__
from conformance.report import escape
from conformance.resources import package_text
from conformance.target import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

_FOLDER = "report/templates"
_HEAD = 4096


def page(name: str, generator: str, styles: Iterable[str], **data: Any) -> str:
    """A page made by the template of that name.

    Args:
        name: file name of the template, without ``.html.jinja2``.
        generator: what the page says of its origin.
        styles: file names of its style sheets.
        **data: what the template shows; texts are escaped.
    """
    style = "".join(package_text(_FOLDER, one) for one in styles)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        _environment()
        .get_template(f"{name}.html.jinja2")
        .render(
            style=Markup(style),  # noqa: S704 - files of the package
            policy=policy,
            generator=generator,
            version=__version__,
            **data,
        )
    )


def check(file: Path, generator: str) -> None:
    """Makes sure that a page may be put there.

    Args:
        file: where it shall be.
        generator: the origin of what may be replaced.

    Raises:
        SettingsError: what stands there is no page of this origin, or cannot be read.
    """
    try:
        if file.is_file() and f'content="{generator}"' not in _beginning(file):
            raise SettingsError(f"{file}: is no page of this command; move it away, or name another folder")
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None


def place(file: Path, text: str, generator: str) -> None:
    """Puts a page in its place.

    Args:
        file: where it shall be.
        text: the page.
        generator: the origin of what it may replace.

    Raises:
        SettingsError: it cannot be written, or what stands there is no page of this origin.
    """
    check(file, generator)
    try:
        put(file, text)
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror}") from None


def put(file: Path, text: str) -> None:
    """Writes a file at once, so that nobody sees half of it.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _beginning(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(_HEAD).decode("utf-8", "replace")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(lambda name: package_text(_FOLDER, name)),
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def _harmless(value: object) -> object:
    """A text of a run as it may stand on a page."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return Markup(escape.html(value))  # noqa: S704 - it is escaped
    return value
