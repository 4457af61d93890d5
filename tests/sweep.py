"""Every defect in both profiles, or every variant over many seeds: python -m tests.sweep defects|variants [SEEDS]."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor

from conformance import reference
from tests import planting

EXAMPLES = 20

Job = tuple[str, str, str | None, int]


def outcome(job: Job) -> tuple[Job, str, int]:
    """What is wrong with one run, empty where nothing is, and how many exchanges it took."""
    profile, defect, variant, seed = job
    run = planting.run_of(profile, defect=defect, variant=variant, examples=EXAMPLES, seed=seed)
    if defect:
        beyond = planting.excess(run, defect)
        wrong = planting.missed(run, defect) or (f"also found: {', '.join(sorted(beyond))}" if beyond else "")
    else:
        failed = [one.case.id for one in run.result.cases if one.verdict == "failed"]
        wrong = "" if run.result.verdict == "conformant" else f"{run.result.verdict}: {', '.join(failed)}"
    return job, wrong, len(run.recording.exchanges)


def jobs(what: str, seeds: int) -> list[Job]:
    """The runs of a sweep."""
    if what == "defects":
        known = reference.DEFECTS.values()
        return [(profile, one.name, None, 1) for one in known for profile in one.profiles]
    variants = (None, *reference.VARIANTS)
    return [
        (profile, "", variant, seed)
        for profile in planting.PROFILES
        for variant in variants
        for seed in range(1, seeds + 1)
    ]


def main(what: str, seeds: int) -> int:
    """Prints what is wrong and the totals; returns 1 where anything is."""
    start, wrong, exchanges = time.monotonic(), 0, 0
    todo = jobs(what, seeds)
    with ProcessPoolExecutor() as pool:
        for job, complaint, count in pool.map(outcome, todo):
            exchanges += count
            if complaint:
                wrong += 1
                sys.stdout.write(f"{' '.join(map(str, job))}: {complaint}\n")
    took = time.monotonic() - start
    sys.stdout.write(f"{what}: {len(todo)} runs, {wrong} wrong, {exchanges} exchanges, {took:.0f} s\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20))
