"""`tuning`: the search of `mtl tune`, its options, ranges and number of trials."""

import json
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from mtl_core.frozen import Frozen

Bound = int | float


class Prune(Frozen):
    """The median rule (Golovin 2017, "Google Vizier", section 3.2.2).

    A trial ends early once its best epoch so far is worse than the median of the earlier trials' best epochs up to the
    same epoch.
    """

    startup: Annotated[int, Field(ge=1)] = 5
    """Maximum number of trials that are trained in full before any is pruned."""
    warm_up: Annotated[int, Field(ge=0)] = 3
    """Minimum epochs of every trial."""


class SearchRange(Frozen):
    """Values of an option: a range of numbers, or choices."""

    low: Bound | None = None
    high: Bound | None = None
    """Inclusive, as is `low`. Integers only, if both are."""
    step: Bound | None = None
    log: bool = False
    """Logarithmic scale: 0.001 lies halfway between 0.0001 and 0.01."""
    choices: tuple[JsonValue, ...] | None = None

    @property
    def is_integer(self) -> bool:
        """True for a range of integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def values(self) -> tuple[Any, ...]:
        """The ends of the range, or every choice."""
        return self.choices if self.choices is not None else (self.low, self.high)

    def spans(self, value: Any) -> bool:
        """True for a number in the range."""
        if self.low is None or self.high is None or isinstance(value, bool) or not isinstance(value, int | float):
            return False
        right_type = isinstance(value, int) or not self.is_integer
        return right_type and self.low <= value <= self.high and (not self.step or _steps(self.low, value, self.step))

    @model_validator(mode="after")
    def _range_or_choices(self) -> Self:
        if self.choices is not None:
            if any(option is not None for option in (self.low, self.high, self.step)) or self.log:
                raise ValueError("must be a range, or choices, found both; leave out low, high, step and log")
            texts = {json.dumps(choice, sort_keys=True) for choice in self.choices}
            if len(texts) < 2 or len(texts) < len(self.choices):
                raise ValueError(f"choices: must be at least two different values, found {list(self.choices)!r:.80}")
            return self
        if self.low is None or self.high is None:
            raise ValueError("must have low and high, or choices; as in {low: 0.0, high: 0.5} or {choices: [8, 16]}")
        if self.low >= self.high:
            raise ValueError(f"low: must be less than high, found {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low: must be above 0 with log, found {self.low}; leave out log, or raise it")
        if self.step is not None:
            self._check_step(self.low, self.high, self.step)
        return self

    def _check_step(self, low: Bound, high: Bound, step: Bound) -> None:
        if self.log:
            raise ValueError("step: cannot be combined with log, found both; leave out one of the two")
        if step <= 0 or (self.is_integer and not isinstance(step, int)):
            raise ValueError(f"step: must be above 0, and whole between whole numbers, found {step}")
        if not _steps(low, high, step):
            raise ValueError(f"high: must be a number of steps above low, found {low} to {high} by {step}")


def _boolean_as_rule(value: object) -> object:
    """`true` as the rule with its defaults, `false` as no pruning."""
    return {} if value is True else None if value is False else value


class TuningOptions(Frozen):
    """Options of a search for a better problem than the declared one."""

    trials: Annotated[int, Field(ge=2)] = 40
    """Maximum number of trials of all workers together; the first trial is the problem as declared."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the sampler; every trial trains with `training.seed`."""
    prune: Annotated[Prune | None, BeforeValidator(_boolean_as_rule)] = Prune()
    space: Annotated[dict[str, SearchRange], Field(min_length=1)]
    """Dotted path into `params.yaml` -> its values."""


def _steps(low: Bound, value: Bound, step: Bound) -> bool:
    return (Decimal(str(value)) - Decimal(str(low))) % Decimal(str(step)) == 0
