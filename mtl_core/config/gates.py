"""`gates`: limits that a model must pass before it can be promoted. A limit of null switches its gate off."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mtl_core.config.duration import FixedDuration
from mtl_core.config.slices import Margins, Slices, margin_of
from mtl_core.frozen import Frozen

Approval = Literal["automatic", "required"]
BaselineRule = Literal["required", "report", "ignore"]
"""`required`: the task must be significantly better than the baseline. `report`: it must not be significantly worse,
and there is a warning where it is not significantly better. `ignore`: the two are not compared.
"""


def _number_or_null(value: object) -> object:
    """Refuse words such as `off`, which is text in YAML 1.2; null switches a gate off."""
    if isinstance(value, bool) or (isinstance(value, str) and not _is_number(value)):
        raise ValueError(f"must be a number, or null, which switches the gate off; found {value!r:.80}")
    return value


def _approval(value: object) -> object:
    if value is None:
        return "automatic"
    if value not in ("automatic", "required"):
        raise ValueError(f"must be `required`, or `automatic` or null, found {value!r:.80}")
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


Limit = Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(_number_or_null)]
MetricLimit = Annotated[Annotated[float, Field()] | None, BeforeValidator(_number_or_null)]


class Latency(Frozen):
    """Limits on the median CPU time of a call of the graph, in milliseconds on one thread; null switches both off."""

    rows_1: Limit = 5.0
    rows_1000: Limit = 100.0

    @model_validator(mode="before")
    @classmethod
    def _null_for_both(cls, value: Any) -> Any:
        return dict.fromkeys(cls.model_fields) if value is None else value


class ParityLimits(Frozen):
    """Maximum difference between the predictions of graph and network, in the task's scale.

    Measured on rows of the test split and on adversarial rows. A number or null sets both.
    """

    test_rows: Limit = 1e-4
    adversarial_rows: Limit = 1e-4

    @model_validator(mode="before")
    @classmethod
    def _one_limit_for_both(cls, value: Any) -> Any:
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return dict.fromkeys(cls.model_fields, value)
        if isinstance(value, str):
            raise ValueError(f"must be a number, null, or a mapping of both limits; found {value!r:.80}")
        return value


class Gates(Frozen):
    """Limits that a model must pass before it can be promoted."""

    metrics: dict[str, dict[str, MetricLimit]] = Field(default_factory=dict)
    """Task -> metric -> limit on the test split: a minimum where higher is better, else a maximum."""
    baseline: dict[str, BaselineRule] = Field(default_factory=dict)
    """Task -> comparison with the baseline; `report` by default."""
    parity: ParityLimits = ParityLimits()
    latency_ms: Latency = Latency()
    size_mb: Limit = 50.0
    worse_than_champion: Margins = 0.0
    """Maximum significant decline of a candidate against the champion in a task's metric: a number for all tasks, or
    a number per task, 0 for those that are not named.

    null for all tasks promotes every candidate; null for one task does not compare it.
    """
    slices: Slices | None = None
    """Columns in each of whose values, too, no task may be significantly worse: a list, or the options below."""
    max_age: FixedDuration | None = None
    """Age of the champion, since its promotion, from which on a candidate that is not worse replaces it, as in `30
    days`. Without one, a candidate must be better.
    """
    approval: Annotated[Approval, BeforeValidator(_approval)] = "automatic"
    """`required`: a candidate that would be promoted waits until a person approves it, by `mtl approve` or on the
    Prefect server.
    """
    approval_timeout: FixedDuration = "7 days"
    """Time for which a flow run on a Prefect server pauses for the approval. The candidate waits beyond it."""

    @model_validator(mode="after")
    def _slices_are_compared(self) -> Self:
        if self.slices is not None and self.worse_than_champion is None:
            raise ValueError(
                "`slices` are compared with the champion's, found `worse_than_champion: null`, which switches the "
                "comparison off; leave one of them out"
            )
        return self

    def margin(self, task: str) -> float | None:
        """Tolerated decline of a task against the champion; None if the task is not compared."""
        return margin_of(self.worse_than_champion, task)

    def slice_margin(self, task: str) -> float | None:
        """Tolerated decline of a task in a slice; None if its slices are not compared."""
        if self.slices is None or self.slices.margin is None:
            return self.margin(task)
        return margin_of(self.slices.margin, task)

    def limits_of(self, task: str) -> dict[str, float]:
        """Metric -> limit of a task, without limits that are switched off."""
        return {name: limit for name, limit in self.metrics.get(task, {}).items() if limit is not None}

    def baseline_rule(self, task: str) -> BaselineRule:
        """The comparison of a task with its baseline."""
        return self.baseline.get(task, "report")

    def switched_off(self) -> Iterator[tuple[str, str]]:
        """(name, line of `params.yaml` that switches it off) for each gate that is off."""
        for task, limits in self.metrics.items():
            for metric, limit in limits.items():
                if limit is None:
                    yield f"{task}.{metric}", f"gates.metrics.{task}.{metric}: null"
        for task, rule in self.baseline.items():
            if rule == "ignore":
                yield f"baseline of {task}", f"gates.baseline.{task}: ignore"
        limits_by_path: tuple[tuple[str, str, object], ...] = (
            ("parity", "parity.test_rows", self.parity.test_rows),
            ("parity on adversarial rows", "parity.adversarial_rows", self.parity.adversarial_rows),
            ("latency of 1 row", "latency_ms.rows_1", self.latency_ms.rows_1),
            ("latency of 1,000 rows", "latency_ms.rows_1000", self.latency_ms.rows_1000),
            ("size", "size_mb", self.size_mb),
            ("comparison with the champion", "worse_than_champion", self.worse_than_champion),
        )
        for name, path, value in limits_by_path:
            if value is None:
                yield name, f"gates.{path}: null"
        if isinstance(self.worse_than_champion, dict):
            for task, margin in self.worse_than_champion.items():
                if margin is None:
                    yield f"comparison of {task} with the champion", f"gates.worse_than_champion.{task}: null"
