"""The statistics of the comparison: laws of the interval, and the words of the verdict."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mtl_core.metrics import RowMean
from mtl_core.metrics.bootstrap import interval, resampled
from mtl_core.studies.comparison import (
    HARMS,
    HELPS,
    SAME,
    BootstrapSample,
    ComparedTask,
    Cost,
    Gain,
    Verdict,
    bootstrap_sample,
    gain,
    headline,
    mean_std,
    verdict,
)

Array = NDArray[np.float64]

ERROR = RowMean(name="mae", higher_is_better=False, rows=lambda labels, predictions: np.abs(labels - predictions))
RIGHT = RowMean(name="accuracy", higher_is_better=True, rows=lambda labels, predictions: labels == predictions)
ROWS = 400


def predictions(error: float, seeds: int, *, apart: float = 0.05, start: int = 0) -> list[Array]:
    """Predictions for labels that are all 0: seeds are off by about `error`, and by `apart` from one to the next."""
    generator = np.random.default_rng(start)
    rows = generator.normal(size=ROWS)
    return [error * (1 + apart * generator.normal()) * (1 + 0.3 * rows) for _ in range(seeds)]


def of(error: float, seeds: int, **options: float) -> BootstrapSample:
    return bootstrap_sample(ERROR, np.zeros(ROWS), predictions(error, seeds, **options))  # type: ignore[arg-type]


def bounds(found: Gain) -> tuple[float, float, float]:
    assert found.difference is not None
    assert found.low is not None
    assert found.high is not None
    return found.difference, found.low, found.high


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_arm_against_itself_is_no_difference(seeds: int) -> None:
    arm = of(1.0, seeds)
    difference, low, high = bounds(gain(ERROR, arm, arm))
    assert difference == 0
    assert low < 0 < high
    assert low == pytest.approx(-high)
    assert verdict(gain(ERROR, arm, arm)) == SAME


def test_an_arm_with_one_seed_against_itself_is_zero() -> None:
    arm = of(1.0, 1)
    assert bounds(gain(ERROR, arm, arm)) == (0, 0, 0)
    assert verdict(gain(ERROR, arm, arm)) == SAME


@pytest.mark.parametrize("seeds", [1, 2, 5])
@pytest.mark.parametrize(("ours", "theirs", "expected"), [(1.0, 1.5, HELPS), (1.5, 1.0, HARMS)])
def test_a_planted_difference_is_found_on_its_side(seeds: int, ours: float, theirs: float, expected: Verdict) -> None:
    found = gain(ERROR, of(ours, seeds), of(theirs, seeds, start=1))
    difference, low, high = bounds(found)
    assert low <= difference <= high
    assert np.sign(difference) == np.sign(theirs - ours)  # an error that is lower is better
    assert verdict(found) == expected


def test_where_higher_is_better_the_sign_is_as_it_stands() -> None:
    labels = np.arange(ROWS) % 2
    good = [np.where(np.arange(ROWS) % 10 == seed, 1 - labels, labels) for seed in range(3)]
    poor = [np.where(np.arange(ROWS) % 3 == seed, 1 - labels, labels) for seed in range(3)]
    found = gain(RIGHT, bootstrap_sample(RIGHT, labels, good), bootstrap_sample(RIGHT, labels, poor))
    difference, low, _ = bounds(found)
    assert difference == pytest.approx(0.9 - 2 / 3, abs=1e-3)
    assert low > 0


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_exchanging_the_arms_turns_the_signs_and_nothing_else(seeds: int) -> None:
    ours, theirs = of(1.0, seeds), of(1.02, seeds, start=3)
    difference, low, high = bounds(gain(ERROR, ours, theirs))
    other, other_low, other_high = bounds(gain(ERROR, theirs, ours))
    assert (other, other_low, other_high) == pytest.approx((-difference, -high, -low))


def test_with_one_seed_the_interval_is_that_of_the_rows() -> None:
    ours, theirs = predictions(1.0, 1)[0], predictions(1.1, 1, start=2)[0]
    labels = np.zeros(ROWS)
    found = gain(ERROR, bootstrap_sample(ERROR, labels, [ours]), bootstrap_sample(ERROR, labels, [theirs]))
    rows = [resampled(ERROR, labels, predicted, resamples=200) for predicted in (ours, theirs)]
    low, high = interval(rows[1] - rows[0])
    assert bounds(found)[1:] == pytest.approx((low, high), rel=0.05)  # quantiles of every value twice


def test_the_rows_are_drawn_in_pairs() -> None:
    """Chance that both arms share cancels: the interval of the difference is far narrower than that of each."""
    labels = np.zeros(ROWS)
    ours, theirs = [1 + 0.3 * predictions(1.0, 1)[0]], [1.1 + 0.3 * predictions(1.0, 1)[0]]
    _, low, high = bounds(gain(ERROR, bootstrap_sample(ERROR, labels, ours), bootstrap_sample(ERROR, labels, theirs)))
    alone = interval(resampled(ERROR, labels, ours[0], resamples=200))
    assert high - low < 0.1 * (alone[1] - alone[0])


def test_seeds_that_differ_make_the_interval_wider() -> None:
    widths = []
    for apart in (0.0, 0.1):
        _, low, high = bounds(gain(ERROR, of(1.0, 5, apart=apart), of(1.0, 5, apart=apart, start=4)))
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]


def test_no_labelled_row_is_no_interval_and_no_verdict() -> None:
    nothing = bootstrap_sample(ERROR, np.zeros(0), [np.zeros(0)] * 2)
    found = gain(ERROR, nothing, nothing)
    assert found == Gain(difference=None, low=None, high=None)
    assert verdict(found) is None
    assert verdict(None) is None
    one = BootstrapSample(values=np.array([1.0, np.nan]), draws=of(1.0, 2).draws)  # undefined with one of the seeds
    assert gain(ERROR, one, of(1.0, 2)) == Gain(difference=None, low=None, high=None)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.1, 0.2, HELPS), (0.0, 0.2, SAME), (-0.1, 0.1, SAME), (-0.2, 0.0, SAME), (-0.2, -0.1, HARMS)],
)
def test_an_interval_that_touches_zero_decides_nothing(low: float, high: float, expected: Verdict) -> None:
    assert verdict(Gain(difference=0.0, low=low, high=high)) == expected


@pytest.mark.parametrize(
    ("values", "mean", "std"),
    [
        ([1.0, 3.0], 2.0, 2**0.5),
        ([1.0], 1.0, None),
        ([1.0, None, 3.0], 2.0, 2**0.5),
        ([None, 2.0], 2.0, None),
        ([None, None], None, None),
    ],
)
def test_the_spread_is_over_the_seeds_that_are_defined(
    values: Sequence[float | None], mean: float | None, std: float | None
) -> None:
    found = mean_std(values)
    assert found.values == tuple(values)
    assert found.mean == mean
    assert found.std == (None if std is None else pytest.approx(std))


def task(found: Verdict | None) -> ComparedTask:
    return ComparedTask(
        metric="auc", higher_is_better=True, unit="", arms={}, over_single=None, over_boosted=None, verdict=found
    )


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ({"a": HELPS}, "Sharing helps 1 of 1 task."),
        ({"a": HELPS, "b": HELPS}, "Sharing helps 2 of 2 tasks."),
        ({"a": HARMS, "b": HARMS, "c": None}, "Sharing harms 2 of 2 tasks (negative transfer: a, b)."),
        ({"a": SAME, "b": SAME}, "Sharing makes no difference beyond chance to 2 of 2 tasks."),
        (
            {"a": HELPS, "b": SAME, "c": HARMS},
            "Sharing helps 1 of 3 tasks, harms 1 (negative transfer: c) and makes no difference beyond chance to 1.",
        ),
    ],
)
def test_the_headline_counts_and_names_negative_transfer(verdicts: dict[str, Verdict | None], words: str) -> None:
    tasks = {name: task(found) for name, found in verdicts.items()}
    cost = {
        "hold": Cost(parameters=1, seconds=1.0, ms_1000=3.0),
        "single_task": Cost(parameters=4, seconds=2.0, ms_1000=4.0),
    }
    assert headline(tasks, cost, "hold") == (
        f"{words} The one network takes 25% of the parameters, 50% of the training time and 75% of the time to serve "
        "1,000 rows of the single-task networks together."
    )


def test_without_a_verdict_there_is_nothing_to_say() -> None:
    assert headline({"a": task(None)}, {}, "hold").startswith("No task could be compared")
