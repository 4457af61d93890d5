"""Proving: every planted defect is found under its requirement, and no correct endpoint is accused.

A job is one run of the engine against the embedded endpoint; the jobs are spread over worker processes. What a job came
to is one line of the record, so that a proof that was interrupted goes on where it stood.
"""

from __future__ import annotations

from conformance.proving.figures import Proof
from conformance.proving.job import CORRECT, PROFILES, Cost, Job, Outcome, conducted, excess, jobs, missed, outcome
from conformance.proving.record import Record, Release, release
from conformance.proving.workers import outcomes

__all__ = [
    "CORRECT",
    "PROFILES",
    "Cost",
    "Job",
    "Outcome",
    "Proof",
    "Record",
    "Release",
    "conducted",
    "excess",
    "jobs",
    "missed",
    "outcome",
    "outcomes",
    "release",
]
