"""Progress bars in one look: description, bar, count, time."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["StudyProgress", "bars"]


def bars(console: Console | None = None, *, transient: bool = False) -> Progress:
    """Bars without a task yet; on stdout where no console is given."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=transient)


class StudyProgress:
    """Progress of a study, on stderr while it is entered."""

    def __init__(self, *, transient: bool) -> None:
        self.progress = bars(Console(stderr=True), transient=transient)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
