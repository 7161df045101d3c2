"""Patterns among the features: their matches, the narrower of two, and the refused ones."""

import re
from fnmatch import fnmatchcase
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import Problem, parse_problem
from mtl_core.config.document import KEY
from mtl_core.config.patterns import matched_columns, safe_name
from mtl_core.errors import ProblemError
from tests.config.orders import BASE, TIME, changed, merged

NUMERIC, CATEGORICAL = {"kind": "numeric"}, {"kind": "categorical"}
COLUMNS = ("customer", "fp_0", "fp_1", "fp_2", "fp_10", "fp_11", "cat_a", "cat_b", "returned", "days", "w", "day", "")


def declared(features: dict[str, Any], **changes: Any) -> Problem:
    return parse_problem(merged(changes) | {"features": features})


def kinds(problem: Problem, columns: tuple[str, ...] = COLUMNS) -> dict[str, str]:
    """Column -> the kind of its feature."""
    resolved = problem.resolved(columns)
    return {resolved.column_of(name): feature.kind for name, feature in resolved.features.items()}


def test_a_pattern_declares_its_columns_in_their_order() -> None:
    patterns = {"cat_a": CATEGORICAL, "fp_*": {"kind": "numeric", "bins": 0}, "cat_b": CATEGORICAL}
    plain = {
        "cat_a": CATEGORICAL,
        **{name: {"kind": "numeric", "bins": 0} for name in COLUMNS if name.startswith("fp_")},
        "cat_b": CATEGORICAL,
    }
    resolved = declared(patterns).resolved(COLUMNS)
    assert resolved == declared(plain)
    assert list(resolved.features) == list(plain)
    assert resolved.resolved(COLUMNS) is resolved
    assert parse_problem(resolved.model_dump(mode="python")) == resolved


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"split": {"by": "hash", "column": "row"}},
        {"split": TIME},
        {"split": {"by": "column", "column": "day", "validation": 0.1, "key": "customer"}},
        {"tasks.days.weight_column": "w"},
    ],
)
def test_columns_of_targets_weights_and_split_are_never_matched(changes: dict[str, Any]) -> None:
    problem = declared({"*": NUMERIC}, **changes)
    columns = (*COLUMNS, "row")
    split = problem.split
    reserved = {"returned", "days", "", split.column, getattr(split, "key", split.column), *problem.weight_columns}
    assert set(kinds(problem, columns)) == set(columns) - reserved


def test_a_plain_feature_has_precedence_over_a_pattern() -> None:
    """Declared by its own name, or by another one that reads the column."""
    problem = declared({"fp_*": NUMERIC, "fp_1": CATEGORICAL, "second": {"kind": "categorical", "column": "fp_2"}})
    assert kinds(problem) == {
        **dict.fromkeys(["fp_0", "fp_10", "fp_11"], "numeric"),
        **dict.fromkeys(["fp_1", "fp_2"], "categorical"),
    }


def test_the_narrower_pattern_counts_in_any_order() -> None:
    """DVC considers a section with its keys in another order as unchanged."""
    patterns = {"*": NUMERIC, "fp_1*": CATEGORICAL, "fp_11": NUMERIC, "cat_?": CATEGORICAL}
    for order in permutations(patterns):
        kind_of = kinds(declared({name: patterns[name] for name in order}))
        assert {name for name, kind in kind_of.items() if kind == "categorical"} == {"fp_1", "fp_10", "cat_a", "cat_b"}


def test_patterns_may_overlap_in_columns_that_are_declared_by_name() -> None:
    """As the error about patterns that overlap advises."""
    patterns = {"fp_1?": NUMERIC, "*0": CATEGORICAL}
    with pytest.raises(ProblemError, match=r"'fp_10' in '\*0' too; .* or declare it by name"):
        declared(patterns).resolved(COLUMNS)
    assert kinds(declared({**patterns, "fp_10": NUMERIC})) == {
        **dict.fromkeys(["fp_10", "fp_11"], "numeric"),
        "fp_0": "categorical",
    }


def test_a_pattern_stays_the_wider_one_where_all_its_other_columns_are_declared_by_name() -> None:
    named = dict.fromkeys(["customer", "cat_a", "cat_b", "w"], CATEGORICAL)
    kind_of = kinds(declared({"*": CATEGORICAL, "fp_*": NUMERIC, **named}))
    assert {name for name, kind in kind_of.items() if kind == "numeric"} == {n for n in COLUMNS if n.startswith("fp_")}


