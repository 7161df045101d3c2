"""`gates`: limits that a model must pass before it can be promoted."""

from typing import Annotated

from pydantic import Field

from mtl_core.frozen import Frozen

__all__ = ["Gates", "Latency"]


class Latency(Frozen):
    """Limits on the median time of one call of the graph, in milliseconds on one thread."""

    rows_1: Annotated[float, Field(gt=0)] = 5.0
    rows_1000: Annotated[float, Field(gt=0)] = 100.0


class Gates(Frozen):
    """Limits that a model must pass before it can be promoted."""

    metrics: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Task -> metric -> limit on the test split: a minimum where higher is better, else a maximum."""
    parity: Annotated[float, Field(gt=0)] = 1e-4
    """Maximum difference between the predictions of graph and network, in the task's scale."""
    latency_ms: Latency = Latency()
    size_mb: Annotated[float, Field(gt=0)] = 50.0
    worse_than_champion: Annotated[float, Field(ge=0)] = 0.0
    """Maximum loss of a candidate against the champion in a task's own metric, beyond what chance explains."""
