"""Teacher of boosted trees: out-of-fold predictions, which never depend on the row's own label."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from mtl_core.config.distillation import Boosted
from mtl_core.data.encoded import EncodedSplit
from mtl_core.distillation import trees
from mtl_core.distillation.boosted import boosted_logits
from mtl_core.errors import DataError, TrainingError
from mtl_core.features import categorical
from tests.distillation.teacher_cases import KINDS, TeacherCase, teacher_case
from tests.small import Small

FEW = Boosted(trees=15, learning_rate=0.2, leaves=8)


@pytest.fixture(params=KINDS)
def case(small: Small, request: pytest.FixtureRequest) -> TeacherCase:
    return teacher_case(small, request.param)


def logits_of(
    case: TeacherCase,
    small: Small,
    split: EncodedSplit | None = None,
    *,
    options: Boosted = FEW,
    validation: EncodedSplit | None = None,
    **training: Any,
) -> np.ndarray:
    """Soft targets for the training rows, with other labels or weights if `split` is given."""
    return boosted_logits(
        *(options, case.task, case.encoder, split or case.train, validation or case.validation),
        *(small.declared(**training).training, lambda step, steps: None),
    )


def without_labels(split: EncodedSplit) -> EncodedSplit:
    return EncodedSplit(split.inputs, {"t": torch.full((len(split),), torch.nan)})


def test_the_logits_of_every_kind_are_better_than_the_baseline(small: Small, case: TeacherCase) -> None:
    logits = logits_of(case, small)
    labels = case.train.labels["t"]
    mask = case.task.codec.labelled(labels).numpy()
    assert logits.shape == (len(case.train), case.task.outputs)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    predictions = case.task.inverse_link(torch.from_numpy(logits)).numpy()[mask]
    baseline = case.task.baseline(labels.numpy())
    baselines = np.broadcast_to(baseline, (mask.sum(), *baseline.shape))
    metric = case.task.metric
    score, baseline_score = (metric.oriented(metric(labels.numpy()[mask], p)) for p in (predictions, baselines))
    assert score > baseline_score + 0.4 * abs(baseline_score)


def test_predictions_of_unlabelled_rows_are_as_good_as_those_of_labelled_ones(small: Small) -> None:
    case = teacher_case(small, "squared")
    labels = case.train.labels["t"].clone()
    hidden = torch.arange(len(labels)) % 3 == 0
    logits = logits_of(case, small, case.with_labels(labels.masked_fill(hidden, torch.nan)))
    errors = (case.task.inverse_link(torch.from_numpy(logits)) - labels).abs()
    labelled, unlabelled = (errors[mask & ~labels.isnan()].mean() for mask in (~hidden, hidden))
    assert unlabelled < 1.2 * labelled < 1.2 * 0.6 * case.task.codec.scale  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "folds"),
    [
        *[(name, 5) for name in ("binary", "binary, weighted", "multiclass", "multilabel", "ordinal", "squared")],
        ("squared", 2),
    ],
)
def test_predictions_of_a_fold_do_not_depend_on_its_labels(small: Small, name: str, folds: int) -> None:
    """A changed label changes the predictions of all labelled rows but those of its fold, which identifies the fold."""
    case, options = teacher_case(small, name), FEW.model_copy(update={"folds": folds})
    labels, before = case.train.labels["t"], logits_of(case, small, options=options)
    mask = case.task.codec.labelled(labels)
    row = int(mask.nonzero()[7])
    changed = labels.clone()
    changed[row] = {1: 0, 0: 1}.get(int(changed[row]), 0) if changed.ndim == 1 else 1 - changed[row]
    after = logits_of(case, small, case.with_labels(changed), options=options)
    fold = torch.from_numpy((before == after).all(axis=1)) & mask
    assert fold[row]
    assert 0.8 < fold.sum() / mask.sum() * folds < 1.2

    rows = fold.nonzero()[:, 0]
    shuffled = labels.clone()
    shuffled[rows] = labels[rows.flip(0)]
    with_shuffled = logits_of(case, small, case.with_labels(shuffled), options=options)
    assert_array_equal(with_shuffled[rows], before[rows])
    assert not (with_shuffled[mask & ~fold] == before[mask & ~fold]).all(axis=1).any()


def test_the_seed_decides_the_folds(small: Small, case: TeacherCase) -> None:
    first = logits_of(case, small)
    assert_array_equal(logits_of(case, small), first)
    assert not np.array_equal(logits_of(case, small, seed=1), first)


def test_every_option_has_an_effect(small: Small) -> None:
    case = teacher_case(small, "squared")
    expected = logits_of(case, small)
    for change in ({"folds": 3}, {"trees": 10}, {"learning_rate": 0.1}, {"leaves": 4}):
        assert not np.array_equal(logits_of(case, small, options=FEW.model_copy(update=change)), expected), change


def test_trees_are_stopped_early_by_the_validation_labels(small: Small) -> None:
    """The training labels are noise, so the validation loss does not fall. Without validation labels all trees grow."""
    case = teacher_case(small, "squared")
    noise = case.with_labels(torch.randn(len(case.train), generator=torch.Generator().manual_seed(0)))
    options = FEW.model_copy(update={"trees": 200})
    stopped, all_trees = (
        logits_of(case, small, noise, options=options, validation=validation).std()
        for validation in (case.validation, without_labels(case.validation))
    )
    assert stopped < 0.5 * all_trees


def test_rows_of_weight_0_have_no_effect(small: Small) -> None:
    case = teacher_case(small, "squared")
    weights = torch.ones(len(case.train))
    weights[::4] = 0
    expected = logits_of(case, small, case.with_weights(weights))
    changed = EncodedSplit(case.train.inputs, {"t": case.train.labels["t"].clone()}, {"t": weights})
    changed.labels["t"][::4] += 1_000
    assert_array_equal(logits_of(case, small, changed), expected)
    assert not np.array_equal(logits_of(case, small), expected)


def test_weights_of_rows_shift_the_predictions(small: Small) -> None:
    case = teacher_case(small, "squared")
    high = case.train.labels["t"] > case.task.codec.mean  # type: ignore[attr-defined]
    low_weight, equal, high_weight = (
        logits_of(case, small, case.with_weights(torch.where(high, weight, 1.0))).mean() for weight in (0.1, 1.0, 10.0)
    )
    assert low_weight + 0.1 < equal < high_weight - 0.1


def test_the_callback_is_called_after_every_model(small: Small) -> None:
    steps: list[tuple[int, int]] = []
    case = teacher_case(small, "quantiles")
    boosted_logits(
        *(FEW, case.task, case.encoder, case.train, case.validation, small.declared().training),
        lambda step, total: steps.append((step, total)),
    )
    assert steps == [(step, 15) for step in range(1, 16)]


@pytest.mark.parametrize(("maximum", "learned"), [(256, True), (6, True), (5, False)])
def test_ids_are_categories_up_to_a_maximum_number_and_numbers_above(
    small: Small, monkeypatch: pytest.MonkeyPatch, maximum: int, learned: bool
) -> None:
    """Two splits separate odd from even ids as categories, but not as numbers."""
    monkeypatch.setattr(categorical, "MAX_TREE_CATEGORIES", maximum)
    case = teacher_case(small, "squared")
    odd = (case.train.inputs["categorical"][:, 0] % 2).float()
    options, validation = Boosted(trees=2, learning_rate=1, leaves=2), without_labels(case.validation)
    logits = logits_of(case, small, case.with_labels(odd), options=options, validation=validation)
    predictions = case.task.inverse_link(torch.from_numpy(logits))
    assert bool(((predictions > 0.5) == (odd == 1)).all()) == learned


@pytest.mark.parametrize("kind", ["categorical", "numeric"])
def test_trees_learn_from_inputs_of_one_kind(small: Small, kind: str) -> None:
    case = teacher_case(small, "squared")
    features = tuple(feature for feature in case.encoder.features if feature.kind == kind)
    train, validation = (
        EncodedSplit({kind: split.inputs[kind]}, split.labels) for split in (case.train, case.validation)
    )
    case = replace(case, encoder=case.encoder.model_copy(update={"features": features}))
    assert 0.2 < logits_of(case, small, train, validation=validation).std() < 1


def test_predictions_do_not_depend_on_the_rows_per_call(
    small: Small, monkeypatch: pytest.MonkeyPatch, case: TeacherCase
) -> None:
    expected = logits_of(case, small)
    monkeypatch.setattr(trees, "ROWS", 50)
    assert_array_equal(logits_of(case, small), expected)


@pytest.mark.parametrize("labelled", [0, 1, 40])
def test_labels_in_one_fold_alone_are_refused(small: Small, labelled: int) -> None:
    case = teacher_case(small, "binary")
    labels = torch.full_like(case.train.labels["t"], -1)
    rows = case.task.codec.labelled(case.train.labels["t"]).nonzero()[:labelled, 0]
    labels[rows] = case.train.labels["t"][rows]
    if labelled < 2:
        with pytest.raises(DataError, match=rf"training\.teachers\.t: .* found {labelled} labelled rows"):
            logits_of(case, small, case.with_labels(labels))
    else:
        assert np.isfinite(logits_of(case, small, case.with_labels(labels))).all()


def test_logits_are_finite_where_all_labels_of_other_folds_are_equal(small: Small) -> None:
    case = teacher_case(small, "binary")
    labels = torch.zeros_like(case.train.labels["t"])
    labels[5] = 1
    logits = logits_of(case, small, case.with_labels(labels))
    assert np.isfinite(logits).all()
    assert np.median(logits) < -3


def test_an_error_of_lightgbm_names_the_task(small: Small) -> None:
    """All other labels are 0 in the fold with the only count above 0."""
    case = teacher_case(small, "poisson")
    labels = torch.zeros_like(case.train.labels["t"])
    labels[5] = 3
    with pytest.raises(TrainingError, match=r"training\.teachers\.t: .*sum of labels is zero"):
        logits_of(case, small, case.with_labels(labels))
