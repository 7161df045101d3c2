"""The champion's graph on the raw training rows: alignment, every kind of task, and champions that do not fit."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.testing import assert_allclose

from mtl_core.config import parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.distillation.champion import champion_logits
from mtl_core.errors import DataError
from mtl_core.export.champion import open_champion, training_rows
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.teacher_files import TeacherRecord, keep_teacher, read_teacher, write_teacher
from mtl_core.validation.results import QUARANTINE_SCHEMA
from tests.export.champions import rows_of, taught_by_champion, write_champion
from tests.small import Small, document, table


def test_raw_training_rows_are_the_encoded_ones_in_their_order(tmp_path: Path) -> None:
    """Three parts, quarantined rows, a split by hash."""
    (tmp_path / "data").mkdir()
    for part in range(3):
        pq.write_table(table(400, seed=part), tmp_path / "data" / f"{part}.parquet")
    rows = {"part": ["0.parquet", "0.parquet", "2.parquet"], "row": [0, 77, 399]}
    empty = {name: [""] * 3 for name in ("column", "expectation", "value")}
    pq.write_table(pa.table({**rows, **empty}, schema=QUARANTINE_SCHEMA), tmp_path / "quarantine.parquet")
    problem = parse_problem(document())
    counts = prepare(tmp_path, problem, tmp_path / "quarantine.parquet", tmp_path / "encoded")
    encoder = Encoder.load(tmp_path / "encoded" / "encoder.json")
    stored = EncodedSplit.open(tmp_path / "encoded" / "train", encoder)
    batches = list(training_rows(tmp_path, problem, tmp_path / "quarantine.parquet"))
    assert len(batches) == 3
    raw = pa.Table.from_batches(batches)
    assert raw.num_rows == counts["train"]
    for name, values in (encoder.encode(raw) | encoder.labels(raw)).items():
        expected = (stored.inputs | stored.labels)[name].numpy()
        np.testing.assert_array_equal(values, expected)


def test_soft_targets_of_every_kind_predict_what_the_champion_predicts(
    every_kind: Small, network_of_every_kind: Network, graph_of_every_kind: onnx.ModelProto, tmp_path: Path
) -> None:
    graph = graph_of_every_kind.SerializeToString(deterministic=True)
    folder = write_champion(tmp_path, every_kind, network_of_every_kind, graph)
    supervised = [task for task in network_of_every_kind.objectives if not task.unsupervised]
    names = [task.name for task in supervised]
    problem = taught_by_champion(every_kind.problem, *names)
    champion = open_champion(folder, problem, every_kind.encoder, every_kind.train, rows_of(every_kind, problem))
    assert (champion.version, champion.untaught) == ("small:1", {})
    steps: list[tuple[int, int]] = []
    predictions = champion.predict(names, lambda *step: steps.append(step))
    assert steps[-1] == (len(every_kind.train), len(every_kind.train))
    expected = predictions_of(network_of_every_kind, every_kind.train)
    for task in supervised:
        labels = every_kind.train.flat_labels(task.name).numpy()
        logits = champion_logits(task, champion.outputs[task.name], predictions[task.name], labels, calibration=True)
        actual = task.inverse_link(torch.from_numpy(logits)).numpy()
        scale = max(task.scale, 1.0)
        assert_allclose(actual / scale, expected[task.name] / scale, atol=2e-4, err_msg=task.name)


@pytest.fixture(scope="module")
def late_champion(small: Small, network: Network, graph: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_champion(tmp_path_factory.mktemp("late"), small, network, graph, "late")


def edited(teacher: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of the folder with another signature."""
    (tmp_path / "model").mkdir()
    document = json.loads((teacher / "signature.json").read_text())
    edit(document)
    (tmp_path / "model" / "signature.json").write_text(json.dumps(document))
    (tmp_path / "model" / "model.onnx").write_bytes((teacher / "model.onnx").read_bytes())
    write_teacher(tmp_path / "teacher", read_teacher(teacher), tmp_path / "model")
    return tmp_path / "teacher"


