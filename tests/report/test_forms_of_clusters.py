"""Clusters: how many rows each has, how sure of it, and what classes they hold."""

import numpy as np
import pytest

from mtl_core.report.forms.clusters import Clusters
from mtl_core.report.run import Scored


def sure(chosen: list[int], clusters: int, chance: float = 0.95) -> np.ndarray:
    """(rows, clusters) probabilities with that of the chosen one given."""
    rest = (1 - chance) / (clusters - 1)
    return np.where(np.eye(clusters)[chosen] == 1, chance, rest).astype(np.float32)


SCORED = Scored(
    labels=np.array([0, 0, 1, 1, 1, 2], dtype=np.int16),
    predictions=np.concatenate([sure([2, 2, 0], 4), sure([0, 2, 2], 4, chance=0.55)]),
)


def test_sizes_and_sureness_without_a_target() -> None:
    form = Clusters(clusters=4)
    sizes, sureness = form.figures(SCORED)
    assert sizes.rows == (
        ("0", "2", "33.3%", "75%"),
        ("1", "0", "0%", "\N{EN DASH}"),
        ("2", "4", "66.7%", "75%"),
        ("3", "0", "0%", "\N{EN DASH}"),
    )
    assert sum(int(row[2]) for row in sureness.rows) == 6
    assert (sureness.rows[0][0], sureness.rows[-1][1]) == ("25%", "100%")
    assert form.sentence(SCORED) == (
        "The largest of its 4 clusters has 66.7% of rows, the smallest 0%. 2 of 4 clusters have none. A row's cluster "
        "has a probability of 90% or more in 50% of rows."
    )
    balance = form.balance({"train": SCORED.labels})
    assert (balance.head, balance.rows) == ((), {"train": ()})
    assert form.trivial(np.full(4, 0.25)) == "the same probabilities for every row, which tell none apart"


def test_one_empty_cluster_is_told_in_the_singular() -> None:
    scored = Scored(labels=np.zeros(2, dtype=np.int16), predictions=sure([0, 1], 3))
    assert "1 of 3 clusters has none." in Clusters(clusters=3).sentence(scored)
    full = Scored(labels=np.zeros(3, dtype=np.int16), predictions=sure([0, 1, 2], 3))
    assert "none" not in Clusters(clusters=3).sentence(full)


def test_classes_are_compared_with() -> None:
    form = Clusters(clusters=4, classes=("a", "b"))
    against = form.figures(SCORED)[2]
    assert against.head == ("cluster", "share of rows", "a", "b", "not in training")
    assert against.rows[0] == ("0", "33.3%", "0%", "100%", "0%")
    assert against.rows[1] == ("1", "0%", "0%", "0%", "0%")
    assert against.rows[2] == ("2", "66.7%", "50%", "25%", "25%")
    assert form.balance({"train": SCORED.labels[:5], "test": SCORED.labels}).head == ("a", "b", "not in training")
    assert form.balance({"train": SCORED.labels[:5]}).head == ("a", "b")
    assert form.balance({"train": SCORED.labels[:0]}).head == ("a", "b")


@pytest.mark.parametrize("clusters", [2, 31, 1000])
def test_any_number_of_clusters_can_be_drawn(clusters: int) -> None:
    chosen = (np.arange(600) % clusters).tolist()
    labels = (np.arange(600) % 40).astype(np.int16)
    form = Clusters(clusters=clusters, classes=tuple(f"class {place}" for place in range(40)))
    sizes, sureness, against = form.figures(Scored(labels=labels, predictions=sure(chosen, clusters)))
    assert len(sizes.rows) == min(clusters, 30)
    assert ("Drawn are the 30 largest of" in sizes.caption) == (clusters > 30)
    drawn = sum(int(row[1]) for row in sizes.rows)
    others = f"the others have {(1 - drawn / 600) * 100:.1f}% of rows".replace(".0%", "%")
    assert clusters <= 30 or others in sizes.caption
    assert sum(int(row[2]) for row in sureness.rows) == 600
    assert len(against.rows) == min(clusters, 10)
    assert len(against.head) == 2 + 10


def test_probabilities_a_hair_beyond_their_bounds_are_counted() -> None:
    rows = np.array([[1.0000001, 0.0], [0.49999997, 0.49999997]], dtype=np.float32)
    sureness = Clusters(clusters=2).figures(Scored(labels=np.zeros(2, dtype=np.int16), predictions=rows))[1]
    assert [row[2] for row in sureness.rows] == ["1", *["0"] * 18, "1"]
