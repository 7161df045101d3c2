"""Pictures with the report's look, each a file of its own that reads on a light page and on a dark one."""

import json
import re
from pathlib import Path
from typing import Any

import altair as alt

from mtl_core.report import theme

__all__ = ["ROOT", "save", "share"]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STYLE = ROOT / "mtl_core" / "report" / "templates" / "page.css"


def save(name: str, chart: alt.TopLevelMixin, label: str, numbers: dict[str, Any]) -> None:
    """Writes NAME.svg and NAME.json, the numbers that it draws, beside the scripts; both or none.

    Args:
        label: what a screen reader says of the picture.
        numbers: JSON values; what a page says of its picture is checked against them.
    """
    written = {
        HERE / f"{name}.svg": _alone(str(theme.svg(chart, label))),
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


def _alone(element: str) -> str:
    """An SVG element of the report as a file: its size, a ground, and both sets of colours.

    Colours are written out, since not everything that shows an SVG knows variables; a browser in the dark has others.
    """
    width, height = re.search(r'viewBox="0 0 (\S+) (\S+)"', element).groups()  # type: ignore[union-attr] # theme's
    light, dark = _colours()
    used = sorted(set(re.findall(r"var\(--([\w-]+)\)", element)) | {"card"})
    rules = "".join(f'[{p}="{light[c]}"]{{{p}:{dark[c]}}}' for c in used for p in ("fill", "stroke"))
    ground = f'<rect width="100%" height="100%" fill="{light["card"]}"/>'
    size = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    head, _, body = element.partition(">")
    body = re.sub(r"var\(--([\w-]+)\)", lambda found: light[found[1]], body)
    return f"{head.replace('<svg ', size, 1)}>{style}{ground}{body}\n"


def _colours() -> tuple[dict[str, str], dict[str, str]]:
    """The report's colours by name, for light and for dark."""
    lightly, _, darkly = STYLE.read_text(encoding="utf-8").partition("prefers-color-scheme: dark")
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+)", part)) for part in (lightly, darkly))
    return light, dark
