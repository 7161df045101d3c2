"""Artifacts of a run, as the report needs them."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.config import Problem
from mtl_core.data.duplicates import DUPLICATES
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.split import SPLITS
from mtl_core.data.targets import column_array
from mtl_core.data.windows import SPLIT, SplitSummary
from mtl_core.errors import DataError
from mtl_core.files import damage_as_data_error
from mtl_core.report.scored_rows import ScoredRows, read_scored_rows, read_table
from mtl_core.report.texts import Texts
from mtl_core.studies.comparison.record import Comparison
from mtl_core.studies.files import Study, read_study
from mtl_core.studies.provenance import Provenance, config_digest
from mtl_core.studies.relatedness.record import Relatedness
from mtl_core.studies.replay.record import Replay
from mtl_core.studies.tuning import Tuning
from mtl_core.tasks import Objective, objectives
from mtl_core.text.input_type import TextInput
from mtl_core.training import TrainingResult

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Artifacts of a run. `validation` and `encoded` are folders; the file of a study may be missing."""

    validation: Path
    encoded: Path
    history: Path
    graph: Path
    signature: Path
    checks: Path
    metrics: Path
    evaluation: Path
    predictions: Path
    relatedness: Path
    comparison: Path
    tuning: Path
    replay: Path


@dataclass(frozen=True, kw_only=True)
class Run:
    """Contents of the artifacts."""

    problem: Problem
    encoder: Encoder
    splits: dict[str, EncodedSplit]
    training: TrainingResult
    outputs: dict[str, dict[str, Any]]
    """Per task its entry in the signature: kind, form, unit, classes."""
    version: str
    """Version of Trunkline when the graph was exported."""
    digest: str
    """SHA-256 of the graph's bytes."""
    graph_bytes: int
    checks: dict[str, Any]
    metrics: dict[str, dict[str, dict[str, float | None]]]
    """Split -> task -> metric -> value."""
    evaluation: dict[str, dict[str, dict[str, float | None]]]
    """Task -> metric -> value, low, high, baseline; on the test split."""
    validation: dict[str, Any]
    split_summary: SplitSummary
    duplicates: dict[str, int]
    """Split -> rows whose features all equal those of a training row."""
    quarantine: pa.Table
    predictions: Path
    raw: dict[str, Path]
    """Split, validation or test -> its raw rows."""
    relatedness: Relatedness | None
    comparison: Comparison | None
    tuning: Tuning | None
    replay: Replay | None
    unreadable_studies: dict[str, str]
    """Name of a study's file that cannot be read, such as one of another version -> error."""

    @cached_property
    def tasks(self) -> tuple[Objective, ...]:
        """The objectives of its tasks."""
        return objectives(self.problem.tasks, self.encoder.tasks)

    def is_current(self, provenance: Provenance) -> bool:
        """True if a study is of the declared problem."""
        return provenance.config_digest == config_digest(self.problem)

    def labels(self, task: Objective) -> dict[str, Any]:
        """Split -> labels of the task's labelled rows."""
        labels = {name: split.flat_labels(task.name).numpy() for name, split in self.splits.items()}
        return {name: task.codec.select_labelled(values)[0] for name, values in labels.items()}

    def raw_rows(self, split: str, columns: Sequence[str]) -> pa.Table:
        """Raw columns of the validation or test split."""
        return read_table(self.raw[split], list(dict.fromkeys(columns)))

    def scored_rows(self, task: Objective) -> ScoredRows:
        """The task's labels and predictions on the test split."""
        return read_scored_rows(self.predictions, task.codec, lambda rows: self._texts(task, rows))

    def _texts(self, task: Objective, rows: Array) -> Texts:
        """The texts of a tagging task in rows of the test split."""
        column = self.encoder.sequences[task.name]
        input_type = self.encoder.inputs[column]
        assert isinstance(input_type, TextInput)
        values = column_array(self.raw_rows("test", [column]), column)
        return Texts(values=values, rows=rows, max_tokens=input_type.max_tokens)


def read_run(problem: Problem, paths: Paths) -> Run:
    """Read the artifacts; labels are memory-mapped, predictions are read task by task on demand."""
    encoder = Encoder.load(paths.encoded / "encoder.json")
    signature, unreadable = _json(paths.signature), dict[str, str]()
    return Run(
        problem=problem,
        encoder=encoder,
        splits={name: EncodedSplit.open(paths.encoded / name, encoder) for name in SPLITS},
        training=_training_result(paths.history),
        outputs={output["name"]: output for output in signature["outputs"]},
        version=signature["version_of_trunkline"],
        digest=signature["graph_sha256"],
        graph_bytes=paths.graph.stat().st_size,
        checks=_json(paths.checks),
        metrics=_json(paths.metrics),
        evaluation=_json(paths.evaluation),
        validation=_json(paths.validation / "result.json"),
        split_summary=SplitSummary.model_validate(_json(paths.encoded / SPLIT)),
        duplicates=_json(paths.encoded / DUPLICATES),
        quarantine=read_table(paths.validation / "quarantine.parquet"),
        predictions=paths.predictions,
        raw={name: paths.encoded / f"{name}.parquet" for name in ("validation", "test")},
        relatedness=_study(paths.relatedness, Relatedness, unreadable),
        comparison=_study(paths.comparison, Comparison, unreadable),
        tuning=_study(paths.tuning, Tuning, unreadable),
        replay=_study(paths.replay, Replay, unreadable),
        unreadable_studies=unreadable,
    )


def _study(path: Path, kind: type[Study], unreadable: dict[str, str]) -> Study | None:
    """The study in the file; None, with an entry in `unreadable`, if it cannot be read."""
    try:
        return read_study(path, kind)
    except DataError as error:
        unreadable[path.name] = str(error)
        return None


def _json(path: Path) -> Any:
    with damage_as_data_error(path):
        return json.loads(path.read_text(encoding="utf-8"))


def _training_result(path: Path) -> TrainingResult:
    """The training result, with NaN for null."""
    with damage_as_data_error(path):
        document = json.loads(path.read_text(encoding="utf-8"))
        for numbers in (epoch[key] for epoch in document["epochs"] for key in ("losses", "values", "scores")):
            numbers.update({name: math.nan for name, value in numbers.items() if value is None})
        return TrainingResult.model_validate(document)
