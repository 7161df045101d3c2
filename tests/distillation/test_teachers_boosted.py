"""Trees as teachers: knowledge, not memory. What they say of a row never depends on that row's own label."""

import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mtl_core.config.distillation import Boosted
from mtl_core.data.encoded import EncodedSplit
from mtl_core.distillation import trees
from mtl_core.distillation.boosted import boosted_logits
from mtl_core.distillation.trees import check_trees, lightgbm_for
from mtl_core.errors import DataError, ProblemError, TrainingError
from mtl_core.features import categorical
from tests.distillation.taught_kinds import KINDS, Taught, taught
from tests.small import Small
from tests.tasks.declared import fit_objective, task

FEW = Boosted(trees=15, learning_rate=0.2, leaves=8)


@pytest.fixture(params=KINDS)
def kind(small: Small, request: pytest.FixtureRequest) -> Taught:
    return taught(small, request.param)


def logits_of(
    found: Taught, small: Small, split: EncodedSplit | None = None, *, options: Boosted = FEW, **training: Any
) -> np.ndarray:
    """Soft targets of the teacher for the training rows, or for the same with other labels or weights."""
    declared = small.declared(**training).training
    train = split or found.train
    return boosted_logits(
        options, found.task, found.encoder, train, found.validation, declared, lambda step, steps: None
    )


def test_it_knows_every_kind_and_says_so_in_logits(small: Small, kind: Taught) -> None:
    logits = logits_of(kind, small)
    labels = kind.train.labels["t"]
    known = kind.task.codec.labelled(labels).numpy()
    assert logits.shape == (len(kind.train), kind.task.outputs)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    predictions = kind.task.inverse_link(torch.from_numpy(logits)).numpy()[known]
    trivial = kind.task.baseline(labels.numpy())
    by_chance = np.broadcast_to(trivial, (known.sum(), *trivial.shape))
    metric = kind.task.metric
    found, least = (metric.oriented(metric(labels.numpy()[known], p)) for p in (predictions, by_chance))
    assert found > least + 0.4 * abs(least)


def test_rows_without_a_label_are_taught_as_well_as_those_with_one(small: Small) -> None:
    found = taught(small, "squared")
    truth = found.train.labels["t"].clone()
    hidden = torch.arange(len(truth)) % 3 == 0
    logits = logits_of(found, small, found.with_labels(truth.masked_fill(hidden, torch.nan)))
    errors = (found.task.inverse_link(torch.from_numpy(logits)) - truth).abs()
    seen, unseen = (errors[mask & ~truth.isnan()].mean() for mask in (~hidden, hidden))
    assert unseen < 1.2 * seen < 1.2 * 0.6 * found.task.codec.scale  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "folds"),
    [
        *[(name, 5) for name in ("binary", "binary, weighted", "multiclass", "multilabel", "ordinal", "squared")],
        ("squared", 2),
    ],
)
def test_no_label_of_a_fold_moves_what_is_said_of_that_fold(small: Small, name: str, folds: int) -> None:
    """A changed label moves all other folds, so the labelled rows that it leaves alone are its own row's fold."""
    found, options = taught(small, name), FEW.model_copy(update={"folds": folds})
    labels, before = found.train.labels["t"], logits_of(found, small, options=options)
    known = found.task.codec.labelled(labels)
    row = int(known.nonzero()[7])
    changed = labels.clone()
    changed[row] = {1: 0, 0: 1}.get(int(changed[row]), 0) if changed.ndim == 1 else 1 - changed[row]
    after = logits_of(found, small, found.with_labels(changed), options=options)
    fold = torch.from_numpy((before == after).all(axis=1)) & known
    assert fold[row]
    assert 0.8 < fold.sum() / known.sum() * folds < 1.2

    rows = fold.nonzero()[:, 0]
    shuffled = labels.clone()
    shuffled[rows] = labels[rows.flip(0)]
    again = logits_of(found, small, found.with_labels(shuffled), options=options)
    assert_array_equal(again[rows], before[rows])
    assert not (again[known & ~fold] == before[known & ~fold]).all(axis=1).any()


def test_it_repeats_to_the_bit_and_another_seed_deals_other_folds(small: Small, kind: Taught) -> None:
    first = logits_of(kind, small)
    assert_array_equal(logits_of(kind, small), first)
    assert not np.array_equal(logits_of(kind, small, seed=1), first)


def test_every_option_tells(small: Small) -> None:
    found = taught(small, "squared")
    plain = logits_of(found, small)
    for change in ({"folds": 3}, {"trees": 10}, {"learning_rate": 0.1}, {"leaves": 4}):
        assert not np.array_equal(logits_of(found, small, options=FEW.model_copy(update=change)), plain), change


