"""Decision thresholds: the best of all by brute force, ties and what is not finite; and how they are declared."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn import metrics as peers

from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError
from mtl_core.tasks.decisions import DEFAULT_THRESHOLD, Maximize, MinPrecision, MinRecall, best_threshold
from tests.small import document
from tests.strategies import patient
from tests.tasks.declared import objective, task

PEERS: dict[str, Any] = {
    "f1": peers.f1_score,
    "accuracy": peers.accuracy_score,
    "balanced_accuracy": peers.balanced_accuracy_score,
}
CHANCES = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 1e-30, 0.1, 0.25, 0.5, 0.5000001, 0.75, 1.0]) | st.floats(0, 1)),
    min_size=2,
    max_size=14,
)


def arrays(rows: list[tuple[bool, float]]) -> tuple[Any, Any]:
    labels, chances = zip(*rows, strict=True)
    return np.array(labels, dtype=np.int8), np.array(chances, dtype=np.float32)


def every_threshold(chances: Any) -> list[Any]:
    """Thresholds, one for each decision that a threshold from 0 to 1 can make."""
    return [*np.unique(chances), *([np.float32(1)] if chances.max() < 1 else [])]


@given(rows=CHANCES, name=st.sampled_from(list(PEERS)))
@patient
def test_no_threshold_has_a_higher_score(rows: list[tuple[bool, float]], name: Any) -> None:
    labels, chances = arrays(rows)
    found = best_threshold(Maximize(maximize=name), labels, chances)
    assert 0 <= found <= 1
    assert found == float(str(np.float32(found))), "it survives float32 and JSON"
    if len(set(labels.tolist())) < 2:
        assert found == DEFAULT_THRESHOLD
        return
    best = max(PEERS[name](labels, chances >= threshold) for threshold in every_threshold(chances))
    assert PEERS[name](labels, chances >= np.float32(found)) == pytest.approx(best, abs=1e-12)


@given(rows=CHANCES, share=st.sampled_from([0.2, 0.5, 0.75, 0.9, 1.0]), of=st.sampled_from([MinPrecision, MinRecall]))
@patient
def test_no_threshold_with_enough_of_one_has_more_of_the_other(
    rows: list[tuple[bool, float]], share: float, of: Any
) -> None:
    labels, chances = arrays(rows)
    if len(set(labels.tolist())) < 2:
        return
    both = {
        threshold: (
            peers.precision_score(labels, chances >= threshold, zero_division=0),
            peers.recall_score(labels, chances >= threshold),
        )
        for threshold in every_threshold(chances)
    }
    is_precision = of is MinPrecision
    rule = MinPrecision(precision=share) if is_precision else MinRecall(recall=share)
    decided = chances >= np.float32(best_threshold(rule, labels, chances))
    precision = peers.precision_score(labels, decided, zero_division=0)
    recall = peers.recall_score(labels, decided)
    enough = [(p, r) for p, r in both.values() if (p if is_precision else r) >= share]
    if not is_precision:
        assert (recall >= share, precision) == (True, max(p for p, _ in enough))
    elif enough:
        assert (precision >= share, recall) == (True, max(r for _, r in enough))
    else:
        assert precision == max(p for p, _ in both.values())


@pytest.mark.parametrize(
    ("labels", "chances", "expected"),
    [
        ([0, 1], [0.2, 0.4], 0.3),  # in the middle of the gap
        ([0, 1], [0.2, 0.9], 0.5),  # at a half where that lies in it
        ([1, 0], [0.4, 0.4], 0.5),  # whatever is decided, half are right: the nearest to a half
        ([0, 1, 0, 1], [0.1, 0.4, 0.7, 0.9], 0.25),  # 0.25 and 0.8 are right for three: the nearer to a half
        ([0, 0, 1], [0.6, 0.7, 0.8], 0.75),
        ([1, 1, 1], [0.1, 0.2, 0.3], 0.5),
        ([0, 1], [0.2, np.nan], 0.5),
        ([0, 1], [0.2, np.inf], 0.5),
        ([0, 0, 0, 1], [0.0, 0.0, 0.0, 0.0], 0.5),
    ],
)
def test_gaps_ties_and_holes(labels: list[int], chances: list[float], expected: float) -> None:
    found = best_threshold(Maximize(maximize="accuracy"), np.array(labels), np.array(chances, dtype=np.float32))
    assert found == pytest.approx(expected, abs=1e-7)


def test_neighbours_in_float32_are_told_apart() -> None:
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    found = best_threshold(Maximize(maximize="f1"), np.array([0, 1]), np.array([low, high]))
    assert np.float32(found) == high


DECLARED = [0.0, 0.3, 1, {"maximize": "f1"}, {"precision": 0.9}, {"recall": 1}]


@pytest.mark.parametrize("kind", ["binary", "multilabel"])
@pytest.mark.parametrize("threshold", DECLARED)
def test_a_threshold_is_in_the_signature_where_it_is_declared(kind: str, threshold: Any) -> None:
    column = pa.array([0, 1, 1] if kind == "binary" else ["a|b", "b", "a"])
    needed = {} if kind == "binary" else {"min_count": 1}
    declared = objective(task(kind, threshold=threshold, **needed), column)
    plain = objective(task(kind, **needed), column)
    initial = 0.5 if isinstance(threshold, dict) else float(threshold)
    entry = {"threshold": initial} if kind == "binary" else {"thresholds": [initial, initial]}
    assert declared.signature() == plain.signature() | entry
    tuned = declared.with_thresholds((0.25, 0.75)[: declared.outputs])
    assert {**tuned.signature(), **entry} == declared.signature(), "and the one that was tuned in its place"
    assert tuned.signature() != declared.signature()
    assert declared.thresholds == (initial,) * declared.outputs, "the first stays as it is"


def test_metrics_use_the_threshold() -> None:
    labels, chances = np.array([1, 1, 0, 0], dtype=np.int8), np.array([0.9, 0.4, 0.3, 0.1], dtype=np.float32)
    plain, declared = task("binary"), objective(task("binary", threshold={"maximize": "f1"}), pa.array([0, 1]))
    assert {metric.name for metric in declared.metrics} - {metric.name for metric in plain.metrics} == {
        *("accuracy", "balanced_accuracy", "f1", "precision", "recall")
    }
    for threshold, recall, precision in ((0.5, 0.5, 1.0), (0.35, 1.0, 1.0), (0.3, 1.0, 2 / 3), (0.95, 0.0, np.nan)):
        values = {metric.name: metric(labels, chances) for metric in declared.with_thresholds((threshold,)).metrics}
        np.testing.assert_allclose([values["recall"], values["precision"]], [recall, precision])
    flags = objective(task("multilabel", min_count=1, threshold=0.3), pa.array(["a|b", "b", "a"]))
    wide, known = np.stack([chances, chances], axis=1), np.stack([labels, labels], axis=1)
    micro = {cut: flags.with_thresholds(cut).metrics[2](known, wide) for cut in ((0.5, 0.5), (0.35, 0.35), (0.5, 0.05))}
    assert micro == pytest.approx({(0.5, 0.5): 4 / 6, (0.35, 0.35): 1.0, (0.5, 0.05): 6 / 9})


@pytest.mark.parametrize(
    "threshold", [-0.1, 1.1, float("nan"), True, "f1", [0.5], {"maximize": "auc"}, {"precision": 0}, {}, {"f1": 0.5}]
)
def test_what_is_no_threshold_is_refused_in_one_line(threshold: Any) -> None:
    with pytest.raises(
        ValidationError, match=r"1 validation error(.|\n)*a number from 0 to 1 or a rule, found .*write"
    ):
        task("binary", threshold=threshold)


FIT = "log_loss, auc, average_precision, brier"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"kind": "binary", "metric": "ece"},
            "tasks.t.metric: must tell models apart while they train, found 'ece': a constant prediction reaches 0, so "
            f"it does not tell models apart; take one of {FIT}",
        ),
        (
            {"kind": "binary", "metric": "f1", "threshold": {"maximize": "f1"}},
            "tasks.t.metric: must tell models apart while they train, found 'f1': its threshold is tuned after "
            f"training; take one of {FIT}",
        ),
        (
            {
                "kind": "multilabel",
                "target": "",
                "columns": ["a", "b"],
                "metric": "macro_f1",
                "threshold": {"recall": 0.9},
            },
            "tasks.t.metric: must tell models apart while they train, found 'macro_f1': its threshold is tuned after "
            "training; take one of macro_auc, log_loss, label_ranking_average_precision",
        ),
        (
            {"kind": "binary", "metric": "precision", "threshold": 0.5},
            "tasks.t.metric: must tell models apart while they train, found 'precision': it is undefined where no "
            "row is decided a yes, as the baseline often decides; take one of "
            f"{FIT}, f1, accuracy, balanced_accuracy, recall",
        ),
        (
            {"kind": "binary", "metric": "f1"},
            f"tasks.t.metric: must be a metric of kind binary, found 'f1'; valid: {FIT}, ece",
        ),
    ],
)
def test_no_task_stops_on_a_metric_that_says_nothing_yet(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_problem(document() | {"tasks": {"t": {"target": "minutes", **options}}})
    assert str(caught.value).splitlines()[1] == f"  {line}"


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9])
def test_a_metric_that_a_task_may_stop_on_is_defined_for_the_baseline(threshold: float) -> None:
    """A task is compared with its baseline in its own metric, and a comparison without a number refuses the model."""
    labels, prior = np.array([0, 0, 1, 0, 0]), np.full(5, 0.2, dtype=np.float32)
    metrics = [metric for metric in task("binary", threshold=threshold).metrics if not metric.unsuitable]
    assert np.isfinite([metric(labels, prior) for metric in metrics]).all()


def test_a_fixed_threshold_may_be_stopped_on_and_any_may_be_gated() -> None:
    tasks = {
        "fixed": {"kind": "binary", "target": "rare", "threshold": 0.3, "metric": "f1"},
        "tuned": {"kind": "binary", "target": "rare", "threshold": {"maximize": "f1"}},
    }
    limits = {"tuned": {"f1": 0.5, "ece": 0.1, "log_loss": 0.6}}
    found = parse_problem(document() | {"tasks": tasks, "gates": {"metrics": limits}})
    assert parse_problem(found.model_dump(exclude_unset=True)).tasks == found.tasks
