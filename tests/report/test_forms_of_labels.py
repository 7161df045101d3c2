# ruff: noqa: RUF001  (the page writes a true minus, times and dash)
"""Labels: each is told by itself, and what is unknown counts nowhere."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from mtl_core.report.forms.labels import Labels
from mtl_core.report.run import Scored


def made(labels: int, rows: int = 400, unknown: float = 0.2) -> Scored:
    """Labels that get rarer from the first to the last."""
    generator = np.random.default_rng(0)
    chance = np.linspace(0.6, 0.05, labels) * generator.random((rows, labels)) * 2
    known = np.where(generator.random((rows, labels)) < chance, 1, 0)
    known[generator.random((rows, labels)) < unknown] = -1
    return Scored(labels=known.astype(np.int8), predictions=np.clip(chance, 0, 1).astype(np.float32))


def test_every_label_has_its_line() -> None:
    scored = made(6)
    found, reliable = Labels(labels=tuple("abcdef")).figures(scored)
    assert [row[0] for row in found.rows] == list("abcdef")
    for place, row in enumerate(found.rows):
        known = scored.labels[:, place] >= 0
        answers, chance = scored.labels[known, place], scored.predictions[known, place]
        assert row[1] == f"{answers.mean() * 100:.1f}%".replace(".0%", "%")
        assert row[2] == f"{roc_auc_score(answers, chance):.3f}"
        low, high = map(float, row[3].split(" to "))
        assert low < float(row[2]) < high
    assert sum(int(row[3].replace(",", "")) for row in reliable.rows) == (scored.labels >= 0).sum()


def test_what_is_unknown_changes_nothing() -> None:
    scored = made(4)
    other = np.where(scored.labels < 0, 1 - scored.predictions, scored.predictions)
    form = Labels(labels=tuple("abcd"))
    changed = Scored(labels=scored.labels, predictions=other)
    assert [figure.rows for figure in form.figures(changed)] == [figure.rows for figure in form.figures(scored)]
    assert form.sentence(changed) == form.sentence(scored)


def test_the_commonest_of_many_are_drawn_and_the_rest_told() -> None:
    scored, names = made(30), tuple(f"label {place}" for place in range(30))
    found = Labels(labels=names).figures(scored)[0]
    shares = [float(row[1].rstrip("%")) for row in found.rows]
    assert len(shares) == 20
    assert shares == sorted(shares, reverse=True)
    drawn = [names.index(row[0]) for row in found.rows]
    known, yes = (scored.labels >= 0).sum(axis=0), (scored.labels == 1).sum(axis=0)
    rest = np.delete(yes / known, drawn).max()
    assert (
        f"Drawn are the 20 commonest of 30 labels; each of the others applies to {rest * 100:.1f}% of" in found.caption
    )
    assert rest * 100 <= shares[-1]


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ([1, 1, 1, 1], ("100%", "–", "–")),
        ([0, 0, 0, 0], ("0%", "–", "–")),
        ([-1, -1, -1, -1], ("–", "–", "–")),
        ([1, 0, -1, -1], ("50%", "1.000", "0.207 to 1.000")),  # 1 / (1 + 1.96²), as of one row by Wilson
    ],
)
def test_a_label_of_one_answer_has_no_auc(column: list[int], cells: tuple[str, ...]) -> None:
    labels = np.stack([np.array([1, 0, 1, 0]), np.array(column)], axis=1).astype(np.int8)
    predictions = np.array([[0.9, 0.8], [0.1, 0.2], [0.8, 0.3], [0.2, 0.4]], dtype=np.float32)
    found = Labels(labels=("a", "b")).figures(Scored(labels=labels, predictions=predictions))[0]
    (row,) = (row[1:] for row in found.rows if row[0] == "b")
    assert row == cells


def answers(labels: list[list[int]], chances: list[list[float]]) -> Scored:
    return Scored(labels=np.array(labels, dtype=np.int8), predictions=np.array(chances, dtype=np.float32))


@pytest.mark.parametrize(
    ("scored", "sentence"),
    [
        (answers([[0, -1]], [[0.9, 0.9]]), "No labelled test row has any of the labels."),
        (answers([[1, -1]], [[0.4, 0.9]]), "It gives no label of any row a probability of 50% or more."),
        (
            answers([[1, 1], [0, 1], [1, -1]], [[0.5, 0.2], [0.6, 0.1], [0.4, 0.9]]),
            "Of the labels with a probability of 50% or more 50% are right, and they are 25% of all that apply.",
        ),
    ],
)
def test_what_it_gives_at_a_half(scored: Scored, sentence: str) -> None:
    assert Labels(labels=("a", "b")).sentence(scored) == sentence


def test_what_it_gives_at_thresholds_of_their_own() -> None:
    scored = answers([[1, 1], [0, 1], [1, -1]], [[0.5, 0.2], [0.6, 0.1], [0.4, 0.9]])
    assert Labels(labels=("a", "b"), thresholds=(0.55, 0.15)).sentence(scored) == (
        "Of the labels with a probability that reaches their thresholds (0.15 to 0.55) 50% are right, and they are 25% "
        "of all that apply."
    )
    assert "a probability of 20% or more" in Labels(labels=("a", "b"), thresholds=(0.2, 0.2)).sentence(scored)


def test_the_spread_of_labels() -> None:
    train: NDArray[Any] = np.array(
        [[1, 0, 0, 0, 1], [1, 1, 0, 0, -1], [0, 1, 1, 0, -1], [1, 1, 0, 0, -1]], dtype=np.int8
    )
    balance = Labels(labels=tuple("abcde")).balance({"train": train, "test": train[:0]})
    assert balance.head == ("e", "a", "b", "c", "labels a row")
    assert balance.rows == {"train": ("100%", "75%", "75%", "25%", "2.75"), "test": ("–",) * 5}


def test_the_trivial_answer_names_the_commonest() -> None:
    said = Labels(labels=("a", "b")).trivial(np.array([0.25, 0.5], dtype=np.float32))
    assert said == "of every row how common each label is in training; “b” is the commonest with 50%"
