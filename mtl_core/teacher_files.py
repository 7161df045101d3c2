"""artifacts/teacher: the champion whose predictions a training learns from, as files that DVC tracks.

teacher.json                  the champion's version, and the tasks in which the last challenger was worse
model.onnx, signature.json    its files; none if no champion teaches
"""

import shutil
from pathlib import Path
from typing import Any

from mtl_core.errors import DataError
from mtl_core.files import damage_as_data_error, pending_folder, write_text
from mtl_core.frozen import Frozen

RECORD, GRAPH, SIGNATURE = "teacher.json", "model.onnx", "signature.json"


class TeacherRecord(Frozen):
    """Content of teacher.json."""

    champion: str | None = None
    """Version in the store; None if there was none yet, or no task has a champion as its teacher."""
    worse: tuple[str, ...] = ()
    """Tasks with `when: if_worse` in which the last challenger was significantly worse than the champion."""


def write_teacher(folder: Path, record: TeacherRecord, model: Path | None = None) -> None:
    """Replace the folder; `model`: the folder with the champion's graph and signature."""
    with pending_folder(folder) as temporary:
        if model is not None:
            for name in (GRAPH, SIGNATURE):
                shutil.copyfile(model / name, temporary / name)
        write_text(temporary / RECORD, _text(record))


def _text(record: TeacherRecord) -> str:
    return record.model_dump_json(indent=1) + "\n"


def read_teacher(folder: Path) -> TeacherRecord:
    """The record of the folder; DataError for a damaged or a missing one."""
    path = folder / RECORD
    if not path.exists():
        raise DataError(f"{path}: must exist to train with a champion, found no file; run `mtl stage digests` first")
    with damage_as_data_error(path):
        return TeacherRecord.model_validate_json(path.read_bytes())


def keep_teacher(folder: Path, params: Any) -> None:
    """Empty the folder, except for its record, if `params` declare no champion as a teacher; make a missing folder.

    A folder with the right content is not touched.
    """
    path, empty = folder / RECORD, _text(TeacherRecord())
    if not path.exists() or (not declares_champion(params) and path.read_bytes() != empty.encode()):
        write_teacher(folder, TeacherRecord())


def declares_champion(params: Any) -> bool:
    """True if a document like `params.yaml`, valid or not, declares a champion as the teacher of a task."""
    training = params.get("training") if isinstance(params, dict) else None
    teachers = training.get("teachers") if isinstance(training, dict) else None
    options = teachers.values() if isinstance(teachers, dict) else ()
    return any(isinstance(teacher, dict) and teacher.get("kind") == "champion" for teacher in options)
