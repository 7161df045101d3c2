"""Record of a replay: per month the score of each champion on rows that it could not know, and every retrain."""

from typing import Literal

from pydantic import Field

from mtl_core.frozen import Frozen
from mtl_core.numbers import Number
from mtl_core.studies.provenance import Provenance

Outcome = Literal["promoted", "kept", "refused", "unchanged"]
"""Outcome of a retrain, as of `mtl retrain`."""


class ReplayedTask(Frozen):
    """A task and its own metric."""

    metric: str
    higher_is_better: bool
    unit: str = ""

    def gain(self, value: Number, reference: Number) -> Number:
        """Difference of two values, positive if the first is better; None if one of them is undefined."""
        if value is None or reference is None:
            return None
        return value - reference if self.higher_is_better else reference - value


class Change(Frozen):
    """Candidate minus champion in a task's metric, positive if the candidate is better, with a paired 95% interval."""

    champion: Number
    candidate: Number
    difference: Number
    low: Number
    high: Number

    @property
    def is_worse(self) -> bool:
        """True if the candidate is significantly worse."""
        return self.high is not None and self.high < 0

    @property
    def is_better(self) -> bool:
        """True if the candidate is significantly better."""
        return self.low is not None and self.low > 0


class ReplayedRetrain(Frozen):
    """A retrain before a month: the decision of the flow, and what it did to the rows of that month."""

    month: str
    champion: str | None
    """The champion before; None for the first model."""
    candidate: str
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    seconds: float
    processor_seconds: float
    """User and system time of the command, of its stages and of DVC; without the Prefect server."""
    next_month: dict[str, Change] = Field(default_factory=dict)
    """Task -> the change by the candidate on the month's rows; empty for the first model."""

    @property
    def worse(self) -> tuple[str, ...]:
        """Tasks in which the candidate was significantly worse on the next month."""
        return tuple(task for task, change in self.next_month.items() if change.is_worse)

    @property
    def better(self) -> tuple[str, ...]:
        """Tasks in which the candidate was significantly better on the next month."""
        return tuple(task for task, change in self.next_month.items() if change.is_better)


Scores = dict[str, tuple[Number, ...]]
"""Task -> its metric per month; None where it is undefined."""


class ReplayedCadence(Frozen):
    """All months with a retrain every few months."""

    months: int = Field(ge=1)
    """Months from one retrain to the next."""
    retrains: tuple[ReplayedRetrain, ...]
    scores: Scores
    """Scores of the champion of each month."""

    @property
    def processor_seconds(self) -> float:
        """Processor time of all retrains."""
        return sum(retrain.processor_seconds for retrain in self.retrains)

    @property
    def bad_promotions(self) -> tuple[ReplayedRetrain, ...]:
        """Promotions that were significantly worse in a task on the next month."""
        return tuple(retrain for retrain in self.retrains if retrain.outcome == "promoted" and retrain.worse)

    @property
    def compared_promotions(self) -> tuple[ReplayedRetrain, ...]:
        """Promotions with a champion before, with which they are compared on the next month."""
        return tuple(each for each in self.retrains if each.outcome == "promoted" and each.next_month)

    def count(self, outcome: Outcome) -> int:
        """Number of retrains with that outcome."""
        return sum(retrain.outcome == outcome for retrain in self.retrains)


class Replay(Frozen):
    """The study's file."""

    provenance: Provenance
    windows: dict[str, str]
    """`split` of the replay: train, validation and test as durations."""
    months: tuple[str, ...]
    """The months on which champions were scored, as YYYY-MM."""
    rows: tuple[int, ...]
    """Rows per month."""
    tasks: dict[str, ReplayedTask]
    never: Scores
    """Scores of the first model, never retrained."""
    cadences: tuple[ReplayedCadence, ...]
