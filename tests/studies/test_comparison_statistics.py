"""Statistics of the comparison: laws of the interval, verdicts, and the headline."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mtl_core.metrics import RowMean
from mtl_core.metrics.bootstrap import interval, resampled
from mtl_core.studies.comparison.record import HARMS, HELPS, SAME, ComparedTask, Cost, Gain, Verdict
from mtl_core.studies.comparison.statistics import (
    BootstrapSample,
    bootstrap_sample,
    gain,
    headline,
    mean_std,
    verdict,
)

Array = NDArray[np.float64]

ERROR = RowMean(name="mae", higher_is_better=False, rows=lambda labels, predictions: np.abs(labels - predictions))
ACCURACY = RowMean(name="accuracy", higher_is_better=True, rows=lambda labels, predictions: labels == predictions)
ROWS = 400


def predictions(error: float, seeds: int, *, spread: float = 0.05, start: int = 0) -> list[Array]:
    """Predictions of labels that are all 0: off by about `error`, with a relative standard deviation over the seeds."""
    generator = np.random.default_rng(start)
    rows = generator.normal(size=ROWS)
    return [error * (1 + spread * generator.normal()) * (1 + 0.3 * rows) for _ in range(seeds)]


def sample(predicted: Sequence[Array]) -> BootstrapSample:
    return bootstrap_sample(ERROR, np.zeros(len(predicted[0])), predicted)


def bounds(gain: Gain) -> tuple[float, float, float]:
    assert gain.difference is not None
    assert gain.low is not None
    assert gain.high is not None
    return gain.difference, gain.low, gain.high


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_an_arm_against_itself_has_no_difference(seeds: int) -> None:
    arm = sample(predictions(1.0, seeds))
    difference, low, high = bounds(gain(ERROR, arm, arm))
    assert difference == 0
    assert low == pytest.approx(-high)
    assert (low < 0 < high) == (seeds > 1)
    assert verdict(gain(ERROR, arm, arm)) == SAME


@pytest.mark.parametrize("seeds", [1, 2, 5])
@pytest.mark.parametrize(("error", "reference", "expected"), [(1.0, 1.5, HELPS), (1.5, 1.0, HARMS)])
def test_a_planted_difference_has_its_sign(seeds: int, error: float, reference: float, expected: Verdict) -> None:
    result = gain(ERROR, sample(predictions(error, seeds)), sample(predictions(reference, seeds, start=1)))
    difference, low, high = bounds(result)
    assert low <= difference <= high
    assert np.sign(difference) == np.sign(reference - error)  # a lower error is better
    assert verdict(result) == expected


def test_a_higher_metric_that_is_better_keeps_its_sign() -> None:
    labels = np.arange(ROWS) % 2
    good = [np.where(np.arange(ROWS) % 10 == seed, 1 - labels, labels) for seed in range(3)]
    poor = [np.where(np.arange(ROWS) % 3 == seed, 1 - labels, labels) for seed in range(3)]
    result = gain(ACCURACY, bootstrap_sample(ACCURACY, labels, good), bootstrap_sample(ACCURACY, labels, poor))
    difference, low, _ = bounds(result)
    assert difference == pytest.approx(0.9 - 2 / 3, abs=1e-3)
    assert low > 0


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_exchanging_the_arms_changes_the_signs_only(seeds: int) -> None:
    arm, reference = sample(predictions(1.0, seeds)), sample(predictions(1.02, seeds, start=3))
    difference, low, high = bounds(gain(ERROR, arm, reference))
    assert bounds(gain(ERROR, reference, arm)) == pytest.approx((-difference, -high, -low))


def test_with_one_seed_the_interval_is_that_of_the_rows() -> None:
    arm, reference = predictions(1.0, 1), predictions(1.1, 1, start=2)
    rows = [resampled(ERROR, np.zeros(ROWS), predicted, resamples=200) for (predicted,) in (arm, reference)]
    low, high = interval(rows[1] - rows[0])
    result = gain(ERROR, sample(arm), sample(reference))
    assert bounds(result)[1:] == pytest.approx((low, high), rel=0.05)  # quantiles of every value twice


def test_the_rows_are_resampled_in_pairs() -> None:
    """Noise that both arms share cancels: the interval of the difference is far narrower than that of each."""
    noise = 0.3 * predictions(1.0, 1)[0]
    _, low, high = bounds(gain(ERROR, sample([1 + noise]), sample([1.1 + noise])))
    of_arm = interval(resampled(ERROR, np.zeros(ROWS), 1 + noise, resamples=200))
    assert high - low < 0.1 * (of_arm[1] - of_arm[0])


def test_a_larger_spread_of_the_seeds_widens_the_interval() -> None:
    widths = []
    for spread in (0.0, 0.1):
        arm, reference = (sample(predictions(1.0, 5, spread=spread, start=start)) for start in (0, 4))
        _, low, high = bounds(gain(ERROR, arm, reference))
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]


def test_an_undefined_metric_has_no_interval_and_no_verdict() -> None:
    unlabelled, arm = sample([np.zeros(0)] * 2), sample(predictions(1.0, 2))
    undefined = Gain(difference=None, low=None, high=None)
    assert gain(ERROR, unlabelled, unlabelled) == undefined
    assert verdict(undefined) is None
    assert verdict(None) is None
    one_seed_undefined = BootstrapSample(values=np.array([1.0, np.nan]), resampled=arm.resampled)
    assert gain(ERROR, one_seed_undefined, arm) == undefined


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.1, 0.2, HELPS), (0.0, 0.2, SAME), (-0.1, 0.1, SAME), (-0.2, 0.0, SAME), (-0.2, -0.1, HARMS)],
)
def test_an_interval_with_zero_is_no_difference(low: float, high: float, expected: Verdict) -> None:
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
def test_mean_and_std_are_over_the_defined_seeds(
    values: Sequence[float | None], mean: float | None, std: float | None
) -> None:
    result = mean_std(values)
    assert (result.values, result.mean) == (tuple(values), mean)
    assert result.std == (None if std is None else pytest.approx(std))


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ({"a": HELPS}, "Sharing helps 1 of 1 task."),
        ({"a": HELPS, "b": HELPS}, "Sharing helps 2 of 2 tasks."),
        ({"a": HARMS, "b": HARMS, "c": None}, "Sharing harms 2 of 2 tasks (negative transfer: a, b)."),
        ({"a": SAME, "b": SAME}, "Sharing makes no significant difference to 2 of 2 tasks."),
        (
            {"a": HELPS, "b": SAME, "c": HARMS},
            "Sharing helps 1 of 3 tasks, harms 1 (negative transfer: c) and makes no significant difference to 1.",
        ),
        ({"a": None}, "No task could be compared"),
    ],
)
def test_the_headline_counts_verdicts_and_gives_the_relative_cost(
    verdicts: dict[str, Verdict | None], words: str
) -> None:
    tasks = {
        name: ComparedTask(
            metric="auc", higher_is_better=True, unit="", arms={}, over_single=None, over_boosted=None, verdict=of_task
        )
        for name, of_task in verdicts.items()
    }
    cost = {
        "hold": Cost(parameters=1, seconds=1.0, ms_1000=3.0),
        "single_task": Cost(parameters=4, seconds=2.0, ms_1000=4.0),
    }
    text = headline(tasks, cost, "hold")
    assert text.startswith(words)
    assert ("25% of the parameters, 50% of the training time and 75% of" in text) == any(verdicts.values())
