"""Small problem, prepared once, and the provenance of the tests' studies."""

import pytest

from mtl_core.studies.provenance import Provenance
from mtl_core.studies.splits import Splits
from tests.small import Small, small

__all__ = ["provenance", "small"]


def provenance(*seeds: int) -> Provenance:
    """Provenance with those seeds."""
    return Provenance(command="", commit="", seeds=seeds, machine="", versions={}, config_digest="")


@pytest.fixture(scope="session")
def splits(small: Small) -> Splits:
    """Splits of the small problem."""
    return Splits.open(small.folder / "encoded", small.encoder)
