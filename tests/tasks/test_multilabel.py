"""Multilabel tasks: labels from a text or from columns, losses that leave out what is unknown, metrics."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sklearn import metrics as peers

from mtl_core.arrow import column_type
from mtl_core.errors import DataError
from mtl_core.metrics.bootstrap import resampled
from mtl_core.metrics.calibration import BINARY_ECE
from mtl_core.tasks import AnyCodec, AnyTask
from mtl_core.tasks.multilabel_codec import MAX_LABELS, MultilabelCodec
from tests.strategies import layouts, partitions, patient, texts
from tests.tasks.declared import fit_codec, fit_objective, task

NAN, INF = float("nan"), float("inf")
ABC = ("a", "b", "c")


def of_text(**options: Any) -> Any:
    return task("multilabel", **options)


def of_columns(**options: Any) -> Any:
    return TypeAdapter(AnyTask).validate_python({"kind": "multilabel", "columns": ABC[:2], **options})


def structs(**columns: Any) -> pa.StructArray:
    arrays = [values if isinstance(values, pa.Array) else pa.array(values) for values in columns.values()]
    return pa.StructArray.from_arrays(arrays, names=list(columns))


def fit_columns(declared: Any, *parts: pa.StructArray) -> MultilabelCodec:
    fitter = declared.fitter("t", column_type("y", parts[0].type.field(0).type))
    for part in parts:
        fitter.update(part)
    fitted: MultilabelCodec = fitter.finish()
    return fitted


TEXTS = {
    "names in any order": ({}, ["a|b", "b|a", "c"], [[1, 1, 0], [1, 1, 0], [0, 0, 1]]),
    "missing is unlabelled": ({}, [None, "", "  ", "a"], [[-1] * 3, [-1] * 3, [-1] * 3, [1, 0, 0]]),
    "separators alone name nothing": ({}, ["|", " | | ", "||a||"], [[-1] * 3, [-1] * 3, [1, 0, 0]]),
    "blanks around a name": ({}, [" a |\tb\n", "a b"], [[1, 1, 0], [0, 0, 0]]),
    "twice is once": ({}, ["a|a"], [[1, 0, 0]]),
    "letters matter": ({}, ["A"], [[0, 0, 0]]),
    "a name that is no label": ({}, ["x", "x|c"], [[0, 0, 0], [0, 0, 1]]),
    "the word for none": ({"none": "-"}, ["-", "-|b"], [[0, 0, 0], [0, 1, 0]]),
    "the word for none, declared": ({"none": "-", "labels": ABC}, ["-", "b"], [[0, 0, 0], [0, 1, 0]]),
    "declared order": ({"labels": ["c", "a", "b"]}, ["a", "c|b"], [[0, 1, 0], [1, 0, 1]]),
    "a separator of two": ({"separator": "; "}, ["a; b", "a;b"], [[1, 1, 0], [0, 0, 0]]),
    "a separator is no pattern": ({"separator": "."}, ["a.c", "abc"], [[1, 0, 1], [0, 0, 0]]),
}
LEARN = {"|": "a|b|c", "; ": "a; b; c", ".": "a.b.c"}


@pytest.mark.parametrize(("options", "values", "labels"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_labels_of_a_text(options: Any, values: list[str | None], labels: list[list[int]], kind: pa.DataType) -> None:
    declared = of_text(min_count=1, **options)
    fitted = fit_codec(declared, pa.array([LEARN[declared.separator], "a"]))
    found = fitted.encode(pa.array(values).cast(kind))
    assert (found.dtype, found.tolist()) == (np.int8, labels)
    known = fitted.labelled(torch.from_numpy(found)).tolist()
    assert known == [row != [-1] * 3 for row in labels]


COLUMNS = {
    "booleans": (pa.array([True, False, None]), [1, 0, -1]),
    "integers": (pa.array([1, 0, None]), [1, 0, -1]),
    "floats": (pa.array([1.0, -0.0, None, NAN]), [1, 0, -1, -1]),
}


@pytest.mark.parametrize(("values", "labels"), COLUMNS.values(), ids=COLUMNS)
@given(data=st.data())
@patient
def test_labels_of_columns(data: st.DataObject, values: pa.Array, labels: list[int]) -> None:
    fitted = fit_columns(of_columns(), structs(a=[1, 0], b=[0, 1]))
    rows = structs(a=values, b=values[::-1])
    laid_out = data.draw(layouts(rows.to_pylist(), rows.type))
    found = fitted.encode(laid_out)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, np.stack([labels, labels[::-1]], axis=1))


def test_a_row_is_labelled_where_a_label_is_known() -> None:
    fitted = fit_columns(of_columns(), structs(a=[1, 0], b=[0, 1]))
    trains_on = of_columns().objective(fitted).trains_on
    assert fitted.labels == ("a", "b")
    labels = torch.from_numpy(fitted.encode(structs(a=[1, None, None], b=[None, 0, None])))
    assert fitted.labelled(labels).tolist() == trains_on(labels).tolist() == [True, True, False]


@pytest.mark.parametrize(("min_count", "labels"), [(1, ABC), (2, ABC[:2]), (3, ABC[:2])])
def test_a_learned_label_needs_rows_enough(min_count: int, labels: tuple[str, ...]) -> None:
    """Rows, not mentions: c stands twice in one row."""
    parts = [pa.array(["b|a", "c|c", None]), pa.array(["a|b", "b|a"])]
    assert fit_codec(of_text(min_count=min_count), *parts).labels == labels


def test_a_learned_label_is_never_the_word_for_none() -> None:
    values = pa.array(["b|a", "-", "-", "a"])
    assert fit_codec(of_text(min_count=1, none="-"), values).labels == ("a", "b")
    assert fit_codec(of_text(min_count=1), values).labels == ("-", "a", "b")


def learned(declared: Any, *parts: pa.Array) -> Any:
    """Learned labels, or the reason why there are none."""
    try:
        return fit_codec(declared, *parts)
    except DataError as error:
        return str(error)


@given(data=st.data(), values=st.lists(texts, min_size=1))
@patient
def test_part_by_part_equals_at_once(data: st.DataObject, values: list[str | None]) -> None:
    column = pa.array([*values, "a|b", "a", None], pa.string())
    parts = [column[cut] for cut in data.draw(partitions(len(column)))]
    declared = of_text(min_count=1, positive_weight="balanced", separator=data.draw(st.sampled_from(["|", "a", " "])))
    once = learned(declared, column)
    assert learned(declared, *parts) == once
    if isinstance(once, MultilabelCodec):
        assert list(once.labels) == sorted({*once.labels})
        pieces = [once.encode(part) for part in parts]
        np.testing.assert_array_equal(np.concatenate(pieces), once.encode(column))


MANY = pa.array(["|".join(f"{name:04}" for name in range(MAX_LABELS + 1)), "0000"])
REFUSED = {
    "numbers as a text": (of_text(), pa.array([1, 2]), ["names labels", "found a number in 'y'", "`columns`"]),
    "no labels": (of_text(), pa.array([None, ""]), ["2 to 1,000 labels", "found 0 names in 5 rows or more of 'y'"]),
    "one label": (
        of_text(min_count=2),
        pa.array(["a", "a", "b"]),
        ["found 1 names in 2 rows or more", "change `min_count`", "declare `labels`"],
    ),
    "too many labels": (of_text(min_count=1), MANY, ["found 1,001 names", "`separator`"]),
    "an undeclared label": (
        of_text(labels=ABC),
        pa.array(["a", "b|d"]),
        ["the labels are a, b, c", "found 'd' in 'y'", "declare all of them"],
    ),
    "every row has all": (of_text(min_count=1), pa.array(["a|b", None]), ["both answers", "'y'"]),
    "no row has any": (of_text(labels=ABC, none="-"), pa.array(["-", "-"]), ["both answers"]),
    "all rows unlabelled": (of_text(labels=ABC), pa.array([None], pa.string()), ["found none for 'a' in 'y'"]),
}


@pytest.mark.parametrize(("declared", "values", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(declared: Any, values: pa.Array, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        fit_codec(declared, values)
    for word in ["task 't'", *words]:
        assert word in str(caught.value)


REFUSED_COLUMNS = {
    "text": (structs(a=["1", "0"], b=["0", "1"]), ["must hold 0, 1 or booleans", "found text in a, b"]),
    "a strange number": (structs(a=[1.0, 0.0], b=[0.0, 0.5]), ["0, 1 or nothing", "found 0.5 in 'b'"]),
    "infinity": (structs(a=[1.0, INF], b=[0.0, 1.0]), ["found inf in 'a'"]),
    "an empty column": (structs(a=[1, 0], b=pa.nulls(2, pa.int8())), ["none for 'b'", "leave it out"]),
    "one answer only": (structs(a=[1, 1], b=[0, None]), ["both answers", "in 'a', 'b'"]),
}


@pytest.mark.parametrize(("values", "words"), REFUSED_COLUMNS.values(), ids=REFUSED_COLUMNS)
def test_columns_refused(values: pa.Array, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        fit_columns(of_columns(), values)
    for word in ["task 't'", *words]:
        assert word in str(caught.value)


def test_refused_after_training_too() -> None:
    with pytest.raises(DataError, match="found 'd'"):
        fit_codec(of_text(labels=ABC), pa.array(["a", "b", "c"])).encode(pa.array(["d"]))
    with pytest.raises(DataError, match="found 2 in 'a'"):
        fit_columns(of_columns(), structs(a=[1, 0], b=[1, 0])).encode(structs(a=[2], b=[0]))


DECLARED = {
    "neither": ({"target": ""}, "found neither"),
    "both": ({"columns": ["a", "b"]}, "found both"),
    "one column": ({"target": "", "columns": ["a"]}, "`columns` needs two or more distinct names.*kind: binary"),
    "a column twice": ({"target": "", "columns": ["a", "a"]}, "two or more distinct"),
    "a nameless column": ({"target": "", "columns": ["a", ""]}, "two or more distinct"),
    "labels beside columns": ({"target": "", "columns": ["a", "b"], "labels": ["a", "b"]}, "`labels` is about a text"),
    "a separator beside columns": ({"target": "", "columns": ["a", "b"], "separator": ","}, "`separator` is about"),
    "none beside columns": ({"target": "", "columns": ["a", "b"], "none": "-"}, "`none` is about a text"),
    "one label": ({"labels": ["a"]}, "`labels` needs two or more distinct"),
    "a label twice": ({"labels": ["a", "a"]}, "two or more distinct"),
    "a label that no text can name": ({"labels": ["a", "b|c"]}, r"between separators, .* found 'b\|c'"),
    "a label with blanks": ({"labels": ["a", "b "]}, "without blanks around it, .* found 'b '"),
    "a label that is none": ({"labels": ["a", "b"], "none": "b"}, "`none` is no label, found 'b'"),
    "no separator": ({"separator": ""}, "at least 1 character"),
    "too many labels": ({"labels": [str(name) for name in range(MAX_LABELS + 1)]}, "at most 1000"),
    "no weight": ({"positive_weight": 0}, "above 0"),
    "all smoothed": ({"label_smoothing": 1}, "less than 1"),
    "labels of no row": ({"min_count": 0}, "greater than or equal to 1"),
}


@pytest.mark.parametrize(("options", "words"), DECLARED.values(), ids=DECLARED)
def test_declarations_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        of_text(**options)


PLAIN = fit_objective(of_text(min_count=1), pa.array(["a|b|c", "b|c", "c", "-"]))
"""Labels -, a, b, c."""
logits = st.lists(st.integers(-200, 200).map(lambda tenths: tenths / 10), min_size=12, max_size=12).map(
    lambda numbers: torch.tensor(numbers).view(3, 4)
)
SOME = torch.tensor([[1, 0, -1, 0], [-1, -1, 1, -1], [-1, -1, -1, -1]], dtype=torch.int8)


@given(z=logits)
@patient
def test_loss_is_the_mean_over_the_known_labels_and_moves_nothing_else(z: torch.Tensor) -> None:
    z.requires_grad_()
    losses = PLAIN.loss(z, SOME)
    each = F.binary_cross_entropy_with_logits(z, SOME.clamp(min=0).float(), reduction="none").detach()
    assert losses.shape == (3,)
    torch.testing.assert_close(losses[0], (each[0, 0] + each[0, 1] + each[0, 3]) / 3)
    torch.testing.assert_close(losses[1], each[1, 2])
    assert losses.isfinite().all()
    (gradient,) = torch.autograd.grad(losses.sum(), z)
    assert gradient[SOME < 0].eq(0).all()
    assert gradient.isfinite().all()
    assert gradient[SOME >= 0].ne(0).any() or each[SOME >= 0].max() < 1e-6


def test_golden_losses() -> None:
    zero, yes = torch.zeros(1, 4), torch.tensor([[1, 1, 0, 0]], dtype=torch.int8)
    assert PLAIN.loss(zero, yes).tolist() == pytest.approx([np.log(2)])
    sure = torch.tensor([[2.0, -2.0, 2.0, -2.0]])
    right, wrong = np.log1p(np.exp(-2)), np.log1p(np.exp(2))
    assert PLAIN.loss(sure, yes).tolist() == pytest.approx([(right + wrong + wrong + right) / 4])


def factored(weight: Any, smoothing: float = 0.0) -> Any:
    declared = of_text(min_count=1, positive_weight=weight, label_smoothing=smoothing)
    return fit_objective(declared, pa.array(["a|b|c", "b|c", "c", "c|-"]))


@given(z=logits)
@patient
def test_a_yes_counts_as_declared(z: torch.Tensor) -> None:
    plain, thrice = factored(None), factored(3)
    yes, no = torch.ones(3, 4, dtype=torch.int8), torch.zeros(3, 4, dtype=torch.int8)
    torch.testing.assert_close(thrice.loss(z, yes), 3 * plain.loss(z, yes))
    torch.testing.assert_close(thrice.loss(z, no), plain.loss(z, no))


def test_balanced_gives_yes_and_no_the_same_say() -> None:
    fitted, values = factored("balanced"), pa.array(["a|b|c", "b|c", "c", "c|-"])
    labels = torch.from_numpy(fitted.codec.encode(values))
    assert fitted.codec.labels == ("-", "a", "b", "c")
    for place in range(3):
        only = torch.where(torch.arange(4) == place, labels, -1)
        losses = fitted.loss(torch.zeros(4, 4), only)
        yes = only[:, place] == 1
        assert 0 < yes.sum() < 4
        assert losses[yes].sum() == pytest.approx(float(losses[~yes].sum()))
        assert losses.mean() == pytest.approx(np.log(2)), "a row counts one on average"
    of_c = fitted.loss(torch.zeros(4, 4), torch.where(torch.arange(4) == 3, labels, -1))
    assert of_c.tolist() == pytest.approx([np.log(2)] * 4), "no row is a no of c"


def test_smoothing_draws_the_best_logit_in() -> None:
    smooth, one = factored(None, 0.2), torch.tensor([[1, 1, 1, 1]], dtype=torch.int8)
    best = torch.full((1, 4), float(np.log(0.9 / 0.1)), requires_grad=True)
    (gradient,) = torch.autograd.grad(smooth.loss(best, one).sum(), best)
    assert gradient.abs().max() < 1e-6
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert smooth.loss(best, one).item() == pytest.approx(entropy)


@given(student=logits, teacher=logits)
@patient
def test_distillation_is_least_where_student_and_teacher_agree(student: torch.Tensor, teacher: torch.Tensor) -> None:
    agreed, apart = PLAIN.distillation(teacher, teacher), PLAIN.distillation(student, teacher)
    assert agreed.shape == (3,)
    assert (agreed <= apart + 1e-5).all()
    at = teacher.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(PLAIN.distillation(at, teacher).sum(), at)
    assert gradient.abs().max() < 1e-5


@given(z=logits)
@patient
def test_link_gives_each_label_its_probability_and_unlink_takes_it_back(z: torch.Tensor) -> None:
    found = PLAIN.inverse_link(z)
    torch.testing.assert_close(found, 1 / (1 + (-z).exp()))
    back = PLAIN.to_logits(found.numpy())
    assert (back.shape, back.dtype) == ((3, 4), np.float32)
    np.testing.assert_allclose(torch.from_numpy(back).sigmoid(), found, atol=1e-5)
    assert np.isfinite(PLAIN.to_logits(np.array([[0.0, 1.0, 0.5, 0.1]]))).all()


@given(rows=st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=2, max_size=2), min_size=1))
@patient
def test_trivial_is_the_best_constant(rows: list[list[int]]) -> None:
    """Metric of every label by itself, over the rows where it is known."""
    fitted = of_columns().objective(fit_columns(of_columns(), structs(a=[1, 0], b=[0, 1])))
    labels = np.array([*rows, [0, 1]], dtype=np.int8)
    best = fitted.baseline(labels)
    assert (best.shape, best.dtype) == ((2,), np.float32)
    for place in range(2):
        mine = labels[labels[:, place] >= 0][:, place]
        constants = np.array([best[place], *np.linspace(0.02, 0.98, 49)]).clip(1e-7, 1 - 1e-7)
        losses = [-np.log(np.where(mine == 1, p, 1 - p)).mean() for p in constants]
        assert losses[0] <= min(losses) + 1e-6


METRICS = {metric.name: metric for metric in PLAIN.metrics}


def sample(seed: int = 0, rows: int = 60, unknown: float = 0.0) -> tuple[Any, Any, Any]:
    """Labels, probabilities with ties, whole weights; each label has both answers, each row a known label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, (rows, 4)).astype(np.int8)
    labels[random.random((rows, 4)) < unknown] = -1
    labels[:2], labels[2:, 0] = [[0] * 4, [1] * 4], np.abs(labels[2:, 0])
    predictions = random.uniform(size=(rows, 4)).round(1).astype(np.float32)
    return labels, predictions, np.concatenate([[1.0, 1.0], random.integers(0, 4, rows - 2)])


