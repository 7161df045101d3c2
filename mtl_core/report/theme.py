"""Theme of the charts. Colours are CSS variables, which the page defines for a light and a dark scheme."""

import json
import re
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import vl_convert
from markupsafe import Markup

INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
ACCENT, SECOND, SHADE, CARD = "var(--accent)", "var(--second)", "var(--shade)", "var(--card)"

WIDTH = 280
"""Width of a plot without its axis, in pixels; with the axis it fits on a phone."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONFIG = {
    "aria": False,  # a chart has one label as a whole
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
    "legend": {"orient": "top", "title": None, "labelColor": INK, "labelFontSize": 11.5, "symbolStrokeWidth": 2},
}


def data(rows: Sequence[dict[str, Any]] = (), /, **columns: Any) -> alt.InlineData:
    """Inline data of a chart, from rows or columns of one length. They are aggregates, never rows of a user's table."""
    cells = zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True)
    return alt.InlineData(values=[*rows, *(dict(zip(columns, row, strict=True)) for row in cells)])


def percent_axis(**options: Any) -> alt.Axis:
    """Axis of shares and probabilities, in percent."""
    return alt.Axis(format="~%", tickCount=5, **options)


def names_axis(names: Sequence[str], *, limit: int = 130, **options: Any) -> alt.Axis:
    """Axis of an ordinal field that numbers the names from 0, so that names that are equal when cut stay distinct."""
    label = f"{json.dumps(_drawable(list(names)))}[datum.value]"
    options = {"labelOverlap": True, **options}
    return alt.Axis(title=None, ticks=False, labelExpr=label, labelLimit=limit, labelColor=INK, **options)


def _drawable(value: Any) -> Any:
    """The value without characters that XML does not allow; one of them would crash the renderer's process."""
    match value:
        case dict():
            return {key: _drawable(item) for key, item in value.items()}
        case list():
            return [_drawable(item) for item in value]
        case _:
            return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value


def svg(chart: alt.TopLevelMixin, label: str) -> Markup:
    """The chart as an SVG element; `label` is its text for screen readers."""
    spec = chart.to_dict(validate=False) | {
        "config": _CONFIG
    }  # the tests validate: it takes a third of a report's time
    text = vl_convert.vegalite_to_svg(_drawable(spec))
    head, _, body = text.partition(">")
    box = head.partition('viewBox="')[2].partition('"')[0]
    return Markup('<svg viewBox="{}" role="img" aria-label="{}">{}').format(box, label, Markup(body))
