"""Kinds of task, one file each: its options, labels, loss, link, metrics with their direction, and served form.

To add a kind: write its file, and add it to the two unions below.
"""

from typing import Annotated

from pydantic import Field

from mtl_core.tasks.base import FittedTask, LabelValues, Task
from mtl_core.tasks.binary import Binary, FittedBinary
from mtl_core.tasks.clustering import Clustering, FittedClustering
from mtl_core.tasks.metrics import Metric
from mtl_core.tasks.multiclass import FittedMulticlass, Multiclass
from mtl_core.tasks.multilabel import FittedMultilabel, Multilabel
from mtl_core.tasks.ordinal import FittedOrdinal, Ordinal
from mtl_core.tasks.quantiles import FittedQuantiles, Quantiles
from mtl_core.tasks.regression import FittedRegression, Regression

__all__ = ["AnyFittedTask", "AnyTask", "FittedTask", "LabelValues", "Metric", "Task"]

AnyTask = Annotated[
    Binary | Clustering | Multiclass | Multilabel | Ordinal | Quantiles | Regression, Field(discriminator="kind")
]
AnyFittedTask = Annotated[
    FittedBinary
    | FittedClustering
    | FittedMulticlass
    | FittedMultilabel
    | FittedOrdinal
    | FittedQuantiles
    | FittedRegression,
    Field(discriminator="kind"),
]
