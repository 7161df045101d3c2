"""Error of a version that cannot be trained again here."""

from collections.abc import Sequence

from mtl_core.errors import TrainingError


class NotReproducible(TrainingError):
    """Something that the training needs is missing; exit code 4."""


def missing(version: str, lines: Sequence[str]) -> NotReproducible:
    """The error that lists everything that is missing."""
    return NotReproducible(
        f"{version} cannot be reproduced here, found {len(lines)} missing:\n" + "\n".join(f"  {line}" for line in lines)
    )
