"""Column types over all parts, checked against the features, tasks and weights that read them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mtl_core.data.column_types import column_types
from mtl_core.data.parts import open_parts
from mtl_core.errors import DataError
from tests.data.orders import DECLARED, csv_part, declared, month, write


def test_column_types(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    expected = {"shop": pa.string(), "amount": pa.float64(), "returned": pa.bool_(), "days": pa.int64()}
    assert column_types(tmp_path, declared()) == expected
    by_target = declared(split={"by": "hash", "column": "days"})
    assert column_types(tmp_path, by_target) == expected


def test_a_missing_column_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    features = {**DECLARED["features"], "ammount": {"kind": "numeric"}}
    with pytest.raises(DataError, match=r"data: no column 'ammount'; did you mean 'amount'\?"):
        column_types(tmp_path, declared(features=features))
    with pytest.raises(DataError, match=r"a\.parquet: no column 'ammount'; did you mean 'amount'\?"):
        open_parts(tmp_path, declared())[0].read(["ammount"])
    with pytest.raises(DataError, match=r"no column 'week'; valid: day, shop, amount"):
        column_types(tmp_path, declared(split={"by": "hash", "column": "week"}))


def test_a_column_type_that_no_input_has_is_refused(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    with pytest.raises(DataError, match=r"found date32"):
        column_types(tmp_path, declared(features={"day": {"kind": "numeric"}}))


INCOMPATIBLE: dict[str, tuple[dict[str, list[Any] | pa.Array], str]] = {
    "booleans, then digits": (
        {"a_csv": ["True", None], "b_csv": ["0", "1"]},
        r"bool in a.csv and int64 in b.csv; .* data.types: {shop: boolean}",
    ),
    "booleans, then numbers": (
        {"a": [True, None], "b": [1.0, None]},
        r"bool in a.parquet and double in b.parquet; .*boolean",
    ),
    "timestamps without and with a zone": (
        {"a": pa.array([1], pa.timestamp("s")), "b": pa.array([1], pa.timestamp("s", "UTC"))},
        r"timestamp\[ms\] in a.parquet and timestamp\[ms, tz=UTC\] in b.parquet; .*text",
    ),
}


@pytest.mark.parametrize(("values", "words"), INCOMPATIBLE.values(), ids=INCOMPATIBLE)
def test_parts_of_incompatible_types_are_refused_unless_declared(
    tmp_path: Path, values: dict[str, list[Any] | pa.Array], words: str
) -> None:
    """As text, True and 1 would be two values, and another part could change the type of the input."""
    problem: Any = {
        "split": {"by": "hash", "column": "days"},
        "features": {"shop": {"kind": "categorical"}},
        "tasks": {"days": {"kind": "regression", "target": "days"}},
    }
    write(tmp_path, **{name: pa.table({"shop": cells, "days": range(len(cells))}) for name, cells in values.items()})
    with pytest.raises(DataError, match=f"column 'shop' must have compatible types .*found {words}"):
        column_types(tmp_path, declared(**problem))
    as_text = declared(**problem, data={"path": "data", "types": {"shop": "text"}})
    assert column_types(tmp_path, as_text)["shop"] == pa.string()


def weighted(column: str) -> Any:
    return declared(tasks={"slow": {"kind": "binary", "target": "returned", "weight_column": column}})


def test_a_weight_column_must_be_numbers_or_booleans(tmp_path: Path) -> None:
    """It is no input of the graph, so its type is not returned."""
    write(tmp_path, a=month(1))
    types = {"shop": pa.string(), "amount": pa.float64(), "returned": pa.bool_()}
    for column in ("row", "amount", "returned"):
        assert column_types(tmp_path, weighted(column)) == types
    with pytest.raises(DataError, match=r"tasks\.slow\.weight_column: .*found no column 'rows'; did you mean 'row'\?"):
        column_types(tmp_path, weighted("rows"))
    for column, found in (("shop", "string"), ("day", "date32")):
        with pytest.raises(DataError, match=rf"tasks\.slow\.weight_column: .*found {found}.* in '{column}'"):
            column_types(tmp_path, weighted(column))


def test_a_task_may_have_several_targets_or_none(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    cells = {"kind": "multilabel", "columns": ["returned", "gone"]}
    with pytest.raises(DataError, match="no column 'gone'"):
        column_types(tmp_path, declared(tasks={"cells": cells}))
    returned = {"kind": "binary", "target": "returned"}
    groups = declared(tasks={"returned": returned, "groups": {"kind": "clustering", "clusters": 2}})
    assert column_types(tmp_path, groups) == {"shop": pa.string(), "amount": pa.float64(), "returned": pa.bool_()}


def test_an_error_about_text_names_the_cell_that_is_no_number(tmp_path: Path) -> None:
    row = "1,a,2024-01-01,2,true,5"
    csv_part(tmp_path, "row,shop,day,days,returned,amount\n" + f"{row}\n" * 9 + f"{row} kg\n")
    with pytest.raises(DataError, match=r"'amount' is text because of '5 kg' in row 9 of a\.csv, besides 9 numbers"):
        column_types(tmp_path, declared(features={"amount": {"kind": "vector"}}))
