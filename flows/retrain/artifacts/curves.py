"""Learning curves of a training: a chart per task, and a table of best and final values."""

from pathlib import Path

from flows.layout import Layout
from flows.retrain.artifacts.markdown import escape, image, table
from mtl_core.config import load_problem
from mtl_core.data.encoder import Encoder
from mtl_core.tasks import objectives
from mtl_core.training.history import TrainingResult

MAX_CHARTS = 12
"""Maximum charts of an artifact; the table has every task."""


def learning_curves(folder: Path) -> str:
    """Markdown of the last training."""
    from mtl_core.report.learning import learning_curve, learning_notes, results_table
    from mtl_core.report.svg_file import svg_file

    layout = Layout(folder)
    result = TrainingResult.model_validate_json(layout.history.read_bytes())
    tasks = objectives(load_problem(folder).tasks, Encoder.load(layout.encoder).tasks)
    curves = [learning_curve(task, "", result) for task in tasks]
    results = results_table(curves)
    charts = [
        f"### {escape(curve.task.name)}\n\n{image(svg_file(curve.chart), curve.label)}" for curve in curves[:MAX_CHARTS]
    ]
    head = f"{len(result.epochs)} epochs; the model has the weights of epoch {result.chosen}"
    return "\n\n".join([head, table(results.head, results.rows), *map(escape, learning_notes(result)), *charts])
