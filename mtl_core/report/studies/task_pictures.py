"""Pictures of what tasks are to each other: a matrix of every pair, and a map. Pure functions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

import altair as alt

from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, WIDTH, data
from mtl_core.report.wording import rounded

__all__ = ["Pairs", "matrix", "scale_of", "task_map"]

Pairs = Mapping[str, Mapping[str, float]]
_SIDE = 52
"""Of a cell at most, in pixels."""
_LETTER = 6.3
"""Width of a letter of a name, in pixels."""
_ROOMY = 36
"""From this side on a cell has room for a decimal."""
_NARROW = 24
"""Below this side it has none for a sign, and the colour alone tells it."""
_LINE = 15
"""From one name of the map to the next, in pixels."""


def scale_of(pairs: Pairs) -> int:
    """The power of ten by which the largest number between two tasks has two digits before the point."""
    most = _most(pairs)
    return 1 - math.floor(math.log10(most)) if most > 0 else 0


def matrix(tasks: Sequence[str], pairs: Pairs, *, scale: int) -> alt.TopLevelMixin:
    """Rows and columns in the tasks' order, without the diagonal: blue above 0, orange below, the stronger the farther.
    A cell shows its number times 10 to the power of `scale`: two digits, and where there is room a sign and a decimal.
    A pair without a number is an empty cell.
    """
    names = [_cut(task) for task in tasks]
    room = math.ceil(_LETTER * max(map(len, names))) + 10
    side = max(14, min(_SIDE, (WIDTH - room - 12) // len(tasks)))
    roomy, narrow = side >= _ROOMY, side < _NARROW
    order = alt.Scale(domain=list(range(len(tasks))), paddingInner=0.06)
    x, y = alt.X("column:O", axis=None, scale=order), alt.Y("row:O", axis=None, scale=order)
    base = alt.Chart(data(list(_cells(tasks, pairs, scale, decimals=1 if roomy else 0, signs=not narrow)))).encode(
        x=x, y=y
    )
    colour = alt.Color("helps:N", scale=alt.Scale(domain=[True, False], range=[ACCENT, SECOND]), legend=None)
    opacity = alt.Opacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0, 0.6]), legend=None)
    frame: dict[str, Any] = {"stroke": MUTED, "strokeOpacity": 0.3, "strokeWidth": 0.5 if narrow else 1}
    layers = [
        base.mark_rect(fill=None, cornerRadius=2, **frame),
        base.mark_rect(cornerRadius=2).encode(color=colour, opacity=opacity),
        base.mark_text(color=INK, fontSize=12 if roomy else min(11.0, 0.65 * side)).encode(text="text:N"),
        _names(names, "row", y=y, x=alt.value(-8), align="right", baseline="middle"),
        _names(names, "column", x=x, y=alt.value(-8), **_turned(names, side)),
    ]
    return alt.layer(*layers).properties(width=side * len(tasks), height=side * len(tasks))


def task_map(places: Mapping[str, tuple[float, float]]) -> alt.TopLevelMixin:
    """A dot per task, and its name beside the map at the end of a line. Both axes have one scale; it has no unit, hence
    no numbers.
    """
    names = [_cut(task) for task in places]
    room = math.ceil(_LETTER * max(map(len, names)))
    width, height = WIDTH - room - 40, max(220, _LINE * (len(places) + 1))
    across = max(abs(x) for x, _ in places.values())
    up = max(abs(y) for _, y in places.values())
    unit = max(across / (0.45 * width), up / (0.45 * height)) or 1.0  # of a pixel
    dots = [(x / unit + width / 2, y / unit + height / 2) for x, y in places.values()]
    lines = _lines([y for _, y in dots], height)
    x, y = (alt.X("x:Q", axis=None, scale=_pixels(width)), alt.Y("y:Q", axis=None, scale=_pixels(height)))
    points = [{"x": across, "y": up} for across, up in dots]
    ends = [{"x": width + 24, "y": line, "name": name} for line, name in zip(lines, names, strict=True)]
    leads = [
        {"task": number, "step": step, "x": across, "y": up}
        for number, (dot, line) in enumerate(zip(dots, lines, strict=True))
        for step, (across, up) in enumerate((dot, (width + 8, line), (width + 20, line)))
    ]
    edge = alt.Chart(data([{"x": 0, "y": 0, "x2": width, "y2": height}])).encode(x=x, y=y, x2="x2:Q", y2="y2:Q")
    led = alt.Chart(data(leads)).encode(x=x, y=y, detail="task:N", order="step:Q")
    layers = [
        edge.mark_rect(fill=None, stroke=MUTED, strokeOpacity=0.3, cornerRadius=6),
        led.mark_line(color=MUTED, strokeWidth=1, opacity=0.5, clip=False),
        alt.Chart(data(points)).mark_point(color=CARD, fill=ACCENT, size=90, opacity=1, strokeWidth=1).encode(x=x, y=y),
        alt.Chart(data(ends))
        .mark_text(color=INK, fontSize=12, align="left", baseline="middle")
        .encode(x=x, y=y, text="name:N"),
    ]
    return alt.layer(*layers).properties(width=width, height=height)


def _pixels(side: int) -> alt.Scale:
    """One for one."""
    return alt.Scale(domain=[0, side], nice=False, zero=False)


def _most(pairs: Pairs) -> float:
    return max((abs(value) for a, others in pairs.items() for b, value in others.items() if a != b), default=0.0)


def _cells(tasks: Sequence[str], pairs: Pairs, scale: int, decimals: int, signs: bool) -> Iterator[dict[str, Any]]:
    most = _most(pairs) or 1.0
    for row, a in enumerate(tasks):
        for column, b in enumerate(tasks):
            value = None if a == b else pairs.get(a, {}).get(b)
            if a != b:
                yield {
                    "row": row,
                    "column": column,
                    "helps": value is None or value >= 0,
                    "strength": abs(value or 0.0) / most,
                    "text": "" if value is None else rounded((value if signs else abs(value)) * 10.0**scale, decimals),
                }


def _names(names: Sequence[str], field: str, *, x: Any, y: Any, **look: Any) -> alt.Chart:
    ends = [{field: number, "name": name} for number, name in enumerate(names)]
    chart: alt.Chart = alt.Chart(data(ends)).mark_text(color=INK, fontSize=11.5, **look).encode(x=x, y=y, text="name:N")
    return chart


def _turned(names: Sequence[str], side: int) -> dict[str, Any]:
    """Names above the columns: level where they fit, upright where they do not."""
    if _LETTER * max(map(len, names)) <= side:
        return {"align": "center", "baseline": "bottom"}
    return {"align": "left", "baseline": "middle", "angle": 270}


def _lines(heights: Sequence[float], height: int) -> list[float]:
    """Where the names stand: each as near to its dot's height as the others leave it room, in the same order. A run of
    names that touch lies around the middle of its dots.
    """
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    runs: list[list[float]] = []  # where the first name of all would stand for each name to be at its dot
    for rank, place in enumerate(order):
        runs.append([heights[place] - _LINE * rank])
        while len(runs) > 1 and mean(runs[-2]) >= mean(runs[-1]):
            last = runs.pop()
            runs[-1] += last
    highest = height - _LINE / 2 - _LINE * (len(heights) - 1)
    firsts = [min(max(mean(run), _LINE / 2), highest) for run in runs for _ in run]
    lines = [0.0] * len(heights)
    for rank, (place, first) in enumerate(zip(order, firsts, strict=True)):
        lines[place] = first + _LINE * rank
    return lines


def _cut(name: str) -> str:
    """A name that fits: of a long one the beginning and the end, since those of one problem may begin alike."""
    return name if len(name) <= 14 else f"{name[:6]}…{name[-7:]}"
