"""Mutation: a fixed random sample of small faults in the judging rooms, and how many of them the unit tests notice.

    python -m tests.mutation [MINUTES] [--sample N] [--seed N] [--folder FOLDER] [--refresh]

The faults are those of mutmut (`pip install mutmut`). Its own runner leaves out whatever is decorated or stands at the
top of a module, and so most of what a reply is read by; here every expression of the four modules takes part. The tests
run in a copy of the tree, one fault at a time. The outcome of each is appended to a file beside the copy; the same
command goes on where it was ended. With --refresh the tests of the copy become those of the checkout, and what survived
other tests is tried again; to judge other modules, take another folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("conformance", "tests", "openapi", "pyproject.toml", "README.md")

# The tests of each module, the ones of its own room first.
SUITES = {
    "request": ("tests/test_request.py", "tests/test_plan.py", "tests/test_engine.py", "tests/test_defects.py"),
    "plan": ("tests/test_plan.py", "tests/test_engine.py", "tests/test_request.py", "tests/test_defects.py"),
    "reply": (
        "tests/test_reply.py",
        "tests/test_judging.py",
        "tests/test_tokens.py",
        "tests/test_engine.py",
        "tests/test_defects.py",
    ),
    "judging": ("tests/test_judging.py", "tests/test_engine.py", "tests/test_plan.py", "tests/test_defects.py"),
}

# Of the planted defects, a few that look through different parts of the rooms.
DEFECTS = ("auth-any-secret", "ctype-case", "hdr-name-case", "err-echoes-secret", "cache-storable", "req-no-token")

OUTCOMES = ("killed", "survived", "timeout")

# Neither is looked at when a run is judged.
_LEFT_OUT = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one small fault.

    Attributes:
        name: what tells it from the others: module, place and number.
        module: name of the module.
        change: the expression before and after.
        code: the whole module.
    """

    name: str
    module: str
    change: str
    code: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests made of a mutant.

    Attributes:
        name: the mutant.
        change: the expression before and after.
        outcome: one of `OUTCOMES`.
        seconds: how long the tests ran.
        tests: digest of the tests that ran.
    """

    name: str
    change: str
    outcome: str
    seconds: float
    tests: str


def nodes(node: cst.CSTNode, line: int, lines: Any) -> Iterator[tuple[int, cst.CSTNode]]:
    """Every node that a fault can be put into, with its line."""
    if isinstance(node, _LEFT_OUT):
        return
    if isinstance(node, cst.If) and isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING":
        return
    line = lines[node].start.line if node in lines else line
    yield line, node
    for child in node.children:
        yield from nodes(child, line, lines)


def places(module: str, source: str) -> list[tuple[str, cst.Module, cst.CSTNode, cst.CSTNode]]:
    """Every fault of a module: its name, the tree, the node and what takes its place."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    lines = wrapper.resolve(PositionProvider)
    found = []
    for line, node in nodes(wrapper.module, 1, lines):
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                found += [(line, node, new) for new in operator(node)]
    return [(f"{module}:{line}#{at}", wrapper.module, node, new) for at, (line, node, new) in enumerate(found)]


def sample(root: Path, size: int, seed: int) -> tuple[list[Mutant], int]:
    """The sampled mutants in random order, and how many there are in all."""
    every = [
        place
        for module in SUITES
        for place in places(module, (root / "conformance" / f"{module}.py").read_text(encoding="utf-8"))
    ]
    chosen = random.Random(seed).sample(every, min(size, len(every)))
    return [_mutant(*place) for place in chosen], len(every)


def _mutant(name: str, tree: cst.Module, node: cst.CSTNode, new: cst.CSTNode) -> Mutant:
    changed = tree.deep_replace(node, new)
    assert isinstance(changed, cst.Module)
    before, after = (" ".join(tree.code_for_node(one).split()) for one in (node, new))
    return Mutant(name, name.partition(":")[0], f"{before}  ->  {after}", changed.code)


def copy(folder: Path, *, refresh: bool) -> Path:
    """A copy of the tree as it was when it was made, on wish with the tests as they are now."""
    tree = folder / "tree"
    hidden = shutil.ignore_patterns("__pycache__")
    if not tree.exists():
        tree.mkdir(parents=True)
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, tree / part, ignore=hidden)
            else:
                shutil.copy2(ROOT / part, tree / part)
    if refresh:
        shutil.copytree(ROOT / "tests", tree / "tests", ignore=hidden, dirs_exist_ok=True)
    return tree


