"""Three new kinds of feature pass through all stages and the service; only the unions are edited.

This is the recipe for a new kind: two classes, as below, in one file in mtl_core/features/, and their names in the
unions of mtl_core/features/__init__.py.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pydantic import Field

import mtl_core
from mtl_core import features
from mtl_core.arrow import as_numbers, as_string_lists
from mtl_core.expectations import Expectation, expect
from mtl_core.features.base import Feature, FeatureFitter, FittedFeature, TreeColumns
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.input_types import InputType, NumberInput, StringsInput, VectorInput
from mtl_core.ragged import Block, Ragged
from mtl_core.schema import members, tagged
from tests.end_to_end import in_new_interpreter, run_end_to_end, write_results

if TYPE_CHECKING:
    import pandas as pd

    from mtl_core.config import Model
    from mtl_core.graphs.builder import GraphBuilder
    from mtl_core.nn.sequences import GroupModule


class Fitter(FeatureFitter):
    """Stores all values; real kinds learn in memory that does not grow."""

    def __init__(self, name: str, column: str) -> None:
        self.name, self.column = name, column
        self.values: list[pa.Array] = []

    def update(self, values: pa.Array) -> None:
        self.values.append(values)


# Ids: the sign of a number.


class Sign(Feature):
    """The sign of a number."""

    kind: Literal["sign"] = "sign"

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        return Proposal(options={"kind": "sign"}) if facts.name.endswith("_sign") else None

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> InputType:
        return NumberInput()

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> SignFitter:
        return SignFitter(name, column)

    def expectations(self, column: str, type_in_suite: str, parts: Sequence[pd.Series]) -> list[Expectation]:
        return [expect("column_values_to_be_between", column=column, min_value=-100, max_value=100)]


class SignFitter(Fitter):
    """Learns nothing."""

    def finish(self) -> FittedSign:
        return FittedSign(name=self.name, column=self.column)


class FittedSign(FittedFeature):
    """(rows,) numbers -> (rows, 1) ids: 0 missing, 1 negative, 2 zero, 3 positive."""

    kind: Literal["sign"] = "sign"

    @property
    def input_type(self) -> InputType:
        return NumberInput()

    def encode(self, values: pa.Array) -> NDArray[Any]:
        numbers = as_numbers(values)
        return np.where(np.isnan(numbers), 0, 2 + np.sign(np.nan_to_num(numbers))).astype(np.int8)[:, None]

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        return {"sign": Block(shape=(len(features),), dtype=np.dtype(np.int8))}

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from mtl_core.nn.embedding import SharedEmbedding

        return SharedEmbedding("sign", 4, len(features), options.embedding)

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        numbers = graph.stack(inputs[feature.column] for feature in features)
        missing, sign = graph.add("IsNaN", numbers), graph.cast(graph.add("Sign", numbers), np.int32)
        ids = graph.add("Add", sign, graph.constant(2, np.int32))
        encoded = graph.add("Where", missing, graph.constant(0, np.int32), ids)
        return {"sign": graph.add("Transpose", encoded)}

    @classmethod
    def to_columns(cls, features: Sequence[Self], blocks: Mapping[str, Any]) -> TreeColumns:
        ids = np.asarray(blocks["sign"], dtype=np.float32)
        return TreeColumns(values=ids, categorical=(True,) * ids.shape[1])


# A dense vector: numbers divided by ten.


class Tenth(Feature):
    """A list of numbers."""

    kind: Literal["tenth"] = "tenth"

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        return Proposal(options={"kind": "tenth"}) if pa.types.is_fixed_size_list(facts.type) else None

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> InputType:
        return VectorInput(arrow_type.list_size)

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> TenthFitter:
        return TenthFitter(name, column)


class TenthFitter(Fitter):
    """Learns the size."""

    def finish(self) -> FittedTenth:
        return FittedTenth(name=self.name, column=self.column, size=self.values[0].type.list_size)


class FittedTenth(FittedFeature):
    """(rows,) lists -> (rows, size) float32; 0 where a number is missing."""

    kind: Literal["tenth"] = "tenth"
    size: int

    @property
    def input_type(self) -> InputType:
        return VectorInput(self.size)

    def encode(self, values: pa.Array) -> NDArray[Any]:
        numbers = self.input_type.tensor(values)
        return (np.where(np.isfinite(numbers), numbers, 0.0).clip(-1e6, 1e6) / 10).astype(np.float32)

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        return {"tenth": Block(shape=(sum(feature.size for feature in features),), dtype=np.dtype(np.float32))}

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from mtl_core.nn.piecewise import PiecewiseLinear

        return PiecewiseLinear("tenth", sum(feature.size for feature in features), {})

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        parts = []
        for feature in features:
            raw = inputs[feature.column]
            finite = graph.add("Less", graph.add("Abs", raw), graph.constant(np.inf, np.float64))
            numbers = graph.add("Where", finite, raw, graph.constant(0.0, np.float64))
            limits = (graph.constant(limit, np.float64) for limit in (-1e6, 1e6))
            tenth = graph.add("Div", graph.add("Clip", numbers, *limits), graph.constant(10.0, np.float64))
            parts.append(graph.cast(tenth, np.float32))
        return {"tenth": graph.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]}


# Ragged ids: the words of a list.


class Words(Feature):
    """A list of strings."""

    kind: Literal["words"] = "words"

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        return Proposal(options={"kind": "words"}) if facts.type == pa.list_(pa.string()) else None

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> InputType:
        return StringsInput()

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> WordsFitter:
        return WordsFitter(name, column)


class WordsFitter(Fitter):
    """Learns every word."""

    def finish(self) -> FittedWords:
        words = {word for part in self.values for word in as_string_lists(part, None).values.tolist() if word}
        return FittedWords(name=self.name, column=self.column, vocabulary=tuple(sorted(words)))


class FittedWords(FittedFeature):
    """(rows,) lists -> ragged ids: 0 no word, 1 unseen, then the vocabulary."""

    kind: Literal["words"] = "words"
    vocabulary: tuple[str, ...]

    @property
    def input_type(self) -> InputType:
        return StringsInput()

    def encode(self, values: pa.Array) -> Ragged:
        lists = as_string_lists(values, None)
        ids = {"": 0} | {word: index for index, word in enumerate(self.vocabulary, start=2)}
        return Ragged(values=np.array([ids.get(w, 1) for w in lists.values], dtype=np.int16), offsets=lists.offsets)

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        return {f"words.{f.name}": Block(shape=(), dtype=np.dtype(np.int16), ragged=True) for f in features}

    @classmethod
    def encode_blocks(cls, features: Sequence[Self], columns: Mapping[str, pa.Array]) -> dict[str, Any]:
        return {f"words.{feature.name}": feature.encode(columns[feature.column]) for feature in features}

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from torch import Tensor, nn

        from mtl_core.nn.sequences import GroupModule, GroupOutput, ItemSequence

        class Means(GroupModule):
            """The mean of the words' embeddings, with a table per feature; the embedding of id 0 without a word."""

            def __init__(self) -> None:
                super().__init__()
                self.width = options.embedding * len(features)
                self.tables = nn.ModuleList(nn.Embedding(2 + len(f.vocabulary), options.embedding) for f in features)

            def forward(self, blocks: dict[str, Tensor]) -> GroupOutput:
                rows, sequences = [], {}
                for index, (feature, table) in enumerate(zip(features, self.tables, strict=True)):
                    ids = blocks[f"words.{feature.name}"].int()
                    items, mask = table(ids), ids > 0
                    count = mask.sum(dim=1, keepdim=True)
                    mean = (items * mask.unsqueeze(2)).sum(dim=1) / count.clamp(min=1)
                    rows.append(mean + (count == 0) * table.weight[0])
                    sequences[feature.name] = ItemSequence(items, mask, index * options.embedding)
                return GroupOutput(tuple(rows), sequences)

        return Means()

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        blocks = {}
        for feature in features:
            ids = graph.add(
                "LabelEncoder",
                inputs[feature.column],
                domain="ai.onnx.ml",
                keys_tensor=graph.tensor(["", *feature.vocabulary], np.object_),
                values_tensor=graph.tensor([0, *range(2, 2 + len(feature.vocabulary))], np.int64),
                default_tensor=graph.tensor([1], np.int64),
            )
            blocks[f"words.{feature.name}"] = graph.cast(ids, np.int32)
        return blocks


