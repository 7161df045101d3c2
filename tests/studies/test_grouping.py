"""Best partitions: compared with an enumeration of all, and laws for any number of tasks."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.studies.relatedness import grouping
from mtl_core.studies.relatedness.grouping import EXACT_UP_TO, Grouping, groupings

law = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])  # however busy the machine
Groups = tuple[tuple[int, ...], ...]
Array = NDArray[Any]


def names(count: int) -> list[str]:
    return [f"t{index}" for index in range(count)]


def indices(partition: Grouping) -> Groups:
    return tuple(tuple(int(task[1:]) for task in network) for network in partition.networks)


def partitions(count: int) -> Iterator[list[list[int]]]:
    """All partitions."""
    if count == 0:
        yield []
        return
    for smaller in partitions(count - 1):
        for index in range(len(smaller)):
            yield [[*group, count - 1] if number == index else group for number, group in enumerate(smaller)]
        yield [*smaller, [count - 1]]


def total(affinity: Array, groups: Any) -> float:
    """The paper's definition, task by task."""
    result = 0.0
    for group in groups:
        for target in group:
            others = [affinity[source, target] for source in group if source != target]
            result += sum(others) / len(others) if others else 0.0
    return result


def matrices(min_tasks: int, max_tasks: int) -> st.SearchStrategy[Array]:
    numbers = st.integers(-1_000, 1_000)
    return st.integers(min_tasks, max_tasks).flatmap(
        lambda n: st.lists(numbers, min_size=n * n, max_size=n * n).map(lambda flat: np.array(flat).reshape(n, n) / 1e4)
    )


def planted(sizes: list[int], seed: int = 0) -> tuple[Array, Groups]:
    """Tasks in random order that help those of their block and harm all others, and the blocks."""
    generator = np.random.default_rng(seed)
    block = generator.permutation(np.repeat(np.arange(len(sizes)), sizes))
    same = block[:, None] == block
    affinity = np.where(same, 0.02, -0.01) + 0.002 * generator.normal(size=same.shape)
    groups = tuple(sorted(tuple(np.flatnonzero(block == number).tolist()) for number in range(len(sizes))))
    return affinity, groups


@law
@given(affinity=matrices(1, 6))
def test_no_partition_is_better(affinity: Array) -> None:
    count = len(affinity)
    best = dict.fromkeys(range(1, count + 1), -np.inf)
    for groups in partitions(count):
        best[len(groups)] = max(best[len(groups)], total(affinity, groups))
    for networks, partition in enumerate(groupings(names(count), affinity, count), start=1):
        assert partition.total == pytest.approx(best[networks], abs=1e-12)
        assert partition.total == pytest.approx(total(affinity, indices(partition)), abs=1e-12)


@law
@given(affinity=matrices(2, 8), data=st.data())
def test_the_order_of_the_tasks_changes_no_total(affinity: Array, data: st.DataObject) -> None:
    count = len(affinity)
    order = data.draw(st.permutations(range(count)))
    permuted = groupings([f"t{index}" for index in order], affinity[np.ix_(order, order)], count)
    for a, b in zip(groupings(names(count), affinity, count), permuted, strict=True):
        assert a.total == pytest.approx(b.total, abs=1e-12)


@law
@given(affinity=matrices(1, EXACT_UP_TO + 3))
def test_every_task_is_in_one_network_in_order(affinity: Array) -> None:
    count = len(affinity)
    result = groupings(names(count), affinity, count)
    for networks, partition in enumerate(result, start=1):
        groups = indices(partition)
        assert len(groups) == networks
        assert sorted(task for group in groups for task in group) == list(range(count))
        assert all(list(group) == sorted(group) for group in groups)
        assert all(a[0] < b[0] for a, b in pairwise(groups))
        assert partition.exact == (count <= EXACT_UP_TO)
    assert result[0].total == pytest.approx(total(affinity, [range(count)]))
    assert result[-1].total == 0
    assert result == groupings(names(count), affinity, count)


@pytest.mark.parametrize("sizes", [[3, 4], [2, 3, 4], [6, 6], [5, 5, 5], [4, 8, 3, 6], [20, 20]])
def test_planted_blocks_are_recovered(sizes: list[int]) -> None:
    affinity, groups = planted(sizes)
    result = groupings(names(len(affinity)), affinity, len(sizes) + 1)
    assert indices(result[len(sizes) - 1]) == groups
    assert result[len(sizes) - 1].total > result[0].total


@law
@given(affinity=matrices(EXACT_UP_TO + 1, EXACT_UP_TO + 6))
def test_no_move_of_one_task_improves_a_greedy_partition(affinity: Array) -> None:
    for partition in groupings(names(len(affinity)), affinity, 4)[1:]:
        groups = [list(group) for group in indices(partition)]
        for source, group in enumerate(groups):
            for task in group if len(group) > 1 else []:
                for target in range(len(groups)):
                    moved = [[t for t in g if t != task] + [task] * (n == target) for n, g in enumerate(groups)]
                    assert source == target or total(affinity, moved) <= partition.total + 1e-9


@law
@given(affinity=matrices(4, 7))
def test_the_greedy_search_never_beats_the_exact_one(affinity: Array) -> None:
    count = len(affinity)
    exact = groupings(names(count), affinity, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "EXACT_UP_TO", 0)
        greedy = groupings(names(count), affinity, count)
    assert not any(partition.exact for partition in greedy)
    assert all(a.total >= b.total - 1e-12 for a, b in zip(exact, greedy, strict=True))
    assert greedy[0].total == pytest.approx(exact[0].total)


def test_of_equal_partitions_the_first_network_has_the_earlier_tasks() -> None:
    result = groupings(names(5), np.zeros((5, 5)), 5)
    assert [indices(partition) for partition in result[:3]] == [
        ((0, 1, 2, 3, 4),),
        ((0, 1, 2, 3), (4,)),
        ((0, 1, 2), (3,), (4,)),
    ]


def test_neither_the_diagonal_nor_the_maximum_number_of_networks_changes_a_partition() -> None:
    affinity, _ = planted([3, 3])
    result = groupings(names(6), affinity, 6)
    assert groupings(names(6), affinity + 7 * np.eye(6), 6) == result
    assert groupings(names(6), affinity, 2) == result[:2]


@pytest.mark.parametrize(
    ("tasks", "affinity", "max_networks", "words"),
    [
        (["a", "b"], np.zeros((2, 3)), 1, r"^affinity: .* 2 x 2 .* found \(2, 3\)"),
        (["a", "b"], np.zeros(2), 1, r"found \(2,\)"),
        (["a"], np.zeros((2, 2)), 1, "must be 1 x 1"),
        ([], np.zeros((0, 0)), 1, "^networks: must be from 1 to 0"),
        (["a", "b"], np.array([[0, np.nan], [0, 0]]), 1, "^affinity: .* finite"),
        (["a", "b"], np.zeros((2, 2)), 3, "^networks: must be from 1 to 2, .* found 3"),
        (["a", "b"], np.zeros((2, 2)), 0, "found 0"),
    ],
)
def test_a_matrix_or_number_that_does_not_fit_is_refused(
    tasks: list[str], affinity: Array, max_networks: int, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        groupings(tasks, affinity, max_networks)
