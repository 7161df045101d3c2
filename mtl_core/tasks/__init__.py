"""Kinds of task, one file each: declared options, label codec, objective (loss, inverse link, metrics, output type).

To add a kind: write its file, and add it to the two unions below.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from mtl_core.errors import DataError
from mtl_core.metrics import Metric
from mtl_core.tasks.base import Codec, LabelValues, Task
from mtl_core.tasks.binary import Binary
from mtl_core.tasks.binary_codec import BinaryCodec
from mtl_core.tasks.clustering import Clustering, ClusteringCodec
from mtl_core.tasks.multiclass import Multiclass, MulticlassCodec
from mtl_core.tasks.multilabel import Multilabel
from mtl_core.tasks.multilabel_codec import MultilabelCodec
from mtl_core.tasks.objective import Objective, UnsupervisedObjective
from mtl_core.tasks.ordinal import Ordinal, OrdinalCodec
from mtl_core.tasks.quantiles import Quantiles, QuantilesCodec
from mtl_core.tasks.regression import Regression, RegressionCodec
from mtl_core.tasks.tagging import Tagging
from mtl_core.tasks.tagging_codec import TaggingCodec

__all__ = [
    "AnyCodec",
    "AnyTask",
    "Codec",
    "LabelValues",
    "Metric",
    "Objective",
    "Task",
    "UnsupervisedObjective",
    "objectives",
]

AnyTask = Annotated[
    Binary | Clustering | Multiclass | Multilabel | Ordinal | Quantiles | Regression | Tagging,
    Field(discriminator="kind"),
]
AnyCodec = Annotated[
    BinaryCodec
    | ClusteringCodec
    | MulticlassCodec
    | MultilabelCodec
    | OrdinalCodec
    | QuantilesCodec
    | RegressionCodec
    | TaggingCodec,
    Field(discriminator="kind"),
]


def objectives(tasks: Mapping[str, AnyTask], codecs: Sequence[Codec]) -> tuple[Objective, ...]:
    """The objective of every codec's task, in the order of the codecs.

    Raises:
        DataError: a codec belongs to no declared task, or to one of another kind; or an option does not fit the labels
            of the training split.
    """
    for codec in codecs:
        if codec.name not in tasks or tasks[codec.name].kind != codec.kind:
            actual = f"one of kind {tasks[codec.name].kind}" if codec.name in tasks else "no such task"
            raise DataError(
                f"tasks.{codec.name}: must be declared as it was when the data were prepared, of kind {codec.kind}, "
                f"found {actual}; run prepare again"
            )
    return tuple(tasks[codec.name].objective(codec) for codec in codecs)
