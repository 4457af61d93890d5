"""Runs against the embedded endpoint with a defect or a variant, and what each of them must come to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import case, engine, profiles, reference
from conformance.target import Credentials, Limits, Secret, target_at

if TYPE_CHECKING:
    from conformance.engine import Run

# The valid request itself is refused, so nothing can be judged: that is a cause of its own, and exit code 3.
CLOSES_THE_GATE = {"auth-bare-refused", "auth-basic-refused", "ctype-form-refused"}

# Seen only where the valid request carries a scope.
NEEDS_A_SCOPE = {"req-scope-demanded"}

# Seen only where two scopes are configured.
NEEDS_TWO_SCOPES = {"body-scopes-joined"}

# Seen only where the secret has characters that form encoding changes, or such that Base64 has + and / in it.
NEEDS_AN_ODD_SECRET = {"auth-form-not-decoded", "auth-url-safe-500"}
ODD_SECRET = "s~~~t???u+v%w&x=y z0123456789"

PROFILES = ("passport", "rfc6749")


def run_of(
    name: str,
    *,
    defect: str = "",
    variant: str | None = None,
    examples: int = 0,
    seed: int = 1,
    edge_alone: bool = False,
) -> Run:
    """A run against the embedded endpoint with one defect or variant, of every row or of those of the edge alone."""
    profile = profiles.load(name, Path.cwd())
    if defect in NEEDS_A_SCOPE:
        profile = replace(profile, default_scope=False)
    scope = "read write" if defect in NEEDS_TWO_SCOPES else "read"
    cases = case.built_in()
    asked = tuple(one for one in cases if one.requirement.edge) if edge_alone else cases
    secret = ODD_SECRET if defect in NEEDS_AN_ODD_SECRET else None
    planted = [defect] if defect else []
    with reference.start(name, defects=planted, variant=variant, client_secret=secret) as endpoint:
        client = Credentials(endpoint.client_id, Secret(endpoint.client_secret))
        # A defect that moves the endpoint is judged where the document says it is.
        target = replace(target_at(endpoint.base_url, endpoint.token_path, client), scope=scope)
        inquiry = engine.Inquiry(
            target,
            profile,
            Limits(timeout=2),
            engine.applicable(asked, profile),
            cases,
            examples=examples,
            seed=seed,
        )
        return engine.conduct(inquiry)


def missed(run: Run, name: str) -> str:
    """Why a run did not find a planted defect under its own name; empty where it did."""
    if name in CLOSES_THE_GATE:
        return "" if run.result.verdict == "unusable" else f"the run is {run.result.verdict}, not unusable"
    row = reference.DEFECTS[name].violates[0]
    main = next(one for one in run.result.cases if one.case.id == row)
    # A row that fails the run may have answers that it only warns of.
    if main.verdict not in ("failed", "warning", main.case.requirement.unmet):
        return f"{row} is {main.verdict}: {main.reason}"
    if main.verdict == "failed" and "non-conformant" not in (run.result.verdict, run.result.edge):
        return f"{row} failed, but the run is {run.result.verdict}"
    return ""


def excess(run: Run, name: str) -> set[str]:
    """Findings beyond the rows that a planted defect violates."""
    return {one.case.id for one in run.result.cases if one.finding} - set(reference.DEFECTS[name].violates)
