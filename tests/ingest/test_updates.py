"""Labels are found by key: each key is defined once, and every outcome is counted or refused by name."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.ingest.updates import LabelChanges, find_changes
from mtl_core.config import load_problem, parse_problem
from mtl_core.errors import DataError, ProblemError, TrunklineError
from tests.ingest.conftest import DECLARED, part_file, present_files, write


def changes(folder: Path, path: Path, key: Any = "order") -> LabelChanges:
    problem = parse_problem(DECLARED | {"data": {**DECLARED["data"], "key": key}})
    return find_changes(problem, part_file(path, folder), present_files(folder))


def test_labels_are_filled_changed_unchanged_or_of_an_unknown_key(unpinned: Path, tmp_path: Path) -> None:
    """Rows 0 and 7 of January have no label, row 1 has 1, row 2 has 0."""
    content = ["late,order,grade", "1,1-0,x", "0,1-1,", ",1-7,y", "0,1-2,z", "1,3-7,y", "1,9-9,x"]
    found = changes(unpinned, write(tmp_path / "labels.csv", content))
    assert (found.filled, found.changed, found.unchanged) == (2, 1, 5)
    assert found.unknown == (("9-9",),)
    rows = {part.name: {name: new.rows.tolist() for name, new in columns.items()} for part, columns in found.parts}
    assert rows == {"2024-01.csv": {"late": [0, 1]}, "2024-03.csv": {"late": [7]}}


def test_keys_are_compared_as_values_whatever_the_file_format(unpinned: Path, tmp_path: Path) -> None:
    labels = {"day": ["2024-01-01", "2024-02-08"], "order": ["1-0", "2-7"], "late": [1.0, float("nan")]}
    table = pa.table(labels)
    table = table.set_column(0, "day", table["day"].cast(pa.timestamp("ms")))
    table = table.set_column(1, "order", table["order"].combine_chunks().dictionary_encode())
    pq.write_table(table, tmp_path / "labels.parquet")
    found = changes(unpinned, tmp_path / "labels.parquet", ["order", "day"])
    assert (found.filled, found.changed, found.unchanged, found.unknown) == (1, 0, 0, ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("order,shop,late\n1-0,east,1", "besides data.key must be targets .*'shop'", id="a feature"),
        pytest.param("ordre,late\n1-0,1", "found no 'order'; did you mean 'ordre'", id="no key"),
        pytest.param("order\n1-0", "must have a target besides data.key", id="no target"),
        pytest.param("order,late", "must have rows, found none", id="no rows"),
        pytest.param("order,late\n,1", "every row must have a key", id="null key"),
        pytest.param("order,late\n1-0,1\n1-1,1\n1-0,1", "1-0 in the rows 0 and 2", id="duplicates"),
        pytest.param("order,late\n8-8,1\n9-9,1", "2 keys that no row has, such as 8-8, 9-9", id="all unknown"),
        pytest.param("order,late\n1-0,often", "'late': must be number .*found text", id="other type"),
    ],
)
def test_an_update_that_is_not_defined_is_refused(unpinned: Path, tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path / "labels.csv", content.split("\n"))
    with pytest.raises(DataError, match=f"(?s)labels.csv: .*{message}"):
        changes(unpinned, path)


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        pytest.param((), ProblemError, "data.key must name the columns that identify a row", id="not declared"),
        pytest.param("oder", DataError, "'oder' must be a column of every part; did you mean 'order'", id="unknown"),
        pytest.param("day", DataError, "2024-01-01 in row 0 of 2024-01.csv and in row 28", id="not unique in the data"),
    ],
)
def test_a_key_that_does_not_identify_a_row_is_refused(
    unpinned: Path, tmp_path: Path, key: Any, error: type[TrunklineError], message: str
) -> None:
    name = key or "order"
    path = write(tmp_path / "labels.csv", [f"{name},late", "2024-01-01,1"])
    with pytest.raises(error, match=message):
        changes(unpinned, path, key)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("late", "data.key: must not be a target"),
        (["order", "order"], "must be distinct names of columns"),
        ("", "must be distinct names of columns"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_in_the_declaration(key: Any, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        parse_problem(DECLARED | {"data": {**DECLARED["data"], "key": key}})


def test_no_dump_of_a_problem_has_the_key(unpinned: Path) -> None:
    """A study is of the same problem with and without it."""
    problem = load_problem(unpinned)
    assert problem.data.key == ("order",)
    assert "key" not in problem.model_dump()["data"]