def untaught(small: Small, folder: Path, *tasks: str, **options: Any) -> dict[str, str]:
    problem = taught_by_champion(small.problem, *tasks, **options)
    return dict(open_champion(folder, problem, small.encoder, small.train, rows_of(small, problem)).untaught)


def test_a_champion_that_does_not_fit_a_task_leaves_it_with_the_reason(
    small: Small, late_champion: Path, tmp_path: Path
) -> None:
    assert untaught(small, late_champion, "late", "band", when="if_worse") == {
        "band": "the last challenger was not significantly worse in it than the champion"
    }

    def redefine(document: dict[str, Any]) -> None:
        outputs = {output["name"]: output for output in document["outputs"]}
        outputs["minutes"]["unit"] = "hours"
        outputs["late"]["sequence"] = "words"
        document["outputs"] = [output for name, output in outputs.items() if name != "rare"]

    assert untaught(small, edited(late_champion, tmp_path, redefine), *small.problem.tasks) == {
        "late": "redefined since the champion: its items were those of 'words'",
        "minutes": "redefined since the champion: its unit was 'hours' and is 'minutes'",
        "rare": "the champion has no such task",
    }


def test_a_champion_that_reads_other_columns_teaches_no_task(small: Small, late_champion: Path, tmp_path: Path) -> None:
    def rename(document: dict[str, Any]) -> None:
        document["inputs"][0]["name"] = "color"

    reason = "the champion reads columns that the problem lacks, or has with another type: color"
    assert untaught(small, edited(late_champion, tmp_path, rename), "late") == {"late": reason}


def test_without_a_champion_tasks_learn_from_labels_alone(small: Small, tmp_path: Path) -> None:
    params = {"training": {"teachers": {"late": {"kind": "champion"}}}}
    keep_teacher(tmp_path / "teacher", params)
    problem = taught_by_champion(small.problem, "late")
    champion = open_champion(tmp_path / "teacher", problem, small.encoder, small.train, rows_of(small, problem))
    assert (champion.version, dict(champion.untaught)) == (None, {"late": "there is no champion yet"})


def test_data_that_changed_since_they_were_encoded_are_refused(small: Small, late_champion: Path) -> None:
    problem = taught_by_champion(small.problem, "late")
    batches = list(rows_of(small, problem)())
    whole = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    swapped = whole.take(pa.array([1, 0, *range(2, whole.num_rows)]))
    for rows in ([swapped], [whole.slice(1)], [whole, whole.slice(0, 1)], []):
        champion = open_champion(late_champion, problem, small.encoder, small.train, partial(iter, rows))
        with pytest.raises(DataError, match=r"must predict the \d+ training rows that `prepare` encoded"):
            champion.predict(["late"], lambda done, total: None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("teacher.json", "{"),
        ("teacher.json", None),
        ("signature.json", "{"),
        ("model.onnx", "other"),
        ("model.onnx", None),
    ],
)
def test_damaged_files_are_refused_by_name(
    small: Small, late_champion: Path, tmp_path: Path, name: str, content: str | None
) -> None:
    folder = edited(late_champion, tmp_path, lambda document: None)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    expected = FileNotFoundError if content is None and name == "model.onnx" else DataError
    with pytest.raises(expected, match=r"(signature|teacher)\.json|model\.onnx"):
        untaught(small, folder, "late")


def test_the_folder_is_emptied_only_when_no_champion_is_declared(late_champion: Path, tmp_path: Path) -> None:
    folder = edited(late_champion, tmp_path, lambda document: None)
    keep_teacher(folder, {"training": {"teachers": {"late": {"kind": "champion"}}}})
    assert read_teacher(folder).champion == "small:1"
    keep_teacher(folder, {"training": {"teachers": {"late": {"kind": "boosted"}}}})
    assert read_teacher(folder) == TeacherRecord()
    assert [path.name for path in folder.iterdir()] == ["teacher.json"]
    (folder / "teacher.json").write_text("damaged")
    keep_teacher(folder, {})
    assert read_teacher(folder) == TeacherRecord()
    before = (folder / "teacher.json").stat().st_mtime_ns
    for params in (None, {}, {"training": {"teachers": ["late"]}}):
        keep_teacher(folder, params)
    assert (folder / "teacher.json").stat().st_mtime_ns == before
