"""Multilabel tasks: labels from a text or from columns, losses and metrics that ignore unknown labels."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mtl_core.errors import DataError
from mtl_core.tasks import AnyCodec
from mtl_core.tasks.multilabel_codec import MAX_LABELS, MultilabelCodec
from tests.strategies import layouts, partitions, patient, texts
from tests.tasks.declared import fit_codec, fit_objective, task

NAN, INF = float("nan"), float("inf")
ABC = ("a", "b", "c")


def of_text(**options: Any) -> Any:
    return task("multilabel", **options)


def of_columns(**options: Any) -> Any:
    return task("multilabel", target="", columns=ABC[:2], **options)


def structs(**columns: Any) -> pa.StructArray:
    arrays = [values if isinstance(values, pa.Array) else pa.array(values) for values in columns.values()]
    return pa.StructArray.from_arrays(arrays, names=list(columns))


TEXTS = {
    "names in any order": ({}, ["a|b", "b|a", "c"], [[1, 1, 0], [1, 1, 0], [0, 0, 1]]),
    "missing is unlabelled": ({}, [None, "", "  ", "a"], [[-1] * 3, [-1] * 3, [-1] * 3, [1, 0, 0]]),
    "separators without names": ({}, ["|", " | | ", "||a||"], [[-1] * 3, [-1] * 3, [1, 0, 0]]),
    "blanks around a name": ({}, [" a |\tb\n", "a b"], [[1, 1, 0], [0, 0, 0]]),
    "a name twice": ({}, ["a|a"], [[1, 0, 0]]),
    "case matters": ({}, ["A"], [[0, 0, 0]]),
    "a name that is no label": ({}, ["x", "x|c"], [[0, 0, 0], [0, 0, 1]]),
    "the word for none": ({"none": "-"}, ["-", "-|b"], [[0, 0, 0], [0, 1, 0]]),
    "the word for none, declared": ({"none": "-", "labels": ABC}, ["-", "b"], [[0, 0, 0], [0, 1, 0]]),
    "declared order": ({"labels": ["c", "a", "b"]}, ["a", "c|b"], [[0, 1, 0], [1, 0, 1]]),
    "a separator of two characters": ({"separator": "; "}, ["a; b", "a;b"], [[1, 1, 0], [0, 0, 0]]),
    "a separator is no pattern": ({"separator": "."}, ["a.c", "abc"], [[1, 0, 1], [0, 0, 0]]),
}
TRAINING = {"|": "a|b|c", "; ": "a; b; c", ".": "a.b.c"}


@pytest.mark.parametrize(("options", "values", "labels"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_labels_of_a_text(options: Any, values: list[str | None], labels: list[list[int]], kind: pa.DataType) -> None:
    declared = of_text(min_count=1, **options)
    codec = fit_codec(declared, pa.array([TRAINING[declared.separator], "a"]))
    encoded = codec.encode(pa.array(values).cast(kind))
    assert (encoded.dtype, encoded.tolist()) == (np.int8, labels)
    assert codec.labelled(torch.from_numpy(encoded)).tolist() == [row != [-1] * 3 for row in labels]


COLUMNS = {
    "booleans": (pa.array([True, False, None]), [1, 0, -1]),
    "integers": (pa.array([1, 0, None]), [1, 0, -1]),
    "floats": (pa.array([1.0, -0.0, None, NAN]), [1, 0, -1, -1]),
}


@pytest.mark.parametrize(("values", "labels"), COLUMNS.values(), ids=COLUMNS)
@given(data=st.data())
@patient
def test_labels_of_columns(data: st.DataObject, values: pa.Array, labels: list[int]) -> None:
    codec = fit_codec(of_columns(), structs(a=[1, 0], b=[0, 1]))
    rows = structs(a=values, b=values[::-1])
    encoded = codec.encode(data.draw(layouts(rows.to_pylist(), rows.type)))
    assert encoded.dtype == np.int8
    np.testing.assert_array_equal(encoded, np.stack([labels, labels[::-1]], axis=1))


def test_a_row_with_a_known_label_is_labelled() -> None:
    objective = fit_objective(of_columns(), structs(a=[1, 0], b=[0, 1]))
    codec = objective.codec
    assert codec.labels == ("a", "b")
    labels = torch.from_numpy(codec.encode(structs(a=[1, None, None], b=[None, 0, None])))
    assert codec.labelled(labels).tolist() == objective.trains_on(labels).tolist() == [True, True, False]


@pytest.mark.parametrize(("min_count", "labels"), [(1, ABC), (2, ABC[:2]), (3, ABC[:2])])
def test_a_learned_label_has_min_count_rows(min_count: int, labels: tuple[str, ...]) -> None:
    """Rows, not occurrences: c occurs twice in one row."""
    parts = [pa.array(["b|a", "c|c", None]), pa.array(["a|b", "b|a"])]
    assert fit_codec(of_text(min_count=min_count), *parts).labels == labels


def test_the_word_for_none_is_no_learned_label() -> None:
    values = pa.array(["b|a", "-", "-", "a"])
    assert fit_codec(of_text(min_count=1, none="-"), values).labels == ("a", "b")
    assert fit_codec(of_text(min_count=1), values).labels == ("-", "a", "b")


def codec_or_error(declared: Any, *parts: pa.Array) -> Any:
    try:
        return fit_codec(declared, *parts)
    except DataError as error:
        return str(error)


@given(data=st.data(), values=st.lists(texts, min_size=1))
@patient
def test_parts_are_fitted_and_encoded_as_the_whole(data: st.DataObject, values: list[str | None]) -> None:
    column = pa.array([*values, "a|b", "a", None], pa.string())
    parts = [column[cut] for cut in data.draw(partitions(len(column)))]
    declared = of_text(min_count=1, positive_weight="balanced", separator=data.draw(st.sampled_from(["|", "a", " "])))
    codec = codec_or_error(declared, column)
    assert codec_or_error(declared, *parts) == codec
    if isinstance(codec, MultilabelCodec):
        assert list(codec.labels) == sorted({*codec.labels})
        np.testing.assert_array_equal(np.concatenate([codec.encode(part) for part in parts]), codec.encode(column))


MANY = pa.array(["|".join(f"{name:04}" for name in range(MAX_LABELS + 1)), "0000"])
REFUSED: list[tuple[Any, pa.Array, str]] = [
    (of_text(), pa.array([1, 2]), "names labels, found a number in 'y'; .*`columns`"),
    (of_text(), pa.array([None, ""]), "2 to 1,000 labels, found 0 names in 5 rows or more of 'y'"),
    (of_text(min_count=2), pa.array(["a", "a", "b"]), "found 1 names in 2 rows .*`min_count`, or declare `labels`"),
    (of_text(min_count=1), MANY, "found 1,001 names .*`separator`"),
    (of_text(labels=ABC), pa.array(["a", "b|d"]), "are a, b, c, found 'd' in 'y'; declare all"),
    (of_text(min_count=1), pa.array(["a|b", None]), "positive and negative rows .*'y'"),
    (of_text(labels=ABC, none="-"), pa.array(["-", "-"]), "positive and negative rows"),
    (of_text(labels=ABC), pa.array([None], pa.string()), "found none for 'a' in 'y'; leave it out"),
    (of_columns(), structs(a=["1", "0"], b=["0", "1"]), "0, 1 or booleans, found text in a, b"),
    (of_columns(), structs(a=[1.0, 0.0], b=[0.0, 0.5]), "0, 1 or nothing, found 0.5 in 'b'"),
    (of_columns(), structs(a=[1.0, INF], b=[0.0, 1.0]), "found inf in 'a'"),
    (of_columns(), structs(a=[1, 0], b=pa.nulls(2, pa.int8())), "none for 'b'"),
    (of_columns(), structs(a=[1, 1], b=[0, None]), "positive and negative rows .*in 'a', 'b'"),
]


@pytest.mark.parametrize(("declared", "values", "fragment"), REFUSED, ids=[fragment for *_, fragment in REFUSED])
def test_unsuitable_training_labels_are_refused(declared: Any, values: pa.Array, fragment: str) -> None:
    with pytest.raises(DataError, match=f"task 't': .*{fragment}"):
        fit_codec(declared, values)


def test_values_that_only_the_test_split_holds_are_refused() -> None:
    with pytest.raises(DataError, match="found 'd'"):
        fit_codec(of_text(labels=ABC), pa.array(["a", "b", "c"])).encode(pa.array(["d"]))
    with pytest.raises(DataError, match="found 2 in 'a'"):
        fit_codec(of_columns(), structs(a=[1, 0], b=[1, 0])).encode(structs(a=[2], b=[0]))


PLAIN = fit_objective(of_text(min_count=1), pa.array(["a|b|c", "b|c", "c", "-"]))
"""Labels -, a, b, c."""
logits = st.lists(st.integers(-200, 200).map(lambda tenths: tenths / 10), min_size=12, max_size=12).map(
    lambda numbers: torch.tensor(numbers).view(3, 4)
)
SOME = torch.tensor([[1, 0, -1, 0], [-1, -1, 1, -1], [-1, -1, -1, -1]], dtype=torch.int8)


@given(z=logits)
@patient
def test_a_loss_is_the_mean_over_the_known_labels(z: torch.Tensor) -> None:
    z.requires_grad_()
    losses = PLAIN.loss(z, SOME)
    label_losses = F.binary_cross_entropy_with_logits(z, SOME.clamp(min=0).float(), reduction="none").detach()
    assert losses.shape == (3,)
    torch.testing.assert_close(losses[0], (label_losses[0, 0] + label_losses[0, 1] + label_losses[0, 3]) / 3)
    torch.testing.assert_close(losses[1], label_losses[1, 2])
    (gradient,) = torch.autograd.grad(losses.sum(), z)
    assert gradient[SOME < 0].eq(0).all()
    assert gradient[SOME >= 0].ne(0).any() or label_losses[SOME >= 0].max() < 1e-6


def test_golden_losses() -> None:
    labels = torch.tensor([[1, 1, 0, 0]], dtype=torch.int8)
    correct, incorrect = np.log1p(np.exp(-2)), np.log1p(np.exp(2))
    losses = PLAIN.loss(torch.tensor([[2.0, -2.0, 2.0, -2.0]]), labels)
    assert losses.tolist() == pytest.approx([(2 * correct + 2 * incorrect) / 4])


def with_weight(weight: Any, smoothing: float = 0.0) -> Any:
    declared = of_text(min_count=1, positive_weight=weight, label_smoothing=smoothing)
    return fit_objective(declared, pa.array(["a|b|c", "b|c", "c", "c|-"]))


@given(z=logits)
@patient
def test_positive_weight_multiplies_the_loss_of_yes(z: torch.Tensor) -> None:
    unweighted, weighted = with_weight(None), with_weight(3)
    yes, no = torch.ones(3, 4, dtype=torch.int8), torch.zeros(3, 4, dtype=torch.int8)
    torch.testing.assert_close(weighted.loss(z, yes), 3 * unweighted.loss(z, yes))
    torch.testing.assert_close(weighted.loss(z, no), unweighted.loss(z, no))


def test_balanced_gives_yes_and_no_the_same_total_weight() -> None:
    objective, values = with_weight("balanced"), pa.array(["a|b|c", "b|c", "c", "c|-"])
    labels = torch.from_numpy(objective.codec.encode(values))
    assert objective.codec.labels == ("-", "a", "b", "c")
    for label in range(4):
        single_label = torch.where(torch.arange(4) == label, labels, -1)
        losses, yes = objective.loss(torch.zeros(4, 4), single_label), labels[:, label] == 1
        assert losses.mean() == pytest.approx(np.log(2)), "rows have weight 1 on average"
        if not yes.all():
            assert losses[yes].sum() == pytest.approx(float(losses[~yes].sum()))
        else:
            assert losses.tolist() == pytest.approx([np.log(2)] * 4)


def test_a_smoothed_loss_is_minimal_at_its_share() -> None:
    logits = torch.full((1, 4), float(np.log(0.9 / 0.1)), requires_grad=True)
    loss = with_weight(None, 0.2).loss(logits, torch.ones(1, 4, dtype=torch.int8)).sum()
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.abs().max() < 1e-6
    assert loss.item() == pytest.approx(-(0.9 * np.log(0.9) + 0.1 * np.log(0.1)))


@given(rows=st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=2, max_size=2), min_size=1))
@patient
def test_the_baseline_is_the_best_constant(rows: list[list[int]]) -> None:
    """Per label, over the rows where it is known."""
    labels = np.array([*rows, [0, 1]], dtype=np.int8)
    baseline = fit_objective(of_columns(), structs(a=[1, 0], b=[0, 1])).baseline(labels)
    assert (baseline.shape, baseline.dtype) == ((2,), np.float32)
    for column, constant in zip(labels.T, baseline, strict=True):
        known = column[column >= 0]
        constants = np.array([constant, *np.linspace(0.02, 0.98, 49)]).clip(1e-7, 1 - 1e-7)
        losses = [-np.log(np.where(known == 1, p, 1 - p)).mean() for p in constants]
        assert losses[0] <= min(losses) + 1e-6


METRICS = {metric.name: metric for metric in PLAIN.metrics}


@pytest.mark.parametrize("name", METRICS)
@given(seed=st.integers(0, 1_000))
@patient
def test_metrics_ignore_predictions_of_unknown_labels(name: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    labels, predictions = random.integers(-1, 2, (10, 4)).astype(np.int8), random.random((10, 4), np.float32)
    labels[:, 0] = np.abs(labels[:, 0])
    changed = np.where(labels < 0, 1 - predictions, predictions)
    np.testing.assert_equal(METRICS[name](labels, predictions), METRICS[name](labels, changed))


def test_golden_metrics() -> None:
    labels = np.array([[1, 0, -1], [0, 1, -1], [-1, 1, 0]], dtype=np.int8)
    probabilities = np.array([[0.9, 0.6, 0.1], [0.2, 0.5, 0.9], [0.8, 0.4, 0.3]], dtype=np.float32)
    values = {name: metric(labels, probabilities) for name, metric in METRICS.items()}
    rows = [-np.log([0.9, 0.4]).mean(), -np.log([0.8, 0.5]).mean(), -np.log([0.4, 0.7]).mean()]
    assert values == pytest.approx(
        {
            "macro_auc": 0.5,  # a: 1, b: 0, c has negative rows only
            "log_loss": np.mean(rows),
            "micro_f1": 4 / 6,  # hits a1 b2, errors b1 b3
            "macro_f1": (1 + 2 / 4) / 2,  # c neither occurs nor is predicted
            "label_ranking_average_precision": 1.0,
            "ece": 0.5 - 2.9 / 6,  # half of the known labels are yes
        }
    )


@pytest.mark.parametrize(
    ("labels", "undefined"),
    [
        ([[1, 1], [1, -1]], {"macro_auc"}),
        ([[0, 0], [0, 0]], {"macro_auc", "micro_f1", "macro_f1"}),
        ([[0, -1], [1, -1]], set()),
    ],
    ids=["one label known", "never a yes", "each label known once"],
)
def test_undefined_is_nan(labels: list[list[int]], undefined: set[str]) -> None:
    known, probabilities = np.array(labels, dtype=np.int8), np.array([[0.2, 0.1], [0.4, 0.3]], dtype=np.float32)
    assert {name for name, metric in METRICS.items() if np.isnan(metric(known, probabilities))} == undefined


def test_signature_targets_and_metric() -> None:
    objective = fit_objective(of_text(labels=("é", "x y"), none="-", separator="/"), pa.array(["é/x y", "-"]))
    assert objective.signature() == {
        "name": "t",
        "kind": "multilabel",
        "form": "label_probabilities",
        "unit": "probability",
        "labels": ["é", "x y"],
    }
    of_two_columns = fit_objective(of_columns(positive_weight=2.5), structs(a=[True, False], b=[None, True]))
    assert [objective.codec.targets, of_two_columns.codec.targets] == [("y",), ("a", "b")]
    for fitted in (objective, of_two_columns):
        assert (fitted.outputs, fitted.metric.name, fitted.unsupervised) == (2, "macro_auc", False)
        assert TypeAdapter(AnyCodec).validate_json(fitted.codec.model_dump_json()) == fitted.codec
