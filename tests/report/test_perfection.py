"""A result that is too good to be true is questioned, and the features that know the target are named."""

from dataclasses import replace

import pytest

from mtl_core.report.perfection import perfection
from mtl_core.report.run import Run
from tests.report.made import Made
from tests.report.reading import read
from tests.report.story import LONG

Measured = dict[str, dict[str, dict[str, float | None]]]


@pytest.fixture(scope="module")
def run(made: Made) -> Run:
    return made.run()


def doubt(run: Run, task: str, metric: str, value: float, baseline: float | None = 0.5, rows: int = 100) -> str:
    measured: Measured = {
        name: {key: dict(numbers) | {"value": 0.7} for key, numbers in metrics.items()}
        for name, metrics in run.evaluation.items()
    }
    measured[task][metric] |= {"value": value, "trivial": baseline}
    (objective,) = (one for one in run.tasks if one.name == task)
    return perfection(replace(run, evaluation=measured), objective, rows)


@pytest.mark.parametrize(
    ("task", "metric", "title", "related"),
    [
        ("late", "auc", "AUC 1.000", "size (AUC 0."),
        (LONG, "r2", "R² 1.000", "size (correlation 0."),
        ("band", "accuracy", "accuracy 1.000", ""),
        ("tags", "macro_auc", "macro AUC 1.000", ""),
        ("grade", "weighted_kappa", "weighted kappa 1.000", ""),
    ],
)
def test_a_perfect_metric_is_questioned(run: Run, task: str, metric: str, title: str, related: str) -> None:
    found = doubt(run, task, metric, 0.9996)
    assert found.startswith(f"{title}: which feature gives it away?")
    assert related in found


@pytest.mark.parametrize(
    ("task", "metric", "value", "baseline", "rows"),
    [
        pytest.param("late", "auc", 0.9985, 0.5, 100, id="a good one"),
        pytest.param("band", "accuracy", 0.9995, 0.995, 100, id="a baseline as good"),
        pytest.param("late", "auc", 1.0, 0.5, 29, id="a few rows"),
        pytest.param("late", "log_loss", 1.0, 2.0, 100, id="a loss"),
        pytest.param("alone", "silhouette", 1.0, None, 100, id="no target"),
    ],
)
def test_what_is_not_questioned(
    run: Run, task: str, metric: str, value: float, baseline: float | None, rows: int
) -> None:
    assert doubt(run, task, metric, value, baseline, rows) == ""


def test_the_page_asks(made: Made) -> None:
    before = made.layout.evaluation.read_text(encoding="utf-8")
    try:
        made.change(made.layout.evaluation, lambda document: document["late"]["auc"].update(value=1.0))
        text = read(made.page()).sections["tasks"]
        assert "AUC 1.000: which feature gives it away? Most related to minutes: size (AUC 0." in text
    finally:
        made.layout.evaluation.write_text(before, encoding="utf-8")
