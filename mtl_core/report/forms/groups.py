"""From any number of classes to as many groups as a table or a picture has room for. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Groups", "commonest", "neighbours"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Groups of classes."""

    names: tuple[str, ...]
    place: Array
    """(classes,) the group of each class."""

    def counts(self, classes: Array) -> Array:
        """(rows,) positions of classes -> (groups,) rows in each."""
        return np.bincount(self.place[classes], minlength=len(self.names))

    def table(self, one: "Groups", mine: Array, other: Array) -> Array:
        """(rows,) positions of my classes, (rows,) of the other's -> (my groups, the other's) rows."""
        width = len(one.names)
        cells = self.place[mine] * width + one.place[other]
        return np.bincount(cells, minlength=len(self.names) * width).reshape(-1, width)


def commonest(classes: Sequence[str], counts: Array, most: int) -> Groups:
    """The commonest classes by themselves, in their own order; where they do not fit, the last group is all others."""
    if len(classes) <= most:
        return Groups(names=tuple(classes), place=np.arange(len(classes)))
    kept = np.sort(np.argsort(-counts, kind="stable")[: most - 1])
    place = np.full(len(classes), most - 1)
    place[kept] = np.arange(most - 1)
    return Groups(names=(*(classes[one] for one in kept), f"{len(classes) - len(kept)} others"), place=place)


def neighbours(classes: Sequence[str], counts: Array, most: int) -> Groups:
    """Rising classes: until they fit, the two neighbours with the fewest rows together become one."""
    starts, sums = np.arange(len(classes)), np.asarray(counts)
    while len(starts) > most:
        first = int(np.argmin(sums[:-1] + sums[1:]))
        sums = np.concatenate([sums[:first], [sums[first] + sums[first + 1]], sums[first + 2 :]])
        starts = np.delete(starts, first + 1)
    bounds = [*starts.tolist(), len(classes)]
    names = tuple(
        classes[start] if start + 1 == end else f"{classes[start]} to {classes[end - 1]}"
        for start, end in pairwise(bounds)
    )
    return Groups(names=names, place=np.searchsorted(starts, np.arange(len(classes)), side="right") - 1)