def arguments(module: str, tree: Path) -> list[str]:
    """What pytest is told so that it runs the tests of a module."""
    files = [file for file in SUITES[module] if (tree / file).exists()]
    return ["-k", "not test_defects or " + " or ".join(f"{name}]" for name in DEFECTS), *files]


def pytest(chosen: Iterable[str], tree: Path, patience: float) -> tuple[str, str]:
    """What came of some tests, and which of them failed."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ("-n0", "-x", "-q", "-rf", "--no-header", "--tb=no", "-p", "no:cacheprovider")
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *chosen],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return "timeout", ""
    failed = re.search(r"^FAILED (.+?)(?: - .*)?$", said.decode("utf-8", "replace"), re.MULTILINE)
    return ("survived" if process.returncode == 0 else "killed"), failed[1] if failed else ""


def tried(module: str, tree: Path, patience: float) -> str:
    """What the tests of a module say of the tree as it is; a test that fails must do so twice, the machine is busy."""
    for _ in range(3):
        outcome, failed = pytest(arguments(module, tree), tree, patience)
        if outcome != "killed" or not failed or pytest((failed,), tree, patience)[0] != "survived":
            return outcome
    return outcome


def digest(module: str, tree: Path) -> str:
    """A name for the tests of a module as they are."""
    whole = hashlib.sha256()
    for file in SUITES[module]:
        whole.update((tree / file).read_bytes() if (tree / file).exists() else b"")
    return whole.hexdigest()[:12]


def known(file: Path) -> dict[str, Outcome]:
    """The outcomes so far, by name."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {one.name: one for one in (Outcome(**json.loads(line)) for line in lines)}


def report(outcomes: Iterable[Outcome], wanted: int, total: int) -> None:
    """Prints the figures, and every mutant that nobody noticed."""
    found = list(outcomes)
    for one in sorted(found, key=lambda one: one.name):
        if one.outcome == "survived":
            print(f"survived  {one.name}  {one.change[:200]}")  # noqa: T201 - a script speaks this way
    count = Counter(one.outcome for one in found)
    noticed = count["killed"] + count["timeout"]
    print(  # noqa: T201
        f"{len(found)} of {wanted} sampled from {total}: {count['killed']} killed, {count['timeout']} timeouts, "
        f"{count['survived']} survived, {100 * noticed / max(1, len(found)):.1f} % noticed"
    )


def main() -> int:
    """Tries the sample for as long as it may take; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("minutes", nargs="?", type=float, default=60.0)
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "token-conformance-mutation")
    parser.add_argument("--refresh", action="store_true")
    asked = parser.parse_args()
    os.nice(15)
    # A shell that starts it in the background has interrupts ignored, and the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    until = time.monotonic() + 60 * asked.minutes
    tree = copy(asked.folder, refresh=asked.refresh)
    mutants, total = sample(tree, asked.sample, asked.seed)
    file = asked.folder / f"outcomes-{asked.seed}.jsonl"
    outcomes = known(file)
    tests = {module: digest(module, tree) for module in SUITES}
    left = [
        mutant
        for mutant in mutants
        if mutant.name not in outcomes
        or (outcomes[mutant.name].outcome == "survived" and outcomes[mutant.name].tests != tests[mutant.module])
    ]
    patience: dict[str, float] = {}
    for mutant in left:
        if time.monotonic() >= until:
            break
        path = tree / "conformance" / f"{mutant.module}.py"
        original = path.read_text(encoding="utf-8")
        if mutant.module not in patience:
            began = time.monotonic()
            if (without := tried(mutant.module, tree, 600)) != "survived":
                print(f"{without} without any fault: {mutant.module}")  # noqa: T201
                return 2
            patience[mutant.module] = 30 + 3 * (time.monotonic() - began)
        began = time.monotonic()
        try:
            path.write_text(mutant.code, encoding="utf-8")
            outcome = tried(mutant.module, tree, patience[mutant.module])
        finally:
            path.write_text(original, encoding="utf-8")
        seconds = round(time.monotonic() - began, 1)
        outcomes[mutant.name] = Outcome(mutant.name, mutant.change, outcome, seconds, tests[mutant.module])
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(outcomes[mutant.name])) + "\n")
    report((outcomes[mutant.name] for mutant in mutants if mutant.name in outcomes), len(mutants), total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
