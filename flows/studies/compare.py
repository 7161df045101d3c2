"""`mtl compare` for a folder: the study, its file, its section in the report."""

from pathlib import Path

import pyarrow.parquet as pq

from flows.console.compare import CompareProgress
from flows.layout import Layout
from flows.provenance import provenance_of
from flows.studies import encoded, exclusive_scratch, kept, show_in_report
from mtl_core.config import load_problem
from mtl_core.config.budget import budget_of
from mtl_core.studies.compared_runs import check_sharing, parts_of
from mtl_core.studies.comparing import compare_arms
from mtl_core.studies.comparison import Comparison
from mtl_core.studies.files import write_study


def kept_comparison(folder: Path) -> tuple[Comparison, str]:
    """The last study, and a sentence about its file; DataError where there is none."""
    path = Layout(folder).comparison
    return kept(path, Comparison, "mtl compare"), f"written to {path.relative_to(folder)}"


def compared(folder: Path, seeds: int, policies: bool) -> tuple[Comparison, str]:
    """Run the study and write its file; the study, and a sentence about its file and the report."""
    check_sharing(load_problem(folder))
    problem, encoder, splits = encoded(folder)
    layout, first = Layout(folder), problem.training.seed
    raw = pq.read_table(layout.encoded / "test.parquet", columns=list(encoder.inputs))
    command = f"mtl compare --seeds {seeds}" + (" --policies" if policies else "")
    made = provenance_of(command, range(first, first + seeds), folder, problem)
    parts = parts_of(problem, policies, seeds)
    with (
        exclusive_scratch(folder, "compare") as unfinished,
        CompareProgress(parts, budget_of(problem.training, len(splits.train)).epochs) as progress,
    ):
        study = compare_arms(
            *(problem, encoder, splits, raw, unfinished, made),
            policies=policies,
            on_part=progress.on_part,
            on_epoch=progress.on_epoch,
            on_step=progress.on_step,
        )
    write_study(layout.comparison, study)
    return study, f"written to {layout.comparison.relative_to(folder)}; {show_in_report(folder)}"
