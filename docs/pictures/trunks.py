"""Cost of a training step with each trunk, and its number of parameters, at its default size with five tasks.

    python docs/pictures/trunks.py [FILE]

FILE is what `python benchmarks/trunks.py` printed; without it the benchmark runs first, which takes half a minute.
"""

from typing import Any

import altair as alt
from drawing import benchmark_ratios, parse_arguments, save

from mtl_core.config import AnyTrunk
from mtl_core.report.theme import ACCENT, INK, MUTED, data
from mtl_core.schema import tagged

TASKS, WIDTH = 5, 192
"""As in the benchmark."""
ROW = 26
"""Height of a row in pixels."""


def parameters() -> dict[str, int]:
    """Kind -> number of parameters of the trunk, without input layer and heads."""
    trunks = {kind: member().build(WIDTH, TASKS) for kind, member in tagged(AnyTrunk).items()}
    return {kind: sum(parameter.numel() for parameter in trunk.parameters()) for kind, trunk in trunks.items()}


def panel(rows: list[dict[str, Any]], field: str, title: str, number_format: str, *, names: bool) -> alt.LayerChart:
    """Dots with their values, a row per trunk; the first panel has the names."""
    order = [row["kind"] for row in rows]
    axis = alt.Axis(title=None, grid=False, labelColor=INK, labelFontSize=12, minExtent=118) if names else None
    y = alt.Y("kind:N", sort=order, axis=axis)
    maximum = max(row[field] for row in rows)
    x = alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, maximum * 1.15]), axis=alt.Axis(title=title, tickCount=4))
    base = alt.Chart(data(rows)).encode(y=y, x=x)
    layers = [
        base.mark_rule(color=MUTED, strokeWidth=1, opacity=0.5).encode(x=x, x2=alt.datum(0)),
        base.mark_point(color=ACCENT, fill=ACCENT, size=60, opacity=1),
        base.mark_text(color=INK, align="left", dx=8, fontSize=11).encode(
            text=alt.Text(f"{field}:Q", format=number_format)
        ),
    ]
    return alt.layer(*layers).properties(width=265, height=ROW * len(rows))


def main() -> None:
    """Run the benchmark and write the picture and its numbers."""
    output = parse_arguments(__doc__, file=True).file
    ratios = benchmark_ratios(output, "trunks.py", "--tasks", str(TASKS), "--width", str(WIDTH))
    cost, size = {"shared_bottom": 1.0} | ratios, parameters()
    kinds = sorted(cost, key=lambda kind: cost[kind])
    rows = [{"kind": kind, "cost": cost[kind], "thousands": size[kind] / 1000} for kind in kinds]
    chart = alt.hconcat(
        panel(rows, "cost", "processor time of a step, shared_bottom = 1", ".2f", names=True),
        panel(rows, "thousands", "parameters, thousands", ",.0f", names=False),
        spacing=24,
    )
    label = "Dots per kind of trunk: processor time of a training step relative to shared_bottom, and parameters"
    numbers = {"tasks": TASKS, "input_width": WIDTH, "cost": cost, "parameters": size}
    save("trunks", chart, label, numbers | {"thousands": {kind: n / 1000 for kind, n in size.items()}})


if __name__ == "__main__":
    main()
