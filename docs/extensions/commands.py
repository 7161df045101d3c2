"""Reference of the commands: a section of sphinx-click for each, in the order of `mtl --help`."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from sphinx.application import Sphinx

from flows.cli import COMMANDS

TARGET = "_generated/commands.md"


def sections() -> Iterator[str]:
    """Lines of Markdown, with reStructuredText blocks for sphinx-click."""
    for name in COMMANDS:
        module = f"flows.commands.{name.replace('-', '_')}"
        nested = ["   :nested: full"] if isinstance(import_module(module).command, click.Group) else []
        directive = (f".. click:: {module}:command", f"   :prog: mtl {name}", *nested)
        yield from ("```{eval-rst}", *directive, "```", "")


def write(app: Sphinx) -> None:
    """Write the reference to the file that the page includes."""
    target = Path(app.srcdir) / TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(sections()), encoding="utf-8")


def escape_asterisks(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Escape asterisks in help texts, as in a cron schedule, so that they do not start emphasis."""
    lines[:] = [re.sub(r"(?<!\*)\*(?!\*)", r"\\*", line) for line in lines]


def code_example(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Show the example of an epilog as code."""
    start = next((number for number, line in enumerate(lines) if line.endswith("Example:")), None)
    if start is not None:
        code = [f"   {line.removeprefix('|').strip()}" for line in lines[start + 1 :]]
        lines[start:] = [".. rubric:: Example", "", ".. code-block:: shell", "", *code, ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Entry point of a Sphinx extension."""
    app.connect("builder-inited", write)
    app.connect("sphinx-click-process-options", escape_asterisks)
    app.connect("sphinx-click-process-epilog", code_example)
    return {"parallel_read_safe": True}
