"""Data files of the package, found in a wheel, an editable install and a checkout alike."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PACKAGE = files("conformance")


def openapi_folder() -> Traversable:
    """The folder of the OpenAPI descriptions.

    A wheel carries it inside the package; in a checkout, and so in an editable install, it lies beside the package.

    Raises:
        FileNotFoundError: neither place has it, so the installation is damaged.
    """
    inside = PACKAGE / "openapi"
    if inside.is_dir():
        return inside
    beside = Path(str(PACKAGE)).parent / "openapi"
    if beside.is_dir():
        return beside
    raise FileNotFoundError(f"the OpenAPI descriptions are missing: neither {inside} nor {beside} exists")


def openapi_text(name: str) -> str:
    """The text of one OpenAPI description.

    Args:
        name: file name, such as ``passport.yaml``.

    Raises:
        FileNotFoundError: there is no such description.
    """
    return (openapi_folder() / name).read_text(encoding="utf-8")


def package_file(folder: str, name: str) -> Path:
    """The place of a data file inside the package.

    Args:
        folder: folder inside the package, such as ``reference/certificates``.
        name: file name.
    """
    return Path(str(PACKAGE), *folder.split("/"), name)


def package_text(folder: str, name: str) -> str:
    """The text of a data file inside the package.

    Args:
        folder: folder inside the package, such as ``report/templates``.
        name: file name.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return PACKAGE.joinpath(*folder.split("/"), name).read_text(encoding="utf-8")
