"""`mtl init` of wide tables: patterns declare the same features as a line per column."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.console.draft import next_steps
from flows.draft.document import document
from flows.draft.facts import sample_table
from flows.draft.patterns import CONSTANT, MIN_COLUMNS, find_patterns, mask_numbers
from flows.draft.proposals import Draft, propose_problem
from mtl_core.config import Problem, parse_problem, parse_yaml
from mtl_core.features import Proposal

ROWS = 60
TARGET = {"y": np.arange(ROWS) / 7}


def draft_of(tmp_path: Path, columns: dict[str, Any]) -> tuple[Draft, Problem, list[str]]:
    """The draft, its resolved problem, and the lines of its section `features`."""
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns | TARGET), path)
    draft = propose_problem(sample_table(path), ["y"])
    text = document("table", "data/table.parquet", draft)
    lines = text.partition("\nfeatures:\n")[2].partition("\n\ntasks:")[0].splitlines()
    return draft, parse_problem(parse_yaml(text)).resolved([*columns, *TARGET]), [line.strip() for line in lines]


@pytest.mark.parametrize("number", ["3", "12,345", "1,234,567"])
def test_texts_that_differ_only_in_numbers_become_equal(number: str) -> None:
    assert mask_numbers(f"{number} distinct values in 60 rows") == "0 distinct values in 0 rows"


def flags(stem: str, count: int) -> dict[str, Any]:
    return {f"{stem}{index}": np.arange(ROWS) % (index + 2) == 0 for index in range(count)}


def numbers(names: list[str]) -> dict[str, Any]:
    return {name: np.sin(np.arange(ROWS) * (index + 1)) for index, name in enumerate(names)}


def test_many_columns_with_similar_names_and_one_kind_are_one_line(tmp_path: Path) -> None:
    columns = flags("fp_", 30) | numbers([f"desc {index} (nm)" for index in range(25)]) | {"size": TARGET["y"] % 3}
    draft, problem, lines = draft_of(tmp_path, columns)
    assert lines == [
        '"fp_*": {kind: numeric}  # 30 columns',
        '"desc * (nm)": {kind: numeric}  # 25 columns',
        "size: {kind: numeric}",
    ]
    assert set(problem.feature_columns) == set(columns)
    assert next_steps(draft, tmp_path).splitlines()[1] == "56 features, 0 columns left out, 1 task"


@pytest.mark.parametrize(("count", "patterns"), [(MIN_COLUMNS - 1, 0), (MIN_COLUMNS, 1)])
def test_few_columns_are_a_line_each(tmp_path: Path, count: int, patterns: int) -> None:
    draft, problem, lines = draft_of(tmp_path, flags("fp_", count))
    assert len(draft.patterns) == patterns
    assert len(lines) == (1 if patterns else count)
    assert len(problem.features) == count


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        ([f"fr_{first}{second}" for first in "abcde" for second in "vwxyz"], "fr_*"),
        ([str(index) for index in range(25)], "[0-9]*"),
    ],
    ids=["common prefix", "numbers"],
)
def test_columns_with_similar_names_are_one_line(tmp_path: Path, names: list[str], pattern: str) -> None:
    _, problem, lines = draft_of(tmp_path, numbers(names))
    assert lines == [f'"{pattern}": {{kind: numeric}}  # 25 columns']
    assert set(problem.feature_columns) == set(names)


def test_another_kind_is_declared_by_name_and_left_out_columns_are_excluded(tmp_path: Path) -> None:
    """A constant number is declared by the pattern, since it may vary in the next part."""
    columns = flags("fp_", 30)
    columns |= {"fp_3": ["a", "b", "c"] * (ROWS // 3), "fp_5": [None] * ROWS, "fp_7": [0] * ROWS}
    draft, problem, lines = draft_of(tmp_path, columns)
    assert lines == [
        '"fp_*": {kind: numeric, exclude: [fp_5]}  # 28 columns, 1 of them constant',
        "fp_3: {kind: categorical}",
        "# left out:",
        "#   fp_5: no values",
    ]
    assert problem.features["fp_3"].kind == "categorical"
    assert "fp_5" not in problem.features
    assert "fp_7" in problem.features
    assert "29 features, 1 column left out" in next_steps(draft, tmp_path)


def test_a_feature_with_a_leak_warning_keeps_its_line(tmp_path: Path) -> None:
    draft, problem, lines = draft_of(tmp_path, flags("fp_", 30) | {"fp_4": TARGET["y"]})
    assert lines[0] == '"fp_*": {kind: numeric}  # 29 columns'
    assert re.match(r"fp_4: {kind: numeric}  # warning: 'fp_4' equals target 'y'", lines[1])
    assert set(draft.warnings) >= {"fp_4"}
    assert len(problem.features) == 30


def test_many_columns_with_the_same_warning_have_one_line(tmp_path: Path) -> None:
    columns = {f"n_{index}": np.arange(ROWS) % (3 + index % 4) for index in range(24)}
    draft, problem, lines = draft_of(tmp_path, columns)
    assert lines == [
        '"n_*": {kind: categorical}  # 24 columns; warning: n_0 and 23 more: 3 whole numbers; numeric if their order '
        "matters"
    ]
    assert {feature.kind for feature in problem.features.values()} == {"categorical"}
    (line,) = [line for line in next_steps(draft, tmp_path).splitlines() if "n_0" in line]
    assert line == "  warning: n_0 and 23 more: 3 whole numbers; numeric if their order matters"


def test_many_columns_left_out_for_the_same_reason_are_one_line(tmp_path: Path) -> None:
    columns = {f"text_{index}": [f"{index} {row}" for row in range(ROWS)] for index in range(30)}
    _, _, lines = draft_of(tmp_path, columns | {"size": TARGET["y"] % 3})
    assert lines[2:] == ["#   text_0 and 29 more: 60 distinct values in 60 rows: an id, or texts of few words"]


OPTIONS = [{"kind": "numeric"}, {"kind": "categorical"}]
NAMES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["a", "a_", "ab_", "b_1_", "", "*", "[x"]),
    st.integers(0, 40),
    st.sampled_from(["", "_b"]),
)


@given(st.dictionaries(NAMES, st.sampled_from([*OPTIONS, None, CONSTANT]), min_size=MIN_COLUMNS, max_size=120))
def test_patterns_declare_what_a_line_per_column_would(columns: dict[str, Any]) -> None:
    """Columns of any names and kinds; constant columns may be features too."""
    proposals = {
        name: Proposal(options=kind) if isinstance(kind, dict) else Proposal(note=kind or "free text")
        for name, kind in columns.items()
    }
    kinds = {name: dict(proposal.options) for name, proposal in proposals.items() if proposal.options}
    patterns = find_patterns(proposals, numbers=columns)
    covered = {name for pattern in patterns.values() for name in pattern.columns}
    declared: dict[str, Any] = {name: dict(pattern.proposal.options) for name, pattern in patterns.items()}
    for index, (name, options) in enumerate(kinds.items()):
        if name not in covered:
            declared[f"f{index}"] = options | {"column": name}
    if not declared:
        return
    base = {"name": "n", "data": {"path": "d"}, "split": {"by": "hash", "column": "k"}}
    problem = parse_problem(base | {"features": declared, "tasks": {"y": {"kind": "regression", "target": "y"}}})
    resolved = problem.resolved(list(columns))
    constant = {name: {"kind": "numeric"} for name, kind in columns.items() if kind == CONSTANT and name in covered}
    assert {
        resolved.column_of(name): {"kind": feature.kind} for name, feature in resolved.features.items()
    } == kinds | constant
