"""Label probabilities, of which any number may apply: AUC per label, and calibration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.metrics.decisions import decide
from mtl_core.metrics.ranking import auc
from mtl_core.report.forms.base import Balance, Figure, Form
from mtl_core.report.forms.intervals import newcombe
from mtl_core.report.forms.reliability import reliability
from mtl_core.report.run import Scored
from mtl_core.report.theme import ACCENT, INK, MUTED, beside, data, shares, short, svg
from mtl_core.report.wording import NOTHING, interval, number, percent
from mtl_core.tasks.decisions import DEFAULT_THRESHOLD

__all__ = ["Labels"]

_MAX_COLUMNS = 4
_MAX_DOTS = 20


@dataclass(frozen=True, kw_only=True)
class _Found:
    """AUC and frequency of some labels; all (labels,)."""

    common: NDArray[Any]
    """The share of rows to which it applies, among those that are known."""
    auc: NDArray[Any]
    """NaN where a yes and a no are not both known."""
    low: NDArray[Any]
    high: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Labels(Form):
    """Labels (rows, labels) 1, 0, or -1 where unknown; predictions (rows, labels) probabilities."""

    labels: tuple[str, ...]
    thresholds: tuple[float, ...] = ()
    """Probability of each label from which on it is given; none where no threshold is declared."""

    def trivial(self, one: NDArray[Any]) -> str:
        place = int(one.argmax())
        return (
            f"of every row how common each label is in training; “{self.labels[place]}” is the commonest with "
            f"{percent(float(one[place]))}"
        )

    def balance(self, labels: Mapping[str, NDArray[Any]]) -> Balance:
        common = {split: _common(y) for split, y in labels.items()}
        kept = self._commonest(_common(np.concatenate([*labels.values()])), _MAX_COLUMNS)
        rows = {
            # The shares add up to the labels that a row has on average, whatever is unknown of it.
            split: (*(percent(float(found[place])) for place in kept), number(float(found.sum()), 3))
            for split, found in common.items()
        }
        return Balance(head=(*(self.labels[place] for place in kept), "labels a row"), rows=rows)

    def sentence(self, scored: Scored) -> str:
        least = np.asarray(self.thresholds or (DEFAULT_THRESHOLD,))
        given, yes = decide(scored.predictions, least) & (scored.labels >= 0), scored.labels == 1
        if not yes.any():
            return "No labelled test row has any of the labels."
        if not given.any():
            return f"It gives no label of any row {self._probable}."
        right = (given & yes).sum()
        return (
            f"Of the labels with {self._probable} {percent(right / given.sum())} are right, "
            f"and they are {percent(right / yes.sum())} of all that apply."
        )

    @property
    def _probable(self) -> str:
        """The condition under which a label is given, in words."""
        if len(set(self.thresholds)) > 1:
            low, high = (number(bound, 3) for bound in (min(self.thresholds), max(self.thresholds)))
            return f"a probability that reaches their thresholds ({low} to {high})"
        return f"a probability of {percent(self.thresholds[0] if self.thresholds else DEFAULT_THRESHOLD)} or more"

    def figures(self, scored: Scored) -> tuple[Figure, ...]:
        known = scored.labels >= 0
        reliable = reliability(
            scored.predictions[known],
            scored.labels[known] == 1,
            None if scored.uncalibrated is None else scored.uncalibrated[known],
            of_what="share that applied",
            counted="rows times labels",
        )
        return (self._dots(scored), reliable)

    def _commonest(self, common: NDArray[Any], most: int) -> list[int]:
        """The commonest first; what is known of no row comes last."""
        ordered: list[int] = np.argsort(-np.nan_to_num(common, nan=-1.0), kind="stable")[:most].tolist()
        return ordered

    def _dots(self, scored: Scored) -> Figure:
        common = _common(scored.labels)
        kept = self._commonest(common, _MAX_DOTS)
        names, found = [self.labels[place] for place in kept], _found(scored, kept)
        title = "AUC per label"
        caption = (
            "AUC: shown a row to which the label applies and one to which it does not, how often the first has the "
            "higher probability; any order gives 50% (dashed line). The bar is a 95% interval. On the left, to how "
            "many of the test rows the label applies."
        )
        if len(kept) < len(self.labels):
            rarest = np.delete(common, kept)
            least = percent(float(np.nanmax(rarest))) if np.isfinite(rarest).any() else "none"
            caption += (
                f" Drawn are the {len(kept)} commonest of {len(self.labels):,} labels; each of the others applies to "
                f"{least} of the rows or fewer."
            )
        return Figure(
            title=title,
            caption=caption,
            svg=svg(_dot_plot(names, found), f"{title} {caption}"),
            head=("label", "share of rows", "AUC", "95% interval"),
            rows=tuple(
                (
                    name,
                    percent(share),
                    *((f"{auc:.3f}", interval(low, high, 3)) if np.isfinite(auc) else (NOTHING,) * 2),
                )
                for name, share, auc, low, high in zip(
                    names, *(line.tolist() for line in (found.common, found.auc, found.low, found.high)), strict=True
                )
            ),
        )


def _common(labels: NDArray[Any]) -> NDArray[Any]:
    """(rows, labels) -> (labels,) share of yes; NaN where nothing is known."""
    known = (labels >= 0).sum(axis=0)
    return np.where(known > 0, (labels == 1).sum(axis=0) / np.maximum(known, 1), np.nan)


def _found(scored: Scored, places: list[int]) -> _Found:
    yes, no = ((scored.labels[:, places] == answer).sum(axis=0) for answer in (1, 0))
    areas = np.full(len(places), np.nan)
    for at in np.flatnonzero((yes > 0) & (no > 0)):
        areas[at] = auc(scored.labels[:, places[at]], scored.predictions[:, places[at]])(None)
    low, high = newcombe(areas, np.maximum(yes, 1), np.maximum(no, 1))
    return _Found(common=_common(scored.labels[:, places]), auc=areas, low=low, high=high)


def _dot_plot(names: list[str], found: _Found) -> alt.TopLevelMixin:
    # Position, not name, is the key: two labels may look the same once they are cut short.
    ends = [
        {"row": i, "name": short(name), "share": percent(float(share))}
        for i, (name, share) in enumerate(zip(names, found.common, strict=True))
    ]
    dots = [
        {"row": i, "auc": float(auc), "low": float(low), "high": float(high)}
        for i, (auc, low, high) in enumerate(zip(found.auc, found.low, found.high, strict=True))
        if np.isfinite(auc)
    ]
    least = min([0.5, *(float(dot["low"]) for dot in dots)])
    scale = alt.Scale(domain=[np.floor(least * 10) / 10, 1], nice=False)
    y = alt.Y("row:O", axis=beside(140), scale=alt.Scale(paddingInner=0.3))
    x = alt.X("auc:Q", scale=scale, axis=shares(title="AUC"))
    base = alt.Chart(data(dots)).encode(y=y)
    coin = alt.Chart(data([{"auc": 0.5}])).mark_rule(color=MUTED, strokeDash=[4, 4]).encode(x=x)
    intervals = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    points = base.mark_point(color=ACCENT, fill=ACCENT, size=42, opacity=1).encode(x=x)
    left = alt.Chart(data(ends)).encode(y=y)
    look: dict[str, Any] = {"align": "right", "baseline": "middle"}
    texts = (
        left.mark_text(**look, color=INK, fontSize=12).encode(x=alt.value(-52), text="name:N"),
        left.mark_text(**look, color=MUTED, fontSize=10.5).encode(x=alt.value(-8), text="share:N"),
    )
    return alt.layer(coin, intervals, points, *texts).properties(
        width=190, height=min(26, 300 // len(names)) * len(names)
    )
