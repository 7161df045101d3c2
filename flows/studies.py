"""What the studies have in common: the rows that they are given, and the report that shows what they told."""

from pathlib import Path

from flows.code import refresh_code
from flows.layout import Layout
from flows.pipeline import bring_up_to_date, is_up_to_date
from mtl_core.config import Problem, load_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.studies.arms import Splits

__all__ = ["encoded", "scratch", "show_in_report"]


def encoded(folder: Path) -> tuple[Problem, Encoder, Splits]:
    """The folder's problem with its rows as training sees them; the stages before training are brought up to date."""
    problem, layout = load_problem(folder), Layout(folder)
    refresh_code(folder)
    for stage in ("validate", "prepare"):
        bring_up_to_date(folder, stage)
    encoder = Encoder.load(layout.encoder)
    train, validation, test = (
        EncodedSplit.open(layout.encoded / name, encoder) for name in ("train", "validation", "test")
    )
    return problem, encoder, Splits(train=train, validation=validation, test=test)


def scratch(folder: Path, study: str) -> Path:
    """Where a study of that name keeps what it goes on from after a kill."""
    return Layout(folder).state / "studies" / study


def show_in_report(folder: Path) -> str:
    """Draws the report anew where there is one of what is declared now, and says in words where the study is shown."""
    report = Layout(folder).report
    if not report.exists():
        return "the report will show it: `mtl retrain` makes one"
    if not all(is_up_to_date(folder, stage) for stage in ("train", "export", "check")):
        return "the report is of an earlier declaration; `mtl retrain` makes one that shows it"
    bring_up_to_date(folder, "report")
    return f"shown in {report.relative_to(folder)}"
