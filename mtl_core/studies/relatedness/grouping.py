"""Groupings of tasks into several networks: partitions of the tasks by their affinities.

TAG (Fifty et al. 2021, NeurIPS, section 3.3): a task's affinity in a group is the mean of what the others in it do to
it, and the partition with the largest sum over the tasks is the best. There a task may also help in a network that does
not serve it, and is trained twice for that; here every task is in one network.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.frozen import Frozen

EXACT_UP_TO = 12
"""Tasks; 3 to that power of pairs of a set and a part of it are looked at."""
Groups = tuple[tuple[int, ...], ...]
Array = NDArray[Any]


class Grouping(Frozen):
    """A partition of the tasks into networks."""

    networks: tuple[tuple[str, ...], ...]
    """Each in the tasks' order, the first task's network first."""
    total: float
    """Sum over the tasks of the mean affinity of the others in its network to it; a task alone counts 0."""
    exact: bool
    """True where no partition into so many networks has a larger sum; false where the search was not exhaustive."""


def groupings(tasks: Sequence[str], affinity: Array, most: int) -> tuple[Grouping, ...]:
    """The best partition of n tasks into k networks for k = 1, ..., most.

    Exact up to EXACT_UP_TO tasks. Above, groups that gain most, or lose least, are merged until k are left, and single
    tasks moved while that gains. Of equal ones the partition wins whose first network has the earlier tasks, then the
    next network, and so on.

    Args:
        affinity: (n, n), of the source in the row to the target in the column; the diagonal does not count.

    Raises:
        DataError: the matrix is not n x n, a number in it is not finite, or `most` is not from 1 to n.
    """
    count = len(tasks)
    if affinity.shape != (count, count):
        raise DataError(f"affinity: must be {count} x {count} for {count} tasks, found {affinity.shape}; give them all")
    if not np.isfinite(affinity).all():
        raise DataError("affinity: every number must be finite, found others; count an undefined one as 0")
    if not 1 <= most <= count:
        raise DataError(f"networks: must be from 1 to {count}, the number of tasks, found {most}; choose another")
    gains = np.where(np.eye(count, dtype=bool), 0.0, affinity + affinity.T) / 2
    exact = count <= EXACT_UP_TO
    found = _exact(gains, most) if exact else _greedy(gains, most)
    return tuple(
        Grouping(
            networks=tuple(tuple(tasks[place] for place in group) for group in groups),
            total=sum(_value(gains, group) for group in groups),
            exact=exact,
        )
        for groups in found
    )


def _value(gains: Array, group: tuple[int, ...]) -> float:
    """Contribution of the group to the sum: over its tasks, the mean over the others.

    Both ways count, hence symmetric.
    """
    return float(gains[np.ix_(group, group)].sum() / max(1, len(group) - 1))


def _exact(gains: Array, most: int) -> list[Groups]:
    """Dynamic programming over sets: the best of a set is its first task's group, and the best of what is left."""
    count = len(gains)
    every = np.arange(2**count)  # a set as a number: the first task is its highest bit
    members = every[:, None] >> np.arange(count)[::-1] & 1  # (2^n, n)
    sizes = members.sum(axis=1)
    values = ((members @ gains) * members).sum(axis=1) / np.maximum(1, sizes - 1)
    best = np.full((most + 1, 2**count), -np.inf)
    best[0, 0] = 0.0
    first_group = np.zeros((most + 1, 2**count), dtype=np.int64)
    for whole in range(1, 2**count):
        highest = 1 << (whole.bit_length() - 1)
        parts = every[(every & ~whole | highest & ~every) == 0][::-1]  # with the first task, earlier companions first
        sums = values[parts] + best[:-1, whole ^ parts]  # (most, parts)
        chosen = sums.argmax(axis=1)
        best[1:, whole] = sums[np.arange(most), chosen]
        first_group[1:, whole] = parts[chosen]
    found = []
    for networks in range(1, most + 1):
        groups, rest = [], 2**count - 1
        for left in range(networks, 0, -1):
            group = int(first_group[left, rest])
            groups.append(tuple(np.flatnonzero(members[group]).tolist()))
            rest ^= group
        found.append(tuple(groups))
    return found


def _greedy(gains: Array, most: int) -> list[Groups]:
    """From a network per task on: merge two, then move single tasks, for each number of networks."""
    count = len(gains)
    groups, found = np.eye(count), []  # (networks, n): who is in which
    for networks in range(count, 0, -1):
        if networks < count:
            groups = _settled(gains, _merged(gains, groups))
        if networks <= most:
            found.append(tuple(sorted(tuple(np.flatnonzero(group).tolist()) for group in groups)))
    return found[::-1]


def _merged(gains: Array, groups: Array) -> Array:
    """The two joined that gain most by it."""
    between, sizes = groups @ gains @ groups.T, groups.sum(axis=1)
    inside = between.diagonal()
    alone = inside / np.maximum(1, sizes - 1)
    together = (inside[:, None] + inside + 2 * between) / np.maximum(1, sizes[:, None] + sizes - 1)
    gain = np.where(np.triu(np.ones_like(between), k=1) > 0, together - alone[:, None] - alone, -np.inf)
    a, b = np.unravel_index(gain.argmax(), gain.shape)
    joined = groups.copy()
    joined[a] += joined[b]
    return np.delete(joined, b, axis=0)


def _settled(gains: Array, groups: Array) -> Array:
    """After moving one task at a time to another group, the best move first, until none gains."""
    groups, places = groups.copy(), np.arange(len(gains))
    least = 1e-9 * max(1e-300, float(np.abs(gains).max()))
    while True:
        home, sizes = groups.argmax(axis=0), groups.sum(axis=1)
        to_each = groups @ gains  # (networks, n): the sum of a task's gains with that network's
        inside = (to_each * groups).sum(axis=1)
        alone = inside / np.maximum(1, sizes - 1)
        left = (inside[home] - 2 * to_each[home, places]) / np.maximum(1, sizes[home] - 2)
        joined = (inside[:, None] + 2 * to_each) / sizes[:, None]
        gain = left - alone[home] + joined - alone[:, None]
        gain[:, sizes[home] == 1] = -np.inf
        gain[home, places] = -np.inf
        to, task = np.unravel_index(gain.argmax(), gain.shape)
        if not gain[to, task] > least:
            return groups
        groups[home[task], task], groups[to, task] = 0, 1
