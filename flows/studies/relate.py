"""`mtl relate` for a folder: the study, its files, its section in the report."""

import shutil
from pathlib import Path

from flows.console.relate import RelateProgress
from flows.layout import Layout
from flows.provenance import provenance_of
from flows.studies import encoded, exclusive_scratch, kept, show_in_report
from mtl_core.config import load_problem
from mtl_core.config.budget import budget_of
from mtl_core.files import write_text
from mtl_core.report.studies.relatedness import affinity_figure, vectors_figure
from mtl_core.report.svg_file import svg_file
from mtl_core.studies.files import write_study
from mtl_core.studies.relatedness import Relatedness, check_relatable, relate


def kept_relatedness(folder: Path) -> tuple[Relatedness, str]:
    """The last study, and a sentence about its file; DataError where there is none."""
    path = Layout(folder).relatedness
    return kept(path, Relatedness, "mtl relate"), f"written to {path.relative_to(folder)}"


def related(folder: Path, every: int, vectors: bool) -> tuple[Relatedness, str]:
    """Run the study and write its files; the study, and a sentence about the files and the report."""
    check_relatable(load_problem(folder))
    problem, encoder, splits = encoded(folder)
    command = f"mtl relate --every {every}" + ("" if vectors else " --no-vectors")
    made = provenance_of(command, [problem.training.seed], folder, problem)
    layout = Layout(folder)
    with exclusive_scratch(folder, "relate") as unfinished:
        with RelateProgress(budget_of(problem.training, len(splits.train)).epochs) as progress:
            study = relate(
                *(problem, encoder, splits, unfinished, made),
                every=every,
                vectors=vectors,
                on_epoch=progress.on_epoch,
                on_step=progress.on_step,
            )
        write_study(layout.relatedness, study)
        files = [layout.relatedness, *_draw(layout, study)]
        shutil.rmtree(unfinished)
    names = ", ".join(str(path.relative_to(folder)) for path in files)
    return study, f"written to {names}; {show_in_report(folder)}"


def _draw(layout: Layout, study: Relatedness) -> list[Path]:
    """Write the report's figures as files of their own; a map of an earlier study is removed."""
    affinity, vectors = layout.studies / "affinity.svg", layout.studies / "task-vectors.svg"
    write_text(affinity, svg_file(affinity_figure(study).svg))
    if study.vectors is None:
        vectors.unlink(missing_ok=True)
        return [affinity]
    write_text(vectors, svg_file(vectors_figure(study.vectors).svg))
    return [affinity, vectors]
