"""Record of the tasks' relatedness."""

from mtl_core.frozen import Frozen
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.relatedness.grouping import Grouping

Pairs = dict[str, dict[str, float]]
"""Task -> another task -> a number."""


class Vectors(Frozen):
    """Distances and map of the tasks' vectors of a trained trunk `task_vectors`."""

    distances: Pairs
    """Task -> a later task -> the Euclidean distance of their vectors."""
    map: dict[str, tuple[float, float]]
    """Task -> its coordinates in the plane, by classical scaling of the distances."""


class Relatedness(Frozen):
    """The study's file."""

    provenance: Provenance
    tasks: tuple[str, ...]
    affinity: Pairs
    """Source -> target -> mean relative decrease of the target's loss by a step for the source alone."""
    cosine: Pairs
    """Task -> a later task -> mean cosine of their gradients on shared parameters."""
    groupings: tuple[Grouping, ...]
    """For 1, 2, ... networks; a pair without an affinity counts as 0."""
    vectors: Vectors | None
    """None if no trunk of task vectors was trained."""
    measurements: int
    """Number of batches that were measured."""
    seconds: float
    """Processor seconds of the joint training, without those before an interruption."""
