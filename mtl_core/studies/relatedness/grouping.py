"""Groupings of tasks into several networks: partitions of the tasks by their affinities.

TAG (Fifty et al. 2021, NeurIPS, section 3.3): a task's affinity in a group is the mean of the affinities of the group's
other tasks to it, and the best partition has the largest sum over the tasks. In the paper a task may also help in a
network that does not serve it, and is then trained twice; here every task is in one network.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.frozen import Frozen

EXACT_UP_TO = 12
"""Maximum number of tasks for the exhaustive search, which visits 3 to that power of pairs of a set and a subset."""
Groups = tuple[tuple[int, ...], ...]
Array = NDArray[Any]


class Grouping(Frozen):
    """A partition of the tasks into networks."""

    networks: tuple[tuple[str, ...], ...]
    """Each in the tasks' order, the first task's network first."""
    total: float
    """Sum over the tasks of the mean affinity of the others in its network to it; 0 for a task in a network of one."""
    exact: bool
    """True if no partition into so many networks has a larger sum; false where the search was not exhaustive."""


def groupings(tasks: Sequence[str], affinity: Array, max_networks: int) -> tuple[Grouping, ...]:
    """The best partition of n tasks into k networks for k = 1, ..., max_networks.

    Exact up to EXACT_UP_TO tasks. Above, the two groups with the largest gain, or the smallest loss, are merged until k
    are left, and single tasks are moved while that gains. Of equal partitions, the first network has the earlier tasks,
    then the next network, and so on.

    Args:
        affinity: (n, n), of the source in the row to the target in the column; the diagonal does not count.

    Raises:
        DataError: the matrix is not n x n, a number in it is not finite, or `max_networks` is not from 1 to n.
    """
    count = len(tasks)
    if affinity.shape != (count, count):
        raise DataError(f"affinity: must be {count} x {count} for {count} tasks, found {affinity.shape}; give them all")
    if not np.isfinite(affinity).all():
        raise DataError("affinity: every number must be finite, found others; count an undefined one as 0")
    if not 1 <= max_networks <= count:
        raise DataError(
            f"networks: must be from 1 to {count}, the number of tasks, found {max_networks}; choose another"
        )
    # Symmetric: a group's value counts both directions of every pair.
    gains = np.where(np.eye(count, dtype=bool), 0.0, affinity + affinity.T) / 2
    exact = count <= EXACT_UP_TO
    partitions = _exact(gains, max_networks) if exact else _greedy(gains, max_networks)
    return tuple(
        Grouping(
            networks=tuple(tuple(tasks[index] for index in group) for group in groups),
            total=sum(float(gains[np.ix_(group, group)].sum() / max(1, len(group) - 1)) for group in groups),
            exact=exact,
        )
        for groups in partitions
    )


def _exact(gains: Array, max_networks: int) -> list[Groups]:
    """Dynamic programming over sets: the best partition of a set is its first task's group and that of the rest."""
    count = len(gains)
    sets = np.arange(2**count)  # a set as a number: the first task is its highest bit
    members = sets[:, None] >> np.arange(count)[::-1] & 1  # (2^n, n)
    sizes = members.sum(axis=1)
    values = ((members @ gains) * members).sum(axis=1) / np.maximum(1, sizes - 1)
    best = np.full((max_networks + 1, 2**count), -np.inf)
    best[0, 0] = 0.0
    first_group = np.zeros((max_networks + 1, 2**count), dtype=np.int64)
    for task_set in range(1, 2**count):
        highest = 1 << (task_set.bit_length() - 1)
        parts = sets[(sets & ~task_set | highest & ~sets) == 0][::-1]  # with the first task, earlier tasks first
        sums = values[parts] + best[:-1, task_set ^ parts]  # (max_networks, parts)
        chosen = sums.argmax(axis=1)
        best[1:, task_set] = sums[np.arange(max_networks), chosen]
        first_group[1:, task_set] = parts[chosen]
    partitions = []
    for networks in range(1, max_networks + 1):
        groups, rest = [], 2**count - 1
        for left in range(networks, 0, -1):
            group = int(first_group[left, rest])
            groups.append(tuple(np.flatnonzero(members[group]).tolist()))
            rest ^= group
        partitions.append(tuple(groups))
    return partitions


def _greedy(gains: Array, max_networks: int) -> list[Groups]:
    """From one network per task, merge two groups and then move single tasks, for each number of networks."""
    count = len(gains)
    groups, partitions = np.eye(count), []  # (networks, n) membership
    for networks in range(count, 0, -1):
        if networks < count:
            groups = _move_tasks(gains, _merge_groups(gains, groups))
        if networks <= max_networks:
            partitions.append(tuple(sorted(tuple(np.flatnonzero(group).tolist()) for group in groups)))
    return partitions[::-1]


def _merge_groups(gains: Array, groups: Array) -> Array:
    """Merge the two groups with the largest gain."""
    between, sizes = groups @ gains @ groups.T, groups.sum(axis=1)
    within = between.diagonal()
    separate = within / np.maximum(1, sizes - 1)
    merged = (within[:, None] + within + 2 * between) / np.maximum(1, sizes[:, None] + sizes - 1)
    gain = np.where(np.triu(np.ones_like(between), k=1) > 0, merged - separate[:, None] - separate, -np.inf)
    a, b = np.unravel_index(gain.argmax(), gain.shape)
    result = groups.copy()
    result[a] += result[b]
    return np.delete(result, b, axis=0)


def _move_tasks(gains: Array, groups: Array) -> Array:
    """Move one task at a time to another group, the best move first, until no move gains."""
    groups, tasks = groups.copy(), np.arange(len(gains))
    tolerance = 1e-9 * max(1e-300, float(np.abs(gains).max()))
    while True:
        source, sizes = groups.argmax(axis=0), groups.sum(axis=1)
        to_each = groups @ gains  # (networks, n): the sum of a task's gains with that network's tasks
        within = (to_each * groups).sum(axis=1)
        value = within / np.maximum(1, sizes - 1)
        without_task = (within[source] - 2 * to_each[source, tasks]) / np.maximum(1, sizes[source] - 2)
        with_task = (within[:, None] + 2 * to_each) / sizes[:, None]
        gain = without_task - value[source] + with_task - value[:, None]
        gain[:, sizes[source] == 1] = -np.inf
        gain[source, tasks] = -np.inf
        target, task = np.unravel_index(gain.argmax(), gain.shape)
        if not gain[target, task] > tolerance:
            return groups
        groups[source[task], task], groups[target, task] = 0, 1
