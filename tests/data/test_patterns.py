"""Patterns over the columns of real data: the stages get features by name."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.config import Problem, parse_problem
from mtl_core.data.data_warnings import pattern_warnings
from mtl_core.data.parts import open_data, open_parts
from mtl_core.errors import ProblemError
from mtl_core.validation.preflight import check_data
from mtl_core.validation.profile import write_profile
from tests.data.orders import contents
from tests.small import Small, document, prepared
from tests.wide import TASKS, by_name, table, wide

__all__ = ["wide"]


def test_features_by_pattern_and_by_name_are_encoded_the_same(wide: Small, tmp_path: Path) -> None:
    named = prepared(tmp_path, document() | {"features": by_name(), "tasks": TASKS}, table())
    assert wide.problem.patterns
    files, expected = contents(wide.folder / "encoded"), contents(named.folder / "encoded")
    assert files.keys() == expected.keys()
    assert [name for name in files if files[name] != expected[name]] == []


def test_suite_and_check_get_the_resolved_features(wide: Small) -> None:
    declared = wide.problem
    problem, sources = open_data(wide.folder, declared)
    assert problem.columns == (*(name for name in sources[0].types.names if name != "key"), "key")
    assert check_data(wide.folder, declared) == check_data(wide.folder, problem, sources)
    write_profile(wide.folder, declared)
    assert write_profile(wide.folder, problem) == ("gx/expectations/small.json: unchanged",)


ROWS = 40


def declared(**features: dict[str, object]) -> Problem:
    tasks = {"y": {"kind": "regression", "target": "y"}}
    return parse_problem(document() | {"features": {"a": {"kind": "numeric"}} | features, "tasks": tasks})


def write(folder: Path, name: str, *columns: str) -> None:
    (folder / "data").mkdir(exist_ok=True)
    values = {column: np.arange(ROWS) * 1.5 for column in ("key", "a", *columns, "y")}
    pq.write_table(pa.table(values), folder / "data" / name)


def test_a_column_of_only_some_parts_is_not_read_and_gives_a_warning(tmp_path: Path) -> None:
    write(tmp_path, "1.parquet", "fp_0", "fp_1", "fp_2")
    write(tmp_path, "2.parquet", "fp_0", "fp_3")
    problem = declared(**{"fp_*": {"kind": "numeric"}})
    resolved, sources = open_data(tmp_path, problem)
    assert list(resolved.features) == ["a", "fp_0"]
    (warning,) = pattern_warnings(problem, sources)
    assert re.match(r"features\.fp_\*: 'fp_1' and 2 more are not read, .* as 2\.parquet;", warning)
    write(tmp_path, "2.parquet", "fp_0", "fp_1", "fp_2")
    assert not pattern_warnings(problem, open_parts(tmp_path, problem))


def test_every_command_refuses_a_pattern_that_matches_no_column(tmp_path: Path) -> None:
    write(tmp_path, "1.parquet", "fp_0")
    problem = declared(**{"pf_*": {"kind": "numeric"}})
    for command in (open_data, check_data, write_profile):
        with pytest.raises(ProblemError, match=r"features\.pf_\*: must match .* did you mean 'fp_0'"):
            command(tmp_path, problem)  # type: ignore[operator] # mypy joins them to `object`
