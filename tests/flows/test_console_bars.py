"""Progress of validation and of the studies without a terminal: plain lines with the time."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from flows.console import bars
from flows.console.bars import Bars
from flows.console.compare import CompareProgress
from flows.console.relate import RelateProgress
from flows.console.retrain import print_stage
from flows.console.tune import TuneProgress
from mtl_core.studies.tuning import Trial
from mtl_core.training import Epoch

EPOCH = Epoch(number=1, losses={}, values={}, scores={}, stopped=(), distilled=())
TRIAL = Trial(number=3, state="failed", changes={}, epochs=1, seconds=1.0, error="too [large]")


def compare() -> None:
    with CompareProgress(20) as progress:
        progress.on_part("hold, seed 0", 0, 5)
        progress.on_epoch("", EPOCH)
        progress.on_step(3, 9)


def relate() -> None:
    with RelateProgress(20) as progress:
        progress.on_step(3, 9)
        progress.on_epoch("vectors", EPOCH)


def tune() -> None:
    with TuneProgress(1, 8, None) as progress:
        progress.on_epoch(3, EPOCH)
        progress.on_end(TRIAL)


def validate() -> None:
    with Bars(Console(stderr=True)) as progress:
        assert list(progress.track([7, 8], "parts")) == [7, 8]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda: print_stage("train"), ["stage train"]),
        (validate, ["parts: 0 of 2", "parts: 1 of 2"]),
        (compare, ["part 1 of 5: hold, seed 0", "hold, seed 0: 0 of 5; all tasks: epoch 2 of at most 20: 3 of 9"]),
        (relate, ["the declared trunk: epoch 1 of at most 20: 3 of 9", "task vectors: epoch 2 of at most 20: 0 of 9"]),
        (tune, ["trials: 1 of 8; trial 3: epoch 1 done", "trial 3 failed: too [large]"]),
    ],
    ids=["a stage", "parts", "compare", "relate", "tune"],
)
def test_progress_is_lines_with_the_time(
    run: Callable[[], Any], expected: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bars, "LOG_SECONDS", 0)
    run()
    out, text = capsys.readouterr()
    assert out == ""
    assert "\r" not in text
    assert "\x1b" not in text
    times, lines = zip(*(line.split(" ", 1) for line in text.splitlines()), strict=True)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", time) for time in times)
    assert set(expected) <= set(lines)
