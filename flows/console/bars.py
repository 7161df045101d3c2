"""Progress bars in one look: description, bar, count, time."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["bars"]


def bars(console: Console | None = None, *, transient: bool = False) -> Progress:
    """Bars without a task yet; on stdout where no console is given."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=transient)
