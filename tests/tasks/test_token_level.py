"""A new kind of task, of level token, defined only in this file, through all stages: yes or no per item of a list."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from pydantic import Field

from mtl_core import tasks
from mtl_core.arrow import ColumnType, as_numbers
from mtl_core.data.levels import check_sequences
from mtl_core.errors import DataError
from mtl_core.input_types import NumberInput, StringsInput
from mtl_core.metrics import Metric
from mtl_core.metrics.calibration import BINARY_ECE
from mtl_core.metrics.classification import BINARY_LOG_LOSS
from mtl_core.metrics.decisions import decision_metrics
from mtl_core.metrics.ranking import Auc
from mtl_core.ragged import Block, Ragged
from mtl_core.schema import members
from mtl_core.tasks.base import Codec, Labels, LabelValues, TaskFitter
from mtl_core.tasks.decisions import DecisionObjective, DecisionTask
from mtl_core.tasks.probabilities import log_odds
from tests.end_to_end import in_new_interpreter, run_end_to_end, write_results

if TYPE_CHECKING:
    from torch import Tensor


class Marks(DecisionTask):
    """Yes or no for every item of a feature that is a sequence; the target is a list of 1, 0 and null."""

    target_types: ClassVar[frozenset[ColumnType]] = frozenset({"list"})

    kind: Literal["marks"] = "marks"
    sequence: str

    def metrics_at(self, thresholds: tuple[float, ...]) -> tuple[Metric, ...]:
        probabilities = (Auc(), BINARY_LOG_LOSS, BINARY_ECE)
        return (*probabilities, *decision_metrics(thresholds[0], tuned=self.rule is not None))

    def fitter(self, name: str, column_type: ColumnType) -> MarksFitter:
        return MarksFitter(MarksCodec(**self.codec_fields(name, column_type), sequence=self.sequence))

    def objective(self, codec: Codec) -> MarksObjective:
        return MarksObjective(self, codec)


class MarksFitter(TaskFitter):
    """Only checks the values."""

    def __init__(self, codec: MarksCodec) -> None:
        self.codec = codec

    def update(self, values: pa.Array) -> None:
        self.codec.encode(values)

    def finish(self) -> MarksCodec:
        return self.codec


class MarksCodec(Codec):
    """Ragged int8 labels: 0, 1, or -1 where an item has none."""

    kind: Literal["marks"] = "marks"

    @property
    def block(self) -> Block:
        return Block(shape=(), dtype=np.dtype(np.int8), ragged=True, pad=-1)

    def encode(self, values: pa.Array) -> Ragged:
        items = np.nan_to_num(as_numbers(pc.list_flatten(values)), nan=-1).astype(np.int8)
        lengths = pc.fill_null(pc.list_value_length(values), 0)
        return Ragged.from_lengths(items, lengths.to_numpy(zero_copy_only=False))


class MarksObjective(DecisionObjective):
    """A logit per item: the log odds of yes."""

    @property
    def outputs(self) -> int:
        return 1

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        import torch.nn.functional as F

        yes = labels.clamp(min=0).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits[:, 0], yes, reduction="none")

    def inverse_link(self, logits: Tensor) -> Tensor:
        return logits[:, 0].sigmoid()

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        return log_odds(predictions)[:, None]

    def baseline(self, labels: LabelValues) -> NDArray[np.float32]:
        return np.asarray((labels[labels >= 0] == 1).mean(), dtype=np.float32)

    def output_format(self) -> dict[str, Any]:
        return {"form": "number", "unit": "probability", "threshold": self.thresholds[0]}


def edit_the_unions() -> None:
    """The only edit of the library that a new kind needs."""
    for name, added in (("AnyTask", Marks), ("AnyCodec", MarksCodec)):
        union = Union[(added, *members(getattr(tasks, name)))]  # `|` cannot join classes of a list
        setattr(tasks, name, Annotated[union, Field(discriminator="kind")])


def table(rows: int = 500) -> pa.Table:
    """Columns key, size, words, marks, heavy, late.

    A word's mark depends on both its colour and the row's size. Every seventh row has no marks, some words have none,
    and some rows have no words.
    """
    generator = np.random.default_rng(0)
    size = generator.normal(size=rows)
    words = [list(generator.choice(["red", "blue", "old", "new"], generator.integers(0, 6))) for _ in range(rows)]
    marks: list[list[int | None] | None] = []
    for row, (items, is_big) in enumerate(zip(words, size > 0, strict=True)):
        labels = [int((word in ("red", "old")) == is_big) for word in items]
        marks.append(None if row % 7 == 0 else [None if generator.random() < 0.1 else label for label in labels])
    late = (size + np.array([items.count("red") for items in words]) > 0.5).astype(float)
    return pa.table(
        {
            "key": pa.array(np.arange(rows)),
            "size": pa.array(size),
            "words": pa.array([None if row % 50 == 0 and not marks[row] else items for row, items in enumerate(words)]),
            "marks": pa.array(marks, pa.list_(pa.int64())),
            "heavy": pa.array(generator.integers(0, 3, rows).astype(float)),
            "late": pa.array(late),
        }
    )


PARAMS = """
name: tokens
data: {path: data}
split: {by: hash, column: key, validation: 0.2, test: 0.2}
features:
  size: {kind: numeric}
  words: {kind: multicategorical, min_count: 1}
