"""Target column -> labels: yes or no, class, number, or unlabelled."""

from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mtl_core.errors import DataError
from mtl_core.tasks import AnyCodec
from tests.strategies import numbers, partitions, patient
from tests.tasks.declared import fit_codec, fit_objective, task

NAN, INF = float("nan"), float("inf")
BANDS = task("multiclass", edges=[0, 15, 60], classes=["early", "on time", "late", "very late"])
STEPS = task("ordinal", edges=[0, 15, 60], classes=["early", "on time", "late", "very late"])

BINARY = {
    "boolean": ({}, pa.array([True, False, None]), [1, 0, -1]),
    "0 and 1": ({}, pa.array([1, 0, None]), [1, 0, -1]),
    "0.0 and 1.0": ({}, pa.array([1.0, 0.0, -0.0, None, NAN]), [1, 0, 0, -1, -1]),
    "decimal": ({}, pa.array([Decimal("1.0"), Decimal("0.0"), None]), [1, 0, -1]),
    "at_least is inclusive": ({"at_least": 15}, pa.array([14.999, 15.0, 15.001, None, INF, -INF]), [0, 1, 1, -1, 1, 0]),
    "positive number": ({"positive": 3}, pa.array([3, 2, None]), [1, 0, -1]),
    "positive false": ({"positive": False}, pa.array([True, False, None]), [0, 1, -1]),
    "positive text": ({"positive": "yes"}, pa.array(["yes", "no", "no", None, ""]), [1, 0, 0, -1, -1]),
    "both words": ({"positive": "yes", "negative": "no"}, pa.array(["no", "yes", ""]), [0, 1, -1]),
    "several words for no": ({"positive": "A", "negative": ["B", "C"]}, pa.array(["C", "A", "B"]), [0, 1, 0]),
    "one against all others": ({"positive": "A", "others": "negative"}, pa.array(["C", "A", "B", None]), [0, 1, 0, -1]),
    "any other word is no label": (
        {"positive": "yes", "negative": "no", "others": "unlabelled"},
        pa.array(["yes", "no", "Yes", " yes"]),
        [1, 0, -1, -1],
    ),
    "any other number is no label": ({"others": "unlabelled"}, pa.array([1, 0, -9, 2]), [1, 0, -1, -1]),
    "both numbers": ({"positive": 2, "negative": 1}, pa.array([1.0, 2.0, NAN]), [0, 1, -1]),
    "positive dictionary": ({"positive": "yes"}, pa.array(["yes", "no", None]).dictionary_encode(), [1, 0, -1]),
    "positive large_string": ({"positive": "yes"}, pa.array(["yes", "no"], pa.large_string()), [1, 0]),
}
MULTICLASS = {
    "learned, sorted": ({}, pa.array(["b", "a", None, "", "c"]), [1, 0, -1, -1, 2]),
    "declared order": ({"classes": ["b", "a"]}, pa.array(["b", "a", None]), [0, 1, -1]),
    "others unlabelled": ({"classes": ["b", "a"], "others": "unlabelled"}, pa.array(["b", "a", "c"]), [0, 1, -1]),
    "blanks matter": ({}, pa.array(["a", "a ", " a"]), [1, 2, 0]),
    "whole numbers": ({"classes": ["1", "2"]}, pa.array([1.0, 2.0, None, NAN, INF]), [0, 1, -1, -1, -1]),
    "integers": ({"classes": ["1", "2"]}, pa.array([2, 1, None]), [1, 0, -1]),
    "large whole numbers": ({"classes": ["1", "20000000000"]}, pa.array([2e10, 1.0]), [1, 0]),
    "fractions beside whole": ({"classes": ["1", "1.5"]}, pa.array([1.5, 1.0]), [1, 0]),
    "huge": ({"classes": ["1", "1e+300"]}, pa.array([1e300, 1.0]), [1, 0]),
    "booleans": ({}, pa.array([True, False, None]), [1, 0, -1]),
    "dictionary": ({}, pa.array(["b", "a", None]).dictionary_encode(), [1, 0, -1]),
}


ORDINAL = {
    "text in its order": (["b", "c", "a"], pa.array(["a", "b", None, "", "c"]), [2, 0, -1, -1, 1]),
    "whole numbers": (["3", "2", "1"], pa.array([1.0, 2.0, None, NAN, INF]), [2, 1, -1, -1, -1]),
    "booleans": (["false", "true"], pa.array([True, False, None]), [1, 0, -1]),
}
LABELS = {
    **{f"binary, {name}": ("binary", *case) for name, case in BINARY.items()},
    **{f"multiclass, {name}": ("multiclass", *case) for name, case in MULTICLASS.items()},
    **{f"ordinal, {name}": ("ordinal", {"classes": classes}, *case) for name, (classes, *case) in ORDINAL.items()},
}


