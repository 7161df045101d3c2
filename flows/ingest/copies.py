"""Part files with the rows of a present part in other bytes, as after a second export."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import pyarrow as pa

from mtl_core.data.parts import Part
from mtl_core.errors import DataError

BLOCK = 4096
"""Rows that are compared at a time."""


def check_rows_are_new(part: Part, present: Sequence[Part]) -> None:
    """DataError for a part with exactly the rows of a present one, in the same order: they would count twice."""
    for other in present:
        if sorted(other.names) == sorted(part.names) and _same_rows(part, other):
            raise DataError(
                f"{part.path}: must have new rows, found exactly those of the present part {other.name}, in a file "
                f"with other bytes, so they would count twice; leave it out, or rename it to {other.name} and "
                "use --replace to replace that part"
            )


def _same_rows(part: Part, other: Part) -> bool:
    names = sorted(part.names)
    blocks = zip_longest(_blocks(part, names), _blocks(other, names))
    return all(own is not None and theirs is not None and own.equals(theirs) for own, theirs in blocks)


def _blocks(part: Part, names: Sequence[str]) -> Iterator[pa.Table]:
    """Tables of BLOCK rows; only the last one has fewer."""
    rest: pa.Table | None = None
    for batch in part.batches(names):
        table = pa.Table.from_batches([batch])
        rest = table if rest is None else pa.concat_tables([rest, table])
        while rest.num_rows >= BLOCK:
            yield rest.slice(0, BLOCK)
            rest = rest.slice(BLOCK)
    if rest is not None and rest.num_rows:
        yield rest
