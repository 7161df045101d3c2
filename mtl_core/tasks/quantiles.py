"""Quantile tasks: a quantile per level that never cross, pinball loss, all in the target's unit."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator
from torch import Tensor

from mtl_core.arrow import ColumnType
from mtl_core.tasks.base import LabelValues
from mtl_core.tasks.metrics import Array, Metric, RowMean
from mtl_core.tasks.numbers import FittedNumber, NumberTask
from mtl_core.tasks.rising import rise, unrise

__all__ = ["FittedQuantiles", "Quantiles"]

MOST_LEVELS = 99

Rows = Callable[[Array, Array], Array]


def _above(labels: Array, predictions: Array) -> Array:
    """(rows, levels) how far the label is above each quantile."""
    return np.asarray(labels[:, None] - predictions.astype(np.float64))


def _pinball(levels: tuple[float, ...]) -> Metric:
    shares = np.asarray(levels)

    def rows(labels: Array, predictions: Array) -> Array:
        above = _above(labels, predictions)
        return np.asarray(np.maximum(shares * above, (shares - 1) * above).mean(axis=1))

    return RowMean(name="pinball", higher_is_better=False, unit="target", rows=rows)


def _interval_score(low: float, high: float) -> Metric:
    def rows(labels: Array, predictions: Array) -> Array:
        above = _above(labels, predictions[:, [0, -1]])
        below_low, above_high = np.maximum(-above[:, 0], 0), np.maximum(above[:, 1], 0)
        return np.asarray(above[:, 0] - above[:, 1] + below_low / low + above_high / (1 - high))

    return RowMean(name="interval_score", higher_is_better=False, unit="target", rows=rows)


def _coverage_error(low: float, high: float) -> Metric:
    def inside(labels: Array, predictions: Array) -> Array:
        return np.asarray((predictions[:, 0] <= labels) & (labels <= predictions[:, -1]))

    return RowMean(
        name="coverage_error", higher_is_better=False, rows=inside, transform=lambda share: abs(share - (high - low))
    )


def _mae(level: int) -> Metric:
    return RowMean(name="mae", higher_is_better=False, unit="target", rows=lambda y, p: np.abs(_above(y, p)[:, level]))


class Quantiles(NumberTask):
    """A number with its uncertainty: the quantile of each of the `levels`.

    The pinball loss (Koenker and Bassett 1978, section 3) of level t weighs by t how far a label is above the quantile,
    by 1 - t how far it is below, and is least at the t-quantile. It acts on the standardised target, and is averaged
    over the levels.

    Of the metrics, the interval score (Gneiting and Raftery 2007, eq. 43) is the width of the interval between the
    outermost two levels and a fine for every label outside it; it is written for levels that need not lie evenly about
    the median. `coverage_error` is how far the share of labels in that interval is from what the levels promise. `mae`
    is that of the level nearest the median.
    """

    objective_options: ClassVar[frozenset[str]] = NumberTask.objective_options | {"levels", "unit"}

    kind: Literal["quantiles"] = "quantiles"
    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    """The shares of the labels that are to lie below each quantile; rising, between 0 and 1."""
    unit: str = ""
    """The target's unit, for people: minutes, EUR."""

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if not 1 <= len(levels) <= MOST_LEVELS:
            raise ValueError(f"must be 1 to {MOST_LEVELS} levels, found {len(levels)}")
        if list(levels) != sorted(set(levels)) or levels[0] <= 0 or levels[-1] >= 1:
            raise ValueError(f"must rise strictly and lie between 0 and 1, found {list(levels)}; as in [0.1, 0.5, 0.9]")
        return levels

    @property
    def metrics(self) -> tuple[Metric, ...]:  # type: ignore[override]  # they measure at the levels
        """A single level makes no interval, and has no metric of one."""
        levels = self.levels
        outermost = levels[0], levels[-1]
        interval = (_interval_score(*outermost), _coverage_error(*outermost)) if len(levels) > 1 else ()
        middle = min(range(len(levels)), key=lambda level: abs(levels[level] - 0.5))
        return (_pinball(levels), *interval, _mae(middle))

    def fitted(self, name: str, kind_of_column: ColumnType, mean: float, scale: float) -> "FittedQuantiles":
        return FittedQuantiles(name=name, type=kind_of_column, options=self, mean=mean, scale=scale)


class FittedQuantiles(FittedNumber):
    """Logits (rows, levels): the lowest quantile in deviations from the mean, then what `rise` turns into steps."""

    kind: Literal["quantiles"] = "quantiles"
    options: Quantiles

    @property
    def declared(self) -> Quantiles:
        return self.options

    @property
    def outputs(self) -> int:
        return len(self.options.levels)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        levels = torch.tensor(self.options.levels, dtype=logits.dtype, device=logits.device)
        above = self.standardised(labels)[:, None] - rise(logits)  # (B, levels)
        return torch.maximum(levels * above, (levels - 1) * above).mean(dim=1)

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """The distance of the quantiles, averaged over the levels: in the same unit as the loss."""
        return (rise(logits) - rise(teacher)).abs().mean(dim=1)

    def link(self, logits: Tensor) -> Tensor:
        return rise(logits) * self.scale + self.mean

    def unlink(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Sorted first, since the quantiles of other models may cross."""
        quantiles = np.sort(predictions.astype(np.float64), axis=1)
        return unrise((quantiles - self.mean) / self.scale).astype(np.float32)

    def trivial(self, labels: LabelValues) -> NDArray[np.float32]:
        known = labels[~np.isnan(labels)]
        return np.asarray(np.quantile(known, self.options.levels, method="inverted_cdf"), dtype=np.float32)

    def signature(self) -> dict[str, Any]:
        form = {"form": "quantiles", "unit": self.options.unit, "levels": list(self.options.levels)}
        return {"name": self.name, "kind": self.kind, **form}
