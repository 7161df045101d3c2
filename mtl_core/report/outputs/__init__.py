"""Reports of a task by the type of its output, one file each.

A new output type needs a file, and a line in `task_report`.
"""

from typing import Any

from mtl_core.report.outputs.base import TaskReport
from mtl_core.report.outputs.classes import ClassReport, ProbabilityReport
from mtl_core.report.outputs.clusters import ClusterReport
from mtl_core.report.outputs.multilabel import LabelReport
from mtl_core.report.outputs.numbers import NumberReport, QuantileReport
from mtl_core.report.outputs.spans import SpanReport

__all__ = ["task_report"]


def task_report(output: dict[str, Any], reference_classes: tuple[str, ...] = ()) -> TaskReport:
    """The report for a task's entry in the signature. `reference_classes`: the classes to compare clusters with."""
    match output:
        case {"form": "class_probabilities", "classes": classes}:
            return ClassReport(classes=tuple(classes), ordered=output.get("kind") == "ordinal")
        case {"form": "cluster_probabilities", "clusters": clusters}:
            return ClusterReport(clusters=clusters, classes=reference_classes)
        case {"form": "label_probabilities", "labels": labels}:
            return LabelReport(labels=tuple(labels), thresholds=tuple(output.get("thresholds", ())))
        case {"form": "spans", "labels": labels}:
            return SpanReport(labels=tuple(labels))
        case {"form": "number", "unit": "probability"}:
            return ProbabilityReport(threshold=output.get("threshold"))
        case {"form": "number", "unit": unit}:
            return NumberReport(unit=unit)
        case {"form": "quantiles", "levels": levels, "unit": unit}:
            return QuantileReport(levels=tuple(levels), unit=unit)
        case _:
            return TaskReport()
