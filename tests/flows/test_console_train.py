"""Progress of a training: a table that fits the terminal, plain lines with the time without one; and the summary."""

import io
import re
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from flows.console import bars
from flows.console.terminal import shorten_names
from flows.console.train import TrainProgress, summary
from mtl_core.config import Problem
from mtl_core.config.budget import Budget
from mtl_core.training import Epoch, TrainingResult
from mtl_core.training.history import ChampionLessons, TaskCalibration, TunedThresholds
from tests.small import Small

WIDTH, HEIGHT = 80, 24
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"
LONG = "a_long_name_of_a_task_that_is_much_too_wide_for_any_column_of_a_table"


class Terminal(io.StringIO):
    """A text file that acts as a terminal."""

    def isatty(self) -> bool:
        return True


def epoch(number: int, names: Sequence[str], **changes: tuple[str, ...]) -> Epoch:
    values = {name: (number * 7 + index * 3) % 11 / 11 for index, name in enumerate(names)}
    fields = {"stopped": (), "distilled": (), **changes}
    return Epoch(number=number, losses=values, values=values, scores=values, **fields)


def train_progress(small: Small, names: Sequence[str], file: io.StringIO) -> TrainProgress:
    """Progress of the small problem, with tasks of those names."""
    rare, codec = small.problem.tasks["rare"], small.encoder.tasks[-1]
    document = small.problem.model_dump(mode="json") | {"tasks": {name: rare.model_dump() for name in names}}
    codecs = tuple(codec.model_copy(update={"name": name}) for name in names)
    encoder = small.encoder.model_copy(update={"tasks": codecs})
    progress = TrainProgress(Problem.model_validate(document), encoder, Console(file=file, width=WIDTH, height=HEIGHT))
    progress.on_start(Budget(batch_size=64, steps_per_epoch=12, epochs=6, patience=3))
    return progress