def test_validation_stops_it_and_without_labels_there_all_trees_grow(small: Small) -> None:
    """Labels of pure noise: whatever the trees find, validation knows nothing of it."""
    found = taught(small, "squared")
    noise = found.with_labels(torch.randn(len(found.train), generator=torch.Generator().manual_seed(0)))
    options, training = FEW.model_copy(update={"trees": 200}), small.declared().training
    spreads = []
    for labels in (found.validation.labels["t"], torch.full((len(found.validation),), torch.nan)):
        validation = EncodedSplit(found.validation.inputs, {"t": labels})
        logits = boosted_logits(
            options, found.task, found.encoder, noise, validation, training, lambda step, steps: None
        )
        spreads.append(logits.std())
    assert spreads[0] < 0.5 * spreads[1]


def test_a_row_without_weight_teaches_nothing(small: Small) -> None:
    found = taught(small, "squared")
    weights = torch.ones(len(found.train))
    weights[::4] = 0
    before = logits_of(found, small, found.with_weights(weights))
    strange = EncodedSplit(found.train.inputs, {"t": found.train.labels["t"].clone()}, {"t": weights})
    strange.labels["t"][::4] += 1_000
    assert_array_equal(logits_of(found, small, strange), before)
    assert not np.array_equal(logits_of(found, small), before)


def test_rows_with_more_weight_have_more_say(small: Small) -> None:
    found = taught(small, "squared")
    high = found.train.labels["t"] > found.task.codec.mean  # type: ignore[attr-defined]
    logits = [
        logits_of(found, small, found.with_weights(torch.where(high, weight, 1.0))) for weight in (0.1, 1.0, 10.0)
    ]
    assert logits[0].mean() + 0.1 < logits[1].mean() < logits[2].mean() - 0.1


def test_it_hears_of_every_model(small: Small) -> None:
    steps: list[tuple[int, int]] = []
    found = taught(small, "quantiles")
    boosted_logits(
        FEW,
        found.task,
        found.encoder,
        found.train,
        found.validation,
        small.declared().training,
        lambda step, of: steps.append((step, of)),
    )
    assert steps == [(step, 15) for step in range(1, 16)]


@pytest.mark.parametrize(("most", "learned"), [(256, True), (6, True), (5, False)])
def test_few_ids_are_categories_and_many_are_numbers(
    small: Small, monkeypatch: pytest.MonkeyPatch, most: int, learned: bool
) -> None:
    """Two cuts tell every other one of four categories apart, but not every other one of four numbers in a row."""
    monkeypatch.setattr(categorical, "MAX_TREE_CATEGORIES", most)
    found = taught(small, "squared")
    odd = (found.train.inputs["categorical"][:, 0] % 2).float()
    options = Boosted(trees=2, learning_rate=1, leaves=2)
    split, no_check = (
        found.with_labels(odd),
        EncodedSplit(found.validation.inputs, {"t": torch.full((len(found.validation),), torch.nan)}),
    )
    logits = boosted_logits(
        options, found.task, found.encoder, split, no_check, small.declared().training, lambda step, steps: None
    )
    predictions = found.task.inverse_link(torch.from_numpy(logits))
    assert bool(((predictions > 0.5) == (odd == 1)).all()) == learned


@pytest.mark.parametrize("kind", ["categorical", "numeric"])
def test_inputs_of_one_sort_are_enough(small: Small, kind: str) -> None:
    found = taught(small, "squared")
    features = tuple(feature for feature in found.encoder.features if feature.kind == kind)
    encoder = found.encoder.model_copy(update={"features": features})
    train, validation = (
        EncodedSplit({kind: split.inputs[kind]}, split.labels) for split in (found.train, found.validation)
    )
    logits = boosted_logits(
        FEW, found.task, encoder, train, validation, small.declared().training, lambda step, steps: None
    )
    assert 0.2 < logits.std() < 1, "they tell something, and not all"


def test_predictions_do_not_depend_on_how_many_rows_are_asked_at_once(
    small: Small, monkeypatch: pytest.MonkeyPatch, kind: Taught
) -> None:
    expected = logits_of(kind, small)
    monkeypatch.setattr(trees, "ROWS", 50)
    assert_array_equal(logits_of(kind, small), expected)


# What is learned, in numbers that anyone can check


