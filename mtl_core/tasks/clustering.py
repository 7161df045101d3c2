"""Clustering tasks: deep embedded clustering (Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for Clustering
Analysis", ICML 2016) on the trunk that the other tasks shape.

Points of a latent space are assigned to centroids by a Student t kernel, which sharpened is what they learn from: DEC's
stacked autoencoder gives way to the trunk after some epochs of the other tasks, and its targets are made anew before
every epoch.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn

from mtl_core.arrow import ColumnType, as_strings
from mtl_core.errors import DataError, TrainingError
from mtl_core.tasks.base import Clusterer, LabelValues, SelfTaughtTask, Task, TaskFitter
from mtl_core.tasks.metrics import Metric
from mtl_core.tasks.metrics_of_clusters import NormalisedMutualInformation, Silhouette

__all__ = ["Centroids", "Clustering", "FittedClustering"]

UNLABELLED = -1
LEAST_CHANCE = 1e-6
"""Probabilities below it have the logit of this one: logits stay finite."""
MOST_CLASSES = 32_766
"""Labels are int16, and one more stands for classes that training did not have."""


class Clustering(Task):
    """A number of clusters that no label teaches. A `target` is for measuring alone: how well the clusters agree with
    its classes. Without one nothing says whether they mean anything: `silhouette` rises as they draw apart.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        NormalisedMutualInformation(name="nmi", higher_is_better=True),
        Silhouette(name="silhouette", higher_is_better=True),
    )
    self_taught: ClassVar[bool] = True

    objective_options: ClassVar[frozenset[str]] = Task.objective_options | {"warm_up", "restarts", "width"}

    kind: Literal["clustering"] = "clustering"
    target: str = ""
    """A column with known classes: text, whole numbers or booleans. Rows without one train all the same."""
    clusters: Annotated[int, Field(ge=2, le=1_000)]
    width: Annotated[int, Field(ge=1, le=1_024)] = 10
    """Of the latent space."""
    warm_up: Annotated[int, Field(ge=0)] = 1
    """Epochs in which the other tasks alone shape the trunk; then k-means places the centroids, and it begins."""
    restarts: Annotated[int, Field(ge=1, le=100)] = 10
    """Of k-means; the best is taken."""

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,) if self.target else ()

    @model_validator(mode="after")
    def _measurable(self) -> Self:
        if self.metric == "nmi" and not self.target:
            raise ValueError("`metric: nmi` compares clusters with classes, found no `target`; name one, or drop it")
        return self

    def metric_named(self, name: str) -> Metric:
        """The metric of that name; "" is `nmi` where there is a target, which alone can tell, else `silhouette`."""
        return super().metric_named(name or ("nmi" if self.target else "silhouette"))

    def fitter(self, name: str, kind_of_column: ColumnType) -> "ClusteringFitter":
        return ClusteringFitter(self, name, kind_of_column)


class ClusteringFitter(TaskFitter):
    """Counts the rows, and learns the classes of a target."""

    def __init__(self, options: Clustering, name: str, kind_of_column: ColumnType) -> None:
        self.options, self.name, self.type = options, name, kind_of_column
        self.rows = 0
        self.seen: set[str] = set()

    def update(self, values: pa.Array) -> None:
        self.rows += len(values)
        self.seen.update(value for value in as_strings(values).unique().to_pylist() if value != "")
        if len(self.seen) > MOST_CLASSES:
            raise DataError(
                f"task {self.name!r}: clusters are compared with at most {MOST_CLASSES:,} classes, found more in "
                f"{self.options.target!r}; is it a class at all?"
            )

    def finish(self) -> "FittedClustering":
        if self.rows < self.options.clusters:
            raise DataError(
                f"task {self.name!r}: {self.options.clusters:,} clusters need as many rows in the training split, "
                f"found {self.rows:,}; lower `clusters`, or check the split"
            )
        if self.options.target and len(self.seen) < 2:
            raise DataError(
                f"task {self.name!r}: clusters are compared with two classes or more, found {sorted(self.seen)} in "
                f"{self.options.target!r} in the training split; check the target and the split, or drop it"
            )
        return FittedClustering(name=self.name, type=self.type, options=self.options, classes=tuple(sorted(self.seen)))


