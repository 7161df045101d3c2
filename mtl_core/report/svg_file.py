"""A chart of the report as an SVG file, legible on light and on dark pages."""

import re
from importlib.resources import files

_MARGIN = 12
"""Around the chart, in pixels: the fonts of a reader may be wider than those of the renderer."""


def svg_file(element: str) -> str:
    """An SVG element of the page as a document with its size, a background, and both colour schemes.

    Colours are literal, since not every SVG viewer supports CSS variables; a media query has those of the dark scheme.
    """
    element = str(element)  # not Markup, which would escape the strings that are joined to it
    box = re.search(r'viewBox="0 0 (\S+) (\S+)"', element)
    assert box is not None  # theme.svg writes one
    light, dark = _colours()
    used = sorted({*re.findall(r"var\(--([\w-]+)\)", element), "card"})
    rules = "".join(f'[{name}="{light[c]}"]{{{name}:{dark[c]}}}' for c in used for name in ("fill", "stroke"))
    width, height = (float(side) + 2 * _MARGIN for side in box.groups())
    size = f'width="{width:g}" height="{height:g}"'
    background = f'<rect x="-{_MARGIN}" y="-{_MARGIN}" {size} fill="{light["card"]}"/>'
    head, _, body = element.replace(box[0], f'viewBox="-{_MARGIN} -{_MARGIN} {width:g} {height:g}"', 1).partition(">")
    body = re.sub(r"var\(--([\w-]+)\)", lambda variable: light[variable[1]], body)
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    head = head.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" {size} ', 1)
    return f"{head}>{style}{background}{body}\n"


def _colours() -> tuple[dict[str, str], dict[str, str]]:
    """The page's colours by name, of the light and of the dark scheme."""
    style = files("mtl_core.report").joinpath("templates", "page.css").read_text(encoding="utf-8")
    schemes = style.split("prefers-color-scheme: dark", maxsplit=1)
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+)", scheme)) for scheme in schemes)
    return light, dark