tasks:
  marks: {kind: marks, target: marks, sequence: words, weight_column: heavy, threshold: {maximize: f1}}
  late: {kind: binary, target: late, metric: auc}
model: {embedding: 4, trunk: {kind: mmoe, experts: 2, widths: [16]}, head: {width: 8}}
training:
  epochs: 12
  batch_size: 32
  learning_rate: 0.02
  threads: 1
  finetune_heads: {learning_rate: 0.001}
  teachers: {marks: {kind: single_task, use_unlabelled: true}}
export: {int8: false}
gates: {metrics: {marks: {auc: 0.9, f1: 0.7, ece: 0.2}}}
"""
ROWS = [
    {"size": 1.5, "words": ["red", "blue", "never seen"]},
    {"size": -1.5, "words": ["red"]},
    {"size": 0.0, "words": []},
    {"size": None, "words": None},
]


def run_pipeline(folder: Path) -> dict[str, Any]:
    """Results of all stages and the service with the new kind."""
    results = run_end_to_end(folder, PARAMS, table(), [ROWS, ROWS[1:2]])
    predictions = pq.read_table(folder / "artifacts" / "predictions.parquet")
    names = ("label/marks", "prediction/marks", "uncalibrated/marks")
    results["predictions"] = [predictions[name].to_pylist() for name in names]
    history = json.loads((folder / "artifacts" / "training" / "history.json").read_text(encoding="utf-8"))
    results["calibrations"], results["thresholds"] = history["calibrations"], history["thresholds"]
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_new_interpreter(__name__, tmp_path_factory.mktemp("tokens") / "problem")


def test_all_stages_support_the_new_kind(results: dict[str, Any]) -> None:
    assert results["resumed identically"]
    checks = {name: passed for name, passed in results["checks"].items() if not name.startswith("latency")}
    assert checks.pop("marks.auc over baseline")
    assert checks.keys() == {
        "marks.auc",
        "marks.f1",
        "marks.ece",
        "late.auc over baseline",
        "parity",
        "parity on adversarial rows",
        "size",
    }
    assert all(checks.values())


def test_every_item_has_a_prediction_that_depends_on_its_row(results: dict[str, Any]) -> None:
    """Independent of the other rows of the request."""
    ((threshold,),) = (tuned["thresholds"] for tuned in results["thresholds"])
    assert results["signature"]["outputs"][0] == {
        "name": "marks",
        "kind": "marks",
        "form": "number",
        "unit": "probability",
        "threshold": threshold,
        "level": "token",
        "sequence": "words",
    }
    (_, all_rows), (_, single_row) = results["responses"]
    predictions = [row["marks"] for row in all_rows["predictions"]]
    assert [len(items) for items in predictions] == [3, 1, 0, 0]
    items = [item for row in predictions for item in row]
    assert all(item["decision"] == (np.float32(item["probability"]) >= np.float32(threshold)) for item in items)
    red, blue, _ = (item["probability"] for item in predictions[0])
    red_in_a_small_row = predictions[1][0]["probability"]
    assert red > threshold > blue
    assert red_in_a_small_row < threshold
    ((item,),) = (row["marks"] for row in single_row["predictions"])
    assert item["probability"] == pytest.approx(red_in_a_small_row, abs=1e-6)


def test_items_are_calibrated(results: dict[str, Any]) -> None:
    (record,) = (record for record in results["calibrations"] if record["task"] == "marks")
    assert record["method"] == "temperature"
    assert record["log_loss_after"] < record["log_loss_before"]


def test_labels_and_predictions_are_stored_per_row(results: dict[str, Any]) -> None:
    labels, predictions, uncalibrated = results["predictions"]
    assert [len(row) for row in labels] == [len(row) for row in predictions] == [len(row) for row in uncalibrated]
    assert predictions != uncalibrated
    assert {label for row in labels for label in row} == {-1, 0, 1}


def codec(sequence: str = "words") -> MarksCodec:
    return MarksCodec(name="marks", type="list", targets=("marks",), sequence=sequence)


def test_a_row_without_labels_is_unlabelled() -> None:
    marks, words = pa.array([[1, None], None, [], [0]]), pa.array([["a", "b"], ["a", "b", "c"], ["a"], ["b"]])
    labels = codec().encode_items(marks, words, StringsInput())
    assert labels.values.tolist() == [1, -1, -1, -1, -1, -1, 0]


def test_another_number_of_labels_than_items_is_refused() -> None:
    with pytest.raises(DataError, match="3 items of 'words', found 2 in 'marks'"):
        codec().encode_items(pa.array([[1], [1, 0]]), pa.array([["a"], ["a", "b", "c"]]), StringsInput())


def test_a_sequence_that_is_no_feature_of_lists_is_refused() -> None:
    check_sequences([codec()], {"words": StringsInput(), "size": NumberInput()})
    for sequence in ("size", "missing"):
        with pytest.raises(DataError, match=f"lists of any length, found '{sequence}'; there is words"):
            check_sequences([codec(sequence)], {"words": StringsInput(), "size": NumberInput()})


@pytest.mark.parametrize("use_unlabelled", [False, True])
def test_a_batch_of_empty_lists_has_no_loss(use_unlabelled: bool) -> None:
    import torch

    from mtl_core.data.encoded import Batch
    from mtl_core.data.ragged_tensor import RaggedTensor
    from mtl_core.distillation import SoftTargets
    from mtl_core.training.losses import task_losses

    task = Marks(target="marks", sequence="words").objective(codec())
    labels = torch.full((3, 1), -1, dtype=torch.int8)
    batch = Batch(inputs={}, labels={"marks": labels}, weights={})
    logits = {"marks": torch.randn(3, 1, 1)}
    assert task_losses((task,), logits, batch, {}) == {}
    no_items = RaggedTensor(values=torch.zeros(0, 1), offsets=torch.zeros(4, dtype=torch.int64), pad=np.nan)
    teacher = SoftTargets(logits=no_items, use_unlabelled=use_unlabelled).take(torch.arange(3))
    for weights in ({}, {"marks": torch.ones(3)}):
        weighted = Batch(inputs={}, labels={"marks": labels}, weights=weights)
        assert task_losses((task,), logits, weighted, {"marks": teacher}) == {}


@pytest.mark.parametrize("members", [(), (3,)], ids=["one network", "members"])
def test_padding_does_not_change_the_loss_of_items_with_several_labels(members: tuple[int, ...]) -> None:
    """Fine-tuning of heads uses the items of all rows without padding."""
    import torch

    from mtl_core.data.encoded import Batch
    from mtl_core.training.losses import task_losses

    class PairsCodec(MarksCodec):
        @property
        def block(self) -> Block:
            return Block(shape=(2,), dtype=np.dtype(np.int8), ragged=True, pad=-1)

        def labelled(self, labels: Labels) -> Labels:
            return (labels >= 0).any(1)  # type: ignore[return-value]

    class PairsObjective(MarksObjective):
        def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
            return torch.stack([MarksObjective.loss(self, logits, labels[:, label]) for label in range(2)]).sum(0)

    task = PairsObjective(
        Marks(target="marks", sequence="words"),
        PairsCodec(name="marks", type="list", targets=("marks",), sequence="words"),
    )
    labels, logits = torch.randint(2, (4, 5, 2)).to(torch.int8), torch.randn(4, 5, *members, 1)
    labels[1, 3:] = -1
    items = labels[..., 0] >= 0
    padded, flat = (
        task_losses((task,), {"marks": x}, Batch(inputs={}, labels={"marks": y}, weights={}), {})[0]
        for x, y in ((logits, labels), (logits[items], labels[items]))
    )
    torch.testing.assert_close(padded, flat)


def test_parity_of_rows_without_items_is_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty arrays of predictions have no largest difference."""
    from mtl_core.export.parity import parity
    from mtl_core.model import Network
    from tests.features import lists
    from tests.small import prepared

    with_lists = prepared(tmp_path, lists.document(), lists.table(300))
    late = with_lists.tasks[0]
    marks = Marks(target="marks", sequence="tags").objective(codec("tags"))
    encoder = with_lists.encoder.model_copy(update={"tasks": (late.codec, marks.codec)})
    network = Network(encoder, (late, marks), with_lists.problem.model)
    raw = with_lists.raw_test.slice(0, 3)
    rows = raw.set_column(raw.column_names.index("tags"), "tags", pa.array([[], None, []], pa.list_(pa.string())))
    network.eval()
    predictions = {
        "late": network.predict(tensors(encoder, rows))["late"].detach().numpy(),
        "marks": np.zeros(0, np.float32),
    }
    monkeypatch.setattr("mtl_core.export.parity.run_graph", lambda *_, **__: predictions)
    assert parity(None, network, encoder, rows).difference == 0.0  # type: ignore[arg-type]


def tensors(encoder: Any, rows: pa.Table) -> dict[str, Any]:
    import torch

    return {name: torch.from_numpy(values) for name, values in encoder.batch(rows).items()}


if __name__ == "__main__":
    edit_the_unions()
    folder = Path(sys.argv[1])
    write_results(folder, run_pipeline(folder))
