"""Forms of prediction, one file each: how the labels of such a task are spread, what its test says, and its pictures.

To add a form: write its file, and give it a line in `form_of`.
"""

from typing import Any

from mtl_core.report.forms.base import Figure, Form
from mtl_core.report.forms.classes import Classes
from mtl_core.report.forms.clusters import Clusters
from mtl_core.report.forms.labels import Labels
from mtl_core.report.forms.probability import Probability
from mtl_core.report.forms.quantiles import Quantiles
from mtl_core.report.forms.quantity import Quantity
from mtl_core.report.forms.unknown import Unknown
from mtl_core.report.run import Run
from mtl_core.tasks import Objective

__all__ = ["Figure", "Form", "form_for", "form_of"]


def form_for(run: Run, task: Objective) -> Form:
    """The form of a task of a run."""
    return form_of(run.outputs[task.name], task.reference_classes)


def form_of(output: dict[str, Any], known_classes: tuple[str, ...] = ()) -> Form:
    """The form of a task's entry in the signature; one without pictures where there is none for it.

    known_classes: those that clusters are compared with, which no signature names.
    """
    match output:
        case {"form": "class_probabilities", "classes": classes}:
            return Classes(classes=tuple(classes), rising=output.get("kind") == "ordinal")
        case {"form": "cluster_probabilities", "clusters": clusters}:
            return Clusters(clusters=clusters, classes=known_classes)
        case {"form": "label_probabilities", "labels": labels}:
            return Labels(labels=tuple(labels), thresholds=tuple(output.get("thresholds", ())))
        case {"form": "number", "unit": "probability"}:
            return Probability(threshold=output.get("threshold"))
        case {"form": "number", "unit": unit}:
            return Quantity(unit=unit)
        case {"form": "quantiles", "levels": levels, "unit": unit}:
            return Quantiles(levels=tuple(levels), unit=unit)
        case _:
            return Unknown()
