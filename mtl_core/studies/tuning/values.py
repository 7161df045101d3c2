"""Between the space that is declared and what Optuna samples."""

import json
import math
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from mtl_core.config import Problem, SearchRange
from mtl_core.config.changes import get_option, with_options

DIGITS = 4
"""Significant digits that a person can read: the training's noise is far above the fifth."""


def distribution(tuned: SearchRange) -> BaseDistribution:
    """Optuna's form of the values. A choice is its JSON text, since lists and mappings may be chosen too."""
    if tuned.choices is not None:
        return CategoricalDistribution([_text(choice) for choice in tuned.choices])
    assert tuned.low is not None
    assert tuned.high is not None
    if tuned.is_integer:
        return IntDistribution(int(tuned.low), int(tuned.high), log=tuned.log, step=int(tuned.step or 1))
    return FloatDistribution(float(tuned.low), float(tuned.high), log=tuned.log, step=tuned.step)


def as_sampled(tuned: SearchRange, sampled: Any) -> Any:
    """The option's value for what Optuna sampled."""
    if tuned.choices is not None:
        return json.loads(sampled)
    return sampled if tuned.is_integer or tuned.step is not None else rounded(tuned, float(sampled))


def rounded(tuned: SearchRange, value: float) -> float:
    """To four digits, of the number itself on a scale of ratios, else of the range's width; within the range."""
    assert tuned.low is not None
    assert tuned.high is not None
    scale = value if tuned.log else tuned.high - tuned.low
    near = round(value, DIGITS - 1 - math.floor(math.log10(scale)))
    return float(min(max(near, tuned.low), tuned.high))


def declared_sample(problem: Problem, space: dict[str, SearchRange]) -> dict[str, Any] | None:
    """Declared values, as if Optuna had sampled them; None where some of them lie outside of the space."""
    found: dict[str, Any] = {}
    for path, tuned in space.items():
        value = get_option(problem, path)
        same = [_text(choice) for choice in tuned.choices or () if _unchanged(problem, path, choice)]
        if not same and not tuned.spans(value):
            return None
        found[path] = same[0] if same else value
    return found


def _unchanged(problem: Problem, path: str, choice: Any) -> bool:
    """True where that choice is the declared value, written in full or not."""
    return with_options(problem, {path: choice}).model_dump_json() == problem.model_dump_json()


def _text(choice: Any) -> str:
    return json.dumps(choice, sort_keys=True)
