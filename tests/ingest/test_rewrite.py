"""Only the given values of a part file change: all others keep their text, type and place."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.ingest.rewrite import Replacement, rewrite
from mtl_core.config import ReadOptions
from mtl_core.config.data import Csv
from mtl_core.data.part_files import open_part
from mtl_core.data.parts import Part, as_parts
from mtl_core.errors import DataError


def part_of(path: Path, csv: Csv | None = None) -> Part:
    csv = csv or Csv()
    return as_parts([open_part(path, csv)], ReadOptions(csv=csv))[0]


def rewritten(part: Part, tmp_path: Path, **columns: dict[int, object]) -> Path:
    """The part with the values of some rows replaced."""
    replacements = {
        column: Replacement(rows=np.array(list(values)), values=pa.array(list(values.values())))
        for column, values in columns.items()
    }
    target = tmp_path / f"rewritten{part.path.suffix}"
    rewrite(part, replacements, target)
    return target


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_rows_of_a_csv_file_without_a_new_value_keep_their_bytes(tmp_path: Path, end: str, encoding: str) -> None:
    before = ["", '"id",note,late', '1,"a ""quoted"", ü",', "", '2,"two', 'lines",0', ' 3 ,"x",', '4,"007",1', ""]
    after = [*before[:2], '1,"a ""quoted"", ü",5', *before[3:6], " 3 ,x,6", *before[7:]]
    path = tmp_path / "part.csv"
    path.write_bytes("".join(f"{line}{end}" for line in before).encode(encoding))
    csv = Csv(encoding="utf-8" if encoding == "utf-8-sig" else encoding)
    content = rewritten(part_of(path, csv), tmp_path, late={0: 5, 2: 6}).read_bytes()
    assert content == "".join(f"{line}{end}" for line in after).encode(encoding)


def test_numbers_are_written_as_the_csv_format_declares(tmp_path: Path) -> None:
    path = tmp_path / "part.csv"
    path.write_text("id;value\n1;1,5\n2;\n")
    csv = Csv(separator=";", decimal=",")
    target = rewritten(part_of(path, csv), tmp_path, value={1: 2.25})
    assert target.read_text() == "id;value\n1;1,5\n2;2,25\n"


def test_lines_of_json_without_a_new_value_keep_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "part.jsonl"
    before = [
        '{"id": 1,  "late": null, "text": "ü"}',
        "",
        '{"late":0.50,"id":2,"text":"a"}',
        '{"id": 3, "text": "\\u00fc"}',
    ]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(before).encode())
    target = rewritten(part_of(path), tmp_path, late={0: 1.0, 2: 0.0}).read_bytes()
    assert target.startswith(b"\xef\xbb\xbf{")
    lines = target.decode("utf-8-sig").split("\r\n")
    assert lines[1:3] == before[1:3]
    assert json.loads(lines[0]) == {"id": 1, "late": 1.0, "text": "ü"}
    assert list(json.loads(lines[3]).items()) == [("id", 3), ("text", "ü"), ("late", 0.0)]


@pytest.fixture
def table() -> pa.Table:
    days = pa.array([20_000, None, 20_002, 20_003, 20_004], pa.int32()).cast(pa.date32())
    spans = [[{"start": 0, "end": 1, "label": "x"}], None, [], [], []]
    fields = {
        "id": pa.array([1, 2, 3, 4, 5], pa.int16()),
        "day": days,
        "ratio": pa.array([0.5, float("nan"), None, 1.0, 2.0], pa.float32()),
        "price": pa.array([1, None, 3, 4, 5], pa.int64()).cast(pa.decimal128(25, 2)),
        "grade": pa.array(["b", "a", None, "b", "a"]).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())),
        "late": pa.array([True, None, False, None, True]),
        "spans": pa.array(spans),
    }
    schema = pa.schema([pa.field(name, values.type, metadata={"unit": name}) for name, values in fields.items()])
    return pa.table(fields, schema=schema.with_metadata({"written by": "tests"}))


def test_a_parquet_file_keeps_types_metadata_row_groups_and_codecs(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "part.parquet"
    pq.write_table(table, path, row_group_size=2, compression={"id": "gzip", "day": "none", "late": "zstd"})
    target = rewritten(part_of(path), tmp_path, late={1: True, 3: False}, grade={2: "c", 3: "a"})
    before, after = pq.ParquetFile(path), pq.ParquetFile(target)
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert after.metadata.num_row_groups == before.metadata.num_row_groups == 3
    for column in range(before.metadata.num_columns):
        codecs = [file.metadata.row_group(0).column(column).compression for file in (before, after)]
        assert codecs[0] == codecs[1]
    new = after.read()
    assert new["late"].to_pylist() == [True, True, False, False, True]
    assert new["grade"].to_pylist() == ["b", "a", "c", "a", "a"]
    for column in ("id", "day", "price", "spans"):
        assert new[column].equals(table[column])


def test_labels_of_any_type_are_replaced(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "part.parquet"
    pq.write_table(table, path)
    spans = [{"start": 2, "end": 3, "label": "y"}]
    target = rewritten(part_of(path), tmp_path, ratio={1: 0.25}, price={1: 2.5}, spans={1: spans})
    new = pq.read_table(target)
    assert new["ratio"].to_pylist() == [0.5, 0.25, None, 1.0, 2.0]
    assert [None if each is None else float(each) for each in new["price"].to_pylist()] == [1.0, 2.5, 3.0, 4.0, 5.0]
    assert new["spans"].to_pylist()[:2] == [[{"start": 0, "end": 1, "label": "x"}], spans]


def test_a_label_that_the_stored_type_cannot_hold_is_refused(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "part.parquet"
    pq.write_table(table, path)
    with pytest.raises(DataError, match="column 'id' must be int16 as the part stores it, found a label"):
        rewritten(part_of(path), tmp_path, id={0: 1_000_000})


def test_a_difference_in_another_value_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "part.csv"
    path.write_text("id,late\n1,\n2,1\n")
    monkeypatch.setattr(
        "flows.ingest.rewrite._write", lambda _file, _new, target: target.write_text("id,late\n1,1\n3,1\n")
    )
    with pytest.raises(DataError, match="column 'id' must keep every other value"):
        rewritten(part_of(path), tmp_path, late={0: 1})