@pytest.mark.parametrize(
    ("declared", "objectives"),
    [
        ({"kind": "binary", "at_least": 2}, [{"objective": "binary"}]),
        ({"kind": "multiclass", "edges": [2], "classes": ["a", "b"]}, [{"objective": "multiclass", "num_class": 2}]),
        ({"kind": "ordinal", "edges": [2], "classes": ["a", "b"]}, [{"objective": "multiclass", "num_class": 2}]),
        ({"kind": "regression", "loss": "squared"}, [{"objective": "l2", "alpha": 2.0}]),
        ({"kind": "regression", "loss": "absolute"}, [{"objective": "l1", "alpha": 2.0}]),
        ({"kind": "regression", "loss": "huber"}, [{"objective": "huber", "alpha": 2.0}]),
        ({"kind": "regression", "loss": "poisson"}, [{"objective": "poisson", "alpha": 2.0}]),
        (
            {"kind": "quantiles", "levels": [0.25, 0.5]},
            [{"objective": "quantile", "alpha": 0.25}, {"objective": "quantile", "alpha": 0.5}],
        ),
    ],
)
def test_the_objective_is_the_loss_of_the_task(declared: dict[str, Any], objectives: list[dict[str, Any]]) -> None:
    values = pa.array([1.0, 5.0, None, 5.0, 1.0])  # deviation 2
    fitted = fit_objective(task(**declared), values)
    found = fitted.tree_objectives(fitted.codec.encode(values), np.ones(5, np.float32))
    assert [forest.parameters for forest in found] == objectives
    for forest in found:
        assert_array_equal(forest.rows, [0, 1, 3, 4])
        assert_array_equal(forest.weights, [1, 1, 1, 1])
        expected = [0, 1, 1, 0] if declared["kind"] in ("binary", "multiclass", "ordinal") else [1, 5, 5, 1]
        assert_array_equal(forest.labels, expected)


def test_rows_count_by_their_weight_and_their_class() -> None:
    values = pa.array([0, 1, 1, None, 0])
    fitted, weights = fit_objective(task("binary", positive_weight=3), values), np.array([1, 2, 0, 1, 0.5], np.float32)
    (forest,) = fitted.tree_objectives(fitted.codec.encode(values), weights)
    assert_array_equal(forest.rows, [0, 1, 4])
    assert_allclose(forest.weights, [1, 6, 0.5])


def test_a_label_of_several_is_learned_from_the_rows_that_know_it() -> None:
    columns = {"a": [1, 0, None, 0], "b": [None, 1, 1, 0]}
    values = pa.StructArray.from_arrays([pa.array(found) for found in columns.values()], names=list(columns))
    declared = task("multilabel", columns=("a", "b"), target="", positive_weight=2)
    fitter = declared.fitter("t", "number")
    fitter.update(values)
    fitted = declared.objective(fitter.finish())
    first, second = fitted.tree_objectives(fitted.codec.encode(values), np.ones(4, np.float32))
    assert_array_equal(first.rows, [0, 1, 3])
    assert_array_equal(first.labels, [1, 0, 0])
    assert_array_equal(first.weights, [2, 1, 1])
    assert_array_equal(second.rows, [1, 2, 3])
    assert_array_equal(second.labels, [1, 1, 0])


# What is refused


def test_a_kind_without_labels_has_no_trees() -> None:
    values = pa.array(["a", "b"])
    fitted = fit_objective(task("clustering", clusters=2), values)
    split = EncodedSplit({}, {"t": torch.from_numpy(fitted.codec.encode(values))})
    with pytest.raises(
        ProblemError, match=r"^training\.teachers\.t: `boosted` .*, found clustering; drop this teacher"
    ):
        check_trees(fitted, split)


@pytest.mark.parametrize("error", [ImportError("No module named 'lightgbm'"), OSError("libgomp.so.1: cannot open")])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Broken:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name == "lightgbm":
                raise error

    for name in [name for name in sys.modules if name.partition(".")[0] == "lightgbm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ProblemError) as refused:
        lightgbm_for("late")
    assert str(refused.value) == (
        f'training.teachers.late: `boosted` needs LightGBM, found: {error}; pip install "trunkline[boosted]", or drop '
        "this teacher"
    )


@pytest.mark.parametrize(("kept", "raises"), [(0, True), (1, True), (40, False)])
def test_labels_in_one_fold_alone_are_refused(small: Small, kept: int, raises: bool) -> None:
    found = taught(small, "binary")
    labels = torch.full_like(found.train.labels["t"], -1)
    rows = found.task.codec.labelled(found.train.labels["t"]).nonzero()[:kept, 0]
    labels[rows] = found.train.labels["t"][rows]
    if raises:
        with pytest.raises(
            DataError, match=rf"training\.teachers\.t: .* two of its folds or more, found {kept} labelled"
        ):
            logits_of(found, small, found.with_labels(labels))
    else:
        assert np.isfinite(logits_of(found, small, found.with_labels(labels))).all()


def test_one_answer_alone_in_the_other_folds_leaves_finite_logits(small: Small) -> None:
    found = taught(small, "binary")
    labels = torch.zeros_like(found.train.labels["t"])
    labels[5] = 1
    logits = logits_of(found, small, found.with_labels(labels))
    assert np.isfinite(logits).all()
    assert np.median(logits) < -3


def test_what_lightgbm_refuses_is_said_with_the_task(small: Small) -> None:
    """Without its one count above 0, nothing is left that a rate could be learned from."""
    found = taught(small, "poisson")
    labels = torch.zeros_like(found.train.labels["t"])
    labels[5] = 3
    with pytest.raises(TrainingError, match=r"training\.teachers\.t: LightGBM .*sum of labels is zero.*; drop this"):
        logits_of(found, small, found.with_labels(labels))
