"""Markdown of tables and text, in which every name is shown as it is."""

import base64
import html
import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]|~$#])")


def escape(text: object) -> str:
    """The text on one line, without effect as Markdown or HTML."""
    # Prefect's older pages know no numeric entities, so Markdown is escaped by backslashes.
    return _SPECIAL.sub(r"\\\1", html.escape(_one_line(text), quote=False))


def code(text: object) -> str:
    """The text on one line as code."""
    line = _one_line(text)
    fence = "`" * (1 + max((len(ticks) for ticks in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if len(fence) > 1 else f"`{line}`"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with a line per row."""
    lines = [head, ["---"] * len(head), *([escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def image(svg: str, text: str) -> str:
    """An SVG document as an image within the text; `text` is read where it is not shown."""
    content = base64.b64encode(svg.encode()).decode()
    return f"![{escape(text)}](data:image/svg+xml;base64,{content})"


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
