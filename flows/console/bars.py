"""Progress: bars on a terminal; elsewhere lines with the time, to distinguish a slow command from a hanging one."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Self, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flows.console.terminal import is_live

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.progress import Task, TaskID

LOG_SECONDS = 10.0
"""Minimum time between two lines of progress."""

Item = TypeVar("Item")


def with_time(text: str) -> str:
    """A line of a log: ISO 8601 time, text."""
    return f"{datetime.now().astimezone().isoformat(timespec='seconds')} {text}"


class Bars:
    """Bars with description, count and time; a context manager that shows them."""

    def __init__(self, console: Console, *, transient: bool = False) -> None:
        self.live = is_live(console)
        self.view = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=transient,
            disable=not self.live,
        )
        self._logged = -LOG_SECONDS

    def __enter__(self) -> Self:
        self.view.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.view.stop()

    def add(self, description: str, total: int | None = None, completed: int = 0) -> TaskID:
        """Add a bar, hidden while it has neither a description nor a count; without a total it has no end."""
        return self.view.add_task(description, total=total, completed=completed, visible=bool(description))

    def restart(self, bar: TaskID, description: str) -> None:
        """Reset the count of a bar, and its description."""
        self.view.reset(bar, description=description, visible=bool(description))
        self._log_bars()

    def move(self, bar: TaskID, completed: int, total: int | None, description: str | None = None) -> None:
        """Set the count of a bar."""
        self.view.update(bar, completed=completed, total=total, description=description, visible=True)
        self._log_bars()

    def track(self, items: Sequence[Item], description: str) -> Iterator[Item]:
        """Iterate over the items with a bar."""
        bar = self.add(description, len(items))
        for number, item in enumerate(items):
            self.move(bar, number, len(items))
            yield item
        self.view.update(bar, completed=len(items))

    def log(self, text: str) -> None:
        """Print a line if there is no terminal, where the bars show the same."""
        if not self.live:
            self.say(text)

    def say(self, text: str, style: str = "") -> None:
        """Print a line above the bars."""
        self._logged = time.monotonic()
        self.view.console.out(text if self.live else with_time(text), style=style, highlight=False)

    def _log_bars(self) -> None:
        if not self.live and time.monotonic() - self._logged >= LOG_SECONDS:
            self.say("; ".join(filter(None, map(_text, self.view.tasks))))


def _text(bar: Task) -> str:
    if bar.total is None:
        return f"{bar.description}: {bar.completed:,.0f}" if bar.completed else bar.description
    return f"{bar.description}: {bar.completed:,.0f} of {bar.total:,.0f}".removeprefix(": ")
