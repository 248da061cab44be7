"""What people see while something runs: one line a step, with its progress and its duration.

On a terminal the running step is a live line with a bar; elsewhere (CI, a pipe) each step leaves
just its final line.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

# What a step's line begins with, and in which colour: it is done, it failed, or it says nothing.
Mark = tuple[str, str]
DONE: Mark = ("✓", "green")
FAILED: Mark = ("✗", "red")
UNKNOWN: Mark = ("?", "yellow")

_TITLE_WIDTH = 22
_WIDEST = 1000


@dataclass
class Step:
    """A running step: say what it is doing, and at the end what came of it."""

    _live: Progress
    _task: int
    result: str = ""
    mark: Mark = DONE

    def say(self, text: str) -> None:
        """Show what the step is doing right now."""
        self._live.update(self._task, detail=text)  # type: ignore[arg-type]

    def progress(self, done: float, total: float, text: str = "") -> None:
        """Show how far the step is."""
        self._live.update(self._task, completed=done, total=total, detail=text)  # type: ignore[arg-type]


@dataclass
class Screen:
    """Where a task prints. `seconds` holds the duration of every finished step by name."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[Step]:
        """Run one step: shows it live, then leaves one line with `Step.result` and its time."""
        started = time.monotonic()
        live = Progress(
            SpinnerColumn(),
            TextColumn(f"{title:<{_TITLE_WIDTH}}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        step = Step(live, live.add_task("", total=None, detail=""))
        try:
            with live:
                yield step
        except BaseException:
            self._line(FAILED, title, time.monotonic() - started, "")
            raise
        elapsed = time.monotonic() - started
        self.seconds[name] = round(elapsed, 2)
        self._line(step.mark, title, elapsed, step.result)

    def _line(self, mark: Mark, title: str, seconds: float, result: str) -> None:
        # Not as markup: results hold brackets of their own.
        middle = f" {title:<{_TITLE_WIDTH}} {seconds:7.1f} s  "
        line = Text.assemble(mark, middle, (result, "dim"))
        self.console.print(line, soft_wrap=True)

    def print(self, text: str = "") -> None:
        """Print a line as it is: names hold brackets of their own."""
        self.console.print(Text(text), soft_wrap=True)

    def table(self, *columns: str, rows: list[tuple[str, ...]]) -> None:
        """Print a small table; columns whose values are numbers are set to the right."""
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for index, column in enumerate(columns):
            numeric = all(row[index][:1].isdigit() for row in rows)
            table.add_column(column, justify="right" if numeric and rows else "left")
        for row in rows:
            table.add_row(*map(Text, row))
        # As wide as it is: a narrow window breaks lines, but nothing is left out.
        measured = self.console.measure(table, options=self.console.options.update(width=_WIDEST))
        before, self.console.width = self.console.width, max(measured.maximum, self.console.width)
        self.console.print(table)
        self.console.width = before
