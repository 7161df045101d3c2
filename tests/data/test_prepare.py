"""Preparation: rows, labels and weights of the encoded splits."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_core.data import parts as parts_module
from mtl_core.data.duplicates import DUPLICATES
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import RAW_SPLITS
from mtl_core.data.split import SPLITS
from mtl_core.data.windows import SPLIT, SplitSummary, Window
from mtl_core.errors import DataError
from tests.data.orders import DECLARED, ROWS, contents, declared, month, write
from tests.data.preparation import FEATURES, opened, raw, run


def assert_encoded(encoder: Encoder, table: pa.Table, split: EncodedSplit) -> None:
    for expected, arrays in ((encoder.encode(table), split.inputs), (encoder.labels(table), split.labels)):
        assert expected.keys() == arrays.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(arrays[name].numpy(), values)


def test_every_row_is_once_in_its_split(folder: Path) -> None:
    assert run(folder) == dict.fromkeys(SPLITS, ROWS)
    encoder, splits = opened(folder)
    for number, name in enumerate(SPLITS, 1):
        assert_encoded(encoder, month(number), splits[name])


TASKS = {
    **DECLARED["tasks"],
    "slow": {**DECLARED["tasks"]["slow"], "weight_column": "row"},
    "returned": {**DECLARED["tasks"]["returned"], "weight_column": "days_open"},
    "cells": {"kind": "multilabel", "columns": ["returned", "gift"]},
    "groups": {"kind": "clustering", "clusters": 3},
}


def month_with_weights(number: int) -> pa.Table:
    """Orders with a second boolean, and with weights of 0 to 4."""
    gifts = pa.array([None if row % 4 == 0 else row % 3 == 0 for row in range(ROWS)])
    weights = pa.array([row % 5 for row in range(ROWS)], pa.int8())
    return month(number).append_column("gift", gifts).append_column("days_open", weights)


def test_weights_and_several_targets_reach_every_split(tmp_path: Path) -> None:
    """Without the quarantined rows; a column may be feature and weight, or split column and weight."""
    write(tmp_path, a=month_with_weights(1), b_csv=month_with_weights(2), c=month_with_weights(3))
    by_row = {"by": "time", "column": "row", "validation": 2_000, "test": 3_000}
    problem = declared(features=FEATURES, tasks=TASKS, split=by_row)
    assert problem.weight_columns == ("days_open", "row")
    assert run(tmp_path, problem, [("b.csv", 0), ("b.csv", 7)]) == {"train": 60, "validation": 58, "test": 60}
    encoder, splits = opened(tmp_path)
    for number, name in enumerate(SPLITS, 1):
        table = month_with_weights(number)
        if name == "validation":
            table = table.take([row for row in range(ROWS) if row not in (0, 7)])
        assert list(splits[name].weights) == ["returned", "slow"]
        assert splits[name].weights["slow"].tolist() == table["row"].to_pylist()
        assert splits[name].weights["returned"].tolist() == table["days_open"].to_pylist()
        np.testing.assert_array_equal(splits[name].labels["cells"].numpy(), encoder.labels(table)["cells"])
        assert splits[name].labels["groups"].tolist() == [0] * len(table)
    assert raw(tmp_path, "test").column_names == ["shop", "amount", "row", "returned", "days", "gift"]


def test_the_encoder_is_fitted_on_the_training_split(folder: Path) -> None:
    run(folder)
    encoder, splits = opened(folder)
    assert encoder.groups["categorical"][0].vocabulary == ("east", "north", "only 1")
    amount = encoder.features[1].model_dump()
    values = month(1)["amount"].drop_null().to_numpy()
    assert (amount["mean"], amount["low"], amount["high"]) == (pytest.approx(values.mean()), values.min(), values.max())
    assert (splits["test"].inputs["categorical"][3::4] == 1).all(), "a shop of only the test month is unseen"


def test_raw_rows_are_those_of_the_encoded_splits(folder: Path) -> None:
    run(folder, declared(features=FEATURES, split={"by": "hash", "column": "row", "validation": 0.3, "test": 0.4}))
    encoder, splits = opened(folder)
    assert [p.name for p in sorted((folder / "encoded").glob("*.parquet"))] == ["test.parquet", "validation.parquet"]
    for name in RAW_SPLITS:
        table = raw(folder, name)
        assert table.column_names == ["shop", "amount", "row", "returned", "days"]
        assert table.num_rows == len(splits[name]) > 0
        assert len(set(table["row"].to_pylist())) == table.num_rows
        assert_encoded(encoder, table, splits[name])


def test_a_column_of_only_some_parts_does_not_change_a_split_by_row(tmp_path: Path) -> None:
    problem = declared(split={"by": "hash", "column": "row", "validation": 0.3, "test": 0.4})
    tables = {
        name: month(number).rename_columns({"row": "number"}) for number, name in enumerate(("a", "b", "c_csv"), 1)
    }
    write(tmp_path, **tables)
    before = run(tmp_path, problem), raw(tmp_path, "test")
    write(tmp_path, b=tables["b"].append_column("new", pa.array([1] * ROWS)))
    assert (run(tmp_path, problem), raw(tmp_path, "test")) == before


def test_the_split_column_is_stored_only_as_a_target_or_a_feature(folder: Path) -> None:
    run(folder, declared(features=FEATURES, split={"by": "time", "column": "row", "validation": 2000, "test": 3000}))
    assert "row" in raw(folder, "test").column_names
    run(folder)
    assert "day" not in raw(folder, "test").column_names
    tasks = {**DECLARED["tasks"], "row": {"kind": "regression", "target": "row"}}
    by_target = {"by": "time", "column": "row", "validation": 1_040, "test": 2_000}
    assert run(folder, declared(tasks=tasks, split=by_target)) == {"train": 40, "validation": 20, "test": 2 * ROWS}
    assert raw(folder, "test").column_names == ["shop", "amount", "returned", "days", "row"]


@pytest.mark.parametrize("size", [1 << 17, 7], ids=["one batch", "batches of 7"])
def test_quarantined_rows_are_skipped(folder: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = parts_module.Part.batches

    def resized(part: parts_module.Part, columns: Any, dictionaries: Any) -> Any:
        for rows in batches(part, columns, dictionaries):
            yield from pa.Table.from_batches([rows]).to_batches(max_chunksize=size)

    monkeypatch.setattr(parts_module.Part, "batches", resized)
    quarantined = [("a.parquet", 0), ("c.parquet", 6), ("c.parquet", 7), ("c.parquet", 59), ("c.parquet", 7), ("z", 1)]
    assert run(folder, quarantined=quarantined) == {"train": ROWS - 1, "validation": ROWS, "test": ROWS - 3}
    assert raw(folder, "test")["row"].to_pylist() == [3_000 + row for row in range(ROWS) if row not in (6, 7, 59)]
    assert raw(folder, "validation")["row"].to_pylist() == [2_000 + row for row in range(ROWS)]


def test_a_text_feature_may_be_the_split_column(folder: Path) -> None:
    for number, name in enumerate("abc"):
        homes = pa.array([("here", "there", "away")[number]] * ROWS)
        write(folder, **{name: month(number + 1).append_column("home", homes)})
    features = {**DECLARED["features"], "home": {"kind": "categorical"}}
    split = {"by": "column", "column": "home", "train": "here", "validation": "there", "test": "away"}
    assert run(folder, declared(features=features, split=split)) == dict.fromkeys(SPLITS, ROWS)
    _, splits = opened(folder)
    assert (splits["test"].inputs["categorical"][:, 1] == 5 + 1).all()  # after the five ids of shops, the unseen
    assert raw(folder, "test")["home"].to_pylist() == ["away"] * ROWS


def test_a_split_by_row_is_the_same_for_csv_and_parquet(folder: Path) -> None:
    """Equal rows are in one split."""
    table = pa.concat_tables([month(1), month(1), month(2)]).drop_columns(["row", "day"])
    by_row = declared(
        features=DECLARED["features"], split={"by": "hash", "column": "row", "validation": 0.3, "test": 0.3}
    )
    raws = []
    for suffix in ("", "_csv"):
        shutil.rmtree(folder / "data")
        write(folder, **{f"a{suffix}": table})
        assert sum(run(folder, by_row).values()) == 3 * ROWS
        raws.append([raw(folder, name)["amount"].cast(pa.float64()).to_pylist() for name in RAW_SPLITS])
        assert json.loads((folder / "encoded" / DUPLICATES).read_text()) == {"validation": 0, "test": 0}
    assert raws[0] == raws[1]


def test_duplicates_of_training_rows_are_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation repeats the rows of training, test half of them; quarantined rows do not count."""
    monkeypatch.setattr("mtl_core.data.duplicates.CHUNK", 7)
    repeated = month(1).set_column(0, "day", month(2)["day"])
    half = pa.concat_tables([month(1).slice(0, ROWS // 2), month(9).slice(ROWS // 2)])
    write(folder, b=repeated, c=half.set_column(0, "day", month(3)["day"]))
    run(folder, quarantined=[("b.parquet", 0), ("a.parquet", 5)])
    assert json.loads((folder / "encoded" / DUPLICATES).read_text()) == {"validation": ROWS - 2, "test": ROWS // 2 - 1}
    assert not (folder / "encoded" / "keys").exists()


ROLLING = {"by": "time", "column": "day", "train": "2 months", "validation": "1 month", "test": "1 month"}


def summary(folder: Path) -> SplitSummary:
    return SplitSummary.model_validate_json((folder / "encoded" / SPLIT).read_text())


def test_the_windows_roll_with_a_new_month_of_rows(tmp_path: Path) -> None:
    """The newest row is of the 28th, so the windows begin on the 29th."""
    write(tmp_path, **{f"m{number}": month(number) for number in range(1, 6)})
    problem = declared(features=FEATURES, split=ROLLING)
    for newest in (5, 6):
        write(tmp_path, **{f"m{newest}": month(newest)})
        expected = {"train": 2 * ROWS, "validation": ROWS, "test": ROWS}
        assert run(tmp_path, problem) == expected
        assert raw(tmp_path, "test")["row"].to_pylist() == month(newest)["row"].to_pylist()
        assert raw(tmp_path, "validation")["row"].to_pylist() == month(newest - 1)["row"].to_pylist()
        rolled = summary(tmp_path)
        starts = [f"2024-{number:02}-29" for number in range(newest - 4, newest + 1)]
        bounds = {"train": (starts[0], starts[2]), "validation": (starts[2], starts[3]), "test": (starts[3], starts[4])}
        assert {name: (window.start, window.end) for name, window in rolled.windows.items()} == bounds
        assert (rolled.rows, rolled.left_out) == (expected, (newest - 4) * ROWS)


def test_a_part_may_be_left_out_as_a_whole_and_the_encoder_does_not_learn_from_it(tmp_path: Path) -> None:
    write(tmp_path, **{f"m{number}": month(number) for number in range(1, 5)})
    run(tmp_path, declared(features=FEATURES, split={**ROLLING, "train": "1 month"}))
    rolled, encoder = contents(tmp_path / "encoded"), opened(tmp_path)[0]
    assert "only 1" not in encoder.model_dump_json()
    (tmp_path / "data" / "m1.parquet").unlink()
    boundaries = {"by": "time", "column": "day", "validation": "2024-02-29", "test": "2024-03-29"}
    run(tmp_path, declared(features=FEATURES, split=boundaries))
    declared_boundaries = contents(tmp_path / "encoded")
    assert rolled.keys() == declared_boundaries.keys()
    assert [name for name in rolled if rolled[name] != declared_boundaries[name]] == [SPLIT]


def test_a_quarantined_row_of_the_future_does_not_move_the_windows(tmp_path: Path) -> None:
    future = month(4).set_column(0, "day", pa.array([date(2099, 1, 1), *month(4)["day"].to_pylist()[1:]], pa.date32()))
    write(tmp_path, a=month(1), b=month(2), c=month(3), d=future)
    problem = declared(features=FEATURES, split=ROLLING)
    assert run(tmp_path, problem, quarantined=[("d.parquet", 0)])["test"] == ROWS - 1
    assert summary(tmp_path).windows["test"] == Window(start="2024-03-29", end="2024-04-29")
    words = r"found none for train, from 2098-09-02 to before 2098-11-02; .* counted back from 2099-01-02, the end of"
    with pytest.raises(DataError, match=words):
        run(tmp_path, problem)


def test_a_gap_in_the_data_leaves_a_window_empty(tmp_path: Path) -> None:
    write(tmp_path, a=month(1), b=month(2), d=month(4))
    with pytest.raises(DataError, match="found none for validation, from 2024-02-29 to before 2024-03-29; check split"):
        run(tmp_path, declared(split=ROLLING))


def test_columns_of_slices_are_kept_beside_the_encoded_rows(tmp_path: Path) -> None:
    """Only those, and only if they are declared; they are no inputs of the network."""
    write(tmp_path, a=month_with_weights(1), b=month_with_weights(2), c=month_with_weights(3))
    run(tmp_path, declared(gates={"slices": ["shop", "gift"]}))
    kept = raw(tmp_path, "test")
    assert kept["gift"].to_pylist() == month_with_weights(3)["gift"].to_pylist()
    assert kept.column_names.count("shop") == 1
    assert "gift" not in opened(tmp_path)[0].inputs
