"""Errors of a task's options in params.yaml: each is one line that names the path, the value and the fix."""

from typing import Any

import pytest

from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError
from tests.small import document

SIZES = {"kind": "ordinal", "classes": ["small", "large"]}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "positive_weight": (
        {"kind": "binary", "positive_weight": -1},
        "tasks.t.positive_weight: must be `balanced` or a number above 0, found -1",
    ),
    "a value that float64 rounds": (
        {"kind": "binary", "positive": 2**53 + 1},
        "tasks.t: a number must be below 2^53 to differ from its neighbours, found about 9007199254740992; read the "
        "target as text by data.types, and give the value in quotes",
    ),
    "class_weights": (
        {**SIZES, "class_weights": ["small"]},
        "tasks.t.class_weights: must be `balanced`, or a mapping of classes to weights, found ['small']",
    ),
    "a class's weight": (
        {**SIZES, "class_weights": {"large": 0}},
        "tasks.t.class_weights: a weight is a number above 0, found 0 for 'large'; 1 leaves a class as it is",
    ),
    "a weight of no class": (
        {**SIZES, "class_weights": {"larg": 2}},
        "tasks.t: `class_weights` must name classes of the task, found 'larg'; did you mean 'large'?",
    ),
    "an option of another kind": (
        {**SIZES, "positive_weight": 2},
        "tasks.t.positive_weight: unknown key; valid: target, weight_column, weight, metric, kind, classes, edges, "
        "others, class_weights",
    ),
    "no order": (
        {"kind": "ordinal"},
        "tasks.t: an ordinal task needs `classes` in rising order, found none; list them, lowest first",
    ),
    "levels": (
        {"kind": "quantiles", "levels": [0.9, 0.1]},
        "tasks.t.levels: must rise strictly and lie between 0 and 1, found [0.9, 0.1]; as in [0.1, 0.5, 0.9]",
    ),
    "no level": ({"kind": "quantiles", "levels": []}, "tasks.t.levels: must be 1 to 99 levels, found 0"),
    "a level that is a word": (
        {"kind": "quantiles", "levels": [0.1, "half"]},
        "tasks.t.levels.1: input should be a valid number, unable to parse string as a number; found 'half'",
    ),
    "an interval of one level": (
        {"kind": "quantiles", "levels": [0.5], "metric": "interval_score"},
        "tasks.t.metric: must be a metric of kind quantiles, found 'interval_score'; valid: pinball, mae",
    ),
    "deviance of what is no count": (
        {"kind": "regression", "metric": "poisson_deviance"},
        "tasks.t.metric: must be a metric of kind regression, found 'poisson_deviance'; valid: rmse, mae, r2",
    ),
    "loss": (
        {"kind": "regression", "loss": "poison"},
        "tasks.t.loss: unknown; found 'poison'; did you mean 'poisson'?",
    ),
}


@pytest.mark.parametrize(("options", "line"), REFUSED.values(), ids=REFUSED)
def test_refused(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_problem(document() | {"tasks": {"t": {"target": "minutes", **options}}})
    assert str(caught.value).splitlines() == ["params.yaml: 1 error", f"  {line}"]


def test_what_stands_beside_it_is_accepted() -> None:
    accepted = [
        {"kind": "binary", "positive_weight": 0.5, "label_smoothing": 0.0},
        {"kind": "binary", "positive_weight": "balanced"},
        {**SIZES, "class_weights": {"large": 2}, "metric": "weighted_kappa"},
        {"kind": "quantiles", "levels": [0.5], "metric": "pinball"},
        {"kind": "quantiles", "levels": [level / 100 for level in range(1, 100)], "metric": "interval_score"},
        {"kind": "regression", "loss": "poisson", "metric": "poisson_deviance"},
    ]
    tasks = {f"t{place}": {"target": "minutes", **options} for place, options in enumerate(accepted)}
    assert list(parse_problem(document() | {"tasks": tasks}).tasks) == list(tasks)
