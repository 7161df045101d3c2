"""Preparation: parts in, a whole folder of encoded splits out, or nothing changed."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mtl_core.data import parts as parts_module
from mtl_core.data.duplicates import DUPLICATES
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import RAW_SPLITS, prepare
from mtl_core.data.split import SPLITS
from mtl_core.errors import DataError
from tests.data.orders import DECLARED, ROWS, contents, declared, month, no_quarantine, quarantine, write

READ = {**DECLARED["features"], "row": {"kind": "numeric"}}
"""The features with one that tells rows apart."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, a=month(1), b=month(2), c=month(3))
    return tmp_path


def run(folder: Path, problem: Any = None, aside: list[tuple[str, int]] | None = None) -> dict[str, int]:
    aside_file = quarantine(folder, aside or [])
    counts = prepare(folder, problem or declared(features=READ), aside_file, folder / "encoded")
    return {str(name): rows for name, rows in counts.items()}


def opened(folder: Path) -> tuple[Encoder, dict[str, EncodedSplit]]:
    encoder = Encoder.load(folder / "encoded" / "encoder.json")
    return encoder, {name: EncodedSplit.open(folder / "encoded" / name, encoder) for name in SPLITS}


def raw(folder: Path, name: str) -> pa.Table:
    return pq.read_table(folder / "encoded" / f"{name}.parquet")


def test_every_row_once_in_its_split(folder: Path) -> None:
    assert run(folder) == dict.fromkeys(SPLITS, ROWS)
    encoder, splits = opened(folder)
    for number, name in enumerate(SPLITS, 1):
        expected = encoder.encode(month(number))
        for block, values in splits[name].inputs.items():
            np.testing.assert_array_equal(values.numpy(), expected[block])
        for task, labels in splits[name].labels.items():
            np.testing.assert_array_equal(labels.numpy(), encoder.labels(month(number))[task])


TASKS = {
    **DECLARED["tasks"],
    "slow": {**DECLARED["tasks"]["slow"], "weight_column": "row"},
    "returned": {**DECLARED["tasks"]["returned"], "weight_column": "days_open"},
    "cells": {"kind": "multilabel", "columns": ["returned", "gift"]},
    "groups": {"kind": "clustering", "clusters": 3},
}


def richer(number: int) -> pa.Table:
    """Orders with a second yes or no, and with a weight of 0 to 4."""
    gifts = pa.array([None if place % 4 == 0 else place % 3 == 0 for place in range(ROWS)])
    weights = pa.array([place % 5 for place in range(ROWS)], pa.int8())
    return month(number).append_column("gift", gifts).append_column("days_open", weights)


def test_weights_and_several_targets_reach_every_split(tmp_path: Path) -> None:
    """Row by row, without the quarantined rows; a column may be feature and weight, or split rows and weigh them."""
    write(tmp_path, a=richer(1), b_csv=richer(2), c=richer(3))
    by_row = {"by": "time", "column": "row", "validation": 2_000, "test": 3_000}
    problem = declared(features=READ, tasks=TASKS, split=by_row)
    assert problem.weight_columns == ("days_open", "row")
    assert run(tmp_path, problem, [("b.csv", 0), ("b.csv", 7)]) == {"train": 60, "validation": 58, "test": 60}
    encoder, splits = opened(tmp_path)
    for number, name in enumerate(SPLITS, 1):
        table = richer(number)
        if name == "validation":
            table = table.take([place for place in range(ROWS) if place not in (0, 7)])
        assert list(splits[name].weights) == ["returned", "slow"]
        assert splits[name].weights["slow"].tolist() == table["row"].to_pylist()
        assert splits[name].weights["returned"].tolist() == table["days_open"].to_pylist()
        np.testing.assert_array_equal(splits[name].labels["cells"].numpy(), encoder.labels(table)["cells"])
        assert splits[name].labels["groups"].tolist() == [0] * len(table)
    assert raw(tmp_path, "test").column_names == ["shop", "amount", "row", "returned", "days", "gift"]


def test_the_encoder_learns_from_the_training_split_alone(folder: Path) -> None:
    run(folder)
    encoder, splits = opened(folder)
    assert encoder.groups["categorical"][0].vocabulary == ("east", "north", "only 1")
    amount = encoder.features[1].model_dump()
    seen = [value for value in month(1)["amount"].to_pylist() if value is not None]
    assert (amount["mean"], amount["low"], amount["high"]) == (pytest.approx(np.mean(seen)), min(seen), max(seen))
    assert (splits["test"].inputs["categorical"][3::4] == 1).all(), "a shop that only the test month has is unseen"


