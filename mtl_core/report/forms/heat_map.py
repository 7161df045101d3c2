"""The picture of a table of shares: how the rows of every line are spread over the columns."""

from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.theme import ACCENT, INK, MUTED, beside, data, short
from mtl_core.report.wording import percent

__all__ = ["heat_map", "shares_of"]

_WIDE, _HIGH = 225, 235
"""Of all cells, in pixels."""
_SIDE = 62
_ROOM = 30
"""Pixels from which on a line has room for its name above its share."""
_ROOM_LEFT = 95
_SHARE = 38
"""Of a share that stands beside the name."""


def shares_of(table: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(lines, columns) counts -> the share of each cell in its line, 0 in an empty one; and of each line in all."""
    sums = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, sums, out=np.zeros(table.shape), where=sums > 0)
    return shares, sums[:, 0] / max(1, sums.sum())


def heat_map(
    lines: tuple[str, ...], columns: tuple[str, ...], shares: NDArray[Any], common: NDArray[Any]
) -> alt.TopLevelMixin:
    """(lines, columns) shares, and (lines,) how common each line is."""
    # Position, not name, is the key: two classes may look the same once they are cut short.
    sign = "%" if len(columns) <= 6 else ""
    rows = [
        {"row": i, "column": j, "share": float(share), "text": f"{share * 100:.0f}{sign}"}
        for i, line in enumerate(shares)
        for j, share in enumerate(line)
    ]
    across = min(_SIDE, _WIDE // len(columns))
    down = min(max(across, _ROOM + 6), _HIGH // len(lines))
    x = alt.X("column:O", axis=None, scale=alt.Scale(paddingInner=0.06))
    y = alt.Y(
        "row:O", axis=beside(_ROOM_LEFT if down > _ROOM else _ROOM_LEFT + _SHARE), scale=alt.Scale(paddingInner=0.06)
    )
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    opacity = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 0.6]), legend=None)
    cells = base.mark_rect(color=ACCENT, cornerRadius=3).encode(opacity=opacity)
    text = base.mark_text(color=INK, fontSize=12 if across > _ROOM else 10).encode(text="text:N")
    picture = alt.layer(cells, text, *_left(lines, common, down, y), _above(columns, across, x))
    return picture.properties(width=across * len(columns), height=down * len(lines))


def _left(lines: tuple[str, ...], common: NDArray[Any], down: int, y: alt.Y) -> list[alt.Chart]:
    """Names with their shares: beneath each other, or side by side where a line is low."""
    ends = [
        {"row": i, "name": short(name), "share": percent(float(share))}
        for i, (name, share) in enumerate(zip(lines, common, strict=True))
    ]
    base = alt.Chart(data(ends)).encode(y=y, x=alt.value(-8))
    look: dict[str, Any] = {"align": "right", "baseline": "middle"}
    roomy = down > _ROOM
    names = base.mark_text(**look, color=INK, fontSize=12, dy=-6 if roomy else 0, dx=0 if roomy else -_SHARE)
    often = base.mark_text(**look, color=MUTED, fontSize=10.5, dy=7 if roomy else 0)
    return [names.encode(text="name:N"), often.encode(text="share:N")]


def _above(columns: tuple[str, ...], across: int, x: alt.X) -> alt.Chart:
    ends = [{"column": i, "name": short(name)} for i, name in enumerate(columns)]
    slanted = len(columns) > 4 or across < 50
    look: dict[str, Any] = {"align": "left", "angle": 325, "dx": 4} if slanted else {"align": "center"}
    names = alt.Chart(data(ends)).mark_text(
        **look, baseline="bottom", color=INK, fontSize=12 if across > _ROOM else 10.5
    )
    above: alt.Chart = names.encode(x=x, y=alt.value(-8), text="name:N")
    return above