class Centroids(nn.Module):
    """(..., width) -> (..., clusters): logarithms of the Student t kernel, whose softmax are the soft assignments q
    (eq. 1, with one degree of freedom as there: log q = -log(1 + ||z - mu||^2) up to the row's sum).
    """

    def __init__(self, width: int, latent: int, clusters: int) -> None:
        super().__init__()
        self.points = nn.Linear(width, latent)
        self.centroids = nn.Parameter(torch.randn(clusters, latent))

    def forward(self, x: Tensor) -> Tensor:
        z = self.points(x)  # (..., latent)
        squares = z.square().sum(dim=-1, keepdim=True) + self.centroids.square().sum(dim=-1)
        distances = (squares - 2 * z @ self.centroids.T).clamp(min=0)  # (..., clusters)
        return -torch.log1p(distances)


class FittedClustering(SelfTaughtTask):
    """Labels (rows,) int16: the class's position, one more for a class that training did not have, or -1 where there is
    none; all 0 without a target. Every row trains.
    """

    kind: Literal["clustering"] = "clustering"
    options: Clustering
    classes: tuple[str, ...]

    @property
    def declared(self) -> Clustering:
        return self.options

    @property
    def outputs(self) -> int:
        return self.options.clusters

    @property
    def begins(self) -> int:
        return self.options.warm_up + 1

    def encode(self, values: pa.Array) -> LabelValues:
        if not self.options.target:
            return np.zeros(len(values), dtype=np.int16)
        names = as_strings(values)
        found = pc.fill_null(pc.index_in(names, value_set=pa.array(self.classes, pa.string())), len(self.classes))
        missing = pc.equal(names, "").to_numpy(zero_copy_only=False)
        return np.where(missing, UNLABELLED, found.to_numpy(zero_copy_only=False)).astype(np.int16)

    def labelled(self, labels: Tensor) -> Tensor:
        return labels >= 0

    def trains_on(self, labels: Tensor) -> Tensor:
        return torch.ones(len(labels), dtype=torch.bool)

    def last_layer(self, width: int) -> nn.Module:
        return Centroids(width, self.options.width, self.outputs)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """0: labels teach it nothing."""
        return logits.new_zeros(len(logits))

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """The cross-entropy of targets and assignments. Its gradient is that of DEC's KL(P||Q) (eq. 2); unlike that one
        it stays above 0, as balancings that take a loss's logarithm want it.
        """
        return F.cross_entropy(logits, teacher.softmax(dim=1), reduction="none")

    def link(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=1)

    def unlink(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Of this very network only: another model's clusters come in another order."""
        return np.log(np.clip(predictions.astype(np.float64), LEAST_CHANCE, 1)).astype(np.float32)

    def trivial(self, labels: LabelValues) -> NDArray[np.float32]:
        return np.full(self.outputs, 1 / self.outputs, dtype=np.float32)

    def signature(self) -> dict[str, Any]:
        form = {"form": "cluster_probabilities", "unit": "probability", "clusters": self.outputs}
        return {"name": self.name, "kind": self.kind, **form}

    def start(self, layer: nn.Module, x: Tensor, weights: Tensor | None, cluster: Clusterer) -> dict[str, Tensor]:
        """Centroids by k-means on the latent points, as in section 3.2."""
        assert isinstance(layer, Centroids)
        counts = np.ones(len(x)) if weights is None else weights.numpy().astype(np.float64)
        points, counts = layer.points(x).numpy()[counts > 0].astype(np.float64), counts[counts > 0]
        distinct = len(np.unique(points, axis=0))
        if distinct < self.outputs:
            raise TrainingError(
                f"task {self.name!r}: {self.outputs:,} clusters need as many different points in the latent space, "
                f"found {distinct:,}; lower `clusters`, or give the task features that tell rows apart"
            )
        return {"centroids": torch.from_numpy(cluster(points, counts, self.outputs, self.options.restarts)).float()}

    def self_targets(self, logits: Tensor, weights: Tensor | None) -> Tensor:
        """log p of eq. 3: q squared by the cluster's soft frequency, then normalised over the clusters."""
        log_q = logits.log_softmax(dim=1)
        shares = log_q if weights is None else log_q + weights.log()[:, None]
        return (2 * log_q - shares.logsumexp(dim=0)).log_softmax(dim=1)