def test_raw_rows_stand_beside_the_encoded_ones(folder: Path) -> None:
    """Row by row, in order, across parts and batches: what the exported graph is fed is what the network was."""
    run(folder, declared(features=READ, split={"by": "hash", "column": "row", "validation": 0.3, "test": 0.4}))
    encoder, splits = opened(folder)
    assert [p.name for p in sorted((folder / "encoded").glob("*.parquet"))] == ["test.parquet", "validation.parquet"]
    for name in RAW_SPLITS:
        table = raw(folder, name)
        assert table.column_names == ["shop", "amount", "row", "returned", "days"]
        assert table.num_rows == len(splits[name]) > 0
        assert len(set(table["row"].to_pylist())) == table.num_rows
        for block, values in encoder.encode(table).items():
            np.testing.assert_array_equal(splits[name].inputs[block].numpy(), values)
        for task, labels in encoder.labels(table).items():
            np.testing.assert_array_equal(splits[name].labels[task].numpy(), labels)


def test_a_column_of_some_parts_leaves_a_split_by_whole_rows_as_it_is(tmp_path: Path) -> None:
    problem = declared(split={"by": "hash", "column": "row", "validation": 0.3, "test": 0.4})
    tables = {
        name: month(number).rename_columns({"row": "number"}) for number, name in enumerate(("a", "b", "c_csv"), 1)
    }
    write(tmp_path, **tables)
    before = run(tmp_path, problem), raw(tmp_path, "test")
    write(tmp_path, b=tables["b"].append_column("new", pa.array([1] * ROWS)))
    assert (run(tmp_path, problem), raw(tmp_path, "test")) == before


def test_the_column_of_the_split_is_kept_where_it_is_a_target_or_a_feature(folder: Path) -> None:
    for column in ("row", "amount"):
        by_it = declared(features=READ, split={"by": "time", "column": "row", "validation": 2000, "test": 3000})
        run(folder, by_it if column == "row" else declared(features=READ))
        assert column in raw(folder, "test").column_names
    assert "day" not in raw(folder, "test").column_names
    tasks = {**DECLARED["tasks"], "row": {"kind": "regression", "target": "row"}}
    by_target = {"by": "time", "column": "row", "validation": 1_040, "test": 2_000}
    assert run(folder, declared(tasks=tasks, split=by_target)) == {"train": 40, "validation": 20, "test": 2 * ROWS}
    assert raw(folder, "test").column_names == ["shop", "amount", "returned", "days", "row"]


@pytest.mark.parametrize("batch", [1 << 17, 7], ids=["one batch", "batches of 7"])
def test_quarantined_rows_are_skipped(folder: Path, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = parts_module.Part.batches

    def small(part: parts_module.Part, columns: Any, dictionaries: Any) -> Any:
        for found in whole(part, columns, dictionaries):
            yield from pa.Table.from_batches([found]).to_batches(max_chunksize=batch)

    monkeypatch.setattr(parts_module.Part, "batches", small)
    aside = [("a.parquet", 0), ("c.parquet", 6), ("c.parquet", 7), ("c.parquet", 59), ("c.parquet", 7), ("z", 1)]
    assert run(folder, aside=aside) == {"train": ROWS - 1, "validation": ROWS, "test": ROWS - 3}
    assert raw(folder, "test")["row"].to_pylist() == [3_000 + p for p in range(ROWS) if p not in (6, 7, 59)]
    assert raw(folder, "validation")["row"].to_pylist() == [2_000 + place for place in range(ROWS)]


def test_the_rows_of_a_part_do_not_depend_on_the_parts(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Three files or one, Parquet or CSV: the same encoder and the same arrays."""
    run(folder)
    expected = contents(folder / "encoded")
    other = tmp_path_factory.mktemp("one")
    write(other, all_csv=pa.concat_tables([month(1), month(2), month(3)]))
    run(other)
    found = contents(other / "encoded")
    assert found.keys() == expected.keys()
    assert all(found[name] == expected[name] for name in expected if name.endswith((".npy", ".json")))


EMPTY = {
    "train": ({"validation": "2023-01-01", "test": "2024-03-01"}, "train"),
    "validation": ({"validation": "2024-02-29", "test": "2024-03-01"}, "validation"),
    "test": ({"validation": "2024-02-01", "test": "2025-01-01"}, "test"),
}


@pytest.mark.parametrize(("borders", "name"), EMPTY.values(), ids=EMPTY)
def test_an_empty_split_is_refused(folder: Path, borders: dict[str, str], name: str) -> None:
    problem = declared(split={"by": "time", "column": "day", **borders})
    with pytest.raises(DataError, match=f"every split needs rows, found none for {name}; check split in params.yaml"):
        run(folder, problem)
    assert not (folder / "encoded").exists()


def test_it_is_repeatable_and_replaces_the_whole_folder(folder: Path) -> None:
    run(folder)
    first = contents(folder / "encoded")
    (folder / "encoded" / "left over.npy").write_bytes(b"old")
    (folder / ".encoded.pending").mkdir()
    (folder / ".encoded.pending" / "left over.npy").write_bytes(b"of a killed run")
    run(folder)
    assert contents(folder / "encoded") == first
    assert sorted(path.name for path in folder.iterdir()) == ["data", "encoded", "quarantine.parquet"]


def with_ints(number: int) -> pa.Table:
    return month(number).set_column(3, "returned", month(number)["returned"].cast(pa.int64()))


LATE = {
    "a label that is none": {
        "a": with_ints(1),
        "b": with_ints(2),
        "c": month(3).set_column(3, "returned", pa.array([7] * ROWS)),
    },
    "a part without a column": {"c": month(3).drop_columns(["days"])},
}
"""Faults after the first parts were read: in the second pass, and at the end of the first."""


@pytest.mark.parametrize("changes", LATE.values(), ids=LATE)
def test_a_failure_late_leaves_the_last_good_folder(folder: Path, changes: dict[str, pa.Table]) -> None:
    run(folder)
    before = contents(folder / "encoded")
    write(folder, **changes)
    with pytest.raises(DataError, match=r"found 7 in 'returned'|c\.parquet: no column"):
        run(folder)
    assert contents(folder / "encoded") == before
    assert sorted(path.name for path in folder.iterdir()) == ["data", "encoded", "quarantine.parquet"]


def test_data_that_change_between_the_passes_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part is read once: the second pass has the rows of the first."""
    run(folder)
    expected = contents(folder / "encoded")
    whole = parts_module.Part.batches

    def vanishing(part: parts_module.Part, columns: Any, dictionaries: Any) -> Any:
        yield from whole(part, columns, dictionaries)
        part.path.unlink()

    monkeypatch.setattr(parts_module.Part, "batches", vanishing)
    assert run(folder) == dict.fromkeys(SPLITS, ROWS)
    assert contents(folder / "encoded") == expected


SHOPS = {
    "large text": lambda shops: shops.cast(pa.large_string()),
    "a narrow dictionary": lambda shops: shops.dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())),
    "an empty text for a null": lambda shops: pc.fill_null(shops, ""),
}


