"""Stage `train`: the trained network, and its training history."""

import shutil
from functools import partial
from pathlib import Path

from flows.console.terminal import open_console
from flows.console.train import TrainProgress, summary
from flows.layout import Layout
from mtl_core.config import Problem, load_problem
from mtl_core.data.coverage import check_coverage
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.distillation import Champion
from mtl_core.files import write_text
from mtl_core.training import TrainingResult, train
from mtl_core.training.checkpoint import save_weights


def run(folder: Path) -> None:
    """Write artifacts/training: the weights, the history and a curve per task."""
    layout, problem = Layout(folder), load_problem(folder)
    encoder = Encoder.load(layout.encoder)
    # `prepare` checks this too, for the metrics declared when it last ran; the test labels are not read here.
    check_coverage(problem, encoder, layout.encoded, ("train", "validation"))
    train_split, validation = (EncodedSplit.open(layout.encoded / name, encoder) for name in ("train", "validation"))
    with TrainProgress(problem, encoder, open_console()) as progress:
        champion = _champion(layout, problem, encoder, train_split)
        network, result = train(problem, encoder, train_split, validation, layout.resume, progress, champion)
    save_weights(layout.weights, network.state_dict())
    write_text(layout.history, result.model_dump_json(indent=1))
    _write_curves(layout.training / "plots", result)
    shutil.rmtree(layout.resume)
    for line in summary(result):
        print(line)


def _champion(layout: Layout, problem: Problem, encoder: Encoder, train_split: EncodedSplit) -> Champion | None:
    """The champion where a task declares it as its teacher."""
    if not problem.training.champion_teachers:
        return None
    from mtl_core.export.champion import open_champion, training_rows  # not in the digest of other problems

    rows = partial(training_rows, layout.folder, problem, layout.quarantine)
    return open_champion(layout.teacher, problem, encoder, train_split, rows)


def _write_curves(folder: Path, result: TrainingResult) -> None:
    for task in result.standard_errors:
        lines = [f"{epoch.number},{epoch.values[task]}" for epoch in result.epochs]
        write_text(folder / f"{task}.csv", "\n".join(["epoch,score", *lines]) + "\n")
