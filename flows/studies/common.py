"""Common steps of the studies: encoded rows, scratch folders, files, the report."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.console.terminal import open_console
from flows.layout import Layout
from flows.pipeline.graph import DIGESTS, bring_up_to_date, is_up_to_date
from flows.running import exclusive_run
from mtl_core.config import Problem, load_problem
from mtl_core.data.encoder import Encoder
from mtl_core.errors import DataError
from mtl_core.locks import exclusive_command
from mtl_core.studies.files import Study, read_study
from mtl_core.studies.splits import Splits


def encoded_problem(folder: Path) -> tuple[Problem, Encoder, Splits]:
    """The folder's problem, its encoder and splits; the stages before training are brought up to date."""
    problem, layout = load_problem(folder), Layout(folder)
    with exclusive_run(folder):
        for stage in (DIGESTS, "validate", "prepare"):
            bring_up_to_date(folder, stage)
    if taught := problem.training.champion_teachers:
        note = f"studies train without the champion, the declared teacher of {', '.join(taught)}"
        open_console(stderr=True).out(note)
    encoder = Encoder.load(layout.encoder)
    return problem, encoder, Splits.open(layout.encoded, encoder)


def scratch_folder(folder: Path, study: str) -> Path:
    """Folder for the finished parts of a study of that name, from which a killed study resumes."""
    return Layout(folder).state / "studies" / study


@contextmanager
def exclusive_scratch(folder: Path, study: str) -> Iterator[Path]:
    """The scratch folder, for one command at a time; RunInProgress for another."""
    path = scratch_folder(folder, study)
    with exclusive_command(path.with_suffix(".lock"), f"mtl {study}"):
        yield path


def stored_study(folder: Path, path: Path, kind: type[Study], command: str) -> tuple[Study, str]:
    """The study in a file, and a sentence about the file; DataError, naming the command, where there is none."""
    if (study := read_study(path, kind)) is None:
        raise DataError(f"{path}: must exist to be shown, found no file; run `{command}`")
    return study, f"written to {path.relative_to(folder)}"


def update_report(folder: Path) -> str:
    """Update the report unless it is out of date for other reasons; a sentence about where the study is shown."""
    report = Layout(folder).report
    if not report.exists():
        return "no report yet; run `mtl retrain` to create one"
    with exclusive_run(folder, wait=True):  # the study may have taken hours
        bring_up_to_date(folder, DIGESTS)
        if not all(is_up_to_date(folder, stage) for stage in ("train", "export", "check")):
            return "the report is out of date; run `mtl retrain` to update it"
        bring_up_to_date(folder, "report")
    return f"shown in {report.relative_to(folder)}"