@pytest.mark.parametrize(("kind", "options", "values", "labels"), LABELS.values(), ids=LABELS)
def test_labels(kind: str, options: dict[str, Any], values: pa.Array, labels: list[int]) -> None:
    encoded = fit_codec(task(kind, **options), values).encode(values)
    assert (encoded.dtype, encoded.tolist()) == (np.int8 if kind == "binary" else np.int16, labels)


def test_encoders_without_a_learned_value_for_no_are_read() -> None:
    old = {"kind": "binary", "name": "t", "type": "string", "targets": ["y"], "positive": "yes", "at_least": None}
    codec = TypeAdapter(AnyCodec).validate_python({**old, "counts": [1, 1]})
    assert codec.encode(pa.array(["yes", "no", "other", None])).tolist() == [1, 0, 0, -1]
    codec = TypeAdapter(AnyCodec).validate_python({**old, "type": "number", "positive": None})
    with pytest.raises(DataError, match="0 or 1, found 2"):
        codec.encode(pa.array([0, 1, 2]))


@pytest.mark.parametrize("declared", [BANDS, STEPS], ids=lambda declared: declared.kind)
def test_bands_are_half_open(declared: Any) -> None:
    codec = fit_codec(declared, pa.array([-1.0, 1.0]))
    numbers = [-0.0, np.nextafter(0, -1), 14.999, 15.0, 59.999, 60.0, 1e300, -1e300, INF, -INF, NAN, None]
    assert codec.encode(pa.array(numbers)).tolist() == [1, 0, 1, 2, 2, 3, 3, 0, 3, 0, -1, -1]
    assert codec.classes == ("early", "on time", "late", "very late")
    assert codec.encode(pa.array([-1, 0, 60, None])).tolist() == [0, 1, 3, -1]


@pytest.mark.parametrize("kind", ["regression", "quantiles"])
def test_labels_of_numbers_are_in_the_targets_unit(kind: str) -> None:
    codec = fit_codec(task(kind), pa.array([1.0, None, 3.0, NAN, INF, -INF]))
    assert (codec.mean, codec.scale) == (2.0, 1.0)
    labels = codec.encode(pa.array([1.0, None, -7.5, NAN, INF, -INF]))
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, np.array([1, NAN, -7.5, NAN, NAN, NAN], dtype=np.float32))


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber", "poisson", "quantiles"])
@pytest.mark.parametrize("offset", [5_800_000.0, 1_600_000_000.0])
def test_a_large_offset_loses_no_precision(offset: float, loss: str) -> None:
    """Labels, predictions, baseline and labels of trees equal those of the target without the offset."""
    declared = task("quantiles", levels=[0.5]) if loss == "quantiles" else task("regression", loss=loss)
    numbers_near_0 = np.array([0.37, -12.5, 3.0, 8.125])
    values = pa.array([*(numbers_near_0 + offset), None])
    objective = fit_objective(declared, values)
    assert objective.signature()["dtype"] == "float64"
    labels = objective.codec.encode(values)
    np.testing.assert_array_equal(labels, [*(numbers_near_0 + offset), NAN])
    baseline = objective.baseline(labels)
    centers = {
        "absolute": np.median,
        "huber": np.median,
        "quantiles": partial(np.quantile, q=0.5, method="inverted_cdf"),
    }
    assert baseline - offset == pytest.approx(centers.get(loss, np.mean)(numbers_near_0), abs=1e-6)
    known = labels[:-1].reshape(-1, *baseline.shape)
    outputs = torch.from_numpy(objective.to_logits(known))
    predictions = objective.inverse_link(outputs).numpy()
    assert predictions.dtype == np.float64
    np.testing.assert_allclose(predictions, known, rtol=0, atol=1e-5 * (offset / 1e6 if loss == "poisson" else 1))
    if loss != "poisson":
        (trees,) = objective.tree_objectives(labels, np.ones(5, np.float32))
        np.testing.assert_allclose(trees.labels, numbers_near_0 - numbers_near_0.mean(), atol=1e-5)
        logits = objective.tree_logits(trees.labels.reshape(known.shape))
        np.testing.assert_allclose(logits, objective.to_logits(known), atol=1e-6)
    assert objective.loss(outputs, torch.from_numpy(labels[:-1])).dtype == torch.float32


def test_numbers_near_0_are_stored_as_float32_and_measured_as_float64() -> None:
    values = pa.array([0.1, -2.0, None, 7.3])
    objective = fit_objective(task("regression"), values)
    assert objective.codec.encode(values).dtype == np.float32
    np.testing.assert_array_equal(objective.codec.exact(values), [0.1, -2.0, NAN, 7.3])
    assert "dtype" not in objective.signature()


