"""`mtl compare` for a folder."""

from pathlib import Path

import pyarrow.parquet as pq

from flows.console.compare import CompareProgress
from flows.layout import Layout
from flows.provenance import provenance_of
from flows.studies.common import encoded_problem, exclusive_scratch, stored_study, update_report
from mtl_core.config import load_problem
from mtl_core.config.budget import budget_of
from mtl_core.studies.comparison.record import Comparison
from mtl_core.studies.comparison.study import compare_arms
from mtl_core.studies.files import write_study
from mtl_core.studies.requirements import check_sharing


def stored_comparison(folder: Path) -> tuple[Comparison, str]:
    """The last study, and a sentence about its file; DataError if there is none."""
    return stored_study(folder, Layout(folder).comparison, Comparison, "mtl compare")


def run_comparison(folder: Path, seeds: int, policies: bool) -> tuple[Comparison, str]:
    """Run the study and write its file; the study, and a sentence about its file and the report."""
    check_sharing(load_problem(folder), "mtl compare")
    problem, encoder, splits = encoded_problem(folder)
    layout, first = Layout(folder), problem.training.seed
    raw = pq.read_table(layout.encoded / "test.parquet", columns=list(encoder.inputs))
    command = f"mtl compare --seeds {seeds}" + (" --policies" if policies else "")
    provenance = provenance_of(command, range(first, first + seeds), folder, problem)
    epochs = budget_of(problem.training, len(splits.train)).epochs
    with exclusive_scratch(folder, "compare") as scratch, CompareProgress(epochs) as progress:
        study = compare_arms(
            *(problem, encoder, splits, raw, scratch, provenance), policies=policies, progress=progress
        )
    write_study(layout.comparison, study)
    return study, f"written to {layout.comparison.relative_to(folder)}; {update_report(folder)}"
