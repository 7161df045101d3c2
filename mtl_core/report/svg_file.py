"""A picture of the page as a file of its own, which reads on a light page and on a dark one."""

import re
from importlib.resources import files

_MARGIN = 12
"""Around the picture, in pixels: letters may be wider where it is shown than where it was made."""


def svg_file(element: str) -> str:
    """An SVG element of the page as a document: its size, a ground, and both sets of colours.

    Colours are written out, since not everything that shows an SVG knows variables; a browser in the dark has others.
    """
    element = str(element)  # not Markup, which would quote what is joined to it
    box = re.search(r'viewBox="0 0 (\S+) (\S+)"', element)
    assert box is not None  # every picture of the page's theme has one
    light, dark = _colours()
    used = sorted({*re.findall(r"var\(--([\w-]+)\)", element), "card"})
    rules = "".join(f'[{part}="{light[c]}"]{{{part}:{dark[c]}}}' for c in used for part in ("fill", "stroke"))
    width, height = (float(side) + 2 * _MARGIN for side in box.groups())
    place = f'width="{width:g}" height="{height:g}"'
    ground = f'<rect x="-{_MARGIN}" y="-{_MARGIN}" {place} fill="{light["card"]}"/>'
    head, _, body = element.replace(box[0], f'viewBox="-{_MARGIN} -{_MARGIN} {width:g} {height:g}"', 1).partition(">")
    body = re.sub(r"var\(--([\w-]+)\)", lambda found: light[found[1]], body)
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    head = head.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" {place} ', 1)
    return f"{head}>{style}{ground}{body}\n"


def _colours() -> tuple[dict[str, str], dict[str, str]]:
    """The page's colours by name, for light and for dark."""
    style = files("mtl_core.report").joinpath("templates", "page.css").read_text(encoding="utf-8")
    lightly, _, darkly = style.partition("prefers-color-scheme: dark")
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+)", part)) for part in (lightly, darkly))
    return light, dark
