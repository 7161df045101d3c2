"""Tree models: their objectives, labels and weights, and what they refuse."""

import re
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mtl_core.data.encoded import EncodedSplit
from mtl_core.distillation.trees import check_trees, lightgbm_for
from mtl_core.errors import ProblemError
from tests.tasks.declared import fit_objective, task


@pytest.mark.parametrize(
    ("options", "objectives"),
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
def test_the_objective_of_the_trees_is_the_loss_of_the_task(
    options: dict[str, Any], objectives: list[dict[str, Any]]
) -> None:
    values = pa.array([1.0, 5.0, None, 5.0, 1.0])  # deviation 2
    fitted = fit_objective(task(**options), values)
    forests = fitted.tree_objectives(fitted.codec.encode(values), np.ones(5, np.float32))
    assert [forest.parameters for forest in forests] == objectives
    for forest in forests:
        assert_array_equal(forest.rows, [0, 1, 3, 4])
        assert_array_equal(forest.weights, [1, 1, 1, 1])
        expected = [0, 1, 1, 0] if options["kind"] in ("binary", "multiclass", "ordinal") else [1, 5, 5, 1]
        assert_array_equal(forest.labels, expected)


def test_weights_of_trees_are_those_of_rows_times_those_of_classes() -> None:
    values = pa.array([0, 1, 1, None, 0])
    fitted, weights = fit_objective(task("binary", positive_weight=3), values), np.array([1, 2, 0, 1, 0.5], np.float32)
    (forest,) = fitted.tree_objectives(fitted.codec.encode(values), weights)
    assert_array_equal(forest.rows, [0, 1, 4])
    assert_allclose(forest.weights, [1, 6, 0.5])


def test_each_label_of_a_multilabel_task_is_learned_from_its_labelled_rows() -> None:
    columns = {"a": [1, 0, None, 0], "b": [None, 1, 1, 0]}
    values = pa.StructArray.from_arrays([pa.array(column) for column in columns.values()], names=list(columns))
    options = task("multilabel", columns=("a", "b"), target="", positive_weight=2)
    fitter = options.fitter("t", "number")
    fitter.update(values)
    fitted = options.objective(fitter.finish())
    first, second = fitted.tree_objectives(fitted.codec.encode(values), np.ones(4, np.float32))
    assert_array_equal(first.rows, [0, 1, 3])
    assert_array_equal(first.labels, [1, 0, 0])
    assert_array_equal(first.weights, [2, 1, 1])
    assert_array_equal(second.rows, [1, 2, 3])
    assert_array_equal(second.labels, [1, 1, 0])


def test_trees_refuse_an_unsupervised_task() -> None:
    values = pa.array(["a", "b"])
    fitted = fit_objective(task("clustering", clusters=2), values)
    split = EncodedSplit({}, {"t": torch.from_numpy(fitted.codec.encode(values))})
    with pytest.raises(ProblemError, match=r"^training\.teachers\.t: .* found clustering; drop"):
        check_trees(fitted, split)


@pytest.mark.parametrize("error", [ImportError("No module named 'lightgbm'"), OSError("libgomp.so.1: cannot open")])
def test_a_missing_package_is_named_with_its_installation(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Broken:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name == "lightgbm":
                raise error

    for name in [name for name in sys.modules if name.partition(".")[0] == "lightgbm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    match = rf'training\.teachers\.late: .* found: {re.escape(str(error))}; pip install "trunkline\[boosted\]"'
    with pytest.raises(ProblemError, match=match):
        lightgbm_for("late")