@pytest.mark.parametrize("epochs", [0, 3, 30])
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["late", "band"], id="2 tasks"),
        pytest.param([f"task_{number}" for number in range(12)], id="12 tasks"),
        pytest.param([f"task_{number}" for number in range(40)], id="40 tasks"),
        pytest.param([f"{LONG}_{number}" for number in range(5)], id="long names"),
    ],
)
def test_the_table_fits_the_terminal(
    small: Small, names: list[str], epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    progress = train_progress(small, names, Terminal())
    for number in range(1, epochs + 1):
        progress.on_epoch(epoch(number, names, stopped=(names[0],) if number == epochs else ()))
    progress.on_step(1, 4)
    with progress.console.capture() as captured:
        progress.console.print(progress)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", captured.get()).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= HEIGHT
    text = "\n".join(lines)
    assert names[0][:12] in text
    assert names[0][-8:] in text
    if epochs:
        assert f"{epoch(epochs, names).values[names[0]]:.4f} ■" in text  # the last epoch is never left out


def test_names_that_would_look_alike_lose_their_common_prefix() -> None:
    ends = "x" * 20
    assert shorten_names(["late", f"begins_{ends}"], 12) == ["late", "begins…xxxxx"]
    similar = [f"common_{number}_{ends}" for number in range(3)]
    assert shorten_names(similar, 12) == [f"…{number}_xxx…xxxxx" for number in range(3)]


def test_the_whole_table_is_printed_at_the_end(small: Small) -> None:
    names, file = [f"task_{number}" for number in range(40)], io.StringIO()
    with train_progress(small, names, file) as progress:
        progress.on_epoch(epoch(1, names))
    table = file.getvalue().split("training small", 1)[1]
    assert [name for name in names if f" {name} " not in table] == []


def test_without_a_terminal_lines_have_a_time(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bars, "LOG_SECONDS", 0)
    names, file = ["late", "band"], io.StringIO()
    with train_progress(small, names, file) as progress:
        progress.on_teacher("late", 1, 2)
        progress.on_step(1, 4)
        progress.on_epoch(epoch(1, names, distilled=("band",)))
    text = file.getvalue()
    assert "\r" not in text
    assert "\x1b" not in text
    teacher, step, scores, *_ = text.splitlines()
    assert re.fullmatch(rf"{TIME} teacher of late: 1 of 2", teacher)
    assert re.fullmatch(rf"{TIME} .*: 1 of 4", step)
    assert re.fullmatch(
        rf"{TIME} epoch 1 of at most 6, 0.0 s: late auc 0.6364 best, band auc 0.9091 best distilled", scores
    )


def test_steps_are_logged_at_intervals(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bars, "LOG_SECONDS", 3_600)
    file = io.StringIO()
    progress = train_progress(small, ["late"], file)
    for step in range(100):
        progress.on_step(step, 100)
    assert len(file.getvalue().splitlines()) == 1


def test_colours_in_a_log_do_not_make_it_a_terminal(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with train_progress(small, ["late"], file) as progress:
        progress.on_epoch(epoch(1, ["late"]))
    assert re.match(rf"{TIME} epoch 1 of", file.getvalue())
    assert "\r" not in file.getvalue()


def trained(**fields: Any) -> TrainingResult:
    """Result of one epoch of two tasks."""
    defaults = {
        "budget": Budget(batch_size=64, steps_per_epoch=12, epochs=6, patience=3),
        "epochs": (epoch(1, ["late", "tags"]),),
        "chosen": 1,
        "standard_errors": {"late": 1.0, "tags": 1.0},
        "parameters": 1_000,
    }
    return TrainingResult(**defaults | fields)


def test_the_summary_names_the_tasks_that_the_champion_taught_and_the_reason_for_others() -> None:
    lessons = ChampionLessons(champion="a:1", taught=("late",), untaught={"tags": "the champion has no such task"})
    _, first, second = summary(trained(champion_teacher=lessons))
    assert first == "taught by champion a:1: late"
    assert second == ("not taught by the champion: tags learned from its labels alone; the champion has no such task")


def test_the_summary_has_calibrations_and_thresholds() -> None:
    measured = {"value": 0.9, "log_loss_before": 0.5, "log_loss_after": 0.4, "ece_before": 0.1, "ece_after": 0.05}
    result = trained(
        calibrations=(
            TaskCalibration(task="late", method="temperature", temperatures=(1.5,), **measured),
            TaskCalibration(task="tags", method="identity", reason="off", **measured),
        ),
        thresholds=(
            TunedThresholds(task="late", thresholds=(0.25,)),
            TunedThresholds(task="tags", thresholds=(0.5, 0.125)),
        ),
    )
    assert list(summary(result))[1:] == [
        "calibrated, log loss on validation: late 0.5 to 0.4",
        "thresholds tuned on validation: late 0.25, tags 0.125 to 0.5",
    ]
    assert len(list(summary(trained()))) == 1


def test_the_summary_has_thresholds_that_could_not_be_tuned() -> None:
    result = trained(
        thresholds=(
            TunedThresholds(task="late", thresholds=(0.5,), untuned=1),
            TunedThresholds(task="tags", thresholds=(0.5, 0.125, 0.5), untuned=2),
        ),
    )
    _, tuned, untuned = summary(result)
    assert tuned == "thresholds tuned on validation: tags 0.125 to 0.5"
    assert untuned.startswith("thresholds left at 0.5,")
    assert untuned.endswith("fewer than 10 positive or negative rows: late, tags (2 of 3)")


def test_the_summary_names_tasks_that_the_limit_cut_short() -> None:
    names = ["late", "tags"]
    budget = Budget(batch_size=64, steps_per_epoch=12, epochs=2, patience=2)
    result = trained(budget=budget, epochs=(epoch(1, names), epoch(2, names)), chosen=2)
    assert any("limit of 2 epochs" in line and "late" in line for line in summary(result))
