# ruff: noqa: RUF001  (the page writes a true minus, times and dash)
"""Forms: the right one for each entry of a signature, and pictures of whatever comes."""

from typing import Any

import numpy as np
import pytest

from mtl_core.report.forms import form_of
from mtl_core.report.forms.classes import Classes
from mtl_core.report.forms.clusters import Clusters
from mtl_core.report.forms.labels import Labels
from mtl_core.report.forms.probability import Probability
from mtl_core.report.forms.quantiles import Quantiles
from mtl_core.report.forms.quantity import Quantity
from mtl_core.report.forms.unknown import Unknown
from mtl_core.report.run import Scored


@pytest.mark.parametrize(
    ("output", "form"),
    [
        ({"form": "number", "unit": "probability"}, Probability()),
        ({"form": "number", "unit": "probability", "threshold": 0.25}, Probability(threshold=0.25)),
        ({"form": "number", "unit": "EUR"}, Quantity(unit="EUR")),
        ({"form": "number", "unit": ""}, Quantity(unit="")),
        ({"form": "class_probabilities", "unit": "probability", "classes": ["a", "b"]}, Classes(classes=("a", "b"))),
        (
            {"form": "class_probabilities", "kind": "ordinal", "unit": "probability", "classes": ["a", "b"]},
            Classes(classes=("a", "b"), rising=True),
        ),
        ({"form": "label_probabilities", "unit": "probability", "labels": ["a"]}, Labels(labels=("a",))),
        (
            {"form": "label_probabilities", "unit": "probability", "labels": ["a", "b"], "thresholds": [0.25, 0.5]},
            Labels(labels=("a", "b"), thresholds=(0.25, 0.5)),
        ),
        ({"form": "quantiles", "unit": "EUR", "levels": [0.1, 0.9]}, Quantiles(levels=(0.1, 0.9), unit="EUR")),
        ({"form": "cluster_probabilities", "unit": "probability", "clusters": 3}, Clusters(clusters=3)),
    ],
)
def test_form_of(output: dict[str, Any], form: object) -> None:
    assert type(form_of(output)) is type(form)
    assert vars(form_of(output)) == vars(form)


def test_a_form_we_do_not_know_has_no_picture() -> None:
    form = form_of({"form": "tags_of_tokens", "unit": ""})
    assert isinstance(form, Unknown)
    scored = Scored(labels=np.zeros(3), predictions=np.zeros(3))
    assert (form.figures(scored), form.sentence(scored)) == ((), "")
    assert form.balance({"train": scored.labels}).rows == {"train": ()}
    assert form.trivial(np.zeros(())) == "the best answer that looks at no feature"


def test_a_task_without_a_yes_in_the_test_split() -> None:
    scored = Scored(labels=np.zeros(80, dtype=np.int8), predictions=np.linspace(0, 0.2, 80))
    assert Probability().sentence(scored) == "No labelled test row is a yes."
    assert len(Probability().figures(scored)) == 1


def test_one_row_can_be_drawn() -> None:
    one = np.ones(1, dtype=np.int8)
    assert len(Probability().figures(Scored(labels=one, predictions=np.full(1, 0.5)))) == 2
    assert len(Quantity(unit="").figures(Scored(labels=np.ones(1), predictions=np.ones(1)))) == 2
    assert len(Classes(classes=("a", "b")).figures(Scored(labels=one, predictions=np.full((1, 2), 0.5)))) == 2


def test_ties_push_the_top_further() -> None:
    scored = Scored(labels=np.repeat([0, 1], [50, 50]), predictions=np.repeat([0.1, 0.9], [50, 50]))
    assert Probability().sentence(scored) == "The 50% of rows that it finds likeliest hold 100% of all yes."


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        (0.5, "With a threshold of 0.5 it decides yes for 50% of rows: 80% of them are (precision), and they are 80%"),
        (0.95, "With a threshold of 0.95 it decides yes for 0% of rows."),
    ],
)
def test_a_declared_threshold_decides(threshold: float, words: str) -> None:
    scored = Scored(labels=np.repeat([0, 1, 0, 1], [40, 10, 10, 40]), predictions=np.repeat([0.1, 0.9], [50, 50]))
    assert words in Probability(threshold=threshold).sentence(scored)
    assert "threshold" not in Probability().sentence(scored)


def test_probabilities_before_calibration_are_drawn_beside_those_after() -> None:
    chances = np.linspace(0.3, 0.7, 1_000)
    labels = (np.random.default_rng(0).random(1_000) < chances).astype(np.int8)
    sharp = 1 / (1 + (1 / chances - 1) ** 4)
    two = {
        "labels": np.stack([labels, 1 - labels], axis=1),
        "predictions": np.stack([chances, 1 - chances], axis=1),
        "uncalibrated": np.stack([sharp, 1 - sharp], axis=1),
    }
    drawn = {
        Probability(): Scored(labels=labels, predictions=chances, uncalibrated=sharp),
        Classes(classes=("no", "yes")): Scored(**{**two, "labels": 1 - labels}),
        Labels(labels=("a", "b")): Scored(**two),
    }
    for form, scored in drawn.items():
        (found,) = (figure for figure in form.figures(scored) if "taken at their word" in figure.title)
        off, before = (float(words.split()[-1]) for words in found.caption.split(" percentage points")[:2])
        assert off < 5 < before
        plain = Scored(labels=scored.labels, predictions=scored.predictions)
        (without,) = (figure for figure in form.figures(plain) if "taken at their word" in figure.title)
        assert "before calibration" not in without.caption
        assert len(without.svg) < len(found.svg)


def test_residuals_count_every_row_or_say_how_many_not() -> None:
    off = np.concatenate([np.zeros(980), [1e9] * 20])
    figure = Quantity(unit="EUR").figures(Scored(labels=off, predictions=np.zeros(1000)))[1]
    drawn = sum(int(row[2].replace(",", "")) for row in figure.rows)
    assert drawn in (980, 1000)
    assert "Not drawn: " + ("0%" if drawn == 1000 else "2%") in figure.caption


def test_the_spread_of_labels() -> None:
    balance = Quantity(unit="EUR").balance({"train": np.arange(101.0), "test": np.empty(0)})
    assert balance.rows == {"train": ("10", "50", "90"), "test": ("–", "–", "–")}
    assert balance.unit == "EUR"


def test_counts_are_told_by_their_mean() -> None:
    generator = np.random.default_rng(0)
    rate = np.exp(generator.normal(size=3000) / 2 - 1)
    counts = generator.poisson(rate).astype(np.float32)
    fan, residuals = Quantity(unit="visits").figures(Scored(labels=counts, predictions=rate.astype(np.float32)))
    assert "Line: the mean of what happened" in fan.caption
    assert all(float(row[1]) == pytest.approx(float(row[0]), abs=0.2) for row in fan.rows)
    assert {row[4] for row in fan.rows} <= {"0", "1"}  # the median, in steps
    assert "The mean is" in residuals.caption
    assert float(residuals.caption.split("The mean is ")[1].split(" visits")[0].replace("\N{MINUS SIGN}", "-")) < 0.05


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_one_value_everywhere_can_be_drawn(value: float) -> None:
    same = np.full(200, value, dtype=np.float32)
    assert len(Quantity(unit="").figures(Scored(labels=same, predictions=same))) == 2
