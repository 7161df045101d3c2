"""A small problem with features that read lists beside others, from its profile to its graph."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from mtl_core.config import parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.errors import DataError
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import parity
from mtl_core.export.session import Session, open_graph
from mtl_core.model import Network
from mtl_core.training import train
from mtl_core.validation.profile import write_profile
from mtl_core.validation.suite import load_suite, suite_path
from mtl_core.validation.validate import validate
from tests.features import lists

ROWS = 600
LISTS = ("tags", "point", "place")
"""The columns of lists; `words` is text."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """The problem once it is trained and exported."""

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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two parts, of which the second holds its vectors in lists of any size."""
    rows, problem = lists.table(ROWS), parse_problem(lists.document())
    plain = rows["place"].cast(pa.list_(pa.float64()))
    other = rows.set_column(rows.column_names.index("place"), "place", plain)
    folder = write(tmp_path_factory.mktemp("lists"), a=rows.slice(0, 400), b=other.slice(400))
    write_profile(folder, problem)
    assert validate(folder, problem, folder / "validation").passed
    prepare(folder, problem, folder / "validation" / "quarantine.parquet", folder / "encoded")
    encoder = Encoder.load(folder / "encoded" / "encoder.json")
    splits = [EncodedSplit.open(folder / "encoded" / name, encoder) for name in ("train", "validation")]
    network, outcome = train(problem, encoder, *splits, folder / "scratch")
    assert len(outcome.epochs) == 2
    session = open_graph(build_graph(network, encoder).SerializeToString())
    raw = pq.read_table(folder / "encoded" / "test.parquet")
    return Made(folder=folder, encoder=encoder, network=network, session=session, raw=raw)


def test_graph_and_network_agree(made: Made) -> None:
    for rows in (made.raw, made.raw.slice(0, 1), adversarial_rows(made.raw, made.encoder)):
        assert parity(made.session, made.network, made.encoder, rows).difference < 1e-5


def test_graph_and_network_agree_where_every_list_is_empty(made: Made) -> None:
    rows = made.raw.slice(0, 3)
    for name, empty in (("tags", [[], None, [""]]), ("words", ["", None, "|"]), ("point", [None] * 3)):
        column = pa.array(empty, rows.schema.field(name).type)
        rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), column)
    assert parity(made.session, made.network, made.encoder, rows).difference < 1e-5


def test_a_row_alone_is_the_row_beside_longer_ones(made: Made) -> None:
    """For the network, and so by parity for the graph."""

    def logits(rows: pa.Table) -> dict[str, Any]:
        with torch.inference_mode():
            return made.network({name: torch.from_numpy(block) for name, block in made.encoder.batch(rows).items()})

    rows = adversarial_rows(made.raw, made.encoder)  # lists of 0 to 300 items
    made.network.eval()
    together = logits(rows)
    for row in range(rows.num_rows):
        for task, alone in logits(rows.slice(row, 1)).items():
            torch.testing.assert_close(alone[0], together[task][row], rtol=0, atol=1e-6)


def test_the_blocks_are_the_kinds_own(made: Made) -> None:
    assert list(made.encoder.blocks) == [
        "categorical",
        "multicategorical.tags",
        "multicategorical.words",
        "numeric",
        "vector",
    ]
    blocks = made.encoder.encode(made.raw)
    columns = made.encoder.to_columns(blocks)
    assert columns.values.shape == (made.raw.num_rows, 1 + 2 + 4 + 3)
    assert columns.categorical == (True,) + (False,) * 9


def test_the_suite_expects_types_and_nulls_of_lists(made: Made) -> None:
    suite = load_suite(suite_path(made.folder, parse_problem(lists.document())))
    found = {column: [e for e in suite.expectations if e.columns == (column,)] for column in (*LISTS, "words")}
    types = {column: e.kwargs["type_"] for column, (e, *_) in found.items()}
    assert types == dict.fromkeys(LISTS, "object") | {"words": "str"}
    rest = [[e.type for e in others] for _, *others in found.values()]
    assert rest == [["expect_column_values_to_not_be_null"]] * 4


def test_what_is_wrong_with_a_list_is_found(made: Made, tmp_path: Path) -> None:
    """A missing list where the reference has none sets its row aside; another type fails the part."""
    problem, rows = parse_problem(lists.document()), lists.table(100)
    suite = suite_path(tmp_path, problem)
    suite.parent.mkdir(parents=True)
    suite.write_bytes(suite_path(made.folder, problem).read_bytes())
    place = rows.column_names.index("place")
    missing = pa.array([None, *rows["place"].to_pylist()[1:]], rows.schema.field("place").type)
    result = validate(write(tmp_path, part=rows.set_column(place, "place", missing)), problem, tmp_path / "v")
    assert pq.read_table(tmp_path / "v" / "quarantine.parquet")["row"].to_pylist() == [0]
    assert [one.expectation.columns for part in result.parts for one in part.results if not one.success] == [("place",)]
    text = pa.array(["a, b"] * 100)
    result = validate(write(tmp_path, part=rows.set_column(place, "place", text)), problem, tmp_path / "v")
    assert not result.passed


@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        ("place", [[1.0, 2.0]], "every list of column 'place' must have 3 numbers, as the first .* found one of 2"),
        ("tags", [["a"] * 1_001], "a list may hold at most 1,000 items, found one of 1,001 in column 'tags'"),
    ],
)
def test_a_bad_list_in_the_data_is_refused_while_preparing(
    tmp_path: Path, column: str, values: list[Any], rule: str
) -> None:
    rows, problem = lists.table(100), parse_problem(lists.document())
    free = pa.list_(rows.schema.field(column).type.value_type)
    rows = rows.set_column(rows.column_names.index(column), column, rows[column].cast(free))
    bad = rows.slice(0, 1).set_column(rows.column_names.index(column), column, pa.array(values, free))
    write(tmp_path, part=pa.concat_tables([rows, bad]))
    nothing = tmp_path / "quarantine.parquet"
    pq.write_table(pa.table({"part": pa.array([], pa.string()), "row": pa.array([], pa.int64())}), nothing)
    with pytest.raises(DataError, match=rule):
        prepare(tmp_path, problem, nothing, tmp_path / "encoded")
    assert not (tmp_path / "encoded").exists()


def test_gradients_reach_the_table_and_the_row_of_no_item(made: Made) -> None:
    network = Network.seeded(parse_problem(lists.document()), made.encoder, 0)
    rows = made.raw.filter(pa.array(np.array([not tags for tags in made.raw["tags"].to_pylist()])))
    blocks = {name: torch.from_numpy(block) for name, block in made.encoder.batch(rows).items()}
    sum(logits.sum() for logits in network(blocks).values()).backward()  # type: ignore[union-attr]
    table = network.inputs[0].groups["multicategorical"].tables[0]  # type: ignore[index,union-attr]
    assert (table.grad[0] != 0).any()
    assert (table.grad[1:] == 0).all()
