"""What a proof says on the terminal: how far it is, what is wrong as it comes, and the four figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from conformance.proving.job import HANDWRITTEN
from conformance.report import escape

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from conformance.proving import Outcome, Proof

_TENTHS = 10


class Progress:
    """Writes a proof as it goes, as a context that ends the bar.

    Args:
        stream: where to; a bar is drawn on a terminal alone.
        color: whether to use colours.
        total: how many runs there are.
        done: how many of them were carried out before.
    """

    def __init__(self, stream: TextIO, *, color: bool, total: int, done: int) -> None:
        self._stream, self._encoding = stream, getattr(stream, "encoding", None) or "utf-8"
        self._console = Console(file=stream, no_color=not color, highlight=False)
        self._total, self._done, self._wrong = total, done, 0
        columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[wrong]}"))
        left = TimeRemainingColumn(elapsed_when_finished=True)
        self._bar = Bar(*columns, left, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("", total=total, completed=done, wrong="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def line(self, text: str, style: str = "") -> None:
        """Writes a line above the bar."""
        safe = escape.terminal(text).encode(self._encoding, "backslashreplace").decode(self._encoding)
        if self._console.is_terminal:
            self._console.print(safe, style=style, markup=False, emoji=False, soft_wrap=True)
        else:
            # The console would end the process with 1 where nobody reads any more, and 1 is a verdict.
            self._stream.write(f"{safe}\n")
            self._stream.flush()

    def complain(self, one: Outcome) -> None:
        """Says what is wrong with an outcome, if anything is."""
        for kind, words in one.complaints:
            self.line(f"{kind:<10}{one.job}: {words}", "bold red")
        self._wrong += bool(one.complaints)
        self._bar.update(self._task, wrong=f"{self._wrong} wrong" if self._wrong else "")

    def step(self, one: Outcome) -> None:
        """Counts an outcome, and says what is wrong with it."""
        self.complain(one)
        self._done += 1
        self._bar.advance(self._task)
        tenth = self._done * _TENTHS // self._total
        if not self._console.is_terminal and tenth != (self._done - 1) * _TENTHS // self._total:
            self.line(f"{self._done} of {self._total} runs")

    def end(self, proof: Proof, page: Path) -> None:
        """Writes the four figures and where the report is."""
        for name, text in figures(proof):
            self.line(f"{name:<14}{text}")
        wrong = f"{len(proof.wrong)} of {len(proof.outcomes)} runs came out wrong"
        self.line(
            f"proven: {len(proof.outcomes)} runs" if proof.proven else f"not proven: {wrong}",
            "bold green" if proof.proven else "bold red",
        )
        self.line(f"report: {page}")


def figures(proof: Proof) -> list[tuple[str, str]]:
    """The four figures of a proof, each with its name."""
    undecided = f", {proof.undecided} undecided" if proof.undecided else ""
    exchanges = proof.exchanges
    parts = ", ".join(f"{name} {exchanges[name].median} to {exchanges[name].largest}" for name in list(exchanges)[:-1])
    total = exchanges["total"]
    kept = "within" if proof.within_limit else "beyond"
    return [
        ("detection", f"{proof.detection} defects found under their own requirement"),
        ("false alarms", f"{proof.false_alarms} runs accuse a correct endpoint{undecided}"),
        ("excess", f"{proof.excess} findings beyond those that are declared"),
        ("exchanges", f"{total.median} to {total.largest} a run (median and largest): {parts}"),
        ("", f"the handwritten ones are {kept} the limit of {HANDWRITTEN}"),
    ]
