"""Comparison of an added task with a full retrain, on the same test rows."""

import filecmp
from pathlib import Path

from flows.add_task.measure import Candidate
from flows.layout import Layout
from flows.pipeline.failure import StageFailed
from flows.pipeline.graph import bring_up_to_date, is_up_to_date
from mtl_core.data.encoder import Encoder
from mtl_core.errors import CheckFailed
from mtl_core.evaluation import Difference, compare
from mtl_core.export.exported_model import ExportedModel


def train_all_tasks(folder: Path) -> None:
    """Bring the stages up to `check` up to date; the model is neither stored nor promoted, whatever its checks."""
    for stage in ("prepare", "train", "export", "check"):
        try:
            bring_up_to_date(folder, stage)
        except StageFailed as failure:
            if failure.exit_code != CheckFailed.exit_code:
                raise


def compare_with_full_retrain(folder: Path, candidate: Candidate) -> tuple[Difference | None, str]:
    """The task's metric in the trained model of the folder (reference) and with the added head (candidate).

    Returns None and the reason if the artifacts are not those of a full retrain with the task on the same rows.
    """
    layout = Layout(folder)
    if note := _reason_against(layout, candidate):
        return None, f"{note}; to train all tasks for a comparison: --compare"
    test, name = candidate.test_rows(), candidate.task
    reference = ExportedModel.read(layout.graph.parent).predict(test, Encoder.load(layout.encoder), [name])
    added = candidate.predictions(candidate.session(), test, [name])
    return compare(candidate.network.objectives, candidate.labels(test), reference, added)[0], ""


def _reason_against(layout: Layout, candidate: Candidate) -> str:
    """Reason why artifacts/ is not a full retrain with the task on the same test rows; "" if it is."""
    if not (layout.signature.exists() and layout.graph.exists() and layout.encoder.exists()):
        return "there is no trained model in artifacts/"
    if candidate.task not in ExportedModel.read(layout.graph.parent).outputs:
        return "the model in artifacts/ was trained without this task"
    test = layout.encoded / "test.parquet"
    if not test.exists() or not filecmp.cmp(test, candidate.rows.raw("test"), shallow=False):
        return "the model in artifacts/ was measured on other test rows"
    if not all(is_up_to_date(layout.folder, stage) for stage in ("prepare", "train", "export")):
        return "the model in artifacts/ is out of date"
    return ""
