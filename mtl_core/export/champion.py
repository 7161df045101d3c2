"""The champion as a teacher: its exported graph on the raw training rows."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.config import Problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.parts import open_data
from mtl_core.data.prepare import read_quarantine, split_part, splitter_of
from mtl_core.data.ragged_tensor import RaggedTensor
from mtl_core.distillation.champion import Champion, mismatch
from mtl_core.errors import MAX_NAMES, DataError
from mtl_core.export.exported_model import ExportedModel
from mtl_core.export.session import Predictions
from mtl_core.files import damage_as_data_error
from mtl_core.ragged import Ragged
from mtl_core.tasks import objectives
from mtl_core.teacher_files import GRAPH, RECORD, SIGNATURE, TeacherRecord, read_teacher

Rows = Callable[[], Iterator[pa.RecordBatch]]
"""-> the raw training rows, batch by batch, in the order of the encoded ones."""


def training_rows(folder: Path, problem: Problem, quarantine: Path) -> Iterator[pa.RecordBatch]:
    """The raw rows of the training split, in the order in which `prepare` encodes them.

    Args:
        quarantine: Parquet file of the rows that validation quarantined.
    """
    problem, sources = open_data(folder, problem)
    quarantined = read_quarantine(quarantine)
    splitter = splitter_of(problem, sources, quarantined)
    for part in sources:
        for name, rows in split_part(part, problem, splitter, [], quarantined):
            if name == "train":
                yield rows


def open_champion(folder: Path, problem: Problem, encoder: Encoder, train_split: EncodedSplit, rows: Rows) -> Champion:
    """The champion of the folder that `write_teacher` wrote; DataError if it is damaged.

    Args:
        rows: the raw rows of `train_split`, which are compared with it when the champion predicts them.
    """
    record = read_teacher(folder)
    if record.champion is None:
        untaught = dict.fromkeys(problem.training.champion_teachers, "there is no champion yet")
        return Champion(version=None, digest=_digest(folder, (RECORD,)), untaught=untaught)
    model = ExportedModel.read(folder)
    _check_graph(folder, model)
    outputs = {output["name"]: output for output in model.signature["outputs"]}
    return Champion(
        version=record.champion,
        digest=_digest(folder, (RECORD, GRAPH, SIGNATURE)),
        outputs=outputs,
        untaught=_untaught(problem, encoder, record, model.changed_columns(encoder), outputs),
        predict=lambda tasks, on_rows: _predict(model, tasks, encoder, train_split, rows, on_rows),
    )


def _predict(
    model: ExportedModel,
    tasks: Sequence[str],
    encoder: Encoder,
    train_split: EncodedSplit,
    rows: Rows,
    on_rows: Callable[[int, int], None],
) -> dict[str, NDArray[Any]]:
    chunks: list[Predictions] = []
    for done, batch in _checked(rows(), encoder, train_split):
        chunks.append(model.predict(pa.Table.from_batches([batch]), encoder, tasks))
        on_rows(done, len(train_split))
    return {task: np.concatenate([chunk[task] for chunk in chunks]) for task in tasks}


def _untaught(
    problem: Problem,
    encoder: Encoder,
    record: TeacherRecord,
    changed_columns: Sequence[str],
    outputs: Mapping[str, Mapping[str, Any]],
) -> dict[str, str]:
    """Task -> reason, for the tasks that declare the champion and that it does not teach."""
    reasons = {}
    for task in objectives(problem.tasks, encoder.tasks):
        options, output = problem.training.champion_teachers.get(task.name), outputs.get(task.name)
        if options is None:
            continue
        if options.when == "if_worse" and task.name not in record.worse:
            reasons[task.name] = "the last challenger was not significantly worse in it than the champion"
        elif changed_columns:
            read = ", ".join(changed_columns[:MAX_NAMES])
            reasons[task.name] = f"the champion reads columns that the problem lacks, or has with another type: {read}"
        elif output is None:
            reasons[task.name] = "the champion has no such task"
        elif output.get("sequence") != encoder.sequences.get(task.name):
            reasons[task.name] = f"redefined since the champion: its items were those of {output.get('sequence')!r}"
        elif difference := mismatch(task, output):
            reasons[task.name] = f"redefined since the champion: {difference}"
    return reasons


def _checked(
    batches: Iterator[pa.RecordBatch], encoder: Encoder, split: EncodedSplit
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The batches, each with the number of rows up to its end; DataError for rows that are not those of the split."""
    start = 0
    for batch in batches:
        stop = start + batch.num_rows
        if stop > len(split) or not _equal(encoder, batch, split, start, stop):
            raise _other_rows_error(split, start)
        yield stop, batch
        start = stop
    if start < len(split):
        raise _other_rows_error(split, start)


def _other_rows_error(split: EncodedSplit, start: int) -> DataError:
    return DataError(
        f"training.teachers: the champion must predict the {len(split):,} training rows that `prepare` encoded, found "
        f"other rows in the data from row {start:,} on; run `mtl retrain`, which encodes them again"
    )


def _equal(encoder: Encoder, batch: pa.RecordBatch, split: EncodedSplit, start: int, stop: int) -> bool:
    """True if the raw rows encode to rows `start` to `stop` of the split."""
    pairs = [(values, split.inputs[name]) for name, values in encoder.encode(batch).items()]
    pairs += [(values, split.labels[name]) for name, values in encoder.labels(batch).items()]
    return all(_same(values, stored, start, stop) for values, stored in pairs)


def _same(values: NDArray[Any] | Ragged, stored: Any, start: int, stop: int) -> bool:
    if not isinstance(values, Ragged):
        return np.array_equal(values, stored[start:stop].numpy(), equal_nan=values.dtype.kind == "f")
    assert isinstance(stored, RaggedTensor)
    offsets = stored.offsets[start : stop + 1].numpy()
    kept = stored.values[offsets[0] : offsets[-1]].numpy()
    own = values.values[values.offsets[0] : values.offsets[-1]]
    return np.array_equal(values.lengths, np.diff(offsets)) and np.array_equal(own, kept)


def _check_graph(folder: Path, model: ExportedModel) -> None:
    """DataError if the signature is that of another graph."""
    with damage_as_data_error(folder / SIGNATURE):
        if hashlib.sha256(model.graph).hexdigest() != model.signature["graph_sha256"]:
            raise ValueError(f"it is the signature of another graph than {GRAPH}")


def _digest(folder: Path, names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()
