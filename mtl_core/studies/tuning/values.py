"""Conversion between the declared search space and Optuna's samples."""

import json
import math
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from mtl_core.config import Problem, SearchRange
from mtl_core.config.changes import get_option, with_options

DIGITS = 4
"""Significant digits of a sampled number; the training's noise is far above the fifth."""


def distribution(search_range: SearchRange) -> BaseDistribution:
    """Optuna's distribution. A choice is its JSON text, since lists and mappings are allowed."""
    if search_range.choices is not None:
        return CategoricalDistribution([json_text(choice) for choice in search_range.choices])
    low, high, log, step = search_range.low, search_range.high, search_range.log, search_range.step
    assert low is not None
    assert high is not None
    if search_range.is_integer:
        return IntDistribution(int(low), int(high), log=log, step=int(step or 1))
    return FloatDistribution(float(low), float(high), log=log, step=step)


def from_sample(search_range: SearchRange, sampled: Any) -> Any:
    """The option's value for Optuna's sample."""
    if search_range.choices is not None:
        return json.loads(sampled)
    return (
        sampled if search_range.is_integer or search_range.step is not None else rounded(search_range, float(sampled))
    )


def rounded(search_range: SearchRange, value: float) -> float:
    """Round to DIGITS, of the number itself on a logarithmic scale, else of the range's width; within the range."""
    low, high = search_range.low, search_range.high
    assert low is not None
    assert high is not None
    scale = value if search_range.log else high - low
    near = round(value, DIGITS - 1 - math.floor(math.log10(scale)))
    return float(min(max(near, low), high))


def declared_sample(problem: Problem, space: dict[str, SearchRange]) -> dict[str, Any] | None:
    """The declared values as an Optuna sample; None if one lies outside of the space."""
    sample: dict[str, Any] = {}
    for path, search_range in space.items():
        value = get_option(problem, path)
        equal = [json_text(choice) for choice in search_range.choices or () if _is_declared(problem, path, choice)]
        if not equal and not search_range.spans(value):
            return None
        sample[path] = equal[0] if equal else value
    return sample


def json_text(value: Any) -> str:
    """Canonical JSON, equal for equal values."""
    return json.dumps(value, sort_keys=True)


def _is_declared(problem: Problem, path: str, choice: Any) -> bool:
    """True if that choice is the declared value, with or without defaults."""
    return with_options(problem, {path: choice}).model_dump_json() == problem.model_dump_json()
