"""The best partitions: against all partitions there are, and the laws that hold however many tasks there are."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.studies import grouping
from mtl_core.studies.grouping import EXACT_UP_TO, Grouping, groupings

law = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])  # however busy the machine
Groups = tuple[tuple[int, ...], ...]
Array = NDArray[Any]


def names(count: int) -> list[str]:
    return [f"t{place}" for place in range(count)]


def places(found: Grouping) -> Groups:
    return tuple(tuple(int(task[1:]) for task in network) for network in found.networks)


def partitions(count: int) -> Iterator[list[list[int]]]:
    """All of them."""
    if count == 0:
        yield []
        return
    for smaller in partitions(count - 1):
        for place in range(len(smaller)):
            yield [[*group, count - 1] if number == place else group for number, group in enumerate(smaller)]
        yield [*smaller, [count - 1]]


def total(affinity: Array, groups: Any) -> float:
    """As the paper says it, task by task."""
    found = 0.0
    for group in groups:
        for target in group:
            others = [affinity[source, target] for source in group if source != target]
            found += sum(others) / len(others) if others else 0.0
    return found


def matrices(least: int, most: int) -> st.SearchStrategy[Array]:
    numbers = st.integers(-1_000, 1_000)
    return st.integers(least, most).flatmap(
        lambda n: st.lists(numbers, min_size=n * n, max_size=n * n).map(lambda flat: np.array(flat).reshape(n, n) / 1e4)
    )


def planted(sizes: list[int], seed: int = 0) -> tuple[Array, Groups]:
    """Tasks in mixed order that help those of their block and harm all others, and the blocks."""
    generator = np.random.default_rng(seed)
    block = generator.permutation(np.repeat(np.arange(len(sizes)), sizes))
    alike = block[:, None] == block
    affinity = np.where(alike, 0.02, -0.01) + 0.002 * generator.normal(size=alike.shape)
    groups = tuple(sorted(tuple(np.flatnonzero(block == number).tolist()) for number in range(len(sizes))))
    return affinity, groups


@law
@given(affinity=matrices(1, 6))
def test_no_partition_is_better(affinity: Array) -> None:
    count = len(affinity)
    best = dict.fromkeys(range(1, count + 1), -np.inf)
    for groups in partitions(count):
        best[len(groups)] = max(best[len(groups)], total(affinity, groups))
    for networks, found in enumerate(groupings(names(count), affinity, count), start=1):
        assert found.exact
        assert len(found.networks) == networks
        assert found.total == pytest.approx(best[networks], abs=1e-12)
        assert found.total == pytest.approx(total(affinity, places(found)), abs=1e-12)


@law
@given(affinity=matrices(2, 8), data=st.data())
def test_the_order_of_the_tasks_changes_no_sum(affinity: Array, data: st.DataObject) -> None:
    count = len(affinity)
    order = data.draw(st.permutations(range(count)))
    turned = groupings([f"t{place}" for place in order], affinity[np.ix_(order, order)], count)
    for a, b in zip(groupings(names(count), affinity, count), turned, strict=True):
        assert a.total == pytest.approx(b.total, abs=1e-12)


@law
@given(affinity=matrices(1, EXACT_UP_TO + 3))
def test_every_task_is_in_one_network_in_order_and_one_network_and_all_alone_are_what_they_are(affinity: Array) -> None:
    count = len(affinity)
    found = groupings(names(count), affinity, count)
    for networks, partition in enumerate(found, start=1):
        groups = places(partition)
        assert len(groups) == networks
        assert sorted(task for group in groups for task in group) == list(range(count))
        assert all(list(group) == sorted(group) for group in groups)
        assert all(a[0] < b[0] for a, b in pairwise(groups))
        assert partition.exact == (count <= EXACT_UP_TO)
    assert places(found[0]) == (tuple(range(count)),)
    assert found[0].total == pytest.approx(total(affinity, [range(count)]))
    assert places(found[-1]) == tuple((task,) for task in range(count))
    assert found[-1].total == 0
    assert found == groupings(names(count), affinity, count)


@pytest.mark.parametrize("sizes", [[3, 4], [2, 3, 4], [6, 6], [5, 5, 5], [4, 8, 3, 6], [20, 20]])
def test_blocks_that_were_planted_are_found(sizes: list[int]) -> None:
    affinity, groups = planted(sizes)
    found = groupings(names(len(affinity)), affinity, len(sizes) + 1)
    assert places(found[len(sizes) - 1]) == groups
    assert found[len(sizes) - 1].total > found[0].total


@law
@given(affinity=matrices(EXACT_UP_TO + 1, EXACT_UP_TO + 6))
def test_of_many_tasks_no_single_move_gains(affinity: Array) -> None:
    for found in groupings(names(len(affinity)), affinity, 4)[1:]:
        groups = [list(group) for group in places(found)]
        for home, group in enumerate(groups):
            for task in group if len(group) > 1 else []:
                for to in range(len(groups)):
                    moved = [[t for t in g if t != task] + [task] * (n == to) for n, g in enumerate(groups)]
                    assert home == to or total(affinity, moved) <= found.total + 1e-9


@law
@given(affinity=matrices(4, 7))
def test_the_greedy_way_never_beats_the_exact_one(affinity: Array) -> None:
    count = len(affinity)
    exact = groupings(names(count), affinity, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "EXACT_UP_TO", 0)
        greedy = groupings(names(count), affinity, count)
    assert not any(partition.exact for partition in greedy)
    assert all(a.total >= b.total - 1e-12 for a, b in zip(exact, greedy, strict=True))
    assert greedy[0].total == pytest.approx(exact[0].total)


def test_of_equal_ones_the_first_network_has_the_earlier_tasks() -> None:
    found = groupings(names(5), np.zeros((5, 5)), 5)
    assert [places(partition) for partition in found[:3]] == [
        ((0, 1, 2, 3, 4),),
        ((0, 1, 2, 3), (4,)),
        ((0, 1, 2), (3,), (4,)),
    ]


def test_the_diagonal_does_not_count() -> None:
    affinity, _ = planted([3, 3])
    assert groupings(names(6), affinity, 6) == groupings(names(6), affinity + 7 * np.eye(6), 6)


def test_fewer_networks_may_be_asked_for() -> None:
    affinity, _ = planted([3, 3])
    assert groupings(names(6), affinity, 2) == groupings(names(6), affinity, 6)[:2]


@pytest.mark.parametrize(
    ("tasks", "affinity", "most", "words"),
    [
        (["a", "b"], np.zeros((2, 3)), 1, "must be 2 x 2 for 2 tasks, found (2, 3)"),
        (["a", "b"], np.zeros(2), 1, "must be 2 x 2"),
        (["a"], np.zeros((2, 2)), 1, "must be 1 x 1"),
        ([], np.zeros((0, 0)), 1, "must be from 1 to 0"),
        (["a", "b"], np.array([[0, np.nan], [0, 0]]), 1, "every number must be finite"),
        (["a", "b"], np.zeros((2, 2)), 3, "must be from 1 to 2, the number of tasks, found 3"),
        (["a", "b"], np.zeros((2, 2)), 0, "must be from 1 to 2"),
    ],
)
def test_what_cannot_be_grouped_is_refused(tasks: list[str], affinity: Array, most: int, words: str) -> None:
    with pytest.raises(DataError) as refused:
        groupings(tasks, affinity, most)
    assert words in str(refused.value)
