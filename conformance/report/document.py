"""Pages: templates filled so that nothing from a run becomes markup, under a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Undefined
from markupsafe import Markup

from conformance import __version__
from conformance.report import escape
from conformance.report.folder import put
from conformance.resources import package_text
from conformance.target import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

STYLE = "document.css"
"""The style sheet that all pages share."""

_FOLDER = "report/templates"
_HEAD = 4096
_SYMBOLS = {
    "conformant": "\u2713",
    "non-conformant": "\u2717",
    "inconclusive": "?",
    "unusable": "?",
    "failed": "\u2717",
    "error": "\u2717",
    "warning": "!",
    "waived": "\u2298",
    "passed": "\u2713",
    "observed": "\u2713",
    "not_applicable": "\u2013",
}


def document(name: str, generator: str, *, styles: tuple[str, ...] = (), script: str = "", **data: Any) -> str:
    """A page that needs no other file; a reader's browser loads nothing and runs nothing but the script given here.

    Args:
        name: name of the template, without its ending.
        generator: what the page says of its origin.
        styles: style sheets beside the shared one.
        script: name of the script, if the page has one.
        **data: what the template shows; text of it is escaped wherever it stands.
    """
    style = "".join(package_text(_FOLDER, sheet) for sheet in (STYLE, *styles))
    code = package_text(_FOLDER, script) if script else ""
    allowed = f"; script-src '{_hash(code)}'" if code else ""
    policy = f"default-src 'none'; style-src '{_hash(style)}'{allowed}; base-uri 'none'; form-action 'none'"
    return (
        _environment()
        .get_template(f"{name}.html.jinja2")
        .render(
            style=Markup(style),  # noqa: S704 - a file of the package
            script=Markup(code),  # noqa: S704 - a file of the package
            policy=policy,
            generator=generator,
            version=__version__,
            symbols=_SYMBOLS,
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


def place(file: Path, page: str, generator: str) -> None:
    """Puts a page in its place at once, so that nobody sees half of it.

    Args:
        file: where it shall be.
        page: its content.
        generator: the origin of what it may replace.

    Raises:
        SettingsError: it cannot be written, or what stands there is no page of this origin.
    """
    check(file, generator)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        put(file, page)
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror}") from None


def _beginning(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(_HEAD).decode("utf-8", "replace")


def _hash(text: str) -> str:
    """A text as a policy names it (Content Security Policy Level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


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
    """A value of a run as it may stand on a page; one that is undefined is still an error."""
    if value is None or isinstance(value, Markup | Undefined | int | float):
        return value
    return Markup(escape.html(str(value)))  # noqa: S704 - it is escaped
