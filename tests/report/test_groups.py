"""Many classes become few: every class is in one group, and no row is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.report.forms.groups import commonest, neighbours

COUNTS = st.lists(st.integers(0, 50), min_size=1, max_size=40).map(np.array)


@pytest.mark.parametrize("grouped", [commonest, neighbours])
@given(counts=COUNTS, most=st.integers(2, 12), seed=st.integers(0, 2**32 - 1))
def test_groups_hold_every_row_once(grouped: object, counts: np.ndarray, most: int, seed: int) -> None:
    names = [f"c{place}" for place in range(len(counts))]
    groups = grouped(names, counts, most)  # type: ignore[operator]
    assert len(groups.names) == min(most, len(counts))
    assert sorted(set(groups.place.tolist())) == list(range(len(groups.names)))
    rows = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    assert groups.counts(rows).sum() == counts.sum()
    table = groups.table(groups, rows, rows)
    assert (np.diag(table) == groups.counts(rows)).all()
    assert table.sum() == counts.sum()
    if len(counts) <= most:
        assert groups.names == tuple(names)


@given(counts=COUNTS, most=st.integers(2, 12))
def test_the_commonest_stand_by_themselves_in_their_own_order(counts: np.ndarray, most: int) -> None:
    groups = commonest([str(place) for place in range(len(counts))], counts, most)
    alone = [int(name) for name in groups.names if "others" not in name]
    assert alone == sorted(alone)
    left = sorted(set(range(len(counts))) - set(alone))
    assert not left or max(counts[left]) <= min(counts[alone])
    if left:
        assert groups.names[-1] == f"{len(left)} others"
        assert (groups.place[left] == len(groups.names) - 1).all()


@given(counts=COUNTS, most=st.integers(2, 12))
def test_neighbours_stay_in_order(counts: np.ndarray, most: int) -> None:
    groups = neighbours([str(place) for place in range(len(counts))], counts, most)
    assert (np.diff(groups.place) >= 0).all()
    for group, name in enumerate(groups.names):
        (members,) = np.nonzero(groups.place == group)
        assert name == (f"{members[0]} to {members[-1]}" if len(members) > 1 else str(members[0]))


def test_the_rarest_neighbours_become_one() -> None:
    groups = neighbours("abcdef", np.array([9, 1, 2, 9, 3, 4]), 4)
    assert groups.names == ("a", "b to c", "d", "e to f")
    assert groups.counts(np.array([1, 2, 2, 5])).tolist() == [0, 3, 0, 1]
    assert neighbours("abcd", np.array([5, 5, 5, 5]), 2).names == ("a to b", "c to d")


def test_a_table_of_two_groupings() -> None:
    mine, other = commonest("ab", np.array([2, 1]), 5), commonest("xyz", np.array([1, 1, 1]), 2)
    table = mine.table(other, np.array([0, 0, 1]), np.array([0, 2, 1]))
    assert other.names == ("x", "2 others")
    assert table.tolist() == [[1, 1], [0, 1]]
