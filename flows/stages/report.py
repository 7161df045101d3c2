"""Stage `report`: one self-contained HTML page of the data, the training and the results."""

from pathlib import Path

from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.files import write_text
from mtl_core.report.page import render
from mtl_core.report.run import Paths, read_run


def run(folder: Path) -> None:
    """Write artifacts/report.html."""
    layout = Layout(folder)
    artifacts = read_run(load_problem(folder), report_paths(layout))
    for error in artifacts.unreadable_studies.values():
        print(f"warning: not shown: {error}")
    page = render(artifacts)
    write_text(layout.report, page)
    print(f"{layout.report.name}: {len(page) / 1e6:.2f} MB, opens offline in any browser")


def report_paths(layout: Layout) -> Paths:
    """The artifacts that the report shows."""
    return Paths(
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
        replay=layout.replay,
    )
