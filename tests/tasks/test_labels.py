"""Target column -> labels: what is yes, which class, which number, and what is unlabelled."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mtl_core.errors import DataError
from mtl_core.tasks import AnyCodec
from tests.strategies import numbers, partitions, patient
from tests.tasks.declared import fit, objective, task

NAN, INF = float("nan"), float("inf")
BANDS = task("multiclass", edges=[0, 15, 60], classes=["early", "on time", "late", "very late"])
STEPS = task("ordinal", edges=[0, 15, 60], classes=["early", "on time", "late", "very late"])
SIZES = task("ordinal", classes=["small", "medium", "large"])

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


@pytest.mark.parametrize(("options", "values", "labels"), BINARY.values(), ids=BINARY)
def test_binary(options: dict[str, Any], values: pa.Array, labels: list[int]) -> None:
    found = fit(task("binary", **options), values).encode(values)
    assert (found.dtype, found.tolist()) == (np.int8, labels)


def test_encoders_of_before_the_value_for_no_was_learned_are_read() -> None:
    old = {"kind": "binary", "name": "t", "type": "string", "targets": ["y"], "positive": "yes", "at_least": None}
    codec = TypeAdapter(AnyCodec).validate_python({**old, "counts": [1, 1]})
    assert codec.encode(pa.array(["yes", "no", "other", None])).tolist() == [1, 0, 0, -1]
    codec = TypeAdapter(AnyCodec).validate_python({**old, "type": "number", "positive": None})
    with pytest.raises(DataError, match="0 or 1, found 2"):
        codec.encode(pa.array([0, 1, 2]))


@pytest.mark.parametrize(("options", "values", "labels"), MULTICLASS.values(), ids=MULTICLASS)
def test_multiclass(options: dict[str, Any], values: pa.Array, labels: list[int]) -> None:
    found = fit(task("multiclass", **options), values).encode(values)
    assert (found.dtype, found.tolist()) == (np.int16, labels)


ORDINAL = {
    "text in its order": (
        ["small", "medium", "large"],
        pa.array(["large", "small", None, "", "medium"]),
        [2, 0, -1, -1, 1],
    ),
    "an order that is no alphabet's": (["b", "c", "a"], pa.array(["a", "b", "c"]), [2, 0, 1]),
    "whole numbers": (["3", "2", "1"], pa.array([1.0, 2.0, None, NAN, INF]), [2, 1, -1, -1, -1]),
    "integers": (["1", "2", "3"], pa.array([3, 1, None]), [2, 0, -1]),
    "booleans": (["false", "true"], pa.array([True, False, None]), [1, 0, -1]),
    "dictionary": (["b", "a"], pa.array(["b", "a", None]).dictionary_encode(), [0, 1, -1]),
}


@pytest.mark.parametrize(("classes", "values", "labels"), ORDINAL.values(), ids=ORDINAL)
def test_ordinal(classes: list[str], values: pa.Array, labels: list[int]) -> None:
    fitted = fit(task("ordinal", classes=classes), values)
    found = fitted.encode(values)
    assert (found.dtype, found.tolist()) == (np.int16, labels)
    assert fitted.classes == tuple(classes)


@pytest.mark.parametrize("declared", [BANDS, STEPS], ids=lambda declared: declared.kind)
def test_bands_are_half_open(declared: Any) -> None:
    borders = [-0.0, np.nextafter(0, -1), 14.999, 15.0, 59.999, 60.0, 1e300, -1e300, INF, -INF, NAN, None]
    fitted = fit(declared, pa.array([-1.0, 1.0]))
    assert fitted.encode(pa.array(borders)).tolist() == [1, 0, 1, 2, 2, 3, 3, 0, 3, 0, -1, -1]
    assert fitted.classes == ("early", "on time", "late", "very late")
    assert fitted.encode(pa.array([-1, 0, 60, None])).tolist() == [0, 1, 3, -1]


@pytest.mark.parametrize("kind", ["regression", "quantiles"])
def test_a_number_keeps_its_unit(kind: str) -> None:
    fitted = fit(task(kind), pa.array([1.0, None, 3.0, NAN, INF, -INF]))
    assert (fitted.mean, fitted.scale) == (2.0, 1.0)
    found = fitted.encode(pa.array([1.0, None, -7.5, NAN, INF, -INF]))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([1, NAN, -7.5, NAN, NAN, NAN], dtype=np.float32))


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber", "poisson", "quantiles"])
@pytest.mark.parametrize("offset", [5_800_000.0, 1_600_000_000.0])
def test_a_large_offset_loses_nothing(offset: float, loss: str) -> None:
    """Labels, predictions, baseline and the labels of trees are those of the target without the offset."""
    declared = task("quantiles", levels=[0.5]) if loss == "quantiles" else task("regression", loss=loss)
    near = np.array([0.37, -12.5, 3.0, 8.125])
    values = pa.array([*(near + offset), None])
    fitted = objective(declared, values)
    assert fitted.signature()["dtype"] == "float64"
    labels = fitted.codec.encode(values)
    np.testing.assert_array_equal(labels, [*(near + offset), NAN])
    baseline = fitted.baseline(labels)
    centre = near.mean() if loss in ("squared", "poisson") else np.quantile(near, 0.5, method="inverted_cdf")
    centre = np.median(near) if loss in ("absolute", "huber") else centre
    assert baseline - offset == pytest.approx(centre, abs=1e-6)
    known = labels[:-1].reshape(-1, *baseline.shape)
    back = fitted.inverse_link(torch.from_numpy(fitted.to_logits(known))).numpy()
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, known, rtol=0, atol=1e-5 * (offset / 1e6 if loss == "poisson" else 1))
    if loss != "poisson":
        (trees,) = fitted.tree_objectives(labels, np.ones(5, np.float32))
        np.testing.assert_allclose(trees.labels, near - near.mean(), atol=1e-5)
        logits = fitted.tree_logits(trees.labels.reshape(known.shape))
        np.testing.assert_allclose(logits, fitted.to_logits(known), atol=1e-6)
    outputs = torch.from_numpy(fitted.to_logits(known))
    assert fitted.loss(outputs, torch.from_numpy(labels[:-1])).dtype == torch.float32


def test_numbers_near_0_are_stored_in_32_bits_and_measured_in_64() -> None:
    values = pa.array([0.1, -2.0, None, 7.3])
    fitted = objective(task("regression"), values)
    assert fitted.codec.encode(values).dtype == np.float32
    np.testing.assert_array_equal(fitted.codec.exact(values), [0.1, -2.0, NAN, 7.3])
    assert "dtype" not in fitted.signature()


@pytest.mark.parametrize(
    "fitted",
    [
        fit(task("binary", at_least=0), pa.array([-1.0, 1.0])),
        fit(BANDS, pa.array([-1.0, 1.0])),
        fit(STEPS, pa.array([-1.0, 1.0])),
        fit(task("regression"), pa.array([-1.0, 1.0])),
        fit(task("quantiles"), pa.array([-1.0, 1.0])),
    ],
    ids=lambda fitted: fitted.kind,
)
@given(values=st.lists(numbers.filter(lambda value: value is None or not abs(value) < INF or abs(value) < 3e38)))
@patient
def test_missing_labels_are_unlabelled(fitted: Any, values: list[float | None]) -> None:
    """None and NaN always, infinities where the task cannot place them; every other row is labelled."""
    labelled = fitted.labelled(torch.from_numpy(fitted.encode(pa.array(values, pa.float64())))).tolist()
    known = np.isfinite if fitted.kind in ("regression", "quantiles") else lambda value: not np.isnan(value)
    assert labelled == [value is not None and bool(known(value)) for value in values]


@given(data=st.data(), values=st.lists(st.one_of(st.none(), st.integers(-9, 9)), min_size=1))
@patient
def test_part_by_part_equals_at_once(data: st.DataObject, values: list[int | None]) -> None:
    column = pa.array([*values, -1, 1, 2], pa.int64())
    parts = [column[cut] for cut in data.draw(partitions(len(column)))]
    for declared in (task("binary", at_least=1), BANDS, STEPS, task("multiclass")):
        assert fit(declared, *parts) == fit(declared, column)
    for declared in (task("regression"), task("quantiles")):
        once, piecewise = fit(declared, column), fit(declared, *parts)
        assert (piecewise.mean, piecewise.scale) == (pytest.approx(once.mean), pytest.approx(once.scale))


REFUSED = {
    "text without positive": (task("binary"), pa.array(["yes", "no"]), ["'y' is text", "positive: yes"]),
    "text with at_least": (task("binary", at_least=1), pa.array(["1", "0"]), ["'y' is text"]),
    "a boolean as positive of text": (
        task("binary", positive=True),
        pa.array(["true"]),
        ["found true", "quotes"],
    ),
    "text as positive of numbers": (task("binary", positive="yes"), pa.array([0, 1]), ["'yes'", "'y' is a number"]),
    "text as positive of booleans": (task("binary", positive="yes"), pa.array([True, False]), ["is a boolean"]),
    "strange number": (task("binary"), pa.array([0.0, 1.0, 0.5]), ["0 or 1", "found 0.5", "'y'", "positive: VALUE"]),
    "infinity as yes or no": (task("binary"), pa.array([0.0, 1.0, INF]), ["0 or 1", "found inf"]),
    "never yes": (task("binary", positive="x"), pa.array(["a", "b", None]), ["both answers", "found 0 yes and 2 no"]),
    "a third word": (
        task("binary", positive="high"),
        pa.array(["high", "low", "medium"]),
        ["one value besides `positive: high`", "found 'low', 'medium' in 'y'", "`negative:", "`others: negative`"],
    ),
    "a third number": (task("binary", positive=2), pa.array([0.5, 1, 2]), ["`positive: 2`", "found 0.5, 1 in 'y'"]),
    "a word besides both": (
        task("binary", positive="yes", negative="no"),
        pa.array(["yes", "no", "No"]),
        ["'yes' or 'no'", "found 'No' in 'y'", "`others: unlabelled`"],
    ),
    "a number as negative of text": (task("binary", positive="a", negative=0), pa.array(["a"]), ["`negative`", "text"]),
    "never no": (task("binary"), pa.array([1, 1, None]), ["found 2 yes and 0 no", "'y'"]),
    "no label at all": (task("binary"), pa.array([None, None], pa.int8()), ["found 0 yes and 0 no"]),
    "edges on text": (BANDS, pa.array(["1"]), ["`edges` need a target of numbers", "'y'"]),
    "one class": (task("multiclass"), pa.array(["a", "a", None]), ["two classes or more", "found ['a']", "'y'"]),
    "one declared class": (
        task("multiclass", classes=["a", "b"]),
        pa.array(["a", None]),
        ["two classes or more", "found ['a']"],
    ),
    "one band": (BANDS, pa.array([1.0, 2.0]), ["two classes or more", "found ['on time']"]),
    "undeclared class": (
        task("multiclass", classes=["a", "b"]),
        pa.array(["a", "b", "c"]),
        ["the classes are a, b", "found 'c'", "'y'", "declare all of them"],
    ),
    "edges on text, in order": (STEPS, pa.array(["1"]), ["`edges` need a target of numbers", "'y'"]),
    "one class in order": (SIZES, pa.array(["small", None]), ["kind ordinal needs two classes", "found ['small']"]),
    "undeclared class in order": (
        SIZES,
        pa.array(["small", "medium", "huge"]),
        ["the classes are small, medium, large", "found 'huge'", "declare all of them"],
    ),
    "quantiles of text": (
        task("quantiles"),
        pa.array(["1"]),
        ["kind quantiles needs a target of numbers", "found text"],
    ),
    "quantiles of a constant": (task("quantiles"), pa.array([7, 7]), ["kind quantiles needs a target that varies"]),
    "quantiles beyond 32 bits": (task("quantiles"), pa.array([0.0, 1e39]), ["32-bit floats", "found 1e+39", "'y'"]),
    "too many classes": (task("multiclass"), pa.array(range(32_768)), ["at most 32,767", "is it a regression?"]),
    "regression on text": (task("regression"), pa.array(["1"]), ["found text", "'y'", "kind: multiclass"]),
    "regression on a constant": (task("regression"), pa.array([7, 7, 7]), ["varies", "found 3 values", "'y'"]),
    "regression without a label": (task("regression"), pa.array([None], pa.float64()), ["varies", "found 0 values"]),
    "regression beyond 32 bits": (task("regression"), pa.array([0.0, 1e39]), ["32-bit floats", "found 1e+39", "'y'"]),
    "regression that 64 bits round away": (
        task("regression"),
        pa.array([1.7e9, 1.7e9 + 1e-6]),
        ["varies", "found 2 values with a deviation of 4.", "another unit"],
    ),
    "regression below 32 bits": (task("regression"), pa.array([0.0, 1e-60]), ["varies", "another unit"]),
}


@pytest.mark.parametrize(("declared", "values", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(declared: Any, values: pa.Array, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        fit(declared, values)
    for word in ["task 't'", *words]:
        assert word in str(caught.value)


def test_refused_after_training_too() -> None:
    """A class or a label that only the test split holds."""
    with pytest.raises(DataError, match=r"classes are a, b, found 'c'"):
        fit(task("multiclass"), pa.array(["a", "b"])).encode(pa.array(["a", "c"]))
    with pytest.raises(DataError, match=r"must be 'high' or 'low', found 'medium' in 'y'"):
        fit(task("binary", positive="high"), pa.array(["high", "low"])).encode(pa.array(["medium"]))
    with pytest.raises(DataError, match=r"0 or 1, found 2"):
        fit(task("binary"), pa.array([0, 1])).encode(pa.array([2]))
    with pytest.raises(DataError, match=r"32-bit floats, found -1e\+39"):
        fit(task("regression"), pa.array([0, 1])).encode(pa.array([-1e39]))


DECLARED = {
    "positive and at_least": ({"kind": "binary", "positive": 1, "at_least": 1}, "not both"),
    "negative and at_least": ({"kind": "binary", "negative": 0, "at_least": 1}, "found `negative` too"),
    "negative alone": ({"kind": "binary", "negative": "no"}, "needs `positive`"),
    "positive is negative": ({"kind": "binary", "positive": "a", "negative": ["b", "a"]}, "must differ, found 'a'"),
    "no and others": ({"kind": "binary", "positive": "a", "negative": "b", "others": "negative"}, "not both"),
    "others of what": ({"kind": "binary", "positive": "a", "others": "unlabelled"}, "needs `negative`"),
    "others without classes": ({"kind": "multiclass", "others": "unlabelled"}, "values besides `classes`, found none"),
    "one class": ({"kind": "multiclass", "classes": ["a"]}, "two or more distinct"),
    "a class twice": ({"kind": "multiclass", "classes": ["a", "a"]}, "two or more distinct"),
    "a nameless class": ({"kind": "multiclass", "classes": ["a", ""]}, "at least 1 character"),
    "falling edges": ({"kind": "multiclass", "classes": ["a", "b", "c"], "edges": [1, 0]}, "rise strictly"),
    "an edge twice": ({"kind": "multiclass", "classes": ["a", "b", "c"], "edges": [1, 1]}, "rise strictly"),
    "edges without names": ({"kind": "multiclass", "edges": [1]}, "1 edges make 2 bands, found 0 names"),
    "too few names": ({"kind": "multiclass", "edges": [0, 1], "classes": ["a", "b"]}, "2 edges make 3 bands"),
    "an edge that is none": ({"kind": "multiclass", "edges": [NAN], "classes": ["a", "b"]}, "finite"),
    "no weight": ({"kind": "binary", "weight": 0}, "greater than 0"),
    "an order of nothing": (
        {"kind": "ordinal"},
        "needs `classes` in rising order, found none; list them, lowest first",
    ),
    "an order of one": ({"kind": "ordinal", "classes": ["a"]}, "two or more distinct"),
    "an order with edges alone": ({"kind": "ordinal", "edges": [1]}, "1 edges make 2 bands, found 0 names"),
    "an order with too few names": (
        {"kind": "ordinal", "edges": [0, 1], "classes": ["a", "b"]},
        "2 edges make 3 bands",
    ),
    "an order of falling edges": ({"kind": "ordinal", "edges": [1, 0], "classes": ["a", "b", "c"]}, "rise strictly"),
    "no level": ({"kind": "quantiles", "levels": []}, "levels\n.*must be 1 to 99 levels, found 0"),
    "a hundred levels": (
        {"kind": "quantiles", "levels": [level / 101 for level in range(1, 101)]},
        "must be 1 to 99 levels, found 100",
    ),
    "level 0": ({"kind": "quantiles", "levels": [0, 0.5]}, r"between 0 and 1, found \[0.0, 0.5\]"),
    "level 1": ({"kind": "quantiles", "levels": [0.5, 1]}, "between 0 and 1"),
    "falling levels": ({"kind": "quantiles", "levels": [0.9, 0.1]}, "must rise strictly"),
    "a level twice": ({"kind": "quantiles", "levels": [0.5, 0.5]}, "must rise strictly"),
    "a level that is none": ({"kind": "quantiles", "levels": [NAN]}, "finite number"),
    "an unknown loss": ({"kind": "regression", "loss": "poison"}, "'poisson'"),
}


@pytest.mark.parametrize(("options", "words"), DECLARED.values(), ids=DECLARED)
def test_declarations_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        task(**options)


FITTED = {
    "binary": objective(task("binary", positive="é", weight=2), pa.array(["é", "x"])),
    "binary 1": objective(task("binary", positive=1), pa.array([1, 0])),
    "binary true": objective(task("binary", positive=True), pa.array([True, False])),
    "multiclass": objective(task("multiclass"), pa.array([2, 1])),
    "bands": objective(BANDS, pa.array([-1, 1])),
    "regression": objective(task("regression", loss="absolute", metric="rmse", unit="min"), pa.array([0.1, 0.7])),
    "counts": objective(task("regression", loss="poisson", metric="poisson_deviance"), pa.array([0, 7])),
    "steps": objective(STEPS, pa.array([-1, 1])),
    "quantiles": objective(task("quantiles", levels=[0.25, 0.75], unit="min"), pa.array([0.1, 0.7])),
}


@pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
def test_json_says_all_of_it(fitted: Any) -> None:
    text = fitted.codec.model_dump_json()
    assert TypeAdapter(AnyCodec).validate_json(text) == fitted.codec


def test_signatures() -> None:
    names = ["early", "on time", "late", "very late"]
    assert [FITTED[name].signature() for name in ("binary", "bands", "regression", "counts", "steps", "quantiles")] == [
        {"name": "t", "kind": "binary", "form": "number", "unit": "probability"},
        {
            "name": "t",
            "kind": "multiclass",
            "form": "class_probabilities",
            "unit": "probability",
            "classes": names,
        },
        {"name": "t", "kind": "regression", "form": "number", "unit": "min"},
        {"name": "t", "kind": "regression", "form": "number", "unit": ""},
        {"name": "t", "kind": "ordinal", "form": "class_probabilities", "unit": "probability", "classes": names},
        {"name": "t", "kind": "quantiles", "form": "quantiles", "unit": "min", "levels": [0.25, 0.75]},
    ]
    assert [fitted.outputs for fitted in FITTED.values()] == [1, 1, 1, 2, 4, 1, 1, 3, 2]


def test_metric_named() -> None:
    declared = [task("binary"), task("multiclass"), SIZES, task("regression"), task("quantiles")]
    declared.append(task("regression", loss="poisson"))
    assert [one.metric_named("").name for one in declared] == [
        *("log_loss", "log_loss", "ranked_probability_score"),
        *("rmse", "pinball", "poisson_deviance"),
    ]
    assert FITTED["regression"].metric.name == "rmse"
    assert [metric.name for metric in FITTED["regression"].metrics] == ["mae", "rmse", "r2"]
    assert FITTED["counts"].metric.name == "poisson_deviance"
    with pytest.raises(KeyError):
        task("regression").metric_named("auc")