@pytest.mark.parametrize("lay_out", SHOPS.values(), ids=SHOPS)
@pytest.mark.parametrize("number", [1, 2])
def test_text_may_be_laid_out_in_any_way(folder: Path, lay_out: Any, number: int) -> None:
    """The part is the first, whose types all share, or a later one: the same arrays, and its values in the raw rows."""
    run(folder)
    expected, table = contents(folder / "encoded"), month(number)
    write(folder, **{"ab"[number - 1]: table.set_column(1, "shop", lay_out(table["shop"].combine_chunks()))})
    run(folder)
    found = contents(folder / "encoded")
    assert all(found[name] == expected[name] for name in expected if name.endswith((".npy", ".json")))
    shops = [value or None for value in raw(folder, "validation")["shop"].to_pylist()]
    assert shops == month(2)["shop"].to_pylist()


def test_a_part_without_rows(folder: Path) -> None:
    run(folder)
    expected = contents(folder / "encoded")
    write(folder, aa=month(1).slice(0, 0), d=month(1).slice(0, 0))
    assert run(folder) == dict.fromkeys(SPLITS, ROWS)
    assert contents(folder / "encoded") == expected


def test_a_text_that_also_splits(folder: Path) -> None:
    for number, name in enumerate("abc"):
        homes = pa.array([("here", "there", "away")[number]] * ROWS)
        write(folder, **{name: month(number + 1).append_column("home", homes)})
    features = {**DECLARED["features"], "home": {"kind": "categorical"}}
    split = {"by": "column", "column": "home", "train": "here", "validation": "there", "test": "away"}
    assert run(folder, declared(features=features, split=split)) == dict.fromkeys(SPLITS, ROWS)
    _, splits = opened(folder)
    assert (splits["test"].inputs["categorical"][:, 1] == 5 + 1).all()  # after the five ids of shops, the unseen
    assert raw(folder, "test")["home"].to_pylist() == ["away"] * ROWS


def test_a_split_by_row_needs_neither_key_nor_time(folder: Path) -> None:
    """A CSV and a Parquet file of one table give the same split, and equal rows stay together."""
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
    """Validation has the rows of training again, test half of them; what is quarantined counts nowhere."""
    monkeypatch.setattr("mtl_core.data.duplicates.CHUNK", 7)
    again = month(1).set_column(0, "day", month(2)["day"])
    half = pa.concat_tables([month(1).slice(0, ROWS // 2), month(9).slice(ROWS // 2)])
    write(folder, b=again, c=half.set_column(0, "day", month(3)["day"]))
    run(folder, aside=[("b.parquet", 0), ("a.parquet", 5)])
    assert json.loads((folder / "encoded" / DUPLICATES).read_text()) == {"validation": ROWS - 2, "test": ROWS // 2 - 1}
    assert not (folder / "encoded" / "keys").exists()


def test_no_record_of_the_quarantined_rows(folder: Path) -> None:
    with pytest.raises(DataError, match=r"quarantine\.parquet: .*found no file; run validate first"):
        prepare(folder, declared(), folder / "quarantine.parquet", folder / "encoded")
    no_quarantine(folder)
    prepare(folder, declared(), folder / "quarantine.parquet", folder / "encoded")
