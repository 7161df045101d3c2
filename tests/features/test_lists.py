"""A small problem with list features, from its profile to its graph."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.config import parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.errors import DataError
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import parity
from mtl_core.graphs.runtime import Session, open_graph
from mtl_core.model import Network
from mtl_core.training import train
from mtl_core.validation.profile import write_profile
from mtl_core.validation.suite import load_suite, suite_path
from mtl_core.validation.validate import validate
from tests.features import lists

ROWS = 600
LISTS = ("tags", "point", "location")
"""Columns of lists; `words` is text."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The problem, trained and exported."""

    folder: Path
    encoder: Encoder
    network: Network
    session: Session
    raw: pa.Table


def write(folder: Path, **parts: pa.Table) -> Path:
    (folder / "data").mkdir(exist_ok=True, parents=True)
    for name, rows in parts.items():
        pq.write_table(rows, folder / "data" / f"{name}.parquet")
    return folder


def replaced(rows: pa.Table, **columns: Any) -> pa.Table:
    for name, values in columns.items():
        rows = rows.set_column(rows.column_names.index(name), name, values)
    return rows


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Two parts; the second has its vectors in lists of any size."""
    rows, problem = lists.table(ROWS), parse_problem(lists.document())
    any_size = replaced(rows, location=rows["location"].cast(pa.list_(pa.float64())))
    folder = write(tmp_path_factory.mktemp("lists"), a=rows.slice(0, 400), b=any_size.slice(400))
    write_profile(folder, problem)
    assert validate(folder, problem, folder / "validation").passed
    prepare(folder, problem, folder / "validation" / "quarantine.parquet", folder / "encoded")
    encoder = Encoder.load(folder / "encoded" / "encoder.json")
    splits = [EncodedSplit.open(folder / "encoded" / name, encoder) for name in ("train", "validation")]
    network, result = train(problem, encoder, *splits, folder / "scratch")
    assert len(result.epochs) == 2
    session = open_graph(build_graph(network, encoder).SerializeToString())
    raw = pq.read_table(folder / "encoded" / "test.parquet")
    return Exported(folder=folder, encoder=encoder, network=network, session=session, raw=raw)


def test_graph_and_network_agree(exported: Exported) -> None:
    for rows in (exported.raw, exported.raw.slice(0, 1), adversarial_rows(exported.raw, exported.encoder)):
        assert parity(exported.session, exported.network, exported.encoder, rows).difference < 1e-5


def test_graph_and_network_agree_where_every_list_is_empty(exported: Exported) -> None:
    rows = exported.raw.slice(0, 3)
    empty = {"tags": [[], None, [""]], "words": ["", None, "|"], "point": [None] * 3}
    rows = replaced(rows, **{name: pa.array(values, rows.schema.field(name).type) for name, values in empty.items()})
    assert parity(exported.session, exported.network, exported.encoder, rows).difference < 1e-5


def test_names_of_blocks_and_inputs_of_trees(exported: Exported) -> None:
    assert list(exported.encoder.blocks) == [
        "categorical",
        "multicategorical.tags",
        "multicategorical.words",
        "numeric",
        "vector",
    ]
    blocks = exported.encoder.encode(exported.raw)
    columns = exported.encoder.to_columns(blocks)
    assert columns.values.shape == (exported.raw.num_rows, 1 + 2 + 4 + 3)
    assert columns.categorical == (True,) + (False,) * 9


def test_the_suite_expects_types_and_nulls_of_lists(exported: Exported) -> None:
    suite = load_suite(suite_path(exported.folder, parse_problem(lists.document())))
    for column in (*LISTS, "words"):
        of_type, *others = (e for e in suite.expectations if e.columns == (column,))
        assert of_type.kwargs["type_"] == ("str" if column == "words" else "object")
        assert [e.type for e in others] == ["expect_column_values_to_not_be_null"]


def test_validation_of_lists(exported: Exported, tmp_path: Path) -> None:
    """A missing list where the reference has none quarantines its row; another type fails the part."""
    problem, rows = parse_problem(lists.document()), lists.table(100)
    suite = suite_path(tmp_path, problem)
    suite.parent.mkdir(parents=True)
    suite.write_bytes(suite_path(exported.folder, problem).read_bytes())
    missing = pa.array([None, *rows["location"].to_pylist()[1:]], rows.schema.field("location").type)
    result = validate(write(tmp_path, part=replaced(rows, location=missing)), problem, tmp_path / "v")
    assert pq.read_table(tmp_path / "v" / "quarantine.parquet")["row"].to_pylist() == [0]
    broken = [check.expectation.columns for part in result.parts for check in part.results if not check.success]
    assert broken == [("location",)]
    text = pa.array(["a, b"] * 100)
    assert not validate(write(tmp_path, part=replaced(rows, location=text)), problem, tmp_path / "v").passed


def test_an_invalid_list_fails_the_preparation(tmp_path: Path) -> None:
    rows, problem = lists.table(100), parse_problem(lists.document())
    any_size = replaced(rows, location=rows["location"].cast(pa.list_(pa.float32())))
    short = replaced(any_size.slice(0, 1), location=pa.array([[1.0, 2.0]], pa.list_(pa.float32())))
    write(tmp_path, part=pa.concat_tables([any_size, short]))
    quarantine = tmp_path / "quarantine.parquet"
    pq.write_table(pa.table({"part": pa.array([], pa.string()), "row": pa.array([], pa.int64())}), quarantine)
    with pytest.raises(DataError, match=r"column 'location' must have 3 numbers.* found one of 2"):
        prepare(tmp_path, problem, quarantine, tmp_path / "encoded")
    assert not (tmp_path / "encoded").exists()
