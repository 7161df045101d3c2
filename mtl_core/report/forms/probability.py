"""The probability of a yes: is it reliable, and does it find the yes?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.metrics.decisions import decide
from mtl_core.report.forms.base import Balance, Figure, Form
from mtl_core.report.forms.bins import gains
from mtl_core.report.forms.reliability import reliability
from mtl_core.report.run import Scored
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, WIDTH, data, shares, svg
from mtl_core.report.wording import NOTHING, number, percent

__all__ = ["Probability"]

_TOP = 0.1


@dataclass(frozen=True, kw_only=True)
class Probability(Form):
    """Labels 0 or 1, predictions in [0, 1]; both (rows,)."""

    threshold: float | None = None
    """The probability from which on the decision is yes; None where no threshold is declared."""

    def trivial(self, one: NDArray[Any]) -> str:
        return f"{percent(float(one))} for every row"

    def balance(self, labels: Mapping[str, NDArray[Any]]) -> Balance:
        rows = {split: (percent(y.mean()) if len(y) else NOTHING,) for split, y in labels.items()}
        return Balance(head=("yes",), rows=rows)

    def sentence(self, scored: Scored) -> str:
        if not scored.labels.any():
            return "No labelled test row is a yes."
        share, found = _top(scored)
        likeliest = f"The {percent(share)} of rows that it finds likeliest hold {percent(found)} of all yes."
        return f"{likeliest} {self._decisions(scored)}".strip()

    def _decisions(self, scored: Scored) -> str:
        """Precision and recall of the decisions, as a sentence; "" where there is no threshold."""
        if self.threshold is None:
            return ""
        decided, yes = decide(scored.predictions, self.threshold), scored.labels == 1
        words = f"With a threshold of {number(self.threshold, 3)} it decides yes for {percent(float(decided.mean()))}"
        if not decided.any():
            return f"{words} of rows."
        right = (decided & yes).sum()
        return (
            f"{words} of rows: {percent(right / decided.sum())} of them are (precision), and they are "
            f"{percent(right / yes.sum())} of all yes (recall)."
        )

    def figures(self, scored: Scored) -> tuple[Figure, ...]:
        chances = (scored.predictions, scored.labels, scored.uncalibrated)
        reliable = reliability(*chances, of_what="share of yes", counted="rows")
        return (reliable, _gains(scored)) if scored.labels.any() else (reliable,)


def _top(scored: Scored) -> tuple[float, float]:
    """The first point at the top tenth of rows or beyond: ties can push it further."""
    taken, found = gains(scored.predictions, scored.labels)
    place = int(np.searchsorted(taken, _TOP - 0.5 / max(1, len(scored.labels))))
    return float(taken[place]), float(found[place])


def _gains(scored: Scored) -> Figure:
    taken, found = gains(scored.predictions, scored.labels)
    share, held = _top(scored)
    title = "How many yes are found by looking at the likeliest rows first?"
    caption = (
        f"The likeliest {percent(share)} of rows hold {percent(held)} of all yes. The dashed line is what rows in any "
        "order would give."
    )
    rows = [{"taken": float(t), "found": float(f)} for t, f in zip(taken, found, strict=True)]
    x = alt.X("taken:Q", scale=alt.Scale(domain=[0, 1]), axis=shares(title="rows looked at, likeliest first"))
    y = alt.Y("found:Q", scale=alt.Scale(domain=[0, 1]), axis=shares(title="yes found"))
    ends = data([{"taken": 0, "found": 0}, {"taken": 1, "found": 1}])
    diagonal = alt.Chart(ends).mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1).encode(x=x, y=y)
    curve = alt.Chart(data(rows)).mark_line(color=ACCENT, strokeWidth=2).encode(x=x, y=y)
    mark = alt.Chart(data([{"taken": share, "found": held, "text": f"{percent(share)} hold {percent(held)}"}])).encode(
        x=x, y=y
    )
    point = mark.mark_point(color=ACCENT, fill=ACCENT, size=55, opacity=1)
    # Below the curve, and with a halo, since the dashed line may run through it.
    place: dict[str, Any] = {"align": "left", "baseline": "top", "dx": 8, "dy": 4, "fontSize": 12}
    texts = [
        mark.mark_text(**place, **look).encode(text="text:N")
        for look in ({"stroke": CARD, "strokeWidth": 4}, {"color": INK})
    ]
    chart = alt.layer(diagonal, curve, point, *texts).properties(width=WIDTH - 60, height=268)
    table = [(t, f) for t, f in zip(taken, found, strict=True)][:: max(1, len(taken) // 10)]
    return Figure(
        title=title,
        caption=caption,
        svg=svg(chart, f"{title} {caption}"),
        head=("rows looked at", "yes found"),
        rows=tuple((percent(float(t)), percent(float(f))) for t, f in table),
    )
