"""Section on the hyperparameter search."""

from typing import Any

from mtl_core.report.metric_names import metric_title
from mtl_core.report.plots.figure import Table
from mtl_core.report.plots.trials import optimization_history, slice_plot
from mtl_core.report.run import Run
from mtl_core.report.theme import svg
from mtl_core.report.wording import number, option_value, percent, signed
from mtl_core.studies.tuning.apply import experiment_command


def section(run: Run) -> dict[str, Any] | None:
    """Variables of the template; None without a study."""
    study = run.tuning
    if study is None:
        return None
    best = next(trial for trial in study.trials if trial.number == study.best)
    states = [trial.state for trial in study.trials]
    current, changes = run.is_current(study.provenance), study.differences(best)
    importance = {path: f"importance {percent(share)}" for path, share in study.importance.items()}
    label = f"Optimization history of {len(states)} trials; best: trial {best.number}, {signed(best.objective, 2)} s.e."
    options = ((path, option_value(study.declared[path]), option_value(value)) for path, value in changes.items())
    tasks = (
        (
            *(task, metric_title(measure.metric), number(measure.value), number(best.values.get(task))),
            signed(measure.gain(best.values.get(task)), 2),
        )
        for task, measure in study.baseline.items()
    )
    return {
        "current": current,
        "provenance": study.provenance,
        "counts": ", ".join(f"{states.count(s)} {s}" for s in ("complete", "pruned", "failed") if s in states),
        "best": best.number,
        "objective": signed(best.objective, 2),
        "worst": signed(best.worst, 2),
        "history": svg(optimization_history(study), label),
        "slices": [
            (path, importance.get(path, ""), svg(slice_plot(study, path), f"Objective of every trial over {path}"))
            for path in study.space
        ],
        "changes": Table(head=("option", "declared", f"trial {best.number}"), rows=tuple(options)),
        "tasks": Table(head=("task", "metric", "declared", f"trial {best.number}", "gain, s.e."), rows=tuple(tasks)),
        "left_out": [task for task, measure in study.baseline.items() if measure.value is None],
        "experiment": experiment_command(run.problem, changes) if current and best.number else "",
    }
