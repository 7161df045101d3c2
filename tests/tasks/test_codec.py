"""A task is a codec, which the encoder stores, and an objective, whose options do not change the codec."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from mtl_core.errors import DataError
from mtl_core.ragged import flat
from mtl_core.schema import tagged
from mtl_core.tasks import AnyCodec, AnyTask, objectives
from tests.small import Small
from tests.tagging import SPANS
from tests.tasks.declared import fit_codec, fit_objective, task

COLUMNS: dict[str, pa.Array] = {
    "binary": pa.array([0, 1, 1, None]),
    "clustering": pa.array(["a", "b", "a", None]),
    "multiclass": pa.array(["a", "b", "a", None]),
    "multilabel": pa.array(["a|b", "b", "a", None]),
    "ordinal": pa.array(["a", "b", "a", None]),
    "quantiles": pa.array([1.0, 2.0, 4.0, None]),
    "regression": pa.array([1.0, 2.0, 4.0, None]),
    "tagging": pa.array([[{"start": i, "end": i + 1, "label": "ab"[i % 2]} for i in range(3)], None], SPANS),
}
NEEDED: dict[str, dict[str, Any]] = {
    "clustering": {"clusters": 2},
    "multilabel": {"min_count": 1},
    "ordinal": {"classes": ["a", "b"]},
}
"""Options that the kind cannot do without on its column."""
CHANGES: dict[str, tuple[Any, ...]] = {
    "weight": (2.5,),
    "positive_weight": (3.0, "balanced"),
    "class_weights": ({"a": 2.0}, "balanced"),
    "label_smoothing": (0.25,),
    "loss": ("squared", "absolute", "poisson"),
    "threshold": (0.25, {"maximize": "f1"}),
    "unit": ("minutes",),
    "levels": ((0.25, 0.75),),
    "warm_up": (3,),
    "restarts": (2,),
    "width": (3,),
}
"""Option of an objective -> other values; those of `metric` are the kind's own."""
CASES = [
    (kind, option, value)
    for kind, model in tagged(AnyTask).items()
    for option in sorted(model.objective_options)  # type: ignore[attr-defined]
    for value in CHANGES.get(option, ())
] + [(kind, "metric", metric.name) for kind in COLUMNS for metric in task(kind, **NEEDED.get(kind, {})).metrics]


def test_every_objective_option_of_every_kind_is_changed() -> None:
    assert set(COLUMNS) == set(tagged(AnyTask)) == set(tagged(AnyCodec))
    changed = {(kind, option) for kind, option, _ in CASES}
    assert changed == {(kind, o) for kind, model in tagged(AnyTask).items() for o in model.objective_options}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "option", "value"), CASES)
def test_options_of_the_objective_do_not_change_the_codec(kind: str, option: str, value: Any) -> None:
    plain, changed = (
        fit_codec(task(kind, **NEEDED.get(kind, {}), **options), COLUMNS[kind]) for options in ({}, {option: value})
    )
    assert changed.model_dump_json() == plain.model_dump_json()
    assert option == "weight" or option not in type(plain).model_fields


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_codec_survives_its_json_and_encodes_the_same(kind: str) -> None:
    codec = fit_codec(task(kind, **NEEDED.get(kind, {}), weight_column="w"), COLUMNS[kind])
    restored = TypeAdapter(AnyCodec).validate_json(codec.model_dump_json())
    assert restored == codec
    assert (restored.targets, restored.weight_column) == (("y",), "w")
    labels = [flat(fitted.encode(COLUMNS[kind])).tolist()[:3] for fitted in (restored, codec)]
    assert labels[0] == labels[1]


@pytest.mark.parametrize("kind", COLUMNS)
def test_arrays_and_tensors_are_labelled_alike(kind: str) -> None:
    import torch

    codec = fit_codec(task(kind, **NEEDED.get(kind, {})), COLUMNS[kind])
    labels = flat(codec.encode(COLUMNS[kind]))[:4]  # of tagging, the tokens of a text and its end mark
    assert codec.labelled(labels).tolist() == codec.labelled(torch.from_numpy(labels)).tolist() == [True] * 3 + [False]


def test_objectives_follow_the_order_of_the_codecs_with_the_declared_options(small: Small) -> None:
    codecs = small.encoder.tasks[::-1]
    for objective, codec in zip(objectives(small.problem.tasks, codecs), codecs, strict=True):
        assert objective.codec is codec
        assert objective.options is small.problem.tasks[codec.name]


@pytest.mark.parametrize(
    ("declared", "fragment"),
    [({}, "tasks.late: .* kind binary, found no such task"), ({"late": task("regression")}, "one of kind regression")],
)
def test_a_codec_of_another_task_is_refused(small: Small, declared: dict[str, Any], fragment: str) -> None:
    with pytest.raises(DataError, match=f"{fragment}; run prepare again"):
        objectives(declared, small.encoder.tasks[:1])


def test_a_weight_of_an_unknown_class_is_refused_by_the_objective() -> None:
    declared = task("multiclass", class_weights={"a": 1, "hihg": 2})
    codec = fit_codec(declared, pa.array(["a", "high"]))
    with pytest.raises(DataError, match=r"task 't': `class_weights` must name.*found 'hihg'; did you mean 'high'"):
        declared.objective(codec)
    assert fit_objective(task("multiclass", class_weights={"a": 2}), pa.array(["a", "b"])).class_factors == (2, 1)


def test_tasks_and_metrics_import_no_large_library() -> None:
    code = (
        "import sys, mtl_core.tasks, mtl_core.metrics\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'sklearn', 'scipy', 'pandas'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
