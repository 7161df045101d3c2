"""Common steps of the studies `mtl compare`, `mtl relate` and `mtl tune`: encoded rows, kept files, the report."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from flows.layout import Layout
from flows.pipeline.graph import DIGESTS, bring_up_to_date, is_up_to_date
from flows.running import exclusive_run
from mtl_core.config import Problem, load_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.errors import DataError
from mtl_core.frozen import Frozen
from mtl_core.locks import exclusive_command
from mtl_core.studies.arms import Splits
from mtl_core.studies.files import read_study

Study = TypeVar("Study", bound=Frozen)


def encoded(folder: Path) -> tuple[Problem, Encoder, Splits]:
    """The folder's problem, its encoder and splits; the stages before training are brought up to date."""
    problem, layout = load_problem(folder), Layout(folder)
    with exclusive_run(folder):
        for stage in (DIGESTS, "validate", "prepare"):
            bring_up_to_date(folder, stage)
    encoder = Encoder.load(layout.encoder)
    train, validation, test = (
        EncodedSplit.open(layout.encoded / name, encoder) for name in ("train", "validation", "test")
    )
    return problem, encoder, Splits(train=train, validation=validation, test=test)


def scratch(folder: Path, study: str) -> Path:
    """Folder in which a study of that name keeps its finished parts, so that a killed one resumes."""
    return Layout(folder).state / "studies" / study


@contextmanager
def exclusive_scratch(folder: Path, study: str) -> Iterator[Path]:
    """The same folder, for one command at a time; RunInProgress for another."""
    path = scratch(folder, study)
    with exclusive_command(path.with_suffix(".lock"), f"mtl {study}"):
        yield path


def kept(path: Path, kind: type[Study], command: str) -> Study:
    """The study in a file; DataError, naming the command that writes it, where there is none."""
    if (study := read_study(path, kind)) is None:
        raise DataError(f"{path}: must exist to be shown, found no file; run `{command}`")
    return study


def show_in_report(folder: Path) -> str:
    """Redraw the report, if it is one of the present declaration; a sentence about where the study is shown."""
    report = Layout(folder).report
    if not report.exists():
        return "no report yet; run `mtl retrain` to create one"
    with exclusive_run(folder, wait=True):  # the study may have taken hours
        bring_up_to_date(folder, DIGESTS)
        if not all(is_up_to_date(folder, stage) for stage in ("train", "export", "check")):
            return "the report is out of date; run `mtl retrain` to update it"
        bring_up_to_date(folder, "report")
    return f"shown in {report.relative_to(folder)}"
