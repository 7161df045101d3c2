"""Quantiles: what lies below them is counted, and their band stands beside what happened."""

import numpy as np
import pytest

from mtl_core.report.forms.quantiles import Quantiles
from mtl_core.report.run import Scored

LEVELS = (0.1, 0.5, 0.9)
FORM = Quantiles(levels=LEVELS, unit="minutes")


def made(rows: int = 4000, wide: float = 1.0) -> Scored:
    """What happens is spread evenly over a unit, and the quantiles are true where `wide` is 1."""
    generator = np.random.default_rng(0)
    start = 10 * generator.random(rows)
    quantiles = start[:, None] + 0.5 + wide * (np.array(LEVELS) - 0.5)
    return Scored(labels=(start + generator.random(rows)).astype(np.float32), predictions=quantiles.astype(np.float32))


def test_true_quantiles_have_as_much_below_them_as_they_say() -> None:
    calibration, band = FORM.figures(made())
    for level, row in zip(LEVELS, calibration.rows, strict=True):
        assert row[0] == f"{level * 100:.0f}%"
        low, high = (float(bound.rstrip("%")) for bound in row[2].split(" to "))
        assert low <= level * 100 <= high
    for row in band.rows:
        said, was = np.array(row[1::2], dtype=float), np.array(row[2::2], dtype=float)
        assert said[[0, 2]] - said[1] == pytest.approx([-0.4, 0.4], abs=0.02)
        assert was == pytest.approx(said, abs=0.7)  # a bin is 10 / 12 wide
    assert sum(int(row[0]) for row in band.rows) == 4000


@pytest.mark.parametrize(
    ("wide", "observed"), [(0.5, (0.3, 0.5, 0.7)), (2.0, (0.0, 0.5, 1.0))], ids=["too narrow", "too wide"]
)
def test_a_band_of_the_wrong_width_is_seen(wide: float, observed: tuple[float, ...]) -> None:
    scored = made(wide=wide)
    rows = FORM.figures(scored)[0].rows
    shares = [float(row[1].replace("< ", "").replace("> ", "").rstrip("%")) / 100 for row in rows]
    assert shares == pytest.approx(observed, abs=0.03)
    inside = observed[2] - observed[0]
    said = FORM.sentence(scored)
    assert said.startswith(f"Between its 10% and its 90% quantile, {0.8 * wide:g} minutes apart in the median, lie ")
    assert float(said.split("lie ")[1].split("%")[0]) / 100 == pytest.approx(inside, abs=0.03)
    assert said.endswith("of what happened; it should be 80%.")


def test_a_label_on_the_quantile_is_not_above_it() -> None:
    same = Scored(labels=np.ones(60, dtype=np.float32), predictions=np.ones((60, 3), dtype=np.float32))
    assert [row[1] for row in FORM.figures(same)[0].rows] == ["100%"] * 3


def test_a_single_level_has_no_band() -> None:
    form = Quantiles(levels=(0.25,), unit="")
    scored = Scored(labels=np.arange(100.0), predictions=np.full((100, 1), 24.0))
    assert form.sentence(scored) == "25% of what happened is not above its 25% quantile."
    calibration, band = form.figures(scored)
    assert calibration.rows == (("25%", "25%", "17.5% to 34.3%"),)
    assert "band" not in band.caption
    assert band.rows == (("100", "24", "24"),)
    assert form.trivial(np.array([24.0])) == "the same quantiles for every row: 24 (25%)"


@pytest.mark.parametrize("levels", [(0.5,), (0.4, 0.6), LEVELS, (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)])
def test_any_number_of_levels_of_any_number_of_rows_can_be_drawn(levels: tuple[float, ...]) -> None:
    form = Quantiles(levels=levels, unit="EUR")
    for rows in (1, 2, 700):
        scored = Scored(labels=np.arange(rows) * 1.0, predictions=np.arange(rows)[:, None] + np.array(levels))
        calibration, band = form.figures(scored)
        assert len(calibration.rows) == len(levels)
        assert {len(row) for row in band.rows} == {1 + 2 * len(levels)} == {len(band.head)}
    areas = str(band.svg).count('fill-opacity="0.18"') + str(band.svg).count('opacity="0.18"')
    assert (areas > 0) == (len(levels) > 1) == ("the band lies between those of" in band.caption)
    assert (len(levels) == 7) == ("the darker one between those of 5% and 95%" in band.caption)


def test_the_trivial_answer_and_the_spread() -> None:
    assert FORM.trivial(np.array([3.0, 7.5, 21.0])) == (
        "the same quantiles for every row: 3 minutes (10%), 7.5 minutes (50%), 21 minutes (90%)"
    )
    balance = FORM.balance({"train": np.arange(101.0)})
    assert (balance.rows, balance.unit) == ({"train": ("10", "50", "90")}, "minutes")
