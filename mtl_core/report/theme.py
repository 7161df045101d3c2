"""How every picture looks: one theme, and colours that the page's style sheet gives a value for light and for dark."""

import re
from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

__all__ = ["ACCENT", "CARD", "INK", "MUTED", "SECOND", "SHADE", "WIDTH", "beside", "data", "shares", "short", "svg"]

INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
ACCENT, SECOND, SHADE, CARD = "var(--accent)", "var(--second)", "var(--shade)", "var(--card)"

WIDTH = 340
"""Width of a picture, in pixels: what a phone shows without shrinking it; wider screens put several side by side."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONFIG = {
    "aria": False,  # the picture has one label as a whole; a thousand labelled points help nobody
    "background": "transparent",
    "font": _FONT,
    "padding": {"left": 4, "top": 4, "right": 8, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "domainColor": MUTED,
        "gridColor": LINE,
        "labelColor": MUTED,
        "labelFontSize": 11,
        "labelPadding": 4,
        "ticks": False,
        "titleColor": MUTED,
        "titleFontSize": 11.5,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "axisY": {"domain": False},
}


def data(rows: Sequence[dict[str, Any]]) -> alt.InlineData:
    """Rows for a chart. They are bins, never rows of the user's table."""
    return alt.InlineData(values=list(rows))


def shares(**options: Any) -> alt.Axis:
    """An axis of shares and probabilities, in percent."""
    return alt.Axis(format="~%", tickCount=5, **options)


def beside(width: int) -> alt.Axis:
    """Room of that many pixels for names that a picture writes beside its lines: pictures of one width, short names or
    long ones.
    """
    return alt.Axis(title=None, labels=False, grid=False, domain=False, minExtent=width)


def short(name: str, most: int = 14) -> str:
    """A name that fits beside a picture."""
    return name if len(name) <= most else name[: most - 1] + "…"


def _drawable(value: Any) -> Any:
    """The specification without the characters that XML has not: in the name of a class, one ends the process."""
    match value:
        case dict():
            return {key: _drawable(inner) for key, inner in value.items()}
        case list():
            return [_drawable(inner) for inner in value]
        case str():
            return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value)
        case _:
            return value


def svg(chart: alt.TopLevelMixin, label: str) -> Markup:
    """The chart as an SVG element that scales with its place; `label` is what a screen reader says instead."""
    spec = chart.to_dict(validate=False) | {"config": _CONFIG}  # a third of a report's time; the tests validate
    text = vl_convert.vegalite_to_svg(_drawable(spec))
    head, _, body = text.partition(">")
    box = head.partition('viewBox="')[2].partition('"')[0]
    return Markup('<svg viewBox="{}" role="img" aria-label="{}">{}').format(box, label, Markup(body))
