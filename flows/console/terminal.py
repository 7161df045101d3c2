"""Consoles for stdout and stderr, on which every name is shown as it is."""

from rich.console import Console

__all__ = ["is_live", "open_console", "shortened", "shown"]


def open_console(*, stderr: bool = False) -> Console:
    """A console that reads no markup, since a column, a task or a class may be called `[km]`; styles need a `Text`."""
    return Console(stderr=stderr, markup=False, emoji=False)


def is_live(console: Console) -> bool:
    """True where what was printed can be redrawn. Colours in a log, as FORCE_COLOR asks for, make it no terminal."""
    return console.is_interactive and console.file.isatty()


def shown(text: str) -> str:
    """The text on one line, with escapes for what would move the cursor or show nothing."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, longest: int) -> str:
    """Both ends of a text that is too long."""
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[len(text) - (longest - 1) // 2 :]}"
