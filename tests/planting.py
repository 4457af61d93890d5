"""Runs against the embedded endpoint with a defect or a variant, and what each of them must come to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import case, engine, profiles, reference
from conformance.target import Credentials, Limits, Secret, target_at

if TYPE_CHECKING:
    from conformance.engine import Run

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
    chosen = reference.DEFECTS.get(defect) or reference.VARIANTS.get(variant or "")
    needs = chosen.needs if chosen else reference.NOTHING
    if needs.scope_always:
        profile = replace(profile, default_scope=False)
    cases = case.built_in()
    asked = tuple(one for one in cases if one.requirement.edge) if edge_alone else cases
    planted = [defect] if defect else []
    with reference.start(name, defects=planted, variant=variant, client_secret=needs.secret, tls=needs.tls) as endpoint:
        client = Credentials(endpoint.client_id, Secret(endpoint.client_secret))
        # A defect that moves the endpoint is judged where the document says it is.
        target = target_at(endpoint.base_url, endpoint.token_path, client)
        target = replace(target, scope=needs.scope, ca_bundle=endpoint.ca_bundle)
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
    if reference.DEFECTS[name].closes_gate:
        return "" if run.result.verdict == "unusable" else f"the run is {run.result.verdict}, not unusable"
    row = reference.DEFECTS[name].violates[0]
    main = next((one for one in run.result.cases if one.case.id == row), None)
    if main is None:
        return f"{row} is no case of this run"
    # A row that fails the run may have answers that it only warns of.
    if main.verdict not in ("failed", "warning", main.case.requirement.unmet):
        return f"{row} is {main.verdict}: {main.reason}"
    if main.verdict == "failed" and "non-conformant" not in (run.result.verdict, run.result.edge):
        return f"{row} failed, but the run is {run.result.verdict}"
    return ""


def excess(run: Run, name: str) -> set[str]:
    """Findings beyond the rows that a planted defect violates."""
    return {one.case.id for one in run.result.cases if one.finding} - set(reference.DEFECTS[name].violates)
