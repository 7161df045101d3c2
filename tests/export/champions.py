"""Champions of prepared problems, as `mtl retrain` writes them for the stage `train`."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from mtl_core.config import Problem, Training
from mtl_core.export.champion import training_rows
from mtl_core.export.signature import signature
from mtl_core.model import Network
from mtl_core.teacher_files import TeacherRecord, write_teacher
from tests.small import Small


def write_champion(folder: Path, small: Small, network: Network, graph: bytes, *worse: str) -> Path:
    """The folder with that network as the champion `NAME:1`."""
    model = folder / "model"
    model.mkdir()
    (model / "model.onnx").write_bytes(graph)
    document = signature(small.problem, small.encoder, network.objectives, graph)
    (model / "signature.json").write_text(json.dumps(document))
    write_teacher(folder / "teacher", TeacherRecord(champion=f"{small.problem.name}:1", worse=worse), model)
    return folder / "teacher"


def taught_by_champion(problem: Problem, *tasks: str, **options: Any) -> Problem:
    """The problem with the champion as the teacher of those tasks."""
    teachers = {task: {"kind": "champion", **options} for task in tasks}
    training = Training.model_validate({**problem.training.model_dump(), "teachers": teachers})
    return problem.model_copy(update={"training": training})


def rows_of(small: Small, problem: Problem) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Function that reads the raw training rows."""
    return partial(training_rows, small.folder, problem, small.folder / "quarantine.parquet")
