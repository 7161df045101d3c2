"""Consoles, tables and names for the terminal: every name is shown as it is, without markup."""

import os
from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table


def open_console(*, stderr: bool = False) -> Console:
    """A console without markup, emoji and highlighting, since a column, a task or a class may be called `[km]`."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def is_live(console: Console) -> bool:
    """True if printed lines can be redrawn. FORCE_COLOR asks for colours in a log, which is still no terminal."""
    return console.is_interactive and console.file.isatty()


def titled_table(title: str, *columns: str | Column, caption: str | None = None, show_lines: bool = False) -> Table:
    """A table with title and caption on the left. Columns given by name fold long cells."""
    headers = [Column(column, overflow="fold") if isinstance(column, str) else column for column in columns]
    return Table(
        *headers,
        title=title,
        title_justify="left",
        title_style="bold",
        caption=caption,
        caption_justify="left",
        show_lines=show_lines,
    )


def number_column(header: str) -> Column:
    """A column of right-aligned cells."""
    return Column(header, justify="right", overflow="fold")


def printable(text: str) -> str:
    """The text on one line, with escapes for characters that would move the cursor or show nothing."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shorten(text: str, length: int) -> str:
    """The text, or both ends of a text that is longer."""
    return text if len(text) <= length else f"{text[: length // 2]}…{text[len(text) - (length - 1) // 2 :]}"


def shorten_names(names: Sequence[str], length: int) -> list[str]:
    """Shortened names; without their common prefix if two would look alike."""
    shortened = [shorten(name, length) for name in names]
    if len(set(shortened)) == len(set(names)):
        return shortened
    start = len(os.path.commonprefix(list(names)))  # noqa: RUF071 - of characters, not of folders
    return [shorten(f"…{name[start:]}", length) for name in names]
