"""The console script, outside the package, so that it can say when another `conformance` stands in its place."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line of the suite; exits with 4 where another distribution's package would be run instead."""
    try:
        import conformance  # noqa: PLC0415 - the import is what is tried
    except Exception:  # noqa: BLE001 - whatever a namesake does on import, it is not ours
        conformance = None  # type: ignore[assignment]
    if getattr(conformance, "DISTRIBUTION", None) != "token-conformance":
        place = getattr(conformance, "__file__", None) or "nowhere"
        sys.stderr.write(
            f"token-conformance: the package 'conformance' is another distribution's (found at {place}); "
            "install token-conformance into a virtual environment of its own\n"
        )
        raise SystemExit(4)
    from conformance.cli import main as run  # noqa: PLC0415

    run()
