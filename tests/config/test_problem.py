"""A declared problem: accepted options, and the laws of every document. Refused options: test_refused.py."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core import errors
from mtl_core.config import PARAMS, load_problem, parse_problem
from mtl_core.errors import ProblemError, suggestion
from tests.config.orders import BASE, TIME, changed
from tests.strategies import patient

ACCEPTED = {
    "unchanged": ("name", "orders"),
    "all digits and dashes": ("name", "o-1_2"),
    "63 letters": ("name", "o" * 63),
    "time": ("split", TIME),
    "time as YAML dates": ("split", TIME | {"validation": date(2024, 2, 1), "test": date(2024, 3, 1)}),
    "time as numbers": ("split", TIME | {"validation": 202402, "test": 202403.5}),
    "column": ("split", {"by": "column", "column": "fold", "validation": 8, "test": "9"}),
    "hash shares": ("split", {"by": "hash", "column": "c", "validation": 0.5, "test": 0.49}),
    "split by a feature": ("split", {"by": "hash", "column": "shop"}),
    "split by a target": ("split", {"by": "hash", "column": "days"}),
    "two features of one column": ("features.amount_as_category", {"kind": "categorical", "column": "amount"}),
    "a column with any name": ("features.amount.column", "Amount in €, gross"),
    "100 letters": ("features." + "f" * 100, {"kind": "numeric"}),
    "a name with dots": ("features.a", {"kind": "numeric", "column": "a.b-c"}),
    "two tasks of one target": ("tasks.slow", {"kind": "binary", "target": "days", "at_least": 5}),
    "a task named like its kind": ("tasks.binary", {"kind": "binary", "target": "y"}),
    "a task named like a feature of another column": ("features.days", {"kind": "numeric", "column": "age"}),
    "positive text": ("tasks.returned.positive", "yes"),
    "positive number": ("tasks.returned.positive", 1),
    "bands": ("tasks.band", {"kind": "multiclass", "target": "y", "edges": [0], "classes": ["a", "b"]}),
    "metric": ("tasks.returned.metric", "brier"),
    "gate": ("gates.metrics", {"returned": {"auc": 0.7, "brier": 0.2}, "days": {"mae": 3}}),
    "no dropout": ("model.head.dropout", 0),
    "no hidden layer in the head": ("model.head.width", 0),
    "trunk": ("model.trunk", {"kind": "shared_bottom", "widths": [8]}),
    "nulls": ("data.csv.nulls", ["", "NA"]),
}


@pytest.mark.parametrize(("path", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_valid_option_is_accepted(path: str, value: Any) -> None:
    problem = parse_problem(changed(path, value))
    assert parse_problem(problem.model_dump(mode="python")) == problem


TREE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda tree: st.one_of(
        st.lists(tree, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(["kind", "by", *BASE, "target"]), st.integers()), tree, max_size=3),
    ),
    max_leaves=8,
)
PATHS = [*BASE, "model", "training", "gates", "split.by", "features.shop", "tasks.days", "tasks.days.target"]


@given(path=st.sampled_from([*PATHS, "gates.metrics"]), value=TREE)
@patient
def test_any_document_is_a_problem_or_a_problem_error(path: str, value: Any) -> None:
    try:
        parse_problem(changed(path, value))
    except ProblemError as error:
        assert str(error).startswith("params.yaml: ")  # noqa: PT017  either outcome is right


def test_three_lines_declare_a_task(tmp_path: Path) -> None:
    lines = [
        "name: orders",
        "data: {path: data}",
        "split: {by: hash, column: customer}",
        "features:",
        "  shop: {kind: categorical}",
        "tasks:",
        "  returned: {kind: binary, target: returned}",
    ]
    (tmp_path / PARAMS).write_text("\n".join(lines))
    before = load_problem(tmp_path)
    (tmp_path / PARAMS).write_text("\n".join([*lines, "  slow:", "    kind: regression", "    target: days"]))
    after = load_problem(tmp_path)
    assert (list(before.tasks), list(after.tasks)) == (["returned"], ["returned", "slow"])
    assert after.model_copy(update={"tasks": before.tasks}) == before


def test_columns_are_distinct_and_in_order() -> None:
    document = changed("features.size", {"kind": "categorical", "column": "amount"})
    document["tasks"]["slow"] = {"kind": "binary", "target": "days", "at_least": 5}
    problem = parse_problem(document)
    assert problem.column_of("size") == "amount"
    assert problem.feature_columns == ("amount", "shop")
    assert problem.targets == ("returned", "days")
    assert problem.columns == ("amount", "shop", "returned", "days", "customer")


def test_a_problem_is_frozen() -> None:
    problem = parse_problem(BASE)
    with pytest.raises(ValueError, match="frozen"):
        setattr(problem, "name", "other")  # noqa: B010  mypy knows that it is frozen


@pytest.mark.parametrize(
    ("name", "valid", "expected"),
    [
        ("featurs", ["features", "tasks"], "did you mean 'features'?"),
        ("xyz", ["features", "tasks"], "valid: features, tasks"),
        ("", ["a"], "valid: a"),
        ("xyz", [f"c{n}" for n in range(41)], f"valid: {', '.join(f'c{n}' for n in range(40))} ... (41 in all)"),
    ],
)
def test_the_nearest_name_is_suggested_or_the_valid_ones(name: str, valid: list[str], expected: str) -> None:
    assert suggestion(name, valid) == expected


def test_every_error_has_a_distinct_exit_code() -> None:
    raised = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.TrunklineError)]
    codes = {error: error.exit_code for error in raised if error is not errors.ValidationFailed}
    assert len(set(codes.values())) == len(codes)
    assert errors.ValidationFailed.exit_code == errors.DataError.exit_code
    assert 0 not in codes.values()
