"""Which targets are judged tonight, as outputs of the step: ``names``, a JSON list, and ``source``.

They are those of conformance.toml (source ``file``), some of them where the variable TARGETS names them; without that
file the one that the variables of the repository describe (source ``variables``), which is called ``default``.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import NoReturn

FILE = "conformance.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def main() -> None:
    """Writes the outputs; ends with 2 where no target is configured."""
    asked = list(dict.fromkeys(os.environ["TARGETS"].replace(",", " ").split()))
    if Path(FILE).exists():
        source, known = "file", _in_file()
    elif os.environ["BASE_URL"].strip():
        source, known = "variables", ["default"]
    else:
        _fail(f"no target: there is neither a {FILE} nor a repository variable TOKEN_CONFORMANCE_BASE_URL")
    for name in asked:
        if name not in known:
            _fail(f"TOKEN_CONFORMANCE_TARGETS: {name!r} is no target; accepted: {', '.join(known)}")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as outputs:
        outputs.write(f"names={json.dumps(asked or known)}\nsource={source}\n")


def _in_file() -> list[str]:
    try:
        tables = tomllib.loads(Path(FILE).read_text(encoding="utf-8")).get("targets")
    except (OSError, ValueError) as error:
        _fail(f"{FILE}: cannot be read: {' '.join(str(error).split())}")
    names = list(tables) if isinstance(tables, dict) else []
    if not names or not all(map(_NAME.fullmatch, names)):
        _fail(f"{FILE}: needs tables such as [targets.staging], named by letters, digits and ._-")
    return names


def _fail(text: str) -> NoReturn:
    print(f"::error title=Token Conformance::{text}")
    sys.exit(2)


if __name__ == "__main__":
    main()
