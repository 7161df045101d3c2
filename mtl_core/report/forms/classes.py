"""The probabilities of classes: which are taken for which, and are they reliable?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.forms.base import Balance, Figure, Form
from mtl_core.report.forms.reliability import reliability
from mtl_core.report.run import Scored
from mtl_core.report.theme import ACCENT, INK, MUTED, data, svg
from mtl_core.report.wording import NOTHING, percent

__all__ = ["Classes"]

_MOST_COLUMNS = 6
_MOST_CELLS = 10


@dataclass(frozen=True, kw_only=True)
class Classes(Form):
    """Labels (rows,) positions of classes, predictions (rows, classes) probabilities."""

    classes: tuple[str, ...]

    def trivial(self, one: NDArray[Any]) -> str:
        likeliest = self.classes[int(one.argmax())]
        return f"the shares of the classes in training for every row; “{likeliest}” is the likeliest"

    def balance(self, labels: Mapping[str, NDArray[Any]]) -> Balance:
        counts = {split: np.bincount(y, minlength=len(self.classes)) for split, y in labels.items()}
        kept = _commonest(sum(counts.values(), np.zeros(len(self.classes))), _MOST_COLUMNS)
        rows = {}
        for split, count in counts.items():
            shown = [count[place] for place in kept] + ([count.sum() - count[kept].sum()] if self._cut(kept) else [])
            rows[split] = tuple(percent(n / count.sum()) if count.sum() else NOTHING for n in shown)
        return Balance(head=self._names(kept), rows=rows)

    def sentence(self, scored: Scored) -> str:
        shares = np.bincount(scored.predictions.argmax(axis=1), minlength=len(self.classes)) / len(scored.labels)
        place = int(shares.argmax())
        truly = float((scored.labels == place).mean())
        return (
            f"It finds “{self.classes[place]}” the likeliest in {percent(float(shares[place]))} of rows; "
            f"in truth {percent(truly)} are."
        )

    def figures(self, scored: Scored) -> tuple[Figure, ...]:
        hit = np.arange(len(self.classes)) == scored.labels[:, None]  # (rows, classes)
        reliable = reliability(
            scored.predictions.ravel(), hit.ravel(), of_what="share that came true", counted="rows times classes"
        )
        return (self._confusion(scored), reliable)

    def _cut(self, kept: Sequence[int]) -> bool:
        return len(kept) < len(self.classes)

    def _names(self, kept: Sequence[int]) -> tuple[str, ...]:
        names = tuple(self.classes[place] for place in kept)
        return (*names, f"{len(self.classes) - len(kept)} others") if self._cut(kept) else names

    def _confusion(self, scored: Scored) -> Figure:
        counts = np.bincount(scored.labels, minlength=len(self.classes))
        kept = _commonest(counts, _MOST_CELLS)
        names = self._names(kept)
        place_of = np.full(len(self.classes), len(names) - 1)
        place_of[kept] = np.arange(len(kept))
        actual, chosen = place_of[scored.labels], place_of[scored.predictions.argmax(axis=1)]
        table = np.bincount(actual * len(names) + chosen, minlength=len(names) ** 2).reshape(len(names), len(names))
        sums = table.sum(axis=1, keepdims=True)
        shares = np.divide(table, sums, out=np.zeros(table.shape), where=sums > 0)
        title = "Which class is taken for which?"
        caption = (
            "Of the rows that truly are the class on the left, the share for which each class was found the likeliest; "
            "every line adds up to 100%. On the left, how common the class is among the test rows."
        )
        common = sums[:, 0] / sums.sum()
        return Figure(
            title=title,
            caption=caption,
            svg=svg(_heat_map(names, shares, common), f"{title} {caption}"),
            head=("truly", "share of rows", *(f"taken for {name}" for name in names)),
            rows=tuple(
                (name, percent(float(share)), *(percent(float(cell)) for cell in line))
                for name, share, line in zip(names, common, shares, strict=True)
            ),
        )


def _commonest(counts: NDArray[Any], most: int) -> list[int]:
    """Positions of the commonest classes in their own order; one fewer where others have to be summed up."""
    if len(counts) <= most:
        return list(range(len(counts)))
    return sorted(np.argsort(-counts, kind="stable")[: most - 1].tolist())


def _heat_map(names: tuple[str, ...], shares: NDArray[Any], common: NDArray[Any]) -> alt.TopLevelMixin:
    # Position, not name, is the key: two classes may look the same once they are cut short.
    rows = [
        {
            "row": i,
            "column": j,
            "share": float(share),
            "text": f"{share * 100:.0f}%" if len(names) <= 6 else f"{share * 100:.0f}",
        }
        for i, line in enumerate(shares)
        for j, share in enumerate(line)
    ]
    side = min(62, 225 // len(names))
    x = alt.X("column:O", axis=None, scale=alt.Scale(paddingInner=0.06))
    y = alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.06))
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    opacity = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 0.6]), legend=None)
    cells = base.mark_rect(color=ACCENT, cornerRadius=3).encode(opacity=opacity)
    text = base.mark_text(color=INK, fontSize=12 if side > 30 else 10).encode(text="text:N")
    ends = [
        {"row": i, "column": i, "name": _short(name), "share": percent(float(share))}
        for i, (name, share) in enumerate(zip(names, common, strict=True))
    ]
    left = alt.Chart(data(ends)).encode(y=y, x=alt.value(-8))
    label: dict[str, Any] = {"align": "right", "baseline": "middle"}
    truly = left.mark_text(
        **label, color=INK, fontSize=12, dy=-6 if side > 30 else 0, dx=0 if side > 30 else -32
    ).encode(text="name:N")
    often = left.mark_text(**label, color=MUTED, fontSize=10.5, dy=7 if side > 30 else 0).encode(text="share:N")
    top = alt.Chart(data(ends)).encode(x=x, y=alt.value(-8), text="name:N")
    slanted: dict[str, Any] = (
        {"align": "left", "angle": 325, "dx": 4} if len(names) > 4 or side < 50 else {"align": "center"}
    )
    taken = top.mark_text(**slanted, baseline="bottom", color=INK, fontSize=12 if side > 30 else 10.5)
    size = side * len(names)
    return alt.layer(cells, text, truly, often, taken).properties(width=size, height=min(size, 235))


def _short(name: str, most: int = 14) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