OPTIONS, FITTED = (Sign, Tenth, Words), (FittedSign, FittedTenth, FittedWords)


def edit_the_unions() -> None:
    """Apply the only edit of the library that a new kind needs."""
    for name, kinds in (("AnyFeature", OPTIONS), ("AnyFittedFeature", FITTED)):
        union = Union[(*kinds, *members(getattr(features, name)))]  # of classes in a variable
        setattr(features, name, Annotated[union, Field(discriminator="kind")])


def table(rows: int = 400) -> pa.Table:
    """Columns key, size, level_sign, point, tags, late."""
    generator = np.random.default_rng(0)
    level = generator.normal(size=rows).round(1)
    point = generator.normal(size=(rows, 3))
    words = [[w for w in ("red", "blue", "old") if generator.random() < 0.4] for _ in range(rows)]
    late = (np.sign(level) + point[:, 0] + np.array(["red" in row for row in words]) > 0.3).astype(float)
    return pa.table(
        {
            "key": pa.array(np.arange(rows)),
            "size": pa.array(generator.normal(size=rows)),
            "level_sign": pa.array(level, mask=generator.random(rows) < 0.1),
            "point": pa.FixedSizeListArray.from_arrays(pa.array(point.reshape(-1)), 3),
            "tags": pa.array([None if index % 29 == 0 else row for index, row in enumerate(words)]),
            "late": pa.array(late),
        }
    )


