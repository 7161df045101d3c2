"""Clustering tasks: deep embedded clustering (DEC) on the trunk that the other tasks train.

Source: Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016.

Points of a latent space are assigned to centroids by a Student t kernel; the sharpened assignments are the targets.
Differences from the paper: the other tasks train the trunk for some epochs first, in place of a stacked autoencoder;
the targets are computed again before every epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mtl_core import arrow_compute as pc
from mtl_core.arrow import ColumnType, as_strings
from mtl_core.errors import DataError, TrainingError
from mtl_core.metrics import Metric
from mtl_core.metrics.clustering import NormalisedMutualInformation, Silhouette
from mtl_core.tasks.base import UNLABELLED, Codec, LabelValues, Task, TaskFitter
from mtl_core.tasks.objective import Clusterer, UnsupervisedObjective
from mtl_core.tasks.probabilities import clipped_log

if TYPE_CHECKING:
    from torch import Tensor, nn

MAX_CLASSES = 32_766
"""Limit of int16 labels, one of which represents classes that do not occur in training."""


class Clustering(Task):
    """Clusters, which are learned without labels.

    A `target` only measures the agreement of clusters with its classes. Without a target there is no external measure
    of their quality; `silhouette` rises with their separation.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (NormalisedMutualInformation(), Silhouette())
    unsupervised: ClassVar[bool] = True
    objective_options: ClassVar[frozenset[str]] = Task.objective_options | {"warm_up", "restarts", "width"}

    kind: Literal["clustering"] = "clustering"
    target: str = ""
    """A column of classes to compare clusters with: text, whole numbers or booleans. Rows without one train too."""
    clusters: Annotated[int, Field(ge=2, le=1_000)]
    width: Annotated[int, Field(ge=1, le=1_024)] = 10
    """Width of the latent space."""
    warm_up: Annotated[int, Field(ge=0)] = 1
    """Epochs in which only the other tasks train the trunk; then k-means initialises the centroids and it starts."""
    restarts: Annotated[int, Field(ge=1, le=100)] = 10
    """Restarts of k-means; the best result is used."""

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,) if self.target else ()

    @model_validator(mode="after")
    def _measurable(self) -> Self:
        if self.metric == "nmi" and not self.target:
            raise ValueError("`metric: nmi` compares clusters with classes, found no `target`; name one, or drop it")
        return self

    def metric_named(self, name: str) -> Metric:
        """The metric of that name; "" is `nmi` where there is a target, else `silhouette`."""
        return super().metric_named(name or ("nmi" if self.target else "silhouette"))

    def fitter(self, name: str, column_type: ColumnType) -> ClusteringFitter:
        return ClusteringFitter(self, name, column_type)

    def objective(self, codec: Codec) -> ClusteringObjective:
        return ClusteringObjective(self, codec)


class ClusteringFitter(TaskFitter):
    """Counts the rows, and learns the classes of a target."""

    def __init__(self, options: Clustering, name: str, column_type: ColumnType) -> None:
        self.options, self.name, self.type = options, name, column_type
        self.rows = 0
        self.classes: set[str] = set()

    def update(self, values: pa.Array) -> None:
        self.rows += len(values)
        self.classes.update(value for value in as_strings(values).unique().to_pylist() if value != "")
        if len(self.classes) > MAX_CLASSES:
            raise DataError(
                f"task {self.name!r}: clusters are compared with at most {MAX_CLASSES:,} classes, found more in "
                f"{self.options.target!r}; is it a class at all?"
            )

    def finish(self) -> ClusteringCodec:
        if self.rows < self.options.clusters:
            raise DataError(
                f"task {self.name!r}: {self.options.clusters:,} clusters need as many rows in the training split, "
                f"found {self.rows:,}; lower `clusters`, or check the split"
            )
        if self.options.target and len(self.classes) < 2:
            raise DataError(
                f"task {self.name!r}: clusters are compared with two classes or more, found {sorted(self.classes)} in "
                f"{self.options.target!r} in the training split; check the target and the split, or drop it"
            )
        return ClusteringCodec(**self.options.codec_fields(self.name, self.type), classes=tuple(sorted(self.classes)))


