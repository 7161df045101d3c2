"""Gains over the months of a replay, with intervals, and which promotions count as bad."""

import pytest

from mtl_core.numbers import Number
from mtl_core.report.studies.replay_tables import gain_text
from mtl_core.studies.replay.record import Change, ReplayedCadence, ReplayedRetrain
from mtl_core.studies.replay.statistics import mean_gain
from tests.report.studies import replay

CHANGE = {"champion": 0.8, "candidate": 0.7, "difference": -0.1}


def test_a_lower_error_is_a_gain_and_undefined_months_are_left_out() -> None:
    study = replay()
    values: tuple[Number, ...] = (9.0, None, 7.0)
    gain = mean_gain(study, "minutes", {"minutes": values}, {"minutes": (10.0, 1.0, 10.0)})
    assert gain is not None
    assert gain.mean == 2.0
    assert gain.half_width == pytest.approx(12.706, abs=1e-3)  # t of one degree of freedom, by a standard error of 1
    assert (gain.low, gain.high) == (pytest.approx(-10.706, abs=1e-3), pytest.approx(14.706, abs=1e-3))


def test_a_single_month_has_no_interval_and_no_month_has_no_gain() -> None:
    study = replay()
    one = mean_gain(study, "late", {"late": (0.7, None, None)}, {"late": (0.6, 0.6, 0.6)})
    assert one is not None
    assert one.mean == pytest.approx(0.1)
    assert (one.half_width, one.low, one.high) == (None, None, None)
    assert mean_gain(study, "late", {"late": (None,) * 3}, {"late": (0.6, 0.6, 0.6)}) is None


def test_only_promotions_that_are_worse_beyond_chance_are_bad() -> None:
    def retrain(outcome: str, low: float, high: float) -> ReplayedRetrain:
        change = Change(**CHANGE, low=low, high=high)
        return ReplayedRetrain.model_validate(
            {
                "month": "2013-04",
                "champion": "a:1",
                "candidate": "a:2",
                "outcome": outcome,
                "seconds": 2.0,
                "processor_seconds": 3.0,
                "next_month": {"late": change},
            }
        )

    bad, by_chance, refused = (
        retrain("promoted", -0.2, -0.1),
        retrain("promoted", -0.2, 0.1),
        retrain("refused", -1, -1),
    )
    cadence = ReplayedCadence(months=1, retrains=(bad, by_chance, refused), scores={})
    assert cadence.bad_promotions == (bad,)
    assert (bad.worse, bad.better, by_chance.worse) == (("late",), (), ())
    assert retrain("kept", 0.1, 0.2).better == ("late",)
    assert cadence.processor_seconds == 9.0
    assert (cadence.count("promoted"), cadence.count("refused"), cadence.count("kept")) == (2, 1, 0)


def test_a_mean_over_fewer_months_says_so() -> None:
    """A model that lacks a class of the later months has no score there: its mean is one over other months."""
    study = replay()
    task = next(iter(study.tasks))
    months = len(study.months)
    assert " of " not in gain_text(study.model_copy(update={"never": {task: (0.5,) * months}}), task, None)
    partly = study.model_copy(update={"never": {task: (0.5, *(None,) * (months - 1))}})
    assert gain_text(partly, task, None).endswith(f" in 1 of {months} months")