def test_excluded_columns_are_no_features() -> None:
    problem = declared({"fp_*": {"kind": "numeric", "exclude": ["fp_2", "fp_1?"]}})
    assert list(kinds(problem)) == ["fp_0", "fp_1"]
    assert all(not feature.exclude for feature in problem.resolved(COLUMNS).features.values())


def test_columns_with_odd_names_get_names_that_can_be_declared() -> None:
    columns = ("a b", "a_b", "a:b", "0", "1", "größe", "*")
    resolved = declared({"*": NUMERIC, "a_b": CATEGORICAL}).resolved(columns)
    assert set(resolved.feature_columns) == set(columns)
    assert all(re.fullmatch(KEY, name) for name in resolved.features)
    assert resolved.features["a_b"].kind == "categorical"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "matches nothing": (
        {"pf_*": NUMERIC},
        "target, no weight and no column of the split, found none; did you mean 'fp_0'?",
    ),
    "matches only a target": ({"day[s]": NUMERIC, "fp_0": NUMERIC}, "features.day[s]: must match a column that is no"),
    "two that match the same columns": ({"fp_1?": NUMERIC, "fp_1[01]": CATEGORICAL}, "found 'fp_10' in 'fp_1[01]' too"),
    "an exclusion of nothing": (
        {"fp_*": {"kind": "numeric", "exclude": ["fp_9"]}},
        "features.fp_*.exclude: must name columns that the pattern matches, found 'fp_9'; did you mean",
    ),
    "an exclusion of all": ({"fp_*": {"kind": "numeric", "exclude": ["*"]}}, "features.fp_*.exclude: must leave a col"),
    "a task named like a column": ({"*": NUMERIC}, "tasks.w: a task cannot have the name of a feature's column"),
}


@pytest.mark.parametrize(("features", "line"), REFUSED.values(), ids=REFUSED)
def test_patterns_that_do_not_fit_the_columns_are_refused(features: dict[str, Any], line: str) -> None:
    problem = declared(features, **{"tasks.w": {"kind": "binary", "target": "returned"}})
    with pytest.raises(ProblemError) as caught:
        problem.resolved(COLUMNS)
    assert line in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("features.fp_*", {"kind": "numeric", "column": "x"}, "features.fp_*.column: a pattern reads the columns that"),
        ("features.amount.exclude", ["x"], "features.amount.exclude: is for patterns such as 'amount_*', found x;"),
        ("features.fp_*", {"kind": "numric"}, "features.fp_*.kind: unknown; found 'numric'; did you mean 'numeric'?"),
        ("features.a b", NUMERIC, "or a pattern with *, ? or [...] for columns; found 'a b'"),
        ("tasks.fp_*", {"kind": "binary", "target": "y"}, "tasks.fp_*: must be a letter from A to Z or _"),
    ],
)
def test_options_of_patterns_are_refused_elsewhere(path: str, value: Any, line: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_problem(changed(path, value))
    assert line in str(caught.value)


NAMES = st.text("ab_1*", min_size=1, max_size=4)


@given(
    st.dictionaries(st.text("ab_1*?", min_size=1, max_size=3).map(lambda text: f"{text}*"), st.none(), min_size=1),
    st.lists(NAMES, min_size=1, unique=True),
)
def test_every_column_is_read_once_by_the_narrowest_of_its_patterns(
    patterns: dict[str, None], columns: list[str]
) -> None:
    """Or the problem is refused."""
    problem = parse_problem(BASE | {"features": dict.fromkeys(patterns, NUMERIC)})
    matches, errors = matched_columns(problem, columns)
    sets = {name: {column for column in columns if fnmatchcase(column, name)} for name in patterns}
    if errors:
        pairs = [(a, b) for a in sets.values() for b in sets.values() if a is not b and a & b]
        assert not all(sets.values()) or any(not a < b and not b < a for a, b in pairs)
        return
    assert sorted(column for matched in matches.values() for column in matched) == sorted(set().union(*sets.values()))
    for name, matched in matches.items():
        for column in matched:
            assert column in sets[name]
            assert all(sets[name] <= other for other in sets.values() if column in other)


@pytest.mark.parametrize(("text", "name"), [("spend.€", "spend"), ("x.2[0]", "x.2_0"), (".5", "_5"), ("…", "column")])
def test_a_safe_name_neither_begins_nor_ends_with_a_dot(text: str, name: str) -> None:
    assert safe_name(text) == name