PARAMS = """
name: kinds
data: {path: data}
split: {by: hash, column: key, validation: 0.2, test: 0.2}
features:
  size: {kind: numeric}
  level_sign: {kind: sign}
  point: {kind: tenth}
  tags: {kind: words}
tasks:
  late: {kind: binary, target: late, metric: auc}
model: {embedding: 4, trunk: {kind: shared_bottom, widths: [16]}, head: {width: 0}}
training: {epochs: 4, batch_size: 32, learning_rate: 0.02, threads: 1}
export: {int8: false}
gates: {metrics: {late: {auc: 0.6}}}
"""


ROWS = [
    {"size": 0.5, "level_sign": -1.5, "point": [1.0, None, 2.0], "tags": ["red", "never seen"]},
    {"size": None, "level_sign": None, "point": None, "tags": None},
]


def run_stages(folder: Path) -> dict[str, Any]:
    """Results of all stages with the new kinds, of requests, and of a draft."""
    from flows.draft.facts import sample_table
    from flows.draft.proposals import propose_problem

    results = run_end_to_end(folder, PARAMS, table(), [ROWS, [{**ROWS[0], "point": [1.0]}]])
    draft = propose_problem(sample_table(folder / "data" / "part.parquet"), ["late"])
    return results | {"proposed": {name: proposal.options["kind"] for name, proposal in draft.features.items()}}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Results of all stages in a separate interpreter, since unions are read when modules are imported."""
    return in_new_interpreter(__name__, tmp_path_factory.mktemp("kinds") / "problem")


def test_every_stage_accepts_the_new_kinds(results: dict[str, Any]) -> None:
    assert results["resumed identically"]
    assert {name: passed for name, passed in results["checks"].items() if not name.startswith("latency")} == {
        "late.auc": True,
        "late.auc over baseline": True,
        "parity": True,
        "parity on adversarial rows": True,
        "size": True,
    }


def test_draft_and_profile_use_the_kinds(results: dict[str, Any]) -> None:
    assert results["proposed"] == {"size": "numeric", "level_sign": "sign", "point": "tenth", "tags": "words"}
    assert '"min_value": -100, "max_value": 100' in results["suite"]


def test_the_service_accepts_the_input_types_of_the_kinds(results: dict[str, Any]) -> None:
    assert results["signature"]["inputs"] == [
        {"name": "size", "type": "number"},
        {"name": "level_sign", "type": "number"},
        {"name": "point", "type": "vector", "size": 3},
        {"name": "tags", "type": "strings"},
    ]
    (status, answer), (error_status, error) = results["responses"]
    assert status == 200
    assert [0 < row["late"] < 1 for row in answer["predictions"]] == [True, True]
    assert error_status == 400
    assert "point" in error["error"]["message"]


def test_the_report_shows_the_new_kinds(results: dict[str, Any]) -> None:
    assert all(f"<h4>1 {kind}</h4>" in results["report"] for kind in ("numeric", "sign", "tenth", "words"))


def test_only_the_files_of_kinds_depend_on_the_kind() -> None:
    """No other file of the library or the flows names a kind's classes or compares a feature's kind."""
    library = Path(mtl_core.__file__).parent
    names = {member.__name__ for union in (features.AnyFeature, features.AnyFittedFeature) for member in members(union)}
    kinds = set(tagged(features.AnyFeature))
    uses = []
    for path in (*library.rglob("*.py"), *(library.parent / "flows").rglob("*.py")):
        if path.parent == library / "features":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Name | ast.alias) and getattr(node, "id", getattr(node, "name", "")) in names
            compared = isinstance(node, ast.Compare) and any(
                isinstance(side, ast.Constant) and side.value in kinds for side in (node.left, *node.comparators)
            )
            if named or compared:
                uses.append(f"{path.name}:{node.lineno}")
    assert uses == []


if __name__ == "__main__":
    edit_the_unions()
    problem_folder = Path(sys.argv[1])
    write_results(problem_folder, run_stages(problem_folder))
