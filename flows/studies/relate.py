"""`mtl relate` for a folder."""

import shutil
from pathlib import Path

from flows.console.relate import RelateProgress
from flows.layout import Layout
from flows.provenance import provenance_of
from flows.studies.common import encoded_problem, exclusive_scratch, stored_study, update_report
from mtl_core.config import load_problem
from mtl_core.config.budget import budget_of
from mtl_core.files import write_text
from mtl_core.report.studies.relatedness import affinity_figure, vectors_figure
from mtl_core.report.svg_file import svg_file
from mtl_core.studies.files import write_study
from mtl_core.studies.relatedness.record import Relatedness
from mtl_core.studies.relatedness.study import relate
from mtl_core.studies.requirements import check_sharing


def stored_relatedness(folder: Path) -> tuple[Relatedness, str]:
    """The last study, and a sentence about its file; DataError if there is none."""
    return stored_study(folder, Layout(folder).relatedness, Relatedness, "mtl relate")


def run_relatedness(folder: Path, every: int, vectors: bool) -> tuple[Relatedness, str]:
    """Run the study and write its files; the study, and a sentence about the files and the report."""
    check_sharing(load_problem(folder), "mtl relate")
    problem, encoder, splits = encoded_problem(folder)
    command = f"mtl relate --every {every}" + ("" if vectors else " --no-vectors")
    provenance = provenance_of(command, [problem.training.seed], folder, problem)
    layout, epochs = Layout(folder), budget_of(problem.training, len(splits.train)).epochs
    with exclusive_scratch(folder, "relate") as scratch:
        with RelateProgress(epochs) as progress:
            study = relate(
                *(problem, encoder, splits, scratch, provenance), every=every, vectors=vectors, progress=progress
            )
        write_study(layout.relatedness, study)
        files = [layout.relatedness, *_write_figures(layout, study)]
        shutil.rmtree(scratch)
    names = ", ".join(str(path.relative_to(folder)) for path in files)
    return study, f"written to {names}; {update_report(folder)}"


def _write_figures(layout: Layout, study: Relatedness) -> list[Path]:
    """Write the report's figures as SVG files; the map of an earlier study is removed."""
    affinity, vectors = layout.studies / "affinity.svg", layout.studies / "task-vectors.svg"
    write_text(affinity, svg_file(affinity_figure(study).svg))
    if study.vectors is None:
        vectors.unlink(missing_ok=True)
        return [affinity]
    write_text(vectors, svg_file(vectors_figure(study.vectors).svg))
    return [affinity, vectors]