EPS = np.finfo(np.float32).eps
PEERS = {
    "macro_auc": lambda y, p, w: peers.roc_auc_score(y, p, average="macro", sample_weight=w),
    "log_loss": lambda y, p, w: np.mean(
        [peers.log_loss(y[:, k], p[:, k].astype(float).clip(EPS, 1 - EPS), sample_weight=w) for k in range(4)]
    ),
    "micro_f1": lambda y, p, w: peers.f1_score(y, p >= 0.5, average="micro", sample_weight=w),
    "macro_f1": lambda y, p, w: peers.f1_score(y, p >= 0.5, average="macro", sample_weight=w),
    "label_ranking_average_precision": lambda y, p, w: peers.label_ranking_average_precision_score(
        y, p, sample_weight=w
    ),
    "ece": lambda y, p, w: BINARY_ECE.weighted(y.ravel(), p.ravel())(np.repeat(np.ones(len(y)) if w is None else w, 4)),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_peer_with_and_without_weights(name: str, seed: int) -> None:
    labels, predictions, weights = sample(seed)
    peer = PEERS[name]
    assert METRICS[name](labels, predictions) == pytest.approx(peer(labels, predictions, None), rel=1e-5)
    weighted = METRICS[name].weighted(labels, predictions)(weights)
    assert weighted == pytest.approx(peer(labels, predictions, weights), rel=1e-5)
    assert weighted != pytest.approx(peer(labels, predictions, None), rel=1e-5)


def test_every_metric_has_a_peer_and_a_direction() -> None:
    assert list(METRICS) == list(PEERS)
    labels, predictions, _ = sample(unknown=0.3)
    for name, metric in METRICS.items():
        assert metric.higher_is_better == (name not in ("log_loss", "ece"))
        perfect = metric.oriented(metric(labels, np.maximum(labels, 0).astype(np.float32)))
        assert perfect == pytest.approx(1 if metric.higher_is_better else 0, abs=1e-6)
        assert perfect > metric.oriented(metric(labels, predictions))


@pytest.mark.parametrize("name", METRICS)
@given(seed=st.integers(0, 1_000))
@patient
def test_a_weight_is_that_many_rows(name: str, seed: int) -> None:
    """A bootstrap by weights is one of rows, where a label may lose an answer or all that is known of it."""
    labels, predictions, _ = sample(seed, rows=6, unknown=0.5)
    weights = np.random.default_rng(seed).multinomial(6, np.full(6, 1 / 6)).astype(float)
    repeated = np.repeat(np.arange(6), weights.astype(int))
    expected = METRICS[name](labels[repeated], predictions[repeated])
    assert METRICS[name].weighted(labels, predictions)(weights) == pytest.approx(expected, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
@given(seed=st.integers(0, 1_000))
@patient
def test_what_is_predicted_of_unknown_labels_does_not_count(name: str, seed: int) -> None:
    labels, predictions, _ = sample(seed, rows=10, unknown=0.5)
    other = np.where(labels < 0, np.float32(1) - predictions, predictions)
    assert METRICS[name](labels, predictions) == METRICS[name](labels, other)


def test_unknown_labels_leave_each_label_its_own_rows() -> None:
    labels, predictions, weights = sample(unknown=0.4)
    assert (labels < 0).any()
    aucs = []
    for place in range(4):
        rows = labels[:, place] >= 0
        mine = labels[rows, place], predictions[rows, place]
        aucs.append(peers.roc_auc_score(*mine, sample_weight=weights[rows]))
    assert METRICS["macro_auc"].weighted(labels, predictions)(weights) == pytest.approx(np.mean(aucs))


def test_golden_metrics() -> None:
    labels = np.array([[1, 0, -1], [0, 1, -1], [-1, 1, 0]], dtype=np.int8)
    chances = np.array([[0.9, 0.6, 0.1], [0.2, 0.5, 0.9], [0.8, 0.4, 0.3]], dtype=np.float32)
    found = {name: metric(labels, chances) for name, metric in METRICS.items()}
    rows = [-np.log([0.9, 0.4]).mean(), -np.log([0.8, 0.5]).mean(), -np.log([0.4, 0.7]).mean()]
    assert found == pytest.approx(
        {
            "macro_auc": 0.5,  # a: 1, b: 0, c knows one answer only
            "log_loss": np.mean(rows),
            "micro_f1": 4 / 6,  # hits a1 b2, faults b1 b3
            "macro_f1": (1 + 2 / 4) / 2,  # nobody has c, nobody is said to
            "label_ranking_average_precision": 1.0,
            "ece": 0.5 - 2.9 / 6,  # of the known answers half are yes
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
    known, chances = np.array(labels, dtype=np.int8), np.array([[0.2, 0.1], [0.4, 0.3]], dtype=np.float32)
    assert {name for name, metric in METRICS.items() if np.isnan(metric(known, chances))} == undefined
    for metric in METRICS.values():
        assert np.isnan(metric(known[:0], chances[:0]))
        assert np.isnan(resampled(metric, known[:0], chances[:0], resamples=2)).all()


HEAVY = of_columns(weight=2, positive_weight=2.5)
FITTED = {
    "learned": factored("balanced", 0.1),
    "declared": fit_objective(of_text(labels=("é", "x y"), none="-", separator="/"), pa.array(["é/x y", "-"])),
    "columns": HEAVY.objective(fit_columns(HEAVY, structs(a=[True, False], b=[None, True]))),
}


@pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
def test_json_says_all_of_it(fitted: Any) -> None:
    assert TypeAdapter(AnyCodec).validate_json(fitted.codec.model_dump_json()) == fitted.codec


def test_signature_targets_and_metric() -> None:
    assert FITTED["declared"].signature() == {
        "name": "t",
        "kind": "multilabel",
        "form": "label_probabilities",
        "unit": "probability",
        "labels": ["é", "x y"],
    }
    assert [fitted.outputs for fitted in FITTED.values()] == [4, 2, 2]
    assert [fitted.codec.targets for fitted in FITTED.values()] == [("y",), ("y",), ("a", "b")]
    assert FITTED["learned"].metric.name == "macro_auc"
    assert not FITTED["learned"].unsupervised
