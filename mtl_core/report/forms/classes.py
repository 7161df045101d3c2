"""The probabilities of classes: which are taken for which, and are they reliable?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.report.forms.base import Balance, Figure, Form
from mtl_core.report.forms.groups import Groups, commonest, neighbours
from mtl_core.report.forms.heat_map import heat_map, shares_of
from mtl_core.report.forms.reliability import reliability
from mtl_core.report.run import Scored
from mtl_core.report.theme import svg
from mtl_core.report.wording import NOTHING, percent

__all__ = ["Classes"]

_MOST_COLUMNS = 6
_MOST_RISING = 5
"""Columns of classes that were put together: their names are longer."""
_MOST_CELLS = 10


@dataclass(frozen=True, kw_only=True)
class Classes(Form):
    """Labels (rows,) positions of classes, predictions (rows, classes) probabilities."""

    classes: tuple[str, ...]
    rising: bool = False
    """Whether they have an order, as those of an ordinal task."""

    def trivial(self, one: NDArray[Any]) -> str:
        likeliest = self.classes[int(one.argmax())]
        return f"the shares of the classes in training for every row; “{likeliest}” is the likeliest"

    def balance(self, labels: Mapping[str, NDArray[Any]]) -> Balance:
        groups = self._groups(np.concatenate([*labels.values()]), _MOST_RISING if self.rising else _MOST_COLUMNS)
        counts = {split: groups.counts(y) for split, y in labels.items()}
        rows = {split: tuple(_share(n, count.sum()) for n in count) for split, count in counts.items()}
        return Balance(head=groups.names, rows=rows)

    def sentence(self, scored: Scored) -> str:
        chosen = scored.predictions.argmax(axis=1)
        if self.rising:
            steps = np.abs(chosen - scored.labels.astype(np.int64))
            return (
                f"The class that it finds the likeliest is right in {percent(float((steps == 0).mean()))} of rows, and "
                f"at most one step off in {percent(float((steps <= 1).mean()))}."
            )
        shares = np.bincount(chosen, minlength=len(self.classes)) / len(scored.labels)
        place = int(shares.argmax())
        truly = float((scored.labels == place).mean())
        return (
            f"It finds “{self.classes[place]}” the likeliest in {percent(float(shares[place]))} of rows; "
            f"in truth {percent(truly)} are."
        )

    def figures(self, scored: Scored) -> tuple[Figure, ...]:
        hit = np.arange(len(self.classes)) == scored.labels[:, None]  # (rows, classes)
        before = None if scored.uncalibrated is None else scored.uncalibrated.ravel()
        chances = (scored.predictions.ravel(), hit.ravel(), before)
        reliable = reliability(*chances, of_what="share that came true", counted="rows times classes")
        return (self._confusion(scored), reliable)

    def _groups(self, labels: NDArray[Any], most: int) -> Groups:
        counts = np.bincount(labels, minlength=len(self.classes))
        return (neighbours if self.rising else commonest)(self.classes, counts, most)

    def _confusion(self, scored: Scored) -> Figure:
        groups = self._groups(scored.labels, _MOST_CELLS)
        names = groups.names
        shares, common = shares_of(groups.table(groups, scored.labels, scored.predictions.argmax(axis=1)))
        title = "Which class is taken for which?"
        caption = (
            "Of the rows that truly are the class on the left, the share for which each class was found the likeliest; "
            "every line adds up to 100%. On the left, how common the class is among the test rows."
        )
        if self.rising:
            merged = " Neighbours that are rare are drawn as one." if len(names) < len(self.classes) else ""
            caption += f" The classes rise: near the diagonal, a miss is a small one.{merged}"
        return Figure(
            title=title,
            caption=caption,
            svg=svg(heat_map(names, names, shares, common), f"{title} {caption}"),
            head=("truly", "share of rows", *(f"taken for {name}" for name in names)),
            rows=tuple(
                (name, percent(float(share)), *(percent(float(cell)) for cell in line))
                for name, share, line in zip(names, common, shares, strict=True)
            ),
        )


def _share(count: int, total: int) -> str:
    return percent(count / total) if total else NOTHING