class ClusteringCodec(Codec):
    """Labels (rows,) int16: class index, one more for a class not in training, -1 if missing; 0 without a target."""

    kind: Literal["clustering"] = "clustering"
    classes: tuple[str, ...]

    def encode(self, values: pa.Array) -> LabelValues:
        if not self.targets:
            return np.zeros(len(values), dtype=np.int16)
        names = as_strings(values)
        matches = pc.index_in(names, value_set=pa.array(self.classes, pa.string()))
        indices = pc.fill_null(matches, len(self.classes)).to_numpy(zero_copy_only=False)
        missing = pc.equal(names, "").to_numpy(zero_copy_only=False)
        return np.where(missing, UNLABELLED, indices).astype(np.int16)


class ClusteringObjective(UnsupervisedObjective):
    """Logits (rows, clusters) of the assignments. Every row trains."""

    options: Clustering
    codec: ClusteringCodec

    @property
    def outputs(self) -> int:
        return self.options.clusters

    @property
    def start_epoch(self) -> int:
        return self.options.warm_up + 1

    @property
    def reference_classes(self) -> tuple[str, ...]:
        return self.codec.classes

    def trains_on(self, labels: Tensor) -> Tensor:
        return labels.new_ones(len(labels)).bool()

    def head_layer(self, width: int) -> nn.Module:
        from mtl_core.nn.centroids import Centroids

        return Centroids(width, self.options.width, self.outputs)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Zeros, since labels do not train the task."""
        return logits.new_zeros(len(logits))

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """Cross-entropy, with the gradient of DEC's KL(P||Q) (eq. 2); above 0, so that balancing can take its log."""
        import torch.nn.functional as F

        return F.cross_entropy(logits, teacher.softmax(dim=1), reduction="none")

    def inverse_link(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Only for predictions of the same network: another model numbers its clusters differently."""
        return clipped_log(predictions)

    def baseline(self, labels: LabelValues) -> NDArray[np.float32]:
        return np.full(self.outputs, 1 / self.outputs, dtype=np.float32)

    def decisions(self, predictions: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(predictions.argmax(axis=1))

    def output_format(self) -> dict[str, Any]:
        return {"form": "cluster_probabilities", "unit": "probability", "clusters": self.outputs}

    def initial_parameters(
        self, layer: nn.Module, x: Tensor, weights: Tensor | None, cluster: Clusterer
    ) -> dict[str, Tensor]:
        """Centroids by k-means on the latent points, as in section 3.2."""
        import torch

        from mtl_core.nn.centroids import Centroids

        assert isinstance(layer, Centroids)
        row_weights = np.ones(len(x)) if weights is None else weights.numpy().astype(np.float64)
        points = layer.points(x).numpy()[row_weights > 0].astype(np.float64)
        distinct = len(np.unique(points, axis=0))
        if distinct < self.outputs:
            raise TrainingError(
                f"task {self.name!r}: {self.outputs:,} clusters need as many different points in the latent space, "
                f"found {distinct:,}; lower `clusters`, or give the task features that distinguish rows"
            )
        centroids = cluster(points, row_weights[row_weights > 0], self.outputs, self.options.restarts)
        return {"centroids": torch.from_numpy(centroids).float()}

    def target_logits(self, logits: Tensor, weights: Tensor | None) -> Tensor:
        """Logarithm of p of eq. 3: q squared over the soft frequency of the cluster, normalised over the clusters."""
        log_q = logits.log_softmax(dim=1)
        weighted = log_q if weights is None else log_q + weights.log()[:, None]
        return (2 * log_q - weighted.logsumexp(dim=0)).log_softmax(dim=1)
