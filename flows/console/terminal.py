"""Consoles for stdout and stderr, on which every name is shown as it is."""

import os
from collections.abc import Sequence

from rich.console import Console


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


def shortened_names(names: Sequence[str], longest: int) -> list[str]:
    """Both ends of names that are too long; without the beginning that all share where two would look alike."""
    found = [shortened(name, longest) for name in names]
    if len(set(found)) == len(set(names)):
        return found
    start = len(os.path.commonprefix(list(names)))  # noqa: RUF071 - of characters is what is meant
    return [shortened(f"…{name[start:]}", longest) for name in names]
