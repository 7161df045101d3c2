# ruff: noqa: RUF001  (the page writes a true minus, times and dash)
"""Classes, in no order or rising: which are taken for which, whatever their number."""

import numpy as np
import pytest

from mtl_core.report.forms.classes import Classes
from mtl_core.report.run import Scored


def test_many_classes_become_few() -> None:
    classes = tuple(f"class {place} with a long name" for place in range(40))
    labels = np.repeat(np.arange(40), np.arange(1, 41))
    form, predictions = Classes(classes=classes), np.eye(40)[labels]
    confusion, _ = form.figures(Scored(labels=labels, predictions=predictions))
    assert [row[0] for row in confusion.rows] == [*classes[31:], "31 others"]
    assert [row[2 + place] for place, row in enumerate(confusion.rows)] == ["100%"] * 10
    balance = form.balance({"train": labels, "test": labels[:0]})
    assert balance.head == (*classes[35:], "35 others")
    assert balance.rows["train"][-1] == "76.8%"
    assert balance.rows["test"] == ("–",) * 6


def test_a_class_that_never_occurs_has_an_empty_line() -> None:
    scored = Scored(labels=np.zeros(60, dtype=np.int16), predictions=np.tile([0.6, 0.4], (60, 1)))
    form = Classes(classes=("here", "nowhere"))
    assert form.figures(scored)[0].rows[1] == ("nowhere", "0%", "0%", "0%")
    assert form.sentence(scored) == "It finds “here” the likeliest in 100% of rows; in truth 100% are."


def test_rising_classes_keep_their_order_and_rare_neighbours_merge() -> None:
    classes = tuple(str(place) for place in range(12))
    labels = np.repeat(np.arange(12), [9, 9, 9, 1, 1, 9, 9, 9, 9, 9, 2, 2])
    chosen = np.clip(labels + np.tile([0, 1, -2], 26), 0, 11)
    form = Classes(classes=classes, rising=True)
    scored = Scored(labels=labels, predictions=np.eye(12)[chosen])
    confusion, _ = form.figures(scored)
    assert [row[0] for row in confusion.rows] == ["0", "1", "2", "3 to 4", "5", "6", "7", "8", "9", "10 to 11"]
    assert "Neighbours that are rare are drawn as one." in confusion.caption
    assert sum(float(row[1].rstrip("%")) for row in confusion.rows) == pytest.approx(100, abs=0.5)  # rounded
    steps = np.abs(chosen - labels)
    exact, near = (f"{np.mean(steps <= most) * 100:.1f}%" for most in (0, 1))
    assert form.sentence(scored) == (
        f"The class that it finds the likeliest is right in {exact} of rows, and at most one step off in {near}."
    )
    balance = form.balance({"train": labels, "test": labels[:0]})
    assert balance.head == ("0 to 1", "2 to 4", "5 to 6", "7 to 8", "9 to 11")
    assert balance.rows["test"] == ("–",) * 5


def test_a_few_rising_classes_stay_as_they_are() -> None:
    scored = Scored(labels=np.array([0, 1, 2, 2], dtype=np.int16), predictions=np.eye(3)[[0, 1, 2, 0]])
    confusion = Classes(classes=("low", "mid", "top"), rising=True).figures(scored)[0]
    assert confusion.rows[2] == ("top", "50%", "50%", "0%", "50%")
    assert "a miss is a small one." in confusion.caption
    assert "Neighbours" not in confusion.caption