@pytest.mark.parametrize(
    "codec",
    [
        fit_codec(task("binary", at_least=0), pa.array([-1.0, 1.0])),
        fit_codec(BANDS, pa.array([-1.0, 1.0])),
        fit_codec(STEPS, pa.array([-1.0, 1.0])),
        fit_codec(task("regression"), pa.array([-1.0, 1.0])),
        fit_codec(task("quantiles"), pa.array([-1.0, 1.0])),
    ],
    ids=lambda codec: codec.kind,
)
@given(values=st.lists(numbers.filter(lambda value: value is None or not abs(value) < INF or abs(value) < 3e38)))
@patient
def test_missing_labels_are_unlabelled(codec: Any, values: list[float | None]) -> None:
    """None and NaN always, infinities for numbers; every other row is labelled."""
    labelled = codec.labelled(torch.from_numpy(codec.encode(pa.array(values, pa.float64())))).tolist()
    is_known = np.isfinite if codec.kind in ("regression", "quantiles") else lambda value: not np.isnan(value)
    assert labelled == [value is not None and bool(is_known(value)) for value in values]


@given(data=st.data(), values=st.lists(st.one_of(st.none(), st.integers(-9, 9)), min_size=1))
@patient
def test_parts_are_fitted_as_the_whole(data: st.DataObject, values: list[int | None]) -> None:
    column = pa.array([*values, -1, 1, 2], pa.int64())
    parts = [column[cut] for cut in data.draw(partitions(len(column)))]
    for declared in (task("binary", at_least=1), BANDS, STEPS, task("multiclass")):
        assert fit_codec(declared, *parts) == fit_codec(declared, column)
    for declared in (task("regression"), task("quantiles")):
        whole, by_part = fit_codec(declared, column), fit_codec(declared, *parts)
        assert (by_part.mean, by_part.scale) == (pytest.approx(whole.mean), pytest.approx(whole.scale))


SIZES = task("ordinal", classes=["small", "medium", "large"])
REFUSED: list[tuple[Any, pa.Array, str]] = [
    (task("binary"), pa.array(["yes", "no"]), "'y' is text; .*positive: yes"),
    (task("binary", at_least=1), pa.array(["1", "0"]), "'y' is text"),
    (task("binary", positive=True), pa.array(["true"]), "found true where 'y' is text; .*quotes"),
    (task("binary", positive="yes"), pa.array([0, 1]), "'yes' where 'y' is a number"),
    (task("binary", positive="yes"), pa.array([True, False]), "is a boolean"),
    (task("binary", positive="a", negative=0), pa.array(["a"]), "`negative` must"),
    (task("binary"), pa.array([0.0, 1.0, 0.5]), "found 0.5 in 'y'; .*`positive: VALUE`"),
    (task("binary"), pa.array([0.0, 1.0, INF]), "found inf"),
    (task("binary", positive="x"), pa.array(["a", "b", None]), "both classes .*found 0 positive and 2 negative"),
    (task("binary"), pa.array([1, 1, None]), "found 2 positive and 0 negative rows in target 'y'"),
    (task("binary"), pa.array([None, None], pa.int8()), "found 0 positive and 0 negative"),
    (
        task("binary", positive="high"),
        pa.array(["high", "low", "mid"]),
        "`positive: high`, found 'low', 'mid' in 'y'; ",
    ),
    (task("binary", positive=2), pa.array([0.5, 1, 2]), "`positive: 2`, found 0.5, 1 in 'y'; .*`others: negative`"),
    (
        task("binary", positive="yes", negative="no"),
        pa.array(["yes", "no", "No"]),
        "'yes' or 'no', found 'No' in 'y'; .*`others: unlabelled`",
    ),
    (BANDS, pa.array(["1"]), "`edges` need a target of numbers, found text in 'y'"),
    (BANDS, pa.array([1.0, 2.0]), r"two classes or more .*found \['on time'\]"),
    (task("multiclass"), pa.array(["a", "a", None]), r"two classes or more .*found \['a'\] in 'y'"),
    (task("multiclass"), pa.array(range(32_768)), "at most 32,767 .*is it a regression"),
    (task("multiclass", classes=["a", "b"]), pa.array(["a", None]), r"found \['a'\]"),
    (task("multiclass", classes=["a", "b"]), pa.array(["a", "b", "c"]), "are a, b, found 'c' in 'y'; declare all"),
    (SIZES, pa.array(["small", None]), "kind ordinal needs two classes"),
    (task("quantiles"), pa.array(["1"]), "kind quantiles needs a target of numbers, found text"),
    (task("quantiles"), pa.array([7, 7]), "kind quantiles needs a target that varies"),
    (task("regression"), pa.array(["1"]), "found text in 'y'; .*kind: multiclass"),
    (task("regression"), pa.array([7, 7, 7]), "varies .*found 3 values .*'y'"),
    (task("regression"), pa.array([None], pa.float64()), "varies .*found 0 values"),
    (task("regression"), pa.array([0.0, 1e39]), r"32-bit floats, found 1e\+39 in 'y'"),
    (task("regression"), pa.array([1.7e9, 1.7e9 + 1e-6]), "varies .*2 values with a deviation of 4.*another unit"),
    (task("regression"), pa.array([0.0, 1e-60]), "varies"),
]


