"""Quantile tasks: quantiles that do not cross, one per level, pinball loss, all in the target's unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from mtl_core.metrics import Metric
from mtl_core.metrics.quantiles import coverage_error, interval_score, pinball, quantile_mae
from mtl_core.tasks.base import Codec, LabelValues
from mtl_core.tasks.numbers import NumberCodec, NumberObjective, NumberTask
from mtl_core.tasks.tree_objectives import TreeObjective, number_trees

if TYPE_CHECKING:
    from torch import Tensor

MAX_LEVELS = 99


class QuantilesCodec(NumberCodec):
    """Labels of a quantile task."""

    kind: Literal["quantiles"] = "quantiles"


class Quantiles(NumberTask):
    """A number with its uncertainty: the quantile of each of the `levels`.

    The pinball loss (Koenker and Bassett 1978, section 3) of level t multiplies by t the distance of a label above the
    quantile, by 1 - t that of a label below, and is minimal at the t-quantile. It acts on the standardised target, and
    is averaged over the levels.

    `interval_score` (Gneiting and Raftery 2007, eq. 43) is the width of the interval between the outermost two levels
    plus a penalty for every label outside it; the levels need not be symmetric about the median. `coverage_error` is
    the difference between the share of labels in that interval and its nominal share. `mae` is that of the level
    nearest the median.
    """

    codec_type = QuantilesCodec
    objective_options: ClassVar[frozenset[str]] = NumberTask.objective_options | {"levels", "unit"}

    kind: Literal["quantiles"] = "quantiles"
    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    """The share of labels that is to lie below each quantile; rising, between 0 and 1."""
    unit: str = ""
    """The target's unit, for people: minutes, EUR."""

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if not 1 <= len(levels) <= MAX_LEVELS:
            raise ValueError(f"must be 1 to {MAX_LEVELS} levels, found {len(levels)}")
        if list(levels) != sorted(set(levels)) or levels[0] <= 0 or levels[-1] >= 1:
            raise ValueError(f"must rise strictly and lie between 0 and 1, found {list(levels)}; as in [0.1, 0.5, 0.9]")
        return levels

    @property
    def metrics(self) -> tuple[Metric, ...]:  # type: ignore[override]  # they measure at the levels
        """A single level has no interval, hence none of its metrics."""
        levels = self.levels
        outermost = levels[0], levels[-1]
        interval = (interval_score(*outermost), coverage_error(*outermost)) if len(levels) > 1 else ()
        median = min(range(len(levels)), key=lambda index: abs(levels[index] - 0.5))
        return (pinball(levels), *interval, quantile_mae(median))

    def objective(self, codec: Codec) -> QuantilesObjective:
        return QuantilesObjective(self, codec)


class QuantilesObjective(NumberObjective):
    """Logits (rows, levels): inputs of `monotone`, whose outputs are the quantiles in deviations from the mean."""

    options: Quantiles
    codec: QuantilesCodec

    @property
    def outputs(self) -> int:
        return len(self.options.levels)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        import torch

        from mtl_core.nn.monotone import monotone

        levels = torch.tensor(self.options.levels, dtype=logits.dtype, device=logits.device)
        residuals = self.standardised(labels)[:, None] - monotone(logits)  # (B, levels)
        return torch.maximum(levels * residuals, (levels - 1) * residuals).mean(dim=1)

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """Absolute difference of the quantiles, averaged over the levels: in the unit of the loss."""
        from mtl_core.nn.monotone import monotone

        return (monotone(logits) - monotone(teacher)).abs().mean(dim=1)

    def inverse_link(self, logits: Tensor) -> Tensor:
        from mtl_core.nn.monotone import monotone

        return self.destandardised(monotone(logits))

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Sorts the predictions first, since the quantiles of other models may cross."""
        from mtl_core.nn.monotone import inverse_monotone

        quantiles = np.sort(predictions.astype(np.float64), axis=1)
        return inverse_monotone((quantiles - self.codec.mean) / self.codec.scale).astype(np.float32)

    def baseline(self, labels: LabelValues) -> NDArray[Any]:
        known = labels[~np.isnan(labels)]
        return np.asarray(np.quantile(known, self.options.levels, method="inverted_cdf"), dtype=labels.dtype)

    def output_format(self) -> dict[str, Any]:
        levels = list(self.options.levels)
        return {"form": "quantiles", "unit": self.options.unit, "levels": levels, **self.dtype_entry}

    def tree_objectives(self, labels: LabelValues, weights: NDArray[np.float32]) -> tuple[TreeObjective, ...]:
        levels = self.options.levels
        shifted = labels - self.tree_offset
        return tuple(number_trees(shifted, weights, objective="quantile", alpha=level) for level in levels)
