"""Stage `report`: one self-contained HTML page of what was learned, and how well."""

from pathlib import Path

from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.files import write_text
from mtl_core.report.page import render
from mtl_core.report.run import Paths, read_run


def run(folder: Path) -> None:
    """Writes artifacts/report.html."""
    layout, problem = Layout(folder), load_problem(folder)
    paths = Paths(
        validation=layout.validation,
        encoded=layout.encoded,
        history=layout.history,
        graph=layout.graph,
        signature=layout.signature,
        checks=layout.checks,
        metrics=layout.metrics,
        evaluation=layout.evaluation,
        predictions=layout.predictions,
        relatedness=layout.relatedness,
        comparison=layout.comparison,
        tuning=layout.tuning,
    )
    page = render(read_run(problem, paths))
    write_text(layout.report, page)
    print(f"{layout.report.name}: {len(page) / 1e6:.2f} MB, opens offline in any browser")