@pytest.mark.parametrize(("declared", "values", "fragment"), REFUSED, ids=[fragment for *_, fragment in REFUSED])
def test_unsuitable_training_labels_are_refused(declared: Any, values: pa.Array, fragment: str) -> None:
    with pytest.raises(DataError, match=f"task 't': .*{fragment}"):
        fit_codec(declared, values)


def test_values_that_only_the_test_split_holds_are_refused() -> None:
    with pytest.raises(DataError, match=r"classes are a, b, found 'c'"):
        fit_codec(task("multiclass"), pa.array(["a", "b"])).encode(pa.array(["a", "c"]))
    with pytest.raises(DataError, match=r"must be 'high' or 'low', found 'medium' in 'y'"):
        fit_codec(task("binary", positive="high"), pa.array(["high", "low"])).encode(pa.array(["medium"]))
    with pytest.raises(DataError, match=r"0 or 1, found 2"):
        fit_codec(task("binary"), pa.array([0, 1])).encode(pa.array([2]))
    with pytest.raises(DataError, match=r"32-bit floats, found -1e\+39"):
        fit_codec(task("regression"), pa.array([0, 1])).encode(pa.array([-1e39]))


OBJECTIVES = {
    "binary": fit_objective(task("binary", positive="é", weight=2), pa.array(["é", "x"])),
    "binary 1": fit_objective(task("binary", positive=1), pa.array([1, 0])),
    "binary true": fit_objective(task("binary", positive=True), pa.array([True, False])),
    "multiclass": fit_objective(task("multiclass"), pa.array([2, 1])),
    "bands": fit_objective(BANDS, pa.array([-1, 1])),
    "regression": fit_objective(task("regression", loss="absolute", metric="rmse", unit="min"), pa.array([0.1, 0.7])),
    "counts": fit_objective(task("regression", loss="poisson", metric="poisson_deviance"), pa.array([0, 7])),
    "steps": fit_objective(STEPS, pa.array([-1, 1])),
    "quantiles": fit_objective(task("quantiles", levels=[0.25, 0.75], unit="min"), pa.array([0.1, 0.7])),
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_codec_survives_json(objective: Any) -> None:
    assert TypeAdapter(AnyCodec).validate_json(objective.codec.model_dump_json()) == objective.codec


def test_signatures() -> None:
    names = ["early", "on time", "late", "very late"]
    assert [
        OBJECTIVES[name].signature() for name in ("binary", "bands", "regression", "counts", "steps", "quantiles")
    ] == [
        {"name": "t", "kind": "binary", "form": "number", "unit": "probability"},
        {"name": "t", "kind": "multiclass", "form": "class_probabilities", "unit": "probability", "classes": names},
        {"name": "t", "kind": "regression", "form": "number", "unit": "min"},
        {"name": "t", "kind": "regression", "form": "number", "unit": ""},
        {"name": "t", "kind": "ordinal", "form": "class_probabilities", "unit": "probability", "classes": names},
        {"name": "t", "kind": "quantiles", "form": "quantiles", "unit": "min", "levels": [0.25, 0.75]},
    ]
    assert [objective.outputs for objective in OBJECTIVES.values()] == [1, 1, 1, 2, 4, 1, 1, 3, 2]


def test_the_default_metric_is_the_kinds_first() -> None:
    declared = [task("binary"), task("multiclass"), SIZES, task("regression"), task("quantiles")]
    declared.append(task("regression", loss="poisson"))
    assert [options.metric_named("").name for options in declared] == [
        *("log_loss", "log_loss", "ranked_probability_score"),
        *("rmse", "pinball", "poisson_deviance"),
    ]
    assert OBJECTIVES["regression"].metric.name == "rmse"
    assert [metric.name for metric in OBJECTIVES["regression"].metrics] == ["mae", "rmse", "r2"]
    assert OBJECTIVES["counts"].metric.name == "poisson_deviance"
    with pytest.raises(KeyError):
        task("regression").metric_named("auc")
