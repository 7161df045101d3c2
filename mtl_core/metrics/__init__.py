"""Metrics, a file per family of tasks: a number from labels and predictions, and its bootstrap interval."""

from mtl_core.metrics.base import Array, Metric, RowMean, WeightedValue

__all__ = ["Array", "Metric", "RowMean", "WeightedValue"]
