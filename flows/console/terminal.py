"""Consoles for stdout and stderr, on which every name is shown as it is."""

from rich.console import Console

__all__ = ["is_live", "open_console"]


def open_console(*, stderr: bool = False) -> Console:
    """A console that reads no markup, since a column, a task or a class may be called `[km]`; styles need a `Text`."""
    return Console(stderr=stderr, markup=False, emoji=False)


def is_live(console: Console) -> bool:
    """True where what was printed can be redrawn. Colours in a log, as FORCE_COLOR asks for, make it no terminal."""
    return console.is_interactive and console.file.isatty()
