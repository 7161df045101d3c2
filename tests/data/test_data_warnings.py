"""Doubts about a problem and its data: what `mtl check` warns of, and what it refuses after a look at some rows."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_core.config import Problem
from mtl_core.data.data_warnings import data_warnings, repeating_columns
from mtl_core.data.parts import open_parts
from mtl_core.errors import DataError
from tests.data.orders import declared, month, write

COUNT = 400
DRAW = np.random.default_rng(1)
VISITS = pa.table(
    {
        "visit_id": np.arange(COUNT) * 3,
        "patient_id": [f"p{row % 50}" for row in range(COUNT)],
        "age": DRAW.integers(20, 90, COUNT),
        "days": DRAW.normal(size=COUNT),
        "returned": DRAW.random(COUNT) < 0.5,
    }
)


def warnings_of(folder: Path, problem: Problem, **tables: pa.Table) -> list[str]:
    write(folder, **tables)
    return data_warnings(problem, open_parts(folder, problem))


def of_visits(**changes: Any) -> Problem:
    return declared(**{"features": {"age": {"kind": "numeric"}}, **changes})


def test_data_that_no_part_file_holds(tmp_path: Path) -> None:
    problem = of_visits(split={"by": "hash", "column": "patient_id"})
    assert warnings_of(tmp_path, problem, a=VISITS) == []
    (tmp_path / "data" / "year=2024" / "month=1").mkdir(parents=True)
    for name in ("b.csv.gz", ".c.csv.gz", "d.csv.tmp", "notes.gz"):
        (tmp_path / "data" / name).touch()
    assert "'b.csv.gz' in data is not read" in warnings_of(tmp_path, problem)[0]
    (tmp_path / "data" / "year=2024" / "month=1" / "c.parquet").touch()
    assert "'b.csv.gz', 'year=2024/' in data are not read" in warnings_of(tmp_path, problem)[0]
    one = of_visits(split={"by": "hash", "column": "patient_id"}, data={"path": "data/a.parquet"})
    assert warnings_of(tmp_path, one) == []


def test_a_border_that_dvc_does_not_read(tmp_path: Path) -> None:
    borders = {"validation": date(2024, 2, 1), "test": "2024-03-01"}
    problem = declared(split={"by": "time", "column": "day", **borders})
    (found,) = warnings_of(tmp_path, problem, a=month(1), b=month(2), c=month(3))
    assert found == "split.validation: a date without quotes stops `dvc repro`, found 2024-02-01; put it in quotes"


BY_KEY: dict[str, tuple[dict[str, Any], str]] = {
    "a key of each row": (
        {"by": "hash", "column": "visit_id"},
        "a 'visit_id' of its own, while 'patient_id' repeats",
    ),
    "rows": ({"by": "hash", "column": "row"}, "as in `column: patient_id`"),
    "a share of the rows that train": (
        {"by": "column", "column": "part", "validation": 0.1},
        "`key: patient_id`",
    ),
    "a key that repeats": ({"by": "hash", "column": "patient_id"}, ""),
    "a share by a key that repeats": (
        {"by": "column", "column": "part", "validation": 0.1, "key": "patient_id"},
        "",
    ),
    "a column that says it": ({"by": "column", "column": "part", "validation": "dev", "train": "train"}, ""),
}


@pytest.mark.parametrize(("split", "words"), BY_KEY.values(), ids=BY_KEY)
def test_a_key_that_separates_what_another_id_groups(tmp_path: Path, split: dict[str, Any], words: str) -> None:
    names = ["train", "test"] if split.get("validation") != "dev" else ["train", "test", "dev", "train"]
    table = VISITS.append_column("part", pa.array((names * COUNT)[:COUNT]))
    found = warnings_of(tmp_path, of_visits(split=split), a=table)
    assert len(found) == bool(words)
    assert all(words in text for text in found)


ODD_IDS = {
    "a map": pa.map_(pa.string(), pa.int64()),
    "a struct": pa.struct([("site", pa.string()), ("number", pa.int64())]),
    "a list": pa.list_(pa.int64()),
    "a view of text": pa.string_view(),
    "a dictionary": pa.dictionary(pa.int8(), pa.string()),
}


@pytest.mark.parametrize("arrow_type", ODD_IDS.values(), ids=ODD_IDS)
def test_an_id_of_any_type_can_repeat(arrow_type: pa.DataType) -> None:
    values: dict[str, list[Any]] = {
        "map": [[("a", 1)], [("a", 2)]],
        "struct": [{"site": "a", "number": 1}, {"site": "b", "number": 1}],
        "list": [[1, 2], [2, 1]],
    }
    name = str(arrow_type).partition("<")[0]
    column = pa.array(
        [*values.get(name, ["a", "b"]) * 2, None, None], pa.string() if name == "dictionary" else arrow_type
    )
    table = pa.table({"id": column.cast(arrow_type), "key": [None, None, None, "a", "b", "c"]})
    assert repeating_columns(table, ["id", "key"]) == ["id"]


def test_an_id_that_is_a_feature_is_no_doubt(tmp_path: Path) -> None:
    features = {"patient_id": {"kind": "categorical"}}
    assert (
        warnings_of(tmp_path, of_visits(features=features, split={"by": "hash", "column": "visit_id"}), a=VISITS) == []
    )


def test_leaks_are_doubted_once_for_a_target_and_once_for_bands_of_it(tmp_path: Path) -> None:
    """`slow` is a yes where days are 5 or more; the number behind it is told under its own name alone."""
    days = np.arange(COUNT) * 7 % 31 / 3
    table = VISITS.set_column(3, "days", pa.array(days)).append_column("copy", pa.array(days))
    table = table.append_column("late", pa.array(days >= 5))
    features = {"copy": {"kind": "numeric"}, "late": {"kind": "categorical"}, "age": {"kind": "numeric"}}
    found = warnings_of(tmp_path, of_visits(features=features, split={"by": "hash", "column": "patient_id"}), a=table)
    assert [text.split(" (")[0] for text in found] == [
        "'copy' equals target 'days' in 100.0% of the rows; is it known when a prediction is asked for?",
        "'late' alone predicts target 'slow'",
    ]


@pytest.mark.parametrize("many", [1, 30])
def test_clean_data_are_not_doubted(tmp_path: Path, many: int) -> None:
    """No doubt from one part file, nor from many of which only some are sampled."""
    tables = {f"p{number:02}": VISITS.slice(number * COUNT // many, COUNT // many) for number in range(many)}
    assert warnings_of(tmp_path, of_visits(split={"by": "hash", "column": "patient_id"}), **tables) == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "text that is no time": (
        {"by": "time", "column": "joined", "validation": "10/1/2023", "test": "11/1/2023"},
        "found '1/2/2023' in column 'joined'",
    ),
    "a value that is not declared": ({"by": "column", "column": "part"}, "found 'Test ' in 200 rows"),
    "a key with nulls": ({"by": "hash", "column": "gaps"}, "must have a value in every row, found 200 nulls"),
    "a key of a share with nulls": (
        {"by": "column", "column": "part", "test": "Test ", "validation": 0.1, "key": "gaps"},
        "split.key: 'gaps' must have a value in every row",
    ),
    "a key that is not there": ({"by": "hash", "column": "patient"}, "no column 'patient'"),
}


@pytest.mark.parametrize(("split", "words"), REFUSED.values(), ids=REFUSED)
def test_what_preparation_would_refuse(tmp_path: Path, split: dict[str, Any], words: str) -> None:
    table = VISITS.append_column("joined", pa.array(["1/2/2023"] * COUNT))
    table = table.append_column("part", pa.array(["train", "Test "] * (COUNT // 2)))
    table = table.append_column("gaps", pa.array(["a", None] * (COUNT // 2)))
    with pytest.raises(DataError) as caught:
        warnings_of(tmp_path, of_visits(split=split), a=table)
    assert words in str(caught.value)


def test_data_without_rows(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, of_visits(split={"by": "hash", "column": "row"}), a=VISITS.slice(0, 0)) == []
