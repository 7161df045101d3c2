"""Pictures with the report's look, each a file of its own that reads on a light page and on a dark one."""

import json
from pathlib import Path
from typing import Any

import altair as alt

from mtl_core.report import theme
from mtl_core.report.svg_file import svg_file

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def save(name: str, chart: alt.TopLevelMixin, label: str, numbers: dict[str, Any]) -> None:
    """Writes NAME.svg and NAME.json, the numbers that it draws, beside the scripts; both or none.

    Args:
        label: what a screen reader says of the picture.
        numbers: JSON values; what a page says of its picture is checked against them.
    """
    written = {
        HERE / f"{name}.svg": svg_file(theme.svg(chart, label)),
        HERE / f"{name}.json": json.dumps(numbers, indent=1) + "\n",
    }
    for path, text in written.items():
        _pending(path).write_text(text, encoding="utf-8")
    for path in written:
        _pending(path).replace(path)


def share(value: float, of: float = 1.0, places: int = 3) -> float:
    """A number as the JSON beside a picture keeps it."""
    return round(float(value) / of, places)


def _pending(path: Path) -> Path:
    return path.with_name(f".{path.name}.pending")
